#!/usr/bin/env bash
# How often does a GIF play? Pillow 13.0.0 on one side, OpenCV 5.0.0 and libvips 8.18.7 on the other disagree by one.
# Expected: the same file gives the same number of plays, and a number saved is the number read, in all libraries.
# Seen: a GIF whose NETSCAPE2.0 block says n (not 0) has loop n for Pillow, n + 1 for OpenCV and libvips; saving "3"
# writes 3 by Pillow and 2 by the others. ImageMagick takes it as n + 1 too (its pull request 622). Without the block,
# which means one play, Pillow has no loop. An APNG copy made by Pillow with the loop that Pillow read plays n times
# and no more, as its num_plays says.
# Why it matters: who enhances animations and moves frames between these libraries changes how often they play.
# Checked in two ways: the bytes of the block are read here; and OpenCV and libvips, two programs of different people,
# write as they read, and OpenCV reads the APNG copy as one play less than the GIF it was made of.
# Seen with pyvips 3.2.0, numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import pathlib
import struct

import cv2
import numpy as np
import pyvips
from PIL import Image

FRAMES = [np.full((8, 8, 3), level, np.uint8) for level in (0, 128, 255)]


def block(data):
    """The number in the NETSCAPE2.0 block; None without one."""
    place = data.find(b"NETSCAPE2.0")
    return None if place < 0 else struct.unpack_from("<H", data, place + 13)[0]


def by_pillow(plays):
    stream = io.BytesIO()
    first, *rest = map(Image.fromarray, FRAMES)
    loop = {} if plays is None else {"loop": plays}
    first.save(stream, "GIF", save_all=True, append_images=rest, duration=100, **loop)
    return stream.getvalue()


def by_opencv(plays):
    moving = cv2.Animation()
    moving.frames, moving.durations, moving.loop_count = FRAMES, np.full(3, 100), plays
    assert cv2.imwriteanimation("made.gif", moving)
    return pathlib.Path("made.gif").read_bytes()


def by_vips(plays):
    pages = pyvips.Image.new_from_buffer(by_pillow(0), "", n=-1).copy()
    pages.set_type(pyvips.GValue.gint_type, "loop", plays)
    return pages.gifsave_buffer()


def read(data):
    pathlib.Path("read.gif").write_bytes(data)
    done, moving = cv2.imreadanimation("read.gif")
    assert done
    with Image.open(io.BytesIO(data)) as image:
        loop = image.info.get("loop")
    return loop, moving.loop_count, pyvips.Image.new_from_buffer(data, "", n=-1).get("loop")


for number, seen in {None: (None, 1, 1), 0: (0, 0, 0), 1: (1, 2, 2), 3: (3, 4, 4)}.items():
    data = by_pillow(number)
    assert block(data) == number
    print(f"the block says {number}: Pillow {read(data)[0]}, OpenCV {read(data)[1]}, libvips {read(data)[2]}")
    assert read(data) == seen, read(data)

written = [block(write(3)) for write in (by_pillow, by_opencv, by_vips)]
print("saved as 3, the block says: Pillow {}, OpenCV {}, libvips {}".format(*written))
assert written == [3, 2, 2], written

with Image.open(io.BytesIO(by_pillow(3))) as image:
    image.save("copy.png", save_all=True, loop=image.info["loop"])
copy = pathlib.Path("copy.png").read_bytes()
(plays,) = struct.unpack_from(">I", copy, copy.index(b"acTL") + 8)
_, moving = cv2.imreadanimation("copy.png")
print(f"an APNG copy by Pillow of the GIF that says 3: num_plays {plays}, OpenCV {moving.loop_count}")
assert plays == moving.loop_count == 3, plays
PYTHON
