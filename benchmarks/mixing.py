"""What mixing adds to one position: matching, changing the scores, finding the best token again.

A text of `--learnt` tokens is learnt (made from the sentences in tests/data, drawn again and again
with words exchanged, so that ends of every length occur), and another of `--before` tokens stands
before the caret. Raw scores are random, of a vocabulary as large as the default model's. Median
and 95th percentile of processor time over positions, in microseconds: the best token alone; the
same with what was learnt and the text itself mixed in, found anew (a key that was typed) and found
already (a branch that is looked at again). Fixed seed.

    .venv/bin/python benchmarks/mixing.py [--learnt N] [--before N]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Final

import numpy as np

from tecla.decode.adjust import adjusted
from tecla.engines.factory import tokenizer_of
from tecla.engines.scores import NumpyScores
from tecla.personal.base import Matcher
from tecla.personal.mixing import Mixture
from tecla.personal.segment import Row, Segment
from tecla.personal.vocabulary import Vocabulary
from tecla.settings import load
from tecla.text.base import Tokenizer

SEED: Final = 1
POSITIONS: Final = 200
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


class Kept:
    """A matcher that is there already, as a value."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def open(self, tokenizer: Tokenizer) -> Matcher:
        """The matcher."""
        return self._matcher


def text(tokenizer: Tokenizer, n_tokens: int, chance: random.Random) -> list[int]:
    """About so many tokens of sentences with words exchanged."""
    sentences = (DATA / "english.txt").read_text("utf-8").splitlines()
    words = " ".join(sentences).split()
    found: list[int] = []
    while len(found) < n_tokens:
        drawn = [
            chance.choice(words) if chance.random() < 0.2 else word
            for word in chance.choice(sentences).split()
        ]
        found += tokenizer.encode((" " + " ".join(drawn)).encode())
    return found


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--learnt", type=int, default=100_000)
    parser.add_argument("--before", type=int, default=1000)
    options = parser.parse_args()
    chance, random_scores = random.Random(SEED), np.random.default_rng(SEED)
    with tokenizer_of(load({}).settings) as tokenizer:
        rows = [
            Row(number, text(tokenizer, 400, chance)) for number in range(options.learnt // 400)
        ]
        segment = Segment.of(rows, Vocabulary(len(tokenizer.table)))
        before = text(tokenizer, options.before + POSITIONS, chance)
        mixer = Mixture((("user", Kept(segment)),)).build(tokenizer)
        took: dict[str, list[float]] = {"best token": [], "found anew": [], "found already": []}
        levels = ids = 0
        for at in range(options.before, options.before + POSITIONS):
            logits = random_scores.normal(0, 3, (1, len(tokenizer.table))).astype(np.float32)
            tokens = tuple(before[:at])
            for name in took:
                scores = NumpyScores(logits.copy())
                started = time.process_time_ns()
                if name == "best token":
                    scores.top_k(2)
                else:
                    changed, _ = adjusted([mixer], tokens, scores, 0)
                    changed.top_k(2)
                took[name].append((time.process_time_ns() - started) / 1000)
            found = mixer.found(tokens)
            levels += sum(len(each) for _, each in mixer.levels(tokens))
            ids += 0 if found is None else len(found.ids)
    figures = {
        name: {
            "p50": round(float(np.median(each)), 1),
            "p95": round(float(np.percentile(each, 95)), 1),
        }
        for name, each in took.items()
    }
    for name, each in figures.items():
        print(f"{name}: {each['p50']} us, p95 {each['p95']} us")
    print(
        json.dumps(
            {
                "benchmark": "mixing",
                "learnt": options.learnt,
                "before": options.before,
                "levels": round(levels / POSITIONS, 2),
                "ids": round(ids / POSITIONS, 1),
                "us": figures,
            }
        )
    )


if __name__ == "__main__":
    main()
