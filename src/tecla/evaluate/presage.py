"""presage as a peer: its suggestions behind the predictor contract.

presage (Vescovi; GPL, Debian package `presage`) is a C++ library. `presage_driver.cpp` asks it; the
driver is compiled once against the installed library and kept in the cache folder under the hash of
its source. Every predictor has a process and a profile of its own, and the profile sets all that
matters, so neither the system's nor the user's presage settings take part.

What runs is what presage's own profile enables: the n-gram predictor (weights 0.01, 0.1 and 0.89
for orders 1 to 3) on the trained database, the same on a second database that learns from what is
typed (empty at first, and gone at the end), and the recency predictor. Only the abbreviation
expander is left out, since it completes nothing. No word is offered twice while one word is typed.
`docs/decisions/0008-presage-protocol.md` has what each is worth.

presage gives scores, not probabilities: an interpolated word probability that ignores how much of
the word is typed, or 1, 1/e, … for recent words. Behind white space the score stands as it is; in
a word it is the share of all that is offered. Ranks are presage's own.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from tecla.checks import whole
from tecla.closing import Closing
from tecla.errors import OptionError, PeerError, PeerMissingError
from tecla.evaluate.line_process import LineProcess
from tecla.evaluate.peer_text import peer_text
from tecla.files import replacing
from tecla.predict.base import Budget, Candidate
from tecla.settings import PathSettings
from tecla.text.context import Context
from tecla.text.words import WordEnd

ORDERS: Final = (1, 2, 3)
_PACKAGES = "`apt-get install presage libpresage-dev g++`"
_DRIVER = Path(__file__).with_name("presage_driver.cpp")
_COMPILERS = ("c++", "g++", "clang++")
_START_S = 30.0
_STEP_CHARS = 1000  # presage looks back twenty words, but reads all it is given for each of them
_BREAKS = str.maketrans(dict.fromkeys("\n\r\v\f\x01\x00", " "))


def training_commands(files: Sequence[Path], database: Path) -> list[list[str]]:
    """What `train_presage` runs: one call an order, as presage's own databases are made."""
    names = [str(file.resolve()) for file in files]
    return [
        ["text2ngram", "-n", str(order), "-l", "-f", "sqlite", "-o", str(database), *names]
        for order in ORDERS
    ]


def train_presage(files: Sequence[Path], database: Path) -> None:
    """Count lower-case n-grams of orders 1 to 3 of `files` into `database`, with `text2ngram`.

    An older database is replaced. Raises `PeerMissingError` without presage's tools, `OptionError`
    for a file that is not there, `PeerError` if counting fails.
    """
    if shutil.which("text2ngram") is None:
        raise PeerMissingError(f"presage's text2ngram is not installed: {_PACKAGES}")
    for file in files:
        if not file.is_file():
            raise OptionError(f"there is no file {str(file)!r} to train presage with")
    with replacing(database) as unfinished:
        for command in training_commands(files, unfinished):
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode != 0:
                raise PeerError(f"text2ngram ended with status {done.returncode}")


