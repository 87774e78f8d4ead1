#!/usr/bin/env bash
# imagecodecs 2026.3.6 (libjxl 0.11.2), jpegxl_encode: a uint16 picture is labelled as linear light, a uint8 one as
# sRGB.
# Expected: 16 bits of the same picture mean the same colours as 8 bits. libjxl's JxlEncoderAddImageFrame too takes both
# kinds of integers as sRGB, by its manual, and only floats as linear, where no original profile is kept. jpegxl_encode
# has no option for the transfer curve; photometric="rgb" changes nothing.
# Seen: the samples are kept as they are and the file says "linear", so that a viewer that honours it shows code 32 of
# 255 as 99. jpegxl_decode gives the samples back unchanged, so that a round trip does not show it.
# Why it matters: whoever saves an enhanced photo with 16 bits, to keep its shadows, gets one that looks washed out.
# Checked in two ways: the colour space that OpenImageIO reads, and the colours that Pillow (with pillow-jxl-plugin
# and LittleCMS) makes of the ICC profile that the file stands for.
# Seen with OpenImageIO 3.2.2.0, Pillow 13.0.0, pillow-jxl-plugin 1.3.8, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    imagecodecs==2026.3.6 OpenImageIO==3.2.2.0 pillow==13.0.0 pillow-jxl-plugin==1.3.8 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import pathlib

import imagecodecs
import numpy as np
import OpenImageIO as oiio
import pillow_jxl  # noqa: F401  # lets Pillow read JPEG XL
from PIL import Image, ImageCms

rng = np.random.default_rng(0)
eight = np.concatenate([np.full((64, 64, 3), 32), rng.integers(0, 256, (64, 64, 3))]).astype(np.uint8)
for picture, label, shown in ((eight, "srgb_rec709_scene", 32), (eight * np.uint16(257), "lin_rec709_scene", 99)):
    data = imagecodecs.jpegxl_encode(picture, lossless=True)
    assert data == imagecodecs.jpegxl_encode(picture, lossless=True, photometric="rgb")
    assert np.array_equal(imagecodecs.jpegxl_decode(data), picture)

    pathlib.Path("picture.jxl").write_bytes(data)
    said = oiio.ImageBuf("picture.jxl").spec().getattribute("oiio:ColorSpace")

    with Image.open(io.BytesIO(data)) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        viewed = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    seen = np.asarray(viewed)[10, 10].tolist()
    print(f"{picture.dtype}: labelled {said}; code 32 of 255 is shown as {seen}")
    assert said == label, said
    assert all(abs(value - shown) <= 1 for value in seen), seen
PYTHON
