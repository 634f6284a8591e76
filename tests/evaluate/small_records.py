"""Passages and records made by hand, and a system that knows one text by heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.corpora import Passage
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import WordEnd, words

STORY = "The rain had stopped. We walked to the old harbour, and the boats lay still."


def passage(text: str, number: int = 1, lead: str = "", header: str = "") -> Passage:
    return Passage(f"small:{number}", "lines", header, lead, text)


def offer(text: str, probability: float = 0.5, *, replaces: int = 0) -> Offer:
    """An offer whose word ends fall in probability from 1 towards its own."""
    ends = [span.end for span in words(text)]
    step = (1 - probability) / max(1, len(ends))
    shares = [1 - step * count for count in range(1, len(ends) + 1)]
    return Offer(text, probability, tuple(zip(ends, shares, strict=True)), replaces)


def record(text: str, offers: Mapping[int, Sequence[Offer]], number: int = 1) -> Record:
    """Answers at the given carets, silence at the others; a millisecond and a token each."""
    answers = [
        Answer(tuple(offers.get(at, ())), 1.0, 1 if at in offers else 0) for at in range(len(text))
    ]
    return Record(passage(text, number), tuple(answers), 0.5, 1000)


class ByHeart:
    """Offers what follows the context in a story it knows, a wrong word beside it."""

    name = "by heart"

    def __init__(self, story: str = STORY) -> None:
        self._story = story
        self.asked: list[Context] = []
        self.closed = False

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        self.asked.append(context)
        if not self._story.startswith(context.before):
            return []
        rest = self._story[len(context.before) :]
        ends = [span.end for span in words(rest)][: budget.max_words]
        if not ends:
            return []
        found = tuple(WordEnd(end, 0.9) for end in ends)
        true = Candidate(rest[: ends[-1]], 0.9, "ngram", found)
        return [true, Candidate("zebra", 0.01, "ngram", (WordEnd(5, 0.01),))][: budget.n]

    def close(self) -> None:
        self.closed = True


def open_by_heart(spec: str) -> ByHeart:
    if spec == "missing":
        from tecla.errors import PeerMissingError

        raise PeerMissingError("it is not installed")
    return ByHeart()
