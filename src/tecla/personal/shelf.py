"""What was learnt, as a value: whose indexes lie where; opened beside the engine, in any process.

A reader never fails a suggestion: an index that is damaged, sealed with another key or gone answers
as one that holds nothing, until its files change. What is wrong with it is in `fault`, and
`following.bring_up_to_date` makes it anew.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tecla.closing import Closing
from tecla.errors import StoreError
from tecla.personal.base import LEVELS, Matched
from tecla.personal.index import Index, Seen, look
from tecla.personal.lock import NAME as LOCK
from tecla.personal.union import Union
from tecla.personal.vocabulary import Vocabulary, fingerprint_of
from tecla.store.base import Store
from tecla.store.documents import Cipher
from tecla.store.owners import Owner
from tecla.store.sealing import StoreKey
from tecla.text.base import Tokenizer


@dataclass(frozen=True, slots=True)
class Learnt:
    """The indexes of some owners. Plain data: equal ones open the same, it can be pickled.

    names: those of the owners' derived files (`DerivedFiles.name_of`), which do not tell who they
    are. key_file: of a store that is encrypted; the key itself travels nowhere.
    """

    root: Path
    names: tuple[str, ...]
    key_file: Path | None = None

    @classmethod
    def of(
        cls, root: Path, store: Store, owners: Sequence[Owner], key_file: Path | None = None
    ) -> Self:
        """Those of owners in a store."""
        return cls(root, tuple(sorted(map(store.derived.name_of, owners))), key_file)

    def seen(self) -> tuple[tuple[str, Seen], ...]:
        """What anybody sees of the indexes, whatever their vocabulary; empty where there is none.

        Differs after every change by any process. Costs a look at a few files, and nothing is read.
        """
        found: list[tuple[str, Seen]] = []
        for name in self.names:
            try:
                folders = sorted((self.root / name).iterdir())
            except OSError:  # nothing was learnt, or nothing is left of it
                continue
            looks = ((str(each), look(each)) for each in folders if each.name != LOCK)
            found += [each for each in looks if each[1] is not None]
        return tuple(found)

    def open(self, tokenizer: Tokenizer) -> Shelf:
        """One matcher over all of them, which follows their changes. Raises `StoreKeyError`."""
        cipher = None if self.key_file is None else StoreKey.read(self.key_file).cipher()
        vocabulary, fingerprint = Vocabulary(len(tokenizer.table)), fingerprint_of(tokenizer)
        return Shelf(
            [Reader(self.root / name / fingerprint, vocabulary, cipher) for name in self.names]
        )


class Shelf(Closing):
    """Several readers as one matcher."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        """Over any number of them."""
        self.readers = tuple(readers)
        self._union = Union(self.readers)

    @property
    def generation(self) -> str:
        """Differs after every change of any of them, by any process."""
        return self._union.generation

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says (`base.py`)."""
        return self._union.matches(tokens, most)

    def close(self) -> None:
        """Let go of all files; it then answers as if it were empty."""
        for reader in self.readers:
            reader.close()


class Reader(Closing):
    """One index that is read alone, opened when it is first asked."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, cipher: Cipher | None = None) -> None:
        """Opens nothing yet."""
        self._folder, self._vocabulary, self._cipher = folder, vocabulary, cipher
        self._index: Index | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.fault: StoreError | None = None
        self._failed_at: Seen = None

    @property
    def generation(self) -> str:
        """As the contract says; that of an index which cannot be read is its fault's."""
        index = self._opened()
        try:
            return index.generation if index else f"none {self._failed_at}"
        except StoreError as error:
            self._failed(error)
            return f"none {self._failed_at}"

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says; nothing where the index cannot be read."""
        index = self._opened()
        try:
            return index.matches(tokens, most) if index else []
        except StoreError as error:
            self._failed(error)
            return []

    def close(self) -> None:
        """Let go of the files; safe to call twice."""
        with self._lock:
            self._closed = True
            if self._index:
                self._index.close()
            self._index = None

    def _opened(self) -> Index | None:
        """The index; `None` while it cannot be read. It is tried again when its files change."""
        if self._index or self._closed:
            return self._index
        with self._lock:
            if self.fault and look(self._folder) == self._failed_at:
                return None
            if not self._index and not self._closed:
                self._failed_at, self.fault = look(self._folder), None
                try:
                    self._index = Index(self._folder, self._vocabulary, cipher=self._cipher)
                except StoreError as error:
                    self.fault = error
            return self._index

    def _failed(self, error: StoreError) -> None:
        with self._lock:
            self._index, self.fault, self._failed_at = None, error, look(self._folder)
