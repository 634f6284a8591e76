"""From a context to the tokens the model reads, remembering what was worked out before.

A typist's text hardly changes between two keys, so a `Prompt` keeps, for one caret, where the
window begins and the tokens of what stands before the last safe splits. The window begins at
the same place until the text no longer fits; then it moves in one large step to a paragraph,
so that the beginning, and the KV memory of it, stays the same for long.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from tecla.decode.window import BYTES_PER_TOKEN, HEADER_SHARE, header_bytes, keep_end
from tecla.text.base import Tokenizer
from tecla.text.caret import CaretPlan, Path, plan_caret
from tecla.text.context import Context

_MARGIN_TOKENS = 16  # for the caret, and for tokens that change at the cut
_KEPT_SHARE = 0.75  # of the window, when the text no longer fits and is cut
_AFTER_TOKENS = 64  # of the text behind the caret, for models that fill holes
_AFTER_SHARE = 4  # and at most this fraction of the window
_MARK_BYTES = 64  # what a window began with, to find it again
_HEADS = 8  # beginnings whose tokens are remembered
_AHEAD_BYTES = 8  # of the text behind a split, what makes it a safe one


def header_room(header_tokens: int) -> int:
    """How much a window must have room for so that a header of so many tokens is not cut."""
    return HEADER_SHARE * (header_tokens + 1) + _MARGIN_TOKENS


class Planned(NamedTuple):
    """What is to be completed: its bytes and the plan of its caret.

    `lead` stands before the text: the start of a document and, where the model was trained to fill
    holes, what follows the caret.
    """

    data: bytes
    plan: CaretPlan
    lead: Path

    @property
    def head(self) -> Path:
        """The tokens that all paths of the plan follow."""
        return (*self.lead, *self.plan.head)

    @property
    def n_tokens(self) -> int:
        """Tokens of the whole text."""
        return len(self.plan.head) + len(self.plan.full_path)


class _Head(NamedTuple):
    data: bytes
    ahead: bytes  # the bytes that stood behind it
    ids: list[int]


class Prompt:
    """The window over one text as it is written."""

    def __init__(self, tokenizer: Tokenizer, room_tokens: int) -> None:
        """Nothing is known yet; the model reads at most `room_tokens` tokens."""
        self._tokenizer = tokenizer
        self._room = max(1, room_tokens - _MARGIN_TOKENS)
        self._start = 0
        self._mark = b""
        self._heads: list[_Head] = []  # oldest first
        self._header = lru_cache(maxsize=2)(self._read_header)
        self._following = lru_cache(maxsize=2)(self._read_following)

    def plan(self, context: Context, keep_tokens: int | None = None) -> Planned:
        """The plan for the caret behind `before`.

        When the window begins or moves, at most `keep_tokens` stay in it (`None`: all that fit,
        and three quarters of that when it moves).
        """
        before = context.before.encode()
        lead, lead_tokens = self._header(context.header)
        follows = self._following(context.after)
        room = max(1, self._room - lead_tokens - len(follows))
        start, most = self._start, room
        if not self._still_begins(before):
            start, most = 0, min(room, keep_tokens or room)
        planned = None
        if len(before) - start <= most * BYTES_PER_TOKEN:
            planned = self._plan_from(lead, before, start)
        if planned is None or planned.n_tokens - lead_tokens > most:
            keep = max(1, min(int(room * _KEPT_SHARE), keep_tokens or room))
            kept = keep_end(self._tokenizer, before, keep)
            start = len(before) - len(kept)
            planned = self._plan_from(lead, before, start)
        if start != self._start or len(self._mark) < _MARK_BYTES:
            self._start, self._mark = start, before[start : start + _MARK_BYTES]
        start_id = self._tokenizer.start_id
        return planned._replace(lead=(*(() if start_id is None else (start_id,)), *follows))

    def _read_following(self, after: str) -> Path:
        """What follows the caret, as a model is told that was trained to fill holes.

        It stands before the text, so that the caret stays the end of what is read, exact as ever.
        """
        fill = self._tokenizer.fill
        if fill is None or not after.strip():
            return ()
        most = self._room // _AFTER_SHARE
        text = self._tokenizer.text_prefix + after.encode()[: most * BYTES_PER_TOKEN]
        ids = self._tokenizer.encode(text.decode("utf-8", errors="ignore").encode())
        return (fill.prefix, fill.suffix, *ids[: min(most, _AFTER_TOKENS)], fill.middle)

    def _still_begins(self, before: bytes) -> bool:
        """Whether the window of last time still begins where it did."""
        end = min(len(before), self._start + len(self._mark))
        return end > self._start and self._mark.startswith(before[self._start : end])

    def _plan_from(self, lead: bytes, before: bytes, start: int) -> Planned:
        data = lead + before[start:]
        return Planned(data, plan_caret(self._tokenizer, data, self._encode), ())

    def _read_header(self, header: str) -> tuple[bytes, int]:
        """What stands before the text, and how many tokens it has."""
        lead = self._tokenizer.text_prefix + header_bytes(self._tokenizer, header, self._room)
        return lead, len(self._tokenizer.encode(lead)) if header else 0

    def _encode(self, data: bytes, ahead: bytes) -> list[int]:
        """Tokens of `data`, which ends at a safe split before `ahead`."""
        for known in reversed(self._heads):
            begins = data.startswith(known.data)
            follows = (data[len(known.data) :] + ahead)[: len(known.ahead)] == known.ahead
            if begins and follows:
                ids = known.ids
                if len(data) > len(known.data):
                    ids = [*ids, *self._tokenizer.encode(data[len(known.data) :])]
                break
        else:
            ids = self._tokenizer.encode(data)
        head = _Head(data, ahead[:_AHEAD_BYTES], ids)
        self._heads = [known for known in self._heads if known.data != data][1 - _HEADS :]
        self._heads.append(head)
        return ids
