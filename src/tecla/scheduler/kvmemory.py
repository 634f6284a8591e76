"""KV memory: which slot holds which text, and who has to go when it is full.

The slots of the engine are a cache of texts. A wanted position is reached from the longest
beginning of it that some slot holds: a slot that ends exactly there is extended in place;
otherwise the beginning is forked into a free slot, so that what lay behind it stays for the
day it is typed again. In the unified layout forks share cells, so the memory in use is the
number of *distinct* positions held (`docs/decisions/0005-kv-layout.md`). The least recently
used slot is emptied when slots or cells run out, never one in use by the step being built.

Next-token scores of positions are kept beside them, up to `score_bytes`, least recently used
out first. Invariants (`check_integrity`): what this table says a slot holds is what the engine
holds; a position's `slots` are those whose text runs through it; the count of cells is exact.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from tecla.engines.base import Engine, Scores
from tecla.scheduler.position import Position
from tecla.scheduler.scopes import Scopes

_ROW_BYTES = 4  # of one kept score
_LONG_HEAD = 64  # tokens worth keeping for a request that may never come


class Place(NamedTuple):
    """Where a position can be reached: append the tokens of `way` to `slot`."""

    slot: int
    way: list[Position]


class KVMemory:
    """The slots of one engine as a cache of texts, and the scores kept beside them."""

    def __init__(self, engine: Engine, *, score_bytes: int) -> None:
        """Take over all slots of `engine` and empty them."""
        self.engine = engine
        for slot in range(engine.n_slots):
            engine.clear(slot)
        self.evicted_slots = 0
        self.cells = 0  # distinct positions held
        self.scopes = Scopes()
        self._tips: list[Position | None] = [None] * engine.n_slots
        self._owners: list[Hashable | None] = [None] * engine.n_slots  # whom a slot last served
        self._recency: OrderedDict[int, None] = OrderedDict()  # used slots, oldest first
        self._free = list(range(engine.n_slots - 1, -1, -1))
        self._kept: OrderedDict[Position, None] = OrderedDict()  # oldest first
        self._most_kept = score_bytes // (_ROW_BYTES * engine.n_vocab)

    @property
    def kept_rows(self) -> int:
        """Positions whose scores are kept."""
        return len(self._kept)

    @property
    def used_slots(self) -> int:
        """Slots that hold something."""
        return len(self._recency)

    def share(self, tokens: Sequence[int]) -> None:
        """Texts of all scopes begin with these tokens, which are held once; see `Scopes`."""
        self.scopes.share(tokens)

    def at(self, scope: Hashable, tokens: Sequence[int]) -> Position:
        """The position behind `tokens` in a scope."""
        return self.scopes.at(scope, tokens)

    def pin(self, position: Position) -> Position:
        """Keep a position in the tree until it is unpinned."""
        position.pins += 1
        return position

    def unpin(self, position: Position) -> None:
        """Undo one `pin`."""
        assert position.pins > 0
        position.pins -= 1
        position.forget()

    def scores_of(self, position: Position) -> Scores | None:
        """Kept scores of a position, if there are any."""
        if position.scores is not None:
            self._kept.move_to_end(position)
        return position.scores

    def keep(self, position: Position, scores: Scores) -> None:
        """Keep the scores of a position (a detached handle of one row)."""
        if self._most_kept == 0:
            return
        position.scores = scores
        self._kept[position] = None
        self._kept.move_to_end(position)
        while len(self._kept) > self._most_kept:
            self._drop_scores(next(iter(self._kept)))

    def place(self, position: Position, busy: Collection[int]) -> Place | None:
        """A slot that can be extended to `position`; `None` if all slots are busy.

        `busy` are the slots of the batch being built, which are neither extended nor emptied.
        For a position that is held already the last token is evaluated again: scores come
        only with a token.
        """
        held = position.held()
        if held is position:
            assert position.parent is not None
            held = position.parent
        slot = self._ending_at(held, busy)
        if slot is None:
            slot = self._fork(held, busy)
        if slot is None:
            return None
        self._touch(slot)
        return Place(slot, position.way_from(held))

    def retract(self, position: Position) -> None:
        """Give up a position that was evaluated in vain, unless somebody stands on or behind it."""
        if position.pins or position.children:
            return
        slots, parent = position.slots, position.parent
        if position.scores is not None:
            self._drop_scores(position)
        for slot, tip in enumerate(self._tips):
            if tip is position and slots >> slot & 1:
                assert parent is not None
                self._cut(slot, parent)

    def make_room(self, n_tokens: int, busy: Collection[int]) -> bool:
        """Empty old slots until `n_tokens` more fit; whether they do."""
        while self.cells + n_tokens > self.engine.kv_tokens:
            slot = self._oldest(busy)
            if slot is None:
                return False
            self.empty(slot)
            self.evicted_slots += 1
        return True

    def extended(self, slot: int, way: Sequence[Position]) -> None:
        """Record that the tokens of `way` were evaluated behind what `slot` holds."""
        bit = 1 << slot
        for at in way:
            if at.slots:  # evaluated for its scores alone: share the cell that was there
                assert len(way) == 1
                self.engine.fork(at.slots.bit_length() - 1, slot, at.depth)
            else:
                self.cells += 1
            at.slots |= bit
            self._tips[slot] = at

    def empty(self, slot: int) -> None:
        """Give up what a slot holds."""
        tip = self._tips[slot]
        assert tip is not None
        self._cut(slot, tip.root)
        self._tips[slot] = self._owners[slot] = None
        del self._recency[slot]
        self._free.append(slot)

    def let_go(self, slots: Iterable[int], head: Position) -> None:
        """Give up what lies behind `head` in `slots`, and `head` itself if it is soon read again.

        One slot keeps a long head, for the next request that begins with it.
        """
        keep = head.depth >= _LONG_HEAD
        for slot in slots:
            tip = self._tips[slot]
            if tip is None or not tip.lies_behind(head):
                continue
            if keep:
                self._cut(slot, head)
                keep = False
            else:
                self.empty(slot)

    def own(self, slot: int, owner: Hashable) -> None:
        """Note whom a slot serves now."""
        self._owners[slot] = owner

    def forget_owner(self, owner: Hashable) -> None:
        """Give up every slot that last served `owner`, and kept scores of what only they held."""
        for slot, served in enumerate(self._owners):
            tip = self._tips[slot]
            if served != owner or tip is None:
                continue
            scored = [at for at in tip.upwards() if at.scores is not None]
            self.empty(slot)
            for at in scored:
                if not at.slots:
                    self._drop_scores(at)

    def drop_if_empty(self, scope: Hashable) -> None:
        """Forget a scope of which nothing is left."""
        self.scopes.drop_if_empty(scope)

    def forget_scope(self, scope: Hashable) -> None:
        """Give up everything that was held or kept for a scope."""
        beginnings = self.scopes.beginnings(scope)
        for slot, tip in enumerate(self._tips):
            if tip is not None and _is_behind(tip, beginnings):
                self.empty(slot)
        for position in [at for at in self._kept if _is_behind(at, beginnings)]:
            self._drop_scores(position)
        self.scopes.forget(scope)

    def adopt(self, position: Position, state: bytes) -> bool:
        """Fill a slot with a saved state that spells `position`; whether there was room.

        Raises what `Engine.restore` raises for a state that is damaged or another model's.
        """
        if not self.make_room(position.depth, ()):
            return False
        slot = self._empty_slot(())
        assert slot is not None
        try:
            self.engine.restore(slot, state)
        except BaseException:
            self._free.append(slot)
            raise
        self._tips[slot] = position.root
        self._touch(slot)
        self.extended(slot, position.way_from(position.root))
        return True

    def save(self, position: Position) -> bytes:
        """The engine's state of the last position up to here that is held."""
        held = position.held()
        slot = self._ending_at(held, ())
        if slot is None:
            slot = self._fork(held, ())
        assert slot is not None
        self._touch(slot)
        return self.engine.save(slot)

    def check_integrity(self) -> None:
        """Raise `AssertionError` unless tree, slots, counts and engine agree."""
        held: dict[Position, int] = {}
        for slot, tip in enumerate(self._tips):
            assert self.engine.length(slot) == (0 if tip is None else tip.depth), f"slot {slot}"
            assert (tip is not None) == (slot in self._recency)
            assert (tip is None) == (slot in self._free)
            for at in tip.upwards() if tip is not None else ():
                if at.parent is not None:
                    held[at] = held.get(at, 0) | 1 << slot
        assert len(self._free) + len(self._recency) == self.engine.n_slots
        found = set()
        for at in self._all():
            assert at.slots == held.get(at, 0), "a position names the wrong slots"
            assert (at.scores is not None) == (at in self._kept)
            assert at.slots or at.pins or at.children or at.scores is not None, "a dead position"
            found.add(at)
        assert held.keys() <= found, "a slot holds what is not in the tree"
        assert self.cells == len(held)
        assert len(self._kept) <= max(0, self._most_kept)

    def _all(self) -> Iterator[Position]:
        waiting = [child for root in self.scopes.roots() for child in root.children.values()]
        while waiting:
            at = waiting.pop()
            yield at
            waiting.extend(at.children.values())

    def _ending_at(self, position: Position, busy: Collection[int]) -> int | None:
        """A slot whose text ends at `position`."""
        slots = position.slots
        while slots:
            slot = (slots & -slots).bit_length() - 1
            if self._tips[slot] is position and slot not in busy:
                return slot
            slots &= slots - 1
        return None

    def _cut(self, slot: int, end: Position) -> None:
        """Keep the beginning of a slot up to `end`."""
        self.engine.trim(slot, end.depth)
        tip = self._tips[slot]
        assert tip is not None
        bit = 1 << slot
        for at in tip.way_from(end):
            at.slots &= ~bit
            self.cells -= not at.slots
        self._tips[slot] = end
        tip.forget()

    def _drop_scores(self, position: Position) -> None:
        del self._kept[position]
        position.scores = None
        position.forget()

    def _fork(self, position: Position, busy: Collection[int]) -> int | None:
        """An empty slot made to hold the text up to `position`."""
        source = position.slots.bit_length() - 1
        target = self._empty_slot({*busy, source})
        if target is None:
            return None
        bit = 1 << target
        if position.parent is not None:
            self.engine.fork(source, target, position.depth)
            for at in position.upwards():
                if at.parent is not None:
                    at.slots |= bit
        self._tips[target] = position
        return target

    def _empty_slot(self, busy: Collection[int]) -> int | None:
        if not self._free:
            oldest = self._oldest(busy)
            if oldest is None:
                return None
            self.empty(oldest)
            self.evicted_slots += 1
        return self._free.pop()

    def _oldest(self, busy: Collection[int]) -> int | None:
        return next((slot for slot in self._recency if slot not in busy), None)

    def _touch(self, slot: int) -> None:
        self._recency[slot] = None
        self._recency.move_to_end(slot)


def _is_behind(position: Position, beginnings: Collection[Position]) -> bool:
    return any(at in beginnings for at in position.upwards())
