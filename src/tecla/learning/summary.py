"""What learning has done: counts, reasons, and which files were left out. Never a text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tecla.learning.base import REASONS, Reason
from tecla.learning.redaction import Kind as RedactionKind


@dataclass(slots=True)
class Summary:
    """Counts of one round of learning.

    files: learnt anew or again. texts: in them that were new (the mails of a mailbox). unchanged:
    files that were known as they are. forgotten: files whose texts were erased since they are gone
    or have become empty. skipped: files that are not learnt. left_out: texts within files that are
    not learnt. redacted: sentences. repeated: paragraphs learnt before. columns: what a skipped
    table has instead of those that were named. ruled_out: files of those forgotten that are still
    there, in a folder that is learnt without them. kept_back: folders that seem to have lost all
    their files at once, whose texts were therefore kept.
    """

    files: int = 0
    texts: int = 0
    words: int = 0
    chars: int = 0
    unchanged: int = 0
    forgotten: int = 0
    repeated: int = 0
    skipped: Counter[Reason] = field(default_factory=Counter)
    left_out: Counter[Reason] = field(default_factory=Counter)
    redacted: Counter[RedactionKind] = field(default_factory=Counter)
    skipped_files: list[tuple[Path, Reason]] = field(default_factory=list, repr=False)
    columns: dict[Path, tuple[str, ...]] = field(default_factory=dict, repr=False)
    ruled_out: list[Path] = field(default_factory=list, repr=False)
    kept_back: list[Path] = field(default_factory=list, repr=False)

    def skip(self, path: Path, reason: Reason, columns: tuple[str, ...] = ()) -> None:
        """Count a file that is not learnt."""
        self.skipped[reason] += 1
        self.skipped_files.append((path, reason))
        if columns:
            self.columns[path] = columns

    @property
    def changed(self) -> bool:
        """Whether anything is known now that was not, or the other way round."""
        return bool(self.files or self.texts or self.forgotten)

    def document(self) -> dict[str, object]:
        """As JSON says it."""
        return {
            "files": self.files,
            "texts": self.texts,
            "words": self.words,
            "chars": self.chars,
            "unchanged": self.unchanged,
            "forgotten": self.forgotten,
            "repeated_paragraphs": self.repeated,
            "redacted_sentences": dict(sorted(self.redacted.items())),
            "skipped": dict(sorted(self.skipped.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "skipped_files": [
                {"path": str(path), "reason": reason} for path, reason in self.skipped_files
            ],
            "columns": {str(path): list(names) for path, names in self.columns.items()},
            "ruled_out": list(map(str, self.ruled_out)),
            "kept_back": list(map(str, self.kept_back)),
        }

    def lines(self, *, dry: bool) -> list[str]:
        """As a person reads it."""
        learnt = "would learn" if dry else "learnt"
        out = [
            f"{learnt} {many(self.files, 'file')}: {many(self.texts, 'text')}, "
            f"{many(self.words, 'word')}"
        ]
        if self.unchanged:
            out.append(f"{many(self.unchanged, 'file')} known already, unchanged")
        if self.forgotten:
            gone = "would be forgotten" if dry else "forgotten"
            out.append(f"{many(self.forgotten, 'file')} {gone}: removed, emptied or ruled out")
        for reason, count in self.skipped.most_common():
            out.append(
                f"skipped {many(count, 'file or folder', 'files or folders')}: {REASONS[reason]}"
            )
        for reason, count in self.left_out.most_common():
            out.append(f"left out {many(count, 'text')}: {REASONS[reason]}")
        if self.repeated:
            out.append(f"left out {many(self.repeated, 'paragraph')}: learnt from another text")
        for kind, count in self.redacted.most_common():
            what = "a secret" if kind == "secret" else "personal data"
            out.append(f"left out {many(count, 'sentence')}: {what}")
        for folder in self.kept_back:
            out.append(
                f"{str(folder)!r} holds nothing now, so what was learnt from it is kept; if it is "
                "to go, use `tecla forget`"
            )
        return out


def many(count: int, one: str, more: str | None = None) -> str:
    """A number of things, in words."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
