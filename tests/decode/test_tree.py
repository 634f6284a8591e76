"""The tree of alternatives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.decode.tree import TextTree

FOUND = [
    ((1,), "stions", math.log(0.6)),
    ((1, 2), "stions about", math.log(0.3)),
    ((1, 3), "stions,", math.log(0.2)),
    ((4,), "ry", math.log(0.1)),
    ((5, 6), "stions", math.log(0.05)),  # the same text by other tokens
    ((1,), "stions", math.log(0.6)),  # and once more by the same
]


def test_paths_that_spell_the_same_add_up_once() -> None:
    tree = TextTree.of(FOUND)
    assert [(child.text, round(child.probability, 6)) for child in tree.children] == [
        ("stions", 0.65),
        ("ry", 0.1),
    ]
    stions = tree.children[0]
    assert stions.ends_word
    assert [child.text for child in stions.children] == [" about", ","]
    assert list(tree.leaves()) == [
        ("stions about", pytest.approx(0.3)),
        ("stions,", pytest.approx(0.2)),
        ("ry", pytest.approx(0.1)),
    ]


def test_following_what_is_typed() -> None:
    tree = TextTree.of(FOUND)
    assert tree.follow("") is tree
    for typed, rest in (("st", "ions"), ("stions", ""), ("stions ab", "out")):
        found = tree.follow(typed)
        assert found is not None
        ahead = found if not rest else found.children[0]
        assert ahead.text.endswith(rest)
    given_ = tree.follow("stions")
    assert given_ is not None
    assert [round(child.probability, 3) for child in given_.given().children] == [0.462, 0.308]
    sibling = tree.follow("r")
    assert sibling is not None
    assert sibling.given().children[0].text == "y"
    assert sibling.given().children[0].probability == pytest.approx(1.0)
    assert tree.follow("x") is None
    assert tree.follow("stions about us") is None


def test_nothing_known_is_an_empty_tree() -> None:
    assert TextTree.of([]) == TextTree()
    assert list(TextTree().leaves()) == [("", 1.0)]


TEXTS = st.dictionaries(
    st.text("ab ", min_size=1, max_size=5), st.floats(1e-6, 1.0), min_size=1, max_size=12
)


@given(TEXTS)
def test_every_text_is_found_and_no_node_is_less_probable_than_its_children(
    texts: dict[str, float],
) -> None:
    items = list(texts.items())
    tree = TextTree.of(((at,), text, math.log(p)) for at, (text, p) in enumerate(items))
    for text, probability in items:
        node = tree.follow(text)
        assert node is not None
        assert node.probability >= min(probability, 1.0) - 1e-9
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        assert sum(child.probability for child in node.children) <= max(
            node.probability, 1.0
        ) * len(node.children)
        for child in node.children:
            assert child.probability <= node.probability + 1e-9
            assert child.text
        ordered = [child.probability for child in node.children]
        assert ordered == sorted(ordered, reverse=True)
        waiting.extend(node.children)
