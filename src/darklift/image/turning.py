"""Where a point of a picture goes when its pixels are turned upright from an EXIF orientation."""

from decimal import Decimal
from typing import TypeVar

__all__ = ["one_after_another", "turned_point"]

_Number = TypeVar("_Number", int, Decimal)


def turned_point(orientation: int, x: _Number, y: _Number, right: _Number, bottom: _Number) -> tuple[_Number, _Number]:
    """x and y, from the left and from the top, in the upright picture.

    orientation: 2 to 8; 1 changes nothing. right, bottom: the largest x and y that the stored picture has.
    """
    if orientation in (2, 3, 7, 8):
        x = right - x
    if orientation in (3, 4, 6, 7):
        y = bottom - y
    return (y, x) if orientation >= 5 else (x, y)


def one_after_another(first: int, second: int) -> int:
    """The orientation that does what two do, the one after the other."""
    x, y, right, bottom = 1, 2, 10, 20
    after = turned_point(first, x, y, right, bottom)
    sides = (bottom, right) if first >= 5 else (right, bottom)
    goal = turned_point(second, *after, *sides)
    return next(each for each in range(1, 9) if turned_point(each, x, y, right, bottom) == goal)
