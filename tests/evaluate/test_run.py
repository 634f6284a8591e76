from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evaluate.small_records import STORY
from tecla.errors import ConfigError
from tecla.evaluate.config import CorpusConfig, EvaluateConfig, SystemConfig, load_config
from tecla.evaluate.positions import typed_chars, words_before
from tecla.evaluate.run import Progress, Recording, run
from tecla.evaluate.tables import tables

OPENER = "evaluate.small_records:open_by_heart"
CONFIG = """
coverages = [0.2]
[budgets.ghost]
max_words = 3
[[systems]]
name = "by heart"
spec = "heart"
[[systems]]
name = "not there"
spec = "missing"
[[corpora]]
name = "story"
kind = "lines"
split = "dev"
files = ["story.txt"]
[[corpora]]
name = "questions"
kind = "queries"
split = "test"
files = ["story.txt"]
log = ["story.txt"]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EvaluateConfig:
    (tmp_path / "story.txt").write_text(f"{STORY}\nAnother tale.\n")
    (tmp_path / "run.toml").write_text(CONFIG)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    return load_config(tmp_path / "run.toml")


@pytest.mark.slow
def test_a_run_from_its_configuration_to_its_tables(config: EvaluateConfig, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    progress = Progress(
        lambda each, done: told.append((f"{each.system.name} {each.way}", done)),
        lambda chars: told.append(("", chars)),
    )
    folder = tmp_path / "out"
    results = run(config, folder, opener=OPENER, progress=progress)
    assert ("by heart ghost", 0) in told
    assert ("", len(STORY)) in told
    ghost, listed, asked = results["figures"]
    assert (ghost["way"], listed["way"], asked["way"]) == ("ghost", "list", "query")
    assert ghost["saving"]["savings"]["value"] > 0.4
    assert ghost["tuned"]["saving"]["saving"] == ghost["saving"]
    assert listed["presage"]["savings"]["value"] > 0.6
    assert ghost["costs"]["model_calls_per_key"] is None
    assert {each["system"] for each in results["missing"]} == {"not there"}
    assert len(results["missing"]) == 3
    kept = json.loads((folder / "results.json").read_text())
    assert kept == json.loads(json.dumps(results))
    assert kept["config"]["corpora"][0]["files"] == ["story.txt"]
    assert str(tmp_path) not in json.dumps(kept["config"])
    assert kept["manifest"]["corpora"].keys() == {"story.dev", "questions.test"}
    assert [table.row_count for table in tables(results)] == [1, 1, 1]
    with pytest.raises(ConfigError, match="--resume"):
        run(config, folder, opener=OPENER)


@pytest.mark.slow
def test_what_is_recorded_is_not_asked_again(config: EvaluateConfig, tmp_path: Path) -> None:
    alone = replace(config, systems=config.systems[:1], corpora=config.corpora[:1])
    folder = tmp_path / "out"
    begun: list[tuple[Recording, int]] = []
    asked: list[int] = []
    progress = Progress(lambda each, done: begun.append((each, done)), asked.append)
    run(alone, folder, limit=1, opener=OPENER)
    limited = {path: path.read_bytes() for path in folder.glob("records/*/*")}
    run(alone, folder, resume=True, opener=OPENER, progress=progress)
    assert all(done > 0 for _, done in begun)
    assert len(asked) == 2  # the other passage, asked in two ways
    for path, data in limited.items():
        assert path.read_bytes().startswith(data)
    other = replace(alone, corpora=(replace(alone.corpora[0], fold=True),))
    with pytest.raises(ConfigError, match="another fold"):
        run(other, folder, resume=True, opener=OPENER)


@pytest.mark.slow
def test_a_system_that_may_not_repeat_itself(config: EvaluateConfig, tmp_path: Path) -> None:
    heart = SystemConfig("by heart", "heart")
    once = SystemConfig("once", "heart", unrepeated=True)
    both = replace(config, systems=(heart, once), corpora=config.corpora[:1], ways=("list",))
    often, once_only = run(both, tmp_path / "out", opener=OPENER)["figures"]
    offered = {
        path.name: sum(
            len(offers)
            for line in path.read_text().splitlines()[1:]
            for offers, *_ in json.loads(line)["answers"]
        )
        for path in (tmp_path / "out").glob("records/*/*")
    }
    assert offered["once.list.jsonl"] < offered["by_heart.list.jsonl"]
    assert often["presage"] == once_only["presage"]  # it is taken as soon as it is offered
    again = replace(both, systems=(heart, replace(once, unrepeated=False)))
    with pytest.raises(ConfigError, match="another unrepeated"):
        run(again, tmp_path / "out", opener=OPENER, resume=True)


@pytest.mark.slow
def test_a_system_that_breaks_down_is_left_out(config: EvaluateConfig, tmp_path: Path) -> None:
    corpus: CorpusConfig = config.corpora[0]
    broken = replace(config, systems=(SystemConfig("broken", "x"),), corpora=(corpus,))
    results = run(broken, tmp_path / "out", opener="evaluate.small_records:no_such_function")
    assert results["figures"] == []
    assert "no_such_function" in results["missing"][0]["why"]


def test_places_in_words_and_sentences() -> None:
    assert typed_chars("ab, c") == [0, 1, None, None, 0]
    assert words_before("Ab c. D e") == [0, 0, None, 1, None, None, 0, None, 1]
