"""What the slots of an engine hold, the checks every engine makes, and what all engines do alike.

Owns the token lists, the limits and a number for every KV cell a token is held in (forks share
the numbers of their source); the engine owns the keys and values. Keeping this apart makes the
invariant of the contract easy to hold: everything that can be refused is refused here, before
native code is entered (some of these mistakes would end the process there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tecla.engines.base import Feed
from tecla.errors import EngineLimitError, KVFullError


@dataclass(frozen=True, slots=True)
class Limits:
    """The sizes of an engine; see the properties of `Engine`."""

    n_vocab: int
    n_slots: int
    context_tokens: int
    kv_tokens: int
    batch_tokens: int
    score_rows: int


class SlotTable:
    """The tokens of every slot, checked against `Limits`."""

    def __init__(self, limits: Limits) -> None:
        """Make `limits.n_slots` empty slots."""
        self.limits = limits
        self._tokens: list[list[int]] = [[] for _ in range(limits.n_slots)]
        self._cells: list[list[int]] = [[] for _ in range(limits.n_slots)]  # one a token
        self._next_cell = 0

    def tokens(self, slot: int) -> list[int]:
        """The tokens `slot` holds; do not change them."""
        self.check_slot(slot)
        return self._tokens[slot]

    def used_cells(self, *, apart_from: int | None = None) -> int:
        """KV cells in use, those shared by forks once; without those only `apart_from` holds."""
        others = (cells for slot, cells in enumerate(self._cells) if slot != apart_from)
        return len(set().union(*others))

    def replace(self, slot: int, tokens: Sequence[int]) -> None:
        """Record that `slot` now holds `tokens`, in cells of its own."""
        self._tokens[slot] = list(tokens)
        self._cells[slot] = self._new_cells(len(tokens))

    def share(self, src: int, dst: int, n_tokens: int) -> None:
        """Record that `dst` now shares the first tokens of `src`."""
        self._tokens[dst] = self._tokens[src][:n_tokens]
        self._cells[dst] = self._cells[src][:n_tokens]

    def cut(self, slot: int, n_tokens: int) -> None:
        """Record that `slot` keeps only its first tokens."""
        del self._tokens[slot][n_tokens:]
        del self._cells[slot][n_tokens:]

    def extend(self, feeds: Sequence[Feed]) -> None:
        """Record that the tokens of `feeds` were appended."""
        for feed in feeds:
            self._tokens[feed.slot].extend(map(int, feed.tokens))
            self._cells[feed.slot].extend(self._new_cells(len(feed.tokens)))

    def check_slot(self, slot: int) -> None:
        """Raise `EngineLimitError` unless `slot` exists."""
        if not 0 <= slot < self.limits.n_slots:
            raise EngineLimitError(
                f"slot {slot!r} does not exist; slots are 0 to {self.limits.n_slots - 1}"
            )

    def check_keep(self, slot: int, n_tokens: int) -> None:
        """Raise `EngineLimitError` unless `slot` holds at least `n_tokens` tokens."""
        held = len(self.tokens(slot))
        if not 0 <= n_tokens <= held:
            raise EngineLimitError(
                f"cannot keep {n_tokens!r} tokens of slot {slot}; it holds {held}"
            )

    def check_refill(self, slot: int, n_tokens: int) -> None:
        """Raise unless `slot` could hold `n_tokens` in cells of its own once it is emptied.

        Raises `EngineLimitError` for more than a slot may hold, `KVFullError` if the cells that
        other slots hold leave no room; a few milliseconds for full KV memory.
        """
        self.check_length(slot, n_tokens)
        room = self.limits.kv_tokens - self.used_cells(apart_from=slot)
        if n_tokens > room:
            raise KVFullError(
                f"slot {slot} needs room for {n_tokens} tokens and the others leave {room} of "
                f"{self.limits.kv_tokens}; clear other slots first"
            )

    def check_length(self, slot: int, n_tokens: int) -> None:
        """Raise `EngineLimitError` if `n_tokens` are more than a slot may hold."""
        if n_tokens > self.limits.context_tokens:
            raise EngineLimitError(
                f"slot {slot} would hold {n_tokens} tokens; a slot holds at most "
                f"{self.limits.context_tokens}: trim it first"
            )

    def check_feeds(self, feeds: Sequence[Feed]) -> int:
        """Raise `EngineLimitError` if the batch breaks a limit; return the rows it asks for."""
        limits = self.limits
        total = sum(len(feed.tokens) for feed in feeds)
        if not feeds or any(len(feed.tokens) == 0 for feed in feeds):
            raise EngineLimitError("a batch and each of its feeds need at least one token")
        if total > limits.batch_tokens:
            raise EngineLimitError(
                f"the batch has {total} tokens; at most {limits.batch_tokens} fit: feed in chunks"
            )
        rows = 0
        seen: set[int] = set()
        for feed in feeds:
            self.check_slot(feed.slot)
            if feed.slot in seen:
                raise EngineLimitError(
                    f"slot {feed.slot} is fed twice in one batch; join the feeds"
                )
            seen.add(feed.slot)
            self._check_feed(feed)
            rows += feed.rows
        if rows > limits.score_rows:
            raise EngineLimitError(
                f"the batch asks for {rows} rows of scores; at most {limits.score_rows} fit"
            )
        return rows

    def _check_feed(self, feed: Feed) -> None:
        limits = self.limits
        self.check_length(feed.slot, len(self._tokens[feed.slot]) + len(feed.tokens))
        if not 0 <= feed.rows <= len(feed.tokens):
            raise EngineLimitError(
                f"{feed.rows!r} rows of scores wanted for {len(feed.tokens)} tokens; ask for at "
                "least 0 and at most all"
            )
        for token in feed.tokens:
            if not 0 <= token < limits.n_vocab:
                raise EngineLimitError(
                    f"token id {token!r} does not exist; ids are 0 to {limits.n_vocab - 1}"
                )

    def _new_cells(self, count: int) -> list[int]:
        first = self._next_cell
        self._next_cell += count
        return list(range(first, self._next_cell))


Table = TypeVar("Table", bound=SlotTable)


class SlotEngine(Generic[Table]):
    """The part of `Engine` that follows from a table of slots: sizes, lengths, forks and trims.

    Where the table alone says what is in memory nothing else is to be done; an engine with native
    slots does what it must beside the table.
    """

    def __init__(self, slots: Table, most_threads: int = 1) -> None:
        """Over empty slots; a step may run on `most_threads`."""
        self._slots = slots
        self.limits = slots.limits
        self.most_threads = most_threads
        self.evaluated_tokens = 0

    @property
    def n_vocab(self) -> int:
        """Number of token ids."""
        return self.limits.n_vocab

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return self.limits.n_slots

    @property
    def context_tokens(self) -> int:
        """Most tokens one slot may hold."""
        return self.limits.context_tokens

    @property
    def kv_tokens(self) -> int:
        """Most tokens all slots together may hold."""
        return self.limits.kv_tokens

    @property
    def batch_tokens(self) -> int:
        """Most tokens one `eval` may carry."""
        return self.limits.batch_tokens

    @property
    def score_rows(self) -> int:
        """Most rows of scores one `eval` may be asked for."""
        return self.limits.score_rows

    def used_cells(self) -> int:
        """Tokens in KV memory, those shared by forks once."""
        return self._slots.used_cells()

    def length(self, slot: int) -> int:
        """Number of tokens the slot holds."""
        return len(self._slots.tokens(slot))

    def fork(self, src: int, dst: int, n_tokens: int) -> None:
        """Make `dst` share the first tokens of `src`; see `Engine.fork`."""
        self._slots.check_slot(dst)
        self._slots.check_keep(src, n_tokens)
        self._slots.share(src, dst, n_tokens)

    def trim(self, slot: int, n_tokens: int) -> None:
        """Keep the first tokens of the slot; see `Engine.trim`."""
        self._slots.check_keep(slot, n_tokens)
        self._slots.cut(slot, n_tokens)

    def clear(self, slot: int) -> None:
        """Empty the slot."""
        self.trim(slot, 0)
