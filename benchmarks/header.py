"""What passages above a text are worth: bits a character, and keys saved.

Texts are paused at: a message or a query stands up to a space near its middle (with `--open`, it is
opened, and nothing but its title is known), passages are found for it among what was learnt of the
same author (mail, by `mailbox`) or in one collection (lines), and what follows is scored, or typed.

* *none*: the preamble and the title alone above the text;
* *found*: the passages that `HeaderRule` takes; its thresholds are off unless given;
* *other*: as much of passages of the same owner drawn at random: what style alone does. On every
  third text.

*bits*: bits a character of the next 120 characters. *keys*: keys that the saving typist of the
evaluation saves on the next 50 characters, with the ghost text of the default writer.

Run: `python benchmarks/header.py bits|keys --kind mail|lines --learn FILE --type FILE [--texts N]`.
The last line is one JSON object; `--rows FILE` keeps the numbers of every text. Fixed seed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from tecla.controller.controller import Controller
from tecla.controller.manner import PREAMBLE, Manner, Search
from tecla.controller.written import Written
from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.bootstrap import Estimate, difference, ratio
from tecla.evaluate.corpora import Passage
from tecla.evaluate.metrics import savings
from tecla.evaluate.typists import ghost
from tecla.learning.passages import passages
from tecla.predict.base import Budget
from tecla.retrieval.choosing import HeaderRule, chosen, query_of
from tecla.retrieval.embedding import open_embedding
from tecla.retrieval.retriever import Retriever
from tecla.store.documents import NewDocument
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

SEED: Final = 31
SCORED_CHARS: Final = 120
TYPED_CHARS: Final = 50
MOST_OPEN_CHARS: Final = 600  # of a text that stands already
LEAST_PASSAGES: Final = 30  # of an owner whose texts are taken


class Text(NamedTuple):
    """Whose it is, what stands above and before the caret, and what follows."""

    owner: Owner
    title: str
    before: str
    follows: str


def mails(file: Path) -> Iterator[tuple[Owner, str, str]]:
    """Owner, title and text of every message."""
    for line in file.read_text(encoding="utf-8").splitlines():
        mail = json.loads(line)
        yield Owner("user", mail["mailbox"]), f"Subject: {mail['subject']}", mail["body"].strip()


def lines(file: Path) -> Iterator[tuple[Owner, str, str]]:
    """One collection of lines."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield Owner("collection", "lines"), "", line.strip()


READ: Final = {"mail": mails, "lines": lines}


def learn(store: SqliteStore, read: Iterator[tuple[Owner, str, str]]) -> None:
    """Keep what was written before."""
    store.documents.put(
        NewDocument(
            owner=owner,
            source=f"{number}",
            kind="text",
            digest=b"%d" % number,
            time_s=0.0,
            size_bytes=len(text),
            passages=tuple(passages(text)),
            title=title,
        )
        for number, (owner, title, text) in enumerate(read)
    )


