"""The writing app: the text on a full screen, ghost text at the caret, a line that says what is on.

Everything runs on one asyncio loop: a key changes the buffer, the buffer tells the writer, and the
writer's answer draws the screen again. The writer is asked from the loop's thread alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document as Text
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style

from tecla.controller.parts import Part
from tecla.controller.writer import Writer
from tecla.errors import TeclaError
from tecla.terminal.document import Document
from tecla.terminal.ghost import GhostProcessor
from tecla.terminal.status import Tally, status_line
from tecla.terminal.wrapping import WrapProcessor
from tecla.text.snapshot import Snapshot

_STYLE = Style([("ghost", "fg:#808080 italic"), ("status", "reverse"), ("status.alarm", "bold")])
# Of 80 columns at most; how to leave stands first, where it is seen on narrower screens too.
HELP = " ^Q quit · ^S save · Tab all · Ctrl-→ word · Alt-L line · Alt-N other · Esc none"
_CHANGED_OUTSIDE = "another program changed the file: Ctrl-S again puts this text in its place"
_TAB = "    "
_PAUSE_S = 1.0  # without a key
_PAUSES = 3  # that are told, one after the other: what is looked for takes its time
_MARKS = ".,)"  # they take the place of a space that came with a ghost text
_MARKS_SPACED_IN_FRENCH = ";:!?"
_NO_TEXT = re.compile(r"[\ud800-\udfff]")  # as what bytes that are not UTF-8 arrive


class _TextBuffer(Buffer):
    """What is no text never enters it: U+FFFD takes its place, one character for another."""

    def insert_text(
        self,
        data: str,
        overwrite: bool = False,
        move_cursor: bool = True,
        fire_event: bool = True,
    ) -> None:
        super().insert_text(_NO_TEXT.sub("\ufffd", data), overwrite, move_cursor, fire_event)


class App:
    """One document and one writer."""

    def __init__(
        self,
        document: Document,
        writer: Writer,
        *,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        """Ready to `run`; the writer stays the caller's."""
        self.document, self.writer = document, writer
        self.tally = Tally()
        self._message, self._asks_to_quit, self._taking = "", False, False
        self._took_space = False  # the caret stands behind a space that came with a ghost text
        self._answer: asyncio.Task[None] | None = None
        self._pause: asyncio.Task[None] | None = None
        self.buffer = _TextBuffer(
            document=Text(document.text, 0),
            multiline=True,
            on_text_changed=self._changed,
            on_cursor_position_changed=self._changed,
        )
        control = BufferControl(
            self.buffer,
            input_processors=[GhostProcessor(self._ghost), WrapProcessor()],
            focusable=True,
        )
        status = FormattedTextControl(self._status)
        self.application: Application[None] = Application(
            layout=Layout(
                HSplit(
                    [
                        Window(control, wrap_lines=True),
                        Window(status, height=1, style="class:status"),
                        Window(FormattedTextControl(HELP), height=1, dont_extend_height=True),
                    ]
                )
            ),
            key_bindings=self._bindings(),
            style=_STYLE,
            full_screen=True,
            mouse_support=False,
            input=input,
            output=output,
        )
        self.application.ttimeoutlen = 0.05  # so that Escape alone is seen at once
        self.application.timeoutlen = 0.05

    def run(self) -> None:
        """Show the text until the person leaves."""
        self.application.run(pre_run=lambda: self._changed(self.buffer))

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self.buffer.text

    def _ghost(self) -> str:
        ghost = self.writer.suggestion.ghost
        return "" if ghost is None else ghost.text

    def _changed(self, _: Buffer) -> None:
        """Tell the writer what the text is, and draw what it says; then what it settles on."""
        self._message, self._asks_to_quit = "", False
        text = self.buffer.document
        now = Snapshot(text.text_before_cursor, text.text_after_cursor)
        if self._taking or now == self.writer.snapshot:
            return
        self._took_space = False
        self.tally.typed(self.writer.snapshot, now)
        self._say(lambda: self.writer.update(now))
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self.application.create_background_task(self._rest())

    async def _rest(self) -> None:
        """Tell the writer that nobody types."""
        for _ in range(_PAUSES):
            await asyncio.sleep(_PAUSE_S)
            self._say(self.writer.paused)

    def _say(self, ask: Callable[[], object]) -> None:
        """Ask the writer something, and draw its answers as they come."""
        try:
            ask()
        except TeclaError as error:
            self._message = str(error)
            return
        if self._answer is None or self._answer.done():
            self._answer = self.application.create_background_task(self._settle())
        self.application.invalidate()

    async def _settle(self) -> None:
        """Draw the settled answer of the newest revision."""
        try:
            found = await self.writer.settled()
            self.tally.answered(found)
        except TeclaError as error:
            self._message = str(error)
        self.application.invalidate()

    def _take(self, part: Part) -> None:
        """Put in the ghost text or its beginning."""
        self._taking = True
        try:
            taken = self.writer.accept(part)
            self.buffer.insert_text(taken)
        finally:
            self._taking = False
        self._took_space = taken.endswith(" ")
        self.tally.took(len(taken))
        self._say(lambda: None)

    def _in_place_of_space(self, mark: str) -> None:
        """Put in what was typed behind a space that came with a ghost text: it is not doubled."""
        self._taking = True  # so that the writer sees one change
        self.buffer.delete_before_cursor()
        self._taking = False
        self.buffer.insert_text(mark)
        self._took_space = False

    def _save(self) -> bool:
        """Save the file, and say so; whether it was saved."""
        try:
            if self.document.is_changed_outside() and self._message != _CHANGED_OUTSIDE:
                self._message = _CHANGED_OUTSIDE
                return False
            self.document.save(self.text)
        except TeclaError as error:
            self._message = str(error)
            return False
        self._message = f"saved {self.document.path}"
        return True

    def _status(self) -> StyleAndTextTuples:
        changed = self.document.is_changed(self.text)
        return status_line(self.document.path, changed, self.writer, self.tally, self._message)

    def _bindings(self) -> KeyBindings:
        keys = KeyBindings()
        has_ghost = Condition(lambda: bool(self._ghost()))

        @keys.add("tab", filter=has_ghost)
        def _(event: KeyPressEvent) -> None:
            self._take("all")

        @keys.add("tab", filter=~has_ghost)
        def _(event: KeyPressEvent) -> None:
            self.buffer.insert_text(_TAB)

        @keys.add("c-right", filter=has_ghost)
        @keys.add("escape", "f", filter=has_ghost)
        def _(event: KeyPressEvent) -> None:
            self._take("word")

        @keys.add("escape", "l", filter=has_ghost)
        def _(event: KeyPressEvent) -> None:
            self._take("line")

        @keys.add("escape", "n")
        def _(event: KeyPressEvent) -> None:
            self._say(self.writer.other)

        @keys.add("escape", filter=has_ghost)
        def _(event: KeyPressEvent) -> None:
            self._say(self.writer.dismiss)

        took_space = Condition(lambda: self._took_space)
        not_french = Condition(lambda: self.writer.language != "fr")
        for mark in f" {_MARKS}":
            keys.add(mark, filter=took_space)(lambda event: self._in_place_of_space(event.data))
        for mark in _MARKS_SPACED_IN_FRENCH:
            close = keys.add(mark, filter=took_space & not_french)
            close(lambda event: self._in_place_of_space(event.data))

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            self.buffer.insert_text("\n")

        @keys.add("c-s")
        def _(event: KeyPressEvent) -> None:
            self._save()

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            self.buffer.undo()

        @keys.add("c-q")
        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if self.document.is_changed(self.text) and not self._asks_to_quit:
                self._asks_to_quit = True
                self._message = "not saved: Ctrl-S saves, Ctrl-Q again leaves without"
                return
            with suppress(Exception):
                event.app.exit()

        return keys
