"""presage behind the contract: a fake driver for what can go wrong, the real one where it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tecla.errors import OptionError, PeerError, PeerMissingError
from tecla.evaluate.peer_text import peer_text, recent_text
from tecla.evaluate.presage import (
    Presage,
    compile_driver,
    profile_xml,
    train_presage,
    training_commands,
)
from tecla.evaluate.presage_protocol import count_keys, protocol_words
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

ENGLISH = Path(__file__).resolve().parent.parent / "data" / "english.txt"
HEAD = """
import os, sys, xml.etree.ElementTree as ET
found = ET.parse(sys.argv[1]).find("Predictors/DefaultSmoothedNgramPredictor/DBFILENAME")
print("ready", found.text, sep="\\t", flush=True)
"""
SPEAKER = (
    HEAD
    + """
for line in sys.stdin:
    typed = "" if line[-2:-1] in ("", " ") else line.split()[-1].lower()
    words = {"the": 0.3, "there": 0.15, "tea": 0.05, "pid%d" % os.getpid(): 0.01, "caf\\u00e9": 2.0}
    offered = [(score, word) for word, score in words.items() if word.startswith(typed)]
    offered.sort(reverse=True)
    fields = [field for score, word in offered for field in (str(score), word)]
    print("ok", len(typed.encode()), *fields, sep="\\t", flush=True)
