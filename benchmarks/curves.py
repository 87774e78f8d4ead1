"""Training curves as a picture: python benchmarks/curves.py -o CURVES.png NAME=RUN [NAME=RUN,RUN …]

RUN: a run's folder, or several that follow one another (stages), joined by commas. Upper row: each part of the loss
that any run has, smoothed; lower row: validation, if any run was validated. Against hours of training, from the logs.
Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SCORES = ("psnr", "ssim", "psnr_gt_mean", "ssim_gt_mean")
SMOOTHING = 0.9


@dataclass
class Curve:
    """One quantity of one run: hours and values."""

    hours: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


def read(folders: Sequence[Path]) -> dict[str, Curve]:
    """All quantities of runs that follow one another, by name."""
    curves: dict[str, Curve] = {}
    hours = 0.0
    for folder in folders:
        done = 0
        for line in (folder / "log.jsonl").read_text().splitlines():
            row = json.loads(line)
            if "seconds" in row:
                hours += row["seconds"] * (row["step"] - done) / 3600
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    runs = {}
    for run in arguments.runs:
        name, _, folders = run.rpartition("=")
        runs[name or folders] = read([Path(folder) for folder in folders.split(",")])
    losses = sorted({name for curves in runs.values() for name in curves if name.startswith("loss/")})
    scores = [f"validation/{s}" for s in SCORES if any(f"validation/{s}" in curves for curves in runs.values())]
    rows = [names for names in (losses, scores) if names]
    columns = max(len(names) for names in rows)
    figure, axes = plt.subplots(len(rows), columns, figsize=(4 * columns, 3 * len(rows)), squeeze=False)
    for row, names in zip(axes, rows, strict=True):
        for axis, name in zip(row, names, strict=False):
            for run, curves in runs.items():
                if name in curves:
                    values = curves[name].values
                    shown = smoothed(values) if name.startswith("loss/") else values
                    axis.plot(curves[name].hours, shown, label=run, marker="" if name.startswith("loss/") else "o")
            axis.set(title=name, xlabel="hours")
            if name.startswith("loss/"):
                axis.set_yscale("symlog", linthresh=1e-4)
            axis.grid(alpha=0.3)
            axis.legend(fontsize=7)
        for axis in row[len(names) :]:
            axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(arguments.output, dpi=80)


if __name__ == "__main__":
    main()
