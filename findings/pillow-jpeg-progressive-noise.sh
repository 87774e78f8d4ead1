#!/usr/bin/env bash
# Pillow 13.0.0 (libjpeg-turbo 3.2.0) cannot save noisy pictures as progressive or optimized JPEG without chroma
# subsampling: save raises OSError ("broken data stream when writing image file"), while the baseline JPEG works.
# Expected: progressive and optimize change how the file is packed (it gets smaller), not whether it can be written.
# Seen: Pillow's JpegImagePlugin makes room for two bytes a pixel from quality 95 on, for one below, and gives up if
# the whole file does not fit, although nothing is wrong with picture or file. Pure noise fails at quality 95; at 94 a
# smooth picture with Gaussian noise of 15 of 255 codes, as a brightened high-ISO photo has it, is enough.
# Why it matters: brightening lifts noise; such photos saved with optimize=True or progressive=True are lost.
# Checked in two ways: with a larger ImageFile.MAXBLOCK the same calls work and the pixels are the same as baseline
# ones; and OpenCV writes the same pictures as optimized and progressive JPEGs of the same sampling.
# Seen with OpenCV 5.0.0, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import cv2
import numpy as np
from PIL import Image, ImageFile

rng = np.random.default_rng(0)
smooth = np.linspace(40, 200, 800)[None, :, None] + np.zeros((800, 1, 3))
pictures = {
    ("pure noise", 95): rng.integers(0, 256, (800, 800, 3), dtype=np.uint8),
    ("noise of 15 codes", 94): np.clip(smooth + rng.normal(0, 15, smooth.shape), 0, 255).astype(np.uint8),
}
WAYS = {"baseline": {}, "progressive": {"progressive": True}, "optimize": {"optimize": True}}
FLAGS = {"progressive": cv2.IMWRITE_JPEG_PROGRESSIVE, "optimize": cv2.IMWRITE_JPEG_OPTIMIZE}


def saved(picture, quality, way):
    stream = io.BytesIO()
    try:
        Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling="4:4:4", **WAYS[way])
    except OSError:
        return None
    return stream.getvalue()


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


for (name, quality), picture in pictures.items():
    made = {way: saved(picture, quality, way) for way in WAYS}
    print(f"{name}, quality {quality}:", {way: data and len(data) for way, data in made.items()})
    assert made["baseline"] and made["progressive"] is None and made["optimize"] is None

    usual, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, 4 * 800 * 800
    for way, flag in FLAGS.items():
        data = saved(picture, quality, way)
        assert data and len(data) < len(made["baseline"]), way
        assert np.array_equal(opened(data), opened(made["baseline"])), way
        sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        done, _ = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling, flag, 1])
        assert done, way
    ImageFile.MAXBLOCK = usual
PYTHON
