"""The text in front of the user as a matcher: nothing is built, its tokens are searched.

A request's text is a few hundred or thousand tokens, and a search goes on from it in several ways
at once. So there is no index to build and none to rewind: the places where the last token stood
before are found in one pass, and looked at backwards while more of the text agrees. 20 to 60
microseconds for 1,000 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tecla.engines.base import TokenIds
from tecla.personal.base import LEVELS, Matched
from tecla.personal.counting import distinct

LONGEST: Final = 48  # tokens of an end that is looked for; what agrees so far agrees


def repeated(tokens: TokenIds, most: int = LEVELS, longest: int = LONGEST) -> list[Matched]:
    """What followed the ends of `tokens  # [n] int32` where they stood in them before.

    As `Matcher.matches` gives it, but for ends longer than `longest`.
    """
    found: list[Matched] = []
    if len(tokens) < 2:
        return found
    at = np.flatnonzero(tokens[:-1] == tokens[-1])
    length = 1
    while len(at):
        further = at[:0]
        if length < min(longest, len(tokens) - 1):
            further = at[at >= length]
            further = further[tokens[further - length] == tokens[-1 - length]]
        if len(further) < len(at):
            found.append(Matched(length, len(at), *distinct(tokens[at + 1].view(np.uint32))))
        at, length = further, length + 1
    return found[::-1][:most]


class Text:
    """Tokens that are given again and again with a few more of them, as an array."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._tokens: tuple[int, ...] = ()
        self._array = np.empty(0, dtype=np.int32)  # [len(_tokens)]

    def array(self, tokens: Sequence[int]) -> TokenIds:
        """`tokens` as an array  # [len(tokens)] int32; only what is new costs anything."""
        given = tuple(tokens)
        known = len(self._tokens)
        if not known or given[:known] != self._tokens:
            known = 0
            self._tokens, self._array = given, np.array(given, dtype=np.int32)
            return self._array
        return np.concatenate([self._array, np.array(given[known:], dtype=np.int32)])
