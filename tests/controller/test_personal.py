"""What was learnt in a writer: used by whoever it belongs to, gone when it is forgotten."""

from __future__ import annotations

import itertools
import pickle
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.learning import ALWAYS, ANA, BEN, GOES_ON, PATIENT, PHRASE, TEAM, TOKENIZER, world
from controller.test_writer import EDITS, apply
from running import Clock
from store.made import document, event
from tecla import Suggester
from tecla.controller.controller import Controller
from tecla.controller.personal import Personal
from tecla.controller.rejected import PAST
from tecla.controller.sources import ANY, Shelf
from tecla.controller.suggestion import Suggestion
from tecla.controller.tree import Alternative
from tecla.engines.fake import FakeEngine, saying
from tecla.errors import StoreBusyError
from tecla.models.info import ModelInfo
from tecla.ngram.train import train_ngram
from tecla.personal.following import finish_purges, folder_beside
from tecla.personal.mixing import Mixture
from tecla.store.events import FeedbackEvent, Mark
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore
from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd

STARTS = ("the future", "she would", "the art", "I think the", "an", "", "help the th", "1999 ")


def has_phrase(found: Suggestion) -> bool:
    """Whether what was learnt is what is suggested first."""
    return bool(found.alternatives) and found.alternatives[0].text.startswith(GOES_ON)


@pytest.mark.slow
def test_nothing_learnt_is_nothing_changed(fake_info: ModelInfo, tmp_path: Path) -> None:
    with world(tmp_path, fake_info, cached=False) as made:
        for start in STARTS:
            bare, named = made.said(start), made.said(start, "ana", "team")
            assert named.alternatives == bare.alternatives
            assert named.ghost == bare.ghost
            assert named.work.evaluated_tokens == bare.work.evaluated_tokens
        assert not made.personal.root.exists()
        with made.writer("ana") as writer:
            assert not writer.pauses


@pytest.mark.slow
@pytest.mark.parametrize("owner", [ANA, TEAM], ids=str)
def test_what_was_learnt_is_suggested_until_it_is_forgotten(
    fake_info: ModelInfo, tmp_path: Path, owner: Owner
) -> None:
    with world(tmp_path, fake_info) as made:
        names = {"user": owner.name if owner == ANA else "cleo", "collection": "team"}
        before = made.said("the future", **names)
        assert not has_phrase(before)
        made.learn(owner, PHRASE)
        after = made.said("the future", **names)
        assert has_phrase(after)
        assert after.origin == "model"
        assert made.said("the future", **names).origin == "shared"
        assert not has_phrase(made.said("the future"))
        assert not has_phrase(made.said("the future", "ben"))
        made.forget(owner)
        again = made.said("the future", **names)
        assert again.alternatives == before.alternatives


