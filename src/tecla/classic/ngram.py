"""The n-gram model as a predictor: words, and whole phrases by beam.

The half-typed word narrows the words to those that begin with it; probabilities are conditional
on it, unknown words included, and mixed with those of the words of the text so far. Where the
typed beginning is a word already, what may follow it is weighed by the probability that it ends
here. A phrase goes on until it has as many words as are asked for, until a line ends, or until it
has become too improbable. A person's own words (`own.py`) are mixed into every step.
"""

from __future__ import annotations

from pathlib import Path

from tecla.classic.own import Own, OwnWords, whole_tokens
from tecla.classic.phrases import Phrase, Phrases, is_done
from tecla.ngram.backoff import State
from tecla.ngram.lexer import is_word, split_caret
from tecla.ngram.model import NgramModel
from tecla.ngram.recency import Recency
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

_GUESSED = 0.2  # unknown words are spelt out where they hold this much of the probability


class Ngram:
    """Candidates from an n-gram model."""

    def __init__(self, model: NgramModel, name: str = "ngram", own: OwnWords | None = None) -> None:
        """Predict with `model`, and with a person's own words mixed in."""
        self.model = model
        self._name, self._own = name, own
        self._phrases = Phrases(model)
        self._recency = Recency()
        self._behind: tuple[tuple[tuple[str, ...], bool], State] | None = None

    @classmethod
    def open(cls, path: Path, name: str = "ngram", own: OwnWords | None = None) -> Ngram:
        """The predictor of a model file; raises `ModelError` kinds."""
        return cls(NgramModel.open(path), name, own)

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The most probable continuations; none inside a word. See `Predictor`."""
        if is_word(context.after[:1]):
            return []
        caret = split_caret(context.before)
        tokens = caret.tokens[-self.model.order :]
        state = self._state(tuple(tokens), caret.starts_text and tokens == caret.tokens)
        self._recency.follow(context.before[: len(context.before) - caret.open_chars])
        own = None if self._own is None else self._own.after(caret.tokens)
        if caret.open:
            first = self._words(state, caret.open, budget.n, own)
        else:
            first = self._phrases.beginning(state, budget.n, own)
        best = sorted(first, key=lambda phrase: -phrase.probability)[: budget.n]
        grown = [self._grown(context.before, each, budget) for each in best]
        ranked = sorted(grown, key=lambda phrase: -phrase.probability)
        return [Candidate(each.text, each.probability, "ngram", each.words) for each in ranked]

    def close(self) -> None:
        """Nothing is held but memory."""

    def logprob(self, lead: str, text: str) -> float:
        """See `NgramModel.logprob`."""
        return self.model.logprob(lead, text)

    def _state(self, tokens: tuple[str, ...], starts_text: bool) -> State:
        """The model's state behind `tokens`, which are the same as long as a word is typed."""
        asked = tokens, starts_text
        if self._behind is None or self._behind[0] != asked:
            self._behind = asked, self.model.state(tokens, starts_text=starts_text)
        return self._behind[1]

    def _grown(self, before: str, phrase: Phrase, budget: Budget) -> Phrase:
        """The most probable way on from `phrase`, as long as the person's own words know one."""
        while self._own is not None and not is_done(phrase, budget.max_words):
            own = self._own.after(whole_tokens(split_caret(before + phrase.text)))
            if own is None or not own.follows:
                break
            way = self._phrases.way_with(phrase, own, budget.min_next)
            if way is None:
                return phrase
            phrase = way
        return self._phrases.grown(phrase, budget.max_words, budget.min_next)

    def _words(self, state: State, typed: str, n: int, own: Own | None) -> list[Phrase]:
        """The rests of words that begin with `typed`, and what follows if it is a word already."""
        model, share_recent = self.model, self._recency.share
        ids = model.lexicon.beginning(typed)
        recent = self._recency.beginning(typed)
        unknown = model.unknown_mass(state, typed, ids)
        counted = model.backoff.mass(state, ids) + unknown
        total = (1 - share_recent) * counted + share_recent * sum(recent.values())
        if own is not None:
            total = own.kept * total + own.mass(typed)
        shares = {model.lexicon.word(at): p for at, p in model.backoff.top(state, ids, n + 1)}
        likely = sorted(recent, key=lambda each: -recent[each])[: n + 1]
        for token in (*likely, *(() if own is None else own.best(typed, n + 1))):
            shares.setdefault(token, model.probability(state, token))
        if unknown > _GUESSED * counted:
            weight = model.unknown_weight(state)
            for token, share in model.spelling.completions(typed, n):
                if is_word(token) and model.lexicon.find(token) == model.lexicon.unknown:
                    shares.setdefault(token, weight * share)
        nothing = Phrase("", 1 / total, state, "")
        found: list[Phrase] = []
        for token, counted_share in shares.items():
            share = (1 - share_recent) * counted_share + share_recent * recent.get(token, 0.0)
            if own is not None:
                share = own.kept * share + own.share(token)
            phrase = nothing.followed(state, token, share, typed)
            found += [phrase] if phrase.text else self._phrases.following(phrase, n)
        return found
