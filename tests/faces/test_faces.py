"""The three classes on the fake engine: what they promise, exactly."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import tecla
from tecla.decode.adjust import TokenBias
from tecla.decode.prompt import Prompt
from tecla.engines.base import Feed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.engines.scores import NumpyScores
from tecla.errors import (
    EngineError,
    InvalidTextError,
    OptionError,
    PromptTooLongError,
)
from tecla.faces.autocomplete import AutoComplete
from tecla.faces.cached import CachedAutoComplete
from tecla.faces.optimized import OptimizedAutoComplete
from tecla.models.info import ModelInfo
from tecla.settings import Settings
from tecla.suggest import suggester as suggester_module
from tecla.suggest.suggester import Suggester

TOKENIZER = FakeTokenizer()
TEXTS = ["the future of artif", "a", "she would th", "", "I'll ", "see Agu the art thank"]
FACES = [AutoComplete, CachedAutoComplete, OptimizedAutoComplete]


OPENED: list[Suggester] = []


@pytest.fixture(autouse=True)
def _everything_closed() -> Iterator[None]:
    """Every suggester has a thread; none outlives its test."""
    yield
    while OPENED:
        OPENED.pop().close()


def fake_model(engine: FakeEngine | None = None, **options: object) -> LoadedModel:
    engine = engine or FakeEngine(TOKENIZER, **options)  # type: ignore[arg-type]
    info = ModelInfo("fake", Path("fake"), 0, "fake", None, engine.context_tokens)
    return LoadedModel(engine, TOKENIZER, info)


def fake(engine: FakeEngine | None = None, **options: object) -> Suggester:
    OPENED.append(Suggester(fake_model(engine, **options)))
    return OPENED[-1]


def owned(face: type[AutoComplete], suggester: Suggester, **options: object) -> AutoComplete:
    """A face that believes it has opened `suggester` itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Suggester, "open", lambda *names, **settings: suggester)
        return face(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("face", FACES)
def test_the_classes_are_importable_from_tecla(face: type[AutoComplete]) -> None:
    assert getattr(tecla, face.__name__) is face
    assert face.__name__ in dir(tecla)


@pytest.mark.parametrize("face", FACES)
def test_the_default_is_sampling_at_temperature_0_7(face: type[AutoComplete]) -> None:
    completer = face(suggester=fake())
    assert completer.sampling.temperature == 0.7
    assert completer.sampling.seed is None


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("text", TEXTS)
def test_fifty_new_tokens_however_long_the_text(face: type[AutoComplete], text: str) -> None:
    """The prompt is no output: a long text gets as many new tokens as a short one."""
    completer = face(suggester=fake(seed=1), seed=3)
    long = "the art " * 40 + text
    short = completer.suggest(text).continuations[0]
    after_long = completer.suggest(long).continuations[0]
    assert {short.stop, after_long.stop} <= {"max_tokens", "end"}
    for found in (short, after_long):
        assert found.n_tokens == 50 or found.stop == "end"


def test_an_explicit_max_length_counts_prompt_and_output() -> None:
    completer = AutoComplete(suggester=fake(seed=1), temperature=0)
    prompt = "she would thank the art"
    tokens = completer.count_tokens(prompt)
    found = completer.suggest(prompt, tokens + 4).continuations[0]
    assert found.n_tokens == 4 or found.stop == "end"
    assert completer.count_tokens(prompt + found.text) <= tokens + 4


@pytest.mark.parametrize("excess", [0, 1])
def test_max_length_that_leaves_nothing_is_a_clear_error(excess: int) -> None:
    completer = AutoComplete(suggester=fake())
    tokens = completer.count_tokens("she would thank")
    with pytest.raises(PromptTooLongError, match=rf"{tokens - excess} .*{tokens} tokens.*max_new"):
        completer.get_completion("she would thank", tokens - excess)


def test_max_length_and_max_new_tokens_exclude_each_other() -> None:
    with pytest.raises(OptionError, match="exclude each other"):
        AutoComplete(suggester=fake()).get_completion("a", 50, max_new_tokens=5)


def test_the_result_is_exactly_what_follows_the_prompt() -> None:
    """Tokens that change as a word grows must not shift what is cut off."""
    rest = "icial thinking"
    model = fake(bias=saying(TOKENIZER, "the future of artif", rest))
    completer = AutoComplete(suggester=model, temperature=0)
    assert completer.get_completion("the future of artif") == rest


def test_a_text_longer_than_the_window_keeps_its_end() -> None:
    engine = FakeEngine(TOKENIZER, context_tokens=128, seed=4)
    completer = AutoComplete(suggester=fake(engine), temperature=0)
    end = "she would help. " * 6 + "the future of artif"
    for beginning in ("thin thank " * 500, "a different beginning " * 900):
        request = completer._request(beginning + end, None, 8, {})
        completed = completer._answers([request])[0]
        assert completed.continuations[0].text
        assert 64 < completed.prompt_tokens <= 120
        read = Prompt(TOKENIZER, 120).plan(request.context).data
        assert read.endswith(end.encode())
        assert len(read) < 600


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_the_stream_is_the_completion_in_pieces(temperature: float) -> None:
    completer = AutoComplete(suggester=fake(seed=2), temperature=temperature, seed=5)
    for text in TEXTS:
        pieces = list(completer.stream(text, max_new_tokens=12))
        assert "".join(pieces) == completer.get_completion(text, max_new_tokens=12)


def test_a_stream_carries_one_alternative() -> None:
    with pytest.raises(OptionError, match="n is 2"):
        AutoComplete(suggester=fake()).stream("a", n=2)


class PacedEngine(FakeEngine):
    """An engine that says " the art" for ever and takes as many steps as the test allows."""

    def __init__(self, steps: int) -> None:
        super().__init__(TOKENIZER, bias=saying(TOKENIZER, "she would", " the art" * 60))
        self.allowed = threading.Semaphore(steps)

    def eval(self, feeds: list[Feed]) -> NumpyScores:  # type: ignore[override]
        assert self.allowed.acquire(timeout=20)
        return super().eval(feeds)


def test_a_closed_stream_frees_the_model() -> None:
    """The rest of it is given up, and the next request is served."""
    engine = PacedEngine(6)
    suggester = fake(engine)
    completer = AutoComplete(suggester=suggester, temperature=0)
    stream = completer.stream("she would")
    assert next(stream)
    stream.close()  # type: ignore[attr-defined]
    engine.allowed.release(1000)
    assert completer.get_completion("a", max_new_tokens=2) is not None
    counted = suggester.counters()
    assert (counted["cancelled"], counted["pending"]) == (1, 0)
    assert engine.evals < 20


def test_use_after_close_is_an_error() -> None:
    suggester = fake()
    with AutoComplete(suggester=suggester) as completer:
        completer.get_completion("a", max_new_tokens=1)
    completer.close()
    with pytest.raises(EngineError, match="closed"):
        completer.get_completion("a")


@pytest.mark.parametrize("face", FACES)
def test_close_closes_what_was_opened_and_never_what_is_shared(face: type[AutoComplete]) -> None:
    shared, own = fake(), fake()
    face(suggester=shared).close()
    assert AutoComplete(suggester=shared).get_completion("a", max_new_tokens=1) is not None
    completer = owned(face, own)
    completer.get_completion("a", max_new_tokens=1)
    assert own.healthy
    completer.close()
    assert not own.healthy
    with pytest.raises(EngineError, match="closed"):
        own.suggest("a")


@pytest.mark.parametrize("face", FACES)
def test_without_a_seed_every_call_draws_anew(
    face: type[AutoComplete], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = iter([1, 2, 1])
    monkeypatch.setattr(secrets, "randbits", lambda bits: next(seeds))
    completer = face(suggester=fake(), temperature=1)
    fresh = {} if face is AutoComplete else {"fresh": True}
    first, second, third = (completer.get_completion("she", **fresh) for _ in range(3))
    assert first == third != second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_k": -1}, "top_k is -1"),
        ({"min_p": 2.0}, "min_p is 2.0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0"),
        ({"n": 0}, "n is 0"),
        ({"max_words": 0}, "max_words is 0"),
        ({"max_chars": -1}, "max_chars is -1"),
        ({"stop": [""]}, "stop string is empty"),
        ({"max_new_tokens": 0}, "max_tokens is 0"),
        ({"max_length": "50"}, "max_length is '50'; it must be a whole number"),
        ({"temperature": "hot"}, "temperature is 'hot'; it must be a number"),
        ({"n": 2.5}, "n is 2.5; it must be a whole number"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"stop": 5}, "stop is 5"),
        ({"stop": [5]}, r"stop is \(5,\)"),
        ({"max_word": 3}, "no option 'max_word'; did you mean 'max_words'"),
        ({"bogus": 1}, "no option 'bogus'; options are adjust, after, "),
        ({"min_probability": 1.5}, "min_probability is 1.5"),
        ({"max_entropy_nats": -1}, "max_entropy_nats is -1"),
        ({"n": 3, "width": 2}, r"width is 2; .* \(n is 3\)"),
        ({"depth": 0}, "depth is 0"),
        ({"tolerance": 1}, "tolerance is 1;"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AutoComplete(suggester=fake()).get_completion("a", **options)  # type: ignore[arg-type]


def test_unknown_options_of_the_object_are_named() -> None:
    with pytest.raises(OptionError, match="no option 'temprature'; did you mean 'temperature'"):
        AutoComplete(suggester=fake(), temprature=1)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="no option 'n'"):
        AutoComplete(suggester=fake(), n=2)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="cache_size is 'big'"):
        CachedAutoComplete(suggester=fake(), cache_size="big")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["\ud83d", "ab\udc00", "c\udcff"])
