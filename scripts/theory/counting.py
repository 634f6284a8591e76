"""Page 1: how often n-grams of new text were seen, and what three smoothings make of that."""

from __future__ import annotations

import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from draw import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Canvas
from sources import Measured, dialogues, percent

from tecla.ngram.backoff import Backoff
from tecla.ngram.counts import Level, count_levels
from tecla.ngram.kneser_ney import smooth
from tecla.ngram.lexer import is_word, lex
from tecla.ngram.lexicon import Lexicon
from tecla.ngram.spelling import Spelling, train_spelling
from tecla.text.documents import read_documents

Array = npt.NDArray[Any]
ORDER = 6
PARTS = (64, 16, 4, 1)
LABEL = "Share of n-grams seen, perplexity by order and smoothing, and by amount of text"


class Counted:
    """The n-grams of training documents, and what a text costs under a smoothing of them."""

    def __init__(self, documents: Sequence[str], order: int, folder: Path) -> None:
        """Count; arrays go to `folder`."""
        rows = [lex(document) for document in documents]
        words = sorted({token for row in rows for token in row})
        self.lexicon = Lexicon.of(words)
        chars, arrays = train_spelling(words)
        self.spelling = Spelling(chars, arrays)
        self.folder = folder
        self._ids = {word: index for index, word in enumerate(words)}
        spelt = self.spelling.of_all(words)
        self._unspelt = 1 - spelt.sum()
        self.base = np.append(spelt, (self._unspelt, 0.0, 0.0))
        self.tokens = self.row(rows)
        start = self.lexicon.start
        ids = self.lexicon.ids
        self.levels = count_levels(self.tokens, ids, order, start, folder, lambda _: None)

    def row(self, rows: Sequence[Sequence[str]]) -> Array:
        """The ids of tokenised documents, each behind a start and before an end."""
        known = self.lexicon
        return np.array(
            [
                index
                for row in rows
                for index in (
                    known.start,
                    *(self._ids.get(token, known.unknown) for token in row),
                    known.end,
                )
            ],
            np.uint32,
        )

    def perplexity(self, model: Backoff, rows: Sequence[Sequence[str]]) -> float:
        """Per character, of documents; the unknown words are spelt, ends are not counted."""
        row = self.row(rows)
        counts = (row != self.lexicon.start) & (row != self.lexicon.end)
        nats = -np.log(model.of_row(row, self.lexicon.start)[counts]).sum()
        unknown = [token for each in rows for token in each if token not in self._ids]
        nats -= sum(math.log(self.spelling.probability(each) / self._unspelt) for each in unknown)
        # Every line begins with a space that is no character of the text.
        chars = sum(map(len, (token for each in rows for token in each)))
        chars -= sum(1 + each.count("\n") for each in rows)
        return math.exp(float(nats) / chars)

    def kneser_ney(self, order: int) -> Backoff:
        """The smoothing that tecla uses."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        arrays = smooth(self.levels[:order], self.lexicon.start, [1] * order, folder)
        return Backoff(arrays, self.base)

    def absolute(self, order: int) -> Backoff:
        """One discount an order off plain counts; what it leaves goes to the shorter history."""
        counts = np.array(self.levels[0].counts, np.int64)
        counts[self.lexicon.start] = 0
        share = np.maximum(counts - _discount(counts), 0) / counts.sum()
        arrays = {"share1": share, "rest0": np.array([1 - share.sum()])}
        for level, below in zip(self.levels[1:order], self.levels, strict=False):
            context, total = _contexts(level, len(below))
            share = (level.counts - _discount(level.counts)) / total[context]
            arrays |= _level(level, context, share, len(below))
        return Backoff(arrays, self.base)

    def add_one(self, order: int) -> Backoff:
        """Every word is counted once more behind every history of the full length."""
        start, words = self.lexicon.start, self.lexicon.ids - 1  # a start never follows
        counts = np.array(self.levels[0].counts, np.int64)
        counts[start] = 0
        even = np.full(self.lexicon.ids, 1 / words)
        even[start] = 0
        total = counts.sum() + words if order == 1 else 1
        share = counts / total if order == 1 else counts * 0.0
        arrays = {"share1": share, "rest0": np.array([1 - share.sum()])}
        begins = np.arange(self.lexicon.ids) == start  # entries whose history is all there is
        for level, below in zip(self.levels[1:order], self.levels, strict=False):
            context, seen = _contexts(level, len(below))
            full = begins[context] if level.order < order else np.ones(len(level), bool)
            share = full * level.counts / (seen[context] + words)
            arrays |= _level(level, context, share, len(below))
            begins = begins[context]
        return Backoff(arrays, even)

    def seen(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """The share of the n-grams of documents that were counted, by order."""
        row = self.row(rows).astype(np.int64)
        ends, found = row, []
        inside = row != self.lexicon.start
        whole = np.ones(len(row), bool)  # an n-gram of this order ends here
        known = row < self.lexicon.unknown
        for level in self.levels:
            if level.order > 1:
                whole = np.append(False, whole[:-1]) & inside
                keys = np.append(0, ends[:-1]) * level.words + row
                at = np.minimum(np.searchsorted(level.keys, keys.astype(np.uint64)), len(level) - 1)
                known = np.append(False, known[:-1]) & whole & (level.keys[at] == keys)
                ends = np.where(known, at, 0)
                counted = whole & (row != self.lexicon.end)
                found.append(float(known[counted].mean()))
            else:
                words = inside & (row != self.lexicon.end)
                found.append(float(known[words].mean()))
                known = known | (row >= self.lexicon.start)
        return found


def _discount(counts: Array) -> float:
    """Ney, Essen & Kneser's estimate."""
    once, twice = (int(np.count_nonzero(counts == k)) for k in (1, 2))
    return once / (once + 2 * twice)


