"""Drafts from what was seen before: what followed most often is what probably comes.

How probably is known in two ways. Where the personal model is mixed in, a token that it alone gives
more than a half is the likeliest whatever the model says. Elsewhere a logistic function of the
longest match says how often its favourite was the model's own choice (`Weights.drafts`, fitted).
Without anything learnt the text itself is drafted from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tecla.checks import truth
from tecla.decode.drafting import Drafted
from tecla.personal.mixing import Mixer, Mixture
from tecla.text.base import Tokenizer

_SURE: Final = 0.99  # a token that must be the likeliest may still be screened, or be misspelt
_LEAST: Final = 0.3  # nothing less likely is worth a place in any batch


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafts from the sources of a mixture. mixes: whether the request is adjusted by it too."""

    mixture: Mixture = field(default_factory=Mixture)
    mixes: bool = False

    def __post_init__(self) -> None:
        """Check the switch; raises `OptionError`."""
        truth("mixes", self.mixes)

    def build(self, tokenizer: Tokenizer) -> MatchDrafter:
        """Open what the mixture names."""
        return MatchDrafter(self.mixture.build(tokenizer), mixes=self.mixes)


class MatchDrafter:
    """`Drafts` at work on one request."""

    def __init__(self, mixer: Mixer, *, mixes: bool) -> None:
        """Draft what `mixer` finds."""
        self._mixer, self._mixes = mixer, mixes

    def draft(self, tokens: Sequence[int], most: int, *, greedy: bool) -> Sequence[Drafted]:
        """See `Drafter`."""
        given = tuple(tokens)
        found: list[Drafted] = []
        while len(found) < most:
            drafted = self._next(given, greedy=greedy)
            if drafted is None or drafted.probability < _LEAST:
                break
            found.append(drafted)
            given = (*given, drafted.token)
        return found

    def _next(self, tokens: tuple[int, ...], *, greedy: bool) -> Drafted | None:
        best: Drafted | None = None
        mixed = self._mixer.found(tokens) if self._mixes else None
        if mixed is not None:
            at = int(mixed.own.argmax())
            share = float(mixed.own[at])
            sure = _SURE if greedy and share > 0.5 else share
            best = Drafted(int(mixed.ids[at]), sure)
        if best is not None and (best.probability >= _SURE or not greedy):
            return best
        for source, levels in self._mixer.levels(tokens):
            if not levels:
                continue
            longest = levels[0]
            share = self._mixer.weights.draft(source, longest)
            if not greedy:
                share *= float(longest.counts.max()) / longest.count
            if best is None or share > best.probability:
                best = Drafted(int(longest.ids[longest.counts.argmax()]), share)
        return best
