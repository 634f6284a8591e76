"""Texts and models for the figures: training splits to count, development splits to measure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tecla.classic.ngram import Ngram
from tecla.evaluate.corpora import Passage, read_passages, sample
from tecla.ngram.train import TrainingOptions, train_ngram
from tecla.predict.base import Budget, Predictor
from tecla.text.context import Context
from tecla.text.documents import read_documents

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
SEED = 4
Tables = dict[str, list[list[str]]]


@dataclass(slots=True)
class Measured:
    """A figure in numbers: `values` are drawn, `quotes` and `tables` stand in the pages."""

    settings: dict[str, Any]
    values: dict[str, Any]
    quotes: dict[str, str] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)


def dialogues(corpora: Path, split: str) -> list[str]:
    """Whole dialogues, one turn a line, in a seeded order."""
    found = list(read_documents(corpora / "dialogue" / f"dailydialog.{split}.txt"))
    random.Random(SEED).shuffle(found)
    return found


def first_chars(documents: Iterable[str], least: int) -> list[str]:
    """Whole documents until they have so many characters."""
    taken: list[str] = []
    for document in documents:
        if sum(map(len, taken)) >= least:
            break
        taken.append(document)
    return taken


def turns(corpora: Path, least_chars: int) -> list[Passage]:
    """Turns of the development dialogues with what stands before them, a seeded sample."""
    passages = read_passages("dialogue", [corpora / "dialogue" / "dailydialog.dev.txt"])
    return sample(passages, least_chars, SEED)


def trained(corpora: Path, order: int, folder: Path) -> tuple[Ngram, int]:
    """An n-gram model of the training dialogues, and the size of its file in bytes."""
    path = folder / f"{order}.ngram"
    done = train_ngram(dialogues(corpora, "train"), path, TrainingOptions(order=order))
    return Ngram.open(path, f"{order}-gram"), done.file_bytes


def offers(predictor: Predictor, before: str, start: int, word: str, n: int) -> bool:
    """Whether a list of `n` words holds `word`, case apart, whose first letter is at `start`."""
    for found in predictor.predict(Context(before), Budget(n=n, max_words=1)):
        end = found.words[0].char_offset if found.words else len(found.text)
        given = before[: len(before) - found.replaces] + found.text[:end]
        if given[start:].strip().lower() == word.lower():
            return True
    return False


def percent(share: float, digits: int = 0) -> str:
    """A share as it is written in the pages."""
    return f"{100 * share:.{digits}f} %"
