"""Colour spaces: a photo's own numbers as the sRGB that models work in, and what they make of it back as own numbers.

The model sees sRGB in [0, 1]. A colour beyond is brought in for it: towards the gray of the same luminance until no
channel of its light is negative, and cut at white. What comes back is spread from that gray by as much again, and what
was cut is added, lifted as the rest was. So a colour outside sRGB stays the more saturated one, with its hue. Colours
inside come out as sRGB's, converted.

Everything is worked out value by value in double precision, and in strips, so that large photos need little memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from darklift.image.arrays import luma
from darklift.image.curves import SRGB, Curve, Light
from darklift.image.samples import FloatArray

__all__ = ["PRIMARIES", "SRGB_PRIMARIES", "ColourSpace", "adaptation", "matrix_to_xyz", "same_as_srgb", "white_of"]

_AT_ONCE = 2**14  # pixels of a strip: as many as stay near the processor
_LEAST_SHARE = 0.25  # of a colour's distance from gray that the model is shown at least: what is beyond, is cut
_MOST_LIFT = 64.0
_TOLERANCE = 2 / 255
"""How far, in coded sRGB, a space may lie from sRGB and is still taken for it.

Profiles of sRGB are rounded and adapted in several ways, and lie up to 1.5/255 away where a channel has next to no
light; gamma 2.2 lies 8/255 away there.
"""

_D65 = (0.3127, 0.3290)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])  # as ICC profiles have it
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
"""x and y of red, green, blue and white (ITU-R BT.709)."""

_P3, _BT601 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
PRIMARIES = {
    1: SRGB_PRIMARIES,
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _BT601,
    7: _BT601,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: (*_P3, (0.314, 0.351)),
    12: (*_P3, _D65),
}
"""The same of other spaces, by their numbers in ITU-T H.273, table 2."""


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """Three curves from coded values to light, and a matrix from there to the light of sRGB's red, green and blue.

    name: as people call it. columns: the matrix in CIE XYZ under D50, (3, 3) with a column per channel; None for gray.
    white: XYZ of the white that they were adapted from, None where that is D50 or not known.
    """

    name: str
    curves: tuple[Curve, Curve, Curve]
    columns: Light | None
    white: Light | None = None

    def seen(self, pixels: FloatArray) -> FloatArray:
        """What the model sees: own numbers, (H, W, 3) in [0, 1], as sRGB in [0, 1], (3, H, W)."""
        planes = np.empty((3, *pixels.shape[:2]), np.float32)
        for rows in _strips(pixels.shape[:2]):
            inside, _, _ = _brought_in(self._light(pixels[rows]))
            for channel in range(3):
                planes[channel, rows] = SRGB.encode(inside[channel])
        return planes

    def given_back(
        self, made: FloatArray, own: FloatArray, *, gray: bool = False, colour_kept: float = 1.0
    ) -> FloatArray:
        """What the model made, as own numbers: (H, W, 3) in [0, 1].

        made: sRGB in [0, 1], (3, H, W). own: the photo's numbers that :meth:`seen` was asked about, (H, W, 3). gray: it
        is going to be written with one channel, which is that of the sRGB result, converted. colour_kept: the share
        that comes back of what was cut from colours to bring them in.
        """
        if gray:
            made = np.stack([luma(made.transpose(1, 2, 0))] * 3)
        pixels = np.empty(own.shape, np.float32)
        back = None if self.columns is None else np.linalg.solve(self.columns, _SRGB_COLUMNS)
        for rows in _strips(own.shape[:2]):
            inside, cut, share = _brought_in(self._light(own[rows]))
            light = SRGB.decode(np.ascontiguousarray(made[:, rows]))
            lift = np.minimum(_luminance(light) / np.maximum(_luminance(inside), 1e-6), _MOST_LIFT)
            light += cut * (lift * colour_kept)
            middle = _luminance(light)
            light = middle + (light - middle) / share
            if back is not None:
                light = _mixed(back, light)
            for number, curve in enumerate(self.curves):
                pixels[rows, :, number] = curve.encode(light[number].clip(0, 1))
        return pixels

    def _light(self, pixels: FloatArray) -> Light:
        """The light of sRGB's three colours, (3, h, w); negative and above 1 where own colours lie outside."""
        coded = np.ascontiguousarray(pixels.transpose(2, 0, 1)).clip(0, 1)
        light = np.stack([curve.decode(plane).clip(0, 1) for curve, plane in zip(self.curves, coded, strict=True)])
        return light if self.columns is None else _mixed(np.linalg.solve(_SRGB_COLUMNS, self.columns), light)


