"""Turning token bytes into text that may be shown, and saying when it is enough.

Owns the text of one continuation. Bytes become text only as whole characters; what could still
change (the last grapheme, the beginning of a stop string, white space before a word that may
not come) is held back from a stream until it is certain. Invariant: what `released` returned
is always a beginning of what `finish` returns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

import regex

from tecla.decode.request import Continuation, Stopping, StopReason
from tecla.text.unicode import (
    cut_graphemes,
    drop_dangling,
    incomplete_suffix_bytes,
    last_grapheme_start,
)
from tecla.text.words import WordEnd, line_break, sentence_end, words

_ECHO_WORDS = 2  # so many words of the text behind the caret, repeated, end a continuation
_ECHO_CHARS = 4  # a repetition cut short by the end of the continuation is at least this long
_AFTER_CHARS = 256  # of the text behind the caret, this much is looked at
_TRAILING_GAP = regex.compile(r"[\s\x1c-\x1f]\W*$")  # all that `str.rstrip` takes off
_WORD_CHAR = regex.compile(r"\w")
_MARKS = regex.compile(r"(?<=\w)[^\w\s]++(?!\w)")  # behind a word


class _Cut(NamedTuple):
    char_offset: int
    reason: StopReason


class Assembler:
    """The text of one continuation as it grows token by token."""

    def __init__(self, before: str, after: str, stopping: Stopping) -> None:
        """Begin empty, between `before` and `after`."""
        self._before = before[-64:]
        self._after = after[:_AFTER_CHARS]
        self._following = self._after.lstrip()
        self._echo = _echo_of(self._after)
        self._lead = self._following[: max(0, self._following.find(self._echo))]  # marks before it
        self._fragment = _leading_word(self._after)
        self._in_word = _in_word(self._before, self._after)
        self._stopping = stopping
        self.data = b""
        self._ends: list[tuple[int, float]] = []  # (char offset, log-probability) per token
        self._whole: list[bool] = []  # whether the token ends with a whole character
        self.text = ""
        self._noted: dict[int, tuple[float, float | None]] = {}  # by char offset: see note_end
        self._cut: _Cut | None = None

    def push(self, piece: bytes, logprob: float) -> StopReason | None:
        """Append a token's bytes; `logprob` is that of everything so far.

        Returns the reason if the continuation ends with (or before the end of) this token.
        """
        self.data += piece
        partial = incomplete_suffix_bytes(self.data)
        whole = self.data[: len(self.data) - partial]
        self.text = whole.decode("utf-8", errors="replace")
        self._ends.append((len(self.text), logprob))
        self._whole.append(not partial)
        cuts = self._find_cuts()
        if cuts:
            self._cut = min(cuts, key=lambda cut: cut.char_offset)
            return self._cut.reason
        if len(self._ends) >= self._stopping.max_tokens:
            return "max_tokens"
        return None

    def text_with(self, piece: bytes) -> str:
        """The text with the whole characters of one more token."""
        data = self.data + piece
        whole = data[: len(data) - incomplete_suffix_bytes(data)]
        return whole.decode("utf-8", errors="replace")

    @property
    def may_end(self) -> bool:
        """Whether a word, or the marks behind one, may end with the text so far."""
        return self._whole[-1] and not self.text[-1:].isspace()

    def note_end(self, ends: float, spaced: float) -> None:
        """Note how probably no word goes on behind the text so far, and how probably a space."""
        self._noted[len(self.text)] = (max(0.0, ends), spaced)

    @property
    def ends_word(self) -> bool:
        """Whether the text so far ends with a word."""
        return bool(_WORD_CHAR.match(self.text[-1:]))

    @property
    def ends_logprob(self) -> float:
        """The log-probability that no word goes on behind the text so far; 0 if nobody looked."""
        ends, _ = self._noted.get(len(self.text), (1.0, None))
        return math.log(max(ends, 1e-9))

    def restate(self, logprob: float) -> None:
        """Correct the log-probability of everything so far."""
        end, _ = self._ends[-1]
        self._ends[-1] = (end, logprob)

    @property
    def n_words(self) -> int:
        """Words so far, the last of them perhaps half a word."""
        return len(words(self.text))

    @property
    def whole_words(self) -> int:
        """Words behind which something stands."""
        return sum(word.end < len(self.text) for word in words(self.text))

    def first_words(self, count: int) -> tuple[str, float]:
        """The first `count` words with the space that may stand behind them; their probability."""
        ends = self._ends_of_words(self.text)[:count]
        if not ends:
            return self.text, 0.0
        last = ends[-1]
        text = self.text[: last.char_offset]
        return (text if last.spaced == 0 else f"{text} "), last.probability

    def cut_words(self, count: int) -> StopReason:
        """End behind the first `count` words, which are whole; the reason."""
        self._cut = _Cut(words(self.text)[count - 1].end, "max_words")
        return self._cut.reason

    def shows(self, chars: int, *, whole_word: bool) -> bool:
        """Whether at least `chars` characters could be shown now, white space at the end aside."""
        text = drop_dangling(self.text)
        if not whole_word:
            text = _without_half_word(text)
        return len(text.rstrip()) >= chars

    def released(self) -> str:
        """The beginning of the text that no later token can change."""
        if self._cut is not None:
            return drop_dangling(self.text[: self._cut.char_offset])
        text = drop_dangling(self.text)
        end = last_grapheme_start(text)
        for held in (*self._stopping.stop, self._following, self._echo):
            end = min(end, len(text) - _overlap(text, held))
        gap = _TRAILING_GAP.search(text[:end])
        if gap is not None:
            end = gap.start()
        if self._stopping.max_words is not None:  # marks after the last word may not stay
            spans = (word for word in words(text) if word.start < end)
            end = max((min(word.end, end) for word in spans), default=0)
        return drop_dangling(text[:end])

    def copy(self) -> Assembler:
        """An independent copy."""
        twin = copy(self)
        twin._ends, twin._whole = self._ends.copy(), self._whole.copy()
        twin._noted = self._noted.copy()
        return twin

    def token_ends(self) -> Iterator[tuple[int, str, float]]:
        """Tokens so far, the text up to the last of them, and its log-probability."""
        for count, ((end, logprob), whole) in enumerate(zip(self._ends, self._whole, strict=True)):
            if whole and (self._cut is None or end <= self._cut.char_offset):
                yield count + 1, self.text[:end], logprob

    def tokens_of(self, text: str) -> int:
        """How many tokens it takes to cover a beginning of the text."""
        for count, (end, _) in enumerate(self._ends):
            if end >= len(text):
                return count + 1
        return len(self._ends)

    def finish(self, reason: StopReason, *, whole_word: bool = True) -> Continuation:
        """The continuation as it may be shown; `reason` is why it ended.

        With `whole_word=False` the last word may be half a word and is left out, if there is
        another before it.
        """
        end = len(self.text) if self._cut is None else self._cut.char_offset
        text = drop_dangling(self.text[:end])
        if self._cut is None and not whole_word:
            text = _without_half_word(text)
        elif self._cut is None:
            echoed = _overlap(text, self._following)
            long_enough = echoed >= _ECHO_CHARS or (text != "" and text == self._fragment)
            if long_enough and _at_word_start(self._before, text, len(text) - echoed):
                text, reason = drop_dangling(text[: len(text) - echoed].rstrip()), "after"
        return Continuation(
            text=text,
            probability=self._probability(len(text)),
            stop=reason,
            words=self._ends_of_words(text),
            marks=tuple(map(self._end_of_marks, _MARKS.finditer(text))),
            n_tokens=len(self._ends),
        )

    def _probability(self, char_offset: int) -> float:
        """Probability that the text runs through the token that covers `char_offset`."""
        for end, logprob in self._ends:
            if end >= char_offset:
                return min(1.0, math.exp(logprob))
        return 0.0

    def _ends_of_words(self, text: str) -> tuple[WordEnd, ...]:
        """The word ends; how probably each is one, as far as the model was asked."""
        found: list[WordEnd] = []
        least = 0.0  # no less than the next one; rounding may say otherwise
        for word in reversed(words(text)):
            reached = self._probability(word.end)
            ends, spaced = self._noted.get(word.end, (1.0, None))
            least = max(least, reached * min(1.0, ends))
            found.append(WordEnd(word.end, least, None if spaced is None else reached * spaced))
        return tuple(reversed(found))

    def _end_of_marks(self, marks: regex.Match[str]) -> WordEnd:
        """Where the marks behind a word end."""
        end = marks.end()
        reached = self._probability(end)
        _, spaced = self._noted.get(end, (1.0, None))
        return WordEnd(end, reached, None if spaced is None else reached * spaced)

    def _find_cuts(self) -> list[_Cut]:
        text, stopping = self.text, self._stopping
        found: list[tuple[int | None, StopReason]] = [
            (_find(text, stop), "stop") for stop in stopping.stop
        ]
        if stopping.at_line:
            found.append((line_break(text), "line"))
        if stopping.at_sentence:
            found.append((sentence_end(self._before, text), "sentence"))
        if stopping.max_words is not None:
            found.append((_words_end(text, stopping.max_words), "max_words"))
        if stopping.max_chars is not None and len(text) >= stopping.max_chars:
            found.append((len(cut_graphemes(text, stopping.max_chars)), "max_chars"))
        found.append((self._find_echo(), "after"))
        return [_Cut(at, reason) for at, reason in found if at is not None]

    def _find_echo(self) -> int | None:
        """Where the text begins to repeat what stands behind the caret."""
        if self._repeats_fragment():
            return 0
        at = _find(self.text, self._echo) if self._echo else None
        if at is not None and _at_word_start(self._before, self.text, at):
            return len(self.text[:at].removesuffix(self._lead).rstrip())
        return None

    def _repeats_fragment(self) -> bool:
        """Whether the text begins with the word (or its rest) that stands right behind the caret.

        Inside a word any such beginning is a repetition; before a whole word ("a") only that
        word is ("a cat", not "apples").
        """
        if not self._fragment or not self.text.startswith(self._fragment):
            return False
        following = self.text[len(self._fragment) :][:1]
        return self._in_word or (following != "" and not _WORD_CHAR.match(following))


def _find(text: str, part: str) -> int | None:
    at = text.find(part)
    return None if at < 0 else at


def _words_end(text: str, count: int) -> int | None:
    """Where `count` words end, once the next word has begun."""
    spans = words(text)
    if len(spans) <= count:
        return None
    end, following = spans[count - 1].end, spans[count].start
    for at in range(end, following):
        if text[at].isspace():
            return at
    return end


def _without_half_word(text: str) -> str:
    """`text` up to the last word but one, if its end may be half a word."""
    spans = words(text)
    if len(spans) < 2 or spans[-1].end < len(text):
        return text
    return text[: spans[-2].end]


def _overlap(text: str, following: str) -> int:
    """Length of the longest end of `text` that is a beginning of `following`."""
    for length in range(min(len(text), len(following)), 0, -1):
        if text.endswith(following[:length]):
            return length
    return 0


def _echo_of(after: str) -> str:
    """The first words of `after`, if they are enough to call a repetition by."""
    spans = words(after)[:_ECHO_WORDS]
    echo = after[spans[0].start : spans[-1].end] if spans else ""
    return echo if len(spans) == _ECHO_WORDS or len(echo) >= _ECHO_CHARS else ""


def _leading_word(after: str) -> str:
    """The rest of a word that the caret stands in, or nothing."""
    spans = words(after)[:1]
    return after[: spans[0].end] if spans and spans[0].start == 0 else ""


def _in_word(before: str, after: str) -> bool:
    """Whether a word stands on both sides of the caret."""
    return any(word.start < len(before) < word.end for word in words(before + after))


def _at_word_start(before: str, text: str, at: int) -> bool:
    """Whether a word could begin at `at` of `text`, which follows `before`."""
    return not _in_word(before + text[:at], text[at:])
