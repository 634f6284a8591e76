"""A transformers model in a process of its own: the answers of a thread, also after a death."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from process.test_remote import until
from tecla import Completed, Suggester
from tecla.decode.adjust import TokenBias
from tecla.decode.generation import Generation
from tecla.engines.sampling import Sampling
from tecla.errors import EngineFailedError
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings
from tecla.process.remote import RemoteSuggester
from tecla.suggest.options import SuggestOptions
from torch_opened import opened, settings_of

TEXT = "The train to the lake is la"
WANTED: SuggestOptions = {"max_words": 2, "temperature": 0.0, "n": 2}

LIMIT_S = 300.0  # PyTorch is long in coming where a process gives way to all others
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torch")


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Suggester]:
    """The same model on a thread of this process."""
    with opened(folder, "gpt2") as suggester:
        yield suggester


@pytest.fixture
def there(folder: Path, here: Suggester) -> Iterator[RemoteSuggester]:
    with RemoteSuggester(settings_of(folder, "gpt2")) as suggester:
        assert suggester.info == here.info
        yield suggester


def check_same(found: Future[Completed], wanted: Future[Completed]) -> None:
    """Texts with their probabilities; batches differ, and round another way."""
    here, there = (
        {each.text: each.probability for each in asked.result(LIMIT_S).continuations}
        for asked in (found, wanted)
    )
    assert here
    assert here == pytest.approx(there, rel=1e-3)


def check_all(here: Suggester, there: RemoteSuggester) -> None:
    with here.session() as own, there.session(scope=("ana", 1)) as session:
        for end in (8, 9, 15, len(TEXT), 20):
            asked = [each.begin(TEXT[:end], deadline_ms=None, **WANTED) for each in (session, own)]
            check_same(*asked)
        biased: dict[str, Any] = {"adjust": [TokenBias(((65, 9.0),))], **WANTED}
        check_same(*(each.begin(TEXT, deadline_ms=None, **biased) for each in (session, own)))
    by_seed = Generation(TEXT, sampling=Sampling(temperature=0.9, seed=5), n=2, logprobs=2)
    check_same(*(each.generate(by_seed).answer for each in (there, here)))


def test_answers_are_those_of_a_thread_also_after_a_death(
    here: Suggester, there: RemoteSuggester
) -> None:
    check_all(here, there)
    process = there.process_id
    assert process is not None
    with there.session() as session:
        os.kill(process, signal.SIGSTOP)  # so that the question is there when it dies
        asked = session.begin(TEXT, deadline_ms=None, **WANTED)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(EngineFailedError, match="SIGKILL"):
            asked.result(LIMIT_S)
        until(lambda: there.restarts == 1 and there.healthy, LIMIT_S)
        assert there.process_id != process
        check_all(here, there)
        found = session.begin(TEXT, deadline_ms=None, **WANTED).result(LIMIT_S).continuations
        first = found[0].text
        screen = Filters(FilterOptions(deny=(first.split()[0],))).screen(Surroundings(TEXT))
        screened = session.begin(TEXT, deadline_ms=None, screen=screen, **WANTED).result(LIMIT_S)
        assert first not in [each.text for each in screened.continuations]
