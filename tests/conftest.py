"""What every test gets: a home of its own, quiet native code, and one default model a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tecla.engines.factory import LoadedModel, open_model
from tecla.models.info import ModelInfo
from tecla.settings import EngineSettings, PathSettings, Settings
from tecla.suggest.suggester import Suggester


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; no variable of tecla's is set, and nothing outside is touched."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CONFIG", "MODEL", "CACHE_DIR", "MODELS_DIR", "STORE_FILE"):
        monkeypatch.delenv(f"TECLA_{name}", raising=False)
    return folder


def _open_default(folder: Path) -> LoadedModel:
    paths = PathSettings(models_dir=folder / "models", cache_dir=folder / "cache")
    return open_model(Settings(engine=EngineSettings(), paths=paths))


@pytest.fixture(scope="session")
def default_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedModel]:
    """The embedded default model, loaded once; whoever uses a slot clears it again."""
    loaded = _open_default(tmp_path_factory.mktemp("tecla"))
    yield loaded
    loaded.engine.close()


@pytest.fixture(scope="session")
def default_suggester(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suggester]:
    """The embedded default model behind a thread of its own, which owns every slot of it."""
    with Suggester(_open_default(tmp_path_factory.mktemp("tecla"))) as suggester:
        yield suggester


@pytest.fixture
def fake_info() -> ModelInfo:
    """What is said about the fake model."""
    return ModelInfo("fake", Path("fake"), 0, "fake", None, 512)
