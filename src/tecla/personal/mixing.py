"""The personal model in the model's distribution: an adjustment of every score of a request.

A `Mixture` is a value, made where the request is; what it names is opened beside the engine, once
in a process, and shared by all requests that name the same (`opened`). It must not know who the
user is: a source is a kind, and a value that opens a matcher.

What the text itself has said before is a source too, and needs nothing that was learnt. What stands
`above` the text is nobody's and is left out of it.

Invariant: where nothing matches, scores are untouched, bit by bit.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from tecla.checks import truth, whole
from tecla.decode.adjust import Change
from tecla.engines.base import Scores
from tecla.errors import OptionError
from tecla.personal.base import BOUNDARY, LEVELS, Matched, Matcher
from tecla.personal.mixed import Mixed, mixed
from tecla.personal.scan import Text, repeated
from tecla.personal.weights import SOURCES, Source, Weights, shipped
from tecla.text.base import Tokenizer
from tecla.text.unicode import to_bytes

_LOOKED_BACK: Final = 64  # tokens of the text that a matcher is asked about
_ABOVE_END: Final = b"\n\n"  # what is put behind a header


class Held(Protocol):
    """A matcher by value: hashable, picklable; equal values open equal matchers."""

    def open(self, tokenizer: Tokenizer) -> Matcher:
        """The matcher over the ids of this tokenizer."""
        ...


class Opened:
    """Matchers that are open in this process, the most recently used few."""

    def __init__(self, most: int = 32) -> None:
        """None is open yet."""
        self._most = most
        self._lock = threading.Lock()
        self._matchers: OrderedDict[tuple[Held, int], tuple[Matcher, Tokenizer]] = OrderedDict()

    def matcher(self, held: Held, tokenizer: Tokenizer) -> Matcher:
        """The matcher of a value, opened if it is not."""
        key = held, id(tokenizer)  # the tokenizer is kept beside it, so its id stays its own
        with self._lock:
            known = self._matchers.get(key)
            if known is None:
                known = self._matchers[key] = held.open(tokenizer), tokenizer
                while len(self._matchers) > self._most:
                    self._matchers.popitem(last=False)
            self._matchers.move_to_end(key)
            return known[0]

    def drop(self, held: Held) -> None:
        """Let go of a matcher, as after what it holds was forgotten."""
        with self._lock:
            for key in [key for key in self._matchers if key[0] == held]:
                del self._matchers[key]


opened: Final = Opened()


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is mixed into the model's distribution.

    sources: of which kind, and what opens it; a kind may come more than once. document: whether
    what the text itself said before is one. above: the header of the request, which is none of the
    text. levels: most ends of the text that each source is asked about. weights: how far they are
    believed.
    """

    sources: tuple[tuple[Source, Held], ...] = ()
    document: bool = True
    above: str = ""
    levels: int = LEVELS
    weights: Weights = field(default_factory=shipped)

    def __post_init__(self) -> None:
        """Check what can be; raises `OptionError` or `InvalidTextError`."""
        for source, held in self.sources:
            if source not in SOURCES or source == "document":
                raise OptionError(f"{source!r} is no learnt source; give 'user' or 'collection'")
            if not callable(getattr(held, "open", None)):
                raise OptionError(f"{type(held).__name__} opens no matcher; give what does")
        truth("document", self.document)
        whole("levels", self.levels, 1)
        to_bytes(self.above, "above")

    def build(self, tokenizer: Tokenizer) -> Mixer:
        """Open what is named, and mix for this tokenizer."""
        ranked = sorted(self.sources, key=lambda each: SOURCES.index(each[0]))
        matchers = [(source, opened.matcher(held, tokenizer)) for source, held in ranked]
        return Mixer(self, matchers, tokenizer)


class Mixer:
    """A `Mixture` at work on one request."""

    def __init__(
        self,
        mixture: Mixture,
        matchers: Sequence[tuple[Source, Matcher]],
        tokenizer: Tokenizer,
    ) -> None:
        """Mix what `matchers` and the text say, by the weights of `mixture`."""
        self.weights = mixture.weights
        self._mixture, self._matchers = mixture, matchers
        self._pieces = tokenizer.table.pieces
        self._above = b""
        if mixture.above:
            self._above = tokenizer.text_prefix + mixture.above.encode() + _ABOVE_END
        self._text = Text()
        self._first: tuple[int, ...] = ()  # tokens that all that is asked begins with
        self._known: dict[tuple[int, ...], Mixed | None] = {}  # by what follows them

    def change(self, tokens: Sequence[int], scores: Scores, row: int) -> Change | None:
        """What turns the model's scores into those of the mixed distribution."""
        found = self.found(tokens)
        if found is None:
            return None
        return Change(found.ids, found.changes(scores.gather(row, found.ids)))

    def found(self, tokens: Sequence[int]) -> Mixed | None:
        """What the sources say behind `tokens`, all that the model reads; remembered."""
        given = tuple(tokens)
        if not self._first or given[: len(self._first)] != self._first:
            self._first, self._known = given, {}
        path = given[len(self._first) :]
        if path not in self._known:
            self._known[path] = mixed(self.weights, self.levels(given))
        return self._known[path]

    def levels(self, tokens: Sequence[int]) -> list[tuple[Source, Sequence[Matched]]]:
        """What every source has seen behind the ends of the text, in the order they are mixed."""
        begins = self._begin(tokens)
        if begins is None:
            return []
        most = self._mixture.levels
        text = tuple(tokens[max(begins, len(tokens) - _LOOKED_BACK) :])
        if len(text) == len(tokens) - begins:
            text = (BOUNDARY, *text)
        found: list[tuple[Source, Sequence[Matched]]] = [
            (source, matcher.matches(text, most)) for source, matcher in self._matchers
        ]
        if self._mixture.document:
            found.append(("document", repeated(self._text.array(tokens)[begins:], most)))
        return found

    def _begin(self, tokens: Sequence[int]) -> int | None:
        """The index of the first token of the text; `None` where it has not begun.

        Control tokens stand before it, and what is said to stand above it.
        """
        at = next((at for at in range(len(tokens), 0, -1) if not self._pieces[tokens[at - 1]]), 0)
        if not self._above:
            return at
        spelt, end = b"", at
        while end < len(tokens) and len(spelt) < len(self._above):
            spelt += self._pieces[tokens[end]]
            end += 1
        if spelt.startswith(self._above):
            return end
        return None if self._above.startswith(spelt) else at  # the window begins behind it
