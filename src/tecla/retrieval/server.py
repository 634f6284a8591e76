"""An embedding that a server makes: any that speaks OpenAI's `embeddings`, such as llama-server.

The texts of whoever asks go to that server, so it is only ever one that was named in the settings,
and it is asked directly: proxies of the environment are left aside, redirects are not followed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from tecla.errors import EmbeddingError, OptionError
from tecla.retrieval.base import MOST_CHARS, Vectors, normalised

_AT_ONCE: Final = 32  # texts of one request
_MOST_BYTES: Final = 64 << 20  # of an answer
_WAIT_S: Final = 60.0


class ServerEmbedding:
    """Vectors of a model behind an address. Any thread may use it."""

    def __init__(self, address: str, *, wait_s: float = _WAIT_S) -> None:
        """`address` reads `http://host:port/v1#model`; raises `OptionError` for any other."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.fragment:
            raise OptionError(
                f"embedding is {address!r}; the address of a server reads http://host:port/v1#model"
            )
        self.name = address
        self._url = parts._replace(
            path=f"{parts.path.rstrip('/')}/embeddings", fragment=""
        ).geturl()
        self._model, self._wait_s = parts.fragment, wait_s
        self._lock = threading.Lock()
        self._dim = 0

    @property
    def dim(self) -> int:
        """Asked of the server once. Raises `EmbeddingError`."""
        with self._lock:
            if not self._dim:
                self._dim = self._ask(["."]).shape[1]
            return self._dim

    def embed(self, texts: Sequence[str]) -> Vectors:
        """`[texts, dim]`; see `Embedding`. Raises `EmbeddingError` for no or a wrong answer."""
        found = np.zeros((len(texts), self.dim), np.float32)  # [texts, dim]
        said = [row for row, text in enumerate(texts) if text.strip()]
        for start in range(0, len(said), _AT_ONCE):
            rows = said[start : start + _AT_ONCE]
            vectors = self._ask([texts[row][:MOST_CHARS] for row in rows])
            if vectors.shape[1] != self.dim:
                raise EmbeddingError(
                    f"the embedding server gave {vectors.shape[1]} numbers a text where it gave "
                    f"{self.dim} before; was its model changed? Name it anew in the settings"
                )
            found[rows] = vectors
        return normalised(found)

    def _ask(self, texts: list[str]) -> Vectors:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        body = json.dumps({"model": self._model, "input": texts}).encode()
        request = Request(self._url, body, {"Content-Type": "application/json"}, method="POST")
        try:
            opener = build_opener(ProxyHandler({}), Stay)
            with opener.open(request, timeout=self._wait_s) as answer:
                data = answer.read(_MOST_BYTES + 1)
        except HTTPError as error:
            error.close()
            raise EmbeddingError(
                f"the embedding server answered with status {error.code}; see its log"
            ) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise EmbeddingError(
                f"no answer from the embedding server ({type(reason).__name__}); start it, or set "
                "embedding to wordllama"
            ) from None
        except (HTTPException, ValueError) as error:  # the latter for an address sent elsewhere
            raise EmbeddingError(
                f"the embedding server's answer is broken ({type(error).__name__}); see its log, "
                "or set embedding to wordllama"
            ) from None
        if len(data) > _MOST_BYTES:
            raise EmbeddingError(
                f"the embedding server answered {len(texts)} texts with more than {_MOST_BYTES} "
                "bytes; name another model in the settings"
            )
        return _vectors(data, len(texts))


def _vectors(data: bytes, count: int) -> Vectors:
    """The vectors of an answer, in the order of the texts."""
    try:
        rows = sorted(json.loads(data)["data"], key=lambda row: row["index"])
        found = np.array([row["embedding"] for row in rows], np.float32)
        whole = [row["index"] for row in rows] == list(range(count))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        found, whole = np.zeros((0, 0), np.float32), False
    if not whole or found.ndim != 2 or not found.shape[1] or not np.isfinite(found).all():
        raise EmbeddingError(
            "the embedding server did not answer with one vector for each text; see its log, and "
            "that the model named in the settings is one for embeddings"
        )
    return found
