"""`tecla search`: what is found, of whom, and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.calling import Ran, caller
from retrieval.learnt import ANA, BANK, learn
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

LOCAL = Owner("user", "local")


@pytest.fixture
def search(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run `tecla search`, by words alone, in a store in which something was learnt."""
    monkeypatch.setenv("TECLA_EMBEDDING", "off")
    monkeypatch.setenv("COLUMNS", "120")
    with SqliteStore.open() as store:
        learn(store.documents, LOCAL, sea="A ship at sea", sun="Sun and rain\x1b[2J")
        learn(store.documents, ANA, canary="The canary sings of a ship")
        learn(store.documents, BANK, money="The bank keeps the ship's money")
    run = caller(monkeypatch, capsys)
    return lambda *arguments, **options: run("search", *arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "sources"),
    [
        ((), {"sea"}),
        (("--user", "ana"), {"canary"}),
        (("--collection", "bank"), {"money"}),
        (("--user", "local", "--collection", "bank"), {"sea", "money"}),
        (("--user", "nobody"), set()),
    ],
    ids=["the usual user", "a user", "a collection", "both", "nobody"],
)
def test_of_whom(search: Callable[..., Ran], arguments: tuple[str, ...], sources: set[str]) -> None:
    ran = search("ship", "--json", *arguments)
    assert ran.status == 0
    assert {each["source"] for each in ran.document["found"]} == sources


def test_why(search: Callable[..., Ran]) -> None:
    (found,) = search("a ship, perhaps", "--json").document["found"]
    assert found["owner"] == {"kind": "user", "name": "local"}
    assert found["text"] == "A ship at sea"
    assert found["words"]["rank"] == 1
    assert found["words"]["score"] > 0
    assert found["meaning"] == {"rank": None, "similarity": None}
    assert set(found["shared"]) == {"a", "ship"}


def test_on_a_terminal(search: Callable[..., Ran]) -> None:
    ran = search("a ship")
    assert "A ship at sea" in ran.out
    assert "local: sea" in ran.out
    assert "shares: ship, a" in ran.out
    assert "canary" not in ran.out


def test_a_passage_gives_a_terminal_no_orders(search: Callable[..., Ran]) -> None:
    assert "\x1b" not in search("rain").out


def test_nothing_found_is_said(search: Callable[..., Ran]) -> None:
    ran = search("zebra")
    assert ran.status == 0
    assert ran.out == "Nothing is found for user 'local'. `tecla learned` shows what is known.\n"


def test_from_standard_input(search: Callable[..., Ran]) -> None:
    assert "A ship at sea" in search("-", stdin=b"ship\n").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ship", "-k", "0"), "k is 0"),
        (("ship", "--user", ""), "user"),
        (("ship", "--collection", "a\nb"), "collection"),
    ],
    ids=["k", "user", "collection"],
)
def test_what_cannot_be_asked_is_refused(
    search: Callable[..., Ran], arguments: tuple[str, ...], message: str
) -> None:
    ran = search(*arguments)
    assert ran.status == 2
    assert message in ran.err


def test_an_unknown_embedding_is_refused(
    search: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_EMBEDDING", "wordlama")
    ran = search("ship")
    assert ran.status == 2
    assert "embedding is 'wordlama'" in ran.err


@pytest.mark.slow
def test_by_meaning(search: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECLA_EMBEDDING", "wordllama")
    found = search("an ocean vessel", "--json").document["found"]
    assert found[0]["text"] == "A ship at sea"
    assert found[0]["meaning"]["similarity"] > 0.3
