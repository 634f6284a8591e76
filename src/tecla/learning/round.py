"""One round of learning: what was known when it began, what is put, what is to go.

Knows neither folders nor rules: it is given the files that are there, in order, and the sources
that are gone. A text is kept of one file of its owner's. Where it stands in a file of many texts as
well, that file gets a document without passages for it, so that it is read again, though it has
not changed, once nobody is certain to keep the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from tecla.learning.base import PASSING, Left, ReadingOptions, Reason, UnreadableError
from tecla.learning.cleaning import cleaned
from tecla.learning.duplicates import REPEATING_KINDS, Paragraphs, digest_of
from tecla.learning.kinds import OF_MANY
from tecla.learning.passages import passages
from tecla.learning.reading import Reading
from tecla.learning.redaction import redacted
from tecla.learning.sources import TEXT_DIGEST_BYTES, file_of, recipe_of, text_source
from tecla.learning.summary import Summary
from tecla.learning.walking import Found
from tecla.store.documents import Document, DocumentBook, NewDocument
from tecla.store.owners import Owner

_BATCH: Final = 500  # texts of one transaction at most
_BATCH_CHARS: Final = 2_000_000


class _Text(NamedTuple):
    text: str
    digest: bytes


class Round:
    """What one round does to an owner's documents. gone: sources that `forget` erases."""

    def __init__(
        self,
        documents: DocumentBook,
        owner: Owner,
        reading: Reading,
        options: ReadingOptions,
        known: Mapping[str, Document],
        summary: Summary,
        *,
        dry: bool,
    ) -> None:
        """`known` are all documents of the owner by their source; `summary` is added to."""
        self._documents, self._owner, self._dry = documents, owner, dry
        self._reading, self._options, self._recipe = reading, options, recipe_of(options)
        self._known, self._summary = known, summary
        self._by_digest = {
            bytes(each.digest[:TEXT_DIGEST_BYTES]): each.source
            for each in known.values()
            if each.passages
        }
        self._put_now: dict[bytes, str] = {}
        self._put_sources: set[str] = set()
        self._in_round: set[str] = set()  # files that are there, and are read if they have changed
        self._of_file: dict[str, list[str]] = {}
        self._elsewhere_of: dict[str, list[bytes]] = {}  # by file: its texts that another has
        for source, each in known.items():
            path = file_of(source)
            self._of_file.setdefault(path, []).append(source)
            if path != source and not each.passages:
                digest = bytes(each.digest[:TEXT_DIGEST_BYTES])
                self._elsewhere_of.setdefault(path, []).append(digest)
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
        path = str(found.path)
        head = self._known.get(path)
        others = self._elsewhere_of.get(path, ())
        if (
            head is not None
            and self._is_same(head, found)
            and all(self._is_elsewhere(digest, path) for digest in others)
        ):
            self._summary.unchanged += 1
            return
        self._to_come.discard(path)
        try:
            if found.kind in OF_MANY:
                self._many(found, head)
            else:
                self._one(found, head)
        except UnreadableError as unreadable:
            self._summary.skip(found.path, unreadable.reason, unreadable.columns)
            if unreadable.reason not in PASSING and path in self._of_file:
                self.gone.update(self._of_file[path])
                self._summary.forgotten += 1

    def flush(self) -> None:
        """Keep what has come together."""
        if self._batch and not self._dry:
            self._documents.put(self._batch)
        self._batch, self._batch_chars = [], 0

    def forget(self) -> None:
        """Erase what is gone."""
        if self._dry:
            return
        if self.gone:
            self._documents.remove(self._owner, sorted(self.gone))
        if self._late:
            self._documents.put(self._late)

    def _is_same(self, head: Document, found: Found) -> bool:
        return (
            head.size_bytes == found.size_bytes
            and head.time_s == found.time_s
            and bytes(head.digest[TEXT_DIGEST_BYTES:]) == self._recipe
        )

    def _one(self, found: Found, head: Document | None) -> None:
        """A file that is one text (or pieces of one that is very long)."""
        texts = [each for each in self._texts(found) if each.text]
        text = "\n\n".join(each.text for each in texts)
        if not text:
            raise UnreadableError("no_text")
        digest = digest_of(text)
        is_known = head is not None and bytes(head.digest) == digest + self._recipe
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
        others: dict[str, bytes] = {}  # texts that are kept of other files
        whole = hashlib.sha256()
        reason: Reason = "no_text"
        for each in self._texts(found):
            source = text_source(path, each.digest)
            whole.update(each.digest)
            if source in here or source in others or not each.text:
                continue
            if self._is_kept(source, each.digest) and not self._is_put(each.digest, path):
                here.add(source)
                continue
            if self._is_elsewhere(each.digest, path):
                self._summary.left_out["same"] += 1
                reason = "same"
                others[source] = each.digest
                continue
            text = self._once(found, each.text, source, here)
            if not text:
                continue
            here.add(source)
            self._put(found, source, text, each.digest)
        if not here:
            raise UnreadableError(reason)
        for source, digest in others.items():
            self._put_elsewhere(found, source, digest)
        stale = set(self._of_file.get(path, ())) - here - others.keys() - {path}
        self.gone |= stale
        self._summary.files += 1
        done = self._document(found, path, (), whole.digest())
        if stale:
            self._late.append(done)
        else:
            self._keep(done)

    def _texts(self, found: Found) -> Iterator[_Text]:
        """The texts of a file as they may be learnt, with the digest of each."""
        for each in self._reading.texts(found.path, found.kind, self._options):
            if isinstance(each, Left):
                self._summary.left_out[each.reason] += each.count
                continue
            text, removed = redacted(cleaned(each))
            self._summary.redacted.update(removed)
            yield _Text(text, digest_of(text))

    def _is_kept(self, source: str, digest: bytes) -> bool:
        """Whether a source was known with this text, read as it is now."""
        known = self._known.get(source)
        return known is not None and known.passages > 0 and known.digest == digest + self._recipe

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
        by_document = groupby(self._documents.passages(self._owner), lambda each: each.document)
        for document, pieces in by_document:
            if document in wanted:
                held = list(pieces)
                yield held[0].source, "".join(each.text for each in held)

    def _put(self, found: Found, source: str, text: str, digest: bytes) -> None:
        self._summary.texts += 1
        self._summary.chars += len(text)
        self._summary.words += len(text.split())
        self._put_now[digest] = source
        self.gone.discard(source)
        self._replace(self._document(found, source, tuple(passages(text)), digest))

    def _put_elsewhere(self, found: Found, source: str, digest: bytes) -> None:
        """Say of a text of this file that it is kept of another."""
        known = self._known.get(source)
        if known is None or known.passages or known.digest != digest + self._recipe:
            self._replace(self._document(found, source, (), digest))

    def _replace(self, new: NewDocument) -> None:
        self._put_sources.add(new.source)
        self._drop_old(new.source)
        self._keep(new)

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
            owner=self._owner,
            source=source,
            kind=found.kind,
            digest=digest + self._recipe,
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
