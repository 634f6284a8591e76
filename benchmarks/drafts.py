"""What drafts bring: steps, tokens and time of an answer with them and without, on one model.

At carets of texts that people wrote (mail, a bank's questions) the model is asked as a writer asks
it (two alternatives, up to four words, ended where nothing more would be shown), and for a longer
text of 24 tokens, with nothing mixed in or with all that the person wrote before. Each question is
asked four times: once to have the text read, and then without drafts, with them, and without them
again, in turns the other way round. No deadline and no session, so all of them do the same work.

Told are means for an answer, without drafts (of both), with them, and the paired difference with
its 95 % interval of a bootstrap over questions: steps of the model, tokens evaluated, milliseconds
and processor milliseconds. Then how many answers are the same to the last character, with and
without drafts and both times without, and the largest difference of probabilities of the same
texts. Where the two without are the same and one with drafts is not, it is because llama.cpp adds
up in another order in a batch of another size, and two tokens were nearly as likely.

    .venv/bin/python benchmarks/drafts.py [--questions N] [--sets mail,banking]

Fixed seed. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from personal import Person, mixture_of, people
from tecla.controller.manner import PREAMBLE, Search
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.sampling import GREEDY
from tecla.evaluate.corpora import Passage
from tecla.personal.drafts import Drafts
from tecla.personal.mixing import Mixture
from tecla.suggest.suggester import Suggester
from tecla.text.base import Tokenizer
from tecla.text.context import Context

SEED: Final = 1
DRAWS: Final = 2000
LONG_TOKENS: Final = 24


class Question(NamedTuple):
    """A caret in a text of a person."""

    person: Person
    passage: Passage
    at: int


def questions(name: str, count: int) -> Iterator[Question]:
    """Carets before a word or in it, spread over the people of a set."""
    chance = random.Random(SEED)
    everyone = list(people(name, "test"))
    for number in range(count):
        person = everyone[number % len(everyone)]
        passage = person.written[number // len(everyone) % len(person.written)]
        yield Question(person, passage, chance.randrange(len(passage.text)))


def request_of(asked: Question, kind: str, mixture: Mixture | None, *, drafts: bool) -> Request:
    """The request at a caret."""
    header = "\n\n".join(filter(None, (PREAMBLE, asked.passage.header)))
    context = Context(asked.passage.lead + asked.passage.text[: asked.at], "", header)
    search = Search()
    stopping, n, spread_words = Stopping(max_tokens=LONG_TOKENS), 1, None
    if kind == "writer":
        stopping = Stopping(
            max_tokens=search.tokens,
            max_words=search.words,
            min_probability=search.min_probability,
            min_next=0.6,
        )
        n, spread_words = search.alternatives, 1
    used = None if mixture is None else _below(mixture, header)
    draft = Drafts(used or Mixture(above=header), mixes=used is not None) if drafts else None
    return Request(
        context,
        GREEDY,
        stopping,
        min_share=search.min_share,
        tolerance=search.tolerance,
        adjust=() if used is None else (used,),
        draft=draft,
        n=n,
        spread_words=spread_words,
    )


def _below(mixture: Mixture, header: str) -> Mixture:
    return Mixture(mixture.sources, above=header, weights=mixture.weights)


class Answer(NamedTuple):
    """What came, and what it cost."""

    texts: tuple[str, ...]
    probabilities: tuple[float, ...]
    cost: tuple[float, float, float, float]  # steps, tokens, ms, processor ms

    @classmethod
    def of(cls, found: Completed, ms: float, cpu_ms: float) -> Answer:
        """From what a suggester said."""
        return cls(
            tuple(each.text for each in found.continuations),
            tuple(each.probability for each in found.continuations),
            (found.work.steps, found.work.evaluated_tokens, ms, cpu_ms),
        )


def ask(suggester: Suggester, request: Request) -> Answer:
    """One answer, timed."""
    started, cpu_started = time.perf_counter(), time.process_time()
    found = suggester.complete([request])[0]
    ms, cpu_ms = time.perf_counter() - started, time.process_time() - cpu_started
    return Answer.of(found, 1000 * ms, 1000 * cpu_ms)


Asked = tuple[Answer, Answer, Answer]  # without drafts, with them, without them again


def told(pairs: Sequence[Asked]) -> dict[str, Any]:
    """Means without and with drafts, and the paired differences."""
    once, with_drafts, again = (np.array([each[at].cost for each in pairs]) for at in range(3))
    without = (once + again) / 2
    chosen = np.random.default_rng(SEED).integers(len(pairs), size=(DRAWS, len(pairs)))
    found: dict[str, Any] = {"answers": len(pairs)}
    for at, name in enumerate(("steps", "tokens", "ms", "cpu_ms")):
        apart = with_drafts[:, at] - without[:, at]
        low, high = np.percentile(apart[chosen].mean(axis=1), [2.5, 97.5])
        found[name] = [
            round(float(each), 2)
            for each in (without[:, at].mean(), with_drafts[:, at].mean(), apart.mean(), low, high)
        ]
    for name, other in (("with_drafts", 1), ("without_again", 2)):
        same = [(each[0], each[other]) for each in pairs if each[0].texts == each[other].texts]
        apart = [
            abs(p - q)
            for one, two in same
            for p, q in zip(one.probabilities, two.probabilities, strict=True)
        ]
        found[f"same_{name}"] = len(same)
        found[f"most_apart_{name}"] = max(apart, default=0.0)
    return found


def run(suggester: Suggester, tokenizer: Tokenizer, name: str, count: int) -> dict[str, Any]:
    """All kinds of one set."""
    found: dict[str, list[Asked]] = {}
    for number, asked in enumerate(questions(name, count)):
        for condition in ("none", "all"):
            mixture = mixture_of(condition, asked.person, tokenizer)
            for kind in ("writer", "long"):
                plain = request_of(asked, kind, mixture, drafts=False)
                drafted = request_of(asked, kind, mixture, drafts=True)
                ask(suggester, plain)
                if number % 2:
                    again, with_drafts, once = (
                        ask(suggester, each) for each in (plain, drafted, plain)
                    )
                else:
                    once, with_drafts, again = (
                        ask(suggester, each) for each in (plain, drafted, plain)
                    )
                found.setdefault(f"{condition} {kind}", []).append((once, with_drafts, again))
    return {key: told(pairs) for key, pairs in found.items()}


def main() -> None:
    """Ask, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--sets", default="mail,banking")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with Suggester.open() as suggester:
        for name in options.sets.split(","):
            figures[name] = run(suggester, suggester.tokenizer, name, options.questions)
            for key, each in figures[name].items():
                print(name, key, json.dumps(each), flush=True)
    print(json.dumps({"benchmark": "drafts", "questions": options.questions, **figures}))


if __name__ == "__main__":
    main()
