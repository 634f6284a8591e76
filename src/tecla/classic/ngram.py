"""The n-gram model as a predictor: words, and whole phrases by beam.

The half-typed word narrows the words to those that begin with it; probabilities are conditional
on it, unknown words included, and mixed with those of the words of the text so far. Where the
typed beginning is a word already, what may follow it is weighed by the probability that it ends
here. A phrase goes on until it has as many words as are asked for, until a line ends, or until it
has become too improbable.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tecla.ngram.backoff import State
from tecla.ngram.lexer import END_OF_LINE, is_word, split_caret
from tecla.ngram.lexicon import IdRange
from tecla.ngram.model import NgramModel
from tecla.ngram.recency import Recency
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import WordEnd

_BEAM = 3
_FLOOR = 0.005  # a phrase ends before it is less probable than this
_GUESSED = 0.2  # unknown words are spelt out where they hold this much of the probability


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A candidate on its way; `ended` says that a line or the text ends behind it."""

    text: str
    probability: float
    state: State
    words: tuple[WordEnd, ...]
    in_word: bool
    ended: bool = False


class Ngram:
    """Candidates from an n-gram model."""

    def __init__(self, model: NgramModel, name: str = "ngram") -> None:
        """Predict with `model`."""
        self.model = model
        self._name = name
        self._known = IdRange(0, len(model.lexicon))
        self._recency = Recency()

    @classmethod
    def open(cls, path: Path) -> Ngram:
        """The predictor of a model file; raises `ModelError` kinds."""
        return cls(NgramModel.open(path))

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The most probable continuations; see `Predictor`."""
        caret = split_caret(context.before)
        tokens = caret.tokens[-self.model.order :]
        state = self.model.state(tokens, starts_text=caret.starts_text and tokens == caret.tokens)
        self._recency.follow(context.before[: len(context.before) - caret.open_chars])
        beginnings = self._beginnings(state, caret.open, budget.n)
        best = sorted(beginnings, key=lambda phrase: -phrase.probability)[: budget.n]
        grown = [self._grow(phrase, budget.max_words) for phrase in best]
        return [Candidate(each.text, each.probability, "ngram", each.words) for each in grown]

    def close(self) -> None:
        """Nothing is held but memory."""

    def logprob(self, lead: str, text: str) -> float:
        """See `NgramModel.logprob`."""
        return self.model.logprob(lead, text)

    def _beginnings(self, state: State, typed: str, n: int) -> list[_Phrase]:
        """The first token of candidates: what is left of the half-typed word, or what follows."""
        if not typed:
            return self._following(_Phrase("", 1.0, state, (), in_word=False), n)
        model, share_recent = self.model, self._recency.share
        ids = model.lexicon.beginning(typed)
        recent = self._recency.beginning(typed)
        unknown = model.unknown_mass(state, typed, ids)
        counted = model.backoff.mass(state, ids) + unknown
        total = (1 - share_recent) * counted + share_recent * sum(recent.values())
        shares = {model.lexicon.word(at): p for at, p in model.backoff.top(state, ids, n + 1)}
        for token in sorted(recent, key=lambda each: -recent[each])[: n + 1]:
            shares.setdefault(token, model.probability(state, token))
        found: list[_Phrase] = []
        for token, counted_share in shares.items():
            after = model.advance(state, token)
            share = (1 - share_recent) * counted_share + share_recent * recent.get(token, 0.0)
            start = _Phrase("", share / total, after, (), in_word=is_word(token))
            if token == typed:
                found += self._following(start, n)
            else:
                found.append(_appended(start, token[len(typed) :], 1.0, after, word=start.in_word))
        if unknown > _GUESSED * total:
            known = {each.text for each in found}
            guessed = self._guessed(state, typed, n, total / (1 - share_recent))
            found += [each for each in guessed if each.text not in known]
        return found

    def _guessed(self, state: State, typed: str, n: int, total: float) -> list[_Phrase]:
        """Unknown words that begin with `typed`, spelt out."""
        model = self.model
        weight = model.unknown_weight(state) / total
        after = model.backoff.advance(state, model.lexicon.unknown)
        return [
            _appended(
                _Phrase("", weight, after, (), in_word=True),
                word[len(typed) :],
                share,
                after,
                word=True,
            )
            for word, share in model.spelling.completions(typed, n)
            if is_word(word) and model.lexicon.find(word) == model.lexicon.unknown
        ]

    def _following(self, phrase: _Phrase, n: int) -> list[_Phrase]:
        """`phrase` with each of the `n` most probable next tokens that can stand behind it."""
        found = []
        for index, share in self.model.backoff.top(phrase.state, self._known, n + 2):
            token = self.model.lexicon.word(index)
            word = is_word(token)
            if token == END_OF_LINE or (word and phrase.in_word and not token.startswith(" ")):
                continue
            after = self.model.backoff.advance(phrase.state, index)
            found.append(_appended(phrase, token, share, after, word=word))
        return found[:n]

    def _grow(self, phrase: _Phrase, max_words: int) -> _Phrase:
        """The most probable way on from `phrase` to `max_words` words or the end of the line."""
        beam = [phrase]
        while any(not self._is_done(each, max_words) for each in beam):
            grown: list[_Phrase] = []
            for each in beam:
                grown += [each] if self._is_done(each, max_words) else self._ways_on(each)
            beam = sorted(grown, key=lambda way: -way.probability)[:_BEAM]
        best = beam[0]
        return phrase if best.probability < _FLOOR else best

    def _is_done(self, phrase: _Phrase, max_words: int) -> bool:
        return phrase.ended or len(phrase.words) >= max_words or phrase.probability < _FLOOR

    def _ways_on(self, phrase: _Phrase) -> list[_Phrase]:
        """`phrase` with its next tokens, and `phrase` ended here."""
        model = self.model
        ending = model.backoff.probability(phrase.state, model.lexicon.end)
        ending += model.probability(phrase.state, END_OF_LINE)
        ended = _Phrase(
            phrase.text, phrase.probability * ending, phrase.state, phrase.words, False, ended=True
        )
        return [ended, *self._following(phrase, _BEAM)]


def _appended(phrase: _Phrase, text: str, share: float, state: State, *, word: bool) -> _Phrase:
    """`phrase` with one more token, or the rest of one."""
    whole = phrase.text + text
    probability = phrase.probability * share
    end = (WordEnd(len(whole), probability),) if word else ()
    return _Phrase(whole, probability, state, phrase.words + end, in_word=word)
