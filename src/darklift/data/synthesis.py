"""Dark photographs made from good ones: a camera's exposure, noise and file, simulated in linear light.

Model: light -> exposure and white balance -> Poisson-like shot noise and Gaussian read noise (Foi et al. 2008: variance
a·signal + b), partly correlated as after demosaicing -> sRGB coding (IEC 61966-2-1) -> 8 bits -> perhaps JPEG.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.data.crop import Planes

__all__ = ["MAX_EXPOSE", "Camera", "darken", "draw_camera", "draw_quality", "expose", "jitter_exposure", "recompress"]

MAX_EXPOSE = 0.4
"""Stops of coded value (about one stop of light) by which :func:`expose` can brighten without turning tones round."""

_CODES = np.arange(256, dtype=np.float32) / 255
_TO_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_ROOTS = np.arange(4096, dtype=np.float32) / 4095
"""The coding curve is tabulated over the square root of light, which spends its entries in the shadows."""
_FROM_ROOT = np.where(
    _ROOTS**2 <= 0.0031308, 12.92 * _ROOTS**2, 1.055 * np.maximum(_ROOTS**2, 1e-9) ** (1 / 2.4) - 0.055
).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """One dark shot. stops: exposure lost. gains: of R, G, B. shot, read: noise (variance a, deviation sqrt b, full
    scale 1).

    correlated: share of the noise that is smoothed over 3×3 pixels (half and half, a sixth of the variance goes; all or
    none, nothing does). black: light lost to a raised black level.
    jpeg: quality, or None for an uncompressed file.
    """

    stops: float
    gains: tuple[float, float, float]
    shot: float
    read: float
    correlated: float
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
        correlated=float(rng.uniform(0, 1)) if rng.random() < 0.5 else 0.0,
        black=float(rng.uniform(0, 0.002)) if rng.random() < 0.25 else 0.0,
        jpeg=draw_quality(rng) if rng.random() < 0.5 else None,
    )


def darken(photo: Planes, camera: Camera, rng: np.random.Generator) -> Planes:
    """The photo as this camera would have taken it: uint8 (3, H, W) -> uint8 (3, H, W)."""
    gains = np.array(camera.gains, dtype=np.float32)[:, None, None] * np.float32(2**-camera.stops)
    light: npt.NDArray[np.float32] = _TO_LINEAR[photo] * gains
    noise: npt.NDArray[np.float32] = rng.standard_normal(light.shape, dtype=np.float32)
    if camera.correlated:
        noise += np.multiply(_smooth(noise) - noise, np.float32(camera.correlated))
    light += noise * np.sqrt(camera.shot * light + camera.read**2)
    light -= camera.black
    coded = _FROM_ROOT[(np.sqrt(np.clip(light, 0, 1)) * 4095 + 0.5).astype(np.int32)]
    dark = (coded * 255 + 0.5).astype(np.uint8)
    return dark if camera.jpeg is None else recompress(dark, camera.jpeg)


def _smooth(noise: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """3×3 binomial blur, scaled so that the deviation stays 1."""
    for axis in (1, 2):
        noise = (2 * noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)) / np.float32(6**0.5)
    return noise


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
