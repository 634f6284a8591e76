"""How well what stands behind the caret follows what would be put in there.

A model that was not trained to fill holes reads from left to right, and what it says at the caret
knows nothing of the text behind it. But it can read on: for each end of a word of each alternative,
the text behind the caret is put behind it, and the probability of both together says how likely the
person's text takes that way and comes out there. With the probability of putting in nothing, and a
share for all texts that nobody thought of, these give each word its probability in view of both
sides (Bayes' rule).

What nobody thought of is taken to lead on to the text behind as well as the alternatives do on
average. Knows no engine: it names the token paths whose scores it wants and takes them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from tecla.decode.request import Continuation
from tecla.engines.base import Scores
from tecla.text.base import Tokenizer
from tecla.text.caret import CaretPlan, Path
from tecla.text.words import WordEnd

_FIT_CHARS: Final = 16  # of the text behind the caret, at most so many are read
_LEAST: Final = -80.0  # nats; whatever is less likely counts as this


class _Way(NamedTuple):
    """One end of a word of one alternative, and whether a space stands behind it."""

    alternative: int  # -1: nothing is put in
    word: int
    spaced: bool


class Fit:
    """The text behind one caret, read behind every alternative."""

    def __init__(
        self,
        plan: CaretPlan,
        tokenizer: Tokenizer,
        after: str,
        found: Sequence[Continuation],
        most_path: int,
    ) -> None:
        """Begin with nothing known; `after` shows something, no path is longer than `most_path`."""
        self._found = found
        self._paths: dict[_Way, Path] = {}
        self._wanted: defaultdict[Path, set[int]] = defaultdict(set)  # tokens behind a path
        self._logprobs: dict[tuple[Path, int], float] = {}
        goes_on = after[0].isalnum()
        ways = {_Way(-1, 0, spaced=False): ""}
        for number, each in enumerate(found):
            for at, word in enumerate(each.words):
                text = each.text[: word.char_offset]
                ways[_Way(number, at, spaced=False)] = text
                if goes_on:
                    ways[_Way(number, at, spaced=True)] = f"{text} "
        follows = _beginning(after).encode()
        for way, text in ways.items():
            path = _path(plan, tokenizer, text.encode() + follows)
            if path is not None and len(path) <= most_path:
                self._paths[way] = path
                for at, token in enumerate(path):
                    self._wanted[path[:at]].add(token)

    @property
    def done(self) -> bool:
        """Whether nothing more is wanted."""
        return not self._wanted

    def wants(self) -> list[Path]:
        """Token paths behind the head whose scores are needed, parents before their children."""
        return sorted(self._wanted, key=len)

    def take(self, path: Path, scores: Scores, row: int) -> None:
        """Take the scores of the position after `path`."""
        tokens = sorted(self._wanted.pop(path, ()))
        if tokens:
            logprobs = scores.gather(row, np.array(tokens, np.int32))
            for token, logprob in zip(tokens, logprobs.tolist(), strict=True):
                self._logprobs[path, token] = max(_LEAST, logprob)

    def fitted(self) -> list[Continuation]:
        """The alternatives with their probabilities in view of both sides; most probable first."""
        joint = {way: self._joint(path) for way, path in self._paths.items()}
        highest = max(joint.values(), default=0.0)
        shares = {way: math.exp(logprob - highest) for way, logprob in joint.items()}
        ends = [
            [self._end(shares, number, at) for at in range(len(each.words))]
            for number, each in enumerate(self._found)
        ]
        firsts = [each.words[0].probability if each.words else 0.0 for each in self._found]
        leads_on = sum(
            first * max((sum(end) / word.probability for end, word in _known(own, each)), default=0)
            for first, own, each in zip(firsts, ends, self._found, strict=True)
        ) / (sum(firsts) or 1.0)
        beyond = [
            each.words[-1].probability * leads_on if each.words else 0 for each in self._found
        ]
        unseen = max(0.0, 1.0 - sum(firsts)) * leads_on
        total = sum(shares.values()) + sum(beyond) + unseen
        if total <= 0:
            return list(self._found)
        fitted = [
            _restated(each, own, rest, total)
            for each, own, rest in zip(self._found, ends, beyond, strict=True)
        ]
        return sorted(fitted, key=lambda each: -each.words[0].probability if each.words else 0.0)

    def _end(self, shares: dict[_Way, float], alternative: int, word: int) -> tuple[float, float]:
        """The shares of texts that end with a word, without a space behind it and with one."""
        plain, spaced = (_Way(alternative, word, spaced=each) for each in (False, True))
        return shares.get(plain, 0.0), shares.get(spaced, 0.0)

    def _joint(self, path: Path) -> float:
        """The log-probability of a path behind the head, in nats."""
        return sum(self._logprobs[path[:at], token] for at, token in enumerate(path))


def may_fit(after: str) -> bool:
    """Whether the text behind a caret can say anything: what stands on its line."""
    return bool(_beginning(after).strip())


def _beginning(after: str) -> str:
    """The text behind the caret as far as it is read: whole words of its first line."""
    line = after.split("\n", 1)[0]
    if len(line) <= _FIT_CHARS:
        return line
    cut = line.rfind(" ", 1, _FIT_CHARS)
    return line[: cut if cut > 0 else _FIT_CHARS]


def _path(plan: CaretPlan, tokenizer: Tokenizer, behind: bytes) -> Path | None:
    """The canonical tokens behind the head; `None` where they would change the head."""
    ids = tokenizer.encode(plan.context + plan.tail + behind)
    shared = plan.context_tokens
    if tuple(ids[:shared]) != plan.head[len(plan.head) - shared :]:
        return None
    return tuple(ids[shared:])


def _known(
    ends: Sequence[tuple[float, float]], of: Continuation
) -> list[tuple[tuple[float, float], WordEnd]]:
    """The shares of those ends that have a probability."""
    return [(end, word) for end, word in zip(ends, of.words, strict=True) if word.probability > 0]


def _restated(
    each: Continuation, ends: Sequence[tuple[float, float]], beyond: float, total: float
) -> Continuation:
    """An alternative with other probabilities of its words; those of marks keep their share."""
    words: list[WordEnd] = []
    further = beyond
    for word, (plain, spaced) in zip(reversed(each.words), reversed(ends), strict=True):
        through = further + plain + spaced
        words.insert(
            0, WordEnd(word.char_offset, min(1.0, through / total), (further + spaced) / total)
        )
        further = through
    if not words:
        return each
    marks = []
    for mark in each.marks:
        before = [at for at, word in enumerate(words) if word.char_offset <= mark.char_offset]
        at = max(before, default=0)  # marks before the first word go with it
        factor = words[at].probability / (each.words[at].probability or 1.0)
        spaced_mark = None if mark.spaced is None else min(1.0, mark.spaced * factor)
        marks.append(WordEnd(mark.char_offset, min(1.0, mark.probability * factor), spaced_mark))
    factor = words[-1].probability / (each.words[-1].probability or 1.0)
    probability = min(1.0, each.probability * factor)
    return replace(each, words=tuple(words), marks=tuple(marks), probability=probability)
