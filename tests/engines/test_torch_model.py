"""Loading transformers folders: what can be used runs, what cannot is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig

import tiny_gguf
import tiny_torch
from tecla.engines import torch_attention, torch_device
from tecla.engines.base import Feed
from tecla.engines.torch_check import check_agrees, own_scores
from tecla.engines.torch_device import choose_device, choose_dtype
from tecla.engines.torch_engine import TorchEngine
from tecla.engines.torch_model import TorchModel, describe
from tecla.engines.torch_shape import shape_of
from tecla.errors import ModelFormatError, ModelTooLargeError, UnsupportedModelError

SIZES = {
    "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 128,
    "head_dim": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_torch.write(tmp_path_factory.mktemp("loading") / "tiny", "qwen3")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A folder that a test may change."""
    made = tmp_path / "copy"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    return made


def engine_over(folder: Path, **options: Any) -> TorchEngine:
    model = TorchModel(folder, device="cpu", dtype=options.pop("dtype", "auto"))
    return TorchEngine(model, context_tokens=96, kv_tokens=256, n_slots=4, n_threads=1, **options)


# --- what runs -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", tiny_torch.CONFIGS)
def test_every_position_has_the_scores_of_the_models_own_code(kind: str, tmp_path: Path) -> None:
    """Also in a batch with others, in pieces, and beyond a sliding window."""
    engine = engine_over(tiny_torch.write(tmp_path / kind, kind))
    tokenizer = engine.model.tokenizer
    ids = tokenizer.encode(tokenizer.text_prefix + tiny_gguf.CORPUS.encode())[:60]
    engine.eval([Feed(1, ids[30:], 0)])
    rows = engine.eval([Feed(0, ids[:40], 40), Feed(1, ids[:9], 0)]).numpy()
    more = engine.eval([Feed(1, ids[:9], 0), Feed(0, ids[40:], 20)]).numpy()
    for length in (1, 2, 17, 39, 40, 41, 59, 60):
        row = rows[length - 1] if length <= 40 else more[length - 41]
        assert abs(row - own_scores(engine, ids[:length])).max() < 2e-5
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", tiny_torch.CONFIGS)
def test_greedy_tokens_are_those_of_generate(kind: str, tmp_path: Path) -> None:
    engine = engine_over(tiny_torch.write(tmp_path / kind, kind, seed=2))
    tokenizer = engine.model.tokenizer
    ids = tokenizer.encode(tokenizer.text_prefix + b"The train leaves the")
    module = engine.model.module
    module.set_attn_implementation("eager")
    expected = module.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False,
        max_new_tokens=25, eos_token_id=None, pad_token_id=0,
    )[0].tolist()  # fmt: skip
    module.set_attn_implementation(torch_attention.NAME)
    found, fed = list(ids), ids
    for _ in range(25):
        token = int(engine.eval([Feed(0, fed)]).top_k(1).ids[0, 0])
        found.append(token)
        fed = [token]
    assert found == expected


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_agrees_within_its_rounding(
    folder: Path, dtype: Any, tmp_path: Path
) -> None:
    half, whole = engine_over(folder, dtype=dtype), engine_over(folder)
    check_agrees(half, tmp_path)
    assert half.model.dtype is getattr(torch, dtype)
    assert half.model.kv_bytes_per_token == whole.model.kv_bytes_per_token // 2
    ids = list(range(40, 70))
    scores, expected = (engine.eval([Feed(0, ids)]).numpy() for engine in (half, whole))
    assert scores.dtype == expected.dtype == "float32"
    assert 0 < abs(scores - expected).max() < 0.2 * expected.std()
    half.restore(1, half.save(0))
    again = half.eval([Feed(1, ids[:1])]).numpy()
    assert abs(again - half.eval([Feed(0, ids[:1])]).numpy()).max() < 1e-6


def test_what_is_known_of_a_model(folder: Path, copy: Path) -> None:
    (copy / "README.md").write_text("---\nlicense: apache-2.0\n---\nhello\n")
    for info in (describe(copy, "mine"), TorchModel(copy, name="mine", device="cpu").info):
        assert (info.name, info.path, info.architecture) == ("mine", copy, "qwen3")
        assert info.licence == "apache-2.0"
        assert info.trained_context_tokens == 512
        assert info.size_bytes == (copy / "model.safetensors").stat().st_size
    assert describe(folder, "mine").licence is None


