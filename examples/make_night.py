"""Makes night.jpg: a well-lit photo as a camera would have taken it four stops too dark.

Needs scikit-image, for its sample photo only (the extra "test" has it):  python examples/make_night.py
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from darklift.data.synthesis import Camera, Grain, underexpose
from darklift.diffusion import random_generator

NIGHT = Path(__file__).with_name("night.jpg")

# Four stops under-exposed at a high ISO: shot noise as of 5000 photoelectrons at full scale, a little read noise, both
# as demosaicing and a little noise reduction leave them; slightly warm light.
NOISE = Grain(luma=0, chroma=1, coloured=0.4)
CAMERA = Camera(stops=4.0, gains=(1.06, 1.0, 0.9), shot=2e-4, read=8e-4, grain=NOISE, black=0.0, jpeg=None)


def main(path: Path = NIGHT) -> Path:
    photo = np.ascontiguousarray(data.coffee().transpose(2, 0, 1))
    night = underexpose(photo, CAMERA, random_generator(0, "night"))
    Image.fromarray(night.transpose(1, 2, 0)).save(path, quality=92)
    return path


if __name__ == "__main__":
    print(main())
