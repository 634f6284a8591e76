"""Phrases from an n-gram model: what may follow a token, and the best way on to several words."""

from __future__ import annotations

from typing import NamedTuple

from tecla.classic.own import Own
from tecla.ngram.backoff import State
from tecla.ngram.lexer import END_OF_LINE, is_word
from tecla.ngram.lexicon import IdRange
from tecla.ngram.model import NgramModel
from tecla.ngram.remembered import Remembered
from tecla.text.words import WordEnd

_BEAM = 3
_FLOOR = 0.005  # a phrase ends before it is less probable than this
_REMEMBERED = 20_000  # histories whose best next tokens are kept


class Phrase(NamedTuple):
    """A candidate on its way: `text` behind the caret, `token` the last one, `history` before it.

    `ended` says that a line or the text ends behind it.
    """

    text: str
    probability: float
    history: State
    token: str
    words: tuple[WordEnd, ...] = ()
    ended: bool = False

    def followed(self, history: State, token: str, share: float, typed: str = "") -> Phrase:
        """With `token`, less what is `typed` of it, behind `history`."""
        text = self.text + token[len(typed) :]
        probability = self.probability * share
        words = self.words
        if is_word(token) and len(text) > len(self.text):
            words = (*words, WordEnd(len(text), probability))
        return Phrase(text, probability, history, token, words)


class _Way(NamedTuple):
    """One token that may follow."""

    token: str
    probability: float
    glued: bool  # it would make one word with a word before it


class _Ways(NamedTuple):
    """What may follow a history: the best tokens, and the probability that a line ends."""

    tokens: list[_Way]
    ending: float


class Phrases:
    """Ways on from a token. What was worked out for a history is remembered for the next key."""

    def __init__(self, model: NgramModel) -> None:
        """Phrases of `model`."""
        self._model = model
        self._known = IdRange(0, len(model.lexicon))
        self._ways: Remembered[State, _Ways] = Remembered(_REMEMBERED)

    def following(self, phrase: Phrase, n: int) -> list[Phrase]:
        """`phrase` with each of the `n` most probable next tokens that can stand behind it."""
        state = self._model.advance(phrase.history, phrase.token)
        return self._with_next(phrase, state, n)

    def beginning(self, state: State, n: int, own: Own | None = None) -> list[Phrase]:
        """The `n` most probable next tokens behind `state`, no word standing there.

        With own words there are up to `n` of these as well.
        """
        nothing = Phrase("", 1.0, state, "")
        ways = self._with_next(nothing, state, n)
        return self._mixed(nothing, state, ways, own, n) if own is not None else ways

    def grown(self, phrase: Phrase, max_words: int, min_next: float = 0.0) -> Phrase:
        """The most probable way on from `phrase` to `max_words` words or the end of the line.

        It ends before a word that is less probable than `min_next`, given those before it.
        """
        best, beam = phrase, [phrase]
        while any(not is_done(each, max_words) for each in beam):
            further: list[Phrase] = []
            for each in beam:
                further += [each] if is_done(each, max_words) else self._ways_on(each, min_next)
            beam = sorted(further, key=lambda way: -way.probability)[:_BEAM]
            if beam[0].probability < _FLOOR:
                break
            best = beam[0]
        return best

    def way_with(self, phrase: Phrase, own: Own, min_next: float = 0.0) -> Phrase | None:
        """`phrase` with the likeliest next token, own words mixed in; `None` where it should end.

        That is where a line ends more likely, or all is too improbable.
        """
        state = self._model.advance(phrase.history, phrase.token)
        ways = self._mixed(phrase, state, self._with_next(phrase, state, _BEAM), own, _BEAM)
        if not ways:
            return None
        best = max(ways, key=lambda way: way.probability)
        ending = own.kept * self._behind(state, _BEAM).ending + own.share(END_OF_LINE)
        least = min_next * phrase.words[-1].probability if phrase.words else 0.0
        if best.probability < max(_FLOOR, least, ending * phrase.probability):
            return None
        return best

    def _mixed(
        self, phrase: Phrase, state: State, ways: list[Phrase], own: Own, n: int
    ) -> list[Phrase]:
        """Ways on from `phrase`, with those of the own words and their share in all."""
        shares = {way.token: way.probability / phrase.probability for way in ways}
        for token in own.best("", n):
            glued = is_word(phrase.token) and is_word(token) and not token.startswith(" ")
            if token != END_OF_LINE and not glued:
                shares.setdefault(token, self._model.probability(state, token))
        return [
            phrase.followed(state, token, own.kept * share + own.share(token))
            for token, share in shares.items()
        ]

    def _ways_on(self, phrase: Phrase, min_next: float) -> list[Phrase]:
        """`phrase` with its next tokens, and `phrase` ended here."""
        state = self._model.advance(phrase.history, phrase.token)
        ending = phrase.probability * self._behind(state, _BEAM).ending
        ended = phrase._replace(probability=ending, ended=True)
        ways = [ended, *self._with_next(phrase, state, _BEAM)]
        if phrase.words:
            least = min_next * phrase.words[-1].probability
            ways = [way for way in ways if way.probability >= least]
        return ways or [phrase._replace(ended=True)]

    def _with_next(self, phrase: Phrase, state: State, n: int) -> list[Phrase]:
        in_word = is_word(phrase.token)
        ways = [way for way in self._behind(state, n).tokens if not (in_word and way.glued)]
        return [phrase.followed(state, way.token, way.probability) for way in ways[:n]]

    def _behind(self, state: State, n: int) -> _Ways:
        """What may follow a history, with some to spare for those that cannot stand there."""
        ways = self._ways.get(state)
        if ways is None or len(ways.tokens) < min(n + 2, len(self._model.lexicon) - 1):
            model = self._model
            best = model.backoff.top(state, self._known, n + 4)
            spelt = [(model.lexicon.word(index), share) for index, share in best]
            tokens = [
                _Way(token, share, is_word(token) and not token.startswith(" "))
                for token, share in spelt
                if token != END_OF_LINE
            ]
            ending = model.backoff.probability(state, model.lexicon.end)
            ending += model.probability(state, END_OF_LINE)
            ways = self._ways.keep(state, _Ways(tokens, ending))
        return ways


def is_done(phrase: Phrase, max_words: int) -> bool:
    """Whether a phrase is long enough, or ended, or has become too improbable."""
    return phrase.ended or len(phrase.words) >= max_words or phrase.probability < _FLOOR
