"""Interpolated modified Kneser–Ney the slow way: dictionaries and the formulae of the paper.

Written from Chen & Goodman 1999, section 3, without a look at the product: counts are
dictionaries over tuples and every probability is worked out from the counts alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

FALLBACK = (0.5, 1.0, 1.5)


class SlowKneserNey:
    """p(word | history) over ids; `start` begins every text and is never predicted."""

    def __init__(
        self, texts: Sequence[Sequence[int]], order: int, start: int, base: Mapping[int, float]
    ) -> None:
        self.order, self.base = order, base
        raw: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        for text in texts:
            for n in range(1, order + 1):
                raw[n].update(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
        self.counts: list[dict[tuple[int, ...], int]] = [{}]
        for n in range(1, order + 1):
            found = {}
            for gram, count in raw[n].items():
                if gram == (start,):
                    continue
                if n == order or gram[0] == start:
                    found[gram] = count
                else:
                    found[gram] = sum(1 for longer in raw[n + 1] if longer[1:] == gram)
            self.counts.append(found)
        self.discounts = [FALLBACK, *map(self._discount, self.counts[1:])]

    @staticmethod
    def _discount(counts: Mapping[tuple[int, ...], int]) -> tuple[float, ...]:
        of = Counter(counts.values())
        n1, n2, n3, n4 = (of[k] for k in (1, 2, 3, 4))
        if not (n1 and n2 and n3):
            return FALLBACK
        y = n1 / (n1 + 2 * n2)
        found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return found if all(0 < d < k for k, d in enumerate(found, 1)) else FALLBACK

    def probability(self, history: tuple[int, ...], word: int) -> float:
        """With the whole history; what was never seen is backed off from."""
        history = history[-(self.order - 1) :] if self.order > 1 else ()
        return self._interpolated(history, word)

    def _interpolated(self, history: tuple[int, ...], word: int) -> float:
        below = self._interpolated(history[1:], word) if history else self.base.get(word, 0.0)
        n = len(history) + 1
        following = {gram: c for gram, c in self.counts[n].items() if gram[:-1] == history}
        total = sum(following.values())
        if not total:
            return below
        d = self.discounts[n]
        taken = sum(d[min(c, 3) - 1] if c else 0 for c in following.values())
        count = following.get((*history, word), 0)
        own = max(count - d[min(count, 3) - 1], 0) if count else 0
        return own / total + taken / total * below
