"""Training curves as a picture: python benchmarks/plots/curves.py -o CURVES.png NAME=RUN [NAME=RUN,RUN …]

RUN is a run's folder, or several that follow one another (stages), joined by commas. The upper row shows each part of
the loss that any run has, smoothed; the lower row its scores in validation, where there are any. All of it against
hours of training, from the logs, or where a run is NAME@S=RUN, at S seconds a step: for runs on several machines. Needs
matplotlib (the extra dev).
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from darklift.evaluation.metrics import METRICS

SCORES = {f"validation/{metric.name}": metric for metric in METRICS}
SMOOTHING = 0.9


@dataclass
class Curve:
    """One quantity of one run: hours and values."""

    hours: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


def read(folders: Sequence[Path], step_seconds: float | None = None) -> dict[str, Curve]:
    """All quantities of runs that follow one another, by name; a step takes as long as logged, or ``step_seconds``."""
    curves: dict[str, Curve] = {}
    hours = 0.0
    for folder in folders:
        done = 0
        for line in (folder / "log.jsonl").read_text().splitlines():
            row = json.loads(line)
            if "seconds" in row:
                hours += (step_seconds or row["seconds"]) * (row["step"] - done) / 3600
                done = row["step"]
            for name, value in row.items():
                if name.startswith(("loss", "validation/")) and value is not None and math.isfinite(value):
                    curve = curves.setdefault(name, Curve())
                    curve.hours.append(hours)
                    curve.values.append(value)
    return curves


def smoothed(values: Sequence[float]) -> list[float]:
    """An exponential mean that starts from the first value."""
    result = [values[0]]
    for value in values[1:]:
        result.append(SMOOTHING * result[-1] + (1 - SMOOTHING) * value)
    return result


def draw(runs: Mapping[str, Mapping[str, Curve]], output: Path) -> None:
    losses = sorted({name for curves in runs.values() for name in curves if name.startswith("loss/")})
    scores = [name for name in SCORES if any(name in curves for curves in runs.values())]
    rows = [names for names in (losses, scores) if names]
    columns = max(len(names) for names in rows)
    figure, axes = plt.subplots(len(rows), columns, figsize=(4 * columns, 3 * len(rows)), squeeze=False)
    for row, names in zip(axes, rows, strict=True):
        for axis, name in zip(row, names, strict=False):
            draw_one(axis, name, {run: curves[name] for run, curves in runs.items() if name in curves})
        for axis in row[len(names) :]:
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(output, dpi=80)


def draw_one(axis: Axes, name: str, curves: Mapping[str, Curve]) -> None:
    """One quantity of all runs that have it."""
    metric = SCORES.get(name)
    for run, curve in curves.items():
        values = curve.values if metric else smoothed(curve.values)
        axis.plot(curve.hours, values, label=run, marker="o" if metric else "")
    if metric:
        unit = f"{metric.unit}, " if metric.unit else ""
        axis.set(title=metric.heading, ylabel=f"{unit}{metric.better} is better")
    else:
        axis.set(title=name)
        axis.set_yscale("symlog", linthresh=1e-4)
    axis.set(xlabel="hours")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME[@S]=RUN")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    runs = {}
    for run in arguments.runs:
        told, _, folders = run.rpartition("=")
        name, _, step_seconds = told.partition("@")
        paths = [Path(folder) for folder in folders.split(",")]
        runs[name or folders] = read(paths, float(step_seconds) if step_seconds else None)
    draw(runs, arguments.output)
    print(f"{arguments.output}: {', '.join(runs)}")


if __name__ == "__main__":
    main()
