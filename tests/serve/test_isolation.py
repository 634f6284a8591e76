"""What one key or user has written changes nothing for another: answers, sources, counted work.

A distinctive text is written under one owner; then every beginning of it is asked about by another.
What the other gets, where it comes from and how many tokens it costs are those of a service that
never saw the text. Work is counted instead of timed: what costs the same takes as long.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from serve import conftest
from serve.conftest import Made, Make
from serve.processes import Process, serving, write_config
from tecla import Suggester
from tecla.store.keys import make_key
from tecla.store.sqlite import SqliteStore

SECRET = "the future of the thin art would help then she would"
PREAMBLE = "the thin man and the help of art.\n"
OWNERS = ["another key", "another user", "no user"]


def rounded(told: Any) -> Any:
    """Without the last digits of numbers: what was rejected weighs less from moment to moment."""
    if isinstance(told, float):
        return float(f"{told:.6g}")
    if isinstance(told, dict):
        return {name: rounded(value) for name, value in told.items()}
    return [rounded(each) for each in told] if isinstance(told, list) else told


class Asker:
    """One key and user, and what asking has told and cost."""

    def __init__(self, made: Made, user: str, key: str | None = None) -> None:
        self.made, self.user = made, user
        self.key = key or made.key("suggest", "learn")
        self.seen: list[Any] = []

    def _post(self, path: str, asked: dict[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {self.key}"}
        before = self.made.engine.evaluated_tokens
        answer = self.made.client.post(path, json=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        self.seen.append(self.made.engine.evaluated_tokens - before)
        return answer

    def suggest(self, text: str, **asked: Any) -> None:
        found = self._post("/v1/suggest", {"before": text, "user": self.user, "n": 3, **asked})
        for told in found.json() if isinstance(found.json(), list) else [found.json()]:
            del told["took_ms"]
            self.seen.append(rounded(told))

    def complete(self, text: str, **asked: Any) -> None:
        wanted = {"prompt": text, "user": self.user, "temperature": 0, "max_tokens": 4, **asked}
        found = self._post("/v1/completions", wanted).json()
        self.seen.append([found["choices"], found["usage"]])

    def session(self, text: str, name: str) -> None:
        """Type over WebSocket."""
        before = self.made.engine.evaluated_tokens
        with self.made.client.websocket_connect("ws://127.0.0.1:8757/v1/session") as socket:
            socket.send_json({
                "type": "open", "revision": 0, "text": text, "caret": len(text),
                "key": self.key, "user": self.user, "session": name,
            })  # fmt: skip
            assert socket.receive_json()["type"] == "opened"
            while not (found := socket.receive_json()).get("settled", True):
                pass
        del found["took_ms"]
        self.seen.append([rounded(found), self.made.engine.evaluated_tokens - before])

    def probe(self) -> list[Any]:
        """Ask about every beginning of the text, as everything can be asked."""
        for end in (10, 11, 18, 31, len(SECRET)):
            self.suggest(SECRET[:end])
            self.suggest(SECRET[:end], session="letter", revision=end)
            self.complete(SECRET[:end])
            self.complete(SECRET[:end], logprobs=3, echo=True)
        self.session(SECRET, "letter")
        self.session(SECRET[:-3], "diary")
        self.complete(SECRET * 8)
        return self.seen


def write(asker: Asker) -> None:
    """Everything by which the text could be remembered."""
    for end in (10, 11, 18, 25, 31, 44):
        asker.suggest(SECRET[:end])
    asker.suggest(SECRET, session="letter", revision=1000)
    asker.complete(SECRET, max_tokens=20)
    asker.complete(SECRET * 8, max_tokens=20)  # long enough to be kept for whoever comes next
    asker.session(SECRET, "diary")


def other_than(writer: Asker, who: str) -> Asker:
    if who == "another key":
        return Asker(writer.made, writer.user)
    return Asker(writer.made, "bo" if who == "another user" else "", writer.key)


@pytest.mark.slow
def test_nothing_written_by_one_changes_what_another_sees(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a text above every other that all have in common, which somebody has had read before."""
    search = replace(conftest.MANNER.search, preamble=PREAMBLE)
    monkeypatch.setattr(conftest, "MANNER", replace(conftest.MANNER, search=search))
    monkeypatch.setattr(conftest, "Suggester", partial(Suggester, common=PREAMBLE))
    fresh = make(asks_for_keys=True, per_second=10**6)
    Asker(fresh, "eve").suggest("an art")
    wanted = Asker(fresh, "bo").probe()
    writer = Asker(make(asks_for_keys=True, per_second=10**6), "ana")
    Asker(writer.made, "eve").suggest("an art")
    write(writer)
    for who in OWNERS:
        assert other_than(writer, who).probe() == wanted, who


