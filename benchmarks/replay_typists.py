"""Typists for `replay.py`: what they type, when, and what an accepted answer would have saved them.

A schedule is fixed before anything is measured: every key with its time and the text that stands
before the caret after it, a function of the seed and the typist's number alone. So every system
gets the same keys at the same times, and typist 0 of four is typist 0 of one. Nothing here knows
which system answers.

*Passages.* By turns of a coin: a turn of a dialogue, typed below the turns before it, or the next
lines of a mail, typed below its body so far (from a random line on, at most 300 characters). At
most 1,500 characters stand before a passage.

*Keys.* One character each. Intervals are log-normal with a median of 180 ms and a mean of 200 ms;
a sentence's end adds a pause (median 600 ms), a new passage one of 1.5 s. Before 3 % of the letters
a wrong one is typed, noticed after none to two more keys, and taken back key by key; every
backspace is a key as well.

*Savings.* The usual measure of keystroke savings, replayed over the answers of the run: at each
key after which the text is free of slips and an answer was ready, the longest piece of the answer
(up to the end of one of its words, or all of it) that is what the typist went on to type is
accepted for one key, if that saves two keys or more; typing goes on behind it. Nobody accepts
while the run is measured, as the systems would then see different keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

MEDIAN_S: Final = 0.18
SIGMA: Final = 0.46  # the mean of the intervals is then exp(SIGMA**2 / 2) = 1.11 times the median
SENTENCE_PAUSE_S: Final = 0.6
PASSAGE_PAUSE_S: Final = 1.5
SLIP_SHARE: Final = 0.03
MOST_UNNOTICED: Final = 2
NOTICING: Final = 2.0  # the first backspace comes after this many intervals
CONTEXT_CHARS: Final = 1500
PASSAGE_CHARS: Final = 300
LEAST_SAVED: Final = 2

_WORD_END = re.compile(r"(?<=\w)(?!\w)")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Passage:
    """What one typist types in one go, and what stands before it."""

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """One key: when it is hit, and what stands before the caret then.

    `typed_chars` says how much of the passage is typed, None while a slip stands.
    """

    at_s: float
    before: str
    passage: int
    typed_chars: int | None


@dataclass(frozen=True, slots=True)
class Typist:
    """All keys of one typist; `end_s` is when the key behind the last one would come."""

    passages: list[Passage]
    keys: list[Key]
    end_s: float


class Corpora:
    """The dialogues and mails of one split."""

    def __init__(self, folder: Path, split: str) -> None:
        dialogues = (folder / "dialogue" / f"dailydialog.{split}.txt").read_text(encoding="utf-8")
        mails = (folder / "mail" / f"aeslc-sent.{split}.jsonl").read_text(encoding="utf-8")
        turns = [dialogue.splitlines() for dialogue in dialogues.split("\n\n")]
        self._dialogues = [lines for lines in turns if len(lines) > 1]
        bodies = [str(json.loads(line)["body"]).strip() for line in mails.splitlines()]
        self._mails = [body.split("\n") for body in bodies if body]

    def passages(self, generator: np.random.Generator) -> Iterator[Passage]:
        """Passages without end."""
        while True:
            mail = generator.random() < 0.5
            documents = self._mails if mail else self._dialogues
            lines = documents[generator.integers(len(documents))]
            at = int(generator.integers(0 if mail else 1, len(lines)))
            context = "".join(f"{line}\n" for line in lines[:at])
            text = "\n".join(lines[at:])[:PASSAGE_CHARS] if mail else lines[at]
            if text and len(context) <= CONTEXT_CHARS:
                yield Passage(context, text)


def schedule(corpora: Corpora, seed: int, number: int, seconds: float) -> Typist:
    """The keys that typist `number` hits within `seconds`."""
    generator = np.random.default_rng((seed, number))
    passages: list[Passage] = []
    keys: list[Key] = []
    now_s = float(generator.uniform(0, 2 * MEDIAN_S))
    for passage in corpora.passages(generator):
        passages.append(passage)
        for delay_s, stands, typed_chars in _typing(passage.text, generator):
            now_s += delay_s
            if now_s >= seconds:
                return Typist(passages, keys, now_s)
            keys.append(Key(now_s, passage.context + stands, len(passages) - 1, typed_chars))
        now_s += _pause(generator, PASSAGE_PAUSE_S)
    raise AssertionError("passages do not end")


def _typing(text: str, generator: np.random.Generator) -> Iterator[tuple[float, str, int | None]]:
    """Every key of `text`: the delay before it, what stands after it, and how much is typed."""
    pause_s = 0.0
    for at, letter in enumerate(text):
        if letter.isascii() and letter.isalpha() and generator.random() < SLIP_SHARE:
            wrong = str(generator.choice([other for other in _LETTERS if other != letter.lower()]))
            unnoticed = text[at + 1 :][: int(generator.integers(MOST_UNNOTICED + 1))]
            slip = wrong + unnoticed
            for count in range(1, len(slip) + 1):
                yield pause_s + _pause(generator, MEDIAN_S), text[:at] + slip[:count], None
                pause_s = 0.0
            for count in range(len(slip) - 1, -1, -1):
                slow = NOTICING if count == len(slip) - 1 else 1.0
                stands = text[:at] + slip[:count]
                yield _pause(generator, MEDIAN_S) * slow, stands, None if count else at
        yield pause_s + _pause(generator, MEDIAN_S), text[: at + 1], at + 1
        ends = letter in ".?!" and text[at + 1 : at + 2].isspace()
        pause_s = _pause(generator, SENTENCE_PAUSE_S) if ends else 0.0


def _pause(generator: np.random.Generator, median_s: float) -> float:
    return float(median_s * generator.lognormal(0.0, SIGMA))


@dataclass(frozen=True, slots=True)
class Savings:
    """What accepting would have saved: characters not typed, less one key for each acceptance."""

    typed_chars: int
    saved_keys: int
    accepted: int


def savings(typist: Typist, ready: Mapping[int, str]) -> Savings:
    """Replay one typist with the answers that were ready, by the number of their key."""
    reached: dict[int, int] = {}
    for key in typist.keys:
        if key.typed_chars is not None:
            reached[key.passage] = max(key.typed_chars, reached.get(key.passage, 0))
    saved = accepted = 0
    goes_on: dict[int, int] = {}  # passage -> characters that stand once the answer is accepted
    for number, key in enumerate(typist.keys):
        at = key.typed_chars
        if at is None or at < goes_on.get(key.passage, 0) or number not in ready:
            continue
        true = typist.passages[key.passage].text[at : reached[key.passage]]
        length = _accepted_chars(ready[number], true)
        if length - 1 >= LEAST_SAVED:
            goes_on[key.passage] = at + length
            saved += length - 1
            accepted += 1
    return Savings(sum(reached.values()), saved, accepted)


def _accepted_chars(answer: str, true: str) -> int:
    """The length of the longest piece of the answer that begins the true text, 0 if none does."""
    cuts = [match.start() for match in _WORD_END.finditer(answer)] + [len(answer)]
    return max((cut for cut in cuts if true.startswith(answer[:cut])), default=0)
