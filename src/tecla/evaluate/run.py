"""A run: record what is missing, compute all figures, write `results.json`.

The folder holds `records/CORPUS/SYSTEM.WAY.jsonl` and `results.json`. Recording is what takes
time and goes on where it ended; figures are computed anew from the records. A system that is not
installed, or breaks down, is left out with its reason, and the run goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from tecla.errors import ConfigError, PeerMissingError, RecordingError
from tecla.evaluate.answers import Record
from tecla.evaluate.config import CorpusConfig, EvaluateConfig, SystemConfig, Way
from tecla.evaluate.corpora import Passage, corpus_hash, folded, read_passages, sample
from tecla.evaluate.examples import disagreements
from tecla.evaluate.manifest import manifest
from tecla.evaluate.record import RecordFile
from tecla.evaluate.recorder import OPENER, Job, record
from tecla.evaluate.results import at_threshold, best_threshold, figures, paired, query_figures
from tecla.evaluate.systems import system_engine, system_file
from tecla.evaluate.typists import LEAST_SAVED_KEYS
from tecla.files import replacing, sha256_of

RESULTS: Final = "results.json"
_UNSAFE = re.compile(r"[^\w.-]+")


class Recording(NamedTuple):
    """One system on one corpus, asked in one way."""

    corpus: CorpusConfig
    system: SystemConfig
    way: Way
    job: Job

    @property
    def chars(self) -> int:
        """Carets to ask at, those already recorded included."""
        return sum(len(passage.text) for passage in self.job.passages)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run tells while it records: called with the recording, and with characters done."""

    begin: Callable[[Recording, int], None]
    advance: Callable[[int], None]


def plan(
    config: EvaluateConfig, folder: Path, limit: int | None = None, opener: str = OPENER
) -> list[Recording]:
    """All recordings of a run, corpus by corpus; raises `InputError` for a corpus that is bad.

    `limit` is the most passages of each corpus.
    """
    passages = {corpus.title: _passages(corpus) for corpus in config.corpora}
    hashes = {corpus.title: corpus_hash(corpus.files) for corpus in config.corpora}
    found = []
    for corpus, system in config.pairs():
        chosen = sample(passages[corpus.title], config.least_chars(corpus, system), config.seed)
        for way in config.ways_of(corpus):
            settings = {
                "spec": system.spec,
                "model": _model_hash(system.spec),
                "engine": system_engine(system.spec),
                "budget": asdict(config.budgets[way]),
                "corpus": hashes[corpus.title],
                "kind": corpus.kind,
                "fold": corpus.fold,
                "unrepeated": system.unrepeated,
            }
            path = folder / "records" / corpus.title / f"{_file_name(system.name)}.{way}.jsonl"
            job = Job(
                str(path),
                settings,
                system.spec,
                config.budgets[way],
                chosen[:limit],
                opener,
                system.unrepeated,
            )
            found.append(Recording(corpus, system, way, job))
    return found


def run(
    config: EvaluateConfig,
    folder: Path,
    *,
    limit: int | None = None,
    resume: bool = False,
    opener: str = OPENER,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Record and compute; the results, which are in `folder` as well.

    Raises `ConfigError` if the folder holds records and `resume` is not set, or records of other
    settings; `InputError` for a corpus that cannot be read.
    """
    if not resume and (folder / "records").is_dir():
        raise ConfigError(f"{str(folder)!r} holds a run; --resume goes on with it")
    recordings = plan(config, folder, limit, opener)
    missing = []
    for each in recordings:
        try:
            _record(each, progress)
        except (PeerMissingError, RecordingError) as error:
            missing.append({**_names(each), "why": str(error)})
    results = {
        "manifest": manifest(config, limit),
        "config": _as_written(config),
        "missing": missing,
        "figures": compute(config, recordings),
        "examples": _examples(recordings),
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / RESULTS, json.dumps(results, ensure_ascii=False, indent=1))
    return results


def compute(config: EvaluateConfig, recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """The figures of every recording, from its file; of all its passages or of none."""
    found: list[dict[str, Any]] = []
    records = [recorded(each) for each in recordings]
    thresholds = {
        (each.corpus.name, each.system.name): {
            typist: best_threshold(read, typist, config.glance_keys) for typist in LEAST_SAVED_KEYS
        }
        for each, read in zip(recordings, records, strict=True)
        if each.way == "ghost" and each.corpus.split == "dev" and read
    }
    first: dict[tuple[str, Way], Sequence[Record]] = {}
    for each, read in zip(recordings, records, strict=True):
        if not read:
            continue
        row = {**_names(each), **figures(each.way, read, config)}
        tuned = thresholds.get((each.corpus.name, each.system.name))
        if each.way == "ghost" and tuned is not None:
            row["tuned"] = {
                typist: at_threshold(read, threshold, config.seed)
                for typist, threshold in tuned.items()
            }
        if each.way == "query":
            log = read_passages("queries", each.corpus.log) if each.corpus.log else []
            row["queries"] = query_figures(read, [query.text for query in log], config.seed)
        other = first.setdefault((each.corpus.title, each.way), read)
        row["less_first_system"] = None if other is read else paired(each.way, read, other, config)
        found.append(row)
    return found


def _record(recording: Recording, progress: Progress | None) -> None:
    job = recording.job
    done = RecordFile(Path(job.path), job.settings).read(job.passages)
    if progress is not None:
        progress.begin(recording, sum(len(each.passage.text) for each in done.values()))
    if len(done) == len(job.passages):
        return
    for chars in record(job):
        if progress is not None:
            progress.advance(chars)


def recorded(recording: Recording) -> list[Record]:
    """All records in the order of the sample; none if one is not there."""
    job = recording.job
    found = RecordFile(Path(job.path), job.settings).read(job.passages)
    return [found[each.id] for each in job.passages] if len(found) == len(job.passages) else []


def _examples(recordings: Sequence[Recording]) -> list[dict[str, Any]]:
    """Where systems disagree, on corpora that may be quoted."""
    found: list[dict[str, Any]] = []
    asked = [each for each in recordings if each.corpus.quotable and each.way == "ghost"]
    for title in dict.fromkeys(each.corpus.title for each in asked):
        own = {each.system.name: recorded(each) for each in asked if each.corpus.title == title}
        there = {name: records for name, records in own.items() if records}
        if len(there) > 1:
            found.extend({"corpus": title, **each} for each in disagreements(there))
    return found


def _as_written(config: EvaluateConfig) -> dict[str, Any]:
    """The configuration without the folders of this machine."""
    found = asdict(config)
    for corpus in found["corpora"]:
        for key in ("files", "log"):
            corpus[key] = [path.name for path in corpus[key]]
    return found


def _passages(corpus: CorpusConfig) -> list[Passage]:
    found = read_passages(corpus.kind, corpus.files)
    return folded(found) if corpus.fold else found


def _model_hash(spec: str) -> str | None:
    file = system_file(spec)
    return None if file is None else sha256_of(file)


def _names(recording: Recording) -> dict[str, str]:
    return {
        "corpus": recording.corpus.name,
        "split": recording.corpus.split,
        "kind": recording.corpus.kind,
        "system": recording.system.name,
        "way": recording.way,
    }


def _file_name(name: str) -> str:
    return _UNSAFE.sub("_", name)


def _write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
