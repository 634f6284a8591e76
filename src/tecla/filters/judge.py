"""The judge: all filters over one suggestion, and what is left of it to show.

Owns the order of things and the counts; the checks beside this file know what is wrong with a
text. The earliest finding of all decides where a suggestion is cut, at the end of the last word
before it, and what is left is judged again, because a cut can leave a bracket open. So whatever
is shown would itself be kept.

In a search a `PlaceScreen` says that a beginning cannot be saved: nothing beyond the offence is
ever shown, whatever follows, so a branch that spells it need not be explored. Greedy search asks
for tokens in order of probability and stops at the first that passes, so the screen is asked once
or twice a step. A token is refused when it completes an offence, which is often the one *behind*
the offending word (a space after "as" + "s"); before that the word may still turn into another. An
adjuster (`tecla.decode.adjust`) would be the wrong place: it has to state its changes for the
whole vocabulary before anybody knows which token is wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import Lock

from tecla.filters import tongue
from tecla.filters.artefacts import control, special_tokens, template
from tecla.filters.base import Action, Check, Finding, Reason, Verdict, View
from tecla.filters.gender import gender
from tecla.filters.language import language
from tecla.filters.lexicon import lexicon
from tecla.filters.lists import Allowed, Denied
from tecla.filters.marks import unbalanced
from tecla.filters.numbers import addresses, digits
from tecla.filters.offensive import Offensive
from tecla.filters.options import FilterOptions, compiled
from tecla.filters.personal import personal, secrets
from tecla.filters.place import Place, Surroundings
from tecla.filters.repetition import echo, overlap, repetition
from tecla.text.words import WordEnd, words

_MOST_CUTS = 8  # a suggestion that is not clean after so many is not shown


class Filters:
    """The filters of one collection; safe to use from several threads.

    `counts` says how often each (action, reason) was the verdict, `screened` how often a search was
    kept from going on, and why.
    """

    def __init__(self, options: FilterOptions | None = None) -> None:
        """Choose the checks; lists and language models are read on first use, or by `load`."""
        self.options = options or FilterOptions()
        self.counts: Counter[tuple[Action, Reason | None]] = Counter()
        self.screened: Counter[Reason] = Counter()
        self._checks = _checks(self.options)
        self._allowed = Allowed(
            self.options.allow,
            [compiled("allow_patterns", each) for each in self.options.allow_patterns],
        )
        self._place: Place | None = None
        self._counting = Lock()

    def load(self) -> None:
        """Read lists and language models now, so that no suggestion waits for them."""
        if self.options.offensive != "off":
            lexicon(self.options.offensive, "en")
        if self.options.language:
            tongue.load()

    def judge(
        self, text: str, surroundings: Surroundings, ends: Sequence[WordEnd] | None = None
    ) -> Verdict:
        """What may be shown of `text` at its place, and count it.

        `ends` are the words it may be cut behind (by default all of it); the cost is linear in
        the lengths of `text` and, once for each place, of the texts around it.
        """
        verdict = self._judged(text, self._place_of(surroundings), ends)
        with self._counting:
            self.counts[verdict.action, verdict.reason] += 1
        return verdict

    def dead(self, text: str, surroundings: Surroundings) -> Reason | None:
        """Why no suggestion that begins with `text` may be shown beyond it; `None` if one may.

        `text` may end inside a word. Not counted.
        """
        return self._dead(text, self._place_of(surroundings))

    def screen(self, surroundings: Surroundings) -> PlaceScreen:
        """What a search at this place asks (`tecla.decode.request.Screen`); from any thread."""
        return PlaceScreen(self, Place(surroundings))

    def refuses(self, text: str, place: Place) -> bool:
        """Whether `text` is dead at a place; counted if so."""
        reason = self._dead(text, place)
        if reason is not None:
            with self._counting:
                self.screened[reason] += 1
        return reason is not None

    def _dead(self, text: str, place: Place) -> Reason | None:
        found = self._first(View(text, place, is_open=True))
        return None if found is None else found.reason

    def _judged(self, text: str, place: Place, ends: Sequence[WordEnd] | None) -> Verdict:
        end, reason = len(text), None
        for _ in range(_MOST_CUTS):
            view = View(text[:end], place, is_open=False)
            found = self._first(view)
            if found is None:
                return Verdict("shorten" if reason else "keep", end, reason)
            reason = reason or found.reason
            if ends is None:
                ends = [WordEnd(word.end, 1.0) for word in words(text[:end])]
            most = found.start - view.begin
            end = max((each.char_offset for each in ends if each.char_offset <= most), default=0)
            if end <= 0:
                break
        return Verdict("drop", 0, reason)

    def _first(self, view: View) -> Finding | None:
        """The earliest finding that nothing excuses."""
        first: Finding | None = None
        for check in self._checks:
            for finding in check(view):
                if first is not None and finding.start >= first.start:
                    continue
                if not self._allowed.excuses(view, finding):
                    first = finding
        return first

    def _place_of(self, surroundings: Surroundings) -> Place:
        """The place, kept from one suggestion to the next at the same caret."""
        place = self._place
        if place is None or place.around != surroundings:
            place = self._place = Place(surroundings)
        return place


class PlaceScreen:
    """Filters at one place, for the search there."""

    def __init__(self, filters: Filters, place: Place) -> None:
        """Made by `Filters.screen`."""
        self._filters, self._place = filters, place

    @property
    def options(self) -> FilterOptions:
        """What is filtered."""
        return self._filters.options

    @property
    def surroundings(self) -> Surroundings:
        """The place."""
        return self._place.around

    def refuses(self, text: str) -> bool:
        """Whether nothing that begins with `text` may be shown beyond it; counted if so."""
        return self._filters.refuses(text, self._place)


def _checks(options: FilterOptions) -> tuple[Check, ...]:
    """The checks that are on; of findings at the same place the first one's reason counts."""
    denied = Denied(
        options.deny, [compiled("deny_patterns", each) for each in options.deny_patterns]
    )
    chosen: list[tuple[bool, Check]] = [
        (bool(options.deny or options.deny_patterns), denied),
        (options.artefacts, control),
        (options.artefacts, special_tokens),
        (options.artefacts, template),
        (options.secrets, secrets),
        (options.personal, personal),
        (options.addresses, addresses),
        (options.digits, digits),
        (options.gender, gender),
        (options.repetition, repetition),
        (options.repetition, echo),
        (options.overlap, overlap),
        (options.balance, unbalanced),
        (options.language, language),
    ]
    checks = [check for is_on, check in chosen if is_on]
    if options.offensive != "off":
        checks.insert(0, Offensive(options.offensive))
    return tuple(checks)
