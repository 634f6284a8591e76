"""Events of suggestions: shown once, accepted in parts, left, taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.test_writer import PATIENT, TOKENIZER
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.feedback import Feedback
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.models.info import ModelInfo
from tecla.store.events import FeedbackEvent
from tecla.text.snapshot import Snapshot

SAID = " of the thin art and help"


@pytest.fixture
def events() -> list[FeedbackEvent]:
    return []


@pytest.fixture
def writer(fake_info: ModelInfo, events: list[FeedbackEvent]) -> Iterator[Writer]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    feedback = Feedback(events.append, user="u", collection="c", clock=lambda: 5.0)
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(Asker(suggester.session()), manner=PATIENT, feedback=feedback) as writer,
    ):
        yield writer


def test_typing_through_is_one_suggestion_that_is_not_rejected(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    assert events == []
    ghost = writer.wait().ghost
    assert ghost is not None
    for key in ghost.text[:8]:
        writer.typed(key)
        writer.wait()
    assert [each.kind for each in events] == ["shown"]
    (shown,) = events
    assert (shown.user, shown.collection, shown.time_s) == ("u", "c", 5.0)
    assert shown.shown_chars == len(ghost.text)
    assert shown.shown_words == len(ghost.words)
    assert shown.raw_probability == ghost.raw
    assert shown.text is None


def test_the_same_text_told_again_rejects_nothing(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    ghost = writer.wait().ghost
    assert writer.update(Snapshot("the future")).ghost == ghost
    writer.wait()
    writer.accept()
    assert [each.kind for each in events][:2] == ["shown", "accepted"]


def test_words_then_all_then_taken_back(writer: Writer, events: list[FeedbackEvent]) -> None:
    writer.update(Snapshot("the future"))
    ghost = writer.wait().ghost
    assert ghost is not None
    taken = writer.accept("word")
    rest = writer.accept("all")
    assert taken + rest == ghost.text
    writer.wait()
    kinds = [each.kind for each in events]
    assert kinds[:3] == ["shown", "part_accepted", "accepted"]
    assert len({each.suggestion for each in events[:3]}) == 1
    part, whole = events[1:3]
    assert (part.accepted_chars, part.saved_keys) == (len(taken), len(taken) - 1)
    assert (whole.accepted_chars, whole.shown_chars) == (len(rest), len(rest))
    assert sum(each.accepted_words for each in events) == len(ghost.words)
    writer.deleted(2)
    writer.deleted(1)
    writer.typed("x")
    again = next(each for each in events if each.kind == "deleted_again")
    assert again.accepted_chars == 3
    assert again.saved_keys == -3


@pytest.mark.parametrize("how", ["typed", "dismissed", "moved"])
def test_what_is_left_is_rejected_once(
    writer: Writer, events: list[FeedbackEvent], how: str
) -> None:
    writer.update(Snapshot("the future"))
    assert writer.wait().ghost is not None
    if how == "typed":
        writer.typed("z")
    elif how == "dismissed":
        writer.dismiss()
        writer.typed("z")
    else:
        writer.update(Snapshot("the", " future"))
    writer.typed("z")
    first = [each.kind for each in events if each.suggestion == events[0].suggestion]
    assert first == ["shown", "rejected"]


def test_a_change_of_mind_after_typing_is_no_deletion_of_what_was_accepted(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    writer.wait()
    writer.accept()
    writer.typed("z")
    writer.deleted(3)
    writer.close()
    assert "deleted_again" not in [each.kind for each in events]
