"""Learning files: what is new or changed is read, cleaned and kept; what is gone is forgotten.

One learner works for one owner. The store is the only memory: what is known there, by path, size,
time and the way it was read, is not read again. Work is done in small transactions, and the
document that says a file is done is put last, so a learner that dies anywhere leaves a store that
holds whole texts, and the next goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Final, NamedTuple

from tecla.closing import Closing
from tecla.learning.base import Left, ReadingOptions, Reason, UnreadableError
from tecla.learning.cleaning import cleaned
from tecla.learning.duplicates import REPEATING_KINDS, Paragraphs, digest_of
from tecla.learning.kinds import OF_MANY
from tecla.learning.passages import passages
from tecla.learning.reading import Reading
from tecla.learning.redaction import redacted
from tecla.learning.sources import TEXT_DIGEST_BYTES, file_of, recipe_of, text_source, within
from tecla.learning.summary import Summary
from tecla.learning.walking import Found, Skipped, roots_of, walk
from tecla.store.base import Store
from tecla.store.documents import Document, NewDocument
from tecla.store.owners import Owner

_BATCH: Final = 500  # texts of one transaction at most
_BATCH_CHARS: Final = 2_000_000
# With these a file says nothing new about itself: what was learnt from it stays.
_PASSING: Final[frozenset[Reason]] = frozenset({
    "damaged", "unreadable", "too_long", "too_much_memory", "broke_down", "not_installed", "locked",
})  # fmt: skip

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


class _Text(NamedTuple):
    text: str
    digest: bytes


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
        self._recipe = recipe_of(self.options.reading)

    def learn(self, paths: Sequence[Path], advance: Advance | None = None) -> Summary:
        """Learn files and folders; raises `OptionError` for what is not there, `StoreError`."""
        roots = roots_of(paths)
        summary = Summary()
        known = {each.source: each for each in self._store.documents.all([self.owner])}
        round_ = _Round(self, known, summary)
        found: list[Found] = []
        seen: set[str] = set()  # files that are there, learnt or not
        for each in chain.from_iterable(self._walked(root) for root in roots):
            if isinstance(each, Skipped):
                summary.skip(each.path, each.reason)
                if each.reason in _PASSING:
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
        round_: _Round,
        summary: Summary,
    ) -> None:
        """Have texts forgotten whose files are not there any more, or are ruled out by now."""
        for root in roots:
            below = within(known, root)
            gone = [source for source in below if file_of(source) not in seen]
            if gone and root.is_dir() and not any(root.iterdir()):
                summary.kept_back.append(root)  # more likely a disk that is not there
                continue
            summary.forgotten += len({file_of(source) for source in gone})
            round_.gone.update(gone)


class _Round:
    """One round: what was known when it began, what is put, what is to go."""

    def __init__(self, learner: Learner, known: dict[str, Document], summary: Summary) -> None:
        self._learner, self._known, self._summary = learner, known, summary
        self._documents = learner._store.documents
        self._options = learner.options
        self._by_digest = {
            bytes(each.digest[:TEXT_DIGEST_BYTES]): each.source
            for each in known.values()
            if each.passages
        }
        self._put_now: dict[bytes, str] = {}
        self._put_sources: set[str] = set()
        self._in_round: set[str] = set()  # files that are there, and are read if they have changed
        self._of_file: dict[str, list[str]] = {}
        for source in known:
            self._of_file.setdefault(file_of(source), []).append(source)
        self._paragraphs_before: Paragraphs | None = None  # of what was known
        self._paragraphs_now = Paragraphs()  # of what was put
        self._batch: list[NewDocument] = []
        self._batch_chars = 0
        self._late: list[NewDocument] = []  # what says that a file is done which has lost texts
        self.gone: set[str] = set()
        self._to_come: set[str] = set()  # known files that have changed and are not read yet

    def expect(self, found: Iterable[Found]) -> None:
        """These files will be read."""
        for each in found:
            self._in_round.add(str(each.path))
            head = self._known.get(str(each.path))
            if head is not None and not self._is_same(head, each):
                self._to_come.add(str(each.path))

    def file(self, found: Found) -> None:
        """Learn one file, unless it is known as it is."""
        head = self._known.get(str(found.path))
        if head is not None and self._is_same(head, found):
            self._summary.unchanged += 1
            return
        self._to_come.discard(str(found.path))
        try:
            if found.kind in OF_MANY:
                self._many(found, head)
            else:
                self._one(found, head)
        except UnreadableError as unreadable:
            self._summary.skip(found.path, unreadable.reason)
            if unreadable.reason not in _PASSING and str(found.path) in self._of_file:
                self.gone.update(self._of_file[str(found.path)])
                self._summary.forgotten += 1

    def flush(self) -> None:
        """Keep what has come together."""
        if self._batch and not self._options.dry:
            self._documents.put(self._batch)
        self._batch, self._batch_chars = [], 0

    def forget(self) -> None:
        """Erase what is gone."""
        if self._options.dry:
            return
        if self.gone:
            self._documents.remove(self._learner.owner, sorted(self.gone))
        if self._late:
            self._documents.put(self._late)

    def _is_same(self, head: Document, found: Found) -> bool:
        return (
            head.size_bytes == found.size_bytes
            and head.time_s == found.time_s
            and bytes(head.digest[TEXT_DIGEST_BYTES:]) == self._learner._recipe
        )

    def _one(self, found: Found, head: Document | None) -> None:
        """A file that is one text (or pieces of one that is very long)."""
        texts = [each for each in self._texts(found) if each.text]
        text = "\n\n".join(each.text for each in texts)
        if not text:
            raise UnreadableError("no_text")
        digest = digest_of(text)
        is_known = head is not None and bytes(head.digest) == digest + self._learner._recipe
        if is_known and not self._is_put(digest, str(found.path)):
            self._summary.unchanged += 1
            return
        if self._is_elsewhere(digest, str(found.path)):
            raise UnreadableError("same")
        text = self._once(found, text, str(found.path), set())
        if not text:
            raise UnreadableError("same")
        self.gone.update(set(self._of_file.get(str(found.path), ())) - {str(found.path)})
        self._summary.files += 1
        self._put(found, str(found.path), text, digest)

    def _many(self, found: Found, head: Document | None) -> None:
        """A file of texts that have nothing to do with each other; its own document comes last."""
        path = str(found.path)
        here: set[str] = set()
        whole = hashlib.sha256()
        reason: Reason = "no_text"
        for each in self._texts(found):
            source = text_source(path, each.digest)
            whole.update(each.digest)
            if source in here or not each.text:
                continue
            is_known = source in self._known and self._known[source].digest == self._mark(each)
            if is_known and not self._is_put(each.digest, path):
                here.add(source)
                continue
            if self._is_elsewhere(each.digest, path):
                self._summary.left_out["same"] += 1
                reason = "same"
                continue
            text = self._once(found, each.text, source, here)
            if not text:
                continue
            here.add(source)
            self._put(found, source, text, each.digest)
        if not here:
            raise UnreadableError(reason)
        stale = set(self._of_file.get(path, ())) - here - {path}
        self.gone |= stale
        self._summary.files += 1
        done = self._document(found, path, (), whole.digest())
        if stale:
            self._late.append(done)
        else:
            self._keep(done)

    def _texts(self, found: Found) -> Iterator[_Text]:
        """The texts of a file as they may be learnt, with the digest of each."""
        for each in self._learner._reading.texts(found.path, found.kind, self._options.reading):
            if isinstance(each, Left):
                self._summary.left_out[each.reason] += each.count
                continue
            text, removed = redacted(cleaned(each))
            self._summary.redacted.update(removed)
            yield _Text(text, digest_of(text))

    def _mark(self, each: _Text) -> bytes:
        return each.digest + self._learner._recipe

    def _is_put(self, digest: bytes, path: str) -> bool:
        """Whether this text was put in this round, as that of another file."""
        other = self._put_now.get(digest)
        return other is not None and file_of(other) != path and other not in self.gone

    def _is_elsewhere(self, digest: bytes, path: str) -> bool:
        """Whether this text is kept of another file, which is there and still holds it."""
        if self._is_put(digest, path):
            return True
        other = self._by_digest.get(digest)
        return other is not None and file_of(other) != path and self._stays(other)

    def _stays(self, source: str) -> bool:
        """Whether what is kept of a source is certain to stay: its file is not yet to be read."""
        path = file_of(source)
        if source in self.gone or path in self._to_come:
            return False
        return path in self._in_round or self._is_untouched(path)

    def _is_untouched(self, path: str) -> bool:
        """Whether a file that this round does not read is as it was when it was learnt."""
        head = self._known.get(path)
        try:
            facts = Path(path).stat()
        except (OSError, ValueError):  # ValueError: a source that no path can be
            return False
        now = (facts.st_size, facts.st_mtime)
        return head is not None and (head.size_bytes, head.time_s) == now

    def _once(self, found: Found, text: str, source: str, here: set[str]) -> str:
        """`text` without longer paragraphs that another has, where they tend to repeat.

        `here` are the sources of the same file that are known to stay.
        """
        if found.kind not in REPEATING_KINDS:
            return text
        if self._paragraphs_before is None:
            self._paragraphs_before = Paragraphs(self._kept(REPEATING_KINDS))
        path = str(found.path)

        def stays(holder: str) -> bool:
            return holder in here if file_of(holder) == path else self._stays(holder)

        def stays_as_it_was(holder: str) -> bool:
            return holder not in self._put_sources and stays(holder)

        text, known = self._paragraphs_before.unseen(text, source, stays_as_it_was)
        text, new = self._paragraphs_now.unseen(text, source, stays)
        self._summary.repeated += known + new
        return text

    def _kept(self, kinds: frozenset[str]) -> Iterator[tuple[str, str]]:
        """Sources of some kinds, and their texts as they are kept."""
        wanted = {each.id for each in self._known.values() if each.kind in kinds}
        by_document = groupby(
            self._documents.passages(self._learner.owner), lambda each: each.document
        )
        for document, pieces in by_document:
            if document in wanted:
                held = list(pieces)
                yield held[0].source, "".join(each.text for each in held)

    def _put(self, found: Found, source: str, text: str, digest: bytes) -> None:
        self._summary.texts += 1
        self._summary.chars += len(text)
        self._summary.words += len(text.split())
        self._put_now[digest] = source
        self._put_sources.add(source)
        self._drop_old(source)
        self.gone.discard(source)
        self._keep(self._document(found, source, tuple(passages(text)), digest))

    def _drop_old(self, source: str) -> None:
        """What stood in a source that is put anew is not there any more."""
        old = self._known.get(source)
        if old is not None:
            digest = bytes(old.digest[:TEXT_DIGEST_BYTES])
            if self._by_digest.get(digest) == source:
                del self._by_digest[digest]

    def _document(
        self, found: Found, source: str, pieces: tuple[str, ...], digest: bytes
    ) -> NewDocument:
        return NewDocument(
            owner=self._learner.owner,
            source=source,
            kind=found.kind,
            digest=digest + self._learner._recipe,
            time_s=found.time_s,
            size_bytes=found.size_bytes,
            passages=pieces,
            title=found.path.name if found.kind not in OF_MANY else "",
        )

    def _keep(self, new: NewDocument) -> None:
        self._batch.append(new)
        self._batch_chars += sum(map(len, new.passages))
        if len(self._batch) >= _BATCH or self._batch_chars >= _BATCH_CHARS:
            self.flush()
