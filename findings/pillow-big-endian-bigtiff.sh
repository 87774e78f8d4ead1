#!/usr/bin/env bash
# Pillow 13.0.0 does not open a BigTIFF file whose byte order is big-endian: Image.open raises UnidentifiedImageError. The
# same picture opens as little-endian BigTIFF and as big-endian classic TIFF, and tifffile reads all three.
# Seen with Pillow 13.0.0, tifffile 2026.3.3, numpy 2.4.6, CPython 3.11, Linux, on 8-bit and 16-bit pictures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

picture = np.arange(6 * 10 * 3, dtype=np.uint8).reshape(6, 10, 3)
opened = {}
for name, order, big in (("classic big-endian", ">", False), ("BigTIFF little-endian", "<", True), ("BigTIFF big-endian", ">", True)):
    tifffile.imwrite("picture.tif", picture, byteorder=order, bigtiff=big, photometric="rgb")
    assert np.array_equal(tifffile.imread("picture.tif"), picture), name
    try:
        with Image.open("picture.tif") as image:
            opened[name] = bool(np.array_equal(np.asarray(image), picture))
    except UnidentifiedImageError:
        opened[name] = False
    print(f"{name}: Pillow {'opens it' if opened[name] else 'cannot identify it'}")
assert opened == {"classic big-endian": True, "BigTIFF little-endian": True, "BigTIFF big-endian": False}, opened
PYTHON
