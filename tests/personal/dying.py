"""Processes that die while they change an index, round after round, and what must hold afterwards.

A program of its own, so that the processes it forks have one thread: `python dying.py WHAT FOLDER
ROUNDS SEED HOW`. In every round a fork goes on with what is there and dies: `counted`, at a call
that opens, writes, renames or deletes, chosen by chance; or `timed`, by a signal at any instant.
What it has begun and what it has finished it says on a pipe.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from personal.traces import Canary
from tecla.engines.fake import FakeTokenizer
from tecla.personal.following import bring_up_to_date, finish_purges, folder_beside
from tecla.personal.index import Index
from tecla.personal.segment import Row
from tecla.personal.shelf import Learnt
from tecla.personal.vocabulary import Vocabulary
from tecla.store.documents import NewDocument
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

VOCABULARY = Vocabulary(49_152)
OWNERS = [Owner("user", "anna"), Owner("user", "ben"), Owner("collection", "team")]
_CALLS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir"}
_MOST_S = 0.08
deaths = {True: 0, False: 0}  # rounds in which the fork was killed, and came to its end


def die_at(place: int) -> None:
    """Have this process die at the n-th call that changes or reads files."""
    left = count(place, -1)

    def one_less() -> None:
        if next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, _: object) -> None:
        if event in _CALLS:
            one_less()

    fsync = os.fsync

    def synced(file: int) -> None:
        one_less()
        fsync(file)

    os.fsync = synced
    sys.addaudithook(hook)


def until_it_dies(
    work: Callable[[Callable[[str], None]], None], how: str, chooser: random.Random
) -> list[str]:
    """What a fork said that did `work` until it died; `work` has an end too."""
    end, mouth = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(end)
            if how == "counted":
                die_at(int(chooser.expovariate(1 / 40)))
            work(lambda said: (os.write(mouth, said.encode() + b"\n"), None)[1])
            status = 0
        finally:
            os._exit(status)
    os.close(mouth)
    said, alive = b"", how == "timed"
    wait_s = chooser.uniform(0, _MOST_S)
    while True:
        ready, _, _ = select.select([end], [], [], wait_s if alive else None)
        if not ready:
            os.kill(child, signal.SIGKILL)
            alive = False
            continue
        part = os.read(end, 1 << 16)
        if not part:
            break
        said += part
        wait_s *= 0.7
    os.close(end)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the fork failed by itself: {status}"
    deaths[status == signal.SIGKILL] += 1
    return said.decode().splitlines()


def row(document: int) -> list[int]:
    """Tokens that stand together in one document alone."""
    chooser = random.Random(document)
    return [chooser.randrange(49_152) for _ in range(12)]


def index_rounds(folder: Path, n_rounds: int, seed: int, how: str) -> None:
    """Adds, removes and merges: what was acknowledged is there, or gone."""
    chooser, held, gone, next_id = random.Random(seed), set[int](), set[int](), 1
    place = folder / "owner" / "print"
    for _ in range(n_rounds):
        plan: list[tuple[str, list[int]]] = []
        there = sorted(held)
        for _ in range(8):
            what = chooser.choice(["add", "add", "remove", "tidy"])
            if what == "add":
                plan.append((what, list(range(next_id, next_id + 3))))
                there += plan[-1][1]
                next_id += 3
            else:
                plan.append((what, chooser.sample(there, min(2, len(there)))))

        def work(say: Callable[[str], None], plan: list[tuple[str, list[int]]] = plan) -> None:
            with Index(place, VOCABULARY) as index:
                for number, (what, which) in enumerate(plan):
                    say(f"begin {number}")
                    if what == "add":
                        index.add([Row(each, row(each)) for each in which])
                    elif what == "remove":
                        index.remove(which)
                    else:
                        index.tidy()
                    say(f"end {number}")

        said = until_it_dies(work, how, chooser)
        for line in said:
            word, number = line.split()
            if word == "end":
                _apply(*plan[int(number)], held, gone)
        open_end = said and said[-1].startswith("begin")
        with Index(place, VOCABULARY) as index:
            index.check()
            found = index.documents
            if open_end and found != held:
                _apply(*plan[int(said[-1].split()[1])], held, gone)
            assert found == held, (len(found), len(held))
            if not open_end:
                assert not _traces(folder, gone), "what was removed was left"
            index.remove([])
            assert not _traces(folder, gone), "what was removed returned"
            for document in chooser.sample(sorted(held), min(3, len(held))):
                assert index.matches(row(document)[:-1], 1)[0].length == 11


def _apply(what: str, which: list[int], held: set[int], gone: set[int]) -> None:
    if what == "add":
        held.update(which)
    elif what == "remove":
        gone.update(held.intersection(which))
        held.difference_update(which)


def _traces(folder: Path, gone: set[int]) -> list[object]:
    recent = sorted(gone)[-12:]
    return list(Canary(tokens=[row(document) for document in recent]).traces(folder))


def text(document: int) -> str:
    """A text of its own, without an end that others have too."""
    return f" would{document:06d}art helping{document:06d}future"


def store_rounds(folder: Path, n_rounds: int, seed: int, how: str) -> None:
    """Learning and forgetting, the store and the indexes together."""
    chooser, next_source, forgotten = random.Random(seed), 1, set[int]()
    path, tokenizer = folder / "tecla.db", FakeTokenizer()
    root = folder_beside(path)
    for _ in range(n_rounds):
        plan = []
        for _ in range(6):
            what = chooser.choice(["put", "put", "follow", "remove", "forget"])
            plan.append((what, chooser.choice(OWNERS), next_source))
            next_source += 1

        def work(say: Callable[[str], None], plan: list[tuple[str, Owner, int]] = plan) -> None:
            with SqliteStore.open(path) as store:
                finish_purges(root, store)
                for what, owner, number in plan:
                    if what == "put":
                        store.documents.put([_document(owner, number)])
                    elif what == "follow":
                        bring_up_to_date(root, store, owner, tokenizer)
                    else:
                        sources = [each.source for each in store.documents.all([owner])]
                        chosen = sources[:1] if what == "remove" else sources
                        if what == "remove":
                            store.documents.remove(owner, chosen)
                        elif owner.kind == "user":
                            store.forget_user(owner.name)
                        else:
                            store.forget_collection(owner.name)
                        finish_purges(root, store)
                        say(" ".join(["gone", *chosen]))

        for line in until_it_dies(work, how, chooser):
            forgotten.update(map(int, line.split()[1:]))
        rows = [tokenizer.encode(text(number).encode()) for number in sorted(forgotten)[-12:]]
        canary = Canary("", rows, window_tokens=10)
        assert not canary.traces(root), "what was forgotten is in a file"
        with SqliteStore.open(path) as store:
            finish_purges(root, store)
            for owner in OWNERS:
                bring_up_to_date(root, store, owner, tokenizer)
                texts = {int(each.source) for each in store.documents.all([owner])}
                assert not texts & forgotten, "what was forgotten returned"
                with Learnt.of(root, store, [owner]).open(tokenizer) as shelf:
                    for number in sorted(texts)[-3:]:
                        ids = tokenizer.encode(text(number).encode())
                        assert shelf.matches(ids[:-1], 1)[0].length == len(ids) - 1
        assert not canary.traces(root), "what was forgotten returned to a file"


def _document(owner: Owner, number: int) -> NewDocument:
    return NewDocument(
        owner=owner,
        source=str(number),
        kind="text",
        digest=b"-",
        time_s=1.0,
        size_bytes=1,
        passages=(text(number),),
    )


if __name__ == "__main__":
    rounds = {"index": index_rounds, "store": store_rounds}[sys.argv[1]]
    rounds(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    assert deaths[True] * 3 > deaths[False], f"hardly any was killed: {deaths}"
    print("held")
