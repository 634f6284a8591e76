"""The process that records one system on one corpus, and its parent's side.

A system gets a process of its own, so that CPU seconds and peak memory are its own and a native
crash ends one recording. The parent writes the job as JSON to its standard input; it prints a line
of JSON for each passage recorded, or one with the error's code and message. It keeps the record
file itself: whatever happens to the parent, what is recorded is on disk.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tecla.errors import OUTSIDE, PeerMissingError, RecordingError, TeclaError
from tecla.evaluate.corpora import Passage
from tecla.evaluate.record import RecordFile, ask
from tecla.predict.base import Budget, Predictor
from tecla.predict.unrepeated import Unrepeated
from tecla.text.context import Context

OPENER: Final = "tecla.evaluate.systems:open_system"
_WARM_UP: Final = "The weather is"


@dataclass(frozen=True, slots=True)
class Job:
    """What one process records.

    opener: `module:function` that opens a spec. unrepeated: offer nothing twice within a word.
    """

    path: str
    settings: Mapping[str, Any]
    spec: str
    budget: Budget
    passages: Sequence[Passage]
    opener: str = OPENER
    unrepeated: bool = False


def record(job: Job) -> Iterator[int]:
    """Record in a process of its own what is not there yet; the characters of each passage done.

    Raises `PeerMissingError` for a peer that is not installed, else `RecordingError` with the
    reason.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tecla.evaluate.recorder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(asdict(job)))
        process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "error" in said:
                missing = said["code"] == PeerMissingError.code
                raise PeerMissingError(said["error"]) if missing else RecordingError(said["error"])
            yield int(said["chars"])
        if status := process.wait():
            raise RecordingError(f"the process of {job.spec!r} ended with status {status}")
    except BrokenPipeError:
        raise RecordingError(f"the process of {job.spec!r} ended at once") from None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _run(job: Job, say: Callable[[dict[str, Any]], None]) -> None:
    file = RecordFile(Path(job.path), job.settings)
    done = file.read(job.passages)
    left = [passage for passage in job.passages if passage.id not in done]
    if not left:
        return
    module, _, function = job.opener.partition(":")
    predictor: Predictor = getattr(importlib.import_module(module), function)(job.spec)
    if job.unrepeated:
        predictor = Unrepeated(predictor)
    try:
        predictor.predict(Context(_WARM_UP), job.budget)
        for passage in left:
            file.append(ask(predictor, passage, job.budget))
            say({"chars": len(passage.text)})
    finally:
        predictor.close()


def _job(data: dict[str, Any]) -> Job:
    budget = Budget(**data.pop("budget"))
    passages = [Passage(**each) for each in data.pop("passages")]
    return Job(budget=budget, passages=passages, **data)


def main() -> int:
    """Record the job on standard input."""
    output = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is not for the parent

    def say(line: dict[str, Any]) -> None:
        output.write(json.dumps(line) + "\n")
        output.flush()

    try:
        _run(_job(json.load(sys.stdin)), say)
    except BrokenPipeError:
        return 1  # the parent is gone
    except TeclaError as error:
        say({"error": str(error), "code": error.code})
        return OUTSIDE[error.code].exit_status
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}", "code": TeclaError.code})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
