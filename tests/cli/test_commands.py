"""The command line, run in this process on the default model: output, JSON and exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny_torch
from cli.calling import Ran, caller
from tecla.engines.factory import LoadedModel
from tecla.suggest import suggester

pytestmark = pytest.mark.slow


class Shared:
    """The session's engine under a command that closes what it opens, and expects it empty."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._engine = loaded.engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def close(self) -> None:
        """Left open and empty for the next test."""
        for slot in range(self._engine.n_slots):
            self._engine.clear(slot)


@pytest.fixture
def tecla(
    default_model: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Ran]:
    """Run `tecla` with arguments and standard input."""
    opened = suggester.open_model
    shared = LoadedModel(Shared(default_model), default_model.tokenizer, default_model.info)  # type: ignore[arg-type]

    def open_model(settings: Any) -> LoadedModel:
        return shared if settings.engine.model == "default" else opened(settings)

    monkeypatch.setattr(suggester, "open_model", open_model)

    return caller(monkeypatch, capsys)


def test_json_has_the_documented_shape(tecla: Callable[..., Ran]) -> None:
    ran = tecla("complete", "The future of artif", "--json")
    assert ran.status == 0
    assert ran.out.count("\n") == 1
    document = ran.document
    assert set(document) == {"model", "elapsed_ms", "suggestions"}
    assert document["model"] == "SmolLM2-135M-Instruct"
    assert document["elapsed_ms"] > 0
    (found,) = document["suggestions"]
    assert set(found) == {"text", "probability", "source", "stop"}
    assert found["text"].startswith("icial")
    assert found["source"] == "neural"
    assert found["stop"] == "max_tokens"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("The future of artif", "icial"),
        ("Please let me know if you have any que", "stions"),
        ("I am looking forw", "ard"),
        ("La ciudad de Madrid es la capi", "tal"),
    ],
)
def test_half_typed_words_are_completed(tecla: Callable[..., Ran], text: str, start: str) -> None:
    ran = tecla("complete", text, "--json", "--max-words", "1")
    assert ran.texts[0].startswith(start)


def test_alternatives_hold_both_families_and_add_up_to_at_most_one(
    tecla: Callable[..., Ran],
) -> None:
    ran = tecla("complete", "She said that she would th", "-n", "5", "--json")
    found = ran.document["suggestions"]
    assert len(found) == 5
    assert any(text.startswith("ink") for text in ran.texts)
    assert any(text.startswith("ank") for text in ran.texts)
    assert all(0 < item["probability"] <= 1 for item in found)
    assert sum(item["probability"] for item in found) <= 1


def test_temperature_0_is_the_default_and_deterministic(tecla: Callable[..., Ran]) -> None:
    first, second = (tecla("complete", "Machine learning is", "--json").texts for _ in range(2))
    assert first == second
    assert tecla("complete", "Machine learning is", "--temperature", "0", "--json").texts == first


def test_a_seed_makes_samples_repeatable(tecla: Callable[..., Ran]) -> None:
    def sample(seed: str) -> list[str]:
        arguments = ("--temperature", "1.2", "--seed", seed, "--max-tokens", "8", "--json")
        return tecla("complete", "Once upon a time", *arguments).texts

    assert sample("1") == sample("1")
    assert sample("1") != sample("2")


def test_plain_output_is_the_text_to_insert(tecla: Callable[..., Ran]) -> None:
    ran = tecla("complete", "I am looking forw", "--max-words", "1")
    assert ran == Ran(0, "ard\n", "")


def test_several_alternatives_are_lines_with_probabilities(tecla: Callable[..., Ran]) -> None:
    lines = tecla("complete", "She said that she would th", "-n", "3").out.splitlines()
    assert len(lines) == 3
    shown = [float(line.split("\t")[0]) for line in lines]
    assert shown == sorted(shown, reverse=True)


def test_standard_input_loses_one_line_break(tecla: Callable[..., Ran]) -> None:
    typed = tecla("complete", "The future of artif", "--json").texts
    assert tecla("complete", "-", "--json", stdin=b"The future of artif\r\n").texts == typed
    assert tecla("complete", "-", "--json", stdin=b"The future of artif").texts == typed