def _contexts(level: Level, n_below: int) -> tuple[Array, Array]:
    """The context of every entry, and how often each context was seen with a word behind it."""
    context = level.context(slice(None)).astype(np.int64)
    return context, np.bincount(context, level.counts, n_below)


def _level(level: Level, context: Array, share: Array, n_below: int) -> dict[str, Array]:
    """The arrays of one level, as `Backoff` wants them."""
    n = level.order
    children = np.bincount(context, minlength=n_below)
    return {
        f"word{n}": level.word(slice(None)),
        f"share{n}": share,
        f"rest{n - 1}": 1 - np.bincount(context, share, n_below),
        f"child{n - 1}": np.append(0, np.cumsum(children)),
    }


def _neighbours(book: Path) -> list[dict[str, Any]]:
    """"Dick" in its book, and a word as frequent that follows the most different words."""
    before: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for document in read_documents(book, wrapped=True):
        tokens = lex(document)
        counts.update(tokens)
        for left, token in zip(tokens, tokens[1:], strict=False):
            before[token].add(left)
    first = " Dick"
    peers = [word for word in counts if counts[word] == counts[first] and is_word(word)]
    other = max(peers, key=lambda word: (len(before[word]), word))
    return [
        {"word": word.strip(), "count": counts[word], "different": len(before[word])}
        for word in (first, other)
    ]


