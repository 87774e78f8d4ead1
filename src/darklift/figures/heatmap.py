"""A map of numbers as a picture for people: colours, and a legend that says which number is which colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from darklift.errors import UsageError
from darklift.image import Picture, from_pil

__all__ = ["draw_heatmap", "viridis"]

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
_LEGEND, _MIN_WIDTH, _MARGIN, _TEXT, _LINE = 64, 360, 12, 15, 22  # pixels
_STRIP = 64
"""Rows that are coloured at once."""


def draw_heatmap(
    values: npt.NDArray[np.floating],
    low: str,
    high: str,
    *,
    ends: tuple[float, float] | None = None,
    unit: str = "",
    note: str = "",
) -> Picture:
    """(H, W) numbers -> a picture with a colour for each, and 64 rows of legend below it.

    low, high: words for what small and large numbers mean. ends: the numbers that have the first and the last colour,
    so that maps can be compared; None takes nearly the least and the largest that there are. unit: written after them.
    note: one more line of legend, 22 rows. Narrow maps get a margin on the right, so that the legend stays readable.
    Raises UsageError for anything but a map of finite numbers.
    """
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        gaps = " with NaN or infinity" if values.size and not np.isfinite(values).all() else ""
        raise UsageError(f"a heat map takes (H, W) finite numbers, got shape {values.shape}{gaps}: check the model")
    start, end = (float(limit) for limit in (np.percentile(values, _EXTREMES) if ends is None else ends))
    height, width = values.shape
    rows = height + _LEGEND + (_LINE if note else 0)
    image = Image.new("RGB", (max(width, _MIN_WIDTH), rows), _BACKGROUND)
    for top in range(0, height, _STRIP):
        strip = values[top : top + _STRIP]
        image.paste(viridis((strip - start) / (end - start) if end > start else np.zeros_like(strip)), (0, top))
    bar = np.tile(np.linspace(0, 1, image.width - 2 * _MARGIN), (14, 1))
    image.paste(viridis(bar), (_MARGIN, height + _MARGIN))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT)
    below = height + _MARGIN + 14 + 4
    draw.text((_MARGIN, below), f"{start:.3g}{unit}  {low}", fill=_INK, font=font)
    draw.text((image.width - _MARGIN, below), f"{high}  {end:.3g}{unit}", fill=_INK, font=font, anchor="ra")
    draw.text((_MARGIN, below + _LINE), note, fill=_INK, font=font)
    return from_pil(image)


def viridis(unit: npt.NDArray[np.floating]) -> Image.Image:
    """(H, W) numbers -> an RGB image, from violet at 0 to yellow at 1; what is beyond has the colours of the ends."""
    places = np.linspace(0, 1, len(_VIRIDIS))
    channels = [np.interp(np.clip(unit, 0, 1), places, channel) for channel in _VIRIDIS.T]
    return Image.fromarray(np.rint(np.stack(channels, axis=-1)).astype(np.uint8))
