"""The tokenizers that every rule of the text layer is tested against."""

from __future__ import annotations

import pytest

from tecla.engines.fake import FakeTokenizer
from tecla.text.base import Tokenizer


@pytest.fixture(scope="session", params=["fake", "default"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """The awkward small tokenizer, then the default model's."""
    if request.param == "fake":
        return FakeTokenizer()
    return request.getfixturevalue("default_model").tokenizer
