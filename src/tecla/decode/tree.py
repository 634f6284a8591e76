"""The tree of alternatives: every text that was looked at behind a caret, with its probability.

Built from token paths and their log-probabilities. Different paths that spell the same text
are different events, so their probabilities add up; a node is a text, its parent the longest
text of the tree that it begins with. Probabilities are those of the person's text running
through the node, given what is typed, as far as it was looked at: a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import regex

_WORD_CHAR = regex.compile(r"\w")

TokenPath = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TextTree:
    """One node: `text` behind its parent, and the ways it goes on, most probable first.

    `ends_word` says that a word ends with `text`: it ends in a letter and some child goes on
    with something else.
    """

    text: str = ""
    probability: float = 1.0
    ends_word: bool = False
    children: tuple[TextTree, ...] = ()

    @classmethod
    def of(cls, found: Iterable[tuple[TokenPath, str, float]]) -> TextTree:
        """The tree of (token path, text up to its end, log-probability); paths may come twice."""
        spelt: dict[str, dict[TokenPath, float]] = {}
        for path, text, logprob in found:
            if text:
                spelt.setdefault(text, {})[path] = math.exp(logprob)
        sums = {text: min(1.0, sum(paths.values())) for text, paths in spelt.items()}
        return _grow(iter(sorted(sums)), sums)

    def follow(self, typed: str) -> TextTree | None:
        """What is known behind `typed`, given that it was typed; `None` if nothing is.

        The probability of `typed` is taken to be that of the alternatives that begin with it,
        so conditional probabilities are upper bounds.
        """
        if not typed:
            return self
        for child in self.children:
            if typed.startswith(child.text):
                return child.follow(typed[len(child.text) :])
        running = [child for child in self.children if child.text.startswith(typed)]
        if not running:
            return None
        total = sum(child.probability for child in running)
        cut = (replace(child, text=child.text[len(typed) :]) for child in running)
        return TextTree(typed, total, False, tuple(cut))

    def given(self) -> TextTree:
        """This node as typed: no text of its own, all probabilities conditional on it."""
        factor = 1 / self.probability if self.probability else 1.0
        return TextTree("", 1.0, False, tuple(_scaled(child, factor) for child in self.children))

    def leaves(self, lead: str = "") -> Iterator[tuple[str, float]]:
        """Every whole text behind this node with its probability, depth first."""
        if not self.children:
            yield lead, self.probability
        for child in self.children:
            yield from child.leaves(lead + child.text)


def _scaled(node: TextTree, factor: float) -> TextTree:
    return replace(
        node,
        probability=min(1.0, node.probability * factor),
        children=tuple(_scaled(child, factor) for child in node.children),
    )


def _grow(texts: Iterator[str], sums: Mapping[str, float]) -> TextTree:
    """The tree of sorted texts: each lies below the last one it begins with."""
    open_nodes: list[tuple[str, list[TextTree]]] = [("", [])]

    def close() -> None:
        text, children = open_nodes.pop()
        parent, siblings = open_nodes[-1]
        siblings.append(_node(text[len(parent) :], sums[text], children))

    for text in texts:
        while not text.startswith(open_nodes[-1][0]):
            close()
        open_nodes.append((text, []))
    while len(open_nodes) > 1:
        close()
    return TextTree("", 1.0, False, _ranked(open_nodes[0][1]))


def _node(text: str, probability: float, children: list[TextTree]) -> TextTree:
    """A node at least as probable as what is below it, which it holds together."""
    below = min(1.0, sum(child.probability for child in children))
    ends_word = _WORD_CHAR.match(text[-1]) is not None and any(
        not _WORD_CHAR.match(child.text) for child in children
    )
    return TextTree(text, max(probability, below), ends_word, _ranked(children))


def _ranked(children: list[TextTree]) -> tuple[TextTree, ...]:
    return tuple(sorted(children, key=lambda child: -child.probability))
