"""What a collection allows and denies: words, phrases and patterns of its own.

Words and phrases are compared bare (without case and accents), as whole words. An allowed one
excuses every finding that lies inside it. Patterns are the collection's own work: each search is
given a little time, and what takes longer is not shown, with a reason of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from tecla.filters.base import Finding, View
from tecla.filters.folding import PART, bare

_PATTERN_SECONDS = 0.02


class Phrases:
    """Words and phrases, to be found as whole words."""

    def __init__(self, phrases: Sequence[str]) -> None:
        """Take them bare."""
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for phrase in phrases:
            words = tuple(bare(match.group()) for match in PART.finditer(phrase))
            self._by_first.setdefault(words[0], []).append(words)
        self.most_chars = max(map(len, phrases), default=0)

    def find(self, view: View) -> Iterator[tuple[int, int]]:
        """Where they stand."""
        if not self._by_first:
            return
        parts = [(*match.span(), bare(match.group())) for match in PART.finditer(view.whole)]
        for index, (start, _, word) in enumerate(parts):
            for phrase in self._by_first.get(word, ()):
                run = parts[index : index + len(phrase)]
                if tuple(part[2] for part in run) == phrase:
                    yield start, run[-1][1]


class Denied:
    """The check for what a collection denies."""

    def __init__(self, phrases: Sequence[str], patterns: Sequence[regex.Pattern[str]]) -> None:
        """Words and phrases, and patterns; the latter never end a search early."""
        self._phrases, self._patterns = Phrases(phrases), patterns

    def __call__(self, view: View) -> Iterator[Finding]:
        """Everything denied that the suggestion would write or complete."""
        for start, end in self._phrases.find(view):
            if view.touches(start, end) and view.is_settled(end):
                yield Finding(start, end, "denied")
        if view.is_open:
            return
        for pattern in self._patterns:
            try:
                for match in pattern.finditer(view.whole, timeout=_PATTERN_SECONDS):
                    if view.touches(*match.span()):
                        yield Finding(*match.span(), "denied")
            except TimeoutError:
                yield Finding(view.begin, view.end, "slow_pattern")


class Allowed:
    """What a collection allows."""

    def __init__(self, phrases: Sequence[str], patterns: Sequence[regex.Pattern[str]]) -> None:
        """Words and phrases, and patterns."""
        self._phrases, self._patterns = Phrases(phrases), patterns
        self.is_empty = not phrases and not patterns

    def excuses(self, view: View, finding: Finding) -> bool:
        """Whether a finding lies inside something allowed, or may yet come to."""
        if self.is_empty:
            return False
        if view.is_open:
            most = self._phrases.most_chars
            reached = finding.start + 2 * most + 1 >= len(view.whole)
            if self._patterns or reached:
                return True
        spans = list(self._phrases.find(view))
        for pattern in self._patterns:
            try:
                spans += [
                    match.span() for match in pattern.finditer(view.whole, timeout=_PATTERN_SECONDS)
                ]
            except TimeoutError:
                continue
        return any(start <= finding.start and finding.end <= end for start, end in spans)
