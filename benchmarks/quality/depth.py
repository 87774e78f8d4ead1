"""What 16 bits gain: python benchmarks/quality/depth.py FOLDER [--pictures 10] [--model MODEL]

Each dark picture of the folder is brought to half its size, which fills in values between its 8-bit codes, and gets a
noise of 8 of a 14-bit sensor's codes; so does a made sky, without noise. It goes through darklift in two ways: as a
16-bit TIFF that becomes a 16-bit TIFF, and as an 8-bit PNG that becomes one.

levels: distinct values in the result's green channel. banding: how far the result is from that of the picture before
it was rounded at all, of both a mean over 9x9 pixels (which noise does not survive, and bands do), less the mean of
each channel's difference (which is brightness and tint), root mean square, in 255ths.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darklift import Enhancer, decode_image, encode_image, read_image
from darklift.image import Picture, Source, is_image_path

Floats = npt.NDArray[np.float32]
FORMATS = {8: "PNG", 16: "TIFF"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.iterdir() if is_image_path(path))
    paths = paths[:: max(1, len(paths) // arguments.pictures)][: arguments.pictures]
    scenes = {"made sky": sky(), **{path.stem: as_14_bits(read_image(path).pixels) for path in paths}}
    enhancer = Enhancer(arguments.model)
    print("| picture | levels, 8 bits | levels, 16 bits | banding, 8 bits | banding, 16 bits |")
    print("|---|--:|--:|--:|--:|")
    for name, scene in scenes.items():
        (few, coarse), (many, fine) = (measured(enhancer, scene, bits) for bits in FORMATS)
        print(f"| {name} | {few} | {many} | {coarse:.3f} | {fine:.3f} |")


def sky(height: int = 240, width: int = 320) -> Floats:
    """A dark sky: 4 codes of 8 bits from the horizon to the top, and a lit roof."""
    rows, columns = np.mgrid[0:height, 0:width]
    glow = 4 + 4 * rows / height + np.hypot(rows - height, columns - width / 2) / -height
    scene = np.stack([0.8 * glow, glow, 1.3 * glow], axis=2)
    scene[height * 4 // 5 :] = 40 + 20 * np.sin(columns[height * 4 // 5 :, :, None] / (9, 11, 13))
    return (scene / 255).astype(np.float32)


def as_14_bits(pixels: Floats) -> Floats:
    """A picture as a 14-bit sensor might have seen it."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    small = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    noise = np.random.default_rng(0).normal(0, 8 / 16383, small.shape)
    return np.clip(small + noise, 0, 1).astype(np.float32)


def measured(enhancer: Enhancer, scene: Floats, bits: int) -> tuple[int, float]:
    """Levels and banding of one way."""
    whole = Picture(scene, source=Source(bits=16))
    file = encode_image(whole, FORMATS[bits], bits=bits)
    result = decode_image(encode_image(enhancer(decode_image(io.BytesIO(file))), FORMATS[bits])).pixels
    apart = _means(result) - _means(enhancer(whole).pixels)
    apart -= apart.mean(axis=(0, 1))
    return len(np.unique(result[:, :, 1])), 255 * float(np.sqrt(np.mean(apart**2)))


def _means(pixels: Floats, side: int = 9) -> npt.NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(pixels.astype(np.float64), (side, side), axis=(0, 1))
    means: npt.NDArray[np.float64] = windows.mean(axis=(-2, -1))
    return means


if __name__ == "__main__":
    main()
