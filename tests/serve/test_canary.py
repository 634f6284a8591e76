"""A canary: a sentence learnt for one user, which no other is ever told, and which forgetting ends.

Others are asked about every beginning of it while all that is shared is warm; what they are told is
what a service says that never learnt it. After forgetting the same holds for its own user, and no
file of the service holds it: not as text, token ids or words of an index, nor as its vector, in
plain or in what is packed or sealed. The same search finds it in each of these before.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import tiny_gguf
from personal.traces import Canary, Trace
from serve.conftest import TOKENIZER, Made, Make
from serve.processes import Process, serving, write_config
from serve.test_isolation import rounded
from serve.test_learn import forget, headers, learn
from store.made import make_key_file
from tecla.engines.factory import tokenizer_of
from tecla.errors import StoreKeyError
from tecla.retrieval.embedding import open_embedding
from tecla.settings import EngineSettings, PathSettings, ServeSettings, Settings
from tecla.store.keys import make_key
from tecla.store.sealing import StoreKey
from tecla.store.sqlite import SqliteStore
from tecla.store.sqlite_open import unlock

SENTENCE = "The marmalade heron quizzled a wamblefrog beneath seventeen zinc lightbarns."
RARE = ("quizzled", "wamblefrog", "lightbarns")  # as an index of words has them; in no dictionary
FILLER = (
    "We would like to thank you for the help with the art of the thin man.",
    "The future of the house is that she would sell it and then help us.",
)
EVERY = range(5, len(SENTENCE), 3)
WARM = 3  # times that its own user asks before anybody else does


class Told:
    """One user of one key, and all that they were told."""

    def __init__(self, made: Made, key: str, **named: str) -> None:
        self.made, self.key, self.named = made, key, named

    def ask(self, end: int, **asked: Any) -> Any:
        body = {"before": SENTENCE[:end], "n": 3, "deadline_ms": 10_000, **self.named, **asked}
        found: dict[str, Any] = {"partial": True}
        while found["partial"] or found["without_model"]:  # where a machine has other things to do
            answer = self.made.client.post("/v1/suggest", json=body, headers=headers(self.key))
            assert answer.status_code == 200, answer.text
            found = answer.json()
        for name in ("took_ms", "source"):
            del found[name]
        return rounded(found)

    def everything(self) -> list[Any]:
        return [self.ask(end) for end in EVERY]

    def knows_it(self) -> bool:
        return any(holds_it(SENTENCE[:end], self.ask(end)) for end in EVERY)


def holds_it(before: str, found: Any) -> bool:
    """Whether the end of a word and the beginning of the next are told as in the sentence."""
    texts = [found["text"], *(each["text"] for each in found["alternatives"])]
    rest = SENTENCE[len(before) :]
    return any(rest.startswith(text) and re.search(r"\S \S\S", text) for text in texts)


@contextmanager
def canary_of(make: Make, folder: Path, key_file: Path | None) -> Iterator[Made]:
    """A service whose store is a file, with vectors."""
    paths = PathSettings(
        models_dir=folder / "models",
        cache_dir=folder / "cache",
        store_file=folder / "store" / "tecla.db",
        store_key_file=key_file,
    )
    settings = Settings(serve=ServeSettings(per_second=10**6), paths=paths)
    with SqliteStore.open(paths.store_file, key_file=key_file) as store:
        yield make(asks_for_keys=True, store=store, settings=settings)


def taught(made: Made, *, with_canary: bool) -> list[Told]:
    """Several users of two keys who have learnt something; the first of them the canary."""
    ana, eve = made.key("learn", "suggest"), made.key("learn", "suggest")
    told = [
        Told(made, ana, user="ana"),
        Told(made, ana, user="bo"),
        Told(made, ana, user="bo", collection="sea"),
        Told(made, ana),
        Told(made, eve, user="ana"),
        Told(made, eve),
    ]
    for each in told:
        owner = each.named if "collection" not in each.named else {"collection": "sea"}
        assert learn(made, *FILLER, key=each.key, **owner).status_code == 200
    if with_canary:
        found = learn(made, SENTENCE, SENTENCE, key=ana, user="ana", source="canary").json()
        assert [each["state"] for each in found["documents"]] == ["learnt"] * 2
    return told


# --- in files -------------------------------------------------------------------------------------


def looked_for(tokens: list[list[int]]) -> Canary:
    """All forms of the sentence, of its words, and of its vector."""
    found = Canary(SENTENCE, tokens, window_chars=16, window_tokens=8)
    for text in (SENTENCE.lower(), *RARE):
        found.forms |= Canary(text, window_chars=min(16, len(text))).forms
    embedding = open_embedding()
    assert embedding is not None
    vector = embedding.embed([SENTENCE])[0]
    for kind in ("<f4", ">f4", "<f2"):
        data = vector.astype(kind).tobytes()
        found.forms |= {data[at : at + 64]: f"vector {kind}" for at in range(0, len(data) - 64, 64)}
    return found


def traces(canary: Canary, folder: Path, copy: Path, key_file: Path | None) -> list[Trace]:
    """What is found in a copy of all files; nothing else may open a store's file here."""
    subprocess.run(["cp", "-a", folder, copy], check=True)
    if key_file is None:
        return canary.traces(copy)
    key = StoreKey.read(key_file)
    store = copy / "store" / "tecla.db"
    connection = apsw.Connection(str(store))
    unlock(connection, key)
    for pragma in ("journal_mode = DELETE", "rekey = ''"):  # page by page, free ones included
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.close()
    assert store.read_bytes().startswith(b"SQLite format 3")

    def unseal(path: Path, data: bytes) -> bytes | None:
        try:
            return key.cipher().unseal(data, "/".join(path.parts[-3:]))
        except StoreKeyError:
            return None

    return canary.traces(copy, unseal)


