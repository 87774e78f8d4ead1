"""The simulation of a fleet: where theory knows the answer it gives that one, and so it does where it was measured."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCALE = Path(__file__).parents[2] / "benchmarks" / "scale"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCALE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # plan.py imports the simulation by its name, as a script beside it does
    spec.loader.exec_module(module)
    return module


simulation, plan = load("simulation"), load("plan")
Fleet, Resource, Stage = simulation.Fleet, simulation.Resource, simulation.Stage
limits, simulate = simulation.limits, simulation.simulate


def fleet(machines: int, workers: int, *, wait: float = 0.5, cores: float = 4, store: float = 1000) -> Any:
    """A second of a core, a wait, and a request of the store."""
    stages = (Stage("ask", wait), Stage("work", 1.0, ("cores",)), Stage("put", 1, ("puts",)))
    resources = {"cores": Resource(cores, each=1), "puts": Resource(store, everywhere=True)}
    return Fleet(machines, workers, stages, resources)


def test_one_worker_takes_the_sum_of_the_stages() -> None:
    one = fleet(1, 1)
    assert one.seconds_alone() == pytest.approx(1.501)
    assert simulate(one, 40).rate == pytest.approx(1 / 1.501, rel=1e-6)


@pytest.mark.parametrize(
    ("asked", "scarce"),
    [
        (fleet(3, 2), "workers"),
        (fleet(2, 12), "cores"),
        (fleet(3, 8, store=2), "puts"),
        (fleet(1, 1, wait=0, cores=1), "cores"),
        (fleet(1, 3, wait=0, cores=0.7), "cores"),
    ],
)
def test_it_goes_as_fast_as_the_scarcest_allows_where_nothing_is_near_another(asked: Any, scarce: str) -> None:
    most = limits(asked)
    made = simulate(asked, 25 * asked.machines * asked.workers)
    assert made.rate == pytest.approx(min(most.values()), rel=0.04)
    assert min(most, key=lambda name: (round(most[name], 2), name != scarce)) == scarce
    if scarce != "workers":
        assert made.fullest == scarce
        assert made.busy[scarce] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("workers", [1, 3, 6, 12])
def test_it_is_never_faster_than_a_limit_and_slower_only_near_the_knee(workers: int) -> None:
    asked = fleet(2, workers)
    rate, most = simulate(asked, 30 * workers).rate, min(limits(asked).values())
    assert 0.75 * most < rate < 1.02 * most


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_with_works_that_vary_it_agrees_with_mean_value_analysis(workers: int) -> None:
    """A shared server and a wait have a solution in closed form (Reiser & Lavenberg 1980, JACM 27(2))."""
    served, wait = 0.3, 1.0
    queue, rate = 0.0, 0.0
    for present in range(1, workers + 1):
        seconds = served * (1 + queue)
        rate = present / (wait + seconds)
        queue = rate * seconds
    stages = (Stage("ask", wait), Stage("work", served, ("disk",)))
    asked = Fleet(1, workers, stages, {"disk": Resource(1)})
    assert simulate(asked, 1500, exponential=True).rate == pytest.approx(rate, rel=0.06)


def test_machines_that_share_nothing_scarce_add_up() -> None:
    assert simulate(fleet(4, 4), 400).rate == pytest.approx(4 * simulate(fleet(1, 4), 200).rate, rel=0.04)


def test_all_photos_are_done_once_and_the_start_counts() -> None:
    made = simulate(fleet(1, 2, wait=0, cores=2), 6, start=1.5)
    assert made.seconds == pytest.approx(1.5 + 3 * 1.001, rel=0.01)
    assert made.busy["cores"] == pytest.approx(1, abs=0.01)
    assert made.busy["puts"] * made.seconds * 1000 == pytest.approx(6, rel=1e-6)


def test_it_reproduces_the_pool_of_processes_that_was_measured() -> None:
    measured = json.loads((SCALE / "measured.json").read_text(encoding="utf-8"))
    rows = plan.check(measured)
    assert {name.rsplit(", ", 1)[1] for name, _, _ in rows} == {"1 at once", "2 at once"}
    for name, real, made in rows:
        assert made == pytest.approx(real, rel=0.15), name
