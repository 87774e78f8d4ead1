"""Pictures for the page's eyes: 8 bits, sRGB, no larger than asked for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from darklift.batch.doubt_map import share_in_doubt
from darklift.figures.heatmap import viridis
from darklift.image import Picture
from darklift.image.spaces import colour_space_of
from darklift.pipeline.preview import reduced
from darklift.pipeline.render import Enhanced
from darklift.pipeline.tiling import Tile
from darklift.pipeline.view import View

__all__ = ["DRAWN_AS", "drawn", "drawn_doubt"]

DRAWN_AS = {"png": "image/png", "jpg": "image/jpeg"}
"""What pictures are drawn as: without loss, or in a fifth of the bytes."""


def drawn(picture: Picture, side: int | None, form: str = "png") -> bytes:
    """The picture with at most ``side`` pixels along its longer side, as a browser shows it: an sRGB file.

    form: of :data:`DRAWN_AS`; a JPEG has no transparency, and shows what is transparent on white.
    """
    if side is not None:
        picture = reduced(picture, side)
    space, _ = colour_space_of(picture)
    whole = Tile(0, 0, *picture.size)
    view = View(picture, whole, space)
    codes = np.empty((*picture.size, 4 if picture.has_alpha else 3), np.uint8)
    for strip in view.strips():
        codes[strip.window][..., :3] = (view.own(strip).transpose(1, 2, 0) * 255 + 0.5).clip(0, 255)
        alpha = view.alpha(strip)
        if alpha is not None:
            codes[strip.window][..., 3] = alpha * 255 + 0.5
    image = Image.fromarray(codes)
    stream = io.BytesIO()
    if form == "jpg":
        _on_white(image).save(stream, "JPEG", quality=95, subsampling="4:4:4")
    else:
        image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    flat = Image.new("RGB", image.size, (255, 255, 255))
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def drawn_doubt(enhanced: Enhanced, side: int) -> bytes:
    """A PNG of how far each place may be off, violet (sure) to yellow, with at most ``side`` pixels along its longer
    side: of intervals the share of what is shown, of other uncertainty as of :func:`darklift.figures.heatmap`.
    """
    doubt = enhanced.uncertainty
    assert doubt is not None  # it was asked for
    if enhanced.coverage is not None:
        doubt = share_in_doubt(doubt, enhanced)
    else:
        least, most = np.percentile(doubt, (1, 99))
        doubt = (doubt - least) / (most - least if most > least else np.float32(1))
    image = viridis(doubt)
    image.thumbnail((side, side), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
