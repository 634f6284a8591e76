"""The configuration of a run: one TOML file, checked whole before anything is recorded.

    seed = 1                       # of the samples and the bootstrap
    ways = ["ghost", "list"]       # how systems are asked; query corpora are asked as "query"
    coverages = [0.1, 0.3]         # at which exact matches are compared
    glance_keys = 0.05             # what a wrong suggestion costs, where thresholds are tuned

    [budgets.ghost]                # what is asked at one caret; see `Budget`
    n = 1
    max_words = 5

    [[systems]]
    name = "n-gram"
    spec = "ngram:train.ngram"     # see `tecla.evaluate.systems`
    min_chars = 2000               # smaller samples than those of the others, if it is slow
    unrepeated = false             # offer nothing twice within a word, as presage does
    corpora = ["dialogue.dev"]     # only these, with their split or in all splits (default: all)

    [[corpora]]
    name = "dialogue"
    kind = "dialogue"              # lines, dialogue, prose, mail, queries, book
    split = "dev"                  # thresholds are tuned on dev and used on test
    files = ["dev.txt"]            # paths begin in the file's own folder, or in --texts
    min_chars = 20000              # a sample of whole passages (default: everything)
    fold = false                   # lower case, no punctuation: presage's protocol
    log = ["train.txt"]            # queries: what the systems were trained on
    quotable = false               # whether its licence lets reports quote short examples

Unknown keys and values that cannot be used raise `ConfigError` and name the nearest valid key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from tecla.checks import nearest
from tecla.errors import ConfigError, OptionError
from tecla.evaluate.corpora import KINDS, Kind
from tecla.predict.base import Budget

Way = Literal["ghost", "list", "query"]
Split = Literal["train", "dev", "test"]
BUDGETS: Final[Mapping[Way, Budget]] = {
    "ghost": Budget(n=1, max_words=5),
    "list": Budget(n=6, max_words=1),
    "query": Budget(n=10, max_words=10),
}
Table = TypeVar("Table")


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One system; `corpora` is empty for all of them."""

    name: str
    spec: str
    min_chars: int | None = None
    unrepeated: bool = False
    corpora: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """One corpus: a kind of text, one split of it."""

    name: str
    kind: Kind
    split: Split
    files: tuple[Path, ...]
    min_chars: int | None = None
    fold: bool = False
    log: tuple[Path, ...] = ()
    quotable: bool = False

    @property
    def title(self) -> str:
        """Name and split, unique in a run."""
        return f"{self.name}.{self.split}"


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Everything a run is made from."""

    systems: tuple[SystemConfig, ...]
    corpora: tuple[CorpusConfig, ...]
    budgets: Mapping[Way, Budget]
    ways: tuple[Way, ...] = ("ghost", "list")
    coverages: tuple[float, ...] = (0.1, 0.3)
    glance_keys: float = 0.05
    seed: int = 1

    def ways_of(self, corpus: CorpusConfig) -> tuple[Way, ...]:
        """How systems are asked on a corpus."""
        return ("query",) if corpus.kind == "queries" else self.ways

    def pairs(self) -> list[tuple[CorpusConfig, SystemConfig]]:
        """Every system on every corpus it is to be measured on, corpus by corpus."""
        return [
            (corpus, system)
            for corpus in self.corpora
            for system in self.systems
            if not system.corpora or {corpus.name, corpus.title} & set(system.corpora)
        ]

    def least_chars(self, corpus: CorpusConfig, system: SystemConfig) -> int | None:
        """How much of a corpus a system is asked about; `None` for all of it."""
        limits = (corpus.min_chars, system.min_chars)
        return min((each for each in limits if each is not None), default=None)


def load_config(path: Path, texts: Path | None = None) -> EvaluateConfig:
    """Read a configuration; raises `ConfigError`.

    texts: the folder that the paths of corpora begin in, by default that of the file.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(path)!r} is not TOML: {error}") from None
    where = str(path)
    known = {each.name for each in fields(EvaluateConfig)}
    _known(data, known, where)
    systems = tuple(_table(SystemConfig, each, where) for each in _tables(data, "systems", where))
    folder = texts or path.parent
    corpora = tuple(_corpus(each, folder, where) for each in _tables(data, "corpora", where))
    _distinct([each.name for each in systems], "systems", where)
    _distinct([each.title for each in corpora], "corpora", where)
    names, titles = [each.name for each in corpora], [each.title for each in corpora]
    for system in systems:
        for name in system.corpora:
            _one_of("corpora", name, sorted({*names, *titles}), where)
    rest: dict[str, Any] = {
        key: data[key] for key in ("ways", "coverages", "seed", "glance_keys") if key in data
    }
    for coverage in _list("coverages", rest.get("coverages", ()), where):
        if not isinstance(coverage, int | float) or not 0 < coverage <= 1:
            raise ConfigError(f"{where}: a coverage is {coverage!r}; it must be above 0, at most 1")
    for way in _list("ways", rest.get("ways", ()), where):
        _one_of("ways", way, ("ghost", "list"), where)
    return _table(
        EvaluateConfig,
        {**rest, "systems": systems, "corpora": corpora, "budgets": _budgets(data, where)},
        where,
    )


