"""Secrets and what leads to a person are not learnt: the sentence or line that holds one goes.

The whole sentence, not the number in it: with a gap in it, a sentence would be learnt that nobody
has written, and what stands around a secret often tells what it is. Found is what the filters of
suggestions find (`tecla.filters.personal`: addresses, phone, card, account and identity numbers,
keys, tokens, passwords), and more, since leaving out too much costs nothing here: anything that is
given a name like "password" or "token", login data in addresses, blocks of keys. All of it by form,
so names of people stay, and so does what looks like any other word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import regex

from tecla.filters.base import View
from tecla.filters.personal import personal, secrets
from tecla.filters.place import Place, Surroundings
from tecla.learning.passages import sentences

Kind = Literal["personal", "secret"]
_BLOCK: Final = regex.compile(
    r"-----BEGIN [A-Z0-9 ]{3,40}-----(?:(?!-----END).){0,20000}+(?:-----END [A-Z0-9 ]{3,40}-----)?",
    regex.DOTALL,
)
_SECRETS: Final = (
    regex.compile(  # something with the name of a secret, and its value
        r"(?i)(?:passw(?:or)?d|passwort|passphrase|passcode|contraseña|clave|secret|senha|wachtwoord"
        r"|mot de passe|lösenord|hasło|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|login"
        r"|credentials)[\"'”’`*]{0,3}[ \t]{0,3}(?:[:=]|=>)\s{0,4}[\"'“‘`]?(?=\S)\S{3,}+"
    ),
    regex.compile(
        r"(?i)(?:passw(?:or)?d|passwort|passphrase|passcode|contraseña|senha|mot de passe"
        r"|wachtwoord|lösenord|hasło)[\"'”’`*]{0,3} {0,3}"
        r"\b(?:is|es|ist|est|è|was)\b[ \t]{0,3}:?[ \t]{0,3}\S{3,}+"
    ),
    regex.compile(
        r"(?i)\b(?:pin|cvv2?|cvc2?|otp|(?:access|security|verification|door|alarm|entry) code"
        r"|código(?: de acceso)?|zugangscode)\b[^\w\n]{0,4}(?:(?:code|number|no|is|es|ist)\b)?"
        r"[^\w\n]{0,4}[A-Za-z]{0,3}-?\d{3,8}\b"
    ),
    regex.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:]{1,200}:[^\s/@]{1,200}@"),
    regex.compile(
        r"(?i)[?&#](?:\w{0,20}(?:token|key|sig|signature|auth|secret|password|session)\w{0,10}|code)"
        r"=[^\s&]{6,}+"
    ),
    regex.compile(r"(?i)\b(?:bearer|basic|authorization:?)\s+[A-Za-z0-9._~+/-]{16,}+=*"),
    regex.compile(
        r"(?i)\b(?:seed|recovery|mnemonic|backup) (?:phrase|words?|codes?)\s*(?:is|are|:|=)"
    ),
    regex.compile(
        r"\b(?:bc1[a-z0-9]{25,60}+|0x[a-fA-F0-9]{40}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}+)\b"
    ),
)
_IDENTITIES: Final = regex.compile(
    r"(?i)\b(?:ssn|social security|passport|pasaporte|reisepass|dni|nif|nie|national insurance"
    r"|driver'?s licen[cs]e|driving licen[cs]e|tax id|steuer-?id(?:entifikationsnummer)?|iban"
    r"|account (?:no|number)|número de cuenta|kontonummer|medicare|insurance (?:no|number)"
    r"|date of birth|born on|d\.?o\.?b\.?|fecha de nacimiento|geburtsdatum)\b[^\n\d]{0,30}\d"
)
_LONG: Final = regex.compile(r"(?<![\w/+-])[A-Za-z0-9_+/-]{24,}+={0,2}")
_RANDOM_BITS: Final = 4.0  # a character
_MOST_LOWER_RUN: Final = 6  # letters of a word that a random token has not
_PARAGRAPH: Final = regex.compile(r"\S[^\n]*+(?:\n[^\S\n]*+(?=\S)[^\n]++)*+")
_TELLING: Final = regex.compile(r"[\p{Nd}@:=]")  # none of it, and the filters find nothing
_STRETCH_CHARS: Final = 4_000  # a paragraph beyond it is looked at in pieces
_OVERLAP_CHARS: Final = 400
_PLACE: Final = Surroundings()


class Redacted(NamedTuple):
    """What may be learnt of a text, and how many sentences or lines went, by kind."""

    text: str
    removed: Counter[Kind]


def redacted(text: str) -> Redacted:
    """`text` without sentences that hold a secret or lead to a person."""
    found = sorted(_findings(text))
    removed: Counter[Kind] = Counter()
    if not found:
        return Redacted(text, removed)
    out: list[str] = []
    at = 0  # of `found`
    for start, end in sentences(text):
        while at < len(found) and found[at][1] <= start:
            at += 1
        if at < len(found) and found[at][0] < end:
            removed[found[at][2]] += 1
            # What stood on both sides of it was never written side by side.
            if (out and out[-1] and not out[-1].endswith("\n")) or "\n\n" in text[start:end]:
                out.append("\n\n")
        else:
            out.append(text[start:end])
    joined = regex.sub(r"\n{3,}", "\n\n", "".join(out))
    return Redacted(joined.strip(), removed)


def _findings(text: str) -> Iterator[tuple[int, int, Kind]]:
    """Where secrets and personal data stand, in no order; longer findings may hold others."""
    for match in _BLOCK.finditer(text):
        yield match.start(), match.end(), "secret"
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), "secret"
    for match in _IDENTITIES.finditer(text):
        yield match.start(), match.end(), "personal"
    for match in _LONG.finditer(text):
        if _is_random(match.group()):
            yield match.start(), match.end(), "secret"
    for start, stretch in _stretches(text):
        if _TELLING.search(stretch) is None:
            continue
        view = View(stretch, Place(_PLACE), is_open=False)
        for finding in secrets(view):
            yield start + finding.start, start + finding.end, "secret"
        for finding in personal(view):
            yield start + finding.start, start + finding.end, "personal"


def _stretches(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs and where they begin; long ones in pieces that overlap."""
    for match in _PARAGRAPH.finditer(text):
        at, end = match.span()
        while True:
            yield at, text[at : min(end, at + _STRETCH_CHARS)]
            if at + _STRETCH_CHARS >= end:
                break
            at += _STRETCH_CHARS - _OVERLAP_CHARS


def _is_random(token: str) -> bool:
    """Whether a long token is a key rather than a path or a name."""
    kinds = (str.isdigit, str.isupper, str.islower)
    if not all(any(kind(char) for char in token) for kind in kinds):
        return False
    longest = max(map(len, regex.findall(r"[a-z]+", token)))
    counts = Counter(token).values()
    bits = -sum(count / len(token) * math.log2(count / len(token)) for count in counts)
    return longest <= _MOST_LOWER_RUN and bits >= _RANDOM_BITS
