"""Which keys are left to a person who is offered lists of words: from what was recorded.

For each system of a run of `tecla evaluate` over lists, under presage's protocol: the share of the
keys pressed that select a word or end it, that are its first letter, its second, a later one; and
how many words were offered before a letter of them was typed, or never.

Run: `python benchmarks/list_keys.py CONFIG FOLDER --corpora FOLDER`, where the run of that
configuration wrote its records. Without arguments: the most common words, on the sentences in
tests/data. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tecla.controller.predictors import open_predictor
from tecla.evaluate.answers import Record
from tecla.evaluate.config import load_config
from tecla.evaluate.corpora import read_passages
from tecla.evaluate.record import ask
from tecla.evaluate.run import plan, recorded
from tecla.evaluate.typists import presage_words
from tecla.predict.base import Budget

SENTENCES = Path(__file__).resolve().parent.parent / "tests" / "data" / "english.txt"


def shares(records: Iterable[Record], n: int = 6) -> dict[str, float]:
    """Percent of the keys pressed, and of the words."""
    keys: Counter[str] = Counter()
    words: Counter[str] = Counter()
    plain = 0
    for record in records:
        for word in presage_words(record, n):
            plain += word.chars + 1
            keys["select"] += 1
            keys["first letter"] += word.typed >= 1
            keys["second"] += word.typed >= 2
            keys["later"] += max(0, word.typed - 2)
            words["at once"] += word.typed == 0
            words["never"] += word.typed == word.chars
    pressed = sum(keys.values())
    found = {"saved": 100 * (1 - pressed / plain)}
    found |= {name: 100 * count / pressed for name, count in keys.items()}
    found |= {f"words {name}": 100 * count / keys["select"] for name, count in words.items()}
    return {name: round(value, 1) for name, value in found.items()}


def asked(spec: str, path: Path) -> Iterator[Record]:
    """What a system says to the passages of a file."""
    predictor = open_predictor(spec)
    for passage in read_passages("lines", [path]):
        yield ask(predictor, passage, Budget(n=6, max_words=1))
    predictor.close()


def main() -> None:
    """Read the records, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("config", type=Path, nargs="?")
    parser.add_argument("folder", type=Path, nargs="?", help="of the run")
    parser.add_argument("--corpora", type=Path)
    given = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    if given.config is None:
        result["frequency:en"] = shares(asked("frequency:en", SENTENCES))
    else:
        for recording in plan(load_config(given.config, given.corpora), given.folder):
            name = f"{recording.system.name}, {recording.corpus.name}"
            result[name] = shares(recorded(recording))
    for name, found in result.items():
        print(f"{name}: {found}")
    print(json.dumps({"benchmark": "list_keys", **result}))


if __name__ == "__main__":
    main()
