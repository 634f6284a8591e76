"""How many threads a step runs on, found by trying while the machine changes.

llama.cpp's threads wait for one another at every layer by spinning. With a core for each that
is fastest; with another busy program on the machine, one thread that waits for a core makes all
of them wait, and a step takes several times as long as on a single thread. So now and then some
steps run on another number of threads, and what is fastest stays. Trials become rarer while
they lose, and come at once when steps get much slower than they were.

Batches differ in size: what is compared is the time of a step over what its tokens would cost
by the fitted line (`tecla.scheduler.cost`), smoothed.
"""

from __future__ import annotations

from tecla.engines.base import Engine

_TRIAL_STEPS = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 64, 1024  # steps between trials
_ALARM_PAUSE = 16
_ALARM = 1.5  # so much slower than before, and a trial is due
_SMOOTHING, _USUAL_SMOOTHING = 0.25, 0.01
_MARGIN = 0.9  # a trial must be so much faster to win


class ThreadTuner:
    """Chooses the number of threads of an engine between its steps."""

    def __init__(self, engine: Engine) -> None:
        """Begin with all threads."""
        self._engine = engine
        most = engine.most_threads
        self._choices = sorted({1, max(1, most // 2), most})
        self.threads = most
        self._trial: int | None = None
        self._trial_ratios: list[float] = []
        self._ratio: float | None = None  # of the steps on `threads`, smoothed
        self._usual: float | None = None  # the same, smoothed over many more steps
        self._since_trial = 0
        self._pause = _FIRST_PAUSE
        self._next = 0

    def observe(self, ms: float, expected_ms: float) -> None:
        """Take note of one step, and set the number of threads for the next."""
        if len(self._choices) == 1 or expected_ms <= 0:
            return
        ratio = ms / expected_ms
        if self._trial is not None:
            self._trial_ratios.append(ratio)
            if len(self._trial_ratios) > _TRIAL_STEPS:
                self._end_trial()
            return
        self._since_trial += 1
        self._ratio = _smoothed(self._ratio, ratio, _SMOOTHING)
        self._usual = _smoothed(self._usual, ratio, _USUAL_SMOOTHING)
        if self._is_due():
            self._begin_trial()

    def _is_due(self) -> bool:
        if self._since_trial >= self._pause:
            return True
        if self._usual is None or self._ratio is None or self._since_trial <= _ALARM_PAUSE:
            return False
        return self._ratio > _ALARM * self._usual

    def _begin_trial(self) -> None:
        others = [count for count in self._choices if count != self.threads]
        self._trial = others[self._next % len(others)]
        self._next += 1
        self._trial_ratios = []
        self._engine.use_threads(self._trial)

    def _end_trial(self) -> None:
        """Keep what was faster; the first step on other threads is not counted."""
        found = sorted(self._trial_ratios[1:])[_TRIAL_STEPS // 2]
        assert self._trial is not None
        assert self._ratio is not None
        if found < _MARGIN * self._ratio:
            self.threads, self._ratio = self._trial, found
            self._pause = _FIRST_PAUSE
        else:
            self._engine.use_threads(self.threads)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._trial, self._usual, self._since_trial = None, self._ratio, 0


def _smoothed(known: float | None, value: float, share: float) -> float:
    return value if known is None else known + share * (value - known)
