#!/usr/bin/env bash
# imagecodecs 2026.3.6 (lcms2 2.18), cms_transform of uint16 pictures from Display P3 to sRGB: by default lcms2's
# optimisation moves a colour's channels by more than a thousand of 65535 codes from the exact conversion, although both
# the input and the output have 16 bits; with flags=0x100 (cmsFLAGS_NOOPTIMIZE) all are within 64 codes.
# The profiles here are two parametric ICC v4 profiles of exactly these spaces, made below.
# Seen with numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check imagecodecs==2026.3.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import struct

import imagecodecs
import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))


def to_d50(chromaticities):
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in chromaticities]).T
    colours = xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ xyz[:, 3]))
    return np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ colours


def fixed(values):
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def profile(chromaticities):
    colours = to_d50(chromaticities)
    curve = b"para" + bytes(4) + struct.pack(">2H", 3, 0) + fixed([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])
    text = "made here".encode("utf-16-be")
    words = b"mluc" + bytes(4) + struct.pack(">2I2s2s2I", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": words, b"cprt": words, b"wtpt": b"XYZ " + bytes(4) + fixed(D50)}
    tags |= {name: b"XYZ " + bytes(4) + fixed(colours[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, place = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">2I", place + len(body), len(data))
        body += data
    head = struct.pack(">I4x4s4s4s4s12x4s", place + len(body), b"\4\x30\0\0", b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head += bytes(68 - len(head)) + fixed(D50)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def linear(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def coded(v):
    v = np.clip(v, 0, 1)
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


codes = np.random.default_rng(0).integers(0, 65536, (256, 256, 3)).astype(np.uint16)
exact = coded(linear(codes / 65535) @ (np.linalg.inv(to_d50(SRGB)) @ to_d50(P3)).T) * 65535
for flags in (None, 0x100):
    made = imagecodecs.cms_transform(
        codes, profile(P3), profile(SRGB), colorspace="rgb", outcolorspace="rgb", outdtype="uint16", intent=1, flags=flags
    )
    off = np.abs(made - exact).max()
    print(f"flags {flags}: at most {off:.0f} of 65535 from the exact conversion")
    assert off > 1000 if flags is None else off < 64, off
PYTHON
