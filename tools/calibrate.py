"""How far a model's results may be off: python tools/calibrate.py FOLDER --scenes DIR [--test DIR ...] [--write]

FOLDER is an exported model, such as src/darklift/weights/compact; with --write its card gets the intervals. --scenes
are multi-exposure scenes (DIR/NNN/target.jpg, low*.jpg), of which every 8th is taken, as the recipes hold them out.
--test are scenes to check the coverage on, all of them, or a folder of LOL's layout with val.txt and scenes.json. None
of them may have been trained on; where some of a test folder were, --unseen names those that were not, in one or more
lists (a scene a line), and each list and all others are told of by themselves. Where the weights that are shipped were
trained on everything, --measured names a model that was trained alike, without these scenes.

What is calibrated, and how (split conformal prediction by scene), is told in docs/explanation/maths.md. Printed are the
coverage by scenes (of those that are calibrated on, each by what the others say) and by what is known of a place, and
mean half-widths in levels of 255. Takes a second or two a frame.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from darklift import Enhancer, Tile, read_image
from darklift.data import exposure_pairs, match_pairs, read_names, select
from darklift.diffusion import random_generator
from darklift.files import write_atomically
from darklift.pipeline.compose import view_of
from darklift.pipeline.doubt import known_of_places
from darklift.runtime import Intervals, ModelCard
from darklift.runtime.intervals import KNOWN_OF_A_PLACE, Curve

Numbers = npt.NDArray[np.float64]
PIXELS = 500
"""Drawn of each frame."""
COVERAGES = (0.9, 0.95)
"""Those that were found to hold elsewhere, too (docs/lab/uncertainty.md)."""
SHAPE = 0.9
"""The coverage whose widths the curves are fitted to; factors make the others of them."""
KNOTS, BEND, SMALL, SOFT = 6, 1e-3, 1e-4, 0.1
"""Of each curve; what its bends and its size cost; and how far (in stops) the loss is round at 0."""
CODE = 1 / 255
FOLDS, DRAWS = 5, 1000
LATER = 5
"""Of test scenes every fifth, from the third on, is also told of by itself, unless lists say which: no training may see
these, ever.
"""
BINS = {
    "tone": (0, 0.05, 0.15, 0.3, 0.5, 0.7, 1),
    "held": (0, 1, 3, 7, 15, 31, 60),
}
"""Of the result's luma, and of the codes that the photo holds."""


@dataclass(frozen=True)
class Sample:
    """Pixels of frames: what is known of each (n,), how far each channel is off (3, n), which scene (n,) and weights
    (n,), such that every scene weighs 1.
    """

    known: Mapping[str, Numbers]
    errors: Numbers
    scenes: npt.NDArray[np.str_]
    weights: Numbers

    def where(self, chosen: npt.NDArray[np.bool_]) -> Sample:
        known = {name: values[chosen] for name, values in self.known.items()}
        return Sample(known, self.errors[:, chosen], self.scenes[chosen], self.weights[chosen])

    def mean(self, values: npt.NDArray[np.generic]) -> float:
        """Of (n,) or (3, n) values, every scene alike."""
        return float((values * self.weights).mean(axis=-1).mean() / self.weights.mean())


def frames_of(folder: Path, every: int) -> Iterator[tuple[str, Path, Path]]:
    """(scene, dark frame, truth): of LOL's layout the validation pairs, of scenes every n-th."""
    if (folder / "val.txt").exists():
        groups = json.loads((folder / "scenes.json").read_text())
        scene = {name: group[0] for group in groups for name in group}
        pairs = match_pairs(folder / "our485/low", folder / "our485/high")
        yield from ((scene[pair.name], pair.low, pair.high) for pair in select(pairs, read_names(folder / "val.txt")))
        return
    pairs = exposure_pairs(folder)
    held_out = set(sorted({pair.high.parent for pair in pairs})[every - 1 :: every])
    yield from ((p.high.parent.name, p.low, p.high) for p in pairs if p.high.parent in held_out)


