"""Documents in a SQLite file: who has which, and their passages. Asking: `sqlite_search.py`.

Everything is read page by page, as feedback is: an open reader would keep the log from being cut,
and with it what somebody asked to be erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import apsw

from tecla.errors import InputError
from tecla.store.documents import (
    MOST_PASSAGES,
    OF_FEEDBACK,
    Document,
    Hit,
    NewDocument,
    Passage,
    VectorModel,
    check_source,
)
from tecla.store.owners import Owner
from tecla.store.ranking import words_of
from tecla.store.sqlite_derived import next_number, note_purge
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_rows import SqlValue, fetched, first
from tecla.store.sqlite_search import PASSAGE, SqliteSearch, owner_of, passage_of

_PAGE_DOCUMENTS: Final = 500
_PAGE_PASSAGES: Final = 200
_DOCUMENT: Final = (
    "documents.id, owners.kind, owners.name, documents.source, documents.kind, documents.digest,"
    " documents.time_s, documents.size_bytes, documents.language, documents.title,"
    " documents.passages, documents.chars, documents.learnt_s"
)
_FROM: Final = "documents JOIN owners ON owners.id = documents.owner"


class SqliteDocuments:
    """`DocumentBook` in the file."""

    def __init__(self, file: SqliteFile, clock: Callable[[], float]) -> None:
        self._file, self._clock, self._search = file, clock, SqliteSearch(file)

    def put(self, documents: Iterable[NewDocument]) -> list[Document]:
        """Keep all of them."""
        given = list(documents)
        if not given:
            return []
        with self._file.writing() as connection:
            return [self._put(connection, each) for each in given]

    def _put(self, connection: apsw.Connection, new: NewDocument) -> Document:
        number = next_number(connection)
        connection.execute(
            "INSERT OR IGNORE INTO owners (kind, name, version, passages, words)"
            " VALUES (?, ?, ?, 0, 0)",
            (new.owner.kind, new.owner.name, number),
        )
        owner = owner_of(connection, new.owner)
        drop(connection, "owner = ? AND source = ?", (owner, new.source))
        counts = [len(words_of(text)) for text in new.passages]
        chars, learnt_s = sum(map(len, new.passages)), self._clock()
        row = (
            number, owner, new.source, new.kind, new.digest, float(new.time_s), new.size_bytes,
            new.language, new.title, len(new.passages), chars, sum(counts), learnt_s,
        )  # fmt: skip
        connection.execute(f"INSERT INTO documents VALUES ({', '.join('?' * len(row))})", row)
        connection.executemany(
            "INSERT INTO passages (document, owner, position, text) VALUES (?, ?, ?, ?)",
            ((number, owner, at, text) for at, text in enumerate(new.passages)),
        )
        connection.execute(
            "INSERT INTO words (rowid, owner, text)"
            " SELECT id, owner, text FROM passages WHERE document = ?",
            (number,),
        )
        connection.execute(
            "UPDATE owners SET version = ?, passages = passages + ?, words = words + ?"
            " WHERE id = ?",
            (number, len(new.passages), sum(counts), owner),
        )
        return Document(
            id=number, owner=new.owner, source=new.source, kind=new.kind, digest=new.digest,
            time_s=float(new.time_s), size_bytes=new.size_bytes, language=new.language,
            title=new.title, passages=len(new.passages), chars=chars, learnt_s=learnt_s,
        )  # fmt: skip

    def touch(self, owner: Owner, source: str, time_s: float) -> bool:
        """It was looked at, and has not changed."""
        check_source(source)
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE documents SET time_s = ? WHERE source = ? AND owner ="
                " (SELECT id FROM owners WHERE kind = ? AND name = ?)",
                (float(time_s), source, owner.kind, owner.name),
            )
            return connection.changes() > 0

    def remove(self, owner: Owner, sources: Iterable[str]) -> int:
        """Erase documents, to the last byte."""
        wanted = set(sources)
        for source in wanted:
            check_source(source)
        if not any(self.get(owner, source) for source in wanted):
            return 0
        with self._file.erasing() as connection:
            found = owner_of(connection, owner)
            gone = 0 if found is None else sum(
                drop(connection, "owner = ? AND source = ?", (found, source)) for source in wanted
            )  # fmt: skip
            if found is not None and gone:
                _changed(connection, found, note_purge(connection, owner))
            return gone

    def get(self, owner: Owner, source: str) -> Document | None:
        """The document of a source."""
        check_source(source)
        found = self._documents("documents.source = ?", owner, source)
        return found[0] if found else None

    def with_digest(self, owner: Owner, digest: bytes) -> list[Document]:
        """Those made of the same content."""
        return self._documents("documents.digest = ?", owner, digest)

    def _documents(self, where: str, owner: Owner, value: SqlValue) -> list[Document]:
        with self._file.reading() as connection:
            rows = fetched(
                connection,
                f"SELECT {_DOCUMENT} FROM {_FROM} WHERE {where} AND owners.kind = ?"
                " AND owners.name = ? ORDER BY documents.id",
                (value, owner.kind, owner.name),
            )
        return [self._document(row) for row in rows]

    def all(self, owners: Sequence[Owner] | None = None, *, since: int = 0) -> Iterator[Document]:
        """Those above `since`, `_PAGE_DOCUMENTS` of them in memory."""
        with self._file.reading() as connection:
            last = first(connection, "SELECT MAX(id) FROM documents") or 0
        return self._pages(None if owners is None else list(owners), since, last)

    def _pages(self, owners: list[Owner] | None, since: int, last: int) -> Iterator[Document]:
        after = since
        while True:
            with self._file.reading() as connection:
                among, values = "", list[SqlValue]()
                if owners is not None:
                    found = (owner_of(connection, each) for each in sorted(set(owners)))
                    values.extend(each for each in found if each is not None)
                    among = f" AND documents.owner IN ({', '.join('?' * len(values))})"
                rows = fetched(
                    connection,
                    f"SELECT {_DOCUMENT} FROM {_FROM} WHERE documents.id > ? AND documents.id <= ?"
                    f"{among} ORDER BY documents.id LIMIT {_PAGE_DOCUMENTS}",
                    (after, last, *values),
                )
            for row in rows:
                yield self._document(row)
            if len(rows) < _PAGE_DOCUMENTS:
                return
            after = rows[-1][0]

    def ids(self, owner: Owner) -> list[int]:
        """The ids of an owner's documents."""
        with self._file.reading() as connection:
            rows = fetched(
                connection,
                "SELECT id FROM documents WHERE owner ="
                " (SELECT id FROM owners WHERE kind = ? AND name = ?) ORDER BY id",
                (owner.kind, owner.name),
            )
        return [number for (number,) in rows]

    def owners(self) -> list[Owner]:
        """Everybody who has a document."""
        with self._file.reading() as connection:
            rows = fetched(connection, "SELECT kind, name FROM owners")
        return sorted(self._owner(kind, name) for kind, name in rows)

    def version(self, owner: Owner) -> int:
        """The counter at the last change."""
        statement = "SELECT version FROM owners WHERE kind = ? AND name = ?"
        with self._file.reading() as connection:
            return first(connection, statement, (owner.kind, owner.name)) or 0

    def passages(self, owner: Owner, *, since: int = 0) -> Iterator[Passage]:
        """By document, then by position, `_PAGE_PASSAGES` of them in memory."""
        with self._file.reading() as connection:
            last = first(connection, "SELECT MAX(id) FROM documents") or 0
        return self._passages(owner, since, last)

    def _passages(self, owner: Owner, since: int, last: int) -> Iterator[Passage]:
        document, position = since, MOST_PASSAGES
        while True:
            with self._file.reading() as connection:
                rows = fetched(
                    connection,
                    f"SELECT {PASSAGE} FROM owners"
                    " JOIN documents ON documents.owner = owners.id"
                    " JOIN passages ON passages.document = documents.id"
                    " WHERE owners.kind = ? AND owners.name = ? AND documents.id <= ?"
                    " AND (documents.id, passages.position) > (?, ?) AND documents.id >= ?"
                    f" ORDER BY documents.id, passages.position LIMIT {_PAGE_PASSAGES}",
                    (owner.kind, owner.name, last, document, position, document),
                )
            for row in rows:
                yield passage_of(self._file.path, row)
            if len(rows) < _PAGE_PASSAGES:
                return
            document, position = rows[-1][1], rows[-1][5]

    def passages_of(self, document: int) -> list[Passage]:
        """The passages of one document."""
        with self._file.reading() as connection:
            rows = fetched(
                connection,
                f"SELECT {PASSAGE} FROM passages JOIN documents ON documents.id = passages.document"
                " JOIN owners ON owners.id = passages.owner"
                " WHERE passages.document = ? ORDER BY passages.position",
                (document,),
            )
        return [passage_of(self._file.path, row) for row in rows]

    def by_words(self, text: str, owners: Sequence[Owner], *, limit: int = 10) -> list[Hit]:
        """By BM25."""
        return self._search.by_words(text, owners, limit)

    def by_vector(
        self, vector: Sequence[float], owners: Sequence[Owner], *, limit: int = 10
    ) -> list[Hit]:
        """By cosine."""
        return self._search.by_vector(vector, owners, limit)

    def vector_model(self) -> VectorModel | None:
        """What made the vectors."""
        return self._search.vector_model()

    def use_vectors_of(self, model: VectorModel) -> None:
        """Drops all vectors if it is another."""
        self._search.use_vectors_of(model)

    def without_vector(self, *, limit: int = 1000) -> list[Passage]:
        """The oldest first."""
        return self._search.without_vector(limit)

    def put_vectors(self, model: VectorModel, vectors: Mapping[int, Sequence[float]]) -> int:
        """Keep vectors."""
        return self._search.put_vectors(model, vectors)

    def check(self) -> None:
        """Read all through; raises `StoreFormatError` where parts contradict one another."""
        for document in self.all():
            passages = self.passages_of(document.id)
            if (len(passages), sum(len(each.text) for each in passages)) != (
                document.passages,
                document.chars,
            ):
                raise damaged(self._file.path)
        self._search.check()

    def _document(self, row: tuple[Any, ...]) -> Document:
        number, kind, name, source, form, digest, time_s, size, language, title, *rest = row
        passages, chars, learnt_s = rest
        try:
            return Document(
                id=int(number), owner=Owner(kind, name), source=source, kind=form,
                digest=bytes(digest), time_s=float(time_s), size_bytes=int(size),
                language=language, title=title, passages=int(passages), chars=int(chars),
                learnt_s=float(learnt_s),
            )  # fmt: skip
        except (InputError, TypeError, ValueError):
            raise damaged(self._file.path) from None

    def _owner(self, kind: Any, name: Any) -> Owner:
        try:
            return Owner(kind, name)
        except InputError:
            raise damaged(self._file.path) from None


