"""What is counted, as Prometheus reads it: no user text, and labels of known values alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tecla.controller.suggestion import Suggestion
from tecla.serve.service import Service

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
_KNOWN_S: Final = 1.0  # the engine is asked for its counts at most so often


class Metrics:
    """The counts of one service; used from the event loop's thread."""

    def __init__(self) -> None:
        """Everything at zero."""
        registry = self.registry = CollectorRegistry()
        self.latency = Histogram(
            "tecla_answer_seconds",
            "Time to the settled answer of a revision, by where it came from.",
            ["source"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.shown = Counter(
            "tecla_shown", "Settled answers with something to show.", registry=registry
        )
        self.silent = Counter(
            "tecla_silent", "Settled answers without, by reason.", ["reason"], registry=registry
        )
        self.superseded = Counter(
            "tecla_superseded", "Revisions that a newer one overtook.", registry=registry
        )
        self.accepted = Counter(
            "tecla_accepted", "Suggestions that were taken, or a part of one.", registry=registry
        )
        self.saved = Counter(
            "tecla_saved_keys", "Keys that taking suggestions has saved.", registry=registry
        )
        self.without_model = Counter(
            "tecla_without_model",
            "Answers that the model had no part in, though it was asked, by reason.",
            ["reason"],
            registry=registry,
        )
        self.refused = Counter(
            "tecla_refused",
            "Requests and messages refused.",
            ["code"],
            registry=registry,
        )
        self.requests = Counter(
            "tecla_requests",
            "Requests by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self.learnt = Counter(
            "tecla_learnt_documents", "Documents learnt over the routes.", registry=registry
        )
        self.forgotten = Counter(
            "tecla_forgotten_documents", "Documents forgotten over the routes.", registry=registry
        )
        self.quota_refusals = Counter(
            "tecla_quota_refusals",
            "Requests to learn that a key's quota did not allow.",
            registry=registry,
        )
        self.connections = Gauge(
            "tecla_connections", "Open WebSocket connections.", registry=registry
        )
        self._gauges = {
            name: Gauge(f"tecla_{name}", text, registry=registry)
            for name, text in (
                ("texts", "Open texts."),
                ("lag_seconds", "How late the event loop runs."),
                ("pressure_level", "What is given up for load, 0 to 3."),
                ("engine_up", "Whether the engine's process answers."),
                ("engine_restarts", "How often it was started again."),
                ("engine_tokens", "Tokens evaluated since it was started."),
                ("engine_steps", "Steps since it was started; tokens by steps is the batch size."),
                ("engine_pending", "Requests it has taken and not answered."),
                ("engine_refused", "Requests it has refused since it was started."),
                ("screened", "Continuations that filters kept a search from."),
                ("cache_hits", "Answers from the shared cache."),
                ("cache_misses", "Questions the shared cache did not know."),
                ("cache_bytes", "Bytes the shared cache holds."),
                ("index_tokens", "Tokens of what was learnt that indexes hold."),
                ("feedback_waiting", "Events of feedback that are not written yet."),
                ("feedback_dropped", "Events of feedback that were dropped."),
            )
        }
        self._filtered = Gauge(
            "tecla_filtered",
            "Suggestions by what filters did with them, and why.",
            ["action", "reason"],
            registry=registry,
        )
        self.open_connections = 0
        self._counted: dict[str, int] = {}
        self._counted_at = -_KNOWN_S

    def answered(self, found: Suggestion, seconds: float) -> None:
        """A revision was settled."""
        self.latency.labels(found.origin).observe(seconds)
        if found.ghost is not None:
            self.shown.inc()
        else:
            self.silent.labels(found.silence or "nothing_found").inc()
        if found.without_model is not None:
            self.without_model.labels(found.without_model).inc()

    @contextmanager
    def connection(self) -> Iterator[None]:
        """One more WebSocket connection is open."""
        self.open_connections += 1
        self.connections.inc()
        try:
            yield
        finally:
            self.open_connections -= 1
            self.connections.dec()

    def took(self, text: str) -> None:
        """A suggestion, or its beginning, was put in by one key."""
        self.accepted.inc()
        self.saved.inc(max(0, len(text) - 1))

    def knows_engine(self) -> bool:
        """Whether the engine was asked for its counts a moment ago."""
        return time.monotonic() - self._counted_at < _KNOWN_S

    def engine_counted(self, counted: dict[str, int]) -> None:
        """What the engine says it has done."""
        self._counted, self._counted_at = counted, time.monotonic()

    def page(self, service: Service) -> bytes:
        """Everything, as text."""
        health, counted, gauges = service.health(), self._counted, self._gauges
        feedback = service.feedback.status()
        values = {
            "texts": health.texts,
            "lag_seconds": health.lag_ms / 1000,
            "pressure_level": health.level,
            "engine_up": int(health.engine == "serving"),
            "engine_restarts": health.restarts,
            "engine_tokens": counted.get("evaluated_tokens", 0),
            "engine_steps": counted.get("steps", 0),
            "engine_pending": counted.get("pending", 0),
            "engine_refused": counted.get("refused", 0),
            "screened": counted.get("screened", 0),
            "index_tokens": sum(service.library.learning.tokens.values()),
            "feedback_waiting": feedback.waiting,
            "feedback_dropped": feedback.dropped,
        }
        cache = service.cache
        if cache is not None:
            values.update(cache_hits=cache.hits, cache_misses=cache.misses, cache_bytes=cache.bytes)
        for name, value in values.items():
            gauges[name].set(value)
        for (action, reason), count in service.filtered().items():
            self._filtered.labels(action, reason or "").set(count)
        return generate_latest(self.registry)
