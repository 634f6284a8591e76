"""Training and asking n-gram models: time, memory, file size, queries per second.

Trains order 5 on all training files and books (about 3 million words) and on generated text
(20 million tokens drawn from that model), each in a process of its own, whose peak memory is
measured. Where kenlm's `lmplz` and `query` are on the PATH, a model of the same tokens is trained
with them and the perplexities of the known words of a dev text are compared, both backing off to
all words alike at the end.

    .venv/bin/python benchmarks/ngram.py [--words MILLIONS] [--corpora FOLDER]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.classic.ngram import Ngram
from tecla.ngram.backoff import Backoff
from tecla.ngram.lexer import join, lex
from tecla.ngram.model import KIND, VERSION, NgramModel
from tecla.ngram.train import Trained, TrainingOptions, train_ngram
from tecla.predict.base import Budget
from tecla.sections import read_sections
from tecla.text.context import Context
from tecla.text.documents import read_documents

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
TRAIN = ("dialogue/*.train.txt", "prose/ewt.train.*.txt")
BOOKS = ("books/*.txt",)
MAIL = ("mail/*.train.jsonl",)
QUERIES = ("queries/*.train.txt",)
SEED = 5
CHAINS, LENGTH = 5_000, 200  # documents drawn at once, and their tokens


def documents(corpora: Path) -> Iterator[str]:
    """All training texts: dialogue, prose, mail, queries and English books."""
    for pattern in (*TRAIN, *QUERIES):
        for path in sorted(corpora.glob(pattern)):
            yield from read_documents(path)
    for pattern in MAIL:
        for path in sorted(corpora.glob(pattern)):
            yield from read_documents(path, fields=("subject", "body"))
    for pattern in BOOKS:
        for path in sorted(corpora.glob(pattern)):
            yield from read_documents(path, wrapped=True)


def generated(path: Path, words: int) -> Iterator[str]:
    """Documents drawn from the model at `path`, `words` tokens or more.

    Every token is drawn behind two tokens of history, for thousands of documents at once, so the
    text has the model's trigrams but joins them in new ways: more kinds of n-grams than real text.
    """
    rng = np.random.default_rng(SEED)
    arrays = read_sections(path, KIND, VERSION, "train it").arrays
    lexicon = NgramModel.open(path).lexicon
    spelt = [lexicon.word(index) for index in range(len(lexicon))]
    keys = _keys(arrays, len(arrays["share1"]))
    for _ in range(0, words, CHAINS * LENGTH):
        last = np.full(CHAINS, lexicon.start)
        pair = np.full(CHAINS, -1)
        rows = np.empty((LENGTH, CHAINS), np.int64)
        for step in range(LENGTH):
            drawn = _drawn(arrays["share1"], np.array([0, len(arrays["share1"])]), None, rng, last)
            for n, entry in ((1, last), (2, pair)):
                ways = _drawn(arrays[f"share{n + 1}"], arrays[f"child{n}"], entry, rng, last)
                longer = (ways >= 0) & (rng.random(CHAINS) >= arrays[f"rest{n}"][entry])
                drawn = np.where(longer, arrays[f"word{n + 1}"][ways], drawn)
            key = last * len(arrays["share1"]) + drawn
            at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            pair = np.where(keys[at] == key, at, -1)
            rows[step] = last = drawn
        for row in rows.T:
            yield join(spelt[index] for index in row if index < len(spelt))


def _keys(arrays: Mapping[str, npt.NDArray[Any]], ids: int) -> npt.NDArray[np.int64]:
    """Both words of every pair in one number, sorted."""
    ways: npt.NDArray[np.int64] = np.diff(arrays["child1"]).astype(np.int64)
    firsts = np.repeat(np.arange(ids), ways)
    return np.asarray(firsts * ids + arrays["word2"], np.int64)


def _drawn(
    shares: npt.NDArray[Any],
    child: npt.NDArray[Any],
    entry: npt.NDArray[np.int64] | None,
    rng: np.random.Generator,
    last: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """A way on from each entry, drawn by its share; -1 where there is none."""
    summed = _summed(shares)
    at = np.zeros(len(last), np.int64) if entry is None else entry
    low, high = child[at].astype(np.int64), child[at + 1].astype(np.int64)
    target = summed[low] + rng.random(len(last)) * (summed[high] - summed[low])
    found = np.searchsorted(summed, target, side="right") - 1
    return np.where((high > low) & (at >= 0), np.clip(found, low, high - 1), -1)


_SUMS: dict[int, npt.NDArray[np.float64]] = {}


def _summed(shares: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Running sums of an array, worked out once."""
    key = shares.ctypes.data
    if key not in _SUMS:
        _SUMS[key] = np.concatenate(([0.0], np.cumsum(shares, dtype=np.float64)))
    return _SUMS[key]


def train_child(source: str, path: Path, corpora: Path) -> None:
    """Train in this process and print what it took, as JSON."""
    if source == "corpora":
        texts: Iterable[str] = documents(corpora)
    else:
        texts = read_documents(Path(source))
    done = train_ngram(texts, path, TrainingOptions())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**done._asdict(), "peak_mb": round(peak)}))


