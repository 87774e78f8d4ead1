"""Dark photographs made from good ones: a camera's exposure, noise and file, simulated in linear light.

Model: light -> exposure and white balance -> Poisson-like shot noise and Gaussian read noise (Foi et al. 2008: variance
a·signal + b), perhaps as a phone's noise reduction leaves it -> sRGB coding (IEC 61966-2-1) -> as many bits as the good
photo has -> perhaps JPEG, which has 8.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.data.crop import Planes, image_of, planes_of_image
from darklift.image import FloatArray
from darklift.image.overview import area_average
from darklift.image.samples import white_of

__all__ = [
    "MAX_EXPOSE",
    "Camera",
    "Grain",
    "add_grain",
    "code_in_blocks",
    "code_light",
    "dim",
    "draw_camera",
    "draw_quality",
    "expose",
    "in_bytes",
    "jitter_exposure",
    "light_of",
    "linear_light",
    "recompress",
    "shoot_uneven",
    "underexpose",
]

MAX_EXPOSE = 0.4
"""Stops of coded value (about one stop of light) by which :func:`expose` can brighten without turning tones round."""

_ROOTS = {255: 2**12, 65535: 2**18}
"""Entries of the coding curve's table by what white is: each code is one that light can get back to."""

_NIGHT_KEPT = 0.3
"""Of the stops of light that an uneven scene's darker places lack, the share that its good picture lacks as well."""


@cache
def _to_linear(white: int) -> FloatArray:
    """The light of each code, (white + 1,)."""
    codes = np.arange(white + 1, dtype=np.float32) / white
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _from_root(white: int) -> FloatArray:
    """The coding curve over the square root of light, which spends the table's entries in the shadows."""
    roots = np.arange(_ROOTS[white], dtype=np.float32) / (_ROOTS[white] - 1)
    return np.where(
        roots**2 <= 0.0031308, 12.92 * roots**2, 1.055 * np.maximum(roots**2, 1e-9) ** (1 / 2.4) - 0.055
    ).astype(np.float32)


@dataclass(frozen=True)
class Grain:
    """Noise as a phone's file holds it, after demosaicing and noise reduction: more grey than coloured, in blotches.

    luma, chroma: how many times each is smoothed over 3×3 pixels. coloured: chroma's share of the variance; the rest is
    the same in R, G and B.
    """

    luma: int
    chroma: int
    coloured: float


@dataclass(frozen=True)
class Camera:
    """How one dark shot is taken.

    stops: light lost. gains: of R, G and B. shot, read: strength of the noise where full scale is 1 (the model's a and
    sqrt b). grain: what the noise looks like, whatever its strength; None is a raw sensor's, independent in every pixel
    and channel. black: light lost to a raised black level. jpeg: quality, or None for an uncompressed file.
    """

    stops: float
    gains: tuple[float, float, float]
    shot: float
    read: float
    grain: Grain | None
    black: float
    jpeg: int | None


def draw_camera(rng: np.random.Generator, max_stops: float = 7.0, min_stops: float = 0.0) -> Camera:
    """A random camera and exposure: noise levels are log-uniform, and every other shot is a JPEG."""
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
    """Around what phones' night photos show on flat parts (docs/explanation/maths.md), and somewhat beyond."""
    luma = (0, 1, 2, 4, 8)[int(rng.integers(5))]
    return Grain(luma, chroma=luma + int(rng.integers(8)), coloured=float(rng.uniform(0.05, 0.4)))


def underexpose(photo: Planes, camera: Camera, rng: np.random.Generator, lit: FloatArray | None = None) -> Planes:
    """The photo as this camera would have taken it: (3, H, W) -> (3, H, W) of as many bits, or of 8 from a JPEG file.

    lit: (H, W), how much of its light each place has; None for all of it.
    """
    gains = np.array(camera.gains, dtype=np.float32)[:, None, None] * np.float32(2**-camera.stops)
    light: FloatArray = linear_light(photo) * gains
    if lit is not None:
        light *= lit
    light += _draw_noise(rng, photo.shape[1:], camera.grain) * np.sqrt(camera.shot * light + camera.read**2)
    light -= camera.black
    dark = code_light(light, photo)
    return dark if camera.jpeg is None else recompress(dark, camera.jpeg)


def add_grain(low: Planes, rng: np.random.Generator) -> Planes:
    """A real dark photo as a phone's file would hold it: (3, H, W) -> (3, H, W).

    A random camera's grain comes on top of its own noise, and every other result has gone through a JPEG file,
    which has 8 bits. Light and colour stay, except where noise clips at black.
    """
    camera = draw_camera(rng, max_stops=0.0)
    return underexpose(low, replace(camera, gains=(1.0, 1.0, 1.0), grain=_draw_grain(rng), black=0.0), rng)


def linear_light(photo: Planes) -> FloatArray:
    """What the codes stand for, from 0 to 1: (3, H, W)."""
    light: FloatArray = _to_linear(white_of(photo))[photo]
    return light


def code_light(light: FloatArray, like: Planes) -> Planes:
    """The codes of light, of the same type as others."""
    white = white_of(like)
    table = _from_root(white)
    coded = table[(np.sqrt(np.clip(light, 0, 1)) * (len(table) - 1) + 0.5).astype(np.int32)]
    codes: Planes = (coded * white + 0.5).astype(like.dtype)
    return codes


