"""A model in a process of its own, started again whenever it ends: what a server is given.

`RemoteSuggester` is to the controller what a `Suggester` is. While there is no engine every
question fails at once with `EngineFailedError`, and whoever asks goes on without; what was asked
when it died fails the same way. A process that does not answer for `hang_s`, in native code or
because it was stopped, is killed. The first restart comes at once; one that fails, or does not
last, makes the next one wait, ever longer.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Self

from typing_extensions import Unpack

from tecla.checks import known
from tecla.closing import Closing
from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.errors import EngineFailedError, OptionError, TeclaError
from tecla.filters.judge import PlaceScreen
from tecla.models.info import ModelInfo
from tecla.process.life import Life
from tecla.process.messages import Begin, CloseSession, LeaveCaret, Opened, Screened, Spliced
from tecla.scheduler.terms import DEADLINE_MS
from tecla.scheduler.ticket import Sink
from tecla.settings import Settings, load
from tecla.suggest.base import Generating, State
from tecla.suggest.options import SUGGEST, EngineOptions, SuggestOptions, deadline_of

_FIRST_WAIT_S: Final = 0.5
_MOST_WAIT_S: Final = 30.0
_LASTING_S: Final = 10.0  # a process that ends sooner makes the next start wait
_COUNT_S: Final = 2.0
_START_S: Final = 120.0
_numbers = itertools.count(1)
_log = logging.getLogger(__name__)


class RemoteSuggester(Closing):
    """Suggestions from one model in another process; used from any thread."""

    def __init__(
        self, settings: Settings, *, common: str = "", ping_s: float = 1.0, hang_s: float = 10.0
    ) -> None:
        """Start the process, and block until the model is loaded; raises `ModelError`.

        `common` as a `Suggester` takes it.
        """
        self._common = common
        self._settings, self._ping_s, self._hang_s = settings, ping_s, hang_s
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._restarts = 0
        self._counted: dict[str, int] = {}
        life = Life(settings, common)
        try:
            opened = life.opened.result()
        except BaseException:
            life.close()
            raise
        self.info: ModelInfo = opened.info
        self.context_tokens = opened.context_tokens
        self._life: Life | None = life
        self._starting: Life | None = None
        self._watcher = threading.Thread(target=self._watch, name="tecla-watch", daemon=True)
        self._watcher.start()

    @classmethod
    def open(cls, model: str | None = None, **options: Unpack[EngineOptions]) -> Self:
        """Load a model in a process of its own; see `Suggester.open`."""
        return cls(load({"model": model, **options}).settings)

    @property
    def state(self) -> State:
        """Whether questions are answered now."""
        if self._closing.is_set():
            return "closed"
        life = self._life
        return "serving" if life is not None and not life.ended.is_set() else "starting"

    @property
    def healthy(self) -> bool:
        """Whether questions are answered now."""
        return self.state == "serving"

    @property
    def restarts(self) -> int:
        """How often the process was started again."""
        return self._restarts

    @property
    def process_id(self) -> int | None:
        """The number of the process in the system; `None` while there is none."""
        life = self._life
        return None if life is None else life.process_id

    def session(self, *, scope: Hashable = "") -> RemoteSession:
        """A caret that is typed at; `scope` is hashable and can be pickled."""
        return RemoteSession(self, next(_numbers), scope)

    def generate(
        self, request: Generation, sink: Sink | None = None, *, scope: Hashable = ""
    ) -> Generating:
        """Begin a generation without waiting; see `Suggesting.generate`."""
        return self.life().generate(request, sink, scope)

    def counters(self) -> dict[str, int]:
        """What was counted since the process was started, and what is held now.

        Blocks for at most two seconds; what was last heard if it does not answer by then.
        """
        with suppress(TeclaError, TimeoutError):
            self._counted = self.life().count().result(_COUNT_S)
        return {**self._counted, "restarts": self._restarts}

    def life(self) -> Life:
        """The process that answers now; raises `EngineFailedError` while there is none."""
        life = self._life
        if self._closing.is_set():
            raise EngineFailedError("the model was closed; open it again")
        if life is None or life.ended.is_set():
            raise EngineFailedError("the engine's process is being started again; try again soon")
        return life

    def close(self) -> None:
        """Fail what is pending and end the process; safe to call twice."""
        self._closing.set()
        with self._lock:
            lives = (self._life, self._starting)
        for life in lives:
            if life is not None:
                life.close()
        if threading.current_thread() is not self._watcher:
            self._watcher.join()

    def _watch(self) -> None:
        """See to it that there is a process, and that it answers."""
        wait_s = 0.0
        while not self._closing.is_set():
            life = self._life
            if life is None:  # closed while it was being started again
                return
            began = time.monotonic()
            self._stay_by(life)
            self._life = None
            life.close()
            if self._closing.is_set():
                return
            _log.error("the engine's process ended (%s); it is started again", life.how_it_ended)
            lasted = time.monotonic() - began >= _LASTING_S
            wait_s = 0.0 if lasted else min(_MOST_WAIT_S, wait_s)
            while not self._closing.wait(wait_s):
                wait_s = min(_MOST_WAIT_S, max(_FIRST_WAIT_S, 2 * wait_s))
                if self._start_again():
                    break

    def _start_again(self) -> bool:
        """Whether there is an engine again."""
        life = Life(self._settings, self._common)
        with self._lock:
            self._starting = life
        if self._closing.is_set():
            life.close()
            return False
        try:
            opened: Opened = life.opened.result(_START_S)
        except (TeclaError, TimeoutError) as error:
            life.kill()
            life.close()
            if not self._closing.is_set():
                why = str(error) or f"it is not there after {_START_S:.0f} s"
                _log.error("the engine cannot be started again: %s", why)
            return False
        self.info, self.context_tokens = opened.info, opened.context_tokens
        with self._lock:
            self._life, self._starting = life, None
        self._restarts += 1
        return True

    def _stay_by(self, life: Life) -> None:
        """Return when it has ended; end it if it does not answer."""
        heard = time.monotonic()
        asked: Future[dict[str, int]] | None = None
        while not life.ended.wait(self._ping_s) and not self._closing.is_set():
            now = time.monotonic()
            if asked is not None and asked.done():
                heard, asked = now, None
            if asked is None:
                try:
                    asked = life.count()
                except TeclaError:  # too many wait, or it is ending
                    asked = None
            if now - heard > self._hang_s:
                _log.error("the engine's process has not answered for %.0f s", now - heard)
                life.kill()


class RemoteSession(Closing):
    """The requests of one caret; see `Asking`."""

    def __init__(self, suggester: RemoteSuggester, number: int, scope: Hashable) -> None:
        """Made by `RemoteSuggester.session`."""
        self._suggester, self._number, self._scope = suggester, number, scope
        self._lock = threading.Lock()
        self._life: Life | None = None  # that knows the texts that were asked about last
        self._before = self._after = ""
        self._closed = False

    def begin(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Future[Completed]:
        """Ask without waiting; see `Asking.begin`."""
        known(options, SUGGEST)
        plain: dict[str, Any] = {**options}
        screen = plain.pop("screen", None)
        wanted_ms = deadline_of(deadline_ms)
        deadline_at = None if wanted_ms is None else time.monotonic() + wanted_ms / 1000
        life = self._suggester.life()
        with self._lock:
            if self._closed:
                raise OptionError("this session was closed; open another")
            if life is not self._life:
                self._before = self._after = ""
            question = Begin(
                0,
                self._number,
                self._scope,
                Spliced.of(before, self._before),
                Spliced.of(after, self._after),
                deadline_at,
                plain,
                None if screen is None else _screened(life, screen),
            )
            answer = life.begin(question)
            self._life, self._before, self._after = life, before, after
        return answer

    def give_up(self) -> None:
        """Give up what was asked; see `Asking.give_up`."""
        with self._lock:
            if self._life is not None:
                self._life.tell(LeaveCaret(self._number))

    def close(self) -> None:
        """Give up what was asked; safe to call twice."""
        with self._lock:
            self._closed = True
            if self._life is not None:
                self._life.tell(CloseSession(self._number))
                self._life = None


def _screened(life: Life, screen: object) -> Screened:
    """A screen as the process of the engine makes it again."""
    if not isinstance(screen, PlaceScreen):
        raise OptionError(
            f"screen is {type(screen).__name__}; in another process it must be one of `Filters`"
        )
    around = screen.surroundings
    return Screened(life.filtering(screen.options), around.header, around.language)
