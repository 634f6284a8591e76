"""From documents to an n-gram model, in bounded memory.

Documents are read once: every token gets a number in the order of appearance and the numbers go
to a file; when all words are known they are renumbered in sorted order, counted, smoothed and
written. What grows with the text is on disk; in memory are the words, a few arrays with a place
for every n-gram context, and the pieces at work. Once there are `max_words` words, new ones are
unknown.
"""

from __future__ import annotations

import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tecla.checks import whole
from tecla.errors import OptionError
from tecla.ngram.counts import CHUNK, count_levels
from tecla.ngram.kneser_ney import smooth
from tecla.ngram.lexer import is_word, lex
from tecla.ngram.lexicon import Lexicon
from tecla.ngram.model import save_model
from tecla.ngram.spelling import Spelling, train_spelling
from tecla.sections import unload

Array = npt.NDArray[Any]

_START, _END, _UNKNOWN = 0, 1, 2  # provisional ids; words follow
_FIRST_WORD = 3


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a model is trained.

    order: tokens of the longest n-grams. min_count: how often n-grams of three and more tokens
    must occur to be kept. max_words: most words; later ones are unknown. chunk: n-grams worked
    on at once, which bounds the memory (about 100 bytes each).
    """

    order: int = 5
    min_count: int = 1
    max_words: int = 2_000_000
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("order", self.order, 1)
        if self.order > 9:
            raise OptionError(f"order is {self.order!r}; it must be 9 or less")
        for name in ("min_count", "max_words", "chunk"):
            whole(name, getattr(self, name), 1)

    @property
    def min_counts(self) -> list[int]:
        """How often n-grams of each order must occur."""
        return [1, 1, *[self.min_count] * self.order][: self.order]


class Trained(NamedTuple):
    """What a training came to."""

    tokens: int
    words: int  # tokens that are words
    entries: tuple[int, ...]  # n-grams kept, by order
    file_bytes: int
    seconds: float


Progress = Callable[[str, float], None]  # what is being done, and how much of it is


def train_ngram(
    documents: Iterable[str],
    path: Path,
    options: TrainingOptions | None = None,
    progress: Progress = lambda _what, _share: None,
    prior: Mapping[str, float] | None = None,
) -> Trained:
    """Train a model on `documents` and write it to `path`.

    `prior` holds words with their frequencies elsewhere, such as those of a whole language: with
    the character model, half and half, they are the distribution that counts are backed by, so
    words that the documents lack are known all the same. Entries of several words are left out.
    Raises `OptionError` if the documents hold no token, `ModelError` if the file cannot be written.
    """
    options = options or TrainingOptions()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tecla-ngram-") as name:
        folder = Path(name)
        provisional = _read(documents, folder / "tokens", options)
        if not provisional:
            raise OptionError("the training text is empty; give files with text")
        given = {" " + word: share for word, share in (prior or {}).items()}
        frequencies = {token: share for token, share in given.items() if lex(token[1:]) == [token]}
        order = sorted({*provisional, *frequencies})
        lexicon = Lexicon.of(order)
        tokens = _renumber(folder / "tokens", provisional, order, lexicon, options.chunk)
        chars, spelling = train_spelling(order)
        spelt = Spelling(chars, spelling).of_all(order)
        elsewhere = np.array([frequencies.get(word, 0.0) for word in order])
        base = (spelt + elsewhere / elsewhere.sum()) / 2 if frequencies else spelt
        progress("counting", 0.0)
        levels = count_levels(
            tokens,
            lexicon.ids,
            options.order,
            lexicon.start,
            folder,
            lambda share: progress("counting", share),
            options.chunk,
        )
        progress("smoothing", 0.0)
        arrays = smooth(levels, lexicon.start, options.min_counts, folder, options.chunk)
        n_words = int(levels[0].counts[[is_word(each) for each in order] + [False] * 3].sum())
        entries = (len(lexicon), *(len(arrays[f"word{n}"]) for n in range(2, options.order + 1)))
        meta = {
            "order": options.order,
            "min_counts": options.min_counts,
            "tokens": len(tokens),
            "words": n_words,
            "entries": entries,
        }
        progress("writing", 0.0)
        size = save_model(
            path, meta, lexicon, arrays | {"base": base, "spelt": spelt}, chars, spelling
        )
        seconds = time.monotonic() - began
        return Trained(len(tokens), n_words, entries, size, seconds)


def _read(documents: Iterable[str], path: Path, options: TrainingOptions) -> dict[str, int]:
    """Write the tokens of all documents with provisional ids; the ids of all words."""
    ids: dict[str, int] = {}
    with path.open("wb") as file:
        for document in documents:
            row = array("I", [_START])
            for token in lex(document):
                index = ids.get(token)
                if index is None:
                    if len(ids) < options.max_words:
                        index = ids[token] = len(ids) + _FIRST_WORD
                    else:
                        index = _UNKNOWN
                row.append(index)
            if len(row) > 1:
                row.append(_END)
                row.tofile(file)
    return ids


def _renumber(
    path: Path, provisional: dict[str, int], order: Sequence[str], lexicon: Lexicon, chunk: int
) -> Array:
    """The tokens with the ids of `lexicon`, in the same file."""
    final = np.empty(len(order) + _FIRST_WORD, np.uint32)
    final[[_START, _END, _UNKNOWN]] = lexicon.start, lexicon.end, lexicon.unknown
    for index, word in enumerate(order):
        if word in provisional:
            final[provisional[word]] = index
    tokens = np.memmap(path, np.uint32, "r+")
    for first in range(0, len(tokens), chunk):
        tokens[first : first + chunk] = final[tokens[first : first + chunk]]
        unload(tokens)
    return tokens
