"""The process that reads takes no module from the folder that it was begun in."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning.files import PROSE
from tecla.learning.base import ReadingOptions
from tecla.learning.reading import Reading


@pytest.mark.slow
def test_modules_in_the_folder_that_is_learnt_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("open('was-run', 'w').close()\nraise SystemExit\n")
    (tmp_path / "a.txt").write_text(PROSE)
    monkeypatch.chdir(tmp_path)
    with Reading() as reading:
        texts = list(reading.texts(tmp_path / "a.txt", "text", ReadingOptions()))
    assert texts == [PROSE]
    assert not (tmp_path / "was-run").exists()
