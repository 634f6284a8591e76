"""Tokens that are probably taken next, so that one step of the model can verify several.

A draft never changes what is found. Whoever runs a search may have the scores of positions further
along a branch evaluated together with those that it wants; if the branch comes there, they are
known already, and if it goes another way they were in vain. So greedy text is the same token by
token, and sampled text is the same draw by draw, as a draw is a function of scores and position
alone (`tecla.decode.streams`): nothing has to be corrected as in speculative sampling with a second
model (Leviathan et al., arXiv 2211.17192). Drafts from what stood somewhere before: REST
(arXiv 2311.08252). Whether one pays is up to the scheduler, which knows what a step costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from tecla.decode.adjust import made
from tecla.errors import AdjusterError
from tecla.text.base import Tokenizer
from tecla.text.caret import Path

MOST_DRAFTED: Final = 8  # tokens behind one branch


class Drafted(NamedTuple):
    """A token, and the probability that it is taken if all before it were."""

    token: int
    probability: float


class Foreseen(NamedTuple):
    """A position that is probably wanted soon: its path behind the head, and how probably."""

    path: Path
    probability: float


class Drafter(Protocol):
    """Drafts at work on one request."""

    def draft(self, tokens: Sequence[int], most: int, *, greedy: bool) -> Sequence[Drafted]:
        """At most `most` tokens that probably follow `tokens` (the head and all that followed).

        greedy: whether the likeliest token is taken, or one is drawn.
        """
        ...


class Drafting(Protocol):
    """Drafts as a value: hashable, picklable, equal to their like."""

    def build(self, tokenizer: Tokenizer) -> Drafter:
        """What drafts for a model with this tokenizer."""
        ...


def made_drafter(drafting: Drafting | None, tokenizer: Tokenizer) -> Drafter | None:
    """What drafts for a request; raises as `built` does for adjustments."""
    return None if drafting is None else made(drafting, tokenizer, "a draft")


def drafted(drafter: Drafter, head: Path, path: Path, most: int, *, greedy: bool) -> list[Foreseen]:
    """Positions behind `path` in the order they would be wanted; each follows the one before it.

    Raises `AdjusterError` if the drafter fails: it came with the request, and only that shall fail.
    """
    if most <= 0:
        return []
    try:
        tokens = drafter.draft((*head, *path), most, greedy=greedy)
    except Exception as error:
        raise AdjusterError(f"a drafter failed ({type(error).__name__}: {error})") from error
    found: list[Foreseen] = []
    probability = 1.0
    for token, share in tokens:
        path = (*path, token)
        probability *= share
        found.append(Foreseen(path, probability))
    return found
