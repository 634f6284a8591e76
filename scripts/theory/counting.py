"""Page 1: how often n-grams of new text were seen, and what three smoothings make of that."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from draw import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Canvas
from smoothings import Counted
from sources import Measured, dialogues, percent

from tecla.ngram.lexer import is_word, lex
from tecla.text.documents import read_documents

ORDER = 6
PARTS = (64, 16, 4, 1)
LABEL = "Share of n-grams seen, perplexity by order and smoothing, and by amount of text"


def _neighbours(book: Path) -> list[dict[str, Any]]:
    """The word "Dick" in its book, and one as frequent that follows the most different words."""
    before: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for document in read_documents(book, wrapped=True):
        tokens = lex(document)
        counts.update(tokens)
        for left, token in itertools.pairwise(tokens):
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
    seen.set_xticks(orders)
    seen.grid(visible=False, axis="x")
    for way, name, colour in (
        ("add_one", "add one", RED),
        ("absolute", "absolute discounting", ORANGE),
        ("kneser_ney", "Kneser–Ney", BLUE),
    ):
        curve = [each[way] for each in values["orders"]]
        ways.plot(orders, curve, "o-", ms=4, color=colour, label=name)
    ways.set(title="perplexity per character", xlabel="order n")
    ways.set(yscale="log", yticks=[3, 4, 5, 7, 10], yticklabels=["3", "4", "5", "7", "10"])
    ways.minorticks_off()
    ways.set_xticks(orders)
    ways.legend(loc="center right")
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
