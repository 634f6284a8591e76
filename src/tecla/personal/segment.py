"""A segment: documents whose contexts are sorted, in memory or in one file that never changes.

It owns the layout of the file, and knows nothing of owners or of other segments. A file is checked
against its sums when it is opened, and mapped; one that is sealed is read into memory instead. It
has eight bytes a token with a vocabulary of up to 65,535 ids, twelve with a larger one: the
documents backwards, where each context begins, and what stands behind it.
"""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from tecla.errors import ModelError, OptionError, StoreError, StoreFormatError, UnknownModelError
from tecla.personal.base import LEVELS, Matched
from tecla.personal.contexts import Contexts
from tecla.personal.counting import matched
from tecla.personal.manifest import not_written
from tecla.personal.sorting import backwards, sorted_contexts
from tecla.personal.vocabulary import Native, Vocabulary
from tecla.sections import Array, Change, read_sections, write_sections

_KIND, _VERSION = "tecla personal segment", 1
_REMEDY = "it can be made anew from the store"
_MODE: Final = 0o600
_KEPT_FROM, _KEPT = 4096, 256  # occurrences from which an answer is kept, and how many are


class Row(NamedTuple):
    """A document as an index sees it: its id in the store, and its tokens."""

    document: int
    tokens: Sequence[int] | Native


class Segment:
    """Some documents, sorted. Answers any thread."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        name: str,
        arrays: Mapping[str, Array],
        data: bytes | mmap.mmap,
        base: int,
    ) -> None:
        """Use `open` or `of`. The text among the arrays begins at byte `base` of `data`."""
        self.vocabulary, self.generation = vocabulary, name
        self._text: Native = arrays["text"]  # [tokens + documents], sortable ids
        self._follow: Native = arrays["follow"]  # [tokens], native ids
        self.documents: npt.NDArray[np.int64] = arrays["documents"]  # [documents], ids
        self._lengths: npt.NDArray[np.int64] = arrays["lengths"]  # [documents], in tokens
        self._order: npt.NDArray[np.uint32] = arrays["order"]  # [tokens], places in the text
        self._contexts = Contexts(data, base, self._order.data, vocabulary)
        self._kept: dict[tuple[int, int, int], Matched] = {}

    @classmethod
    def of(cls, rows: Iterable[Row], vocabulary: Vocabulary) -> Self:
        """A segment in memory. Raises `OptionError` for ids out of range, `TooLargeError`."""
        arrays = _arrays(rows, vocabulary)
        return cls(vocabulary, secrets.token_hex(8), arrays, arrays["text"].tobytes(), 0)

    @classmethod
    def open(cls, path: Path, vocabulary: Vocabulary, unseal: Change | None = None) -> Self:
        """The segment in a file.

        Raises `FileNotFoundError` if it is gone, `StoreFormatError` if it is damaged or of another
        vocabulary, `StoreError` if it cannot be read.
        """
        try:
            sections = read_sections(path, _KIND, _VERSION, _REMEDY, unseal=unseal)
        except UnknownModelError:
            raise FileNotFoundError(path) from None
        except ModelError as error:
            raise StoreFormatError(str(error)) from error
        if sections.meta["vocabulary"] != vocabulary.size:
            raise StoreFormatError(f"{str(path)!r} is of another vocabulary; {_REMEDY}")
        return cls(vocabulary, path.name, sections.arrays, sections.data, sections.places["text"])

    @property
    def n_tokens(self) -> int:
        """Tokens of all documents."""
        return len(self._follow)

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says (`base.py`)."""
        return [self._matched(*level) for level in self._contexts.levels(tokens, most)]

    def rows(self, without: frozenset[int] = frozenset()) -> Iterator[Row]:
        """Its documents in order, but for some."""
        place = len(self._text)
        for document, length in zip(self.documents.tolist(), self._lengths.tolist(), strict=True):
            place -= 1 + length
            if document not in without:
                tokens = self._text[place : place + length][::-1]
                yield Row(document, tokens.astype(self.vocabulary.native))

    def check(self) -> None:
        """Sort everything again and compare; raises `StoreFormatError` where it differs.

        Costs as much as building it.
        """
        arrays = _arrays(self.rows(), self.vocabulary)
        same = (
            np.array_equal(arrays["text"], self._text)
            and np.array_equal(arrays["order"], self._order)
            and np.array_equal(arrays["follow"], self._follow)
        )
        if not same:
            raise StoreFormatError(f"the segment {self.generation!r} contradicts itself; {_REMEDY}")

    def _matched(self, length: int, low: int, high: int) -> Matched:
        if high - low < _KEPT_FROM:
            return matched(length, self._follow[low:high])
        key = (length, low, high)
        found = self._kept.get(key)
        if found is None:
            found = matched(length, self._follow[low:high])
            if len(self._kept) >= _KEPT:
                self._kept = {}
            self._kept[key] = found
        return found


def write_segment(
    path: Path, rows: Iterable[Row], vocabulary: Vocabulary, seal: Change | None = None
) -> int:
    """Write a segment to a file, which is whole and on the disk or not there; its tokens.

    Raises `OptionError` for ids out of range, `TooLargeError`, `StoreError`.
    """
    arrays = _arrays(rows, vocabulary)
    meta = {"vocabulary": vocabulary.size}
    try:
        write_sections(path, _KIND, _VERSION, meta, arrays, seal=seal, mode=_MODE)
    except ModelError as error:
        if isinstance(error.__cause__, OSError):
            raise not_written(path, error.__cause__) from error
        raise StoreError(str(error)) from error
    return len(arrays["follow"])


def _arrays(rows: Iterable[Row], vocabulary: Vocabulary) -> dict[str, Array]:
    documents, texts = [], []
    for row in rows:
        documents.append(row.document)
        texts.append(vocabulary.checked(row.tokens))
    if len(set(documents)) != len(documents):
        raise OptionError("a document is there twice; every id may come once")
    text = backwards(texts, vocabulary)
    order, follow = sorted_contexts(text, vocabulary)
    return {
        "text": text.astype(vocabulary.sortable),
        "order": order,
        "follow": follow,
        "documents": np.array(documents, np.int64),
        "lengths": np.array([len(tokens) for tokens in texts], np.int64),
    }
