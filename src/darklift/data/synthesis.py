"""Dark photographs made from good ones: a camera's exposure, noise and file, simulated in linear light.

Model: light -> exposure and white balance -> Poisson-like shot noise and Gaussian read noise (Foi et al. 2008: variance
a·signal + b), perhaps as a phone's noise reduction leaves it -> sRGB coding (IEC 61966-2-1) -> 8 bits -> perhaps JPEG.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.data.crop import Planes
from darklift.image.overview import area_average

__all__ = [
    "MAX_EXPOSE",
    "Camera",
    "Grain",
    "add_grain",
    "code_in_blocks",
    "draw_camera",
    "draw_quality",
    "expose",
    "jitter_exposure",
    "light_of",
    "recompress",
    "shoot_uneven",
    "underexpose",
]

MAX_EXPOSE = 0.4
"""Stops of coded value (about one stop of light) by which :func:`expose` can brighten without turning tones round."""

_CODES = np.arange(256, dtype=np.float32) / 255
_TO_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_ROOTS = np.arange(4096, dtype=np.float32) / 4095
"""The coding curve is tabulated over the square root of light, which spends its entries in the shadows."""
_FROM_ROOT = np.where(
    _ROOTS**2 <= 0.0031308, 12.92 * _ROOTS**2, 1.055 * np.maximum(_ROOTS**2, 1e-9) ** (1 / 2.4) - 0.055
).astype(np.float32)


_NIGHT_KEPT = 0.3
"""How much of the light that an uneven scene's darker places lack, in stops, the good picture of it lacks as well."""


@dataclass(frozen=True)
class Grain:
    """Noise as a phone's file holds it, after demosaicing and noise reduction: more grey than coloured, in blotches.

    luma, chroma: how often each is smoothed over 3×3 pixels. coloured: share of the variance that is chroma's; the rest
    is the same in R, G and B.
    """

    luma: int
    chroma: int
    coloured: float


@dataclass(frozen=True)
class Camera:
    """One dark shot. stops: exposure lost. gains: of R, G, B. shot, read: noise (variance a, deviation sqrt b, full
    scale 1).

    grain: what became of the noise, its variance apart, or None for a raw sensor's (every pixel and channel by itself).
    black: light lost to a raised black level. jpeg: quality, or None for an uncompressed file.
    """

    stops: float
    gains: tuple[float, float, float]
    shot: float
    read: float
    grain: Grain | None
    black: float
    jpeg: int | None


def draw_camera(rng: np.random.Generator, max_stops: float = 7.0, min_stops: float = 0.0) -> Camera:
    """A random camera and exposure; noise levels log-uniform, a JPEG every other time."""
    gains = np.exp(rng.normal(0, 0.08, 3))
    return Camera(
        stops=float(rng.uniform(min_stops, max_stops)),
        gains=(float(gains[0]), float(gains[1]), float(gains[2])),
        shot=float(10 ** rng.uniform(-5.3, -3.3)),
        read=float(10 ** rng.uniform(-4.3, -2.7)),
        grain=_draw_grain(rng) if rng.random() < 0.5 else None,
        black=float(rng.uniform(0, 0.002)) if rng.random() < 0.25 else 0.0,
        jpeg=draw_quality(rng) if rng.random() < 0.5 else None,
    )


def _draw_grain(rng: np.random.Generator) -> Grain:
    """Around what night photos from phones have on flat parts (docs/explanation/maths.md), and wider."""
    luma = (0, 1, 2, 4, 8)[int(rng.integers(5))]
    return Grain(luma, chroma=luma + int(rng.integers(8)), coloured=float(rng.uniform(0.05, 0.4)))


