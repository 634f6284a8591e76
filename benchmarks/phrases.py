"""Phrases in a list of words: what they save under presage's protocol.

The list of a writer with the shipped defaults, asked for six first words of which the likeliest is
followed up to `--words` words. Three lists, each typed to the end by presage's typist (letters of
words alone count, selecting is one key and gives the space behind; `tecla.evaluate.typists`):

* *words*: six single words;
* *replaced*: five words, and in place of the sixth the phrase that most keys are expected of
  (its probability times its characters);
* *added*: six words and the phrase.

A phrase is selected if the person's text, case apart, runs through all of it. Unlike the report on
lists this one offers words again that were passed over.

Run: `python benchmarks/phrases.py [--chars N] [--kind dialogue] [--words N] FILE ...`. The last
line is one JSON object. Without files it uses the sentences in tests/data. Fixed seed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import regex

from tecla.controller.blend import first_word
from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.tree import Alternative
from tecla.evaluate.corpora import KINDS, Passage, read_passages, sample
from tecla.evaluate.presage_protocol import BLANKS, SEPARATORS
from tecla.text.snapshot import Snapshot

SEED: Final = 1
LISTED: Final = 6
ALWAYS_ASK: Final = 1_000_000
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
_WORD = regex.compile(f"[^{regex.escape(BLANKS + SEPARATORS, special_only=False)}]+")

Entries = Sequence[str]
Ask = Callable[[int], Sequence[Alternative]]


def phrase(found: Sequence[Alternative]) -> str | None:
    """The beginning of two or more words that most characters are expected of."""
    worth = [
        (end.probability * end.char_offset, each.text[: end.char_offset])
        for each in found
        for end in each.words[1:]
    ]
    return max(worth)[1] if worth else None


def words(found: Sequence[Alternative]) -> list[str]:
    """The list without phrases."""
    return [first_word(each) for each in found[:LISTED]]


def added(found: Sequence[Alternative]) -> list[str]:
    """The list and the phrase."""
    best = phrase(found)
    return words(found) if best is None else [*words(found), best]


def replaced(found: Sequence[Alternative]) -> list[str]:
    """The list with the phrase in place of its last word."""
    best = phrase(found)
    return words(found) if best is None else [*words(found)[: LISTED - 1], best]


LISTS: Final[dict[str, Callable[[Sequence[Alternative]], Entries]]] = {
    "words": words,
    "replaced": replaced,
    "added": added,
}


def given_chars(text: str, at: int, end: int, entry: str) -> int:
    """Where the entry leads from `at`, if it is right up to the end of the word or further."""
    until = at + len(entry.rstrip())
    right = text[at:until].lower() == entry.rstrip().lower()
    whole = right and until >= end and not text[until : until + 1].isalnum()
    return until if whole else 0


def typed(passage: Passage, ask: Ask, entries: Callable[[Sequence[Alternative]], Entries]) -> int:
    """Keys that the passage's words cost with such a list."""
    text, done, keys = passage.text, 0, 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        if start < done:
            continue
        keys += 1  # the space, or the selection
        for at in range(start, end):
            done = max(given_chars(text, at, end, entry) for entry in ["", *entries(ask(at))])
            if done:
                break
            keys += 1
    return keys


def main() -> None:
    """Type and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--kind", default="lines", choices=KINDS)
    parser.add_argument("--chars", type=int, default=1500)
    parser.add_argument("--words", type=int, default=4)
    given = parser.parse_args()
    search = Search(
        alternatives=LISTED, words=given.words, min_share=0.0, tolerance=0.01, deadline_ms=None
    )
    manner = Manner(search=search, keep_chars=ALWAYS_ASK)
    passages = sample(
        read_passages(given.kind, given.files or [DATA / "english.txt"]), given.chars, SEED
    )
    plain = asked = 0
    keys = dict.fromkeys(LISTS, 0)
    with Controller.open(manner=manner, cache_bytes=0) as controller:
        for language in DEFAULT_PREDICTORS:
            controller.prepare(language)
        with controller.writer() as writer:
            for passage in passages:
                known: dict[int, Sequence[Alternative]] = {}

                def ask(
                    at: int,
                    passage: Passage = passage,
                    known: dict[int, Sequence[Alternative]] = known,
                ) -> Sequence[Alternative]:
                    if at not in known:
                        writer.header = passage.header
                        writer.update(Snapshot(passage.lead + passage.text[:at]))
                        known[at] = writer.wait().alternatives
                    return known[at]

                plain += sum(len(match.group()) + 1 for match in _WORD.finditer(passage.text))
                for name, entries in LISTS.items():
                    keys[name] += typed(passage, ask, entries)
                asked += len(known)
    saved = {name: round(100 * (1 - count / plain), 2) for name, count in keys.items()}
    for name, percent in saved.items():
        print(f"{name}: {percent} % of {plain} keys saved")
    print(json.dumps({"benchmark": "phrases", "keys": plain, "asked": asked, **saved}))


if __name__ == "__main__":
    main()
