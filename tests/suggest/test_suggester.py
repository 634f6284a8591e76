"""The facade: threads and asyncio get the same, sessions supersede, what is wrong is said."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tiny_gguf
from tecla import Completed, Suggester
from tecla.decode.adjust import Forbid, TokenBias
from tecla.decode.request import Request, Stopping
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.engines.sampling import GREEDY
from tecla.errors import EngineError, EngineFailedError, InvalidTextError, OptionError
from tecla.models.info import ModelInfo
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
SAID = " of artificial art and the thin help"
Ask = Callable[..., Completed]


def open_fake(info: ModelInfo, **options: object) -> Suggester:
    options.setdefault("bias", saying(TOKENIZER, "the future", SAID))
    engine = FakeEngine(TOKENIZER, **options)  # type: ignore[arg-type]
    return Suggester(LoadedModel(engine, TOKENIZER, info))


@pytest.fixture
def suggester(fake_info: ModelInfo) -> Iterator[Suggester]:
    with open_fake(fake_info) as opened:
        yield opened


@pytest.fixture(params=["threads", "asyncio", "session", "asyncio session"])
def ask(request: pytest.FixtureRequest, suggester: Suggester) -> Iterator[Ask]:
    """One way to ask: all of them must give the same."""
    asker = suggester.session() if "session" in request.param else suggester
    if "asyncio" in request.param:
        yield lambda *texts, **options: asyncio.run(asker.asuggest(*texts, **options))
    else:
        yield asker.suggest


def test_a_suggestion_follows_the_text(ask: Ask) -> None:
    found = ask("the future", max_tokens=6, deadline_ms=None)
    assert SAID.startswith(found.continuations[0].text)
    assert not found.partial
    assert found.tree.follow(" of") is not None


def test_options_reach_the_search(ask: Ask) -> None:
    assert ask("the fut", max_words=1, deadline_ms=None).continuations[0].text == "ure"
    assert len(ask("she w", n=3, max_tokens=2, deadline_ms=None).continuations) == 3
    assert ask("the future", max_tokens=1, deadline_ms=None).continuations[0].text == " of"


def test_what_stands_behind_the_caret_is_not_repeated(ask: Ask) -> None:
    found = ask("the future", " artificial art", max_tokens=9, deadline_ms=None)
    assert [one.text for one in found.continuations] == [" of"]
    assert found.continuations[0].stop == "after"


def test_stopping_by_probability_and_by_entropy(ask: Ask) -> None:
    sure = ask("the future", max_tokens=50, min_probability=0.9, deadline_ms=None).continuations[0]
    assert sure.text == SAID
    certain = ask("the future", max_tokens=50, max_entropy_nats=0.5, deadline_ms=None)
    assert certain.continuations[0].text == SAID
    unsure = ask("she would ", max_tokens=50, min_probability=0.02, deadline_ms=None)
    for one in unsure.continuations:
        assert one.stop in {"probability", "end"}
        assert one.probability >= 0.02 or len(one.words) <= 1
    early = ask("she would ", max_tokens=50, max_entropy_nats=0.01, deadline_ms=None)
    assert all(one.stop == "entropy" and one.n_tokens == 1 for one in early.continuations)


def test_adjusters_change_what_is_written(ask: Ask) -> None:
    plain = ask("the future", max_tokens=4, deadline_ms=None).continuations[0].text
    assert "artificial" in plain
    forbidden = [Forbid(("artificial", "ficia"))]
    found = ask("the future", max_tokens=4, adjust=forbidden, deadline_ms=None)
    assert found.continuations
    assert all("artificial" not in one.text for one in found.continuations)
    of = TOKENIZER.encode(b" of")[0]
    banned = ask(
        "the future", max_tokens=1, adjust=[TokenBias(((of, float("-inf")),))], deadline_ms=None
    )
    assert banned.continuations[0].text != " of"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n": 0}, OptionError),
        ({"max_tokens": 0}, OptionError),
        ({"deadline_ms": 0}, OptionError),
        ({"deadline_ms": float("nan")}, OptionError),
        ({"width": 1, "n": 2}, OptionError),
        ({"depth": 0}, OptionError),
        ({"tolerance": 1.0}, OptionError),
        ({"min_probability": 2}, OptionError),
        ({"max_entropy_nats": -1}, OptionError),
        ({"temprature": 1}, OptionError),
        ({"adjust": [TokenBias(((10**6, 1.0),))]}, OptionError),
        ({"header": "\ud800"}, InvalidTextError),
    ],
)
def test_what_cannot_be_asked_is_refused(
    ask: Ask, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask("the future", **options)
    assert ask("the future", deadline_ms=None).continuations


def test_lone_surrogates_are_refused(ask: Ask) -> None:
    for texts in (("\ud800",), ("a", "\udc00")):
        with pytest.raises(InvalidTextError):
            ask(*texts)


def test_a_closed_suggester_says_so(ask: Ask, suggester: Suggester) -> None:
    assert suggester.healthy
    suggester.close()
    assert not suggester.healthy
    with pytest.raises(EngineFailedError, match="closed"):
        ask("the future")


def test_a_newer_request_of_a_session_ends_the_older(fake_info: ModelInfo) -> None:
    hold, at_work = threading.Event(), threading.Event()

    class Slow(FakeEngine):
        def eval(self, feeds):  # type: ignore[no-untyped-def]
            at_work.set()
            assert hold.wait(20)
            return super().eval(feeds)

    async def type_two_keys() -> tuple[Completed, Completed]:
        with Suggester(LoadedModel(Slow(TOKENIZER), TOKENIZER, fake_info)) as suggester:
            session = suggester.session()
            old = asyncio.create_task(session.asuggest("she w", max_tokens=400, deadline_ms=None))
            await asyncio.to_thread(at_work.wait, 20)
            new = asyncio.create_task(session.asuggest("she wo", deadline_ms=60_000))
            while session.revision < 2:
                await asyncio.sleep(0)
            hold.set()
            return await old, await new

    old, new = asyncio.run(type_two_keys())
    assert old.partial
    assert not new.partial


def test_cancelling_a_task_cancels_the_request(suggester: Suggester) -> None:
    async def begin_and_cancel() -> None:
        task = asyncio.create_task(
            suggester.asuggest("she w", max_tokens=10**6, deadline_ms=None, stop=["never said"])
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(begin_and_cancel())
    assert suggester.suggest("the future", deadline_ms=None).continuations
    assert suggester.counters()["pending"] == 0


def test_a_session_is_saved_and_restored(fake_info: ModelInfo, tmp_path: Path) -> None:
    text = "the future of art and the help of the thin art "
    file = tmp_path / "document.kv"
    with open_fake(fake_info) as suggester:
        session = suggester.session()
        with pytest.raises(OptionError, match="ask for a suggestion first"):
            session.save(file)
        first = session.suggest(text, deadline_ms=None)
        assert session.save(file) == file.stat().st_size
    with open_fake(fake_info) as suggester, suggester.session() as session:
        assert session.restore(file)
        again = session.suggest(text, deadline_ms=None)
        assert again.continuations == first.continuations
        assert suggester.counters()["prefill_tokens"] <= 1
        file.write_bytes(file.read_bytes()[:-3])
        with pytest.raises(EngineError, match="truncated"):
            session.restore(file)
        with pytest.raises(OptionError, match="cannot restore"):
            session.restore(tmp_path / "none.kv")
        with pytest.raises(OptionError, match="cannot save"):
            session.save(tmp_path / "no" / "folder.kv")
        assert session.suggest(text, deadline_ms=None).continuations


def test_a_closed_session_says_so(suggester: Suggester) -> None:
    with suggester.session() as session:
        assert session.suggest("the future").continuations
    with pytest.raises(OptionError, match="closed"):
        session.suggest("the future")
    assert suggester.counters()["sessions"] == 0


def test_asyncio_context_manager(fake_info: ModelInfo) -> None:
    async def once() -> Completed:
        async with open_fake(fake_info) as suggester:
            return await suggester.asuggest("the future")

    assert asyncio.run(once()).continuations


def test_a_stream_that_is_dropped_is_given_up(suggester: Suggester) -> None:
    request = Request(Context("she w"), GREEDY, Stopping(max_tokens=400))
    for use in ("never", "once"):
        pieces = suggester.stream(request)
        if use == "once":
            next(pieces, None)
        del pieces
    assert suggester.suggest("the future", deadline_ms=None).continuations
    counters = suggester.counters()
    assert counters["pending"] == 0
    assert counters["evaluated_tokens"] < 400


def test_a_stream_joined_is_the_answer(suggester: Suggester) -> None:
    request = Request(Context("the future"), GREEDY, Stopping(max_tokens=20))
    assert "".join(suggester.stream(request)) == SAID


@pytest.mark.slow
def test_the_tokenizer_of_a_closed_model_says_so(tiny_model: Path) -> None:
    opened = Suggester.open(str(tiny_model))
    tokenizer = opened.tokenizer
    assert tokenizer.encode(b"the art of the future" * 9)
    opened.close()
    with pytest.raises(EngineError, match="closed"):
        tokenizer.encode(b"the art of the thing" * 9)


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    return tiny_gguf.write_bpe_llama(tmp_path / "model.gguf")