def test_a_file_is_completed_line_by_line(tecla: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("The future of artif\nLa ciudad de Madrid es la capi\n", encoding="utf-8")
    ran = tecla("complete", "--file", str(file), "--json", "--max-words", "1")
    documents = [json.loads(line) for line in ran.out.splitlines()]
    assert [item["suggestions"][0]["text"] for item in documents] == ["icial", "tal"]


def test_a_stream_prints_the_same_text(tecla: Callable[..., Ran]) -> None:
    plain = tecla("complete", "The future of artif", "--max-tokens", "10")
    assert tecla("complete", "The future of artif", "--max-tokens", "10", "--stream") == plain


def test_the_text_behind_the_caret_is_not_repeated(tecla: Callable[..., Ran]) -> None:
    free = tecla("complete", "I am looking forw", "--json", "--max-words", "4").texts[0]
    assert free.startswith("ard to")
    ran = tecla("complete", "I am looking forw", "--after", " to the party", "--json")
    assert ran.texts[0] == "ard"


def test_silence_is_explained_and_no_error(tecla: Callable[..., Ran]) -> None:
    ran = tecla("complete", "The future of artif", "--after", "icial minds", "--json")
    assert ran.status == 0
    assert ran.document["suggestions"] == []
    assert ran.document["silence"] == "after"
    plain = tecla("complete", "The future of artif", "--after", "icial minds")
    assert plain.status == 0
    assert plain.out == ""
    assert "no suggestion" in plain.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "-n", "0"], "n is 0"),
        (["x", "--temperature", "-1"], "temperature is -1.0"),
        (["x", "--max-tokens", "0"], "max_tokens is 0"),
        (["x", "--max-words", "-2"], "max_words is -2"),
        (["x", "--top-p", "7"], "top_p is 7.0"),
        (["x", "-n", "1000"], "1000 alternatives at once; at most 255 fit"),
        (["ab\udcff"], "char offset 2"),
        ([], "give one TEXT"),
        (["x", "--file", "y"], "give one TEXT"),
        (["--file", "missing.txt"], "missing.txt"),
        (["x", "--stream", "--json"], "leave out"),
        (["x", "--stream", "-n", "2"], "leave out"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    tecla: Callable[..., Ran], arguments: list[str], message: str
) -> None:
    ran = tecla("complete", *arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("tecla: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_bad_bytes_are_named_by_line(tecla: Callable[..., Ran], tmp_path: Path) -> None:
    ran = tecla("complete", "-", stdin=b"ab\ncd\xff")
    assert ran.status == 2
    assert "standard input is not UTF-8" in ran.err
    assert "line 2" in ran.err


@pytest.mark.parametrize("kind", ["unknown", "foreign", "truncated", "pickle", "empty", "huge"])
def test_a_model_that_cannot_be_loaded_is_status_3(
    tecla: Callable[..., Ran], tmp_path: Path, default_model: LoadedModel, kind: str
) -> None:
    file = tmp_path / "model.gguf"
    name = str(file)
    if kind == "unknown":
        name = "no-such-model"
    elif kind == "foreign":
        file.write_bytes(b"PK\x03\x04" * 100)
    elif kind == "truncated":
        with default_model.info.path.open("rb") as whole:
            file.write_bytes(whole.read(5_000_000))
    elif kind == "pickle":
        name = str(tmp_path / "pytorch_model.bin")
    elif kind == "huge":
        with file.open("wb") as sparse:
            sparse.write(b"GGUF")
            sparse.truncate(1 << 43)
    else:
        file.touch()
    ran = tecla("complete", "x", "--model", name)
    assert ran.status == 3
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("tecla: ")
    assert "Traceback" not in ran.err


def test_models_lists_the_default_and_says_how_to_add_one(
    tecla: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_MODELS_DIR", str(tmp_path))
    (tmp_path / "broken.gguf").write_bytes(b"nonsense")
    ran = tecla("models")
    assert ran.status == 0
    for part in ("SmolLM2-135M-Instruct", "98 MB", "apache-2.0", "8192 tokens", "NAME.gguf"):
        assert part in ran.out
    assert "broken: cannot be used" in ran.out
    document = tecla("models", "--json").document
    assert document["models"][0]["context_tokens"] == 8192
    assert document["unusable"][0]["name"] == "broken"


def test_a_folder_of_transformers_is_listed_checked_and_completed_with(
    tecla: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TECLA_DEVICE", "cpu")
    tiny_torch.write(tmp_path / "tiny", "gpt2")
    named = {model["name"]: model for model in tecla("models", "--json").document["models"]}
    assert named["tiny"]["architecture"] == "gpt2"
    assert named["tiny"]["context_tokens"] == 512
    ran = tecla("doctor", "--model", "tiny")
    assert ran.status == 0
    for part in ("transformers 5", "PyTorch", "tiny (gpt2", "first token"):
        assert part in ran.out
    done = tecla("complete", "The river ", "--model", "tiny", "--json").document
    assert done["model"] == "tiny"
    assert done["suggestions"]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_folder_of_transformers_says_the_same_in_every_way(
    tecla: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TECLA_DEVICE", "cpu")
    monkeypatch.setenv("TECLA_ENGINE", "torch")
    model = ("--model", str(tiny_torch.write(tmp_path / kind, kind)), "--max-tokens", "6")
    texts = ["The river ", "The old hou"]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    alone = [tecla("complete", text, *model, "--json").texts[0] for text in texts]
    assert [tecla("complete", text, *model, "--stream").out for text in texts] == [
        f"{text}\n" for text in alone
    ]
    lines = tecla("complete", "--file", str(tmp_path / "texts.txt"), *model, "--json").out
    assert [json.loads(line)["suggestions"][0]["text"] for line in lines.splitlines()] == alone
    several = tecla("complete", "The r", *model, "-n", "2", "--json").document["suggestions"]
    assert several
    assert sum(found["probability"] for found in several) <= 1


def test_without_pytorch_a_folder_says_how_to_install_it(
    tecla: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_torch.write(tmp_path / "tiny", "gpt2")
    for name in ("torch_check", "torch_device", "torch_model"):
        monkeypatch.setitem(sys.modules, f"tecla.engines.{name}", None)
    ran = tecla("complete", "x", "--model", str(folder))
    assert ran.status == 3
    assert "pip install 'tecla[torch]'" in ran.err
    assert "no PyTorch for transformers folders" in tecla("doctor").out


def test_doctor_checks_and_advises(tecla: Callable[..., Ran]) -> None:
    ran = tecla("doctor")
    assert ran.status == 0
    for part in ("processor", "memory", "llama.cpp", "SmolLM2-135M-Instruct", "first token"):
        assert part in ran.out


def test_doctor_says_what_is_wrong_with_a_model(tecla: Callable[..., Ran]) -> None:
    ran = tecla("doctor", "--model", "no-such-model")
    assert ran.status == 3
    assert "there is no model 'no-such-model'" in ran.out


def test_config_prints_every_value_and_its_origin(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[engine]\ncontext_tokens = 512\n", encoding="utf-8")
    monkeypatch.setenv("TECLA_CONFIG", str(file))
    monkeypatch.setenv("TECLA_THREADS", "1")
    rows = {row["key"]: row for row in tecla("config", "--json").document["settings"]}
    assert rows["context_tokens"]["value"] == 512
    assert rows["context_tokens"]["origin"] == f"file {file}"
    assert rows["threads"]["origin"] == "environment TECLA_THREADS"
    assert rows["model"]["origin"] == "default"
    assert "context_tokens" in tecla("config").out


def test_unknown_settings_name_the_nearest(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_CONTEXT_TOKEN", "9")
    ran = tecla("config")
    assert ran.status == 2
    assert "did you mean 'TECLA_CONTEXT_TOKENS'?" in ran.err
