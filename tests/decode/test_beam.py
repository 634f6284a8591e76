"""The competition of beginnings, adjusters, and early ends, on the fake engine."""

from __future__ import annotations

import itertools
import math
import pickle
from collections.abc import Sequence

import pytest

from running import Runner
from tecla.decode.adjust import Adjustment, Forbid, TokenBias
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.text.context import Context
from tecla.text.spelling import Spelling

TOKENIZER = FakeTokenizer()
PROMPT = "she would"


def ask(
    *,
    seed: int = 3,
    n: int = 1,
    max_tokens: int = 3,
    adjust: Sequence[Adjustment] = (),
    sampling: Sampling = GREEDY,
    engine: FakeEngine | None = None,
    width: int | None = None,
    depth: int = 1,
    **stopping: object,
) -> Completed:
    request = Request(
        Context(PROMPT),
        sampling,
        Stopping(max_tokens=max_tokens, **stopping),  # type: ignore[arg-type]
        n=n,
        width=width,
        depth=depth,
        tolerance=0,
        adjust=tuple(adjust),
    )
    runner = Runner(engine or FakeEngine(TOKENIZER, seed=seed), TOKENIZER)
    return runner.complete([request])[0]


def by_enumeration(engine: FakeEngine, depth: int) -> dict[str, float]:
    """Every text of at most `depth` tokens behind a caret at a token boundary, unnormalised."""
    head = [TOKENIZER.start_id, *TOKENIZER.encode(PROMPT.encode())]
    found: dict[str, float] = {}
    paths = [([], 0.0)]
    for _ in range(depth):
        longer = []
        for path, logprob in paths:
            logprobs = log_softmax(engine.raw_scores([*head, *path]))
            spelling = Spelling(TOKENIZER, TOKENIZER.decode([*head[1:], *path]), [*head[1:], *path])
            best = sorted(range(len(logprobs)), key=lambda token: -logprobs[token])[:60]
            longer += [
                ([*path, token], logprob + logprobs[token])
                for token in best
                if token not in TOKENIZER.end_ids and spelling.allows(token)
            ]
        paths = longer
    for path, logprob in paths:
        text = TOKENIZER.decode(path).decode("utf-8", errors="replace")
        found[text] = found.get(text, 0.0) + math.exp(logprob)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_a_text_at_least_as_probable_as_greedy_search(seed: int) -> None:
    """And no text of two tokens is more probable than the best of a beam of all beginnings."""
    greedy = ask(seed=seed, max_tokens=2).continuations
    beam = ask(seed=seed, max_tokens=2, width=40, depth=2).continuations
    assert beam
    if greedy and greedy[0].n_tokens == 2:
        assert beam[0].probability >= greedy[0].probability - 1e-9
    tree = ask(seed=seed, max_tokens=2, n=5, width=40, depth=2)
    assert sum(found.probability for found in tree.continuations) <= 1 + 1e-9
    texts = [found.text for found in tree.continuations]
    assert len(set(texts)) == len(texts)


def test_depth_1_is_the_best_beginnings_grown_greedily() -> None:
    narrow = ask(n=3)
    wide = ask(n=3, width=6)
    assert [found.text for found in wide.continuations] == [
        found.text for found in narrow.continuations
    ]
    assert len(list(wide.tree.leaves())) >= len(list(narrow.tree.leaves()))


def test_branches_that_spell_the_same_text_join() -> None:
    """[a][a] against [aa], were it not for the spelling: joined by text, never shown twice."""
    for seed in range(12):
        found = ask(seed=seed, n=4, width=12, depth=3)
        texts = [one.text for one in found.continuations]
        assert len(texts) == len(set(texts))
        assert sum(one.probability for one in found.continuations) <= 1 + 1e-6


def test_a_beam_keeps_a_finished_text_in_the_competition() -> None:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, PROMPT, " think"))
    found = ask(engine=engine, width=4, depth=4, max_tokens=6)
    assert found.continuations[0].text == " think"
    assert found.continuations[0].stop == "end"
    assert found.continuations[0].probability == pytest.approx(1.0, abs=1e-3)


def test_the_tree_holds_winners_losers_and_beginnings() -> None:
    found = ask(n=1, width=3, depth=2)
    leaves = dict(found.tree.leaves())
    winner = found.continuations[0].text
    assert any(leaf.startswith(winner) or winner.startswith(leaf) for leaf in leaves)
    assert len(leaves) > 3
    node = found.tree.follow(winner)
    assert node is None or node.probability >= found.continuations[0].probability - 1e-9


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, seed=5)])
def test_a_forbidden_text_is_never_written_wherever_tokens_divide_it(sampling: Sampling) -> None:
    said = saying(TOKENIZER, PROMPT, " think artificial thin", strength=8.0)
    engine = FakeEngine(TOKENIZER, bias=said)
    free = ask(engine=engine, max_tokens=8, sampling=sampling, n=3)
    forbidden = ("art", "thin", "e")
    kept = ask(engine=engine, max_tokens=8, sampling=sampling, n=3, adjust=[Forbid(forbidden)])
    if sampling is GREEDY:
        assert any(part in one.text for one in free.continuations for part in forbidden)
    assert kept.continuations
    for one in kept.continuations:
        assert not any(part in one.text for part in forbidden)


