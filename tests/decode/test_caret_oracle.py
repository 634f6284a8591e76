"""The exact-caret method against full enumeration, on an engine whose probabilities are known.

The oracle uses none of the method's ideas: no split, no paths, no scores kept. For every byte
of the whole text and every token of the vocabulary it asks the tokenizer to spell the text up
to that byte plus the token, alone and before some further text; a spelling in which that token
stands there, over the caret, is a canonical sequence that covers what is typed and reaches one
token beyond it. Its probability is multiplied up from the model's known distribution, token by
token, from the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from running import solve_caret
from tecla.decode.caret import CaretDistribution, Cover
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax
from tecla.text.unicode import begins_text

TOKENIZER = FakeTokenizer()
WORDS = [
    "the", "I'll", "it's", "don't", "Agu", "Agustín", "Agust", "artif", "artificial", "thank",
    "thin", "would", "she", "aaaa", "年", "かい", "नम", "😀", "👩‍💻", "año", "1999", "--", "...",
    "of", "\n", "  ", "\r\n", "   ",
    "\u3000", "\u2003", "he", "and", "i'", "о", "العال", "e\u0301",
]  # fmt: skip

# What may follow the covering token; no merge joins "x", "?" and "7" to anything.
FURTHER = (b"", b"x", b"?", b"7", b" x", b"\n", b"ll", b"s")


class Oracle:
    """Known probabilities of the fake model, by definition."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self._distributions: dict[tuple[int, ...], np.ndarray] = {}

    def logprob(self, ids: list[int]) -> float:
        """Log-probability of `ids` after the start token."""
        history = [TOKENIZER.start_id]
        total = 0.0
        for token in ids:
            key = tuple(history)
            if key not in self._distributions:
                self._distributions[key] = log_softmax(self.engine.raw_scores(history))
            total += float(self._distributions[key][token])
            history.append(token)
        return total

    def covers(self, data: bytes) -> Iterator[tuple[bytes, tuple[int, ...], float]]:
        """Every canonical sequence that covers `data` and reaches one token beyond it."""
        pieces = TOKENIZER.table.pieces
        for at in range(len(data) + 1):
            rest = data[at:]
            for token, piece in enumerate(pieces):
                if len(piece) > len(rest) and piece.startswith(rest):
                    for ids in self._spellings(data[:at], piece):
                        if ids[-1] == token:
                            yield piece[len(rest) :], ids, self.logprob([*ids])
        ids = TOKENIZER.encode(data)
        for end in TOKENIZER.end_ids:
            yield b"", (*ids, end), self.logprob([*ids, end])

    def _spellings(self, data: bytes, piece: bytes) -> set[tuple[int, ...]]:
        """Canonical tokens of `data + piece` with a boundary between the two, if it is text."""
        found: set[tuple[int, ...]] = set()
        for further in FURTHER if begins_text(data + piece) else ():
            ids, ends, position = TOKENIZER.encode(data + piece + further), {}, 0
            for count, token in enumerate(ids, start=1):
                position += len(TOKENIZER.table.pieces[token])
                ends[position] = count
            last = ends.get(len(data + piece))
            if last is not None and (not data or ends.get(len(data)) == last - 1):
                found.add(tuple(ids[:last]))
        return found


def method(
    engine: FakeEngine, text: str, tolerance: float = 0.0
) -> tuple[CaretDistribution, tuple[int, ...]]:
    """The distribution at the end of `text` (exhaustive at tolerance 0), and the head's tokens."""
    search, distribution = solve_caret(engine, TOKENIZER, text, tolerance)
    return distribution, search.head[1:]


def check_caret(engine: FakeEngine, oracle: Oracle, text: str) -> None:
    expected: dict[tuple[int, ...], float] = {}
    beyond: dict[tuple[int, ...], bytes] = {}
    for text_beyond, ids, logprob in oracle.covers(text.encode()):
        expected[ids] = logprob
        beyond[ids] = text_beyond
    total = math.log(sum(math.exp(value) for value in expected.values()))

    distribution, head = method(engine, text)
    found: dict[tuple[int, ...], Cover] = {}
    for cover in distribution.best():
        last = cover.token if cover.token is not None else min(TOKENIZER.end_ids)
        found[*head, *cover.path, last] = cover

    assert distribution.work.pruned == 0
    assert distribution.work.unchecked == 0
    assert set(found) == set(expected), repr(text)
    for ids, cover in found.items():
        assert cover.beyond == beyond[ids]
        assert cover.logprob == pytest.approx(expected[ids] - total, abs=2e-4), repr(text)
    assert sum(math.exp(cover.logprob) for cover in found.values()) == pytest.approx(1, abs=1e-4)


def random_texts(count: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        words = generator.choice(WORDS, size=generator.integers(1, 4))
        texts.append(" ".join(words) + ("" if generator.random() < 0.7 else " "))
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_caret_of_random_texts_agrees_with_enumeration(seed: int) -> None:
    engine = FakeEngine(TOKENIZER, seed=seed)
    oracle = Oracle(engine)
    carets = {text[:end] for text in random_texts(60, seed) for end in range(len(text) + 1)}
    for text in sorted(carets, key=lambda text: (len(text), text))[:: 4 if seed else 3]:
        check_caret(engine, oracle, text)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 14))
def test_every_caret_of_several_hundred_texts(seed: int) -> None:
    engine = FakeEngine(TOKENIZER, seed=seed)
    oracle = Oracle(engine)
    carets = {text[:end] for text in random_texts(150, seed) for end in range(len(text) + 1)}
    for caret in sorted(carets):
        check_caret(engine, oracle, caret)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=10))
def test_any_text_agrees_with_enumeration(text: str) -> None:
    engine = FakeEngine(TOKENIZER, seed=7)
    check_caret(engine, Oracle(engine), text)


def test_words_whose_tokens_change_as_they_grow_are_reached() -> None:
    """After [ A][gu] comes "st", as in [ Ag][ust]: going back one token would miss it."""
    engine = FakeEngine(TOKENIZER, seed=1)
    distribution, _ = method(engine, "see Agu")
    spelt = {cover.beyond for cover in distribution.best() if cover.path != ()}
    paths = {cover.path for cover in distribution.best()}
    ag = tuple(TOKENIZER.encode(b" Ag"))
    assert ag in paths
    assert b"st" in spelt


def test_pruning_states_at_least_the_probability_it_drops() -> None:
    """With a tolerance, what is missing from the sum is no more than `pruned` says."""
    for seed, text in enumerate(["see Agu", "the artif", "I'l", "she wou", "a  ", "thi"]):
        engine = FakeEngine(TOKENIZER, seed=seed)
        exact, _ = method(engine, text)
        pruned, _ = method(engine, text, tolerance=0.2)
        missing = 1 - math.exp(min(0.0, pruned.log_typed - exact.log_typed))
        assert missing <= pruned.work.pruned + 1e-6
        assert pruned.work.pruned <= 0.2 + 1e-6
