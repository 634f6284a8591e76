"""Opening a predictor by what a person writes: `frequency:es`, `querylog:shop.log`, `neural`.

Every kind is imported when it is asked for, so that words cost no model and a model no words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tecla.checks import nearest
from tecla.errors import OptionError
from tecla.predict.base import Predictor

if TYPE_CHECKING:
    from tecla.suggest.suggester import Suggester

_LANGUAGE = "en"
_OF_WRITER = ("beside", "filters", "calibration", "call_keys", "user", "collection")
_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


def open_predictor(spec: str, *, suggester: Suggester | None = None) -> Predictor:
    """The predictor that `spec` names, to be closed by the caller.

    `frequency:LANGUAGE`, `ngram:LANGUAGE` (English if left out), `ngram:PATH`,
    `dictionary:LANGUAGE` (the common words of wordfreq), `dictionary:PATH`, `querylog:PATH`,
    `neural` (the default model) or `neural:MODEL`, perhaps with options of `Suggester.suggest`
    behind it: `neural:?min_probability=0.05&tolerance=0.01`. `writer:MODEL` is
    what a `Writer` would show, perhaps with fields of its manner, a predictor beside the model (or
    `default`, those that come with tecla), a level of filters, a file of curves ("off": none), and
    the user and the collection it is for, of whom something was learnt:
    `writer:?weight=0.3&beside=ngram:en&filters=strict&calibration=off&user=ana`. A `suggester`
    serves `neural` and `writer` in place of a model of its own, and stays the caller's. Raises
    `OptionError` for a spec that names nothing, `ModelError` kinds for what cannot be opened.
    """
    kind, _, rest = spec.partition(":")
    if kind == "neural":
        return _neural(rest, suggester)
    if kind == "writer":
        return _writer(rest, suggester)
    opener = _OPENERS.get(kind)
    if opener is None:
        forms = [*_OPENERS, *_MODELS]
        hint = nearest(kind, forms) or f"there are {', '.join(forms)}"
        raise OptionError(f"there is no system {kind!r}; {hint}")
    return opener(rest)


def predictor_maker(spec: str) -> Callable[[], Predictor]:
    """What makes the predictor of `spec` any number of times, reading its file once.

    Raises what `open_predictor` raises. Each predictor is used from one thread at a time.
    """
    kind, _, rest = spec.partition(":")
    if kind == "ngram":
        from tecla.classic.ngram import Ngram
        from tecla.ngram.model import NgramModel

        given = rest or _LANGUAGE
        model = NgramModel.open(_ngram_file(given))
        return lambda: Ngram(model, f"ngram:{given}")
    if kind == "frequency":
        from tecla.classic.frequency import Frequency

        return Frequency.open(rest or _LANGUAGE).another
    open_predictor(spec).close()  # so that a mistake is found at once
    return lambda: open_predictor(spec)


def model_file(spec: str) -> Path | None:
    """The file that `open_predictor` would open for `spec`; `None` for a frequency list.

    A default n-gram or dictionary is built if it is not there yet. Raises `ModelError` kinds for a
    model that cannot be found.
    """
    kind, _, rest = spec.partition(":")
    if has_model(spec):
        return language_model(rest.partition("?")[0])
    if kind == "ngram":
        return _ngram_file(rest or _LANGUAGE)
    if kind == "dictionary":
        found = _dictionary_file(rest)
        return found if found.is_file() else None
    return Path(rest) if kind in _OPENERS and Path(rest).is_file() else None


def has_model(spec: str) -> bool:
    """Whether `spec` is of a system that asks a language model."""
    return spec.partition(":")[0] in _MODELS


def language_model(name: str) -> Path:
    """The file of a language model, of the default one for an empty name."""
    from tecla.models.resolve import resolve
    from tecla.settings import load

    settings = load({"model": name or None}).settings
    paths = settings.paths
    return resolve(
        settings.engine.model, models_dir=paths.models_dir, cache_dir=paths.cache_dir
    ).path


def _writer(rest: str, suggester: Suggester | None) -> Predictor:
    from tecla.controller.calibration import Calibration, shipped
    from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
    from tecla.controller.manner import manner_of
    from tecla.controller.router import Router
    from tecla.controller.sources import ANY, Shelf
    from tecla.controller.written import Written
    from tecla.filters.judge import Filters
    from tecla.filters.options import FilterOptions
    from tecla.suggest.suggester import Suggester

    model, options = _with_options("writer", rest, suggester)
    own = {name: options.pop(name) for name in _OF_WRITER if name in options}
    beside, curves = own.get("beside"), own.get("calibration")
    level, call_keys = own.get("filters", "standard"), own.get("call_keys", 0.0)
    named = {name: str(own[name]) for name in ("user", "collection") if name in own}
    manner = manner_of(options, _OF_WRITER)
    if beside == "default":
        shelf = Shelf(DEFAULT_PREDICTORS)
        for language in DEFAULT_PREDICTORS:
            shelf.wait(language)
    else:
        shelf = Shelf({ANY: [str(beside)]} if beside else {})
    filters = None if level == "off" else Filters(FilterOptions(offensive=level))
    opened = suggester or Suggester.open(model or None)
    if curves is None:
        calibration = shipped(opened.info.path)
    else:
        calibration = Calibration() if curves == "off" else Calibration.load(Path(str(curves)))
    controller = Controller(
        opened,
        shelf,
        manner,
        filters=filters,
        calibration=calibration,
        router=Router(call_keys) if call_keys else None,
        tokenizer=lambda: opened.tokenizer,
        opens_personal=True,
    )
    name = f"writer:{rest}" if rest else "writer"
    writer = controller.writer(user=named.get("user"), collection=named.get("collection"))
    owned = controller.opened_personal if opened is suggester else controller
    return Written(writer, name, owned=owned)


def _with_options(kind: str, rest: str, suggester: Suggester | None) -> tuple[str, dict[str, Any]]:
    """The model's name and the options behind it."""
    model, _, query = rest.partition("?")
    if model and suggester is not None:
        raise OptionError(f"{kind}:{model} names a model and another is given; leave one out")
    return model, {name: _value(value) for name, value in parse_qsl(query, keep_blank_values=True)}


