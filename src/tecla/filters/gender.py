"""Guesses of gender about people: pronouns, titles and partners that nothing written calls for.

A word of one gender passes if the person's own text, or the suggestion before it, has a word of
the same gender. Words that also mean something else are left out ("il", "sie", "lei", "su"), and
so are adjectives, whose endings would need a parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import regex

from tecla.filters.base import Finding, View
from tecla.filters.place import Place

# language: (masculine guesses, feminine guesses, further masculine signs, feminine signs). Short
# Spanish texts are taken for one of its neighbours now and then, so those have its pronouns too.
_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        "he him his himself mr mister sir gentleman husband boyfriend",
        "she her hers herself mrs ms miss madam ma'am lady wife girlfriend",
        "man men boy boys father dad brother son king uncle actor prince lord grandfather "
        "grandson nephew male guy monk bull",
        "woman women girl girls mother mom mum sister daughter queen aunt actress princess "
        "grandmother granddaughter niece female nun cow pregnant",
    ),
    "es": (
        "él señor sr caballero marido esposo novio",
        "ella ellas señora sra señorita srta dama esposa novia",
        "hombre chico niño padre papá hermano hijo rey tío actor príncipe don abuelo sobrino",
        "mujer chica niña madre mamá hermana hija reina tía actriz princesa doña abuela sobrina",
    ),
    "fr": (
        "monsieur mari",
        "elle elles madame mademoiselle",
        "homme garçon père papa frère fils roi oncle acteur grand-père neveu il ils",
        "femme fille mère maman sœur reine tante actrice grand-mère nièce",
    ),
    "de": (
        "er ihm ihn herr ehemann",
        "frau ehefrau",
        "mann junge vater papa bruder sohn könig onkel großvater",
        "mädchen mutter mama schwester tochter königin tante großmutter",
    ),
    "it": (
        "lui él signor signore marito",
        "ella ellas signora signorina moglie",
        "uomo ragazzo padre papà fratello figlio re zio nonno egli",
        "donna ragazza madre mamma sorella figlia regina zia nonna",
    ),
    "pt": (
        "ele dele él senhor marido namorado",
        "ela elas dela ella ellas senhora esposa namorada",
        "homem menino rapaz pai irmão filho rei tio avô",
        "mulher menina moça mãe irmã filha rainha tia avó",
    ),
    "nl": (
        "hij hem meneer",
        "mevrouw",
        "man jongen vader broer zoon koning oom opa",
        "vrouw meisje moeder zus dochter koningin tante oma",
    ),
    "ca": (
        "ell él senyor marit",
        "ella elles ellas senyora",
        "home noi pare germà fill rei oncle",
        "dona noia mare germana filla reina tia",
    ),
}
# Where too little is written to tell: English with Spanish, without "don", which begins "don't".
_UNTOLD = ""
_WORDS[_UNTOLD] = tuple(
    " ".join(word for word in f"{one} {other}".split() if word != "don")
    for one, other in zip(_WORDS["en"], _WORDS["es"], strict=True)
)


class _Patterns(NamedTuple):
    guess: regex.Pattern[str]  # group 1: masculine, group 2: feminine
    signs: tuple[regex.Pattern[str], regex.Pattern[str]]


@lru_cache(maxsize=len(_WORDS))
def _patterns(language: str) -> _Patterns:
    masculine, feminine, *further = (words.split() for words in _WORDS[language])
    one_of = [r"(?i)(?<!\w)(?:{})(?![\w])".format("|".join(map(regex.escape, words)))
              for words in (masculine + further[0], feminine + further[1])]  # fmt: skip
    guess = r"(?i)(?<![\w])(?:({})|({}))(?!\w)".format("|".join(masculine), "|".join(feminine))
    return _Patterns(regex.compile(guess), (regex.compile(one_of[0]), regex.compile(one_of[1])))


def gender(view: View) -> Iterator[Finding]:
    """Words of a gender that nothing before them gives."""
    language = _language(view.place)
    patterns = _patterns(language)
    known: list[bool] = []
    for match in patterns.guess.finditer(view.whole, view.since(0)):
        start, end = match.span()
        if not view.touches(start, end) or not view.is_settled(end):
            continue
        known = known or list(view.place.fact(_known))
        which = 0 if match.group(1) else 1
        known[which] = known[which] or bool(
            patterns.signs[which].search(view.whole, view.begin, max(view.begin, start))
        )
        if not known[which]:
            yield Finding(start, end, "gender")


def _language(place: Place) -> str:
    if place.language is None:
        return _UNTOLD
    return place.language if place.language in _WORDS else "en"


def _known(place: Place) -> tuple[bool, bool]:
    """Whether the person's own text has a masculine and a feminine word."""
    masculine, feminine = _patterns(_language(place)).signs
    own = place.own
    return masculine.search(own) is not None, feminine.search(own) is not None
