"""What to show: which alternative, how much of it, or nothing.

A typist who takes a suggestion hits one key for all of it, or one for each word of a part that is
right. Behind every word the model is asked anew, so a short suggestion that is right now is worth
more than a long one that may be: the rest comes with the next key. Three rules follow, each with
its figure in `docs/decisions/0012-showing.md`:

1. *Which.* The alternative whose first word saves the most keys together with what the others save
   when they come later (`tecla.decode.favourite`).
2. *How much.* A further word is shown if, given those before it, it is right at least as often as
   `further`: a wrong one costs the key for everything and leaves a key for each word.
3. *What follows.* The space behind the last word comes with it where a space is what follows, marks
   where they are likelier: both are keys saved.

Knows nothing of models: it gets texts with the probabilities of their boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from tecla.checks import number, whole
from tecla.text.words import WordEnd

SPACED = 0.8  # of all words, the share with a space behind them; where nobody looked


class Boundaries(Protocol):
    """A text with the ends of its words, and the ends of marks behind them."""

    @property
    def text(self) -> str:
        """What would be put in at the caret."""
        ...

    @property
    def words(self) -> tuple[WordEnd, ...]:
        """The ends of its words, in order, with the probability that the person's text has them."""
        ...

    @property
    def marks(self) -> tuple[WordEnd, ...]:
        """The ends of punctuation behind words."""
        ...

    @property
    def source(self) -> str:
        """Who says so."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How much is shown.

    further: the least probability of a further word, given those before it. trailing: the least
    share of a space, or of marks, behind the last word. least_keys: what taking all of it saves.
    """

    further: float = 0.7
    trailing: float = 0.2
    least_keys: int = 2

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        number("further", self.further)
        number("trailing", self.trailing)
        whole("least_keys", self.least_keys, 1)


@dataclass(frozen=True, slots=True)
class Ghost:
    """A suggestion as it is shown; `words` end inside it.

    raw: the probability of all of it as its source gave it; probability: the same, calibrated.
    """

    text: str
    raw: float
    probability: float
    words: tuple[WordEnd, ...]
    source: str = "neural"

    def behind(self, n_chars: int) -> Ghost:
        """The rest behind the first characters, which were typed; the probabilities stay."""
        words = tuple(
            replace(end, char_offset=end.char_offset - n_chars)
            for end in self.words
            if end.char_offset > n_chars
        )
        return replace(self, text=self.text[n_chars:], words=words)


def spaced(word: WordEnd) -> float:
    """How probably the text has this word and a space behind it."""
    return SPACED * word.probability if word.spaced is None else word.spaced


def ghost_of(found: Boundaries, rules: Rules) -> Ghost | None:
    """How much of an alternative is shown; `None` if that would save too little."""
    if not found.words:
        return None
    words = [found.words[0]]
    for word in found.words[1:]:
        if word.probability < rules.further * words[-1].probability:
            break
        words.append(word)
    text, probability = _with_what_follows(found, words[-1], rules.trailing)
    if len(text) - 1 < rules.least_keys:
        return None
    return Ghost(text, probability, probability, tuple(words), found.source)


def _with_what_follows(found: Boundaries, last: WordEnd, share: float) -> tuple[str, float]:
    """The text up to the end of a word, with what most probably stands behind it."""
    end, least = last.char_offset, share * last.probability
    marks = _marks_behind(found, end)
    if marks is not None and marks.probability >= max(least, spaced(last)):
        return found.text[: marks.char_offset], marks.probability
    if spaced(last) >= least:
        return found.text[:end] + " ", spaced(last)
    return found.text[:end], last.probability


def _marks_behind(found: Boundaries, end: int) -> WordEnd | None:
    """The end of the marks that stand right behind the word that ends at `end`."""
    following = next((word.char_offset for word in found.words if word.char_offset > end), None)
    for marks in found.marks:
        if marks.char_offset > end:
            inside = following is not None and marks.char_offset >= following
            return None if inside or found.text[end].isspace() else marks
    return None
