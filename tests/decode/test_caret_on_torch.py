"""The exact-caret method on transformers models, against full enumeration by their own code.

The oracle is that of `test_caret_oracle` with real vocabularies (byte-level, and SentencePiece with
byte fallback): every byte, every token, and the probability of every spelling multiplied up from
what the model's own code says after the whole history, without KV memory, batches or forks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import tiny_torch
from engines.conftest import open_torch
from running import solve_caret
from tecla.engines.fake import log_softmax
from tecla.engines.torch_check import own_scores
from tecla.engines.torch_engine import TorchEngine
from tecla.text.base import Tokenizer
from tecla.text.unicode import begins_text, incomplete_suffix_bytes, is_text

# Every kind of place: inside a word, behind it, behind a space, a mark, a line, half a contraction,
# letters of several bytes, letters the vocabulary spells byte by byte, and nothing at all.
TEXTS = ("The riv", "it is", "a house ", "we don'", "one, ", "está", "x\n", "日", "")
MORE_TEXTS = (
    *("", " ", "The", "The river", "the rivers and", "niñ", "ni", "I'l", "  ", "a  b", "...", "12"),
    *("two\n\n", "😀", "e\u0301", "कि", "(see", "http://", "don't ", "the train leaves the sta"),
)
# What may follow a token; the first letters are joined to others by no vocabulary here.
FURTHER = tuple(text.encode() for text in ("", "ꀀ", "܀", "1", "\n", "l", "s", " ꀀ"))
NEXT_BYTES, LAST_BYTES = range(0x80, 0xC0), (0x80, 0xBF)  # behind the first one of a letter

pytestmark = pytest.mark.slow


class Speller:
    """Every canonical sequence of a vocabulary that covers a text, by definition."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[bytes, set[tuple[int, ...]]] = {}

    def covers(self, data: bytes) -> set[tuple[int, ...]]:
        """Those that cover `data` and reach one token beyond it, which may be the end."""
        if data not in self._known:
            found = {(*self._tokenizer.encode(data), end) for end in self._tokenizer.end_ids}
            for at in range(len(data) + 1):
                rest = data[at:]
                for token, piece in enumerate(self._tokenizer.table.pieces):
                    if len(piece) > len(rest) and piece.startswith(rest):
                        spelt = self._spellings(data[:at], piece)
                        found.update(ids for ids in spelt if ids[-1] == token)
            self._known[data] = found
        return self._known[data]

    def _spellings(self, data: bytes, piece: bytes) -> set[tuple[int, ...]]:
        """Canonical tokens of `data + piece` with a boundary between the two, if it is text."""
        found: set[tuple[int, ...]] = set()
        for text in _whole(data + piece):
            ids, ends, position = self._tokenizer.encode(text), {}, 0
            for count, token in enumerate(ids, start=1):
                position += len(self._tokenizer.table.pieces[token])
                ends[position] = count
            last = ends.get(len(data + piece))
            if last is not None and (not data or ends.get(len(data)) == last - 1):
                found.add(tuple(ids[:last]))
        return found


def _whole(data: bytes) -> Iterator[bytes]:
    """Texts that begin with `data`: with its last letter completed in some ways, and further."""
    if not begins_text(data):
        return
    if not incomplete_suffix_bytes(data):
        yield from (data + further for further in FURTHER)
        return
    for more in (0, 1, 2):
        for rest in itertools.product(NEXT_BYTES, *[LAST_BYTES] * more):
            if is_text(data + bytes(rest)):
                yield data + bytes(rest)


class Oracle:
    """The log-probability of a sequence, token by token from the start of a text."""

    def __init__(self, engine: TorchEngine) -> None:
        self._engine = engine
        self._start = engine.model.tokenizer.start_id
        self._known: dict[tuple[int, ...], npt.NDArray[np.float64]] = {}

    def logprob(self, ids: Sequence[int]) -> float:
        history = () if self._start is None else (self._start,)
        total = 0.0
        for token in ids:
            if history not in self._known:
                self._known[history] = log_softmax(own_scores(self._engine, [*history]))
            total += float(self._known[history][token])
            history = (*history, token)
        return total


@pytest.fixture(scope="module")
def spellers() -> dict[bool, Speller]:
    """By whether the vocabulary is SentencePiece's: kinds of models share the two."""
    return {}


def check(engine: TorchEngine, speller: Speller, texts: Sequence[str]) -> None:
    tokenizer, oracle = engine.model.tokenizer, Oracle(engine)
    for text in texts:
        covers = speller.covers(tokenizer.text_prefix + text.encode())
        expected = {ids: oracle.logprob(ids) for ids in covers}
        total = math.log(sum(math.exp(value) for value in expected.values()))
        search, distribution = solve_caret(engine, tokenizer, text)
        head = search.head if tokenizer.start_id is None else search.head[1:]
        found = {}
        for cover in distribution.best():
            last = min(tokenizer.end_ids) if cover.token is None else cover.token
            found[*head, *cover.path, last] = cover.logprob
        assert distribution.work.pruned == distribution.work.unchecked == 0
        assert found.keys() == expected.keys(), repr(text)
        given = {ids: logprob - total for ids, logprob in expected.items()}
        assert found == pytest.approx(given, abs=2e-4), repr(text)
        assert sum(map(math.exp, found.values())) == pytest.approx(1, abs=1e-4)


def check_kind(
    folder: Path, kind: str, spellers: dict[bool, Speller], texts: Sequence[str], *, padded: bool
) -> None:
    with closing(open_torch(tiny_torch.write(folder, kind, seed=5), padded=padded)) as engine:
        name = kind in tiny_torch.SENTENCEPIECE
        check(engine, spellers.setdefault(name, Speller(engine.model.tokenizer)), texts)


@pytest.mark.parametrize("kind", tiny_torch.CONFIGS)
def test_every_caret_agrees_with_enumeration(
    kind: str, spellers: dict[bool, Speller], tmp_path: Path
) -> None:
    check_kind(tmp_path / kind, kind, spellers, TEXTS, padded=False)


@pytest.mark.soak
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kind", tiny_torch.CONFIGS)
def test_more_carets_agree_with_enumeration(
    kind: str, padded: bool, spellers: dict[bool, Speller], tmp_path: Path
) -> None:
    check_kind(tmp_path / kind, kind, spellers, MORE_TEXTS, padded=padded)
