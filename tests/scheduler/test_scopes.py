"""What scopes have in common is held once, and nothing else is reached from another scope."""

from __future__ import annotations

import pytest

from running import Runner
from tecla.decode.request import Request, Stopping
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import GREEDY
from tecla.scheduler.scopes import Scopes
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey
from tecla.text.context import Context

COMMON = (5, 6, 7, 8)
PREAMBLE = "the future of art and help"
TOKENIZER = FakeTokenizer()


def made() -> Scopes:
    scopes = Scopes()
    scopes.share(COMMON)
    return scopes


def test_two_scopes_share_what_is_common_but_for_its_last_token() -> None:
    scopes = made()
    one, other = (scopes.at(scope, (*COMMON, 1, 2)) for scope in "ab")
    ways = [
        [at for at in position.upwards() if at.parent is not None][::-1]
        for position in (one, other)
    ]
    tokens = [[at.token for at in way] for way in ways]
    assert tokens == [[*COMMON, 1, 2]] * 2
    same = [here is there for here, there in zip(*ways, strict=True)]
    assert same == [True, True, True, False, False, False]
    assert one.depth == len(COMMON) + 2


@pytest.mark.parametrize(
    "tokens", [COMMON, COMMON[:3], (*COMMON[:2], 1, 2), (1, 2), COMMON[:1], (5, 1), ()]
)
def test_a_text_is_found_again_in_its_scope_alone(tokens: tuple[int, ...]) -> None:
    scopes = made()
    mine = scopes.at("a", tokens)
    mine.pins += 1  # or nobody would need it
    behind = mine.walk([9])
    behind.pins += 1
    assert scopes.at("a", tokens) is mine
    assert scopes.at("a", (*tokens, 9)) is behind or tokens == COMMON[:3]
    theirs = scopes.at("b", tokens)
    assert theirs is not mine
    assert not theirs.children
    found = [at for at in scopes.at("b", (*tokens, 9)).upwards() if not scopes.is_common(at)]
    assert not any(at.pins for at in found)


def test_a_gate_that_nobody_needs_goes_and_comes_anew() -> None:
    scopes = made()
    scopes.at("a", COMMON).forget()
    assert len(scopes) == 1
    scopes.drop_if_empty("a")
    assert len(scopes) == 0
    again = scopes.at("a", COMMON)
    assert again.parent is not None
    assert again.parent.children[again.key] is again
    assert scopes.beginnings("a") == [again]
    assert scopes.beginnings("b") == []


def test_many_scopes_that_left_nothing_are_forgotten() -> None:
    scopes = made()
    for scope in range(2000):
        scopes.at(scope, (*COMMON, scope)).forget()
    assert len(scopes) < 600


def ask(runner: Runner, number: int, text: str) -> tuple[str, int]:
    """The answer in a scope of its own, and the tokens evaluated for it."""
    before = runner.engine.evaluated_tokens
    request = Request(Context(text, "", PREAMBLE), GREEDY, Stopping(max_tokens=3))
    ticket = runner.submit(request, session=SessionKey(number, f"scope {number}"))
    runner.run(ticket)
    completed = ticket.answer.result()
    return completed.continuations[0].text, runner.engine.evaluated_tokens - before


def test_a_preamble_is_read_once_for_everybody_and_changes_no_answer() -> None:
    runners = [
        Runner(FakeEngine(TOKENIZER, seed=1), TOKENIZER, terms=Terms(common=common, short_tokens=0))
        for common in ("", PREAMBLE)
    ]
    texts = ["she would ", "the thin ", "she would "]
    apart, shared = ([ask(each, at, text) for at, text in enumerate(texts)] for each in runners)
    assert [text for text, _ in apart] == [text for text, _ in shared]
    assert [n for _, n in apart[:1]] == [n for _, n in shared[:1]]
    n_common = runners[1].scheduler.memory.scopes.at("", TOKENIZER.encode(PREAMBLE.encode())).depth
    for (_, n_apart), (_, n_shared) in zip(apart[1:], shared[1:], strict=True):
        assert n_apart - n_shared >= n_common - 3
    assert apart[0][1] == apart[2][1]  # the same text of another scope is no help
    assert shared[2][1] > 3
