"""Draw `docs/picture.svg`: half-typed texts with their most probable endings, as found now."""

from __future__ import annotations

from html import escape
from pathlib import Path

from tecla import AutoComplete

PAGE = Path(__file__).resolve().parent.parent / "docs" / "picture.svg"
TEXTS = ["The future of artif", "She said that she would th", "La ciudad de Madrid es la capi"]
ENDINGS = 4
WIDTH, ROW, LEFT = 860, 30, 32
CHAR = 10.85  # width of a character of the font below
FONT = "font-family='DejaVu Sans Mono, Menlo, Consolas, monospace' font-size='18'"


def row(y: int, typed: str, ending: str, probability: float, first: bool) -> str:
    """One line: what is typed, the caret, the ending as ghost text, a bar of its probability."""
    at = LEFT + CHAR * len(typed)
    bar = LEFT + CHAR * 44
    shown = escape(typed) if first else ""
    caret = (
        f"<rect x='{at:.0f}' y='{y - 17}' width='2' height='22' fill='#e4572e'/>" if first else ""
    )
    dark, grey = (
        f"{FONT} xml:space='preserve' fill='{colour}'" for colour in ("#1f2430", "#8a93a6")
    )
    return (
        f"<text x='{LEFT}' y='{y}' {dark}>{shown}</text>{caret}"
        f"<text x='{at + 4:.0f}' y='{y}' {grey}>{escape(ending)}</text>"
        f"<rect x='{bar:.0f}' y='{y - 12}' width='{max(2, 220 * probability):.0f}' height='12' "
        f"rx='2' fill='#2e86ab'/><text x='{bar + 232:.0f}' y='{y}' {FONT} fill='#1f2430'>"
        f"{probability:.1%}</text>"
    )


def main() -> None:
    """Ask the default model and write the picture."""
    parts: list[str] = []
    y = 44
    with AutoComplete(temperature=0) as completer:
        for typed in TEXTS:
            answer = completer.suggest(typed, n=ENDINGS, max_words=1)
            for number, found in enumerate(answer.continuations):
                first_word = found.words[0] if found.words else None
                probability = first_word.probability if first_word else found.probability
                parts.append(row(y, typed, found.text, probability, first=number == 0))
                y += ROW
            y += 18
    height = y - 10
    frame = f"<rect width='{WIDTH}' height='{height}' rx='10' fill='#fbfaf7' stroke='#d9d5ca'/>"
    PAGE.write_text(
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' "
        f"viewBox='0 0 {WIDTH} {height}' role='img' aria-label='Half-typed texts with their most "
        f"probable endings'>{frame}{''.join(parts)}</svg>\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