def _corpus(data: Mapping[str, Any], folder: Path, where: str) -> CorpusConfig:
    paths = {
        key: [folder / str(each) for each in _list(key, data[key], where)]
        for key in ("files", "log")
        if key in data
    }
    found = _table(CorpusConfig, {**data, **paths}, where)
    _one_of("kind", found.kind, KINDS, where)
    _one_of("split", found.split, get_args(Split), where)
    if not found.files:
        raise ConfigError(f"{where}: corpus {found.name!r} has no files; name at least one")
    return found


def _budgets(data: Mapping[str, Any], where: str) -> dict[Way, Budget]:
    given = data.get("budgets", {})
    _known(given, BUDGETS, where)
    found: dict[Way, Budget] = {}
    for way, default in BUDGETS.items():
        own = given.get(way, {})
        names = [each.name for each in fields(Budget)]
        _known(own, names, where)
        try:
            found[way] = Budget(**{name: own.get(name, getattr(default, name)) for name in names})
        except OptionError as error:
            raise ConfigError(f"{where}: budgets.{way}: {error}") from None
    return found


def _table(kind: type[Table], data: Mapping[str, Any], where: str) -> Table:
    """A dataclass from a table; a list becomes a tuple."""
    types = {each.name: str(each.type) for each in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    _known(data, types, where)
    values = {}
    for key, value in data.items():
        if types[key].startswith("tuple"):
            values[key] = tuple(_list(key, value, where))
            continue
        _typed(key, value, types[key], where)
        values[key] = value
    try:
        return kind(**values)
    except TypeError as error:
        missing = str(error).rpartition(":")[2].strip()
        raise ConfigError(f"{where}: a table lacks {missing}") from None


def _typed(key: str, value: object, wanted: str, where: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": whole,
        "float": whole or isinstance(value, float),
    }
    if not fits.get(wanted.removesuffix(" | None"), True):
        raise ConfigError(f"{where}: {key} is {value!r}; it must be {wanted}")
    if isinstance(value, int | float) and value < 0:
        raise ConfigError(f"{where}: {key} is {value!r}; it must be 0 or more")


def _tables(data: Mapping[str, Any], key: str, where: str) -> Sequence[Mapping[str, Any]]:
    found = data.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
        raise ConfigError(f"{where}: there are no {key}; add at least one [[{key}]] table")
    return found


def _list(key: str, value: object, where: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: {key} is {value!r}; it must be a list")
    return value


def _known(data: Mapping[str, Any], valid: Any, where: str) -> None:
    for key in data:
        if key not in valid:
            hint = nearest(key, valid) or f"keys are {', '.join(sorted(valid))}"
            raise ConfigError(f"{where}: there is no key {key!r}; {hint}")


def _one_of(key: str, value: str, valid: Sequence[str], where: str) -> None:
    if value not in valid:
        hint = nearest(str(value), valid) or f"there are {', '.join(valid)}"
        raise ConfigError(f"{where}: {key} is {value!r}; {hint}")


def _distinct(names: Sequence[str], what: str, where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: two {what} are called {name!r}; rename one")
