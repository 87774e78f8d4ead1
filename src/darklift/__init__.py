"""Low-light photo enhancement with diffusion models: open an :class:`Enhancer`, and call it with a photo.

What is listed here is imported when it is first used, so that ``import darklift`` itself costs nothing.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from darklift.errors import (
        BatchError,
        ConfigError,
        DarkliftError,
        DataError,
        ImageError,
        MissingExtraError,
        ModelError,
        TrainingError,
        UsageError,
    )
    from darklift.image import (
        Frames,
        Metadata,
        Picture,
        Source,
        decode_frames,
        decode_image,
        encode_frames,
        encode_image,
        read_frames,
        read_image,
        write_frames,
        write_image,
    )
    from darklift.pipeline.enhancer import Enhancer
    from darklift.pipeline.plan import Plan
    from darklift.pipeline.render import Enhanced
    from darklift.pipeline.settings import Exposure, Settings, Window
    from darklift.pipeline.tiling import Tile
    from darklift.store.load import Opening

__all__ = [
    "BatchError",
    "ConfigError",
    "DarkliftError",
    "DataError",
    "Enhanced",
    "Enhancer",
    "Exposure",
    "Frames",
    "ImageError",
    "Metadata",
    "MissingExtraError",
    "ModelError",
    "Opening",
    "Picture",
    "Plan",
    "Settings",
    "Source",
    "Tile",
    "TrainingError",
    "UsageError",
    "Window",
    "__version__",
    "decode_frames",
    "decode_image",
    "encode_frames",
    "encode_image",
    "read_frames",
    "read_image",
    "write_frames",
    "write_image",
]

__version__ = "0.1.0"

_HOMES = {
    "errors": (
        "BatchError",
        "ConfigError",
        "DarkliftError",
        "DataError",
        "ImageError",
        "MissingExtraError",
        "ModelError",
        "TrainingError",
        "UsageError",
    ),
    "image": (
        "Frames",
        "Metadata",
        "Picture",
        "Source",
        "decode_frames",
        "decode_image",
        "encode_frames",
        "encode_image",
        "read_frames",
        "read_image",
        "write_frames",
        "write_image",
    ),
    "pipeline.enhancer": ("Enhancer",),
    "pipeline.plan": ("Plan",),
    "pipeline.render": ("Enhanced",),
    "pipeline.settings": ("Exposure", "Settings", "Window"),
    "pipeline.tiling": ("Tile",),
    "store.load": ("Opening",),
}
_HOME_OF = {name: f"darklift.{home}" for home, names in _HOMES.items() for name in names}

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless the program that uses us listens


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
