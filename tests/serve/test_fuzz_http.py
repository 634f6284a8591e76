"""Requests drawn from the OpenAPI description, kept and broken: it describes every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serve.serving import Live, live
from tecla.controller.systems import Room, Systems
from tecla.errors import UnknownModelError
from tecla.predict.base import Predictor

pytestmark = pytest.mark.slow
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW, MANY = 20, 1000  # cases for each operation and mode
OPERATIONS = [
    ("POST", "/v1/suggest"),
    ("POST", "/v1/feedback"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/compare"),
    ("POST", "/v1/learn"),
    ("GET", "/v1/learned"),
    ("POST", "/v1/forget"),
    ("GET", "/v1/export"),
    ("GET", "/v1/search"),
    ("POST", "/v1/search"),
    ("GET", "/v1/models"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]
QUERIES = {"/v1/learned", "/v1/export", "/v1/search"}  # GETs that have something to be wrong
CASES = [
    (method, path, mode)
    for method, path in OPERATIONS
    for mode in GenerationMode
    if method == "POST" or path in QUERIES or mode is GenerationMode.POSITIVE
]


def nothing(spec: str) -> Predictor:
    """What is compared is tested elsewhere, and takes long to open."""
    raise UnknownModelError(f"{spec} is not here")


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    systems = Systems(lambda: ThreadPoolExecutor(1), Room(nothing))
    with live(context_tokens=64, per_second=10**6, systems=systems) as found:
        yield found
        assert found.suggester.counters()["pending"] == 0


@pytest.fixture(scope="module")
def schema(served: Live) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{served.port}/openapi.json")


def ask_all(schema: Any, method: str, path: str, mode: GenerationMode, cases: int) -> None:
    operation = schema[path][method]

    @settings(max_examples=cases, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=60)

    ask()


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_every_answer_is_described(
    served: Live, schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    ask_all(schema, method, path, mode, FEW)
    assert served.suggest().status == 200


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_every_answer_is_described_at_length(
    served: Live, schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    ask_all(schema, method, path, mode, MANY)
    assert served.suggest().status == 200


def test_all_operations_are_asked(schema: Any) -> None:
    described = {
        (method.upper(), path)
        for path, operations in schema.raw_schema["paths"].items()
        for method in operations
    }
    assert described == set(OPERATIONS)


# --- what no schema draws -------------------------------------------------------------------------

ODD = [
    b"",
    b"null",
    b"[]",
    b'"the future"',
    b"{",
    b'{"before": NaN}',
    b'{"before": "x", "eagerness": NaN}',
    b'{"before": "x", "eagerness": -Infinity}',
    b'{"before": "x", "deadline_ms": Infinity}',
    b'{"before": "x", "deadline_ms": 1e999}',
    b'{"before": "x", "n": 1.0000000000000002}',
    b'{"before": "x", "n": ' + b"9" * 5000 + b"}",
    b'{"before": "x", "revision": 9007199254740992}',
    b'{"before": "\\ud800"}',
    b'{"before": "x", "user": "\\udfff"}',
    b'{"before": "x", "\\ud800": 1}',
    b'{"before": "x", "' + b"a" * 5000 + b'": 1}',
    b'{"before": "x", "user": "\\u0000"}',
    b'{"before": "x", "session": "\\u202e"}',
    b'{"before": ' + b"[" * 100_000,
    b'{"before": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    b'{"before": "\xff"}',
    b'\xef\xbb\xbf{"x": 1}',
    b"\x00",
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize(
    "path",
    [
        *("/v1/suggest", "/v1/completions", "/v1/feedback", "/v1/compare"),
        *("/v1/learn", "/v1/forget", "/v1/search"),
    ],
)
def test_odd_bodies_are_refused_and_not_quoted(served: Live, path: str, body: bytes) -> None:
    answer = served.ask("POST", path, body.replace(b'"before"', b'"prompt"')
                        if path == "/v1/completions" else body)  # fmt: skip
    assert answer.status == 400
    assert answer.error["code"] in {"bad_input", "invalid_text"}
    assert len(answer.body) < 600
    assert answer.body.decode().isprintable()


@pytest.mark.parametrize(
    "asked",
    [
        {"repetition_penalty": float("inf")},
        {"repetition_penalty": float("nan")},
        {"temperature": float("nan")},
        {"logit_bias": {"65": float("nan")}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"x\u202e": 1}},
        {"logit_bias": {"9" * 30: 1}},
        {"seed": float("inf")},
        {"min_p": float("nan")},
    ],
)
def test_numbers_that_are_none(served: Live, asked: dict[str, Any]) -> None:
    answer = served.ask("POST", "/v1/completions", {"prompt": "she", "max_tokens": 1, **asked})
    assert answer.status == 400
    assert answer.body.decode().isprintable()


@pytest.mark.parametrize("name", ["seed", "top_k"])
@pytest.mark.parametrize("value", [0, -1, 1 << 63, -(1 << 63), 1 << 64, 10**400])
def test_whole_numbers_of_any_size(served: Live, name: str, value: int) -> None:
    asked = {"prompt": "she", "max_tokens": 2, "temperature": 1, "seed": 1, name: value}
    first = served.ask("POST", "/v1/completions", asked)
    assert first.status in {200, 400}
    if first.status == 200:
        again = served.ask("POST", "/v1/completions", asked)
        assert again.document["choices"] == first.document["choices"]


def test_of_two_fields_of_a_name_the_last_holds(served: Live) -> None:
    body = b'{"before": "she", "before": "the future", "n": 99, "n": 1}'
    answer = served.ask("POST", "/v1/suggest", body)
    assert answer.status == 200
    assert answer.document["text"].startswith(" of")


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(min_codepoint=0x300, max_codepoint=0x36F), max_size=200),
    st.text("\x00\r\n\u2028\u200d\ufeff\u202e👩🏽‍💻é", max_size=40),
    st.sampled_from(["the future", "the future o", "she would"]),
)


def test_streams_of_any_text_only_extend(served: Live) -> None:
    @settings(max_examples=100, database=None)
    @given(TEXTS, TEXTS, st.integers(1, 10), st.integers(1, 20))
    def ask(before: str, after: str, n: int, max_words: int) -> None:
        asked = {"before": before, "after": after, "n": n, "max_words": max_words, "stream": True}
        answer = served.ask("POST", "/v1/suggest", asked)
        assert answer.status == 200
        shown, settled = "", []
        for line in answer.body.decode().splitlines():
            if line.startswith("data: "):
                found = json.loads(line.removeprefix("data: "), parse_constant=pytest.fail)
                assert found["text"].startswith(shown)
                shown = found["text"]
                settled.append(found["settled"])
        assert settled == [False] * (len(settled) - 1) + [True]

    ask()
