"""What learning brings: keys saved on a person's own texts, by how much was learnt of them.

A person writes through a live writer with the default calibration, as in `writing.py`: takes the
longest right part of a ghost text where that saves two keys, and every key waits for the settled
answer. Each message is written once in each condition, so all comparisons are paired:

* `none`: nothing is mixed in;
* `text`: the text itself is a source, nothing was learnt;
* a number, or `all`: so many of the person's own texts were learnt (the first ones of a seeded
  order), mixed in by the shipped weights;
* `constant:W` and `constant:W:LEVELS`: all of them, by the same weight W everywhere, as in Smart
  Compose (arXiv 1906.00080), on the longest match, or on each of so many levels;
* `presage`: presage, trained on all of them, its best word as ghost text.

*Keys saved*: 1 - keys / characters, a mean over people of their own, with 95 % intervals of a
bootstrap that draws messages within each person. *Expected saving*: keys that the shown texts are
expected to save by their own calibrated probability, for a hundred revisions. *Steps*, *tokens*:
what the model did, for a hundred revisions.

`all+words:W`: own words are in the n-gram predictor too, which has the share W in the ranking of
what is shown. Any condition may end in `+drafts`: what is mixed in, or the text itself, also
drafts. (Two runs of one condition differ a little in what is shown, with drafts or without: how
much of a text was read ahead depends on the time. `drafts.py` compares answers one by one.)

    .venv/bin/python benchmarks/personal.py SET [--split test] [--messages N] [--chars N]
        [--conditions none,all,all+drafts] [--people NAME,...] [--results FILE]

SET is mail (the ten mailboxes with most test messages), banking, austen, chesterton or baroja.
Results are kept in a file, message by message, and what is there is not written again. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from typing_extensions import Unpack

from tecla.classic.default_ngram import default_ngram
from tecla.classic.ngram import Ngram
from tecla.controller.asking import Asker
from tecla.controller.calibration import shipped as shipped_calibration
from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.router import expected_keys
from tecla.controller.sources import ANY, Sources
from tecla.controller.writer import Writer
from tecla.decode.request import Completed
from tecla.evaluate.answers import Offer
from tecla.evaluate.corpora import Passage, read_passages
from tecla.evaluate.presage import Presage, train_presage
from tecla.evaluate.typists import taken
from tecla.personal.base import Matcher
from tecla.personal.drafts import Drafts
from tecla.personal.mixing import Mixture
from tecla.personal.segment import Row, Segment
from tecla.personal.vocabulary import Vocabulary
from tecla.personal.weights import Source, Weights, shipped
from tecla.personal.words import LearntWords
from tecla.predict.base import Budget
from tecla.settings import PathSettings
from tecla.suggest.options import SuggestOptions
from tecla.suggest.suggester import Suggester
from tecla.text.base import Tokenizer
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot

SEED: Final = 1
DRAWS: Final = 2000
MAILBOXES: Final = 10
CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
PAIRS: Final = {
    "austen": ("books/austen-emma.txt", "books/austen-persuasion.txt"),
    "chesterton": ("books/chesterton-thursday.txt", "books/chesterton-brown.txt"),
    "baroja": ("spanish/baroja-zalacain.txt", "spanish/baroja-shanti-andia.txt"),
}


class Person(NamedTuple):
    """Whose texts are learnt and written."""

    name: str
    source: Source
    learnt: list[str]  # in the order they are learnt
    written: list[Passage]


class Kept:
    """A matcher that is there already, as a value."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def open(self, tokenizer: Tokenizer) -> Matcher:
        """The matcher."""
        return self._matcher


class Learnt:
    """A model that mixes in what the current person's texts say; in the place of a `Suggester`."""

    def __init__(self, suggester: Suggester) -> None:
        """Nothing is mixed in yet."""
        self._suggester = suggester
        self.mixture: Mixture | None = None
        self.draft: Drafts | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._suggester, name)

    def session(self, *, scope: Hashable = "") -> Session:
        """A caret."""
        return Session(self, self._suggester.session(scope=scope))


