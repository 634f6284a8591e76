"""Page 3: bits per character against milliseconds per key, and what a longer history is worth."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from draw import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Canvas
from sources import Measured, dialogues, first_chars, trained, turns

from tecla.classic.frequency import Frequency
from tecla.engines.base import Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.evaluate.corpora import Passage
from tecla.ngram.lexer import lex
from tecla.ngram.model import NgramModel
from tecla.predict.base import Budget, Predictor
from tecla.settings import load
from tecla.suggest.neural import Neural
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

ORDERS = (1, 2, 3, 5)
CHARS, KEYS, NEURAL_KEYS = 20_000, 3_000, 800
EDGES = (0, 50, 100, 200, 400, 800)  # characters before a token
NEXT_KEY_MS = 239  # mean interval of 168,000 people (Dhakal et al. 2018)
LABEL = "Bits per character against milliseconds per key, and bits by how much stands before"
Cost = tuple[int, int, float]  # characters before, characters, nats


def ngram_costs(model: NgramModel, document: str) -> list[Cost]:
    """What every token of a document costs."""
    state, at, found = model.state([], starts_text=True), 0, []
    behind_break = True
    for token in lex(document):
        chars = len(token) - (behind_break and token.startswith(" "))
        found.append((at, chars, -math.log(model.probability(state, token))))
        state, at, behind_break = model.advance(state, token), at + chars, token == "\n"
    return found


def neural_costs(loaded: LoadedModel, document: str) -> list[Cost]:
    """The same of the model's own tokens, read in pieces."""
    engine, tokenizer = loaded.engine, loaded.tokenizer
    ids = tokenizer.encode(tokenizer.text_prefix + document.encode())
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    fed = [*start, *ids]
    engine.clear(0)
    known: list[float] = [] if start else [-math.log(engine.n_vocab)]
    size = min(engine.batch_tokens, engine.score_rows)
    for first in range(0, len(fed) - 1, size):
        piece = fed[first : min(first + size, len(fed) - 1)]
        scores = engine.eval([Feed(0, piece, rows=len(piece))])
        for row in range(len(piece)):
            following = np.array([fed[first + row + 1]], np.int32)
            known.append(float(scores.gather(row, following)[0]))
    at, found = 0, []
    for token, logprob in zip(ids, known, strict=True):
        chars = len(tokenizer.table.pieces[token].decode(errors="ignore"))
        found.append((at, chars, -logprob))
        at += chars
    return found


def bits(costs: Sequence[Cost]) -> float:
    """Per character."""
    return sum(nats for *_, nats in costs) / math.log(2) / sum(chars for _, chars, _ in costs)


def by_place(costs: Sequence[Cost]) -> list[float]:
    """Bits per character by how many characters stand before."""
    groups: list[list[Cost]] = [[] for _ in EDGES]
    for each in costs:
        groups[bisect_right(EDGES, each[0]) - 1].append(each)
    return [bits(group) for group in groups]


def key_ms(predictor: Predictor, passages: Sequence[Passage]) -> list[float]:
    """Milliseconds of every key, in typing order, one suggestion of one word."""
    found = []
    for passage in passages:
        for at in range(len(passage.text)):
            context = Context(passage.lead + passage.text[:at])
            began = time.perf_counter()
            predictor.predict(context, Budget(n=1, max_words=1))
            found.append(1000 * (time.perf_counter() - began))
    return found


def timed(predictor: Predictor, passages: Sequence[Passage]) -> dict[str, float]:
    """Median, mean and the slowest in a hundred."""
    ms = sorted(key_ms(predictor, passages))
    return {
        "median_ms": statistics.median(ms),
        "mean_ms": statistics.fmean(ms),
        "p99_ms": ms[int(0.99 * len(ms))],
    }