def test_a_bias_moves_probability_and_leaves_the_model_as_it_is() -> None:
    engine = FakeEngine(TOKENIZER, seed=3)
    plain = ask(engine=engine, max_tokens=1, n=2)
    second = TOKENIZER.encode(plain.continuations[1].text.encode())[0]
    biased = ask(engine=engine, max_tokens=1, n=2, adjust=[TokenBias(((second, 20.0),))])
    assert biased.continuations[0].text == plain.continuations[1].text
    assert biased.continuations[0].probability > 0.9
    assert ask(engine=engine, max_tokens=1, n=2) == plain


def test_adjustments_are_values() -> None:
    for adjustment in (TokenBias(((3, 1.5), (4, -math.inf))), Forbid(("a", "b"))):
        assert pickle.loads(pickle.dumps(adjustment)) == adjustment
        assert hash(adjustment)
        adjuster = adjustment.build(TOKENIZER)
        scores = FakeEngine(TOKENIZER).eval([Feed(0, [1])])
        change = adjuster.change([1], scores, 0)
        assert change is not None
        assert len(change.ids) == len(change.values)


def test_adjusted_and_shared_scores_do_not_mix() -> None:
    """Two requests for one text at once, one adjusted: the other gets what it gets alone."""
    engine = FakeEngine(TOKENIZER, seed=3)
    runner = Runner(engine, TOKENIZER)
    plain = Request(Context(PROMPT), GREEDY, Stopping(max_tokens=4))
    adjusted = Request(
        Context(PROMPT), GREEDY, Stopping(max_tokens=4), adjust=(Forbid((" ", "a", "e")),)
    )
    together = runner.complete([adjusted, plain])
    alone = Runner(FakeEngine(TOKENIZER, seed=3), TOKENIZER).complete([plain])[0]
    assert together[1].continuations == alone.continuations
    assert together[0].continuations != together[1].continuations


@pytest.mark.parametrize("least", [0.5, 0.1, 0.01])
def test_min_probability_ends_before_the_text_becomes_less_probable(least: float) -> None:
    for seed in range(8):
        found = ask(seed=seed, max_tokens=12, min_probability=least)
        for one in found.continuations:
            assert one.probability >= least - 1e-9 or len(one.words) <= 1
        longer = ask(seed=seed, max_tokens=12)
        for one, other in itertools.zip_longest(found.continuations, longer.continuations):
            if one is not None and other is not None:
                assert other.text.startswith(one.text)


def test_an_early_end_leaves_no_half_word() -> None:
    said = saying(TOKENIZER, PROMPT, " think of the artif", strength=12.0)
    engine = FakeEngine(TOKENIZER, bias=said)
    whole = ask(engine=engine, max_tokens=20).continuations[0].text
    assert whole.startswith(" think of the art")
    found = ask(engine=engine, max_tokens=20, min_probability=0.5).continuations[0]
    assert found.text in {" think", " think of", " think of the"} or found.stop == "end"


@pytest.mark.parametrize("depth", [2, 3])
def test_what_is_cut_to_the_same_text_counts_once(depth: int) -> None:
    """Siblings that end with their parent's text are one event: never more than the whole."""
    for seed in range(6):
        single = ask(seed=seed, n=4, width=6, max_words=1, max_tokens=6)
        found = ask(seed=seed, n=4, width=6, depth=depth, max_words=1, max_tokens=6)
        known = {one.text: one.probability for one in single.continuations}
        assert sum(one.probability for one in found.continuations) <= 1 + 1e-9
        for one in found.continuations:
            if one.text in known and len(one.words) == 1:
                assert one.probability <= max(known[one.text] * 1.5, known[one.text] + 0.05)


def test_an_improbable_end_does_not_win_the_competition() -> None:
    """A text that ends is ranked with the probability that it ends there."""
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, PROMPT, " art of", strength=14.0))
    plain = ask(engine=engine, max_tokens=2).continuations[0]
    for depth in (2, 3):
        found = ask(engine=engine, max_tokens=2, width=3, depth=depth).continuations[0]
        assert found.text == plain.text
        assert found.stop == plain.stop
