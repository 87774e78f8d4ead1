"""Pieces of large photos at full size, made of small good ones, and as cameras and phones take them in little light.

A photo of 12 megapixels shows a small photo's layout, with textures that the small one has no pixels for, plain parts,
and edges between them; at 1:1 some of it is sharp, most of it soft. So a part of one photo is enlarged, takes on the
texture of another at about its own scale, and is partly covered by plain shapes. Then a sensor with a Bayer mosaic
takes it, with noise that grows as light fails (:mod:`darklift.data.phone`); a phone's file has more pixels than its
lens and sensor tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from darklift.data.crop import Planes, image_of, planes_of_image
from darklift.data.phone import Phone, shoot_phone
from darklift.data.synthesis import Camera, in_bytes, recompress, underexpose
from darklift.image import FloatArray

__all__ = ["LargePiece", "LargeShot", "draw_large", "shoot_large"]

_MARGIN = 16
"""Pixels more than are wanted that a piece is made with, so that its border is none, and JPEG's blocks lie anywhere."""
_LARGER = (3.0, 8.0)
"""How many times as large the photo is as the one whose layout it has."""
_TEXTURE = (0.7, 2.5)
"""How many times as large textures are as in the photos that they are from."""
_LIGHT_CELL = 16
"""Pixels along the cells from which a texture takes its light and colour."""


class LargePiece(NamedTuple):
    """uint8 each. low, high: (3, n, n), the piece. box: float32 (4,), where it lies, as fractions: top, left, bottom,
    right. photo_low, photo_high: (3, H, W), the whole photo, small.
    """

    low: Planes
    high: Planes
    box: npt.NDArray[np.float32]
    photo_low: Planes
    photo_high: Planes


@dataclass(frozen=True)
class LargeShot:
    """How a large photo is taken.

    phone: exposure, noise, noise reduction, sharpening before the file is enlarged, and the file. enlarged: pixels of
    the file along one of the sensor's. sharpened: what an enlarged file is sharpened by, in percent.
    """

    phone: Phone
    enlarged: float
    sharpened: int


def draw_large(rng: np.random.Generator, max_stops: float, min_stops: float) -> LargeShot:
    """A random shot, half of them with a phone. Sensitivity is turned up as light fails: so noise, where full scale is
    1, grows by 1.7 times its variance a stop, around that of ISO 800 of a small sensor at two stops less light.
    """
    stops = float(rng.uniform(min_stops, max_stops))
    gains = np.exp(rng.normal(0, 0.06, 3))
    camera = Camera(
        stops=stops,
        gains=(float(gains[0]), float(gains[1]), float(gains[2])),
        shot=float(10 ** (-4.3 + 0.22 * stops + rng.normal(0, 0.3))),
        read=float(10 ** (-3.6 + 0.19 * stops + rng.normal(0, 0.25))),
        grain=None,
        black=0.0,
        jpeg=None,
    )
    by_phone = rng.random() < 0.5
    smeared = float(rng.uniform(0.5, 2)) if by_phone else max(0.0, float(rng.uniform(-1, 0.7)))
    phone = Phone(
        camera,
        power=0.0,
        cells=None,
        glare=0.0,
        smear=smeared,
        smear_radius=int(rng.integers(1, 4)),
        tone=0.0,
        crushed=0.0,
        sharpening=float(rng.uniform(0, 0.4)),
        blocks=None,
        jpeg=100 if by_phone else int(rng.integers(88, 99)),
    )
    return LargeShot(phone, float(rng.uniform(1.3, 2.2)) if by_phone else 1.0, int(rng.integers(0, 90)))


