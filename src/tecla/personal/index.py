"""One owner's documents for one tokenizer, on the disk: segments, and a manifest that names them.

**Changing.** New documents become a new segment; removed ones are left out when the segments that
held them are written anew; small segments are merged into larger ones, so that each is at least
twice all smaller ones together and there are about log3 of them (Bentley and Saxe, 1980; the tokens
of an index are sorted at most about log1.5 times). Every change writes its segments, then replaces
the manifest, then deletes what the new manifest does not name; each step is on the disk before the
next. A process that dies in between leaves files that nothing names, and the next writer deletes
them. `remove` returns when the old files are gone.

**Reading.** A reader looks at the manifest's place, date and size before each question, and follows
when they differ. What it has mapped stays readable until it lets go, though the file is gone.

**Sealed.** With a cipher, segments lie encrypted on the disk and in plain in memory alone.

It knows no store: `following.py` makes it follow one. Nothing in a file name says whose it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from tecla.closing import Closing
from tecla.errors import OptionError, StoreError, StoreFormatError
from tecla.personal.base import LEVELS, Matched
from tecla.personal.lock import FolderLock
from tecla.personal.manifest import (
    NAME,
    Entry,
    Manifest,
    not_written,
    read_manifest,
    synced,
    write_manifest,
)
from tecla.personal.segment import Row, Segment, write_segment
from tecla.personal.sorting import MOST_TOKENS
from tecla.personal.union import Union
from tecla.personal.vocabulary import Vocabulary
from tecla.sections import Change
from tecla.store.documents import Cipher

SMALL_TOKENS: Final = 1 << 15  # segments of up to so many together are always merged
_RATIO: Final = 2  # a segment is at least so many times all smaller ones together
_TRIES: Final = 100  # of reading, while a writer changes what is read


Seen = tuple[int, ...] | None  # by what a reader tells that an index has changed


def look(folder: Path) -> Seen:
    """What is seen of the manifest in a folder; `None` if there is none, or none to be seen."""
    try:
        found = (folder / NAME).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


@dataclass(frozen=True, slots=True)
class _Held:
    """What a reader has open: an index after one change."""

    seen: Seen
    manifest: Manifest | None
    segments: dict[str, Segment]
    union: Union


_NOTHING: Final = _Held(None, None, {}, Union([]))


class Index(Closing):
    """A folder of segments. Any thread may ask; writers take turns, in one process or several."""

    def __init__(
        self,
        folder: Path,
        vocabulary: Vocabulary,
        *,
        cipher: Cipher | None = None,
        lock: FolderLock | None = None,
    ) -> None:
        """Open what is there, which may be nothing.

        The lock is that of the folder above, the owner's. Raises `StoreFormatError` for what is
        damaged, of another vocabulary, or sealed where there is no cipher or the reverse;
        `StoreKeyError`; `StoreError`.
        """
        self.folder, self.vocabulary, self._cipher = folder, vocabulary, cipher
        self._lock = lock or FolderLock(folder.parent)
        self._turn = threading.Lock()  # of looking for a new generation
        self._held, self._closed = _NOTHING, False
        self.refresh()

    @property
    def generation(self) -> str:
        """Differs after every change by any process."""
        self.refresh()
        manifest = self._held.manifest
        return manifest.stamp if manifest else "none"

    @property
    def manifest(self) -> Manifest | None:
        """What is there now; `None` before the first change."""
        self.refresh()
        return self._held.manifest

    @property
    def segments(self) -> list[Segment]:
        """What is there now, the largest first."""
        self.refresh()
        return list(self._held.segments.values())

    @property
    def documents(self) -> set[int]:
        """The ids of all documents."""
        return {document for segment in self.segments for document in segment.documents.tolist()}

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says (`base.py`), of what is there now."""
        self.refresh()
        return self._held.union.matches(tokens, most)

    def refresh(self) -> bool:
        """Follow other writers; whether anything is new. Costs a look at one file (2 µs)."""
        if self._closed or look(self.folder) == self._held.seen:
            return False
        with self._turn:
            for _ in range(_TRIES):
                seen = look(self.folder)
                try:
                    self._held = self._read(seen, self._held.segments)
                except FileNotFoundError:
                    continue  # a writer has deleted it: there is a new manifest
                return True
        raise StoreFormatError(
            f"{str(self.folder)!r} lacks a segment; it can be made anew from the store"
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer of this owner, from looking to changing. Raises as `FolderLock`."""
        with self._lock.alone():
            if self._closed:
                raise StoreError("the index is closed; open it again")
            self.refresh()
            yield

    def add(
        self, rows: Iterable[Row], *, store: str | None = None, version: int | None = None
    ) -> None:
        """Add documents; they are on the disk when it returns.

        `version` and `store` are noted, and kept as they are where they are `None`. Raises
        `OptionError` for an id that is there already, or no id of a token; `StoreFullError`,
        `StoreError`, and nothing is changed then.
        """
        with self.alone():
            new = list(rows)
            if twice := self.documents & {row.document for row in new}:
                raise OptionError(f"document {min(twice)} is in the index already")
            manifest = self._manifest()
            kept = replace(
                manifest,
                store=manifest.store if store is None else store,
                version=manifest.version if version is None else version,
            )
            self._publish(kept, [new] if new else [], frozenset())

    def remove(self, documents: Iterable[int]) -> int:
        """Remove documents; how many there were.

        When it returns no file holds them, also where there were none: what a process that died has
        left behind is deleted.
        """
        gone = frozenset(documents)
        with self.alone():
            touched = {
                name: segment
                for name, segment in self._held.segments.items()
                if not gone.isdisjoint(segment.documents.tolist())
            }
            if not touched:
                self._sweep()
                return 0
            kept = [list(segment.rows(without=gone)) for segment in touched.values()]
            n_removed = sum(len(segment.documents) for segment in touched.values())
            n_removed -= sum(map(len, kept))
            self._publish(self._manifest(), [rows for rows in kept if rows], frozenset(touched))
            return n_removed

    def tidy(self, stop: threading.Event | None = None) -> int:
        """Merge segments until none is due, or `stop` is set between two; how many merges it took.

        Other writers of this owner wait for the one at work; readers do not. May run on a thread:
        the sorting lets others run.
        """
        n_merges = 0
        while not (stop and stop.is_set()):
            with self.alone():
                due = due_for_merging([segment.n_tokens for segment in self.segments])
                if not due:
                    return n_merges
                names = list(self._held.segments)[-due:]
                rows = [row for name in names for row in self._held.segments[name].rows()]
                self._publish(self._manifest(), [rows], frozenset(names))
            n_merges += 1
        return n_merges

    def check(self) -> None:
        """Sort everything again and compare; raises `StoreFormatError` for what is damaged."""
        held = self._read(look(self.folder), {})
        everything = [number for segment in held.segments.values() for number in segment.documents]
        if len(set(everything)) != len(everything):
            raise StoreFormatError(
                f"{str(self.folder)!r} holds a document twice; it can be made anew from the store"
            )
        for segment in held.segments.values():
            segment.check()

    def close(self) -> None:
        """Let go of the segments; it then answers as if it were empty. Safe to call twice."""
        with self._turn:
            self._closed, self._held = True, _NOTHING

    def _manifest(self) -> Manifest:
        return self._held.manifest or Manifest(
            vocabulary=self.vocabulary.size, sealed=self._cipher is not None
        )

    def _publish(self, manifest: Manifest, new: list[list[Row]], replaced: frozenset[str]) -> None:
        """Write segments, name them in the place of others, and delete those. Holding the lock."""
        self._sweep()
        entries = [entry for entry in manifest.entries if entry.file not in replaced]
        self._synced(self.folder.parent, make=self.folder)
        for rows in new:
            file = manifest.new_file()
            n_tokens = write_segment(
                self.folder / file, rows, self.vocabulary, self._change(file, seal=True)
            )
            entries.append(Entry(file, len(rows), n_tokens))
        self._synced(self.folder)
        entries.sort(key=lambda entry: -entry.tokens)
        changed = Manifest(
            vocabulary=manifest.vocabulary,
            sealed=manifest.sealed,
            store=manifest.store,
            version=manifest.version,
            number=manifest.number + 1,
            entries=tuple(entries),
        )
        write_manifest(self.folder, changed)
        self.refresh()
        self._sweep()

    def _synced(self, folder: Path, *, make: Path | None = None) -> None:
        try:
            if make is not None:
                make.mkdir(mode=0o700, exist_ok=True)
            synced(folder)
        except OSError as error:
            raise not_written(folder, error) from error

    def _sweep(self) -> None:
        """Delete what the manifest does not name. Holding the lock."""
        named = {NAME, *self._held.segments}
        if not self.folder.is_dir():
            return
        try:
            stale = [path for path in self.folder.iterdir() if path.name not in named]
            for path in stale:
                path.unlink()
            if stale:
                synced(self.folder)
        except OSError as error:
            raise StoreError(f"cannot delete in {str(self.folder)!r}: {error.strerror}") from error

    def _read(self, seen: Seen, known: Mapping[str, Segment]) -> _Held:
        """What the manifest names, keeping what is open already. Raises `FileNotFoundError`."""
        manifest = read_manifest(self.folder)
        if manifest is None:
            return replace(_NOTHING, seen=seen)
        if manifest.vocabulary != self.vocabulary.size:
            raise StoreFormatError(
                f"{str(self.folder)!r} is of another vocabulary; it can be made anew from the store"
            )
        if manifest.sealed != (self._cipher is not None):
            raise StoreFormatError(
                f"{str(self.folder)!r} is {'' if manifest.sealed else 'not '}encrypted and the "
                "store is otherwise; it can be made anew from the store"
            )
        segments = {
            entry.file: known.get(entry.file)
            or Segment.open(
                self.folder / entry.file, self.vocabulary, self._change(entry.file, seal=False)
            )
            for entry in manifest.entries
        }
        return _Held(seen, manifest, segments, Union(list(segments.values())))

    def _change(self, file: str, *, seal: bool) -> Change | None:
        if self._cipher is None:
            return None
        about = f"{self.folder.parent.name}/{self.folder.name}/{file}"
        change = self._cipher.seal if seal else self._cipher.unseal
        return partial(change, about=about)


def due_for_merging(tokens: Sequence[int]) -> int:
    """How many of the smallest segments are to become one; 0 if none. `tokens` descend."""
    smaller = 0
    due = 0
    for number, size in enumerate(reversed(tokens), start=1):
        if size + smaller > MOST_TOKENS // 2:
            break
        if number > 1 and (size < _RATIO * smaller or size + smaller <= SMALL_TOKENS):
            due = number
        smaller += size
    return due
