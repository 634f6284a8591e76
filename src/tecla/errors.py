"""Every error tecla raises on purpose, and what each becomes outside Python.

    TeclaError
    ├── InputError (also ValueError)   the caller's text or options
    │   ├── InvalidTextError           text that is no text: a lone surrogate
    │   ├── OptionError                an option outside its range
    │   ├── PromptTooLongError         `max_length` leaves no room for output
    │   ├── TooLargeError              more than a server takes at once
    │   ├── UnknownSessionError        a session that a server does not hold
    │   ├── UnknownDocumentError       nothing was learnt from what is named
    │   └── AdjusterError              an adjuster given with a request failed
    ├── ConfigError (also ValueError)  a setting from the environment or a file
    ├── ModelError                     a model that cannot be loaded
    │   ├── UnknownModelError          a name that resolves to nothing
    │   ├── ModelFormatError           a file that is truncated, foreign or altered
    │   ├── UnsupportedModelError      a model of a kind that cannot complete text here
    │   └── ModelTooLargeError         more memory needed than there is
    ├── EngineError                    a fault while a model runs
    │   ├── EngineLimitError           a slot, batch or context limit was passed
    │   ├── KVFullError                no KV memory left; nothing was evaluated
    │   ├── StaleScoresError           a score handle used after the next `eval`
    │   └── EngineFailedError          the engine broke down under a request
    ├── OverloadedError                too many requests wait; come again later
    │   └── RateLimitedError           one caller asks more than it may
    ├── RequestTimeoutError            a request that was not sent to its end in time
    ├── AccessError                    a server does not serve this caller
    │   ├── UnauthorizedError          no key, or one that is none, ended or revoked
    │   ├── ForbiddenError             a key without the scope, or an origin that is not allowed
    │   └── QuotaError                 a key has all that may be learnt for it
    ├── StoreError                     what is kept on disk cannot be read or written
    │   ├── StoreFormatError           a file that is damaged, foreign or incomplete
    │   ├── StoreVersionError          a file that a newer tecla has written
    │   ├── StoreKeyError              an encrypted file, and not its key
    │   ├── StoreFullError             no room on the disk; what was kept is still there
    │   └── StoreBusyError             another thread or process does not let go of the file
    ├── EmbeddingError                 what makes vectors of texts failed
    ├── RecordingError                 a system that is measured ended before it was
    └── PeerError                      a system that tecla is compared with failed
        └── PeerMissingError           such a system, or what it needs, is not installed

A message gives the value, the limit and the remedy, never the user's text. Each class
has a stable `code`; `OUTSIDE` is the one place that maps codes to an exit status, an
HTTP status and a JSON-RPC error number.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, NamedTuple


class TeclaError(Exception):
    """Base of all errors that tecla raises on purpose."""

    code: ClassVar[str] = "internal"


class InputError(TeclaError, ValueError):
    """The caller's text or options cannot be used."""

    code = "bad_input"


class InvalidTextError(InputError):
    """The text is not valid Unicode text."""

    code = "invalid_text"


class OptionError(InputError):
    """An option is outside its range or contradicts another."""

    code = "bad_option"


class PromptTooLongError(InputError):
    """The prompt alone reaches the explicit `max_length`."""

    code = "prompt_too_long"


class TooLargeError(InputError):
    """A text or message is larger than the server takes."""

    code = "too_large"


class UnknownSessionError(InputError):
    """The server holds no text of this session, or not any more."""

    code = "unknown_session"


class UnknownDocumentError(InputError):
    """Nothing was learnt from what is named, or not for this caller."""

    code = "unknown_document"


class AdjusterError(InputError):
    """An adjuster that was given with a request cannot be built, or failed at work."""

    code = "adjuster_failed"


class ConfigError(TeclaError, ValueError):
    """A setting is unknown, unparseable or outside its range."""

    code = "bad_config"


class ModelError(TeclaError):
    """A model cannot be loaded."""

    code = "model_error"


class UnknownModelError(ModelError):
    """A model name resolves to no model on this machine."""

    code = "unknown_model"


class ModelFormatError(ModelError):
    """A model file is truncated, damaged, altered or of a foreign format."""

    code = "model_format"


class UnsupportedModelError(ModelError):
    """The model is of a kind that this engine cannot complete text with."""

    code = "model_unsupported"


class ModelTooLargeError(ModelError):
    """The model needs more memory than the machine has."""

    code = "model_too_large"


class EngineError(TeclaError):
    """A fault while a model runs."""

    code = "engine_error"


class EngineLimitError(EngineError):
    """A slot, batch or context limit was passed; nothing was evaluated."""

    code = "engine_limit"


class KVFullError(EngineError):
    """The KV memory has no room for the batch; nothing was evaluated."""

    code = "kv_full"


