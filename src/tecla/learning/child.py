"""The process that reads files: one request a line on standard input, texts on standard output.

Files come from anywhere, and the libraries that read them are large, some of them native. So they
work in a process that can lose nothing: it may be ended at any moment, its memory has a limit, it
keeps no file, and Python refuses it every connection and every program (an audit hook, which cannot
be taken away again). What it says is JSON, one object a line:

    {"ready": true}                        it has begun
    {"text": ...}                          the next text of the file
    {"left": reason, "count": number}      texts that were left out
    {"end": null}                          nothing more
    {"end": reason, "columns": [...]}      why not; the columns that it has, where those are why

Run as a module: `python -m tecla.learning.child`. `reading.py` is the other end of the line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from tecla.learning.base import Left, Limits, ReadingOptions, Reason, UnreadableError
from tecla.learning.kinds import most_bytes, reader_of

_REFUSED: Final = (
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree", "os.kill",
    "ftplib.connect", "urllib.Request", "http.client.connect",
)  # fmt: skip
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Answer requests until standard input ends."""
    out = os.fdopen(os.dup(1), "wb")  # what libraries print is not taken for an answer
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    logging.disable(logging.CRITICAL)
    sys.addaudithook(_refuse)
    _say(out, {"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        limits = Limits(**request["limits"])
        options = ReadingOptions(tuple(request["columns"]), tuple(request["senders"]), limits)
        _limit_memory(limits.memory_bytes)
        _say(out, _answer(Path(request["path"]), request["kind"], options, out))


def read(path: Path, kind: Any, options: ReadingOptions) -> Iterator[str | Left]:
    """The texts of a file within the limits; raises `UnreadableError`."""
    limits = options.limits
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > most_bytes(kind, limits):
                raise UnreadableError("too_large")
            chars = 0
            for found in reader_of(kind)(file, options):
                if isinstance(found, Left):
                    yield found
                    continue
                chars += len(found)
                if chars > limits.file_chars:
                    raise UnreadableError("too_large")
                for start in range(0, len(found), limits.text_chars):
                    yield found[start : start + limits.text_chars]
    except OSError as error:
        raise UnreadableError("unreadable") from error


def _answer(path: Path, kind: Any, options: ReadingOptions, out: BinaryIO) -> dict[str, object]:
    """Tell the texts of a file; what is to be said last."""
    left: Left | None = None
    try:
        for found in read(path, kind, options):
            if isinstance(found, Left):
                if left is not None and left.reason == found.reason:
                    left = Left(left.reason, left.count + found.count)
                    continue
                _tell(out, left)
                left = found
            else:
                _say(out, {"text": found})
    except UnreadableError as unreadable:
        return _ended(unreadable.reason, unreadable.columns)
    except MemoryError:
        return _ended("too_much_memory")
    except RecursionError:
        return _ended("damaged")
    except ImportError:
        return _ended("not_installed")
    except BrokenPipeError:
        raise
    except Exception:  # a library's own; a file is never worth the others
        return _ended("broke_down")
    finally:
        _tell(out, left)
    return {"end": None}


def _ended(reason: Reason, columns: Sequence[str] = ()) -> dict[str, object]:
    return {"end": reason, "columns": columns}


def _tell(out: BinaryIO, left: Left | None) -> None:
    if left is not None:
        _say(out, {"left": left.reason, "count": left.count})


def _say(out: BinaryIO, message: dict[str, object]) -> None:
    out.write(json.dumps(message).encode("ascii") + b"\n")  # lone surrogates are written as \uXXXX
    out.flush()


def _limit_memory(more_bytes: int) -> None:
    """So much more than now; nothing where the system does not say or does not limit."""
    import resource

    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        now = pages * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        wanted = now + more_bytes
        if most == resource.RLIM_INFINITY or wanted < most:
            resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what no reader needs."""
    if event in _REFUSED or (event == "open" and _is_writing(arguments)):
        raise PermissionError(f"a reader of files may not {event}")


def _is_writing(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & _WRITING)


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        main()
