"""Which photos of a folder the quality benchmarks take."""

from __future__ import annotations

from pathlib import Path

from darklift.image import is_image_path


def held_out_photos(folder: Path, every: int) -> list[Path]:
    """Every n-th picture in the folder and below, by name, as the recipes hold them out."""
    return sorted(path for path in folder.rglob("*") if is_image_path(path))[every - 1 :: every]
