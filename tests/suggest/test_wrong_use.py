"""What callers do wrong hangs nobody, harms no other request and replaces no file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tecla import Suggester
from tecla.decode.adjust import Change, Forbid, TokenBias
from tecla.engines.base import Scores
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.errors import (
    AdjusterError,
    EngineError,
    EngineFailedError,
    InvalidTextError,
    OptionError,
)
from tecla.models.info import ModelInfo
from tecla.text.base import Tokenizer

TOKENIZER = FakeTokenizer()


@pytest.fixture
def suggester(fake_info: ModelInfo) -> Iterator[Suggester]:
    with Suggester(LoadedModel(FakeEngine(TOKENIZER), TOKENIZER, fake_info)) as opened:
        yield opened


class NeverBuilt:
    """An adjustment that fails while it is built."""

    def build(self, tokenizer: Tokenizer) -> Any:
        raise KeyError("table")


class Failing:
    """An adjuster that fails at its third position."""

    def __init__(self) -> None:
        self.calls = 0

    def build(self, tokenizer: Tokenizer) -> Any:
        return self

    def change(self, tokens: Sequence[int], scores: Scores, row: int) -> Change | None:
        self.calls += 1
        if self.calls >= 3:
            raise ZeroDivisionError("nothing")
        return None


@pytest.mark.parametrize(
    "adjust",
    [[3], "no", [Forbid], 3, [None], [Forbid(("a",)), "b"]],
    ids=["number", "text", "class", "no sequence", "None", "second"],
)
def test_what_is_no_adjustment_is_refused(suggester: Suggester, adjust: Any) -> None:
    with pytest.raises(OptionError, match="adjust"):
        suggester.suggest("the", adjust=adjust)
    assert suggester.counters()["restarts"] == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Forbid((5,)), "must be a str"),  # type: ignore[arg-type]  # that is the point
        (lambda: Forbid("text"), "must hold a tuple"),  # type: ignore[arg-type]
        (lambda: Forbid(("",)), "is empty"),
        (lambda: TokenBias((5, 1.0)), r"holds 5; it must hold \(id, value\) pairs"),  # type: ignore[arg-type]
        (lambda: TokenBias((("a", 1.0),)), "token id is 'a'"),  # type: ignore[arg-type]
        (lambda: TokenBias(((1, "b"),)), "bias is 'b'"),  # type: ignore[arg-type]
        (lambda: TokenBias(((-1, 1.0),)), "token id is -1"),
    ],
)
def test_adjustments_check_what_they_are_made_of(make: Any, said: str) -> None:
    with pytest.raises((OptionError, InvalidTextError), match=said):
        make()


@pytest.mark.parametrize("adjustment", [NeverBuilt(), Failing()], ids=["built", "at work"])
def test_an_adjuster_that_fails_fails_its_request_alone(
    suggester: Suggester, adjustment: Any
) -> None:
    with ThreadPoolExecutor(4) as pool:
        others = [
            pool.submit(suggester.suggest, f"the {n}", deadline_ms=None, max_tokens=20)
            for n in range(3)
        ]
        with pytest.raises(AdjusterError, match=r"KeyError|ZeroDivisionError"):
            suggester.suggest("the future", adjust=[adjustment], deadline_ms=None, max_tokens=20)
        assert all(other.result(30).tree.children for other in others)
    counted = suggester.counters()
    assert (counted["restarts"], counted["failed"], counted["pending"]) == (0, 1, 0)
    assert suggester.healthy


def test_a_scope_must_be_hashable(suggester: Suggester) -> None:
    with pytest.raises(OptionError, match=r"scope is \[1\]"):
        suggester.session(scope=[1])  # type: ignore[arg-type]


def test_what_is_no_request_is_refused(suggester: Suggester) -> None:
    with pytest.raises(OptionError, match="str is no Request"):
        suggester.complete(["the"])  # type: ignore[list-item]
    with pytest.raises(OptionError, match="str is no Request"):
        suggester.stream("the")  # type: ignore[arg-type]


@pytest.mark.parametrize("deadline_ms", [float("inf"), float("nan"), 10**400])
def test_a_deadline_is_finite(suggester: Suggester, deadline_ms: float) -> None:
    with pytest.raises(OptionError, match="must be a finite number"):
        suggester.suggest("the", deadline_ms=deadline_ms)


def test_an_interrupt_gives_the_request_up(suggester: Suggester) -> None:
    """Ctrl-C in the main thread, as a signal, while a long answer is being made."""

    def ask_for_ever() -> None:
        while True:
            suggester.suggest("the future", deadline_ms=None, max_tokens=400)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(0.05, signal.raise_signal, (signal.SIGINT,))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        ask_for_ever()
    interrupt.join()
    suggester.counters()  # what was given up is answered by the step behind this
    assert suggester.counters()["pending"] == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told(suggester: Suggester) -> None:
    """The child has the memory of this process but not the engine's thread."""
    suggester.suggest("the", deadline_ms=None)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            suggester.suggest("the")
        except EngineFailedError as error:
            status = 0 if "forked" in str(error) else 2
        finally:
            suggester.close()
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert suggester.suggest("the", deadline_ms=None).tree.children


@pytest.mark.slow
def test_a_program_that_closes_nothing_ends_well() -> None:
    program = (
        "import sys\n"
        "from tecla import Suggester\n"
        "suggester = Suggester.open()\n"
        "text = 'She said that she would ' * 200\n"  # the model is at work when the program ends
        "answer = suggester.session().begin(text, deadline_ms=None)\n"
        "print(answer.done())\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "False\n", "")


def test_a_saved_session_is_private_and_replaces_files_only(
    suggester: Suggester, tmp_path: Path
) -> None:
    session = suggester.session()
    session.suggest("the future", deadline_ms=None)
    path = tmp_path / "saved"
    path.write_text("old")
    path.chmod(0o644)
    assert session.save(path) == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe")
    for wrong in (tmp_path / "pipe", tmp_path, "", ".", "a\0b", None, 5, tmp_path / "no" / "file"):
        with pytest.raises(OptionError, match="cannot save to"):
            session.save(wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="cannot save to"):
        session.save(tmp_path / ("x" * 253))
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["home", "pipe", "saved"]


def test_what_cannot_be_restored_is_named(suggester: Suggester, tmp_path: Path) -> None:
    session = suggester.session()
    (tmp_path / "foreign").write_bytes(b"no saved session")
    with pytest.raises(EngineError, match=r"foreign.*; ask as usual"):
        session.restore(tmp_path / "foreign")
    for wrong in (tmp_path / "none", tmp_path, "a\0b", None):
        with pytest.raises(OptionError, match="cannot restore from"):
            session.restore(wrong)  # type: ignore[arg-type]