def measure(corpora: Path) -> Measured:
    """N-grams of several orders, and the default model."""
    documents = first_chars(dialogues(corpora, "dev"), CHARS)
    keys, few = turns(corpora, KEYS), turns(corpora, NEURAL_KEYS)
    systems: dict[str, Any] = {"frequency": timed(Frequency.open("en"), keys)}
    with tempfile.TemporaryDirectory() as name:
        for order in ORDERS:
            predictor, size = trained(corpora, order, Path(name))
            costs = [c for text in documents for c in ngram_costs(predictor.model, text)]
            systems[f"ngram_{order}"] = {
                **timed(predictor, keys),
                "bits": bits(costs),
                "by_place": by_place(costs),
                "file_mb": size / 1e6,
            }
    loaded = open_model(load().settings)
    costs = [c for text in documents for c in neural_costs(loaded, text)]
    loaded.engine.close()
    with Suggester.open() as suggester:
        neural = Neural(suggester, tolerance=0.01)
        systems["neural"] = {
            **timed(neural, few),
            "bits": bits(costs),
            "by_place": by_place(costs),
            "file_mb": loaded.info.path.stat().st_size / 1e6,
        }
        neural.close()
    settings = {
        "measured on": "DailyDialog, development split, whole dialogues",
        "characters": sum(map(len, documents)),
        "keys timed": KEYS,
        "keys timed, neural": NEURAL_KEYS,
        "n-grams": "DailyDialog, training split",
        "neural": f"{loaded.info.name}, its own spelling of the text alone",
        "asked": "one suggestion of one word at every key, no deadline",
    }
    return Measured(settings, {"systems": systems, "edges": list(EDGES)})


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    systems = values["systems"]
    quotes = {f"{name}_ms": _ms(each["median_ms"]) for name, each in systems.items()}
    quotes |= {f"{n}_bits": f"{e['bits']:.2f} bits" for n, e in systems.items() if "bits" in e}
    for name in ("ngram_5", "neural"):
        quotes[f"{name}_first"] = f"{systems[name]['by_place'][0]:.2f}"
        quotes[f"{name}_last"] = f"{systems[name]['by_place'][-1]:.2f}"
        quotes[f"{name}_mb"] = f"{systems[name]['file_mb']:.0f} MB"
    quotes["times_slower"] = f"{systems['neural']['mean_ms'] / systems['ngram_5']['mean_ms']:.0f}"
    table = [["", "bits per character", "ms a key: median", "mean", "99 % of keys below", "file"]]
    for name, label in NAMES.items():
        each = systems[name]
        has = "bits" in each
        table.append(
            [label, f"{each['bits']:.2f}" if has else "—"]
            + [_ms(each[key]) for key in ("median_ms", "mean_ms", "p99_ms")]
            + [f"{each['file_mb']:.0f} MB" if has else "—"]
        )
    return quotes, {"systems": table}


NAMES = {
    "frequency": "frequency list",
    "ngram_1": "n-gram, order 1",
    "ngram_2": "n-gram, order 2",
    "ngram_3": "n-gram, order 3",
    "ngram_5": "n-gram, order 5",
    "neural": "neural, default model",
}


def _ms(value: float) -> str:
    return (
        f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
    )


def draw(values: dict[str, Any], path: Path) -> None:
    """Two panels."""
    canvas = Canvas([4.6, 4.6], 3.5)
    time_, place = canvas.panels
    systems = values["systems"]
    hues = {"ngram_1": GREY, "ngram_2": GREEN, "ngram_3": ORANGE, "ngram_5": BLUE, "neural": PURPLE}
    for name, colour in hues.items():
        each = systems[name]
        time_.plot([each["median_ms"], each["p99_ms"]], [each["bits"]] * 2, color=colour, alpha=0.5)
        time_.plot([each["median_ms"]], [each["bits"]], "o", ms=7, color=colour)
        time_.annotate(
            NAMES[name].removesuffix(", default model"), (each["median_ms"], each["bits"]),
            xytext=(0, -15 if name == "ngram_5" else 8), textcoords="offset points",
            fontsize=9, color=colour,
        )  # fmt: skip
    time_.axvline(NEXT_KEY_MS, color=RED, linewidth=0.9, linestyle="--")
    time_.annotate(
        "the next\nkey of a\ntypist", (NEXT_KEY_MS, 0.75), xycoords=("data", "axes fraction"),
        xytext=(4, 0), textcoords="offset points", fontsize=8.5, color=RED,
    )  # fmt: skip
    time_.set(xscale="log", xlabel="ms a key: median (dot) to 99 % (line)", xlim=(0.05, 1500))
    time_.set(title="bits per character", ylim=(1.0, 2.4))
    labels = [
        f"{low}–{high}" for low, high in zip(values["edges"], values["edges"][1:], strict=False)
    ]
    labels.append(f"{values['edges'][-1]}+")
    for name in ("ngram_2", "ngram_5", "neural"):
        place.plot(labels, systems[name]["by_place"], "o-", ms=4, color=hues[name],
                   label=NAMES[name])  # fmt: skip
    place.set(title="bits per character …", xlabel="… by characters of the dialogue before")
    place.legend()
    canvas.save(path, LABEL)
