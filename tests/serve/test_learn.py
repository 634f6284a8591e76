"""Learning over the routes: kept as a user's or a collection's, listed, found, given back, gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serve.conftest import TOKENIZER, Made, Make
from tecla.serve.learn_wire import MOST_DOCUMENTS, MOST_GIVEN_CHARS, MOST_SOURCES
from tecla.store.owners import Owner

OTTER = "The otter keeps its umbrella in the piano, and nobody ever asks it why."
WHALE = "A whale was seen in the harbour this morning, far from where whales belong."


def headers(key: str | None) -> dict[str, str]:
    return {} if key is None else {"authorization": f"Bearer {key}"}


def learn(
    made: Made, *texts: str, key: str | None = None, source: str = "note", **named: Any
) -> Any:
    documents = [{"source": f"{source} {at}", "text": text} for at, text in enumerate(texts)]
    asked = {"documents": documents, **named}
    return made.client.post("/v1/learn", json=asked, headers=headers(key))


def get(made: Made, path: str, key: str | None = None, **query: Any) -> Any:
    return made.client.get(f"/v1/{path}", params=query, headers=headers(key))


def forget(made: Made, key: str | None = None, **asked: Any) -> Any:
    return made.client.post("/v1/forget", json=asked, headers=headers(key))


def sources(made: Made, key: str | None = None, **named: Any) -> list[str]:
    return [each["source"] for each in get(made, "learned", key, **named).json()["documents"]]


def found(made: Made, query: str, key: str | None = None, **named: Any) -> list[str]:
    answer = made.client.post("/v1/search", json={"text": query, **named}, headers=headers(key))
    assert answer.status_code == 200, answer.text
    return [each["text"] for each in answer.json()["found"]]


def test_what_is_learnt_is_listed_found_given_back_and_forgotten(made: Made) -> None:
    answer = learn(made, OTTER, WHALE, user="ana").json()
    assert [each["state"] for each in answer["documents"]] == ["learnt", "learnt"]
    assert answer["used"]["documents"] == 2
    assert answer["used"]["chars"] == len(OTTER) + len(WHALE)
    listed = get(made, "learned", user="ana").json()
    assert [each["source"] for each in listed["documents"]] == ["note 0", "note 1"]
    assert listed["documents"][0]["chars"] == len(OTTER)
    assert found(made, "an umbrella", user="ana") == [OTTER]
    exported = [json.loads(line) for line in get(made, "export", user="ana").text.splitlines()]
    assert [each["what"] for each in exported] == ["manifest", "document", "document"]
    assert exported[0]["owner"] == {"kind": "user", "name": "ana"}
    assert [each["text"] for each in exported[1:]] == [OTTER, WHALE]
    gone = forget(made, user="ana", sources=["note 0"]).json()
    assert (gone["documents"], gone["chars"], gone["used"]["documents"]) == (1, len(OTTER), 1)
    assert sources(made, user="ana") == ["note 1"]
    assert found(made, "an umbrella", user="ana") == []
    assert forget(made, user="ana", everything=True).json()["documents"] == 1
    assert sources(made, user="ana") == []
    assert get(made, "export", user="ana").status_code == 404


def test_a_source_that_comes_again_takes_the_place_of_the_old(made: Made) -> None:
    learn(made, OTTER)
    assert learn(made, OTTER).json()["documents"][0]["state"] == "unchanged"
    answer = learn(made, WHALE).json()
    assert answer["documents"][0]["state"] == "learnt"
    assert answer["used"] | {"documents": 1, "chars": len(WHALE)} == answer["used"]
    assert found(made, "umbrella whale") == [WHALE]


def test_secrets_are_not_learnt_and_a_text_of_secrets_is_none(made: Made) -> None:
    answer = learn(made, f"{OTTER} My password is hunter2secret. Nobody knows.").json()
    assert answer["documents"][0]["sentences_left_out"] == 1
    assert "hunter2" not in get(made, "export").text
    answer = learn(made, "The password is: hunter2secret").json()["documents"][0]
    assert (answer["state"], answer["reason"]) == ("left_out", "no text in it")
    assert sources(made) == []  # what stood there before is gone as well


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        ("text", "One two.\n\nThree.", "One two.\n\nThree."),
        ("markdown", "# Title\n\nSome *words* here.\n\n```\nno()\n```", "Some *words* here."),
        ("html", "<p>Some <b>words</b></p><script>no()</script>", "Some words"),
        ("mail", "From: a@b.org\nSubject: x\n\nSome words.\n\n-- \nAna", "Some words."),
    ],
)
def test_texts_are_read_by_their_kind(made: Made, kind: str, text: str, kept: str) -> None:
    asked = {"documents": [{"source": "x", "text": text, "kind": kind}]}
    assert made.client.post("/v1/learn", json=asked).status_code == 200
    exported = json.loads(get(made, "export").text.splitlines()[-1])["text"]
    assert kept in exported
    assert "no()" not in exported
    assert "Ana" not in exported


def test_a_collection_is_not_a_user_of_that_name(made: Made) -> None:
    learn(made, OTTER, user="otters")
    learn(made, WHALE, collection="otters")
    assert found(made, "otter whale", user="otters") == [OTTER]
    assert found(made, "otter whale", collections=["otters"]) == [WHALE]
    assert set(found(made, "otter whale", user="otters", collections=["otters"])) == {OTTER, WHALE}
    assert get(made, "search", text="otter whale", collection="otters").json()["found"]
    forget(made, collection="otters", everything=True)
    assert sources(made, user="otters") == ["note 0"]


def test_without_keys_names_are_those_of_this_machine(made: Made) -> None:
    learn(made, OTTER)
    learn(made, WHALE, user="ana")
    owners = made.store.documents.owners()
    assert owners == [Owner("user", "ana"), Owner("user", "local")]


def test_pages_of_a_long_list(made: Made) -> None:
    learn(made, *(f"Text number {at}." for at in range(5)))
    first = get(made, "learned", limit=2).json()
    second = get(made, "learned", limit=2, after=first["after"]).json()
    third = get(made, "learned", limit=2, after=second["after"]).json()
    pages = [first, second, third]
    names = [each["source"] for page in pages for each in page["documents"]]
    assert names == [f"note {at}" for at in range(5)]
    assert third["after"] is None


# --- keys -----------------------------------------------------------------------------------------


def test_what_is_learnt_asks_for_the_scope_learn(make: Make) -> None:
    made = make(asks_for_keys=True)
    for key, status in ((None, 401), (made.key("suggest"), 403), (made.key("admin"), 403)):
        answers = [
            learn(made, OTTER, key=key),
            get(made, "learned", key),
            forget(made, key, everything=True),
            get(made, "export", key),
            get(made, "search", key, text="x"),
            made.client.post("/v1/search", json={"text": "x"}, headers=headers(key)),
        ]
        assert [each.status_code for each in answers] == [status] * 6
    assert learn(made, OTTER, key=made.key("learn")).status_code == 200


def test_what_one_key_has_learnt_another_cannot_even_name(make: Make) -> None:
    made = make(asks_for_keys=True)
    ana, eve = made.key("learn"), made.key("learn")
    key_id = ana.split("_")[1]
    learn(made, OTTER, key=ana, user="ana")
    learn(made, WHALE, key=ana, collection="sea")
    learn(made, WHALE, key=ana)
    for user in ("ana", f"{key_id}:ana", key_id, "nobody", ""):
        assert sources(made, eve, user=user) == []
        assert found(made, "otter whale", eve, user=user) == []
        assert get(made, "export", eve, user=user).status_code == 404
        for asked in ({"sources": ["note 0"]}, {"everything": True}):
            answer = forget(made, eve, user=user, **asked)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "unknown_document"
    assert found(made, "otter whale", eve, collections=["sea", f"{key_id}:sea"]) == []
    assert sources(made, ana, user="ana") == sources(made, ana, collection="sea") == ["note 0"]
    assert sources(made, ana) == ["note 0"]
    exported = get(made, "export", ana, user="ana").text
    assert key_id not in exported


def test_without_keys_what_keys_have_learnt_cannot_be_named(make: Make) -> None:
    made = make(asks_for_keys=True)
    key = made.key("learn")
    learn(made, OTTER, key=key, user="ana")
    made.service.guard.asks_for_keys = False
    key_id = key.split("_")[1]
    for user in (f"{key_id}:ana", f":{key_id}:ana"):
        assert sources(made, user=user) == []
        learn(made, WHALE, user=user)
        assert found(made, "whale", user=user) == [WHALE]
    assert len(made.store.documents.owners()) == 3


# --- limits ---------------------------------------------------------------------------------------


def told(answer: Any, limit: object, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert str(limit) in answer.json()["error"]["message"]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_documents_of_a_key(make: Make, over: int) -> None:
    made = make(asks_for_keys=True, learn_documents=4)
    key, other = made.key("learn"), made.key("learn")
    learn(made, OTTER, WHALE, key=key, user="ana")
    answer = learn(made, *[OTTER] * (2 + over), key=key, collection="sea")
    if over > 0:
        told(answer, 4, 403)
        assert answer.json()["error"]["code"] == "quota_exceeded"
        assert sources(made, key, collection="sea") == []  # all of them or none
        assert made.metrics.quota_refusals._value.get() == 1
        assert learn(made, WHALE, WHALE, key=key, user="ana").status_code == 200  # they replace
        assert learn(made, OTTER, key=other).status_code == 200
        forget(made, key, user="ana", everything=True)
        answer = learn(made, *[OTTER] * 3, key=key, collection="sea")
    assert answer.status_code == 200


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_characters_of_a_key(make: Make, over: int) -> None:
    made = make(learn_chars=len(OTTER) + 50)
    learn(made, OTTER)
    answer = learn(made, "x" * (50 + over), source="other")
    if over > 0:
        told(answer, len(OTTER) + 50, 403)
    else:
        assert answer.status_code == 200


def test_nothing_may_be_learnt_where_nothing_may(make: Make) -> None:
    made = make(learn_documents=0)
    told(learn(made, OTTER), 0, 403)
    assert made.store.documents.owners() == []


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_characters_of_one_request(make: Make, over: int) -> None:
    made = make(chars=100)
    answer = learn(made, "x" * 50, "y" * (50 + over))
    if over > 0:
        told(answer, "101 characters are too many, at most 100 are taken at once", 413)
        told(answer, "send them in several requests, a long text in parts", 413)
        assert "caret" not in answer.text
    else:
        assert answer.status_code == 200


def test_characters_that_are_looked_for(make: Make) -> None:
    answer = get(make(chars=100), "search", text="x" * 101)
    told(answer, "at most 100 are taken at once: look for less", 413)


@pytest.mark.parametrize("over", [0, 1])
def test_documents_and_sources_of_one_request(made: Made, over: int) -> None:
    answer = learn(made, *["x"] * (MOST_DOCUMENTS + over))
    assert answer.status_code == (400 if over else 200)
    answer = learn(made, OTTER, source="s" * (MOST_GIVEN_CHARS - 2 + over))
    assert answer.status_code == (400 if over else 200)
    answer = forget(made, sources=["note 0", *map(str, range(MOST_SOURCES - 1 + over))])
    assert answer.status_code == (400 if over else 200)


@pytest.mark.parametrize(
    ("path", "asked", "where"),
    [
        ("learn", {"documents": []}, "documents"),
        ("learn", {"documents": [{"source": "", "text": "x"}]}, "documents.0.source"),
        ("learn", {"documents": [{"source": "a\nb", "text": "x"}]}, "documents.0.source"),
        ("learn", {"documents": [{"source": "a", "text": "x", "kind": "pdf"}]}, "kind"),
        ("learn", {"documents": [{"source": "a", "text": "x"}] * 2}, "of one source"),
        ("learn", {"documents": [{"source": "a", "text": "x"}], "user": "u", "collection": "c"},
         "belongs to one"),
        ("forget", {}, "sources or everything"),
        ("forget", {"everything": True, "sources": ["a"]}, "sources or everything"),
        ("search", {"text": "x", "k": 0}, "k"),
        ("search", {"text": "x" * 10_001}, "text"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(made: Made, path: str, asked: Any, where: str) -> None:
    answer = made.client.post(f"/v1/{path}", json=asked)
    assert answer.status_code == 400
    assert where in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("learned", {"user": "u", "collection": "c"}),
        ("learned", {"limit": 0}),
        ("learned", {"limit": 1001}),
        ("learned", {"after": -1}),
        ("export", {"user": "a\nb"}),
        ("search", {}),
        ("search", {"text": "x", "k": 51}),
    ],
)
def test_what_cannot_be_asked_in_an_address(made: Made, path: str, query: Any) -> None:
    assert get(made, path, **query).status_code == 400


@pytest.mark.parametrize(
    ("path", "query", "there_are"),
    [
        ("learned", {"usr": "ana"}, "user, collection, limit, after"),
        ("export", {"collections": "sea"}, "user, collection"),
        ("search", {"query": "x"}, "text, user, collection, k"),
        ("search", {"text": "x", "collections": "sea"}, "text, user, collection, k"),
    ],
)
def test_a_parameter_that_there_is_none_of_is_told(
    made: Made, path: str, query: dict[str, str], there_are: str
) -> None:
    learn(made, OTTER)
    name = [*query][-1]
    answer = get(made, path, **query)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "bad_input", name)
    assert error["message"] == f"{name}: there is no such parameter; there are {there_are}"


def test_what_belongs_into_a_body_is_no_parameter(made: Made) -> None:
    learn(made, OTTER)
    asked = {"everything": True}
    answer = made.client.post("/v1/forget", params={"collection": "sea"}, json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "collection: there is no such parameter; this path has none, its fields go into the body"
    )
    assert sources(made) == ["note 0"]


def test_a_parameter_that_is_no_name_is_not_repeated(made: Made) -> None:
    answer = get(made, "learned", **{"Dear Ana,": "x"})
    assert answer.status_code == 400
    assert "Ana" not in answer.text
    assert "there are user, collection" in answer.json()["error"]["message"]


def test_counts_are_told_without_text_or_names(make: Make) -> None:
    made = make()
    learn(made, OTTER, WHALE, user="ana", source="secret")
    forget(made, user="ana", sources=["secret 0"])
    page = made.client.get("/metrics").text
    assert "tecla_learnt_documents_total 2.0" in page
    assert "tecla_forgotten_documents_total 1.0" in page
    tokens = float(page.split("\ntecla_index_tokens ")[1].split()[0])
    assert tokens == len(TOKENIZER.encode(WHALE.encode()))
    for word in ("otter", "ana", "secret"):
        assert word not in page