def test_half_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidTextError, match="char offset"):
        AutoComplete(suggester=fake()).get_completion(text)


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\x00", "a\x00b", "\ufeff", "🇪", "👩\u200d"])
def test_odd_texts_are_completed(text: str) -> None:
    completer = AutoComplete(suggester=fake(seed=1), temperature=0)
    (text + completer.get_completion(text, max_new_tokens=4)).encode()


# --- the cache


class CountingModel:
    """A fake model that counts completed requests by the heads it evaluates."""

    def __init__(self, **options: object) -> None:
        self._engine = FakeEngine(TOKENIZER, **options)  # type: ignore[arg-type]
        self.suggester = fake(self._engine)

    @property
    def tokens(self) -> int:
        return self._engine.evaluated_tokens


def test_a_repeated_prompt_costs_no_model_work() -> None:
    model = CountingModel()
    completer = CachedAutoComplete(suggester=model.suggester)
    first = completer.get_completion("she would th")
    work = model.tokens
    assert completer.get_completion("she would th") == first
    assert model.tokens == work
    assert completer.cache_info() == (1, 1, 1000, 1)


def test_fresh_draws_another_sample_and_remembers_it() -> None:
    completer = CachedAutoComplete(suggester=fake(), temperature=1.5)
    first = completer.get_completion("she")
    second = completer.get_completion("she", fresh=True)
    assert first != second
    assert completer.get_completion("she") == second


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"top_k": 3},
        {"top_p": 0.5},
        {"min_p": 0.1},
        {"seed": 9},
        {"repetition_penalty": 1.3},
        {"n": 2},
        {"after": " x"},
        {"header": "h"},
        {"stop": "z"},
        {"max_words": 2},
        {"max_chars": 9},
        {"max_new_tokens": 7},
        {"at_sentence": True},
        {"at_line": True},
        {"min_probability": 0.1},
        {"max_entropy_nats": 2.0},
        {"width": 3},
        {"depth": 2},
        {"tolerance": 0.1},
        {"adjust": (TokenBias(((5, -1.0),)),)},
    ],
)
def test_everything_that_changes_the_answer_is_in_the_key(change: dict[str, object]) -> None:
    completer = CachedAutoComplete(suggester=fake())
    completer.get_completion("she would")
    completer.get_completion("she would", **change)  # type: ignore[arg-type]
    assert completer.cache_info().misses == 2


