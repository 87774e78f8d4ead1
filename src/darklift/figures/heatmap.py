"""A map of numbers as a picture for people: colours, and a legend that says which number is which colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from darklift.errors import UsageError
from darklift.image import Picture, from_pil

__all__ = ["draw_heatmap"]

# Viridis (Smith & van der Walt 2015, CC0) at ten even places: rises evenly in lightness, also for colour-blind eyes.
_VIRIDIS = np.array(
    [
        (68, 1, 84),
        (72, 40, 120),
        (62, 74, 137),
        (49, 104, 142),
        (38, 130, 142),
        (31, 158, 137),
        (53, 183, 121),
        (110, 206, 88),
        (181, 222, 43),
        (253, 231, 37),
    ],
    dtype=np.float64,
)
_EXTREMES = (1, 99)
"""Percentiles at the ends of the colours, so that a few odd pixels do not take all of them."""
_BACKGROUND, _INK = (24, 24, 26), (240, 240, 240)
_LEGEND, _MIN_WIDTH, _MARGIN, _TEXT = 64, 360, 12, 15  # pixels


def draw_heatmap(values: npt.NDArray[np.floating], low: str, high: str) -> Picture:
    """(H, W) numbers -> a picture with a colour for each, and 64 rows of legend below it.

    low, high: words for what small and large numbers mean. Narrow maps get a margin on the right, so that the legend
    stays readable. Raises UsageError for anything but a map of finite numbers.
    """
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        gaps = " with NaN or infinity" if values.size and not np.isfinite(values).all() else ""
        raise UsageError(f"a heat map takes (H, W) finite numbers, got shape {values.shape}{gaps}: check the model")
    start, end = (float(limit) for limit in np.percentile(values, _EXTREMES))
    height, width = values.shape
    image = Image.new("RGB", (max(width, _MIN_WIDTH), height + _LEGEND), _BACKGROUND)
    image.paste(_colours((values - start) / (end - start) if end > start else np.zeros_like(values)), (0, 0))
    bar = np.tile(np.linspace(0, 1, image.width - 2 * _MARGIN), (14, 1))
    image.paste(_colours(bar), (_MARGIN, height + _MARGIN))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT)
    below = height + _MARGIN + 14 + 4
    draw.text((_MARGIN, below), f"{start:.3g}  {low}", fill=_INK, font=font)
    draw.text((image.width - _MARGIN, below), f"{high}  {end:.3g}", fill=_INK, font=font, anchor="ra")
    return from_pil(image)


def _colours(unit: npt.NDArray[np.floating]) -> Image.Image:
    places = np.linspace(0, 1, len(_VIRIDIS))
    channels = [np.interp(np.clip(unit, 0, 1), places, channel) for channel in _VIRIDIS.T]
    return Image.fromarray(np.rint(np.stack(channels, axis=-1)).astype(np.uint8))
