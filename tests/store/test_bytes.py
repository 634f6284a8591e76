"""What is erased is in no byte of any file of the store; the proof is a search."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import apsw
import numpy as np
import pytest

from store.children import KILLED, run
from store.made import NO_LIMIT, NOW_S, document, event
from tecla.errors import StoreBusyError
from tecla.store.base import Owner
from tecla.store.documents import VectorModel
from tecla.store.events import Retention, SuggestedText
from tecla.store.sqlite import SqliteStore

USERS = tuple(f"person-{at:02}-{at * 7919:06}" for at in range(12))


def marks(store_path: Path, mark: str) -> int:
    """How often `mark` stands in the files. Only where no other process has the store open."""
    files = list(store_path.parent.iterdir())
    assert store_path in files
    return sum(path.read_bytes().count(mark.encode()) for path in files)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


def open_store(path: Path, busy_s: float = 5.0) -> SqliteStore:
    return SqliteStore.open(path, retention=NO_LIMIT, busy_s=busy_s, clock=lambda: NOW_S)


def secret(user: str) -> str:
    return f"SECRET-{user}"


def work(store: SqliteStore, chooser: random.Random, rounds: int) -> None:
    """Rows of all lengths that come, shrink and go, so that pages are split and merged."""
    for user in USERS:
        store.consent.give(user)
        store.settings.put(Owner("user", user), "signature", secret(user))
    for _ in range(rounds):
        store.feedback.record(
            event(
                f"{user}-{chooser.randrange(10**9)}",
                user=user,
                collection=f"papers-of-{user}",
                text=SuggestedText(secret(user) * chooser.randrange(1, 50), secret(user)),
            )
            for user in chooser.choices(USERS, k=150)
        )
        with store._file.writing() as connection:  # gaps everywhere, as a year of use leaves them
            connection.execute("DELETE FROM feedback WHERE id % 7 = ?", (chooser.randrange(7),))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_left(path: Path, seed: int) -> None:
    chooser = random.Random(seed)
    with open_store(path) as store:
        work(store, chooser, rounds=12)
        assert all(marks(path, secret(user)) for user in USERS)

        store.consent.withdraw(USERS[0])
        store.settings.remove(Owner("user", USERS[0]), "signature")
        store.consent.withdraw(USERS[1])
        assert marks(path, secret(USERS[0])) == 0
        assert marks(path, USERS[0]) > 0  # the counts are still there
        work(store, chooser, rounds=2)

        store.forget_user(USERS[2])
        assert marks(path, USERS[2]) == 0
        store.forget_collection(f"papers-of-{USERS[3]}")
        assert marks(path, f"papers-of-{USERS[3]}") == 0
        assert all(marks(path, secret(user)) for user in USERS[4:])
        store.check()

        store.forget_everything()
        assert marks(path, "person") == marks(path, "SECRET") == 0
        store.check()
    assert marks(path, "person") == 0


def test_text_without_consent_never_reaches_a_file(path: Path) -> None:
    with open_store(path) as store:
        text = SuggestedText(secret("ana"), secret("ana"))
        store.feedback.record(event(text=text) for _ in range(50))
        store.feedback.prune(Retention())
        assert marks(path, "SECRET") == 0
    assert marks(path, "SECRET") == 0


def test_a_reader_in_the_way_is_named_and_the_work_done_later(path: Path) -> None:
    text = SuggestedText(secret("ana"), "x")
    with open_store(path, busy_s=0.02) as store:
        store.consent.give("ana")
        store.feedback.record([event(text=text)])
        with closing(apsw.Connection(str(path))) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM feedback").fetchall()
            with pytest.raises(StoreBusyError, match=r"held by a reader for more than 0\.02 s"):
                store.consent.withdraw("ana")
            assert [each.text for each in store.feedback.events()] == [None]
            store.feedback.record([event(text=text)])
            assert [each.text for each in store.feedback.events()] == [None, None]
            reader.execute("COMMIT")
        assert marks(path, "SECRET") > 0
        store.consent.withdraw("ana")
        assert marks(path, "SECRET") == 0


@pytest.mark.slow
def test_a_process_that_dies_between_deleting_and_erasing(path: Path) -> None:
    dying = """
