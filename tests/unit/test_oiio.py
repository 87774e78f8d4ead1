"""Formats by way of a library that takes only paths: where the system has files in memory, none touches the disk."""

import os
import tempfile

import numpy as np
import pytest

from darklift import ImageError, Picture, decode_image, encode_image

pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed: pip install 'darklift[jxl,exr]'")
PICTURE = Picture(np.random.default_rng(0).random((40, 50, 3), dtype=np.float32))
in_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")


def no_folder(*_: object, **__: object) -> None:
    raise AssertionError("a folder on the disk was asked for")


@in_memory
def test_no_file_is_made_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryDirectory", no_folder)
    before = len(os.listdir("/proc/self/fd"))
    data = encode_image(PICTURE, "jxl", lossless=True)
    assert float(np.abs(decode_image(data).pixels - PICTURE.pixels).max()) < 1 / 65535
    with pytest.raises(ImageError, match="damaged or incomplete"):
        decode_image(data[: len(data) // 2])
    assert len(os.listdir("/proc/self/fd")) == before


def test_elsewhere_a_folder_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_image(PICTURE, "jxl", lossless=True)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert encode_image(PICTURE, "jxl", lossless=True) == data
    assert decode_image(data).size == PICTURE.size