"""
)


def fake(folder: Path, program: str) -> list[str]:
    path = folder / "driver.py"
    path.write_text(textwrap.dedent(program), encoding="utf-8")
    return [sys.executable, "-X", "utf8", "-S", str(path)]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a & b.db"
    path.write_bytes(b"counts")
    return path


def texts(found: list[Candidate]) -> list[str]:
    return [candidate.text for candidate in found]


def test_a_half_typed_word_gets_its_rest_with_its_share(tmp_path: Path, database: Path) -> None:
    with Presage(database, driver=fake(tmp_path, SPEAKER)) as presage:
        found = presage.predict(Context("One day\nThe"), Budget())
    assert texts(found) == ["re"]  # "the" has no rest
    assert found[0].source == "peer"
    assert found[0].probability == pytest.approx(0.15 / 0.45)
    assert [(end.char_offset, end.probability) for end in found[0].words] == [
        (2, found[0].probability)
    ]


def test_behind_a_space_scores_stand_but_add_up_to_one(tmp_path: Path, database: Path) -> None:
    with Presage(database, driver=fake(tmp_path, SPEAKER)) as presage:
        found = presage.predict(Context("Over ", header="Subject"), Budget())
    assert texts(found)[:2] == ["café", "the"]
    assert sum(candidate.probability for candidate in found) == pytest.approx(1)


def test_letters_of_two_bytes_are_not_cut(tmp_path: Path, database: Path) -> None:
    with Presage(database, driver=fake(tmp_path, SPEAKER)) as presage:
        assert texts(presage.predict(Context("caf"), Budget())) == ["é"]
        assert texts(presage.predict(Context("t"), Budget(n=2))) == ["he", "here"]


def test_closing_ends_the_process(tmp_path: Path, database: Path) -> None:
    presage = Presage(database, driver=fake(tmp_path, SPEAKER))
    pid = int(presage.predict(Context("pid"), Budget())[0].text)
    presage.close()
    presage.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(PeerError, match="closed"):
        presage.predict(Context(""), Budget())


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (HEAD + "sys.stdin.readline(); sys.exit(sys.stdin.readline())", "within 0.1 s"),
        (HEAD + "sys.exit(sys.stdin.readline())", "status 1"),
        (HEAD + "sys.stdin.readline(); print('error', 7, sep='\\t', flush=True)", "code 7"),
    ],
)
def test_a_failing_driver_is_an_error_without_the_text(
    tmp_path: Path, database: Path, program: str, message: str
) -> None:
    with Presage(database, driver=fake(tmp_path, program), answer_s=0.1) as presage:
        with pytest.raises(PeerError, match=message) as caught:
            presage.predict(Context("secret"), Budget())
        assert "secret" not in str(caught.value)
        with pytest.raises(PeerError):
            presage.predict(Context("secret"), Budget())


def test_what_goes_wrong_at_the_start_is_said(tmp_path: Path, database: Path) -> None:
    with pytest.raises(PeerError, match="no such library"):
        Presage(database, driver=fake(tmp_path, "import sys; sys.exit('no such library')"))
    with pytest.raises(PeerError, match="does not open"):
        Presage(database, driver=fake(tmp_path, "print('ready\\tanother.db', flush=True)"))
    with pytest.raises(PeerMissingError, match="cannot be started"):
        Presage(database, driver=[str(tmp_path / "nothing")])
    with pytest.raises(OptionError, match="no presage database"):
        Presage(tmp_path / "none.db", driver=fake(tmp_path, SPEAKER))


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match="apt-get install presage"):
        compile_driver(tmp_path)
    with pytest.raises(PeerMissingError, match="apt-get install presage"):
        train_presage([ENGLISH], tmp_path / "a.db")
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'fatal error: presage.h: No such file' >&2\nexit 1\n")
    compiler.chmod(0o755)
    with pytest.raises(PeerMissingError, match=r"presage\.h"):
        compile_driver(tmp_path)


def test_training_counts_orders_one_to_three(tmp_path: Path) -> None:
    commands = training_commands([ENGLISH], tmp_path / "a.db")
    assert [command[:3] for command in commands] == [
        ["text2ngram", "-n", str(n)] for n in (1, 2, 3)
    ]
    assert commands[0][3:] == ["-l", "-f", "sqlite", "-o", str(tmp_path / "a.db"), str(ENGLISH)]


def test_the_profile_names_predictors_and_databases() -> None:
    root = ET.fromstring(profile_xml(Path("/a & b.db"), suggestions=4, recency=False))
    assert root.findtext("Selector/SUGGESTIONS") == "4"
    assert root.findtext("Predictors/DefaultSmoothedNgramPredictor/DBFILENAME") == "/a & b.db"
    assert root.findtext("PredictorRegistry/PREDICTORS") == "DefaultSmoothedNgramPredictor"
    full = ET.fromstring(
        profile_xml(Path("a.db"), suggestions=6, recency=True, learnt=Path("/learnt.db"))
    )
    assert full.findtext("ContextTracker/ONLINE_LEARNING") == "yes"
    assert len((full.findtext("PredictorRegistry/PREDICTORS") or "").split()) == 3


def test_a_long_text_is_cut_in_steps_and_not_within_a_word() -> None:
    text = "word " * 100 + "unfinished"
    cuts = {recent_text(text[:end], 20)[:10] for end in range(500, 511)}
    assert len(cuts) == 1
    for end in range(len(text) + 1):
        cut = recent_text(text[:end], 20)
        assert text[:end].endswith(cut)
        assert len(cut) <= 60
    assert len(recent_text("x" * 500, 20)) == 60
    assert peer_text(Context("now", header="h" * 30), 20) == "h" * 20 + "\n\nnow"


class Offers:
    """A predictor that always offers the same words."""

    name = "offers"

    def __init__(self, *offered: str) -> None:
        self.offered = offered

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        typed = context.before.rsplit(" ", 1)[-1]
        return [
            Candidate(word[len(typed) :] + " ", 0.1, "peer")
            for word in self.offered
            if word.startswith(typed) and word != typed
        ][: budget.n]

    def close(self) -> None: ...


def test_the_protocol_counts_by_hand() -> None:
    assert protocol_words("I'm 5 years-old,\nOK?") == ["i", "m", "5", "years", "old", "ok"]
    count = count_keys(Offers("you", "your", "maybe"), "You, MAYBE: your dog", n=1)
    # you: at once; maybe: behind "m"; your: behind "you", which comes before it; dog: never
    assert (count.keys, count.first_keys) == (1 + 2 + 4 + 4, 1)
    assert count.plain_keys == 4 + 6 + 5 + 4
    assert count.savings == pytest.approx(1 - 12 / 19)
    assert count_keys(Offers(), "ab\n").plain_keys == 4  # an empty word at the end
    assert count_keys(Offers(), "").savings == 0


@pytest.mark.slow
@pytest.mark.parametrize("learning", [True, False])
def test_the_simulator_counts_the_same(tmp_path: Path, learning: bool) -> None:
    if not all(map(shutil.which, ("presage_simulator", "text2ngram"))):
        with pytest.raises(PeerMissingError):
            train_presage([ENGLISH], tmp_path / "a.db")
        return
    text = ENGLISH.read_text(encoding="utf-8").encode("ascii", "ignore").decode()
    train, sample = tmp_path / "train.txt", tmp_path / "sample.txt"
    train.write_text(text[800:])
    sample.write_text(text[:800])
    database = tmp_path / "counts.db"
    train_presage([train], database)
    try:
        presage = Presage(database, learning=learning, cache_dir=tmp_path)
    except PeerMissingError as error:
        pytest.skip(str(error))
    with presage:
        count = count_keys(presage, sample.read_text())
    profile = tmp_path / "profile.xml"
    learnt = tmp_path / "learnt.db" if learning else None
    profile.write_text(profile_xml(database, suggestions=6, recency=True, learnt=learnt))
    said = subprocess.run(
        ["presage_simulator", "-q", "-i", "-c", str(profile), str(sample)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    numbers = dict(re.findall(r"^(k[isn]|KSR) ?: (\S+)$", said, re.MULTILINE))
    assert int(numbers["kn"]) == count.plain_keys
    assert int(numbers["ki"]) == count.keys - count.first_keys
    assert int(numbers["ks"]) == count.first_keys + 1
    assert float(numbers["KSR"]) == pytest.approx(100 * count.savings, abs=0.001)
