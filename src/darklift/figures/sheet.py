"""Pictures side by side with labels, for looking at: before and after, perhaps beside the ground truth."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageCms, ImageDraw, ImageFont

from darklift.errors import UsageError
from darklift.image import Picture, from_pil, read_image, to_pil, write_image

__all__ = ["MAX_ROWS", "Cell", "fitting_side", "preview", "write_sheet"]

Cell: TypeAlias = Picture | Image.Image | Path | str
"""A picture, or the file that it is read from; an image is taken as sRGB."""

MAX_ROWS = 100
_MAX_HEIGHT, _MAX_WIDTH = 16_000, 8_000  # pixels; viewers begin to refuse beyond
_GAP = 12
_LABEL_SIZE, _CAPTION_SIZE = 22, 15  # pixels
_BACKGROUND, _INK, _FAINT_INK = (24, 24, 26), (240, 240, 240), (160, 160, 165)


def fitting_side(rows: int, columns: int, max_side: int = 960) -> int:
    """Pixels that the longer side of each picture may have, so that a sheet of this many keeps a sane size."""
    by_height = _MAX_HEIGHT // max(rows, 1) - _line(_CAPTION_SIZE) - _GAP
    return max(1, min(max_side, by_height, _MAX_WIDTH // max(columns, 1) - _GAP))


def preview(picture: Picture, max_side: int) -> Image.Image:
    """The picture as 8-bit sRGB, at most ``max_side`` pixels a side (never enlarged), on the sheet's background."""
    image = to_pil(picture)
    icc_profile = image.info.get("icc_profile")
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    flat = Image.new("RGB", image.size, _BACKGROUND)
    flat.paste(_as_srgb(image, icc_profile), mask=image.getchannel("A") if image.mode.endswith("A") else None)
    return flat


def write_sheet(
    rows: Sequence[Sequence[Cell]],
    path: str | Path,
    labels: Sequence[str] = ("before", "after"),
    max_side: int = 960,
    *,
    captions: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """Write a sheet of one row per photo and one column per label; returns its path.

    rows: each as long as ``labels``, at most 100. path: PNG or JPEG by its extension (or any other that ``write_image``
    takes), in a folder that exists. max_side: pixels of a picture's longer side; many rows make it smaller.
    captions: a line below each row, such as the file's name; none, or as many as there are rows.
    Raises UsageError for rows, labels and captions that do not fit together, ImageError as reading and writing do.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        raise UsageError(f"a sheet takes 1 to {MAX_ROWS} rows, got {len(rows)}: make several sheets")
    if not labels or any(len(row) != len(labels) for row in rows):
        lengths = ", ".join(sorted({str(len(row)) for row in rows}))
        raise UsageError(
            f"each row of a sheet needs a picture for each of the {len(labels)} labels, got rows of {lengths}"
        )
    if captions and len(captions) != len(rows):
        raise UsageError(f"got {len(captions)} captions for {len(rows)} rows: give none, or one for each")
    if max_side < 1:
        raise UsageError(f"max_side is {max_side}, expected at least 1 pixel")
    side = fitting_side(len(rows), len(labels), max_side)
    images = [[_small(cell, side) for cell in row] for row in rows]
    return write_image(from_pil(_draw(images, labels, captions)), path, overwrite=overwrite)


def _small(cell: Cell, side: int) -> Image.Image:
    if isinstance(cell, Image.Image):
        copy = cell.convert("RGB")
        copy.thumbnail((side, side), Image.Resampling.LANCZOS)
        return copy
    return preview(cell if isinstance(cell, Picture) else read_image(cell), side)


def _draw(images: Sequence[Sequence[Image.Image]], labels: Sequence[str], captions: Sequence[str]) -> Image.Image:
    label_font, caption_font = ImageFont.load_default(_LABEL_SIZE), ImageFont.load_default(_CAPTION_SIZE)
    widths = [
        max(round(label_font.getlength(label)), *(row[column].width for row in images))
        for column, label in enumerate(labels)
    ]
    caption_height = _line(_CAPTION_SIZE) if captions else 0
    heights = [max(image.height for image in row) + caption_height for row in images]
    width = sum(widths) + _GAP * (len(widths) + 1)
    height = sum(heights) + _GAP * (len(heights) + 1) + _line(_LABEL_SIZE)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    lefts = [_GAP + sum(widths[:column]) + _GAP * column for column in range(len(widths))]
    for left, label in zip(lefts, labels, strict=True):
        draw.text((left, _GAP), label, fill=_INK, font=label_font)
    top = _GAP + _line(_LABEL_SIZE)
    for number, (row, row_height) in enumerate(zip(images, heights, strict=True)):
        for left, image in zip(lefts, row, strict=True):
            sheet.paste(image, (left, top))
        if captions:
            below = top + row_height - caption_height + _CAPTION_SIZE // 4
            text = _cut_to(captions[number], caption_font, width - 2 * _GAP)
            draw.text((_GAP, below), text, fill=_FAINT_INK, font=caption_font)
        top += row_height + _GAP
    return sheet


def _cut_to(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The end of the text, which tells file names apart, where all of it is too wide."""
    if font.getlength(text) <= width:
        return text
    return next((f"...{text[i:]}" for i in range(1, len(text)) if font.getlength(f"...{text[i:]}") <= width), "")


def _line(size: int) -> int:
    return round(size * 1.5)


def _as_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Colours for the sheet, which has no profile of its own."""
    plain = image.convert("L" if image.mode.startswith("L") else "RGB")
    if icc_profile is None:
        return plain.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        converted = ImageCms.profileToProfile(plain, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a useless profile: viewers show such a picture as sRGB, too
        converted = None
    return converted or plain.convert("RGB")
