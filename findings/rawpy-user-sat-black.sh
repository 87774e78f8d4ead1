#!/usr/bin/env bash
# rawpy 0.28.0 (LibRaw 0.22.2): user_sat counts from the black level, not from zero.
# Expected: user_sat, "saturation adjustment (custom white level)", is a level of the sensor as white_level and
# raw_image are, so that user_sat=white_level changes nothing.
# Seen: samples clip at user_sat + black. With user_sat=white_level, clipped highlights come out grey, at (white -
# black) / white of the full range: 61439 of 65535 here.
# Why it matters: who lowers the white level to lift a dark raw photo gets it darker than asked for; who gives the
# file's own white level gets lamps and moons that are grey.
# Checked in two ways on a DNG made here (black 1000, white 16000): the first sample of raw_image that clips in the
# result, and the result of an unclipped sample, (sample - black) / user_sat. And user_black=0 moves the clipping to
# user_sat.
# Seen with tifffile 2026.3.3 (writes the DNG), numpy 2.4.6, CPython 3.11, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    rawpy==0.28.0 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import rawpy
import tifffile

BLACK, WHITE, ASKED = 1000, 16000, 8500
samples = np.repeat(np.arange(BLACK, WHITE + 250, 250), 4)[None].repeat(32, 0).astype(np.uint16)
unit = [part for value in np.eye(3).ravel() for part in (int(value), 1)]
tags = [
    (50706, "B", 4, bytes([1, 4, 0, 0]), True),  # DNG 1.4
    (50708, "s", 0, "Maker Model", True),
    (50721, "2i", 9, unit, True),  # ColorMatrix1
    (50778, "H", 1, 21, True),  # D65
    (50728, "2I", 3, [1] * 6, True),  # AsShotNeutral
    (50714, "H", 1, BLACK, True),
    (50717, "H", 1, WHITE, True),
    (33421, "H", 2, (2, 2), True),
    (33422, "B", 4, bytes([0, 1, 1, 2]), True),
]
stream = io.BytesIO()
with tifffile.TiffWriter(stream) as file:
    file.write(samples, photometric=32803, extratags=tags, metadata=None, software=False)


def developed(**options):
    """The first sample that clips (None: none does), the brightest result, and the result of the sample 8000."""
    with rawpy.imread(io.BytesIO(stream.getvalue())) as raw:
        assert raw.white_level == WHITE and set(raw.black_level_per_channel) == {BLACK}
        row = raw.raw_image_visible[16, ::2].copy()
        made = raw.postprocess(
            output_color=rawpy.ColorSpace.raw, output_bps=16, gamma=(1, 1), user_wb=[1, 1, 1, 1],
            no_auto_bright=True, adjust_maximum_thr=0, half_size=True, **options,
        )[8, :, 1]  # fmt: skip
    clipped = row[made == 65535]
    return int(clipped.min()) if clipped.size else None, int(made.max()), int(made[row == 8000][0])


plain, same, lower = developed(), developed(user_sat=WHITE), developed(user_sat=ASKED)
without_black = developed(user_sat=ASKED, user_black=0)
print("(first sample that clips, brightest result, result of the sample 8000)")
print(f"plain {plain}; user_sat={WHITE} {same}; user_sat={ASKED} {lower}; and user_black=0 {without_black}")
assert plain[:2] == (WHITE, 65535), plain
assert same[0] is None and abs(same[1] - 65535 * (WHITE - BLACK) / WHITE) <= 1, same
assert lower[0] == ASKED + BLACK, lower
assert abs(lower[2] - 65535 * (8000 - BLACK) / ASKED) <= 1, lower
assert without_black[0] == ASKED, without_black
PYTHON
