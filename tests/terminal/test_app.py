"""The writing app, driven by keys on a pipe and drawn to no screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prompt_toolkit.document import Document as Text
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout.processors import TransformationInput
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.utils import get_cwidth

from controller.learning import ANA, world
from controller.test_writer import PATIENT, TOKENIZER, Late
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.models.info import ModelInfo
from tecla.terminal.app import HELP, App
from tecla.terminal.document import Document
from tecla.terminal.ghost import STYLE, GhostProcessor
from tecla.text.snapshot import Snapshot

SAID = " of the thin art and help"
GHOST = " of the thin art "
TAB, WORD, OTHER, NONE, SAVE, QUIT = "\t", "\x1b[1;5C", "\x1bn", "\x1b", "\x13", "\x11"
UNDO = "\x1a"
Drive = Callable[[App, Callable[[str], Awaitable[None]]], Awaitable[None]]


def drive(fake_info: ModelInfo, path: Path | None, steps: Drive) -> App:
    """Run the app on the fake model while `steps` presses keys; returns it when it has ended."""
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    return drive_on(Suggester(LoadedModel(engine, TOKENIZER, fake_info)), path, steps)


def drive_on(model: Suggester, path: Path | None, steps: Drive) -> App:
    """The same on any model, which is closed behind it."""
    with (
        model as suggester,
        Writer(Asker(suggester.session()), manner=PATIENT) as writer,
    ):
        return driven(writer, path, steps)


def driven(writer: Writer, path: Path | None, steps: Drive) -> App:
    """The same with a writer."""

    async def run(writer: Writer) -> App:
        with create_pipe_input() as keys:
            app = App(Document.open(path), writer, input=keys, output=DummyOutput())

            async def press(text: str) -> None:
                keys.send_bytes(text.encode(errors="surrogateescape"))
                for _ in range(200):
                    await asyncio.sleep(0.01)
                    if writer.suggestion.settled and writer.snapshot.text == app.text:
                        break
                await asyncio.sleep(0.1)

            async def script() -> None:
                await asyncio.sleep(0.05)
                try:
                    await steps(app, press)
                finally:
                    if app.application.is_running:
                        app.application.exit()

            await asyncio.gather(app.application.run_async(), script())
            return app

    return asyncio.run(asyncio.wait_for(run(writer), 60))


@pytest.mark.slow
def test_what_was_learnt_of_the_user_is_ghost_text(
    fake_info: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tecla.terminal.app._PAUSE_S", 0.01)
    whole = "I think the artificial future would help artificial art"

    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press(whole[:30])
        ghost = app.writer.suggestion.ghost
        assert ghost is not None
        assert whole[30:].startswith(ghost.text.rstrip(" ."))
        await press(TAB)
        assert app.text == whole[:30] + ghost.text
        await asyncio.sleep(0.2)  # nobody types; something stands above the text from now on

    with world(tmp_path, fake_info, headers=True) as made:
        made.learn(ANA, whole)
        with made.writer("ana") as writer:
            app = driven(writer, None, steps)
            assert app.tally.saved > 5
            assert writer.snapshot.before == app.text
        with made.writer("ben") as writer:
            writer.update(Snapshot(whole[:30]))
            ghost = writer.wait().ghost
            assert ghost is None or not whole[30:].startswith(ghost.text.rstrip())


def test_a_model_that_had_no_time_is_asked_again_when_nobody_types(
    fake_info: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tecla.terminal.app._PAUSE_S", 0.2)

    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        assert app.writer._model is not None
        session = app.writer._model._session
        app.writer._model._session = Late()
        await press("the future")
        assert app.writer.suggestion.without_model == "late"
        app.writer._model._session = session
        for _ in range(500):
            await asyncio.sleep(0.01)
            if app.writer.suggestion.ghost is not None:
                break
        assert app._ghost() == GHOST

    drive(fake_info, None, steps)


def test_words_then_all(fake_info: ModelInfo) -> None:
    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("the future")
        assert app.writer.suggestion.ghost is not None
        assert app.writer.suggestion.ghost.text == GHOST
        await press(WORD)
        assert app.text == "the future of"
        await press(TAB)
        assert app.text == "the future" + GHOST

    app = drive(fake_info, None, steps)
    assert app.tally.saved == len(GHOST) - 2
    assert app.tally.pressed >= 3


@pytest.mark.slow
def test_a_transformers_model_is_written_with(tmp_path: Path) -> None:
    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("The ")
        assert app.writer.suggestion.ghost is not None
        whole = app.writer.suggestion.ghost.text
        await press(whole[0])
        assert app.writer.suggestion.ghost is not None
        assert app.writer.suggestion.ghost.text == whole[1:]
        await press(TAB)
        assert app.text == f"The {whole}"
        await press(SAVE)

    from torch_opened import opened

    file = tmp_path / "letter.txt"
    app = drive_on(opened(tmp_path, "gpt2"), file, steps)
    assert file.read_text() == app.text
    assert app.tally.saved > 0


@pytest.mark.parametrize(
    ("typed", "text"), [(" and", " and"), ("  and", "  and"), (".", "."), ("? ", "? "), ("x", " x")]
)
def test_the_space_that_comes_with_a_ghost_text_is_not_doubled(
    fake_info: ModelInfo, typed: str, text: str
) -> None:
    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("the future")
        await press(TAB)
        await press(typed)
        assert app.text == "the future" + GHOST.rstrip() + text
        assert app.writer.snapshot.before == app.text

    drive(fake_info, None, steps)


def test_a_space_of_ones_own_stays_before_a_mark(fake_info: ModelInfo) -> None:
    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("the future" + GHOST + ".")
        assert app.text == "the future" + GHOST + "."

    drive(fake_info, None, steps)


def test_the_keys_are_said_in_one_row_of_a_usual_terminal() -> None:
    assert get_cwidth(HELP) <= 80
    assert HELP.split()[:2] == ["^Q", "quit"]


def test_sent_away_typed_on_and_a_tab_without_ghost_text(fake_info: ModelInfo) -> None:
    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("the future")
        await press(NONE)
        assert app.writer.suggestion.ghost is None
        assert app.writer.suggestion.silence == "dismissed"
        await press(TAB)
        assert app.text == "the future    "

    drive(fake_info, None, steps)


def test_saving_and_leaving(fake_info: ModelInfo, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("día 東京")
        await press(QUIT)
        assert app.application.is_running  # it asks first
        await press(SAVE)
        assert path.read_text(encoding="utf-8") == "día 東京"
        path.write_text("other")
        await press("!")
        await press(SAVE)
        assert path.read_text() == "other"  # it asks first here, too
        await press(SAVE)
        assert path.read_text(encoding="utf-8") == "día 東京!"
        await press(QUIT)
        assert not app.application.is_running

    drive(fake_info, path, steps)


@pytest.mark.parametrize(
    ("keys", "undone"),
    [("{}", "día caf\ufffd \nend"), ("\x1b[200~{}\x1b[201~", "día \nend")],
    ids=["typed", "pasted"],
)
def test_bytes_that_are_no_text_are_marked_and_all_works_on(
    fake_info: ModelInfo, tmp_path: Path, keys: str, undone: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\nend")

    async def steps(app: App, press: Callable[[str], Awaitable[None]]) -> None:
        await press("día ")
        await press(keys.format("caf\udce9 \udcff"))
        assert app.text == "día caf\ufffd \ufffd\nend"
        assert app.buffer.cursor_position == len("día cafx x")
        await press(UNDO)
        assert app.text == app.writer.snapshot.text == undone
        await press(keys.format("\udce9 the future"))
        ghost = app._ghost()
        assert ghost
        await press(TAB)
        await press(SAVE)
        assert path.read_text(encoding="utf-8") == app.text
        assert app.text.endswith(f"\ufffd the future{ghost}\nend")

    drive(fake_info, path, steps)


@pytest.mark.parametrize(
    ("line", "at", "ghost", "shown"),
    [
        ("ab cd", 2, "XY", "abXY cd"),
        ("ab", 2, "XY", "abXY"),
        ("", 0, "XY", "XY"),
        ("ab", 1, "X\nY", "aX↵b"),
        ("ab", 1, "", "ab"),
    ],
)
def test_where_ghost_text_is_drawn(line: str, at: int, ghost: str, shown: str) -> None:
    given = TransformationInput(
        buffer_control=None,  # type: ignore[arg-type]  # not looked at
        document=Text(f"first\n{line}", 6 + at),
        lineno=1,
        source_to_display=lambda column: column,
        fragments=[("", line[:1]), ("", line[1:])],
        width=80,
        height=10,
    )
    found = GhostProcessor(lambda: ghost).apply_transformation(given)
    assert "".join(each[1] for each in found.fragments) == shown
    styled = "".join(each[1] for each in found.fragments if each[0] == STYLE)
    assert styled == shown[at : len(shown) - len(line) + at]
    for column in range(len(line) + 1):
        assert found.display_to_source(found.source_to_display(column)) == column
    assert found.source_to_display(at) == at  # the caret stands before the ghost text


def test_other_lines_are_drawn_as_they_are() -> None:
    given = TransformationInput(
        buffer_control=None,  # type: ignore[arg-type]  # not looked at
        document=Text("first\nsecond", 8),
        lineno=0,
        source_to_display=lambda column: column,
        fragments=[("", "first")],
        width=80,
        height=10,
    )
    assert GhostProcessor(lambda: "X").apply_transformation(given).fragments == [("", "first")]
