"""What a network asks of a picture's size, and what it takes of the machine for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self, get_args

from darklift.image import Padding, padded_length

__all__ = ["Footprint"]


@dataclass(frozen=True)
class Footprint:
    """The sizes that a network takes, and its memory.

    Raises ValueError for values that fit no network.
    """

    size_multiple: int
    """Sides of what the network sees are multiples of it, in pixels."""
    padding: Padding = "least"
    """How sides become multiples."""
    sees_whole: bool = False
    """The network looks at all of its input at once (attention, normalisation), so a piece on its own comes out
    otherwise than in its picture."""
    bytes_per_pixel: float = 0.0
    """Memory of a step at its peak for each pixel, beside the picture itself; 0 where tiles bound it."""
    bytes_per_pixel_pair: float = 0.0
    """The same for each pair of pixels, where attention is not fused (ONNX Runtime)."""

    def __post_init__(self) -> None:
        if not isinstance(self.size_multiple, int) or self.size_multiple < 1:
            raise ValueError(f"size_multiple is {self.size_multiple!r}, not a whole number from 1")
        if self.padding not in get_args(Padding):
            raise ValueError(f"padding is {self.padding!r}, not one of {', '.join(get_args(Padding))}")
        memory = (self.bytes_per_pixel, self.bytes_per_pixel_pair)
        if not all(isinstance(number, int | float) and number >= 0 for number in memory):
            raise ValueError(f"memory is {memory}, not two numbers from 0")

    def memory(self, pixels: int) -> float:
        """Bytes that a step needs at its peak for a piece of so many pixels, beside the picture itself."""
        return self.bytes_per_pixel * pixels + self.bytes_per_pixel_pair * pixels**2

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """What (rows, columns) become for the network."""
        rows, columns = (padded_length(length, self.size_multiple, self.padding) for length in size)
        return rows, columns

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; unknown keys are a TypeError, impossible values a ValueError."""
        return cls(**values)
