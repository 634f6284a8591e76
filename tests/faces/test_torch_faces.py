"""The three classes on the transformers engine: any folder by its path, batches as tensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_torch
from tecla.faces.autocomplete import AutoComplete
from tecla.faces.cached import CachedAutoComplete
from tecla.faces.optimized import OptimizedAutoComplete

TEXTS = ["The train", "a", "", "La casa está al final del", "one, two,"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_torch.write(tmp_path_factory.mktemp("faces") / "gpt2", "gpt2", seed=4)


@pytest.fixture
def completer(folder: Path) -> Iterator[OptimizedAutoComplete]:
    made = OptimizedAutoComplete(str(folder), device="cpu", threads=1, temperature=0)
    yield made
    made.close()


def test_a_folder_completes_texts(folder: Path, completer: OptimizedAutoComplete) -> None:
    with AutoComplete(str(folder), engine="torch", device="cpu", threads=1) as plain:
        assert (plain.model.name, plain.model.architecture) == ("gpt2", "gpt2")
        found = plain.get_completion("The train", max_new_tokens=8, temperature=0)
    assert found
    assert completer.get_completion("The train", max_new_tokens=8) == found


def test_every_text_of_a_batch_is_completed_as_if_alone(folder: Path) -> None:
    with OptimizedAutoComplete(str(folder), device="cpu", threads=1, temperature=0) as made:
        together = made.generate_batch(TEXTS, max_new_tokens=8)
    with AutoComplete(str(folder), device="cpu", threads=1, temperature=0) as alone:
        assert together == [alone.get_completion(text, max_new_tokens=8) for text in TEXTS]


def test_a_batch_is_left_padded_tensors_on_the_device(completer: OptimizedAutoComplete) -> None:
    batch = completer.preprocess_batch(TEXTS)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    assert isinstance(ids, torch.Tensor)
    assert isinstance(mask, torch.Tensor)
    assert ids.dtype == mask.dtype == torch.int64
    assert ids.device == mask.device == torch.device("cpu")
    lengths = [completer.count_tokens(text) for text in TEXTS]
    assert ids.shape == mask.shape == (len(TEXTS), max(lengths))
    assert mask.sum(dim=1).tolist() == lengths
    assert all(row == sorted(row) for row in mask.tolist()), "padding stands on the left"
    assert completer.generate_batch(batch, max_new_tokens=6) == completer.generate_batch(
        TEXTS, max_new_tokens=6
    )
    arrays = {key: np.asarray(value) for key, value in batch.items()}
    assert completer.generate_batch(arrays, max_new_tokens=6) == completer.generate_batch(
        TEXTS, max_new_tokens=6
    )


def test_answers_are_remembered(folder: Path) -> None:
    with CachedAutoComplete(str(folder), device="cpu", dtype="float32", threads=1) as cached:
        first = cached.get_completion("The train", max_new_tokens=4)
        assert cached.get_completion("The train", max_new_tokens=4) == first
        assert cached.cache_info().hits == 1


def test_half_precision_can_be_asked_for(folder: Path) -> None:
    with AutoComplete(str(folder), device="cpu", dtype="bfloat16", threads=1) as half:
        assert half.get_completion("The train", max_new_tokens=4, temperature=0)
