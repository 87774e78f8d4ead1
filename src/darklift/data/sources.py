"""Where training examples come from: pairs on disk, or good photos whose dark halves a simulated camera takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from darklift.data.crop import Crop, Planes, cut, planes_of
from darklift.data.large import draw_large, shoot_large
from darklift.data.phone import draw_phone, held_in, keep_lost, shoot_phone
from darklift.data.synthesis import (
    add_grain,
    code_in_blocks,
    dim,
    draw_camera,
    draw_quality,
    expose,
    jitter_exposure,
    recompress,
    shoot_uneven,
    underexpose,
)
from darklift.errors import DataError, ImageError
from darklift.image import read_image

__all__ = ["HELD_PHOTOS", "Mixture", "Source"]

HELD_PHOTOS = 2**30
"""Bytes of decoded photos (those without dark partners) that are held; the others are decoded anew each time they are
drawn.
"""
_AT_ONCE = 16  # photos that are decoded ahead, so that a slow reader does not pile them up


@dataclass(frozen=True)
class Source:
    """Examples of one kind; a recipe sets the numbers by the same names.

    Some of them are for sources with dark pictures (pairs, exposures), others for good photos alone.
    """

    name: str
    highs: tuple[Path, ...]
    """The good pictures."""
    lows: tuple[Path, ...] | None
    """Their dark partners. None: a simulated camera underexposes the good ones, anew each time
    (:func:`~darklift.data.synthesis.underexpose`).
    """
    share: float = 1.0
    """How often examples come from here, relative to the other sources' shares."""
    dimmed: tuple[float, float] = (0.0, 0.0)
    """With dark pictures: they lose so many more stops of light, at least and at most, before they are rounded. For
    real shots of much light that show a real camera's noise.
    """
    jitter: float = 0.0
    """With dark pictures: these are made up to so many stops darker or lighter."""
    grainy: float = 0.0
    """With dark pictures: how often one gets a phone's noise on top of its own, half of these as a JPEG file."""
    recompressed: float = 0.0
    """With dark pictures: how often one goes through a JPEG file after that, which leaves 8 bits of it."""
    re_exposed: float = 0.0
    """Half of the targets are made up to so many stops brighter or darker, at most
    :data:`~darklift.data.synthesis.MAX_EXPOSE`. They teach what a wish for brightness means, and nothing about the
    brightness to choose.
    """
    in_blocks: float = 0.0
    """How often a dark picture is coded in blocks, as HEIC files are, and has 8 bits then."""
    uneven: float = 0.0
    """Photos alone: above 0, they and their targets become scenes of uneven light
    (:func:`~darklift.data.synthesis.shoot_uneven`, with this power).
    """
    phone: bool = False
    """Photos alone: a simulated phone takes them at night (:func:`~darklift.data.phone.shoot_phone`)."""
    large: bool = False
    """Photos alone: pieces of large photos, sharp to soft at full size, that have the layout of one and the texture of
    another (:func:`~darklift.data.large.shoot_large`). Beside it, only the share and the stops have an effect.
    """
    lost_stays: bool = False
    """With dark pictures, or a phone: targets stay dark where the dark picture holds nothing
    (:func:`~darklift.data.phone.keep_lost`).
    """
    part_share: float = 0.5
    """How often only a part of a picture is taken for the whole photo."""
    turn_share: float = 0.25
    """How often a picture is turned by 90 degrees."""
    min_stops: float = 0.0
    """Photos alone: the least light that the camera loses, in stops; below 0 it overexposes."""
    max_stops: float = 7.0
    """Photos alone: the most light that it loses, in stops."""
    exposure_weight: float = 1.0
    """How much the targets' brightness counts, from 0 to 1."""
    clipped_weight: float = 1.0
    """How much the targets' clipped highlights count, from 0 to 1."""


