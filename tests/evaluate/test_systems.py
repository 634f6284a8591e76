"""Which file a system is opened from: its hash is what a run is told apart by."""

from __future__ import annotations

from pathlib import Path

import pytest

from tecla.errors import OptionError
from tecla.evaluate.systems import open_system, system_file


@pytest.mark.parametrize(
    "spec",
    ["dictionary:{}", "querylog:{}", "ngram:{}", "presage:{}", "presage:{}?learning=true"],
)
def test_files_that_are_named(tmp_path: Path, spec: str) -> None:
    path = tmp_path / "model.bin"
    assert system_file(spec.format(path)) is None
    path.write_bytes(b"model")
    assert system_file(spec.format(path)) == path


@pytest.mark.parametrize("kind", ["neural", "llama-server", "transformers"])
def test_language_models(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    assert system_file(f"{kind}:{path}") == path
    assert system_file(f"{kind}:{tmp_path / 'none.gguf'}") is None


@pytest.mark.slow
def test_the_default_model_and_its_options() -> None:
    found = system_file("neural")
    assert found is not None
    assert found.suffix == ".gguf"
    for spec in ("neural:default", "neural:?tolerance=0.01", "llama-server:", "transformers:"):
        assert system_file(spec) == found


@pytest.mark.slow
def test_default_n_grams() -> None:
    english, spanish = system_file("ngram"), system_file("ngram:es")
    assert english is not None
    assert english == system_file("ngram:en")
    assert english != spanish


@pytest.mark.parametrize("spec", ["frequency:en", "dictionary", "nothing:here", "presage:"])
def test_what_has_no_file(spec: str) -> None:
    assert system_file(spec) is None


@pytest.mark.parametrize("spec", ["presage:", "presage:some.db?learn=yes"])
def test_presage_needs_a_database(spec: str) -> None:
    with pytest.raises(OptionError, match=r"presage:DATABASE\?learning=true"):
        open_system(spec)
