"""The header: what stands above a text, when it changes, and that what is forgotten leaves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import wait

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.learnt import ANA, BEN, WordsEmbedding, learn
from tecla.errors import EmbeddingError, StoreError
from tecla.retrieval.base import Vectors
from tecla.retrieval.choosing import HeaderRule, is_in_word
from tecla.retrieval.header import Headers
from tecla.retrieval.looking import Lookout
from tecla.retrieval.retriever import Retriever
from tecla.store.base import Store
from tecla.store.documents import DocumentBook
from tecla.store.memory import MemoryStore

RULE = HeaderRule(passages=1, similarity=0.3, shared=1, apart_chars=10)
HARBOUR = "The harbour closes at ten, and ships wait outside until the morning comes."
LEDGER = "The ledger of the bank is kept in two copies, one of them in the cellar."
ABOUT_SHIPS = "When do ships wait outside the harbour? "
ABOUT_MONEY = "Where is the ledger of the bank kept? "


class Held(WordsEmbedding):
    """Embeds once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.failure: Exception | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert self.go.wait(10)
        if self.failure is not None:
            raise self.failure
        return super().embed(texts)


@pytest.fixture
def embedding() -> Held:
    return Held()


@pytest.fixture
def lookout(book: DocumentBook, embedding: Held) -> Iterator[Lookout]:
    learn(book, ANA, harbour=HARBOUR, ledger=LEDGER)
    learn(book, BEN, canary="When do ships wait outside the harbour? The canary sings.")
    retriever = Retriever(book, embedding)
    retriever.index()
    with Lookout(retriever) as made:
        yield made


def settled(headers: Headers) -> None:
    """Wait for the look that is under way."""
    if headers.looking is not None:
        wait([headers.looking], 10)


def paused(headers: Headers, before: str, after: str = "") -> str | None:
    """A pause that is long enough for a look to end, and to be taken."""
    first = headers.at_pause(before, after)
    settled(headers)
    return headers.at_pause(before, after) or first


class TestWhen:
    def test_at_the_opening(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=10) == HARBOUR
            assert headers.above() == HARBOUR
            assert [each.passage.text for each in headers.standing.found] == [HARBOUR]

    def test_by_its_title_alone(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE, title="Ships outside the harbour") as headers:
            assert headers.at_opening("", patience_s=10) == HARBOUR

    def test_an_empty_text_has_none(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening("") == ""
            assert headers.looking is None
            assert headers.at_pause("") is None

    def test_what_takes_longer_comes_at_the_next_pause(
        self, lookout: Lookout, embedding: Held
    ) -> None:
        embedding.go.clear()
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=0.001) == ""
            assert headers.at_pause(ABOUT_SHIPS) is None  # which did not wait
            embedding.go.set()
            settled(headers)
            assert headers.above() == ""
            assert headers.at_pause(ABOUT_SHIPS + "I ") == HARBOUR
            assert headers.at_pause(ABOUT_SHIPS + "I ") is None

    @pytest.mark.parametrize("end", ["harb", "don'", "re-", "año", "x_1"], ids=ascii)
    def test_never_inside_a_word(self, lookout: Lookout, end: str) -> None:
        before = ABOUT_SHIPS + end
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(before, patience_s=10) == ""
            settled(headers)
            assert headers.at_pause(before) is None
            assert headers.above() == ""
            assert headers.at_pause(before + " ") == HARBOUR

    def test_another_one_where_the_text_has_moved_on(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            assert paused(headers, ABOUT_SHIPS + "And ") is None  # too little to look again
            text = ABOUT_SHIPS + "\n" + 12 * ABOUT_MONEY
            assert paused(headers, text) == LEDGER
            assert paused(headers, text + "And the rest of it. ") is None

    def test_a_long_text_is_not_read_again(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            text = ABOUT_SHIPS + ABOUT_MONEY * (1 + RULE.again_chars // len(ABOUT_MONEY))
            assert paused(headers, text) is None
            assert headers.looking is None
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(text, patience_s=10) == LEDGER  # which nobody has read yet

    def test_it_stays_where_nothing_better_is_found(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            text = ABOUT_SHIPS + 100 * "zebra giraffe "
            assert paused(headers, text) is None
            assert headers.above() == HARBOUR

    def test_what_was_found_for_another_text_is_not_taken(
        self, lookout: Lookout, embedding: Held
    ) -> None:
        embedding.go.clear()
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=0)
            embedding.go.set()
            settled(headers)
            assert headers.at_pause(ABOUT_MONEY) is None
            settled(headers)
            assert headers.at_pause(ABOUT_MONEY) == LEDGER

    def test_a_document_of_ones_own_can_be_left_out(self, lookout: Lookout) -> None:
        harbour = lookout.retriever.book.get(ANA, "harbour")
        assert harbour is not None
        with Headers(lookout, [ANA], RULE, without=[harbour.id]) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=10) != HARBOUR

    @pytest.mark.slow
    @settings(max_examples=40)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["type", "pause", "wait"]), st.text("ab é.日\n", max_size=6)),
            max_size=12,
        )
    )
    def test_typing_never_changes_it(self, steps: list[tuple[str, str]]) -> None:
        book = MemoryStore().documents
        learn(book, ANA, one="a b a b", two="é é é", three="日 日 b", four="ab aé")
        retriever = Retriever(book, WordsEmbedding())
        retriever.index()
        rule = HeaderRule(similarity=0.1, shared=0, apart_chars=1, chars=40)
        with Lookout(retriever) as lookout, Headers(lookout, [ANA], rule) as headers:
            text = ""
            for what, typed in steps:
                was = headers.above()
                if what == "type":
                    text += typed
                elif what == "wait":
                    settled(headers)
                else:
                    new = headers.at_pause(text)
                    assert new is None or (new != was and not is_in_word(text))
                    assert headers.above() == (was if new is None else new)
                    continue
                assert headers.above() == was


