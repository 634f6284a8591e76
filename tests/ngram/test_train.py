"""From documents to a file to probabilities of texts."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tecla.errors import ModelError, ModelFormatError, OptionError, UnknownModelError
from tecla.ngram.lexer import lex
from tecla.ngram.lexicon import IdRange
from tecla.ngram.model import NgramModel
from tecla.ngram.train import TrainingOptions, train_ngram

DOCUMENTS = [
    "The cat sat on the mat.\nThe dog sat on the rug.",
    "The cat ate the fish. The dog ate the bone.",
    "A cat and a dog sat on the mat.",
]
HISTORIES = ["", "The", "The cat sat", "the zebra", "nothing like it", "The cat sat on the mat.\n"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NgramModel:
    path = tmp_path_factory.mktemp("ngram") / "cats.ngram"
    train_ngram(DOCUMENTS, path)
    return NgramModel.open(path)


@pytest.mark.parametrize("history", HISTORIES)
def test_words_the_unknown_and_the_end_add_up_to_one(model: NgramModel, history: str) -> None:
    state = model.state(lex(history), starts_text=True)
    lexicon = model.lexicon
    words = [lexicon.word(index) for index in range(len(lexicon))]
    known = math.fsum(model.probability(state, word) for word in words)
    unknown = model.unknown_mass(state, "", IdRange(0, len(lexicon)))
    end = model.backoff.probability(state, lexicon.end)
    assert known + unknown + end == pytest.approx(1, abs=1e-5)
    assert unknown == pytest.approx(model.backoff.probability(state, lexicon.unknown), rel=1e-4)


def test_unknown_words_have_the_probability_of_their_spelling(model: NgramModel) -> None:
    state = model.state(lex("The"), starts_text=True)
    assert 0 < model.probability(state, " zqxj") < model.probability(state, " cats")
    assert model.probability(state, " cats") < model.probability(state, " cat")
    beginning = model.lexicon.beginning(" ca")
    left = model.unknown_mass(state, " ca", beginning)
    assert left >= model.probability(state, " cats") + model.probability(state, " cart")


def test_the_probability_of_a_text_is_that_of_its_parts(model: NgramModel) -> None:
    text = "The cat sat on the rug.\nA fish ate the zebra."
    whole = model.logprob("", text)
    for cut in (len("The cat"), len("The cat sat on the rug.\n")):
        parts = model.logprob("", text[:cut]) + model.logprob(text[:cut], text[cut:])
        assert parts == pytest.approx(whole)
    assert model.logprob("", "") == 0
    known = "The cat sat on the rug."
    assert model.logprob("", known) > model.logprob("", "rug the on sat cat The.")


def test_the_rest_of_a_word_is_given_its_beginning(model: NgramModel) -> None:
    """Probabilities of the rests of a half-typed word add up to 1 with those of unknown words."""
    rests = ("at", "ats", "atfish", "ow")
    found = [math.exp(model.logprob("The c", rest)) for rest in rests]
    assert found[0] > 0.5
    assert found[0] > max(found[1:])
    assert sum(found) < 1
    whole = model.logprob("The", " cat") - model.logprob("The", " cats")
    assert model.logprob("The c", "at") - model.logprob("The c", "ats") == pytest.approx(whole)


def test_one_text_gives_one_file(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("a.ngram", "b.ngram"))
    train_ngram(DOCUMENTS, first)
    train_ngram(iter(DOCUMENTS), second, TrainingOptions(chunk=7))
    one, other = NgramModel.open(first), NgramModel.open(second)
    assert one.meta == other.meta
    for history in HISTORIES:
        states = [each.state(lex(history), starts_text=True) for each in (one, other)]
        assert list(one.backoff.distribution(states[0])) == pytest.approx(
            list(other.backoff.distribution(states[1])), abs=1e-7
        )


def test_what_a_training_came_to_is_told(tmp_path: Path) -> None:
    said: list[tuple[str, float]] = []
    path = tmp_path / "m.ngram"
    done = train_ngram(
        DOCUMENTS,
        path,
        TrainingOptions(order=3),
        lambda what, share: said.append((what, share)),
    )
    every = sum(len(lex(document)) + 2 for document in DOCUMENTS)
    assert (done.tokens, done.words) == (every, 31)
    assert len(done.entries) == 3
    assert done.file_bytes == path.stat().st_size
    assert [what for what, _ in said] == ["counting"] * 3 + ["smoothing", "writing"]
    assert NgramModel.open(path).meta["entries"] == list(done.entries)


def test_words_beyond_the_most_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "m.ngram"
    train_ngram(DOCUMENTS, path, TrainingOptions(max_words=5))
    model = NgramModel.open(path)
    assert len(model.lexicon) == 5
    state = model.state([], starts_text=True)
    assert model.backoff.probability(state, model.lexicon.unknown) > 0.01
    assert model.probability(state, " fish") > 0


def test_a_prior_makes_words_known_and_frequent_ones_probable(tmp_path: Path) -> None:
    path = tmp_path / "m.ngram"
    train_ngram(DOCUMENTS, path, prior={"zebra": 0.01, "zebu": 0.0001, "cat": 0.001})
    model = NgramModel.open(path)
    state = model.state(lex("The big"), starts_text=True)
    assert model.probability(state, " zebra") > 10 * model.probability(state, " zebu")
    everything = model.backoff.distribution(state).sum()
    assert everything == pytest.approx(1, abs=1e-5)
    rest = model.unknown_mass(state, "", IdRange(0, len(model.lexicon)))
    assert rest == pytest.approx(model.backoff.probability(state, model.lexicon.unknown), rel=1e-4)


def test_rare_ngrams_can_be_left_out(tmp_path: Path) -> None:
    whole = train_ngram(DOCUMENTS, tmp_path / "a.ngram")
    pruned = train_ngram(DOCUMENTS, tmp_path / "b.ngram", TrainingOptions(min_count=2))
    assert pruned.entries[:2] == whole.entries[:2]
    assert pruned.entries[2] < whole.entries[2]
    assert pruned.file_bytes < whole.file_bytes


@pytest.mark.parametrize("documents", [[], [""], ["", ""]])
def test_no_text_is_refused(tmp_path: Path, documents: list[str]) -> None:
    with pytest.raises(OptionError, match="training text is empty"):
        train_ngram(documents, tmp_path / "m.ngram")
    assert not list(tmp_path.glob("m*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"order": 0}, "order is 0"), ({"order": 10}, "9 or less"), ({"min_count": 0}, "min_count")],
)
def test_options_out_of_range_are_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        TrainingOptions(**options)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot write"):
        train_ngram(DOCUMENTS, tmp_path / "none" / "m.ngram")


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.ngram"
    with pytest.raises(UnknownModelError, match="there is no file"):
        NgramModel.open(path)
    path.write_bytes(b"text that is no model " * 10)
    with pytest.raises(ModelFormatError, match="is no ngram file"):
        NgramModel.open(path)
