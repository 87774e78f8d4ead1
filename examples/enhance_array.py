"""A numpy array in, a numpy array out:  python examples/enhance_array.py [PHOTO [RESULT]]

The range follows from the dtype: uint8 is 0 to 255, uint16 is 0 to 65535, floats are 0 to 1.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from darklift import Enhancer, Settings

HERE = Path(__file__).parent


def main(photo: Path = HERE / "night.jpg", result: Path = Path("night_enhanced.png")) -> None:
    dark = np.asarray(Image.open(photo).convert("RGB"))
    enhance = Enhancer()

    bright = enhance(dark)
    print(f"mean {dark.mean():.0f} -> {bright.mean():.0f}, {bright.dtype} {bright.shape} as before")

    wish = Settings(exposure=+0.5)  # half a stop more than the model would choose
    print(f"half a stop brighter: mean {enhance(dark, wish).mean():.0f}")
    print(f"and gentler: mean {enhance(dark, wish, strength=0.5).mean():.0f}")

    print(f"same seed, same picture: {np.array_equal(bright, enhance(dark, seed=0))}")

    Image.fromarray(bright).save(result)
    print(f"saved {result}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
