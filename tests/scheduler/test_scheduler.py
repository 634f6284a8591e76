"""What the scheduler promises, in counted work: nothing twice, nothing for a text that is gone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from running import Clock, Runner
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.engines.scores import NumpyScores
from tecla.engines.state import tokens_of
from tecla.errors import EngineError, InvalidTextError, OptionError, OverloadedError
from tecla.scheduler.overload import SHORT_TOKENS
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
SENTENCE = "she would think of the future and of the art of helping then"
SAID = " of artificial art and the thin help of the hello and the future of the art"


def make(*, terms: Terms | None = None, clock: Clock | None = None, **options: object) -> Runner:
    engine = FakeEngine(TOKENIZER, **options)  # type: ignore[arg-type]
    return Runner(engine, TOKENIZER, terms=terms, clock=clock)


def asking(text: str, max_tokens: int = 4, n: int = 1, **options: object) -> Request:
    return Request(Context(text), GREEDY, Stopping(max_tokens=max_tokens), n=n, **options)  # type: ignore[arg-type]


class Timed(FakeEngine):
    """An engine on which a token takes 2 ms of the test's clock."""

    def __init__(self, clock: Clock, **limits: int) -> None:
        super().__init__(TOKENIZER, **{"context_tokens": 4096, "kv_tokens": 8192, **limits})
        self.clock = clock

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        self.clock.pass_ms(5 + 2 * sum(len(feed.tokens) for feed in feeds))
        return super().eval(feeds)


class Typist:
    """One session on a runner."""

    def __init__(self, runner: Runner, scope: str = "", number: int = 1) -> None:
        self.runner, self.key, self.revision = runner, SessionKey(number, scope), 0

    def submit(self, text: str, **options: object) -> Ticket:
        self.revision += 1
        deadline = options.pop("deadline_ms", None)
        return self.runner.submit(
            asking(text, **options),  # type: ignore[arg-type]
            session=self.key,
            revision=self.revision,
            deadline_ms=deadline,  # type: ignore[arg-type]
        )

    def ask(self, text: str, **options: object) -> Completed:
        ticket = self.submit(text, **options)
        self.runner.run(ticket)
        return ticket.answer.result(0)


def counted(runner: Runner, name: str) -> int:
    return runner.scheduler.counters().get(name, 0)


def test_typing_a_sentence_evaluates_each_prompt_token_once() -> None:
    runner = make()
    typist = Typist(runner)
    for end in range(1, len(SENTENCE) + 1):
        typist.ask(SENTENCE[:end])
    prompt_tokens = 1 + len(TOKENIZER.encode(SENTENCE.encode()))
    assert counted(runner, "prefill_tokens") <= prompt_tokens
    assert counted(runner, "prefill_tokens") + counted(runner, "search_tokens") == counted(
        runner, "evaluated_tokens"
    )


def test_a_letter_inside_a_word_never_evaluates_what_stands_before_the_word() -> None:
    runner = make()
    typist = Typist(runner)
    typist.ask("she would think of the f")
    before = counted(runner, "prefill_tokens")
    for end in range(len("she would think of the f"), len("she would think of the future")):
        typist.ask("she would think of the future"[:end])
    assert counted(runner, "prefill_tokens") == before


def test_retyping_after_a_deletion_evaluates_nothing() -> None:
    runner = make()
    typist = Typist(runner)
    for end in range(20, len(SENTENCE) + 1):
        typist.ask(SENTENCE[:end])
    evaluated = counted(runner, "evaluated_tokens")
    for end in [*range(len(SENTENCE), 20, -1), *range(20, len(SENTENCE) + 1)]:
        typist.ask(SENTENCE[:end])
    assert counted(runner, "evaluated_tokens") == evaluated


