"""Every metric of quality: its definition, its formula, its source. Cost is in `costs.py`.

A metric is a ratio of two sums over passages (`Ratio`), so that `bootstrap.py` can say how sure
it is. Sums run over all carets of all passages, before every character, typed or not: what is
shown then does not depend on what a typist accepted before. c is a caret, s(c) what is shown
there at the threshold, |s| its characters, r(c) how many of them the person goes on to write.

*Keystroke savings* (Trnka & McCoy 2008): 1 - keys / plain keys, summed over the passages. Which
typist hits the keys is said with every figure; "saves N %" alone is the saving ghost typist.

*Typing effort saved*, TES (Chat-Ghosting, arXiv 2507.05940): the mean over passages of each
passage's own savings, so that a short turn weighs as much as a long mail. Charged: every
acceptance is a key, here as everywhere.

*Coverage*: carets with something shown / carets. *Precision when shown*: carets where all that is
shown is right / carets with something shown. *Wrong-show rate*: carets where not even the first
word that is shown is right / carets.

*Partial precision and recall* (arXiv 2507.05940): sum r(c) / sum |s(c)|, and sum r(c) / sum of the
characters that are still to be written at c, over the carets with something shown.

*Exact match at k words* (Smart Compose, arXiv 1906.00080, section 4), compared at equal coverage:
of the carets where the best candidate has k words, those with the most probable first k words
are taken until they are the wanted share of all carets; the metric is the share of them whose k
words are right. Where equal probabilities straddle the limit each counts in part, so that the
coverage is exact. A system that cannot reach the coverage has no figure.

*Calibration error* (ECE; Naeini et al. 2015; Guo et al. 2017): first words of best candidates are
put in ten bins of equal width by their probability; sum over bins of n_b / n |mean probability -
share that is right|. The table of bins is the reliability diagram.

*Perplexity per character*: exp(-ln P(text | what stands before) / characters). It does not depend
on how a system cuts text into tokens, so that words and neural models compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, runtime_checkable

from tecla.evaluate.answers import Record
from tecla.evaluate.corpora import Passage
from tecla.evaluate.typists import Typing, right_chars, right_cuts, shown

N_BINS: Final = 10


class Ratio(NamedTuple):
    """Two numbers for every passage; the metric is the ratio of their sums."""

    parts: list[float]
    wholes: list[float]

    @property
    def value(self) -> float | None:
        """The metric; `None` where there is nothing to divide by."""
        whole = sum(self.wholes)
        return sum(self.parts) / whole if whole else None


@runtime_checkable
class Scored(Protocol):
    """A system that gives a text its probability."""

    def logprob(self, context_text: str, text: str) -> float:
        """Give ln P(text | context_text), in nats."""
        ...


@dataclass(slots=True)
class _Shown:
    """Sums of one passage."""

    carets: int = 0
    shown: int = 0
    right: int = 0
    wrong: int = 0
    shown_chars: int = 0
    right_chars: int = 0
    wanted_chars: int = 0


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """First words whose probability fell into [low, high)."""

    low: float
    high: float
    count: int
    mean_probability: float
    right_share: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration error and its table; `error` is `None` where nothing was offered."""

    error: float | None
    bins: list[ReliabilityBin] = field(default_factory=list)


def savings(typings: Iterable[Typing]) -> Ratio:
    """Keystroke savings."""
    kept = list(typings)
    return Ratio([each.plain_keys - each.keys for each in kept], [each.plain_keys for each in kept])


def typing_effort_saved(typings: Iterable[Typing]) -> Ratio:
    """The mean of each passage's savings."""
    kept = [each for each in typings if each.plain_keys]
    return Ratio([1 - each.keys / each.plain_keys for each in kept], [1.0 for _ in kept])


