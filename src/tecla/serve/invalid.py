"""What is wrong with a request or message, told without what it said.

Neither the names of fields that there are none of nor a value is repeated: both are whatever the
client has sent, of any length, and may be text of a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}\Z")
_PLACES: Final = frozenset({"body", "query", "path", "header"})
_OURS: Final = "Value error, "  # what pydantic puts before a message of ours
_SIZES: Final = frozenset({"too_long", "too_short"})
_TAG: Final = frozenset({"union_tag_invalid", "union_tag_not_found"})


class Fault(NamedTuple):
    """Where the first fault is (empty: in the whole), and what it is."""

    where: str
    what: str

    def __str__(self) -> str:
        """Both, as a message."""
        return f"{self.where}: {self.what}" if self.where else self.what


def first_fault(errors: Sequence[Mapping[str, Any]]) -> Fault:
    """The first of the errors that pydantic lists.

    Where several forms are allowed it lists what each of them lacks: one that fits but for its
    size is what was meant.
    """
    first = next((each for each in errors if each["type"] in _SIZES), errors[0])
    steps = first["loc"]
    where = _where(steps[1:] if steps and steps[0] in _PLACES else steps)
    if first["type"] == "json_invalid":
        return Fault("", "this is no JSON")
    if first["type"] in _TAG:
        return Fault("type", f"must be one of {first.get('ctx', {}).get('expected_tags', '')}")
    return Fault(where, str(first["msg"]).removeprefix(_OURS))


def is_json(content_type: str) -> bool:
    """Whether a body of this type is read as JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.removeprefix("application/").endswith("json")


def _where(steps: Sequence[int | str]) -> str:
    """The names up to the first that is none of ours, such as that of a form that is allowed."""
    known = list(takewhile(lambda each: isinstance(each, int) or _NAME.match(each), steps))
    if steps and not known:
        return "(a name)"
    return ".".join(map(str, known))
