"""What the tests of learning share: a process that reads, begun once a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tecla.learning.reading import Reading


@pytest.fixture(scope="session")
def reading() -> Iterator[Reading]:
    with Reading() as opened:
        yield opened
