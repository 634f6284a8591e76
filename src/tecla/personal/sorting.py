"""Sorting all contexts of some documents, by libdivsufsort.

It sorts the ends of a row of bytes, so tokens are first numbered anew by rank, in as few bytes as
their number allows: the order of ranks is that of ids, and the first byte of a rank is compared
with a first byte wherever two ends at whole tokens are compared. Ends that begin inside a rank are
sorted along and dropped (as infini-gram does it, Liu et al., arXiv 2401.17377). The library is
called through ctypes, which lets other threads run meanwhile.

It is held to one thread. Where its build has OpenMP, its threads wait for one another by spinning:
on two cores that something else uses, 4,000 tokens take 50 ms with two and 0.4 ms with one, and
four million 1.7 times as long with two. Besides, a process that is forked afterwards would wait for
threads it does not have.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tecla.errors import TooLargeError
from tecla.personal.vocabulary import Native, Vocabulary

MOST_TOKENS: Final = 1 << 29  # of one segment, separators included: 31 bits count its bytes
_PIECE = 1 << 24


class Sorted(NamedTuple):
    """The order of the contexts, and what stands behind each."""

    order: npt.NDArray[np.uint32]  # [tokens], the place in `text` where a context begins
    follow: Native  # [tokens], the token before that place in `text`, which is behind in the text


def backwards(documents: list[Native], vocabulary: Vocabulary) -> Native:
    """The documents as one row, last token first, a separator where each begins.

    [tokens + documents]; raises `TooLargeError` for more than `MOST_TOKENS`.
    """
    n_tokens = sum(map(len, documents)) + len(documents)
    if n_tokens > MOST_TOKENS:
        raise TooLargeError(f"{n_tokens} tokens at once; at most {MOST_TOKENS} can be sorted")
    text = np.empty(n_tokens, vocabulary.native)
    place = n_tokens
    for tokens in documents:
        place -= 1
        text[place] = vocabulary.separator
        text[place - len(tokens) : place] = tokens[::-1]
        place -= len(tokens)
    return text


def sorted_contexts(text: Native, vocabulary: Vocabulary) -> Sorted:
    """Sort the contexts in `text`, which is as `backwards` makes it.

    Costs about 10 bytes of memory a token beside what it returns, and 0.2 to 0.6 µs.
    """
    if not len(text):
        return Sorted(np.empty(0, np.uint32), np.empty(0, vocabulary.native))
    ends = _sorted_ends(*_ranks(text))
    behind = text[ends - 1]  # of place 0, where nothing is behind: the separator at the end
    kept = behind != vocabulary.separator
    return Sorted(ends[kept].astype(np.uint32), behind[kept])


def _ranks(text: Native) -> tuple[npt.NDArray[np.uint8], int]:
    """`text` with ranks for ids, as bytes, and how many bytes each has."""
    if text.itemsize == 2:
        found = np.bincount(text, minlength=1 << 16) > 0
        rank_of = np.cumsum(found) - 1
        n_found, ranks = int(rank_of[-1]) + 1, rank_of.astype(np.uint16)[text]
    else:
        ids = np.unique(text)
        n_found, ranks = len(ids), np.searchsorted(ids, text).astype(np.uint32)
    width = 1 if n_found <= 1 << 8 else 2 if n_found <= 1 << 16 else 4
    return ranks.astype(f">u{width}").view(np.uint8), width


def _sorted_ends(data: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.int32]:
    """The places of whole ranks, in the order of what follows from there."""
    from pydivsufsort import divsufsort
    from pydivsufsort.dll import libdivsufsort

    with suppress(AttributeError):  # a build without OpenMP has no such function
        libdivsufsort.omp_set_num_threads(1)  # of this thread, in this library's OpenMP alone
    everything: npt.NDArray[np.int32] = divsufsort(data)
    if width == 1:
        return everything
    ends = np.empty(len(data) // width, np.int32)
    filled = 0
    for first in range(0, len(everything), _PIECE):  # in pieces: the whole is large
        piece = everything[first : first + _PIECE]
        piece = piece[piece % width == 0] // width
        ends[filled : filled + len(piece)] = piece
        filled += len(piece)
    return ends
