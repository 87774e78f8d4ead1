#!/usr/bin/env bash
# OpenImageIO 3.2.2.0 does not open JPEG XL files of less than 128 bytes, not even those that it wrote itself.
# Expected: what ImageBuf.write wrote, and what two other decoders read, opens.
# Seen: "Possible corrupt file, JPEG XL signature verification failed".
# Why it matters: even frames (lens cap on, masks, darkness with no noise) get that small; in a batch they look
# damaged.
# Checked in two ways: imagecodecs and pylibjxl read the same files; and zeros after the end, up to 128 bytes, mend
# them for OpenImageIO, up to 127 do not.
# Seen with imagecodecs 2026.3.6 (libjxl 0.11.2), pylibjxl 0.5.0, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    OpenImageIO==3.2.2.0 imagecodecs==2026.3.6 pylibjxl==0.5.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pathlib

import imagecodecs
import numpy as np
import OpenImageIO as oiio
import pylibjxl

PATH = pathlib.Path("picture.jxl")


def opens(data):
    PATH.write_bytes(data)
    file = oiio.ImageInput.open(str(PATH))
    if file is None:
        return oiio.geterror()
    pixels = np.asarray(file.read_image("uint8"), int)
    file.close()
    return "" if np.abs(pixels - 26).max() <= 1 else "other pixels"


dark = np.full((64, 64, 3), 26, np.uint8)
own = oiio.ImageBuf(oiio.ImageSpec(64, 64, 3, "uint8"))
oiio.ImageBufAlgo.fill(own, (26 / 255,) * 3)
assert own.write(str(PATH)), own.geterror()
files = {
    "OpenImageIO's own": PATH.read_bytes(),
    "imagecodecs's": imagecodecs.jpegxl_encode(dark),
    "pylibjxl's": pylibjxl.encode(dark),
}
for name, data in files.items():
    assert len(data) < 128, len(data)
    for decode in (imagecodecs.jpegxl_decode, pylibjxl.decode):
        assert np.abs(decode(data).astype(int) - 26).max() <= 1, decode
    said = opens(data)
    longer, long = (opens(data.ljust(length, bytes(1))) for length in (127, 128))
    print(f"{name}, {len(data)} bytes: OpenImageIO says {said!r}; with zeros up to 128 bytes: {long or 'opens'}")
    assert "signature verification failed" in said, said
    assert "signature verification failed" in longer, longer
    assert not long, long
PYTHON
