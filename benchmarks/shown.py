"""What a writer shows on real and on adversarial text, judged by what the filters do not use.

The suggestions are those of a writer with the shipped defaults, but for six alternatives in place
of two: the ghost text and everything that Alt-n would show. Real carets are random ones of the
files, with 600 characters before them; adversarial ones stand in the texts of the red-team set:
before an offence, inside it and behind it.

Judges: lists of words (`--judge`, one word or phrase a line, no list that the filters read), and
rules written for this alone (`shown_rules.py`): they flag more than what is wrong, so whatever
they flag is printed to be read. `withheld` is what the filters at standard would not have kept as
it is, by reason: what there is to withhold where they are off. `--sample N FILE` writes a random
sample of all that was shown.

Run: `python benchmarks/shown.py [--carets N] [--baits N] [--levels off,standard,strict]
[--judge FILE]... [--sample N FILE] LANGUAGE:FILE ...`. The last line is one JSON object. Without
files it uses the sentences in tests/data. Fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from shown_rules import RULES, Seen, listed, plain

from filters import Caret, adversarial, carets
from tecla.controller.controller import Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.writer import Writer
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings
from tecla.text.snapshot import Snapshot

SEED: Final = 21
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
_WORD = re.compile(r"\w+")
_TYPED: Final = (0, 1, 2, 3)  # letters of an offence that are typed already
BEFORE_CHARS: Final = 600
MOST_TOLD: Final = 40  # of what one rule flags

Counts = dict[str, dict[str, int]]


def baits() -> Iterator[Caret]:
    """Carets in the texts of the red-team set."""
    known = set()
    for caret in adversarial():
        around = caret.place
        starts = [0, *(match.start() for match in _WORD.finditer(caret.text))]
        for cut in sorted({start + letters for start in starts for letters in _TYPED}):
            place = replace(around, before=around.before + caret.text[:cut])
            if cut <= len(caret.text) and place not in known:
                known.add(place)
                yield caret._replace(place=place)


def suggestions(writer: Writer, place: Surroundings) -> list[str]:
    """The ghost text, if there is one, and what else may be asked for."""
    writer.header = place.header
    writer.update(Snapshot(place.before, place.after))
    first = writer.wait()
    found = [] if first.ghost is None else [first.ghost.text]
    for _ in first.alternatives:
        other = writer.other().ghost
        if other is not None and other.text not in found:
            found.append(other.text)
    return found


def look(writer: Writer, places: Sequence[Caret]) -> tuple[list[Seen], int]:
    """Everything that is shown, and at how many carets there is something."""
    found: list[Seen] = []
    carets_with = 0
    for place, _, bad in places:
        texts = suggestions(writer, place)
        carets_with += bool(texts)
        found += [Seen(place, text, bad) for text in texts]
    return found, carets_with


def withheld(found: Sequence[Seen]) -> dict[str, int]:
    """How many of them the filters would not keep, by reason."""
    judge = Filters()
    reasons = Counter(judge.judge(seen.text, seen.place).reason for seen in found)
    return {str(reason): count for reason, count in reasons.most_common() if reason is not None}


def entries(path: Path) -> frozenset[str]:
    """The words and phrases of a judge's list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(plain(line.strip()) for line in lines if line.strip())


def judged(found: Sequence[Seen], lists: Mapping[str, frozenset[str]], *, told: bool) -> Counts:
    """How much the rules and the lists flag; `told`: print it, to be read."""
    rules, words = {}, {}
    for name, flags in RULES.items():
        flagged = [seen for seen in found if flags(seen)]
        rules[name] = len(flagged)
        for seen in flagged[: MOST_TOLD if told else 0]:
            print("   ", name, repr(seen.place.before[-60:]), "->", repr(seen.text))
    for name, bad in lists.items():
        hits = [(word, seen) for seen in found for word in listed(bad, seen)]
        words[name] = len(hits)
        for word, seen in hits if told else []:
            print("   ", name, word, repr(seen.place.before[-60:]), "->", repr(seen.text))
    return {"rules": rules, "lists": words}


def main() -> None:
    """Ask, judge, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", help="LANGUAGE:FILE")
    parser.add_argument("--carets", type=int, default=500, help="of each file")
    parser.add_argument("--baits", type=int, default=300, help="most adversarial carets")
    parser.add_argument("--levels", default="off,standard,strict")
    parser.add_argument("--judge", action="append", type=Path, default=[])
    parser.add_argument("--sample", nargs=2, metavar=("N", "FILE"))
    given = parser.parse_args()
    lists = {path.stem: entries(path) for path in given.judge}
    draw = random.Random(SEED)
    tempting = list(baits())
    draw.shuffle(tempting)
    files = given.files or [f"en:{DATA / 'english.txt'}", f"es:{DATA / 'spanish.txt'}"]
    real: list[Caret] = []
    for spec in files:
        language, _, path = spec.partition(":")
        for each in carets(Path(path), language, given.carets):
            near = replace(each.place, before=each.place.before[-BEFORE_CHARS:])
            real.append(each._replace(place=near))
    kinds = {"real": real, "adversarial": tempting[: given.baits]}
    result: dict[str, object] = {"benchmark": "shown"}
    manner = Manner(search=Search(alternatives=6, between=6, deadline_ms=None))
    for level in given.levels.split(","):
        options = FilterOptions.none() if level == "off" else FilterOptions(offensive=level)
        controller = Controller.open(manner=manner, filters=options, cache_bytes=0)
        everything: list[Seen] = []
        for kind, places in kinds.items():
            with controller.writer() as writer:
                found, carets_with = look(writer, places)
            everything += found
            print(f"{level}, {kind}:")
            row = {
                "carets": len(places),
                "with_suggestion": carets_with,
                "suggestions": len(found),
                "withheld": withheld(found),
                **judged(found, lists, told=level != "off"),
            }
            result[f"{level}, {kind}"] = row
            print("   ", json.dumps(row))
        if level != "off" and given.sample:
            count, path = given.sample
            rows = draw.sample(everything, min(int(count), len(everything)))
            with Path(f"{path}.{level}").open("w", encoding="utf-8") as out:
                for seen in rows:
                    out.write(json.dumps([seen.place.before[-80:], seen.text], ensure_ascii=False))
                    out.write("\n")
        controller.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
