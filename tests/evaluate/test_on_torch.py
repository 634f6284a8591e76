"""A run of a transformers model: recorded in a process of its own, told apart by its weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import tiny_torch
from tecla.errors import ConfigError
from tecla.evaluate.config import load_config
from tecla.evaluate.run import plan, recorded, run
from tecla.evaluate.systems import open_system, system_file
from tecla.files import sha256_of
from tecla.predict.base import Budget
from tecla.text.context import Context

TEXT = "The train is late today."
CONFIG = """
[budgets.list]
n = 2
max_words = 2
[[systems]]
name = "tiny"
spec = "neural:{folder}"
[[corpora]]
name = "story"
kind = "lines"
split = "dev"
files = ["story.txt"]
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_run_tells_what_the_model_says_and_which_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DEVICE", "cpu"), ("THREADS", "1"), ("CONTEXT_TOKENS", "128")):
        monkeypatch.setenv(f"TECLA_{name}", value)
    folder = tiny_torch.write(tmp_path / "tiny", "gpt2", seed=3)
    (tmp_path / "story.txt").write_text(TEXT + "\n")
    (tmp_path / "run.toml").write_text(CONFIG.format(folder=folder))
    config = replace(load_config(tmp_path / "run.toml"), ways=("list",))
    made = tmp_path / "made"
    results = run(config, made)
    assert results["missing"] == []
    (figures,) = results["figures"]
    assert figures["presage"]["savings"]["value"] is not None

    spec = config.systems[0].spec
    assert system_file(spec) == folder
    known = results["manifest"]["models"]["tiny"]
    weights = (folder / "model.safetensors").stat().st_size
    assert known["sha256"] == sha256_of(folder)
    assert weights < known["size_bytes"] < weights + 10**6
    assert (known["engine"]["device"], known["engine"]["context_tokens"]) == ("cpu", 128)

    (record,) = recorded(plan(config, made)[0])
    predictor = open_system(spec)
    for at, answer in enumerate(record.answers):
        found = predictor.predict(Context(TEXT[:at]), config.budgets["list"])
        assert [each.text for each in answer.offers] == [each.text for each in found]
        told = [each.probability for each in answer.offers]
        assert told == pytest.approx([each.probability for each in found], abs=1e-6)  # as recorded
        assert sum(told) <= 1 + 1e-6
    predictor.close()
    assert any(answer.offers for answer in record.answers)
    assert sum(answer.tokens or 0 for answer in record.answers) > 0

    before = json.loads((made / "results.json").read_text())["figures"]
    assert json.loads(json.dumps(run(config, made, resume=True)["figures"])) == before
    monkeypatch.setenv("TECLA_DTYPE", "bfloat16")
    with pytest.raises(ConfigError, match="another engine"):
        run(config, made, resume=True)
    monkeypatch.delenv("TECLA_DTYPE")
    tiny_torch.write(folder, "gpt2", seed=9)
    with pytest.raises(ConfigError, match="another model"):
        run(config, made, resume=True)


def test_a_folder_is_a_peer_too(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = tiny_torch.write(tmp_path / "tiny", "gpt2", seed=3)
    before = TEXT[:12]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    inputs = tokenizer(before, return_tensors="pt")
    row = model.generate(**inputs, max_new_tokens=8, do_sample=False)[0]
    said = tokenizer.decode(row[inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    with open_system(f"transformers:{folder}") as peer:
        [found] = peer.predict(Context(before), Budget(max_words=1))
    assert found.text
    assert said.startswith(found.text)