@pytest.mark.slow
def test_a_writer_that_is_open_lets_go_of_what_is_forgotten(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    with world(tmp_path, fake_info, manner=ALWAYS) as made:
        made.learn(ANA, PHRASE)
        with made.writer("ana") as writer, made.writer("ana") as waiting, made.writer() as bare:
            writer.update(Snapshot("the future"))
            assert has_phrase(writer.wait())
            waiting.update(Snapshot("the futur"))
            assert waiting.wait().alternatives[0].text.startswith("e would help")
            waiting.update(Snapshot("the future"))  # asked, or answered already, and not heard yet
            made.forget(ANA)
            bare.update(Snapshot("the future"))
            plain = bare.wait()
            assert waiting.wait().alternatives == plain.alternatives
            assert not has_phrase(writer.other())
            assert writer.wait().alternatives == plain.alternatives
            typed = writer.typed(" ")
            assert typed.ghost is None or not typed.ghost.text.startswith("would")


def test_who_waits_no_longer_is_not_told_what_was_forgotten(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    with world(tmp_path, fake_info, manner=ALWAYS) as made:
        made.learn(ANA, PHRASE)
        with made.writer("ana") as writer:
            writer.update(Snapshot("the future"))
            assert has_phrase(writer.wait())
            assert writer.typed(" ").ghost is not None
            made.forget(ANA)
            assert writer.without_waiting().ghost is None


def test_what_is_learnt_while_somebody_writes_is_used_at_the_next_key(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    with world(tmp_path, fake_info) as made, made.writer("ana") as writer:
        writer.update(Snapshot("the futur"))
        writer.wait()
        made.learn(ANA, PHRASE)
        writer.typed("e")
        assert has_phrase(writer.wait())
        writer.deleted()
        assert writer.wait().alternatives[0].text.startswith("e would help")


def test_a_user_and_a_collection_both_have_a_say(fake_info: ModelInfo, tmp_path: Path) -> None:
    with world(tmp_path, fake_info) as made:
        made.learn(ANA, PHRASE)
        made.learn(TEAM, "the art is help and help")
        assert has_phrase(made.said("the future", "ana", "team"))
        of_team = made.said("the art", "ana", "team").alternatives[0].text
        assert of_team.startswith(" is help")
        assert not made.said("the art", "ana").alternatives[0].text.startswith(" is help")


@pytest.mark.slow
def test_mixing_evaluates_no_more_tokens(fake_info: ModelInfo, tmp_path: Path) -> None:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", GOES_ON))
    with world(tmp_path, fake_info, engine=engine) as made:
        made.learn(ANA, PHRASE)
        suggester = made.controller._suggester
        assert isinstance(suggester, Suggester)
        evaluated, texts = [], []
        for user in (None, "ana"):
            before = engine.evaluated_tokens
            adjust = () if user is None else made.personal.own(user).adjust("")
            with suggester.session(scope=user) as session:
                for text in ("the futur", "the future", "the future w", "the future would"):
                    found = session.suggest(text, deadline_ms=None, max_words=2, adjust=adjust)
                    texts.append(found.continuations[0].text)
            evaluated.append(engine.evaluated_tokens - before)
        assert texts[:4] == texts[4:]
        assert evaluated[0] == evaluated[1]


@pytest.mark.slow
def test_typing_through_what_was_learnt_is_trimming(fake_info: ModelInfo, tmp_path: Path) -> None:
    with world(tmp_path, fake_info) as made:
        made.learn(ANA, PHRASE)
        with made.writer("ana") as writer:
            writer.update(Snapshot("the future"))
            ghost = writer.wait().ghost
            assert ghost is not None
            evaluated = made.engine.evaluated_tokens
            for at, key in enumerate(ghost.text[:-3], 1):
                told = writer.typed(key)
                assert (told.settled, told.origin) == (True, "typed")
                assert told.ghost is not None
                assert told.ghost.text == ghost.text[at:]
            assert made.engine.evaluated_tokens == evaluated


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, st.lists(st.booleans(), min_size=8, max_size=8))
def test_what_is_settled_is_what_a_fresh_writer_says(
    fake_info: ModelInfo,
    tmp_path_factory: pytest.TempPathFactory,
    edits: Sequence[tuple[str, object]],
    waits: Sequence[bool],
) -> None:
    """With a cache and without, and whatever was rejected on the way."""
    folder = tmp_path_factory.mktemp("learnt")
    with world(folder, fake_info, manner=ALWAYS) as made:
        made.learn(ANA, PHRASE, "she would think the art is help")
        with made.writer("ana", scope="old") as writer:
            writer.update(Snapshot("she would th", " art"))
            for (kind, value), is_waited in zip(edits, waits, strict=False):
                if is_waited:
                    writer.wait()
                apply(writer, kind, value)
            found, snapshot = writer.wait(), writer.snapshot
        for scope in ("new", "old"):
            with made.writer("ana", scope=scope) as fresh:
                fresh.update(snapshot)
                assert fresh.wait().alternatives == found.alternatives


def isolated(info: ModelInfo, folder: Path, rounds: int) -> None:
    """Two users and two collections write the same texts through one cache, in turns."""
    chance = random.Random(7)
    ghosts = 0
    with world(folder, info) as made:
        made.learn(ANA, PHRASE)
        made.learn(TEAM, "the art is help and help")
        whose = list(itertools.product((None, "ana", "ben"), (None, "team", "others")))
        for _ in range(rounds):
            start = chance.choice(STARTS)
            for user, collection in chance.sample(whose, 4):
                with made.controller.writer(user=user, collection=collection) as writer:
                    writer.update(Snapshot(start))
                    found = writer.wait()
                said = " ".join(start + each.text for each in found.alternatives)
                assert user == "ana" or PHRASE not in said
                assert collection == "team" or "the art is help and help" not in said
                ghosts += found.ghost is not None
        assert made.controller.cache is not None
        assert made.controller.cache.hits > rounds / 8
    assert ghosts > rounds


@pytest.mark.slow
def test_nobody_is_told_what_another_has_learnt(fake_info: ModelInfo, tmp_path: Path) -> None:
    isolated(fake_info, tmp_path, 80)


@pytest.mark.soak
def test_nobody_is_told_what_another_has_learnt_in_a_long_run(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    isolated(fake_info, tmp_path, 8000)


@pytest.mark.slow
def test_nothing_is_mixed_in_while_something_is_to_be_purged(
    fake_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, fake_info) as made:
        made.learn(ANA, PHRASE)
        made.learn(BEN, PHRASE)
        made.store.forget_user("ben")  # by somebody who then dies
        own = made.personal.own("ana")
        made.personal.settle()
        assert own.adjust("")
        assert not made.store.derived.to_purge()
        assert not has_phrase(made.said("the future", "ben"))
        monkeypatch.setattr(
            "tecla.controller.personal.finish_purges",
            lambda *_: (_ for _ in ()).throw(StoreBusyError("held")),
        )
        made.store.forget_user("ben")
        assert made.personal.own("ana").adjust("") == ()
        made.personal.settle()
        assert not has_phrase(made.said("the future", "ana"))


def test_what_a_request_carries_is_plain_data(fake_info: ModelInfo, tmp_path: Path) -> None:
    with world(tmp_path, fake_info) as made:
        made.learn(ANA, PHRASE)
        with made.personal.own("ana", "team") as own:
            (mixture,) = own.adjust("Title")
            assert pickle.loads(pickle.dumps(mixture)) == mixture
            assert isinstance(mixture, Mixture)
            assert [kind for kind, _ in mixture.sources] == ["user"]
            assert mixture.above == "Title"
            assert "ana" not in repr(mixture)
            assert len(pickle.dumps(mixture)) < 2000


def test_the_store_of_the_settings_is_opened_where_there_is_one(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_STORE_FILE", str(tmp_path / "tecla.db"))
    assert Personal.of_settings() is None
    assert not (tmp_path / "tecla.db").exists()
    SqliteStore.open().close()
    with Personal.of_settings() or pytest.fail("there is a store") as personal:
        assert personal.store.documents.owners() == []


@pytest.mark.slow
def test_passages_stand_above_a_text_from_a_pause_on(fake_info: ModelInfo, tmp_path: Path) -> None:
    manner = replace(PATIENT, search=replace(PATIENT.search, preamble="a thin help"))
    with world(tmp_path, fake_info, manner=manner, headers=True) as made:
        made.learn(ANA, "the artificial future is help")
        with made.writer("ana", header="Title") as writer:
            assert writer.pauses
            writer.update(Snapshot("I think the artificial future "))
            first = writer.wait()
            looking = writer._own._headers.looking  # type: ignore[union-attr]
            assert looking is not None
            looking.result(10)
            assert writer._view.place.header == "Title"
            told = writer.paused()
            assert writer._view.place.header.endswith("is help.\n\nTitle")
            assert (told.revision, told.settled, told.ghost) == (1, False, first.ghost)
            settled = writer.wait()
            assert settled.settled
            assert (settled.ghost is None) <= (first.ghost is None)
            assert writer.paused() is settled  # nothing new
            made.forget(ANA)
            writer.typed("t")
            assert writer._view.place.header == "Title"


@pytest.mark.slow
def test_the_n_gram_says_the_persons_own_words(tmp_path: Path) -> None:
    train_ngram(["the future of art", "the art of the future"] * 4, tmp_path / "words")
    with (
        SqliteStore.open(tmp_path / "store.db") as store,
        Personal(store, folder_beside(store.path)) as personal,
        Controller(
            None, Shelf({ANY: (f"ngram:{tmp_path / 'words'}",)}), PATIENT, personal=personal
        ) as controller,
    ):
        store.documents.put([
            document(ANA, "a", "Dear Zorbthwaite, the future of help.\n" * 3),
            document(TEAM, "b", "Dear Zuckmayer, the art.\n"),
        ])  # fmt: skip

        def said(text: str, **whose: str) -> list[str]:
            for _ in range(2):  # the first question has their words read
                with controller.writer(with_model=False, **whose) as writer:  # type: ignore[arg-type]
                    found = writer.update(Snapshot(text))
                personal.settle()
            return [each.text for each in found.alternatives]

        assert said("Dear Z", user="ana")[0].startswith("orbthwaite")
        assert not any(text.startswith("orbthwaite") for text in said("Dear Z", user="ben"))
        both = said("Dear Z", user="ana", collection="team")
        assert [text[:5] for text in both[:2]] == ["orbth", "uckma"]
        store.forget_user("ana")
        finish_purges(personal.root, store)
        personal.refresh([ANA], "ana")
        assert not any(text.startswith("orbthwaite") for text in said("Dear Z", user="ana"))


@pytest.mark.parametrize("idle", [False, True])
def test_words_of_too_many_owners_are_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    monkeypatch.setattr("tecla.controller.personal._MOST_WORDS", 1)
    monkeypatch.setattr("tecla.controller.personal._WORDS_IDLE_S", 0.0 if idle else 1e9)
    with (
        SqliteStore.open(tmp_path / "store.db") as store,
        Personal(store, folder_beside(store.path)) as personal,
    ):
        store.documents.put(document(owner, "a", "Dear all") for owner in (ANA, BEN))
        personal.words(ANA)
        personal.settle()
        assert personal.words(ANA) is not None
        personal.words(BEN)
        personal.settle()
        assert (personal.words(BEN) is not None) is idle
        assert personal.words(ANA) is None or not idle


@pytest.mark.parametrize("is_heard_late", [False, True])
def test_a_rejection_counts_once_however_often_it_is_read(
    tmp_path: Path, is_heard_late: bool
) -> None:
    clock, gate = Clock(), threading.Event()

    def keep(event: FeedbackEvent) -> None:
        store.feedback.record([event])

    def somebody_else() -> None:
        gate.wait(10)

    with (
        SqliteStore.open(tmp_path / "store.db", clock=clock) as store,
        Personal(store, folder_beside(store.path), half_life_s=1e9, clock=clock) as personal,
    ):
        own, other = personal.own("ana", record=keep), personal.own("ana", record=keep)
        personal.settle()
        digest = own.digest("the ", "future ")
        assert digest is not None
        found = [Alternative("future ", (WordEnd(6, 0.5),))]

        def reject() -> None:
            own.record(event(kind="rejected", time_s=clock.now, mark=Mark(digest, PAST)))
            clock.now += 1

        if not is_heard_late:
            reject()
        personal._begin(somebody_else)
        personal.refresh([ANA], "ana")
        personal.refresh([ANA], "ana")
        if is_heard_late:
            reject()
        gate.set()
        personal.settle()
        for each in (own, other):
            (weighed,) = each.weighed(found, "the ")
            assert weighed.probability == pytest.approx(0.5 / 1.6)
