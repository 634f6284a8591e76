"""Retrieval: what is found, for whom, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.learnt import ANA, BANK, BEN, WordsEmbedding, document, learn
from tecla.errors import InvalidTextError, OptionError
from tecla.retrieval.retriever import MOST_FOUND, Found, Retriever
from tecla.store.documents import DocumentBook
from tecla.store.memory import MemoryStore

OWNERS = (ANA, BANK)


def opened(book: DocumentBook) -> Retriever:
    """A retriever for which every passage has its vector."""
    retriever = Retriever(book, WordsEmbedding())
    retriever.index()
    return retriever


def texts(found: list[Found]) -> list[str]:
    return [each.passage.text for each in found]


def test_by_words_and_by_meaning(book: DocumentBook) -> None:
    learn(book, ANA, money="Please move the money", sea="A ship at sea", sun="Sun and rain")
    found = opened(book).find("my cash, at sea", OWNERS)
    assert texts(found)[:1] == ["A ship at sea"]  # by both
    assert "Please move the money" in texts(found)  # by meaning alone: cash is money
    by_both = found[0]
    assert (by_both.words_rank, by_both.meaning_rank) == (1, 1)
    assert set(by_both.shared) == {"at", "sea"}
    by_meaning = next(each for each in found if "money" in each.passage.text)
    assert by_meaning.words_rank is None
    assert by_meaning.words_score is None
    assert by_meaning.similarity is not None
    assert 0 < by_meaning.similarity < 1
    assert by_meaning.shared == ()


def test_without_an_embedding_by_words_alone(book: DocumentBook) -> None:
    learn(book, ANA, money="Please move the money", sea="A ship at sea")
    found = Retriever(book, None).find("the cash of a ship", OWNERS)
    assert texts(found)[0] == "A ship at sea"
    assert all(each.similarity is None and each.meaning_rank is None for each in found)


def test_what_has_no_vector_yet_is_found_by_words(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea")
    retriever = opened(book)
    learn(book, ANA, moor="A moor at night")
    found = retriever.find("night on the moor", OWNERS)
    assert texts(found)[0] == "A moor at night"
    assert found[0].similarity is None


def test_vectors_of_another_embedding_are_not_asked(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea", money="money")
    opened(book)
    other = Retriever(book, WordsEmbedding("other", dim=512))
    assert texts(other.find("boat cash", OWNERS)) == []
    assert other.index() == 2
    assert set(texts(other.find("boat cash", OWNERS))) == {"A ship at sea", "money"}


@pytest.mark.parametrize("query", ["canary", "the canary sings", "cash", "bird of Ben"])
def test_one_owner_never_sees_anothers(book: DocumentBook, query: str) -> None:
    learn(book, BEN, secret="the canary sings of cash and funds")
    learn(book, ANA, own="the weather is fine")
    learn(book, BANK, shared="opening hours of the bank")
    retriever = opened(book)
    assert all("canary" not in text for text in texts(retriever.find(query, OWNERS, 50)))
    alone = MemoryStore()
    learn(alone.documents, ANA, own="the weather is fine")
    learn(alone.documents, BANK, shared="opening hours of the bank")
    expected = opened(alone.documents).find(query, OWNERS, 50)
    found = retriever.find(query, OWNERS, 50)
    assert [(each.passage.text, each.score, each.words_score) for each in found] == [
        (each.passage.text, each.score, each.words_score) for each in expected
    ]


def test_of_several_owners_each_is_found(book: DocumentBook) -> None:
    learn(book, ANA, own="the harbour at night")
    learn(book, BANK, shared="the harbour by day")
    found = opened(book).find("harbour", OWNERS)
    assert {each.passage.owner for each in found} == {ANA, BANK}


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "'; DROP TABLE passages; --",
        "NEAR(x y, 2)",
        "x AND OR NOT",
        "sea*",
        "text : sea",
        "^sea",
        "(sea",
        "{sea}",
        "-sea + ship",
        "sea\x00ship",
        "\N{GRINNING FACE} sea",
    ],
    ids=ascii,
)
def test_nothing_in_a_query_is_syntax(book: DocumentBook, query: str) -> None:
    learn(book, ANA, sea="A ship at sea")
    found = opened(book).find(query, OWNERS)
    assert ("A ship at sea" in texts(found)) == ("sea" in query)


@pytest.mark.parametrize("query", ["", "  \n", "…!", "zzz"], ids=ascii)
def test_where_nothing_is_asked_nothing_is_found_by_words(book: DocumentBook, query: str) -> None:
    learn(book, ANA, sea="A ship at sea")
    found = opened(book).find(query, OWNERS)
    assert all(each.words_rank is None for each in found)


def test_nothing_learnt_and_nobody_asked(book: DocumentBook) -> None:
    retriever = opened(book)
    assert retriever.find("anything", OWNERS) == []
    learn(book, ANA, sea="A ship at sea")
    assert retriever.find("ship", ()) == []
    assert retriever.find("ship", (BEN,)) == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("¿Dónde está el puerto?", "PUERTO donde"),
        ("Ein schöner Größenvergleich", "schoner"),
        ("Η Αθήνα το βράδυ", "ΑΘΉΝΑ"),
        ("привет, мир", "МИР"),
    ],
    ids=ascii,
)
def test_case_and_diacritics_make_no_difference(book: DocumentBook, text: str, query: str) -> None:
    learn(book, ANA, it=text)
    found = opened(book).find(query, OWNERS)
    assert found[0].words_rank == 1
    assert found[0].shared


def test_what_says_the_same_comes_once(book: DocumentBook) -> None:
    learn(book, ANA, one="The ship is late again.", two="the SHIP is late, again!")
    learn(book, BANK, three="The ship is late again.", four="A ship is here")
    found = opened(book).find("ship late", OWNERS)
    assert sum("late" in each.lower() for each in texts(found)) == 1
    assert "A ship is here" in texts(found)


def test_a_document_can_be_left_out(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea", harbour="A ship in harbour")
    sea = book.get(ANA, "sea")
    assert sea is not None
    found = opened(book).find("ship at sea", OWNERS, without=[sea.id])
    assert texts(found) == ["A ship in harbour"]


def test_no_more_than_asked_for(book: DocumentBook) -> None:
    book.put([document(ANA, "all", *(f"ship number {each} of the line\n" for each in range(150)))])
    retriever = Retriever(book, None)
    assert len(retriever.find("ship", OWNERS, 3)) == 3
    assert len(retriever.find("ship line", OWNERS, 1000)) <= MOST_FOUND


@pytest.mark.parametrize("k", [0, -1, 1.5, True], ids=str)
def test_a_number_that_cannot_be_asked_for_is_refused(book: DocumentBook, k: int) -> None:
    with pytest.raises(OptionError, match="k is"):
        Retriever(book, None).find("ship", OWNERS, k)


def test_a_query_that_is_no_text_is_refused(book: DocumentBook) -> None:
    with pytest.raises(InvalidTextError):
        Retriever(book, None).find("\ud800", OWNERS)


def test_what_is_forgotten_is_not_found(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea", canary="the canary sings")
    retriever = opened(book)
    assert texts(retriever.find("canary", OWNERS, 1)) == ["the canary sings"]
    book.remove(ANA, ["canary"])
    assert "the canary sings" not in texts(retriever.find("canary", OWNERS, 10))


@given(st.text(max_size=80))
def test_any_text_can_be_asked_for(query: str) -> None:
    book = MemoryStore().documents
    learn(book, ANA, sea="A ship at sea", sun="Sun and rain")
    found = opened(book).find(query, OWNERS)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert query.strip() or not found


def test_no_text_in_a_repr(book: DocumentBook) -> None:
    learn(book, ANA, canary="the canary sings")
    assert "canary" not in repr(opened(book).find("canary", OWNERS))
