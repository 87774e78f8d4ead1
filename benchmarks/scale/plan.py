"""How fast, how long, how dear: python benchmarks/scale/plan.py [--photos 1e6 1e9] [--machines 1 10 100 1000]

The core-seconds of each stage are those of measured.json (made by benchmarks/scale/stages.py). All else is assumed, and
an option: --cores, --workers, --gigabits, --latency, --gets, --puts, --prefixes, --store-gigabits, --core-hour,
--get-price, --put-price, --gpu-seconds. --check holds the simulation against the pool of processes that was measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulation import Fleet, Outcome, Resource, Stage, limits, simulate

MEASURED = Path(__file__).with_name("measured.json")
ON_CORES = ("decode", "plan", "network", "render", "encode")
WORDS = {"cores": "cores", "gpu": "GPUs", "nic": "network", "gets": "store, reads", "puts": "store, writes"}
WORDS |= {"store": "store, bandwidth", "workers": "workers (they wait)"}
SIMULATED = 60  # machines at most: the law of the limits holds beyond, and agrees with the simulation before


def fleet_of(photo: Mapping[str, float], machines: int, options: argparse.Namespace) -> Fleet:
    """Machines that fetch photos from an object store, and put the results there."""
    resources = {
        "cores": Resource(options.cores, each=1),
        "nic": Resource(options.gigabits * 1e9 / 8),
        "store": Resource(options.store_gigabits * 1e9 / 8, everywhere=True),
        "gets": Resource(options.gets * options.prefixes, everywhere=True),
        "puts": Resource(options.puts * options.prefixes, everywhere=True),
    }
    in_cores = [Stage(name, photo[name], ("cores",)) for name in ON_CORES]
    if options.gpu_seconds is not None:
        resources["gpu"] = Resource(1)
        in_cores[ON_CORES.index("network")] = Stage("network", options.gpu_seconds, ("gpu",))
    stages = (
        Stage("ask", options.latency),
        Stage("get", 1, ("gets",)),
        Stage("fetch", photo["bytes_in"], ("nic", "store")),
        *in_cores,
        Stage("answer", options.latency),
        Stage("put", 1, ("puts",)),
        Stage("store", photo["bytes_out"], ("nic", "store")),
    )
    return Fleet(machines, options.workers or round(options.cores) + 2, stages, resources)


def rate_of(fleet: Fleet) -> tuple[float, str]:
    """Photos a second, and what holds the fleet up."""
    most = limits(fleet)
    if fleet.machines > SIMULATED:
        scarce = min(most, key=lambda name: most[name])
        return most[scarce], scarce
    made = simulate(fleet, 12 * fleet.machines * fleet.workers)
    held = made.fullest
    return made.rate, held if made.busy[held] > 0.9 else "workers"


def check(measured: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """For each measured run of the pool: its name, photos a second as measured, and as simulated."""
    rows = []
    for run in measured["pool"]:
        made = simulate_pool(measured, run)
        rows.append((f"{run['size']}, {run['workers']} at once", run["photos_a_second"], run["photos"] / made.seconds))
    return rows


def simulate_pool(measured: Mapping[str, Any], run: Mapping[str, Any]) -> Outcome:
    """One machine that has as much of its cores as the run got, with its start and its end.

    Of several workers, each starts as the command does, which starts, too.
    """
    stages = tuple(Stage(name, measured["photos"][run["size"]][name], ("cores",)) for name in ON_CORES)
    fleet = Fleet(1, run["workers"], stages, {"cores": Resource(run["cores"], each=1)})
    starts = 1 if run["workers"] == 1 else 1 + 1 / run["workers"]
    return simulate(fleet, run["photos"], start=starts * measured["start"])


def dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.2g}"


def duration(seconds: float) -> str:
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.3g} {unit}"
    return f"{seconds / 60:.3g} minutes"


def table(size: str, photo: Mapping[str, float], photos: float, options: argparse.Namespace) -> None:
    head = (
        f"{photos:,.0f} photos of {size}: machines",
        "photos/s",
        "held up by",
        "time",
        "machines, $",
        "store, $",
        "$",
    )
    print(f"\n| {' | '.join(head)} |\n|---|" + "--:|" * (len(head) - 1))
    for machines in options.machines:
        rate, held = rate_of(fleet_of(photo, machines, options))
        seconds = photos / rate
        computing = machines * options.cores * options.core_hour * seconds / 3600
        asking = photos / 1000 * (options.get_price + options.put_price)
        cells = (
            f"{machines}",
            f"{rate:,.0f}" if rate >= 1000 else f"{rate:.3g}",
            WORDS[held],
            duration(seconds),
            dollars(computing),
            dollars(asking),
        )
        print(f"| {' | '.join(cells)} | {dollars(computing + asking)} |")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=float, nargs="+", default=[1e6, 1e9])
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--sizes", nargs="+", metavar="WIDTHxHEIGHT", help="of those measured (all)")
    parser.add_argument("--measured", type=Path, default=MEASURED, metavar="FILE")
    parser.add_argument("--check", action="store_true", help="only hold the simulation against the measured pool")
    parser.add_argument("--cores", type=float, default=16, help="of a machine (%(default)s)")
    parser.add_argument("--workers", type=int, help="of a machine (two more than cores, since some wait)")
    parser.add_argument("--gigabits", type=float, default=5, help="a second, of a machine's network (%(default)s)")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds of a request (%(default)s)")
    parser.add_argument("--gets", type=float, default=5500, help="reads a second, of a prefix (%(default)s)")
    parser.add_argument("--puts", type=float, default=3500, help="writes a second, of a prefix (%(default)s)")
    parser.add_argument("--prefixes", type=int, default=1, help="that the store spreads the photos over (%(default)s)")
    parser.add_argument("--store-gigabits", type=float, default=100, help="a second, of the store (%(default)s)")
    parser.add_argument("--core-hour", type=float, default=0.045, help="dollars of a core for an hour (%(default)s)")
    parser.add_argument("--get-price", type=float, default=0.0004, help="dollars of 1000 reads (%(default)s)")
    parser.add_argument("--put-price", type=float, default=0.005, help="dollars of 1000 writes (%(default)s)")
    parser.add_argument("--gpu-seconds", type=float, help="the network's, on one GPU a machine (it runs on cores)")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    measured = json.loads(options.measured.read_text(encoding="utf-8"))
    if options.check:
        print("\n| pool of processes | measured photos/s | simulated | error |\n|---|--:|--:|--:|")
        for name, real, made in check(measured):
            print(f"| {name} | {real:.3g} | {made:.3g} | {made / real - 1:+.1%} |")
        return
    for photos in options.photos:
        for size in options.sizes or measured["photos"]:
            table(size, measured["photos"][size], photos, options)


if __name__ == "__main__":
    main()
