#!/usr/bin/env bash
# OpenImageIO 3.2.2.0 mixes up two of the eight orders in which a Radiance HDR file may store its pixels.
# Expected: "-X n -Y m" stores the right column first, each from top to bottom: Orientation 6. "+X n +Y m" stores the
# left column first, each from bottom to top: Orientation 8.
# Seen: 8 and 6, so that ImageBufAlgo.reorient turns both pictures upside down. The other six orders come out right.
# Why it matters: HDR panoramas and merged night brackets of these orders end up the wrong way round, and Orientation
# written to the enhanced copy is wrong too.
# Checked a second way: by Radiance itself (pvalue of pyradiance 1.3.1 prints where each pixel of the file belongs),
# beside the rule of the format (first axis: from line to line; second: within a line; X grows to the right, Y
# upwards).
# Seen with OpenImageIO 3.2.2.0, pyradiance 1.3.1, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    OpenImageIO==3.2.2.0 pyradiance==1.3.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib
import subprocess

import numpy as np
import OpenImageIO as oiio
import pyradiance

PVALUE = pathlib.Path(pyradiance.__file__).parent / "bin" / "pvalue"
RIGHT = {"-Y +X": 1, "-Y -X": 2, "+Y -X": 3, "+Y +X": 4, "+X -Y": 5, "-X -Y": 6, "-X +Y": 7, "+X +Y": 8}
SEEN = RIGHT | {"-X -Y": 8, "+X +Y": 6}
LINES, LENGTH = 2, 3
VALUES = 16 * np.arange(1, LINES * LENGTH + 1).reshape(LINES, LENGTH)


def by_the_rule(axes):
    """The upright picture: lines run along the first axis, pixels along the second; a minus starts at the far end."""
    stored = VALUES[:: -1 if axes[0] == "-" else 1, :: -1 if axes[3] == "-" else 1]
    across = stored.T if axes[1] == "X" else stored  # now rows are Y, growing upwards, and columns X
    return across[::-1]


def by_radiance(data):
    said = subprocess.run([PVALUE, "-b", "-h", "-H"], input=data, capture_output=True, check=True).stdout.split()
    x, y, value = np.array(said, float).reshape(-1, 3).T
    x, y = x.astype(int), y.astype(int)
    picture = np.empty((y.max() + 1, x.max() + 1))
    picture[y.max() - y, x] = value
    return np.rint(picture * 128 - 0.5).astype(int)  # Radiance reads a code as the middle of its step


for axes, right in RIGHT.items():
    pixels = np.stack([VALUES, VALUES, VALUES, np.full_like(VALUES, 129)], 2)
    first, second = axes.split()
    head = f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n{first} {LINES} {second} {LENGTH}\n".encode()
    data = head + pixels.astype(np.uint8).tobytes()
    pathlib.Path("picture.hdr").write_bytes(data)
    file = oiio.ImageBuf("picture.hdr")
    orientation = file.spec().getattribute("Orientation")
    upright = np.rint(oiio.ImageBufAlgo.reorient(file).get_pixels(oiio.FLOAT)[..., 0] * 128).astype(int)
    truth = by_the_rule(axes)
    print(f"{axes}: Orientation {orientation}, right would be {right}; upright {np.array_equal(upright, truth)}")
    assert np.array_equal(by_radiance(data), truth), axes
    assert orientation == SEEN[axes], axes
    assert np.array_equal(upright, truth if SEEN[axes] == right else truth[::-1, ::-1]), axes
PYTHON
