"""Settings: what can be set, where it was set, and the one place that reads the environment.

Precedence, highest first: arguments, environment (`TECLA_` and the key in capitals), the file
`config.toml`, defaults. Every key is unique across sections. An unknown key or a value that
cannot be read raises `ConfigError` and names the nearest valid key.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import platformdirs

from tecla.checks import nearest
from tecla.errors import ConfigError

Device = str  # "auto", "cpu", "gpu" or "cuda:N"
Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
EngineName = Literal["auto", "llama", "torch"]
FilterLevel = Literal["off", "standard", "strict"]
Switch = Literal["off", "on"]
_PREFIX = "TECLA_"
_FILE_VARIABLE = "TECLA_CONFIG"


_MOST_PORT = 65535
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")
_DEVICE = re.compile(r"auto|cpu|gpu|cuda:\d{1,3}")
_MOST_SLOTS = 256  # llama.cpp's own limit
_MOST_TOKENS = 1 << 24  # far beyond any model; native code counts in 32 bits


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ConfigError(f"{name} is {value!r}; it must be {least} or more")
    if value is not None and value > _MOST_TOKENS:
        raise ConfigError(f"{name} is {value!r}; it must be at most {_MOST_TOKENS}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The model and the memory and cores it may use.

    model: an alias, a path or a Hugging Face name; see `tecla models`.
    context_tokens: most tokens of text the model reads, cut to what it was trained on.
    kv_tokens: tokens of KV memory for all texts at once (`None`: four contexts).
    slots: texts and branches of texts that are held at once.
    score_mb: memory for next-token scores that are kept while somebody types.
    threads: cores to compute on (`None`: every physical core this process may use).
    engine: llama (llama.cpp) or torch (transformers); auto takes what the model is made for.
    device: auto (a GPU where there is one), cpu, gpu, or cuda:N for a certain one.
    dtype: precision of the torch engine; auto is float32 on a processor, half on a GPU; int8 rounds
        weights, on a processor.
    """

    model: str = "default"
    context_tokens: int = 2048
    kv_tokens: int | None = None
    slots: int = 256
    score_mb: int = 48
    threads: int | None = None
    engine: EngineName = "auto"
    device: Device = "auto"
    dtype: Precision = "auto"

    def __post_init__(self) -> None:
        """Check every range; raises `ConfigError`."""
        _at_least("context_tokens", self.context_tokens, 64)
        _at_least("kv_tokens", self.kv_tokens, 64)
        _at_least("slots", self.slots, 8)
        if self.slots > _MOST_SLOTS:
            raise ConfigError(f"slots is {self.slots!r}; it must be at most {_MOST_SLOTS}")
        _at_least("score_mb", self.score_mb, 0)
        _at_least("threads", self.threads, 1)
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"device is {self.device!r}; it must be auto, cpu, gpu, or cuda:N (cuda:0 is the "
                "first GPU)"
            )
        _one_of("engine", self.engine, get_args(EngineName))
        _one_of("dtype", self.dtype, get_args(Precision))


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """Defaults of `tecla complete`."""

    max_tokens: int = 24
    alternatives: int = 1

    def __post_init__(self) -> None:
        """Check every range; raises `ConfigError`."""
        _at_least("max_tokens", self.max_tokens, 1)
        _at_least("alternatives", self.alternatives, 1)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The service, `tecla serve`; limits hold for every key that has none of its own.

    host, port: where it listens. origins: web pages that may ask it, such as https://example.org,
    and the names under which they may call it, divided by commas.
    chars: characters of one text. per_second: requests or messages of one key. concurrent: of its
    requests at work, and of its connections. connections: of all keys together.
    idle_s: seconds after which a text that nobody writes at is forgotten.
    least_filters: how strictly suggestions are filtered at least; a text may ask for more.
    learn_documents, learn_chars: what may be learnt for one key, of all its users and collections.
    """

    host: str = "127.0.0.1"
    port: int = 8757
    origins: str = ""
    chars: int = 200_000
    per_second: int = 200
    concurrent: int = 256
    connections: int = 12_000
    idle_s: int = 600
    least_filters: FilterLevel = "standard"
    learn_documents: int = 10_000
    learn_chars: int = 10_000_000

    def __post_init__(self) -> None:
        """Check every range; raises `ConfigError`."""
        _at_least("port", self.port, 0)
        if self.port > _MOST_PORT:
            raise ConfigError(f"port is {self.port!r}; it must be at most {_MOST_PORT}")
        for name in ("chars", "per_second", "concurrent", "connections", "idle_s"):
            _at_least(name, getattr(self, name), 1)
        for name in ("learn_documents", "learn_chars"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be 0 or more")
        _one_of("least_filters", self.least_filters, get_args(FilterLevel))
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    f"origins holds {origin!r}; an origin reads https://name or https://name:port"
                )

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """`origins` one by one."""
        return tuple(each.strip().lower() for each in self.origins.split(",") if each.strip())

    @property
    def filter_levels(self) -> tuple[FilterLevel, ...]:
        """Those that a text may ask for, the least strict first."""
        levels: tuple[FilterLevel, ...] = get_args(FilterLevel)
        return levels[levels.index(self.least_filters) :]

    @property
    def usual_filters(self) -> FilterLevel:
        """How a text that does not say is filtered: never not at all."""
        return "strict" if self.least_filters == "strict" else "standard"


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """How passages of what was learnt are found.

    embedding: what makes vectors of texts: wordllama; off (words alone); http://host:port/v1#model
    for a server that has OpenAI's embeddings; or module:function for what that function gives.
    headers: whether passages stand above a text for the model when it is opened or paused at.
    """

    embedding: str = "wordllama"
    headers: Switch = "on"

    def __post_init__(self) -> None:
        """Check every value; raises `ConfigError`. The embedding is checked when it is opened."""
        _one_of("headers", self.headers, get_args(Switch))


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """What is learnt, and for how long it counts.

    learn_exclude: files and folders that are never learnt, as patterns of a .gitignore divided by
    commas, such as "Finance/, *.draft.md"; they hold in every folder that is learnt.
    rejected_days: days after which half as much speaks against a suggestion that was typed past,
    sent away or taken back.
    """

    learn_exclude: str = ""
    rejected_days: int = 7

    def __post_init__(self) -> None:
        """Check the range; raises `ConfigError`."""
        _at_least("rejected_days", self.rejected_days, 1)


@dataclass(frozen=True, slots=True)
class PathSettings:
    """Where things lie.

    models_dir: the folder in which GGUF files are looked for by name.
    cache_dir: the folder of what may be made again.
    store_file: the file of feedback, of what users have set, and of what was learnt.
    store_key_file: the file of the key with which that one is encrypted (`None`: it is not).
    """

    models_dir: Path = field(
        default_factory=lambda: platformdirs.user_data_path("tecla") / "models"
    )
    cache_dir: Path = field(default_factory=lambda: platformdirs.user_cache_path("tecla"))
    store_file: Path = field(
        default_factory=lambda: platformdirs.user_data_path("tecla") / "store" / "tecla.db"
    )
    store_key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, by component."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    completion: CompletionSettings = field(default_factory=CompletionSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    paths: PathSettings = field(default_factory=PathSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)


class Origin(NamedTuple):
    """One setting as it applies, and where it came from."""

    section: str
    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings with the origin of every value."""

    settings: Settings
    origins: tuple[Origin, ...]
    config_file: Path


