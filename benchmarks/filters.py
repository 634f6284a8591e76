"""What the filters cost, and what they take away from ordinary text.

The suggestions are the text that really follows: at random carets of the files, inside words too,
2 to 5 words, with 2,000 characters before the caret. Whatever is not kept is a false alarm, but
for what the person may have written on purpose (an offence, a new number, an address); the rates
are given by reason. Where a file runs out of whole brackets and quotes because the suggestion
ends, "unbalanced" counts it.

1. *Cost*: milliseconds of `judge` and of `dead`, p50, p95 and p99, at a caret that is known (as in
   a search) and at a new one; and as a multiple of finding the words of the same text, which is
   the least that any filter of words does.
2. *False alarms*: share of suggestions not kept, by file and reason.
3. *Shown*: with `--judge LIST` (a file of words, one a line), how many suggestions that are kept
   hold one of its words, with filters and without. The list should be one that the filters do
   not use. Adversarial text comes from the red-team set of the tests.

Without files it uses the sentences in tests/data. Fixed seed.

Run: `python benchmarks/filters.py [--language en] [--level standard] [--carets N] [--judge LIST]
[FILE ...]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import codecs
import json
import platform
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings
from tecla.text.words import words

TESTS = Path(__file__).resolve().parent.parent / "tests"
SEED = 20
BEFORE_CHARS = 2000
AFTER_CHARS = 400
_FOLLOWING = re.compile(r"\s*\S+(?:\s+\S+){1,4}")


class Caret(NamedTuple):
    """A place, the text that really follows, and what of it must not be shown."""

    place: Surroundings
    text: str
    bad: str | None = None


def carets(path: Path, language: str | None, count: int) -> Iterator[Caret]:
    """Random carets of a file; every third has text behind the suggestion."""
    text = path.read_text(encoding="utf-8")
    draw = random.Random(SEED)
    for turn in range(count):
        at = draw.randrange(min(100, len(text) // 2), max(len(text) - 200, len(text) // 2 + 1))
        match = _FOLLOWING.match(text, at, at + draw.randrange(15, 60))
        if match is None:
            continue
        after = text[match.end() : match.end() + AFTER_CHARS] if turn % 3 == 0 else ""
        before = text[max(0, at - BEFORE_CHARS) : at]
        yield Caret(Surroundings(before, after, "", language), match.group())


def adversarial() -> list[Caret]:
    """The red-team set."""
    rows = json.loads((TESTS / "filters" / "redteam.json").read_text(encoding="utf-8"))
    found = []
    for category, _, language, *texts, bad in rows:
        coded = category == "offensive" and bad is not None
        if coded:
            *texts, bad = (codecs.decode(one, "rot13") for one in (*texts, bad))
        before, text, after = texts
        found.append(Caret(Surroundings(before, after, "", language or None), text, bad))
    return found


def percentiles(times_ms: list[float]) -> dict[str, float]:
    """What is said about a row of times."""
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive")
    return {f"p{share}_ms": round(cuts[share - 1], 4) for share in (50, 95, 99)}


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def costs(judge: Filters, found: list[Caret]) -> dict[str, dict[str, float]]:
    """Times by kind of call; the least of three where the caret is known."""
    times: dict[str, list[float]] = {}
    for place, text, _ in found:
        calls: dict[str, Callable[[], object]] = {
            "judge, new caret": partial(judge.judge, text, place),
            "judge": partial(judge.judge, text, place),
            "dead": partial(judge.dead, text, place),
            "words": partial(words, place.before[-256:] + text),
        }
        for name, call in calls.items():
            rounds = 1 if name == "judge, new caret" else 3
            times.setdefault(name, []).append(min(timed(call) for _ in range(rounds)))
    table = {name: percentiles(row) for name, row in times.items()}
    for row in table.values():
        row["times_words"] = round(row["p50_ms"] / table["words"]["p50_ms"], 1)
    return table


def shown_bad(judge: Filters, found: list[Caret], bad: frozenset[str]) -> int:
    """How many suggestions show a word of a list."""
    count = 0
    for place, text, _ in found:
        typed = re.search(r"\w*\Z", place.before)
        shown = text[: judge.judge(text, place).end]
        whole = (typed.group() if typed and shown[:1].isalnum() else "") + shown
        count += not bad.isdisjoint(re.findall(r"\w+", whole.lower()))
    return count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--level", default="standard", choices=("off", "standard", "strict"))
    parser.add_argument("--carets", type=int, default=1000)
    parser.add_argument("--judge", type=Path)
    given = parser.parse_args()
    judge = Filters(FilterOptions(offensive=given.level))
    judge.load()
    files = given.files or [TESTS / "data" / "english.txt"]
    rates: dict[str, dict[str, float]] = {}
    everything: list[Caret] = []
    for path in files:
        found = list(carets(path, given.language, given.carets))
        everything += found
        verdicts = Counter(judge.judge(text, place).reason for place, text, _ in found)
        rates[path.name] = {
            str(reason): round(100 * count / len(found), 2)
            for reason, count in verdicts.most_common()
            if reason is not None
        }
        kept = 100 * verdicts[None] / len(found)
        print(f"{path.name}: {kept:.1f} % kept of {len(found)}; not kept, % by reason:")
        print("   ", ", ".join(f"{reason} {share}" for reason, share in rates[path.name].items()))
    table = costs(judge, everything[:: max(1, len(everything) // 1000)])
    for name, row in table.items():
        print(f"{name}: {row}")
    result: dict[str, object] = {
        "benchmark": "filters",
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "level": given.level,
        "not_kept_percent": rates,
        "costs": table,
    }
    if given.judge is not None:
        listed = given.judge.read_text(encoding="utf-8").lower().split("\n")
        bad = frozenset(word.strip() for word in listed if word.strip())
        off = Filters(FilterOptions.none())
        for name, found in (("real", everything), ("adversarial", adversarial())):
            with_filters, without = shown_bad(judge, found, bad), shown_bad(off, found, bad)
            print(f"{name}: {len(found)} suggestions, bad ones shown {with_filters}, off {without}")
            result[name] = {"n": len(found), "shown": with_filters, "shown_off": without}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
