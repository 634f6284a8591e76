"""The routes over HTTP: what is asked is answered, what cannot be asked is told why."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from serve.conftest import Made, Make
from tecla.errors import OverloadedError
from tecla.serve.pressure import Level
from tecla.store.keys import KeyLimits

FUTURE = {"before": "the future"}


def suggest(made: Made, key: str | None = None, **asked: Any) -> Any:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return made.client.post("/v1/suggest", json={**FUTURE, **asked}, headers=headers)


def test_a_suggestion_with_its_words(made: Made) -> None:
    found = suggest(made, revision=7).json()
    assert found["text"].startswith(" of the")
    assert found["settled"]
    assert found["revision"] == 7
    assert found["words"][0] == len(" of")
    assert 0 < found["probability"] <= 1
    assert found["silence"] is None
    assert found["source"] == "model"


def test_alternatives_are_given_where_they_are_wanted(made: Made) -> None:
    assert suggest(made).json()["alternatives"] == []
    found = suggest(made, n=2).json()["alternatives"]
    assert 1 <= len(found) <= 2
    shown = suggest(made).json()  # one ranking: the list has it as it is shown
    assert {"text": shown["text"], "probability": shown["probability"]} in found


def test_answers_as_events_extend_one_another(made: Made) -> None:
    with made.client.stream("POST", "/v1/suggest", json={**FUTURE, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    found = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [each["settled"] for each in found] == [False] * (len(found) - 1) + [True]
    for earlier, later in pairwise(found):
        assert later["text"].startswith(earlier["text"])
    assert found[-1]["text"].startswith(" of")


def test_a_session_knows_what_was_said(made: Made) -> None:
    first = suggest(made, session="letter", revision=1).json()
    evaluated = made.engine.evaluated_tokens
    found = suggest(made, before="the future o", session="letter", revision=2).json()
    assert first["text"][2:].startswith(found["text"]) or found["text"].startswith("f")
    assert found["source"] == "typed"
    assert made.engine.evaluated_tokens == evaluated
    late = suggest(made, session="letter", revision=1).json()
    assert (late["text"], late["silence"]) == ("", "superseded")


def test_wishes_hold_for_the_request(made: Made) -> None:
    assert suggest(made, eagerness=0).json()["silence"] == "unsure"
    assert suggest(made, max_words=1).json()["words"] == [3]


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"before": 5}, "before"),
        ({"befor": "x"}, "befor"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"max_words": 21}, "max_words"),
        ({"eagerness": 1.5}, "eagerness"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"language": "english"}, "language"),
        ({"user": "a\nb"}, "user"),
        ({"session": "x" * 129}, "session"),
        ({"revision": -1}, "revision"),
        ({"stream": "maybe"}, "stream"),
    ],
)
def test_what_cannot_be_asked_is_told(made: Made, asked: dict[str, Any], where: str) -> None:
    answer = suggest(made, **asked)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "bad_input"
    assert where in error["message"]


def test_an_error_never_quotes_the_text(made: Made) -> None:
    secret = "my diary"
    raw = json.dumps({"before": secret, "n": secret})
    for body in (raw, raw[:-1], f'"{secret}"', json.dumps({"before": secret + "\ud800"})):
        answer = made.client.post(
            "/v1/suggest", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert "diary" not in answer.text


def test_plain_text_is_no_json(made: Made) -> None:
    answer = made.client.post(
        "/v1/suggest", content=json.dumps(FUTURE), headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 400  # what a page may send without leave is not read
    assert "content-type: application/json" in answer.json()["error"]["message"]


def test_what_is_wrong_with_fields_is_told_in_our_own_words(made: Made) -> None:
    message = tell(made, text="").json()["error"]["message"]
    assert message.startswith("text must be there")


@pytest.mark.parametrize("over", [0, 1])
def test_texts_are_taken_up_to_the_limit(make: Make, over: int) -> None:
    made = make(chars=100)
    answer = suggest(made, before="a" * 60, after="b" * (40 + over))
    assert answer.status_code == (413 if over else 200)
    assert not over or answer.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_bounded_before_they_are_read(make: Make, chunked: bool) -> None:
    made = make(chars=100)
    body = json.dumps({"before": "x" * 100_000}).encode()
    content = iter([body[:1000], body[1000:]]) if chunked else body
    answer = made.client.post(
        "/v1/suggest", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


# --- feedback -------------------------------------------------------------------------------------


def tell(made: Made, **told: Any) -> Any:
    told = {"session": "letter", "event": "accepted", **told}
    return made.client.post("/v1/feedback", json=told)


def kinds(made: Made) -> list[str]:
    made.service.feedback.flush()
    return [event.kind for event in made.store.feedback.events()]


def test_what_is_accepted_is_told_and_counted(made: Made) -> None:
    shown = suggest(made, session="letter", revision=1).json()["text"]
    assert tell(made, revision=1, text=" of").json() == {"counted": True, "reason": None}
    assert tell(made, revision=1, text=shown[3:]).json()["counted"]
    assert kinds(made)[:3] == ["shown", "part_accepted", "accepted"]
    assert made.metrics.saved._value.get() == len(" of") - 1 + len(shown[3:]) - 1
    found = suggest(made, before="the future" + shown, session="letter", revision=2).json()
    assert found["settled"]


def test_what_is_dismissed_is_not_shown_again_at_this_state(made: Made) -> None:
    suggest(made, session="letter", revision=1)
    assert tell(made, event="dismissed", revision=1).json()["counted"]
    assert tell(made, text=" of").json() == {"counted": False, "reason": "not_shown"}
    assert kinds(made) == ["shown", "rejected"]


def test_what_was_not_shown_is_not_counted(made: Made) -> None:
    suggest(made, session="letter", revision=1)
    assert tell(made, revision=1, text=" xyz").json()["reason"] == "not_shown"
    assert tell(made, revision=0, text=" of").json()["reason"] == "superseded"
    assert made.metrics.accepted._value.get() == 0
    for other in ({"session": "another"}, {"user": "eve"}, {"collection": "c"}):
        answer = tell(made, text=" of", **other)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_session"


def test_a_question_without_a_session_leaves_no_event(made: Made) -> None:
    assert suggest(made).json()["text"]
    assert kinds(made) == []


@pytest.mark.parametrize(
    "told",
    [{"text": ""}, {"event": "dismissed", "text": "x"}, {"event": "shown"}, {"session": ""}],
)
def test_feedback_that_says_nothing_is_refused(made: Made, told: dict[str, Any]) -> None:
    assert tell(made, **told).status_code == 400


# --- keys -----------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_served(make: Make) -> None:
    made = make(asks_for_keys=True)
    for key in (None, "nonsense", made.key()[:-1] + "_"):
        answer = suggest(made, key)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert made.client.get("/v1/models").status_code == 401
    assert made.client.get("/metrics").status_code == 401
    assert made.client.get("/healthz").status_code == 200
    assert suggest(made, made.key()).status_code == 200


def test_a_key_opens_what_its_scopes_say(make: Make) -> None:
    made = make(asks_for_keys=True)
    answer = suggest(made, made.key("learn"))
    assert answer.status_code == 403
    assert "suggest" in answer.json()["error"]["message"]
    admin = {"authorization": f"Bearer {made.key('admin')}"}
    assert made.client.get("/metrics", headers=admin).status_code == 200
    plain = {"authorization": f"Bearer {made.key()}"}
    assert made.client.get("/metrics", headers=plain).status_code == 403


def test_a_key_may_ask_so_often(make: Make) -> None:
    made = make(asks_for_keys=True)
    key, other = made.key(limits=KeyLimits(per_second=1.0)), made.key()
    codes = [suggest(made, key).status_code for _ in range(5)]
    assert codes == [200, 200, 429, 429, 429]
    answer = suggest(made, key)
    assert answer.json()["error"]["code"] == "rate_limited"
    assert answer.json()["error"]["retry_after_ms"] > 0
    assert int(answer.headers["retry-after"]) >= 1
    assert suggest(made, other).status_code == 200
    made.clock.pass_ms(1001)
    assert [suggest(made, key).status_code for _ in range(2)] == [200, 429]


def test_nothing_of_one_key_reaches_another(make: Make) -> None:
    made = make(asks_for_keys=True)
    one, other = made.key(), made.key()
    first = suggest(made, one, session="s", user="ana").json()
    evaluated = made.engine.evaluated_tokens
    again = suggest(made, one, session="t", user="ana").json()
    assert (again["text"], again["source"]) == (first["text"], "shared")
    assert made.engine.evaluated_tokens == evaluated
    for key, user in ((other, "ana"), (one, "bo"), (one, "")):
        before = made.engine.evaluated_tokens
        found = suggest(made, key, session="s", user=user, revision=0).json()
        assert (found["text"], found["source"]) == (first["text"], "model")
        assert made.engine.evaluated_tokens - before == evaluated  # read anew, all of it


# --- names and origins ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8757"}, 200),
        ({"host": "localhost:9"}, 200),
        ({"host": "[::1]:8757"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:8757"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://127.0.0.1:8757"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://good.example"}, 200),
        ({"host": "good.example"}, 200),
    ],
)
def test_pages_of_others_may_not_ask(make: Make, headers: dict[str, str], status: int) -> None:
    made = make(origins="https://good.example")
    answer = made.client.post("/v1/suggest", json=FUTURE, headers=headers)
    assert answer.status_code == status


def test_pages_are_let_in_by_name_alone(make: Make) -> None:
    asked = {
        "origin": "https://good.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    assert "access-control-allow-origin" not in make().client.options(
        "/v1/suggest", headers={"origin": "http://127.0.0.1:8757"}
    ).headers  # fmt: skip
    made = make(origins="https://good.example", asks_for_keys=True)
    answer = made.client.options("/v1/suggest", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://good.example"


def test_every_answer_has_the_headers_that_guard_it(made: Made) -> None:
    for path in ("/healthz", "/v1/models", "/nowhere"):
        headers = made.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


# --- how it is ------------------------------------------------------------------------------------


def test_health_tells_how_it_is(made: Made) -> None:
    assert made.client.get("/healthz").json()["state"] == "serving"
    assert made.client.get("/readyz").status_code == 200
    made.service.suggester.close()
    answer = made.client.get("/healthz")
    assert (answer.status_code, answer.json()["state"]) == (200, "classical")
    assert made.client.get("/readyz").status_code == 503
    found = suggest(made, before="Thank you for").json()
    assert found["without_model"] == "engine_failed"
    assert found["source"] == "classical"


def test_under_load_the_model_is_left_out_and_then_requests_are_refused(made: Made) -> None:
    made.service.pressure.level = Level.CLASSICAL
    found = suggest(made, before="Thank you for").json()
    assert found["without_model"] == "overloaded"
    assert made.engine.evaluated_tokens == 0
    made.service.pressure.level = Level.REFUSED
    answer = suggest(made)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == OverloadedError.code
    assert made.client.get("/healthz").status_code == 503


def test_counts_hold_no_text_and_few_labels(made: Made) -> None:
    for count in range(5):
        suggest(made, before=f"the future{count}", session=f"name{count}", user=f"user{count}")
    suggest(made, n=0)
    page = made.client.get("/metrics").text
    for leaked in ("future", "name1", "user1"):
        assert leaked not in page
    assert 'tecla_refused_total{code="bad_input"} 1.0' in page
    assert re.search(r'tecla_answer_seconds_count\{source="\w+"\} \d', page)
    assert "tecla_engine_up 1.0" in page
    assert "tecla_texts 5.0" in page
    assert len(page.splitlines()) < 400


def test_requests_are_counted_by_route_and_status(make: Make) -> None:
    made = make(asks_for_keys=True)
    key = made.key("suggest", "admin")
    suggest(made, key)
    suggest(made, key, n=0)
    suggest(made)
    for path in ("/nowhere", "/elsewhere?x=1", "/v1/suggest"):
        made.client.get(path, headers={"authorization": f"Bearer {key}"})
    made.client.get("/healthz", headers={"host": "evil.example"})
    page = made.client.get("/metrics", headers={"authorization": f"Bearer {key}"}).text
    found = re.findall(r'tecla_requests_total\{route="(.*)",status="(\d+)"\} (\d+)', page)
    assert sorted(found) == [
        ("/healthz", "403", "1"),
        ("/v1/suggest", "200", "1"),
        ("/v1/suggest", "400", "1"),
        ("/v1/suggest", "401", "1"),
        ("/v1/suggest", "405", "1"),
        ("other", "404", "2"),
    ]
    assert 'tecla_refused_total{code="unauthorized"} 1.0' in page


def test_models_are_listed(made: Made) -> None:
    (model,) = made.client.get("/v1/models").json()["data"]
    assert (model["id"], model["object"]) == ("fake", "model")


def test_the_language_that_is_wished_is_that_of_a_text_that_does_not_tell(made: Made) -> None:
    for language in ("es", "en"):
        suggest(made, before="Si", session="letter", language=language)
        (text,) = made.service.texts._open.values()
        assert text.writer.language == language
