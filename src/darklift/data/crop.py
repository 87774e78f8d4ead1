"""One training example: a crop, and the photo that it was cut from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from darklift.image import FloatArray, Picture
from darklift.image.arrays import assemble
from darklift.image.samples import white_of
from darklift.image.spaces import as_srgb

__all__ = ["Crop", "CropGeometry", "Planes", "cut", "image_of", "planes_of", "planes_of_image", "unit_of"]

Planes: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
"""RGB as (3, H, W): uint8, or uint16 where there are more than 8 bits to tell, each over all of its type's range."""


def planes_of(picture: Picture) -> Planes:
    """A picture's colours as sRGB, as finely as its source told them apart, and no finer than 16 bits.

    What had to be converted has 16, as nothing is to be rounded twice. Raises ImageError for NaN and infinity, and for
    colours that cannot be converted.
    """
    shown = as_srgb(picture)
    deep = picture.source.bits > 8 or shown is not picture
    values = assemble(shown, np.uint16 if deep else np.uint8, gray=False, alpha=False)
    planes: Planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    return planes


def image_of(planes: Planes) -> Image.Image:
    """(3, H, W), of 8 bits."""
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))


def planes_of_image(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(3, H, W), of one in RGB."""
    planes: npt.NDArray[np.uint8] = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    return planes


def unit_of(planes: Planes) -> FloatArray:
    """The same from 0 to 1, float32, with all bits."""
    unit: FloatArray = planes.astype(np.float32) / np.float32(white_of(planes))
    return unit


@dataclass(frozen=True)
class Crop:
    """A piece of a photo pair together with its photo.

    low, high: (3, n, n), each of 8 or 16 bits. box: float32 (4,), where the piece lies in the photo, as fractions: top,
    left, bottom, right. photo_low, photo_high: (3, H, W), the whole photo (or the part that is taken for the whole).
    name: the file's, for messages. index: the example's number in the run; everything random about it follows from
    this. batch: how many examples a step has, over all processes: example ``index`` is number ``index % batch`` of
    step ``index // batch``. exposure_weight, clipped_weight: how much its brightness, and its clipped highlights, count
    as a target, in [0, 1].
    """

    low: Planes
    high: Planes
    box: npt.NDArray[np.float32]
    photo_low: Planes
    photo_high: Planes
    name: str
    index: int
    batch: int = 1
    exposure_weight: float = 1.0
    clipped_weight: float = 1.0


@dataclass(frozen=True)
class CropGeometry:
    """Which part of a picture is the photo, and which part of that the crop; the same for both pictures of a pair."""

    rows: slice
    columns: slice
    quarter_turn: bool
    mirror: bool
    top: int
    left: int
    size: int

    def photo(self, planes: Planes) -> Planes:
        """The part of the picture taken for the photo, turned and mirrored; a view."""
        part = planes[:, self.rows, self.columns]
        if self.quarter_turn:
            part = np.rot90(part, axes=(1, 2))
        return part[:, :, ::-1] if self.mirror else part

    def crop(self, photo: Planes) -> Planes:
        """The crop out of what :meth:`photo` returned; a view."""
        return photo[:, self.top : self.top + self.size, self.left : self.left + self.size]

    def box(self, photo: Planes) -> npt.NDArray[np.float32]:
        """The crop as fractions of the photo: top, left, bottom, right."""
        height, width = photo.shape[1:]
        bottom, right = self.top + self.size, self.left + self.size
        return np.array([self.top / height, self.left / width, bottom / height, right / width], dtype=np.float32)


def cut(
    shape: tuple[int, int], size: int, rng: np.random.Generator, *, part_share: float, turn_share: float
) -> CropGeometry:
    """Choose the geometry of one example from a picture of ``shape`` (H, W), both sides at least ``size`` pixels.

    part_share: how often only a random part (half to all of each side) is taken for the photo, so that the model
    meets photos of many framings. turn_share: how often the photo is turned by 90°. Mirrored half of the time.
    """
    sides = []
    as_part = rng.random() < part_share
    for length in shape:
        kept = max(size, round(length * rng.uniform(0.5, 1.0))) if as_part else length
        start = int(rng.integers(0, length - kept + 1))
        sides.append(slice(start, start + kept))
    turned = bool(rng.random() < turn_share)
    height, width = (side.stop - side.start for side in (reversed(sides) if turned else sides))
    return CropGeometry(
        rows=sides[0],
        columns=sides[1],
        quarter_turn=turned,
        mirror=bool(rng.random() < 0.5),
        top=int(rng.integers(0, height - size + 1)),
        left=int(rng.integers(0, width - size + 1)),
        size=size,
    )
