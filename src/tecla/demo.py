"""`make demo`: the main job on the embedded default model, with the time each part took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tecla.classic.default_ngram import default_ngram
from tecla.classic.ngram import Ngram
from tecla.errors import OUTSIDE, TeclaError
from tecla.faces.optimized import OptimizedAutoComplete
from tecla.predict.base import Budget
from tecla.settings import load
from tecla.text.context import Context

_FINISHED = "The future of artificial"
_HALF_TYPED = "The future of artif"
_BATCH = ["Machine learning is", "Deep neural networks can", "The training process involves"]
_SPANISH = "La ciudad de Madrid es la capi"
_WORDS = 12

Result = TypeVar("Result")


def _timed(job: Callable[[], Result]) -> tuple[Result, str]:
    started = time.perf_counter()
    result = job()
    elapsed_ms = (time.perf_counter() - started) * 1000
    return result, f"{elapsed_ms:.0f} ms" if elapsed_ms >= 1 else f"{elapsed_ms * 1000:.0f} µs"


def _show(prompt: str, completion: str) -> None:
    """One line: the prompt, and the completion set apart from it."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("[", "]")
    print(f"   {prompt}{bold}{completion}{plain}")


def _count(language: str, text: str) -> None:
    """What the n-gram model of a language says, which is built on the first run."""
    path, took = _timed(lambda: default_ngram(language, load().settings.paths.cache_dir))
    predictor = Ngram.open(path)
    found, asked = _timed(lambda: predictor.predict(Context(text), Budget(n=1, max_words=3)))
    size = f"{path.stat().st_size / 1e6:.0f} MB"
    print(f"   {language}: {size}, there after {took}, answered in {asked}")
    _show(text, found[0].text if found else "")


def main() -> None:
    """Run the demonstration."""
    completer, took = _timed(lambda: OptimizedAutoComplete(temperature=0))
    info = completer.model
    size = f"{info.size_bytes / 1e6:.0f} MB"
    print(f"model {info.name}, {size}, loaded in {took}; nothing leaves this machine\n")

    def complete(text: str) -> str:
        return completer.get_completion(text, max_words=_WORDS, at_sentence=True, at_line=True)

    text, took = _timed(lambda: complete(_FINISHED))
    print(f"1. A completion ({took})")
    _show(_FINISHED, text)

    texts, took = _timed(
        lambda: completer.generate_batch(_BATCH, max_words=_WORDS, at_sentence=True, at_line=True)
    )
    print(f"\n2. A batch that shares its steps ({took} for {len(_BATCH)} texts)")
    for prompt, text in zip(_BATCH, texts, strict=True):
        _show(prompt, text)

    answer, took = _timed(lambda: completer.suggest(_HALF_TYPED, n=3, max_words=1))
    print(f"\n3. A half-typed word, with the probability of each ending ({took})")
    for found in answer.continuations:
        _show(f"{found.probability:7.2%}  {_HALF_TYPED}", found.text)

    text, took = _timed(lambda: complete(_FINISHED))
    print(f"\n4. The first prompt again, from the cache ({took}; {completer.cache_info()})")
    _show(_FINISHED, text)

    text, took = _timed(lambda: complete(_SPANISH))
    print(f"\n5. Spanish, in the middle of a word ({took})")
    _show(_SPANISH, text)
    print("\n6. Half-typed words by counted words alone (n-gram models, built on the first run)")
    _count("en", _HALF_TYPED)
    _count("es", _SPANISH)
    print("\nNext: .venv/bin/tecla complete 'I am looking forw' -n 3, .venv/bin/tecla doctor")
    completer.close()


if __name__ == "__main__":
    try:
        main()
    except TeclaError as error:
        print(f"tecla: {error}", file=sys.stderr)
        sys.exit(OUTSIDE[error.code].exit_status)