def paused(read: Iterator[tuple[Owner, str, str]], *, opened: bool) -> Iterator[Text]:
    """Texts in a seeded order, up to a space near the middle of each."""
    every = list(read)
    random.Random(SEED).shuffle(every)
    for owner, title, text in every:
        at = 0 if opened else text.find(" ", min(len(text) // 2, MOST_OPEN_CHARS))
        if (opened and title) or at > 12:
            yield Text(owner, title, text[: max(0, at)], text[max(0, at) :])


class Asked(NamedTuple):
    """A text with what stands above it in each way, and why that was found."""

    text: Text
    above: dict[str, str]
    similarity: float
    shared: int


def asked(text: Text, retriever: Retriever, rule: HeaderRule, number: int) -> Asked | None:
    """`None` where too little of this owner was learnt."""
    all_ = [each.text.strip() for each in retriever.book.passages(text.owner)]
    if len(all_) < LEAST_PASSAGES:
        return None
    found = retriever.find(query_of(text.before, text.title), [text.owner], 4 * rule.passages)
    taken = chosen(found, f"{text.title}\n{text.before}", rule)
    above = {"none": "", "found": taken.text}
    if number % 3 == 0:
        drawn = random.Random(number).sample(all_, min(len(all_), 2 * rule.passages))
        above["other"] = "\n\n".join(drawn)[: max(len(taken.text), 1)]
    first = taken.found[0] if taken.found else None
    near = None if first is None else first.similarity
    return Asked(text, above, near or 0.0, len(first.shared) if first else 0)


def header(above: str, title: str) -> str:
    """Both, as they stand above a text."""
    return "\n\n".join(filter(None, (above, title)))


def bits(given: argparse.Namespace, rows: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """Bits of what follows; the whole is characters."""
    with Suggester.open(threads=given.threads) as suggester:
        for row in rows:
            text = row.text.follows[:SCORED_CHARS]
            found: dict[str, Any] = {"whole": len(text)}
            for name, above in row.above.items():
                stands = f"{Search().header_over(header(above, row.text.title))}\n\n"
                score = suggester.logprob(stands + row.text.before, text)
                found[name] = -score / math.log(2)
            yield found


def keys(given: argparse.Namespace, rows: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """Keys saved of what follows; the whole is the keys without suggestions."""
    manner = Manner(search=Search(deadline_ms=None))
    with Controller.open(predictors={}, manner=manner, threads=given.threads) as controller:
        written = Written(controller.writer())
        for row in rows:
            whole = row.text.before + row.text.follows
            text = row.text.follows[:TYPED_CHARS]
            found: dict[str, Any] = {}
            for name, above in row.above.items():
                stands = header(above, row.text.title)
                answers = []
                for at in range(len(text)):
                    before = whole[: len(row.text.before) + at]
                    said = written.predict(Context(before, header=stands), Budget(1, 4))
                    answers.append(Answer(tuple(map(Offer.of, said))))
                passage = Passage("", "lines", stands, row.text.before, text)
                saved = savings([ghost(Record(passage, tuple(answers)), "saving")])
                found[name], found["whole"] = saved.parts[0], saved.wholes[0]
            yield found
        written.close()


def summed(rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """A way against none, on the texts that have both."""
    both = [row for row in rows if name in row]
    wholes = [row["whole"] for row in both]
    parts, without = ([row[each] for row in both] for each in (name, "none"))
    return {
        "texts": len(both),
        "none": shown(ratio(without, wholes, SEED)),
        name: shown(ratio(parts, wholes, SEED)),
        "less none": shown(difference((parts, wholes), (without, wholes), SEED)),
    }


def shown(found: Estimate) -> list[float]:
    """Value and interval."""
    return [round(each, 4) for each in (found.value, found.low, found.high) if each is not None]


def main() -> None:
    """Find, score or type, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("measure", choices=("bits", "keys"))
    parser.add_argument("--kind", choices=tuple(READ), required=True)
    parser.add_argument("--learn", type=Path, required=True)
    parser.add_argument("--type", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--passages", type=int, default=HeaderRule().passages)
    parser.add_argument("--chars", type=int, default=HeaderRule().chars)
    parser.add_argument("--similarity", type=float, default=-1.0)
    parser.add_argument("--shared", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=Path)
    given = parser.parse_args()
    rule = HeaderRule(given.passages, given.chars, given.similarity, given.shared)
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStore.open(Path(folder) / "tecla.db") as store,
    ):
        learn(store, READ[given.kind](given.learn))
        retriever = Retriever(store.documents, open_embedding())
        retriever.index()
        read = paused(READ[given.kind](given.type), opened=given.open)
        found = (asked(text, retriever, rule, n) for n, text in enumerate(read))
        worth = (row for row in found if row is not None and row.above["found"])
        rows = list(islice(worth, given.texts))
    measure: Callable[..., Iterator[dict[str, Any]]] = {"bits": bits, "keys": keys}[given.measure]
    numbers = []
    for row, number in zip(rows, measure(given, rows), strict=True):
        numbers.append(number | {"similarity": round(row.similarity, 3), "shared": row.shared})
    if given.rows is not None:
        given.rows.write_text("\n".join(map(json.dumps, numbers)) + "\n", encoding="utf-8")
    ordered = sorted(numbers, key=lambda each: float(each["similarity"]))
    half = len(ordered) // 2
    result = {
        "benchmark": f"header {given.measure}",
        "kind": given.kind,
        "opened": given.open,
        "rule": [given.passages, given.chars, given.similarity, given.shared],
        "preamble_chars": len(PREAMBLE),
        "found": summed(numbers, "found"),
        "other": summed(numbers, "other"),
        "less alike half": summed(ordered[:half], "found"),
        "more alike half": summed(ordered[half:], "found"),
        "middle similarity": ordered[half]["similarity"] if ordered else None,
    }
    for name in ("found", "other", "less alike half", "more alike half"):
        print(name, result[name])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
