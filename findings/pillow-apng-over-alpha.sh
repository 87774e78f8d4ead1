#!/usr/bin/env bash
# What is the alpha of an APNG's frame where a half transparent region is laid "over" an opaque one?
# Expected: opaque stays opaque: the PNG specification's OVER gives 1 - (1 - 1)(1 - .5) = 1, so 255.
# Seen: Pillow 13.0.0 gives 191; its colours are right. It lays the region on with itself as the mask, so that alpha is
# mixed like a colour: 128 * 128/255 + 255 * 127/255. Pillow's own Image.alpha_composite of the two gives 255.
# Why it matters: an opaque animation comes out see-through wherever it moved softly, and whatever is done with alpha
# (keeping it, or weighing pixels by it) goes wrong without an error.
# Checked in two ways: Image.alpha_composite, and OpenCV 5.0.0, which reads the same file with libpng: 255 in both.
# Seen with numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
from PIL import Image, PngImagePlugin

opaque = Image.new("RGBA", (8, 8), (200, 100, 50, 255))
half = Image.new("RGBA", (8, 8), (0, 0, 255, 128))
blend = [PngImagePlugin.Blend.OP_SOURCE, PngImagePlugin.Blend.OP_OVER]
opaque.save("made.png", save_all=True, append_images=[half], blend=blend, disposal=0, duration=100)

with Image.open("made.png") as moving:
    moving.seek(1)
    by_pillow = moving.convert("RGBA").getpixel((4, 4))
by_formula = Image.alpha_composite(opaque, half).getpixel((4, 4))
read, animation = cv2.imreadanimation("made.png")
by_opencv = [int(value) for value in animation.frames[1][4, 4]]

print(f"Pillow {by_pillow}, alpha_composite {by_formula}, OpenCV (blue first) {by_opencv}")
assert read
assert by_formula[3] == by_opencv[3] == 255
assert by_pillow[:3] == by_formula[:3]
assert by_pillow[3] == 191, "changed: Pillow lays half transparent regions on otherwise now"
PYTHON