def kinds(found: list[Trace]) -> set[str]:
    """Of forms: text, ids or vector."""
    return {each.form.split()[0].partition("-")[0] for each in found}


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "encrypted"])
def test_a_canary_is_of_its_user_and_is_gone_when_forgotten(
    make: Make, tmp_path: Path, sealed: bool
) -> None:
    key_file = make_key_file(tmp_path) if sealed else None
    folder = tmp_path / "tecla"
    with ExitStack() as held:
        fresh = held.enter_context(canary_of(make, tmp_path / "fresh", None))
        wanted = [each.everything() for each in taught(fresh, with_canary=False)]
        made = held.enter_context(canary_of(make, folder, key_file))
        owner, *others = taught(made, with_canary=True)
        for _ in range(WARM):
            assert owner.knows_it()
        for each, asked in zip(others, wanted[1:], strict=True):
            assert each.everything() == asked, each.named
            assert not each.knows_it(), each.named

        canary = looked_for([TOKENIZER.encode(SENTENCE.encode())])
        before = traces(canary, folder, tmp_path / "before", key_file)
        assert kinds(before) == {"utf", "ids", "vector"}
        answer = forget(made, owner.key, sources=["canary 0", "canary 1"], **owner.named)
        assert answer.json()["documents"] == 2
        assert owner.everything() == wanted[0]
        assert not any(
            holds_it(SENTENCE[:end], {"text": each.text, "alternatives": []})
            for _, _, kept in made.service.cache._kept.values()  # type: ignore[union-attr]
            for each in kept
            for end in EVERY
        )
        assert traces(canary, folder, tmp_path / "after", key_file) == []
        for each, asked in zip(others, wanted[1:], strict=True):
            assert each.everything() == asked, each.named
    assert traces(canary, folder, tmp_path / "closed", key_file) == []


@pytest.mark.soak
def test_a_canary_over_tens_of_thousands_of_suggestions(make: Make, tmp_path: Path) -> None:
    chance = random.Random(8)
    with canary_of(make, tmp_path / "tecla", None) as made:
        owner, *others = taught(made, with_canary=True)
        for phase in ("learnt", "forgotten"):
            asked = [*others] if phase == "learnt" else [owner, *others]
            for _ in range(12_000):
                each, end = chance.choice(asked), chance.randrange(1, len(SENTENCE))
                named = {"session": chance.choice("abc")} if chance.random() < 0.3 else {}
                found = each.ask(end, **named)
                assert not holds_it(SENTENCE[:end], found), (phase, each.named, end)
            if phase == "learnt":
                assert owner.knows_it()
                forget(made, owner.key, everything=True, **owner.named)


# --- with real processes --------------------------------------------------------------------------


def knows_it(service: Process, bearer: str, every: range = EVERY, **named: str) -> bool:
    for end in every:
        asked = {"before": SENTENCE[:end], "n": 3, "deadline_ms": 10_000, **named}
        answer = service.ask("POST", "/v1/suggest", asked, authorization=bearer)
        assert answer.status == 200
        if holds_it(SENTENCE[:end], answer.document):
            return True
    return False


def in_processes(folder: Path, model: str, times: int) -> None:
    """The same with the processes that serve, compute and learn, all of whose files are read."""
    home = folder / "home"
    home.mkdir()
    write_config(home, model, per_second=10**6)
    keys = [make_key(name, ("suggest", "learn"), 1_000.0) for name in ("ana", "eve")]
    with SqliteStore.open(home / "store" / "tecla.db") as store:
        for key in keys:
            store.keys.add(key.stored)
    ana, eve = (f"Bearer {key.text}" for key in keys)
    paths = PathSettings(models_dir=home / "models", cache_dir=folder / "cache")
    with tokenizer_of(Settings(engine=EngineSettings(model=model), paths=paths)) as tokenizer:
        ids = tokenizer.encode(tokenizer.text_prefix + SENTENCE.encode())
    canary = looked_for([list(ids)])
    with serving(home) as service:
        documents = [{"source": f"canary {at}", "text": SENTENCE} for at in range(3)]
        documents += [{"source": f"other {at}", "text": text} for at, text in enumerate(FILLER)]
        asked = {"documents": documents, "user": "ana"}
        assert service.ask("POST", "/v1/learn", asked, authorization=ana).status == 200
        assert knows_it(service, ana, user="ana")
        for _ in range(times):
            for bearer, named in ((ana, {"user": "bo"}), (eve, {"user": "ana"}), (ana, {})):
                assert not knows_it(service, bearer, **named), named
        before = traces(canary, folder, folder.with_name("before"), None)
        assert kinds(before) == {"utf", "ids", "vector"}
        asked = {"user": "ana", "sources": [f"canary {at}" for at in range(3)]}
        assert service.ask("POST", "/v1/forget", asked, authorization=ana).status == 200
        assert not knows_it(service, ana, user="ana")
        assert traces(canary, folder, folder.with_name("after"), None) == []
        assert service.end() == 0
    assert traces(canary, folder, folder.with_name("closed"), None) == []


@pytest.mark.slow
def test_a_canary_in_processes(tmp_path: Path) -> None:
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    folder = tmp_path / "tecla"
    folder.mkdir()
    in_processes(folder, str(model), 1)


@pytest.mark.soak
def test_a_canary_in_processes_with_the_default_model(tmp_path: Path) -> None:
    folder = tmp_path / "tecla"
    folder.mkdir()
    in_processes(folder, "default", 30)
