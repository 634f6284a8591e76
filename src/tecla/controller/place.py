"""A caret as the controller sees it: the text around it, and the language it is written in."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from tecla.filters.place import Surroundings
from tecla.filters.scripts import LATIN, is_written_in, language_of_script, script_of
from tecla.filters.tongue import language_of
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot
from tecla.text.words import words

_MOST_CHARS = 400  # of the paragraph, from its end
_LAST_RUN = regex.compile(r"(?r)\S++\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """A snapshot, what stands above the text, and the language ("" where nothing tells)."""

    snapshot: Snapshot
    header: str = ""
    language: str = ""

    @property
    def context(self) -> Context:
        """As predictors and the model take it."""
        return Context(self.snapshot.before, self.snapshot.after, self.header)

    @property
    def surroundings(self) -> Surroundings:
        """As filters take it."""
        return Surroundings(
            self.snapshot.before, self.snapshot.after, self.header, self.language or None
        )

    @property
    def typed_chars(self) -> int | None:
        """Characters of the word that ends at the caret; 0 behind a space, `None` behind marks."""
        before = self.snapshot.before
        if not before or before[-1].isspace():
            return 0
        last = words(before[-64:])[-1:]
        if last and last[0].end == len(before[-64:]):
            return last[0].end - last[0].start
        return None


class Languages:
    """The language of the paragraph at the caret, worked out once a word.

    A paragraph that is too short to tell has the language of the one before it, and so on, unless
    that one is written in another script.
    """

    def __init__(self) -> None:
        """Nothing is written yet."""
        self._told: tuple[str, str] | None = None
        self._found: str | None = ""

    def at(self, before: str, usual: str = "") -> str:
        """The language at the end of a text.

        Where nothing tells, it is `usual`: two letters of ISO 639, or empty.
        """
        tail = before[-4 * _MOST_CHARS :]
        text = tail[: _last_run(tail)]
        script = script_of(_end_of(tail.rpartition("\n")[2]))  # which may have no space in it
        if (text, script) != self._told:
            self._told, self._found = (text, script), _told_by(text, script)
        if self._found is None:
            return usual if is_written_in(usual, script) else ""
        return self._found


def _told_by(text: str, script: str) -> str | None:
    """The language that a text tells, `None` if it tells none."""
    told = None if script == LATIN else language_of_script(script)
    if told is not None:
        return told
    for paragraph in reversed(text.split("\n")):
        found = language_of(_end_of(paragraph))
        if found is not None and is_written_in(found, script):
            return found
    return None


def _end_of(paragraph: str) -> str:
    return paragraph[-_MOST_CHARS:]


def _last_run(text: str) -> int:
    """Where the run of non-spaces at the end begins."""
    match = _LAST_RUN.search(text)
    return len(text) if match is None else match.start()
