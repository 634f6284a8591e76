"""Vectors are made once for every passage, go on where they were stopped, and go with the text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.learnt import ANA, BEN, WordsEmbedding, document, learn, make_store
from tecla.errors import EmbeddingError
from tecla.retrieval.base import Vectors
from tecla.retrieval.vectors import index_passages, model_of
from tecla.store.base import Store
from tecla.store.documents import DocumentBook


class Failing(WordsEmbedding):
    """Breaks down after so many texts."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.texts >= self._after:
            raise EmbeddingError("it broke down")
        return super().embed(texts)


def near(book: DocumentBook, text: str) -> list[str]:
    vector = WordsEmbedding().embed([text])[0]
    return [hit.passage.text for hit in book.by_vector(vector, [ANA, BEN]) if hit.score > 0]


def test_every_passage_gets_one_once(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea", sun="Sun and rain")
    learn(book, BEN, moor="A moor at night")
    embedding = WordsEmbedding()
    told: list[int] = []
    assert index_passages(book, embedding, at_once=2, told=told.append) == 3
    assert told == [2, 3]
    assert index_passages(book, embedding) == 0
    assert embedding.texts == 3
    assert near(book, "vessel") == ["A ship at sea"]


def test_what_comes_later_alone_is_made(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea")
    embedding = WordsEmbedding()
    index_passages(book, embedding)
    learn(book, ANA, sun="Sun and rain", sea="A boat at sea")
    assert index_passages(book, embedding) == 2
    assert near(book, "ship") == ["A boat at sea"]


def test_it_goes_on_where_it_was_stopped(book: DocumentBook) -> None:
    book.put([document(ANA, "many", *(f"ship {each} " for each in range(10)))])
    with pytest.raises(EmbeddingError):
        index_passages(book, Failing(after=4), at_once=2)
    rest = WordsEmbedding()
    assert index_passages(book, rest, at_once=2) == 6
    assert rest.texts == 6


def test_another_embedding_makes_them_anew(book: DocumentBook) -> None:
    learn(book, ANA, sea="A ship at sea")
    index_passages(book, WordsEmbedding())
    other = WordsEmbedding("other", dim=8)
    assert index_passages(book, other) == 1
    assert book.vector_model() == model_of(other)


def test_a_text_that_says_nothing_is_done_as_well(book: DocumentBook) -> None:
    learn(book, ANA, marks="…", sea="A ship at sea")
    assert index_passages(book, WordsEmbedding()) == 2
    assert index_passages(book, WordsEmbedding()) == 0
    assert near(book, "ship") == ["A ship at sea"]


@pytest.mark.parametrize("how", ["remove", "user", "everything"])
def test_they_go_with_the_text(store: Store, how: str) -> None:
    book = store.documents
    learn(book, ANA, canary="the canary sings", sea="A ship at sea")
    index_passages(book, WordsEmbedding())
    assert near(book, "canary") == ["the canary sings"]
    if how == "remove":
        book.remove(ANA, ["canary"])
    elif how == "user":
        store.forget_user("ana")
    else:
        store.forget_everything()
    assert near(book, "canary") == []
    assert index_passages(book, WordsEmbedding()) == 0


@pytest.mark.parametrize("how", ["remove", "user"])
def test_no_file_holds_the_vector_of_what_was_forgotten(tmp_path: Path, how: str) -> None:
    """Nor does any hold what is left of it, which says as much."""
    with make_store("sqlite", tmp_path) as store:  # type: ignore[attr-defined]
        book = store.documents
        learn(book, ANA, canary="the canary sings of seven silver bells", sea="A ship at sea")
        learn(book, BEN, moor="A moor at night")
        index_passages(book, WordsEmbedding())
        vector = WordsEmbedding().embed(["the canary sings of seven silver bells"])[0]
        said = vector.tobytes()
        parts = [said[at : at + 256] for at in range(0, len(said), 256)]
        telling = [part for part in parts if any(part)]
        assert telling
        assert any(part in held for part in telling for held in _files(tmp_path))
        if how == "remove":
            book.remove(ANA, ["canary"])
        else:
            store.forget_user("ana")
        assert not any(part in held for part in telling for held in _files(tmp_path))
    assert not any(part in held for part in telling for held in _files(tmp_path))


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
