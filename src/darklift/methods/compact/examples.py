"""The examples that compact learns from: a photo, a piece of it, and what is drawn for it by the example's number."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from darklift.data.crop import Crop, unit_of
from darklift.diffusion import noise_image, random_generator
from darklift.image.overview import area_average, describe
from darklift.methods.base import Arrays
from darklift.methods.compact.config import CompactConfig

__all__ = [
    "SCALES",
    "draw_guess_error",
    "draw_level",
    "prepare_coarse",
    "prepare_detail",
    "prepare_overview",
    "prepare_piece",
]

SCALES = (4, 2, 3, 4, 6)
"""How small the copies are that the detail net learns on, one after the other, step by step."""


def prepare_piece(config: CompactConfig, crop: Crop) -> Arrays:
    """What :func:`prepare_coarse` gives, and the piece with its noise and noise level, which follow from the
    example's number alone.
    """
    rng = random_generator(config.seed, "level", crop.index)
    level = draw_level(rng, config.noisy_share, config.noisy_abar)
    return prepare_coarse(config, crop) | {
        "low": unit_of(crop.low),
        "x0": unit_of(crop.high),
        "box": crop.box,
        "abar": np.asarray(level, np.float32),
        "eps": noise_image(config.seed, crop.index, (3, *crop.high.shape[1:])),
    }


def prepare_detail(config: CompactConfig, crop: Crop) -> Arrays:
    """What :func:`prepare_piece` gives, and how small the copy is that the fine net sees: alike in all of a step."""
    step = crop.index // crop.batch
    return prepare_piece(config, crop) | {"scale": np.asarray(SCALES[step % len(SCALES)])}


def prepare_coarse(config: CompactConfig, crop: Crop) -> Arrays:
    """What :func:`prepare_overview` gives, and the brightness asked for."""
    known = prepare_overview(config, crop)
    rng = random_generator(config.seed, "guess", crop.index)
    guess_error = draw_guess_error(rng, config.guess_share, config.guess_stops)
    return known | {
        "wanted": np.asarray(min(float(known["brightness"]) * 2 ** (guess_error or 0), 1), np.float32),
        "doubt": np.asarray(0 if guess_error is None else config.doubt_stops, np.float32),
        "clipped_weight": np.asarray(crop.clipped_weight, np.float32),
    }


def prepare_overview(config: CompactConfig, crop: Crop) -> dict[str, npt.NDArray[np.float32]]:
    """What is known of the photo, and how it should look at the thumbnail's size."""
    overview, target = describe(crop.photo_low, cues=config.cues), area_average(crop.photo_high)
    known = {
        "thumbnail": overview.thumbnail,
        "statistics": overview.statistics,
        "thumbnail_x0": target,
        "brightness": np.asarray(max(float(target.mean()), 0.5 / 255), np.float32),
        "exposure_weight": np.asarray(crop.exposure_weight, np.float32),
    }
    return known if overview.cues is None else known | {"cues": overview.cues}


def draw_level(rng: np.random.Generator, noisy_share: float, noisy_abar: float) -> float:
    """An example's abar. ``noisy_share`` of all lie below ``noisy_abar``, near pure noise, where sampling in few steps
    takes place.
    """
    if rng.random() < noisy_share:
        return float(rng.uniform(0, noisy_abar))
    return float(math.cos(rng.uniform(0, math.pi / 2)) ** 2)


def draw_guess_error(rng: np.random.Generator, share: float, stops: float) -> float | None:
    """How far, in stops, the brightness asked for is from the ground truth's: normal with deviation ``stops``, cut off
    at twice that, for ``share`` of the examples; None for the others, which are told the truth.

    When darklift is used, the brightness is a guess, so training has to know guesses, too.
    """
    if rng.random() >= share:
        return None
    return float(np.clip(rng.normal(0, stops), -2 * stops, 2 * stops))
