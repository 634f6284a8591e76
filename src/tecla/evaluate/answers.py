"""What a system said at every caret of a passage: values, and their line of JSON.

The passage's own text is not kept: it is read from the corpus again and joined by id and digest,
so that a folder of records quotes no corpus. Offsets count code points.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tecla.evaluate.corpora import Passage
from tecla.predict.base import Candidate


@dataclass(frozen=True, slots=True)
class Offer:
    """A candidate as it was given; `ends` are its word ends with their probabilities."""

    text: str
    probability: float
    ends: tuple[tuple[int, float], ...] = ()
    replaces: int = 0

    @classmethod
    def of(cls, candidate: Candidate) -> Offer:
        """The offer a candidate makes; probabilities are cut to six decimals."""
        ends = tuple((end.char_offset, round(end.probability, 6)) for end in candidate.words)
        return cls(candidate.text, round(candidate.probability, 6), ends, candidate.replaces)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one caret got, and what it cost.

    `tokens` counts the tokens that a model evaluated; `None` if the system does not say.
    """

    offers: tuple[Offer, ...] = ()
    latency_ms: float = 0.0
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All answers of one passage: `answers[i]` is that of the caret before `passage.text[i]`.

    cpu_s: CPU seconds of the system's processes for the passage. peak_bytes: the most memory
    they had held by then, all processes together. nats: -ln P of the passage's text; `None` if the
    system gives texts no probability.
    """

    passage: Passage
    answers: tuple[Answer, ...]
    cpu_s: float = 0.0
    peak_bytes: int = 0
    nats: float | None = None


def record_line(record: Record) -> str:
    """One line of JSON, without its line break."""
    answers = [
        [
            [[offer.text, offer.probability, offer.ends, offer.replaces] for offer in each.offers],
            round(each.latency_ms, 4),
            each.tokens,
        ]
        for each in record.answers
    ]
    line = {
        "id": record.passage.id,
        "digest": record.passage.digest(),
        "cpu_s": round(record.cpu_s, 6),
        "peak_bytes": record.peak_bytes,
        "nats": record.nats,
        "answers": answers,
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def parse_records(lines: Iterable[str], passages: Iterable[Passage]) -> dict[str, Record]:
    """Records by passage id; lines of other passages, or of passages that changed, are left out."""
    known = {passage.id: passage for passage in passages}
    found: dict[str, Record] = {}
    for line in lines:
        read = json.loads(line)
        passage = known.get(read["id"])
        if passage is not None and read["digest"] == passage.digest():
            answers = tuple(_answer(each) for each in read["answers"])
            found[passage.id] = Record(
                passage, answers, read["cpu_s"], read["peak_bytes"], read["nats"]
            )
    return found


def _answer(read: list[Any]) -> Answer:
    offers = tuple(
        Offer(text, probability, tuple((at, share) for at, share in ends), replaces)
        for text, probability, ends, replaces in read[0]
    )
    return Answer(offers, read[1], read[2])
