"""Pictures for what the page makes of photos: of every kind that a plan tells from the others."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from darklift.image import Picture, decode_image, from_array

__all__ = ["PICTURES", "picture_of"]

Values = np.ndarray


def picture_of(name: str) -> Picture:
    """One of :data:`PICTURES`; those whose name ends in "jpeg" are of a JPEG file."""
    values = PICTURES[name]()
    if not name.endswith("jpeg"):
        return from_array(values)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=80)
    return decode_image(file.getvalue())


def _codes(values: Values) -> Values:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _scene(height: int, width: int, light: float = 1.0, noise: float = 0.01, seed: int = 1) -> Values:
    """Waves of colour with a few things in them, and a sensor's noise: unit (H, W, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [0.5 + 0.4 * np.sin(17 * rows + 5 * channel) * np.cos(11 * columns - channel) for channel in range(3)]
    made = np.stack(waves, axis=2)
    for _ in range(6):
        top, left = rng.integers(0, max(height * 3 // 4, 1)), rng.integers(0, max(width * 3 // 4, 1))
        made[top : top + height // 6 + 1, left : left + width // 7 + 1] = rng.uniform(0, 1, 3)
    return made * light + noise * rng.standard_normal(made.shape)


def _night(height: int = 220, width: int = 310) -> Values:
    """Nearly black, and some lamps."""
    made = _scene(height, width, light=0.02, noise=0.004)
    rows, columns = np.mgrid[0:height, 0:width]
    for row, column, reach in ((60, 80, 30), (90, 250, 18), (160, 200, 35)):
        glow = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / reach**2)
        made += glow[:, :, None] * np.array([1.0, 0.85, 0.6])
    return _codes(made)


def _backlit() -> Values:
    made = _scene(280, 400, light=0.12)
    made[:120, :] = 0.9 + 0.05 * _scene(120, 400)
    return _codes(made)


def _smeared() -> Values:
    """Dim noise that a phone has smeared over its neighbours."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((500, 640, 3))
    for axis in (0, 1):
        noise = sum(np.roll(noise, shift, axis) for shift in range(-2, 3)) / 5
    return _codes(0.1 + 0.06 * noise + 0.5 * (_scene(500, 640, noise=0) > 0.85))


def _blocks(height: int = 400, width: int = 560, seed: int = 4) -> Values:
    """Flat dark blocks, and a bright thing."""
    rng = np.random.default_rng(seed)
    made = rng.integers(2, 9, (-(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    made = made.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    made[height // 3 : height // 2, width // 4 : width // 3] = _codes(_scene(height, width))[
        height // 3 : height // 2, width // 4 : width // 3
    ]
    return made


def _with_alpha(values: Values, alpha: Values) -> Values:
    return np.concatenate([values, alpha[:, :, None].astype(np.uint8)], axis=2)


def _disc(height: int, width: int, soft: float) -> Values:
    """255 inside of a disc, 0 outside, and a rim of so many pixels."""
    rows, columns = np.mgrid[0:height, 0:width]
    away = min(height, width) * 0.4 - np.hypot(rows - height / 2, columns - width / 2)
    return np.rint(255 * np.clip(away / soft + 0.5, 0, 1))


def _cut_out(light: float = 0.15, soft: float = 4) -> Values:
    return _with_alpha(_codes(_scene(260, 330, light)), _disc(260, 330, soft))


def _half_seen() -> Values:
    return _with_alpha(_codes(_scene(120, 200, 0.2)), np.linspace(3, 180, 120 * 200).reshape(120, 200))


def _transparent_margins() -> Values:
    alpha = np.zeros((200, 240))
    alpha[30:170, 41:200] = 255
    return _with_alpha(_codes(_scene(200, 240, 0.2)), alpha)


def _framed(
    values: Values, widths: tuple[int, int, int, int], colour: tuple[int, int, int], noise: float = 0
) -> Values:
    """With a border of so many pixels at the top, the bottom, the left and the right."""
    top, bottom, left, right = widths
    height, width = values.shape[:2]
    rng = np.random.default_rng(5)
    made = np.empty((height + top + bottom, width + left + right, 3))
    made[:] = np.array(colour) + noise * rng.standard_normal(made.shape)
    made[top : top + height, left : left + width] = values
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8)


def _polaroid() -> Values:
    """White, with a thin dark line around the photo, and a caption below it."""
    lined = _framed(_codes(_scene(200, 260, 0.25)), (3, 3, 3, 3), (20, 20, 30))
    made = _framed(lined, (20, 70, 20, 20), (250, 250, 248))
    for left in range(60, 200, 9):
        made[-45:-30, left : left + 4] = 10
    return made


def _stamped() -> Values:
    made = np.zeros((240, 320, 3), np.uint8)
    made[225:235, 200:280:3] = 240
    return made


def _lens_cap() -> Values:
    return np.random.default_rng(6).integers(0, 4, (240, 320, 3)).astype(np.uint8)


def _noise(height: int, width: int, most: int = 256) -> Values:
    return np.random.default_rng(height * width).integers(0, most, (height, width, 3)).astype(np.uint8)


PICTURES: dict[str, Callable[[], Values]] = {
    "dark": lambda: _codes(_scene(301, 403, 0.1)),
    "dim": lambda: _codes(_scene(200, 311, 0.45)),
    "bright": lambda: _codes(_scene(230, 200, 1.0)),
    "dark_jpeg": lambda: _codes(_scene(320, 240, 0.2)),
    "night": _night,
    "night_jpeg": _night,
    "backlit": _backlit,
    "smeared": _smeared,
    "blocks": _blocks,
    "blocks_large": lambda: _blocks(1100, 1300),
    "blocks_cut_out": lambda: _with_alpha(_blocks(), _disc(400, 560, 30)),
    "gray": lambda: _codes(_scene(150, 180, 0.2))[:, :, 0],
    "gray_in_colour": lambda: _codes(_scene(150, 180, 0.2))[:, :, :1].repeat(3, axis=2),
    "gray_in_colour_jpeg": lambda: _codes(_scene(150, 180, 0.3))[:, :, :1].repeat(3, axis=2),
    "opaque": lambda: _with_alpha(_codes(_scene(99, 121, 0.2)), np.full((99, 121), 255)),
    "cut_out": _cut_out,
    "cut_out_noisy": lambda: _with_alpha(_codes(_scene(900, 1200, 0.12, 0.02)), _disc(900, 1200, 20)),
    "cut_out_soft": lambda: _cut_out(0.4, 80),
    "half_seen": _half_seen,
    "transparent": lambda: _with_alpha(_codes(_scene(50, 60)), np.zeros((50, 60))),
    "transparent_margins": _transparent_margins,
    "letterbox": lambda: _framed(_codes(_scene(220, 400, 0.15)), (40, 40, 0, 0), (0, 0, 0)),
    "pillars_noisy": lambda: _framed(_codes(_scene(300, 300, 0.4)), (0, 0, 50, 50), (8, 8, 9), 1.0),
    "scan": lambda: _framed(_codes(_scene(240, 300, 0.2)), (30, 12, 17, 25), (240, 238, 235), 1.5),
    "scan_jpeg": lambda: _framed(_codes(_scene(240, 300, 0.2)), (32, 16, 24, 24), (255, 255, 255)),
    "polaroid": _polaroid,
    "black": lambda: np.zeros((90, 130, 3), np.uint8),
    "stamped": _stamped,
    "lens_cap": _lens_cap,
    "one_pixel": lambda: np.full((1, 1, 3), (9, 12, 30), np.uint8),
    "one_row": lambda: _noise(1, 77, 60),
    "one_column": lambda: _noise(83, 1, 60),
    "two_by_three": lambda: _noise(2, 3),
    "odd": lambda: _noise(37, 53, 40),
    "narrow": lambda: _codes(_scene(1700, 23, 0.2)),
    "large": lambda: _codes(_scene(1601, 2203, 0.12, 0.02)),
    "one_hidden_pixel": lambda: _with_alpha(np.full((1, 2, 3), 30, np.uint8), np.array([[255, 0]])),
}
