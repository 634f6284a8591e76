"""Every format gives the prose that is in it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from learning.files import PROSE, changed_in_zip, docx, everything_of, pdf, texts_of, why_not
from tecla.learning.base import Left, ReadingOptions
from tecla.learning.kinds import kind_of

SPANISH = "El pingüino añejo llegó mañana: ¿qué más da? Aquí no está el camión de la señora Ibáñez."


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_plain_text_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(SPANISH.encode(encoding))
    assert texts_of(path) == [SPANISH]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_lines_that_a_width_has_broken_are_joined(tmp_path: Path, end: str) -> None:
    lines = [
        "It was the best of times, it was the worst of times, it was the age of",
        "wisdom, it was the age of foolishness, it was the epoch of belief, it was",
        "the epoch of incredulity.",
        "",
        "- an item that is long enough to look like a line which somebody has broken",
        "- another item",
    ]
    path = tmp_path / "a.txt"
    path.write_bytes(end.join(lines).encode())
    first, _, rest = texts_of(path)[0].partition("\n\n")
    assert first == " ".join(lines[:3])
    assert rest == "\n".join(lines[4:])


def test_short_lines_are_somebodys_own(tmp_path: Path) -> None:
    verse = "Roses are red,\nviolets are blue,\nsugar is sweet\nand so are you."
    path = tmp_path / "a.txt"
    path.write_text(verse)
    assert texts_of(path) == [verse]


MARKDOWN = f"""---
title: front matter
---
# A heading

