"""The reports of `docs/reports/`: train what they compare, run their configurations, keep them.

    .venv/bin/python benchmarks/reports.py WORK [--corpora FOLDER] [--only ghost,list] [--resume]

WORK gets `models/` (built once) and one folder for each configuration; what is interrupted goes on
with `--resume`. Report and results are then copied to `docs/reports/`. Peers are the Debian
packages `presage` and `libpresage-dev` and the extra `bench`; those that are not there are left
out of the reports.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tecla.errors import PeerMissingError
from tecla.evaluate.corpora import fold
from tecla.evaluate.presage import train_presage
from tecla.evaluate.report import PLOTS
from tecla.text.words import words

REPORTS = Path(__file__).resolve().parents[1] / "docs" / "reports"
CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
TRAIN = ("dialogue/dailydialog.train.txt", "prose/ewt.train.*.txt")
WEIGHT = 0.5  # of the n-gram beside a writer, tuned on the development texts
CURVE_CHARS = 12_000
NOVELS = ("spanish/*-*.txt",)
KEPT = ("report.html", "report.md", "results.json")


def found(corpora: Path, patterns: Sequence[str]) -> list[Path]:
    """The files of some patterns, in order; ends with a word if there are none."""
    files = [path for pattern in patterns for path in sorted(corpora.glob(pattern))]
    if not files:
        raise SystemExit(f"no {' or '.join(patterns)} in {str(corpora)!r}; name it with --corpora")
    return files


def tecla(*arguments: object, folder: Path | None = None) -> None:
    """Run a command of tecla with this interpreter."""
    command = [sys.executable, "-m", "tecla", *map(str, arguments)]
    subprocess.run(command, cwd=folder, check=True)


def train(kind: str, *options: str) -> Callable[[Path, Sequence[Path]], None]:
    """A maker of models by `tecla train`."""

    def make(path: Path, files: Sequence[Path]) -> None:
        tecla("train", kind, *files, "-o", path, *options)

    return make


def dictionary(path: Path, files: Sequence[Path]) -> None:
    """A dictionary of the words of texts, each weighed by how often it comes."""
    counts: dict[str, int] = {}
    for text in texts(files):
        for start, end in words(text):
            counts[text[start:end]] = counts.get(text[start:end], 0) + 1
    listed = path.with_suffix(".tsv")
    listed.write_text("".join(f"{word}\t{count}\n" for word, count in counts.items()), "utf-8")
    tecla("train", "dictionary", listed, "-o", path)


def folded(path: Path, files: Sequence[Path]) -> None:
    """An n-gram model of texts as presage's protocol types them."""
    source = path.with_suffix(".txt")
    source.write_text("".join(f"{fold(text)}\n" for text in texts(files)), "utf-8")
    tecla("train", "ngram", source, "-o", path, "--language", "en")


def mail(path: Path, files: Sequence[Path]) -> None:
    """An n-gram model of the bodies of mails."""
    source = path.with_suffix(".txt")
    bodies = (json.loads(line)["body"].strip() for line in texts(files) if line)
    source.write_text("\n\n".join(bodies) + "\n", "utf-8")
    tecla("train", "ngram", source, "-o", path, "--language", "en")


def curves(kind: str) -> Callable[[Path, Sequence[Path]], None]:
    """A maker of curves for a writer beside the n-gram of the same name, which is made before."""

    def make(path: Path, files: Sequence[Path]) -> None:
        given = [f"{kind}:{file}" for file in files]
        beside = ("--beside", f"ngram:{path.with_suffix('.ngram')}", "--weight", WEIGHT)
        tecla("calibrate", *given, "-o", path, "--chars", CURVE_CHARS, *beside)

    return make


def presage(path: Path, files: Sequence[Path]) -> None:
    """A database of presage; none where its tools are missing."""
    try:
        train_presage(files, path)
    except PeerMissingError as error:
        print(f"presage is left out: {error}", file=sys.stderr)


def texts(files: Sequence[Path]) -> Iterator[str]:
    """The lines of files."""
    for file in files:
        yield from file.read_text(encoding="utf-8").split("\n")


MODELS = {
    "train.ngram": (train("ngram", "--language", "en"), TRAIN),
    "folded.ngram": (folded, TRAIN),
    "dialogue.ngram": (train("ngram", "--language", "en"), ("dialogue/dailydialog.train.txt",)),
    "mail.ngram": (mail, ("mail/aeslc-sent.train.jsonl",)),
    "dialogue.curves": (curves("dialogue"), ("dialogue/dailydialog.dev.txt",)),
    "mail.curves": (curves("mail"), ("mail/aeslc-sent.dev.jsonl",)),
    "train.dictionary": (dictionary, TRAIN),
    "presage.db": (presage, TRAIN),
    "novels.ngram": (train("ngram", "--wrapped", "--language", "es"), NOVELS),
    "trec.querylog": (train("querylog"), ("queries/trec-mq.train.txt",)),
    "trec.ngram": (train("ngram"), ("queries/trec-mq.train.txt",)),
    "bank.querylog": (train("querylog"), ("queries/banking77.train.txt",)),
    "bank.ngram": (train("ngram"), ("queries/banking77.train.txt",)),
}


def main() -> None:
    """Train, run, keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--only", default="", help="configurations, with commas between")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    work = options.work.resolve()
    (work / "models").mkdir(parents=True, exist_ok=True)
    for name, (make, patterns) in MODELS.items():
        if not (work / "models" / name).exists():
            make(work / "models" / name, found(options.corpora, patterns))
    names = (
        options.only.split(",") if options.only else sorted(p.stem for p in REPORTS.glob("*.toml"))
    )
    for name in names:
        more = ["--resume"] if options.resume and (work / name / "records").is_dir() else []
        config = REPORTS / f"{name}.toml"
        texts_at = options.corpora.resolve()
        tecla("evaluate", config, "-o", work / name, "--texts", texts_at, *more, folder=work)
        (REPORTS / name).mkdir(exist_ok=True)
        for file in KEPT:
            shutil.copyfile(work / name / file, REPORTS / name / file)
        shutil.copytree(work / name / PLOTS, REPORTS / name / PLOTS, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
