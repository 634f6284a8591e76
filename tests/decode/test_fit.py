"""Text behind the caret, read behind each alternative: Bayes' rule, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decode.test_boundaries import PROMPT, TOKENIZER, bias, engine
from running import Runner
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.fake import FakeEngine, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import OptionError
from tecla.text.context import Context


def request(after: str, *, fits: bool = True, words: int = 1, **options: object) -> Request:
    stopping = Stopping(max_tokens=8, max_words=words)
    return Request(Context(PROMPT, after), GREEDY, stopping, tolerance=0, fits=fits, **options)  # type: ignore[arg-type]


def ask(after: str, **options: object) -> Completed:
    return Runner(engine(), TOKENIZER).complete([request(after, n=3, **options)])[0]  # type: ignore[arg-type]


def joint(text: str) -> float:
    """How probably the model goes on behind the prompt with a text, whatever comes then."""
    history = [*([] if TOKENIZER.start_id is None else [TOKENIZER.start_id])]
    history += TOKENIZER.encode(PROMPT.encode())
    whole = TOKENIZER.encode((PROMPT + text).encode())
    logprob = 0.0
    for token in whole[len(history) - 1 :]:
        logprob += float(log_softmax(engine().raw_scores(history))[token])
        history.append(token)
    return math.exp(logprob)


def by_text(found: Completed) -> dict[str, float]:
    return {each.text: each.words[0].probability for each in found.continuations}


@pytest.mark.parametrize("after", [" of the future", " the an", ", of course"])
def test_single_words_by_hand(after: str) -> None:
    alone, fitted = by_text(ask(after, fits=False)), by_text(ask(after))
    assert alone.keys() == fitted.keys()
    shares = {text: joint(text + after) for text in alone}
    leads_on = sum(shares.values()) / sum(alone.values())
    beyond = {text: probability * leads_on for text, probability in alone.items()}
    unseen = (1 - sum(alone.values())) * leads_on
    total = joint(after) + sum(shares.values()) + sum(beyond.values()) + unseen
    for text in alone:
        assert fitted[text] == pytest.approx((shares[text] + beyond[text]) / total, rel=1e-3)


def test_the_word_that_leads_to_the_text_behind_comes_first() -> None:
    ways = {PROMPT: {" think": 9.0, " thank": 4.0}, f"{PROMPT} thank": {" the": 20.0}}
    ways |= {f"{PROMPT} think": {" of": 20.0}}

    def leads(history: Sequence[int]) -> dict[int, float]:
        behind = ways.get(TOKENIZER.decode(history[1:]).decode(errors="replace"), {})
        return {TOKENIZER.encode(way.encode())[0]: 9 + worth for way, worth in behind.items()}

    def first(*, fits: bool) -> str:
        runner = Runner(FakeEngine(TOKENIZER, bias=leads), TOKENIZER)
        return runner.complete([request(" the", n=2, fits=fits)])[0].continuations[0].text

    assert first(fits=False) == " think"
    assert first(fits=True) == " thank"


def test_where_a_word_stands_behind_the_space_comes_with_it() -> None:
    (best, *_) = ask("the end", words=2, spread_words=1).continuations
    end = best.words[0]
    assert end.spaced is not None
    assert end.spaced > 0.9 * end.probability
    (best, *_) = ask(", the end").continuations
    end = best.words[0]
    assert end.spaced is not None
    assert end.spaced < 0.6 * end.probability


@given(after=st.text(alphabet="abc ,.\n", max_size=12), words=st.integers(1, 3))
def test_probabilities_stay_ones(after: str, words: int) -> None:
    found = ask(after, words=words, spread_words=1)
    assert sum(each.words[0].probability for each in found.continuations) <= 1 + 1e-6
    for each in found.continuations:
        for one, next_one in zip(each.words, each.words[1:], strict=False):
            assert next_one.probability <= one.probability + 1e-9
        for end in (*each.words, *each.marks):
            assert 0 <= end.probability <= 1
            assert end.spaced is None or end.spaced <= end.probability + 1e-6


@pytest.mark.parametrize("after", ["", "\n", "  \nthe end"])
def test_nothing_on_the_line_behind_changes_nothing(after: str) -> None:
    fitted, alone = ask(after), ask(after, fits=False)
    assert fitted.continuations == alone.continuations
    assert fitted.work == alone.work


def test_only_the_text_behind_is_read_for_it() -> None:
    fitted, alone = ask(" the end"), ask(" the end", fits=False)
    behind = len(TOKENIZER.encode(b" the end"))
    more = fitted.work.evaluated_tokens - alone.work.evaluated_tokens
    assert 0 < more <= 4 * (behind + 1)  # behind three alternatives, and behind none


def test_what_does_not_come_in_time_is_left_out() -> None:
    runner = Runner(FakeEngine(TOKENIZER, bias=bias), TOKENIZER)
    ticket = runner.submit(request(" the end", n=3), deadline_ms=50)
    while not ticket.answer.done():
        job = next(iter(runner.scheduler._jobs.values()), None)
        if job is not None and job.search._fit is not None:
            runner.clock.pass_ms(1000)
        runner.step()
    found = ticket.answer.result(0)
    assert found.partial
    assert found.continuations == ask(" the end", fits=False).continuations


def test_samples_are_told_their_chances_too() -> None:
    options = request(" the", n=2)
    drawn = Request(
        options.context, Sampling(temperature=1.0, seed=1), options.stopping, n=2, fits=True
    )
    (found,) = Runner(engine(), TOKENIZER).complete([drawn])
    assert found.continuations


def test_fits_is_a_truth_value() -> None:
    with pytest.raises(OptionError, match="fits is 'yes'"):
        request(" the", fits="yes")  # type: ignore[arg-type]


def test_marks_before_the_first_word_go_with_it() -> None:
    said = saying(TOKENIZER, PROMPT, "-\u200d& the of")
    runner = Runner(FakeEngine(TOKENIZER, bias=said), TOKENIZER)
    (best, *_) = runner.complete([request(" of", n=2, words=2)])[0].continuations
    assert best.text.startswith("-\u200d& the")
    assert best.marks[0].char_offset < best.words[0].char_offset
    assert 0 < best.marks[0].probability <= 1
