"""One page of a contact sheet: photos in reading order, each a row of small pictures under their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

__all__ = ["BACKGROUND", "MAX_PAGE", "Photo", "draw_page", "fit_on_page", "width_for"]

BACKGROUND = (24, 24, 26)
_INK, _FAINT_INK = (225, 225, 225), (150, 150, 155)

MAX_PAGE = 4000
"""Pixels a side of a page."""
_SCREEN = 1.5
"""The page's width by its height that is best to look at."""
_WIDTHS_TRIED = 100

_MARGIN, _GAP, _BETWEEN = 16, 8, 32
"""Pixels: around the page, between pictures of one photo, and from one photo to the next."""
_TEXT_SIZE = 18
_LINE = round(1.5 * _TEXT_SIZE)


@dataclass(frozen=True)
class Photo:
    """A photo's small pictures, such as before and after, and the line below them."""

    images: Sequence[Image.Image]
    caption: str = ""


def fit_on_page(columns: int, width: int, height: int) -> int:
    """How many photos fit on a page if each of their ``columns`` pictures is this large."""
    across = (MAX_PAGE - 2 * _MARGIN + _BETWEEN) // (columns * (width + _GAP) - _GAP + _BETWEEN)
    down = (MAX_PAGE - 2 * _MARGIN + _BETWEEN) // (height + 2 * _LINE + _BETWEEN)
    return int(across * down)


def width_for(columns: int) -> int:
    """How wide pictures can be if ``columns`` of them stand side by side on a page."""
    return max(1, (MAX_PAGE - 2 * _MARGIN + _GAP) // columns - _GAP)


def draw_page(photos: Sequence[Photo], labels: Sequence[str]) -> Image.Image:
    """Photos from left to right and then down, broken into lines so that the page is near a screen's shape, and full.

    Photos keep their own widths: upright ones stand closer, so that before and after are always side by side.
    """
    blocks = [_Block(photo, labels) for photo in photos]
    narrowest = max(block.width for block in blocks)
    widest = max(narrowest, MAX_PAGE - 2 * _MARGIN)
    steps = range(_WIDTHS_TRIED + 1)
    tried = (_Page(blocks, narrowest + (widest - narrowest) * step // _WIDTHS_TRIED) for step in steps)
    return min(tried, key=lambda page: page.badness).draw()


class _Block:
    """One photo: its labels, its pictures, its caption; and where these stand in it."""

    def __init__(self, photo: Photo, labels: Sequence[str]) -> None:
        self._photo, self._labels = photo, labels
        font = _font()
        least = [math.ceil(font.getlength(label)) for label in labels]
        widths = [max(image.width, label) for image, label in zip(photo.images, least, strict=True)]
        self._lefts = [sum(widths[:column]) + _GAP * column for column in range(len(widths))]
        self._tallest = max(image.height for image in photo.images)
        self.width = self._lefts[-1] + widths[-1]
        self.height = _LINE + self._tallest + (_LINE if photo.caption else 0)

    def draw(self, page: Image.Image, left: int, top: int) -> None:
        draw, font = ImageDraw.Draw(page), _font()
        for offset, label, image in zip(self._lefts, self._labels, self._photo.images, strict=True):
            draw.text((left + offset, top), label, fill=_FAINT_INK, font=font)
            page.paste(image, (left + offset, top + _LINE))
        caption = _cut_to(self._photo.caption, font, self.width)
        draw.text((left, top + _LINE + self._tallest + _TEXT_SIZE // 4), caption, fill=_INK, font=font)


class _Page:
    """Blocks in lines of at most ``width`` pixels."""

    def __init__(self, blocks: Sequence[_Block], width: int) -> None:
        self._lines: list[list[_Block]] = [[]]
        for block in blocks:
            if self._lines[-1] and _width_of([*self._lines[-1], block]) > width:
                self._lines.append([])
            self._lines[-1].append(block)
        self._heights = [max(block.height for block in line) for line in self._lines]
        self.width = 2 * _MARGIN + max(_width_of(line) for line in self._lines)
        self.height = 2 * _MARGIN + sum(self._heights) + _BETWEEN * (len(self._lines) - 1)

    @property
    def badness(self) -> tuple[int, float]:
        """How far the page is too large; then how far from a screen's shape, and how empty it is."""
        too_large = max(0, self.width - MAX_PAGE, self.height - MAX_PAGE)
        filled = sum(block.width * block.height for line in self._lines for block in line)
        shape = abs(math.log(self.width / self.height / _SCREEN))
        return too_large, shape + 1 - filled / (self.width * self.height)

    def draw(self) -> Image.Image:
        page = Image.new("RGB", (self.width, self.height), BACKGROUND)
        top = _MARGIN
        for line, height in zip(self._lines, self._heights, strict=True):
            left = _MARGIN
            for block in line:
                block.draw(page, left, top)
                left += block.width + _BETWEEN
            top += height + _BETWEEN
        return page


def _width_of(line: Sequence[_Block]) -> int:
    return sum(block.width for block in line) + _BETWEEN * (len(line) - 1)


def _cut_to(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The end of the text, which tells file names apart, where all of it is too wide."""
    if font.getlength(text) <= width:
        return text
    return next((f"...{text[i:]}" for i in range(1, len(text)) if font.getlength(f"...{text[i:]}") <= width), "")


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_TEXT_SIZE)
