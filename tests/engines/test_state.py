"""Saved slots as byte strings: what was packed comes out, and anything else is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tecla.engines.state import pack, unpack
from tecla.errors import EngineError

MODEL, OTHER = b"model-1234567890", b"another-34567890"

token_lists = st.lists(st.integers(0, 2**31 - 1), max_size=20)


@settings(max_examples=50)
@given(tokens=token_lists, payload=st.binary(max_size=200))
def test_what_was_packed_comes_out(tokens: list[int], payload: bytes) -> None:
    assert unpack(pack(MODEL, tokens, payload), MODEL) == (tokens, payload)


def test_the_same_slot_gives_the_same_bytes() -> None:
    assert pack(MODEL, [1, 2], b"kv") == pack(MODEL, (1, 2), b"kv")


@settings(max_examples=50)
@given(tokens=token_lists, payload=st.binary(max_size=40), data=st.data())
def test_every_flipped_bit_is_noticed(
    tokens: list[int], payload: bytes, data: st.DataObject
) -> None:
    state = pack(MODEL, tokens, payload)
    at, bit = data.draw(st.integers(0, len(state) - 1)), data.draw(st.integers(0, 7))
    flipped = state[:at] + bytes([state[at] ^ 1 << bit]) + state[at + 1 :]
    with pytest.raises(EngineError, match="evaluate the text again instead"):
        unpack(flipped, MODEL)


def test_every_truncation_and_every_extension_is_noticed() -> None:
    state = pack(MODEL, [5, 6, 7], b"keys and values")
    for end in range(len(state)):
        with pytest.raises(EngineError, match=r"no saved slot|truncated or altered"):
            unpack(state[:end], MODEL)
    with pytest.raises(EngineError, match=f"{len(state) + 1} bytes where .* {len(state)}"):
        unpack(state + b"\0", MODEL)


def test_tokens_and_payload_cannot_trade_places() -> None:
    """Four bytes of payload for one token would keep the length."""
    state = bytearray(pack(MODEL, [5, 6], b"12345678"))
    assert (state[40], state[48]) == (2, 8)
    state[40], state[48] = 3, 4
    with pytest.raises(EngineError, match="checksum"):
        unpack(bytes(state), MODEL)


@given(st.binary(max_size=120))
def test_foreign_bytes_are_refused(state: bytes) -> None:
    for given_bytes in (state, b"teclaKV1" + state):
        with pytest.raises(EngineError):
            unpack(given_bytes, MODEL)


def test_counts_beyond_all_bounds_are_refused() -> None:
    """No allocation follows a count before it is checked."""
    state = pack(MODEL, [], b"")[:40] + b"\xff" * 16
    with pytest.raises(EngineError, match="truncated or altered"):
        unpack(state, MODEL)


def test_another_model_is_named_as_the_cause() -> None:
    with pytest.raises(EngineError, match="another model"):
        unpack(pack(OTHER, [1], b"kv"), MODEL)
