"""The default embedding: wordllama's, one vector for every token, averaged.

Its weights and tokenizer lie inside its own package. They are found only when the package's folder
is given as the cache folder, and downloads are off, so nothing is ever fetched. Importing it and
reading the weights take about 0.6 s and 60 MB, so both wait until the first text.

The average is taken here rather than by the package, whose own pads every text of a batch to the
longest one and divides by the length of an empty text.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from tecla.errors import EmbeddingError
from tecla.retrieval.base import MOST_CHARS, Vectors, normalised

if TYPE_CHECKING:
    from wordllama import WordLlamaInference

_CONFIG: Final = "l2_supercat"
_DIM: Final = 256
_AT_ONCE = 256  # texts that are tokenised in one call


class StaticEmbedding:
    """wordllama's vectors of tokens, averaged over a text. Any thread may use it."""

    name = f"wordllama-{_CONFIG}-{_DIM}"
    dim = _DIM

    def __init__(self) -> None:
        """Nothing is loaded yet."""
        self._lock = threading.Lock()
        self._loaded: WordLlamaInference | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """`[texts, 256]`; see `Embedding`. Raises `EmbeddingError` if it cannot be loaded."""
        model = self._model()
        found = np.zeros((len(texts), _DIM), np.float32)  # [texts, dim]
        for start in range(0, len(texts), _AT_ONCE):
            cut = [text[:MOST_CHARS] for text in texts[start : start + _AT_ONCE]]
            for row, encoded in enumerate(
                model.tokenizer.encode_batch(cut, add_special_tokens=False), start
            ):
                if encoded.ids:
                    found[row] = model.embedding[encoded.ids].mean(axis=0)
        return normalised(found)

    def _model(self) -> WordLlamaInference:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded


def _load() -> WordLlamaInference:
    from pathlib import Path

    try:
        with _quiet_logging():
            import wordllama
            from wordllama import WordLlama
    except ImportError as error:
        raise EmbeddingError(
            f"the embedding wordllama needs the package {error.name!r}; install tecla[personal], "
            "or set embedding to off"
        ) from error
    folder = Path(wordllama.__file__).parent
    try:
        model = WordLlama.load(_CONFIG, cache_dir=folder, dim=_DIM, disable_download=True)
    except (OSError, ValueError) as error:
        raise EmbeddingError(
            "the weights inside the package wordllama cannot be read; install it again"
        ) from error
    model.tokenizer.no_padding()
    return model


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Undo what the import does to logging: a handler of its own for the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