class TestWhose:
    def test_of_the_owners_alone(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            assert "canary" not in headers.above()
        with Headers(lookout, [BEN], RULE) as headers:
            assert "canary" in headers.at_opening("Do ships wait outside? ", patience_s=10)
        with Headers(lookout, [], RULE) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=10) == ""

    @pytest.mark.parametrize("how", ["remove", "user", "everything"])
    def test_what_is_forgotten_leaves_at_the_next_key(
        self, store: Store, lookout: Lookout, how: str
    ) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=10) == HARBOUR
            if how == "remove":
                store.documents.remove(ANA, ["harbour"])
            elif how == "user":
                store.forget_user("ana")
            else:
                store.forget_everything()
            assert headers.above() == ""
            assert headers.standing.text == ""

    def test_what_is_forgotten_while_it_is_looked_for_does_not_come(
        self, store: Store, lookout: Lookout
    ) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=0)
            settled(headers)
            store.documents.remove(ANA, ["harbour"])
            assert headers.at_pause(ABOUT_SHIPS) is None
            assert headers.above() == ""

    def test_it_stays_while_others_are_forgotten(self, store: Store, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            store.documents.remove(ANA, ["ledger"])
            store.forget_user("ben")
            learn(store.documents, ANA, more="Something else")
            assert headers.above() == HARBOUR

    def test_it_can_be_dropped_at_once(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            headers.drop()
            assert headers.above() == ""

    def test_no_text_in_a_repr(self, lookout: Lookout) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            assert "harbour" not in repr(headers.standing) + repr(headers)


class TestFailing:
    @pytest.mark.parametrize(
        "failure", [EmbeddingError("it broke down"), ZeroDivisionError("the canary sings")], ids=str
    )
    def test_a_failure_leaves_the_header(
        self,
        lookout: Lookout,
        embedding: Held,
        failure: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.WARNING, "tecla")
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            embedding.failure = failure
            text = ABOUT_SHIPS + 12 * ABOUT_MONEY
            for _ in range(3):
                text += ABOUT_MONEY
                assert paused(headers, text) is None
                assert isinstance(headers.failure, EmbeddingError)
            assert headers.above() == HARBOUR
            (told,) = caplog.messages  # not at every look
            assert "canary" not in told
            embedding.failure = None
            assert paused(headers, text + ABOUT_MONEY) == LEDGER
            assert headers.failure is None

    def test_a_failure_at_the_opening(self, lookout: Lookout, embedding: Held) -> None:
        embedding.failure = ZeroDivisionError()
        with Headers(lookout, [ANA], RULE) as headers:
            assert headers.at_opening(ABOUT_SHIPS, patience_s=10) == ""
            assert isinstance(headers.failure, EmbeddingError)

    def test_what_cannot_be_asked_about_does_not_stand(
        self, store: Store, lookout: Lookout
    ) -> None:
        with Headers(lookout, [ANA], RULE) as headers:
            headers.at_opening(ABOUT_SHIPS, patience_s=10)
            store.close()
            assert headers.above() == ""
            assert isinstance(headers.failure, StoreError)

    def test_where_too_many_wait_nothing_is_looked_for(
        self, book: DocumentBook, embedding: Held
    ) -> None:
        learn(book, ANA, harbour=HARBOUR)
        retriever = Retriever(book, embedding)
        retriever.index()
        embedding.go.clear()
        with Lookout(retriever, most_waiting=1) as lookout:
            first, second = (Headers(lookout, [ANA], RULE) for _ in range(2))
            first.at_opening(ABOUT_SHIPS, patience_s=0)
            assert second.at_opening(ABOUT_SHIPS) == ""
            assert second.looking is None
            embedding.go.set()
            settled(first)
            assert first.at_pause(ABOUT_SHIPS) == HARBOUR
            assert paused(second, ABOUT_SHIPS) == HARBOUR

    def test_the_embedding_can_be_loaded_before(self, book: DocumentBook, embedding: Held) -> None:
        with Lookout(Retriever(book, embedding)) as lookout:
            lookout.prepare()
            behind = lookout.begin(lambda _: embedding.texts)
            assert behind is not None
            assert behind.result(10) == 1
        with Lookout(Retriever(book, None)) as without:
            without.prepare()

    def test_closed_in_the_middle_of_a_look(self, book: DocumentBook, embedding: Held) -> None:
        learn(book, ANA, harbour=HARBOUR)
        lookout = Lookout(Retriever(book, embedding))
        headers = [Headers(lookout, [ANA], RULE) for _ in range(3)]
        embedding.go.clear()
        for each in headers:
            each.at_opening(ABOUT_SHIPS, patience_s=0)
        headers[0].close()
        headers[0].close()
        embedding.go.set()
        lookout.close()
        lookout.close()
        assert headers[2].at_pause(ABOUT_SHIPS) in (None, HARBOUR)
        with pytest.raises(StoreError):
            Headers(lookout, [ANA], RULE).at_opening(ABOUT_SHIPS)
