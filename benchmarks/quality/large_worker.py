"""Enhances one photo for large.py, in a process of its own, with the darklift that PYTHONPATH names.

Standard input is JSON: photo, result (a path for NumPy's format), model, threads, resize (None, or how many times
smaller the photo is enhanced, to be enlarged by bicubic interpolation), settings. Prints the processor's seconds.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from PIL import Image

from darklift import Enhancer, read_image


def main() -> None:
    wish = json.load(sys.stdin)
    enhancer = Enhancer(wish["model"], threads=wish["threads"])
    started = time.process_time()
    if wish["resize"]:
        with Image.open(wish["photo"]) as photo:
            size = photo.size
            small = photo.resize([round(side / wish["resize"]) for side in size], Image.Resampling.BOX)
        result = np.asarray(enhancer(small, **wish["settings"]).resize(size, Image.Resampling.BICUBIC))
    else:
        made = enhancer.run(read_image(wish["photo"]), bits=8, **wish["settings"]).picture
        result = np.rint(made.pixels * 255).astype(np.uint8)
    print(time.process_time() - started)
    np.save(wish["result"], result)


if __name__ == "__main__":
    main()
