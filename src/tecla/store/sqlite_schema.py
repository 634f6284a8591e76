"""The tables of the SQLite store, as the steps that made them. Steps are added, never changed."""

from __future__ import annotations

from typing import Final

from tecla.store.migrations import Migration

APPLICATION: Final = 0x7E61_5702  # in the file's header: a store of tecla's, and no other file

MIGRATIONS: Final = (
    Migration(
        "feedback, and consent to keep its text",
        (
            # What was promised and is not done yet, such as erasing to the last byte.
            "CREATE TABLE unfinished (task TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE consents (user TEXT PRIMARY KEY, since_s REAL NOT NULL) WITHOUT ROWID",
            # Texts are bytes: a NUL in them is a character like any other. AUTOINCREMENT, so
            # that ids go up for ever and reading page by page misses nothing.
            """
            CREATE TABLE feedback (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                kind TEXT NOT NULL,
                suggestion TEXT NOT NULL,
                time_s REAL NOT NULL,
                user TEXT NOT NULL,
                source TEXT NOT NULL,
                collection TEXT,
                language TEXT,
                typed_chars INTEGER,
                words_before INTEGER,
                raw_probability REAL NOT NULL,
                calibrated_probability REAL,
                shown_chars INTEGER NOT NULL,
                shown_words INTEGER NOT NULL,
                accepted_chars INTEGER NOT NULL,
                accepted_words INTEGER NOT NULL,
                saved_keys INTEGER NOT NULL,
                text_before BLOB,
                text_suggested BLOB
            )
            """,
            "CREATE INDEX feedback_by_user ON feedback (user)",
            "CREATE INDEX feedback_by_suggestion ON feedback (suggestion)",
        ),
    ),
    Migration(
        "settings of users and collections",
        (
            """
            CREATE TABLE settings (
                owner_kind TEXT NOT NULL,
                owner TEXT NOT NULL,
                key TEXT NOT NULL,
                value TEXT NOT NULL,
                PRIMARY KEY (owner_kind, owner, key)
            ) WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        "keys of programs that may ask a server",
        (
            """
            CREATE TABLE keys (
                id TEXT PRIMARY KEY,
                name TEXT NOT NULL,
                scopes TEXT NOT NULL,
                digest BLOB NOT NULL,
                created_s REAL NOT NULL,
                per_second REAL,
                concurrent INTEGER,
                chars INTEGER,
                expires_s REAL,
                revoked_s REAL
            ) WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        "documents, and what is to be purged of the files derived from them",
        (
            "CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
            "INSERT INTO facts VALUES ('identity', lower(hex(randomblob(16)))), ('counter', 0)",
            # A name is that of derived files, '' those of everybody; never an owner's own.
            "CREATE TABLE purges (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID",
            # Owners with documents, and no others. Passages and words: how many they have.
            """
            CREATE TABLE owners (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                version INTEGER NOT NULL,
                passages INTEGER NOT NULL,
                words INTEGER NOT NULL,
                UNIQUE (kind, name)
            )
            """,
            """
            CREATE TABLE documents (
                id INTEGER PRIMARY KEY,
                owner INTEGER NOT NULL,
                source TEXT NOT NULL,
                kind TEXT NOT NULL,
                digest BLOB NOT NULL,
                time_s REAL NOT NULL,
                size_bytes INTEGER NOT NULL,
                language TEXT,
                title TEXT NOT NULL,
                passages INTEGER NOT NULL,
                chars INTEGER NOT NULL,
                words INTEGER NOT NULL,
                learnt_s REAL NOT NULL
            )
            """,
            "CREATE UNIQUE INDEX documents_by_source ON documents (owner, source)",
            "CREATE INDEX documents_by_digest ON documents (owner, digest)",
            "CREATE INDEX documents_by_owner ON documents (owner)",
            """
            CREATE TABLE passages (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                document INTEGER NOT NULL,
                owner INTEGER NOT NULL,
                position INTEGER NOT NULL,
                text TEXT NOT NULL
            )
            """,
            "CREATE INDEX passages_by_document ON passages (document, position)",
            # The owner is a word like any other, so that a query reads no list of others' passages.
            """
            CREATE VIRTUAL TABLE words USING fts5 (
                owner, text, content = 'passages', content_rowid = 'id',
                tokenize = "unicode61 remove_diacritics 2"
            )
            """,
            """
            CREATE TABLE vectors (
                passage INTEGER PRIMARY KEY,
                owner INTEGER NOT NULL,
                vector BLOB NOT NULL
            )
            """,
            "CREATE INDEX vectors_by_owner ON vectors (owner)",
        ),
    ),
    Migration(
        "marks of suggestions that were left, taken back or accepted",
        (
            "CREATE TABLE marks (event INTEGER PRIMARY KEY, digest BLOB NOT NULL,"
            " weight REAL NOT NULL)",
            # Whatever deletes an event deletes its mark.
            "CREATE TRIGGER marks_go AFTER DELETE ON feedback"
            " BEGIN DELETE FROM marks WHERE event = old.id; END",
        ),
    ),
)
