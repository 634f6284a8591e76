"""A person writes through a live writer: where answers come from, and what each habit costs.

The person of the evaluation (`tecla.evaluate.typists`: takes the longest right part of a ghost text
where that saves two keys) types passages with a writer at hand; every key waits for the settled
answer. Counted, for 100 revisions (a key, or a suggestion that is taken):

* where the answer came from: what was known, what was typed through, the predictors alone, or the
  model; tokens evaluated;
* *early*: a predictor's answer shown before the model's, and how often it was right; how often the
  model's best word was another, and was right;
* *ahead*: if the text behind each ghost text were searched before it is taken: how many searches
  that would be, and how many of them would be used (all of the ghost text was taken, and the
  writer had to ask the model then).

`--call-keys` are the keys that a call of the model must be worth (`Router`); 0 asks always.

Run: `python benchmarks/writing.py [--chars N] [--kind dialogue] [--call-keys X] [--sure P]
[--beside SPEC]... FILE ...`. The last line is one JSON object. Without files it uses the sentences
in tests/data. Fixed seed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tecla.controller.blend import first_word
from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.router import Router
from tecla.controller.sources import ANY
from tecla.controller.writer import Writer
from tecla.evaluate.answers import Offer
from tecla.evaluate.corpora import KINDS, Passage, read_passages, sample
from tecla.evaluate.typists import taken
from tecla.text.snapshot import Snapshot

SEED: Final = 1
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


def write(writer: Writer, passages: Iterable[Passage]) -> Counter[str]:
    """Type the passages; what happened, counted."""
    counts: Counter[str] = Counter()
    for passage in passages:
        writer.header = passage.header
        text, at, whole = passage.text, 0, False
        counts["chars"] += len(text)
        while at < len(text):
            early = writer.update(Snapshot(passage.lead + text[:at]))
            found = writer.wait()
            counts["revisions"] += 1
            counts[f"from {found.origin}"] += 1
            counts["tokens"] += found.work.evaluated_tokens
            asked = found.origin == "model"
            counts["ahead used"] += whole and asked
            counts["ahead searches"] += found.ghost is not None and found.origin != "typed"
            if asked and early.origin == "classical" and early.ghost is not None:
                counts["early"] += 1
                counts["early right"] += text.startswith(early.ghost.text.rstrip(), at)
                best = first_word(found.alternatives[0]) if found.alternatives else ""
                if not early.ghost.text.startswith(best):
                    counts["early, model disagrees"] += 1
                    counts["early, model right"] += text.startswith(best, at)
            gain = None
            if found.ghost is not None:
                ends = tuple((end.char_offset, end.probability) for end in found.ghost.words)
                offer = Offer(found.ghost.text, found.ghost.probability, ends)
                gain = taken(text, at, offer, "saving")
            chars, keys = gain or (1, 1)  # what is typed by hand is one character
            whole = gain is not None and found.ghost is not None and chars == len(found.ghost.text)
            counts["keys"] += keys
            counts["taken"] += gain is not None
            at += chars
    return counts


def main() -> None:
    """Write and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--kind", default="lines", choices=KINDS)
    parser.add_argument("--chars", type=int, default=3000)
    parser.add_argument("--call-keys", type=float, default=0.0)
    parser.add_argument("--sure", type=float)
    parser.add_argument("--beside", action="append")
    given = parser.parse_args()
    manner = Manner(search=Search(deadline_ms=None))
    if given.sure is not None:
        manner = replace(manner, sure=given.sure)
    specs = {ANY: given.beside} if given.beside else DEFAULT_PREDICTORS
    passages = sample(
        read_passages(given.kind, given.files or [DATA / "english.txt"]), given.chars, SEED
    )
    router = Router(given.call_keys) if given.call_keys else None
    with Controller.open(
        predictors=specs, manner=manner, cache_bytes=0, router=router
    ) as controller:
        for language in specs:
            controller.prepare(language)
        with controller.writer() as writer:
            counts = write(writer, passages)
    revisions = counts["revisions"]
    saved = 100 * (1 - counts["keys"] / counts["chars"])
    print(f"{counts['chars']} characters, {saved:.2f} % of the keys saved; for 100 revisions:")
    shares = {name: round(100 * count / revisions, 2) for name, count in sorted(counts.items())}
    for name, share in shares.items():
        print(f"    {name}: {share}")
    print(json.dumps({"benchmark": "writing", "saved_percent": round(saved, 2), **counts}))


if __name__ == "__main__":
    main()
