"""Mixing: the distribution that comes out, and what a person sees of it on the fake engine."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personal.learnt import Learnt
from personal.naive import Naive, plain
from running import Runner
from tecla.decode.adjust import Forbid, adjusted
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import GREEDY, Sampling
from tecla.engines.scores import NumpyScores
from tecla.errors import InvalidTextError, OptionError
from tecla.personal.base import BOUNDARY, Matched
from tecla.personal.mixed import mixed
from tecla.personal.mixing import Mixture, Opened
from tecla.personal.scan import Text, repeated
from tecla.personal.weights import FEATURES, Source, Weights
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
N_VOCAB = 40
BELIEVING = Weights.constant(0.9)
HALF = Weights.constant(0.5)

tokens = st.lists(st.integers(0, 5), max_size=30)


def some_weights(draw_bias: float, length: float, count: float) -> Weights:
    gate = (draw_bias, length, 0.0, count, 0.0, 1.0, 0.3, 0.2)
    assert len(gate) == len(FEATURES)
    return Weights((("user", gate), ("collection", gate), ("document", gate)))


weighted = st.builds(some_weights, st.floats(-6, 6), st.floats(-2, 2), st.floats(-2, 2))


def by_definition(
    logits: np.ndarray, weights: Weights, found: Sequence[tuple[Source, Sequence[Matched]]]
) -> np.ndarray:
    """P by the recursion of `weights.py`, in double precision."""
    values = logits.astype(np.float64)
    share = np.exp(values - values.max())
    share /= share.sum()
    for source, levels in found:
        gates = weights.gate(source, levels) if levels else None
        for at in range(len(levels) - 1, -1, -1):
            assert gates is not None
            own = np.zeros_like(share)
            own[levels[at].ids] = levels[at].counts / levels[at].count
            share = (1 - gates[at]) * share + gates[at] * own
    return share


@given(tokens, st.lists(tokens, max_size=4), tokens, weighted, st.integers(0, 1 << 30))
@settings(max_examples=150)
def test_the_mixed_distribution_is_the_formula_and_sums_to_1(
    text: list[int],
    documents: list[list[int]],
    others: list[int],
    weights: Weights,
    seed: int,
) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (1, N_VOCAB)).astype(np.float32)
    asked = (BOUNDARY, *text)
    found: list[tuple[Source, Sequence[Matched]]] = [
        ("collection", Naive(documents).matches(asked)),
        ("user", Naive([others]).matches(asked)),
        ("document", repeated(np.array(text, dtype=np.int32))),
    ]
    wanted = by_definition(logits[0], weights, found)
    here = mixed(weights, found)
    scores = NumpyScores(logits.copy())
    if here is None:
        assert not any(levels for _, levels in found)
        return
    assert math.isclose(here.kept + float(here.own.sum()), 1.0, abs_tol=1e-9)
    scores.add(0, here.ids, here.changes(scores.gather(0, here.ids)))
    got = np.exp(scores.gather(0, None).astype(np.float64))
    assert math.isclose(float(got.sum()), 1.0, abs_tol=1e-4)
    np.testing.assert_allclose(got, wanted, atol=2e-6)


@given(tokens)
def test_what_the_text_repeats_is_what_counting_finds(text: list[int]) -> None:
    found = repeated(np.array(text, dtype=np.int32))
    wanted = Naive([text]).matches(text) if text else []
    assert plain(found) == plain(wanted)


@given(tokens, tokens, tokens)
def test_a_text_that_grows_is_the_same_array(
    one: list[int], more: list[int], other: list[int]
) -> None:
    text = Text()
    for each in (one, [*one, *more], other, one):
        assert text.array(each).tolist() == each


def ask(text: str, mixture: Mixture | None, header: str = "", **options: object) -> Completed:
    runner = Runner(FakeEngine(TOKENIZER), TOKENIZER)
    adjust = () if mixture is None else (mixture,)
    asked = {"sampling": GREEDY, "stopping": Stopping(max_tokens=6), **options}
    request = Request(Context(text, "", header), adjust=adjust, **asked)  # type: ignore[arg-type]
    return runner.complete([request])[0]


def learnt(
    *texts: str, kind: Source = "user", weights: Weights = BELIEVING, **more: object
) -> Mixture:
    return Mixture(((kind, Learnt(texts)),), weights=weights, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["user", "collection"])
def test_what_was_learnt_is_suggested(kind: Source) -> None:
    mixture = learnt("see the artificial helper", kind=kind)
    assert ask("I think, see the art", mixture).continuations[0].text.startswith("ificial help")
    assert not ask("I think, see the art", None).continuations[0].text.startswith("ificial help")


def test_what_documents_begin_with_is_suggested_to_an_empty_text() -> None:
    mixture = learnt("hello is the helper", above="Some header, ours")
    assert ask("", mixture, "Some header, ours").continuations[0].text.startswith("hello")


def test_the_text_itself_is_a_source() -> None:
    mixture = Mixture(weights=BELIEVING)
    text = "Agustín would think. Then Agu"
    assert ask(text, mixture).continuations[0].text.startswith("stín would")


def test_what_stands_above_is_not_the_text() -> None:
    text, header = "would I hel", "the hello there"
    with_header = ask(text, Mixture(weights=BELIEVING), header)
    without = ask(text, Mixture(weights=BELIEVING, above=header), header)
    plain = ask(text, None, header)
    assert with_header.continuations != plain.continuations
    assert without.continuations == plain.continuations


@pytest.mark.parametrize(
    "sampling", [GREEDY, Sampling(temperature=1.0, seed=3)], ids=["greedy", "sampled"]
)
def test_where_nothing_matches_nothing_changes(sampling: Sampling) -> None:
    text = "the future of artif"
    mixture = Mixture((("user", Learnt(("ありがとう",))),), document=False, weights=BELIEVING)
    assert ask(text, mixture, sampling=sampling) == ask(text, None, sampling=sampling)


def test_a_source_without_a_gate_is_not_mixed_in() -> None:
    mixture = learnt("the future of artificial", weights=Weights())
    assert ask("the future of artif", mixture) == ask("the future of artif", None)


def test_probabilities_are_those_of_the_mixed_distribution() -> None:
    """Nothing is typed yet, and a document began with one token; what no one spells is left out."""
    new, first = "hel", {"n": 3, "tolerance": 0.0, "stopping": Stopping(max_tokens=1)}
    assert TOKENIZER.start_id is not None
    scores = FakeEngine(TOKENIZER).eval([Feed(0, [TOKENIZER.start_id], 1)])

    def by_model(text: str) -> float:
        ids = np.array(TOKENIZER.encode(text.encode()), dtype=np.int32)
        assert len(ids) == 1
        return math.exp(float(scores.gather(0, ids)[0]))

    plain_best = ask("", None, **first).continuations[0]
    spelt = by_model(plain_best.text) / plain_best.probability
    best = ask("", learnt(new, weights=HALF, levels=1), **first).continuations[0]
    assert best.text == new
    wanted = (0.5 * by_model(new) + 0.5) / (0.5 * spelt + 0.5)
    assert math.isclose(best.probability, wanted, rel_tol=1e-4)


def test_what_is_forbidden_stays_forbidden() -> None:
    runner = Runner(FakeEngine(TOKENIZER), TOKENIZER)
    mixture = learnt("the future of artificial helper")
    for adjust in ((Forbid(("ificial",)), mixture), (mixture, Forbid(("ificial",)))):
        request = Request(
            Context("the future of art"), GREEDY, stopping=Stopping(max_tokens=4), adjust=adjust
        )
        found = runner.complete([request])[0]
        assert found.continuations
        assert not any("ificial" in each.text for each in found.continuations)
        assert not any(math.isnan(each.probability) for each in found.continuations)


def test_scores_of_others_stay_as_they_were() -> None:
    ids = TOKENIZER.encode(b"the future of artificial")
    scores = NumpyScores(np.zeros((1, len(TOKENIZER.table)), dtype=np.float32))
    mixer = learnt("the future of artificial").build(TOKENIZER)
    changed, row = adjusted([mixer], ids[:-1], scores, 0)
    assert float(changed.numpy()[row].max()) > 0
    assert not scores.numpy().any()


def test_a_mixture_is_a_value() -> None:
    one = learnt("the future", weights=BELIEVING)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert hash(again) == hash(one)
    assert "the future" not in repr(Mixture())


def test_matchers_are_opened_once_and_let_go() -> None:
    held = Learnt(("the future",))
    shelf = Opened(most=2)
    first = shelf.matcher(held, TOKENIZER)
    assert shelf.matcher(held, TOKENIZER) is first
    shelf.drop(held)
    again = shelf.matcher(held, TOKENIZER)
    assert again is not first
    for text in ("a", "b"):
        shelf.matcher(Learnt((text,)), TOKENIZER)
    assert shelf.matcher(held, TOKENIZER) is not again


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Mixture((("friend", Learnt(("a",))),)), OptionError),  # type: ignore[arg-type]
        (lambda: Mixture((("document", Learnt(("a",))),)), OptionError),
        (lambda: Mixture((("user", "a folder"),)), OptionError),  # type: ignore[arg-type]
        (lambda: Mixture(levels=0), OptionError),
        (lambda: Mixture(document=1), OptionError),  # type: ignore[arg-type]
        (lambda: Mixture(above="\ud800"), InvalidTextError),
    ],
    ids=["kind", "document", "held", "levels", "truth", "above"],
)
def test_what_cannot_be_mixed_is_refused(make: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()  # type: ignore[operator]
