"""docs/theory/: pages, figures and numbers belong together; what is measured comes from a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from loading import load_script

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "theory"
FIGURES = FOLDER / "figures"
NAMES = ["README", "1-counts", "2-words", "3-networks", "4-carets", "5-search", "6-silence"]
PAGES = [pytest.param(FOLDER / f"{name}.md", id=name) for name in NAMES]
DRAWN = ["counts", "words", "networks", "carets", "search", "silence"]
MARKED = re.compile(r"<!--table .*?<!--/table-->|<!--\w+ \w+-->.*?<!--/-->", re.DOTALL)
MEASURE = re.compile(r"\d\s*(?:%|ms\b|bits?\b|MB\b)")


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    """The part of the script that fills the pages; it needs nothing that is measured."""
    return load_script(ROOT / "scripts" / "theory" / "pages.py", "theory_pages")


def images(text: str) -> list[str]:
    return re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)


def test_every_page_is_there_and_no_other() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == sorted(NAMES)
    way = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in NAMES[1:]:
        assert f"]({name}.md)" in way
    for page in ("README.md", "docs/architecture.md"):
        assert "theory/" in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve_and_named_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for named in re.findall(r"`((?:src|docs|tests|scripts)/[\w./-]+)`", text):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_figure_and_the_command_that_makes_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = images(text)
    assert found
    for target in found:
        name = Path(target).stem
        assert name in DRAWN
        assert (page.parent / target).is_file()
        assert (FIGURES / f"{name}.json").is_file()
        command = "all" if page.stem == "README" else name
        assert f".venv/bin/python scripts/theory {command}" in text


@pytest.mark.parametrize("page", PAGES)
def test_what_is_marked_as_measured_comes_from_a_figure(page: Path, pages: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert pages.filled(text) == text
    assert page.stem == "README" or MARKED.search(text)


@pytest.mark.parametrize("page", PAGES)
def test_percentages_times_and_bits_are_marked(page: Path) -> None:
    rest = MARKED.sub("", page.read_text(encoding="utf-8"))
    found = MEASURE.search(rest)
    assert found is None, rest[found.start() - 40 : found.end() + 20]


def test_a_changed_number_is_noticed(pages: ModuleType) -> None:
    (name, text) = next(iter(pages.figure("counts")["quotes"].items()))
    right = f"a <!--counts {name}-->{text}<!--/--> b"
    assert pages.filled(right) == right
    assert pages.filled(right.replace(text, "0.1 %")) == right


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_says_when_and_how_it_was_measured(name: str) -> None:
    found = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    assert found["command"] == f".venv/bin/python scripts/theory {name}"
    assert found["settings"]["seed"]
    assert found["values"]
    for table in found["tables"].values():
        assert len({len(row) for row in table}) == 1


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_a_picture_with_text_for_light_and_dark(name: str) -> None:
    svg = (FIGURES / f"{name}.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.attrib["aria-label"]
    assert "<text" in svg
    text_colours = set(re.findall(r"<text[^>]*fill: (#\w{6})", svg))
    assert text_colours
    assert not text_colours & {"#000000", "#ffffff"}