def underexpose(
    photo: Planes, camera: Camera, rng: np.random.Generator, lit: npt.NDArray[np.float32] | None = None
) -> Planes:
    """The photo as this camera would have taken it: uint8 (3, H, W) -> uint8 (3, H, W).

    lit: (H, W), how much of its light each place has; None for all of it.
    """
    gains = np.array(camera.gains, dtype=np.float32)[:, None, None] * np.float32(2**-camera.stops)
    light: npt.NDArray[np.float32] = _TO_LINEAR[photo] * gains
    if lit is not None:
        light *= lit
    light += _draw_noise(rng, photo.shape[1:], camera.grain) * np.sqrt(camera.shot * light + camera.read**2)
    light -= camera.black
    dark = _coded(light)
    return dark if camera.jpeg is None else recompress(dark, camera.jpeg)


def add_grain(low: Planes, rng: np.random.Generator) -> Planes:
    """A real dark photo as a phone's file would hold it: grain of a random camera on top of its own noise, every other
    time through JPEG. Light and colour stay, but for what clips at black. (3, H, W) uint8, likewise out.
    """
    camera = draw_camera(rng, max_stops=0.0)
    return underexpose(low, replace(camera, gains=(1.0, 1.0, 1.0), grain=_draw_grain(rng), black=0.0), rng)


def _coded(light: npt.NDArray[np.float32]) -> Planes:
    coded = _FROM_ROOT[(np.sqrt(np.clip(light, 0, 1)) * 4095 + 0.5).astype(np.int32)]
    return (coded * 255 + 0.5).astype(np.uint8)


def shoot_uneven(photo: Planes, camera: Camera, rng: np.random.Generator, power: float) -> tuple[Planes, Planes]:
    """A dark shot of a scene lit more unevenly than its good photo tells, and what a photographer would make of it.

    A good photo of a wide range of light was compressed (tone mapping; Reinhard et al. 2002): what it shows bright was
    brighter still, beside the rest. So each place's light is multiplied by its own brightness to a random power of .2
    to 1 times ``power``: lamps fill the camera's range, and the rest is night. The good picture keeps 30% of that:
    night is not day. (3, H, W) uint8 -> two of these.
    """
    light = light_of(photo, cells=(None, 12, 40)[int(rng.integers(3))])
    lit = light ** np.float32(rng.uniform(0.2, 1) * power)
    return underexpose(photo, camera, rng, lit), _coded(_TO_LINEAR[photo] * lit ** np.float32(_NIGHT_KEPT))


def light_of(photo: Planes, cells: int | None = None) -> npt.NDArray[np.float32]:
    """How brightly each place of a photo is lit: (3, H, W) -> (H, W) in [0.001, 1], 1 for its lightest fiftieth.

    The mean of its channels in linear light, at each pixel or as it is over a grid of cells×cells.
    """
    light: npt.NDArray[np.float32] = _TO_LINEAR[photo].mean(axis=0)
    if cells is not None:
        grid = Image.fromarray(area_average(light[None], (cells, cells))[0])
        light = np.asarray(grid.resize(light.shape[::-1], Image.Resampling.BILINEAR))
    shares: npt.NDArray[np.float32] = light / max(float(np.quantile(light[::4, ::4], 0.98)), 0.001)
    return np.clip(shares, 0.001, 1)


def _draw_noise(rng: np.random.Generator, size: tuple[int, ...], grain: Grain | None) -> npt.NDArray[np.float32]:
    """Noise of mean 0 and deviation 1: (3, *size)."""
    if grain is None:
        return rng.standard_normal((3, *size), dtype=np.float32)
    margin = max(grain.luma, grain.chroma)
    white = rng.standard_normal((3, size[0] + 2 * margin, size[1] + 2 * margin), dtype=np.float32)
    luma = white.mean(axis=0, keepdims=True)
    white -= luma
    # luma has a third of white noise's variance, chroma two thirds
    grey, coloured = (3 * (1 - grain.coloured)) ** 0.5, (1.5 * grain.coloured) ** 0.5
    return _smoothed(luma, grain.luma, margin, grey) + _smoothed(white, grain.chroma, margin, coloured)


