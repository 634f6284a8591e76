"""How far what was seen before is believed: one gate for every level of every source.

A level is an end of the text that stood somewhere before, with what followed it. Its gate is a
logistic function of what can be said of it without knowing what comes next: how long it is, how
often it was seen, how much of what followed was one token, and how many different ones there were
(`features`). Levels are put upon the model one after the other, the shortest first, as
Jelinek-Mercer interpolation does with n-grams (Jelinek & Mercer 1980; Chen & Goodman 1999, 2.3):

    P := (1 - gate) P + gate * (shares of what followed)

so the last, longest one has the last word, and what is left of the model is the product of all
(1 - gate). A constant weight as in Smart Compose (arXiv 1906.00080, 4.4) is a gate that looks at
nothing. Every source (collection, user, the text itself) has gates of its own.

Fitted by likelihood (`fitting.py`), kept with where they come from. Knows no text and no model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tecla.checks import number
from tecla.errors import ModelFormatError, OptionError, UnknownModelError
from tecla.files import replacing
from tecla.personal.base import Matched

Floats64 = npt.NDArray[np.float64]

Source = Literal["collection", "user", "document"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)  # in the order they are mixed in
FEATURES: Final = ("bias", "length", "length2", "count", "count2", "peak", "variety", "sharp")

_NO_LENGTH: Final = 0.5  # what an end of no tokens, the frequency of each, counts as
_FORMAT: Final = 1
_SHIPPED: Final = {"tokens": "mixing.json", "words": "mixing-words.json"}
_REMEDY: Final = "make it anew with `scripts/fit_mixing.py`"


def features(found: Sequence[Matched]) -> Floats64:
    """What gates look at, `[levels, FEATURES]`, levels in the order they come.

    bias: 1. length, count: logarithms of a level's length in tokens and of how often it was seen,
    and their squares. peak: the share of what followed most often. variety: the logarithm of the
    different ones that followed, for each time. sharp: peak times length.
    """
    rows = np.empty((len(found), len(FEATURES)))  # [levels, features]
    for row, level in zip(rows, found, strict=True):
        length, count = math.log(level.length or _NO_LENGTH), math.log(level.count)
        peak = float(level.counts.max()) / level.count
        variety = math.log(len(level.ids) / level.count)
        row[:] = 1, length, length**2, count, count**2, peak, variety, peak * length
    return rows


@dataclass(frozen=True, slots=True)
class Origin:
    """What gates were fitted on: texts with their licences and hashes, and how."""

    texts: tuple[tuple[str, str, str], ...] = ()  # name, licence, SHA-256
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    written: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """The gates of each source, and of drafts; hashable and picklable.

    gates: for each source a coefficient for each of `FEATURES`; a source that has none is not mixed
    in. drafts: the same, for the probability that what followed most often is what the model will
    take.
    """

    gates: tuple[tuple[Source, tuple[float, ...]], ...] = ()
    drafts: tuple[tuple[Source, tuple[float, ...]], ...] = ()
    origin: Origin = field(default=Origin(), compare=False)

    def __post_init__(self) -> None:
        """Check names, counts and values; raises `OptionError`."""
        for kind in (self.gates, self.drafts):
            for source, coefficients in kind:
                if source not in SOURCES:
                    raise OptionError(f"{source!r} is no source; there are {', '.join(SOURCES)}")
                if len(coefficients) != len(FEATURES):
                    raise OptionError(
                        f"the gate of {source} has {len(coefficients)} coefficients; it needs "
                        f"{len(FEATURES)}: {', '.join(FEATURES)}"
                    )
                for name, value in zip(FEATURES, coefficients, strict=True):
                    number(f"{name} of {source}", value)

    @classmethod
    def constant(cls, share: float) -> Weights:
        """Gates that look at nothing: the longest level alone, with the same weight everywhere.

        It is what the fitted ones are measured against.
        """
        if not 0 < number("share", share) < 1:
            raise OptionError(f"share is {share!r}; it must be above 0 and below 1")
        bias = math.log(share / (1 - share))
        return cls(tuple((source, (bias, *[0.0] * (len(FEATURES) - 1))) for source in SOURCES))

    def gate(self, source: Source, found: Sequence[Matched]) -> Floats64 | None:
        """How much each level of a source takes of what is below it, `[levels]`, 0 to 1.

        `None` for a source that is not mixed in.
        """
        return _logistic(dict(self.gates).get(source), found)

    def draft(self, source: Source, longest: Matched) -> float:
        """The probability that what followed most often is what the model will take."""
        found = _logistic(dict(self.drafts).get(source), [longest])
        return 0.0 if found is None else float(found[0])

    def save(self, path: Path) -> None:
        """Write them to a JSON file, at once."""
        data = {
            "tecla_mixing": _FORMAT,
            "origin": asdict(self.origin),
            "features": FEATURES,
            "gates": dict(self.gates),
            "drafts": dict(self.drafts),
        }
        with replacing(path) as part:
            part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Weights:
        """Read a file; raises `UnknownModelError` if there is none, `ModelFormatError`."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["tecla_mixing"] != _FORMAT or tuple(data["features"]) != FEATURES:
                raise ModelFormatError(f"{str(path)!r} is of another version of tecla; {_REMEDY}")
            origin = data["origin"]
            texts = tuple((name, licence, sha) for name, licence, sha in origin["texts"])
            return cls(
                _pairs(data["gates"]), _pairs(data["drafts"]), Origin(**{**origin, "texts": texts})
            )
        except FileNotFoundError:
            raise UnknownModelError(f"there is no file {str(path)!r}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ModelFormatError):
                raise
            raise ModelFormatError(
                f"{str(path)!r} holds no weights ({type(error).__name__}); {_REMEDY}"
            ) from None


@cache
def shipped(kind: Literal["tokens", "words"] = "tokens") -> Weights:
    """The weights that come with tecla: beside a language model, or beside an n-gram of words."""
    with resources.as_file(resources.files("tecla") / "data" / _SHIPPED[kind]) as path:
        return Weights.load(path)


def _pairs(data: Mapping[Source, Sequence[float]]) -> tuple[tuple[Source, tuple[float, ...]], ...]:
    return tuple((source, tuple(map(float, each))) for source, each in data.items())


def _logistic(coefficients: tuple[float, ...] | None, found: Sequence[Matched]) -> Floats64 | None:
    if coefficients is None:
        return None
    values: Floats64 = 1 / (1 + np.exp(-(features(found) @ np.array(coefficients))))
    return values
