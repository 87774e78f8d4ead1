"""Night shots as phones keep them, made from good photographs, and what such a file has lost.

A night of uneven light (Reinhard et al. 2002; :mod:`darklift.data.synthesis`), lamps with glare -> a sensor's shot and
read noise behind a Bayer mosaic -> a denoiser that keeps edges and smears the rest (guided filter, He et al. 2013, IEEE
TPAMI 35(6)) -> sRGB coding -> local tone mapping -> crushed blacks -> sharpening -> a HEIC-like or JPEG file. The scene
is known, so it is known what the file has lost. ``benchmarks/quality/phone.py`` holds all of this against real photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.data.crop import Planes
from darklift.data.synthesis import (
    Camera,
    code_in_blocks,
    code_light,
    draw_camera,
    light_of,
    linear_light,
    recompress,
)
from darklift.image import FloatArray
from darklift.image.overview import area_average
from darklift.image.samples import white_of

__all__ = ["Blocks", "Phone", "PhoneShot", "draw_phone", "held_in", "keep_lost", "shoot_phone"]

_NIGHT_KEPT = 0.4
"""Of the stops of light that a night's darker places lack, the share that its good picture lacks as well."""
_BEYOND, _HELD = 3.0, 1.5
"""Times that a place which holds nothing may be lifted; one that holds h codes by (h / _HELD)² more."""
_SPAN = (35, 75)
"""Codes of the brightest parts: up to the first a photo is dark throughout, and its blacks are as underexposed as all
of it; from the second on it has lights, and its blacks are black."""
_LAMP, _GLARE_CELLS = 0.6, 24
"""The light, of the lightest places', from which a place is a lamp; the grid over a photo that glare spreads over."""
_TONE_CELLS = 10
"""The grid over a photo whose cells are the surroundings that local tone mapping goes by."""
_TONE_MIDDLE, _TONE_LEAST = 0.35, 0.04
"""Coded values: surroundings that stay as they are, and what is added so that black ones are not lifted for ever."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Blocks:
    """Flat parts of a file as blocks of one colour: see :func:`~darklift.data.synthesis.code_in_blocks`."""

    side: int
    flat: float
    steps: tuple[float, float]


@dataclass(frozen=True)
class Phone:
    """How a phone takes one night shot.

    camera: exposure, colour and noise (its grain is the mosaic's own; its black level and file are the phone's, below).
    power, cells: of the uneven light. glare: the share of a lamp's light that spreads around it. smear: how far the
    denoiser goes, in deviations of the noise, and over how many pixels. tone: how far surroundings are evened out, 0 to
    1. crushed: codes that the black level takes. sharpening: of differences between neighbours. blocks: of a HEIC file.
    jpeg: the file's quality.
    """

    camera: Camera
    power: float
    cells: int | None
    glare: float
    smear: float
    smear_radius: int
    tone: float
    crushed: float
    sharpening: float
    blocks: Blocks | None
    jpeg: int


@dataclass(frozen=True)
class PhoneShot:
    """uint8 (3, H, W) each. dark: the phone's file. good: what a photographer would make of the scene, all of it seen.
    still: what the file would hold without noise, denoiser, sharpening and file format.
    """

    dark: Planes
    good: Planes
    still: Planes

    @property
    def held(self) -> FloatArray:
        """What each place of the file really holds, in codes: max(R, G, B) of ``still``, (H, W)."""
        held: FloatArray = self.still.max(axis=0).astype(np.float32)
        return held


def draw_phone(rng: np.random.Generator, max_stops: float = 4.0, min_stops: float = 0.0) -> Phone:
    """A random phone, and a night whose light is that of the photo to a power of 0.3 to 2."""
    return Phone(
        camera=draw_camera(rng, max_stops, min_stops),
        power=float(rng.uniform(0.3, 2)),
        cells=(None, 12, 40)[int(rng.integers(3))],
        glare=float(rng.uniform(0, 0.15)),
        smear=float(rng.uniform(0.3, 2.5)),
        smear_radius=int(rng.integers(1, 5)),
        tone=float(rng.uniform(0, 0.3)),
        crushed=float(3 * rng.random() ** 2),
        sharpening=float(rng.uniform(0, 0.4)),
        blocks=_draw_blocks(rng) if rng.random() < 0.3 else None,
        jpeg=int(rng.integers(75, 96)),
    )


def _draw_blocks(rng: np.random.Generator) -> Blocks:
    return Blocks(
        side=2 ** int(rng.integers(3, 6)),
        flat=float(rng.uniform(0.3, 1.5)),
        steps=(1.0, float(rng.uniform(1, 3))),
    )


def shoot_phone(photo: Planes, phone: Phone, rng: np.random.Generator) -> PhoneShot:
    """The photo's scene at night, as this phone keeps it: (3, H, W) of 8 or 16 bits; the shot has 8."""
    lit = light_of(photo, phone.cells) ** np.float32(phone.power)
    full = linear_light(photo)
    scene = full * lit
    glare = _glare(scene, phone.glare)
    good = _coded(full * lit ** np.float32(_NIGHT_KEPT) + glare)
    camera = phone.camera
    light = (scene + glare) * (np.array(camera.gains, dtype=np.float32)[:, None, None] * np.float32(2**-camera.stops))
    variance: FloatArray = np.float32(camera.shot) * light + np.float32(camera.read**2)
    noisy: FloatArray = light + _demosaiced(rng.standard_normal(light.shape[1:], dtype=np.float32)) * np.sqrt(variance)
    gain = _tone_gain(_coded(light), phone.tone)
    still = _crushed(_coded(light) * gain, phone.crushed)
    shown = _crushed(_coded(_smeared(noisy, variance, phone)) * gain, phone.crushed)
    dark: Planes = _bytes(shown + np.float32(phone.sharpening) * (_luma(shown) - _box(_luma(shown), 1)))
    if phone.blocks is not None:
        dark = code_in_blocks(dark, phone.blocks.side, phone.blocks.flat, phone.blocks.steps)
    return PhoneShot(recompress(dark, phone.jpeg), _bytes(good), _bytes(still))


