"""Files by way of OpenImageIO, for the formats that it knows best. It works on files alone, so streams become one: in
memory, where the system has such files (Linux).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from darklift.errors import ImageError, one_line
from darklift.image.extras import Extra
from darklift.image.pixels import check_size

__all__ = ["Read", "read_with", "written_with"]


class Read(NamedTuple):
    """(H, W, C) samples as they are in the file, integers scaled to all of their dtype; the names of the channels; what
    else the file says, by OpenImageIO's names.
    """

    samples: npt.NDArray[Any]
    names: tuple[str, ...]
    facts: Mapping[str, Any]


def read_with(extra: Extra, purpose: str, ending: str, stream: BinaryIO) -> Read:
    """The one picture of a file whose kind usually has this ending. Raises ``ImageError`` where it is damaged."""
    library = extra.load(purpose)
    with _file(ending) as path:
        stream.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        straight = library.ImageSpec()
        straight.attribute("oiio:UnassociatedAlpha", 1)
        file = library.ImageInput.open(str(path), straight)
        if file is None:
            raise ImageError(_damaged(library.geterror(), path))
        try:
            spec = file.spec()
            check_size(spec.width, spec.height, held=4 * min(spec.nchannels, 3))
            if spec.deep or (spec.x, spec.y, spec.width, spec.height) != (0, 0, spec.full_width, spec.full_height):
                raise ImageError("it holds a part of a picture, or samples in depth: save it as a plain picture first")
            samples = file.read_image(0, 0, 0, spec.nchannels, spec.format)
            if samples is None or file.has_error:
                raise ImageError(_damaged(file.geterror(), path))
            facts = {fact.name: fact.value for fact in spec.extra_attribs}
            return Read(samples.reshape(spec.height, spec.width, -1), tuple(spec.channelnames), facts)
        finally:
            file.close()


def _damaged(said: str, path: Path) -> str:
    return f"damaged or incomplete file ({one_line(said.replace(str(path), 'it'))}): copy or download it again"


def written_with(extra: Extra, purpose: str, ending: str, samples: npt.NDArray[Any], facts: Mapping[str, Any]) -> bytes:
    """The file that holds (H, W, C) samples, which are integers over all of their dtype, or floats.

    facts: by OpenImageIO's names; bytes are handed over as such. Raises ``ValueError`` where it gives up.
    """
    library = extra.load(purpose)
    height, width, channels = samples.shape
    spec = library.ImageSpec(width, height, channels, samples.dtype.name)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    for name, value in facts.items():
        if isinstance(value, bytes):
            spec.attribute(name, library.TypeDesc(f"uint8[{len(value)}]"), np.frombuffer(value, np.uint8))
        else:
            spec.attribute(name, value)
    with _file(ending) as path:
        file = library.ImageOutput.create(f"picture{ending}")
        done = file.open(str(path), spec) and file.write_image(np.ascontiguousarray(samples))
        if not (file.close() and done):
            raise ValueError(one_line(file.geterror()))
        return path.read_bytes()


@contextmanager
def _file(ending: str) -> Iterator[Path]:
    """The path of an empty file, which is gone afterwards. One in memory has no name, and so no ending."""
    if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"picture{ending}")
            path.touch()
            yield path
        return
    descriptor = os.memfd_create("darklift")
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
