"""How much one request, one client and all of them together may take."""

from __future__ import annotations

from dataclasses import dataclass

from darklift.errors import UsageError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What the server takes on. Raises UsageError for a number below 1."""

    bytes: int = 200_000_000
    """The longest photo that is taken, in bytes."""
    pixels: int = 100_000_000
    """The most pixels that a photo may have, by its header; frames of an animation and pages count together."""
    queue: int = 64
    """How many pictures may wait at once; half of them of one client."""
    timeout: float = 600.0
    """Seconds that computing one picture may take, once it has begun."""
    concurrent: int = 1
    """Pictures at a time, each on its share of the cores."""
    upload: float = 30.0
    """Seconds that a client may send nothing while it sends a photo, or take for a request's head."""
    held: int = 1_000_000_000
    """Bytes of photos and results that are held at once, of all clients; half of them of one client."""
    minutes: float = 15.0
    """How long photos and results are held after their last use."""

    def __post_init__(self) -> None:
        for name in ("bytes", "pixels", "queue", "concurrent", "held"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.held < 2 * self.bytes:
            raise UsageError(f"{self.held} bytes may be held, expected twice the longest photo: {2 * self.bytes}")
        for name in ("timeout", "upload", "minutes"):
            if not 0 < getattr(self, name) < 1e6:
                raise UsageError(f"{name} is {getattr(self, name):g}, expected more than 0")