class Session:
    """A caret whose requests are adjusted."""

    def __init__(self, learnt: Learnt, inner: Any) -> None:
        self._learnt, self._inner = learnt, inner

    def begin(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = None,
        **options: Unpack[SuggestOptions],
    ) -> Future[Completed]:
        """Ask."""
        above = options.get("header", "")
        if self._learnt.mixture is not None:
            options["adjust"] = (replace(self._learnt.mixture, above=above),)
        if self._learnt.draft is not None:
            draft = self._learnt.draft
            options["draft"] = replace(draft, mixture=replace(draft.mixture, above=above))
        found: Future[Completed] = self._inner.begin(
            before, after, deadline_ms=deadline_ms, **options
        )
        return found

    def give_up(self) -> None:
        """Nobody waits."""
        self._inner.give_up()

    def close(self) -> None:
        """Give up what was asked."""
        self._inner.close()


def people(name: str, split: str) -> Iterator[Person]:
    """Those of a set."""
    if name == "mail":
        yield from _mailboxes(split)
        return
    if name == "banking":
        learnt = [each.text for each in _read("queries", "queries/banking77.train.txt")]
        written = _read("queries", "queries/banking77.test.txt")
        yield Person("banking77", "collection", _shuffled(learnt), _shuffled(written))
        return
    one, other = PAIRS[name]
    paragraphs = [each.text for each in _read("book", one)]
    blocks = ["\n\n".join(paragraphs[at : at + 20]) for at in range(0, len(paragraphs), 20)]
    yield Person(name, "user", _shuffled(blocks), _shuffled(_read("book", other)))


def _mailboxes(split: str) -> Iterator[Person]:
    by_box: dict[str, dict[str, list[Passage]]] = {}
    for part in ("train", "dev", "test"):
        file = CORPORA / f"mail/aeslc-sent.{part}.jsonl"
        boxes = [json.loads(line)["mailbox"] for line in file.read_text("utf-8").splitlines()]
        found = by_box[part] = defaultdict(list)
        for passage in read_passages("mail", [file]):
            found[boxes[int(passage.id.rpartition(":")[2]) - 1]].append(passage)
    ranked = sorted(by_box["test"], key=lambda box: (-len(by_box["test"][box]), box))
    for box in ranked[:MAILBOXES]:
        learnt = _shuffled([each.text for each in by_box["train"][box]])
        yield Person(box, "user", learnt, _shuffled(by_box[split][box]))


def _read(kind: Any, name: str) -> list[Passage]:
    return read_passages(kind, [CORPORA / name])


def _shuffled(items: Sequence[Any]) -> list[Any]:
    found = list(items)
    random.Random(SEED).shuffle(found)
    return found


def mixture_of(condition: str, person: Person, tokenizer: Tokenizer) -> Mixture | None:
    """What is mixed in; raises `ValueError` for a condition that is none."""
    if condition == "none":
        return None
    if condition == "text":
        return Mixture()
    weights, levels = shipped(), 8
    count = len(person.learnt) if condition == "all" or ":" in condition else int(condition)
    if condition.startswith("constant:"):
        _, share, *more = condition.split(":")
        weights, levels = Weights.constant(float(share)), int(more[0]) if more else 1
    told = tuple(person.learnt[:count])
    held = _held(person.name, count, tokenizer, told)  # type: ignore[arg-type]  # by identity
    sources = ((person.source, held),) if count else ()
    return Mixture(sources, levels=levels, weights=weights)


@cache
def _held(name: str, count: int, tokenizer: Tokenizer, texts: tuple[str, ...]) -> Kept:
    vocabulary = Vocabulary(len(tokenizer.table))
    rows = [Row(number, tokenizer.encode(text.encode())) for number, text in enumerate(texts)]
    return Kept(Segment.of(rows, vocabulary))


def write(writer: Any, passage: Passage) -> Counter[str]:
    """Write one passage; what happened, counted."""
    counts: Counter[str] = Counter()
    writer.header = passage.header
    text, at = passage.text, 0
    counts["chars"] = len(text)
    started, cpu_started = time.perf_counter(), time.process_time()
    while at < len(text):
        writer.update(Snapshot(passage.lead + text[:at]))
        found = writer.wait()
        counts["revisions"] += 1
        counts["tokens"] += found.work.evaluated_tokens
        counts["steps"] += found.work.steps
        counts["expected"] += int(1000 * expected_keys(found.ghost))
        gain = None
        if found.ghost is not None:
            counts["shown"] += 1
            counts["right"] += text.startswith(found.ghost.text.rstrip(), at)
            ends = tuple((end.char_offset, end.probability) for end in found.ghost.words)
            offer = Offer(found.ghost.text, found.ghost.probability, ends)
            gain = taken(text, at, offer, "saving")
        chars, keys = gain or (1, 1)
        counts["keys"] += keys
        at += chars
    counts["ms"] = int(1000 * (time.perf_counter() - started))
    counts["cpu_ms"] = int(1000 * (time.process_time() - cpu_started))
    return counts


