"""Asking a system at every caret, and the file that keeps what it said.

The person's text is at every caret a beginning of the reference, whoever types it and whatever
is accepted. So a system is asked once at every caret, in typing order, and every typist, every
threshold and every curve is computed from the records, without asking again.

The file is one line of settings and one line for each passage. A line is written whole, in one
call at the end of the file; what a kill tore is a last line without its break, and is cut off
when recording goes on. Records of other settings are refused by name: nothing mixes.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import psutil

from tecla.errors import ConfigError
from tecla.evaluate.answers import Answer, Offer, Record, parse_records, record_line
from tecla.evaluate.corpora import Passage
from tecla.evaluate.metrics import Scored, text_nats
from tecla.predict.base import Budget, Predictor
from tecla.text.context import Context

_FORMAT: Final = 1
Settings = Mapping[str, Any]


class Work(Protocol):
    """What an answer cost a model."""

    @property
    def evaluated_tokens(self) -> int:
        """Tokens evaluated for this answer alone."""
        ...


@runtime_checkable
class Working(Protocol):
    """A predictor that says what its last answer cost."""

    @property
    def work(self) -> Work:
        """The cost of the last answer."""
        ...


def ask(predictor: Predictor, passage: Passage, budget: Budget) -> Record:
    """The answers at every caret of a passage, in typing order."""
    processes = _processes()
    cpu_s = _cpu_s(processes)
    answers = []
    for at in range(len(passage.text)):
        context = Context(passage.lead + passage.text[:at], header=passage.header)
        started = time.perf_counter()
        candidates = predictor.predict(context, budget)
        latency_ms = (time.perf_counter() - started) * 1000
        tokens = predictor.work.evaluated_tokens if isinstance(predictor, Working) else None
        answers.append(Answer(tuple(map(Offer.of, candidates)), latency_ms, tokens))
    cpu_s = _cpu_s(processes) - cpu_s
    peak_bytes = _peak_bytes(processes)
    nats = text_nats(predictor, passage) if isinstance(predictor, Scored) else None
    return Record(passage, tuple(answers), cpu_s, peak_bytes, nats)


def settings_hash(settings: Settings) -> str:
    """A hash of settings, whatever their order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


class RecordFile:
    """The records of one system on one corpus; one process writes at a time."""

    def __init__(self, path: Path, settings: Settings) -> None:
        """Open or begin the file; raises `ConfigError` for records of other settings."""
        self.path = path
        self._settings = dict(settings)
        if path.is_file():
            self._cut_torn_line()
        if path.is_file() and path.stat().st_size:
            self._check()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            head = {"tecla_records": _FORMAT, "hash": settings_hash(settings)}
            path.write_text(json.dumps({**head, "settings": self._settings}) + "\n", "utf-8")

    def read(self, passages: Sequence[Passage]) -> dict[str, Record]:
        """The records of these passages that are there, by passage id."""
        with self.path.open(encoding="utf-8", newline="\n") as lines:
            next(lines)
            return parse_records(lines, passages)

    def append(self, record: Record) -> None:
        """Write one record to the disk."""
        data = (record_line(record) + "\n").encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            while data:  # one call, but on a full disk
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _cut_torn_line(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)

    def _check(self) -> None:
        with self.path.open(encoding="utf-8", newline="\n") as lines:
            first = next(lines)
        try:
            head = json.loads(first)
            known = head["tecla_records"] == _FORMAT
            there, recorded = head["settings"], head["hash"]
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise ConfigError(
                f"{str(self.path)!r} holds no records of this version; choose another folder"
            )
        if recorded != settings_hash(self._settings):
            names = there.keys() | self._settings.keys()
            changed = sorted(name for name in names if there.get(name) != self._settings.get(name))
            raise ConfigError(
                f"{str(self.path)!r} was recorded with another {', '.join(changed)}; choose "
                "another folder, or delete the file to record it anew"
            )


def _processes() -> list[psutil.Process]:
    """This process and those it has started."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    own = time.process_time()
    times = [each.cpu_times() for each in processes[1:] if each.is_running()]
    return own + float(sum(each.user + each.system for each in times))


def _peak_bytes(processes: Sequence[psutil.Process]) -> int:
    """The most this process held, and what its children hold now."""
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return own + sum(int(each.memory_info().rss) for each in processes[1:] if each.is_running())
