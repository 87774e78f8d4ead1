"""Large clean pictures, sharp at every pixel, made of small photographs: nobody's large photos are at hand.

Three kinds, in turn, all of one seed each:
- leaves: dead leaves (Lee, Mumford and Huang 2001, IJCV 41): shapes that cover each other, whose sizes follow a power
  law of exponent 3, so that statistics are those of photographs at all scales; filled with textures of photographs at
  random scales, or with a plain colour and its shading.
- mosaic: photographs at about their own scale, side by side with blended seams, brought to the light and colour that
  one photograph, enlarged, has there: its layout, and their texture.
- room: plain walls and boards with gradients of light, framed photographs, print of all sizes, wires.

A lens of half a pixel and a slow change of light go over each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from darklift.diffusion import random_generator

Pixels = npt.NDArray[np.float32]
Scene = npt.NDArray[np.uint8]
_SMALLEST_LEAF, _COVERED = 10, 2.5
"""Pixels, of the radius; times that leaves cover the picture."""
_SEAM = 24
"""Pixels over which neighbours of a mosaic are blended."""
_WORDS = "NIGHT bus 42 to the harbour leaves at 7:35 OPEN Exit 3rd floor no smoking wet paint Gate B mind the step"


def make_scene(number: int, width: int, height: int, photos: Sequence[Pixels]) -> Scene:
    """A picture, (height, width, 3), whose kind and seed follow from its number. photos: (H, W, 3) in [0, 1]."""
    rng = random_generator(0, "large scene", number)
    picture = (_leaves, _mosaic, _room)[number % 3](rng, width, height, photos)
    picture = gaussian_filter(picture, (0.5, 0.5, 0)) * _light(rng, width, height)[..., None]
    return np.rint(picture.clip(0, 1) * 255).astype(np.uint8)


def kind_of(number: int) -> str:
    return ("leaves", "mosaic", "room")[number % 3]


def _leaves(rng: np.random.Generator, width: int, height: int, photos: Sequence[Pixels]) -> Pixels:
    picture = _texture(rng, photos, width, height, 4.0)
    largest = min(width, height) / 3
    mean_square = 2 * _SMALLEST_LEAF**2 * np.log(largest / _SMALLEST_LEAF)
    for _ in range(int(_COVERED * width * height / (np.pi * mean_square))):
        # the inverse of the distribution function of a density that falls with the third power
        least = (_SMALLEST_LEAF / largest) ** 2
        radius = _SMALLEST_LEAF / np.sqrt(1 - rng.random() * (1 - least))
        _add_leaf(rng, picture, photos, radius)
    return picture


def _add_leaf(rng: np.random.Generator, picture: Pixels, photos: Sequence[Pixels], radius: float) -> None:
    height, width = picture.shape[:2]
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    top, left = max(int(y - radius) - 1, 0), max(int(x - radius) - 1, 0)
    bottom, right = min(int(y + radius) + 2, height), min(int(x + radius) + 2, width)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    along = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / np.float32(radius)
    across = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) / np.float32(radius * rng.uniform(0.4, 1))
    if rng.random() < 0.5:
        distance = np.hypot(along, across) - 1
    else:
        distance = np.maximum(np.abs(along), np.abs(across)) - np.float32(0.7)
    cover = np.clip(0.5 - distance * radius, 0, 1)[..., None]
    if rng.random() < 0.6:
        scale = float(2 ** rng.uniform(-1, min(2, np.log2(radius / 8))))
        filled = _texture(rng, photos, right - left, bottom - top, scale)
    else:
        filled = np.broadcast_to(_colour(rng, photos), (bottom - top, right - left, 3))
    shade = 1 + np.float32(rng.uniform(0, 0.3)) * along[..., None]
    here = picture[top:bottom, left:right]
    here += cover * (filled * shade - here)


def _mosaic(rng: np.random.Generator, width: int, height: int, photos: Sequence[Pixels]) -> Pixels:
    layout = photos[int(rng.integers(len(photos)))]
    base = _resized(layout, width, height)
    sums, weights = np.zeros((height, width, 3), np.float32), np.full((height, width, 1), 1e-3, np.float32)
    side = 260
    for top in range(-_SEAM, height, side - _SEAM):
        for left in range(-_SEAM, width, side - _SEAM):
            rows, columns = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
            patch = _texture(rng, photos, side, side, float(rng.uniform(0.7, 1)))
            ramp = np.minimum(np.arange(side) + 1, np.arange(side)[::-1] + 1).clip(0, _SEAM).astype(np.float32) / _SEAM
            weight = (ramp[:, None] * ramp)[..., None]
            inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
            sums[rows, columns] += (patch * weight)[inside]
            weights[rows, columns] += weight[inside]
    mosaic = sums / weights
    # light and colour of the layout: what is blurred away, in small
    small = max(width // 8, 1), max(height // 8, 1)
    here, wanted = (gaussian_filter(_resized(planes, *small), (8, 8, 0)) for planes in (mosaic, base))
    gain: Pixels = _resized(((wanted + 0.05) / (here + 0.05)).clip(0.3, 2), width, height)
    return mosaic * gain


def _room(rng: np.random.Generator, width: int, height: int, photos: Sequence[Pixels]) -> Pixels:
    twice = Image.new("RGB", (2 * width, 2 * height), _code(_colour(rng, photos)))
    draw = ImageDraw.Draw(twice)
    for _ in range(10):  # boards and walls, from large to small
        _board(rng, draw, twice.size, photos)
    for _ in range(6):
        _frame(rng, twice, photos)
    for _ in range(24):
        place, size = _place(rng, twice.size), int(2 ** rng.uniform(4, 7.5))
        words = _WORDS.split()
        start = int(rng.integers(len(words)))
        text = " ".join((words * 2)[start : start + int(rng.integers(2, 8))])
        draw.text(place, text, _code(_colour(rng, photos)), ImageFont.load_default(size))
    for _ in range(8):
        ends = [*_place(rng, twice.size), *_place(rng, twice.size)]
        draw.line(ends, _code(_colour(rng, photos)), int(rng.integers(2, 10)))
    return np.asarray(twice.reduce(2), np.float32) / 255


def _board(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: tuple[int, int], photos: Sequence[Pixels]
) -> None:
    (x, y), reach = _place(rng, size), min(size) * float(rng.uniform(0.15, 0.5))
    turned = rng.uniform(0, np.pi / 2) if rng.random() < 0.5 else np.pi / 4
    corners = [turned + quarter * np.pi / 2 for quarter in range(4)]
    stretched = float(rng.uniform(0.4, 1))
    outline = [(x + reach * float(np.cos(a)), y + stretched * reach * float(np.sin(a))) for a in corners]
    draw.polygon(outline, _code(_colour(rng, photos)))


def _frame(rng: np.random.Generator, twice: Image.Image, photos: Sequence[Pixels]) -> None:
    (x, y), photo = _place(rng, twice.size), photos[int(rng.integers(len(photos)))]
    scale = 2 * float(rng.uniform(0.5, 1))
    size = max(int(photo.shape[1] * scale), 1), max(int(photo.shape[0] * scale), 1)
    twice.paste(Image.fromarray(np.rint(_resized(photo, *size) * 255).clip(0, 255).astype(np.uint8)), (x, y))


def _light(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """A slow change of coded values over the picture, (H, W): 0.25 to 1."""
    grid = rng.uniform(0.35, 1, (3, 4)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)).clip(0.25, 1)


def _texture(rng: np.random.Generator, photos: Sequence[Pixels], width: int, height: int, scale: float) -> Pixels:
    """A piece of a photo at this scale, mirrored as often as it takes."""
    photo = photos[int(rng.integers(len(photos)))]
    # no more of it than is needed
    need = [int(side / scale) + 3 for side in (height, width)]
    starts = [int(rng.integers(max(have - side, 0) + 1)) for have, side in zip(photo.shape[:2], need, strict=True)]
    piece = photo[starts[0] : starts[0] + need[0], starts[1] : starts[1] + need[1]]
    size = max(round(piece.shape[1] * scale), 1), max(round(piece.shape[0] * scale), 1)
    piece = _resized(piece, *size)
    rows, columns = (_mirrored(side, have) for side, have in zip((height, width), piece.shape[:2], strict=True))
    return piece[rows[:, None], columns]


def _mirrored(length: int, have: int) -> npt.NDArray[np.intp]:
    """Indices there and back again."""
    places = np.arange(length) % (2 * have)
    return np.minimum(places, 2 * have - 1 - places)


def _resized(planes: Pixels, width: int, height: int) -> Pixels:
    """By bicubic interpolation, over all that a pixel covers where it becomes smaller."""
    images = (Image.fromarray(np.ascontiguousarray(planes[..., channel])) for channel in range(3))
    return np.stack([np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) for image in images], axis=2)


def _colour(rng: np.random.Generator, photos: Sequence[Pixels]) -> Pixels:
    photo = photos[int(rng.integers(len(photos)))]
    return photo[int(rng.integers(photo.shape[0])), int(rng.integers(photo.shape[1]))]


def _code(colour: Pixels) -> tuple[int, int, int]:
    red, green, blue = (round(float(value) * 255) for value in colour)
    return red, green, blue


def _place(rng: np.random.Generator, size: tuple[int, int]) -> tuple[int, int]:
    return int(rng.integers(-size[0] // 10, size[0])), int(rng.integers(-size[1] // 10, size[1]))