def write_with_presage(presage: Presage, passage: Passage) -> Counter[str]:
    """The same with presage's best word as ghost text."""
    counts: Counter[str] = Counter(chars=len(passage.text))
    text, at, budget = passage.text, 0, Budget(n=1, max_words=1)
    while at < len(text):
        found = presage.predict(Context(passage.lead + text[:at], header=passage.header), budget)
        counts["revisions"] += 1
        gain = taken(text, at, Offer.of(found[0]), "saving") if found else None
        chars, keys = gain or (1, 1)
        counts["keys"] += keys
        at += chars
    return counts


class Results:
    """A line for each message and condition, in a file."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there."""
        self._path = path
        self.found: dict[tuple[str, str, str], Mapping[str, int]] = {}
        if path is not None and path.is_file():
            for line in path.read_text("utf-8").splitlines():
                person, message, condition, counts = json.loads(line)
                self.found[person, message, condition] = counts

    def put(self, person: str, message: str, condition: str, counts: Mapping[str, int]) -> None:
        """Add a line."""
        self.found[person, message, condition] = dict(counts)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([person, message, condition, dict(counts)]) + "\n")


def run(options: argparse.Namespace, everyone: Sequence[Person], results: Results) -> None:
    """Write every message in every condition."""
    conditions = options.conditions.split(",")
    with Suggester.open() as suggester:
        learnt = Learnt(suggester)
        manner = Manner(search=Search(deadline_ms=None))
        with Controller.around(
            learnt,
            predictors=DEFAULT_PREDICTORS,
            manner=manner,
            calibration=shipped_calibration(suggester.info.path),
            cache_bytes=0,
        ) as controller:
            controller.prepare("es")
            for person in everyone:
                with tempfile.TemporaryDirectory() as folder:
                    presage = _presage(person, Path(folder)) if "presage" in conditions else None
                    for passage in person.written[: options.messages]:
                        text = passage.text[: options.chars]
                        cut = replace(passage, text=text)
                        for condition in conditions:
                            key = person.name, f"{passage.id}:{len(text)}", condition
                            if key in results.found:
                                continue
                            if condition == "presage":
                                assert presage is not None
                                results.put(*key, write_with_presage(presage, cut))
                                continue
                            _set(learnt, condition, person, suggester.tokenizer)
                            with _writer(controller, learnt, condition, person, key) as writer:
                                results.put(*key, write(writer, cut))
                    if presage is not None:
                        presage.close()
                print(person.name, flush=True)


def _set(learnt: Learnt, condition: str, person: Person, tokenizer: Tokenizer) -> None:
    base, drafted, _ = condition.partition("+words:")[0].partition("+drafts")
    learnt.mixture = mixture_of(base, person, tokenizer)
    learnt.draft = None
    if drafted:
        mixes = learnt.mixture is not None
        learnt.draft = Drafts(learnt.mixture or Mixture(), mixes=mixes)


def _writer(
    controller: Controller, learnt: Learnt, condition: str, person: Person, scope: Hashable
) -> Writer:
    """A writer; with own words in its predictor if the condition says so."""
    _, asked, weight = condition.partition("+words:")
    if not asked:
        return controller.writer(scope=scope)
    words = _words(person.name, person.source, tuple(person.learnt))
    path = default_ngram("es" if person.name == "baroja" else "en", PathSettings().cache_dir)
    sources = Sources({ANY: (lambda: Ngram.open(path, own=words),)})
    manner = Manner(search=Search(deadline_ms=None), weight=float(weight), weights=())
    asker = Asker(learnt.session(scope=scope))
    return Writer(asker, sources, manner, ranking=controller.ranking.at(None))


