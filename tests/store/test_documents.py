"""Documents in every store: kept, replaced, found by words and by vectors, and gone for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples import texts
from store.made import KINDS, NO_LIMIT, NOW_S, Factory, Made, document
from tecla.errors import InvalidTextError, OptionError, StoreError
from tecla.store.base import Owner, Store
from tecla.store.documents import MOST_PASSAGE_CHARS, Hit, Passage, VectorModel
from tecla.store.memory import MemoryStore
from tecla.store.ranking import folded, terms_of, weights

ANA, BO, LAW = Owner("user", "ana"), Owner("user", "bo"), Owner("collection", "ana")
TINY = VectorModel("tiny 1", 3)


@pytest.fixture(params=KINDS)
def factory(request: pytest.FixtureRequest) -> Factory:
    return KINDS[request.param]


@pytest.fixture
def made(factory: Factory, tmp_path: Path) -> Iterator[Made]:
    found = factory(tmp_path, NO_LIMIT)
    yield found
    found.store.close()


@pytest.fixture
def store(made: Made) -> Store:
    return made.store


def texts_of(hits: list[Hit] | Iterator[Passage] | list[Passage]) -> list[str]:
    return [each.passage.text if isinstance(each, Hit) else each.text for each in hits]


# --- putting and getting --------------------------------------------------------------------------


def test_an_empty_book(store: Store) -> None:
    book = store.documents
    assert book.put([]) == []
    assert book.get(ANA, "notes") is None
    assert list(book.all()) == list(book.passages(ANA)) == book.owners() == book.ids(ANA) == []
    assert book.version(ANA) == 0
    assert book.remove(ANA, ["notes"]) == 0
    assert book.by_words("a word", [ANA]) == book.by_vector([1, 0, 0], [ANA]) == []
    assert book.vector_model() is None
    assert book.without_vector() == []
    assert not book.touch(ANA, "notes", 1)
    assert store.derived.to_purge() == []


def test_every_field_comes_back(made: Made) -> None:
    book = made.store.documents
    made.clock.now = NOW_S + 7
    passages = ("One.\r\n\r\n", "\0 é\u0301 猫\u200d👩‍💻 'two'\";--%\x1b", " ")
    new = document(
        ANA, "/home/ana/ä b\n.md", *passages,
        kind="markdown", digest=bytes(range(64)), time_s=-1.5, size_bytes=2**40, language="pt-BR",
        title="Über \0 alles",
    )  # fmt: skip
    (kept,) = book.put(iter([new]))
    for name in ("owner", "source", "kind", "digest", "time_s", "size_bytes", "language", "title"):
        assert getattr(kept, name) == getattr(new, name)
    assert (kept.passages, kept.chars, kept.learnt_s) == (3, len("".join(passages)), NOW_S + 7)
    assert book.get(ANA, new.source) == kept
    assert list(book.all()) == book.with_digest(ANA, new.digest) == [kept]
    found = book.passages_of(kept.id)
    assert tuple(each.text for each in found) == passages
    assert [each.position for each in found] == [0, 1, 2]
    assert {(each.document, each.owner, each.source) for each in found} == {
        (kept.id, ANA, new.source)
    }
    assert list(book.passages(ANA)) == found


def test_a_document_without_passages(store: Store) -> None:
    (kept,) = store.documents.put([document(ANA, "empty")])
    assert (kept.passages, kept.chars) == (0, 0)
    assert store.documents.passages_of(kept.id) == []
    assert store.documents.version(ANA) == kept.id
    assert store.documents.by_words("x", [ANA]) == []


def test_what_is_put_again_replaces_what_was_there(store: Store) -> None:
    book = store.documents
    old, other = book.put([document(ANA, "a", "old words"), document(ANA, "b", "more words")])
    (new,) = book.put([document(ANA, "a", "new words")])
    assert new.id > other.id
    assert [each.id for each in book.all()] == book.ids(ANA) == [other.id, new.id]
    assert book.passages_of(old.id) == []
    assert texts_of(book.passages(ANA)) == ["more words", "new words"]
    assert texts_of(book.by_words("old", [ANA])) == []
    assert texts_of(book.by_words("words", [ANA])) == ["more words", "new words"]
    twice = book.put([document(ANA, "c", "first"), document(ANA, "c", "second")])
    assert texts_of(book.passages(ANA))[-1] == "second"
    assert book.ids(ANA)[-1] == twice[-1].id


def test_one_source_of_two_owners_is_two_documents(store: Store) -> None:
    book = store.documents
    book.put([document(each, "a", f"of {each.kind} {each.name}") for each in (ANA, BO, LAW)])
    assert [texts_of(book.passages(each)) for each in (ANA, BO, LAW)] == [
        ["of user ana"], ["of user bo"], ["of collection ana"],
    ]  # fmt: skip
    assert book.owners() == [LAW, ANA, BO]
    assert book.remove(ANA, ["a"]) == 1
    assert [each.owner for each in book.all()] == [BO, LAW]
    assert [each.owner for each in book.all([LAW, ANA])] == [LAW]
    assert list(book.all([])) == []


def test_all_or_nothing(store: Store) -> None:
    def failing() -> Iterator[Any]:
        yield document(ANA, "a", "text")
        raise RuntimeError("the caller's fault")

    with pytest.raises(RuntimeError):
        store.documents.put(failing())
    assert list(store.documents.all()) == []


def test_content_is_found_by_its_digest(store: Store) -> None:
    book = store.documents
    one, two, _, _ = book.put([
        document(ANA, "a", digest=b"same"), document(ANA, "b", digest=b"same"),
        document(ANA, "c", digest=b"other"), document(BO, "a", digest=b"same"),
    ])  # fmt: skip
    assert book.with_digest(ANA, b"same") == [one, two]
    assert book.with_digest(ANA, b"none") == []


def test_touching_changes_the_time_alone(store: Store) -> None:
    book = store.documents
    (kept,) = book.put([document(ANA, "a", "text")])
    assert book.touch(ANA, "a", NOW_S + 5)
    found = book.get(ANA, "a")
    assert found is not None
    assert (found.id, found.time_s, found.chars) == (kept.id, NOW_S + 5, 4)
    assert book.version(ANA) == kept.id
    assert not book.touch(BO, "a", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""}, {"source": "a\0"}, {"source": "x" * 4097}, {"source": 7}, {"kind": ""},
        {"kind": "a b"}, {"language": "en us"}, {"digest": b""}, {"digest": bytes(65)},
        {"time_s": float("nan")}, {"size_bytes": -1}, {"size_bytes": 1.5}, {"title": "x" * 4097},
        {"passages": ("",)}, {"passages": ("x" * (MOST_PASSAGE_CHARS + 1),)}, {"passages": (7,)},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_document_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        document(ANA, **({"source": "a"} | wrong))
    assert "xxx" not in str(caught.value)
    for name in ("source", "title"):
        with pytest.raises(InvalidTextError):
            document(ANA, **({"source": "a"} | {name: "\ud800"}))
    with pytest.raises(InvalidTextError):
        document(ANA, "a", "\udfff")


def test_no_repr_shows_what_was_written(store: Store) -> None:
    new = document(ANA, "SECRET.txt", "SECRET words", title="SECRET")
    (kept,) = store.documents.put([new])
    (hit,) = store.documents.by_words("words", [ANA])
    assert "SECRET" not in repr((new, kept, hit, store.documents.passages_of(kept.id)))


# --- versions -------------------------------------------------------------------------------------


def test_versions_go_up_and_never_back(store: Store) -> None:
    book, seen = store.documents, set[int]()

    def changed(owner: Owner) -> None:
        version = book.version(owner)
        assert version not in seen
        seen.add(version)

    book.put([document(BO, "z", "text")])
    of_bo = book.version(BO)
    for _ in range(2):
        book.put([document(ANA, "a", "text"), document(ANA, "b", "text")])
        changed(ANA)
        book.put([document(ANA, "a", "text")])
        changed(ANA)
        assert book.remove(ANA, ["a", "nothing"]) == 1
        changed(ANA)
        store.forget_user("ana")
        assert book.version(ANA) == 0
        assert book.version(BO) == of_bo
    store.forget_everything()
    (kept,) = book.put([document(ANA, "a", "text")])
    assert kept.id > max(seen)


def test_what_has_come_since_a_version(store: Store) -> None:
    book = store.documents
    book.put([document(ANA, f"s{at}", f"text {at}a", f"text {at}b") for at in range(3)])
    version = book.version(ANA)
    assert list(book.passages(ANA, since=version)) == list(book.all(since=version)) == []
    book.put([document(ANA, "s1", "again"), document(ANA, "new", "one", "two")])
    assert texts_of(book.passages(ANA, since=version)) == ["again", "one", "two"]
    assert [each.source for each in book.all([ANA], since=version)] == ["s1", "new"]
    assert texts_of(book.passages(ANA))[:4] == ["text 0a", "text 0b", "text 2a", "text 2b"]


@pytest.mark.slow
def test_many_come_page_by_page_while_others_come_and_go(store: Store) -> None:
    book = store.documents
    book.put(
        document((ANA, BO)[at % 2], f"s{at}", *(f"{at} {part}" for part in range(at % 5)))
        for at in range(1200)
    )
    expected = [f"{at} {part}" for at in range(0, 1200, 2) for part in range(at % 5)]
    documents, passages = book.all(), book.passages(ANA)
    assert next(documents).source == "s0"
    assert next(passages).text == expected[0]
    book.put([document(ANA, "late", "late")])
    store.forget_user("bo")
    sources = [each.source for each in documents]
    assert [each for each in sources if int(each[1:]) % 2 == 0] == [
        f"s{at}" for at in range(2, 1200, 2)
    ]
    assert texts_of(passages) == expected[1:]
    assert texts_of(book.passages(ANA)) == [*expected, "late"]


# --- by words -------------------------------------------------------------------------------------


def test_words_find_passages_the_rarest_word_counts_most(store: Store) -> None:
    book = store.documents
    book.put([
        document(ANA, "a", "The whale and the sea.", "The sea, the sea, the sea is wide."),
        document(ANA, "b", "A letter about the garden.", "The garden and the house by the sea."),
    ])  # fmt: skip
    assert texts_of(book.by_words("sea", [ANA]))[0] == "The sea, the sea, the sea is wide."
    hits = book.by_words("a WHALE in the sea", [ANA])
    assert hits[0].passage.text == "The whale and the sea."
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(book.by_words("the", [ANA], limit=2)) == 2
    assert book.by_words("submarine", [ANA]) == []


def test_case_and_diacritics_make_no_difference(store: Store) -> None:
    store.documents.put([document(ANA, "a", "El Señor está en Ávila", "Über den Fluß", "猫が好き")])
    for query, found in (("senor", 0), ("SEÑOR", 0), ("avila", 0), ("uber", 1), ("FLUß", 1)):
        (hit,) = store.documents.by_words(query, [ANA])
        assert hit.passage.position == found


@pytest.mark.parametrize(
    "query",
    [
        '"', "sea OR", "AND", "NOT sea", "NEAR(sea house)", "text : sea", "owner : 1", "sea*",
        "^sea", "(sea", "sea + house", "-sea", "'; DROP TABLE words; --", "\0sea", "{owner} : sea",
        "", " ", "!!!", "👍", "\u0301", "sea\u0301 \u0301", "_", "a" * 10_000, "sea " * 5000,
    ],
    ids=lambda query: repr(query)[:20],
)  # fmt: skip
def test_nothing_in_a_query_is_syntax(store: Store, query: str) -> None:
    store.documents.put([document(ANA, "a", "the sea"), document(BO, "b", "the sea by the house")])
    found = texts_of(store.documents.by_words(query, [ANA]))
    assert found == (["the sea"] if "sea" in folded(query) else [])


def test_an_owner_sees_nothing_of_others_not_even_in_the_scores(store: Store) -> None:
    book = store.documents
    book.put([document(ANA, f"s{at}", f"the sea number {at}", "a garden") for at in range(3)])
    words, garden = book.by_words("sea garden number", [ANA]), book.by_words("garden", [ANA, LAW])
    book.put([document(BO, f"s{at}", "the sea the sea the sea", "number") for at in range(40)])
    book.put([document(LAW, "a", "the law of the sea")])
    assert book.by_words("sea garden number", [ANA]) == words
    assert {hit.passage.owner for hit in book.by_words("sea", [ANA, LAW], limit=99)} == {ANA, LAW}
    assert book.by_words("sea", []) == []
    assert book.by_words("sea", [Owner("user", "1"), Owner("user", "nobody")]) == []
    store.forget_user("bo")
    store.forget_collection("ana")
    assert book.by_words("sea garden number", [ANA]) == words
    assert book.by_words("garden", [ANA, LAW]) == garden


SENTENCES = st.lists(
    st.sampled_from(["sea", "Sea", "the", "the", "house", "año", "ANO", "garden,", "x1", "…"]),
    min_size=1, max_size=9,
).map(" ".join)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from([ANA, BO, LAW]), SENTENCES), min_size=1, max_size=12),
    st.lists(SENTENCES, min_size=1, max_size=3),
    st.sets(st.sampled_from([ANA, BO, LAW])),
    st.integers(1, 5),
)
def test_words_rank_as_in_memory(
    tmp_path_factory: pytest.TempPathFactory,
    passages: list[tuple[Owner, str]],
    queries: list[str],
    owners: set[Owner],
    limit: int,
) -> None:
    made = KINDS["sqlite"](tmp_path_factory.mktemp("ranked"), NO_LIMIT)
    with MemoryStore(clock=lambda: NOW_S) as model, made.store as store:  # type: ignore[attr-defined]
        given_ = [document(owner, f"s{at}", text) for at, (owner, text) in enumerate(passages)]
        assert store.documents.put(given_) == model.documents.put(given_)
        gone = [each.source for each in given_[::3] if each.owner == ANA]
        store.documents.remove(ANA, gone)
        model.documents.remove(ANA, gone)
        for query in queries:
            found = store.documents.by_words(query, list(owners), limit=limit)
            assert found == model.documents.by_words(query, list(owners), limit=limit)


@given(texts(30))
def test_terms_are_words_that_cannot_be_syntax(query: str) -> None:
    for term, written in terms_of(query).items():
        assert folded(written) == term
        assert not set(written) & set('"*^():+-\0 ')


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=40), st.integers(50, 99))
def test_weights_are_of_words_that_tell_something(found: dict[str, int], passages: int) -> None:
    weighed = weights(found, passages)
    assert all(weight > 0 and found[term] for term, weight in weighed.items())
    assert bool(weighed) == any(found.values())
    assert list(weighed.values()) == sorted(weighed.values(), reverse=True)


# --- by vector ------------------------------------------------------------------------------------


def vectors_of(store: Store, *vectors: list[float]) -> dict[int, list[float]]:
    """A vector for each passage, in order."""
    found = store.documents.without_vector()
    return {each.id: vector for each, vector in zip(found, vectors, strict=True)}


def test_the_nearest_vectors_come_first(store: Store) -> None:
    book = store.documents
    book.put([document(ANA, "a", "x", "xy", "y", "none"), document(BO, "b", "x of bo")])
    assert texts_of(book.without_vector(limit=2)) == ["x", "xy"]
    book.use_vectors_of(TINY)
    assert book.vector_model() == TINY
    given_ = vectors_of(store, [2, 0, 0], [1, 1, 0], [0, 3, 0], [0, 0, 0], [1, 0, 0])
    assert book.put_vectors(TINY, given_ | {10**6: [1, 0, 0]}) == 5
    assert book.without_vector() == []
    hits = book.by_vector([1, 0.1, 0], [ANA])
    assert texts_of(hits) == ["x", "xy", "y"]
    assert hits[0].score == pytest.approx(1 / 1.01**0.5, abs=1e-6)
    assert texts_of(book.by_vector(np.array([1, 0, 0], np.float64), [ANA, BO], limit=2)) == [
        "x", "x of bo",
    ]  # fmt: skip
    assert book.by_vector([0, 0, 0], [ANA]) == book.by_vector([1, 0, 0], [LAW]) == []
    book.put_vectors(TINY, {next(iter(given_)): [0, 0, 1]})
    assert book.by_vector([0, 0, 1], [ANA])[0].passage.text == "x"


def test_another_model_makes_all_vectors_anew(store: Store) -> None:
    book = store.documents
    book.put([document(ANA, "a", "x")])
    book.use_vectors_of(TINY)
    book.put_vectors(TINY, vectors_of(store, [1, 0, 0]))
    book.use_vectors_of(TINY)
    assert book.without_vector() == []
    other = VectorModel("tiny 2", 2)
    book.use_vectors_of(other)
    assert texts_of(book.without_vector()) == ["x"]
    with pytest.raises(OptionError, match=r"of 'tiny 1', and the store keeps those of 'tiny 2'"):
        book.put_vectors(TINY, {1: [1, 0, 0]})
    book.put_vectors(other, vectors_of(store, [1, 0]))
    assert len(book.by_vector([1, 0], [ANA])) == 1


@pytest.mark.parametrize(
    "wrong", [[1, 2], [1, 2, 3, 4], [[1, 2, 3]], [1, 2, float("nan")], [1, 2, "x"], 7, "abc", None],
    ids=repr,
)  # fmt: skip
def test_what_is_no_vector_is_refused(store: Store, wrong: Any) -> None:
    store.documents.put([document(ANA, "a", "x")])
    store.documents.use_vectors_of(TINY)
    with pytest.raises(OptionError):
        store.documents.put_vectors(TINY, {1: wrong})
    with pytest.raises(OptionError):
        store.documents.by_vector(wrong, [ANA])
    for name, dimension in (("", 3), ("a\n", 3), ("a", 0), ("a", 10**6)):
        with pytest.raises(OptionError):
            VectorModel(name, dimension)


def test_what_is_replaced_needs_a_new_vector(store: Store) -> None:
    book = store.documents
    book.use_vectors_of(TINY)
    book.put([document(ANA, "a", "x")])
    book.put_vectors(TINY, vectors_of(store, [1, 0, 0]))
    book.put([document(ANA, "a", "x")])
    assert len(book.without_vector()) == 1
    assert book.by_vector([1, 0, 0], [ANA]) == []


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, True])
def test_limits(store: Store, limit: Any) -> None:
    with pytest.raises(OptionError):
        store.documents.by_words("x", [ANA], limit=limit)
    with pytest.raises(OptionError):
        store.documents.by_vector([1], [ANA], limit=limit)


# --- forgetting, and what is derived --------------------------------------------------------------


def fill(store: Store) -> None:
    store.documents.use_vectors_of(TINY)
    store.documents.put([document(each, "a", "words", "more") for each in (ANA, BO, LAW)])
    missing = store.documents.without_vector()
    store.documents.put_vectors(TINY, {each.id: [1, 0, 0] for each in missing})


def owners_found(store: Store) -> list[list[Owner]]:
    book, everybody = store.documents, [ANA, BO, LAW]
    return [
        book.owners(),
        sorted({hit.passage.owner for hit in book.by_words("words", everybody)}),
        sorted({hit.passage.owner for hit in book.by_vector([1, 0, 0], everybody)}),
        sorted({each.owner for each in book.all()}),
    ]


def test_forgetting_an_owner(store: Store) -> None:
    fill(store)
    store.forget_user("ana")
    assert owners_found(store) == [[LAW, BO]] * 4
    store.forget_collection("ana")
    assert owners_found(store) == [[BO]] * 4
    store.forget_everything()
    assert owners_found(store) == [[]] * 4
    assert store.documents.vector_model() is None
    fill(store)
    assert owners_found(store) == [[LAW, ANA, BO]] * 4
    store.check()


def test_removing_documents(store: Store) -> None:
    fill(store)
    store.documents.put([document(ANA, "b", "other"), document(ANA, "c", "third")])
    assert store.documents.remove(ANA, iter(["a", "b", "b"])) == 2
    assert [each.source for each in store.documents.all([ANA])] == ["c"]
    assert store.documents.owners() == [LAW, ANA, BO]
    store.documents.remove(ANA, ["c"])
    assert store.documents.owners() == [LAW, BO]
    store.check()


def test_what_is_forgotten_is_to_be_purged_from_derived_files(store: Store) -> None:
    derived = store.derived
    names = {each: derived.name_of(each) for each in (ANA, BO, LAW)}
    assert len(set(names.values())) == 3
    assert all(len(name) == 32 and "ana" not in name for name in names.values())
    fill(store)
    assert derived.to_purge() == []
    store.documents.remove(BO, ["nothing"])
    assert derived.to_purge() == []
    store.documents.remove(BO, ["a"])
    store.forget_collection("ana")
    store.consent.withdraw("ana")
    first, second, third = derived.to_purge()
    assert [each.name for each in (first, second, third)] == [names[BO], names[LAW], names[ANA]]
    store.forget_user("bo")  # before the first was done: that one covers less than is to go now
    derived.purged(first)
    assert [each.name for each in derived.to_purge()] == [names[LAW], names[ANA], names[BO]]
    for each in derived.to_purge():
        derived.purged(each)
    assert derived.to_purge() == []
    store.forget_user("bo")
    store.forget_everything()
    (everybody,) = derived.to_purge()
    assert everybody.name is None
    derived.purged(everybody)
    assert derived.to_purge() == []


def test_a_place_keeps_its_identity_and_what_is_to_be_purged(made: Made) -> None:
    if made.open_again is None:
        pytest.skip("it ends with the store")
    made.store.documents.put([document(ANA, "a", "x")])
    made.store.documents.remove(ANA, ["a"])
    identity, notes = made.store.derived.identity, made.store.derived.to_purge()
    with made.open_again() as again:  # type: ignore[attr-defined]
        assert (again.derived.identity, again.derived.to_purge()) == (identity, notes)
        again.forget_everything()
        assert again.derived.identity == identity
    assert len(identity) == 32


def test_a_closed_store_says_so(store: Store) -> None:
    book, derived = store.documents, store.derived
    store.close()
    for call in (
        lambda: book.put([document(ANA, "a", "x")]), lambda: book.get(ANA, "a"), book.all,
        lambda: book.by_words("x", [ANA]), book.owners, derived.to_purge,
        lambda: book.remove(ANA, ["a"]), lambda: book.passages(ANA),
    ):  # fmt: skip
        with pytest.raises(StoreError, match="closed"):
            call()