def test_typing_what_is_shown_costs_one_token_for_each_that_is_accepted() -> None:
    runner = make(bias=saying(TOKENIZER, "she would", SAID))
    typist = Typist(runner)
    answer = typist.ask("she would", max_tokens=6)
    work = 0
    for end in range(1, 30):
        text = "she would" + SAID[:end]
        answer = typist.ask(text, max_tokens=6)
        assert SAID[end:].startswith(answer.continuations[0].text)
        work += answer.work.evaluated_tokens
    typed = len(TOKENIZER.encode(SAID[:30].encode()))
    assert work <= typed


def test_an_exact_hit_without_kept_scores_evaluates_one_token_a_position() -> None:
    """The end of the head and the typed word are held, but scores come only with a token."""
    runner = make(terms=Terms(score_mb=0), bias=saying(TOKENIZER, "the future ", "of the art"))
    first = Typist(runner).ask("the future ", max_tokens=1)
    before = counted(runner, "evaluated_tokens")
    again = Typist(runner, number=2).ask("the future ", max_tokens=1)
    assert again.continuations == first.continuations
    assert counted(runner, "evaluated_tokens") - before == 2 == again.work.evaluated_tokens


def test_a_request_without_a_session_leaves_only_a_long_head_behind() -> None:
    runner = make()
    runner.complete([asking("she would"), asking("the future")])
    runner.complete([asking("she would")])
    assert counted(runner, "kv_cells") <= 7  # what another request at work might have shared
    long = SENTENCE * 4
    first = runner.complete([asking(long, n=2), asking(long)])[0]
    held = counted(runner, "kv_cells")
    assert first.prompt_tokens - 3 <= held <= first.prompt_tokens + 8
    before = counted(runner, "prefill_tokens")
    assert runner.complete([asking(long, n=2)])[0].continuations == first.continuations
    assert counted(runner, "prefill_tokens") <= before + 1


def test_a_cancelled_request_evaluates_nothing_after_the_next_step() -> None:
    runner = make()
    ticket = runner.submit(asking(SENTENCE, max_tokens=50))
    for _ in range(3):
        runner.step()
    before = counted(runner, "evaluated_tokens")
    runner.scheduler.cancel(ticket)
    runner.step()
    assert ticket.answer.result(0).silence in (None, "cancelled")
    assert ticket.answer.result(0).partial
    runner.run()
    assert counted(runner, "evaluated_tokens") == before
    assert runner.scheduler.pending == 0


@pytest.mark.parametrize("waiting", [True, False])
def test_a_newer_revision_supersedes_the_older_within_one_step(waiting: bool) -> None:
    runner = make()
    typist = Typist(runner)
    old = typist.submit("she would think of the", max_tokens=50)
    if not waiting:
        runner.step()
        runner.step()
    new = typist.submit("she would think of the f", max_tokens=3)
    runner.step()
    assert old.answer.done()
    assert old.answer.result().partial
    assert counted(runner, "superseded") == 1
    runner.run(new)
    assert not new.answer.result().partial


def test_a_revision_that_comes_late_is_superseded_at_once() -> None:
    runner = make()
    typist = Typist(runner)
    typist.revision = 5
    new = typist.submit("she would")
    runner.run(new)
    typist.revision = 2
    old = typist.submit("she")
    runner.step()
    assert old.answer.result(0).silence == "superseded"


def test_a_request_rides_on_what_the_one_before_it_began() -> None:
    runner = make(bias=saying(TOKENIZER, "she would", SAID))
    typist = Typist(runner)
    typist.submit("she would", max_tokens=12)
    for _ in range(6):
        runner.step()
    before = counted(runner, "evaluated_tokens")
    answer = typist.ask("she would" + SAID[:5], max_tokens=12)
    fresh = make(bias=saying(TOKENIZER, "she would", SAID))
    alone = Typist(fresh).ask("she would" + SAID[:5], max_tokens=12)
    assert answer.continuations == alone.continuations
    spent = counted(runner, "evaluated_tokens") - before
    assert spent == answer.work.evaluated_tokens <= alone.work.evaluated_tokens - 6


