"""Which language a few words are in: by their script, or by py3langid over eight of Latin script.

Owns the identifier, which is read on first use (0.7 s, 4.5 MB). Everything else here is
arithmetic on its scores: natural logarithms, comparable within one text only.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Protocol

from tecla.filters.scripts import LATIN, language_of_script, script_of

TOLD_APART = ("ca", "de", "en", "es", "fr", "it", "nl", "pt")
SURE = 12.0  # nats between the best and the next, to call the language of a text
_LEAST_CHARS = 20  # and so much text
_loading = Lock()


class _Identifier(Protocol):
    """The part of py3langid that is used here."""

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Languages with their log-scores, best first."""
        ...

    def set_languages(self, langs: list[str]) -> None:
        """Tell only these apart."""
        ...


def scores(text: str) -> dict[str, float]:
    """Log-scores of the languages told apart, for `text`."""
    return dict(_identifier().rank(text))


def language_of(text: str) -> str | None:
    """The language of `text`, if its script tells, or it is long and clearly of one told apart."""
    script = script_of(text)
    if script != LATIN:
        return language_of_script(script)
    if len(text) < _LEAST_CHARS:
        return None
    (best, most), (_, second), *_ = _identifier().rank(text)
    return best if most - second >= SURE else None


def load() -> None:
    """Read the identifier now, so that no suggestion waits for it."""
    _identifier()


def _identifier() -> _Identifier:
    with _loading:
        return _loaded()


@lru_cache(maxsize=1)
def _loaded() -> _Identifier:
    import py3langid
    from py3langid.langid import LanguageIdentifier

    model = Path(py3langid.__file__).parent / "data" / "model.npz.xz"
    found: _Identifier = LanguageIdentifier.from_modelpath(model)
    found.set_languages(list(TOLD_APART))
    return found