class StaleScoresError(EngineError):
    """A score handle was used after the next `eval` overwrote its memory."""

    code = "stale_scores"


class EngineFailedError(EngineError):
    """The engine broke down, or was closed, while the request was at work or waiting."""

    code = "engine_failed"


class OverloadedError(TeclaError):
    """Too many requests wait; `retry_after_ms` says when to try again."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_ms: float) -> None:
        """`message` for people, `retry_after_ms` for programs."""
        super().__init__(message)
        self.retry_after_ms = retry_after_ms

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled with what `args` do not hold."""
        return partial(type(self), retry_after_ms=self.retry_after_ms), self.args


class RateLimitedError(OverloadedError):
    """One caller asks more often, or for more at once, than it may."""

    code = "rate_limited"


class RequestTimeoutError(TeclaError):
    """A client did not send its request to the end in time."""

    code = "request_timeout"


class AccessError(TeclaError):
    """The server does not serve this caller."""

    code = "no_access"


class UnauthorizedError(AccessError):
    """No key was given, or one that is none, has ended or was revoked."""

    code = "unauthorized"


class ForbiddenError(AccessError):
    """The key does not have the scope, or the page's origin is not allowed."""

    code = "forbidden"


class QuotaError(AccessError):
    """A key would have more learnt than it may; nothing of it was kept."""

    code = "quota_exceeded"


class StoreError(TeclaError):
    """What is kept on disk cannot be read or written."""

    code = "store_error"


class StoreFormatError(StoreError):
    """The file is damaged, incomplete or no store of tecla's; it is left as it is."""

    code = "store_format"


class StoreVersionError(StoreError):
    """The file was written by a newer tecla; it is left as it is."""

    code = "store_version"


class StoreKeyError(StoreError):
    """The file is encrypted, and its key is missing, is another one or cannot be read."""

    code = "store_key"


class StoreFullError(StoreError):
    """The disk takes no more; nothing that was kept before is lost."""

    code = "store_full"


class StoreBusyError(StoreError):
    """Another thread or process held the file for too long; the same call may work later."""

    code = "store_busy"


class EmbeddingError(TeclaError):
    """An embedding that was named in the settings gave no vectors, or wrong ones."""

    code = "embedding_failed"


class RecordingError(TeclaError):
    """A system that is measured ended early; what is recorded of it stays."""

    code = "recording_failed"


class PeerError(TeclaError):
    """A system that tecla is compared with broke down, or did not answer in time."""

    code = "peer_failed"


class PeerMissingError(PeerError):
    """A system that tecla is compared with is not installed; a run leaves it out."""

    code = "peer_missing"


class Outside(NamedTuple):
    """What an error is called outside Python."""

    exit_status: int
    http_status: int
    jsonrpc: int


OUTSIDE: dict[str, Outside] = {
    "internal": Outside(1, 500, -32603),
    "bad_input": Outside(2, 400, -32602),
    "invalid_text": Outside(2, 400, -32602),
    "bad_option": Outside(2, 400, -32602),
    "prompt_too_long": Outside(2, 400, -32602),
    "too_large": Outside(2, 413, -32602),
    "unknown_session": Outside(2, 404, -32602),
    "unknown_document": Outside(2, 404, -32602),
    "adjuster_failed": Outside(2, 400, -32602),
    "bad_config": Outside(2, 500, -32602),
    "model_error": Outside(3, 503, -32001),
    "unknown_model": Outside(3, 404, -32001),
    "model_format": Outside(3, 503, -32001),
    "model_unsupported": Outside(3, 503, -32001),
    "model_too_large": Outside(3, 503, -32001),
    "engine_error": Outside(1, 500, -32002),
    "engine_limit": Outside(1, 500, -32002),
    "kv_full": Outside(1, 503, -32002),
    "stale_scores": Outside(1, 500, -32002),
    "engine_failed": Outside(1, 503, -32002),
    "overloaded": Outside(1, 429, -32003),
    "rate_limited": Outside(1, 429, -32003),
    "request_timeout": Outside(1, 408, -32003),
    "no_access": Outside(1, 403, -32007),
    "unauthorized": Outside(1, 401, -32007),
    "forbidden": Outside(1, 403, -32007),
    "quota_exceeded": Outside(1, 403, -32007),
    "store_error": Outside(1, 500, -32006),
    "store_format": Outside(3, 500, -32006),
    "store_version": Outside(3, 500, -32006),
    "store_key": Outside(3, 500, -32006),
    "store_full": Outside(1, 507, -32006),
    "store_busy": Outside(1, 503, -32006),
    "embedding_failed": Outside(1, 502, -32008),
    "recording_failed": Outside(1, 500, -32005),
    "peer_failed": Outside(1, 502, -32004),
    "peer_missing": Outside(3, 503, -32004),
}
