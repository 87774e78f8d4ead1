"""The two protocols of published low-light results, always reported side by side.

- **plain**: the output is scored as it is.
- **GT-mean**: the output is first scaled so that its mean brightness equals the ground truth's, and then scored. This
  forgives a wrong overall exposure, which nobody can tell from a single dark photo. But it needs the ground truth: it
  says how good a picture *could* look, not how good the one delivered looks. On LOL-v1 it adds some decibels, so a
  table that mixes the two protocols compares nothing.

The GT-mean rule, precisely, in coded values (sRGB as stored, not linear light), from LLFlow (Wang et al. 2022), which
credits KinD (Zhang et al. 2019), and kept by Retinexformer (Cai et al. 2023) and GSAD (Hou et al. 2023):

1. brightness = ``0.299·R + 0.587·G + 0.114·B`` (OpenCV's RGB2GRAY), averaged over all pixels, of the output before any
   rounding, and of the ground truth;
2. output × brightness(ground truth) / brightness(output), clipped to [0, 1];
3. rounded as any picture to 8 bits (to 16 where its file has more than 8), and scored.

The public scripts differ from each other in small things: some round the output before scaling it, some cut to 8 bits
instead of rounding, some take the PSNR of unrounded values (each moves one picture's PSNR by some hundredths of a dB on
LOL-v1), and some swap the weights of red and blue (up to some tenths).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from darklift.errors import UsageError
from darklift.evaluation.fidelity import FloatPixels
from darklift.evaluation.latest import Latest

__all__ = [
    "GT_MEAN",
    "PLAIN",
    "PROTOCOLS",
    "Protocol",
    "exposure_error",
    "mean_brightness",
    "require_unit_rgb",
    "scale_to_gt_mean",
]

# ITU-R BT.601 luma, the weights behind OpenCV's RGB2GRAY.
GRAY_WEIGHTS = (0.299, 0.587, 0.114)

DARKEST_BRIGHTNESS = 0.5 / 255.0
"""Mean brightness below which :func:`exposure_error` sees no difference: half an 8-bit step, black once saved."""


@dataclass(frozen=True)
class Protocol:
    """What is done to an output before it is scored."""

    name: str
    """As tables say it."""
    description: str
    """What is scored, in one phrase."""
    prepare: Callable[[FloatPixels, FloatPixels], FloatPixels]
    """(output, ground truth), unit RGB -> what is scored against the ground truth."""


def mean_brightness(image_unit: FloatPixels) -> float:
    """Mean of ``0.299·R + 0.587·G + 0.114·B`` over all pixels, in coded values (not linear light).

    Args:
        image_unit: (H, W, 3) float RGB in [0, 1].

    Returns:
        A value in [0, 1].

    Raises:
        UsageError: not a float array of that shape, or empty.
    """
    require_unit_rgb(image_unit)
    # The mean of the grey picture is the grey of the channels' means.
    # Rows first: numpy adds them up many times as fast as values that lie three apart.
    red, green, blue = (float(mean) for mean in image_unit.mean(axis=0, dtype=np.float64).mean(axis=0))
    return GRAY_WEIGHTS[0] * red + GRAY_WEIGHTS[1] * green + GRAY_WEIGHTS[2] * blue


def scale_to_gt_mean(prediction_unit: FloatPixels, target_unit: FloatPixels) -> FloatPixels:
    """Scale an output so that its mean brightness equals the ground truth's: steps 1 and 2 of the GT-mean protocol.

    Args:
        prediction_unit: (H, W, 3) float RGB in [0, 1], not rounded.
        target_unit: the ground truth, float RGB in [0, 1]; only its mean brightness counts.

    Returns:
        The scaled picture, clipped to [0, 1], in the output's dtype. Where clipping bites, its mean stays below the
        ground truth's, as in the published scripts. A wholly black output has nothing to scale and comes back as it is.

    Raises:
        UsageError: as :func:`mean_brightness`.
    """
    brightness, target_brightness = _both(prediction_unit, target_unit)
    scale = target_brightness / brightness if brightness > 0.0 else 1.0
    # float64 for the product: an almost black output's scale may exceed what a half or single float holds.
    scaled = np.clip(prediction_unit.astype(np.float64) * scale, 0.0, 1.0)
    return scaled.astype(prediction_unit.dtype)


def exposure_error(prediction_unit: FloatPixels, target_unit: FloatPixels) -> float:
    """How far the overall brightness is off: ``|log2(mean brightness of output / mean brightness of ground truth)|``.

    In stops of mean **coded** brightness: the values as stored, gamma included, not linear light, so one stop here is
    about 2.2 of a camera's (at a gamma of 2.2). Means below half an 8-bit step count as half a step, so that a black
    output costs 9 stops at most and not infinity.

    Args:
        prediction_unit: (H, W, 3) float RGB in [0, 1].
        target_unit: the ground truth, float RGB in [0, 1].

    Returns:
        0 … 9; 0 when the means agree, whatever the pictures show.

    Raises:
        UsageError: as :func:`mean_brightness`.
    """
    brightness, target_brightness = (max(mean, DARKEST_BRIGHTNESS) for mean in _both(prediction_unit, target_unit))
    return abs(math.log2(brightness / target_brightness))


def _both(prediction_unit: FloatPixels, target_unit: FloatPixels) -> tuple[float, float]:
    """Their mean brightness, once for both who ask."""
    both = prediction_unit, target_unit
    return _LATEST.get(both, lambda: (mean_brightness(prediction_unit), mean_brightness(target_unit)))


_LATEST: Latest[tuple[float, float]] = Latest()


def require_unit_rgb(image_unit: FloatPixels) -> None:
    """Refuse what cannot be a unit picture: uint8 above all, whose mean would silently be 255 times too bright.

    Raises UsageError for anything but a float array of shape (H, W, 3) that is not empty.
    """
    if not np.issubdtype(image_unit.dtype, np.floating):
        raise UsageError(f"got a picture of dtype {image_unit.dtype}; expected floats in [0, 1]: divide by its range")
    if image_unit.ndim != 3 or image_unit.shape[2] != 3 or image_unit.size == 0:
        raise UsageError(f"got a picture of shape {image_unit.shape}; expected (height, width, 3), RGB, not empty")


def _as_it_is(prediction_unit: FloatPixels, target_unit: FloatPixels) -> FloatPixels:
    return prediction_unit


PLAIN = Protocol("plain", "the output as it is", _as_it_is)
GT_MEAN = Protocol("GT-mean", "the output first scaled to the ground truth's mean brightness", scale_to_gt_mean)
PROTOCOLS = (PLAIN, GT_MEAN)