def test_the_least_recently_used_answer_goes_first() -> None:
    completer = CachedAutoComplete(suggester=fake(), cache_size=2)
    for text in ["a", "b", "a", "c", "a", "b"]:  # b goes for c, c goes for b
        completer.get_completion(text, max_new_tokens=2)
    assert completer.cache_info() == (2, 4, 2, 2)


def test_cache_clear_forgets() -> None:
    completer = CachedAutoComplete(suggester=fake())
    completer.get_completion("a", max_new_tokens=2)
    completer.cache_clear()
    assert completer.cache_info() == (0, 0, 1000, 0)


def test_a_cache_of_size_0_keeps_nothing_and_a_negative_size_is_refused() -> None:
    completer = CachedAutoComplete(suggester=fake(), cache_size=0)
    completer.get_completion("a", max_new_tokens=2)
    completer.get_completion("a", max_new_tokens=2)
    assert completer.cache_info() == (0, 2, 0, 0)
    with pytest.raises(OptionError, match="cache_size is -1"):
        CachedAutoComplete(suggester=fake(), cache_size=-1)


class GatedEngine(FakeEngine):
    """An engine whose first step waits until the test lets it go."""

    def __init__(self, fail: bool = False) -> None:
        super().__init__(TOKENIZER)
        self.entered, self.gate, self.fail = threading.Event(), threading.Event(), fail

    def eval(self, feeds: list[Feed]) -> NumpyScores:  # type: ignore[override]
        self.entered.set()
        assert self.gate.wait(20)
        if self.fail:
            raise EngineError("the engine failed")
        return super().eval(feeds)


