"""What is measured of a result of a large photo, against the clean picture, at full size: see :func:`measure`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter

from darklift.evaluation.metrics import psnr, scale_to_gt_mean, ssim

Pixels = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
LUMA = np.float32((0.299, 0.587, 0.114))

DETAIL = 8
"""Pixels: the deviation of the Gaussian whose blur is what detail is finer than."""
BLOCK, FLAT, DARK = 32, 0.8, 96
"""Pixels of a block's side; codes that a flat one's luma deviates by at most, and that a dark one's mean is below."""
REACH, NEAR, FAR = 24.0, (2.5, 10.0), 12.0
"""Pixels across an edge: as far as is looked; where a halo would be; from where on a side is what it is."""
_STEP, _HIGH, _EVEN, _MOST = 0.25, 30.0, 2.5, 3000
"""Pixels between samples across an edge; codes of an edge at least; that its sides vary by at most; edges looked at."""
_ALONG = (-4, -2, 0, 2, 4)
"""Pixels along an edge whose profiles are averaged, because of noise."""

HEADINGS = {
    "psnr": "PSNR",
    "gt_mean": "GT-mean PSNR",
    "ssim": "SSIM",
    "detail": "detail PSNR",
    "kept": "texture (%)",
    "noise": "noise (codes)",
    "blotches": "blotches (codes)",
    "width": "edge (pixels)",
    "halo": "halo (%)",
}


@dataclass(frozen=True)
class Edges:
    """Strong straight edges between even sides: rows and columns of each, and the direction towards its light side."""

    places: npt.NDArray[np.float64]
    towards: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """A clean picture, (H, W, 3), and where it is flat and has edges."""

    truth: Codes
    luma: Pixels
    flat: npt.NDArray[np.bool_]
    edges: Edges

    @classmethod
    def of(cls, truth: Codes) -> Reference:
        luma = truth @ LUMA
        return cls(truth, luma, flat_blocks(luma), find_edges(luma))


def measure(result: Codes, reference: Reference) -> dict[str, float]:
    """By the names of :data:`HEADINGS`; NaN where the picture has no place to tell it.

    psnr, ssim: as they are. gt_mean: scaled to the truth's mean first. detail: PSNR of what is finer than
    :data:`DETAIL` pixels, so that tones do not count. kept: how much of the truth's texture (luma, finer than 2 pixels,
    brightness for brightness) the result has, by regression; noise neither adds nor takes away. noise, blotches:
    deviation of colours in dark flat blocks, around a plane, of single pixels and of 8×8 pixels' means. width: between
    10 and 90% of strong edges, median. halo: by how much what is near a strong edge differs from its side, mean; a
    very soft edge counts, too.
    """
    truth, luma = reference.truth, result @ LUMA
    widths, beside = edge_widths(luma, reference.edges), halos(luma, reference.edges)
    unit = [picture.astype(np.float32) / 255 for picture in (result, truth)]
    return {
        "psnr": psnr(result, truth),
        "gt_mean": psnr(scale_to_gt_mean(unit[0], unit[1]), truth),
        "ssim": ssim(result, truth),
        "detail": detail_psnr(result, truth),
        "kept": 100 * texture_kept(luma, reference.luma),
        "noise": noise(result, reference.flat),
        "blotches": noise(result, reference.flat, 8),
        "width": float(np.nanmedian(widths)) if np.isfinite(widths).any() else np.nan,
        "halo": 100 * float(np.nanmean(beside)) if np.isfinite(beside).any() else np.nan,
    }


def detail_psnr(result: Codes, truth: Codes) -> float:
    """dB, over the colours' differences without their blur; of 255."""
    squares = []
    for channel in range(3):
        difference = result[..., channel].astype(np.float32) - truth[..., channel]
        difference -= gaussian_filter(difference, DETAIL)
        squares.append(float(np.mean(difference * difference, dtype=np.float64)))
    return float(10 * np.log10(255**2 / max(np.mean(squares), 1e-9)))


def texture_kept(luma: Pixels, wanted: Pixels) -> float:
    """1 for all of it; both are divided by their own blur, so that a change of tone does not count."""
    fine, fine_wanted = (picture / (gaussian_filter(picture, 4) + 2) for picture in (luma, wanted))
    fine, fine_wanted = (picture - gaussian_filter(picture, 2) for picture in (fine, fine_wanted))
    return float(np.mean(fine * fine_wanted, dtype=np.float64) / np.mean(fine_wanted**2, dtype=np.float64))


def flat_blocks(wanted: Pixels) -> npt.NDArray[np.bool_]:
    """Which blocks of the clean luma are flat and dark, but for a gradient: (rows, columns)."""
    blocks = _blocks(wanted)
    return (_around_plane(blocks).std(axis=(2, 3)) < FLAT) & (blocks.mean(axis=(2, 3)) < DARK)


