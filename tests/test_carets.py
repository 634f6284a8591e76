"""The default model at carets all over real text: nothing impossible is ever suggested."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence

import pytest

from samples import lines
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.sampling import GREEDY
from tecla.suggest.suggester import Suggester
from tecla.text.base import Tokenizer
from tecla.text.caret import plan_caret
from tecla.text.context import Context
from tecla.text.unicode import drop_dangling

CONTEXT_CHARS = 32  # so much of the line before the caret is read: prefill is the cost
BATCH = 28  # requests that are handed in together
ALTERNATIVES = 2
SEED = 20
SHARES = {"english": 112, "spanish": 112, "scripts": 40}


def some_carets(name: str, count: int) -> list[str]:
    """Texts up to seeded random carets in the lines of one file."""
    generator = random.Random(f"{SEED} {name}")
    chosen = lines(name)
    carets = []
    while len(carets) < count:
        line = generator.choice(chosen)
        carets.append(line[: generator.randint(0, len(line))][-CONTEXT_CHARS:])
    return carets


def every_caret(name: str) -> list[str]:
    """Texts up to every caret in the lines of one file."""
    return [
        line[max(0, end - CONTEXT_CHARS) : end]
        for line in lines(name)
        for end in range(len(line) + 1)
    ]


def completed(suggester: Suggester, befores: Sequence[str]) -> Iterator[tuple[str, Completed]]:
    """The answer at every caret, many at a time; those of like length share a batch."""
    ordered = sorted(befores, key=len)
    for at in range(0, len(ordered), BATCH):
        group = ordered[at : at + BATCH]
        tokens = 2 if at // BATCH % 4 == 0 else 1  # a second token costs a step of its own
        requests = [
            Request(Context(before), GREEDY, Stopping(max_tokens=tokens), n=ALTERNATIVES)
            for before in group
        ]
        yield from zip(group, suggester.complete(requests), strict=True)


def check(tokenizer: Tokenizer, before: str, answer: Completed) -> int:
    """What must hold at any caret; returns the number of suggestions."""
    head = list(plan_caret(tokenizer, before.encode()).head)
    texts = [found.text for found in answer.continuations]
    assert len(set(texts)) == len(texts) <= ALTERNATIVES, before
    assert (not texts) == (answer.silence is not None), before
    for found in answer.continuations:
        where = f"{before[-40:]!r} + {found.text!r}"
        whole = (before + found.text).encode("utf-8")
        ids = tokenizer.encode(whole)
        assert found.text, where
        assert "\ufffd" not in found.text or "\ufffd" in before, where
        assert drop_dangling(found.text) == found.text, where
        assert found.n_tokens <= 2, where
        assert tokenizer.decode(ids) == whole, where
        assert all(tokenizer.table.pieces[token] for token in ids), where
        assert tokenizer.encode(tokenizer.decode(ids)) == ids, where
        assert ids[: len(head)] == head, where
        assert 0 < found.probability <= 1, where
        for word in found.words:  # the last may go on; of the others the text says that they end
            ends = word.char_offset == len(found.text)
            least = 0 if ends else found.probability
            assert least <= word.probability <= 1, where
    assert sum(found.probability for found in answer.continuations) <= 1 + 1e-6, before
    assert 0 <= answer.caret.pruned <= 1e-3 + 1e-6, before
    return len(texts)


def check_all(
    suggester: Suggester, befores: Sequence[str], record_property: pytest.RecordProperty
) -> None:
    started = time.perf_counter()
    shown = sum(check(suggester.tokenizer, *pair) for pair in completed(suggester, befores))
    ms_per_caret = 1000 * (time.perf_counter() - started) / len(befores)
    nodes = f"{len(befores)} carets, {shown} suggestions, {ms_per_caret:.1f} ms per caret"
    print(nodes)
    record_property("ms_per_caret", ms_per_caret)
    assert shown > 0.9 * ALTERNATIVES * len(befores)  # half a character shows nothing
    assert suggester.counters()["pending"] == 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SHARES)
def test_random_carets(
    default_suggester: Suggester, name: str, record_property: pytest.RecordProperty
) -> None:
    check_all(default_suggester, some_carets(name, SHARES[name]), record_property)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", SHARES)
def test_every_caret(
    default_suggester: Suggester, name: str, record_property: pytest.RecordProperty
) -> None:
    check_all(default_suggester, every_caret(name), record_property)


@pytest.mark.slow
def test_what_a_person_would_type_next_is_suggested(default_suggester: Suggester) -> None:
    """Carets in the middle of words whose tokens change as they grow."""
    expected = {
        "The future of artif": "icial",
        "Please let me know if you have any que": "stions",
        "Thank you for your he": "lp",
        "I don": "'t",
        "Dear Anna,\n\nThank y": "ou",
    }
    answers = default_suggester.complete(
        [Request(Context(before), GREEDY, Stopping(max_words=1)) for before in expected]
    )
    for text, answer in zip(expected.values(), answers, strict=True):
        assert answer.continuations[0].text.startswith(text)


@pytest.mark.slow
def test_a_paragraph_can_be_begun(default_suggester: Suggester) -> None:
    """Two line feeds are spelt otherwise before a letter than at the end of a text."""
    request = Request(Context("Dear Anna,\n"), GREEDY, Stopping(max_tokens=8))
    [found] = default_suggester.complete([request])[0].continuations
    assert found.text[0] == "\n"
    assert found.text[1].isalpha()
