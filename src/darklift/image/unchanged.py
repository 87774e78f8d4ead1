"""A photo that stays as it is stays the same file: its bytes are copied, not made anew."""

import io
import os
import shutil
from pathlib import Path

from darklift.errors import IN_THE_WAY, ImageError, one_line
from darklift.files import new_file
from darklift.image.formats import format_called
from darklift.image.picture import Picture

__all__ = ["bytes_will_do", "copy_file"]


def bytes_will_do(
    picture: Picture, format: str, *, quality: int | None = None, lossless: bool = False, bits: int | None = None
) -> bool:
    """Whether the bytes that a picture was read from are as good as encoding it once more.

    So it is in the format that they have, where neither a ``quality`` nor coding without loss is asked of a format to
    which it means something, nor other ``bits`` than they have. format: by name or extension; an unknown one is False.
    """
    kind = format_called(format)
    if kind is None or kind.name != picture.source.container or bits not in (None, picture.source.bits):
        return False
    choosable = kind.takes_quality and kind.can_be_lossless
    return not (kind.takes_quality and quality is not None) and not (
        choosable and lossless and not picture.source.lossless
    )


def copy_file(source: Path | bytes, target: Path, *, overwrite: bool = False, keep_times: bool = False) -> Path:
    """Copy a file with its permissions, or what it held, whole or not at all. Returns the target.

    Onto itself, nothing is done. keep_times: of access and change, where it is a file. Raises ``ImageError``.
    """
    file = source if isinstance(source, Path) else None
    try:
        if isinstance(source, Path) and overwrite and target.exists() and os.path.samefile(source, target):
            return target
        with (
            io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream,
            new_file(target, overwrite=overwrite, permissions_of=file, times_of=file if keep_times else None) as copy,
        ):
            shutil.copyfileobj(stream, copy)
    except FileExistsError as error:
        raise ImageError(f"cannot write {target}: {IN_THE_WAY}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ImageError(
            f"cannot copy the photo to {target}: {getattr(error, 'strerror', None) or one_line(error)}"
        ) from error
    return target