store = opened()
store.consent.give("ana")
store.feedback.record([event(time_s=4e9, text=SuggestedText("SECRET", "x"))] * 9)
store._file._finish_erasing = die
store.consent.withdraw("ana")
"""
    assert run(dying, path)[0] == KILLED
    assert marks(path, "SECRET") > 0
    with open_store(path) as store:
        assert marks(path, "SECRET") == 0
        assert [each.text for each in store.feedback.events()] == [None] * 9
        assert store.consent.since_s("ana") is None


# --- documents ------------------------------------------------------------------------------------

TINY = VectorModel("tiny", 8)


def word(user: str, at: int) -> str:
    """A word that nobody else uses: it stands in the index of words, cut to nothing else."""
    return f"xq{user.replace('-', '')}{at:04}"


def vector(user: str) -> list[float]:
    """A vector that no other owner has; its bytes read `VECTOR` and the user's number."""
    text = f"VECTOR-{user[7:9]}".ljust(32, "=").encode()
    return np.frombuffer(text, np.float32).tolist()  # type: ignore[no-any-return]


def traces(path: Path, user: str) -> dict[str, int]:
    """How often the user's text, words and vectors are in the files."""
    return {
        "text": marks(path, secret(user)),
        "words": marks(path, word(user, 0)[:-4]),
        "vectors": marks(path, f"VECTOR-{user[7:9]}"),
        "name": marks(path, user),
    }


def learn(store: SqliteStore, chooser: random.Random, rounds: int) -> None:
    """Documents that come, change and go."""
    store.documents.use_vectors_of(TINY)
    for _ in range(rounds):
        store.documents.put(
            document(
                Owner("user", user),
                f"{user}/{chooser.randrange(12)}",
                *(
                    " ".join(
                        [secret(user), *(word(user, chooser.randrange(999)) for _ in range(9))]
                    )
                    for _ in range(chooser.randrange(9))
                ),
                title=secret(user),
            )
            for user in chooser.choices(USERS, k=60)
        )
        missing = store.documents.without_vector()
        store.documents.put_vectors(TINY, {each.id: vector(each.owner.name) for each in missing})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_left_of_documents(path: Path, seed: int) -> None:
    chooser = random.Random(seed)
    with open_store(path) as store:
        learn(store, chooser, rounds=8)
        assert all(min(traces(path, user).values()) for user in USERS)
        store.forget_user(USERS[0])
        assert set(traces(path, USERS[0]).values()) == {0}
        learn(store, chooser, rounds=3)
        owner = Owner("user", USERS[1])
        sources = [each.source for each in store.documents.all([owner])]
        assert store.documents.remove(owner, sources) == len(sources)
        assert set(traces(path, USERS[1]).values()) == {0}
        assert all(min(traces(path, user).values()) for user in USERS[2:])
        store.check()
        store.forget_everything()
        for user in USERS:
            assert set(traces(path, user).values()) == {0}
        assert marks(path, "xqperson") == marks(path, "SECRET") == marks(path, "VECTOR") == 0
        store.check()
    assert marks(path, "person") == 0


def test_one_document_of_many_is_erased(path: Path) -> None:
    owner = Owner("user", "ana")
    with open_store(path) as store:
        store.documents.put(
            document(owner, f"s{at}", f"common words uniqueword{at:03}") for at in range(200)
        )
        assert marks(path, "uniqueword077") > 0
        store.documents.remove(owner, ["s77"])
        assert marks(path, "uniqueword077") == marks(path, "s77") == 0
        assert marks(path, "uniqueword078") > 0
        # What was replaced goes with the next erasing at the latest.
        store.documents.put([document(owner, "s78", "other words")])
        store.documents.remove(owner, ["s79"])
        assert marks(path, "uniqueword078") == 0


@pytest.mark.slow
def test_a_process_that_dies_between_forgetting_documents_and_erasing(path: Path) -> None:
    dying = """
store = opened()
owner = Owner("user", "ana")
store.documents.put([document(owner, f"s{at}", "SECRET words") for at in range(50)])
store._file._finish_erasing = die
store.forget_user("ana")
"""
    assert run(dying, path)[0] == KILLED
    assert marks(path, "SECRET") > 0
    with open_store(path) as store:
        assert marks(path, "SECRET") == marks(path, "ana") == 0
        (note,) = store.derived.to_purge()
        assert note.name == store.derived.name_of(Owner("user", "ana"))
