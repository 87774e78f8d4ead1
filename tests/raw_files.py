"""Raw files to read: DNGs as cameras write them, of any scene that is made up."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = [
    "BLACK",
    "CAMERA",
    "NEUTRAL",
    "WHITE",
    "coded_light",
    "dng_file",
    "light_of",
    "mosaic",
    "raw_scene",
    "scene_preview",
]

BLACK, WHITE = 1008, 16383  # 14 bits
_XYZ_TO_CAMERA = np.array([[0.67, -0.06, -0.10], [-0.43, 1.25, 0.20], [-0.09, 0.22, 0.57]])
_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_PLAIN = _XYZ_TO_CAMERA @ _SRGB_TO_XYZ
NEUTRAL = _PLAIN.sum(axis=1) / _PLAIN.sum(axis=1).max()
"""What the camera sees of white."""
CAMERA = _PLAIN / _PLAIN.sum(axis=1).max()
"""From light in sRGB's colours to what the camera sees, so that its most sensitive channel sees 1 of white."""
_SHORT, _LONG, _BYTES, _TEXT, _RATIO, _SIGNED_RATIO = "H", "I", "B", "s", "2I", "2i"

Light = npt.NDArray[np.float64]


def raw_scene(size: tuple[int, int] = (128, 192)) -> Light:
    """Light in sRGB's colours, smooth, everywhere coloured, with something at every brightness: (H, W, 3) in [0, 1]."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    y, x = y / size[0], x / size[1]
    level = 0.02 + 0.9 * (0.5 + 0.5 * np.sin(5 * x + 2 * y)) ** 2
    scene: Light = level[:, :, None] * np.stack([0.6 + 0.4 * y, np.full_like(x, 0.7), 1 - 0.6 * y], 2)
    return scene


def light_of(coded: npt.NDArray[Any]) -> Light:
    """sRGB's coded values as light."""
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def coded_light(light: Light) -> Light:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def scene_preview(light: Light, exposure: float) -> npt.NDArray[np.uint8]:
    """The picture that a camera makes of it, with more contrast than the light has."""
    coded = coded_light((light * exposure).clip(0, 1))
    return np.rint(255 * (coded - 0.05 * np.sin(2 * np.pi * coded))).astype(np.uint8)


def mosaic(light: Light, exposure: float = 1.0, *, black: int = BLACK, noise: float = 0.0) -> npt.NDArray[np.uint16]:
    """What the sensor counts behind its red, green, green and blue filters: (H, W), H and W even."""
    seen = light @ CAMERA.T * exposure
    counts = np.empty(seen.shape[:2])
    for top, left, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        counts[top::2, left::2] = seen[top::2, left::2, channel]
    counts = counts * (WHITE - black) + np.random.default_rng(0).normal(0, 1, counts.shape) * noise
    return np.rint(counts + black).clip(0, WHITE).astype(np.uint16)


def _ratios(values: Sequence[float]) -> list[int]:
    return [part for value in values for part in (round(float(value) * 100_000), 100_000)]


def dng_file(
    samples: npt.NDArray[np.uint16],
    *,
    preview: npt.NDArray[np.uint8] | None = None,
    jpeg: bool = False,
    neutral: Sequence[float] | None = tuple(NEUTRAL),
    black: int = BLACK,
    orientation: int = 1,
    extra: Sequence[tuple[int, str, int, Any]] = (),
    order: str = "<",
) -> bytes:
    """A DNG of a mosaic. preview: in the first directory, as a JPEG or uncompressed; extra: more tags there (tag, type,
    count, value)."""
    camera: list[tuple[int, str, int, Any]] = [
        (50706, _BYTES, 4, bytes([1, 4, 0, 0])),
        (50708, _TEXT, 0, "Maker Model"),
        (271, _TEXT, 0, "Maker"),
        (272, _TEXT, 0, "Model"),
        (274, _SHORT, 1, orientation),
        (50721, _SIGNED_RATIO, 9, _ratios(_XYZ_TO_CAMERA.ravel())),
        (50778, _SHORT, 1, 21),
        *extra,
    ]
    if neutral is not None:
        camera.append((50728, _RATIO, 3, _ratios(neutral)))
    sensor: list[tuple[int, str, int, Any]] = [(50714, _SHORT, 1, black), (50717, _SHORT, 1, WHITE)]
    if samples.ndim == 2:
        sensor += [(33421, _SHORT, 2, (2, 2)), (33422, _BYTES, 4, bytes([0, 1, 1, 2]))]
    import tifffile

    stream = io.BytesIO()
    options: dict[str, Any] = {"metadata": None, "software": False}
    kind = {"photometric": 32803 if samples.ndim == 2 else 34892}
    with tifffile.TiffWriter(stream, byteorder=order) as file:
        if preview is None:
            file.write(samples, extratags=_tags([*camera, *sensor]), **kind, **options)
        else:
            first = {"subifds": 1, "subfiletype": 1, "extratags": _tags(camera), **options}
            if jpeg:
                first |= {"shape": preview.shape, "dtype": np.uint8, "photometric": "ycbcr", "compression": "jpeg"}
                file.write(iter([_jpeg(preview)]), rowsperstrip=len(preview), **first)
            else:
                file.write(preview, photometric="rgb", rowsperstrip=len(preview), **first)
            file.write(samples, subfiletype=0, extratags=_tags(sensor), **kind, **options)
    return stream.getvalue()


def _jpeg(values: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG", quality=95, subsampling="4:4:4")
    return stream.getvalue()


def _tags(tags: Sequence[tuple[int, str, int, Any]]) -> list[tuple[Any, ...]]:
    return [(*tag, True) for tag in tags]
