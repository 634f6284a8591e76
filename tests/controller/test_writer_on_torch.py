"""A writer on transformers models: what is known costs nothing, and edits leave no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from controller.test_writer import ALWAYS, PATIENT
from controller.test_writer_default import edited
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.manner import Manner
from tecla.controller.writer import Writer
from tecla.text.snapshot import Snapshot
from torch_opened import KINDS, opened

TEXT = "The train leaves the city by the river and the old houses."
# A model with random weights is never sure: what is left of a known text is shown all the same.
BOLD = replace(PATIENT, likely=0.0, sure=0.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KINDS)
def suggester(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Suggester]:
    with opened(tmp_path_factory.mktemp("torch"), request.param) as found:
        yield found


def writer_on(suggester: Suggester, manner: Manner = BOLD) -> Writer:
    """For a new text, of which nothing is known."""
    return Writer(Asker(suggester.session(scope=object())), manner=manner)


def work(suggester: Suggester) -> tuple[int, int]:
    """Questions and tokens so far."""
    counted = suggester.counters()
    return counted["requests"], counted["evaluated_tokens"]


def test_typing_through_is_trimming_and_costs_nothing(suggester: Suggester) -> None:
    typed = 0
    for end in (4, 12, 19, 24):
        with writer_on(suggester) as writer:
            writer.update(Snapshot(TEXT[:end]))
            ghost = writer.wait().ghost
            assert ghost is not None
            before = work(suggester)
            for at in range(1, len(ghost.text.rstrip()) - 1):
                told = writer.typed(ghost.text[at - 1])
                assert (told.settled, told.origin) == (True, "typed")
                assert told.ghost is not None
                assert told.ghost.text == ghost.text[at:]
                typed += 1
            assert work(suggester) == before
    assert typed > 4


def test_a_key_into_another_branch_shows_it_at_once(suggester: Suggester) -> None:
    """What was found beside the ghost text takes its place, and the model only extends it."""
    followed = 0
    for end in range(4, 40, 3):
        with writer_on(suggester) as writer:
            writer.update(Snapshot(TEXT[:end]))
            found = writer.wait()
            shown = "" if found.ghost is None else found.ghost.text
            others = [
                each
                for each in found.alternatives
                if shown and each.text[0] != shown[0] and each.words[0].char_offset > 3
            ]
            for other in others[:1]:
                told = writer.typed(other.text[0])
                assert (told.origin, told.settled) == ("typed", False)
                assert [each.text for each in told.alternatives] == [other.text[1:]]
                assert told.ghost is not None
                assert other.text[1:].startswith(told.ghost.text.rstrip())
                late = writer.wait()
                assert late.ghost is not None
                assert late.ghost.text.startswith(told.ghost.text)
                followed += 1
    assert followed > 1


def test_by_words_is_all_of_it_and_back_is_known(suggester: Suggester) -> None:
    with writer_on(suggester) as writer:
        writer.update(Snapshot(TEXT[:19]))
        ghost = writer.wait().ghost
        assert ghost is not None
        taken = ""
        while len(taken) < len(ghost.text):
            part = writer.accept("word")
            assert part
            taken += part
            writer.wait()
        assert taken == ghost.text
        assert writer.snapshot.before == TEXT[:19] + ghost.text
        before = work(suggester)
        writer.deleted(len(ghost.text))
        assert writer.wait().ghost == ghost
        assert work(suggester) == before
        assert writer.accept() == ghost.text


def test_of_several_keys_the_last_is_answered(suggester: Suggester) -> None:
    """Each takes the place of the one before, and the answer is that of the text alone."""
    with writer_on(suggester, ALWAYS) as writer, writer_on(suggester, ALWAYS) as alone:
        for key in TEXT[:30]:
            writer.typed(key)
        found = writer.wait()
        assert writer.snapshot == Snapshot(TEXT[:30])
        alone.update(Snapshot(TEXT[:30]))
        check_same(found.alternatives, alone.wait().alternatives)


def check_same(found: object, other: object) -> None:
    """Alternatives with the probabilities of their words, within rounding."""
    here, there = (
        {each.text: [word.probability for word in each.words] for each in answer}  # type: ignore[attr-defined]
        for answer in (found, other)
    )
    assert here.keys() == there.keys()
    for text, probabilities in here.items():
        assert probabilities == pytest.approx(there[text], rel=1e-3), text
        assert all(1 >= one >= next_one > 0 for one, next_one in pairwise([1, *probabilities]))


def check_edited(suggester: Suggester, seed: int) -> None:
    draw = random.Random(seed)
    with writer_on(suggester, ALWAYS) as writer, writer_on(suggester, ALWAYS) as fresh:
        writer.update(Snapshot(TEXT[:30], TEXT[30:]))
        for _ in range(6):
            edited(writer, draw)
        found = writer.wait()
        fresh.update(writer.snapshot)
        check_same(found.alternatives, fresh.wait().alternatives)


@pytest.mark.parametrize("seed", range(4))
def test_an_edited_text_is_answered_as_a_fresh_one(suggester: Suggester, seed: int) -> None:
    check_edited(suggester, seed)


@pytest.mark.soak
def test_many_edited_texts_are_answered_as_fresh_ones(suggester: Suggester) -> None:
    for seed in range(100, 400):
        check_edited(suggester, seed)
