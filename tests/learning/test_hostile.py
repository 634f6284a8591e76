"""What anybody may hand over costs what its length costs, and not the square of it."""

from __future__ import annotations

from email import _header_value_parser
from io import BytesIO

import pytest
from selectolax.lexbor import LexborHTMLParser

from tecla.learning import html
from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.html import text_of
from tecla.learning.mail import read_mail


class Steps:
    """Counts how often a node is asked for what it is, or what is above it or below it."""

    def __init__(self) -> None:
        self.count = 0


class Counted:
    """A node, or a tree, that counts what it is asked."""

    def __init__(self, inner: object, steps: Steps) -> None:
        self._inner, self._steps = inner, steps

    def __getattr__(self, name: str) -> object:
        value = getattr(self._inner, name)
        if name not in ("parent", "mem_id", "body"):
            return value
        self._steps.count += 1
        return value if value is None or name == "mem_id" else Counted(value, self._steps)

    def css(self, query: str) -> list[Counted]:
        return [Counted(node, self._steps) for node in self._inner.css(query)]  # type: ignore[attr-defined]

    def traverse(self, *, include_text: bool = False) -> object:
        for node in self._inner.traverse(include_text=include_text):  # type: ignore[attr-defined]
            self._steps.count += 1
            yield Counted(node, self._steps)


@pytest.mark.parametrize("tag", ["<main>x", "<article>x", "<q>x", "<b>x"])
def test_a_page_in_a_page_takes_steps_by_its_length(
    monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    def steps_of(page: str) -> int:
        steps = Steps()
        monkeypatch.setattr(
            "selectolax.lexbor.LexborHTMLParser",
            lambda page: Counted(LexborHTMLParser(page), steps),
        )
        assert text_of(page).count("x") == page.count("x")
        return steps.count

    assert steps_of(tag * 400) < 5 * steps_of(tag * 100)


def test_formatting_left_open_is_not_made_anew_in_each_paragraph(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trees = []

    def parsed(page: str) -> LexborHTMLParser:
        trees.append(LexborHTMLParser(page))
        return trees[-1]

    monkeypatch.setattr("selectolax.lexbor.LexborHTMLParser", parsed)
    page = "<p>" + "".join(f"<B class={at}>" for at in range(200)) + "<p>x" * 200
    assert text_of(page) == "\n\n".join("x" * 200)
    assert sum(1 for _ in trees[0].root.traverse(include_text=True)) < 1_000


@pytest.mark.slow
def test_of_a_page_only_so_much_may_stay_open() -> None:
    assert text_of("<ul><li>x" * (html._MOST_OPEN - 1)).count("x") == html._MOST_OPEN - 1
    assert text_of("<P><Li>x<br>" * 20_000).count("x") == 20_000
    closed_elsewhere = "<ul>" * 20_000 + "</a>" * 20_000
    with pytest.raises(UnreadableError, match="damaged"):
        text_of(closed_elsewhere)


@pytest.mark.parametrize(
    "header",
    ["From: {} <me@example.org>", "Content-Type: text/plain; {}", "Content-Disposition: {}"],
)
def test_of_a_header_only_the_beginning_is_read(
    monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    seen = []
    inner = _header_value_parser.get_attribute, _header_value_parser.get_atext

    def watched(value: str, at: int) -> object:
        seen.append(len(value))
        return inner[at](value)

    monkeypatch.setattr(_header_value_parser, "get_attribute", lambda value: watched(value, 0))
    monkeypatch.setattr(_header_value_parser, "get_atext", lambda value: watched(value, 1))
    mail = header.format("a b; " * 4_000) + "\n\nThe roof is done.\n"
    assert _own(mail.encode()) == "The roof is done."
    assert max(seen) <= 400


def test_a_mail_of_more_parts_than_a_mail_has_is_damaged() -> None:
    def mail(parts: int) -> bytes:
        head = "From: a@b.org\nContent-Type: multipart/mixed; boundary=x\n\n"
        return (head + "--x\n\nThe roof is done.\n" * parts + "--x--\n").encode()

    assert _own(mail(100)) == "The roof is done."
    assert _own(mail(300)) == Left("damaged")


def _own(mail: bytes) -> str | Left:
    return next(iter(read_mail(BytesIO(mail), ReadingOptions())))
