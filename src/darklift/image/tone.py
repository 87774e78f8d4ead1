"""Tone curves for developing a raw file: from the sensor's light to the values of a picture.

The light is linear, in 65,536 steps, and its top lies above white: a channel that has overflowed is put together from
those that have not. So every curve here ends in a shoulder that leaves no step of the highlights out.
"""

import numpy as np
import numpy.typing as npt

from darklift.image.arrays import luma
from darklift.image.curves import SRGB, Light
from darklift.image.picture import FloatArray

__all__ = ["camera_curve", "develop", "plain_curve"]

_STEPS = 2**16
_GRID = np.linspace(0, 1, 1025)  # coded light, on which curves are worked out
_SHOULDER = 0.8  # of white, coded: where the shoulder begins at the latest
_STRAIGHT = 0.1  # share of a straight line in the shoulder: it is nowhere level
_LEAST_SLOPE = 0.02  # of the coded light that every curve keeps, so that what a camera drowns in black is there
_KNOTS = np.linspace(0.005, 0.995, 64)  # shares of the pixels that are darker
_SMOOTH = 12  # steps of the grid
_SIDE = 128  # pixels of the shorter side that both pictures are compared at
_DARKEST = 0.02  # coded, of a preview's brightest parts: below, there is nothing to see in it


def develop(light: npt.NDArray[np.uint16], top: float, curve: Light) -> FloatArray:
    """Linear light through a curve: float32 in [0, 1], of the same shape. top: what the highest step stands for."""
    steps = SRGB.encode(np.linspace(0, top, _STEPS))
    table = np.interp(steps, _GRID, curve).astype(np.float32)
    return table[light]


def plain_curve(white: float) -> Light:
    """The curve that shows light as it is: so much of it becomes white, or would without the shoulder."""
    return _with_shoulder(SRGB.encode(SRGB.decode(_GRID) / white))


def camera_curve(light: npt.NDArray[np.uint16], top: float, preview: npt.NDArray[np.uint8]) -> Light | None:
    """The curve that gives the light the brightness of the camera's preview, None where that shows nothing.

    light: (H, W, 3), linear; top: what its highest step stands for. preview: (h, w, 3), coded, of any size, turned or
    not: what counts is how many pixels are how bright.
    """
    own = np.quantile(luma(SRGB.encode(_reduced(light) * (top / (_STEPS - 1))).astype(np.float32)), _KNOTS)
    wanted = np.quantile(luma((_reduced(preview) / 255).astype(np.float32)), _KNOTS)
    if wanted[-1] < _DARKEST < own[-1]:
        return None
    told = (wanted < _SHOULDER) & (own > 0)  # above, a preview is cut; no light at all is black, whatever it shows
    own, places = np.unique(own[told], return_index=True)
    if not len(own):
        return None
    wanted = wanted[told][places]
    curve = np.interp(_GRID, [0, *own], [0, *wanted])
    beyond = own[-1] < _GRID
    curve[beyond] = _GRID[beyond] * (wanted[-1] / own[-1])
    curve = _smoothed(curve)
    return _with_shoulder(curve + _LEAST_SLOPE * (_GRID - curve))


def _reduced(values: npt.NDArray[np.uint16] | npt.NDArray[np.uint8]) -> Light:
    """Means of square blocks, (h, w, 3): noise and sharpening count for little in them."""
    height, width, _ = values.shape
    step = max(1, min(height, width) // _SIDE)
    rows, columns = height // step, width // step
    blocks = values[: rows * step, : columns * step].reshape(rows, step, columns, step, 3)
    means: Light = blocks.mean(axis=(1, 3), dtype=np.float64)
    return means


def _smoothed(curve: Light) -> Light:
    """A rising curve without its corners; its ends stay."""
    kernel = np.hanning(2 * _SMOOTH + 3)[1:-1]
    before, after = 2 * curve[0] - curve[_SMOOTH:0:-1], 2 * curve[-1] - curve[-2 : -_SMOOTH - 2 : -1]
    smooth: Light = np.convolve([*before, *curve, *after], kernel / kernel.sum(), "valid")
    smooth[[0, -1]] = curve[[0, -1]]  # to the bit: how the sums there round depends on the processor
    return smooth


def _with_shoulder(curve: Light) -> Light:
    """The curve, bent from where it reaches the shoulder so that the highest light is white, and nothing below."""
    start = int(np.searchsorted(curve, _SHOULDER))
    if start >= len(curve) - 1:
        return curve.clip(0, 1)
    x, y = _GRID[start], min(curve[start], 1.0 - 1e-3)
    slope = (curve[start] - curve[start - 1]) / _GRID[1]
    way = (_GRID[start:] - x) / (1 - x)
    bend = max(1.0, (slope * (1 - x) / (1 - y) - _STRAIGHT) / (1 - _STRAIGHT))  # so that it goes on as it came
    bent = _STRAIGHT * way + (1 - _STRAIGHT) * (1 - (1 - way) ** bend)
    made: Light = np.concatenate([curve[:start], y + (1 - y) * bent])
    return made.clip(0, 1)
