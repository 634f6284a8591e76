"""The n-gram models that come with tecla, one a language, built when first asked for.

Made from text that the default model wrote (`scripts/sample_text.py`; it ships in
`src/tecla/data/`) over the frequencies of the whole language from wordfreq: the sentences are
the model's, the vocabulary is the language's. Built in seconds, kept in the user's cache.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from tecla.checks import nearest
from tecla.errors import OptionError, UnknownModelError
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
        train_ngram(documents, path, progress=progress, prior=frequencies(language))
    return path


def frequencies(language: str) -> dict[str, float]:
    """The most frequent words of a language as they stand in a text, with their frequencies.

    Raises `OptionError` for a language that wordfreq does not know, `UnknownModelError` if it is
    not installed.
    """
    try:
        import wordfreq
    except ImportError:
        raise UnknownModelError(
            "the words of a language come from wordfreq, which is not installed: run "
            "`pip install 'tecla[classic]'`"
        ) from None
    known = wordfreq.available_languages()
    if language not in known:  # wordfreq itself would take a language that is somehow near
        hint = nearest(language, known) or f"there are {', '.join(sorted(known))}"
        raise OptionError(f"no word list for language {language!r}; {hint}")
    listed = wordfreq.get_frequency_dict(language, wordlist="best")
    found: dict[str, float] = {}
    for word in sorted(listed, key=lambda each: -listed[each])[:_MOST_WORDS]:
        capital = word[0].upper() + word[1:]
        shares = {word: 1.0} if capital == word else {word: 1 - _CAPITALISED, capital: _CAPITALISED}
        for form, share in shares.items():
            found[form] = found.get(form, 0.0) + share * listed[word]
    return found