def run_concurrently(
    engine: GatedEngine, completer: CachedAutoComplete, call: Callable[[], object], callers: int
) -> list[object]:
    """Start `callers` equal calls, let the engine go once all have asked, collect outcomes."""
    outcomes: list[object] = []

    def outcome() -> None:
        try:
            outcomes.append(call())
        except EngineError as error:
            outcomes.append(error)

    with ThreadPoolExecutor(callers) as pool:
        pool.submit(outcome)
        assert engine.entered.wait(20)
        for _ in range(callers - 1):
            pool.submit(outcome)
        while completer.cache_info().hits < callers - 1:
            threading.Event().wait(0.001)
        engine.gate.set()
    return outcomes


def test_equal_concurrent_requests_are_computed_once() -> None:
    engine = GatedEngine()
    completer = CachedAutoComplete(suggester=fake(engine), temperature=1.0)
    outcomes = run_concurrently(engine, completer, lambda: completer.get_completion("she"), 6)
    assert len(set(outcomes)) == 1
    assert completer.cache_info() == (5, 1, 1000, 1)


def test_an_error_reaches_everybody_who_waits_and_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine that failed is replaced by another."""
    monkeypatch.setattr(suggester_module, "open_model", lambda settings: fake_model())
    engine = GatedEngine(fail=True)
    OPENED.append(Suggester(fake_model(engine), Settings()))
    completer = CachedAutoComplete(suggester=OPENED[-1])
    outcomes = run_concurrently(engine, completer, lambda: completer.get_completion("she"), 4)
    assert all(isinstance(outcome, EngineError) for outcome in outcomes)
    assert len(outcomes) == 4
    assert isinstance(completer.get_completion("she"), str)
    assert completer.cache_info().currsize == 1


def test_what_is_computed_while_the_cache_is_cleared_is_not_kept() -> None:
    engine = GatedEngine()
    completer = CachedAutoComplete(suggester=fake(engine))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(completer.get_completion, "she")
        assert engine.entered.wait(20)
        completer.cache_clear()
        engine.gate.set()
        assert isinstance(answer.result(), str)
    assert completer.cache_info().currsize == 0


def test_many_threads_get_the_answers_of_one() -> None:
    completer = CachedAutoComplete(suggester=fake(seed=8), seed=1, cache_size=3)
    alone = {text: completer.get_completion(text, max_new_tokens=5) for text in TEXTS}
    with ThreadPoolExecutor(8) as pool:
        asked = TEXTS * 8
        answers = list(
            pool.map(lambda text: completer.get_completion(text, max_new_tokens=5), asked)
        )
    assert answers == [alone[text] for text in asked]


# --- batches


def test_preprocess_batch_pads_on_the_left_with_int64() -> None:
    completer = OptimizedAutoComplete(suggester=fake())
    batch = completer.preprocess_batch(["a", "she would thank", ""])
    ids, mask = batch["input_ids"], batch["attention_mask"]
    assert ids.dtype == mask.dtype == np.int64
    assert ids.shape == mask.shape == (3, completer.count_tokens("she would thank"))
    assert mask.sum(axis=1).tolist() == [
        completer.count_tokens(text) for text in ("a", "she would thank", "")
    ]
    assert ids[0, -1] == TOKENIZER.encode(b"a")[0]
    assert (np.diff(mask, axis=1) >= 0).all()


def test_preprocess_batch_cuts_the_beginning_between_characters() -> None:
    completer = OptimizedAutoComplete(suggester=fake())
    text = "नमस्ते the art"
    for most in range(1, 16):
        batch = completer.preprocess_batch([text], max_tokens=most)
        spelt = TOKENIZER.decode(batch["input_ids"][0].tolist()).decode()
        assert batch["input_ids"].shape[1] <= most
        assert text.endswith(spelt)
    assert completer.preprocess_batch([])["input_ids"].shape == (0, 0)
    with pytest.raises(OptionError, match="max_tokens is 0"):
        completer.preprocess_batch([text], max_tokens=0)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_generate_batch_gives_each_text_what_it_would_get_alone(temperature: float) -> None:
    options: dict[str, object] = {"temperature": temperature, "seed": 6}
    batched = OptimizedAutoComplete(suggester=fake(seed=3), **options)  # type: ignore[arg-type]
    alone = AutoComplete(suggester=fake(seed=3), **options)  # type: ignore[arg-type]
    expected = [alone.get_completion(text, max_new_tokens=9) for text in TEXTS]
    assert batched.generate_batch(TEXTS, max_new_tokens=9) == expected


def test_generate_batch_takes_the_result_of_preprocess_batch() -> None:
    completer = OptimizedAutoComplete(suggester=fake(seed=3), seed=6)
    from_texts = completer.generate_batch(TEXTS, max_new_tokens=9)
    misses = completer.cache_info().misses
    from_ids = completer.generate_batch(completer.preprocess_batch(TEXTS), max_new_tokens=9)
    assert from_ids == from_texts
    assert completer.cache_info().misses == misses, "the same texts are the same cache entries"


def test_padding_never_counts_towards_max_length() -> None:
    completer = OptimizedAutoComplete(suggester=fake(seed=3), temperature=0)
    texts = ["a", "she would thank the art of the thin"]
    longest = completer.count_tokens(texts[1])
    batch = completer.generate_batch(completer.preprocess_batch(texts), longest + 3)
    assert batch == [completer.get_completion(text, longest + 3) for text in texts]
    assert completer.count_tokens(batch[0]) > 3


def test_batches_share_the_cache_with_single_calls_and_equal_texts() -> None:
    model = CountingModel()
    completer = OptimizedAutoComplete(suggester=model.suggester)
    single = completer.get_completion("she would", max_new_tokens=4)
    batch = completer.generate_batch(["a", "she would", "a"], max_new_tokens=4)
    assert batch[1] == single
    assert batch[0] == batch[2]
    assert completer.cache_info() == (2, 2, 1000, 2)
    work = model.tokens
    assert completer.get_completion("a", max_new_tokens=4) == batch[0]
    assert model.tokens == work


def test_an_empty_batch_gives_nothing() -> None:
    completer = OptimizedAutoComplete(suggester=fake())
    assert completer.generate_batch([]) == []
    assert completer.generate_batch(completer.preprocess_batch([])) == []


def bad_batch(**changes: object) -> dict[str, np.ndarray]:
    batch: dict[str, object] = {
        "input_ids": np.array([[97, 98]]),
        "attention_mask": np.array([[1, 1]]),
    }
    return {key: np.asarray(value) for key, value in {**batch, **changes}.items()}


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"input_ids": np.array([[1]])}, "attention_mask"),
        (bad_batch(input_ids=[97, 98]), "two dimensions"),
        (bad_batch(attention_mask=[[1]]), "same two dimensions"),
        (bad_batch(input_ids=[[97, 10**6]]), "whole numbers from 0"),
        (bad_batch(input_ids=[[97.0, 98.5]]), "whole numbers"),
        (bad_batch(attention_mask=[[2, 1]]), "0 .padding. and 1"),
        (bad_batch(attention_mask=[[1, 0]]), "on the left"),
    ],
)
def test_bad_batches_are_refused(batch: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        OptimizedAutoComplete(suggester=fake()).generate_batch(batch)


def test_a_batch_of_half_characters_is_refused() -> None:
    with pytest.raises(InvalidTextError, match="row 0 of input_ids"):
        OptimizedAutoComplete(suggester=fake()).generate_batch(bad_batch(input_ids=[[0x80, 98]]))


def test_one_text_instead_of_a_list_is_refused() -> None:
    with pytest.raises(OptionError, match="one str"):
        OptimizedAutoComplete(suggester=fake()).generate_batch("she would")


def test_a_bad_text_in_a_batch_stops_it_before_any_work() -> None:
    model = CountingModel()
    completer = OptimizedAutoComplete(suggester=model.suggester)
    with pytest.raises(InvalidTextError):
        completer.generate_batch(["a", "\ud83d"])
    assert model.tokens == 0


def test_other_calls_take_turns_with_a_stream() -> None:
    """A completion asked for between two pieces of a stream neither waits nor disturbs it."""
    completer = AutoComplete(suggester=fake(seed=2), temperature=0)
    whole = completer.get_completion("she would", max_new_tokens=20)
    pieces = []
    for piece in completer.stream("she would", max_new_tokens=20):
        pieces.append(piece)
        assert completer.get_completion("the art", max_new_tokens=2) is not None
    assert "".join(pieces) == whole


def test_a_stream_over_a_closed_model_is_an_error() -> None:
    class Closing(FakeEngine):
        def eval(self, feeds: list[Feed]) -> NumpyScores:  # type: ignore[override]
            if self.evals == 9:
                completer.close()  # while the stream is on its way, on the engine's own thread
            return super().eval(feeds)

    engine = Closing(TOKENIZER, bias=saying(TOKENIZER, "she would", " the art" * 60))
    completer = owned(AutoComplete, fake(engine), temperature=0)
    stream = completer.stream("she would")
    assert next(stream)
    with pytest.raises(EngineError, match="closed"):
        list(stream)
    with pytest.raises(EngineError, match="closed"):
        completer.count_tokens("a")
