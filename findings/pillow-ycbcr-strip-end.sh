#!/usr/bin/env bash
# A TIFF in YCbCr that tells colour once for 4×4 pixels, in Deflate-compressed strips: where the bytes of a row of such
# units do not divide by the unit's four rows of pixels, Pillow 13.0.0 gives the unit at the end of a row another colour,
# without a word. Of 51 pixels a row (13 units, 18 bytes each: 234 / 4 = 58.5) the last three are wrong; of 52 pixels in
# the very same bytes they are wrong, too; of 56 pixels (14 units, 252 / 4 = 63) all are right, as are those of 51 in a tile.
# Seen with Pillow 13.0.0 (libtiff 4.7.2), numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

import numpy as np
from PIL import Image, features

SIDE = 4


def tiff(width, units, tiled):
    """Four rows of pixels, each unit: 16 values of brightness, then the two of colour."""
    if tiled:
        units = units + [bytes(18)] * (16 - len(units)) + [bytes(18)] * 48  # a tile of 64×16
    piece = zlib.compress(b"".join(units))
    extra = struct.pack("<3H", 8, 8, 8)
    tags = {256: [width], 257: [SIDE], 258: None, 259: [8], 262: [6], 277: [3], 530: [SIDE, SIDE]}
    tags |= {322: [64], 323: [16], 324: [8], 325: [len(piece)]} if tiled else {273: [8], 278: [SIDE], 279: [len(piece)]}
    body = piece + bytes(len(piece) % 2)
    where = 8 + len(body)
    entries = b""
    for tag in sorted(tags):
        values = tags[tag]
        if values is None:
            entries += struct.pack("<2H2I", tag, 3, 3, where)
        elif tag in (273, 279, 324, 325):
            entries += struct.pack("<2H2I", tag, 4, 1, values[0])
        else:
            entries += struct.pack("<2HI", tag, 3, len(values)) + struct.pack(f"<{len(values)}H", *values).ljust(4, b"\0")
    start = where + len(extra)
    return b"II*\0" + struct.pack("<I", start) + body + extra + struct.pack("<H", len(tags)) + entries + bytes(4)


def last_pixel(width, tiled=False):
    count = -(-width // SIDE)
    units = [bytes([128] * 18)] * (count - 1) + [bytes([128] * 16 + [128, 220])]  # gray, and a red unit at the end
    with Image.open(io.BytesIO(tiff(width, units, tiled))) as image:
        return tuple(int(value) for value in np.asarray(image.convert("RGB"))[0, -1])


print("Pillow", Image.__version__, "libtiff", features.version_codec("libtiff"))
seen = {name: last_pixel(*what) for name, what in {
    "56 pixels, strip": (56,), "51 pixels, tile": (51, True), "51 pixels, strip": (51,), "52 pixels, strip": (52,),
}.items()}
for name, pixel in seen.items():
    print(f"{name}: the last pixel is {pixel}")
right = seen["56 pixels, strip"]
assert right[0] > 240 and right[1] < 80 and seen["51 pixels, tile"] == right, seen
assert seen["51 pixels, strip"] != right, seen
assert seen["52 pixels, strip"] != right, seen
PYTHON
