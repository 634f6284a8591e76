"""From a model's probability to how often it is right: curves fitted to what people wrote.

A curve is isotonic regression (pool adjacent violators; Barlow et al. 1972; Zadrozny & Elkan 2002):
of all rising functions the one with the least squared error, here on blocks of at least `least`
events, joined by straight lines. It is rising by construction, so a ranking stays what it was.

There is a curve for each kind of event: the source of a suggestion, the language, and whether the
caret stands in a word. What no curve was fitted for takes the next more general one, and in the end
the probability as it is. Where a curve comes from is kept with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tecla.checks import whole
from tecla.errors import ModelFormatError, OptionError, UnknownModelError
from tecla.files import replacing, sha256_of

_FORMAT: Final = 1
_LEAST_EVENTS: Final = 50
_ANY: Final = "*"


class Event(NamedTuple):
    """A suggestion that was, or would have been, shown: its probability, and if it was right."""

    probability: float
    right: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising function from 0 to 1 through knots; constant beyond the outermost."""

    at: tuple[float, ...]
    to: tuple[float, ...]
    events: int = 0

    def __post_init__(self) -> None:
        """Check the knots; raises `OptionError`."""
        rising = all(one < other for one, other in pairwise(self.at)) and all(
            one <= other for one, other in pairwise(self.to)
        )
        inside = all(0 <= value <= 1 for value in (*self.at, *self.to))
        if not self.at or len(self.at) != len(self.to) or not (rising and inside):
            raise OptionError(
                f"a curve has {len(self.at)} and {len(self.to)} knots; it needs as many of both, "
                "rising, from 0 to 1"
            )

    def __call__(self, probability: float) -> float:
        """The calibrated probability."""
        return float(np.interp(probability, self.at, self.to))


def fit(events: Iterable[Event], least: int = _LEAST_EVENTS) -> Curve:
    """The curve of some events.

    Raises `OptionError` for fewer than `least` of them.
    """
    whole("least", least, 1)
    ranked = sorted(events)
    if len(ranked) < least:
        raise OptionError(f"{len(ranked)} events are too few to fit a curve to; give {least}")
    blocks: list[tuple[float, float, int]] = []  # sums of probabilities and of right ones, events
    for start in range(0, len(ranked) - len(ranked) % least, least):
        end = len(ranked) if start + 2 * least > len(ranked) else start + least
        piece = ranked[start:end]
        blocks.append((sum(e.probability for e in piece), sum(e.right for e in piece), len(piece)))
        while len(blocks) > 1 and not _rises(blocks[-2], blocks[-1]):
            one, other = blocks.pop(-2), blocks.pop()
            blocks.append((one[0] + other[0], one[1] + other[1], one[2] + other[2]))
    at = [total / count for total, _, count in blocks]
    to = [(right + 0.5) / (count + 1) for _, right, count in blocks]  # never quite 0 or 1
    return Curve(tuple(at), tuple(np.maximum.accumulate(to).tolist()), len(ranked))


def _rises(one: tuple[float, float, int], other: tuple[float, float, int]) -> bool:
    """Whether a block is right more often than the one before it, at a higher probability."""
    return other[1] / other[2] > one[1] / one[2] and other[0] / other[2] > one[0] / one[2]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What curves were fitted on: the model's hash, and texts with their licences and hashes."""

    model: str = ""
    texts: tuple[tuple[str, str, str], ...] = ()  # name, licence, SHA-256
    settings: Mapping[str, Any] = field(default_factory=dict)
    written: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a curve is for."""

    source: str = _ANY
    language: str = _ANY
    in_word: bool | None = None

    @property
    def key(self) -> str:
        """As a file has it."""
        place = _ANY if self.in_word is None else "word" if self.in_word else "space"
        return f"{self.source}/{self.language}/{place}"

    def broader(self) -> Sequence[Kind]:
        """This kind and those it belongs to, the narrowest first."""
        return (
            self,
            Kind(self.source, self.language),
            Kind(self.source, _ANY, self.in_word),
            Kind(self.source),
            Kind(),
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """Curves by kind."""

    curves: Mapping[str, Curve] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)

    def calibrated(self, probability: float, kind: Kind) -> float:
        """How often a suggestion of this kind and probability is right."""
        for each in kind.broader():
            curve = self.curves.get(each.key)
            if curve is not None:
                return curve(probability)
        return probability

    def save(self, path: Path) -> None:
        """Write the curves to a JSON file, at once."""
        data = {
            "tecla_calibration": _FORMAT,
            "provenance": asdict(self.provenance),
            "curves": {key: asdict(curve) for key, curve in sorted(self.curves.items())},
        }
        with replacing(path) as part:
            part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file; raises `UnknownModelError` if there is none, `ModelFormatError`."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["tecla_calibration"] != _FORMAT:
                raise ModelFormatError(
                    f"{str(path)!r} has format {data['tecla_calibration']!r}, this version reads "
                    f"{_FORMAT}; make it anew with `tecla calibrate`"
                )
            origin = data["provenance"]
            texts = tuple((name, licence, sha) for name, licence, sha in origin["texts"])
            return cls(
                {
                    key: Curve(tuple(curve["at"]), tuple(curve["to"]), curve["events"])
                    for key, curve in data["curves"].items()
                },
                Provenance(**{**origin, "texts": texts}),
            )
        except FileNotFoundError:
            raise UnknownModelError(f"there is no file {str(path)!r}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ModelFormatError):
                raise
            raise ModelFormatError(
                f"{str(path)!r} holds no calibration ({type(error).__name__}); make it anew with "
                "`tecla calibrate`"
            ) from None


def shipped(model: Path) -> Calibration:
    """The curves that come with tecla for a model file; none for any other."""
    folder = resources.files("tecla") / "data" / "calibration"
    if not model.is_file():
        return Calibration()
    with resources.as_file(folder / f"{sha256_of(model)[:16]}.json") as path:
        return Calibration.load(path) if path.is_file() else Calibration()
