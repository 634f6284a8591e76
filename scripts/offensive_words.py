"""Builds the list of offensive words that tecla ships, from two public lists and our own choices.

Sources, as npm packages: `cuss` (MIT, six languages, each word with how sure its use is an
insult) and `naughty-words` (CC BY 4.0, the list begun by Shutterstock, 28 languages). Neither can
be used as it stands: they call "welfare", "leche" and "mettre" offensive. So a word that people
write often is taken only if `offensive_words.rot13` says so, a rare one if a list is sure of it.

A word counts in every language unless it is an ordinary word of another one ("negro", "con",
"fan"); frequencies are those of wordfreq.

Run: `npm pack cuss naughty-words`, unpack each, then
`python scripts/offensive_words.py CUSS_FOLDER NAUGHTY_FOLDER`. It writes
`src/tecla/filters/data/offensive.tsv.gz`, lines of level, languages and kind, and the text.
"""

from __future__ import annotations

import argparse
import codecs
import gzip
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wordfreq import available_languages, top_n_list, zipf_frequency

ROOT = Path(__file__).resolve().parent.parent
CHOICES = ROOT / "scripts" / "offensive_words.rot13"
OUT = ROOT / "src" / "tecla" / "filters" / "data" / "offensive.tsv.gz"
CUSS = {"index": "en", "es": "es", "fr": "fr", "it": "it", "pt": "pt", "pt-pt": "pt"}
WRITTEN = ("en", "es", "fr", "de", "it", "pt", "nl")  # languages that entries of others may hit
UNSPACED = ("ja", "ko", "th", "zh")  # found inside words, and not in wordfreq without more
NOT_TAKEN = {"eo", "fr-CA-u-sd-caqc", "kab", "nl", "tlh"}  # not curated, or jokes
RARE = 3.0  # on the Zipf scale: once in a million words
ORDINARY = 2.6


class Choices(NamedTuple):
    """What `offensive_words.rot13` holds, by kind and language."""

    infix: set[str]
    prefix: set[str]
    innocent: set[str]
    core: dict[str, set[str]]
    strict: dict[str, set[str]]
    phrase: dict[str, set[str]]
    exempt: set[str]


def choices() -> Choices:
    """Read and decode our own choices."""
    found = Choices(set(), set(), set(), {}, {}, {}, set())
    for line in CHOICES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        key, _, coded = line.partition(": ")
        kind, _, language = key.partition(" ")
        plain = codecs.decode(coded, "rot13")
        items = set(plain.split("|") if kind == "phrase" else plain.split())
        field = getattr(found, kind)
        if isinstance(field, dict):
            field.setdefault(language, set()).update(items)
        else:
            field.update(items)
    return found


def cuss_words(folder: Path) -> dict[str, dict[str, int]]:
    """How sure `cuss` is of each word, by language."""
    found: dict[str, dict[str, int]] = {}
    entry = re.compile(r"^\s*(?:'([^']+)'|\"([^\"]+)\"|([^\s:'\"]+)):\s*([012])", re.MULTILINE)
    for name, language in CUSS.items():
        for match in entry.finditer((folder / f"{name}.js").read_text(encoding="utf-8")):
            word = next(group for group in match.groups()[:3] if group)
            found.setdefault(language, {})[word.lower()] = int(match[4])
    return found


def naughty_words(folder: Path) -> dict[str, set[str]]:
    """The words of `naughty-words`, by language."""
    return {
        path.stem: {word.lower() for word in json.loads(path.read_text(encoding="utf-8"))}
        for path in folder.glob("*.json")
        if path.stem not in {"bower", "package", "package-lock", *NOT_TAKEN}
    }


def frequency(word: str, language: str) -> float:
    """How common a word is; 0 where that is not known."""
    if language in UNSPACED or language not in available_languages():
        return 0.0
    return zipf_frequency(word, language)


def bare(word: str) -> str:
    """`word` without accents."""
    split = unicodedata.normalize("NFKD", word.replace("ß", "ss"))
    return "".join(char for char in split if not unicodedata.combining(char))


