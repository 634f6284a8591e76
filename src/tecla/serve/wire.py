"""What goes over the wire: requests and answers as JSON, checked where they come in.

Offsets are UTF-16 code units, as browsers and language servers count. Names are at most 128
printable characters. Unknown fields are refused, so that a misspelt one is not silently ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from tecla.controller.showing import Ghost
from tecla.controller.suggestion import Suggestion
from tecla.settings import FilterLevel
from tecla.text.unicode import to_bytes

MOST_NAME_CHARS: Final = 128
MOST_ALTERNATIVES: Final = 10
MOST_WORDS: Final = 20
MOST_TAKEN_CHARS: Final = 10_000
MOST_DEADLINE_MS: Final = 10_000.0


def printable(value: str) -> str:
    """The value; raises `ValueError` for one that holds what is not to be seen."""
    if not value.isprintable():
        raise ValueError("must be printable characters")
    return value


def _text(value: str) -> str:
    to_bytes(value)  # raises InvalidTextError, a ValueError, for a lone surrogate
    return value


Name: TypeAlias = Annotated[str, Field(max_length=MOST_NAME_CHARS), AfterValidator(printable)]
Text: TypeAlias = Annotated[str, AfterValidator(_text)]
Language: TypeAlias = Annotated[str, Field(pattern=r"^([a-z]{2})?$")]
Revision: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]
Offset: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Strict(BaseModel):
    """What comes in: an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Wishes(Strict):
    """How a text is to be served; what is left out is as the service has it."""

    eagerness: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="from 0 (nothing is shown) to 1 (whatever saves a key)",
    )
    max_words: int | None = Field(
        default=None, ge=1, le=MOST_WORDS, description="of one suggestion"
    )
    language: Language = Field(default="", description="of a text that does not tell, such as en")
    deadline_ms: float | None = Field(
        default=None, gt=0, le=MOST_DEADLINE_MS, description="when an answer is wanted"
    )
    filters: FilterLevel | None = Field(
        default=None,
        description="how strictly suggestions are filtered; less than the service's own is refused",
    )


class SuggestRequest(Wishes):
    """One caret."""

    before: Text = Field(description="all the text before the caret")
    after: Text = Field(default="", description="the text behind it")
    n: int = Field(
        default=1, ge=1, le=MOST_ALTERNATIVES, description="alternatives that are wanted"
    )
    user: Name = Field(default="", description="whose text it is, among those of one key")
    collection: Name = Field(default="", description="which of their collections it belongs to")
    session: Name = Field(
        default="", description="the text this is a revision of, by a name of your own"
    )
    revision: Revision | None = Field(
        default=None, description="the number of this state of the text"
    )
    stream: bool = Field(default=False, description="answers as events, each extending the last")


class FeedbackRequest(Strict):
    """What became of the suggestion that a session showed last."""

    session: Name = Field(min_length=1, description="as it was named when the suggestion was asked")
    user: Name = ""
    collection: Name = ""
    revision: Revision | None = Field(
        default=None, description="the state of the text at which it was shown"
    )
    event: Literal["accepted", "dismissed"]
    text: Text = Field(
        default="",
        max_length=MOST_TAKEN_CHARS,
        description="of what is accepted: the suggestion, or its beginning, as it was put in",
    )

    @model_validator(mode="after")
    def _has_text(self) -> Self:
        if (self.event == "accepted") != bool(self.text):
            raise ValueError("text must be there where the event is accepted, and only there")
        return self


class FeedbackAnswer(BaseModel):
    """Whether it was taken note of."""

    counted: bool
    reason: Literal["superseded", "not_shown"] | None = Field(
        default=None, description="why not: a newer state of the text came, or it was not shown"
    )


class Alternative(BaseModel):
    """One of several texts that could follow."""

    text: str
    probability: float = Field(description="that the person's text runs through it")


class Answer(BaseModel):
    """What to show at one revision."""

    revision: int | None = None
    text: str = Field(default="", description="to show behind the caret; empty: show nothing")
    probability: float = Field(default=0.0, description="calibrated, that all of `text` is right")
    expected_saving: float = Field(default=0.0, description="of keys, by showing it")
    words: list[int] = Field(
        default_factory=list, description="where each word of `text` ends, in UTF-16 units"
    )
    silence: str | None = Field(default=None, description="why nothing is shown")
    source: str = Field(default="", description="known, typed, shared, classical or model")
    settled: bool = Field(
        default=True, description="whether nothing more will come for this revision"
    )
    partial: bool = Field(default=False, description="whether time or load ended the work early")
    without_model: str | None = Field(
        default=None, description="why the model said nothing; late: it had no time"
    )
    quiet: int = Field(
        default=0,
        description="units of `text` that may be typed without a message: what is left stays right",
    )
    alternatives: list[Alternative] = Field(default_factory=list)
    took_ms: float = 0.0


class OpenMessage(Wishes):
    """The first message: the whole text. Also the way back after a lost connection."""

    type: Literal["open"]
    revision: Revision
    text: Text
    caret: Offset
    session: Name = ""
    user: Name = ""
    collection: Name = ""
    key: str = Field(default="", max_length=200, description="where no header can be sent")


class EditMessage(Strict):
    """`text` takes the place of what stands from `start` to `end`; the caret is behind it."""

    type: Literal["edit"]
    revision: Revision
    start: Offset
    end: Offset
    text: Text
    caret: Offset | None = None


class AcceptMessage(Strict):
    """What is shown at the last revision, or its beginning, was put in by one key."""

    type: Literal["accept"]
    revision: Revision
    text: Annotated[Text, Field(min_length=1, max_length=MOST_TAKEN_CHARS)]


class DismissMessage(Strict):
    """What is shown was sent away."""

    type: Literal["dismiss"]
    revision: Revision


class ListMessage(Strict):
    """What else could be shown at this revision?"""

    type: Literal["list"]
    revision: Revision


class WishMessage(Wishes):
    """Serve this text so from the next revision on."""

    type: Literal["wish"]


ClientMessage: TypeAlias = Annotated[
    OpenMessage | EditMessage | AcceptMessage | DismissMessage | ListMessage | WishMessage,
    Field(discriminator="type"),
]
CLIENT_MESSAGE: Final[TypeAdapter[ClientMessage]] = TypeAdapter(ClientMessage)


def utf16_length(text: str) -> int:
    """UTF-16 code units of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def answer_of(found: Suggestion, revision: int | None, listed: Sequence[Ghost] = ()) -> Answer:
    """A suggestion as it goes over the wire, with what else could be shown in its place."""
    ghost = found.ghost
    answer = Answer(
        revision=revision,
        silence=found.silence,
        source=found.origin,
        settled=found.settled,
        partial=found.partial,
        without_model=found.without_model,
        alternatives=[Alternative(text=one.text, probability=one.probability) for one in listed],
        took_ms=round(found.took_ms, 2),
    )
    if ghost is not None:
        answer.text, answer.probability = ghost.text, ghost.probability
        answer.expected_saving = ghost.probability * (utf16_length(ghost.text) - 1)
        answer.words = [utf16_length(ghost.text[: each.char_offset]) for each in ghost.words]
    return answer
