"""What was learnt, mixed in on real engines: llama.cpp, transformers, and in another process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny_torch
from tecla import Suggester
from tecla.decode.generation import Generation
from tecla.engines.sampling import Sampling
from tecla.personal.drafts import Drafts
from tecla.personal.index import Index
from tecla.personal.mixing import Mixture
from tecla.personal.segment import Row
from tecla.personal.shelf import Learnt
from tecla.personal.vocabulary import Vocabulary, fingerprint_of
from tecla.process.remote import RemoteSuggester
from tecla.suggest.options import SuggestOptions
from tecla.text.base import Tokenizer

pytestmark = pytest.mark.slow

TEXT = "Please send the quarterly zebra inventory to Ottoline Featherstonehaugh. "
BEFORE, AFTER = "Please send the quarterly ze", "bra inventor"
GREEDY: SuggestOptions = {"temperature": 0.0, "max_tokens": 6}


def learnt(folder: Path, tokenizer: Tokenizer) -> Learnt:
    """An index of the text, as it lies on the disk."""
    vocabulary = Vocabulary(len(tokenizer.table))
    with Index(folder / "owner" / fingerprint_of(tokenizer), vocabulary) as index:
        index.add([Row(number, tokenizer.encode(TEXT.encode())) for number in range(3)])
    return Learnt(folder, ("owner",))


@pytest.fixture(scope="module")
def torch_suggester(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suggester]:
    folder = tiny_torch.write(tmp_path_factory.mktemp("personal") / "gpt2", "gpt2", seed=4)
    with Suggester.open(str(folder), engine="torch", device="cpu", threads=1) as suggester:
        yield suggester


@pytest.mark.parametrize("kind", ["default_suggester", "torch_suggester"])
def test_what_was_learnt_is_suggested(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    suggester: Suggester = request.getfixturevalue(kind)
    mixture = Mixture((("user", learnt(tmp_path, suggester.tokenizer)),))
    plain = suggester.suggest(BEFORE, deadline_ms=None, **GREEDY)
    mixed = suggester.suggest(BEFORE, deadline_ms=None, adjust=[mixture], **GREEDY)
    assert not any(each.text.startswith(AFTER) for each in plain.continuations)
    assert mixed.continuations[0].text.startswith(AFTER)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["default_suggester", "torch_suggester"])
def test_drafts_change_no_text(
    kind: str, temperature: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    suggester: Suggester = request.getfixturevalue(kind)
    mixture = Mixture((("user", learnt(tmp_path, suggester.tokenizer)),))
    texts = []
    for draft in (None, Drafts(mixture, mixes=True)):
        asked = Generation(
            f"{TEXT}{TEXT}Please",
            sampling=Sampling(temperature=temperature, seed=3),
            max_tokens=24,
            adjust=(mixture,),
            draft=draft,
        )
        answer = suggester.generate(asked).answer.result(60)
        texts.append([each.text for each in answer.continuations])
    assert texts[0] == texts[1]


def test_a_mixture_goes_to_the_process_of_an_engine(
    default_suggester: Suggester, tmp_path: Path
) -> None:
    mixture = Mixture((("user", learnt(tmp_path, default_suggester.tokenizer)),))
    with (
        RemoteSuggester.open(context_tokens=512) as remote,
        remote.session(scope="ana") as session,
    ):
        found = session.begin(
            BEFORE, deadline_ms=None, adjust=[mixture], draft=Drafts(mixture), **GREEDY
        ).result(60)
    assert found.continuations[0].text.startswith(AFTER)