def _smoothed(noise: npt.NDArray[np.float32], times: int, margin: int, scale: float) -> npt.NDArray[np.float32]:
    """3×3 binomial blurs of white noise (C, H, W), its deviation kept, times ``scale``, without the margin."""
    cut = margin - times
    noise = noise[:, cut : noise.shape[1] - cut, cut : noise.shape[2] - cut]
    for _ in range(times):
        noise = noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]
        noise = noise[:, :, :-2] + 2 * noise[:, :, 1:-1] + noise[:, :, 2:]
    # n blurs by (1, 2, 1) are the binomials of 2n, whose squares sum to the middle one of 4n
    return noise * np.float32(scale / math.comb(4 * times, 2 * times))


def jitter_exposure(low: Planes, stops: float) -> Planes:
    """Coded values times 2**stops, rounded and clipped to 8 bits: a real dark photo a little darker or lighter."""
    return _look_up(low, np.clip(np.arange(256) / 255 * 2.0**stops, 0, 1))


def expose(photo: Planes, stops: float) -> Planes:
    """A good photo as it would be at another exposure: coded values times 2**stops, black and white staying where they
    are.

    v -> v·s / (1 + (s - 1)·v^k) with s = 2**stops. Brighter, k = 4: a plain gain in shadows and midtones, near white a
    shoulder, so that nothing clips; rises with v for up to :data:`MAX_EXPOSE` stops. Darker, k = 16: a plain gain of
    all but what was white, since less light is less light; lamps stay lamps.
    """
    values, gain = np.arange(256) / 255, 2.0**stops
    return _look_up(photo, values * gain / (1 + (gain - 1) * values ** (4 if stops > 0 else 16)))


def _look_up(planes: Planes, curve: npt.NDArray[np.float64]) -> Planes:
    """Each code replaced by the unit value that the curve has for it, rounded to 8 bits."""
    table = (curve * 255 + 0.5).astype(np.uint8)
    # bytes.translate is six times as fast as indexing the table with the array
    translated = np.ascontiguousarray(planes).tobytes().translate(table.tobytes())
    return np.frombuffer(translated, dtype=np.uint8).reshape(planes.shape)


def draw_quality(rng: np.random.Generator) -> int:
    """Of a JPEG file as phones and web pages make them."""
    return int(rng.integers(40, 96))


def recompress(planes: Planes, quality: int) -> Planes:
    """Through a JPEG file of this quality and back."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0))).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def code_in_blocks(planes: Planes, side: int, flat: float, steps: tuple[float, float]) -> Planes:
    """As video coders (HEIC files) leave the flat parts of a photo, the dark ones above all: blocks of side×side pixels
    with no more than their mean, where the deviation of luma is under ``flat`` codes. steps: to which multiples luma's
    and chroma's mean are rounded. (3, H, W) uint8, likewise out; what is left over at the edges stays as it is.
    """
    rows, columns = (length // side * side for length in planes.shape[1:])
    if not rows * columns:
        return planes
    image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    codes = np.asarray(image.convert("YCbCr")).transpose(2, 0, 1)[:, :rows, :columns].astype(np.float32)
    blocks = codes.reshape(3, rows // side, side, columns // side, side)
    means = blocks.mean(axis=(2, 4), keepdims=True)
    step = np.array([steps[0], steps[1], steps[1]], dtype=np.float32).reshape(3, 1, 1, 1, 1)
    grey = np.array([0, 128, 128], dtype=np.float32).reshape(3, 1, 1, 1, 1)
    means = np.rint((means - grey) / step) * step + grey
    is_flat = blocks[0].std(axis=(1, 3), keepdims=True) < flat
    coded = np.clip(np.where(is_flat, means, blocks).reshape(3, rows, columns) + 0.5, 0, 255).astype(np.uint8)
    rgb = Image.merge("YCbCr", [Image.fromarray(plane) for plane in coded]).convert("RGB")
    result = planes.copy()
    result[:, :rows, :columns] = np.where(
        np.broadcast_to(is_flat, blocks.shape[1:]).reshape(rows, columns),
        np.asarray(rgb).transpose(2, 0, 1),
        planes[:, :rows, :columns],
    )
    return result