def test_a_model_in_several_files_is_one(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(folder)
    whole.save_pretrained(tmp_path, max_shard_size="40KB")
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    parts = engine_over(tmp_path)
    assert len(parts.model.weight_files) > 1
    scores = parts.eval([Feed(0, [5, 6, 7])]).numpy()
    assert abs(scores - engine_over(folder).eval([Feed(0, [5, 6, 7])]).numpy()).max() < 1e-6


def test_the_size_of_a_model_is_known_without_its_weights() -> None:
    shape = shape_of(AutoConfig.for_model("gpt2"), "gpt2")
    assert shape.n_weights == 124_439_808
    assert shape.kv_values_per_token == 12 * 2 * 768
    assert shape.n_vocab == 50_257


@pytest.mark.slow
def test_a_model_with_a_token_for_padding_is_like_one_without(tmp_path: Path) -> None:
    """GPT-2's own code looks for it in every batch, which nothing here pads."""
    folder = tiny_torch.write(tmp_path / "padded", "gpt2")
    plain = engine_over(folder).eval([Feed(0, [5, 0, 7, 0])]).numpy()
    _edit_config(pad_token_id=0)(folder)
    assert abs(engine_over(folder).eval([Feed(0, [5, 0, 7, 0])]).numpy() - plain).max() < 1e-6


def test_a_context_is_cut_to_what_the_model_was_trained_on(folder: Path) -> None:
    engine = TorchEngine(TorchModel(folder, device="cpu"), context_tokens=9999, n_slots=2)
    assert (engine.context_tokens, engine.kv_tokens) == (512, 2048)


def test_a_closed_engine_says_so(folder: Path) -> None:
    engine = engine_over(folder)
    scores = engine.eval([Feed(0, [1, 2])])
    engine.close()
    engine.close()
    engine.clear(0)
    for work in (lambda: engine.eval([Feed(0, [1])]), lambda: engine.save(0), scores.numpy):
        with pytest.raises(Exception, match=r"was closed; open it again|detach"):
            work()


def test_threads_hold_for_the_thread_that_evaluates(folder: Path) -> None:
    before = torch.get_num_threads()
    engine = engine_over(folder)
    engine.use_threads(2)
    engine.eval([Feed(0, [1])])
    assert torch.get_num_threads() == 2
    engine.use_threads(1)
    engine.eval([Feed(0, [1])])
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_an_error_inside_a_step_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_over(folder)
    engine.eval([Feed(0, [1, 2, 3])])

    def fail(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(engine.model.module, "forward", fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            engine.eval([Feed(0, [4, 5]), Feed(1, [6])])
    assert [engine.length(slot) for slot in range(4)] == [3, 0, 0, 0]
    engine.check_integrity()
    fresh = engine.eval([Feed(2, [1, 2, 3, 4])]).numpy()
    assert abs(engine.eval([Feed(0, [4])]).numpy() - fresh).max() < 1e-5


# --- devices, precision and memory ---------------------------------------------------------------


def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    for wanted in ("gpu", "cuda:0"):
        with pytest.raises(UnsupportedModelError, match=f"device is '{wanted}'.*device='cpu'"):
            choose_device(wanted)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("gpu") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(UnsupportedModelError, match=r"cuda:2.*cuda:0 to cuda:1"):
        choose_device("cuda:2")


def test_precision_follows_the_device_and_the_weights() -> None:
    gpu, cpu = torch.device("cuda:0"), torch.device("cpu")
    assert choose_dtype("auto", cpu, torch.bfloat16) is torch.float32
    assert choose_dtype("auto", gpu, torch.bfloat16) is torch.bfloat16
    assert choose_dtype("auto", gpu, torch.float32) is torch.float16
    assert choose_dtype("bfloat16", cpu, None) is torch.bfloat16


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "model.safetensors").write_bytes(b"never looked at")
    monkeypatch.setattr(torch_device, "free_bytes", lambda device: 400 << 20)
    with pytest.raises(ModelTooLargeError, match=r"needs about 0\.5 GB on cpu.*0\.4 GB are free"):
        TorchModel(copy, device="cpu")


def test_kv_memory_that_does_not_fit_is_refused(folder: Path) -> None:
    model = TorchModel(folder, device="cpu")
    with pytest.raises(ModelTooLargeError, match="KV memory"):
        TorchEngine(model, kv_tokens=1 << 34)


# --- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "gemma2": "attention caps its products",
    "gpt_oss": "attention has sinks",
    "mamba": "layers of the kind 'linear_attention'",
    "jamba": "layers of the kind 'linear_attention'",
    "llama4_text": "layers of the kind 'chunked_attention'",
    "bloom": "0 of its 2 layers attend through the interface",
    "gptj": "refuses a dry run",
    "bert": "reads text in both directions",
    "t5": "has an encoder",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", REFUSED)
def test_an_architecture_that_cannot_be_run_is_refused_by_name(kind: str) -> None:
    config = AutoConfig.for_model(kind, **SIZES)
    with pytest.raises(UnsupportedModelError, match=rf"'mine' \({kind}\).*{REFUSED[kind]}"):
        shape_of(config, "mine")


def test_the_page_lists_what_runs_and_what_is_refused() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    (runs,) = re.findall(r"^\| run \| (.*) \|$", page, re.MULTILINE)
    assert set(tiny_torch.CONFIGS) <= set(runs.split(", "))
    assert set(REFUSED).isdisjoint(runs.split(", "))


def _edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def _cut(name: str, keep: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


DAMAGES: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "no_config": (lambda f: (f / "config.json").unlink(), ModelFormatError, "cannot read"),
    "config_cut": (_cut("config.json", 20), ModelFormatError, "cannot read"),
    "config_of_nothing": (_edit_config(model_type=None), ModelFormatError, "no model_type"),
    "unknown_kind": (_edit_config(model_type="ents"), UnsupportedModelError, "kind 'ents'"),
    "own_code": (
        _edit_config(model_type="ents", auto_map={"AutoConfig": "config.Ents"}),
        UnsupportedModelError,
        "without code from its folder",
    ),
    "quantised": (
        _edit_config(quantization_config={"quant_method": "gptq"}),
        UnsupportedModelError,
        "quantised weights",
    ),
    "weights_cut": (_cut("model.safetensors", 5000), ModelFormatError, "truncated or altered"),
    "weights_of_nothing": (_cut("model.safetensors", 0), ModelFormatError, "truncated or altered"),
    "weights_missing": (
        _edit_config(num_hidden_layers=3, layer_types=["full_attention"] * 3),
        ModelFormatError,
        r"lack \d+ tensors",
    ),
    "config_contradicts_itself": (
        _edit_config(num_hidden_layers=3),
        UnsupportedModelError,
        "cannot build",
    ),
    "weights_of_other_size": (_edit_config(intermediate_size=32), ModelFormatError, "other sizes"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_cannot_be_used_is_refused(copy: Path, damage: str) -> None:
    alter, kind, message = DAMAGES[damage]
    alter(copy)
    with pytest.raises(kind, match=message):
        TorchModel(copy, device="cpu")


def test_a_pickle_beside_the_weights_is_never_opened(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    (copy / "modeling_tiny.py").write_text("raise SystemExit('run')")
    TorchModel(copy, device="cpu").close()


def test_a_model_with_other_scores_of_its_own_is_refused(folder: Path, tmp_path: Path) -> None:
    """As of an architecture whose own mask this engine does not know of."""
    engine = engine_over(folder)
    check_agrees(engine, tmp_path / "agrees")
    assert all(engine.length(slot) == 0 for slot in range(4))
    for layer in engine.model.module.model.layers:
        layer.self_attn.is_causal = False  # the authors' code then looks ahead
        layer.self_attn.scaling *= 3
    engine_scaling = engine.model.module.model.layers[0].self_attn.scaling
    assert engine_scaling > 1
    original = own_scores(engine, [5, 6, 7])

    class Elsewhere(type(engine.model.module)):  # type: ignore[misc]
        """Says something else when it is asked without the engine."""

        def forward(self, **options: Any) -> Any:
            output = super().forward(**options)
            if "position_ids" not in options:
                output.logits = output.logits.flip(-1)
            return output

    engine.model.module.__class__ = Elsewhere
    assert abs(own_scores(engine, [5, 6, 7]) - original).max() > 0.1
    with pytest.raises(
        UnsupportedModelError, match=r"\(qwen3\) gives other scores by its own code"
    ):
        check_agrees(engine, tmp_path / "differs")
    check_agrees(engine, tmp_path / "agrees")  # remembered: not asked again
