"""The decoder on the fake engine, whose probabilities are known: greedy, sampled, in batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tecla.decode.decoder import Answer, Decoder, NewText
from tecla.decode.request import Completed, Context, Request, Stopping
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import InvalidTextError, OptionError
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


def make_decoder(**options: object) -> Decoder:
    return Decoder(FakeEngine(TOKENIZER, **options), TOKENIZER)  # type: ignore[arg-type]


def ask(decoder: Decoder, text: str, sampling: Sampling = GREEDY, **stopping: object) -> Completed:
    stop = Stopping(**{"max_tokens": 6, **stopping})  # type: ignore[arg-type]
    return decoder.complete([Request(Context(text), sampling, stop)])[0]


def says(prompt: str, text: str) -> Decoder:
    """A decoder whose model continues `prompt` with `text` and then ends."""
    return make_decoder(bias=saying(TOKENIZER, prompt, text))


def check_all_free(decoder: Decoder) -> None:
    engine = decoder.engine
    assert decoder._pool.free == engine.n_slots
    assert all(engine.length(slot) == 0 for slot in range(engine.n_slots))


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
    decoder = says(prompt, rest)
    completed = ask(decoder, prompt, max_tokens=40)
    assert [found.text for found in completed.continuations] == [rest]
    assert completed.continuations[0].stop == "end"
    check_all_free(decoder)


def test_greedy_takes_the_most_probable_canonical_token_each_time() -> None:
    engine = FakeEngine(TOKENIZER, seed=3)
    found = ask(Decoder(engine, TOKENIZER, tolerance=0), "she would", max_tokens=5).continuations[0]
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
    decoder = Decoder(engine, TOKENIZER, tolerance=0)
    text = "she would th"
    found = ask(decoder, text, max_tokens=4).continuations[0]
    history = [TOKENIZER.start_id]
    total = 0.0
    for token in TOKENIZER.encode((text + found.text).encode()):
        total += float(log_softmax(engine.raw_scores(history))[token])
        history.append(token)
    job = decoder._plan(0, Request(Context(text), GREEDY))
    decoder._prefill([job])
    decoder._search([job])
    typed = job.search.finish().log_typed
    decoder._release([job])
    head = 0.0
    history = [TOKENIZER.start_id]
    for token in job.plan.head:
        head += float(log_softmax(engine.raw_scores(history))[token])
        history.append(token)
    assert found.probability == pytest.approx(math.exp(total - head - typed), rel=1e-3)


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.5])
@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_gives_each_text_what_it_would_get_alone(temperature: float, n: int) -> None:
    sampling = Sampling(temperature=temperature, top_p=0.95, repetition_penalty=1.2, seed=11)
    requests = [Request(Context(text), sampling, Stopping(max_tokens=7), n=n) for text in TEXTS]
    decoder = make_decoder(seed=2)
    together = decoder.complete(requests)
    assert together == [decoder.complete([request])[0] for request in requests]
    assert together[::-1] == decoder.complete(requests[::-1])
    check_all_free(decoder)


def test_a_batch_shares_its_steps() -> None:
    decoder = make_decoder(seed=2)
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=7)) for text in TEXTS]
    alone = 0
    for request in requests:
        decoder.complete([request])
        alone, decoder.steps = alone + decoder.steps, 0
    decoder.complete(requests)
    assert decoder.steps <= alone / 3


@pytest.mark.parametrize("limits", [{"n_slots": 8}, {"kv_tokens": 80}, {"batch_tokens": 3}])
def test_more_than_fits_at_once_is_answered_in_waves(limits: dict[str, int]) -> None:
    """Answers are those of a roomy engine; an engine of 3 tokens a batch feeds in chunks."""
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=5)) for text in TEXTS]
    tight = Decoder(FakeEngine(TOKENIZER, context_tokens=64, **limits), TOKENIZER)
    roomy = Decoder(FakeEngine(TOKENIZER, context_tokens=64), TOKENIZER)
    assert [c.continuations for c in tight.complete(requests)] == [
        c.continuations for c in roomy.complete(requests)
    ]
    check_all_free(tight)


def test_alternatives_are_distinct_and_add_up_to_at_most_one() -> None:
    for seed in range(20):
        decoder = make_decoder(seed=seed)
        request = Request(Context("she would th"), GREEDY, Stopping(max_tokens=3), n=8)
        found = decoder.complete([request])[0].continuations
        texts = [continuation.text for continuation in found]
        assert len(set(texts)) == len(texts) >= 6
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
        ask(make_decoder(), "she", Sampling(temperature=1, seed=seed)).continuations[0].text
        for seed in range(12)
    }
    assert len(texts) > 6
    first, second = (ask(make_decoder(), "she", Sampling(temperature=1, seed=4)) for _ in range(2))
    assert first == second


def test_without_a_seed_every_call_draws_anew_from_the_injected_generator() -> None:
    seeds = iter([1, 2, 1])
    decoder = Decoder(FakeEngine(TOKENIZER), TOKENIZER, fresh_seed=lambda: next(seeds))
    first, second, third = (ask(decoder, "she", Sampling(temperature=1)) for _ in range(3))
    assert first == third != second


@pytest.mark.slow
def test_samples_follow_the_exact_distribution() -> None:
    """Over many seeds the first sampled text is as frequent as its probability says."""
    decoder = Decoder(FakeEngine(TOKENIZER, seed=9), TOKENIZER, tolerance=0)
    draws = 600
    requests = [
        Request(Context("she th"), Sampling(temperature=1, seed=seed), Stopping(max_tokens=1))
        for seed in range(draws)
    ]
    counts: dict[str, int] = {}
    for completed in decoder.complete(requests):
        text = completed.continuations[0].text if completed.continuations else ""
        counts[text] = counts.get(text, 0) + 1
    exact = decoder.complete([Request(Context("she th"), GREEDY, Stopping(max_tokens=1), n=5)])[
        0
    ].continuations
    for found in exact:
        deviation = math.sqrt(found.probability * (1 - found.probability) / draws)
        assert counts.get(found.text, 0) / draws == pytest.approx(
            found.probability, abs=4 * deviation + 0.005
        )


def test_events_stream_what_is_final() -> None:
    decoder = says("a", " thin thank the art")
    request = Request(Context("a"), GREEDY, Stopping(max_tokens=30))
    pieces = []
    for event in decoder.events([request]):
        if isinstance(event, NewText):
            pieces.append(event.text)
        else:
            assert isinstance(event, Answer)
            assert "".join(pieces) == event.completed.continuations[0].text
    assert len(pieces) > 2


def test_closing_the_events_frees_every_slot() -> None:
    decoder = make_decoder()
    events = decoder.events([Request(Context("she would"), GREEDY, n=4)])
    next(events)
    assert decoder._pool.free < decoder.engine.n_slots
    events.close()
    check_all_free(decoder)


def test_a_failing_engine_frees_every_slot() -> None:
    class Failing(FakeEngine):
        def eval(self, feeds):  # type: ignore[no-untyped-def]
            if self.evals == 3:
                raise RuntimeError("the engine failed")
            return super().eval(feeds)

    decoder = Decoder(Failing(TOKENIZER), TOKENIZER)
    with pytest.raises(RuntimeError, match="engine failed"):
        ask(decoder, "she would th")
    check_all_free(decoder)


def test_the_end_of_the_text_is_silence_with_a_reason() -> None:
    completed = ask(says("the art.", ""), "the art.")
    assert completed.continuations == ()
    assert completed.silence == "end"


def test_a_stop_string_that_comes_first_is_the_reason_of_the_silence() -> None:
    decoder = says("the", " art")
    request = Request(Context("the"), GREEDY, Stopping(stop=(" ",)))
    completed = decoder.complete([request])[0]
    assert (completed.continuations, completed.silence) == ((), "stop")


def test_nothing_repeats_the_text_behind_the_caret() -> None:
    decoder = says("the", " art and the thin")
    request = Request(Context("the", after=" and the thin"), GREEDY, Stopping(max_tokens=20))
    found = decoder.complete([request])[0].continuations[0]
    assert (found.text, found.stop) == (" art", "after")


def test_a_context_longer_than_the_window_keeps_its_end_and_its_header() -> None:
    """What is answered is what the kept end alone would get under the same header."""
    engine = FakeEngine(TOKENIZER, context_tokens=64)
    decoder = Decoder(engine, TOKENIZER)
    long = "she would help. " * 400 + "the art"
    job = decoder._plan(0, Request(Context(long, header="thin"), GREEDY, Stopping(max_tokens=8)))
    read = TOKENIZER.decode(job.plan.head) + job.plan.tail
    assert read.startswith(b"thin\n\n")
    assert read.endswith(b"the art")
    assert len(job.head) + 8 <= 64
    completed = ask(decoder, long, max_tokens=8)
    assert completed.continuations


def test_a_full_window_ends_a_continuation() -> None:
    engine = FakeEngine(TOKENIZER, context_tokens=32, bias=saying(TOKENIZER, "a", " the art" * 40))
    found = ask(Decoder(engine, TOKENIZER), "a", max_tokens=400).continuations[0]
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
    with pytest.raises(OptionError, match=r"n is 60; at most 58"):
        make_decoder().complete([Request(Context("a"), GREEDY, n=60)])


def test_more_output_than_memory_is_refused_with_the_figures() -> None:
    decoder = make_decoder(kv_tokens=600)
    with pytest.raises(OptionError, match=r"n=20 .*max_tokens=200.* there are 600"):
        decoder.complete([Request(Context("a"), GREEDY, Stopping(max_tokens=200), n=20)])


@pytest.mark.parametrize("field", ["before", "header"])
def test_half_a_character_is_refused_by_name(field: str) -> None:
    texts = {"before": "a", field: "ab\ud83d"}
    with pytest.raises(InvalidTextError, match=rf"{field} holds U\+D83D at char offset 2"):
        make_decoder().complete([Request(Context(**texts), GREEDY)])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=12),
    st.sampled_from([0.0, 0.8]),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_any_text_gives_text_that_can_stand_behind_it(
    text: str, temperature: float, n: int, seed: int
) -> None:
    decoder = make_decoder(seed=seed)
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidTextError):
            ask(decoder, text)
        return
    request = Request(
        Context(text), Sampling(temperature=temperature, seed=seed), Stopping(max_tokens=5), n=n
    )
    completed = decoder.complete([request])[0]
    assert len(completed.continuations) <= n
    assert (completed.silence is None) == bool(completed.continuations)
    for found in completed.continuations:
        assert found.text
        found.text.encode()
        assert "\ufffd" not in found.text
        assert 0 < found.probability <= 1
    check_all_free(decoder)


def test_spellings_of_one_text_are_added_up_with_their_word_ends() -> None:
    """A token may hold the text and half of the next character: cut there, both say the same."""
    table = TOKENIZER.table
    whole, crossing = table.exact("о".encode()), table.exact("о".encode() + b"\xd0")
    assert whole is not None
    assert crossing is not None

    def bias(history: Sequence[int]) -> dict[int, float]:
        return {whole: 30.0, crossing: 29.5}

    decoder = make_decoder(bias=bias)
    request = Request(Context("x"), GREEDY, Stopping(max_tokens=1), n=2)
    (found,) = decoder.complete([request])[0].continuations
    assert found.text == "о"
    assert found.probability == pytest.approx(1.0, abs=1e-3)
    assert [word.probability for word in found.words] == [pytest.approx(found.probability)]