def _neural(rest: str, suggester: Suggester | None) -> Predictor:
    from tecla.suggest.neural import Neural

    model, options = _with_options("neural", rest, suggester)
    if suggester is not None:
        return Neural(suggester, **options)
    from tecla.suggest.suggester import Suggester

    opened = Suggester.open(model or None)
    try:
        return Neural(opened, name=f"neural:{rest}" if rest else "neural", owned=True, **options)
    except OptionError:
        opened.close()
        raise


def _value(text: str) -> Any:
    """A number or a truth value if it reads as one, else the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _frequency(language: str) -> Predictor:
    from tecla.classic.frequency import Frequency

    return Frequency.open(language or _LANGUAGE)


def _ngram(path_or_language: str) -> Predictor:
    from tecla.classic.ngram import Ngram

    given = path_or_language or _LANGUAGE
    return Ngram.open(_ngram_file(given), f"ngram:{given}")


def _ngram_file(path_or_language: str) -> Path:
    from tecla.classic.default_ngram import default_ngram, languages
    from tecla.settings import load

    path = Path(path_or_language)
    if path_or_language in languages() or not (path.suffix or path.is_file()):
        return default_ngram(path_or_language, load().settings.paths.cache_dir)
    return path


def _dictionary(path_or_language: str) -> Predictor:
    from tecla.classic.dictionary import Dictionary
    from tecla.classic.dictionary_file import DictionaryFile

    given = _named("dictionary", path_or_language)
    path = _dictionary_file(given)
    return Dictionary(DictionaryFile.open(path), f"dictionary:{Path(given).stem}")


def _dictionary_file(path_or_language: str) -> Path:
    from tecla.classic.default_dictionary import default_dictionary
    from tecla.settings import load

    path = Path(path_or_language)
    if _LANGUAGE_CODE.fullmatch(path_or_language) and not path.is_file():
        return default_dictionary(path_or_language, load().settings.paths.cache_dir)
    return path


def _querylog(path: str) -> Predictor:
    from tecla.classic.querylog import QueryLog

    return QueryLog.open(_named("querylog", path))


def _named(kind: str, path: str) -> str:
    if not path:
        raise OptionError(
            f"{kind!r} needs a file: write {kind}:PATH (`tecla train {kind}` makes one)"
        )
    return path


_OPENERS: dict[str, Callable[[str], Predictor]] = {
    "frequency": _frequency,
    "dictionary": _dictionary,
    "ngram": _ngram,
    "querylog": _querylog,
}
_MODELS = ("neural", "writer")