def shoot_uneven(photo: Planes, camera: Camera, rng: np.random.Generator, power: float) -> tuple[Planes, Planes]:
    """A dark shot of a scene whose light is less even than its good photo shows, and what a photographer would make of
    it: (3, H, W) -> two of these, the dark one of 8 bits where it is a JPEG.

    Good photos of such scenes are tone-mapped (Reinhard et al. 2002): what looks bright in them was brighter still. So
    each place's light is multiplied by its own brightness to a random power of 0.2 to 1 times ``power``: lamps fill the
    camera's range, and the rest is night. The good picture keeps 30% of that, because night is not day.
    """
    light = light_of(photo, cells=(None, 12, 40)[int(rng.integers(3))])
    lit = light ** np.float32(rng.uniform(0.2, 1) * power)
    return underexpose(photo, camera, rng, lit), code_light(linear_light(photo) * lit ** np.float32(_NIGHT_KEPT), photo)


def light_of(photo: Planes, cells: int | None = None) -> FloatArray:
    """How brightly each place of a photo is lit: (3, H, W) -> (H, W) in [0.001, 1], 1 for its lightest fiftieth.

    The mean of the channels in linear light, at each pixel or averaged over a grid of cells×cells.
    """
    light: FloatArray = linear_light(photo).mean(axis=0)
    if cells is not None:
        grid = Image.fromarray(area_average(light[None], (cells, cells))[0])
        light = np.asarray(grid.resize(light.shape[::-1], Image.Resampling.BILINEAR))
    shares: FloatArray = light / max(float(np.quantile(light[::4, ::4], 0.98)), 0.001)
    return np.clip(shares, 0.001, 1)


def _draw_noise(rng: np.random.Generator, size: tuple[int, ...], grain: Grain | None) -> FloatArray:
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


def _smoothed(noise: FloatArray, times: int, margin: int, scale: float) -> FloatArray:
    """3×3 binomial blurs of white noise (C, H, W), its deviation kept, times ``scale``, without the margin."""
    cut = margin - times
    noise = noise[:, cut : noise.shape[1] - cut, cut : noise.shape[2] - cut]
    for _ in range(times):
        noise = noise[:, :-2] + 2 * noise[:, 1:-1] + noise[:, 2:]
        noise = noise[:, :, :-2] + 2 * noise[:, :, 1:-1] + noise[:, :, 2:]
    # n blurs by (1, 2, 1) are the binomials of 2n, whose squares sum to the middle one of 4n
    return noise * np.float32(scale / math.comb(4 * times, 2 * times))


def dim(photo: Planes, stops: float) -> Planes:
    """A real shot with its real noise, as it would be with so many stops less of light: rounded once, afterwards."""
    return code_light(linear_light(photo) * np.float32(2**-stops), photo)


def jitter_exposure(low: Planes, stops: float) -> Planes:
    """A real dark photo made a little darker or lighter: coded values times 2**stops, rounded and clipped."""
    return _look_up(low, np.clip(_values(low) * 2.0**stops, 0, 1))


def expose(photo: Planes, stops: float) -> Planes:
    """A good photo as it would be at another exposure: coded values times 2**stops, while black and white stay.

    v -> v·s / (1 + (s - 1)·v^k) with s = 2**stops. Brighter, k = 4: a plain gain in shadows and midtones, with a
    shoulder near white, so that nothing clips; the curve rises everywhere for up to :data:`MAX_EXPOSE` stops. Darker,
    k = 16: a plain gain of all but white, as with less light; lamps stay lamps.
    """
    values, gain = _values(photo), 2.0**stops
    return _look_up(photo, values * gain / (1 + (gain - 1) * values ** (4 if stops > 0 else 16)))


def _values(planes: Planes) -> npt.NDArray[np.float64]:
    """What each code stands for, from 0 to 1."""
    white = white_of(planes)
    return np.arange(white + 1) / white


def _look_up(planes: Planes, curve: npt.NDArray[np.float64]) -> Planes:
    """Each code replaced by the unit value that the curve has for it, rounded to a code."""
    table = (curve * white_of(planes) + 0.5).astype(planes.dtype)
    if planes.dtype != np.uint8:
        return table[planes]
    # bytes.translate is six times as fast as indexing the table with the array
    translated = np.ascontiguousarray(planes).tobytes().translate(table.tobytes())
    return np.frombuffer(translated, dtype=np.uint8).reshape(planes.shape)


def draw_quality(rng: np.random.Generator) -> int:
    """The quality of a JPEG file, as phones and web pages choose it."""
    return int(rng.integers(40, 96))


def recompress(planes: Planes, quality: int) -> Planes:
    """Through a JPEG file of this quality and back: uint8 (3, H, W), since such a file has no more bits."""
    buffer = io.BytesIO()
    image_of(in_bytes(planes)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return planes_of_image(image)


def code_in_blocks(planes: Planes, side: int, flat: float, steps: tuple[float, float]) -> Planes:
    """A photo's flat parts as blocks of one colour, as video coders (HEIC files of 8 bits) leave them, above all in
    the dark.

    side: of a block, in pixels. flat: a block is flat where luma deviates by less than so many codes; only its mean is
    kept. steps: the multiples that luma's and chroma's means are rounded to. (3, H, W) -> uint8 (3, H, W); pixels
    beyond the last whole block stay as they are.
    """
    planes = in_bytes(planes)
    rows, columns = (length // side * side for length in planes.shape[1:])
    if not rows * columns:
        return planes
    codes = np.asarray(image_of(planes).convert("YCbCr")).transpose(2, 0, 1)[:, :rows, :columns].astype(np.float32)
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


def in_bytes(planes: Planes) -> npt.NDArray[np.uint8]:
    """Rounded to 8 bits where there are more."""
    exact = planes if planes.dtype == np.uint8 else np.rint(planes / np.float32(257))
    return exact.astype(np.uint8, copy=False)