def measure(enhancer: Enhancer, folder: Path, every: int = 1) -> Sample:
    """Enhance the frames, and draw pixels."""
    known: dict[str, list[Numbers]] = {name: [] for name in KNOWN_OF_A_PLACE}
    errors, scenes = [], []
    for number, (scene, low, high) in enumerate(frames_of(folder, every)):
        picture, rng = read_image(low), random_generator(0, "calibration", number)
        plan = enhancer.plan(picture)
        inside, signal = plan.look.inside, plan.look.signal
        assert signal is not None
        shown, truth = (
            each.pixels[inside.window].transpose(2, 0, 1)
            for each in (enhancer.render(picture, plan).picture, read_image(high))
        )
        tile = Tile(0, 0, *plan.look.extent)
        drawn = rng.choice(shown[0].size, min(PIXELS, shown[0].size), replace=False)
        places = known_of_places(view_of(picture, plan), signal, tile, np.ascontiguousarray(shown))
        alike = np.minimum(truth * (shown.mean() / max(truth.mean(), 1e-6)), 1)
        errors.append(np.abs(shown - alike).reshape(3, -1)[:, drawn].astype(np.float64))
        for name, values in places.items():
            known[name].append(values.ravel()[drawn].astype(np.float64))
        scenes.append(np.full(drawn.size, scene))
    all_scenes = np.concatenate(scenes)
    _, which, counts = np.unique(all_scenes, return_inverse=True, return_counts=True)
    joined = {name: np.concatenate(values) for name, values in known.items()}
    return Sample(joined, np.concatenate(errors, axis=1), all_scenes, 1 / counts[which])


