"""The n-gram models that come with tecla, one a language, built when first asked for.

Made from text that the default model wrote (`scripts/sample_text.py`; it ships in
`src/tecla/data/`) over the frequencies of the whole language from wordfreq: the sentences are
the model's, the vocabulary is the language's. Built in seconds, kept in the user's cache.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

from tecla.checks import nearest
from tecla.errors import UnknownModelError
from tecla.ngram.lexer import lex
from tecla.ngram.model import VERSION
from tecla.ngram.train import Progress, train_ngram

DATA = Path(__file__).resolve().parent.parent / "data"
_MOST_WORDS = 60_000
_CAPITALISED = 0.1  # of a word's frequency goes to it with a capital


def languages() -> list[str]:
    """The languages that there is a default n-gram model for."""
    return sorted(path.name.split(".")[1] for path in DATA.glob("sample.*.txt.gz"))


def default_ngram(
    language: str, cache_dir: Path, progress: Progress = lambda _what, _share: None
) -> Path:
    """The file of the default model for `language`, built now if it is not there yet.

    Raises `UnknownModelError` for a language that has none, or if wordfreq is not installed.
    """
    known = languages()
    if language not in known:
        hint = nearest(language, known) or f"there are {', '.join(known)}"
        raise UnknownModelError(
            f"there is no default n-gram model for language {language!r}; {hint}, or train one "
            "with `tecla train ngram`"
        )
    packed = (DATA / f"sample.{language}.txt.gz").read_bytes()
    mark = hashlib.sha256(packed).hexdigest()[:12]
    path = cache_dir / "ngram" / f"{language}-{mark}-{VERSION}.ngram"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        documents = gzip.decompress(packed).decode("utf-8").split("\n\n")
        train_ngram(documents, path, progress=progress, prior=dict(_frequencies(language)))
    return path


def _frequencies(language: str) -> Iterator[tuple[str, float]]:
    """The most frequent words of a language, as they stand in a text."""
    try:
        import wordfreq
    except ImportError:
        raise UnknownModelError(
            "the default n-gram models need wordfreq, which is not installed: run "
            "`pip install 'tecla[classic]'`"
        ) from None
    found = wordfreq.get_frequency_dict(language, wordlist="best")
    kept = sorted(found, key=lambda word: -found[word])[:_MOST_WORDS]
    for word in kept:
        if lex(word) != [" " + word]:
            continue
        capital = word[0].upper() + word[1:]
        if capital == word:
            yield word, found[word]
        else:
            yield word, found[word] * (1 - _CAPITALISED)
            yield capital, found[word] * _CAPITALISED
