"""Fit how far what was learnt is believed: the weights in src/tecla/data/mixing.json.

    .venv/bin/python scripts/fit_mixing.py OUTPUT KIND:SOURCE:LICENCE:FILE...

KIND is how `tecla evaluate` reads a file (lines, prose, book, ...), SOURCE what it stands for: a
user's own texts (user) or a domain's (collection). Passages are joined to documents of some 1,500
characters. Of every file four fifths of the documents are learnt, then a twentieth of those alone,
as somebody has who has just begun; a sample of the rest is read by the model, and at every token it
is noted what was seen before and what came. The gates under which that was likeliest are written,
with the names, licences and hashes of the files.

Reading takes the model about 4 ms a token on two cores; 3,000 tokens of each file are read, the
same in every run. The losses with and without are printed, in nats a token.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tecla.controller.manner import PREAMBLE
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import open_model
from tecla.evaluate.corpora import read_passages
from tecla.files import sha256_of
from tecla.personal.base import Matched, Matcher
from tecla.personal.fitting import Seen, fit
from tecla.personal.mixed import mixed
from tecla.personal.mixing import Mixture
from tecla.personal.weights import Origin, Source, Weights
from tecla.settings import load
from tecla.text.base import Tokenizer

SEED: Final = 1
DOCUMENT_CHARS: Final = 1500
LEARNT: Final = 0.8
SHARES: Final = (1.0, 0.05)  # of what is learnt
READ_TOKENS: Final = 3000  # of each file
CHUNK: Final = 64


class Given(NamedTuple):
    """One file and what it stands for."""

    kind: str
    source: Source
    licence: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> Given:
        """KIND:SOURCE:LICENCE:FILE."""
        kind, source, licence, path = text.split(":", 3)
        return cls(kind, source, licence, Path(path))  # type: ignore[arg-type]  # checked later

    def documents(self) -> list[str]:
        """Its passages, joined, in a seeded order."""
        passages = read_passages(self.kind, [self.path])  # type: ignore[arg-type]  # as given
        if self.kind in ("lines", "queries"):
            found = [each.text for each in passages]
        else:
            found, together = [], ""
            for each in passages:
                ends = self.kind != "book" and not each.lead
                if together and (len(together) > DOCUMENT_CHARS or ends):
                    found.append(together)
                    together = ""
                together += ("\n\n" if self.kind == "book" else " ") + each.text
                together = together.strip()
            found.append(together)
        random.Random(SEED).shuffle(found)
        return found


class Choice(NamedTuple):
    """What the model says at a token of a text."""

    probability: float
    choice: int


def read(engine: Engine, head: Sequence[int], ids: Sequence[int]) -> list[Choice]:
    """The model's probability of each of `ids` behind `head` and what it would have taken."""
    engine.clear(1)
    tokens = [*head, *ids]
    engine.fork(0, 1, len(head) - 1)
    found: list[Choice] = []
    at = len(head) - 1
    while at < len(tokens) - 1:
        chunk = tokens[at : min(at + CHUNK, len(tokens) - 1)]
        scores = engine.eval([Feed(1, chunk, len(chunk))])
        best = scores.top_k(1).ids
        for row in range(len(chunk)):
            came = np.array([tokens[at + row + 1]], dtype=np.int32)
            found.append(Choice(float(np.exp(scores.gather(row, came)[0])), int(best[row, 0])))
        at += len(chunk)
    return found


class Learnt:
    """Documents as a matcher: every place of the last token is looked at."""

    generation = "one"

    def __init__(self, documents: Sequence[Sequence[int]]) -> None:
        """Documents as token ids."""
        rows = [np.array([-1, *each], dtype=np.int32) for each in documents]
        self._tokens = np.concatenate([*rows, np.array([-1], dtype=np.int32)])
        self._order = np.argsort(self._tokens, kind="stable")
        self._sorted = self._tokens[self._order]

    def matches(self, tokens: Sequence[int], most: int = 8) -> list[Matched]:
        """See `Matcher`."""
        low, high = np.searchsorted(self._sorted, [tokens[-1], tokens[-1] + 1]).tolist()
        at = self._order[low:high]
        at = at[at + 1 < len(self._tokens)]
        at = at[self._tokens[at + 1] >= 0]
        found: list[Matched] = []
        length = 1
        while len(at):
            further = at[:0]
            if length < len(tokens):
                further = at[at >= length]
                further = further[self._tokens[further - length] == tokens[-1 - length]]
            if len(further) < len(at):
                ids, counts = np.unique(self._tokens[at + 1], return_counts=True)
                found.append(Matched(length, len(at), ids, counts.astype(np.int64)))
            at, length = further, length + 1
        return found[::-1][:most]


class Kept:
    """A matcher that is there already, as a `Held`."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def open(self, tokenizer: Tokenizer) -> Matcher:
        """The matcher."""
        return self._matcher


def places(
    given: Given, number: int, engine: Engine, tokenizer: Tokenizer, head: Sequence[int]
) -> Iterator[Seen]:
    """What was seen at every token that is read of a file."""
    documents = [tokenizer.encode(each.encode()) for each in given.documents()]
    count = int(len(documents) * LEARNT)
    held_out, read_tokens = [], 0
    for each in documents[count:]:
        held_out.append((each, read(engine, head, each)))
        read_tokens += len(each)
        if read_tokens >= READ_TOKENS:
            break
    for share in SHARES:
        kept = Kept(Learnt(documents[: max(1, int(count * share))]))
        mixer = Mixture(((given.source, kept),), weights=Weights()).build(tokenizer)
        for document, choices in held_out:
            for at, (token, (probability, choice)) in enumerate(
                zip(document, choices, strict=True)
            ):
                levels = mixer.levels([head[0], *document[:at]])
                yield Seen(number, token, probability, choice, levels)


def main() -> None:
    """Read, fit, write."""
    output, *texts = sys.argv[1:]
    files = [Given.parse(each) for each in texts]
    loaded = open_model(load({"threads": 2}).settings)
    engine, tokenizer = loaded.engine, loaded.tokenizer
    assert tokenizer.start_id is not None
    head = [tokenizer.start_id, *tokenizer.encode((PREAMBLE + "\n\n").encode())]
    engine.eval([Feed(0, head, 1)])
    found: list[Seen] = []
    for number, given in enumerate(files):
        own = list(places(given, number, engine, tokenizer, head))
        print(f"{given.path.name}: {len(own)} places", flush=True)
        found += own
    origin = Origin(
        tuple((each.path.name, each.licence, sha256_of(each.path)) for each in files),
        {"model": loaded.info.name, "read_tokens": READ_TOKENS, "shares": SHARES, "seed": SEED},
        datetime.now(UTC).date().isoformat(),
    )
    weights = fit(found, origin)
    weights.save(Path(output))
    for number, given in enumerate(files):
        own = [each for each in found if each.text == number]
        plain = -float(np.mean([np.log(each.probability) for each in own]))
        print(f"{given.path.name}: {plain:.3f} nats a token, {loss(weights, own):.3f} mixed")


def loss(weights: Weights, seen: Sequence[Seen]) -> float:
    """The mean of -ln P of what came."""
    total = 0.0
    for each in seen:
        here = mixed(weights, each.found)
        probability = each.probability
        if here is not None:
            at = int(np.searchsorted(here.ids, each.token))
            known = at < len(here.ids) and here.ids[at] == each.token
            probability = here.kept * probability + (float(here.own[at]) if known else 0.0)
        total -= float(np.log(probability))
    return total / len(seen)


if __name__ == "__main__":
    main()
