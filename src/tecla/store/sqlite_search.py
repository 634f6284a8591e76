"""Passages found by words and by vectors, in a SQLite file.

*Words.* FTS5 finds the passages and how often they have each word; how rare a word is among the
passages of the owners that are asked is counted first, and BM25 with those counts is a function in
Python that FTS5 calls for each row (`ranking.py` says why not FTS5's own). The owner is a word of
each row, so lists of other owners' passages are not read.

*Vectors.* A row each, compared by sqlite-vec's cosine one after the other. Its own table type
(`vec0`) is up to twice as fast, but must know the dimension when it is made and takes memory by the
thousand vectors for every owner; decision 18 has the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast
from weakref import WeakSet

import apsw

from tecla.errors import InputError
from tecla.store.documents import Hit, Passage, VectorModel, check_limit
from tecla.store.owners import Owner
from tecla.store.ranking import score, terms_of, weights
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_rows import SqlValue, fetched, first
from tecla.store.vectors import as_vector, check_model

PASSAGE: Final = (
    "passages.id, passages.document, owners.kind, owners.name, documents.source,"
    " passages.position, passages.text"
)
_PASSAGES: Final = (
    "passages JOIN documents ON documents.id = passages.document"
    " JOIN owners ON owners.id = passages.owner"
)
_LIST: Final = 500  # numbers in one list of a statement


class SqliteSearch:
    """The asking half of `SqliteDocuments`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._ranking = WeakSet[apsw.Connection]()  # connections that have the function
        self._comparing = WeakSet[apsw.Connection]()  # those that have sqlite-vec

    def by_words(self, text: str, owners: Sequence[Owner], limit: int) -> list[Hit]:
        """Passages with words of the text, by BM25."""
        check_limit(limit)
        terms = terms_of(text)
        with self._file.reading() as connection:
            self._can_rank(connection)
            numbers, passages, words = _sums(connection, owners)
            if not passages or not terms:
                return []
            among = f"owner : ({_any_of(map(str, numbers))})"
            found = {
                term: first(
                    connection,
                    "SELECT count(*) FROM words WHERE words MATCH ?",
                    (f'{among} AND text : "{written}"',),
                )
                for term, written in terms.items()
            }
            weighed = weights(found, passages)
            if not weighed:
                return []
            rows = fetched(
                connection,
                f"SELECT rowid, tecla_rank(words, ?, ?{', ?' * len(weighed)}) AS score FROM words"
                " WHERE words MATCH ? ORDER BY score DESC, rowid LIMIT ?",
                (
                    len(numbers),
                    words / passages,
                    *weighed.values(),
                    f"{among} AND text : ({_any_of(terms[term] for term in weighed)})",
                    limit,
                ),
            )
            return self._hits(connection, rows)

    def by_vector(self, vector: Sequence[float], owners: Sequence[Owner], limit: int) -> list[Hit]:
        """The nearest passages, by cosine."""
        check_limit(limit)
        model = self.vector_model()
        if model is None:
            return []
        asked = as_vector(vector, model.dimension)
        with self._file.reading() as connection:
            self._can_compare(connection)
            numbers, _, _ = _sums(connection, owners)
            if not numbers or not asked.any():
                return []
            rows = fetched(
                connection,
                # A vector of zeros has no direction: its distance is no number.
                "SELECT passage, 1 - distance FROM"
                " (SELECT passage, vec_distance_cosine(vector, ?) AS distance FROM vectors"
                f" WHERE owner IN ({', '.join('?' * len(numbers))}))"
                " WHERE distance IS NOT NULL ORDER BY distance, passage LIMIT ?",
                (asked.tobytes(), *numbers, limit),
            )
            return self._hits(connection, rows)

    def vector_model(self) -> VectorModel | None:
        """What made the vectors."""
        with self._file.reading() as connection:
            return self._model(connection)

    def use_vectors_of(self, model: VectorModel) -> None:
        """Drops all vectors if it is another."""
        if self.vector_model() == model:
            return
        with self._file.writing() as connection:
            if self._model(connection) != model:
                connection.execute("DELETE FROM vectors")
                connection.execute(
                    "INSERT OR REPLACE INTO facts VALUES ('vector model', ?), ('dimension', ?)",
                    (model.name, model.dimension),
                )

    def without_vector(self, limit: int) -> list[Passage]:
        """The oldest first."""
        check_limit(limit)
        with self._file.reading() as connection:
            rows = fetched(
                connection,
                "SELECT id FROM passages WHERE NOT EXISTS"
                " (SELECT 1 FROM vectors WHERE vectors.passage = passages.id)"
                " ORDER BY document, position LIMIT ?",
                (limit,),
            )
            found = self._passages(connection, [number for (number,) in rows])
        return [found[number] for (number,) in rows if number in found]

    def put_vectors(self, model: VectorModel, vectors: Mapping[int, Sequence[float]]) -> int:
        """Keep vectors."""
        given = [
            (as_vector(vector, model.dimension).tobytes(), passage)
            for passage, vector in vectors.items()
        ]
        with self._file.writing() as connection:
            check_model(model, self._model(connection))
            before = connection.total_changes()
            connection.executemany(
                "INSERT OR REPLACE INTO vectors SELECT id, owner, ? FROM passages WHERE id = ?",
                given,
            )
            return connection.total_changes() - before

    def check(self) -> None:
        """Raise `StoreFormatError` where index, vectors and passages contradict one another."""
        with self._file.reading() as connection:
            model = self._model(connection)
            size = 0 if model is None else 4 * model.dimension
            wrong = first(
                connection,
                "SELECT (SELECT count(*) FROM words_docsize) <> (SELECT count(*) FROM passages)"
                " OR (SELECT count(*) FROM passages WHERE document NOT IN"
                " (SELECT id FROM documents)) <> 0"
                " OR EXISTS (SELECT 1 FROM vectors LEFT JOIN passages ON passages.id = passage"
                " WHERE passages.owner IS NOT vectors.owner OR length(vector) <> ?)"
                " OR EXISTS (SELECT 1 FROM owners WHERE (passages, words) IS NOT"
                " (SELECT sum(passages), sum(words) FROM documents WHERE owner = owners.id))",
                (size,),
            )
        if wrong:
            raise damaged(self._file.path)

    def _model(self, connection: apsw.Connection) -> VectorModel | None:
        facts = dict(fetched(connection, "SELECT name, value FROM facts"))
        if "vector model" not in facts:
            return None
        try:
            return VectorModel(facts["vector model"], facts["dimension"])
        except (InputError, KeyError, TypeError):
            raise damaged(self._file.path) from None

    def _hits(self, connection: apsw.Connection, rows: list[tuple[Any, ...]]) -> list[Hit]:
        found = self._passages(connection, [number for number, _ in rows])
        return [Hit(found[number], float(value)) for number, value in rows if number in found]

    def _passages(self, connection: apsw.Connection, numbers: list[int]) -> dict[int, Passage]:
        found = dict[int, Passage]()
        for start in range(0, len(numbers), _LIST):
            some = numbers[start : start + _LIST]
            rows = fetched(
                connection,
                f"SELECT {PASSAGE} FROM {_PASSAGES}"
                f" WHERE passages.id IN ({', '.join('?' * len(some))})",
                some,
            )
            found.update((row[0], passage_of(self._file.path, row)) for row in rows)
        return found

    def _can_rank(self, connection: apsw.Connection) -> None:
        if connection not in self._ranking:
            connection.register_fts5_function("tecla_rank", _rank)
            self._ranking.add(connection)

    def _can_compare(self, connection: apsw.Connection) -> None:
        if connection not in self._comparing:
            import sqlite_vec

            connection.enable_load_extension(True)
            connection.load_extension(sqlite_vec.loadable_path())
            connection.enable_load_extension(False)
            self._comparing.add(connection)


