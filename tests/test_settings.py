"""Settings: precedence, origins, and errors that name the nearest valid key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tecla.errors import ConfigError
from tecla.settings import load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_arguments_beat_environment_beats_file_beats_defaults(config: Path) -> None:
    config.write_text("[engine]\ncontext_tokens = 100\nkv_tokens = 200\nthreads = 3\n")
    loaded = load(
        {"context_tokens": 400, "model": None},
        environ={"TECLA_CONTEXT_TOKENS": "300", "TECLA_KV_TOKENS": "500", "PATH": "/bin"},
        config_file=config,
    )
    engine = loaded.settings.engine
    assert (engine.context_tokens, engine.kv_tokens, engine.threads) == (400, 500, 3)
    assert engine.model == "default"
    origins = {item.key: item.origin for item in loaded.origins}
    assert origins["context_tokens"] == "argument"
    assert origins["kv_tokens"] == "environment TECLA_KV_TOKENS"
    assert origins["threads"] == f"file {config}"
    assert origins["model"] == "default"


def test_every_setting_has_a_value_and_an_origin(config: Path) -> None:
    loaded = load(environ={}, config_file=config)
    assert {item.key for item in loaded.origins} == {
        "model", "context_tokens", "kv_tokens", "slots", "score_mb", "threads", "device",
            "engine", "dtype",
        "max_tokens", "alternatives", "models_dir", "cache_dir", "store_file",
        "store_key_file", "embedding", "headers",
        "host", "port", "origins", "chars", "per_second", "concurrent", "connections", "idle_s",
        "least_filters", "learn_exclude", "learn_documents", "learn_chars", "rejected_days",
    }  # fmt: skip
    assert {item.origin for item in loaded.origins} == {"default"}


def test_slots_and_kept_scores_are_set_like_everything_else(config: Path) -> None:
    config.write_text("[engine]\nslots = 8\nscore_mb = 0\n")
    engine = load(environ={}, config_file=config).settings.engine
    assert (engine.slots, engine.score_mb) == (8, 0)
    environ = {"TECLA_SLOTS": "9", "TECLA_SCORE_MB": "7"}
    engine = load({"slots": 12}, environ=environ, config_file=config).settings.engine
    assert (engine.slots, engine.score_mb) == (12, 7)


def test_the_environment_names_the_file_and_folders(config: Path, tmp_path: Path) -> None:
    config.write_text("[completion]\nmax_tokens = 7\n")
    environ = {"TECLA_CONFIG": str(config), "TECLA_CACHE_DIR": str(tmp_path / "cache")}
    loaded = load(environ=environ)
    assert loaded.settings.completion.max_tokens == 7
    assert loaded.settings.paths.cache_dir == tmp_path / "cache"
    with pytest.raises(ConfigError, match=r"names 'missing.toml', which is no file"):
        load(environ={"TECLA_CONFIG": "missing.toml"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[engin]\n", "unknown section .*did you mean 'engine'"),
        ("[engine]\ncontext_token = 5\n", "did you mean 'context_tokens'"),
        ("[paths]\nmodel = 'x'\n", r"unknown key in \[paths\]"),
        ("engine = 5\n", r"make it a section \[engine\]"),
        ("[engine]\ncontext_tokens = 'many'\n", "'many' .*whole number"),
        ("[engine]\nthreads = true\n", "True .*whole number"),
        ("[engine]\nthreads = 0\n", "threads is 0; it must be 1 or more"),
        ("[engine]\nslots = 7\n", "slots is 7; it must be 8 or more"),
        ("[engine]\nslots = 'few'\n", "slots is 'few' .*whole number"),
        ("[engine]\nscore_mb = -1\n", "score_mb is -1; it must be 0 or more"),
        ("[engine]\nscore_mb = 0.5\n", "score_mb is 0.5 .*whole number"),
        ("[engine]\ncontext_tokens = 5\n", "context_tokens is 5; it must be 64 or more"),
        ("[engine]\ndevice = 'tpu'\n", "device is 'tpu'"),
        ("[serve]\nleast_filters = 'some'\n", "least_filters is 'some'.*off, standard, strict"),
        ("[retrieval]\nheaders = 'yes'\n", "headers is 'yes'.*off, on"),
        ("[engine]\nmodel = 5\n", "model is 5 .*must be text"),
        ("[engine\n", "cannot read settings"),
    ],
)
def test_bad_files_are_refused(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(environ={}, config_file=config)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TECLA_MODELS": "x"}, "TECLA_MODELS.*did you mean 'TECLA_MODEL"),
        ({"TECLA_SLOT": "9"}, "TECLA_SLOT.*did you mean 'TECLA_SLOTS"),
        ({"TECLA_SCORE_MB": "-2"}, "score_mb is -2; it must be 0 or more"),
        ({"TECLA_THREADS": "two"}, "threads is 'two' .TECLA_THREADS."),
        ({"TECLA_MODEL": ""}, "model is ''"),
    ],
)
def test_bad_variables_are_refused(environ: dict[str, str], message: str, config: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load(environ=environ, config_file=config)


def test_unknown_arguments_are_refused(config: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown argument 'modle'; did you mean 'model'"):
        load({"modle": "x"}, environ={}, config_file=config)