def shoot_large(layout: Planes, other: Planes, size: int, shot: LargeShot, rng: np.random.Generator) -> LargePiece:
    """A piece of ``size``×``size`` pixels. layout: the photo, small; other: what textures are from: (3, H, W) each, of
    8 or 16 bits.
    """
    layout, other = in_bytes(layout), in_bytes(other)
    side = size + _MARGIN
    photo = image_of(layout)
    clean, around = _made_large(photo, other, side, rng)
    clean = clean.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.7))))
    larger = side / (around[2] - around[0])
    photo.paste(clean.resize((round(side / larger),) * 2, Image.Resampling.BOX), (round(around[0]), round(around[1])))
    if shot.enlarged > 1:
        sensor = round(side / shot.enlarged)
        small = clean.resize((sensor, sensor), Image.Resampling.BOX)  # as the pixels of a sensor collect light
        dark = image_of(shoot_phone(planes_of_image(small), shot.phone, rng).dark)
        clean, dark = (image.resize((side, side), Image.Resampling.BICUBIC) for image in (small, dark))
        dark = dark.filter(ImageFilter.UnsharpMask(1.5, shot.sharpened, 0))
        dark = image_of(recompress(planes_of_image(dark), int(rng.integers(80, 96))))
    else:
        dark = image_of(shoot_phone(planes_of_image(clean), shot.phone, rng).dark)
    top, left = (int(rng.integers(_MARGIN + 1)) for _ in range(2))
    cut = (left, top, left + size, top + size)
    first, last = (np.array(around[:2]) + np.array(corner) / larger for corner in (cut[:2], cut[2:]))
    whole = planes_of_image(photo)
    return LargePiece(
        low=planes_of_image(dark.crop(cut)),
        high=planes_of_image(clean.crop(cut)),
        box=(np.concatenate([first, last])[[1, 0, 3, 2]] / np.tile(layout.shape[1:], 2)).astype(np.float32),
        photo_low=underexpose(whole[:, ::2, ::2], shot.phone.camera, rng),
        photo_high=whole,
    )


def _made_large(
    photo: Image.Image, other: Planes, side: int, rng: np.random.Generator
) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """A square of a large photo, and where it lies in the small one: left, top, right, bottom."""
    larger = max(float(rng.uniform(*_LARGER)), side / min(photo.size))
    left, top = (float(rng.uniform(0, length - side / larger)) for length in photo.size)
    around = (left, top, left + side / larger, top + side / larger)
    picture = photo.resize((side, side), Image.Resampling.BICUBIC, around)
    if rng.random() < 0.8:
        picture = _textured(picture, other, rng)
    if rng.random() < 0.6:
        _cover(picture, other, rng)
    return picture, around


def _textured(picture: Image.Image, other: Planes, rng: np.random.Generator) -> Image.Image:
    """With the texture of another photo, brought to the light and colours that the picture has."""
    side = picture.size[0]
    scale = float(np.exp(rng.uniform(*np.log(_TEXTURE))))
    need = min(round(side / scale), 2 * min(other.shape[1:]))
    missing = [max(0, need - length) for length in other.shape[1:]]
    other = np.pad(other, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric") if any(missing) else other
    top, left = (int(rng.integers(length - need + 1)) for length in other.shape[1:])
    texture = image_of(other[:, top : top + need, left : left + need]).resize((side, side), Image.Resampling.BICUBIC)
    here, wanted = (_lights(image) for image in (texture, picture))
    gain = ((wanted + 12) / (here + 12)).clip(0.3, 2)
    return Image.fromarray((np.asarray(texture) * gain + np.float32(0.5)).clip(0, 255).astype(np.uint8))


def _lights(image: Image.Image) -> FloatArray:
    """Light and colours without texture, (side, side, 3), in codes."""
    cells = max(image.size[0] // _LIGHT_CELL, 1)
    small = image.resize((cells, cells), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1))
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32)


def _cover(picture: Image.Image, other: Planes, rng: np.random.Generator) -> None:
    """Plain shapes with sharp edges, and thin lines, in colours of another photo."""
    side = picture.size[0]
    for _ in range(int(rng.integers(1, 5))):
        mask = Image.new("L", (2 * side, 2 * side))
        draw = ImageDraw.Draw(mask)
        x, y = (float(rng.uniform(0, 2 * side)) for _ in range(2))
        if rng.random() < 0.3:
            ends = [(float(rng.uniform(0, 2 * side)), float(rng.uniform(0, 2 * side))) for _ in range(2)]
            draw.line(ends, 255, int(rng.integers(2, 12)))
        else:
            reach, turn = side * float(rng.uniform(0.1, 0.6)), float(rng.uniform(0, np.pi))
            count = int(rng.integers(3, 7))
            corners = turn + np.arange(count) * 2 * np.pi / count
            draw.polygon([(x + reach * float(np.cos(a)), y + reach * float(np.sin(a))) for a in corners], 255)
        row, column = (int(rng.integers(length)) for length in other.shape[1:])
        red, green, blue = (int(value) for value in other[:, row, column])
        shade = Image.linear_gradient("L").rotate(90 * int(rng.integers(4))).resize((side, side))
        light = 1 - np.float32(rng.uniform(0, 0.3) / 255) * np.asarray(shade, dtype=np.float32)[..., None]
        plain = (np.array([red, green, blue], dtype=np.float32) * light + np.float32(0.5)).astype(np.uint8)
        picture.paste(Image.fromarray(plain), mask=mask.reduce(2))
