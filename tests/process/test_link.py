"""A line between two ends: everything in order, nothing blocks, a cut is seen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tecla.process.link import Link


@pytest.fixture
def ends() -> Iterator[tuple[Link, socket.socket]]:
    ours, theirs = socket.socketpair()
    with Link(ours, most=4) as link, theirs:
        yield link, theirs


def test_messages_arrive_in_order_from_several_threads() -> None:
    ours, theirs = socket.socketpair()
    with Link(ours, most=10**6) as link, Link(theirs) as other:

        def send(name: int) -> None:
            for count in range(200):
                link.put((name, count, "x" * 1000))

        threads = [threading.Thread(target=send, args=[name]) for name in range(3)]
        for thread in threads:
            thread.start()
        messages = iter(other)
        found = [next(messages) for _ in range(600)]
        for thread in threads:
            thread.join()
    for name in range(3):
        counts = [each[1] for each in found if isinstance(each, tuple) and each[0] == name]
        assert counts == list(range(200))


def test_whoever_does_not_read_is_sent_no_more_but_what_is_given_up(
    ends: tuple[Link, socket.socket],
) -> None:
    link, _ = ends
    large = b"x" * 1_000_000
    taken = sum(link.put(large) for _ in range(20))
    assert 4 <= taken <= 5  # what is being sent may have left the queue
    assert not link.put(large)
    assert link.put("given up", always=True)


def test_a_cut_ends_the_messages_and_what_is_put() -> None:
    ours, theirs = socket.socketpair()
    with Link(ours) as link:
        theirs.sendall(b"\0\0")  # half a lead
        theirs.close()
        assert list(link) == []
        link.put("one")
        link.flush(5.0)  # it sees that nobody is there
        assert not link.put("two")
    assert not link.put("three")
    link.close()
