"""What every test gets: a home of its own, quiet native code, and one default model a run.

Tests in `browser/` need a browser and what drives it, so only `make test-browser` collects them;
there a test that is skipped has failed, since nothing else would tell that no browser was asked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tecla.engines.factory import LoadedModel, open_model
from tecla.models.info import ModelInfo
from tecla.settings import EngineSettings, PathSettings, Settings
from tecla.suggest.suggester import Suggester

_BROWSER = Path(__file__).parent / "browser"

# No test depends on how fast the machine is.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")


def _drives_browser(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "browser")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == _BROWSER and not _drives_browser(config) else None


def pytest_report_header(config: pytest.Config) -> str | None:
    if _drives_browser(config):
        return None
    return "left out: tests in a real browser (`make test-browser`)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and _drives_browser(item.config):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    return report


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