@cache
def _words(name: str, source: Source, texts: tuple[str, ...]) -> LearntWords:
    return LearntWords(texts, source)


def _presage(person: Person, folder: Path) -> Presage:
    text, database = folder / "learnt.txt", folder / "presage.db"
    text.write_text("\n".join(person.learnt), encoding="utf-8")
    train_presage([text], database)
    return Presage(database, suggestions=1)


def told(results: Results, everyone: Sequence[Person], options: argparse.Namespace) -> Any:
    """The macro-averages of each condition, and how much each is above the first."""
    conditions = options.conditions.split(",")
    names = (
        "chars",
        "keys",
        "expected",
        "revisions",
        "tokens",
        "steps",
        "ms",
        "cpu_ms",
        "shown",
        "right",
    )
    tables: list[dict[str, np.ndarray]] = []
    for person in everyone:
        keys = [
            f"{each.id}:{len(each.text[: options.chars])}"
            for each in person.written[: options.messages]
        ]
        kept = [
            key
            for key in keys
            if all((person.name, key, condition) in results.found for condition in conditions)
        ]
        if not kept:
            continue
        tables.append(
            {
                condition: np.array(
                    [
                        [results.found[person.name, key, condition].get(name, 0) for name in names]
                        for key in kept
                    ],
                    dtype=np.float64,
                )
                for condition in conditions
            }
        )
    chosen = [
        np.random.default_rng(SEED + number).integers(
            len(table[conditions[0]]), size=(DRAWS, len(table[conditions[0]]))
        )
        for number, table in enumerate(tables)
    ]
    found: dict[str, Any] = {}
    first: np.ndarray | None = None
    for condition in conditions:
        values = np.mean([saved(table[condition].sum(axis=0)[None]) for table in tables], axis=0)
        draws = np.mean(
            [
                saved(table[condition][picked].sum(axis=1))
                for table, picked in zip(tables, chosen, strict=True)
            ],
            axis=0,
        )
        sums = np.sum([table[condition].sum(axis=0) for table in tables], axis=0)
        by_name = dict(zip(names, sums.tolist(), strict=True))
        own = {
            "saved": _figure(float(values[0]), draws),
            "expected": round(by_name["expected"] / 10 / by_name["revisions"], 2),
            "tokens": round(100 * by_name["tokens"] / by_name["revisions"], 1),
            "steps": round(100 * by_name["steps"] / by_name["revisions"], 1),
            "ms": round(by_name["ms"] / by_name["revisions"], 2),
            "cpu_ms": round(by_name["cpu_ms"] / by_name["revisions"], 2),
            "right": round(100 * by_name["right"] / by_name["shown"], 1) if by_name["shown"] else 0,
            "chars": int(by_name["chars"]),
        }
        if first is None:
            first = draws
            base = float(values[0])
        else:
            own["above_first"] = _figure(float(values[0]) - base, draws - first)
        found[condition] = own
        print(condition, json.dumps(own))
    return found


def saved(sums: np.ndarray) -> np.ndarray:
    """Percent of the keys saved, of sums  # [draws, names]."""
    share: np.ndarray = 100 * (1 - sums[:, 1] / sums[:, 0])
    return share


def _figure(value: float, draws: np.ndarray) -> list[float]:
    low, high = np.percentile(draws, [2.5, 97.5])
    return [round(each, 2) for each in (value, float(low), float(high))]


def main() -> None:
    """Write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("set", choices=("mail", "banking", *PAIRS))
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--messages", type=int, default=5)
    parser.add_argument("--chars", type=int, default=600, help="of the beginning of each message")
    parser.add_argument("--conditions", default="none,all")
    parser.add_argument("--people", help="names, comma between them")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    wanted = options.people.split(",") if options.people else None
    everyone = [
        each for each in people(options.set, options.split) if not wanted or each.name in wanted
    ]
    results = Results(options.results)
    run(options, everyone, results)
    found = told(results, everyone, options)
    print(
        json.dumps(
            {
                "benchmark": "personal",
                **{name: getattr(options, name) for name in ("set", "split", "messages", "chars")},
                "people": len(everyone),
                "conditions": found,
            }
        )
    )


if __name__ == "__main__":
    main()
