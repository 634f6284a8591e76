"""What a peer is given to read: the header and the end of the text before the caret."""

from __future__ import annotations

from tecla.text.context import Context


def peer_text(context: Context, step_chars: int) -> str:
    """At most `3 * step_chars` characters before the caret, under a header of `step_chars`.

    Longer texts are cut behind a blank, in steps, so that what is left begins alike for many keys
    and what a peer keeps of the last question stays of use.
    """
    before = recent_text(context.before, step_chars)
    return f"{context.header[:step_chars]}\n\n{before}" if context.header else before


def recent_text(before: str, step_chars: int) -> str:
    """The end of `before`, cut in steps, and never while a word is typed."""
    settled = max(before.rfind(" "), before.rfind("\n")) + 1
    if settled < 2 * step_chars:
        return before[-3 * step_chars :]
    start = (settled // step_chars - 1) * step_chars
    blank = before.find(" ", start, settled)
    return before[start if blank < 0 else blank + 1 :][-3 * step_chars :]