def trained(source: str, path: Path, corpora: Path) -> dict[str, float]:
    """`train_child` in a process of its own."""
    command = [sys.executable, __file__, "--child", source, str(path), "--corpora", str(corpora)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    assert set(Trained._fields) <= set(found)
    return {
        "words": found["words"],
        "ngrams": sum(found["entries"]),
        "seconds": round(found["seconds"], 1),
        "seconds_per_million_words": round(found["seconds"] / found["words"] * 1e6, 2),
        "file_mb": round(found["file_bytes"] / 1e6, 1),
        "file_mb_per_million_words": round(found["file_bytes"] / found["words"], 2),
        "peak_mb": found["peak_mb"],
    }


def asked(path: Path, text: str, max_words: int) -> dict[str, float]:
    """Ask at every key of `text`: milliseconds and queries per second."""
    predictor = Ngram.open(path)
    took = []
    for end in range(len(text)):
        begun = time.perf_counter()
        predictor.predict(Context(text[:end]), Budget(n=6, max_words=max_words))
        took.append((time.perf_counter() - begun) * 1e3)
    p50, p99 = (float(np.quantile(took, q)) for q in (0.5, 0.99))
    return {
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "per_second": round(1e3 * len(took) / sum(took)),
    }


def against_kenlm(corpora: Path, folder: Path) -> dict[str, float] | None:
    """Perplexity of known words by both, trained on the same tokens; `None` without kenlm."""
    if not (shutil.which("lmplz") and shutil.which("query")):
        return None
    train = sorted(corpora.glob("dialogue/*.train.txt"))[0]
    dev = sorted(corpora.glob("dialogue/*.dev.txt"))[0]
    lines = train.read_text(encoding="utf-8").split("\n")
    train_ngram((line for line in lines if line), folder / "lines.ngram")
    path = folder / "lines.ngram"
    model = NgramModel.open(path)
    uniform = np.full(model.lexicon.ids, 1 / (len(model.lexicon) + 2))  # as kenlm backs off
    uniform[model.lexicon.start] = 0
    backoff = Backoff(read_sections(path, KIND, VERSION, "train it").arrays, uniform)
    plain = folder / "tokens.txt"
    plain.write_text("".join(f"{_spaced(line)}\n" for line in lines if line), encoding="utf-8")
    order = ["lmplz", "-o", "5", "-S", "20%", "--discount_fallback"]
    with plain.open("rb") as source, (folder / "lines.arpa").open("wb") as target:
        subprocess.run(order, stdin=source, stdout=target, check=True, stderr=subprocess.DEVNULL)
    asked_lines = [line for line in dev.read_text(encoding="utf-8").split("\n") if line][:2000]
    text = "".join(f"{_spaced(line)}\n" for line in asked_lines)
    command = ["query", "-v", "word", str(folder / "lines.arpa")]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    theirs = [
        float(part.split()[-1])
        for line in done.stdout.split("\n")
        for part in line.split("\t")
        if "=" in part and part.split("=")[1].split()[0] != "0"
    ]
    ours = []
    for line in asked_lines:
        state = model.state([], starts_text=True)
        for token in (*lex(line), None):
            index = model.lexicon.end if token is None else model.lexicon.find(token)
            if index != model.lexicon.unknown:
                ours.append(math.log10(backoff.probability(state, index)))
            state = backoff.advance(state, index)
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    one, other = (10 ** (-sum(each) / len(each)) for each in (ours, theirs))
    return {
        "tokens": len(ours),
        "tecla_perplexity": round(one, 3),
        "kenlm_perplexity": round(other, 3),
        "ratio": round(one / other, 4),
    }


def _spaced(line: str) -> str:
    """Tokens as words of a line, the spaces inside them shown as another character."""
    return " ".join(token.replace(" ", "_").replace("\t", "~") for token in lex(line))


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=float, default=20, help="millions of generated words")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--child", nargs=2, metavar=("SOURCE", "MODEL"))
    given = parser.parse_args()
    if given.child:
        train_child(given.child[0], Path(given.child[1]), given.corpora)
        return
    if not given.corpora.is_dir():
        sys.exit(f"there is no folder {str(given.corpora)!r}; name it with --corpora")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, object] = {"real": trained("corpora", folder / "a", given.corpora)}
        print("real text:", result["real"])
        source = folder / "generated.txt"
        with source.open("w", encoding="utf-8") as file:
            for text in generated(folder / "a", int(given.words * 1e6)):
                file.write(text.replace("\n\n", "\n") + "\n\n")
        result["generated"] = trained(str(source), folder / "b", given.corpora)
        print("generated text:", result["generated"])
        dev = sorted(given.corpora.glob("dialogue/*.dev.txt"))[0].read_text(encoding="utf-8")[:3000]
        for model_name, path in (("real", folder / "a"), ("generated", folder / "b")):
            for words in (1, 4):
                key = f"{model_name}_asked_{words}_word" + "s" * (words > 1)
                result[key] = asked(path, dev, words)
                print(f"{key}: {result[key]}")
        result["kenlm"] = against_kenlm(given.corpora, folder)
        print("kenlm:", result["kenlm"] or "left out: lmplz and query are not on the PATH")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
