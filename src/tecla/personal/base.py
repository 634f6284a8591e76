"""The matcher contract: what followed, wherever the end of a text stood before.

A matcher holds rows of token ids, one for each document, and answers one question: which is the
longest end of a text that occurs in them with a token behind it, how often, and which tokens are
those? Then the same for shorter and shorter ends that occur more often. These are the counts of an
n-gram model whose n has no bound (Liu et al., arXiv 2401.17377), and of the interpolation over all
lengths. It knows no text, no user and no model. One segment (`segment.py`), what grows while
somebody writes (`online.py`) and several of them at once (`union.py`) are matchers, and agree with
counting (`tests/personal/naive.py`).

No match reaches across the beginning of a document. `BOUNDARY` at the head of a text stands for it:
what follows an empty text is what documents begin with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tecla.engines.base import TokenIds

Counts = npt.NDArray[np.int64]

BOUNDARY: Final = -1  # before the first token of a document; a token of no vocabulary
LEVELS: Final = 8
EXACT: Final = 1 << 14  # occurrences up to which every one is counted


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What followed one end of the text.

    `ids` ascend, `counts` are at least 1 and sum to `count`. Where `count` is above `EXACT`, they
    are those of a sample, scaled: at least `EXACT` / 2 occurrences, spread evenly over all in the
    order of what stood before. A share p then has a standard error of sqrt(2 p (1 - p) / EXACT),
    at most 0.006, and a token that is rarer than that may be missing.
    """

    length: int  # tokens of the end of the text that were found, a boundary counted as one
    count: int  # how often, with a token behind
    ids: TokenIds  # [distinct] int32, the tokens behind
    counts: Counts  # [distinct] int64


class Matcher(Protocol):
    """Rows of tokens that were seen before. For any thread; what it answers must not be changed."""

    @property
    def generation(self) -> str:
        """Differs whenever what is held differs: a part of the keys of caches."""
        ...

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """The longest end of `tokens` that occurs with a token behind it, then ever shorter ones.

        The longest first, each shorter one only where its count is larger, at most `most` of
        them and none of length 0. `BOUNDARY` may stand at the head of `tokens`.
        """
        ...
