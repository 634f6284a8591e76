"""Page 6: precision against coverage, reliability, and keys saved by how sure one has to be."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from draw import BLUE, GREY, PURPLE, Canvas
from sources import Measured, percent, trained, turns

from tecla.evaluate.answers import Record
from tecla.evaluate.metrics import calibration, savings, shown_ratios
from tecla.evaluate.record import ask
from tecla.evaluate.typists import ghost, right_cuts
from tecla.predict.base import Budget
from tecla.suggest.neural import Neural
from tecla.suggest.suggester import Suggester

CHARS, NEURAL_CHARS = 20_000, 2_400
THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
GLANCE_KEYS = 0.1
SHORT = 2  # characters; a right suggestion of so few saves less than two keys
BUDGET = Budget(n=1, max_words=1)
NAMES = {"ngram": "n-gram, order 5", "neural": "neural, default model"}
LABEL = "Precision against coverage, reliability, and keys saved by threshold"


def figures(records: Sequence[Record]) -> dict[str, Any]:
    """One system's curves."""
    curve = []
    for threshold in THRESHOLDS:
        ratios = shown_ratios(records, threshold)
        saved = savings(ghost(each, "saving", threshold) for each in records).value or 0.0
        wrong = ratios["wrong_show"].value or 0.0
        curve.append(
            {
                "threshold": threshold,
                "coverage": ratios["coverage"].value,
                "precision": ratios["precision"].value,
                "wrong": wrong,
                "saved": saved,
                "net": saved - GLANCE_KEYS * wrong,
            }
        )
    found = calibration(records)
    right = [
        len(each.offers[0].text)
        for record in records
        for at, each in enumerate(record.answers)
        if each.offers and right_cuts(record.passage.text, at, each.offers[0])
    ]
    return {
        "carets": sum(len(each.answers) for each in records),
        "curve": curve,
        "error": found.error,
        "right_short": sum(length <= SHORT for length in right) / len(right),
        "bins": [
            {"said": each.mean_probability, "right": each.right_share, "count": each.count}
            for each in found.bins
        ],
    }


def measure(corpora: Path) -> Measured:
    """One suggestion of one word at every caret."""
    with tempfile.TemporaryDirectory() as name:
        ngram, _ = trained(corpora, 5, Path(name))
        many, few = turns(corpora, CHARS), turns(corpora, NEURAL_CHARS)
        systems = {
            "ngram": figures([ask(ngram, each, BUDGET) for each in many]),
            "ngram_few": figures([ask(ngram, each, BUDGET) for each in few]),
        }
    with Suggester.open() as suggester:
        neural = Neural(suggester, tolerance=0.01)
        systems["neural"] = figures([ask(neural, each, BUDGET) for each in few])
        neural.close()
    settings = {
        "measured on": "DailyDialog, development split, whole turns behind those before them",
        "suggestion": "one, of one word",
        "n-gram": "order 5, DailyDialog, training split",
        "neural": "default model, uncalibrated",
        "reading cost": f"{GLANCE_KEYS} keys for every caret with nothing right in what is shown",
    }
    return Measured(settings, {"systems": systems})


def tell(values: dict[str, Any]) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """What the page quotes."""
    quotes: dict[str, str] = {}
    table = [["", "threshold", "carets with something shown", "of them right", "keys saved"]]
    for name, label in NAMES.items():
        each = values["systems"][name]
        best = max(each["curve"], key=lambda point: point["net"])
        always = each["curve"][0]
        quotes |= {
            f"{name}_carets": f"{each['carets']:,}",
            f"{name}_error": f"{each['error']:.3f}",
            f"{name}_best": f"{best['threshold']:g}",
            f"{name}_short": percent(each["right_short"]),
            f"{name}_best_saved": percent(best["saved"], 1),
            f"{name}_best_wrong": percent(best["wrong"]),
            f"{name}_all_saved": percent(always["saved"], 1),
            f"{name}_all_wrong": percent(always["wrong"]),
        }
        for point in each["curve"]:
            if point["threshold"] in (0.0, 0.2, 0.5, 0.8):
                cells = (percent(point[key]) for key in ("coverage", "precision", "saved"))
                table.append([label, f"{point['threshold']:g}", *cells])
    few = values["systems"]["ngram_few"]["curve"][0]
    quotes["ngram_few_right"] = percent(few["precision"])
    quotes["ngram_few_saved"] = percent(few["saved"])
    return quotes, {"thresholds": table}


def draw(values: dict[str, Any], path: Path) -> None:
    """Three panels."""
    canvas = Canvas([3.3, 3.0, 3.4], 3.4)
    precision, reliable, keys = canvas.panels
    reliable.plot([0, 1], [0, 1], "--", color=GREY, linewidth=0.9)
    for (name, label), colour in zip(NAMES.items(), (BLUE, PURPLE), strict=True):
        each = values["systems"][name]
        curve = [point for point in each["curve"] if point["precision"] is not None]
        precision.plot(
            [100 * point["coverage"] for point in curve],
            [100 * point["precision"] for point in curve], "o-", ms=3.5, color=colour, label=label,
        )  # fmt: skip
        reliable.plot(
            [point["said"] for point in each["bins"]],
            [point["right"] for point in each["bins"]], "o-", ms=3.5, color=colour,
        )  # fmt: skip
        at = [point["threshold"] for point in each["curve"]]
        keys.plot(at, [100 * point["saved"] for point in each["curve"]], "--", color=colour)
        keys.plot(at, [100 * point["net"] for point in each["curve"]], "o-", ms=3.5, color=colour)
    precision.set(xlim=(0, 102), ylim=(0, 102), xlabel="carets with something shown, %")
    precision.set_title("right, % of what is shown")
    precision.legend(loc="lower left")
    reliable.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", title="share that is right")
    keys.set(xlabel="threshold on the probability", ylim=(0, None))
    keys.set_title("keys saved, % (line: less reading)")
    canvas.save(path, LABEL)
