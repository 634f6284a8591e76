"""What a stranger may type, on the default model: named errors or documented behaviour."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tecla.errors import InvalidTextError
from tecla.faces.optimized import OptimizedAutoComplete
from tecla.suggest.suggester import Suggester

pytestmark = pytest.mark.slow


@pytest.fixture
def completer(default_suggester: Suggester) -> Iterator[OptimizedAutoComplete]:
    made = OptimizedAutoComplete(suggester=default_suggester, temperature=0)
    yield made
    made.close()
    assert default_suggester.healthy
    assert default_suggester.counters()["pending"] == 0


ODD = [
    "", " ", "   ", "\n", "\n\n\n", "\t", "\r\n", "\x00", "a\x00b", "\x04", "ab\x04", "\ufeff",
    "\u200b", "👩\u200d", "🇪", "e\u0301", "\u0301", "ﷺ", "\U0010ffff", "a\u0085b", "\u2028",
    "العربية تكتب من اليم", "हिन्दी में लि", "日本語を書", "ภาษาไท", "한국어를 쓰", "עברית נכ",
    "😀😀😀", "def f(x):\n    retu", "https://example.or",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "----------------",
]  # fmt: skip


def test_odd_texts_are_completed_with_whole_graphemes(completer: OptimizedAutoComplete) -> None:
    for text, found in zip(ODD, completer.generate_batch(ODD, max_new_tokens=6), strict=True):
        (text + found).encode()
        assert "\ufffd" not in found
        assert not re.search("\u200d$", found)


def test_text_that_spells_a_special_token_is_ordinary_text(
    completer: OptimizedAutoComplete, default_suggester: Suggester
) -> None:
    """For every control token of the vocabulary, whole and half-typed."""
    tokenizer = default_suggester.tokenizer
    control = {token for token, piece in enumerate(tokenizer.table.pieces) if not piece}
    spelt = [
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>",
        "<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>",
        "<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>",
        "<jupyter_script>", "<empty_output>",
    ]  # fmt: skip
    assert len(spelt) == len(control)
    texts = [f"He wrote {text}" for text in spelt] + [f"He wrote {text[:-1]}" for text in spelt]
    batch = completer.preprocess_batch(texts)
    assert not control & set(batch["input_ids"][batch["attention_mask"] == 1].tolist())
    for text, found in zip(texts, completer.generate_batch(batch, max_new_tokens=3), strict=True):
        assert not control & set(tokenizer.encode((text + found).encode()))


@pytest.mark.parametrize("text", ["\ud83d", "smile \ud83d", "a\udcff"])
def test_half_an_emoji_is_a_named_error(completer: OptimizedAutoComplete, text: str) -> None:
    with pytest.raises(InvalidTextError, match=r"char offset .*pass whole characters"):
        completer.get_completion(text)


@pytest.mark.parametrize(
    "text",
    [
        "Some words before. " * 60_000,
        "x" * 1_000_000,
        " " * 1_000_000,
        "あ" * 350_000,
        "\n" * 1_000_000,
    ],
    ids=["words", "letters", "spaces", "kana", "newlines"],
)
def test_a_megabyte_is_read_to_its_end(text: str) -> None:
    """In a process of its own with a small window, so that a hang would be seen as one."""
    code = (
        "import sys, json, tecla\n"
        "text = sys.stdin.read()\n"
        "with tecla.AutoComplete(context_tokens=128, temperature=0) as completer:\n"
        "    answer = completer.suggest(text, max_new_tokens=3)\n"
        "print(json.dumps([answer.prompt_tokens, answer.silence]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    prompt_tokens, _ = json.loads(done.stdout)
    assert 0 < prompt_tokens <= 128


def test_batches_equal_single_calls_on_the_default_model(
    completer: OptimizedAutoComplete, default_suggester: Suggester
) -> None:
    """Greedy; the best token of a step may only differ where two are within rounding of a tie."""
    texts = ["Machine learning is", "The future of artif", "I am looking forw", "La casa es"]
    together = completer.generate_batch(texts, max_new_tokens=10)
    alone = [completer.get_completion(text, max_new_tokens=10, fresh=True) for text in texts]
    same = [first == second for first, second in zip(together, alone, strict=True)]
    for text, first, second, equal in zip(texts, together, alone, same, strict=True):
        if not equal:  # they may part only at a near tie
            tokenizer = default_suggester.tokenizer
            ids, other = (tokenizer.encode((text + found).encode()) for found in (first, second))
            parted = next(at for at in range(len(ids)) if ids[: at + 1] != other[: at + 1])
            shared = tokenizer.decode(ids[:parted]).decode()
            fork = completer.suggest(shared, n=2, max_new_tokens=1).continuations
            assert fork[0].probability / fork[1].probability < 1.7
    assert sum(same) >= 3


def test_a_closed_model_is_an_error_and_never_a_crash() -> None:
    """In a process of its own, because a mistake here ends the process."""
    code = (
        "import gc, tecla\n"
        "from tecla.errors import EngineError\n"
        "completer = tecla.OptimizedAutoComplete(context_tokens=64, temperature=0)\n"
        "stream = completer.stream('I am looking forw')\n"
        "other = completer.stream('The future of artif')\n"
        "next(stream), next(other)\n"
        "completer.close()\n"
        "for call in (lambda: list(stream), lambda: completer.get_completion('a'),\n"
        "             lambda: completer.count_tokens('a'),\n"
        "             lambda: completer.preprocess_batch(['a'])):\n"
        "    try:\n"
        "        call()\n"
        "    except EngineError as error:\n"
        "        print('EngineError', 'closed' in str(error))\n"
        "del other, stream, completer\n"
        "gc.collect()\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["EngineError", "True"] * 4 + ["alive"]
