"""What all requests share: models, who waits, what is held, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

from starlette.requests import Request

from darklift import __version__
from darklift.errors import UsageError
from darklift.pipeline.enhancer import Enhancer
from darklift.runtime.memory import free_memory
from darklift.runtime.threads import thread_count
from darklift.store.load import Opening
from darklift.web.desk import Desk, Ticket
from darklift.web.fields import Wish
from darklift.web.jobs import Job
from darklift.web.limits import Limits
from darklift.web.metrics import Metrics
from darklift.web.photo import Photo
from darklift.web.problems import Problem
from darklift.web.shelf import Budget, Shelf
from darklift.web.uploads import Gone
from darklift.web.work import Result, enhance
from darklift.weights import CATALOGUE, find_model

__all__ = ["Served", "Service", "client_of", "open_models"]

T = TypeVar("T")
_SWEEP = 5.0
"""Seconds between two looks for what has rested for too long."""
_FETCHED = 10.0
"""Seconds that the last results may be fetched in."""


@dataclass(frozen=True)
class Served:
    """A model that clients can choose. title: for people. bytes: of its files."""

    enhancer: Enhancer
    title: str
    bytes: int = 0


class Service:
    """One for each server."""

    def __init__(self, served: Mapping[str, Served], limits: Limits) -> None:
        """served: by the names that clients call the models by, the default first."""
        self.limits, self._served = limits, dict(served)
        self.names = list(served)
        self.enhancers = {name: one.enhancer for name, one in served.items()}
        self.budget = Budget(limits.held)
        seconds = 60 * limits.minutes
        self.photos: Shelf[Photo] = Shelf(self.budget, seconds)
        self.jobs: Shelf[Job] = Shelf(self.budget, seconds, may_go=lambda job: job.ended)
        self.budget.make_room = self._make_room
        self.work = Desk("work", limits.concurrent, limits.queue, limits.timeout)
        self.looks = Desk("look", limits.concurrent, limits.queue, min(limits.timeout, 60.0))
        """What a person waits for who moves a slider: small, and beside the work."""
        self.metrics = Metrics(self)
        self.stopping = self._hurried = False

    def _make_room(self, client: str, count: int) -> None:
        for shelf in (self.jobs, self.photos):
            shelf.make_room(client, count)

    async def wait(self, request: Request, desk: Desk, work: Callable[[Ticket], T]) -> T:
        """Have work done while the client waits; stopped where the client hangs up. Raises Gone, DarkliftError."""
        errand = desk.submit(client_of(request), work)
        watcher = asyncio.ensure_future(_hung_up(request))
        try:
            either: set[asyncio.Future[Any]] = {errand.outcome, watcher}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if errand.outcome.done():
                return errand.outcome.result()
            raise Gone
        finally:
            watcher.cancel()
            if not errand.outcome.done():
                errand.cancel()

    def enhanced(self, data: bytes, wish: Wish, ticket: Ticket) -> Result:
        """A photo's result, and that it was made; in a thread. Raises DarkliftError."""
        result = enhance(self.enhancers[wish.model], data, wish, self.limits.pixels, ticket)
        self.metrics.enhanced(result.model, result.width * result.height * result.frames, result.seconds)
        return result

    async def keep_house(self) -> None:
        """Remove what has rested for too long, as long as the server runs."""
        while True:
            await asyncio.sleep(_SWEEP)
            self.photos.sweep()
            self.jobs.sweep()

    async def drain(self) -> None:
        """Take on nothing more, and wait until what runs is done, and a little for its results to be fetched."""
        self.stopping = True
        unfinished = [job for job in self.jobs.values() if not job.ended]
        await asyncio.gather(self.work.drain(), self.looks.drain())
        for _ in range(int(_FETCHED / 0.1)):
            if self._hurried or all(job.result is None or job.fetched for job in unfinished):
                break
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Ask what runs to end, and wait for nobody."""
        self._hurried = True
        self.work.stop()
        self.looks.stop()

    def close(self) -> None:
        """Wait for the threads."""
        self.work.close()
        self.looks.close()

    def check_open(self) -> None:
        """Raises Problem where nothing is taken on any more."""
        if self.stopping:
            raise Problem("stopping", "the server is stopping: try again in a while")

    def describe(self) -> dict[str, Any]:
        """The models, and what computes, plain values."""
        cores = thread_count() or 1
        return {
            "darklift": __version__,
            "computes": f"server, {cores} core{'' if cores == 1 else 's'}",
            "models": [self._describe(name) for name in self.names],
        }

    def _describe(self, name: str) -> dict[str, Any]:
        model = self.enhancers[name].model
        return {
            "name": name,
            "title": self._served[name].title,
            "bytes": self._served[name].bytes,
            "method": model.card.method,
            "uncertainty": model.intervals is not None or model.tells_uncertainty,
            "coverages": [] if model.intervals is None else sorted(model.intervals.factors),
            "exposure": model.controls_exposure,
            "presets": {
                preset: {"steps": known.steps, "max_steps": known.max_steps}
                for preset, known in model.card.presets.items()
            },
        }


def open_models(openings: Sequence[Opening], limits: Limits, cores: int) -> Service:
    """A service with these models, each on its share of the cores and of the memory. Raises DarkliftError."""
    served: dict[str, Served] = {}
    share = None if limits.concurrent == 1 else free_memory() // limits.concurrent
    for opening in openings:
        memory = share if opening.memory is None else opening.memory
        one = replace(opening, threads=max(1, cores // limits.concurrent), memory=memory)
        path = find_model(str(opening.model))
        if path.stem in served:
            raise UsageError(f"two models are called {path.stem}: give one of them, or rename the other")
        title = CATALOGUE[path.stem].summary if path.stem in CATALOGUE else path.stem
        files = [path, *path.rglob("*")]
        length = sum(file.stat().st_size for file in files if file.is_file())
        served[path.stem] = Served(Enhancer(one.load()), title, length)
    return Service(served, limits)


def client_of(request: Request) -> str:
    """Who is served in turn: an address; of IPv6 the network that one household has."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
