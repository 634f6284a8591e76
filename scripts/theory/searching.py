"""Page 5: what a key costs with and without a memory, and what wider searches find."""

from __future__ import annotations

import math
import random
import statistics
from pathlib import Path
from typing import Any

from draw import BLUE, GREEN, ORANGE, RED, Canvas
from sources import SEED, Measured

from tecla.suggest.suggester import Suggester
from tecla.text.documents import read_documents

LEAD = (
    "Dear Ms Lindqvist,\n\nThank you for your letter of last week and for the two photographs "
    "of the garden. The roses look splendid, and my sister was delighted to see the old bench "
    "again.\n\n"
)
TYPED = "I am writing to ask whether we could move our meeting on Friday to the afternoon."
MOST_TOKENS = 8
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"n": 1},
    "five": {"n": 5},
    "beam": {"n": 1, "width": 4, "depth": 4},
}
NAMES = {
    "nothing_kept": "greedy, nothing kept",
    "beam": "beam of 4, memory kept",
    "five": "5 alternatives, memory kept",
    "greedy": "greedy, memory kept",
}
CARETS, WIDTHS, DEPTH = 20, (1, 2, 4, 8), 6
DRAWS, TEMPERATURES = 20, (0.0, 0.3, 0.7, 1.0)
LABEL = "Tokens evaluated for each key of a sentence, and what wider beams find and cost"


def typing() -> dict[str, list[int]]:
    """Tokens evaluated for every key of the sentence, each way with a model of its own."""
    found: dict[str, list[int]] = {}
    for way, options in WAYS.items():
        with Suggester.open() as suggester, suggester.session() as session:
            session.suggest(LEAD, max_tokens=1, deadline_ms=None)
            costs, plain = [], []
            for end in range(len(TYPED)):
                done = session.suggest(
                    LEAD + TYPED[:end], max_tokens=MOST_TOKENS, deadline_ms=None, **options
                )
                costs.append(done.work.evaluated_tokens)
                grown = max((each.n_tokens for each in done.continuations), default=0)
                plain.append(done.prompt_tokens + max(0, grown - 1))
            found[way] = costs
            if way == "greedy":
                found["nothing_kept"] = plain
    return found


def carets(corpora: Path) -> list[str]:
    """Beginnings of sentences of a novel, cut behind a word."""
    texts = read_documents(corpora / "books" / "austen-persuasion.txt", wrapped=True)
    kept = [text for text in texts if 200 < len(text) < 600]
    random.Random(SEED).shuffle(kept)
    return [text[: text.rindex(" ", 0, 160)] for text in kept[:CARETS]]


def widths(corpora: Path) -> list[dict[str, float]]:
    """The best text that a beam of each width finds, and its cost."""
    found = []
    for width in WIDTHS:
        with Suggester.open() as suggester, suggester.session() as session:
            done = []
            for text in carets(corpora):
                session.suggest(text, max_tokens=1, deadline_ms=None)  # the text is read
                done.append(
                    session.suggest(
                        text, n=1, width=width, depth=DEPTH, max_tokens=DEPTH, deadline_ms=None
                    )
                )
        nats = [-math.log(each.continuations[0].probability) for each in done]
        tokens = [each.work.evaluated_tokens for each in done]
        found.append(
            {
                "width": width,
                "nats": statistics.fmean(nats),
                "tokens": statistics.fmean(tokens),
            }
        )
    return found


def draws() -> list[dict[str, float]]:
    """How many different texts so many draws give, and the mean of their probabilities."""
    found = []
    with Suggester.open() as suggester, suggester.session() as session:
        for temperature in TEMPERATURES:
            texts, logs = set(), []
            for seed in range(DRAWS):
                done = session.suggest(
                    LEAD + TYPED[:19],
                    temperature=temperature, seed=seed, max_tokens=DEPTH, deadline_ms=None,
                )  # fmt: skip
                texts.add(done.continuations[0].text)
                logs.append(-math.log(done.continuations[0].probability))
            found.append(
                {
                    "temperature": temperature,
                    "different": len(texts),
                    "nats": statistics.fmean(logs),
                }
            )
    return found


def measure(corpora: Path) -> Measured:
    """Typing one sentence, wider beams, draws."""
    values = {"typing": typing(), "widths": widths(corpora), "draws": draws(), "typed": TYPED}
    settings = {
        "text": "our own sentence behind a letter's beginning of our own",
        "tokens an answer": MOST_TOKENS,
        "beams": f"{CARETS} carets in Austen, Persuasion; {DEPTH} tokens",
        "draws": f"{DRAWS} of {DEPTH} tokens",
    }
    return Measured(settings, values)


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    costs = values["typing"]
    quotes = {f"{way}_mean": f"{statistics.fmean(each):.1f}" for way, each in costs.items()}
    quotes["greedy_none"] = f"{sum(not each for each in costs['greedy'])}"
    quotes["keys"] = str(len(values["typed"]))
    table = [["", "tokens a key, mean", "median", "most", "keys that cost none"]]
    for way, name in NAMES.items():
        each = costs[way]
        table.append(
            [
                name,
                f"{statistics.fmean(each):.1f}",
                f"{statistics.median(each):.0f}",
                str(max(each)),
                str(sum(not cost for cost in each)),
            ]
        )
    beams = [["width", "tokens evaluated", "probability of the text found"]]
    beams += [
        [str(each["width"]), f"{each['tokens']:.1f}", _one_in(each["nats"])]
        for each in values["widths"]
    ]
    one, *_, widest = values["widths"]
    quotes["beam_gain"] = f"{math.exp(one['nats'] - widest['nats']):.0f}"
    quotes["beam_cost"] = f"{widest['tokens'] / one['tokens']:.1f}"
    drawn = [["temperature", f"different texts in {DRAWS} draws", "probability of a text"]]
    drawn += [
        [str(each["temperature"]), str(each["different"]), _one_in(each["nats"])]
        for each in values["draws"]
    ]
    return quotes, {"typing": table, "widths": beams, "draws": drawn}


def _one_in(nats: float) -> str:
    """A probability as it is written in the pages: one in so many."""
    number = math.exp(nats)
    digits = 1 - math.floor(math.log10(number))
    return f"1 in {round(number, digits):,.0f}"


def draw(values: dict[str, Any], path: Path) -> None:
    """Two panels."""
    canvas = Canvas([5.6, 3.6], 3.4)
    keys, wide = canvas.panels
    hues = {"nothing_kept": RED, "beam": ORANGE, "five": GREEN, "greedy": BLUE}
    for way, name in NAMES.items():
        costs = values["typing"][way]
        total = [sum(costs[: at + 1]) for at in range(len(costs))]
        keys.plot(range(1, len(costs) + 1), total, color=hues[way], label=name, linewidth=1.8)
    keys.set(yscale="log", xlabel="keys typed of one sentence", title="tokens evaluated so far")
    keys.legend(loc="lower right")
    for each in values["widths"]:
        wide.plot([each["tokens"]], [1000 * math.exp(-each["nats"])], "o", ms=7, color=ORANGE)
        wide.annotate(f"width {each['width']}", (each["tokens"], 1000 * math.exp(-each["nats"])),
                      xytext=(7, -4), textcoords="offset points", fontsize=9)  # fmt: skip
    wide.set(xlabel="tokens evaluated", title="probability of the text found, ‰", ylim=(0, None))
    low, high = wide.get_xlim()
    wide.set_xlim(low, high + 0.25 * (high - low))
    canvas.save(path, LABEL)