def forget(connection: apsw.Connection, owner: Owner) -> None:
    """Every document of an owner, and the owner; notes the purge."""
    found = owner_of(connection, owner)
    if found is not None:
        drop(connection, "owner = ?", (found,))
        connection.execute("DELETE FROM owners WHERE id = ?", (found,))
    note_purge(connection, owner)


def forget_feedback(connection: apsw.Connection, owner: Owner) -> None:
    """Every document that was made of text of an owner's events; notes the purge."""
    number, found = note_purge(connection, owner), owner_of(connection, owner)
    if found is not None and drop(connection, "owner = ? AND kind = ?", (found, OF_FEEDBACK)):
        _changed(connection, found, number)


def _changed(connection: apsw.Connection, owner: int, number: int) -> None:
    """The owner's documents are others now, or there is none left."""
    connection.execute("UPDATE owners SET version = ? WHERE id = ?", (number, owner))
    connection.execute(
        "DELETE FROM owners WHERE id = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM documents WHERE owner = ?1)",
        (owner,),
    )


def forget_all(connection: apsw.Connection) -> None:
    """Every document of everybody; notes the purge."""
    connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
    for table in ("vectors", "passages", "documents", "owners"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM facts WHERE name IN ('vector model', 'dimension')")
    note_purge(connection, None)


def drop(connection: apsw.Connection, where: str, values: tuple[SqlValue, ...]) -> int:
    """Delete documents with all that hangs on them; how many there were."""
    rows = fetched(
        connection, f"SELECT id, owner, passages, words FROM documents WHERE {where}", values
    )
    for number, owner, passages, words in rows:
        # The index of words is told the text it is to take out, as it holds none itself.
        connection.execute(
            "INSERT INTO words (words, rowid, owner, text)"
            " SELECT 'delete', id, owner, text FROM passages WHERE document = ?",
            (number,),
        )
        connection.execute(
            "DELETE FROM vectors WHERE passage IN (SELECT id FROM passages WHERE document = ?)",
            (number,),
        )
        connection.execute("DELETE FROM passages WHERE document = ?", (number,))
        connection.execute("DELETE FROM documents WHERE id = ?", (number,))
        connection.execute(
            "UPDATE owners SET passages = passages - ?, words = words - ? WHERE id = ?",
            (passages, words, owner),
        )
    return len(rows)