def shown_ratios(records: Sequence[Record], threshold: float) -> dict[str, Ratio]:
    """Coverage, precision, wrong-show rate, partial precision and recall at a threshold."""
    sums = [_shown_sums(record, threshold) for record in records]

    def over(part: Callable[[_Shown], int], whole: Callable[[_Shown], int]) -> Ratio:
        return Ratio([part(each) for each in sums], [whole(each) for each in sums])

    return {
        "coverage": over(lambda s: s.shown, lambda s: s.carets),
        "precision": over(lambda s: s.right, lambda s: s.shown),
        "wrong_show": over(lambda s: s.wrong, lambda s: s.carets),
        "partial_precision": over(lambda s: s.right_chars, lambda s: s.shown_chars),
        "partial_recall": over(lambda s: s.right_chars, lambda s: s.wanted_chars),
    }


def _shown_sums(record: Record, threshold: float) -> _Shown:
    text = record.passage.text
    sums = _Shown(carets=len(text))
    for at, answer in enumerate(record.answers):
        offer = shown(answer, threshold)
        if offer is None:
            continue
        cuts = right_cuts(text, at, offer)
        sums.shown += 1
        sums.right += bool(cuts) and cuts[-1] == len(offer.text)
        sums.wrong += not cuts
        sums.shown_chars += len(offer.text) - offer.replaces
        sums.right_chars += max(0, (right_chars(text, at, offer) or 0) - offer.replaces)
        sums.wanted_chars += len(text) - at
    return sums


def exact_match(records: Sequence[Record], k: int, coverage: float) -> Ratio | None:
    """Exact match at `k` words at a coverage between 0 and 1; `None` where it is not reached."""
    found: list[tuple[float, int, bool]] = []  # probability, number of the passage, right
    for number, record in enumerate(records):
        for at, answer in enumerate(record.answers):
            if answer.offers and len(answer.offers[0].ends) >= k:
                cut, probability = answer.offers[0].ends[k - 1]
                right = cut in right_cuts(record.passage.text, at, answer.offers[0])
                found.append((probability, number, right))
    wanted = coverage * sum(len(record.answers) for record in records)
    if not found or wanted <= 0 or len(found) < wanted:
        return None
    found.sort(key=lambda each: -each[0])
    limit = found[math.ceil(wanted) - 1][0]
    above = sum(probability > limit for probability, _, _ in found)
    weight = (wanted - above) / sum(probability == limit for probability, _, _ in found)
    ratio = Ratio([0.0] * len(records), [0.0] * len(records))
    for probability, number, right in found:
        if probability < limit:
            break
        share = 1.0 if probability > limit else weight
        ratio.wholes[number] += share
        ratio.parts[number] += share * right
    return ratio


def calibration(records: Sequence[Record]) -> Calibration:
    """How well the probability of the first word agrees with how often it is right."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(N_BINS)]
    for record in records:
        for at, answer in enumerate(record.answers):
            if answer.offers:
                best = answer.offers[0]
                cut, probability = best.ends[0] if best.ends else (len(best.text), best.probability)
                right = cut in right_cuts(record.passage.text, at, best)
                bins[min(N_BINS - 1, int(probability * N_BINS))].append((probability, right))
    total = sum(map(len, bins))
    if not total:
        return Calibration(None)
    table = [
        ReliabilityBin(
            number / N_BINS,
            (number + 1) / N_BINS,
            len(each),
            sum(probability for probability, _ in each) / len(each),
            sum(right for _, right in each) / len(each),
        )
        for number, each in enumerate(bins)
        if each
    ]
    error = sum(each.count * abs(each.mean_probability - each.right_share) for each in table)
    return Calibration(error / total, table)


def text_nats(system: Scored, passage: Passage) -> float:
    """-ln P of what is typed, given what stands before it."""
    header = f"{passage.header}\n\n" if passage.header else ""
    return -system.logprob(header + passage.lead, passage.text)


def nats_per_char(records: Sequence[Record]) -> Ratio | None:
    """Nats for each character; `math.exp` of its value is the perplexity per character.

    `None` for a system that gives texts no probability.
    """
    ratio = Ratio([], [])
    for record in records:
        if record.nats is None:
            return None
        ratio.parts.append(record.nats)
        ratio.wholes.append(len(record.passage.text))
    return ratio