def compile_driver(cache_dir: Path) -> Path:
    """The driver's program, compiled if this source never was; raises `PeerMissingError`."""
    source = _DRIVER.read_bytes()
    name = hashlib.sha256(source + platform.machine().encode()).hexdigest()[:16]
    program = cache_dir / "presage" / f"driver-{name}"
    if program.is_file():
        return program
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise PeerMissingError(f"presage needs a C++ compiler for its driver: {_PACKAGES}")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        fresh = Path(folder) / "driver"
        command = [compiler, "-O2", "-std=c++17", "-o", str(fresh), str(_DRIVER), "-lpresage"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = next((line for line in done.stderr.splitlines() if "error" in line), "")
            raise PeerMissingError(f"presage's driver does not compile ({said}): {_PACKAGES}")
        fresh.replace(program)
    return program


def profile_xml(
    database: Path, *, suggestions: int, recency: bool, learnt: Path | None = None
) -> str:
    """A presage profile: what is offered, by which predictors, from which databases.

    learnt: the database that learns; `None` for no learning.
    """
    ngram, user = "DefaultSmoothedNgramPredictor", "UserSmoothedNgramPredictor"
    recent = "DefaultRecencyPredictor"
    enabled = [ngram, *([user] if learnt else []), *([recent] if recency else [])]
    settings = {
        "PredictorRegistry/PREDICTORS": " ".join(enabled),
        "ContextTracker/SLIDING_WINDOW_SIZE": 80,
        "ContextTracker/LOWERCASE_MODE": "yes",
        "ContextTracker/ONLINE_LEARNING": "yes" if learnt else "no",
        "Selector/SUGGESTIONS": suggestions,
        "Selector/REPEAT_SUGGESTIONS": "no",
        "Selector/GREEDY_SUGGESTION_THRESHOLD": 0,
        "PredictorActivator/PREDICT_TIME": 1000,
        "PredictorActivator/MAX_PARTIAL_PREDICTION_SIZE": 60,
        "PredictorActivator/COMBINATION_POLICY": "Meritocracy",
        "ProfileManager/AUTOPERSIST": "false",
        f"Predictors/{ngram}/PREDICTOR": "SmoothedNgramPredictor",
        f"Predictors/{ngram}/DBFILENAME": database,
        f"Predictors/{ngram}/DELTAS": "0.01 0.1 0.89",
        f"Predictors/{ngram}/LEARN": "false",
        f"Predictors/{user}/PREDICTOR": "SmoothedNgramPredictor",
        f"Predictors/{user}/DBFILENAME": learnt or "",
        f"Predictors/{user}/DELTAS": "0.01 0.1 0.89",
        f"Predictors/{user}/LEARN": "true",
        f"Predictors/{recent}/PREDICTOR": "RecencyPredictor",
        f"Predictors/{recent}/LAMBDA": 1,
        f"Predictors/{recent}/N_0": 1,
        f"Predictors/{recent}/CUTOFF_THRESHOLD": 20,
    }
    lines = []
    for path, value in settings.items():
        *parents, key = path.split("/")
        opened = "".join(f"<{parent}>" for parent in parents)
        closed = "".join(f"</{parent}>" for parent in reversed(parents))
        lines.append(f"{opened}<{key}>{escape(str(value))}</{key}>{closed}")
    return "\n".join(['<?xml version="1.0"?>', "<Presage>", *lines, "</Presage>", ""])


class Presage(Closing):
    """Single words in lower case, from presage as its own profile has it.

    The answer to a context is what presage would offer had the half-typed word been typed letter
    by letter; keys asked one after the other cost one prediction each. A deadline is not heeded.
    Being asked teaches it: with `learning` off it is deterministic.
    """

    def __init__(
        self,
        database: Path,
        *,
        suggestions: int = 6,
        recency: bool = True,
        learning: bool = True,
        cache_dir: Path | None = None,
        driver: Sequence[str] | None = None,
        answer_s: float = 20.0,
    ) -> None:
        """Open a database made by `train_presage`.

        suggestions: how many words presage offers at once; a budget can ask for fewer. learning:
        learn from the texts that are asked about, those after a jump from their beginning. driver:
        a command that takes the compiled driver's place. Raises `PeerMissingError` where presage
        cannot be had, `PeerError` if it does not open the database.
        """
        whole("suggestions", suggestions, 1)
        if not database.is_file():
            raise OptionError(f"there is no presage database {str(database)!r}; train one first")
        if driver is None:
            driver = [str(compile_driver(cache_dir or PathSettings().cache_dir))]
        self._folder = tempfile.TemporaryDirectory(prefix="tecla-presage-")
        folder = Path(self._folder.name)
        profile, wanted = folder / "presage.xml", database.resolve()
        learnt = folder / "learnt.db" if learning else None
        profile.write_text(
            profile_xml(wanted, suggestions=suggestions, recency=recency, learnt=learnt)
        )
        try:
            self._process = LineProcess(
                "presage",
                [*driver, str(profile)],
                environment={"HOME": self._folder.name},
                start_s=_START_S,
                answer_s=answer_s,
            )
        except PeerError:
            self._folder.cleanup()
            raise
        if self._process.greeting != f"ready\t{wanted}":
            self.close()
            raise PeerError(f"presage does not open the database {str(database)!r}")

    @property
    def name(self) -> str:
        """What reports call it."""
        return "presage"

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The rest of the half-typed word, or the next word; see `Predictor`."""
        asked = peer_text(context, _STEP_CHARS).translate(_BREAKS)
        fields = self._process.ask(asked).split("\t")
        if fields[0] != "ok":
            raise PeerError(f"presage failed with code {fields[1]}")
        typed = int(fields[1])
        return _candidates(typed, fields[2::2], fields[3::2])[: budget.n]

    def close(self) -> None:
        """End presage's process."""
        self._process.close()
        self._folder.cleanup()


def _candidates(typed: int, scores: Sequence[str], words: Sequence[str]) -> list[Candidate]:
    """`typed` counts the bytes of the half-typed word, which every word of presage begins with."""
    known = [float(score) for score in scores]
    total = sum(known) if typed else max(1.0, sum(known))
    found = []
    for score, word in zip(known, words, strict=True):
        rest = word.encode(errors="replace")[typed:].decode(errors="replace")
        if rest and "\ufffd" not in word:
            probability = score / total
            ends = (WordEnd(len(rest), probability),)
            found.append(Candidate(rest, probability, "peer", ends))
    return found
