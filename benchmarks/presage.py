"""The n-gram model beside presage under presage's own protocol, on running text.

Each types one text from its beginning, as presage's simulator does (`docs/decisions/0008`): lists
of six words, letters alone charged. Both have been trained on the same files and know all that was
typed so far: presage learns from it, the n-gram model weighs words of the text so far. With "no
repeats" the n-gram model, too, offers nothing twice within a word.

    .venv/bin/python benchmarks/presage.py MODELS [--corpora FOLDER] [--split test] [--chars 60000]

MODELS is the folder that `benchmarks/reports.py` trains into. Intervals are 95 %, of a bootstrap
over stretches of 100 words. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tecla.classic.ngram import Ngram
from tecla.evaluate.bootstrap import difference, ratio
from tecla.evaluate.corpora import Kind, read_passages
from tecla.evaluate.metrics import Ratio
from tecla.evaluate.presage import Presage
from tecla.evaluate.presage_protocol import TypedWord, type_words
from tecla.predict.base import Predictor
from tecla.predict.unrepeated import Unrepeated

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
TEXTS: dict[Kind, str] = {
    "dialogue": "dialogue/dailydialog.{split}.txt",
    "mail": "mail/aeslc-sent.{split}.jsonl",
}
LIST = 6
STRETCH = 100  # words drawn together
SEED = 1


def systems(models: Path) -> Iterator[tuple[str, Callable[[], Predictor]]]:
    """Names and openers; presage last, with which the others are compared."""
    ngram, database = models / "folded.ngram", models / "presage.db"
    yield "n-gram", lambda: Ngram.open(ngram)
    yield "n-gram, no repeats", lambda: Unrepeated(Ngram.open(ngram))
    yield "presage, not learning", lambda: Presage(database, learning=False)
    yield "presage", lambda: Presage(database)


def saved(words: Sequence[TypedWord]) -> Ratio:
    """Keys saved and keys hit without suggestions, of every stretch of words."""
    found = Ratio([], [])
    for at in range(0, len(words), STRETCH):
        stretch = words[at : at + STRETCH]
        found.parts.append(sum(word.chars - word.typed for word in stretch))
        found.wholes.append(sum(word.chars + 1 for word in stretch))
    return found


def main() -> None:
    """Type, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--chars", type=int, default=60_000, help="of the beginning of each text")
    options = parser.parse_args()
    found: dict[str, dict[str, object]] = {}
    for kind, name in TEXTS.items():
        file = options.corpora / name.format(split=options.split)
        text = "\n".join(passage.text for passage in read_passages(kind, [file]))[: options.chars]
        own = {}
        for title, opened in systems(options.models):
            predictor = opened()
            own[title] = saved(list(type_words(predictor, text, LIST)))
            predictor.close()
            print(f"{kind}, {title}: {own[title].value:.2%}", flush=True)
        found[kind] = {"chars": len(text)} | {
            title: {
                "savings": asdict(ratio(*each, SEED)),
                "less_presage": asdict(difference(each, own["presage"], SEED)),
            }
            for title, each in own.items()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
