"""Fit how far what was learnt is believed: src/tecla/data/mixing.json and mixing-words.json.

    .venv/bin/python scripts/fit_mixing.py tokens|words OUTPUT FILES

FILES are KIND:SOURCE:LANGUAGE:LICENCE:FILE each.

`tokens` is beside the default language model, `words` beside the default n-gram model of the file's
language. KIND is how `tecla evaluate` reads a file (lines, prose, book, ...), SOURCE what it stands
for: a user's own texts (user) or a domain's (collection). Passages are joined to documents of some
1,500 characters. Of every file four fifths of the documents are learnt, then a twentieth of those
alone, as somebody has who has just begun; a sample of the rest is read by the model, and at every
token it is noted what was seen before and what came. The gates under which that was likeliest are
written, with the names, licences and hashes of the files.

Reading takes the language model about 4 ms a token on two cores; 3,000 tokens of each file are
read, the same in every run. The losses with and without are printed, in nats a token.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tecla.classic.default_ngram import default_ngram
from tecla.controller.manner import PREAMBLE
from tecla.engines.base import Feed
from tecla.engines.factory import open_model
from tecla.evaluate.corpora import read_passages
from tecla.files import sha256_of
from tecla.ngram.lexer import lex
from tecla.ngram.lexicon import IdRange
from tecla.ngram.model import NgramModel
from tecla.personal.base import BOUNDARY, Matched
from tecla.personal.fitting import Seen, fit
from tecla.personal.mixed import mixed
from tecla.personal.scan import repeated
from tecla.personal.weights import Origin, Source, Weights
from tecla.personal.words import frequencies
from tecla.settings import PathSettings, load

SEED: Final = 1
DOCUMENT_CHARS: Final = 1500
LEARNT: Final = 0.8
SHARES: Final = (1.0, 0.05)  # of what is learnt
READ_TOKENS: Final = 3000  # of each file
CHUNK: Final = 64
LOOKED_BACK: Final = 64


class Given(NamedTuple):
    """One file and what it stands for."""

    kind: str
    source: Source
    language: str
    licence: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> Given:
        """KIND:SOURCE:LANGUAGE:LICENCE:FILE."""
        kind, source, language, licence, path = text.split(":", 4)
        return cls(kind, source, language, licence, Path(path))  # type: ignore[arg-type]  # as given

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


class Tokens:
    """The default language model over its tokens, below the usual preamble."""

    def __init__(self) -> None:
        """Load it."""
        loaded = open_model(load({"threads": 2}).settings)
        self._engine, self._tokenizer = loaded.engine, loaded.tokenizer
        assert self._tokenizer.start_id is not None
        above = self._tokenizer.encode((PREAMBLE + "\n\n").encode())
        self._head = [self._tokenizer.start_id, *above]
        self._engine.eval([Feed(0, self._head, 1)])
        self.name = loaded.info.name

    def encode(self, text: str) -> list[int]:
        """The tokens of a document."""
        return self._tokenizer.encode(text.encode())

    def read(self, ids: Sequence[int]) -> list[Choice]:
        """The model's probability of each of `ids`, and what it would have taken."""
        self._engine.clear(1)
        tokens = [*self._head, *ids]
        at = len(self._head) - 1
        self._engine.fork(0, 1, at)
        found: list[Choice] = []
        while at < len(tokens) - 1:
            chunk = tokens[at : min(at + CHUNK, len(tokens) - 1)]
            scores = self._engine.eval([Feed(1, chunk, len(chunk))])
            best = scores.top_k(1).ids
            for row in range(len(chunk)):
                came = np.array([tokens[at + row + 1]], dtype=np.int32)
                found.append(Choice(float(np.exp(scores.gather(row, came)[0])), int(best[row, 0])))
            at += len(chunk)
        return found


class Words:
    """The default n-gram model of a language, over its words."""

    def __init__(self, language: str) -> None:
        """Open it, or make it."""
        self.name = f"ngram:{language}"
        self._model = NgramModel.open(default_ngram(language, PathSettings().cache_dir))
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []

    def encode(self, text: str) -> list[int]:
        """The words of a document, numbered as they come."""
        return [self._number(token) for token in lex(text)]

    def read(self, ids: Sequence[int]) -> list[Choice]:
        """As `Tokens.read`."""
        model = self._model
        state = model.state([], starts_text=True)
        known = IdRange(0, len(model.lexicon))
        found: list[Choice] = []
        for token in (self._words[each] for each in ids):
            best = model.backoff.top(state, known, 1)[0][0]
            choice = self._number(model.lexicon.word(best))
            found.append(Choice(model.probability(state, token), choice))
            state = model.advance(state, token)
        return found

    def _number(self, token: str) -> int:
        number = self._numbers.setdefault(token, len(self._words))
        if number == len(self._words):
            self._words.append(token)
        return number


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


def places(given: Given, number: int, model: Tokens | Words) -> Iterator[Seen]:
    """What was seen at every token that is read of a file."""
    documents = [model.encode(each) for each in given.documents()]
    count = int(len(documents) * LEARNT)
    held_out, read_tokens = [], 0
    for each in documents[count:]:
        held_out.append((each, model.read(each)))
        read_tokens += len(each)
        if read_tokens >= READ_TOKENS:
            break
    for share in SHARES:
        own = documents[: max(1, int(count * share))]
        learnt = Learnt(own)
        every = frequencies(own, 1 + max(max(each, default=0) for each in own))
        for document, choices in held_out:
            for at, (token, choice) in enumerate(zip(document, choices, strict=True)):
                text = document[max(0, at - LOOKED_BACK) : at]
                asked = [BOUNDARY, *text] if len(text) == at else text
                levels = learnt.matches(asked)
                found: list[tuple[Source, Sequence[Matched]]] = [(given.source, levels)]
                if isinstance(model, Tokens):
                    before = np.array(document[:at], dtype=np.int32)
                    found.append(("document", repeated(before)))
                else:  # the frequency of each word, and recent words are mixed in elsewhere
                    levels.append(every)
                yield Seen(number, token, *choice, found)


def main() -> None:
    """Read, fit, write."""
    kind, output, *texts = sys.argv[1:]
    files = [Given.parse(each) for each in texts]
    models: dict[str, Tokens | Words] = {}
    found: list[Seen] = []
    for number, given in enumerate(files):
        key = given.language if kind == "words" else ""
        if key not in models:
            models[key] = Words(key) if kind == "words" else Tokens()
        own = list(places(given, number, models[key]))
        print(f"{given.path.name}: {len(own)} places", flush=True)
        found += own
    beside = [each.name for each in models.values()]
    origin = Origin(
        tuple((each.path.name, each.licence, sha256_of(each.path)) for each in files),
        {"beside": beside, "read_tokens": READ_TOKENS, "shares": SHARES, "seed": SEED},
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
