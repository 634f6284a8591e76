"""What is made of documents for the model of the settings: their index, and its traces.

The tokenizer is loaded when it is first needed, without the model's weights. Where the model cannot
be had nothing is indexed: whoever writes with a model brings its index up to date anyhow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import typer

from tecla.closing import Closing
from tecla.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from tecla.settings import Settings
    from tecla.store.owners import Owner
    from tecla.store.sqlite import SqliteStore
    from tecla.text.base import Tokenizer

_LEAST_TOKENS: Final = 4  # in a row that are worth looking for
_MOST_TOKENS: Final = 6
_WIDTHS: Final = ("u2", "u4", "i8")


class Indexing(Closing):
    """Indexes that follow a store, for one tokenizer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = ExitStack()
        self._tokenizer: Tokenizer | None = None

    def follow(self, store: SqliteStore, owner: Owner) -> None:
        """Throw away what is to be, and bring the owner's index up to date."""
        from tecla.personal.following import bring_up_to_date

        root = self.purge(store)
        try:
            tokenizer = self.tokenizer()
        except ModelError as error:
            typer.echo(f"not indexed before a model is used: {error}", err=True)
            return
        bring_up_to_date(root, store, owner, tokenizer)

    def purge(self, store: SqliteStore) -> Path:
        """Throw away what was forgotten; the folder of the indexes."""
        from tecla.personal.following import finish_purges, folder_beside

        root = folder_beside(store.path)
        finish_purges(root, store)
        return root

    def tokenizer(self) -> Tokenizer:
        """That of the model of the settings; raises `ModelError`."""
        from tecla.engines.factory import tokenizer_of

        if self._tokenizer is None:
            self._tokenizer = self._open.enter_context(tokenizer_of(self._settings))
        return self._tokenizer

    def spell(self, piece: str) -> Iterable[bytes]:
        """The token ids of a piece of text as an index may hold them; none without a tokenizer."""
        try:
            tokenizer = self.tokenizer()
        except ModelError:
            return ()
        return set(_forms(tokenizer, piece))

    def close(self) -> None:
        """Let go of the tokenizer; safe to call twice."""
        self._tokenizer = None
        self._open.close()


def _forms(tokenizer: Tokenizer, piece: str) -> Iterator[bytes]:
    """Ids in every width and order, but for the first and last, which the text around changes."""
    import numpy as np

    ids = list(tokenizer.encode(tokenizer.text_prefix + f" {piece}".encode()))[2:-1][:_MOST_TOKENS]
    if len(ids) < _LEAST_TOKENS:
        return
    for way in (ids, ids[::-1]):
        for width in _WIDTHS:
            if max(ids) <= np.iinfo(width).max:
                for order in "<>":
                    yield np.array(way, order + width).tobytes()
