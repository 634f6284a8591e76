"""The search for one request: which positions it wants scores of, and what it makes of them.

Knows no engine and no slots. A position is a token path behind the head of the text; whoever
runs the search gets the scores of the paths it wants, from memory or from the model, and hands
them in. So the answer depends on the scores alone: what was known already changes the cost of
a search and never its result.

Four stages: the caret search (`tecla.decode.caret`), the competition of beginnings (a beam of
`width` branches over the first `depth` tokens, where branches that spell the same text join),
the growth of the winners, each on its own, and where text stands behind the caret the reading of
it behind each of them (`tecla.decode.fit`). Sampled alternatives skip the competition.
At any time `result` gives the best valid answer so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tecla.decode.adjust import adjusted, built
from tecla.decode.alternatives import joined, joined_by_text, without_nested
from tecla.decode.branch import Branch, Step
from tecla.decode.caret import MOST_SCREENED, CaretDistribution, CaretSearch, Cover
from tecla.decode.drafting import MOST_DRAFTED, Foreseen, drafted, made_drafter
from tecla.decode.favourite import favourite
from tecla.decode.fit import Fit, may_fit
from tecla.decode.prompt import Planned
from tecla.decode.request import (
    CaretWork,
    Completed,
    Continuation,
    Request,
    StopReason,
    TokenScore,
)
from tecla.decode.stopping import Assembler
from tecla.decode.streams import Stream
from tecla.decode.tree import TextTree
from tecla.engines.base import Scores
from tecla.text.base import Tokenizer
from tecla.text.caret import Path
from tecla.text.unicode import incomplete_suffix_bytes

_NODES_AT_ONCE = 4  # caret nodes asked for together
_TREE_COVERS = 8  # beginnings that are kept in the tree beside those that grew


class Search:
    """One request at work behind one planned caret."""

    def __init__(
        self,
        request: Request,
        planned: Planned,
        tokenizer: Tokenizer,
        *,
        seed: int,
        context_tokens: int,
    ) -> None:
        """Begin with nothing known; no path may hold more than `context_tokens` with the head."""
        data, plan, _ = planned
        self.request, self.plan, self.tokenizer = request, plan, tokenizer
        self.head: Path = planned.head
        self.branches: list[Branch] = []
        self._data, self._seed = data, seed
        self._most_path = context_tokens - len(self.head)
        self._caret: CaretSearch | None = CaretSearch(plan, tokenizer, request.tolerance)
        self.distribution: CaretDistribution | None = None  # once the caret search has ended
        self._adjusters = built(request.adjust, tokenizer)
        self._drafter = made_drafter(request.draft, tokenizer)
        self._contest: dict[Path, list[tuple[Branch, Step]]] = {}  # grown, waiting for the others
        self._lost: list[Branch] = []
        self._dropped: list[StopReason] = []
        self._halted: StopReason | None = None
        self._spreads = request.spread_words is not None
        self._fits = request.fits and tokenizer.fill is None and may_fit(request.context.after)
        self._fit: Fit | None = None  # once all branches have ended

    @property
    def done(self) -> bool:
        """Whether nothing more is wanted."""
        return self._has_grown and (self._fit.done if self._fit else not self._fits)

    @property
    def _has_grown(self) -> bool:
        return self._caret is None and all(branch.stop is not None for branch in self.branches)

    @property
    def is_ordered(self) -> bool:
        """Whether scores must be taken in the order of `wants`."""
        return self._caret is not None

    @property
    def can_answer(self) -> bool:
        """Whether `shorten` or `halt` would give an answer that shows something."""
        return self.has_answer or (self._caret is not None and self._caret.has_found)

    @property
    def has_answer(self) -> bool:
        """Whether some text could be shown already."""
        return bool(self.branches)

    def wants(self) -> list[Path]:
        """Token paths behind the head whose scores are needed next, in the order to take them."""
        if self._caret is None:
            for branch in self.branches:
                if branch.stop is None and len(branch.path) > self._most_path:
                    branch.stop = "context_full"
            self._fit_if_ready()
            if self._fit is not None:
                return self._fit.wants()
            return [branch.path for branch in self._running()]
        wanted = self._caret.wanted(_NODES_AT_ONCE)
        if wanted == [()]:
            # A typed word of one token is nearly always wanted next: one call evaluates both.
            foreseen = self.plan.full_path
            return [(), foreseen] if len(foreseen) == 1 else wanted
        return wanted

    def foreseen(self) -> list[Foreseen]:
        """Paths beyond those that are wanted now, which the drafts of the request foresee.

        Those of a branch follow each other.
        """
        if self._drafter is None or self._caret is not None or self._fit is not None:
            return []
        found: list[Foreseen] = []
        most_tokens = self.request.stopping.max_tokens
        for branch in self._running():
            left = min(most_tokens - branch.n_tokens - 1, self._most_path - len(branch.path))
            most = min(left, MOST_DRAFTED)
            found += drafted(self._drafter, self.head, branch.path, most, greedy=not self._samples)
        return found

    def take(self, path: Path, scores: Scores, row: int) -> None:
        """Take the scores of the position after `path`; parents come before their children."""
        if self._adjusters:
            scores, row = adjusted(self._adjusters, (*self.head, *path), scores, row)
        if self._caret is not None:
            if self._caret.awaits(path):
                self._caret.observe(path, scores, row)
            if not self._caret.wanted(1):
                self._begin_branches()
                self._fit_if_ready()
            return
        if self._fit is not None:
            self._fit.take(path, scores, row)
            return
        for branch in [branch for branch in self.branches if branch.path == path]:
            if branch.stop is None:
                self._grow(branch, scores, row)
        self._favour_one()
        self._fit_if_ready()

    def halt(self, reason: StopReason) -> None:
        """End the work with what there is; `reason` says why."""
        if self.done:
            return
        self._halted = reason
        if self._caret is not None:
            if self._caret.has_found:
                self._begin_branches()
            else:
                self._caret = None
        self._contest.clear()
        self._unfit()
        for branch in self.branches:
            branch.halt(reason)

    def shorten(self, n_tokens: int, n: int) -> None:
        """Settle for at most `n` alternatives of `n_tokens` tokens, because many are waiting.

        A caret search that found something ends with it; the answer says what it left out.
        """
        if self._caret is not None and self._caret.has_found:
            self._halted = "overload"
            self._begin_branches()
        for rank, branch in enumerate(self.branches):
            enough = rank >= n or (branch.n_tokens >= n_tokens and branch.shows_text)
            if branch.stop is None and enough:
                self._halted = "overload"
                branch.halt("overload")
        self._unfit()
        self._decide_if_ready()

    def new_text(self) -> str:
        """Text of the first alternative that became certain since the last call."""
        return self.branches[0].new_text() if self.branches else ""

    def new_tokens(self) -> tuple[TokenScore, ...]:
        """None: what is told of a suggestion are its words."""
        return ()

    def result(self) -> Completed:
        """The answer; partial while branches still run or after `halt`."""
        found, reasons = self._found()
        if self._fit is not None and self._fit.done:
            found = self._fit.fitted()
        silence = None
        if not found:
            silence = reasons[0] if reasons else self._halted or "unspellable"
        distribution = self.distribution
        return Completed(
            continuations=tuple(found),
            silence=silence,
            prompt_tokens=len(self.head) + len(self.plan.full_path),
            caret=CaretWork(1.0, 0.0, 0) if distribution is None else distribution.work,
            partial=self._halted is not None,
            tree=self._tree(),
        )

    def _running(self) -> list[Branch]:
        """The branches that wait for scores."""
        running = [branch for branch in self.branches if branch.stop is None]
        if self._spreads:
            running = [branch for branch in running if not branch.has_spread]
        return [branch for branch in running if branch.path not in self._contest]

    def _found(self) -> tuple[list[Continuation], list[StopReason]]:
        """The alternatives as they may be shown, and why others may not."""
        merged: dict[str, Continuation] = {}
        spelt: dict[str, set[Path]] = {}
        reasons = list(self._dropped)
        for branch in self.branches:
            found = branch.finish()
            path = branch.path_to(found.text)
            known = spelt.setdefault(found.text, set())
            if not found.text:
                reasons.append(found.stop)
            elif found.text not in merged:
                merged[found.text] = found
            elif path not in known and not self._samples:
                merged[found.text] = joined(merged[found.text], found)
            known.add(path)
        if self.request.depth > 1:
            merged = without_nested(merged)
        return list(merged.values())[: self.request.n], reasons

    def _fit_if_ready(self) -> None:
        """Once all branches have ended, read the text behind the caret behind each of them."""
        if not self._fits or self._fit is not None or not self._has_grown:
            return
        found, _ = self._found()
        if not found:
            self._fits = False
            return
        after = self.request.context.after
        self._fit = Fit(self.plan, self.tokenizer, after, found, self._most_path)

    def _unfit(self) -> None:
        """Leave the text behind the caret out of it."""
        self._fits = False
        if self._fit is not None and not self._fit.done:
            self._fit = None

    @property
    def _samples(self) -> bool:
        return self.request.sampling.temperature > 0

    def _begin_branches(self) -> None:
        """Choose the token that covers the caret for every alternative."""
        assert self._caret is not None
        distribution = self.distribution = self._caret.finish()
        self._caret = None
        if self._samples:
            self.branches = self._drawn_branches(distribution)
        else:
            self.branches = self._best_branches(distribution)

    def _grow(self, branch: Branch, scores: Scores, row: int) -> None:
        """Let a branch go on: alone, or in competition while it is young."""
        if self._samples or branch.n_tokens >= self.request.depth:
            for step in branch.steps(scores, row, 1):
                branch.take(step)
            return
        steps = branch.steps(scores, row, self.request.branches)
        self._contest[branch.path] = [(branch, step) for step in steps]
        self._decide_if_ready()

    def _favour_one(self) -> None:
        """Once all have their first words, let the one go on that is to be shown first."""
        if not self._spreads or any(not (one.stop or one.has_spread) for one in self.branches):
            return
        self._spreads = False
        chosen = self.branches[favourite([branch.spread for branch in self.branches])]
        for branch in self.branches:
            if branch is not chosen and branch.stop is None:
                branch.end_spread()

    def _decide_if_ready(self) -> None:
        """Keep the best of all grown and ended branches; those that spell the same text join."""
        contestants = [one for one in self.branches if one.stop is None]
        if not self._contest or any(one.path not in self._contest for one in contestants):
            return
        pool = [branch for branch in self.branches if branch.stop is not None]
        grown = [pair for pairs in self._contest.values() for pair in pairs]
        self._contest.clear()
        ranked = sorted(grown, key=lambda pair: -(pair[0].logprob + pair[1].logprob))
        for parent, step in ranked[: 2 * self.request.branches]:
            child = parent.copy()
            child.take(step)
            pool.append(child)
        winners, losers = joined_by_text(pool)
        self.branches = winners[: self.request.branches]
        self._lost += winners[self.request.branches :] + losers

    def _best_branches(self, distribution: CaretDistribution) -> list[Branch]:
        """The best branches that show something; a better one that shows nothing is noted."""
        chosen: list[Branch] = []
        screened = 0
        share = self.request.min_share
        for cover in distribution.best():
            if len(chosen) == self.request.branches or screened == MOST_SCREENED:
                break
            if chosen and math.exp(cover.logprob - chosen[0].logprob) < share:
                break
            if self._is_screened(cover):
                screened += 1
                continue
            branch = self._branch(distribution, cover, None)
            if branch.stop is None or branch.finish().text:
                chosen.append(branch)
                continue
            self._dropped.append(branch.stop)
            if self.request.n == 1:
                break
        return chosen

    def _drawn_branches(self, distribution: CaretDistribution) -> list[Branch]:
        drawn: list[Branch] = []
        for alternative in range(self.request.n):
            stream = Stream(self._seed, self._data, alternative)
            cover = distribution.draw(
                self.request.sampling, stream, 0, self._recent, self._is_screened
            )
            if cover is not None:
                drawn.append(self._branch(distribution, cover, stream))
        return drawn

    def _is_screened(self, cover: Cover) -> bool:
        """Whether what covers the caret may not be shown, which is noted."""
        screen = self.request.screen
        if screen is None or cover.token is None:
            return False
        whole = cover.beyond[: len(cover.beyond) - incomplete_suffix_bytes(cover.beyond)]
        if not screen.refuses(whole.decode("utf-8", errors="replace")):
            return False
        self._dropped.append("screened")
        return True

    def _branch(
        self, distribution: CaretDistribution, cover: Cover, stream: Stream | None
    ) -> Branch:
        context, stopping = self.request.context, self.request.stopping
        return Branch(
            self.request,
            self.tokenizer,
            cover,
            Assembler(context.before, context.after, stopping),
            distribution.spelling(cover.path).copy(),
            stream,
            self._recent,
        )

    @property
    def _recent(self) -> Sequence[int]:
        """The last tokens of the prompt, for the repetition penalty."""
        count = self.request.sampling.penalty_tokens
        return self.head[-count:] if count else ()

    def _tree(self) -> TextTree:
        """Everything that was looked at: winners, losers, and the best beginnings."""
        found = [item for branch in (*self.branches, *self._lost) for item in branch.spelt()]
        if self.distribution is not None:
            found += self.distribution.checked_texts(_TREE_COVERS)
        return TextTree.of(found)
