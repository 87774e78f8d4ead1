"""Large clean pictures as a camera and as a phone would have taken them in the dark, at full size.

Both go through a sensor's Bayer mosaic and its shot and read noise (:mod:`darklift.data.phone`), and into a JPEG file.

- camera: noise of every pixel of the file, about one pixel wide (bilinear demosaicing), no noise reduction; lightly
  sharpened, quality 95.
- phone: the file has more pixels than the lens and the sensor tell apart. The scene is taken at 1/1.5 to 1/2 of its
  size, smeared by a noise reduction that lets colours run, enlarged, sharpened, quality 85 to 92. Its clean picture is
  as soft: the scene, made as small and enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from large_scenes import Scene
from PIL import Image, ImageFilter

from darklift.data.phone import Phone, shoot_phone
from darklift.data.synthesis import Camera
from darklift.diffusion import random_generator

KINDS = ("camera", "phone")
LIGHT = {2.0: (1.5e-4, 6e-4), 4.0: (5e-4, 1.5e-3), 5.5: (8e-4, 2.5e-3)}
"""Stops of light lost: shot and read noise where full scale is 1 (about ISO 800, 3200 and 6400 of a small sensor)."""


@dataclass(frozen=True)
class Shot:
    """truth: what the file would show in good light, (H, W, 3). dark: before it becomes a file of ``quality``."""

    truth: Scene
    dark: Scene
    quality: int

    def write(self, path: Path) -> None:
        Image.fromarray(self.dark).save(path, quality=self.quality, subsampling="4:2:0")


def shoot(scene: Scene, kind: str, stops: float, seed: int) -> Shot:
    """kind: of :data:`KINDS`. stops: of :data:`LIGHT`."""
    rng = random_generator(0, f"large {kind} {stops:g}", seed)
    size = scene.shape[1], scene.shape[0]
    if kind == "camera":
        return Shot(scene, _taken(scene, stops, rng, smear=0, sharpening=0.3), 95)
    scale = rng.uniform(1.5, 2)
    small = Image.fromarray(scene).resize(
        (round(size[0] / scale), round(size[1] / scale)), Image.Resampling.BOX
    )  # as the pixels of a sensor collect light
    dark = Image.fromarray(_taken(np.asarray(small), stops, rng, smear=float(rng.uniform(0.8, 1.6)), sharpening=0.2))
    sharpened = _enlarged(dark, size).filter(ImageFilter.UnsharpMask(1.5, 60, 0))
    return Shot(np.asarray(_enlarged(small, size)), np.asarray(sharpened), int(rng.integers(85, 93)))


def _enlarged(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC)


def _taken(scene: Scene, stops: float, rng: np.random.Generator, smear: float, sharpening: float) -> Scene:
    """The scene, evenly less lit, behind a sensor's mosaic and a noise reduction."""
    shot, read = LIGHT[stops]
    gains = np.exp(rng.normal(0, 0.04, 3)).tolist()
    camera = Camera(stops, (gains[0], 1.0, gains[2]), shot, read, grain=None, black=0.0, jpeg=None)
    phone = Phone(
        camera, power=0.0, cells=None, glare=0.0, smear=smear, smear_radius=2, tone=0.0, crushed=0.0,
        sharpening=sharpening, blocks=None, jpeg=100,
    )  # fmt: skip
    dark = shoot_phone(np.ascontiguousarray(scene.transpose(2, 0, 1)), phone, rng).dark
    return np.ascontiguousarray(dark.transpose(1, 2, 0))
