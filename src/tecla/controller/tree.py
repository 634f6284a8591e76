"""What was found for one text as it is written, so that keys that follow it cost no model work.

Alternatives are kept by the text they were found for. A text that was asked about before (deleted
back to, typed again) is answered as it was. Where somebody types on behind such a text, the
alternatives that run through what was typed are what is left of it: the rest of each, with
probabilities given what was typed.

Invariant: an exact answer is the very one that was remembered; a rest is never longer than what
was remembered of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd

UNSEEN_SHARE: Final = 0.1  # of the texts that nobody thought of, those with a given next character


@dataclass(frozen=True, slots=True)
class Alternative:
    """A text that may be put in at the caret, with the ends of its words and of marks behind them.

    Probabilities are those of the person's text running so far and a word (or marks) ending there.
    """

    text: str
    words: tuple[WordEnd, ...]
    marks: tuple[WordEnd, ...] = ()
    source: str = "neural"

    @property
    def probability(self) -> float:
        """Of the first word."""
        return self.words[0].probability if self.words else 0.0

    def upto(self, end: int) -> Alternative:
        """The alternative up to the end of one of its words."""
        return Alternative(
            self.text[:end],
            tuple(word for word in self.words if word.char_offset <= end),
            tuple(marks for marks in self.marks if marks.char_offset <= end),
            self.source,
        )

    def behind(self, n_chars: int, share: float) -> Alternative:
        """The rest behind the first characters, given that they were typed.

        share: how probable it was that they would be.
        """
        return Alternative(
            self.text[n_chars:],
            tuple(_moved(end, n_chars, share) for end in self.words if end.char_offset > n_chars),
            tuple(_moved(end, n_chars, share) for end in self.marks if end.char_offset > n_chars),
            self.source,
        )


class Known:
    """The alternatives of one text, the most recently used ones."""

    def __init__(self, most: int = 64) -> None:
        """Keep those of at most `most` carets."""
        self._most = most
        self._found: OrderedDict[Snapshot, tuple[Alternative, ...]] = OrderedDict()
        self._newest: Snapshot | None = None

    def remember(self, snapshot: Snapshot, found: Sequence[Alternative]) -> None:
        """Keep what was found for a caret."""
        self._found[snapshot] = tuple(found)
        self._found.move_to_end(snapshot)
        self._newest = snapshot
        while len(self._found) > self._most:
            self._found.popitem(last=False)

    def exact(self, snapshot: Snapshot) -> tuple[Alternative, ...] | None:
        """What was found for this very caret."""
        found = self._found.get(snapshot)
        if found is not None:
            self._found.move_to_end(snapshot)
            self._newest = snapshot
        return found

    def typed_on(self, snapshot: Snapshot) -> tuple[Alternative, ...]:
        """What is left of the newest alternatives by what was typed since; nothing if none is."""
        newest = self._newest
        if newest is None or newest.after != snapshot.after:
            return ()
        typed = snapshot.before[len(newest.before) :]
        if not typed or not snapshot.before.startswith(newest.before):
            return ()
        return rests(self._found[newest], typed)

    def forget(self) -> None:
        """Keep nothing."""
        self._found.clear()
        self._newest = None


def rests(alternatives: Sequence[Alternative], typed: str) -> tuple[Alternative, ...]:
    """The rests of those alternatives that begin with what was typed and go on.

    Their probabilities are given what was typed, which may end with one of the alternatives, or
    belong to a text that nobody thought of: of those, a share of `UNSEEN_SHARE` is taken to have
    each of the characters.
    """
    unseen = max(0.0, 1.0 - sum(each.probability for each in alternatives))
    known = sum(_through(each, typed) for each in alternatives)
    share = min(1.0, known + unseen * UNSEEN_SHARE ** len(typed))
    return tuple(
        each.behind(len(typed), share)
        for each in alternatives
        if each.text.startswith(typed) and any(w.char_offset > len(typed) for w in each.words)
    )


def _through(each: Alternative, typed: str) -> float:
    """How probably a text that begins like the alternative begins with what was typed.

    Of what was typed inside a word it is what the word has, behind a word all that goes on there.
    """
    if not f"{each.text} ".startswith(typed):
        return 0.0
    for word in each.words:
        if word.char_offset >= len(typed):
            return word.probability
        if word.char_offset == len(typed) - 1 and typed[-1] == " " and word.spaced is not None:
            return word.spaced
    return 0.0


def _moved(end: WordEnd, n_chars: int, share: float) -> WordEnd:
    spaced = None if end.spaced is None else min(1.0, end.spaced / share)
    return WordEnd(end.char_offset - n_chars, min(1.0, end.probability / share), spaced)