@dataclass(frozen=True)
class Mixture:
    """All sources together, as sRGB. Pairs are decoded once and held in memory: in 8 bits, or in 16 where a file has
    more than 8, or colours of another space (LOL-v1 takes 0.7 GB), each half by itself. So are photos without dark
    partners, as far as :data:`HELD_PHOTOS` goes.

    Example number ``index`` of a run is a pure function of (seed, index): the same on any rank and after any resume.
    """

    sources: tuple[Source, ...]
    _pictures: dict[Path, Planes] = field(default_factory=dict, repr=False)

    def load(self) -> None:
        """Decode everything once (before data-loader workers start, so that they share the memory), also what is not
        held: a file that cannot be read is found now, and not after hours.
        """
        empty = [source.name for source in self.sources if not source.highs]
        if empty or not self.sources:
            raise DataError(
                f"no pictures to train on in {', '.join(empty) or 'no sources'}: expected at least one in each source; "
                "add some, or leave out fewer"
            )
        # Pairs of a multi-exposure scene share their target.
        paired = dict.fromkeys(p for each in self.sources if each.lows for p in (*each.highs, *each.lows))
        alone = dict.fromkeys(p for each in self.sources if each.lows is None for p in each.highs if p not in paired)
        photos = list(alone)
        room = HELD_PHOTOS
        with ThreadPoolExecutor(4) as pool:
            self._pictures.update(zip(paired, pool.map(_decode, paired), strict=True))
            for first in range(0, len(photos), _AT_ONCE):
                some = photos[first : first + _AT_ONCE]
                for path, planes in zip(some, pool.map(_decode, some), strict=True):
                    room -= planes.nbytes
                    if room >= 0:
                        self._pictures[path] = planes
        for source in self.sources:
            for high, low in zip(source.highs, source.lows or (), strict=False):
                if self._pictures[high].shape != self._pictures[low].shape:
                    raise DataError(
                        f"a pair differs in size: {low} {self._pictures[low].shape[1:]} and {high} "
                        f"{self._pictures[high].shape[1:]} (rows, columns): remove the pair or make both alike"
                    )

    def draw(self, index: int, size: int, rng: np.random.Generator) -> Crop:
        """Example ``index`` with a crop of ``size``×``size`` pixels; smaller pictures are extended by reflection."""
        shares = np.array([source.share for source in self.sources])
        source = self.sources[int(rng.choice(len(shares), p=shares / shares.sum()))]
        number = int(rng.integers(len(source.highs)))
        name = f"{source.name}/{source.highs[number].name}"
        high = self._picture(source.highs[number])
        if source.large:
            other = self._picture(source.highs[int(rng.integers(len(source.highs)))])
            shot = draw_large(rng, source.max_stops, source.min_stops)
            return Crop(*shoot_large(high, other, size, shot, rng), name=name, index=index)
        high = _at_least(high, size)
        low = None if source.lows is None else _at_least(self._picture(source.lows[number]), size)
        place = cut(
            (high.shape[1], high.shape[2]), size, rng, part_share=source.part_share, turn_share=source.turn_share
        )
        photo_high = place.photo(high)
        if low is None:
            photo_low, photo_high = _shoot(photo_high, source, rng)
        else:
            photo_low = _vary(place.photo(low), source, rng)
            if source.lost_stays:
                photo_high = keep_lost(photo_high, photo_low, held_in(photo_low))
        if source.in_blocks and rng.random() < source.in_blocks:
            photo_low = _in_random_blocks(photo_low, rng)
        exposure_weight = source.exposure_weight
        if source.re_exposed and rng.random() < 0.5:
            photo_high = expose(photo_high, float(rng.uniform(-source.re_exposed, source.re_exposed)))
            exposure_weight = 0.0
        return Crop(
            low=np.ascontiguousarray(place.crop(photo_low)),
            high=np.ascontiguousarray(place.crop(photo_high)),
            box=place.box(photo_high),
            photo_low=photo_low,
            photo_high=photo_high,
            name=name,
            index=index,
            exposure_weight=exposure_weight,
            clipped_weight=source.clipped_weight,
        )

    def _picture(self, path: Path) -> Planes:
        held = self._pictures.get(path)
        return _decode(path) if held is None else held


def _shoot(photo: Planes, source: Source, rng: np.random.Generator) -> tuple[Planes, Planes]:
    """A good photo as a random camera takes it in little light, and the target for that."""
    if source.phone:
        shot = shoot_phone(photo, draw_phone(rng, source.max_stops, source.min_stops), rng)
        return shot.dark, keep_lost(shot.good, shot.dark, shot.held) if source.lost_stays else shot.good
    camera = draw_camera(rng, source.max_stops, source.min_stops)
    if source.uneven:
        return shoot_uneven(photo, camera, rng, source.uneven)
    return underexpose(photo, camera, rng), photo


def _vary(low: Planes, source: Source, rng: np.random.Generator) -> Planes:
    """A real dark photo, perhaps at another exposure, with a phone's grain, or with a JPEG file's traces."""
    if source.dimmed[1]:
        low = dim(low, float(rng.uniform(*source.dimmed)))
    if source.jitter:
        low = jitter_exposure(low, float(rng.uniform(-source.jitter, source.jitter)))
    if source.grainy and rng.random() < source.grainy:
        low = add_grain(low, rng)
    if rng.random() < source.recompressed:
        low = recompress(low, draw_quality(rng))
    return low


def _in_random_blocks(low: Planes, rng: np.random.Generator) -> Planes:
    return code_in_blocks(
        low,
        side=2 ** int(rng.integers(3, 6)),
        flat=float(rng.uniform(1, 4)),
        steps=(float(rng.uniform(1, 3)), float(rng.uniform(1, 6))),
    )


def _decode(path: Path) -> Planes:
    picture = read_image(path)
    try:
        return planes_of(picture)
    except ImageError as error:
        raise ImageError(f"cannot train on {path}: {error}") from error


def _at_least(planes: Planes, size: int) -> Planes:
    missing = [max(0, size - length) for length in planes.shape[1:]]
    if not any(missing):
        return planes
    return np.pad(planes, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric")
