"""What a user has accepted, and what was learnt of one, on the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calling import Ran, caller
from store.made import event
from tecla.store.events import SuggestedText
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

Tecla = Callable[..., Ran]
CANARY = "The heron counts seventeen brass buttons"

pytestmark = pytest.mark.slow


@pytest.fixture
def tecla(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Tecla:
    """Run `tecla` in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TECLA_STORE_FILE", str(tmp_path / "kept" / "store.db"))
    return caller(monkeypatch, capsys)


def accept(before: str, text: str) -> None:
    """Something is accepted by the user of this machine."""
    with SqliteStore.open() as store:
        store.feedback.record([
            event(
                "one",
                kind="accepted",
                user="local",
                time_s=time.time(),
                accepted_chars=9,
                text=SuggestedText(before, text),
            )
        ])  # fmt: skip


def test_what_is_accepted_is_learnt_after_consent_and_forgotten(
    tecla: Tecla, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_MODEL", "absent.gguf")
    accept(CANARY[:20], CANARY[20:])
    first = tecla("learn", "--feedback")
    assert first.status == 0
    assert "what the user 'local' accepts from now on is kept and learnt (0 days now)" in first.err
    accept(CANARY[:20], CANARY[20:])
    assert "accepts is kept and learnt (1 day now)" in tecla("learn", "--feedback").err
    assert "(0 days now)" in tecla("learn", "--feedback").err
    listed = tecla("learned")
    assert "accepted suggestions of " in listed.out
    assert CANARY not in listed.out
    forgotten = tecla("forget", "--feedback", "--yes")
    assert forgotten.status == 0
    assert "forgot what the user 'local' has accepted: the text of 1 event" in forgotten.out
    assert "0 times after" in forgotten.out
    with SqliteStore.open() as store:
        assert store.consent.since_s("local") is None
        assert store.documents.owners() == []
        assert [each.text for each in store.feedback.events()] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("learn",), "there is nothing to learn"),
        (("learn", "--feedback", "--collection", "c"), "--feedback is for a user"),
        (("learn", "--feedback", "--dry-run"), "--feedback is for a user"),
        (("forget", "--feedback", "a.txt"), "give it alone, or with --user"),
        (("forget", "--feedback", "--everything"), "give it alone, or with --user"),
    ],
)
def test_bad_input(tecla: Tecla, arguments: tuple[str, ...], said: str) -> None:
    ran = tecla(*arguments)
    assert ran.status == 2
    assert said in ran.err


def test_complete_mixes_in_what_was_learnt_of_whoever_is_named(
    tecla: Tecla, tmp_path: Path
) -> None:
    asked = ("complete", CANARY[:26], "--max-words", "2", "--json")
    without = tecla(*asked).texts
    assert tecla(*asked, "--user", "ana").texts == without  # there is no store
    assert not (tmp_path / "kept").exists()
    (tmp_path / "a.txt").write_text(f"{CANARY}. " * 4)
    assert tecla("learn", "a.txt", "--user", "ana").status == 0
    assert tecla(*asked, "--user", "ana").texts == [f"{CANARY[26:]}."]
    assert tecla(*asked, "--user", "ben").texts == without
    assert tecla(*asked).texts == without
    compared = tecla("compare", CANARY[:26], "--system", "writer:?user=ana", "--json", "-n", "3")
    assert compared.document["systems"][0]["suggestions"][0]["text"] == CANARY[26:32]
    with SqliteStore.open() as store:
        assert store.documents.owners() == [Owner("user", "ana")]
