"""Pictures that are too large for the repository: tests that need them are skipped on machines without them."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DARKLIFT_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def needs_pictures(folder: Path) -> pytest.MarkDecorator:
    """The test runs only where this folder of :data:`SHARED` is."""
    return pytest.mark.skipif(
        not folder.is_dir(),
        reason=f"no pictures at {folder}: set DARKLIFT_SHARED to the folder that {folder.relative_to(SHARED)} lies in",
    )