def held_in(dark: Planes) -> FloatArray:
    """What each place of a real dark photo holds, in codes of 8 bits: max(R, G, B), averaged over 7×7 pixels, because
    the average of noise tells what one pixel cannot. (3, H, W) -> (H, W).
    """
    return _box(dark.max(axis=0) * np.float32(255 / white_of(dark)), 3)


def keep_lost(good: Planes, dark: Planes, held: FloatArray) -> Planes:
    """The target that stays dark where the dark picture has lost what was there: like ``good``, (3, H, W).

    Such a target teaches a model not to paint what nobody saw. held: (H, W), codes of 8 bits that each place of the
    dark picture really holds (without its noise). A picture without lights is underexposed as a whole, and its target
    stays: there, black is no sign of night.
    """
    lightest = float(np.quantile(dark.max(axis=0), 0.995)) * 255 / white_of(dark)
    span = _rise(lightest, _SPAN)
    if not span:
        return good
    ceiling = (held + np.float32(0.5)) * (_BEYOND + (held / _HELD) ** 2) * np.float32(white_of(good) / 255 / span**2)
    gain = (1 + np.square(np.square(_luma(good) / ceiling))) ** np.float32(-0.25)
    kept: Planes = np.rint(good * gain).astype(good.dtype)
    return kept


def _glare(scene: FloatArray, share: float) -> FloatArray:
    """Light of lamps that a lens spreads around them: (3, H, W) -> the same."""
    # Clipped lamps were brighter than any code tells.
    lamps = np.maximum(scene - np.float32(_LAMP), 0) * np.float32(8 * share)
    return _around(lamps, _GLARE_CELLS)


def _around(maps: FloatArray, cells: int) -> FloatArray:
    """Means over the cells of a grid, so many along each side, and smooth between: (C, H, W) -> the same."""
    grids = area_average(np.minimum(maps, 1), (cells, cells))
    size = (maps.shape[2], maps.shape[1])
    return np.stack([np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BILINEAR)) for grid in grids])


