"""What machines leave in text: control characters, special tokens, phrases of chat models."""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from tecla.filters.base import Finding, Reason, View

_CONTROL = regex.compile(
    r"(?![\n\t])[\p{Cc}\p{Co}\p{Cn}\p{Cs}\ufffd\u00ad\ufeff\u2028\u2029\u202a-\u202e\u2060-\u206f"
    r"\ufff9-\ufffb\U000e0000-\U000e001f]|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]|(?<![\p{L}\p{M}\p{So}\ufe0f\p{Sk}])[\u200b-\u200d]|\u200b"
)
_LOOK_BACK_CHARS = 48
_DIRECTION = regex.compile(r"[\u200e\u200f\u061c]")
_RIGHT_TO_LEFT = regex.compile(r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}]")
_TOKEN = re.compile(
    r"<\||\|>|<｜|｜>|</?s>|<(?:unk|pad|bos|eos|mask|sep|cls)>|\[/?INST\]|<</?SYS>>|\[(?:CLS|SEP|PAD|"
    r"MASK|UNK|BOS|EOS)\]|</?(?:start|end)_of_(?:turn|text|image)>|<(?:fim|file|repo)_\w+>|</?think>"
    r"|<0x[0-9A-Fa-f]{2}>|<(?:extra_id|unused|reserved)_?\d+>|[▁ĠĊ]|\ufdd0|</?tool_(?:call|response)>",
)
_TEMPLATE = re.compile(
    r"""\b(?:as\ an?\ (?:AI|artificial\ intelligence|(?:large\ )?language\ model)\b
    |I(?:(?:'|’)|\ a)m\ (?:just\ )?an?\ (?:AI|language\ model|virtual\ assistant)\b
    |(?:I(?:'|’)m|I\ am)\ sorry,?\ but\ (?:I\ (?:can(?:'|’)?t|cannot|am\ unable)|as\ an)
    |I\ (?:cannot|can(?:'|’)t)\ (?:fulfill|assist\ with|comply\ with|help\ with\ that)
    |(?:sure|certainly|of\ course|absolutely)[!,.]\ +here(?:'|’|\ i)s\b
    |here(?:'|’|\ i)s\ (?:a|an|the|your)\ (?:\w+\ )?(?:rewritten|revised|improved|completed
      |possible)\ (?:version|text|sentence|paragraph|continuation|completion|response)
    |(?:is\ there\ anything\ else|how\ (?:can|may))\ I\ (?:can\ )?(?:help|assist)\ you\ (?:with
      |today)
    |my\ (?:knowledge|training)\ (?:cut-?off|data)\b|I\ was\ trained\ (?:by|on)\b
    |como\ (?:un\ )?(?:modelo\ de\ lenguaje|asistente\ virtual|inteligencia\ artificial)\b
    |soy\ (?:un\ modelo\ de\ lenguaje|una\ inteligencia\ artificial|un\ asistente\ virtual)\b
    |lo\ siento,?\ pero\ no\ puedo\ (?:ayudar|cumplir|proporcionar|asistir)
    |(?:claro|por\ supuesto)[!,.]\ +aqu[ií]\ (?:tienes|está)
    |en\ tant\ qu(?:e|'|’)\ ?(?:un\ )?(?:IA|modèle\ de\ langage)\b
    |als\ (?:KI|(?:KI-)?Sprachmodell)\b|como\ (?:uma\ )?(?:IA|modelo\ de\ linguagem)\b
    |come\ modello\ (?:di\ linguaggio|linguistico)\b)
    |(?:(?<=\n)|^)[\ \t]*+(?:\#{1,6}\ *+)?(?:instructions?|response|input|output|assistant|user
      |human|system|prompt|asistente|usuario|sistema|AI)\ ?:(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)


def control(view: View) -> Iterator[Finding]:
    """Characters that are not text."""
    for match in _CONTROL.finditer(view.whole, view.begin, view.end):
        if view.is_open and not view.is_settled(match.end()) and match.group() in "\u200c\u200d":
            continue
        yield Finding(*match.span(), "control")
    found = _DIRECTION.search(view.whole, view.begin, view.end)
    if found is not None and not _RIGHT_TO_LEFT.search(view.whole, 0, found.start()):
        yield Finding(*found.span(), "control")


def special_tokens(view: View) -> Iterator[Finding]:
    """Marks that structure a prompt, unless the person writes about them."""
    yield from _unless_written(view, _TOKEN, "special_token")


def template(view: View) -> Iterator[Finding]:
    """What chat models say about themselves, and headings of prompts."""
    yield from _unless_written(view, _TEMPLATE, "template")


def _unless_written(view: View, pattern: re.Pattern[str], reason: Reason) -> Iterator[Finding]:
    for match in pattern.finditer(view.whole, view.since(_LOOK_BACK_CHARS)):
        start, end = match.span()
        written = match.group().strip().casefold() in view.place.own
        if view.touches(start, end) and view.is_settled(end) and not written:
            yield Finding(start, end, reason)
