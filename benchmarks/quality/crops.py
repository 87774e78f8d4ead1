"""Real dark photos in several ways, at 1:1 side by side: python benchmarks/quality/crops.py PHOTOS --sheet DIR

[--variants …] [--every 1]

Variants are those of large.py: settings, models, other builds. A sheet for each photo shows three squares: where the
photo, lifted by a plain gain and smoothed, has most strong edges, most flat dark ground, and most texture. Also printed
for each: how much the variants differ from the first, as the root mean square of codes, in all and without what is
coarser than 8 pixels, and the processor's seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from held_out import held_out_photos
from large import Variant
from large_measures import Codes, Reference, detail_psnr
from large_sheet import crops_of, draw_sheet, places_to_show
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter

BRIGHT, MOST = 90, 8
"""The mean, in codes, that a gain lifts a photo to; the largest gain."""


def lifted(dark: Codes) -> Codes:
    gain = np.clip(BRIGHT / max(float(dark.mean()), 1), 1, MOST)
    return np.rint((dark * gain).clip(0, 255)).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", default=["default"])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    variants = [Variant.of(text) for text in arguments.variants]
    arguments.sheet.mkdir(parents=True, exist_ok=True)
    print("| photo | variant | differs (codes) | in detail (codes) | processor s |\n|---|---|--:|--:|--:|")
    for photo in held_out_photos(arguments.photos, arguments.every):
        with Image.open(photo) as image:
            dark = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        bright = lifted(dark)
        places = places_to_show(Reference.of(gaussian_filter(bright, (1.5, 1.5, 0))))
        columns = {"the photo, by a gain": crops_of(bright, places)}
        first: Codes | None = None
        for variant in variants:
            with tempfile.TemporaryDirectory() as folder:
                made, seconds = variant.enhance(photo, None, arguments.threads, Path(folder, "made.npy"))
            first = made if first is None else first
            columns[variant.text] = crops_of(made, places)
            whole = np.sqrt(np.mean(np.square(made.astype(np.float32) - first)))
            fine = 255 * 10 ** (-detail_psnr(made, first) / 20)
            print(f"| {photo.stem} | {variant.text} | {whole:.2f} | {fine:.2f} | {seconds:.1f} |", flush=True)
        draw_sheet(arguments.sheet / f"{photo.stem}.png", columns)


if __name__ == "__main__":
    main()