def _demosaiced(noise: FloatArray) -> FloatArray:
    """Unit noise of a Bayer mosaic (H, W), RGGB, after bilinear demosaicing, which is linear: (3, H, W)."""
    red, blue = np.zeros((2, *noise.shape), dtype=np.float32)
    red[::2, ::2] = noise[::2, ::2]
    blue[1::2, 1::2] = noise[1::2, 1::2]
    green = noise - red - blue
    padded = np.pad(green, 1)
    across = padded[1:-1, :-2] + padded[1:-1, 2:] + padded[:-2, 1:-1] + padded[2:, 1:-1]
    return np.stack([_tent(red), green + np.float32(0.25) * across, _tent(blue)])


def _tent(plane: FloatArray) -> FloatArray:
    padded, half = np.pad(plane, 1), np.float32(0.5)
    rows = padded[1:-1] + half * (padded[:-2] + padded[2:])
    tent: FloatArray = rows[:, 1:-1] + half * (rows[:, :-2] + rows[:, 2:])
    return tent


def _smeared(light: FloatArray, variance: FloatArray, phone: Phone) -> FloatArray:
    """What a denoiser leaves: luma by a guided filter, whose edge is ``smear`` deviations of the noise; chroma by the
    same, twice as wide, so that colours run. On roots of light, where shot noise is alike everywhere.
    """
    roots = np.sqrt(np.maximum(light, 0))
    noise = np.mean(variance, axis=0) / (4 * np.maximum(np.mean(light, axis=0), 0) + np.float32(1e-3))
    luma = _luma(roots)
    chroma = roots - luma
    radius = phone.smear_radius
    mean = _box(luma, radius)
    spread = np.maximum(_box(luma * luma, radius) - mean * mean, 0)
    least = np.float32(1e-9)
    edge = _box((spread + least) / (spread + least + np.float32(phone.smear**2) * noise), radius)
    wide = _box(chroma, 2 * radius)
    smooth = np.maximum(mean + edge * (luma - mean) + wide + edge * (chroma - wide), 0)
    smeared: FloatArray = smooth * smooth
    return smeared


def _tone_gain(coded: FloatArray, amount: float) -> FloatArray:
    """By what local tone mapping multiplies coded values: (3, H, W) -> (H, W)."""
    around = _around(_luma(coded)[None], _TONE_CELLS)[0]
    relative = (around + np.float32(_TONE_LEAST)) / np.float32(_TONE_MIDDLE + _TONE_LEAST)
    gain: FloatArray = relative ** np.float32(-amount)
    return gain


def _crushed(coded: FloatArray, codes: float) -> FloatArray:
    black = np.float32(codes / 255)
    crushed: FloatArray = np.maximum(coded - black, 0) / (1 - black)
    return crushed


def _luma(planes: npt.NDArray[np.floating | np.integer]) -> FloatArray:
    """ITU-R BT.601: (3, H, W) -> (H, W)."""
    luma: FloatArray = np.tensordot(_LUMA, planes, 1).astype(np.float32, copy=False)
    return luma


def _coded(light: FloatArray) -> FloatArray:
    """Light in [0, 1] as sRGB values in [0, 1], to 16 bits."""
    return code_light(light, np.empty(0, dtype=np.uint16)).astype(np.float32) / np.float32(65535)


def _bytes(unit: FloatArray) -> npt.NDArray[np.uint8]:
    return (np.clip(unit, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _box(maps: FloatArray, radius: int) -> FloatArray:
    """Means over (2·radius + 1)² pixels, of (…, H, W), which goes on beyond its border as it ends there."""
    window = 2 * radius + 1
    borders = [(0, 0)] * (maps.ndim - 2) + [(radius + 1, radius)] * 2
    sums = np.pad(maps, borders, mode="edge").cumsum(axis=-2, dtype=np.float64)
    rows = sums[..., window:, :] - sums[..., :-window, :]
    rows = rows.cumsum(axis=-1)
    means: FloatArray = ((rows[..., window:] - rows[..., :-window]) / window**2).astype(np.float32)
    return means


def _rise(value: float, between: tuple[float, float]) -> float:
    """0 up to the first, 1 from the second on, smooth between."""
    start, end = between
    share = min(max((value - start) / (end - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)