_SECTIONS: dict[str, type[Any]] = {
    "engine": EngineSettings,
    "completion": CompletionSettings,
    "serve": ServeSettings,
    "retrieval": RetrievalSettings,
    "paths": PathSettings,
    "learning": LearningSettings,
}
_SECTION_OF = {item.name: name for name, kind in _SECTIONS.items() for item in fields(kind)}
_INTEGERS = frozenset({
    "context_tokens", "kv_tokens", "slots", "score_mb", "threads", "max_tokens", "alternatives",
    "port", "chars", "per_second", "concurrent", "connections", "idle_s", "rejected_days",
    "learn_documents", "learn_chars",
})  # fmt: skip
_PATHS = frozenset({"models_dir", "cache_dir", "store_file", "store_key_file"})


def load(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
) -> LoadedSettings:
    """Settings from all sources.

    `arguments` maps keys to values; `None` values count as not given. Raises `ConfigError`.
    """
    environ = os.environ if environ is None else environ
    config_file = config_file or _config_file(environ)
    values: dict[str, tuple[object, str]] = {}
    for key, value in _from_file(config_file).items():
        values[key] = (_read(key, value, str(config_file)), f"file {config_file}")
    for key, value in _from_environment(environ).items():
        variable = _PREFIX + key.upper()
        values[key] = (_read(key, value, variable), f"environment {variable}")
    for key, value in (arguments or {}).items():
        _check_known(key, _SECTION_OF, "argument")
        if value is not None:
            values[key] = (_read(key, value, f"argument {key}"), "argument")
    parts = {
        name: kind(**{key: value for key, (value, _) in values.items() if _SECTION_OF[key] == name})
        for name, kind in _SECTIONS.items()
    }
    origins = tuple(
        Origin(section, key, getattr(parts[section], key), values.get(key, (None, "default"))[1])
        for key, section in _SECTION_OF.items()
    )
    return LoadedSettings(Settings(**parts), origins, config_file)


def _config_file(environ: Mapping[str, str]) -> Path:
    named = environ.get(_FILE_VARIABLE)
    if named is None:
        return platformdirs.user_config_path("tecla") / "config.toml"
    path = Path(named).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"{_FILE_VARIABLE} names {named!r}, which is no file; correct or unset it"
        )
    return path


def _from_file(path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read settings from {path}: {error}") from error
    found: dict[str, object] = {}
    for section, table in document.items():
        _check_known(section, _SECTIONS, f"section in {path}")
        if not isinstance(table, dict):
            raise ConfigError(f"{section!r} in {path} is a value; make it a section [{section}]")
        for key, value in table.items():
            kind = _SECTIONS[section]
            _check_known(key, [item.name for item in fields(kind)], f"key in [{section}] of {path}")
            found[key] = value
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, value in environ.items():
        if variable.startswith(_PREFIX) and variable != _FILE_VARIABLE:
            names = [_PREFIX + key.upper() for key in _SECTION_OF]
            _check_known(variable, names, "environment variable")
            key = variable.removeprefix(_PREFIX).lower()
            found[key] = value
    return found


def _check_known(key: str, known: Iterable[str], what: str) -> None:
    names = list(known)
    if key not in names:
        hint = nearest(key, names) or f"known are {', '.join(names)}"
        raise ConfigError(f"unknown {what} {key!r}; {hint}")


def _read(key: str, value: object, where: str) -> object:
    """The value as the type its field has."""
    if key in _INTEGERS:
        try:
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise ValueError
            return int(value)
        except ValueError:
            raise ConfigError(f"{key} is {value!r} ({where}); it must be a whole number") from None
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{key} is {value!r} ({where}); it must be text")
    return Path(value).expanduser() if key in _PATHS else value