{PROSE} See [the manual](https://example.org/a(b)) and ![a picture](x.png) of `code`.
<!-- a remark -->
<div class="x">

```python
secret_code = 1
```

    indented_code()

- an item
  - another

[ref]: https://example.org/ref

| a | b |
| --- | --- |
| one | two |
"""


@pytest.mark.slow
def test_markdown_is_what_one_types(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(MARKDOWN)
    (text,) = texts_of(path)
    for kept in (
        "# A heading",
        PROSE,
        "See the manual and",
        "`code`",
        "- an item",
        "| one | two |",
    ):
        assert kept in text
    for gone in ("front matter", "example.org", "png", "secret_code", "indented", "remark", "<div"):
        assert gone not in text


HTML = f"""<!doctype html><html><head><title>no title</title><style>no style</style></head>
<body><nav>no menu</nav><header>no banner</header>
<div>First <b>bo</b>ld.<p>{PROSE}</p>After&nbsp;it<br>below</div>
<ul><li>one</li><li>two</li></ul>
<p hidden>no hidden</p><p style="display: none">no style</p><pre>no code</pre>
<script>no script</script><form>no form</form><footer>no footer</footer></body></html>"""


def test_html_is_what_one_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(HTML)
    assert texts_of(path) == [f"First bold.\n\n{PROSE}\n\nAfter it\nbelow\n\none\ntwo"]


def test_of_a_page_that_says_what_is_its_content_only_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.htm"
    path.write_text(f"<body><p>around</p><main><article>{PROSE}</article></main><p>it</p>")
    assert texts_of(path) == [PROSE]


def test_html_in_the_encoding_it_names(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(f'<meta charset="iso-8859-15"><p>{SPANISH} 5 €</p>'.encode("iso-8859-15"))
    assert texts_of(path) == [f"{SPANISH} 5 €"]


@pytest.mark.slow
def test_docx_in_order_with_tables_and_changes(tmp_path: Path) -> None:
    from docx import Document

    path = tmp_path / "a.docx"
    document = Document()
    document.add_heading("A heading")
    document.add_paragraph(PROSE)
    document.add_paragraph("an item", style="List Bullet")
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    document.add_paragraph("KEPT and GONE")
    document.sections[0].footer.paragraphs[0].text = "no footer"
    document.save(str(path))
    changed_in_zip(
        path,
        "word/document.xml",
        b"<w:r><w:t>KEPT and GONE</w:t></w:r>",
        b"<w:ins><w:r><w:t>kept</w:t></w:r></w:ins><w:del><w:r><w:delText>gone</w:delText>"
        b"</w:r></w:del>",
    )
    assert texts_of(path) == [f"A heading\n\n{PROSE}\n\nan item\n\nleft\n\nright\n\nkept"]


@pytest.mark.slow
def test_pdf_lines_become_paragraphs(tmp_path: Path) -> None:
    pages = [
        [
            "The Title of the Book",
            f"{number}. This {colour} line goes on in the next, as lines of a page all do, and the",
            "next one ends with a word that is divi-",
            "ded, and then it is over.",
            "A new paragraph begins here, as long as all the others that are on this page are",
            f"and {colour} ends.",
            f"page {number}",
        ]
        for number, colour in enumerate(("red", "green", "blue"), 1)
    ]
    (text,) = texts_of(pdf(tmp_path / "a.pdf", pages))
    assert "The Title" not in text
    assert "page" not in text.replace("a page", "").replace("this page", "")
    assert "all do, and the next one ends with a word that is divided, and then" in text
    assert "over.\n\nA new paragraph begins" in text


@pytest.mark.slow
def test_pdf_keeps_the_hyphen_of_a_word_that_has_one(tmp_path: Path) -> None:
    lines = ["A well-known fact of the matter is here.", "It is a well-", "known fact again."]
    (text,) = texts_of(pdf(tmp_path / "a.pdf", [lines]))
    assert "It is a well-known fact again." in text


SOURCE = '''#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""The module owns the tables and knows nothing of the rest of the house.

Second paragraph of it.
"""
import os  # noqa: E402

# This comment goes on
# in the next line of it.
# x = compute(1, 2)
value = "not a comment at all"  # the value that everybody has been waiting for


def call():
    """Say what is done when it is called by somebody."""
'''


@pytest.mark.slow
def test_source_code_is_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(SOURCE)
    assert texts_of(path) == [
        "The module owns the tables and knows nothing of the rest of the house.\n\n"
        "Second paragraph of it.\n\nThis comment goes on\nin the next line of it.\n\n"
        "the value that everybody has been waiting for\n\n"
        "Say what is done when it is called by somebody."
    ]


@pytest.mark.slow
def test_comments_of_another_language(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text(
        "/*\n * A block comment with several words.\n */\n#include <x.h>\n"
        "int x = 1; // another one beside the code\n/* if (x) { return; } */\n"
    )
    assert texts_of(path) == ["A block comment with several words.\n\nanother one beside the code"]


TABLE = 'id,Question,kind\n1,"How do I get, please, my card?",card\n2,Where is my money now?,cash\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv", TABLE, id="comma"),
        pytest.param(
            "a.tsv",
            TABLE.replace('"', "")
            .replace("get, please,", "get; please;")
            .replace(",", "\t")
            .replace(";", ","),
            id="tab",
        ),
        pytest.param(
            "a.csv", TABLE.replace(",", ";").replace("get; please;", "get, please,"), id="semicolon"
        ),
    ],
)
def test_a_row_is_a_text_of_the_columns_that_are_text(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert texts_of(path) == ["How do I get, please, my card?", "Where is my money now?"]


@pytest.mark.parametrize("columns", [("kind",), ("3",)], ids=["name", "number"])
def test_columns_can_be_named(tmp_path: Path, columns: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TABLE)
    assert texts_of(path, ReadingOptions(columns)) == ["card", "cash"]


def test_a_table_without_text_or_the_column_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    assert why_not(path) == "no_column"
    assert why_not(path, options=ReadingOptions(("c",))) == "other_columns"


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": "a1", "body": PROSE, "deep": {"note": "a note that is deep"}}, {"body": ""}]
    path.write_text("\n".join([*map(json.dumps, rows), "{broken", "", "[1]"]))
    bad = Left("bad_row")
    assert everything_of(path) == [PROSE, Left("no_text"), bad, bad]
    named = ReadingOptions(("deep.note", "body"))
    assert texts_of(path, named) == [f"a note that is deep\n{PROSE}"]
    assert why_not(path, options=ReadingOptions(("other",))) == "other_columns"


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.TXT", b"", "text"),
        ("a.md", b"", "markdown"),
        ("a.py", b"", "source"),
        ("a.jpg", b"\xff\xd8", None),
        ("Sent", b"From me Mon\nFrom: a\n", "mbox"),
        ("cur/1.M2P3.host:2,S", b"Return-Path: <a>\nFrom: b\n", "mail"),
        ("new/1700000000.M2P3.host", b"From: b\n", "mail"),
        ("README", b"text", None),
    ],
)
def test_kinds_by_name_or_content(name: str, head: bytes, kind: str | None) -> None:
    assert kind_of(Path("folder") / name, head) == kind


@pytest.mark.slow
def test_docx_of_many_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"{number}. {PROSE}" for number in range(20)]
    assert texts_of(docx(tmp_path / "a.docx", paragraphs)) == ["\n\n".join(paragraphs)]
