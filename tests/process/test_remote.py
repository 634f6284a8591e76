"""The default model in a process of its own: the same answers, and a death costs one restart."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tecla import Suggester
from tecla.errors import EngineFailedError, OptionError, UnknownModelError
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings
from tecla.process.remote import RemoteSession, RemoteSuggester
from tecla.settings import load
from tecla.suggest.options import SuggestOptions

pytestmark = pytest.mark.slow

TEXT = "Thank you for your"
WANTED: SuggestOptions = {"max_words": 2, "temperature": 0.0}


@pytest.fixture
def remote() -> Iterator[RemoteSuggester]:
    with RemoteSuggester.open(context_tokens=512) as suggester:
        yield suggester


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.01)


def texts(session: RemoteSession, before: str = TEXT, n: int = 2) -> list[str]:
    found = session.begin(before, deadline_ms=None, n=n, **WANTED).result(30)
    return [each.text for each in found.continuations]


def test_answers_are_those_of_a_thread(
    remote: RemoteSuggester, default_suggester: Suggester
) -> None:
    assert remote.info == default_suggester.info
    with remote.session(scope=("ana", 1)) as there, default_suggester.session() as here:
        for before in (TEXT, TEXT + " h", TEXT + " he", TEXT, "I would like to th"):
            wanted = here.begin(before, deadline_ms=None, n=2, **WANTED).result(30)
            found = there.begin(before, deadline_ms=None, n=2, **WANTED).result(30)
            assert [each.text for each in found.continuations] == [
                each.text for each in wanted.continuations
            ]
    assert remote.counters()["answered"] == 5
    assert remote.healthy
    assert remote.process_id is not None
    assert psutil.Process(remote.process_id).nice() > psutil.Process().nice()  # it gives way


def test_a_search_is_screened_there(remote: RemoteSuggester) -> None:
    with remote.session() as session:
        first = texts(session, n=1)[0].split()[0]
        filters = Filters(FilterOptions(deny=(first,)))
        screen = filters.screen(Surroundings(TEXT))
        found = session.begin(TEXT, deadline_ms=None, screen=screen, **WANTED).result(30)
        assert all(first not in each.text.split() for each in found.continuations)
        with pytest.raises(OptionError, match="in another process"):
            session.begin(TEXT, screen=lambda text: False)  # type: ignore[arg-type]
        with pytest.raises(OptionError, match="max_wordz"):
            session.begin(TEXT, max_wordz=3)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="closed"):
        session.begin(TEXT)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_death_fails_what_was_asked_and_costs_one_restart(
    remote: RemoteSuggester, how: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    with remote.session() as session:
        wanted = texts(session)
        process = remote.process_id
        assert process is not None
        os.kill(process, signal.SIGSTOP)  # so that the question is there when it dies
        asked = session.begin(TEXT + " ", deadline_ms=None, **WANTED)
        os.kill(process, how)
        os.kill(process, signal.SIGCONT)
        with pytest.raises(EngineFailedError, match=how.name):
            asked.result(30)
        until(lambda: remote.restarts == 1 and remote.healthy)
        assert texts(session) == wanted
        assert remote.process_id != process
    assert how.name in caplog.text


def test_without_an_engine_questions_fail_at_once(remote: RemoteSuggester) -> None:
    process = remote.process_id
    assert process is not None
    with remote.session() as session:
        os.kill(process, signal.SIGKILL)
        until(lambda: not remote.healthy)
        with pytest.raises(EngineFailedError, match="started again"):
            session.begin(TEXT)
        assert remote.counters()["restarts"] == 0
        until(lambda: remote.healthy)
        assert texts(session)


def test_one_that_hangs_is_killed() -> None:
    settings = load({"context_tokens": 512}).settings
    with RemoteSuggester(settings, ping_s=0.02, hang_s=0.3) as remote:
        process = remote.process_id
        assert process is not None
        os.kill(process, signal.SIGSTOP)
        until(lambda: remote.restarts == 1)
        assert remote.process_id != process


def test_it_ends_with_whoever_started_it(remote: RemoteSuggester) -> None:
    process = remote.process_id
    assert process is not None
    session = remote.session()
    remote.close()
    assert not Path(f"/proc/{process}").exists()
    assert remote.state == "closed"
    with pytest.raises(EngineFailedError, match="closed"):
        session.begin(TEXT)
    remote.close()


def test_a_model_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UnknownModelError, match="no-such-model"):
        RemoteSuggester.open("no-such-model")