def test_closing_a_session_frees_everything_within_one_step() -> None:
    runner = make()
    typist = Typist(runner, scope="a")
    ticket = typist.submit(SENTENCE, max_tokens=50)
    runner.step()
    runner.scheduler.close_session(typist.key)
    before = counted(runner, "evaluated_tokens")
    runner.step()
    assert ticket.answer.done()
    assert counted(runner, "evaluated_tokens") == before
    assert counted(runner, "sessions") == counted(runner, "pending") == 0
    held = ("kv_cells", "kept_rows", "used_slots")
    assert [counted(runner, name) for name in held] == [0, 0, 0]


def test_closing_a_session_leaves_what_another_shares() -> None:
    runner = make()
    first, second = Typist(runner, number=1), Typist(runner, number=2)
    first.ask(SENTENCE)
    second.ask(SENTENCE + " she would")
    held = counted(runner, "kv_cells")
    runner.scheduler.close_session(first.key)
    assert 0 < counted(runner, "kv_cells") <= held
    before = counted(runner, "prefill_tokens")
    second.ask(SENTENCE + " she would think")
    assert counted(runner, "prefill_tokens") <= before + 4


def test_at_the_deadline_the_best_answer_so_far_comes_back() -> None:
    clock = Clock()
    runner = make(clock=clock, bias=saying(TOKENIZER, "she would", SAID))
    ticket = Typist(runner).submit("she would", max_tokens=50, deadline_ms=150)
    for _ in range(7):
        runner.step()
    assert not ticket.answer.done()
    clock.pass_ms(149.9)
    runner.step()
    found = ticket.answer.result(0)
    assert found.partial
    assert found.continuations[0].stop == "deadline"
    assert SAID.startswith(found.continuations[0].text)
    assert len(found.continuations[0].text.split()) >= 2


def test_a_deadline_before_anything_is_known_is_silence_with_a_reason() -> None:
    clock = Clock()
    runner = make(clock=clock, batch_tokens=3)
    ticket = Typist(runner).submit(SENTENCE, deadline_ms=20)
    runner.step()
    clock.pass_ms(21)
    runner.step()
    found = ticket.answer.result(0)
    assert (found.continuations, found.silence, found.partial) == ((), "deadline", True)
    runner.run()  # the text is read all the same, for the next key
    before = counted(runner, "prefill_tokens")
    assert Typist(runner).ask(SENTENCE).continuations
    assert counted(runner, "prefill_tokens") == before


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_same_request_gives_the_same_alone_and_among_31_others(temperature: float) -> None:
    chooser = random.Random(4)
    words = SENTENCE.split()
    texts = [" ".join(chooser.choices(words, k=chooser.randint(1, 9)))[:-1] for _ in range(32)]
    sampling = Sampling(temperature=temperature, seed=9)
    requests = [Request(Context(text), sampling, Stopping(max_tokens=6), n=2) for text in texts]
    limits = {"kv_tokens": 8192, "n_slots": 128}
    together = make(**limits).complete(requests)
    for request, found in zip(requests, together, strict=True):
        alone = make(**limits).complete([request])[0]
        assert found.continuations == alone.continuations
        assert found.caret == alone.caret


def test_a_long_paste_delays_nobody() -> None:
    """It is read in chunks beside the typist's few tokens, in steps of about 50 ms."""
    clock = Clock()
    runner = Runner(Timed(clock, batch_tokens=512), TOKENIZER, clock=clock)
    paste = Typist(runner, number=1).submit("the thin art of " * 400)
    runner.step()
    began, ticket = clock(), Typist(runner, number=2).submit("she wo", deadline_ms=2000)
    runner.run(ticket)
    assert ticket.answer.result().continuations[0].n_tokens >= 2
    assert clock() - began <= 1.0  # the paste alone takes more than 4 seconds
    assert not paste.answer.done()
    assert counted(runner, "prefill_tokens") > 512 + 40  # it moved on meanwhile
    runner.run(paste)
    assert paste.answer.result().continuations


