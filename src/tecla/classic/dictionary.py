"""Completion from a list of entries: words, names, phrases of one's own field.

What is typed is looked up without case and accents ("arb" finds "árbol"), as it stands and as one
slip of the finger may have made it of something else (`slips`). The weights make a unigram model,
read as a noisy channel:

    P(entry | typed) = weight(entry) P(typed | entry) / Z

`Z` adds up the same over everything that may be meant: all entries under what is typed, all under
each slip, and words of no entry. Those are worth a tenth of the dictionary (`unknown_share`); their
beginnings are distributed as those of the entries, each counted once, and beyond the longest
beginning that any entry has, one in thirty for each further letter.

*Entries of several words.* At "in New Yo" the caret may stand in an entry begun at "New" or at
"Yo". Each reading is weighed as a row of entries: that from "Yo" also pays for "New" being an
entry, or an unknown word, of its own. Slips are looked for in the last word alone.

An accent that is typed and that an entry does not have costs it a factor of a hundred; an accent
left out costs nothing. `Z` is counted without that factor, so probabilities are never too high.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import regex

from tecla.classic.casing import fold, follow, starts_sentence
from tecla.classic.dictionary_file import DictionaryFile
from tecla.classic.entry_files import tidy
from tecla.classic.ranking import Stretch
from tecla.classic.slips import FEWEST_CHARS, MOST_CHARS, Keyboard, meant_by, right
from tecla.classic.typed import typed_word, word_starts
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import WordEnd, words

UNKNOWN_SHARE = 0.1
_PER_LETTER = 1 / 30  # of an unknown word beyond the longest beginning that is known
_WRONG_ACCENT = 0.01
_MOST_WINDOW_WORDS = 6  # words before the caret in which an entry may have begun
_SPARE = 8  # entries looked at beyond those asked for: accents and cutting reorder them
_MARK = regex.compile(r"\p{M}")
_SPACES = regex.compile(r"\s+")


class _Reading(NamedTuple):
    """A stretch of entries that may be meant, and with what probability beside their weight."""

    stretch: Stretch
    factor: float


class _Spot(NamedTuple):
    """Where an entry would begin: what is typed from there on, and the best readings of it."""

    typed: str
    readings: list[_Reading]


class _Shown(NamedTuple):
    """How a candidate is spelt; two that are spelt alike are one."""

    replaces: int
    text: str
    ends: tuple[int, ...]


class Dictionary:
    """Candidates from a dictionary file."""

    def __init__(
        self,
        entries: DictionaryFile,
        name: str = "dictionary",
        *,
        keyboard: Keyboard = "qwerty",
        unknown_share: float = UNKNOWN_SHARE,
    ) -> None:
        """Predict from `entries`."""
        self._entries = entries
        self._name = name
        self._keyboard: Keyboard = keyboard
        self._unknown = unknown_share

    @classmethod
    def open(cls, path: Path | str, *, keyboard: Keyboard = "qwerty") -> Dictionary:
        """The dictionary in a file; raises `ModelError` kinds."""
        path = Path(path)
        return cls(DictionaryFile.open(path), f"dictionary:{path.stem}", keyboard=keyboard)

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The entries most probable to be written out; see `Predictor`."""
        typed = typed_word(context)
        if typed is None:
            return []
        spots, total = self._spots(context.before, typed.char_offset, typed.word)
        at_sentence = starts_sentence(context.before)
        scores: dict[_Shown, float] = {}
        for spot in spots:
            self._score(spot, budget, scores, at_sentence=at_sentence)
        best = sorted(scores.items(), key=lambda each: (-each[1], each[0]))[: budget.n]
        found = []
        for shown, score in best:
            probability = min(1.0, score / total)
            ends = tuple(WordEnd(end, probability) for end in shown.ends)
            found.append(Candidate(shown.text, probability, "dictionary", ends, shown.replaces))
        return found

    def close(self) -> None:
        """The file is unmapped with the object."""

    def _spots(self, before: str, start: int, word: str) -> tuple[list[_Spot], float]:
        """Where an entry may begin, farthest first, and the sum of all that may be meant.

        `start` is the char offset of the half-typed `word`.
        """
        entries = self._entries
        most = min(entries.most_words - 1, _MOST_WINDOW_WORDS)
        earlier = [at for at in word_starts(before, most + 1) if at < start][:most]
        spots: list[_Spot] = []
        total, skipped, previous = 0.0, 1.0, start
        for at in reversed(earlier):
            stretch = entries.beginning(fold(_SPACES.sub(" ", before[at:])))
            if not spots and stretch is None:
                continue
            if spots:
                skipped *= self._as_a_word(tidy(before[previous:at]))
            if stretch is not None:
                reading = _Reading(stretch, skipped)
                spots.append(_Spot(before[at:], [reading]))
                total += skipped * entries.ranking.mass(stretch)
            previous = at
        if spots:
            skipped *= self._as_a_word(tidy(before[previous:start]))
        spelling = fold(word)
        readings = [_Reading(each, skipped * share) for each, share in self._meant(spelling)]
        total += sum(each.factor * entries.ranking.mass(each.stretch) for each in readings)
        total += skipped * self._unknown * entries.mass * self._beginning_share(spelling)
        return [*spots, _Spot(word, readings)], total

    def _meant(self, spelling: str) -> Iterator[tuple[Stretch, float]]:
        """The stretches that the half-typed word may mean, and how probably it is typed so."""
        entries = self._entries
        exact = entries.beginning(spelling)
        if exact is not None:
            yield exact, right(spelling)
        if FEWEST_CHARS <= len(spelling) <= MOST_CHARS and spelling.isalpha():
            for meant, share in meant_by(spelling, entries.alphabet, self._keyboard):
                stretch = entries.beginning(meant)
                if stretch is not None and not meant.startswith(spelling):
                    yield stretch, share

    def _score(
        self, spot: _Spot, budget: Budget, scores: dict[_Shown, float], *, at_sentence: bool
    ) -> None:
        """Add what each of the best entries of a spot is worth to how it would be shown."""
        entries = self._entries
        enough = budget.n + _SPARE
        heads = [(next(entries.ranking.top(each.stretch)), each) for each in spot.readings]
        bounds = sorted(((head.weight * each.factor, each) for head, each in heads), reverse=True)
        taken: list[float] = []
        for bound, reading in bounds:
            if len(taken) >= enough and bound <= taken[enough - 1]:
                break
            for count, (index, weight) in enumerate(entries.ranking.top(reading.stretch)):
                score = weight * reading.factor
                if count >= enough or (len(taken) >= enough and score <= taken[enough - 1]):
                    break
                taken = sorted([*taken, score], reverse=True)[:enough]
                entry = entries.entry(index)
                cased = follow(entry, spot.typed, at_sentence=at_sentence)
                shown = _shown(spot.typed, cased, budget.max_words)
                if shown is not None:
                    accents = _WRONG_ACCENT if _contradicts(spot.typed, entry) else 1.0
                    scores[shown] = scores.get(shown, 0.0) + score * accents

    def _as_a_word(self, word: str) -> float:
        """The probability of `word` as an entry, or an unknown word, of its own."""
        spelling = fold(word)
        listed = self._entries.weight(spelling) / self._entries.mass
        return listed + self._unknown * self._beginning_share(spelling) * _PER_LETTER

    def _beginning_share(self, spelling: str) -> float:
        """The share of unknown words that begin with `spelling`."""
        chars, stretch = self._entries.longest_known(spelling)
        share = (stretch.stop - stretch.start) / len(self._entries)
        return float(share * _PER_LETTER ** (len(spelling) - chars))


def _shown(typed: str, entry: str, max_words: int) -> _Shown | None:
    """How `entry` is spelt behind the caret; `None` if nothing would be inserted.

    Replaces no more of `typed` than differs, and never part of a grapheme.
    """
    spans = words(entry)
    done = sum(span.end < len(typed) for span in spans)  # words before that at the caret
    here = any(span.end == len(typed) for span in spans)
    most = done + max_words + here
    if len(spans) > most and most > 0:
        entry = entry[: spans[most - 1].end]
    shared = 0
    while shared < min(len(typed), len(entry)) and typed[shared] == entry[shared]:
        shared += 1
    while shared and (_MARK.match(entry[shared:]) or _MARK.match(typed[shared:])):
        shared -= 1
    text = entry[shared:]
    if not text:
        return None
    ends = tuple(span.end - shared for span in spans if shared < span.end <= len(entry))
    return _Shown(len(typed) - shared, text, ends)


def _contradicts(typed: str, entry: str) -> bool:
    """Whether an accent is typed where `entry` has none, or another."""
    if typed.isascii():
        return False
    pairs = zip(tidy(typed).lower(), entry.lower(), strict=False)
    return any(left != right and fold(left) == fold(right) != left for left, right in pairs)
