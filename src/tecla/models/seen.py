"""Files that were checked before, remembered by path, size and time of change.

A check that takes long (a hash, a trial in another process) is made once for each file and again
when the file changes. A cache folder that cannot be written only means checking again.
"""

from __future__ import annotations

import json
from pathlib import Path


class SeenFiles:
    """The files that passed one kind of check, kept in one small JSON file."""

    def __init__(self, record: Path, check: str = "") -> None:
        """Read `record`; `check` names what was checked, so that another check does not count."""
        self._record, self._check = record, check
        try:
            known = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = []
        self._known = [item for item in known if isinstance(item, str)] if known else []

    def knows(self, path: Path) -> bool:
        """Whether this very file passed before. Raises `OSError` if there is no such file."""
        return self._identity(path) in self._known

    def remember(self, path: Path) -> None:
        """Record that the file passed."""
        self._known.append(self._identity(path))
        try:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text(json.dumps(self._known), encoding="utf-8")
        except OSError:
            return

    def _identity(self, path: Path) -> str:
        status = path.stat()
        return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{self._check}"
