"""Every way a text with the caret after it can go on, in tokens: the plan without scores.

A person stops typing in the middle of a word, and the tokens of what is typed are in general
not the tokens of the word: "artif" is spelt [art][if], "artificial" is one token. So the text
is split at the last point that further text cannot re-tokenise. For the tail behind it, every
continuation has exactly one token that covers the caret: it begins at some byte `cut` of the
tail and goes beyond its end. Before that token stand the canonical tokens of the tail up to
the cut (the *path*), and the token begins with the bytes after it (the *rest*). Cuts whose
rest is longer than the longest token, or begins no longer token, cannot occur; where nothing
rests, any token may follow.

Sources: Hayase et al., arXiv 2506.14123; llama.cpp issue 5765; llama2.c pull request 248.
Rejected: going back one token and constraining the next one ("token healing"), which misses
words whose tokens change as they grow (" Agu" may be one token and " Agustín" [ Ag][ust][ín]).
Cost: one call of the tokenizer per cut, about 20 µs each, some eight cuts for English.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tecla.text.base import Tokenizer
from tecla.text.spelling import local_split, spellings

Path = tuple[int, ...]
EncodeHead = Callable[[bytes, bytes], list[int]]

_LONG_TAIL_BYTES = 512  # a tail without spaces that is longer is split where it settles
_SETTLED_BYTES = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """A place in the tail where the token that covers the caret may begin."""

    path: Path  # canonical tokens of the tail up to the cut, after the plan's head
    rest: bytes  # bytes of the tail from the cut to the caret; the token begins with them


@dataclass(frozen=True, slots=True)
class CaretPlan:
    """The tokens before the tail, and every cut of it.

    `head` are tokens of the text that all continuations share; `context` are the bytes behind
    the safe split that `head` already spells, needed for canonical checks, and
    `context_tokens` how many of the head's last tokens spell them.
    """

    head: Path
    tail: bytes
    cuts: tuple[Cut, ...]
    full_path: Path  # canonical tokens of the whole tail: the cut where nothing rests
    context: bytes
    context_tokens: int


def plan_caret(
    tokenizer: Tokenizer, data: bytes, encode_head: EncodeHead | None = None
) -> CaretPlan:
    """The plan for the caret at the end of `data` (valid UTF-8, `text_prefix` included).

    `encode_head(head, tail)` stands in for the tokenizer where the head's tokens are known.
    """
    start = _split(tokenizer, data)
    tail = data[start:]
    encode = encode_head or (lambda data, _: tokenizer.encode(data))
    head = encode(data[:start], tail)
    if len(tail) > _LONG_TAIL_BYTES:
        ids = tokenizer.encode(tail)
        at = local_split(tokenizer, tail, ids, tokenizer.table.longest_bytes + _SETTLED_BYTES)
        if at is not None:
            kept = tokenizer.encode(tail[at:])
            head, tail = [*head, *ids[: len(ids) - len(kept)]], tail[at:]
    cuts = _cuts(tokenizer, tail)
    n_shared = _shared_tokens(cuts)
    shared = cuts[-1].path[:n_shared]
    n_bytes = len(tokenizer.decode(shared))
    moved = tuple(Cut(cut.path[n_shared:], cut.rest) for cut in cuts)
    return CaretPlan(
        head=(*head, *shared),
        tail=tail[n_bytes:],
        cuts=moved,
        full_path=moved[-1].path,
        context=tail[:n_bytes],
        context_tokens=n_shared,
    )


def _shared_tokens(cuts: Sequence[Cut]) -> int:
    """How many first tokens all paths share."""
    shortest = min(len(cut.path) for cut in cuts)
    for depth in range(shortest):
        if len({cut.path[depth] for cut in cuts}) > 1:
            return depth
    return shortest


def _split(tokenizer: Tokenizer, data: bytes) -> int:
    """The split point, moved behind the last byte the vocabulary cannot spell."""
    start = tokenizer.split_point(data)
    unencodable = tokenizer.table.unencodable
    for at in range(len(data) - 1, start - 1, -1):
        if data[at] in unencodable:
            end = at + 1
            while end < len(data) and 0x80 <= data[end] < 0xC0:
                end += 1
            return end
    return start


def _cuts(tokenizer: Tokenizer, tail: bytes) -> list[Cut]:
    """All cuts of `tail` that can occur, by ascending offset; the full path is the last."""
    table = tokenizer.table
    cuts: list[Cut] = []
    for at in range(max(0, len(tail) - table.longest_bytes), len(tail)):
        rest = tail[at:]
        if len(table.going_beyond(rest)) == 0:
            continue
        cuts.extend(Cut(path, rest) for path in spellings(tokenizer, tail[:at]))
    cuts.extend(Cut(path, b"") for path in reversed(spellings(tokenizer, tail)))
    return cuts