def taken(
    chosen: Choices, cuss: dict[str, dict[str, int]], naughty: dict[str, set[str]]
) -> Iterator[tuple[str, str, str]]:
    """(level, language, word) of every word of one word."""
    for level, words in (("standard", chosen.core), ("strict", chosen.strict)):
        for language, listed in words.items():
            yield from ((level, language, word) for word in listed)
    for language in sorted({*cuss, *naughty}):
        sure, listed = cuss.get(language, {}), naughty.get(language, set())
        for word in sorted({*sure, *listed}):
            if not re.fullmatch(r"[^\W\d_]{3,}|[^\x00-\u02ff\W]{2,}", word):
                continue
            if word in chosen.exempt or frequency(word, language) >= RARE:
                continue
            both = word in listed and sure.get(word) == 2
            alone = word in listed and not sure
            if both or alone or (language == "en" and sure.get(word) == 2):
                yield "standard", language, word
            elif language == "en" and word in listed:
                yield "strict", language, word


def inflected(word: str, language: str) -> Iterator[str]:
    """Forms of `word` that are nothing else."""
    forms = []
    if language == "en" and word[-1] not in "sy":
        forms = [word + "s"]
    elif language in {"es", "pt", "it"} and word[-1] in "oa":
        ends = ("o", "a", "i", "e") if language == "it" else ("o", "a", "os", "as")
        forms = [word[:-1] + end for end in ends]
    for form in forms:
        if max(frequency(form, other) for other in WRITTEN) < ORDINARY:
            yield form


def ordinary_in(word: str, homes: set[str]) -> bool:
    """Whether `word` is an ordinary word of a language that does not list it."""
    at_home = max((frequency(word, home) for home in homes), default=0.0)
    away = max((frequency(word, other) for other in WRITTEN if other not in homes), default=0.0)
    return away >= ORDINARY and away > at_home - 1


def rows(
    chosen: Choices, cuss: dict[str, dict[str, int]], naughty: dict[str, set[str]]
) -> Iterator[tuple[str, str, str, str]]:
    """Every line of the list: level, languages, kind, text."""
    levels: dict[str, str] = {}
    homes: dict[str, set[str]] = {}
    for level, language, word in taken(chosen, cuss, naughty):
        for form in (word, *inflected(word, language)):
            homes.setdefault(form, set()).add(language)
            levels[form] = min(level, levels.get(form, level))
    for kind in ("infix", "prefix", "innocent"):
        yield from (("standard", "*", kind, bare(root)) for root in sorted(getattr(chosen, kind)))
    plain: set[str] = set()
    for word in sorted(levels):
        where = ",".join(sorted(homes[word])) if ordinary_in(word, homes[word]) else "*"
        unspaced = homes[word] <= set(UNSPACED) and not word.isascii()
        yield levels[word], where, "inside" if unspaced else "word", word
        form = bare(word)
        is_rare = max(frequency(form, home) for home in {*homes[word], *WRITTEN}) < RARE
        if form not in levels and form != word and form.isascii() and is_rare:
            yield levels[word], where, "word", form
            plain.add(form)
    plain |= {word for word in levels if word.isascii()}
    for phrases in chosen.phrase.values():
        yield from (("standard", "*", "phrase", phrase) for phrase in sorted(phrases))
    # An ordinary word with accents that spells an offence without them ("año").
    for language in WRITTEN:
        for word in top_n_list(language, 100_000):
            known = word.isascii() or word in levels or bare(word) not in plain
            if not known and frequency(word, language) >= 1.5:
                yield "standard", "*", "accented", word
    # Letters that two ordinary words leave together ("pen is") are no hidden word.
    for word in sorted(plain):
        cuts = ((word[:at], word[at:]) for at in range(1, len(word)))
        if len(word) >= 4 and not any(
            min(max(frequency(part, other) for other in WRITTEN) for part in cut) >= 4.0
            for cut in cuts
        ):
            yield levels.get(word, "standard"), "*", "joined", word


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("cuss", type=Path)
    parser.add_argument("naughty", type=Path)
    given = parser.parse_args()
    found = dict.fromkeys(rows(choices(), cuss_words(given.cuss), naughty_words(given.naughty)))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    text = "".join("\t".join(row) + "\n" for row in found)
    OUT.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    print(f"{len(found)} lines")


if __name__ == "__main__":
    main()
