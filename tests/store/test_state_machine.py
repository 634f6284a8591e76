"""Random work on a store, in several hands, with the store in memory as the model."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from samples import texts
from store.made import KINDS, NO_LIMIT, Factory, Made, document, event, make_memory
from tecla.store.base import Owner, Store
from tecla.store.documents import NewDocument, VectorModel
from tecla.store.events import (
    EventFilter,
    FeedbackEvent,
    Place,
    Retention,
    SuggestedText,
)

USERS, COLLECTIONS, LANGUAGES = ("ana", "bo", "Ana"), ("law", "ana"), ("en", "es")
KEYS = ("eagerness", "a", "b.c")
users, collections = st.sampled_from(USERS), st.sampled_from(COLLECTIONS)
counts = st.integers(0, 10**9)
shares = st.floats(0, 1)
owners = st.one_of(
    users.map(lambda name: Owner("user", name)),
    collections.map(lambda name: Owner("collection", name)),
)
values = st.one_of(st.booleans(), st.integers(), st.floats(-1e300, 1e300), texts(4))
seconds = st.integers(980, 1020).map(float)


@st.composite
def events(draw: st.DrawFn) -> FeedbackEvent:
    kind = draw(st.sampled_from(["shown", "accepted", "part_accepted", "rejected"]))
    shown = draw(counts)
    accepted = {"accepted": shown, "part_accepted": shown // 2}.get(kind, 0)
    return event(
        draw(st.sampled_from(["s1", "s2", "s3"])),
        kind=kind,
        time_s=draw(seconds),
        user=draw(users),
        source=draw(st.sampled_from(["neural", "ngram"])),
        collection=draw(st.none() | collections),
        language=draw(st.none() | st.sampled_from(LANGUAGES)),
        place=Place(draw(st.none() | counts), draw(st.none() | counts)),
        raw_probability=draw(shares),
        calibrated_probability=draw(st.none() | shares),
        shown_chars=shown,
        shown_words=draw(counts),
        accepted_chars=accepted,
        saved_keys=draw(st.integers(-1000, 1000)),
        text=draw(st.none() | st.builds(SuggestedText, texts(6), texts(6))),
    )


SOURCES, WORDS = ("a", "b", "c/ä.md"), ("sea", "Sea", "the", "the", "house", "año", "ANO", "x1")
MODELS = (VectorModel("one", 2), VectorModel("two", 3))
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)


@st.composite
def documents(draw: st.DrawFn) -> NewDocument:
    return document(
        draw(owners),
        draw(st.sampled_from(SOURCES)),
        *draw(st.lists(sentences, max_size=3)),
        digest=draw(st.sampled_from([b"1", b"2"])),
        title=draw(texts(3)),
    )


filters = st.builds(
    EventFilter,
    user=st.none() | users,
    collection=st.none() | collections,
    language=st.none() | st.sampled_from(LANGUAGES),
    suggestion=st.none() | st.sampled_from(["s1", "s9"]),
    kinds=st.none() | st.sampled_from([("shown",), ("accepted", "rejected")]),
    since_s=st.none() | seconds,
    until_s=st.none() | seconds,
)
retentions = st.builds(
    Retention, max_age_s=st.none() | st.floats(0, 50), max_events=st.none() | st.integers(0, 12)
)


class Work(RuleBasedStateMachine):
    """The same work on a store and on its model; two hands on the store where it allows that."""

    factory: Factory

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.model: Made = make_memory(Path(self.folder.name))
        self.made = self.factory(Path(self.folder.name), NO_LIMIT)
        self.hands = [self.made.store]
        if self.made.open_again is not None:
            self.hands.append(self.made.open_again())

    def both(self) -> tuple[Store, ...]:
        self.hands.reverse()
        return self.hands[0], self.model.store

    @rule(batch=st.lists(events(), max_size=8))
    def record(self, batch: list[FeedbackEvent]) -> None:
        for store in self.both():
            store.feedback.record(batch)

    @rule(user=users)
    def give(self, user: str) -> None:
        for store in self.both():
            store.consent.give(user)

    @rule(user=users)
    def withdraw(self, user: str) -> None:
        for store in self.both():
            store.consent.withdraw(user)

    @rule(user=users)
    def forget_user(self, user: str) -> None:
        for store in self.both():
            store.forget_user(user)

    @rule(collection=collections)
    def forget_collection(self, collection: str) -> None:
        for store in self.both():
            store.forget_collection(collection)

    @rule(retention=retentions)
    def prune(self, retention: Retention) -> None:
        one, other = (store.feedback.prune(retention) for store in self.both())
        assert one == other

    @rule(owner=owners, key=st.sampled_from(KEYS), value=values)
    def put(self, owner: Owner, key: str, value: bool | int | float | str) -> None:
        for store in self.both():
            store.settings.put(owner, key, value)

    @rule(owner=owners, key=st.sampled_from(KEYS))
    def remove(self, owner: Owner, key: str) -> None:
        for store in self.both():
            store.settings.remove(owner, key)

    @rule()
    def forget_everything(self) -> None:
        for store in self.both():
            store.forget_everything()

    @rule(batch=st.lists(documents(), max_size=4))
    def learn(self, batch: list[NewDocument]) -> None:
        one, other = (store.documents.put(batch) for store in self.both())
        assert one == other

    @rule(owner=owners, sources=st.lists(st.sampled_from(SOURCES)))
    def remove_documents(self, owner: Owner, sources: list[str]) -> None:
        one, other = (store.documents.remove(owner, sources) for store in self.both())
        assert one == other

    @rule(owner=owners, source=st.sampled_from(SOURCES), time_s=seconds)
    def touch(self, owner: Owner, source: str, time_s: float) -> None:
        one, other = (store.documents.touch(owner, source, time_s) for store in self.both())
        assert one == other

    @rule(model=st.sampled_from(MODELS), limit=st.integers(1, 5), number=st.integers(-3, 3))
    def compare(self, model: VectorModel, limit: int, number: int) -> None:
        for store in self.both():
            store.documents.use_vectors_of(model)
            missing = store.documents.without_vector(limit=limit)
            vectors = {each.id: [number, each.id, 1][: model.dimension] for each in missing}
            assert store.documents.put_vectors(model, vectors) == len(missing)

    @rule(count=st.integers(0, 2))
    def purge(self, count: int) -> None:
        for store in self.both():
            for each in store.derived.to_purge()[:count]:
                store.derived.purged(each)

    @rule(query=sentences, among=st.sets(owners, max_size=3), limit=st.integers(1, 4))
    def search(self, query: str, among: set[Owner], limit: int) -> None:
        one, other = (
            store.documents.by_words(query, list(among), limit=limit) for store in self.both()
        )
        assert one == other
        model = self.model.store.documents.vector_model()
        if model is not None:
            asked = [1.0, 2.0, 3.0][: model.dimension]
            scores = [
                [hit.score for hit in store.documents.by_vector(asked, list(among), limit=limit)]
                for store in self.both()
            ]
            assert scores[0] == pytest.approx(scores[1], abs=1e-6)

    @rule(later_s=st.floats(0, 5))
    def wait(self, later_s: float) -> None:
        self.made.clock.now = self.model.clock.now = self.model.clock.now + later_s
        # The second hand has the first one's clock.

    @rule()
    def open_again(self) -> None:
        if self.made.open_again is not None:
            self.hands.pop().close()
            self.hands.append(self.made.open_again())

    @rule(which=filters, by=st.sets(st.sampled_from(["user", "collection", "language", "source"])))
    def ask(self, which: EventFilter, by: set[str]) -> None:
        dimensions = tuple(sorted(by))
        one, other = self.both()
        assert list(one.feedback.events(which)) == list(other.feedback.events(which))
        sums = [store.feedback.totals(dimensions, which) for store in (one, other)]  # type: ignore[arg-type]
        assert list(map(asdict, sums[0])) == list(map(asdict, sums[1]))

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "made"):
            return
        one, other = self.both()
        assert list(one.feedback.events()) == list(other.feedback.events())
        assert [one.consent.since_s(user) for user in USERS] == [
            other.consent.since_s(user) for user in USERS
        ]
        for owner in [Owner("user", name) for name in USERS]:
            assert one.settings.of(owner) == other.settings.of(owner)

    @invariant()
    def documents_agree(self) -> None:
        if not hasattr(self, "made"):
            return
        one, other = (store.documents for store in self.both())
        assert list(one.all()) == list(other.all())
        assert one.owners() == other.owners()
        assert one.vector_model() == other.vector_model()
        assert one.without_vector() == other.without_vector()
        for owner in one.owners():
            assert list(one.passages(owner)) == list(other.passages(owner))
            assert one.version(owner) == other.version(owner)
            assert one.with_digest(owner, b"1") == other.with_digest(owner, b"1")
        notes = [
            [(each.number, each.name is None) for each in store.derived.to_purge()]
            for store in self.both()
        ]
        assert notes[0] == notes[1]

    @invariant()
    def nobody_without_consent_has_text(self) -> None:
        if hasattr(self, "made"):
            store = self.hands[0]
            for each in store.feedback.events():
                assert each.text is None or store.consent.since_s(each.user) is not None

    def teardown(self) -> None:
        if hasattr(self, "made"):
            for store in self.hands:
                store.check()
                store.close()
            self.folder.cleanup()


def _run(kind: str, *, examples: int, derandomize: bool) -> None:
    run_state_machine_as_test(
        type("WorkOn", (Work,), {"factory": staticmethod(KINDS[kind])}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_random_work_agrees_with_the_model(kind: str) -> None:
    _run(kind, examples=40 if kind == "sqlite" else 10, derandomize=True)


@pytest.mark.soak
@pytest.mark.timeout(1800)  # two minutes of work, on a machine that may be busy
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_much_random_work_agrees_with_the_model(kind: str) -> None:
    _run(kind, examples=1000, derandomize=False)
