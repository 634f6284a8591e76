"""Words ranked by how common they are, and by how often this person writes them.

The list is wordfreq's (Speer 2022, doi:10.5281/zenodo.7199437): frequencies per language from
subtitles, web, books and encyclopaedias. A person's counts c(w), N in all, are mixed in as
observations under a Dirichlet prior with the list as its mean (MacKay & Peto 1995, "A hierarchical
Dirichlet language model"):

    P(w) = (c(w) + a p(w)) / (N + a)

`a` is how many words the list is worth: with a = 2,000, after 2,000 words of one's own both weigh
the same. What is shown is P(w | prefix), normalised over every word that begins with the prefix.

*Unknown words* have the share u = 1 - sum of p (what the list leaves out, or was cut off it). How
they begin is estimated by types: rare words begin like the words of the list, each counted once, so
u is spread over prefixes by the number of listed words. For "th" that is far less than "the" has;
for a rare prefix it is most of the mass, and the probabilities shown fall.

The list must not know anything but words: it says nothing about what stands before.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from copy import copy

import regex

from tecla.checks import nearest, number, whole
from tecla.classic.casing import follow, lower, starts_sentence
from tecla.classic.prefixes import Prefixes, Weighted
from tecla.classic.ranking import Stretch
from tecla.classic.typed import Typed, is_unspaced, typed_word
from tecla.classic.word_counts import WordCounts
from tecla.errors import ModelError, OptionError, UnknownModelError
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import WordEnd

MOST_WORDS = 100_000
PRIOR_WORDS = 2_000.0
_LISTED = regex.compile(r"[\p{L}][\p{L}\p{M}'’-]*")
_ENGLISH_I = frozenset({"i", "i'm", "i'll", "i've", "i'd"})


class Frequency:
    """Single words from a list of frequencies."""

    def __init__(
        self,
        frequencies: Mapping[str, float],
        language: str = "",
        *,
        counts: WordCounts | None = None,
        prior_words: float = PRIOR_WORDS,
    ) -> None:
        """`frequencies` in lower case, adding up to at most 1; `counts` may grow at any time.

        Raises `OptionError` for frequencies or `prior_words` out of range.
        """
        if number("prior_words", prior_words) <= 0:
            raise OptionError(f"prior_words is {prior_words!r}; it must be above 0")
        total = sum(frequencies.values())
        if total > 1 + 1e-6 or not all(value > 0 for value in frequencies.values()):
            raise OptionError(
                f"frequencies add up to {total!r}; each must be above 0, all together at most 1"
            )
        self.language = language
        self.counts = WordCounts(language) if counts is None else counts
        self.unknown_share = max(0.0, 1.0 - total)
        self._prior_words = prior_words
        self._words = Prefixes(frequencies)

    @classmethod
    def open(
        cls, language: str, *, counts: WordCounts | None = None, most_words: int = MOST_WORDS
    ) -> Frequency:
        """The list of a language ("en", "es", …), cut to its commonest words.

        Raises `UnknownModelError` for a language without a list, `ModelError` if wordfreq is not
        installed.
        """
        whole("most_words", most_words, 1)
        return cls(listed(language, most_words), language, counts=counts)

    def another(self) -> Frequency:
        """One with counts of its own over the same list, which is held once."""
        made = copy(self)
        made.counts = WordCounts(self.language)
        return made

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"frequency:{self.language}" if self.language else "frequency"

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The words most probable to be written out; see `Predictor`."""
        typed = typed_word(context)
        if typed is None:
            return []
        typed = self._known_part(typed)
        prefix = lower(typed.word.replace("’", "'"), self.language)
        if len(prefix) != len(typed.word):
            return []
        listed, counted = self._words.beginning(prefix), self.counts.beginning(prefix)
        total = self._mass(listed) + self.counts.words.mass(counted)
        at_sentence = not prefix and starts_sentence(context.before)
        found = []
        for word, weight in self._best(listed, counted, budget.n, besides=prefix):
            shown = follow(word, typed.word, self.language, at_sentence=at_sentence)
            if self.language == "en" and word in _ENGLISH_I and not prefix:
                shown = word.capitalize()
            text = shown[len(prefix) :] if len(shown) == len(word) else shown[len(typed.word) :]
            probability = min(1.0, weight / total)
            ends = (WordEnd(len(text), probability),)
            found.append(Candidate(text, probability, "frequency", ends))
        return found

    def close(self) -> None:
        """Nothing is held but memory."""

    def probability(self, word: str) -> float:
        """Of a word in lower case, whatever is typed; 0 for one neither listed nor counted."""
        score = self._prior_words * self._words.weight(word) + self.counts.of(word)
        return score / (self._prior_words + self.counts.total)

    def _mass(self, listed: Stretch) -> float:
        """What the list gives a prefix, unknown words included, in words of one's own."""
        share = (listed.stop - listed.start) / max(1, len(self._words))
        return self._prior_words * (self._words.mass(listed) + self.unknown_share * share)

    def _best(self, listed: Stretch, counted: Stretch, n: int, besides: str) -> list[Weighted]:
        """The `n` words of the greatest mixed weight, but `besides`.

        Both rankings are walked from the top until no word further down can enter (the threshold
        algorithm of Fagin, Lotem & Naor 2003).
        """
        best: list[tuple[float, str]] = []
        seen = {besides}
        walks = [self._words.top(listed), self.counts.words.top(counted)]
        scales, heads = [self._prior_words, 1.0], [1.0, float(self.counts.total)]
        while any(walks):
            for side, walk in enumerate(walks):
                word, heads[side] = next(walk, Weighted(besides, 0.0))
                if word not in seen:
                    seen.add(word)
                    score = self._prior_words * self._words.weight(word) + self.counts.of(word)
                    best.append((-score, word))
            bound = sum(scale * head for scale, head in zip(scales, heads, strict=True))
            top = heapq.nsmallest(n, best)
            if not bound or (len(top) == n and -top[-1][0] >= bound):
                break
        return [Weighted(word, -negative) for negative, word in heapq.nsmallest(n, best)]

    def _known_part(self, typed: Typed) -> Typed:
        """Of a run of a script without spaces, the longest end that begins a listed word."""
        word, start = typed
        if not is_unspaced(word):
            return typed
        for at in range(max(0, len(word) - 8), len(word)):
            stretch = self._words.beginning(word[at:])
            if stretch.stop - stretch.start > 1:
                return Typed(word[at:], start + at)
        return Typed(word, start)


def listed(language: str, most_words: int) -> dict[str, float]:
    """The commonest words of a language and their frequencies, digits and signs left out."""
    try:
        from wordfreq import available_languages, get_frequency_dict
    except ImportError:
        raise ModelError(
            "word lists need wordfreq, which is not installed: run `pip install 'tecla[classic]'`"
        ) from None
    known = available_languages("best")
    if language not in known:
        hint = nearest(language, known) or f"there are {', '.join(sorted(known))}"
        raise UnknownModelError(f"there is no word list for language {language!r}; {hint}")
    found: dict[str, float] = {}
    for word, frequency in get_frequency_dict(language, "best").items():  # commonest first
        if _LISTED.fullmatch(word):
            found[word] = frequency
            if len(found) == most_words:
                break
    return found
