"""Diffusion-based low-light image enhancement.

What is listed here is imported when it is first used, so that ``import darklift`` itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from darklift.errors import DarkliftError
    from darklift.image import Picture, read_image, write_image
    from darklift.pipeline.enhancer import Enhancer
    from darklift.pipeline.exposure import Exposure

__all__ = ["DarkliftError", "Enhancer", "Exposure", "Picture", "__version__", "read_image", "write_image"]

__version__ = "0.1.0"

_HOMES = {
    "DarkliftError": "darklift.errors",
    "Enhancer": "darklift.pipeline.enhancer",
    "Exposure": "darklift.pipeline.exposure",
    "Picture": "darklift.image",
    "read_image": "darklift.image",
    "write_image": "darklift.image",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
