"""One alternative while it grows: its tokens, its text, and what it takes next.

Owns no engine. A branch names the token path whose scores it wants and takes them; tokens are
taken only if the tokenizer would spell the text so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tecla.decode.caret import MOST_SCREENED, Cover
from tecla.decode.request import Continuation, Request, StopReason
from tecla.decode.stopping import Assembler
from tecla.decode.streams import Stream
from tecla.engines.base import Scores
from tecla.text.base import Tokenizer
from tecla.text.caret import Path
from tecla.text.spelling import Spelling
from tecla.text.table import CONTINUES, FOLLOWING, SPACES

_LOOKED_AT = (1, 8)  # a greedy step looks at so many tokens before it looks at them all
_MAX_REFUSED = 256  # draws refused at one position before a continuation is given up


class Step(NamedTuple):
    """One way for a branch to go on."""

    token: int
    logprob: float


class Branch:
    """A cover and the tokens taken behind it."""

    def __init__(
        self,
        request: Request,
        tokenizer: Tokenizer,
        cover: Cover,
        assembler: Assembler,
        spelling: Spelling,
        stream: Stream | None,
        recent: Sequence[int],
    ) -> None:
        """Begin behind the token that covers the caret; `stream` is for samples."""
        self.path: Path = cover.path  # tokens behind the head, all of them
        self.logprob = cover.logprob
        self.stop: StopReason | None = None
        self.streamed_chars = 0
        self._request, self._tokenizer = request, tokenizer
        self._assembler, self._spelling, self._stream = assembler, spelling, stream
        self._covered = len(cover.path)
        self._recent = [*recent, *cover.path]
        self._whole_word = True
        self._screened = 0  # of those looked at for the next token
        stopping = request.stopping
        least = stopping.min_probability
        self._least_logprob = math.log(least) if least else -math.inf
        self._least_next = math.log(stopping.min_next) if stopping.min_next else -math.inf
        self._word_logprob: float | None = None  # that the last whole word ends where it does
        if cover.token is None:
            self.stop = "end"
        else:
            self._append(cover.token, cover.beyond)

    @property
    def n_tokens(self) -> int:
        """Tokens taken, the one over the caret included."""
        return len(self.path) - self._covered

    @property
    def shows_text(self) -> bool:
        """Whether something could be shown of it now."""
        return self._assembler.shows(self._request.stopping.min_chars, whole_word=False)

    @property
    def has_spread(self) -> bool:
        """Whether the words are whole up to which all alternatives go."""
        count = self._request.spread_words
        return count is not None and self._assembler.whole_words >= count

    @property
    def spread(self) -> tuple[str, float]:
        """The words up to which all alternatives go, and their probability."""
        return self._assembler.first_words(self._request.spread_words or 1)

    def steps(self, scores: Scores, row: int, count: int) -> list[Step]:
        """The `count` best (or one drawn) canonical ways to go on; may set `stop` instead."""
        if self._assembler.may_end:
            table = self._tokenizer.table
            masses = scores.masses(row, table.follows, FOLLOWING)
            self._assembler.note_end(1.0 - float(masses[CONTINUES]), float(masses[SPACES]))
        if self._too_uncertain(scores, row):
            best = self._most_probable(scores, row, 1)
            self._end_early("entropy", best[0].token if best else None)
            return []
        sampling = self._request.sampling
        if sampling.temperature == 0 and sampling.repetition_penalty == 1:
            found = self._most_probable(scores, row, count)
        else:
            drawn = self._drawn(scores, row)
            found = [] if drawn is None else [drawn]
        if not found:
            if self._screened:
                self._end_early("screened", None)
            else:
                self.stop = "unspellable"
        return found

    def take(self, step: Step) -> None:
        """Go on with one of the steps."""
        if step.token in self._tokenizer.end_ids:
            self.logprob += step.logprob  # for the competition; what is shown ends before it
            self.stop = "end"
            return
        piece = self._tokenizer.table.pieces[step.token]
        outside = self._assembler.ends_word and not _goes_on_inside_a_word(piece)
        if outside:
            self._word_logprob = self.logprob + self._assembler.ends_logprob
        logprob = self.logprob + step.logprob
        unlikely = (
            self._word_logprob is not None and logprob - self._word_logprob < self._least_next
        )
        marks = outside and not piece[:1].isspace()
        ends = logprob < self._least_logprob or (unlikely and not marks)
        if ends and self._may_end(step.token):
            self._end_early("probability", step.token)
            return
        self.logprob = logprob
        self._append(step.token, piece)
        if unlikely and marks and self.stop is None and self.shows_text:
            self.stop = "probability"  # nothing behind them can be likelier

    def copy(self) -> Branch:
        """An independent copy, to go on another way."""
        twin = object.__new__(Branch)
        twin.__dict__ = self.__dict__ | {
            "_assembler": self._assembler.copy(),
            "_spelling": self._spelling.copy(),
            "_recent": self._recent.copy(),
        }
        return twin

    def join(self, logprob: float) -> None:
        """Add the probability of a branch that spells the same text."""
        self.logprob = min(0.0, float(np.logaddexp(self.logprob, logprob)))
        self._assembler.restate(self.logprob)

    def halt(self, reason: StopReason) -> None:
        """End now; the last word may be half a word."""
        if self.stop is None:
            self._end_early(reason, None)

    def end_spread(self) -> None:
        """End behind the words up to which all alternatives go."""
        assert self._request.spread_words is not None
        self.stop = self._assembler.cut_words(self._request.spread_words)

    def new_text(self) -> str:
        """Text that became certain since the last call."""
        text = self._assembler.released() if self.stop is None else self.finish().text
        fresh = text[self.streamed_chars :]
        self.streamed_chars += len(fresh)
        return fresh

    def finish(self) -> Continuation:
        """The alternative as it may be shown."""
        return self._assembler.finish(self.stop or "max_tokens", whole_word=self._whole_word)

    def spelt(self) -> Iterator[tuple[Path, str, float]]:
        """Every token path of this branch with its text and log-probability."""
        for count, text, logprob in self._assembler.token_ends():
            yield self.path[: self._covered + count], text, logprob

    def identity(self) -> tuple[str | bytes, Path]:
        """What branches that spell the same have in common, and the tokens that spell it here.

        Of a branch that ended that is the text to be shown, else all bytes so far. Equal paths
        under equal text are the same event, and their probability counts once.
        """
        if self.stop is None:
            return self._assembler.data, self.path
        text = self.finish().text
        return text, self.path_to(text)

    def path_to(self, text: str) -> Path:
        """The tokens up to the one that ends `text`, a beginning of what this branch spells."""
        return self.path[: self._covered + self._assembler.tokens_of(text)]

    def _append(self, token: int, beyond: bytes) -> None:
        self._spelling.push(token)
        self._recent.append(token)
        self.path = (*self.path, token)
        self.stop = self._assembler.push(beyond, self.logprob)

    def _end_early(self, reason: StopReason, following: int | None) -> None:
        """Stop before `following`, the token that would have come (`None`: unknown)."""
        self.stop = reason
        if following is None:
            self._whole_word = False
        elif following not in self._tokenizer.end_ids:
            self._whole_word = not _goes_on_inside_a_word(self._tokenizer.table.pieces[following])

    def _may_end(self, following: int) -> bool:
        """Whether ending before `following` would leave a whole word, and enough of it."""
        inside = _goes_on_inside_a_word(self._tokenizer.table.pieces[following])
        if self._assembler.n_words < (2 if inside else 1):
            return False
        return self._assembler.shows(self._request.stopping.min_chars, whole_word=not inside)

    def _too_uncertain(self, scores: Scores, row: int) -> bool:
        most = self._request.stopping.max_entropy_nats
        if most is None:
            return False
        logprobs = scores.gather(row, None)
        return float(-(np.exp(logprobs) * np.maximum(logprobs, -100.0)).sum()) > most

    def _allows(self, token: int) -> bool:
        if token in self._tokenizer.end_ids:
            return True
        if not self._spelling.allows(token):
            return False
        screen = self._request.screen
        if screen is None:
            return True
        text = self._assembler.text_with(self._tokenizer.table.pieces[token])
        if not screen.refuses(text):
            return True
        self._screened += 1
        return False

    def _most_probable(self, scores: Scores, row: int, count: int) -> list[Step]:
        n_vocab = len(self._tokenizer.table)
        found: list[Step] = []
        seen = self._screened = 0
        for most in (*(count * factor for factor in _LOOKED_AT), n_vocab):
            top = scores.top_k(most)
            ids, logprobs = top.ids[row, seen:].tolist(), top.logprobs[row, seen:].tolist()
            seen += len(ids)
            for token, logprob in zip(ids, logprobs, strict=True):
                if logprob > -math.inf and self._allows(token):
                    found.append(Step(token, logprob))
                if len(found) == count or self._screened == MOST_SCREENED:
                    return found
            if found and most > count:
                break
        return found

    def _drawn(self, scores: Scores, row: int) -> Step | None:
        sampling = self._request.sampling
        recent = self._recent[-sampling.penalty_tokens :] if sampling.penalty_tokens else []
        banned: list[int] = []
        self._screened = 0
        while self._screened < MOST_SCREENED and len(banned) < _MAX_REFUSED:
            key = self._stream.key(self.n_tokens, len(banned)) if self._stream else 0
            token, logprob = scores.sample(row, sampling, key, recent=recent, banned=banned)
            if self._allows(token):
                return Step(token, logprob)
            banned.append(token)
        return None


def _goes_on_inside_a_word(piece: bytes) -> bool:
    """Whether a token continues the word before it."""
    text = piece.decode("utf-8", errors="ignore")
    return not text or text[0].isalnum()
