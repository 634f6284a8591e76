"""Text as it would be typed: one kind of line end and of space, no characters that are not seen.

What is learnt is compared with what somebody types, character by character, so whatever a format
or a program put into a text and no key produces is taken out or made what a key would produce.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import regex

_SURROGATE: Final = regex.compile(r"[\ud800-\udfff]")
_LINE_END: Final = regex.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_SPACE: Final = regex.compile(r"[^\S\n]")
_UNSEEN: Final = regex.compile(
    r"[\p{Cc}\p{Cn}\p{Co}--\n]|[\u00ad\ufeff\ufffc\ufffd\u200b\u2060-\u206f\u202a-\u202e]"
    r"|(?<![\p{L}\p{M}\p{So}\ufe0f\p{Sk}])[\u200c-\u200d]",
    regex.VERSION1,
)
_LINE_TAIL: Final = regex.compile(r"(?<! ) ++(?=\n)")
_WIDE: Final = regex.compile(r"(?<=\S) {3,}(?=\S)")
_BLANKS: Final = regex.compile(r"\n{3,}")


def cleaned(text: str) -> str:
    """`text` in NFC, without what nobody types; empty where nothing is left."""
    text = _SURROGATE.sub("", text)
    text = _SPACE.sub(" ", _LINE_END.sub("\n", text))
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    text = _WIDE.sub(" ", _LINE_TAIL.sub("", text))
    return _BLANKS.sub("\n\n", text).strip()
