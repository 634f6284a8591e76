"""Which of several texts to show at a caret, when the others may be shown at the next key.

A text that is not shown is not lost: its first letter is typed, and then it may be shown. So the
question is not which text saves most now, but which choice, with those that it leaves for later,
saves most in all. It is mostly the likeliest text that is worth taking: long or short, being a key
late costs one key. What is about to become too short to be worth taking counts twice, and of two
texts that begin alike the one that is left waits until they part.
`docs/decisions/0012-showing.md` has the figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

LEAST_KEYS: Final = 2  # saved by a text that is worth taking

_SHORT_SHARE: Final = 0.25  # of what a text is worth that saves less and may yet go on


def favourite(found: Sequence[tuple[str, float]], least_keys: int = LEAST_KEYS) -> int:
    """The index of the text to show first; texts with their probabilities, one at least.

    Taking a text costs one key, and is done where that saves `least_keys`. Equal texts are one.
    """
    shares: dict[str, float] = {}
    for text, probability in found:
        shares[text] = shares.get(text, 0.0) + probability

    def worth(index: int) -> tuple[float, float]:
        text, probability = found[index]
        return _saved(shares, text, least_keys), probability

    return max(range(len(found)), key=worth)


def _saved(shares: Mapping[str, float], shown: str, least_keys: int) -> float:
    """Keys that are saved if `shown` is shown now, and the others when they have parted from it."""
    saved = len(shown) - 1
    now = shares[shown] * (saved if saved >= least_keys else _SHORT_SHARE * max(0, saved))
    later: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for text, probability in shares.items():
        if text != shown and len(text) - 2 >= least_keys:
            later[text[0]][text[1:]] = probability
    if shown and shown[0] in later and saved - 1 >= least_keys:
        later[shown[0]].setdefault(shown[1:], 0.0)  # it stays while it is typed, and saves no more
    for first, rests in later.items():
        stays = shown[1:] if first == shown[:1] else ""
        then = stays if stays in rests else max(rests, key=rests.__getitem__)
        now += _saved(rests, then, least_keys)
    return now
