"""Typists: how many keys a person hits who is offered what was recorded.

Pure functions over records. A typist wants to write exactly the passage, overlooks nothing and
never slips, so the savings are those a suggestion makes possible; people reach less.

*Ghost text.* One suggestion at a time, the best candidate. At a threshold t what is shown of it
is the longest prefix, cut at one of its word ends or whole, whose probability is at least t;
nothing if none is. The *saving* typist accepts the longest right prefix that ends at a word
boundary, if that saves two keys or more: all of the suggestion is one key, a part of it one key
for each word. The *exact* typist accepts only what is right as a whole, if that saves a key.
A prefix is right if the person's text begins with it and does not go on inside its last word:
"can" is wrong where "cannot" is meant, though taking it would save keys.

*List.* N words at a time: of each candidate the first, without the marks behind it. The *strict*
typist is charged for case, punctuation and spaces: selecting is one key and gives a space, and
where no space follows, taking it back is a key too; a word is selected when that saves a key. The
*presage* typist keeps the protocol of presage's simulator
(`docs/decisions/0008-presage-protocol.md`): letters of words alone count, case does not, every word
costs the letters typed before it is offered plus one, and the space comes with it.
There the text is asked about as the person writes it, with its marks and capitals, and "don't"
gives "don", the first of its two words there; a run on a folded corpus asks as presage's simulator
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import regex

from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.presage_protocol import BLANKS, SEPARATORS, TypedWord
from tecla.text.words import words

GhostTypist = Literal["saving", "exact"]
ListTypist = Literal["strict", "presage"]
_PRESAGE_WORD = regex.compile(f"[^{regex.escape(BLANKS + SEPARATORS, special_only=False)}]+")
LEAST_SAVED_KEYS: Final[dict[GhostTypist, int]] = {"saving": 2, "exact": 1}


@dataclass(frozen=True, slots=True)
class Typing:
    """Keys of one passage.

    plain_keys: without suggestions. keys: hit with them, `accept_keys` among them. accepted:
    how often something was accepted. accepted_chars: characters that were not typed.
    """

    plain_keys: int
    keys: int
    accept_keys: int = 0
    accepted: int = 0
    accepted_chars: int = 0


def shown(answer: Answer, threshold: float) -> Offer | None:
    """The ghost text at a threshold on the probability; `None` stands for silence."""
    if not answer.offers:
        return None
    best = answer.offers[0]
    if best.probability >= threshold:
        return best
    cuts = [end for end in best.ends if end[1] >= threshold and end[0] < len(best.text)]
    if not cuts:
        return None
    at, probability = cuts[-1]
    ends = tuple(end for end in best.ends if end[0] <= at)
    return Offer(best.text[:at], probability, ends, best.replaces)


def right_chars(text: str, at: int, offer: Offer) -> int | None:
    """How many characters of the offer's beginning the person goes on to write.

    `None` if it replaces what the person wrote by something else. Offsets are into `offer.text`.
    """
    start = at - offer.replaces
    if start < 0 or not offer.text.startswith(text[start:at]):
        return None
    most = min(len(offer.text), len(text) - start)
    for count in range(offer.replaces, most):
        if offer.text[count] != text[start + count]:
            return count
    return most


def right_cuts(text: str, at: int, offer: Offer) -> list[int]:
    """Where the offer may be accepted up to: offsets into `offer.text`, rising."""
    right = right_chars(text, at, offer)
    if right is None:
        return []
    cuts = sorted({end for end, _ in offer.ends} | {len(offer.text)})
    start = at - offer.replaces
    return [cut for cut in cuts if offer.replaces < cut <= right and not _inside(text, start + cut)]


def taken(text: str, at: int, offer: Offer, typist: GhostTypist) -> tuple[int, int] | None:
    """Characters gained and keys hit by accepting; `None` if the typist does not."""
    cuts = right_cuts(text, at, offer)
    if not cuts or (typist == "exact" and cuts[-1] != len(offer.text)):
        return None
    cut = cuts[-1]
    keys = 1 if cut == len(offer.text) else sum(end <= cut for end, _ in offer.ends)
    chars = cut - offer.replaces
    return (chars, keys) if chars - keys >= LEAST_SAVED_KEYS[typist] else None


def ghost(record: Record, typist: GhostTypist, threshold: float = 0.0) -> Typing:
    """Type a passage with ghost text."""
    text = record.passage.text
    at = typed = accept_keys = accepted = accepted_chars = 0
    while at < len(text):
        offer = shown(record.answers[at], threshold)
        gain = None if offer is None else taken(text, at, offer, typist)
        if gain is None:
            at += 1
            typed += 1
        else:
            chars, keys = gain
            at += chars
            accept_keys += keys
            accepted += 1
            accepted_chars += chars
    return Typing(len(text), typed + accept_keys, accept_keys, accepted, accepted_chars)


def strict_list(record: Record, n: int) -> Typing:
    """Type a passage with a list of `n` words, everything charged."""
    text = record.passage.text
    at = typed = accept_keys = accepted = accepted_chars = 0
    while at < len(text):
        best_saved, best_chars, best_keys = 0, 0, 0
        for offer in record.answers[at].offers[:n]:
            chars = _word_chars(text, at, offer)
            if chars is None:
                continue
            spaced = text[at + chars : at + chars + 1] == " "
            chars, keys = (chars + 1, 1) if spaced else (chars, 2)
            if chars - keys > best_saved:
                best_saved, best_chars, best_keys = chars - keys, chars, keys
        if best_chars:
            at += best_chars
            accept_keys += best_keys
            accepted += 1
            accepted_chars += best_chars
        else:
            at += 1
            typed += 1
    return Typing(len(text), typed + accept_keys, accept_keys, accepted, accepted_chars)


def presage_words(record: Record, n: int) -> Iterator[TypedWord]:
    """Type the words of a passage with a list of `n` words under presage's protocol."""
    text = record.passage.text
    for match in _PRESAGE_WORD.finditer(text):
        start, end = match.span()
        typed = (
            at - start
            for at in range(start, end)
            if any(
                _gives_word(text, start, end, at, offer) for offer in record.answers[at].offers[:n]
            )
        )
        yield TypedWord(end - start, next(typed, end - start))