def measure(corpora: Path) -> Measured:
    """Count, smooth and compare."""
    train, dev = dialogues(corpora, "train"), dialogues(corpora, "dev")
    rows = [lex(document) for document in dev]
    orders: list[dict[str, Any]] = []
    amounts: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for part in PARTS:
            folder = Path(name) / str(part)
            folder.mkdir()
            counted = Counted(train[: len(train) // part], ORDER if part == 1 else 5, folder)
            words = sum(map(is_word, (counted.lexicon.word(i) for i in _words(counted))))
            for order in (1, 2, 3, 5):
                value = counted.perplexity(counted.kneser_ney(order), rows)
                amounts.append({"words": words, "order": order, "perplexity": value})
            if part == 1:
                seen = counted.seen(rows)
                for order in range(1, ORDER + 1):
                    ways = ("kneser_ney", "absolute", "add_one")
                    models = {way: getattr(counted, way)(order) for way in ways}
                    orders.append(
                        {"order": order, "seen": seen[order - 1]}
                        | {way: counted.perplexity(model, rows) for way, model in models.items()}
                    )
    values = {
        "orders": orders,
        "amounts": amounts,
        "neighbours": _neighbours(corpora / "books" / "melville-moby_dick.txt"),
        "dev_chars": sum(map(len, dev)),
        "train_words": amounts[-1]["words"],
    }
    settings = {
        "train": "DailyDialog, training split",
        "measured on": "DailyDialog, development split, whole",
        "book": "Melville, Moby-Dick",
        "perplexity": "per character, unknown words spelt by a character model of order 6",
    }
    return Measured(settings, values)


def _words(counted: Counted) -> list[int]:
    return [int(index) for index in counted.tokens if index < counted.lexicon.unknown]


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    orders = values["orders"]
    quotes = {f"seen_{each['order']}": percent(each["seen"]) for each in orders}
    quotes |= {f"kn_{each['order']}": f"{each['kneser_ney']:.2f}" for each in orders}
    quotes["bits_5"] = f"{math.log2(orders[4]['kneser_ney']):.2f} bits"
    quotes["train_words"] = f"{round(values['train_words'], -3):,}"
    quotes["dev_chars"] = f"{round(values['dev_chars'], -3):,}"
    amounts = {(each["words"], each["order"]): each["perplexity"] for each in values["amounts"]}
    quotes["least_words"] = f"{round(min(words for words, _ in amounts), -2):,}"
    table = [["order", "seen", "Kneser–Ney", "absolute discounting", "add one"]]
    table += [
        [str(each["order"]), percent(each["seen"])]
        + [f"{each[way]:.2f}" for way in ("kneser_ney", "absolute", "add_one")]
        for each in orders
    ]
    near = [["word", "occurrences", "different words before it"]]
    near += [[each["word"], *map(str, (each["count"], each["different"]))]
             for each in values["neighbours"]]  # fmt: skip
    return quotes, {"orders": table, "neighbours": near}


def draw(values: dict[str, Any], path: Path) -> None:
    """Three panels."""
    canvas = Canvas([2.9, 3.4, 3.4])
    seen, ways, amount = canvas.panels
    orders = [each["order"] for each in values["orders"]]
    seen.bar(orders, [100 * each["seen"] for each in values["orders"]], color=BLUE)
    for each in values["orders"]:
        seen.annotate(f"{100 * each['seen']:.0f}", (each["order"], 100 * each["seen"]),
                      ha="center", va="bottom", fontsize=9)  # fmt: skip
    seen.set(title="n-grams of new text seen, %", xlabel="order n", ylim=(0, 108))
    seen.grid(visible=False, axis="x")
    for way, name, colour in (
        ("add_one", "add one", RED),
        ("absolute", "absolute discounting", ORANGE),
        ("kneser_ney", "Kneser–Ney", BLUE),
    ):
        curve = [each[way] for each in values["orders"]]
        ways.plot(orders, curve, "o-", ms=4, color=colour, label=name)
    ways.set(title="perplexity per character", xlabel="order n")
    ways.legend()
    for order, colour in ((1, GREY), (2, PURPLE), (3, GREEN), (5, BLUE)):
        own = [each for each in values["amounts"] if each["order"] == order]
        amount.plot(
            [each["words"] for each in own], [each["perplexity"] for each in own], "o-", ms=4,
            color=colour, label=f"order {order}",
        )  # fmt: skip
    amount.set_xscale("log")
    amount.set(title="… by words of training text", xlabel="words")
    amount.legend()
    canvas.save(path, LABEL)
