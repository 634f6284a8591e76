"""Which files of a folder are left out: `.gitignore`, `.teclaignore`, hidden files, own patterns.

Rules are those of git (gitignore(5)): one in a folder holds for what is below it, the last that
matches decides, `!` takes back, and nothing comes back below a folder that is left out. Rules of
the folders above, up to the root of a git repository, hold as well. Own patterns are asked first,
then every `.teclaignore`, then every `.gitignore`: one written for a program takes nothing back
that a person has kept from tecla.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tecla.errors import ConfigError, OptionError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAMES: Final = (".gitignore", ".teclaignore")  # the second decides over the first
# What programs write, and nobody reads; a rule of one's own can take each back.
USUAL: Final = (
    "node_modules/", "bower_components/", "site-packages/", "__pycache__/", "venv/", "Pods/",
    "target/debug/", "target/release/", "*.min.js", "*.min.css", "*.bundle.js", "package-lock.json",
)  # fmt: skip
_MOST_BYTES: Final = 1_000_000  # of a file of rules
_USUAL_RANK: Final = 0
_OWN_RANK: Final = len(NAMES) + 1


class _Rules(NamedTuple):
    rank: int  # the higher decides
    folder: Path
    spec: GitIgnoreSpec


class Rules:
    """The rules that hold in one folder; `inside` gives those of a folder in it."""

    def __init__(self, rows: Iterable[_Rules]) -> None:
        self._rows = sorted(rows, key=lambda each: each.rank)  # of one rank, as they came

    @classmethod
    def of(cls, folder: Path, exclude: Sequence[str] = ()) -> Rules:
        """Those of a folder that is learnt: the usual ones, those of the folders above, `exclude`.

        Raises `OptionError` for a pattern that is none, or where pathspec is not installed.
        """
        rows = [_Rules(_USUAL_RANK, folder, _spec(USUAL))]
        for above in _up_to_repository(folder):
            rows += _read(above)
        if exclude:
            rows.append(_Rules(_OWN_RANK, folder, _spec(exclude)))
        return cls(rows)

    def inside(self, folder: Path) -> Rules:
        """With the rules that stand in a folder below."""
        more = _read(folder)
        return Rules((*self._rows, *more)) if more else self

    def leave_out(self, path: Path, *, is_folder: bool) -> bool:
        """Whether a file or folder, in the folder that these are the rules of, is left out."""
        if path.name.startswith("."):
            return True
        for _, folder, spec in reversed(self._rows):
            name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
            decided = spec.check_file(name).include
            if decided is not None:
                return bool(decided)
        return False


def _up_to_repository(folder: Path) -> list[Path]:
    """The folder and, if it lies in a git repository, those above it up to its root; root first."""
    above = [folder, *folder.parents]
    for at, each in enumerate(above):
        if (each / ".git").exists():
            return above[at::-1]
    return [folder]


def _read(folder: Path) -> list[_Rules]:
    found = []
    for rank, name in enumerate(NAMES, _USUAL_RANK + 1):
        path = folder / name
        try:
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                lines = file.read(_MOST_BYTES).decode("utf-8-sig", errors="replace").splitlines()
        except OSError:
            continue
        found.append(_Rules(rank, folder, _spec(_only_patterns(lines))))
    return found


def _only_patterns(lines: Iterable[str]) -> list[str]:
    """Lines that are patterns: git passes over one that is none, and so do we."""
    return [line for line in lines if _is_pattern(line)]


def _is_pattern(line: str) -> bool:
    try:
        _spec([line])
    except OptionError:
        return False
    return True


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    try:
        from pathspec import GitIgnoreSpec
    except ImportError as error:
        raise OptionError(
            "learning a folder needs pathspec, which is not installed: run "
            "`pip install 'tecla[learn]'`"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of `re`, at brackets within brackets
            return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise OptionError(
            f"{', '.join(map(repr, lines))} holds a pattern that is none; write it as in a "
            ".gitignore"
        ) from error


def patterns_of(setting: str) -> tuple[str, ...]:
    """The patterns of a setting, which divides them by commas; raises `ConfigError`."""
    patterns = tuple(each.strip() for each in setting.split(",") if each.strip())
    try:
        _spec(patterns)
    except OptionError as error:
        raise ConfigError(f"learn_exclude: {error}") from None
    return patterns
