"""A tiny deterministic engine and tokenizer for tests: known probabilities, no weights.

The vocabulary is a small byte-level byte-pair encoding chosen to be awkward: contractions,
runs of spaces, words whose tokens change as they grow (" Agu" is [ A][gu], " Agust" is
[ Ag][ust]), tokens that end inside a character and tokens that span two characters.

The next-token scores are a pure function of **all** tokens a slot holds, through a rolling
hash, so a KV mistake of any kind (a wrong fork, a token too many, a neighbour's slot) changes
every later score. KV cells are counted as a real engine counts them: shared prefixes once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import regex

from tecla.engines.base import Feed, Floats
from tecla.engines.scores import NumpyScores
from tecla.engines.slots import Limits, SlotEngine, SlotTable
from tecla.engines.state import pack, unpack
from tecla.errors import KVFullError
from tecla.text.base import Fill
from tecla.text.split import split_point
from tecla.text.table import TokenTable
from tecla.text.unicode import begins_text

Bias = Callable[[Sequence[int]], dict[int, float]]

# In order of rank; "_" is a space, "^" a line feed, "~" a carriage return, the rest Latin-1.
_MERGES = """
t|h i|n u|s us|t g|u _|A _A|g _|a _a|r _ar|t a|n e|r r|e o|u s|t e|n o|n l|l '|ll '|s '|t
e|d a|r c|o m|e f|u t|u tu|re fu|ture _|future o|f _|of
_|t _|th _th|e _a|n _an|d _|s _s|h _sh|e _|w _w|ou _wou|l _woul|d
_th|in _thin|k _th|an _than|k _|i _i|n _i|s _|I i|f i|c if|ic ific|i ifici|a
ificia|l _art|ificial in|g e|s o|r u|n _|d _d|e _|l _l|a _|e _e|l
_|_ __|__ ^|^ ^|_ ~|^ .|^ .|. -|- --|-- a|a aa|aa h|e he|l hel|p _|help
\xc3|\xa9 \xc3|\xad \xc3\xad|n \xc3|\xb1 a|\xc3\xb1 \xe3|\x81 \xe3\x81|\x82 \xe3\x81|\x84
\xe0|\xa4 \xe0|\xa5 \xe0\xa4|\xa8 \xf0|\x9f \xf0\x9f|\x98 \xf0\x9f|\x91 \xe2|\x80
\xe2\x80|\x8d \xd0|\xbe \xd0\xbe|\xd0 _|\xd0 \xd8|\xa7 \xd9|\x84 \xd8\xa7|\xd9\x84 9|9 1|9
"""

# Bytes that are not whole characters yet count as letters, like most characters they may become.
_PATTERN = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}\uDC80-\uDCFF]+| ?\p{N}+"
    r"| ?[^\s\p{L}\p{N}\uDC80-\uDCFF]+|\s+(?!\S)|\s+"
)

_HASH_MODULUS = (1 << 61) - 1
_HASH_FACTOR = 1_000_003
_SPREAD = 2.5  # standard deviation of the raw scores


def _read_merges() -> dict[tuple[bytes, bytes], int]:
    """The rank of every merge. A part that is no token yet is a mistake in the list."""
    known = {bytes([byte]) for byte in range(256)}
    ranks: dict[tuple[bytes, bytes], int] = {}
    for rank, item in enumerate(entry for entry in regex.split(r"[ \n]+", _MERGES) if entry):
        spelt = item.replace("_", " ").replace("^", "\n").replace("~", "\r")
        left, right = (part.encode("latin-1") for part in spelt.split("|"))
        assert {left, right} <= known, f"merge {item!r} joins unknown tokens"
        ranks[left, right] = rank
        known.add(left + right)
    return ranks


class FakeTokenizer:
    """Byte-level byte-pair encoding over 256 bytes, the merges above and two control tokens."""

    def __init__(self, *, fills: bool = False) -> None:
        """Build the vocabulary: bytes, then merged tokens by rank, then start and end.

        With `fills` three more stand at its end, by which a hole in a text is marked.
        """
        self._ranks = _read_merges()
        merged = dict.fromkeys(left + right for left, right in self._ranks)
        spelt = [bytes([byte]) for byte in range(256)]
        spelt += [piece for piece in merged if len(piece) > 1]
        self._ids = {piece: token for token, piece in enumerate(spelt)}
        marks = len(spelt) + 2
        self.fill = Fill(marks, marks + 1, marks + 2) if fills else None
        self.table = TokenTable([*spelt, *[b""] * (5 if fills else 2)])
        self.start_id: int | None = len(spelt)
        self.end_ids = frozenset([len(spelt) + 1])
        self.text_prefix = b""
        self._encode_word = lru_cache(maxsize=4096)(self._merge)

    def encode(self, data: bytes) -> list[int]:
        """Canonical tokens of any bytes; half characters are spelt as they would go on."""
        text = data.decode("utf-8", errors="surrogateescape")
        ids: list[int] = []
        for match in _PATTERN.finditer(text):
            ids.extend(self._encode_word(match.group().encode("utf-8", errors="surrogateescape")))
        return ids

    def encode_cut(self, data: bytes) -> list[int] | None:
        """The same as `encode`: this tokenizer knows how to spell half a character."""
        return self.encode(data)

    def decode(self, ids: Sequence[int]) -> bytes:
        """The bytes of `ids`, joined."""
        return b"".join(self.table.pieces[token] for token in ids)

    def is_canonical(self, data: bytes, ids: Sequence[int]) -> bool:
        """Whether `encode(data)` is `ids` and `data` begins a valid text."""
        return self.encode(data) == list(ids) and begins_text(data)

    def split_point(self, data: bytes) -> int:
        """The last safe split; see `tecla.text.split`."""
        return split_point(data)

    def _merge(self, word: bytes) -> tuple[int, ...]:
        """Byte-pair encoding of one pre-token: always the merge of the lowest rank first."""
        parts = [bytes([byte]) for byte in word]
        while len(parts) > 1:
            ranked = [
                (self._ranks.get(pair, len(self._ranks)), at)
                for at, pair in enumerate(pairwise(parts))
            ]
            rank, at = min(ranked)
            if rank == len(self._ranks):
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(self._ids[part] for part in parts)


class FakeEngine(SlotEngine[SlotTable]):
    """`Engine` with scores that are a seeded function of the whole history of a slot."""

    def __init__(
        self,
        tokenizer: FakeTokenizer | None = None,
        *,
        seed: int = 0,
        n_slots: int = 64,
        context_tokens: int = 512,
        kv_tokens: int = 4096,
        batch_tokens: int = 256,
        score_rows: int = 64,
        bias: Bias | None = None,
    ) -> None:
        """Make empty slots. `bias(history)` adds to the raw scores of chosen tokens."""
        self.tokenizer = tokenizer or FakeTokenizer()
        n_vocab = len(self.tokenizer.table)
        limits = Limits(n_vocab, n_slots, context_tokens, kv_tokens, batch_tokens, score_rows)
        super().__init__(SlotTable(limits))
        self.evals = 0
        self._seed, self._bias = seed, bias
        self._logits: Floats = np.empty((0, n_vocab), dtype=np.float32)  # [rows, vocabulary]

    def raw_scores(self, history: Sequence[int]) -> Floats:
        """The raw next-token scores after `history`, `[vocabulary]`: what the model *is*."""
        digest = self._seed + 1
        for token in history:
            digest = (digest * _HASH_FACTOR + int(token) + 1) % _HASH_MODULUS
        generator = np.random.Generator(np.random.PCG64(digest))
        scores: Floats = generator.standard_normal(self.n_vocab, dtype=np.float32) * _SPREAD
        if self._bias is not None:
            for token, value in self._bias(history).items():
                scores[token] += value
        return scores

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        """Append the feeds; see `Engine.eval`."""
        rows = self._slots.check_feeds(feeds)
        if self.used_cells() + sum(len(feed.tokens) for feed in feeds) > self.kv_tokens:
            raise KVFullError(
                f"KV memory holds {self.used_cells()} of {self.kv_tokens} tokens and the batch "
                "does not fit; clear or trim slots"
            )
        self._logits.fill(np.nan)  # whoever kept a view of the last scores must notice
        logits = np.empty((rows, self.n_vocab), dtype=np.float32)
        row = 0
        for feed in feeds:
            held = self._slots.tokens(feed.slot)
            for back in range(feed.rows - 1, -1, -1):
                logits[row] = self.raw_scores([*held, *feed.tokens[: len(feed.tokens) - back]])
                row += 1
        self._slots.extend(feeds)
        self.evaluated_tokens += sum(len(feed.tokens) for feed in feeds)
        self.evals += 1
        self._logits, step = logits, self.evals
        return NumpyScores(logits, lambda: self.evals == step)

    def use_threads(self, count: int) -> None:
        """Nothing to choose."""

    def save(self, slot: int) -> bytes:
        """The slot as a checked byte string."""
        return pack(self._fingerprint, self._slots.tokens(slot), b"")

    def restore(self, slot: int, state: bytes) -> None:
        """Replace what the slot holds by a saved state."""
        self._slots.check_slot(slot)
        tokens, _ = unpack(state, self._fingerprint)
        self._slots.check_refill(slot, len(tokens))
        self._slots.replace(slot, tokens)

    def close(self) -> None:
        """Nothing to free."""

    @property
    def _fingerprint(self) -> bytes:
        return b"fake%012d" % self._seed


def saying(tokenizer: FakeTokenizer, prompt: str, text: str, strength: float = 30.0) -> Bias:
    """A bias that makes the model say `text`, canonically spelt, after `prompt`."""
    whole = tokenizer.encode((prompt + text).encode())
    following = [*whole, min(tokenizer.end_ids)]

    def bias(history: Sequence[int]) -> dict[int, float]:
        ids = [token for token in history if token != tokenizer.start_id]
        if ids == following[: len(ids)] and len(ids) < len(following):
            return {following[len(ids)]: strength}
        return {}

    return bias


def log_softmax(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Log-probabilities of raw scores, in double precision."""
    values = scores.astype(np.float64)
    values -= values.max()
    normalised: npt.NDArray[np.float64] = values - np.log(np.exp(values).sum())
    return normalised
