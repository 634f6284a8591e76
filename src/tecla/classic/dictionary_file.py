"""A dictionary in one memory-mapped file, and its look-up by folded prefix.

Entries stand in the order of their folded spelling, so a prefix is a stretch of places. A marisa
trie holds every folded prefix, up to the length at which only one entry is left, and beside it
where the stretch of each begins and ends: one look-up is one walk down the trie (a tenth of a
microsecond), which is what makes trying hundreds of slips affordable. The trie is mapped from the
file, not read. *Rejected* (measured in `benchmarks/classic.py`): a trie of whole entries, because
marisa lists what is under a prefix all at once and in no order of weight; and binary search over
the entries.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.classic.casing import fold
from tecla.classic.ranking import Ranking, Stretch
from tecla.errors import InputError, ModelError, ModelFormatError
from tecla.ngram.lexicon import Lexicon
from tecla.sections import read_sections, write_sections

Array = npt.NDArray[Any]

KIND, VERSION = "dictionary", 1
_REMEDY = "build it with `tecla train dictionary`"
_LETTERS = 40  # the commonest, which a slip may have left out


class DictionaryFile:
    """Entries, weights and the stretch of every folded prefix."""

    def __init__(self, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """`arrays` as `save_dictionary` writes them."""
        self.ranking = Ranking(arrays["weights"])
        self.everything = Stretch(0, len(self.ranking))
        self.mass = self.ranking.mass(self.everything)
        self.alphabet = str(meta["alphabet"])
        self.most_words = int(meta["most_words"])
        self._entries = Lexicon(arrays["entries"], arrays["entry_ends"])
        self._starts, self._stops = arrays["starts"], arrays["stops"]
        self._trie = _library().Trie()
        self._trie.map(arrays["trie"])

    @classmethod
    def open(cls, path: Path) -> DictionaryFile:
        """Map the file; raises `ModelError` kinds (see `read_sections`)."""
        found = read_sections(path, KIND, VERSION, _REMEDY)
        try:
            return cls(found.meta, found.arrays)
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelFormatError(f"{str(path)!r} is damaged ({error}); {_REMEDY}") from error

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.ranking)

    def entry(self, index: int) -> str:
        """An entry as it is written."""
        return self._entries.word(index)

    def beginning(self, prefix: str) -> Stretch | None:
        """The entries whose folded spelling begins with `prefix`, itself folded."""
        if not prefix:
            return self.everything
        node = self._trie.get(prefix)
        if node is not None:
            return Stretch(int(self._starts[node]), int(self._stops[node]))
        known = self._trie.prefixes(prefix)
        if not known:
            return None
        node = self._trie.get(known[-1])
        at = int(self._starts[node])
        if self._stops[node] - at > 1 or not fold(self.entry(at)).startswith(prefix):
            return None
        return Stretch(at, at + 1)

    def weight(self, spelling: str) -> float:
        """What the entries of one folded spelling weigh together."""
        stretch = self.beginning(spelling)
        if stretch is None:
            return 0.0
        found, at = 0.0, stretch.start  # shorter spellings come first
        while at < stretch.stop and fold(self.entry(at)) == spelling:
            found += self.ranking[at]
            at += 1
        return found

    def longest_known(self, prefix: str) -> tuple[int, Stretch]:
        """How many characters of `prefix` some entry begins with, and those entries."""
        for chars in range(len(prefix), 0, -1):
            stretch = self.beginning(prefix[:chars])
            if stretch is not None:
                return chars, stretch
        return 0, self.everything


def save_dictionary(
    path: Path, weights: Mapping[str, float], on_progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write the dictionary of these entries; the file's size in bytes.

    `on_progress` is told of numbers of entries laid out. Raises `InputError` if there are none
    or one weighs nothing, `ModelError` if marisa-trie is not installed or the file cannot be
    written.
    """
    if not weights:
        raise InputError("there are no entries; give one a line, with its weight behind it if any")
    if not all(0 < weight < math.inf for weight in weights.values()):
        raise InputError("a weight is not above 0, or not finite; every entry needs one that is")
    ordered = sorted((fold(text), text) for text in weights)
    stretches = _stretches([spelling for spelling, _ in ordered], on_progress)
    trie = _library().Trie(list(stretches))
    starts, stops = np.empty(len(stretches), np.uint32), np.empty(len(stretches), np.uint32)
    for prefix, (start, stop) in stretches.items():
        node = trie[prefix]
        starts[node], stops[node] = start, stop
    entries, ends = Lexicon.of([text for _, text in ordered]).arrays
    letters = Counter(char for spelling, _ in ordered for char in spelling if char.isalpha())
    meta = {
        "alphabet": "".join(sorted(char for char, _ in letters.most_common(_LETTERS))),
        "most_words": max(spelling.count(" ") + 1 for spelling, _ in ordered),
    }
    arrays = {
        "weights": np.array([weights[text] for _, text in ordered], np.float64),
        "entries": entries,
        "entry_ends": ends,
        "starts": starts,
        "stops": stops,
        "trie": np.frombuffer(trie.tobytes(), np.uint8),
    }
    return write_sections(path, KIND, VERSION, meta, arrays)


def _stretches(
    spellings: Sequence[str], on_progress: Callable[[int], None]
) -> dict[str, tuple[int, int]]:
    """The stretch of every prefix, up to the length at which it is of one spelling."""
    found: dict[str, tuple[int, int]] = {}
    shared = 0
    for at, spelling in enumerate(spellings):
        following = spellings[at + 1] if at + 1 < len(spellings) else ""
        shared_next = _common_chars(spelling, following)
        for chars in range(1, min(len(spelling), max(shared, shared_next) + 1) + 1):
            prefix = spelling[:chars]
            found[prefix] = (found[prefix][0] if prefix in found else at, at + 1)
        shared = shared_next
        if at % 1024 == 1023:
            on_progress(1024)
    on_progress(len(spellings) % 1024)
    return found


def _common_chars(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _library() -> Any:
    try:
        import marisa_trie  # type: ignore[import-not-found]  # ships no types
    except ImportError:
        raise ModelError(
            "dictionaries need marisa-trie, which is not installed: run `pip install "
            "'tecla[classic]'`"
        ) from None
    return marisa_trie
