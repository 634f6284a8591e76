"""`tecla compare`: what different systems suggest for one text, side by side."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from tecla.errors import TeclaError

if TYPE_CHECKING:
    from rich.text import Text

    from tecla.predict.base import Budget, Candidate
    from tecla.text.context import Context

_DEFAULT = ("frequency:en", "ngram:en", "neural")
_BAR_CHARS = 5


class _Answer(NamedTuple):
    """What one system said; `error` if it could not be asked."""

    system: str
    candidates: list[Candidate]
    elapsed_ms: float
    error: str = ""


def compare(
    text: Annotated[str, typer.Argument(help="Text before the caret; - reads standard input.")],
    system: Annotated[
        list[str] | None,
        typer.Option(
            help="frequency:LANGUAGE, dictionary:LANGUAGE, dictionary:PATH, ngram:LANGUAGE, "
            "ngram:PATH, querylog:PATH, neural or neural:MODEL; may be given several times."
        ),
    ] = None,
    n: Annotated[int, typer.Option("-n", help="Suggestions of each.")] = 5,
    max_words: Annotated[int, typer.Option(help="Most words of a suggestion.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what several systems suggest for TEXT.

    Each with the probability it gives and its time for one answer, without opening the system.
    Where a suggestion spells what is typed differently, both are shown. Without --system those of
    frequency:en, ngram:en and neural that can be opened are compared.
    """
    from tecla.cli.complete import read_text
    from tecla.predict.base import Budget
    from tecla.text.context import Context

    context, budget = Context(read_text(text)), Budget(n=n, max_words=max_words)
    answers = []
    for spec in system or _DEFAULT:
        try:
            answers.append(_ask(spec, context, budget))
        except TeclaError as error:
            if system:
                raise
            answers.append(_Answer(spec, [], 0.0, str(error)))
    if as_json:
        print(json.dumps({"systems": [_document(each) for each in answers]}, ensure_ascii=False))
        return
    _print_table(context.before, answers)


def _ask(spec: str, context: Context, budget: Budget) -> _Answer:
    from tecla.controller.predictors import open_predictor
    from tecla.text.context import Context

    predictor = open_predictor(spec)
    try:
        predictor.predict(Context(""), budget)  # what is done once is not part of an answer
        started = time.perf_counter()
        found = predictor.predict(context, budget)
        elapsed_ms = (time.perf_counter() - started) * 1000
    finally:
        predictor.close()
    return _Answer(predictor.name, found, elapsed_ms)


def _document(answer: _Answer) -> dict[str, object]:
    if answer.error:
        return {"system": answer.system, "error": answer.error}
    return {
        "system": answer.system,
        "elapsed_ms": round(answer.elapsed_ms, 3),
        "suggestions": [
            {
                "text": each.text,
                "replaces": each.replaces,
                "probability": each.probability,
                "source": each.source,
            }
            for each in answer.candidates
        ],
    }


def _print_table(before: str, answers: list[_Answer]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("system", overflow="fold", style="bold", max_width=20)
    table.add_column("suggestion", overflow="fold", ratio=1)
    table.add_column("probability", no_wrap=True, width=12)
    table.add_column("ms", justify="right", no_wrap=True)
    for answer in answers:
        time_ms = "" if answer.error else f"{answer.elapsed_ms:.2f}"
        if not answer.candidates:
            why = Text(answer.error or "nothing to say", style="dim italic")
            table.add_row(answer.system, why, "", time_ms, end_section=True)
        for at, each in enumerate(answer.candidates):
            table.add_row(
                answer.system if at == 0 else "",
                _shown(before, each),
                _bar(each.probability),
                time_ms if at == 0 else "",
                end_section=at + 1 == len(answer.candidates),
            )
    Console(file=sys.stdout).print(table)


def _bar(probability: float) -> Text:
    """A probability as a number and as a length."""
    from rich.text import Text

    number = f"{probability:.4f}" if probability >= 0.0001 else "<.0001"
    return Text.assemble(number, " ", ("━" * round(_BAR_CHARS * probability), "cyan"))


def _shown(before: str, candidate: Candidate) -> Text:
    """The text of a candidate on one line, blanks before it made visible.

    Where it spells what is typed differently, the whole word as typed and as it becomes.
    """
    from rich.text import Text

    from tecla.cli.complete import one_line
    from tecla.text.words import words

    shown = Text()
    text = candidate.text
    if candidate.replaces:
        kept = before[: -candidate.replaces]
        start = max((span.start for span in words(before)), default=0)
        start = min(start, len(kept))
        shown.append(one_line(before[start:]), style="dim strike")
        shown.append(" → ", style="dim")
        text = kept[start:] + text
    text = one_line(text)
    blanks = len(text) - len(text.lstrip(" "))
    shown.append("␣" * blanks, style="dim")
    shown.append(text[blanks:])
    return shown
