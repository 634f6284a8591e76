"""Text on both sides: words are typed into a gap, with and without the text behind it.

One to three words are taken out of a passage at a random place, with the space before them or the
one behind them in turn; the person types them again, with what stands before and behind around the
caret. Keys saved by the saving typist of the evaluation
(one key for all of a suggestion, one for each word of a part), tokens evaluated a key, and how
often what is shown is right as a whole, and was said to be:

* *hidden*: the writer is not told what stands behind the caret;
* *overlap*: it is told, and nothing that stands there is suggested again (`fits=false`);
* *fits*: the text behind is read behind each alternative as well.

Run: `python benchmarks/between.py [--gaps N] [--kind dialogue] [--alternatives N] [--systems NAMES]
FILE ...`. The last line is one JSON object. Without files it uses the sentences in tests/data.
Fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from tecla.controller.controller import Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.written import Written
from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.bootstrap import ratio
from tecla.evaluate.corpora import KINDS, Passage, read_passages
from tecla.evaluate.metrics import savings
from tecla.evaluate.typists import ghost, right_chars, shown
from tecla.predict.base import Budget
from tecla.text.context import Context

SEED: Final = 23
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
LEAST_WORDS: Final = 8
SYSTEMS: Final = {"hidden": (False, False), "overlap": (True, False), "fits": (True, True)}


class Gap(NamedTuple):
    """A passage of the words to be typed, its lead what stands before them, and what behind."""

    passage: Passage
    after: str


def gaps(passages: list[Passage], count: int) -> Iterator[Gap]:
    """Random gaps, one in a passage."""
    draw = random.Random(SEED)
    long = [each for each in passages if len(each.text.split(" ")) >= LEAST_WORDS]
    draw.shuffle(long)
    for turn, each in enumerate(long[:count]):
        words = each.text.split(" ")
        most = draw.randint(1, 3)
        at = draw.randrange(1, len(words) - most)
        lead, text, after = (
            " ".join(part) for part in (words[:at], words[at : at + most], words[at + most :])
        )
        if turn % 2:
            lead, text = f"{lead} ", f"{text} "
        else:
            text, after = f" {text}", f" {after}"
        yield Gap(replace(each, lead=each.lead + lead, text=text), after)


def typed(written: Written, gap: Gap, *, told: bool) -> tuple[Record, int]:
    """What the writer says at every key of a gap, and the tokens that were evaluated for it."""
    answers, tokens = [], 0
    for at in range(len(gap.passage.text)):
        before = gap.passage.lead + gap.passage.text[:at]
        context = Context(before, gap.after if told else "", gap.passage.header)
        found = written.predict(context, Budget(n=1, max_words=4))
        answers.append(Answer(tuple(map(Offer.of, found))))
        tokens += written.work.evaluated_tokens
    return Record(gap.passage, tuple(answers)), tokens


def main() -> None:
    """Type and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--kind", default="lines", choices=KINDS)
    parser.add_argument("--gaps", type=int, default=200)
    parser.add_argument("--alternatives", type=int, default=Search().between)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    given = parser.parse_args()
    found = list(gaps(read_passages(given.kind, given.files or [DATA / "english.txt"]), given.gaps))
    result: dict[str, object] = {"benchmark": "between", "gaps": len(found)}
    for name in given.systems.split(","):
        told, fits = SYSTEMS[name]
        count = given.alternatives
        search = Search(alternatives=count, between=count, fits=fits, deadline_ms=None)
        manner = Manner(search=search)
        with Controller.open(predictors={}, manner=manner) as controller:
            written = Written(controller.writer())
            both = [typed(written, gap, told=told) for gap in found]
            written.close()
        records = [record for record, _ in both]
        saving = savings(ghost(each, "saving") for each in records)
        saved = ratio(saving.parts, saving.wholes, SEED)
        offers = [
            (record.passage.text, at, offer)
            for record in records
            for at, answer in enumerate(record.answers)
            if (offer := shown(answer, 0.0)) is not None
        ]
        right = sum(right_chars(text, at, offer) == len(offer.text) for text, at, offer in offers)
        keys = sum(len(record.answers) for record in records)
        row = {
            "saved_percent": round(100 * (saved.value or 0), 2),
            "interval": [round(100 * each, 2) for each in (saved.low or 0, saved.high or 0)],
            "shown_percent": round(100 * len(offers) / keys, 1),
            "right_percent": round(100 * right / max(1, len(offers)), 1),
            "said_percent": round(
                100 * sum(offer.probability for _, _, offer in offers) / max(1, len(offers)), 1
            ),
            "tokens_per_key": round(sum(tokens for _, tokens in both) / keys, 2),
        }
        result[name] = row
        print(name, row)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
