"""Ghost text on the screen: drawn behind the caret, never part of the text."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_len
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

STYLE = "class:ghost"


class GhostProcessor(Processor):
    """Puts what `ghost` returns into the line of the caret, at the caret."""

    def __init__(self, ghost: Callable[[], str]) -> None:
        """`ghost` is asked whenever the screen is drawn."""
        self._ghost = ghost

    def apply_transformation(self, given: TransformationInput) -> Transformation:
        """The line with the ghost text in it; columns behind the caret move."""
        document, fragments = given.document, given.fragments
        text = _on_one_line(self._ghost())
        if not text or given.lineno != document.cursor_position_row:
            return Transformation(fragments)
        at, length = document.cursor_position_col, len(text)

        def to_display(column: int) -> int:
            return column + length if column > at else column

        def to_source(column: int) -> int:
            if column <= at:
                return column
            return max(at, column - length)

        return Transformation(
            _put_in(fragments, at, (STYLE, text)),
            source_to_display=to_display,
            display_to_source=to_source,
        )


def _on_one_line(text: str) -> str:
    """A text as far as its first line break, which is shown as a sign."""
    line, line_break, _ = text.partition("\n")
    return line + ("↵" if line_break else "")


def _put_in(fragments: StyleAndTextTuples, at: int, piece: tuple[str, str]) -> StyleAndTextTuples:
    """The fragments of a line with another one behind the first `at` characters."""
    found: StyleAndTextTuples = []
    seen, is_in = 0, False
    for style, text, *handler in fragments:
        left = at - seen
        if not is_in and 0 <= left <= len(text):
            found += [(style, text[:left], *handler), piece, (style, text[left:], *handler)]  # type: ignore[list-item]
            is_in = True
        else:
            found.append((style, text, *handler))  # type: ignore[arg-type]
        seen += len(text)
    if not is_in:
        found += [("", " " * max(0, at - fragment_list_len(fragments))), piece]
    return [each for each in found if each[1]]
