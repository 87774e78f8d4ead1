"""Who reads files may refuse a picture by its header; one guard within another leaves both to say no."""

import io

import numpy as np
import pytest
from PIL import Image

from darklift import ImageError, decode_image
from darklift.image.room import Room, guarded


def png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_an_inner_guard_does_not_silence_the_outer_one() -> None:
    asked: list[str] = []

    def outer(room: Room) -> None:
        asked.append("outer")
        if room.size[1] > 30:
            raise ImageError("too wide")

    def inner(room: Room) -> None:
        asked.append("inner")

    with guarded(outer):
        with guarded(inner):
            decode_image(png(20, 10))
            assert asked[:2] == ["outer", "inner"]
            with pytest.raises(ImageError, match="too wide"):
                decode_image(png(40, 10))
        asked.clear()
        decode_image(png(20, 10))
        assert set(asked) == {"outer"}
    decode_image(png(40, 10))
    assert set(asked) == {"outer"}