def presage_list(record: Record, n: int) -> Typing:
    """The keys of `presage_words`."""
    plain_keys = keys = accepted = saved_letters = 0
    for word in presage_words(record, n):
        plain_keys += word.chars + 1
        keys += word.typed + 1
        accepted += word.typed < word.chars
        saved_letters += word.chars - word.typed
    return Typing(plain_keys, keys, accepted, accepted, saved_letters + accepted)


def _word_chars(text: str, at: int, offer: Offer) -> int | None:
    """Length of the rest of the word if the offer's first word is right, without white space."""
    cut = _first_word_chars(offer)
    first = Offer(offer.text[:cut], offer.probability, offer.ends[:1], offer.replaces)
    cuts = right_cuts(text, at, first)
    return cuts[-1] - offer.replaces if cuts and cuts[-1] == cut else None


def _first_word_chars(offer: Offer) -> int:
    """Where the first word of the offer ends; marks behind it are no part of a list's word."""
    return offer.ends[0][0] if offer.ends else len(offer.text.rstrip())


def _gives_word(text: str, start: int, end: int, at: int, offer: Offer) -> bool:
    """Whether the offer, case apart, is what is written from `start` to `end` or further on."""
    kept = text[start : at - offer.replaces]
    given = kept + offer.text[: _first_word_chars(offer)]
    reaches = at - offer.replaces >= start and len(given) >= end - start
    return reaches and text[start : start + len(given)].lower() == given.lower()


def _inside(text: str, at: int) -> bool:
    """Whether a word of `text` goes on over the char offset."""
    return at in _interior(text)


@lru_cache(maxsize=64)
def _interior(text: str) -> frozenset[int]:
    """Every char offset inside a word of `text`."""
    return frozenset(at for span in words(text) for at in range(span.start + 1, span.end))
