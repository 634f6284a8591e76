"""Folders that can be listed but not entered, for root as well, to whom nothing is closed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tecla.learning.base import Limits
from tecla.learning.walking import Found, walk


def test_what_cannot_be_entered_is_skipped_and_the_rest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut" / "sub").mkdir(parents=True)
    (tmp_path / "shut" / "b.txt").write_text("")
    (tmp_path / "z.txt").write_text("")

    def closed(call: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: Path | str, **options: Any) -> Any:
            if "shut" in Path(path).parent.parts:
                raise PermissionError(13, "Permission denied")
            return call(path, **options)

        return refuse

    monkeypatch.setattr(Path, "stat", closed(Path.stat))
    monkeypatch.setattr(Path, "is_dir", closed(Path.is_dir))
    monkeypatch.setattr(os, "scandir", closed(os.scandir))
    told = {
        each.path.relative_to(tmp_path).as_posix(): "found"
        if isinstance(each, Found)
        else each.reason
        for each in walk(tmp_path, (), Limits())
    }
    assert told == {"shut/b.txt": "unreadable", "shut/sub": "unreadable", "z.txt": "found"}
