"""Names in the store: told apart by key, and given back as they were given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.serve.naming import belongs, given_name, store_name
from tecla.serve.texts import Owner
from tecla.store.keys import make_key
from tecla.store.owners import Owner as StoreOwner

KEY, OTHER = "abcdefghjk", "mnpqrstuvw"
KEYS = st.sampled_from(["", KEY, OTHER])
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30),
    st.sampled_from(["", "ana", "local", ":", ":ana", KEY, f"{KEY}:", f"{KEY}:ana", f":{KEY}:ana"]),
)


@given(KEYS, NAMES, KEYS, NAMES)
def test_two_that_are_not_the_same_never_share_a_name(
    key: str, name: str, other_key: str, other: str
) -> None:
    one, two = (key, name), (other_key, other)
    if {one, two} == {("", ""), ("", "local")}:  # the user of this machine, either way
        assert store_name(*one) == store_name(*two)
    else:
        assert (store_name(*one) == store_name(*two)) == (one == two)


@given(KEYS, NAMES)
def test_names_are_given_back_and_belong_to_their_key_alone(key: str, name: str) -> None:
    held = store_name(key, name)
    assert given_name(key, held) == (name if key or name else "local")
    assert [each for each in ("", KEY, OTHER) if belongs(held, each)] == [key]
    assert StoreOwner("user", held).name == held


def test_ids_of_keys_look_as_they_are_taken_to() -> None:
    key_id = make_key("test", ["learn"], 0.0).stored.id
    assert not belongs(key_id, "")
    assert not belongs(f"{key_id}:ana", "")


@pytest.mark.parametrize("key", ["", KEY])
def test_whose_documents_a_text_may_show(key: str) -> None:
    text = Owner(key, "ana", "letters")
    assert text.of_store == (
        StoreOwner("user", store_name(key, "ana")),
        StoreOwner("collection", store_name(key, "letters")),
    )
    assert Owner(key, "ana").of_store == (StoreOwner("user", store_name(key, "ana")),)
