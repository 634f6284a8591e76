from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.small_records import passage
from tecla.errors import InputError, InvalidTextError
from tecla.evaluate.corpora import (
    Kind,
    Passage,
    corpus_hash,
    fold,
    folded,
    read_passages,
    sample,
)


def written(folder: Path, text: str, name: str = "corpus.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_dialogue_has_its_earlier_turns_before_the_caret(tmp_path: Path) -> None:
    path = written(tmp_path, "Tea?\r\nYes, please.\r\n\r\n\r\nGood morning.\r\nAnd to you.\r\n")
    first, second, third, fourth = read_passages("dialogue", [path])
    assert first == Passage("corpus.txt:1", "dialogue", "", "", "Tea?")
    assert (second.lead, second.text) == ("Tea?\n", "Yes, please.")
    assert (third.id, third.lead) == ("corpus.txt:5", "")
    assert fourth.lead == "Good morning.\n"


def test_prose_has_its_earlier_sentences_before_the_caret(tmp_path: Path) -> None:
    path = written(tmp_path, "It rained.\nWe walked.\nThe boats lay still.\n\nAnother day.\n")
    *_, third, other = read_passages("prose", [path])
    assert (third.kind, third.lead, third.text) == (
        "prose",
        "It rained. We walked. ",
        "The boats lay still.",
    )
    assert other.lead == ""


def test_mail_has_its_subject_as_the_header(tmp_path: Path) -> None:
    mails = [
        {"mailbox": "a", "subject": "Tea \n on Monday", "body": "Four o'clock?\n\nJ.\n"},
        {"mailbox": "a", "subject": "", "body": "Yes."},
        {"mailbox": "a", "subject": "empty", "body": " "},
    ]
    path = written(tmp_path, "\n".join(map(json.dumps, mails)) + "\n")
    first, second = read_passages("mail", [path])
    assert (first.header, first.text) == ("Subject: Tea on Monday", "Four o'clock?\n\nJ.")
    assert (second.header, second.lead) == ("", "")


def test_a_book_has_paragraphs_and_no_headings(tmp_path: Path) -> None:
    text = "[A Tale]\n\nCHAPTER I\n\n\nThe rain had\nstopped.  We walked\n\nto the harbour."
    found = read_passages("book", [written(tmp_path, text)])
    assert [each.text for each in found] == ["The rain had stopped. We walked", "to the harbour."]
    assert found[0].id == "corpus.txt:6"


@pytest.mark.parametrize("kind", ["lines", "queries"])
def test_each_line_is_a_passage(tmp_path: Path, kind: Kind) -> None:
    found = read_passages(kind, [written(tmp_path, "one two\n\n  three \n")])
    assert [(each.id, each.text) for each in found] == [
        ("corpus.txt:1", "one two"),
        ("corpus.txt:3", "three"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"subject": "x"', "not JSON"),
        ('["x"]', "a list"),
        ('{"subject": "x", "text": "secret"}', "'body'"),
        ('{"subject": 3, "body": "secret"}', "'subject'"),
    ],
)
def test_bad_mail_names_file_and_line_and_quotes_nothing(
    tmp_path: Path, line: str, said: str
) -> None:
    path = written(tmp_path, f'{{"subject": "", "body": "x"}}\n{line}\n')
    with pytest.raises(InputError, match=r"corpus\.txt', line 2") as caught:
        read_passages("mail", [path])
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="correct its path"):
        read_passages("lines", [tmp_path / "nowhere.txt"])
    with pytest.raises(InputError, match="no text to type"):
        read_passages("lines", [written(tmp_path, "\n \n")])
    path = tmp_path / "latin.txt"
    path.write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(InvalidTextError, match=r"latin\.txt' line 2.*iconv"):
        read_passages("lines", [path])


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 5))
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(one: int, other: int, seed: int) -> None:
    passages = [passage("x" * (1 + number % 7), number) for number in range(20)]
    small, large = (sample(passages, chars, seed) for chars in sorted((one, other)))
    assert large[: len(small)] == small
    assert sorted(each.id for each in sample(passages, None, seed)) == sorted(
        each.id for each in passages
    )
    chars = sum(len(each.text) for each in small)
    assert chars >= min(one, other) or len(small) == len(passages)


def test_folding() -> None:
    assert fold("Well,  I DON'T\nknow -- 3.5!") == "well i don t know 3 5"
    found = folded([passage("Hi!", lead="Tea?\n"), passage("...")])
    assert [(each.lead, each.text) for each in found] == [("tea ", "hi")]


def test_a_hash_knows_order_and_content(tmp_path: Path) -> None:
    one, two = written(tmp_path, "a", "one"), written(tmp_path, "b", "two")
    assert corpus_hash([one, two]) != corpus_hash([two, one])
    assert passage("a").digest() != passage("a", lead="b").digest()
