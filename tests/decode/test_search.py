"""The search on the fake engine, whose probabilities are known: greedy, sampled, in batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from running import Runner, solve_caret
from tecla.decode.request import Completed, EvalWork, Request, Stopping
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import EngineFailedError, InvalidTextError, OptionError
from tecla.scheduler.terms import Terms
from tecla.text.context import Context
from tecla.text.spelling import Spelling

TOKENIZER = FakeTokenizer()
TEXTS = [
    "the future of artif",
    "",
    "she would th",
    "a",
    "I'll ",
    "see Agu",
    "línea\n",
    "かい",
    "the ",
]


def make_runner(**options: object) -> Runner:
    return Runner(FakeEngine(TOKENIZER, **options), TOKENIZER)  # type: ignore[arg-type]


def ask(runner: Runner, text: str, sampling: Sampling = GREEDY, **stopping: object) -> Completed:
    stop = Stopping(**{"max_tokens": 6, **stopping})  # type: ignore[arg-type]
    return runner.complete([Request(Context(text), sampling, stop)])[0]


def says(prompt: str, text: str) -> Runner:
    """A runner whose model continues `prompt` with `text` and then ends."""
    return make_runner(bias=saying(TOKENIZER, prompt, text))


def check_all_free(runner: Runner) -> None:
    """What is held is held as a cache: nobody waits, and anything may be given up."""
    assert runner.scheduler.pending == 0
    runner.check()
    assert not any(position.pins for position in runner.scheduler.memory._all())


def answers(runner: Runner, requests: Sequence[Request]) -> list[Completed]:
    """Answers without what they cost, which depends on who came before."""
    return [replace(completed, work=EvalWork()) for completed in runner.complete(requests)]


@pytest.mark.parametrize(
    ("prompt", "rest"),
    [
        ("the future of artif", "icial thinking"),
        ("see Agu", "stín here"),
        ("I", "'ll help"),
        ("I'l", "l help"),
        ("he sai", "d  the"),
        ("hola, a", "ño"),
        ("line", "\r\nand more"),
        ("", "the thin art"),
        ("two spaces  ", "and the art"),
        ("かい", "かい"),
        ("see 👩", "\u200d💻 there"),
    ],
)
def test_what_the_model_says_comes_out_whatever_the_tokens(prompt: str, rest: str) -> None:
    runner = says(prompt, rest)
    completed = ask(runner, prompt, max_tokens=40)
    assert [found.text for found in completed.continuations] == [rest]
    assert completed.continuations[0].stop == "end"
    check_all_free(runner)


def test_greedy_takes_the_most_probable_canonical_token_each_time() -> None:
    engine = FakeEngine(TOKENIZER, seed=3)
    request = Request(Context("she would"), GREEDY, Stopping(max_tokens=5), tolerance=0)
    (found,) = Runner(engine, TOKENIZER).complete([request])[0].continuations
    whole = TOKENIZER.encode(("she would" + found.text).encode())
    history = [TOKENIZER.start_id, *whole]
    for end in range(len(history) - 3, len(history)):  # tokens behind the caret's own
        logprobs = log_softmax(engine.raw_scores(history[:end]))
        spelling = Spelling(TOKENIZER, TOKENIZER.decode(history[1:end]), history[1:end])
        better = [
            token for token in range(len(logprobs)) if logprobs[token] > logprobs[history[end]]
        ]
        assert spelling.allows(history[end])
        assert not any(spelling.allows(token) for token in better)


def test_probability_is_that_of_the_spelling_given_what_is_typed() -> None:
    engine = FakeEngine(TOKENIZER, seed=5)
    text = "she would th"
    request = Request(Context(text), GREEDY, Stopping(max_tokens=4), tolerance=0)
    (found,) = Runner(engine, TOKENIZER).complete([request])[0].continuations
    history = [TOKENIZER.start_id]
    total = 0.0
    for token in TOKENIZER.encode((text + found.text).encode()):
        total += float(log_softmax(engine.raw_scores(history))[token])
        history.append(token)
    search, distribution = solve_caret(FakeEngine(TOKENIZER, seed=5), TOKENIZER, text)
    typed = distribution.log_typed
    head = 0.0
    history = [TOKENIZER.start_id]
    for token in search.plan.head:
        head += float(log_softmax(engine.raw_scores(history))[token])
        history.append(token)
    assert found.probability == pytest.approx(math.exp(total - head - typed), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_gives_each_text_what_it_would_get_alone(temperature: float, n: int) -> None:
    sampling = Sampling(temperature=temperature, top_p=0.95, repetition_penalty=1.2, seed=11)
    requests = [Request(Context(text), sampling, Stopping(max_tokens=7), n=n) for text in TEXTS]
    runner = make_runner(seed=2)
    together = answers(runner, requests)
    assert together == [answers(make_runner(seed=2), [request])[0] for request in requests]
    assert together == [answers(runner, [request])[0] for request in requests]
    assert together[::-1] == answers(runner, requests[::-1])
    check_all_free(runner)


def test_a_batch_shares_its_steps() -> None:
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=7)) for text in TEXTS]
    alone = 0
    for request in requests:
        runner = make_runner(seed=2)
        runner.complete([request])
        alone += runner.steps
    together = make_runner(seed=2)
    together.complete(requests)
    assert together.steps <= alone / 3


@pytest.mark.parametrize("limits", [{"n_slots": 8}, {"kv_tokens": 80}, {"batch_tokens": 3}])
def test_more_than_fits_at_once_is_answered_all_the_same(limits: dict[str, int]) -> None:
    """Answers are those of a roomy engine; an engine of 3 tokens a batch feeds in chunks."""
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=5)) for text in TEXTS]
    tight = make_runner(context_tokens=64, **limits)
    assert answers(tight, requests) == answers(make_runner(context_tokens=64), requests)
    check_all_free(tight)


@pytest.mark.parametrize(("tolerance", "least"), [(0, 6), (1e-3, 4)])  # the rest was left out
def test_alternatives_are_distinct_and_add_up_to_at_most_one(tolerance: float, least: int) -> None:
    for seed in range(20):
        runner = make_runner(seed=seed)
        context, stopping = Context("she would th"), Stopping(max_tokens=3)
        request = Request(context, GREEDY, stopping, n=8, tolerance=tolerance)
        found = runner.complete([request])[0].continuations
        texts = [continuation.text for continuation in found]
        assert len(set(texts)) == len(texts) >= least
        assert 0 < sum(continuation.probability for continuation in found) <= 1 + 1e-9


def test_word_ends_never_gain_probability() -> None:
    found = ask(says("a", " thin thank the art"), "a", max_tokens=30).continuations[0]
    assert [found.text[: word.char_offset].split()[-1] for word in found.words] == [
        "thin", "thank", "the", "art",
    ]  # fmt: skip
    probabilities = [word.probability for word in found.words]
    assert probabilities == sorted(probabilities, reverse=True)
    assert found.probability == pytest.approx(probabilities[-1])


def test_a_sample_depends_on_the_seed_alone() -> None:
    texts = {
        ask(make_runner(), "she", Sampling(temperature=1, seed=seed)).continuations[0].text
        for seed in range(12)
    }
    assert len(texts) > 6
    first, second = (ask(make_runner(), "she", Sampling(temperature=1, seed=4)) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_samples_follow_the_exact_distribution() -> None:
    """Over many seeds the first sampled text is as frequent as its probability says."""
    draws = 600
    engine = FakeEngine(TOKENIZER, seed=9)
    runner = Runner(engine, TOKENIZER, terms=Terms(most_waiting=draws))
    context, stopping = Context("she th"), Stopping(max_tokens=1)
    requests = [
        Request(context, Sampling(temperature=1, seed=seed), stopping, tolerance=0)
        for seed in range(draws)
    ]
    counts: dict[str, int] = {}
    for completed in runner.complete(requests):
        text = completed.continuations[0].text if completed.continuations else ""
        counts[text] = counts.get(text, 0) + 1
    exact = runner.complete([Request(context, GREEDY, stopping, n=5, tolerance=0)])[0].continuations
    for found in exact:
        deviation = math.sqrt(found.probability * (1 - found.probability) / draws)
        assert counts.get(found.text, 0) / draws == pytest.approx(
            found.probability, abs=4 * deviation + 0.005
        )


def test_what_is_streamed_is_final() -> None:
    runner = says("a", " thin thank the art")
    request = Request(Context("a"), GREEDY, Stopping(max_tokens=30))
    pieces = list(runner.pieces(request))
    assert "".join(pieces) == runner.complete([request])[0].continuations[0].text
    assert len(pieces) > 2
    check_all_free(runner)


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_giving_up_frees_everything(steps: int) -> None:
    runner = make_runner()
    ticket = runner.submit(Request(Context("she would"), GREEDY, n=4))
    for _ in range(steps):
        runner.step()
    assert not ticket.answer.done()
    assert runner.scheduler.pending == 1
    runner.scheduler.cancel(ticket)
    runner.step()
    completed = ticket.answer.result(0)
    assert completed.partial
    if steps == 0:
        assert completed.silence == "cancelled"
    else:
        assert (
            "cancelled" in {found.stop for found in completed.continuations} <= {"cancelled", "end"}
        )
    check_all_free(runner)


def test_a_failing_engine_fails_the_request_and_leaves_the_books_right() -> None:
    class Failing(FakeEngine):
        def eval(self, feeds):  # type: ignore[no-untyped-def]
            if self.evals == 3:
                raise RuntimeError("the engine failed")
            return super().eval(feeds)

    runner = Runner(Failing(TOKENIZER), TOKENIZER)
    request = Request(Context("she would th"), GREEDY, Stopping(max_tokens=6))
    ticket = runner.submit(request)
    with pytest.raises(RuntimeError, match="engine failed"):
        runner.run(ticket)
    runner.check()
    runner.scheduler.fail_all(EngineFailedError("the engine failed"))
    assert runner.scheduler.pending == 0
    with pytest.raises(EngineFailedError, match="the engine failed"):
        ticket.answer.result(0)


def test_the_end_of_the_text_is_silence_with_a_reason() -> None:
    completed = ask(says("the art.", ""), "the art.")
    assert completed.continuations == ()
    assert completed.silence == "end"


def test_a_stop_string_that_comes_first_is_the_reason_of_the_silence() -> None:
    runner = says("the", " art")
    request = Request(Context("the"), GREEDY, Stopping(stop=(" ",)))
    completed = runner.complete([request])[0]
    assert (completed.continuations, completed.silence) == ((), "stop")


def test_nothing_repeats_the_text_behind_the_caret() -> None:
    runner = says("the", " art and the thin")
    request = Request(Context("the", after=" and the thin"), GREEDY, Stopping(max_tokens=20))
    found = runner.complete([request])[0].continuations[0]
    assert (found.text, found.stop) == (" art", "after")


def test_a_context_longer_than_the_window_keeps_its_end_and_its_header() -> None:
    """Seen by what the model is asked about."""
    read: list[bytes] = []

    def bias(history: Sequence[int]) -> dict[int, float]:
        assert len(history) <= 64
        read.append(TOKENIZER.decode(history))
        return {}

    runner = make_runner(context_tokens=64, bias=bias)
    long = "she would help. " * 400 + "the art"
    request = Request(Context(long, header="thin"), GREEDY, Stopping(max_tokens=8))
    completed = runner.complete([request])[0]
    assert all(text.startswith(b"thin\n\n") for text in read)
    assert b"help. the art" in read[-1]
    assert completed.prompt_tokens + 8 <= 64
    assert completed.continuations[0].n_tokens == 8


def test_a_full_window_ends_a_continuation() -> None:
    engine = FakeEngine(TOKENIZER, context_tokens=32, bias=saying(TOKENIZER, "a", " the art" * 40))
    found = ask(Runner(engine, TOKENIZER), "a", max_tokens=400).continuations[0]
    assert found.stop == "context_full"
    assert found.text.startswith(" the art the art")


@pytest.mark.parametrize(
    ("request_options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": -3}, "n is -3"),
    ],
)
def test_bad_requests_are_refused(request_options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Request(Context("a"), GREEDY, **request_options)  # type: ignore[arg-type]


def test_more_alternatives_than_slots_are_refused_with_the_limit() -> None:
    runner = make_runner()
    for options in ({"n": 64}, {"width": 64}):
        with pytest.raises(OptionError, match=r"64 alternatives at once; at most 63"):
            runner.complete([Request(Context("a"), GREEDY, **options)])
    request = Request(Context("a "), GREEDY, Stopping(max_tokens=8), n=63, tolerance=0)
    assert len(runner.complete([request])[0].continuations) > 50
    check_all_free(runner)


def test_more_output_than_memory_is_refused_with_the_figures() -> None:
    runner = make_runner(kv_tokens=600)
    with pytest.raises(OptionError, match=r"20 alternatives .*max_tokens=200.* there are 600"):
        runner.complete([Request(Context("a"), GREEDY, Stopping(max_tokens=200), n=20)])


@pytest.mark.parametrize("field", ["before", "after", "header"])
def test_half_a_character_is_refused_by_name(field: str) -> None:
    texts = {"before": "a", field: "ab\ud83d"}
    with pytest.raises(InvalidTextError, match=rf"{field} holds U\+D83D at char offset 2"):
        Context(**texts)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.text(st.characters(), max_size=12),  # half characters too
    st.sampled_from([0.0, 0.8]),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_any_text_gives_text_that_can_stand_behind_it(
    text: str, temperature: float, n: int, seed: int
) -> None:
    runner = make_runner(seed=seed)
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidTextError):
            Context(text)
        return
    request = Request(
        Context(text), Sampling(temperature=temperature, seed=seed), Stopping(max_tokens=5), n=n
    )
    completed = runner.complete([request])[0]
    assert len(completed.continuations) <= n
    assert (completed.silence is None) == bool(completed.continuations)
    for found in completed.continuations:
        assert found.text
        found.text.encode()
        assert "\ufffd" not in found.text
        assert 0 < found.probability <= 1
    check_all_free(runner)


def test_spellings_of_one_text_are_added_up_with_their_word_ends() -> None:
    """A token may hold the text and half of the next character: cut there, both say the same."""
    table = TOKENIZER.table
    whole, crossing = table.exact("о".encode()), table.exact("о".encode() + b"\xd0")
    assert whole is not None
    assert crossing is not None

    def bias(history: Sequence[int]) -> dict[int, float]:
        return {whole: 30.0, crossing: 29.5}

    runner = make_runner(bias=bias)
    request = Request(Context("x"), GREEDY, Stopping(max_tokens=1), n=2)
    (found,) = runner.complete([request])[0].continuations
    assert found.text == "о"
    assert found.probability == pytest.approx(1.0, abs=1e-3)
    assert [word.probability for word in found.words] == [pytest.approx(found.probability)]
