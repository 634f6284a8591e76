"""A text field of one typist in `load.py`, as the widget has it, and what came of every key.

*The field* sends what was changed since it last spoke, and shows what the newest answer says. A key
that types what the ghost text shows, within what the service called `quiet`, is not sent: what is
left of the ghost text is its answer. Nothing here knows about connections or clocks.

*A key* has one outcome at the moment the next one is hit:

- *suggestion*: text is shown that was given for this very key;
- *silence*: the service has settled that nothing is to be shown, and why;
- *refused*: the service said, with a code and before the deadline, that it will not answer;
- *overtaken*: nothing yet, but the next key came before the deadline;
- *missed*: nothing by the deadline, or an empty answer without a reason;
- *failed*: an error, or a connection that was lost.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, Literal

Outcome = Literal["suggestion", "silence", "refused", "overtaken", "missed", "failed"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "suggestion",
    "silence",
    "refused",
    "overtaken",
    "missed",
    "failed",
)
ANSWERED: Final[frozenset[Outcome]] = frozenset({"suggestion", "silence"})
_MODEL: Final = frozenset({"model", "shared"})  # only answers of the model are shared
_STILL_ASKED: Final = "model_asked"  # no silence that anybody has decided on


@dataclass(slots=True)
class Hit:
    """One key and what was said to it; times in seconds of one clock."""

    sent_s: float = 0.0
    dropped_s: float = math.inf  # when the next key was hit
    shown_s: float | None = None  # when there was first something to read
    settled_s: float | None = None
    refused_s: float | None = None
    early: str = ""
    text: str = ""
    silence: str | None = None
    source: str = ""
    is_neural: bool = False
    is_sent: bool = True
    failed: str | None = None

    def show(self, text: str, now_s: float) -> None:
        """Text that comes before the answer is settled."""
        self.early = text
        if self.shown_s is None and text.strip():
            self.shown_s = now_s

    def settle(self, text: str, silence: str | None, now_s: float) -> None:
        """The answer, of which nothing more will come."""
        self.text, self.silence, self.settled_s = text, silence, now_s
        if self.shown_s is None and text.strip():
            self.shown_s = now_s

    @property
    def seen(self) -> str:
        """What was shown when the next key was hit."""
        in_time = self.settled_s is not None and self.settled_s <= self.dropped_s
        return self.text if in_time else self.early

    @property
    def answered_s(self) -> float | None:
        """When there was first something to read, or it was settled that there is nothing."""
        if self.shown_s is not None:
            return self.shown_s
        return self.settled_s if self.silence else None

    def outcome(self, deadline_s: float) -> Outcome:
        """What became of the key."""
        if self.failed:
            return "failed"
        answered_s = self.answered_s
        if answered_s is not None and answered_s <= self.dropped_s:
            return "suggestion" if self.shown_s is not None else "silence"
        if self.refused_s is not None and self.refused_s - self.sent_s <= deadline_s:
            return "refused"
        return "overtaken" if self.dropped_s - self.sent_s < deadline_s else "missed"

    def took_ms(self) -> float:
        """Milliseconds from key to answer; infinite if there was none before the next key."""
        answered_s = self.answered_s
        if answered_s is None or answered_s > self.dropped_s:
            return math.inf
        return 1000 * (answered_s - self.sent_s)


class Field:
    """What stands in a text field, what the service knows of it, and what is shown behind it."""

    def __init__(self) -> None:
        """Empty, and the service knows."""
        self.text = ""
        self.revision = 0
        self.hit: Hit | None = None
        self._told = ""
        self._ghost = ""
        self._quiet = 0
        self._is_neural = False
        self._heard: dict[str, bool] = {}  # whether the model had a part in the answer at a text

    def opening(self, user: str) -> str:
        """The first message."""
        return _message(type="open", revision=0, text="", caret=0, user=user)

    def type(self, before: str, hit: Hit, now_s: float) -> str | None:
        """A key after which `before` stands in the field; the message that says so, if any."""
        typed = before.removeprefix(self.text) if before.startswith(self.text) else ""
        self.text, self.hit = before, hit
        if typed and self._ghost[: self._quiet].startswith(typed):
            self._ghost, self._quiet = self._ghost[len(typed) :], self._quiet - len(typed)
            hit.is_sent, hit.is_neural, hit.source = False, self._is_neural, "quiet"
            hit.settle(self._ghost, None, now_s)
            return None
        self._ghost, self._quiet = "", 0
        keep = _common(self._told, before)
        start = utf16_length(before[:keep])
        message = _message(
            type="edit",
            revision=self.revision + 1,
            start=start,
            end=start + utf16_length(self._told[keep:]),
            text=before[keep:],
        )
        self._told = before
        self.revision += 1
        return message

    def hear(self, raw: str, now_s: float) -> None:
        """A message of the service; those of an older state of the text say nothing any more."""
        said = json.loads(raw)
        hit = self.hit
        if hit is None or not hit.is_sent or said.get("revision") != self.revision:
            return
        if said["type"] == "refused":
            hit.refused_s = now_s
        elif said["type"] == "suggestion":
            self._answered(said, hit, now_s)

    def _answered(self, said: dict[str, Any], hit: Hit, now_s: float) -> None:
        text = said.get("text", "")
        if not said.get("settled", True):
            hit.show(text, now_s)
            return
        hit.source = said.get("source", "")
        if hit.source == "known":
            hit.is_neural = self._heard.get(self.text, False)
        elif hit.source == "typed":
            hit.is_neural = self._is_neural
        else:
            hit.is_neural = hit.source in _MODEL
        self._is_neural = self._heard[self.text] = hit.is_neural
        self._ghost, self._quiet = text, _chars(text, said.get("quiet", 0))
        silence = said.get("silence")
        hit.settle(text, None if silence == _STILL_ASKED else silence, now_s)


def utf16_length(text: str) -> int:
    """UTF-16 code units, as browsers count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _chars(text: str, units: int) -> int:
    """How many characters the first UTF-16 units of a text are."""
    if text.isascii():
        return units
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le"))


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    if other.startswith(one):
        return len(one)
    most = min(len(one), len(other))
    return next((at for at in range(most) if one[at] != other[at]), most)


def _message(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False)