def test_a_long_text_is_answered_from_a_short_window_and_read_in_idle_time() -> None:
    """The tokens of the short window are the only ones that are evaluated twice."""
    text = "".join(f"she would think {number} times. " for number in range(60)) + "the fut"
    runner = make(context_tokens=2048, kv_tokens=8192, terms=Terms(short_tokens=40))
    typist = Typist(runner)
    first = typist.ask(text, deadline_ms=150)
    assert first.continuations
    assert first.prompt_tokens <= 40
    short = counted(runner, "prefill_tokens")
    assert short <= 40
    assert counted(runner, "short_windows") == 1
    runner.run()  # idle
    whole = typist.ask(text, deadline_ms=150)
    assert whole.prompt_tokens > 500
    assert whole.work.evaluated_tokens <= 6
    ahead = counted(runner, "read_ahead_tokens")
    assert ahead + 10 > whole.prompt_tokens
    before = counted(runner, "evaluated_tokens")
    typist.ask(text + "ure of ", deadline_ms=150)
    assert counted(runner, "evaluated_tokens") - before < 15
    assert counted(runner, "short_windows") == 1


def test_a_full_window_moves_in_large_steps() -> None:
    """The beginning of what the model reads stays the same for many keys."""
    runner = make(context_tokens=128, kv_tokens=4096, terms=Terms(short_tokens=0))
    typist = Typist(runner)
    text = ""
    prefilled = []
    for number in range(90):
        text += f"she would think {number}.\n\n"
        typist.ask(text, max_tokens=2)
        prefilled.append(counted(runner, "prefill_tokens"))
    spent = [later - earlier for earlier, later in pairwise(prefilled)]
    assert max(spent) > 40  # the window moved
    assert sum(cost > 20 for cost in spent) <= 90 * 10 / (112 * 0.25) + 2
    assert sum(spent) < 4 * len(TOKENIZER.encode(text.encode()))


def test_scopes_share_nothing_and_sessions_of_one_scope_share_the_beginning() -> None:
    runner = make()
    Typist(runner, "a", 1).ask(SENTENCE)
    cells = counted(runner, "kv_cells")
    same = Typist(runner, "a", 2).ask(SENTENCE)
    assert same.work.evaluated_tokens == 0
    assert counted(runner, "kv_cells") == cells
    other = Typist(runner, "b", 3).ask(SENTENCE)
    assert other.work.evaluated_tokens > len(TOKENIZER.encode(SENTENCE.encode())) - 2
    assert other.continuations == same.continuations


def test_old_texts_make_room_for_new_ones() -> None:
    runner = make(n_slots=6, kv_tokens=160, context_tokens=128)
    for number in range(20):
        typist = Typist(runner, number=number)
        assert typist.ask(f"{number} she would think of the future of art").continuations
        assert counted(runner, "kv_cells") <= 160
    assert counted(runner, "evicted_slots") > 0


def test_what_cannot_fit_at_all_ends_with_the_reason() -> None:
    runner = make(n_slots=4, kv_tokens=64, context_tokens=64)
    tickets = [runner.submit(asking(f"{n}" + " the art" * 8, max_tokens=30)) for n in range(4)]
    runner.run(*tickets)
    stops = {found.stop for t in tickets for found in t.answer.result().continuations}
    assert stops <= {"max_tokens", "context_full", "end", "unspellable"}
    assert all(ticket.answer.result().continuations for ticket in tickets)


def overloaded(count: int) -> tuple[Runner, list[Ticket]]:
    clock = Clock()
    runner = Runner(Timed(clock, n_slots=200), TOKENIZER, clock=clock)
    tickets = [
        Typist(runner, number=number).submit(
            f"{number} {SENTENCE}", deadline_ms=5000, max_tokens=20
        )
        for number in range(count)
    ]
    return runner, tickets


