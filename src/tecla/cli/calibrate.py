"""`tecla calibrate`: how far the probabilities of suggestions can be believed, fitted to text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli.reading import check_files, check_output, progress_bar
from tecla.errors import OptionError

if TYPE_CHECKING:
    from tecla.controller.calibration import Event, Kind
    from tecla.evaluate.corpora import Passage

_USUAL = "prose"


def calibrate(
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="KIND:FILE, texts that people wrote; KIND is lines, dialogue, prose, mail or book."
        ),
    ] = None,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Use what became of suggestions on this machine.")
    ] = False,
    licence: Annotated[
        str, typer.Option(help="Of the texts; it is kept with the curves.")
    ] = "not stated",
    chars: Annotated[
        int | None, typer.Option(min=1, help="Take passages of so many characters of each file.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="A predictor beside the model [those of the language]."),
    ] = None,
    weight: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Share of those predictors in the ranking [a writer's own]."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Alias, path or Hugging Face name; see `tecla models`.")
    ] = None,
) -> None:
    """Fit how often a suggestion of a given probability is right, by source, language and place.

    Texts are typed key by key; every ghost text there would be is an event, right if the text runs
    through it: once with the model and once without it, since the predictors beside it answer alone
    before it does, and where it is out of reach. A model of about 100 MB types 20,000 characters in
    about ten minutes.
    """
    from tecla.controller.calibration import Calibration, Provenance
    from tecla.controller.lived import fitted
    from tecla.files import sha256_of

    given = [_kind_and_file(each) for each in texts or ()]
    if not given and not feedback:
        raise OptionError("there is nothing to fit to; give texts, or --feedback")
    check_files([file for _, file in given])
    check_output(output)
    found: list[tuple[Kind, Event]] = []
    model_hash = ""
    if given:
        passages = list(chain.from_iterable(_sampled(kind, file, chars) for kind, file in given))
        typed, model_hash = _typed(passages, model, beside, weight)
        found += typed
    if feedback:
        found += _lived()
    curves = fitted(found)
    origin = Provenance(
        model_hash,
        tuple((Path(file).name, licence, sha256_of(Path(file))) for _, file in given),
        {"chars": chars, "feedback": feedback, "beside": list(beside or ()), "weight": weight},
        datetime.now(UTC).date().isoformat(),
    )
    Calibration(curves, origin).save(output)
    typer.echo(f"wrote {output}: {len(curves)} curves of {len(found)} events")


def _kind_and_file(text: str) -> tuple[str, str]:
    from tecla.evaluate.corpora import KINDS

    kind, colon, file = text.partition(":")
    if colon and kind in KINDS:
        return kind, file
    return _USUAL, text


def _sampled(kind: str, file: str, chars: int | None) -> list[Passage]:
    from tecla.evaluate.corpora import read_passages, sample

    return sample(read_passages(kind, [Path(file)]), chars, seed=1)  # type: ignore[arg-type]  # known


def _typed(
    passages: list[Passage], model: str | None, beside: list[str] | None, weight: float | None
) -> tuple[list[tuple[Kind, Event]], str]:
    """Events of typing with the model and without it, and the model's hash."""
    from tecla.controller.calibration import Calibration
    from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
    from tecla.controller.manner import Manner, Search
    from tecla.controller.sources import ANY
    from tecla.evaluate.calibrating import events_of
    from tecla.files import sha256_of

    manner = Manner(search=Search(deadline_ms=None), eagerness=1.0)
    if weight is not None:
        manner = replace(manner, weight=weight, weights=())
    predictors = {ANY: beside} if beside else DEFAULT_PREDICTORS
    with (
        Controller.open(
            model, predictors=predictors, manner=manner, calibration=Calibration(), cache_bytes=0
        ) as controller,
        controller.writer() as writer,
        controller.writer(with_model=False) as alone,
        progress_bar() as bar,
    ):
        for language in predictors:
            controller.prepare(language)
        task = bar.add_task("typing", total=2 * sum(len(each.text) for each in passages))
        found = [
            event
            for each in (writer, alone)
            for event in events_of(each, passages, lambda done: bar.advance(task, done))
        ]
        path = controller.model_path
    return found, sha256_of(path) if path is not None else ""


def _lived() -> Iterator[tuple[Kind, Event]]:
    """Events of feedback of everybody on this machine."""
    from tecla.controller.lived import lived
    from tecla.store.sqlite import SqliteStore

    with SqliteStore.open() as store:
        yield from lived(store.feedback.events())