@pytest.mark.slow
def test_the_same_owner_is_known_again(make: Make) -> None:
    """The probe can tell: asked by the writer it costs less and says where it comes from."""
    made = make(asks_for_keys=True, per_second=10**6)
    writer = Asker(made, "ana")
    fresh = Asker(made, "bo", writer.key).probe()
    write(writer)
    writer.seen.clear()
    found = writer.probe()
    assert found != fresh
    costs = [sum(each for each in seen if isinstance(each, int)) for seen in (found, fresh)]
    assert costs[0] < costs[1]


def test_a_long_prompt_is_read_once_for_its_owner_alone(make: Make) -> None:
    made = make(asks_for_keys=True)
    one = Asker(made, "ana")
    others = [other_than(one, who) for who in OWNERS]
    long = SECRET * 8
    for asker in (one, one, *others):
        asker.complete(long, max_tokens=1)
    costs = [asker.seen[0] for asker in (one, *others)]
    assert costs == [costs[0]] * 4
    assert one.seen[2] < costs[0] / 10


def test_nothing_is_kept_for_scopes_that_hold_nothing(make: Make) -> None:
    """Names of users are the client's to choose: any number of them must cost no memory."""
    made = make()
    for number in range(300):
        made.client.post(
            "/v1/completions",
            json={"prompt": "she", "max_tokens": 1, "user": f"user {number}"},
        )
    scheduler = made.service.suggester._desk.worker._scheduler  # type: ignore[attr-defined]
    assert len(scheduler.memory.scopes) <= 256
    made.service.suggester.on_engine_thread(  # type: ignore[attr-defined]
        scheduler.memory.check_integrity
    )


@pytest.mark.soak
def test_how_long_what_another_has_asked_takes(tmp_path: Path) -> None:
    """Printed, not judged: the time of a prompt that another key has sent, and of a new one.

    The median of what is asked in turns; the spread says what of a difference is chance.
    """
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    write_config(tmp_path, model)
    keys = [make_key(name, ("suggest",), 1_000.0) for name in ("ana", "bo")]
    with SqliteStore.open(tmp_path / "store" / "tecla.db") as store:
        for key in keys:
            store.keys.add(key.stored)
    ana, bo = (f"Bearer {key.text}" for key in keys)

    def ask(service: Process, prompt: str, bearer: str) -> float:
        asked = {"prompt": prompt, "max_tokens": 1, "temperature": 0}
        began = time.perf_counter()
        answer = service.ask("POST", "/v1/completions", asked, authorization=bearer)
        took_ms = 1000 * (time.perf_counter() - began)
        assert answer.status == 200
        return took_ms

    times: dict[str, list[float]] = {"own, again": [], "another's": [], "nobody's": []}
    with serving(tmp_path) as service:
        for number in range(300):
            theirs, new = (f"{name}{number:03} " + "in the morning " * 20 for name in "an")
            ask(service, theirs, ana)
            times["nobody's"].append(ask(service, new, bo))
            times["another's"].append(ask(service, theirs, bo))
            times["own, again"].append(ask(service, theirs, ana))
    for name, found in times.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{name}: {middle:.2f} ms (half of them from {low:.2f} to {high:.2f})")