def test_under_load_answers_get_shorter_first() -> None:
    runner, tickets = overloaded(1)
    runner.run(*tickets)
    assert tickets[0].answer.result().continuations[0].n_tokens > SHORT_TOKENS
    runner, tickets = overloaded(12)
    runner.run(*tickets)
    answers = [ticket.answer.result() for ticket in tickets]
    assert all(answer.continuations or answer.silence == "end" for answer in answers)
    assert all(found.text for answer in answers for found in answer.continuations)
    stops = [(found.stop, answer.partial) for answer in answers for found in answer.continuations]
    assert ("overload", True) in stops
    assert ("overload", False) not in stops
    assert counted(runner, "shortened") > 0


def test_then_new_requests_are_refused_with_a_hint() -> None:
    runner, tickets = overloaded(40)
    runner.step()
    new = Typist(runner, "elsewhere", 99).submit("she would", deadline_ms=150)
    runner.step()
    refused = new.answer.exception(0)
    assert isinstance(refused, OverloadedError)
    assert refused.retry_after_ms >= 50
    assert refused.code == "overloaded"
    assert counted(runner, "refused") == 1
    runner.run(*tickets)
    assert all(ticket.answer.done() for ticket in tickets)
    assert Typist(runner, number=100).ask("she", deadline_ms=150).continuations


def test_the_queue_is_bounded() -> None:
    runner = make(terms=Terms(most_jobs=2, most_waiting=3))
    tickets = [runner.submit(asking("she")) for _ in range(3)]
    with pytest.raises(OverloadedError):
        runner.submit(asking("she"))
    runner.run(*tickets)
    runner.submit(asking("she"))


def test_bad_requests_are_refused_and_harm_nobody() -> None:
    runner = make(n_slots=8, kv_tokens=256, context_tokens=128)
    good = runner.submit(asking("she would"))
    with pytest.raises(OptionError, match="8 alternatives"):
        runner.submit(asking("she", n=8))
    with pytest.raises(OptionError, match="KV memory"):
        runner.submit(asking("she", n=6, max_tokens=60))
    with pytest.raises(InvalidTextError):
        Context("\ud800")
    runner.run(good)
    assert good.answer.result().continuations


def test_when_the_engine_fails_everybody_is_told() -> None:
    runner = make()
    tickets = [runner.submit(asking("she would", max_tokens=9)) for _ in range(3)]
    runner.step()
    runner.scheduler.fail_all(EngineError("gone"))
    for ticket in tickets:
        with pytest.raises(EngineError, match="gone"):
            ticket.answer.result(0)
    assert runner.scheduler.pending == 0


def test_a_session_saved_and_restored_is_not_read_again() -> None:
    runner = make(context_tokens=512)
    typist = Typist(runner)
    first = typist.ask(SENTENCE)
    state = runner.scheduler.save_session(typist.key)
    later = make(context_tokens=512)
    tokens = [TOKENIZER.start_id, *TOKENIZER.encode(SENTENCE.encode())]
    saved = tokens_of(state)
    assert saved == tokens[: len(saved)]
    assert len(saved) >= len(tokens) - 2
    assert later.scheduler.restore_session(SessionKey(7), saved, state)
    later.check()
    again = Typist(later, number=7).ask(SENTENCE)
    assert again.continuations == first.continuations
    assert counted(later, "prefill_tokens") <= 1


def test_nothing_to_save_is_an_error_and_a_damaged_state_changes_nothing() -> None:
    runner = make()
    with pytest.raises(OptionError, match="nothing of this session"):
        runner.scheduler.save_session(SessionKey(1))
    typist = Typist(runner)
    typist.ask(SENTENCE)
    state = runner.scheduler.save_session(typist.key)
    broken = state[:-1] + bytes([state[-1] ^ 1])
    other = make()
    with pytest.raises(EngineError, match="checksum"):
        other.scheduler.restore_session(SessionKey(1), [1, 2, 3], broken)
    other.check()
    assert counted(other, "kv_cells") == 0
    assert Typist(other).ask("she would").continuations
