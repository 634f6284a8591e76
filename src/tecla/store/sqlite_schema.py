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
)
