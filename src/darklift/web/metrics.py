"""What is counted, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from darklift.web.service import Service

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Counters of one server, apart from those of the process that it runs in."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Gauges(service))
        self._requests = Counter(
            "darklift_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "darklift_request_seconds",
            "Seconds from a request's head to the end of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._bytes = Counter("darklift_bytes", "Bytes of bodies", ["direction"], registry=self._registry)
        self._refused = Counter(
            "darklift_refused", "Requests refused, by the kind of problem", ["kind"], registry=self._registry
        )
        self._pixels = Counter("darklift_pixels", "Pixels of results", ["model"], registry=self._registry)
        self._computing = Counter(
            "darklift_computing_seconds", "Seconds of computing results", ["model"], registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """One request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._bytes.labels("received").inc(received)
        self._bytes.labels("sent").inc(sent)

    def refused(self, kind: str) -> None:
        """One request, by one of :data:`darklift.web.problems.PROBLEMS`."""
        self._refused.labels(kind).inc()

    def enhanced(self, model: str, pixels: int, seconds: float) -> None:
        """One result."""
        self._pixels.labels(model).inc(pixels)
        self._computing.labels(model).inc(seconds)

    def text(self) -> tuple[bytes, str]:
        """All of them as Prometheus reads them, and the media type of that."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _Gauges(Collector):
    """What is looked up when it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """As the registry asks for it."""
        service = self._service
        running = GaugeMetricFamily("darklift_running", "Threads that compute", labels=["desk"])
        waiting = GaugeMetricFamily("darklift_waiting", "Pictures that wait", labels=["desk"])
        for name, desk in (("work", service.work), ("look", service.looks)):
            running.add_metric([name], len(desk.running))
            waiting.add_metric([name], desk.waiting)
        held = GaugeMetricFamily("darklift_held_bytes", "Bytes of photos and results that are held")
        held.add_metric([], service.budget.used)
        things = GaugeMetricFamily("darklift_held", "Photos and jobs that are held", labels=["kind"])
        things.add_metric(["photo"], len(service.photos))
        things.add_metric(["job"], len(service.jobs))
        return [running, waiting, held, things]
