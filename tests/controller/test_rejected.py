"""What was rejected is not shown there for a while, and what was accepted is learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.learning import ANA, TOKENIZER, World, world
from running import Clock
from store.made import event
from tecla.controller.calibration import Calibration, Curve, Kind
from tecla.controller.lived import lived, with_own
from tecla.controller.rejected import AWAY, PAST, Rejected
from tecla.controller.tree import Alternative
from tecla.controller.writer import Writer
from tecla.engines.fake import FakeEngine, saying
from tecla.errors import OptionError
from tecla.learning.accepted import SOURCE, learn_accepted, texts_of
from tecla.models.info import ModelInfo
from tecla.store.documents import OF_FEEDBACK
from tecla.store.events import EventFilter, FeedbackEvent, Mark, SuggestedText
from tecla.store.memory import MemoryStore
from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd

SAID = " of the thin art and help"
HALF_LIFE_S = 100.0


def rejected(clock: Clock, key: bytes = b"ana") -> Rejected:
    return Rejected(key, HALF_LIFE_S, clock)


def heard(of: Rejected, before: str, text: str, weight: float, time_s: float) -> None:
    digest = of.digest(before, text)
    assert digest is not None
    of.heard(event(time_s=time_s, kind="rejected", mark=Mark(digest, weight)))


@pytest.mark.parametrize(
    ("before", "text", "is_same"),
    [
        ("I would like to th", "ank you", True),
        ("I would like to ", "thank them all", True),
        ("Today I WOULD like to ", "Thank", True),
        ("I would like to thank", " you", False),
        ("I would like to ", "think", False),
        ("I would hate to ", "thank", False),
        ("would like to ", "thank", True),
        ("like to ", "thank", False),
        ("I would like to ", "  ", False),
    ],
)
def test_the_place_is_the_word_and_three_before_it(before: str, text: str, is_same: bool) -> None:
    found = rejected(Clock())
    heard(found, "I would like to t", "hank you", AWAY, 1000.0)
    assert (found.share(before, text) < 1) is is_same


def test_what_speaks_against_it_is_halved_and_forgotten() -> None:
    clock = Clock()
    found = rejected(clock)
    heard(found, "a ", "word", PAST, clock.now)
    assert found.share("a ", "word") == pytest.approx(1 / 1.6)
    heard(found, "a ", "word", PAST, clock.now)
    assert found.share("a ", "word") == 0
    clock.now += 2 * HALF_LIFE_S
    assert found.share("a ", "word") == pytest.approx(1 / 1.3)
    clock.now += 7 * HALF_LIFE_S
    assert found.share("a ", "word") == 1
    assert len(found) == 0
    heard(found, "a ", "word", AWAY, clock.now)
    clock.now += 0.9 * HALF_LIFE_S
    assert found.share("a ", "word") == 0
    clock.now += 0.2 * HALF_LIFE_S
    assert 0.5 < found.share("a ", "word") < 1
    heard(found, "a ", "word", 0.0, clock.now)  # accepted
    assert found.share("a ", "word") == 1


def test_what_is_read_counts_once_with_what_was_just_heard() -> None:
    found = rejected(Clock())
    mark = Mark(found.digest("a ", "word") or "", PAST)
    kept = event("kept", kind="rejected", time_s=1000.0, mark=mark)
    found.heard(kept)
    for _ in range(2):
        found.read([kept], found.times_forgotten)
        assert found.share("a ", "word") == pytest.approx(1 / 1.6)
    found.forget()
    found.heard(replace(kept, suggestion="another"))  # not written yet when the store is read
    found.read([kept], found.times_forgotten)
    assert found.share("a ", "word") == 0
    before = found.times_forgotten
    found.forget()
    found.read([kept], before)
    assert found.share("a ", "word") == 1


def test_digests_are_keyed_and_hold_no_text() -> None:
    ana, ben = rejected(Clock()), rejected(Clock(), b"ben")
    assert ana.digest("a ", "secret") != ben.digest("a ", "secret")
    assert len(ana.digest("a ", "secret") or "") == 32
    with pytest.raises(OptionError, match="half_life_s is 0"):
        Rejected(b"", 0)


def test_alternatives_are_weighed_or_left_out() -> None:
    found = rejected(Clock())
    alternatives = [Alternative(text, (WordEnd(4, 0.4, 0.2),)) for text in ("past", "away", "same")]
    assert found.weighed(alternatives, "a ") is alternatives
    heard(found, "a ", "past", PAST, 1000.0)
    heard(found, "a ", "away", AWAY, 1000.0)
    past, same = found.weighed(alternatives, "a ")
    assert (past.text, same) == ("past", alternatives[2])
    assert past.words == (WordEnd(4, pytest.approx(0.25), pytest.approx(0.125)),)  # type: ignore[arg-type]


@contextmanager
def saying_world(folder: Path, info: ModelInfo) -> Iterator[World]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    with world(folder, info, engine=engine) as made:
        yield made


def recorded(made: World) -> Callable[[FeedbackEvent], None]:
    """Keeps events in the store at once."""
    return lambda event: made.store.feedback.record([event])


def ghost_of(writer: Writer, text: str = "the future") -> str:
    writer.update(Snapshot(text))
    found = writer.wait()
    return "" if found.ghost is None else found.ghost.text


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dismissed", "deleted_again", "typed"])
def test_a_rejected_suggestion_is_not_shown_there_for_a_while(
    fake_info: ModelInfo, tmp_path: Path, how: str
) -> None:
    with saying_world(tmp_path, fake_info) as made:
        with made.writer("ana", record=recorded(made)) as writer, made.writer("ben") as ben:
            assert ghost_of(writer).startswith(" of the")
            if how == "dismissed":
                writer.dismiss()
            elif how == "deleted_again":
                writer.accept()
                writer.deleted(9)
                writer.typed("x")
            else:
                writer.typed("x")
                assert ghost_of(writer).startswith(" of the")  # once is not enough
                writer.typed("x")
            where = "the future of the" if how == "deleted_again" else "the future"
            word = " thin" if how == "deleted_again" else " of"
            writer.update(Snapshot(""))
            assert not ghost_of(writer, where).startswith(word)
            if how != "deleted_again":
                assert writer.suggestion.silence in ("rejected", None)
                assert writer.suggestion.alternatives[0].text.startswith(word)  # in the list
            assert ghost_of(ben, where).startswith(word)
        with made.writer("ana") as another:
            assert not ghost_of(another, where).startswith(word)
        made.clock.now += 4 * HALF_LIFE_S
        with made.writer("ana") as later:
            assert ghost_of(later, where).startswith(word)
        assert all(each.text is None for each in made.store.feedback.events())


@pytest.mark.slow
def test_it_outlives_the_program_and_goes_with_the_user(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    with (
        saying_world(tmp_path, fake_info) as made,
        made.writer("ana", record=recorded(made)) as writer,
    ):
        assert ghost_of(writer).startswith(" of the")
        writer.dismiss()
    for is_forgotten in (False, True):
        with saying_world(tmp_path, fake_info) as made:
            made.clock.now += 1
            with made.writer("ana") as writer:
                assert ghost_of(writer).startswith(" of the") is is_forgotten
            made.forget(ANA)


@pytest.mark.slow
def test_taking_the_space_back_is_no_rejection(fake_info: ModelInfo, tmp_path: Path) -> None:
    events: list[FeedbackEvent] = []
    with (
        saying_world(tmp_path, fake_info) as made,
        made.writer("ana", record=events.append) as writer,
    ):
        assert ghost_of(writer).endswith(" ")
        writer.accept()
        writer.deleted()
        writer.typed(".")
    (again,) = (each for each in events if each.kind == "deleted_again")
    assert again.mark is None
    (taken,) = (each for each in events if each.kind == "accepted")
    assert taken.mark is not None
    assert taken.mark.weight == 0


@pytest.mark.slow
def test_what_is_accepted_is_learnt_of_who_has_consented(
    fake_info: ModelInfo, tmp_path: Path
) -> None:
    with saying_world(tmp_path, fake_info) as made:
        book = made.store.documents

        def write() -> None:
            with made.writer("ana", record=recorded(made)) as writer:
                assert ghost_of(writer)
                writer.accept("word")
                writer.wait()
                writer.accept()
            made.personal.settle()

        write()
        assert book.ids(ANA) == []
        made.store.consent.give("ana")
        write()
        (document,) = book.all([ANA])
        assert document.kind == OF_FEEDBACK
        assert document.source.startswith(SOURCE)
        texts = [each.text for each in book.passages_of(document.id)]
        assert texts == ["the future of the thin art"]
        with made.writer("ana") as writer:
            assert made.personal.own("ana").adjust("")
            ghost_of(writer)
            made.store.consent.withdraw("ana")
            made.personal._purge_what_is_due()
            made.personal.settle()
            assert made.personal.own("ana").adjust("") == ()
            assert book.ids(ANA) == []
        assert all(each.text is None for each in made.store.feedback.events())


def accepted(before: str, text: str) -> SuggestedText:
    return SuggestedText(before, text)


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        ([], []),
        ([("We met at ", "noon")], ["We met at noon"]),
        ([("We met ", "at "), ("We met at no", "on")], ["We met at noon"]),
        (
            [("and then we should meet at ", "noon "), ("then we should meet at noon or", "soon")],
            ["and then we should meet at noon orsoon"],
        ),
        (
            [("Please let me know if you ", "have "), ("let me know if you have a ", "question")],
            ["Please let me know if you have a question"],
        ),
        ([("a", "b"), ("c", "d")], ["ab", "cd"]),
        ([("a", "b"), ("ca", "b")], ["ab", "cab"]),
    ],
)
def test_pieces_of_one_text_are_put_together(
    pieces: list[tuple[str, str]], texts: list[str]
) -> None:
    assert texts_of(accepted(*each) for each in pieces) == texts


def test_days_are_learnt_once_and_what_was_taken_back_never(tmp_path: Path) -> None:
    clock = Clock()
    with MemoryStore(clock=clock) as store:
        store.consent.give("ana")
        assert learn_accepted(store, "ben") == learn_accepted(store, "ana") == 0

        def take(name: str, text: str, kind: str = "accepted", at_s: float = 0.0) -> None:
            chars = 9 if kind == "accepted" else 3
            said = SuggestedText("Once upon a time there ", text)
            store.feedback.record([
                event(name, kind=kind, time_s=clock.now + at_s, text=said, accepted_chars=chars)
            ])  # fmt: skip

        take("one", "was a king.")
        take("two", "was a queen.")
        take("two", "", "deleted_again")
        take("key", "is my password: hunter22x.", at_s=1)
        assert learn_accepted(store, "ana") == 1
        assert learn_accepted(store, "ana") == 0
        (day,) = store.documents.all([ANA])
        text = "".join(each.text for each in store.documents.passages_of(day.id))
        assert "king" in text
        assert "queen" not in text
        assert "hunter22x" not in text
        take("three", "was a prince.", at_s=2 * 86_400)
        assert learn_accepted(store, "ana") == 1
        assert len(store.documents.ids(ANA)) == 2


def test_curves_of_ones_own_go_before_the_usual_ones() -> None:
    kind = Kind("neural", "en", in_word=True)
    usual = Calibration(
        {kind.key: Curve((0.1, 0.5, 0.9), (0.2, 0.5, 0.8)), "ngram/*/*": Curve((0.5,), (0.1,))}
    )
    own = with_own(usual, {kind.key: Curve((0.4, 0.8), (0.3, 0.4))})
    assert own.calibrated(0.8, kind) == pytest.approx(0.4)
    assert own.calibrated(0.1, kind) == pytest.approx(0.2)  # as before, below what was shown
    assert own.calibrated(0.4, kind) == pytest.approx(0.3)
    assert own.calibrated(0.5, Kind("ngram")) == pytest.approx(0.1)


def test_what_was_left_or_taken_back_was_wrong() -> None:
    events = [
        event("a"), event("b"), event("c"), event("d"), event("a", kind="rejected"),
        event("b", kind="accepted", accepted_chars=9),
        event("c", kind="accepted", accepted_chars=9),
        event("c", kind="deleted_again", accepted_chars=4), event("d", kind="unsettled"),
    ]  # fmt: skip
    assert [each.right for _, each in lived(events)] == [False, True, False]


@pytest.mark.slow
def test_a_writer_has_the_curves_of_its_person(fake_info: ModelInfo, tmp_path: Path) -> None:
    with saying_world(tmp_path, fake_info) as made:
        events = []
        for number in range(450):
            shown = event(f"s{number}", raw_probability=number / 450)
            events += [shown] if number % 3 else [shown, replace(shown, kind="rejected")]
        made.store.feedback.record(events)
        made.clock.now += 1
        for user, is_own in (("ana", True), ("ben", False)):
            with made.writer(user) as writer:
                assert ghost_of(writer)
                ghost = writer.suggestion.ghost
                assert ghost is not None
                assert (ghost.probability == pytest.approx(2 / 3, abs=0.1)) is is_own
                assert (ghost.probability == ghost.raw) is not is_own
        made.forget(ANA)
        assert not list(made.store.feedback.events(EventFilter(user="ana")))
        made.personal.refresh([ANA], "ana")
        made.personal.settle()
        with made.writer("ana") as writer:
            ghost_of(writer)
            ghost = writer.suggestion.ghost
            assert ghost is not None
            assert ghost.probability == ghost.raw
