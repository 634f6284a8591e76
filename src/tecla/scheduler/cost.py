"""What a step costs on this machine: a line fitted to the steps as they are run.

Milliseconds of a batch are taken as `fixed + per_token * tokens`, by least squares with
exponential forgetting, so that the model follows a machine that slows down or a text that
grows. Two made-up observations stand in until there are real ones.
"""

from __future__ import annotations

_FORGETTING = 0.98
_ASSUMED = ((1, 10.0), (32, 130.0))  # (tokens, ms), of a small model on two cores
_LEAST_MS = 0.01


class StepCost:
    """The fitted cost of a batch by its number of tokens."""

    def __init__(self) -> None:
        """Begin with what is assumed."""
        self._weight = self._n = self._nn = self._ms = self._n_ms = 0.0
        for tokens, ms in _ASSUMED:
            self.observe(tokens, ms)

    def observe(self, tokens: int, ms: float) -> None:
        """Take note of one step."""
        self._weight = self._weight * _FORGETTING + 1
        self._n = self._n * _FORGETTING + tokens
        self._nn = self._nn * _FORGETTING + tokens * tokens
        self._ms = self._ms * _FORGETTING + ms
        self._n_ms = self._n_ms * _FORGETTING + tokens * ms

    def ms(self, tokens: int) -> float:
        """Expected milliseconds of a batch of `tokens`."""
        fixed, per_token = self._line()
        return fixed + per_token * tokens

    def tokens_within(self, ms: float) -> int:
        """The most tokens a batch of about `ms` milliseconds has; at least 1."""
        fixed, per_token = self._line()
        return max(1, int((ms - fixed) / per_token))

    def saves(self, probability: float, sharing: int) -> bool:
        """Whether a token that is probably wanted next is worth evaluating in the same batch.

        It costs what one more token does. If it is wanted it spares that token later, and its part
        of a step of its own, which it would share with `sharing` others.
        """
        fixed, per_token = self._line()
        return probability * (fixed / sharing + per_token) > per_token

    def _line(self) -> tuple[float, float]:
        spread = self._weight * self._nn - self._n * self._n
        mean_ms, mean_n = self._ms / self._weight, self._n / self._weight
        per_token = 0.0
        if spread > 1e-6 * self._nn * self._weight:
            per_token = (self._weight * self._n_ms - self._n * self._ms) / spread
        if per_token <= 0:  # steps of one size only, or noise: all of it by the token
            per_token = max(mean_ms / mean_n, _LEAST_MS)
        return max(0.0, mean_ms - per_token * mean_n), per_token
