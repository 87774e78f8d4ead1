"""What must hold of whatever darklift returns or raises, and the word for what does not."""

from __future__ import annotations

import traceback
from pathlib import Path

from darklift.errors import DarkliftError, ImageError
from darklift.image import Picture
from darklift.image.spaces import colour_space_of

__all__ = ["Find", "check_cause", "check_picture", "check_words", "shape_of", "use_colours"]

_LONGEST_MESSAGE = 1000
_MOST_LOOKED_AT = 1 << 20  # pixels


class Find(Exception):
    """Something that must not happen; its words tell it from others."""


def check_picture(picture: Picture, when: str) -> None:
    """It is within its range, and gray where it says so; of a large one, the rows at the top."""
    rows = slice(0, max(1, _MOST_LOOKED_AT // picture.size[1]))
    pixels = picture.part(rows)
    for name, values in (("pixels", pixels), ("alpha", picture.alpha_part(rows))):
        if values is not None and not (values.min() >= 0 and values.max() <= 1):
            raise Find(f"{name} leave [0, 1] after {when}")
    if picture.gray and (pixels != pixels[:, :, :1]).any():
        raise Find(f"a gray picture with colours after {when}")


def use_colours(picture: Picture) -> None:
    """Its colours can be seen and given back, or are refused in one line."""
    try:
        space = colour_space_of(picture).space
    except ImageError as error:
        check_words(error)
        return
    if space is not None:
        pixels = picture.pixels[:16, :16]
        seen = space.seen(pixels)
        back = space.given_back(seen, pixels, gray=picture.gray)
        for name, values in (("seen", seen), ("given back", back)):
            if not (values.min() >= 0 and values.max() <= 1):
                raise Find(f"colours that are {name} leave [0, 1]")


def check_words(error: Exception) -> None:
    """One line, and not a long one."""
    words = str(error)
    if not words or "\n" in words or "\r" in words or len(words) > _LONGEST_MESSAGE:
        raise Find(f"not one line: {shape_of(error)}") from error


def check_cause(error: DarkliftError) -> None:
    """A decoder may raise anything for a damaged file, but for what looks like a slip in our own code."""
    cause = error.__cause__
    if isinstance(cause, AttributeError | NameError | AssertionError | RecursionError):
        last = traceback.extract_tb(cause.__traceback__)[-1]
        if "/darklift/" in last.filename:
            raise Find(
                f"taken for damage: {type(cause).__name__} in {Path(last.filename).name}:{last.lineno}"
            ) from cause


def shape_of(error: Exception) -> str:
    """The message with no numbers, so that alike ones are one."""
    return "".join("#" if letter.isdigit() else letter for letter in str(error))[:160]
