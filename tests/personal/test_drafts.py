"""Drafts: fewer steps, the same answer. On the fake engine, where a step takes 10 ms."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace

import pytest

from personal.learnt import Learnt
from running import Clock, Runner
from tecla.decode.drafting import Drafted
from tecla.decode.generation import Generation
from tecla.decode.request import Completed, EvalWork, Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.engines.scores import NumpyScores
from tecla.errors import AdjusterError, OptionError
from tecla.personal.drafts import Drafts
from tecla.personal.mixing import Mixture
from tecla.personal.weights import FEATURES, SOURCES, Weights
from tecla.scheduler.cost import StepCost
from tecla.scheduler.ticket import SessionKey
from tecla.text.base import Tokenizer
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
STEP_MS = 10.0
_EVEN = (2.0, *[0.0] * (len(FEATURES) - 1))  # every draft has the same confidence
SURE = Weights(Weights.constant(0.9).gates, tuple((source, _EVEN) for source in SOURCES))
PROMPT, SAYS = "I think, I would like", " to help the artificial helper"


class SteppingEngine(FakeEngine):
    """Every step takes the same time, however many tokens it has."""

    def __init__(self, clock: Clock, tokenizer: Tokenizer, **options: object) -> None:
        super().__init__(tokenizer, **options)  # type: ignore[arg-type]
        self.clock, self.step_ms = clock, STEP_MS

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        self.clock.pass_ms(self.step_ms)
        return super().eval(feeds)


def runner(**options: object) -> Runner:
    clock = Clock()
    found = Runner(SteppingEngine(clock, TOKENIZER, **options), TOKENIZER, clock=clock)
    for _ in range(200):
        found.scheduler.cost.observe(1, STEP_MS)
        found.scheduler.cost.observe(8, STEP_MS + 0.1)
    return found


def plain(completed: Completed) -> Completed:
    return replace(completed, work=EvalWork())


def drafts(*texts: str, mixes: bool = False) -> Drafts:
    sources = (("user", Learnt(texts)),) if texts else ()
    return Drafts(Mixture(sources, weights=SURE), mixes=mixes)  # type: ignore[arg-type]


def pair(request: Request | Generation, draft: Drafts, **options: object) -> list[Completed]:
    """The answers without drafts and with them."""
    return [
        runner(**options).complete([replace(request, draft=each)])[0]  # type: ignore[list-item]
        for each in (None, draft)
    ]


def test_what_was_learnt_is_verified_in_fewer_steps() -> None:
    request = Request(Context(PROMPT), GREEDY, stopping=Stopping(max_tokens=8))
    bias = saying(TOKENIZER, PROMPT, SAYS)
    without, with_drafts = pair(request, drafts(PROMPT + SAYS), bias=bias)
    assert plain(without) == plain(with_drafts)
    assert with_drafts.work.steps <= without.work.steps // 2
    assert with_drafts.work.evaluated_tokens == without.work.evaluated_tokens  # none in vain


def test_a_text_that_repeats_itself_drafts_from_itself() -> None:
    text = f"{PROMPT}{SAYS}. {PROMPT}"
    request = Request(Context(text), GREEDY, stopping=Stopping(max_tokens=8))
    without, with_drafts = pair(request, drafts(), bias=saying(TOKENIZER, text, SAYS))
    assert plain(without) == plain(with_drafts)
    assert with_drafts.work.steps < without.work.steps


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n": 3, "width": 3},
        {"n": 2, "width": 4, "depth": 3},
        {"n": 3, "spread_words": 1},
        {"sampling": Sampling(temperature=1.0, seed=5), "n": 3},
        {"sampling": Sampling(temperature=0.7, top_k=5, seed=5, repetition_penalty=1.2)},
        {"stopping": Stopping(max_tokens=9, min_next=0.2, min_probability=0.01)},
    ],
    ids=["greedy", "beam", "deep", "spread", "sampled", "penalty", "early"],
)
@pytest.mark.parametrize("text", ["the future of artif", "she would th", "", "I'll ", "see Agu"])
@pytest.mark.parametrize("mixes", [False, True], ids=["drafts", "mixed"])
def test_wrong_drafts_change_nothing(text: str, options: dict[str, object], mixes: bool) -> None:
    """What was learnt has little to do with what this model says."""
    learnt = drafts("the future of the hello", "she would think than the", "I'll help", mixes=mixes)
    adjust = (learnt.mixture,) if mixes else ()
    asked = {"sampling": GREEDY, "stopping": Stopping(max_tokens=7), "adjust": adjust, **options}
    request = Request(Context(text), **asked)  # type: ignore[arg-type]
    without, with_drafts = pair(request, learnt)
    assert plain(without) == plain(with_drafts)
    assert with_drafts.work.steps <= without.work.steps


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, seed=2)], ids=["0", "1"])
def test_generations_are_drafted_too(sampling: Sampling) -> None:
    request = Generation(PROMPT, sampling=sampling, max_tokens=8, n=2, logprobs=2)
    bias = saying(TOKENIZER, PROMPT, SAYS)
    without, with_drafts = pair(request, drafts(PROMPT + SAYS), bias=bias)
    assert plain(without) == plain(with_drafts)
    assert with_drafts.work.steps < without.work.steps


WRONG = drafts(PROMPT + " to help than the future")


def test_nothing_is_left_of_what_was_drafted_in_vain() -> None:
    asked = runner(bias=saying(TOKENIZER, PROMPT, SAYS))
    asked.complete([Request(Context(PROMPT), GREEDY, Stopping(max_tokens=7), draft=WRONG)])
    counters = asked.scheduler.counters()
    assert counters["drafted_tokens"] > counters["drafted_in_vain"] > 0
    assert not any(position.pins for position in asked.scheduler.memory._all())


def test_a_session_keeps_no_scores_of_what_was_drafted_in_vain() -> None:
    kept = []
    for draft in (None, WRONG):
        asked = runner(bias=saying(TOKENIZER, PROMPT, SAYS))
        request = Request(Context(PROMPT), GREEDY, Stopping(max_tokens=7), draft=draft)
        ticket = asked.submit(request, session=SessionKey(1, ""))
        asked.run(ticket)
        kept.append(asked.scheduler.counters()["kept_rows"])
    assert kept[0] == kept[1]


def test_where_a_token_costs_as_much_as_a_step_nothing_is_drafted() -> None:
    asked = runner()
    for _ in range(500):
        asked.scheduler.cost.observe(1, STEP_MS)
        asked.scheduler.cost.observe(8, 8 * STEP_MS)
    bias = drafts(PROMPT + SAYS)
    asked.complete([Request(Context(PROMPT), GREEDY, stopping=Stopping(max_tokens=4), draft=bias)])
    assert "drafted_tokens" not in asked.scheduler.counters()


def test_drafts_go_first_when_the_time_is_up() -> None:
    """A step with a draft would end behind the deadline; one without it does not."""
    asked = runner(bias=saying(TOKENIZER, PROMPT, SAYS))
    request = Request(
        Context(PROMPT), GREEDY, stopping=Stopping(max_tokens=8), draft=drafts(PROMPT + SAYS)
    )
    ticket = asked.submit(request, deadline_ms=STEP_MS - 1)
    asked.step()
    assert "drafted_tokens" not in asked.scheduler.counters()
    asked.run(ticket)


@pytest.mark.parametrize(
    ("probability", "sharing", "is_worth"),
    [(0.9, 1, True), (0.05, 1, False), (0.8, 64, False)],
    ids=["likely", "unlikely", "shared"],
)
def test_a_draft_must_save_more_than_it_costs(
    probability: float, sharing: int, is_worth: bool
) -> None:
    cost = StepCost()
    for _ in range(500):
        cost.observe(1, 10.0)
        cost.observe(9, 18.0)
    assert cost.saves(probability, sharing) is is_worth


class Failing:
    """Builds a drafter that fails."""

    def build(self, tokenizer: Tokenizer) -> Failing:
        return self

    def draft(self, tokens: Sequence[int], most: int, *, greedy: bool) -> Sequence[Drafted]:
        raise RuntimeError("nothing to say")


def test_a_drafter_that_fails_fails_its_request_alone() -> None:
    asked = runner()
    bad = asked.submit(Request(Context("the future of"), draft=Failing()))
    good = asked.submit(Request(Context("she would"), stopping=Stopping(max_tokens=3)))
    asked.run(bad, good)
    with pytest.raises(AdjusterError, match="drafter failed"):
        bad.answer.result()
    assert good.answer.result().continuations


@pytest.mark.parametrize("draft", ["text", Drafts, 3], ids=["text", "class", "number"])
def test_what_drafts_nothing_is_refused(draft: object) -> None:
    with pytest.raises(OptionError, match="draft"):
        Request(Context("a"), draft=draft)  # type: ignore[arg-type]


def test_drafts_are_a_value() -> None:
    one = drafts("the future")
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(one) == hash(drafts("the future"))
    with pytest.raises(OptionError):
        Drafts(Mixture(weights=SURE), mixes=1)  # type: ignore[arg-type]
