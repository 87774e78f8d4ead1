"""Pictures of linear light, as renderers and HDR tools write them: OpenEXR and Radiance.

Their numbers are light in any amount, where 1 is white on a plain screen. What darklift makes of a photo ends at white,
as every picture for such screens does: light beyond is cut there, and that is said.
"""

from dataclasses import replace
from typing import BinaryIO

import numpy as np

from darklift.errors import ImageError
from darklift.image.deep import picture_of_samples
from darklift.image.extras import Extra
from darklift.image.icc_writing import linear_profile
from darklift.image.oiio import read_with
from darklift.image.picture import FloatArray, Metadata, Picture

__all__ = ["LINEAR_EXTRA", "linear_picture"]

LINEAR_EXTRA = Extra("OpenImageIO", "OpenImageIO", "exr")
_CHANNELS = (("R", "G", "B"), ("Y",))
_MULTIPLE = "oiio:subimages"


def linear_picture(stream: BinaryIO, container: str, ending: str, orientation: int | None = None) -> Picture:
    """The picture in a file; its profile says that its numbers are linear, and of which colours.

    orientation: what its samples have to be turned by, 1 to 8; None to go by what OpenImageIO says.
    """
    read = read_with(LINEAR_EXTRA, f"reading {container}", ending, stream)
    if (count := read.facts.get(_MULTIPLE, 1)) > 1:
        raise ImageError(f"{count} pictures in one file, expected 1: save each as a file of its own")
    names = next((names for names in _CHANNELS if set(names) <= set(read.names)), None)
    if names is None or (names == ("Y",) and {"RY", "BY"} & set(read.names)):
        raise ImageError(f"channels {', '.join(read.names[:8])}, expected R, G and B, or Y alone: save it as RGB")
    kept = (*names, "A") if "A" in read.names else names
    samples = read.samples[:, :, [read.names.index(name) for name in kept]]
    bits = 8 * samples.dtype.itemsize
    unit, notes = _to_white(samples.astype(np.float32), alpha="A" in kept)
    if others := [name for name in read.names if name not in kept]:
        notes.append(f"its other channels ({', '.join(others[:8])})")
    profile = linear_profile(read.facts.get("chromaticities"), gray=len(names) == 1)
    metadata = Metadata(icc_profile=profile, notes=tuple(notes))
    orientation = int(read.facts.get("Orientation", 1)) if orientation is None else orientation
    picture = picture_of_samples(unit, metadata, orientation, container, bits)
    return replace(picture, source=replace(picture.source, colour_space="linear light"))


def _to_white(light: FloatArray, *, alpha: bool) -> tuple[FloatArray, list[str]]:
    """Straight colours from black to white, and what was cut for it, in words."""
    if alpha:
        opacity = light[:, :, -1:]
        np.divide(light[:, :, :-1], opacity, out=light[:, :, :-1], where=opacity > 0)
    colours = light[:, :, :-1] if alpha else light
    low, high = float(colours.min()), float(colours.max())
    if np.isnan(low) or np.isnan(float(light.min())):
        raise ImageError("it holds values that are no numbers (NaN): mend them in the program that wrote it")
    notes = []
    if high > 1:
        share = 100 * float((colours > 1).mean())
        notes.append(f"light brighter than white ({share:.2g} % of its values, up to {high:.3g} times)")
    if low < 0:
        share = 100 * float((colours < 0).mean())
        notes.append(f"light below none ({share:.2g} % of its values, down to {low:.2g})")
    return np.clip(light, 0, 1, out=light), notes
