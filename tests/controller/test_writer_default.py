"""A writer on the default model: what the fake engine shows exactly, within its tolerance."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from engines.conftest import DEFAULT_TOLERANCE
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.blend import first_word
from tecla.controller.manner import Manner, Search
from tecla.controller.parts import end_of
from tecla.controller.writer import Writer
from tecla.text.snapshot import Edit, Snapshot

pytestmark = pytest.mark.slow

TEXT = "We had a lovely time at the lake. The water was cold, but the children did not mind at all."
PATIENT = Manner(search=Search(deadline_ms=None), eagerness=1.0)
LEAST = 1e-6  # of a word in view of both sides; below it rounding adds up over the text behind
ALWAYS = replace(PATIENT, keep_chars=10**9)


def edited(writer: Writer, draw: random.Random) -> None:
    """Do something that people do."""
    writer.wait()
    text = writer.snapshot.text
    at = draw.randrange(len(text) + 1)
    {
        "type": lambda: writer.typed(draw.choice([" ", "a", "th", ". We ", "é"])),
        "delete": lambda: writer.deleted(draw.randint(1, 4)),
        "move": lambda: writer.update(writer.snapshot.moved(at)),
        "accept": lambda: writer.accept("word"),
        "paste": lambda: writer.edited(Edit(at, min(len(text), at + 5), "it was ")),
    }[draw.choice(["type", "type", "delete", "move", "accept", "paste"])]()


@pytest.mark.parametrize("seed", range(4))
def test_an_edited_text_is_answered_as_a_fresh_one(default_suggester: Suggester, seed: int) -> None:
    draw = random.Random(seed)
    with Writer(Asker(default_suggester.session(scope=("old", seed))), manner=ALWAYS) as writer:
        writer.update(Snapshot(TEXT[:60], TEXT[60:]))
        for _ in range(6):
            edited(writer, draw)
        found, snapshot = writer.wait(), writer.snapshot
    with Writer(Asker(default_suggester.session(scope=("new", seed))), manner=ALWAYS) as fresh:
        fresh.update(snapshot)
        anew = fresh.wait()
    here, there = (
        {first_word(each): max(LEAST, each.probability) for each in answer.alternatives}
        for answer in (found, anew)
    )
    both = here.keys() & there.keys()
    assert both or not (here or there)
    for word in both:
        assert abs(math.log(here[word] / there[word])) <= DEFAULT_TOLERANCE
    for mine, other in ((here, there), (there, here)):
        for word in mine.keys() - both:  # a near tie, which came out the other way
            least = min(other.values(), default=0.0)
            assert mine[word] <= least * math.exp(2 * DEFAULT_TOLERANCE)


def test_typing_through_is_trimming_and_asks_nobody(default_suggester: Suggester) -> None:
    with Writer(Asker(default_suggester.session(scope="through")), manner=PATIENT) as writer:
        writer.typed("I am looking forward to hear")
        ghost = writer.wait().ghost
        assert ghost is not None
        asked = default_suggester.counters()["requests"]
        for count in range(1, len(ghost.text.rstrip()) - 2):
            found = writer.typed(ghost.text[count - 1])
            assert found.settled
            assert found.ghost is not None
            assert found.ghost.text.startswith(ghost.text[count:])
        assert default_suggester.counters()["requests"] == asked


def test_by_words_is_all_of_it(default_suggester: Suggester) -> None:
    taken = {}
    for part in ("all", "word"):
        with Writer(Asker(default_suggester.session(scope=part)), manner=PATIENT) as writer:
            writer.typed("Thank you very much for your h")
            ghost = writer.wait().ghost
            assert ghost is not None
            before = len(writer.snapshot.before)
            while len(writer.snapshot.before) - before < len(ghost.text):
                now = writer.suggestion.ghost
                assert now is not None
                assert writer.accept(part) == now.text[: end_of(now.text, part)]  # type: ignore[arg-type]
            taken[part] = writer.snapshot.before[before:][: len(ghost.text)]
    assert taken["all"] == taken["word"]