def passage_of(path: Path, row: tuple[Any, ...]) -> Passage:
    """A row of the columns `PASSAGE`."""
    number, document, kind, name, source, position, text = row
    if not isinstance(text, str) or not isinstance(source, str):
        raise damaged(path)
    try:
        return Passage(int(number), int(document), Owner(kind, name), source, int(position), text)
    except (InputError, TypeError, ValueError):
        raise damaged(path) from None


def owner_of(connection: apsw.Connection, owner: Owner) -> int | None:
    """The number of an owner with documents."""
    statement = "SELECT id FROM owners WHERE kind = ? AND name = ?"
    found = first(connection, statement, (owner.kind, owner.name))
    return None if found is None else int(found)


def _any_of(words: Iterable[str]) -> str:
    """An FTS5 query for any of some words; none of them holds a quote."""
    return " OR ".join(f'"{word}"' for word in words)


def _sums(connection: apsw.Connection, owners: Iterable[Owner]) -> tuple[list[int], int, int]:
    """The numbers of those with documents, and how many passages and words they have."""
    numbers, passages, words = [], 0, 0
    for owner in sorted(set(owners)):
        rows = fetched(
            connection,
            "SELECT id, passages, words FROM owners WHERE kind = ? AND name = ?",
            (owner.kind, owner.name),
        )
        for number, more_passages, more_words in rows:
            numbers.append(number)
            passages, words = passages + more_passages, words + more_words
    return numbers, passages, words


def _rank(api: apsw.FTS5ExtensionApi, *given: SqlValue) -> float:
    """BM25 of a row: the number of owners (as many phrases come first), average, weights."""
    owners, average, weighed = cast(int, given[0]), cast(float, given[1]), given[2:]
    places = api.phrase_locations  # in the owner's column, where none is, and in the text's
    counts = [len(places(owners + at)[1]) for at in range(len(weighed))]
    return score(counts, cast(Sequence[float], weighed), api.column_size(1), average)
