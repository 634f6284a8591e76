"""Learning files: what is new or changed is read, cleaned and kept; what is gone is forgotten.

One learner works for one owner. The store is the only memory: what is known there, by path, size,
time and the way it was read, is not read again. Work is done in small transactions, and the
document that says a file is done is put last, so a learner that dies anywhere leaves a store that
holds whole texts, and the next goes on where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tecla.closing import Closing
from tecla.learning.base import PASSING, ReadingOptions
from tecla.learning.reading import Reading
from tecla.learning.round import Round
from tecla.learning.sources import file_of, within
from tecla.learning.summary import Summary
from tecla.learning.walking import Found, Skipped, roots_of, walk
from tecla.store.base import Store
from tecla.store.documents import Document
from tecla.store.owners import Owner

Advance = Callable[[Path, int, int], None]  # the file at hand, bytes done, bytes altogether


@dataclass(frozen=True, slots=True)
class LearningOptions:
    """How a round of learning goes.

    exclude: patterns of files that are not learnt. keep_removed: whether texts of files that are
    gone stay. dry: whether everything is done but keeping and forgetting.
    """

    reading: ReadingOptions = field(default_factory=ReadingOptions)
    exclude: tuple[str, ...] = ()
    keep_removed: bool = False
    dry: bool = False


class Learner(Closing):
    """Learns for one owner. For one thread at a time.

    `brought_up` is called with the owner after each round that changed anything: whatever is
    derived from the store follows there. `reading` may serve several learners, one at a time.
    """

    def __init__(
        self,
        store: Store,
        owner: Owner,
        options: LearningOptions | None = None,
        *,
        brought_up: Callable[[Owner], None] | None = None,
        reading: Reading | None = None,
    ) -> None:
        self._store, self.owner = store, owner
        self.options = options or LearningOptions()
        self._brought_up = brought_up
        self._reading = reading or Reading()
        self._reads_alone = reading is None

    def learn(self, paths: Sequence[Path], advance: Advance | None = None) -> Summary:
        """Learn files and folders; raises `OptionError` for what is not there, `StoreError`."""
        roots = roots_of(paths)
        summary = Summary()
        known = {each.source: each for each in self._store.documents.all([self.owner])}
        round_ = Round(
            self._store.documents,
            self.owner,
            self._reading,
            self.options.reading,
            known,
            summary,
            dry=self.options.dry,
        )
        found: list[Found] = []
        seen: set[str] = set()  # files that are there, learnt or not
        for each in chain.from_iterable(self._walked(root) for root in roots):
            if isinstance(each, Skipped):
                summary.skip(each.path, each.reason)
                if each.reason in PASSING:
                    seen.update(map(file_of, within(known, each.path)))
            else:
                found.append(each)
                seen.add(str(each.path))
        if not self.options.keep_removed:
            self._mark_gone(roots, known, seen, round_, summary)
        round_.expect(found)
        total = sum(each.size_bytes for each in found)
        done = 0
        for each in found:
            if advance is not None:
                advance(each.path, done, total)
            round_.file(each)
            done += each.size_bytes
        round_.flush()
        round_.forget()
        if summary.changed and not self.options.dry and self._brought_up is not None:
            self._brought_up(self.owner)
        return summary

    def close(self) -> None:
        """End the process that reads, unless it was given."""
        if self._reads_alone:
            self._reading.close()

    def _walked(self, root: Path) -> Iterator[Found | Skipped]:
        return walk(root, self.options.exclude, self.options.reading.limits)

    def _mark_gone(
        self,
        roots: Iterable[Path],
        known: dict[str, Document],
        seen: set[str],
        round_: Round,
        summary: Summary,
    ) -> None:
        """Have texts forgotten whose files are not there any more, or are ruled out by now."""
        for root in roots:
            below = within(known, root)
            gone = [source for source in below if file_of(source) not in seen]
            if gone and root.is_dir() and not any(root.iterdir()):
                summary.kept_back.append(root)  # more likely a disk that is not there
                continue
            files = dict.fromkeys(map(file_of, gone))
            summary.forgotten += len(files)
            summary.ruled_out += [path for path in map(Path, files) if os.path.lexists(path)]
            round_.gone.update(gone)