def fit(sample: Sample) -> dict[str, Curve]:
    """Curves whose sum is the :data:`SHAPE` quantile of log2 of errors: least pinball loss, with few bends."""
    places = np.linspace(0.01, 0.99, KNOTS)
    knots = {name: np.unique(np.quantile(values, places).round(3)) for name, values in sample.known.items()}
    parts = [_shares(sample.known[name], knots[name]) for name in knots]
    shares, ends = np.concatenate(parts, axis=1), np.cumsum([part.shape[1] for part in parts])
    bends = np.zeros((0, shares.shape[1]))
    for end, part in zip(ends, parts, strict=True):
        rows = np.diff(np.eye(part.shape[1]), 2, axis=0)
        left = end - part.shape[1]
        bends = np.concatenate([bends, np.pad(rows, ((0, 0), (left, shares.shape[1] - end)))])
    stops = np.log2(sample.errors + CODE / 2)
    weights = sample.weights / sample.weights.sum() / 3
    middle = float(np.quantile(stops, SHAPE))

    def loss(heights: Numbers) -> tuple[float, Numbers]:
        off = (stops - middle - shares @ heights) / SOFT
        total = SOFT * (weights * (SHAPE * off + np.logaddexp(0, -off))).sum()
        slope = (weights * (1 / (1 + np.exp(np.clip(off, -50, 50))) - SHAPE)).sum(axis=0)
        bent = bends @ heights
        total += BEND * bent @ bent + SMALL * heights @ heights
        return float(total), shares.T @ slope + 2 * (BEND * bends.T @ bent + SMALL * heights)

    found = minimize(loss, np.zeros(shares.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    curves = {}
    for name, end, part in zip(knots, ends, parts, strict=True):
        heights = found[end - part.shape[1] : end] + (middle if name == KNOWN_OF_A_PLACE[0] else 0)
        curves[name] = Curve(tuple(knots[name].tolist()), tuple(heights.round(4).tolist()))
    return curves


def _shares(values: Numbers, knots: Numbers) -> Numbers:
    """(n, knots): what each knot's height has to say at each value."""
    return np.stack([np.interp(values, knots, unit) for unit in np.eye(len(knots))], axis=1)


def widths(curves: Mapping[str, Curve], sample: Sample) -> Numbers:
    unit = Intervals(curves, {SHAPE: 1.0}, {})
    return unit.half_widths(sample.known, SHAPE).astype(np.float64)  # type: ignore[arg-type]


def scores_of_others(sample: Sample) -> Numbers:
    """(3, n): errors in half-widths, each scene's by curves that were fitted to other scenes."""
    names = np.unique(sample.scenes)
    fold = dict(zip(names, random_generator(0, "folds").permutation(len(names)) % FOLDS, strict=True))
    folds = np.array([fold[scene] for scene in sample.scenes])
    scores = np.empty_like(sample.errors)
    for number in range(FOLDS):
        out = folds == number
        scores[:, out] = sample.errors[:, out] / widths(fit(sample.where(~out)), sample.where(out))
    return scores


def factor(scores: Numbers, scenes: npt.NDArray[np.str_], coverage: float) -> float:
    """What half-widths must be times, so that the next scene's errors lie within as often as is stated.

    Pixels of a scene are not exchangeable, scenes are: of each, one score is drawn. Of K scores and the next one any
    order is as likely, so that one is below the one of rank coverage·(K + 1) as often as is stated. The mean (of
    logarithms) over draws is taken. After Dunn, Wasserman & Ramdas 2023, JASA 118, single subsampling.
    """
    rng, names = random_generator(0, "factor"), np.unique(scenes)
    drawn = np.sort([rng.choice(scores[:, scenes == name].ravel(), DRAWS) for name in names], axis=0)
    rank = min(coverage * (len(names) + 1), len(names)) - 1
    ranks = np.arange(len(names))
    logs = np.log(np.maximum(drawn, 1e-6))
    return float(np.exp(np.mean([np.interp(rank, ranks, column) for column in logs.T])))


def factors(scores: Numbers, scenes: npt.NDArray[np.str_]) -> dict[float, float]:
    return {stated: round(factor(scores, scenes, stated), 4) for stated in COVERAGES}


def within_others(sample: Sample, scores: Numbers) -> dict[float, npt.NDArray[np.bool_]]:
    """Whether errors of each scene lie within, with factors of all other scenes."""
    within = {stated: np.zeros(scores.shape, np.bool_) for stated in COVERAGES}
    for name in np.unique(sample.scenes):
        out = sample.scenes == name
        for stated, times in factors(scores[:, ~out], sample.scenes[~out]).items():
            within[stated][:, out] = scores[:, out] <= times
    return within


def tell(name: str, sample: Sample, within: Mapping[float, npt.NDArray[np.bool_]], half: Numbers) -> None:
    """One row of the table: half are the half-widths at the coverage of :data:`SHAPE`."""
    covered = " | ".join(f"{100 * sample.mean(within[stated]):.1f}" for stated in COVERAGES)
    each = [within[SHAPE][:, sample.scenes == scene].mean() for scene in np.unique(sample.scenes)]
    worst = 100 * float(np.quantile(each, 0.1))
    print(f"| {name} | {len(each)} | {covered} | {worst:.0f} | {255 * sample.mean(half):.1f} |")


def tell_bins(name: str, sample: Sample, within: npt.NDArray[np.bool_], half: Numbers) -> None:
    """Rows by what is known of a place."""
    for known, edges in BINS.items():
        values = sample.known[known] if known == "tone" else 2 ** sample.known[known] - 1
        for low, high in pairwise(edges):
            there = (values >= low) & (values < high if high != edges[-1] else values >= low)
            if there.any():
                part = sample.where(there)
                share = sample.weights[there].sum() / sample.weights.sum()
                covered, width = part.mean(within[:, there]), 255 * part.mean(half[there])
                print(f"| {name} | {known} {low:g} to {high:g} | {share:.0%} | {100 * covered:.1f} | {width:.1f} |")


def parts_of(test: Sample, lists: Sequence[Path]) -> dict[str, Sample]:
    """The scenes that no training saw, by the lists' names, and all others."""
    names: list[str] = np.unique(test.scenes).tolist()
    unseen = {path.stem: list(read_names(path)) for path in lists} or {"every fifth": names[2::LATER]}
    chosen = {which: np.isin(test.scenes, some) for which, some in unseen.items()}
    others = ~np.any(list(chosen.values()), axis=0)
    return {which: test.where(there) for which, there in (chosen | {"others": others}).items() if there.any()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    parser.add_argument("--unseen", type=Path, nargs="*", default=[])
    parser.add_argument("--measured")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    enhancer = Enhancer(arguments.measured or arguments.folder)
    sample = measure(enhancer, arguments.scenes, arguments.every)
    scores, curves = scores_of_others(sample), fit(sample)
    made = {
        "on": f"{arguments.scenes.name}, every {arguments.every}th scene: {len(np.unique(sample.scenes))}",
        "pixels": PIXELS,
        "measured": enhancer.model.card.fingerprint,
    }
    intervals = Intervals(curves, factors(scores, sample.scenes), made)

    def half(of: Sample) -> Numbers:
        return widths(curves, of) * intervals.factors[SHAPE]

    print(f"| scenes | of them | {' | '.join(f'{stated:.0%}' for stated in COVERAGES)} | worst tenth | half-width |")
    print("|---|--:|" + "--:|" * (len(COVERAGES) + 2))
    tell(f"{arguments.scenes.name}, by the others", sample, within_others(sample, scores), half(sample))
    tested: list[tuple[str, Sample]] = []
    for folder in arguments.test:
        test = measure(enhancer, folder)
        tested.append((folder.name, test))
        parts = {folder.name: test}
        if not (folder / "val.txt").exists():
            parts |= {f"{folder.name}, {which}": part for which, part in parts_of(test, arguments.unseen).items()}
        for name, part in parts.items():
            unit = widths(curves, part)
            tell(name, part, {c: part.errors <= unit * f for c, f in intervals.factors.items()}, half(part))
    print(f"\n| scenes | places | of all | {SHAPE:.0%} | half-width |\n|---|---|--:|--:|--:|")
    for name, test in tested:
        tell_bins(name, test, test.errors <= half(test), half(test))
    if arguments.write:
        path = arguments.folder / "model.json"
        card = ModelCard.from_json(path.read_text(encoding="utf-8"), str(path))
        written = replace(intervals, made=made | {"for": card.fingerprint})
        write_atomically(path, replace(card, intervals=written).to_json().encode())


if __name__ == "__main__":
    main()
