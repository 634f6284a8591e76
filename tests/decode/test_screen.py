"""What may not be shown is not explored, and the answer says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from decode.test_boundaries import PROMPT, TOKENIZER, bias
from running import Runner
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.fake import FakeEngine
from tecla.engines.sampling import GREEDY, Sampling
from tecla.text.context import Context


@dataclass
class Refuses:
    """A screen against some beginnings; counts what it is asked."""

    beginnings: tuple[str, ...]
    asked: int = 0

    def refuses(self, text: str) -> bool:
        self.asked += 1
        return text.startswith(self.beginnings)


def goes_on(tokens: Sequence[int]) -> dict[int, float]:
    """The ways of a text; it hardly ever ends."""
    return bias(tokens) | dict.fromkeys(TOKENIZER.end_ids, -50.0)


def ask(screen: Refuses | None, sampling: Sampling = GREEDY, n: int = 1) -> Completed:
    stopping = Stopping(max_tokens=12, max_words=4)
    request = Request(Context(PROMPT), sampling, stopping, n=n, tolerance=0, screen=screen)
    return Runner(FakeEngine(TOKENIZER, bias=goes_on), TOKENIZER).complete([request])[0]


def texts(found: Completed) -> list[str]:
    return [each.text for each in found.continuations]


def test_the_next_best_takes_the_place_and_probabilities_stay() -> None:
    usual, screened = ask(None, n=3), ask(Refuses((" art",)), n=2)
    assert texts(usual)[0].startswith(" art")
    assert texts(screened) == texts(usual)[1:]
    for one, other in zip(usual.continuations[1:], screened.continuations, strict=True):
        assert one.probability == other.probability


def test_a_branch_turns_where_it_would_go_on_to_what_is_refused() -> None:
    assert texts(ask(None))[0].startswith(" art of")
    (found,) = texts(ask(Refuses((" art of",))))
    assert found.startswith(" art")
    assert not found.startswith(" art of")


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, seed=3)])
def test_nothing_is_said_where_everything_is_refused(sampling: Sampling) -> None:
    screen = Refuses(("",))
    found = ask(screen, sampling)
    assert found.continuations == ()
    assert found.silence == "screened"
    assert screen.asked < 100


@pytest.mark.parametrize("seed", range(5))
def test_no_sample_begins_with_what_is_refused(seed: int) -> None:
    sampling = Sampling(temperature=2.0, seed=seed)
    screen = Refuses((" th", " a", " of"))
    for text in texts(ask(screen, sampling, n=4)):
        assert not text.startswith(screen.beginnings)


def test_a_branch_ends_behind_its_last_whole_word_where_all_that_follows_is_refused() -> None:
    class Short(Refuses):
        def refuses(self, text: str) -> bool:
            return not " art of".startswith(text)

    (found,) = texts(ask(Short(())))
    assert found == " art"
