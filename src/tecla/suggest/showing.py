"""What to show: which alternative, how much of it, or nothing.

A typist who takes a suggestion hits one key for all of it, or one for each word of a part that is
right. Behind every word the model is asked anew, so a short suggestion that is right now is worth
more than a long one that may be: the rest comes with the next key. Three rules follow, each with
its figure in `docs/decisions/0012-showing.md`:

1. *Which.* The alternative whose first word saves the most keys, by its probability: length counts
   as well as likelihood.
2. *How much.* A further word is shown if, given those before it, it is right more often than
   `further`: a wrong one costs the key for everything and leaves a key for each word.
3. *What follows.* The space behind the last word comes with it where a space is what follows, marks
   where they are likelier: both are keys saved, and neither can be right if it is left out.

Probabilities are the model's own, exact at the caret; no constant here depends on the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tecla.text.words import WordEnd


class Found(Protocol):
    """A continuation with its word ends and the ends of marks behind words."""

    @property
    def text(self) -> str: ...

    @property
    def words(self) -> tuple[WordEnd, ...]: ...

    @property
    def marks(self) -> tuple[WordEnd, ...]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How much is shown.

    further: the least probability of a further word, given those before it. trailing: the least
    share of a space, or of marks, behind the last word. least_keys: what taking all of it saves at
    the least.
    """

    further: float = 0.6
    trailing: float = 0.2
    least_keys: int = 2


@dataclass(frozen=True, slots=True)
class Ghost:
    """A suggestion as it is shown; `words` end inside it, `probability` is that of all of it."""

    text: str
    probability: float
    words: tuple[WordEnd, ...]


def promise(found: Found) -> float:
    """The keys that taking the first word would save, times its probability."""
    if not found.words:
        return 0.0
    first = found.words[0]
    spaced = first.probability if first.spaced is None else first.spaced
    return spaced + first.probability * (first.char_offset - 1)


def ghost_of(found: Found, rules: Rules) -> Ghost | None:
    """How much of an alternative is shown; `None` if that would save too little."""
    if not found.words:
        return None
    words = [found.words[0]]
    for word in found.words[1:]:
        if word.probability < rules.further * words[-1].probability:
            break
        words.append(word)
    text, probability = _trailed(found, words[-1], rules.trailing)
    if len(text) - 1 < rules.least_keys:
        return None
    return Ghost(text, probability, tuple(words))


def best_ghost(alternatives: Sequence[Found], rules: Rules) -> Ghost | None:
    """What is shown of the most promising alternative."""
    ranked = sorted(alternatives, key=promise, reverse=True)
    return next((ghost for each in ranked if (ghost := ghost_of(each, rules))), None)


def _trailed(found: Found, last: WordEnd, least: float) -> tuple[str, float]:
    """The text up to a word with what most probably stands behind it."""
    end = last.char_offset
    marks = next((each for each in found.marks if found.text[end : each.char_offset].strip() and
                  not any(end < word.char_offset <= each.char_offset for word in found.words)
                  and each.char_offset > end), None)
    marked = 0.0 if marks is None else marks.probability
    spaced = 0.0 if last.spaced is None else last.spaced
    if marks is not None and marked > spaced and marked >= least * last.probability:
        return found.text[: marks.char_offset], marked
    if spaced >= least * last.probability and spaced:
        return found.text[:end] + " ", spaced
    return found.text[:end], last.probability