def same_as_srgb(space: ColourSpace) -> bool:
    """Whether a space is sRGB but for rounding: judged by a grid of colours, the dark ones more closely."""
    steps = np.concatenate([np.arange(0, 33, 4), np.arange(48, 256, 23)]) / 255
    grid: FloatArray
    if space.columns is None:
        grid = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[:, None, None], 3, axis=2)
    else:
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1, dtype=np.float32).reshape(-1, 1, 3)
    light = space._light(grid)
    apart = np.abs(SRGB.encode(light.clip(0, 1)) - grid.transpose(2, 0, 1))
    return bool(apart.max() <= _TOLERANCE)


def matrix_to_xyz(primaries: tuple[tuple[float, float], ...]) -> Light:
    """Columns for :class:`ColourSpace` from x and y of red, green, blue and white, adapted from that white to D50.

    Raises ValueError for colours that make no space.
    """
    if any(y == 0 for _, y in primaries) or not all(0.1 <= value <= 0.8 for value in primaries[3]):
        raise ValueError("its primaries are no colours")
    red, green, blue = (_xyz(*corner) for corner in primaries[:3])
    white = white_of(primaries)
    plain = np.stack([red, green, blue], axis=1)
    if abs(np.linalg.det(plain)) < 1e-5:
        raise ValueError("its three colours lie on one line")
    columns: Light = adaptation(white) @ (plain * np.linalg.solve(plain, white))
    if abs(np.linalg.det(columns)) < 1e-5:
        raise ValueError("its white is made of two colours")
    return columns


def white_of(primaries: tuple[tuple[float, float], ...]) -> Light:
    """XYZ, (3,), of the white in x and y of red, green, blue and white."""
    return _xyz(*primaries[3])


def _xyz(x: float, y: float) -> Light:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def adaptation(white: Light) -> Light:
    """The matrix that takes XYZ under a white, (3,), to XYZ under D50, by Bradford's method (ICC.1:2022, annex E)."""
    before, after = _BRADFORD @ white, _BRADFORD @ _D50_XYZ
    adapted: Light = np.linalg.solve(_BRADFORD, np.diag(after / before) @ _BRADFORD)
    return adapted


_SRGB_COLUMNS = matrix_to_xyz(SRGB_PRIMARIES)


def _luminance(light: Light) -> Light:
    weights = _SRGB_COLUMNS[1]
    luminance: Light = weights[0] * light[0] + weights[1] * light[1] + weights[2] * light[2]
    return luminance


def _mixed(matrix: npt.NDArray[Any], light: Light) -> Light:
    """The matrix applied to each pixel, (3, h, w): spelled out, as BLAS may round a part otherwise than the whole."""
    return np.stack([row[0] * light[0] + row[1] * light[1] + row[2] * light[2] for row in matrix])


def _brought_in(light: Light) -> tuple[Light, Light, Light]:
    """Light of sRGB in [0, 1], what was cut to get there, and by which share colours were drawn to their gray before.

    (3, h, w), (3, h, w), (h, w): gray + (inside + cut - gray) / share is the light again.
    """
    gray, least = _luminance(light), light.min(axis=0)
    share = np.ones_like(gray)
    outside = least < 0
    away = np.maximum(gray[outside] - least[outside], 1e-12)
    share[outside] = (gray[outside] / away).clip(_LEAST_SHARE, 1)
    drawn = gray + share * (light - gray)
    drawn = np.where(outside, drawn, light)
    inside = drawn.clip(0, 1)
    return inside, drawn - inside, share


def _strips(size: tuple[int, int]) -> Iterator[slice]:
    rows, columns = size
    step = max(1, _AT_ONCE // columns)
    for top in range(0, rows, step):
        yield slice(top, min(top + step, rows))
