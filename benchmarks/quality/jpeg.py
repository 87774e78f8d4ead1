"""What writing a lifted photo as JPEG costs: python benchmarks/quality/jpeg.py DIR [--every N] [--model MODEL]

Each photo of the folder is made a JPEG as cameras and web sites write them, read, and lifted. The result is coded in
several ways and compared with itself before coding. The table holds medians over the photos:

- the file's length against the photo's;
- the error (RMS, of 255), and that which 99 of 100 pixels' brightness stays below;
- by how much steps of brightness at the borders of 8×8 blocks, against those elsewhere, are larger than before coding;
- how far the photo's own coding had moved the result (RMS, of 255; the lift of the photo before it was a JPEG counts as
  right): what is far below is not seen beside it.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from held_out import held_out_photos
from PIL import Image

from darklift import Enhancer, Picture, decode_image, encode_image, read_image
from darklift.image import from_array

Pixels = npt.NDArray[np.float32]
CAME = ((75, "4:2:0"), (85, "4:2:0"), (92, "4:2:2"), (95, "4:4:4"), (100, "4:2:0"))
SIDES = 640
"""A larger photo is cut to its first so many pixels each way."""
BRIGHTNESS = np.float32((0.299, 0.587, 0.114))


def coded(pixels: Pixels, quality: int, subsampling: str) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))
    image.save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return stream.getvalue()


def blocks(pixels: Pixels) -> float:
    """How much larger steps of brightness are at the borders of blocks than elsewhere, as a factor."""
    at, elsewhere = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(np.moveaxis(pixels @ BRIGHTNESS, axis, 0), axis=0))
        border = np.arange(len(steps)) % 8 == 7
        at.append(steps[border].ravel())
        elsewhere.append(steps[~border].ravel())
    return float(np.concatenate(at).mean() / np.concatenate(elsewhere).mean())


def measure(enhancer: Enhancer, photo: Pixels, quality: int, subsampling: str) -> dict[str, tuple[float, ...]]:
    """The figures for each way to write the result."""
    came = coded(photo, quality, subsampling)
    result: Picture = enhancer(decode_image(came))
    right = enhancer(from_array(photo)).pixels
    ways = {"as it came": coded(result.pixels, quality, subsampling), "by darklift": encode_image(result, "jpg")}
    ways |= {"95, 4:4:4": encode_image(result, "jpg", quality=95)}
    figures = {}
    for name, data in ways.items():
        written = decode_image(data).pixels
        error = (written - result.pixels) * 255
        figures[name] = (
            len(data) / len(came),
            float(np.sqrt((error**2).mean())),
            float(np.percentile(np.abs(error @ BRIGHTNESS), 99)),
            100 * (blocks(written) / blocks(result.pixels) - 1),
            float(np.sqrt(((result.pixels - right) ** 2).mean()) * 255),
        )
    return figures


def table(enhancer: Enhancer, paths: Sequence[Path]) -> None:
    photos = [np.ascontiguousarray(read_image(path).pixels[:SIDES, :SIDES]) for path in paths]
    print(f"{len(photos)} photos\n")
    print("| photo | result | file | error | brightness, 99 % | blocks | the photo's own loss |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for quality, subsampling in CAME:
        measured = [measure(enhancer, photo, quality, subsampling) for photo in photos]
        for name in measured[0]:
            file, error, bright, more, own = np.median([figures[name] for figures in measured], axis=0)
            row = f"×{file:.2f} | {error:.2f} | {bright:.1f} | {more:+.0f} % | {own:.1f}"
            print(f"| {quality}, {subsampling} | {name} | {row} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    table(Enhancer(arguments.model), held_out_photos(arguments.folder, arguments.every))


if __name__ == "__main__":
    main()
