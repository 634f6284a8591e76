"""One request on its way through the decoder: its plan, its caret search and its branches.

Owns no engine; says what it wants evaluated and takes the scores. Branches are the
alternatives of the request; each owns a slot while it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tecla.decode.caret import CaretDistribution, CaretSearch, Cover
from tecla.decode.request import CaretWork, Completed, Continuation, Request, StopReason, WordEnd
from tecla.decode.stopping import Assembler
from tecla.decode.streams import Stream
from tecla.decode.window import fit
from tecla.engines.base import Scores
from tecla.text.base import Tokenizer
from tecla.text.caret import CaretPlan, Path, plan_caret
from tecla.text.spelling import Spelling

_LOOKED_AT = (1, 8)  # a greedy step looks at so many tokens before it looks at them all
_MAX_REFUSED = 256  # draws refused at one position before a continuation is given up


class Branch:
    """One alternative while it grows."""

    def __init__(
        self, job: Job, alternative: int, cover: Cover, assembler: Assembler, spelling: Spelling
    ) -> None:
        """Begin behind the token that covers the caret."""
        self.alternative = alternative
        self.cover = cover
        self.slot: int | None = None
        self.pending: list[int] = []  # tokens chosen and not yet evaluated
        self.stop: StopReason | None = None
        self.streamed_chars = 0
        self._request = job.request
        self._table = job.tokenizer.table
        self._end_ids = job.tokenizer.end_ids
        self._stream = job.stream(alternative)
        self._assembler, self._spelling = assembler, spelling
        self._logprob = cover.logprob
        self._taken = 0
        self._recent = [*job.recent, *cover.path]
        if cover.token is None:
            self.stop = "end"
        else:
            self._take(cover.token, cover.beyond)

    def advance(self, scores: Scores, row: int) -> None:
        """Choose the next token from the scores after the pending ones."""
        self.pending = []
        sampling = self._request.sampling
        if sampling.temperature == 0 and sampling.repetition_penalty == 1:
            chosen = self._most_probable(scores, row)
        else:
            chosen = self._drawn(scores, row)
        if chosen is None:
            self.stop = "unspellable"
            return
        token, logprob = chosen
        if token in self._end_ids:
            self.stop = "end"
            return
        self._logprob += logprob
        self._take(token, self._table.pieces[token])

    def new_text(self) -> str:
        """Text that became certain since the last call."""
        text = self._assembler.released() if self.stop is None else self.finish().text
        fresh = text[self.streamed_chars :]
        self.streamed_chars += len(fresh)
        return fresh

    def finish(self) -> Continuation:
        """The alternative as it may be shown."""
        return self._assembler.finish(self.stop or "max_tokens")

    def _take(self, token: int, beyond: bytes) -> None:
        self._spelling.push(token)
        self._recent.append(token)
        self._taken += 1
        self.pending = [token]
        self.stop = self._assembler.push(beyond, self._logprob)

    def _most_probable(self, scores: Scores, row: int) -> tuple[int, float] | None:
        for most in (*_LOOKED_AT, len(self._table)):
            top = scores.top_k(most)
            for token, logprob in zip(
                top.ids[row].tolist(), top.logprobs[row].tolist(), strict=True
            ):
                if token in self._end_ids or self._spelling.allows(token):
                    return token, logprob
        return None

    def _drawn(self, scores: Scores, row: int) -> tuple[int, float] | None:
        sampling = self._request.sampling
        recent = self._recent[-sampling.penalty_tokens :] if sampling.penalty_tokens else []
        banned: list[int] = []
        while len(banned) < _MAX_REFUSED:
            uniform = self._stream.uniform(self._taken, len(banned))
            token, logprob = scores.sample(row, sampling, uniform, recent=recent, banned=banned)
            if token in self._end_ids or self._spelling.allows(token):
                return token, logprob
            banned.append(token)
        return None


class Job:
    """One request with its place in the engine."""

    def __init__(
        self, index: int, request: Request, seed: int, tokenizer: Tokenizer, room_tokens: int
    ) -> None:
        """Fit the text into `room_tokens` and plan the caret."""
        self.index, self.request, self.tokenizer = index, request, tokenizer
        self._seed = seed
        self._data = fit(tokenizer, request.context, room_tokens)
        self.plan: CaretPlan = plan_caret(tokenizer, self._data)
        start = () if tokenizer.start_id is None else (tokenizer.start_id,)
        self.head: tuple[int, ...] = (*start, *self.plan.head)
        self.search: CaretSearch
        self.slots: dict[Path, int] = {}  # evaluated paths -> slots that hold them
        self.branches: list[Branch] = []
        self._work: CaretWork | None = None
        self._dropped: list[StopReason] = []

    def begin_search(self, tolerance: float) -> None:
        """Make ready to take the scores of the root."""
        self.search = CaretSearch(self.plan, self.tokenizer, tolerance)

    @property
    def recent(self) -> Sequence[int]:
        """The last tokens of the prompt, for the repetition penalty."""
        count = self.request.sampling.penalty_tokens
        return self.head[-count:] if count else ()

    @property
    def foreseen(self) -> Path:
        """The path most worth evaluating together with the root: a typed word of one token."""
        path = self.plan.full_path
        return path if len(path) == 1 else ()

    def stream(self, alternative: int) -> Stream:
        """The random stream of one alternative."""
        return Stream(self._seed, self._data, alternative)

    def begin_branches(self) -> None:
        """Choose the token that covers the caret for every alternative."""
        distribution = self.search.finish()
        self._work = distribution.work
        if self._samples:
            self.branches = self._drawn_branches(distribution)
        else:
            self.branches = self._best_branches(distribution)

    def result(self) -> Completed:
        """The answer, once no branch runs."""
        merged: dict[str, Continuation] = {}
        reasons = list(self._dropped)
        for branch in self.branches:
            found = branch.finish()
            if not found.text:
                reasons.append(found.stop)
            elif found.text in merged:
                merged[found.text] = _joined(merged[found.text], found, self._samples)
            else:
                merged[found.text] = found
        silence = None if merged else (reasons[0] if reasons else "unspellable")
        assert self._work is not None
        n_prompt = len(self.head) + len(self.plan.full_path)
        return Completed(tuple(merged.values()), silence, n_prompt, self._work)

    @property
    def _samples(self) -> bool:
        return self.request.sampling.temperature > 0

    def _best_branches(self, distribution: CaretDistribution) -> list[Branch]:
        """The `n` best branches that show something; a better one that shows nothing is noted."""
        chosen: list[Branch] = []
        for cover in distribution.best():
            if len(chosen) == self.request.n:
                break
            branch = self._branch(distribution, len(chosen), cover)
            if branch.stop is None or branch.finish().text:
                chosen.append(branch)
                continue
            self._dropped.append(branch.stop)
            if self.request.n == 1:
                break
        return chosen

    def _drawn_branches(self, distribution: CaretDistribution) -> list[Branch]:
        sampling = self.request.sampling
        drawn = (
            (alternative, distribution.draw(sampling, self.stream(alternative), 0, self.recent))
            for alternative in range(self.request.n)
        )
        return [self._branch(distribution, at, cover) for at, cover in drawn if cover is not None]

    def _branch(self, distribution: CaretDistribution, alternative: int, cover: Cover) -> Branch:
        context = self.request.context
        assembler = Assembler(context.before, context.after, self.request.stopping)
        return Branch(self, alternative, cover, assembler, distribution.spelling(cover.path).copy())


def _joined(first: Continuation, second: Continuation, sampled: bool) -> Continuation:
    """Two alternatives of equal text as one; different spellings add up, equal samples do not."""
    if sampled:
        return first
    return replace(
        first,
        probability=min(1.0, first.probability + second.probability),
        words=tuple(
            WordEnd(one.char_offset, min(1.0, one.probability + other.probability))
            for one, other in zip(first.words, second.words, strict=True)
        ),
    )
