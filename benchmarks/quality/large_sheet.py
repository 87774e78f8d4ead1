"""Crops at 1:1 of what was made of a large photo, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from large_measures import BLOCK, Codes, Reference
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

SIDE = 256
_MARGIN, _TITLE = 4, 18
Place = tuple[int, int]


def places_to_show(reference: Reference) -> tuple[Place, Place, Place]:
    """Top left corners of three squares: where the clean picture has most strong edges, most flat dark ground, and most
    texture. None overlaps another.
    """
    height, width = reference.luma.shape
    fine = reference.luma - gaussian_filter(reference.luma, 2)
    tops, lefts = (range(0, max(length - SIDE, 0) + 1, SIDE // 2) for length in (height, width))
    corners = [(top, left) for top in tops for left in lefts]
    edges = reference.edges.places

    def edge_count(top: int, left: int) -> float:
        inside = (edges >= (top, left)).all(axis=1) & (edges < (top + SIDE, left + SIDE)).all(axis=1)
        return float(inside.sum())

    def flatness(top: int, left: int) -> float:
        rows, columns = (slice(start // BLOCK, (start + SIDE) // BLOCK) for start in (top, left))
        part = reference.flat[rows, columns]
        # all of it flat shows nothing beside the noise
        return float(part.sum()) if part.mean() < 0.9 else float(part.size) / 2

    def texture(top: int, left: int) -> float:
        return float(np.abs(fine[top : top + SIDE, left : left + SIDE]).mean())

    chosen: list[Place] = []
    for value in (edge_count, flatness, texture):
        free = [c for c in corners if all(max(abs(c[0] - o[0]), abs(c[1] - o[1])) >= SIDE for o in chosen)] or corners
        chosen.append(max(free, key=lambda corner: value(*corner)))
    return chosen[0], chosen[1], chosen[2]


def crops_of(picture: Codes, places: Sequence[Place]) -> Image.Image:
    """The squares, one below the other."""
    return Image.fromarray(np.concatenate([_square(picture, place) for place in places]))


def draw_sheets(folder: Path, shots: Sequence[tuple[Path, Path, Mapping[str, Mapping[str, Any]]]]) -> None:
    """A sheet for each shot: the dark photo lifted by a gain, what was made of it, and the clean picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for photo, truth, found in shots:
        with Image.open(photo) as image:
            dark = np.asarray(image)
        with Image.open(truth) as image:
            clean = np.asarray(image)
        gain = clean.mean() / max(float(dark.mean()), 1)
        lifted = np.rint((dark * gain).clip(0, 255)).astype(np.uint8)
        names = [*list(found)[1:], next(iter(found))]
        columns = {"the dark photo, by a gain": crops_of(lifted, places_to_show(Reference.of(clean)))}
        columns |= {name: Image.open(found[name]["crops"]) for name in names}
        draw_sheet(folder / f"{photo.stem}.png", columns)


def draw_sheet(path: Path, columns: Mapping[str, Image.Image]) -> None:
    """Crops side by side, under their names."""
    width = _MARGIN + len(columns) * (SIDE + _MARGIN)
    height = max(crops.height for crops in columns.values())
    sheet = Image.new("RGB", (width, _TITLE + height + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, crops) in enumerate(columns.items()):
        left = _MARGIN + number * (SIDE + _MARGIN)
        draw.text((left, 2), name[-40:], "black", ImageFont.load_default(12))
        sheet.paste(crops, (left, _TITLE))
    sheet.save(path)


def _square(picture: Codes, place: Place) -> Codes:
    """Black where the picture ends."""
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    part = picture[place[0] : place[0] + SIDE, place[1] : place[1] + SIDE]
    square[: part.shape[0], : part.shape[1]] = part
    return square
