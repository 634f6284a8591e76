"""Model files that are none, are damaged, too large or of another kind; and what native code says.

Everything runs in this process: whatever ends it in native code is a failure to be seen. The
one that is known runs in a process of its own.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tiny_gguf
from tecla.engines import llama_model, native_log
from tecla.engines.base import Feed
from tecla.engines.llama import LlamaEngine
from tecla.engines.llama_model import LlamaModel, describe
from tecla.engines.llama_probe import check_loads
from tecla.errors import (
    EngineError,
    ModelFormatError,
    ModelTooLargeError,
    UnsupportedModelError,
)

OPENERS: dict[str, Callable[[Path], object]] = {
    "load": lambda path: LlamaModel(path, device="cpu"),
    "describe": lambda path: describe(path, "any"),
}


@pytest.fixture
def model(tiny_paths: dict[str, Path]) -> Iterator[LlamaModel]:
    """The tiny byte-pair model, loaded."""
    loaded = LlamaModel(tiny_paths["byte_pair"], device="cpu")
    yield loaded
    loaded.close()


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b"G", "begins with b'G'"),
        (b"This is a text, not a model.\n", "begins with b'This'"),
        (b"GGML" + bytes(1000), "begins with b'GGML'"),
        (b"gguf" + bytes(1000), "begins with b'gguf'"),
    ],
)
def test_a_file_without_the_magic_is_no_model(
    opener: str, content: bytes, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "año nuevo.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match="no GGUF file") as caught:
        OPENERS[opener](path)
    assert repr(str(path)) in str(caught.value)
    assert found in str(caught.value)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("size", [4, 5, 8, 23, 24, 40, 300, 2000, 9000, 10_200, 11_000, -4000, -1])
def test_a_truncated_model_is_refused(
    opener: str, size: int, tiny_paths: dict[str, Path], tmp_path: Path
) -> None:
    whole = tiny_paths["byte_pair"].read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[:size])
    with pytest.raises(ModelFormatError, match="truncated") as caught:
        OPENERS[opener](path)
    assert repr(str(path)) in str(caught.value)
    assert "unknown)" not in str(caught.value)  # it says what llama.cpp found


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("seed", range(8))
def test_garbage_after_the_magic_is_refused(opener: str, seed: int, tmp_path: Path) -> None:
    """Random bytes; from the fifth seed on after a header that asks for very much."""
    random = np.random.default_rng(seed)
    start = b"GGUF" if seed < 4 else b"GGUF\3\0\0\0" + b"\xff" * (2 * seed)
    path = tmp_path / "garbage.gguf"
    path.write_bytes(start + random.bytes(10 ** (seed % 4 + 1)))
    with pytest.raises(ModelFormatError):
        OPENERS[opener](path)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("place", ["folder", "missing", "under_a_file", "endless_link"])
def test_what_cannot_be_read_is_refused_with_its_path(
    opener: str, place: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    if place == "folder":
        path.mkdir()
    elif place == "under_a_file":
        path.write_bytes(b"GGUF")
        path /= "model.gguf"
    elif place == "endless_link":
        path.symlink_to(path)
    with pytest.raises(ModelFormatError, match="check the path and its rights") as caught:
        OPENERS[opener](path)
    assert repr(str(path)) in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    path.chmod(0)
    with pytest.raises(ModelFormatError, match="Permission denied"):
        LlamaModel(path)


@pytest.mark.slow
def test_a_vocabulary_with_a_repeated_token_does_not_end_the_process(
    tiny_paths: dict[str, Path], tmp_path: Path
) -> None:
    """One flipped bit is enough; so the file is tried in a process of its own first."""
    data = tiny_paths["byte_pair"].read_bytes()
    text = data.index(b"tokenizer.ggml.tokens")
    at = data.index(b"\1" + bytes(7) + b"x", text) + 8
    path = tmp_path / "twice.gguf"
    path.write_bytes(data[:at] + b"y" + data[at + 1 :])
    with pytest.raises(ModelFormatError, match=r"ends llama\.cpp when it is loaded"):
        check_loads(path, tmp_path / "cache")


@pytest.mark.slow
def test_a_file_is_tried_once_and_again_when_it_changes(
    tiny_paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = tmp_path / "model.gguf", tmp_path / "cache"
    path.write_bytes(tiny_paths["byte_pair"].read_bytes())
    runs = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: runs.append(a) or run(*a, **k))
    for _ in range(3):
        check_loads(path, cache)
    assert len(runs) == 1
    path.write_bytes(path.read_bytes() + b"\0")
    check_loads(path, cache)
    assert len(runs) == 2


@pytest.mark.slow
def test_errors_with_a_name_are_left_to_the_loading(tmp_path: Path) -> None:
    """A foreign file is no crash; whoever loads it says what it is."""
    path = tmp_path / "foreign.gguf"
    path.write_bytes(b"PK")
    check_loads(path, tmp_path)
    check_loads(tmp_path / "missing.gguf", tmp_path)
    assert not (tmp_path / "tried-models.json").exists()


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("opener", ["load"])
def test_a_model_larger_than_memory_is_refused_with_figures(opener: str, tmp_path: Path) -> None:
    """A file of 10 TB, all but four bytes of it a hole; native code never sees it."""
    path = tmp_path / "huge.gguf"
    path.write_bytes(b"GGUF")
    try:
        os.truncate(path, 10 * 10**12)
    except OSError:
        pytest.skip("this file system has no files of 10 TB")
    native_log.take_errors()
    with pytest.raises(ModelTooLargeError, match=r"10000\.\d GB \(10000\.0 weights") as caught:
        OPENERS[opener](path)
    assert "GB are free" in str(caught.value)
    assert "'huge'" in str(caught.value)
    assert native_log.take_errors() == ""


@pytest.mark.parametrize("kv_tokens", [10**9, 2**32 + 256, 10**15])
def test_a_context_larger_than_memory_is_refused(model: LlamaModel, kv_tokens: int) -> None:
    needed = kv_tokens * model.kv_bytes_per_token() / 1e9
    with pytest.raises(ModelTooLargeError, match=f"{needed:.1f} KV memory"):
        LlamaEngine(model, kv_tokens=kv_tokens)
    LlamaEngine(model, kv_tokens=256, n_threads=1).eval([Feed(0, [65, 66])])  # it goes on


def test_a_context_that_just_does_not_fit_is_refused(
    model: LlamaModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kv_bytes = 1024 * model.kv_bytes_per_token()
    enough = model.size_bytes + kv_bytes + (200 << 20)
    monkeypatch.setattr(llama_model, "available_memory_bytes", lambda: enough)
    model.check_memory(1024)
    with pytest.raises(ModelTooLargeError, match="lower context_tokens"):
        model.check_memory(1025)


def test_the_memory_of_a_token_is_counted(model: LlamaModel) -> None:
    """Two layers of keys and values for two heads of eight numbers of two bytes."""
    assert model.kv_bytes_per_token() == 2 * 2 * 2 * 8 * 2


@pytest.mark.parametrize("kv_tokens", [None, 64, 256, 257])
def test_small_contexts_work(model: LlamaModel, kv_tokens: int | None) -> None:
    engine = LlamaEngine(model, context_tokens=64, kv_tokens=kv_tokens, n_slots=4, n_threads=1)
    assert engine.context_tokens == 64
    assert engine.kv_tokens >= max(64, kv_tokens or 4 * 64)
    assert 64 <= engine.batch_tokens <= engine.kv_tokens
    tokens = list(range(65, 65 + 64))
    assert engine.eval([Feed(0, tokens)]).rows == 1
    whole = engine.eval([Feed(1, tokens), Feed(2, tokens[:32], 2), Feed(3, [65])])
    np.testing.assert_allclose(whole.top_k(1).logprobs[0], whole.detach().top_k(1).logprobs[0])
    assert whole.rows == 4


def test_a_context_is_cut_to_what_the_model_was_trained_on(model: LlamaModel) -> None:
    assert model.info.trained_context_tokens == 512
    engine = LlamaEngine(model, context_tokens=100_000, n_threads=1)
    assert engine.context_tokens == 512
    assert engine.kv_tokens == 4 * 512


ROUNDING = 0.01  # flash attention sums a row in another order in another batch: 0.0085 seen


@pytest.mark.parametrize("kind", ["byte_pair", "mamba", "hybrid", "window"])
def test_a_batch_of_several_micro_batches_keeps_its_order(
    kind: str, tiny_paths: dict[str, Path]
) -> None:
    """llama.cpp computes 256 tokens at a time, for recurrent layers in another order."""
    engine = LlamaEngine(
        LlamaModel(tiny_paths[kind], device="cpu"), context_tokens=300, n_slots=8, n_threads=1
    )
    text = engine.model.tokenizer.encode(tiny_gguf.CORPUS.encode())
    feeds = [Feed(slot, text[slot : slot + n], r) for slot, n, r in ((3, 290, 2), (0, 7, 1))]
    feeds += [Feed(6, text[50:200], 3), Feed(1, text[9:60], 0), Feed(2, [text[0]], 1)]
    assert sum(len(feed.tokens) for feed in feeds) > 400
    rows = engine.eval(feeds).numpy()
    at = 0
    for feed in feeds:
        engine.clear(7)
        alone = engine.eval([Feed(7, feed.tokens, feed.rows)]).numpy()
        np.testing.assert_allclose(rows[at : at + feed.rows], alone, rtol=0, atol=ROUNDING)
        at += feed.rows
    assert at == 7
    engine.close()


def test_a_cut_behind_the_window_costs_nothing(tiny_paths: dict[str, Path]) -> None:
    """The cells that a sliding window no longer sees are kept for it."""
    engine = LlamaEngine(
        LlamaModel(tiny_paths["window"], device="cpu"),
        context_tokens=500,
        n_slots=3,
        n_threads=1,
    )
    text = engine.model.tokenizer.encode(tiny_gguf.CORPUS.encode())
    for at in range(0, 480, 96):
        engine.eval([Feed(slot, text[at : at + 96], 0) for slot in (0, 2)])
    evaluated = engine.evaluated_tokens
    engine.clear(2)
    engine.fork(0, 1, 20)
    engine.trim(0, 15)
    assert engine.evaluated_tokens == evaluated
    rows = engine.eval([Feed(0, text[15:30]), Feed(1, text[20:30]), Feed(2, text[:30])]).numpy()
    np.testing.assert_allclose(rows[:2], rows[[2, 2]], rtol=0, atol=ROUNDING)
    engine.close()


# --- kinds ---------------------------------------------------------------------------------------


def test_an_embedding_model_is_refused_by_kind(tiny_paths: dict[str, Path]) -> None:
    with pytest.raises(UnsupportedModelError, match="choose one") as caught:
        LlamaModel(tiny_paths["embedding"], name="wordy")
    assert "'wordy' (bert)" in str(caught.value)


def test_a_device_that_this_build_lacks_is_refused(
    tiny_paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_model.native, "llama_supports_gpu_offload", lambda: False)
    with pytest.raises(UnsupportedModelError, match="CMAKE_ARGS=-DGGML_CUDA=ON"):
        LlamaModel(tiny_paths["byte_pair"], device="gpu")
    LlamaModel(tiny_paths["byte_pair"], device="auto").close()


def test_a_model_is_described_without_its_weights(tiny_paths: dict[str, Path]) -> None:
    path = tiny_paths["hybrid"]
    info = describe(path, "mine")
    assert (info.name, info.path, info.architecture) == ("mine", path, "jamba")
    assert info.size_bytes == path.stat().st_size
    assert info.trained_context_tokens == 512
    assert info.licence is None


def test_a_loaded_model_is_described_alike(model: LlamaModel) -> None:
    assert describe(model.path, model.name) == model.info


@pytest.mark.parametrize(
    ("kind", "recurrent"), [("mamba", True), ("hybrid", True), ("window", False)]
)
def test_recurrent_layers_are_seen(kind: str, recurrent: bool, tiny_paths: dict[str, Path]) -> None:
    loaded = LlamaModel(tiny_paths[kind], device="cpu")
    assert loaded.is_recurrent is recurrent
    loaded.close()


def test_closing_twice_is_allowed(tiny_paths: dict[str, Path]) -> None:
    loaded = LlamaModel(tiny_paths["byte_pair"], device="cpu")
    engine = LlamaEngine(loaded, kv_tokens=256, n_threads=1)
    engine.close()
    engine.close()
    loaded.close()


def test_models_that_differ_only_late_do_not_share_states(tmp_path: Path) -> None:
    """Fine-tunings of one model: same size, same vocabulary, same first megabytes."""
    states = []
    engines = []
    for seed in (0, 1):
        file = tiny_gguf._ModelFile(
            tmp_path / f"{seed}.gguf", "llama", tiny_gguf.bpe_vocabulary(), seed=seed
        )
        file.writer.add_string("tecla.padding", "x" * 1_500_000)
        path = tiny_gguf._write_llama(file)
        engines.append(LlamaEngine(LlamaModel(path, device="cpu"), kv_tokens=256, n_threads=1))
        engines[-1].eval([Feed(0, [65, 66, 67])])
        states.append(engines[-1].save(0))
    first, second = ((tmp_path / f"{seed}.gguf").read_bytes() for seed in (0, 1))
    assert len(first) == len(second)
    assert first[: 1 << 20] == second[: 1 << 20]
    with pytest.raises(EngineError, match="another model"):
        engines[0].restore(0, states[1])
    engines[0].restore(1, states[0])
    for engine in engines:
        engine.close()


# --- what native code says -----------------------------------------------------------------------


def test_native_code_writes_nothing_on_the_terminal(
    tiny_paths: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded = LlamaModel(tiny_paths["byte_pair"], device="cpu")
    engine = LlamaEngine(loaded, kv_tokens=256, n_threads=1)
    engine.eval([Feed(0, [65])])
    engine.close()
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(50))
    with pytest.raises(ModelFormatError):
        LlamaModel(path)
    assert capfd.readouterr() == ("", "")


def test_native_messages_go_to_the_logger(
    tiny_paths: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="tecla.engines.llama"):
        LlamaModel(tiny_paths["byte_pair"], device="cpu").close()
    messages = [record for record in caplog.records if record.name == "tecla.engines.llama"]
    assert len(messages) > 20
    assert any("tiny-llama" in record.getMessage() for record in messages)
    assert max(record.levelno for record in messages) <= logging.INFO
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="tecla.engines.llama"):
        LlamaModel(tiny_paths["byte_pair"], device="cpu").close()
        path = tmp_path / "bad.gguf"
        path.write_bytes(b"GGUF" + bytes(50))
        with pytest.raises(ModelFormatError):
            LlamaModel(path)
    assert not caplog.records


@pytest.mark.parametrize("opener", OPENERS)
def test_native_errors_reach_the_exception_once(opener: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(50))
    with pytest.raises(ModelFormatError, match="version") as first:
        OPENERS[opener](path)
    native_log.recent_errors.append("what another call left")
    with pytest.raises(ModelFormatError) as second:
        OPENERS[opener](path)
    assert str(first.value) == str(second.value)
    assert native_log.take_errors() == ""
