"""A slider for the exposure: look once, render often:  python examples/slider.py [PHOTO [RESULT]]

While a slider moves, only a small part of the photo is rendered, under a plan that is changed without looking at the
photo again. When it is let go, the whole photo is rendered under the last plan.
"""

import pickle
import sys
from pathlib import Path

from darklift import Enhancer, Tile, read_image, write_image

HERE = Path(__file__).parent
STOPS = (-1.0, 0.0, +1.0)  # where the slider stands, one after the other


def main(photo: Path = HERE / "night.jpg", result: Path = Path("night_slider.png")) -> None:
    enhance = Enhancer()
    picture = read_image(photo)
    height, width = picture.size
    plan = enhance.plan(picture)  # how bright, what the network should know, which tiles: decided once
    print(f"the model would choose a brightness of {plan.brightness:.2f}")

    middle = Tile(top=height // 4, left=width // 4, height=height // 2, width=width // 2)
    for stops in STOPS:
        plan = enhance.replan(plan, exposure=stops)
        preview = enhance.render(picture, plan, middle)
        print(f"{stops:+.1f} stops: brightness {plan.brightness:.2f}, preview of {preview.picture.size}")

    plan = pickle.loads(pickle.dumps(plan))  # plans travel: to another process, or to tomorrow
    write_image(enhance.render(picture, plan).picture, result)
    print(f"saved {result}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
