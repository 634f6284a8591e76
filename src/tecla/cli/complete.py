"""`tecla complete`: the continuation of a text, of standard input, or of every line of a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.errors import InvalidTextError, OptionError

if TYPE_CHECKING:
    from tecla.decode.adjust import Adjustment
    from tecla.decode.request import Completed
    from tecla.faces.autocomplete import AutoComplete
    from tecla.suggest.options import CompletionOptions
    from tecla.suggest.suggester import Suggester

_LINES_AT_ONCE = 32

_SILENCE = {
    "end": "the model says that the text ends here",
    "after": "the text behind the caret already says it",
    "line": "the line ends here",
    "sentence": "the sentence ends here",
    "stop": "a stop string comes first",
    "max_chars": "not one whole character fits in --max-chars",
    "unspellable": "nothing that can be spelt follows",
}


def complete(
    text: Annotated[
        str | None, typer.Argument(help="Text before the caret; - reads standard input.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Complete every line of this UTF-8 file.")
    ] = None,
    after: Annotated[str, typer.Option(help="Text behind the caret; it is not repeated.")] = "",
    header: Annotated[str, typer.Option(help="A title or topic the model reads first.")] = "",
    n: Annotated[int | None, typer.Option("-n", help="Number of alternatives [1].")] = None,
    max_words: Annotated[int | None, typer.Option(help="Most words.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens [24].")] = None,
    max_chars: Annotated[int | None, typer.Option(help="Most characters.")] = None,
    temperature: Annotated[
        float, typer.Option(help="0 searches for the most probable text; above 0 samples.")
    ] = 0.0,
    top_k: Annotated[int, typer.Option(help="Sample from this many tokens; 0: all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Sample from this much probability.")] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Makes samples repeatable.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text.")] = None,
    at_sentence: Annotated[
        bool, typer.Option("--at-sentence", help="End with the sentence.")
    ] = False,
    at_line: Annotated[bool, typer.Option("--at-line", help="End with the line.")] = False,
    user: Annotated[
        str | None, typer.Option(help="Mix in what was learnt of this user [of nobody].")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Mix in what was learnt of this collection.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Alias, path or Hugging Face name; see `tecla models`.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print text as it comes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a text.")] = False,
) -> None:
    """Complete TEXT at its end, in the middle of a word or after it.

    Prints the text to insert; with -n above 1, one alternative a line with the probability of
    its first word (--json gives that of the whole text). One line break at the end of standard
    input does not count as text. It is what the model says, unfiltered; `tecla type` filters.
    """
    texts = _texts(text, file)
    if stream and (as_json or file is not None or (n or 1) > 1):
        raise OptionError("--stream prints one text as it comes; leave out --json, --file and -n")
    from tecla.faces.autocomplete import AutoComplete
    from tecla.settings import load
    from tecla.suggest.suggester import Suggester

    defaults = load({"model": model}).settings
    options: CompletionOptions = {
        "n": defaults.completion.alternatives if n is None else n,
        "after": after,
        "header": header,
        "stop": tuple(stop or ()),
        "max_words": max_words,
        "max_chars": max_chars,
        "at_sentence": at_sentence,
        "at_line": at_line,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
    }
    with Suggester.open(model) as suggester:
        completer = AutoComplete(suggester=suggester)
        options["adjust"] = _learnt(suggester, user, collection, header)
        most = defaults.completion.max_tokens if max_tokens is None else max_tokens
        if stream:
            _print_stream(completer, next(texts), most, options)
            return
        while group := list(islice(texts, _LINES_AT_ONCE)):
            started = time.perf_counter()
            answers = completer.suggest_batch(group, max_new_tokens=most, **options)
            elapsed_ms = (time.perf_counter() - started) * 1000
            for prompt, answer in zip(group, answers, strict=True):
                if as_json:
                    _print_json(completer, answer, elapsed_ms / len(group))
                else:
                    _print_text(prompt, answer, alone=file is None, several=options["n"] > 1)


def _learnt(
    suggester: Suggester, user: str | None, collection: str | None, header: str
) -> tuple[Adjustment, ...]:
    """What was learnt of those who are named, brought up to date first."""
    if user is None and collection is None:
        return ()
    from tecla.controller.personal import Personal

    personal = Personal.of_settings()
    if personal is None:
        return ()
    with personal, personal.own(user, collection, tokenizer=lambda: suggester.tokenizer) as own:
        personal.settle()
        own.renewed()
        return own.adjust(header)


def _texts(text: str | None, file: Path | None) -> Iterator[str]:
    """The texts to complete; raises `InputError` before any model is loaded."""
    if (text is None) == (file is None):
        raise OptionError("give one TEXT (or - for standard input), or --file")
    if file is not None:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise OptionError(f"cannot read --file {str(file)!r}: {error.strerror}") from error
        return iter(_decode(data, f"--file {str(file)!r}").splitlines())
    return iter([read_text(text or "")])


def read_text(text: str) -> str:
    """`text`, or standard input for "-", less one line break at its end."""
    if text != "-":
        return text
    return _without_line_break(_decode(sys.stdin.buffer.read(), "standard input"))


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidTextError(
            f"{where} is not UTF-8: {error.reason} at byte offset {error.start}, line {line}; "
            "convert it first (iconv -t utf-8)"
        ) from None


def _without_line_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _print_json(completer: AutoComplete, answer: Completed, elapsed_ms: float) -> None:
    document: dict[str, object] = {
        "model": completer.model.name,
        "elapsed_ms": round(elapsed_ms, 1),
        "suggestions": [
            {
                "text": found.text,
                "probability": found.probability,
                "source": "neural",
                "stop": found.stop,
            }
            for found in answer.continuations
        ],
    }
    if answer.silence is not None:
        document["silence"] = answer.silence
    print(json.dumps(document, ensure_ascii=False), flush=True)


def _print_text(prompt: str, answer: Completed, *, alone: bool, several: bool) -> None:
    if answer.silence is not None:
        why = _SILENCE.get(answer.silence, answer.silence)
        print(f"tecla: no suggestion: {why}", file=sys.stderr)
        if not alone:
            print()
        return
    for found in answer.continuations:
        shown = found.text if alone and not several else one_line(found.text)
        if several:
            first = found.words[0].probability if found.words else found.probability
            print(f"{first:.3f}\t{shown}")
        elif alone and sys.stdout.isatty():
            typer.echo(typer.style(prompt, dim=True) + typer.style(shown, bold=True))
        else:
            print(shown)
    sys.stdout.flush()


def one_line(text: str) -> str:
    """`text` with its line breaks and tabs spelt out."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _print_stream(
    completer: AutoComplete, text: str, most: int, options: CompletionOptions
) -> None:
    shown = False
    for piece in completer.stream(text, max_new_tokens=most, **options):
        sys.stdout.write(piece)
        sys.stdout.flush()
        shown = True
    if shown:
        print()
    else:
        print("tecla: no suggestion: the text ends here", file=sys.stderr)
