"""Results of other programs: a folder of pictures, scored under the same protocol as everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from darklift.data import Pair, strip_role_prefix
from darklift.data.pairs import images_by_name
from darklift.errors import DataError, ImageError
from darklift.files import file_digest
from darklift.image import Picture, read_image
from darklift.pipeline.enhancer import RESULT_ENDING

__all__ = ["Outputs", "open_outputs"]


@dataclass(frozen=True)
class Outputs:
    """A folder of results, as a :class:`~.method.Method`. Seconds are those of reading a file."""

    name: str
    folder: Path
    files: Mapping[str, Path]
    """By pair name."""
    weights: str = "not known"
    runs: str = "files"
    knows_truth: bool = False
    made_elsewhere: bool = True

    @property
    def note(self) -> str:
        """Which pictures, that nothing is known of how they were made, and in what they differ from other rows'."""
        return (
            f"pictures in {self.folder.name}, made elsewhere; s/image says nothing of it, and they were rounded for "
            "their files before GT-mean scales them, while what runs here is scaled before any rounding"
        )

    def obstacle(self, pair: Pair) -> str | None:
        """A result that is missing, cannot be read, or has another size than its dark picture."""
        path = self.files.get(pair.name)
        if path is None:
            return f"{self.folder} has no picture named {pair.name}"
        try:
            size, expected = read_image(path).size, read_image(pair.low).size
        except ImageError as error:
            return str(error)
        if size != expected:
            shown = " and ".join(f"{width}x{height}" for height, width in (size, expected))
            return f"{path} and its dark picture differ in size: {shown}"
        return None

    def identity(self, pair: Pair) -> Mapping[str, str]:
        """What is in the file for the pair. Raises ImageError."""
        path = self.files.get(pair.name)
        try:
            return {"sha256": "" if path is None else file_digest(path)}
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror}") from error

    def enhance(self, low: Picture, pair: Pair, truth: Picture) -> Picture:
        """The picture in the folder. Raises DataError where there is none, ImageError."""
        if pair.name not in self.files:
            raise DataError(f"{self.folder} has no picture named {pair.name}: add it, or leave the pair out")
        return read_image(self.files[pair.name])


def open_outputs(name: str, folder: Path) -> Outputs:
    """The pictures in a folder. A file stands for the pair of its name, as ``low`` and ``high`` do: extensions may
    differ, and ``low00690`` or ``1_enhanced`` stand for ``00690`` and ``1``. Raises DataError.
    """
    return Outputs(name, folder, images_by_name(folder, _pair_name))


def _pair_name(stem: str) -> str:
    return strip_role_prefix(stem.removesuffix(RESULT_ENDING))
