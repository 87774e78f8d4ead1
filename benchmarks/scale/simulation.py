"""A fleet of machines that light up photos, as a closed queueing network: nothing of darklift, no clock, no disk.

Every worker does one photo after the other, and every photo goes through the same stages. A stage is an amount of work
(core-seconds, bytes, requests) that uses one or several resources at once. A resource is shared evenly by whoever uses
it (processor sharing), and gives none of them more than one can take: a thread takes one core. A resource belongs to a
machine, or is one for the whole fleet. The stage goes as fast as the scarcest of its resources allows.

:func:`limits` is what operational analysis says without simulating (Denning & Buzen 1978, Computing Surveys 10(3)): no
more than the workers could do if nobody were in their way, and no more than any resource can give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Fleet", "Outcome", "Resource", "Stage", "limits", "simulate"]


@dataclass(frozen=True)
class Resource:
    """capacity: what it gives a second, in all. each: the most that one user can take. everywhere: one for the whole
    fleet; otherwise every machine has its own.
    """

    capacity: float
    each: float = math.inf
    everywhere: bool = False


@dataclass(frozen=True)
class Stage:
    """work: in the units of the resources that it uses. None are used by a stage that only takes time: then it is
    seconds.
    """

    name: str
    work: float
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """machines with workers each, which do the stages with the resources."""

    machines: int
    workers: int
    stages: tuple[Stage, ...]
    resources: Mapping[str, Resource]

    def seconds_alone(self) -> float:
        """For one photo, with nobody else about."""
        return sum(
            stage.work / min((min(self.resources[u].capacity, self.resources[u].each) for u in stage.uses), default=1.0)
            for stage in self.stages
        )

    def demand(self, name: str) -> float:
        """What one photo takes of a resource."""
        return sum(stage.work for stage in self.stages if name in stage.uses)

    def capacity(self, name: str) -> float:
        """What the whole fleet has of it."""
        resource = self.resources[name]
        return resource.capacity * (1 if resource.everywhere else self.machines)


@dataclass(frozen=True)
class Outcome:
    """rate: photos a second, once all is under way. seconds: for all photos, with beginning and end. busy: the share of
    each resource that was used meanwhile.
    """

    rate: float
    seconds: float
    busy: Mapping[str, float]

    @property
    def fullest(self) -> str:
        """The resource that holds the others up."""
        return max(self.busy, key=lambda name: self.busy[name])


def limits(fleet: Fleet) -> dict[str, float]:
    """Photos a second that each resource allows, and ``workers``: what they do if nobody is in anybody's way."""
    of_workers = fleet.machines * fleet.workers / fleet.seconds_alone()
    used = {name: fleet.demand(name) for name in fleet.resources}
    return {"workers": of_workers} | {name: fleet.capacity(name) / need for name, need in used.items() if need}


def simulate(fleet: Fleet, photos: int, *, start: float = 0.0, exponential: bool = False, seed: int = 0) -> Outcome:
    """Let the fleet do so many photos.

    start: core-seconds (of ``cores``) that each worker takes before its first photo. Without it they begin at random
    points of a photo, so that they are not all at the same stage. exponential: works vary, with the mean that is given,
    as textbooks assume; else all photos are alike.
    """
    rng = np.random.default_rng(seed)
    stages = (Stage("start", start, ("cores",)), *fleet.stages)
    tables = _tables(fleet, stages)
    count = fleet.machines * fleet.workers
    machine = np.repeat(np.arange(fleet.machines), fleet.workers)
    at = np.zeros(count, np.int64)
    if not start:
        shares = np.array([stage.work for stage in stages]) / tables.alone
        at = np.minimum(np.searchsorted(shares.cumsum(), rng.random(count) * shares.sum()), len(stages) - 1)
    left = tables.work[at] * (rng.random(count) if not start else 1.0)
    begun, done = int(np.count_nonzero(at > 0)), 0
    times = np.empty(photos)
    used = dict.fromkeys(fleet.resources, 0.0)
    now = 0.0
    while done < photos:
        speed = _speeds(fleet, tables, at, machine)
        wait = np.where(at >= 0, left / speed, np.inf)
        step = float(wait.min())
        now += step
        for name in used:
            users = tables.uses[name][at] & (at >= 0)
            used[name] += float(speed[users].sum()) * step
        left = left - speed * step
        for worker in np.flatnonzero(wait <= step * (1 + 1e-9)):
            stage = int(at[worker]) + 1
            if stage == len(stages):
                if done < photos:
                    times[done] = now
                done += 1
                stage = 1
            if stage == 1 and begun >= photos:
                at[worker] = -1  # nothing is left to do
                continue
            begun += stage == 1
            at[worker] = stage
            left[worker] = tables.work[stage] * (rng.exponential() if exponential else 1.0)
    early, late = photos // 4, max(photos // 4, photos - 1 - photos // 4)
    span = times[late] - times[early]
    rate = (late - early) / span if span > 0 else photos / now
    busy = {name: amount / now / fleet.capacity(name) for name, amount in used.items()}
    return Outcome(rate, now, busy)


@dataclass(frozen=True)
class _Tables:
    work: np.ndarray
    """Of each stage."""
    alone: np.ndarray
    """How fast each stage goes with nobody else about."""
    uses: Mapping[str, np.ndarray]
    """For each resource, which stages use it."""


def _tables(fleet: Fleet, stages: Sequence[Stage]) -> _Tables:
    work = np.array([stage.work for stage in stages])
    most = {name: min(each.capacity, each.each) for name, each in fleet.resources.items()}
    alone = np.array([min((most[name] for name in stage.uses if name in most), default=1.0) for stage in stages])
    uses = {name: np.array([name in stage.uses for stage in stages]) for name in fleet.resources}
    return _Tables(work, alone, uses)


def _speeds(fleet: Fleet, tables: _Tables, at: np.ndarray, machine: np.ndarray) -> np.ndarray:
    """Work a second of each worker, by the stage that it is at; those that have nothing to do are given one."""
    speed = tables.alone[at]
    for name, resource in fleet.resources.items():
        users = tables.uses[name][at] & (at >= 0)
        if not users.any():
            continue
        if resource.everywhere:
            share = resource.capacity / np.count_nonzero(users)
        else:
            share = resource.capacity / np.maximum(np.bincount(machine[users], minlength=fleet.machines), 1)[machine]
        speed = np.where(users, np.minimum(speed, share), speed)
    return speed
