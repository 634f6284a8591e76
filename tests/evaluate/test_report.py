from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from evaluate.small_records import STORY, offer, record
from tecla.evaluate.answers import Record
from tecla.evaluate.config import BUDGETS, EvaluateConfig
from tecla.evaluate.examples import disagreements
from tecla.evaluate.report import write_report
from tecla.evaluate.results import best_threshold, figures, paired, query_figures

CONFIG = EvaluateConfig((), (), BUDGETS)


def recorded(word: str) -> list[Record]:
    """Two passages with a suggestion at three carets."""
    return [
        record(STORY, {4: [offer(word)], 22: [offer("walked to", 0.8)], 60: [offer("x")]}, 1),
        record("The boats lay still.", {4: [offer("boats lay")]}, 2),
    ]


@pytest.mark.slow
def test_a_report_holds_every_plot_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    rows = []
    for system, word in (("<b>right</b>", "rain had"), ("wrong", "sun")):
        for way in ("ghost", "list", "query"):
            records = recorded(word)
            row = {"corpus": "story", "split": "dev", "kind": "lines", "system": system, "way": way}
            if way == "query":
                row["queries"] = query_figures(records, ["the boats"], 1)  # type: ignore[assignment]
            rows.append({**row, **figures(way, records, CONFIG)})
    manifest = {
        "packages": {"tecla": "0"},
        "written": "now",
        "limit": 2,
        "machine": {"processor": "p", "physical_cores": 2},
    }
    said = {"corpus": "story.dev", "before": "a|b\n", "true": "*c*", "shown": {"wrong": "<d>"}}
    results = {"manifest": manifest, "missing": [], "figures": rows, "examples": [said]}
    page, text = (path.read_text() for path in write_report(results, tmp_path))
    assert page.count("<svg") == 9
    assert "currentColor" in page
    assert "prefers-color-scheme: dark" in page
    assert "<b>right</b>" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    tables = [part for part in text.split("\n\n") if part.startswith("| system")]
    assert len(tables) == 4  # three ways, and ghost text in detail
    for table in tables:
        lines = table.splitlines()
        assert len(lines) == 4
        assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert "| …a\\|b↵ | \\*c\\* | – | \\<d\\> |" in text
    assert page.count("<table") == 5
    shown = re.findall(r"!\[.+\]\((plots/[\w-]+\.svg)\)", text)
    assert len(shown) == 9
    for file in shown:
        svg = (tmp_path / file).read_text()
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert "currentColor" not in svg
    for detail in ("perplexity", "ECE", "3 at 30%"):
        assert f"<th>{detail}</th>" in page


def test_the_widest_disagreement_of_each_passage_is_quoted() -> None:
    found = disagreements({"one": recorded("rain had"), "other": recorded("sun")})
    assert len(found) == 1
    assert found[0]["before"] == "The "
    assert found[0]["true"].startswith("rain had")
    assert found[0]["shown"] == {"one": "rain had", "other": "sun"}
    assert disagreements({"one": recorded("sun"), "other": recorded("sun")}) == []
    assert disagreements({}) == []


def test_differences_are_over_shared_passages() -> None:
    one, other = recorded("rain had"), recorded("sun")
    found = paired("ghost", one, other[:1], CONFIG)
    assert found is not None
    assert found["passages"] == 1
    assert found["value"] == pytest.approx((8 - 1) / len(STORY))
    assert paired("ghost", one, [], CONFIG) is None


def test_a_glance_that_costs_much_raises_the_threshold() -> None:
    typed = [record("see you", {0: [offer("see", 0.9)], 4: [offer("him", 0.3)]})]
    assert best_threshold(typed, "saving", 0.0) == 0.0
    assert 0.3 < best_threshold(typed, "saving", 0.5) <= 0.9
