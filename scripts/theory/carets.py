"""Page 4: what three ways to continue a half-typed word make of its true ending."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from draw import BLUE, ORANGE, RED, Canvas
from sources import SEED, Measured, percent

from tecla.decode.prompt import Prompt
from tecla.decode.request import Request, Stopping
from tecla.decode.search import Search
from tecla.engines.base import Engine, Feed, Scores
from tecla.engines.factory import open_model
from tecla.engines.sampling import GREEDY
from tecla.settings import load
from tecla.text.base import Tokenizer
from tecla.text.caret import plan_caret
from tecla.text.context import Context
from tecla.text.documents import read_documents

TEXTS = (
    ("We waited an hour at the station, but", " unfortunately"),
    ("The nurse said that the doctor would call me after my", " appointment"),
)
CARETS = 2_000
TOLERANCE = 1e-4  # share of the probability that a caret search may leave out
WAYS = {
    "exact": "exact",
    "taken_back": "last token taken back",
    "as_typed": "tokens as typed",
}
LABEL = "Probability of the true ending at every caret of a word, in three ways"


class Reader:
    """Probabilities of texts under the default model."""

    def __init__(self, engine: Engine, tokenizer: Tokenizer) -> None:
        """A reader of an engine that nobody else uses."""
        self.engine, self.tokenizer = engine, tokenizer
        self.start = () if tokenizer.start_id is None else (tokenizer.start_id,)
        self._held: list[int] = []

    def tokens(self, before: Sequence[int], after: Sequence[int]) -> float:
        """Ln P of the tokens `after` behind the tokens `before`."""
        if not after:
            return 0.0
        scores = self._scores([*self.start, *before, *after[:-1]], len(after))
        return sum(
            float(scores.gather(row, np.array([token], np.int32))[0])
            for row, token in enumerate(after)
        )

    def text(self, text: str) -> float:
        """Ln P that a text begins with `text`, over every canonical way to go on from it."""
        request = Request(Context(text), GREEDY, Stopping(max_tokens=1), tolerance=TOLERANCE)
        planned = Prompt(self.tokenizer, self.engine.context_tokens).plan(request.context)
        search = Search(
            request, planned, self.tokenizer, seed=0, context_tokens=self.engine.context_tokens
        )
        head = search.plan.head
        reached = self.tokens(head[:1], head[1:])
        while search.is_ordered:
            path = search.wants()[0]
            search.take(path, self._scores([*search.head, *path], 1), 0)
        assert search.distribution is not None
        return reached + float(search.distribution.log_typed)

    def healed(self, typed: str, whole: str) -> float:
        """P of the rest when the last token is taken back and the next must begin as it does."""
        own = self.tokenizer.encode(typed.encode())
        kept, rest = own[:-1], self.tokenizer.table.pieces[own[-1]]
        scores = self._scores([*self.start, *kept], 1)
        allowed = np.array([own[-1], *self.tokenizer.table.going_beyond(rest).tolist()], np.int32)
        mass = float(np.exp(scores.gather(0, allowed).astype(np.float64)).sum())
        done = len(typed.encode()) - len(rest)
        return self._spelt(kept, whole.encode()[done:], len(rest)) / mass

    def as_typed(self, typed: str, whole: str) -> float:
        """P of the rest behind the tokens of what is typed."""
        own = self.tokenizer.encode(typed.encode())
        return self._spelt(own, whole.encode()[len(typed.encode()) :], 1)

    def _spelt(self, before: Sequence[int], rest: bytes, least_bytes: int) -> float:
        """P of `rest`: any first token of so many bytes, and the usual tokens behind it."""
        total = 0.0
        for size in range(least_bytes, len(rest) + 1):
            token = self.tokenizer.table.exact(rest[:size])
            if token is not None:
                after = [token, *self.tokenizer.encode(rest[size:])]
                total += math.exp(self.tokens(before, after))
        return total

    def _scores(self, ids: Sequence[int], rows: int) -> Scores:
        """Next-token scores of the last positions of `ids`; what the slot holds is kept."""
        same = 0
        while same < min(len(self._held), len(ids) - rows) and self._held[same] == ids[same]:
            same += 1
        self.engine.trim(0, same)
        self._held = list(ids)
        return self.engine.eval([Feed(0, ids[same:], rows=rows)])


def word(reader: Reader, before: str, ending: str) -> dict[str, Any]:
    """Every caret of one word."""
    whole = before + ending
    reached = reader.text(whole)
    carets = []
    for typed in range(1, len(ending)):
        text = before + ending[:typed]
        pieces = reader.tokenizer.encode(text.encode())[
            len(reader.tokenizer.encode(before.encode())) :
        ]
        carets.append(
            {
                "typed": ending[:typed],
                "tokens": [reader.tokenizer.decode([each]).decode() for each in pieces],
                "exact": math.exp(reached - reader.text(text)),
                "taken_back": reader.healed(text, whole),
                "as_typed": reader.as_typed(text, whole),
            }
        )
    own = reader.tokenizer.encode(whole.encode())[len(reader.tokenizer.encode(before.encode())) :]
    spelt = [reader.tokenizer.decode([each]).decode() for each in own]
    return {"before": before, "word": ending.strip(), "tokens": spelt, "carets": carets}


def reached(tokenizer: Tokenizer, book: Path) -> dict[str, Any]:
    """How often each way can reach the text as it goes on, at carets inside words of a book."""
    texts = [text for text in read_documents(book, wrapped=True) if 40 < len(text) < 400]
    carets = [
        (text, at)
        for text in texts
        for at in range(1, len(text))
        if text[at - 1].isalpha() and text[at].isalpha()
    ]
    random.Random(SEED).shuffle(carets)
    counts = dict.fromkeys(WAYS, 0)
    pieces = tokenizer.table.pieces
    for text, at in carets[:CARETS]:
        before = text[:at].encode()
        whole = tokenizer.encode(text.encode())
        position = count = 0
        while position + len(pieces[whole[count]]) <= len(before):
            position += len(pieces[whole[count]])
            count += 1
        path, typed = whole[:count], tokenizer.encode(before)
        plan = plan_caret(tokenizer, before)
        counts["exact"] += any([*plan.head, *cut.path] == path for cut in plan.cuts)
        own = position == len(before) and typed == path
        counts["as_typed"] += own
        counts["taken_back"] += own or typed[:-1] == path
    return {"carets": CARETS, **{way: count / CARETS for way, count in counts.items()}}


def measure(corpora: Path) -> Measured:
    """Two words of our own, and the carets of a book."""
    loaded = open_model(load().settings)
    reader = Reader(loaded.engine, loaded.tokenizer)
    values = {
        "words": [word(reader, before, ending) for before, ending in TEXTS],
        "reached": reached(loaded.tokenizer, corpora / "books" / "carroll-alice.txt"),
    }
    loaded.engine.close()
    settings = {
        "model": loaded.info.name,
        "texts": "our own sentences",
        "carets": f"{CARETS} inside words of Carroll, Alice's Adventures in Wonderland",
    }
    return Measured(settings, values)


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    share = values["reached"]
    quotes = {f"reached_{way}": percent(share[way], 1) for way in WAYS}
    quotes["carets"] = f"{share['carets']:,}"
    table = [["typed", "its tokens", *WAYS.values()]]
    for each in values["words"][0]["carets"]:
        tokens = " ".join(f"`{token.replace(' ', '␣')}`" for token in each["tokens"])
        table.append(
            [f"`{each['typed'].strip()}`" if each["typed"].strip() else "(the space)", tokens]
            + [f"{each[way]:.3f}" for way in WAYS]
        )
    first = values["words"][0]
    quotes["spelt"] = " ".join(f"`{token.replace(' ', '␣')}`" for token in first["tokens"])
    return quotes, {"word": table}


def draw(values: dict[str, Any], path: Path) -> None:
    """A panel for each word."""
    canvas = Canvas([4.7] * len(values["words"]), 3.3)
    hues = {"exact": BLUE, "taken_back": ORANGE, "as_typed": RED}
    for panel, each in zip(canvas.panels, values["words"], strict=True):
        places = range(len(each["carets"]))
        for way, name in WAYS.items():
            panel.plot(places, [caret[way] for caret in each["carets"]], "o-", ms=4,
                       color=hues[way], label=name)  # fmt: skip
        letters = ["␣", *each["word"][:-1]]
        panel.set_xticks(places, letters)
        panel.set(ylim=(-0.03, 1.03), xlabel=f"last character typed of “{each['word']}”")
        panel.set_title("probability of the true ending")
    canvas.legend_below()
    canvas.save(path, LABEL)
