"""The dictionaries that come with tecla, one a language: the common words of wordfreq.

Where nobody has given words of their own, a dictionary of the whole language shows what the system
is good at: it finds a word through a slip of the finger and without its accents. Built in about a
second when first asked for, kept in the user's cache.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tecla.classic.dictionary_file import VERSION, save_dictionary
from tecla.classic.frequency import listed

_MOST_WORDS = 60_000


def default_dictionary(language: str, cache_dir: Path) -> Path:
    """The file of the dictionary for `language`, built now if it is not there yet.

    Raises `UnknownModelError` for a language without a list, `ModelError` if wordfreq or
    marisa-trie is not installed.
    """
    try:
        of_words = version("wordfreq")
    except PackageNotFoundError:
        of_words = "none"  # `listed` says what is missing
    path = cache_dir / "dictionary" / f"{language}-{of_words}-{VERSION}.dictionary"
    if not path.is_file():
        words = listed(language, _MOST_WORDS)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_dictionary(path, words)
    return path
