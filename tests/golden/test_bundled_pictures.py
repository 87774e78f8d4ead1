"""The bundled models' pictures stay what they were: held to results from before plan and render were two steps, which
lifted all that the model would, and of lights in the dark and of tiles to today's.

``data/bundled.npz`` holds them as 8-bit pictures, of the large ones a piece where tiles meet. On one machine they are
the same to the bit; processors differ in their last digits, so one level of 255 is let pass, rarely.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from darklift import Enhancer
from darklift.pipeline import memory

Bytes = npt.NDArray[np.uint8]
BEFORE = Path(__file__).parent / "data" / "bundled.npz"


def dark_scene(height: int, width: int) -> Bytes:
    """A dark picture with edges, a lamp and noise; of whole numbers alone, so that every machine makes the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = []
    for channel in range(3):
        waves = (x * (3 + channel) // 7 + y // 2) % 48 + (y * (5 - channel) // 9) % 32
        grain = (((y * 7919 + x * 104729 + channel * 15485863) * 2654435761) >> 13) % 7
        lamp = 120 * ((y - height // 3) ** 2 + (x - width // 4) ** 2 < (min(height, width) // 9) ** 2)
        planes.append(waves // 4 + grain + lamp)
    return np.stack(planes, axis=2).clip(0, 255).astype(np.uint8)


def blocky_scene(height: int, width: int) -> Bytes:
    """The same, most of it in the flat blocks that a phone's video coder leaves of darkness."""
    picture = dark_scene(height, width)
    y, x = np.mgrid[0:height, 0 : width * 3 // 5]
    picture[:, : width * 3 // 5] = ((y // 16 + x // 16) % 3 + 2)[:, :, None]
    return picture


def night_scene(height: int, width: int) -> Bytes:
    """Two lit windows and what is around them, which holds next to nothing."""
    picture = dark_scene(height, width) // 12
    for left in (width // 8, width * 5 // 8):
        place = np.s_[height // 3 : height * 3 // 4, left : left + width // 5]
        picture[place] = dark_scene(height, width)[place] // 2 + np.array([120, 100, 70], np.uint8)
    return picture


Case = tuple[Callable[[int, int], Bytes], tuple[int, int], tuple[int, int], dict[str, Any]]
FULL = {"lift": "full"}
CASES: dict[str, Case] = {  # the scene, its size, where the piece that is held begins, settings
    "tiny": (dark_scene, (1, 3), (0, 0), FULL),
    "small": (dark_scene, (17, 23), (0, 0), FULL),
    "wide": (dark_scene, (65, 133), (0, 0), FULL),
    "four steps": (dark_scene, (72, 90), (0, 0), FULL | {"steps": 4}),
    "asked for": (dark_scene, (96, 80), (0, 0), FULL | {"exposure": "+0.5", "strength": 0.7, "seed": 3}),
    "given": (dark_scene, (80, 96), (0, 0), FULL | {"exposure": "mean=0.4"}),
    "blocky": (blocky_scene, (160, 200), (0, 0), FULL),
    "tiles": (dark_scene, (1032, 1050), (480, 440), FULL),
    "blocky tiles": (blocky_scene, (1100, 1030), (500, 430), FULL | {"steps": 2}),
    "night": (night_scene, (120, 160), (0, 0), {}),
    "night, asked for": (night_scene, (120, 160), (0, 0), {"exposure": "+0.5"}),
}


@pytest.fixture(scope="module")
def before() -> dict[str, Bytes]:
    with np.load(BEFORE) as file:
        return dict(file)


@pytest.mark.parametrize("model", ["compact", "nano"])
def test_pictures_are_those_from_before(model: str, before: dict[str, Bytes]) -> None:
    enhancer, compared = Enhancer(model, backend="onnx", precision="fp32"), 0
    for name, (scene, size, (top, left), settings) in CASES.items():
        expected = before.get(f"{model}/{name}")
        if expected is None:  # large ones are held of one model
            continue
        height, width = expected.shape[:2]
        made = enhancer(scene(*size), speed="best", **settings)[top : top + height, left : left + width]
        apart = np.abs(made.astype(int) - expected)
        assert apart.max() <= 1, name
        assert apart.mean() < 0.01, name
        compared += 1
    assert compared == sum(name.startswith(model) for name in before) >= 7


@pytest.mark.parametrize("model", ["compact", "nano"])
def test_tiles_make_the_picture_that_one_piece_makes(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lit bars in the dark, which reach far, in the smallest tiles, which have the most seams: no value is two levels
    off.
    """
    enhancer, scene = Enhancer(model, precision="fp32"), dark_scene(500, 720) // 3
    scene[:, 60::120] = 255
    scene[40::110] = 255
    told: list[tuple[int, int]] = []
    whole = enhancer(scene, **FULL)
    monkeypatch.setattr(memory, "TILE_SIDES", memory.TILE_SIDES[-1:])
    tiled = enhancer(scene, **FULL, on_step=lambda *step: told.append(step))
    assert len(told) == 6
    apart = np.abs(tiled.astype(int) - whole)
    assert apart.max() <= 1
    assert apart.mean() < 0.01