def noise(result: Codes, flat: npt.NDArray[np.bool_], side: int = 1) -> float:
    """Codes: root mean square over flat blocks and colours, of means over so many pixels each way."""
    if not flat.any():
        return np.nan
    squares = []
    for channel in range(3):
        rest = _around_plane(_blocks(result[..., channel].astype(np.float32))[flat][None])[0]
        means = rest.reshape(len(rest), BLOCK // side, side, BLOCK // side, side).mean(axis=(2, 4))
        squares.append(float(np.mean(means * means)))
    return float(np.sqrt(np.mean(squares)))


def _blocks(plane: Pixels) -> Pixels:
    """(H, W) -> (rows, columns, BLOCK, BLOCK), without what is left over."""
    rows, columns = (length // BLOCK for length in plane.shape)
    return plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)


def _around_plane(blocks: Pixels) -> Pixels:
    """Blocks (…, BLOCK, BLOCK) less the plane that fits each best."""
    slope = np.linspace(-1, 1, BLOCK, dtype=np.float32)
    down, across = slope[:, None], slope[None, :]
    rest = blocks - blocks.mean(axis=(-2, -1), keepdims=True)
    for plane in (down, across):
        steepness = (rest * plane).mean(axis=(-2, -1), keepdims=True) / np.mean(slope * slope)
        rest = rest - steepness * plane
    return rest


def find_edges(wanted: Pixels) -> Edges:
    """Edges of the clean luma that rise by :data:`_HIGH` codes or more between even sides, :data:`_MOST` at most."""
    down, across = np.gradient(gaussian_filter(wanted, 1))
    slope = np.hypot(down, across)
    highest = slope == maximum_filter(slope, 3)
    # a rise of so many codes within a few pixels, of which a soft file needs more
    rise = maximum_filter(wanted, 9) - minimum_filter(wanted, 9)
    margin = int(REACH) + 6
    inside = np.zeros(wanted.shape, bool)
    inside[margin:-margin, margin:-margin] = True
    rows, columns = np.nonzero(highest & inside & (slope > _HIGH / 8) & (rise > _HIGH))
    chosen = np.random.default_rng(0).permutation(len(rows))[: 20 * _MOST]
    rows, columns = rows[chosen], columns[chosen]
    towards = np.stack([down[rows, columns], across[rows, columns]], axis=1) / slope[rows, columns][:, None]
    edges = Edges(np.stack([rows, columns], axis=1).astype(np.float64), towards.astype(np.float64))
    for along in ((0,), _ALONG):  # most fall out at the first, which takes less time
        profiles = profiles_across(wanted, edges, along)
        dark, light = (_side(profiles, sign, FAR, REACH) for sign in (-1, 1))
        height = light.mean(axis=1) - dark.mean(axis=1)
        # also near: other edges are no halos
        even = [np.ptp(_side(profiles, sign, 5, REACH), axis=1) < 2 * _EVEN for sign in (-1, 1)]
        good = np.nonzero((height > _HIGH) & even[0] & even[1])[0][:_MOST]
        edges = Edges(edges.places[good], edges.towards[good])
    return edges


def profiles_across(luma: Pixels, edges: Edges, steps: Sequence[int] = _ALONG) -> Pixels:
    """Luma from -REACH to REACH across each edge, dark side first, mean over places along it: (n, samples)."""
    offsets = np.arange(-REACH, REACH + _STEP / 2, _STEP)
    along = edges.towards[:, ::-1] * (1, -1)
    sums = np.zeros((len(edges.places), len(offsets)))
    for step in steps:
        at = (edges.places + step * along)[:, None, :] + offsets[None, :, None] * edges.towards[:, None, :]
        sums += map_coordinates(luma, [at[..., 0], at[..., 1]], order=1, mode="nearest")
    return (sums / len(steps)).astype(np.float32)


def edge_widths(luma: Pixels, edges: Edges) -> npt.NDArray[np.float64]:
    """Pixels from 10 to 90% of each edge, outwards from its middle; NaN where the picture has no such edge."""
    relative = _relative(luma, edges)
    middle = relative.shape[1] // 2
    return (_reached(relative[:, middle:], 0.9) + _reached(1 - relative[:, middle::-1], 0.9)) * _STEP


def halos(luma: Pixels, edges: Edges) -> npt.NDArray[np.float64]:
    """By how much the near sides of each edge differ from the far ones, as a share of its height."""
    relative = _relative(luma, edges)
    return (np.abs(_side(relative, -1, *NEAR).mean(axis=1)) + np.abs(_side(relative, 1, *NEAR).mean(axis=1) - 1)) / 2


def _relative(luma: Pixels, edges: Edges) -> Pixels:
    """Profiles, 0 on the dark side and 1 on the light one; NaN where they hardly differ."""
    profiles = profiles_across(luma, edges)
    dark, light = (_side(profiles, sign, FAR, REACH).mean(axis=1, keepdims=True) for sign in (-1, 1))
    return (profiles - dark) / np.where(light - dark > _HIGH / 3, light - dark, np.nan)


def _side(profiles: Pixels, sign: int, start: float, end: float) -> Pixels:
    middle = profiles.shape[1] // 2
    places = middle + sign * np.arange(round(start / _STEP), round(end / _STEP) + 1)
    return profiles[:, places]


def _reached(rising: Pixels, level: float) -> npt.NDArray[np.float64]:
    """How many samples, and parts of one, each row takes to the level; NaN where it never gets there."""
    after = (rising >= level).argmax(axis=1)
    rows = np.arange(len(rising))
    high, low = rising[rows, after], rising[rows, np.maximum(after - 1, 0)]
    part = (high - level) / np.where(high > low, high - low, 1)
    return np.where((rising >= level).any(axis=1), after - np.where(after > 0, part, 0), np.nan)
