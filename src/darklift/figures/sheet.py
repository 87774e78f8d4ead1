"""Contact sheets: pictures side by side with labels, on pages of a size that one can look at.

Before and after stand next to each other, perhaps with the ground truth; further photos beside and below them. A few
photos get large pictures on one page; many get as many pages as it takes, rather than ever smaller pictures.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageCms

from darklift.errors import IN_THE_WAY, ImageError, UsageError
from darklift.figures._page import BACKGROUND, Photo, draw_page, fit_on_page, width_for
from darklift.image import Picture, from_pil, read_image, to_pil, write_image

__all__ = ["Cell", "Sheet", "pages_in_words", "preview", "sheet_paths", "write_sheet"]

Cell: TypeAlias = Picture | Image.Image | Path | str
"""A picture, or the file that it is read from; an image is taken as sRGB."""

_FEW, _MANY = 12, 24
"""How many pictures stand on a page: large where that holds all of them, else smaller ones."""
_LARGE, _SMALL = (960, 720), (640, 480)
"""Pixels that a picture's width and height may have. Upright and level ones then come out about equally high."""


class Sheet:
    """A sheet that is written while its photos come in: a page as soon as it is full, so memory holds only one.

    >>> sheet = Sheet("sheet.png", count=len(photos))
    >>> for photo in photos:
    ...     sheet.add((photo, enhance(photo)), caption=photo.name)
    >>> pages = sheet.close()
    """

    def __init__(
        self,
        path: str | Path,
        count: int,
        labels: Sequence[str] = ("before", "after"),
        *,
        overwrite: bool = False,
        on_page: Callable[[Path], None] | None = None,
    ) -> None:
        """
        Args:
            path: PNG or JPEG by its extension (or another that ``write_image`` takes), in a folder that exists. Where
                one page is not enough, the pages are called as :func:`sheet_paths` says.
            count: how many photos will come at most. It decides on pages and sizes; photos that failed may be missing.
            labels: what stands above each of a photo's pictures.
            overwrite: replace pages that are there already.
            on_page: told each page once it is written.

        Raises:
            UsageError: no labels, or no photo expected.
            ImageError: a page is there already; nothing has been written then.
        """
        self.paths = sheet_paths(path, count, len(labels))
        """The pages that there will be, if all photos come."""
        existing = next((page for page in self.paths if not overwrite and os.path.lexists(page)), None)
        if existing is not None:
            raise ImageError(f"cannot write {existing}: {IN_THE_WAY}")
        self._labels, self._overwrite, self._on_page = tuple(labels), overwrite, on_page
        self.box, pages = _division(count, len(labels))
        """Width and height in pixels that a picture may take: a smaller copy of one will do for :meth:`add`."""
        self._sizes = [count // pages + (number < count % pages) for number in range(pages)]
        self._photos: list[Photo] = []
        self._page = 0
        self._problem: ImageError | None = None

    def add(self, cells: Sequence[Cell], caption: str = "") -> None:
        """Put in the next photo: a picture for each label, and a line for below them, such as the file's name.

        Only small copies are kept. Raises UsageError for another number of pictures, or more photos than expected;
        ImageError where a picture cannot be read. That a page cannot be written stops nobody here: ``close`` tells.
        """
        if len(cells) != len(self._labels):
            raise UsageError(
                f"got {len(cells)} pictures for the {len(self._labels)} labels {', '.join(self._labels)}: pass one each"
            )
        if self._page == len(self._sizes):
            raise UsageError(f"got more than the {sum(self._sizes)} photos that the sheet was made for: raise count")
        self._photos.append(Photo([_small(cell, self.box) for cell in cells], caption))
        if len(self._photos) == self._sizes[self._page]:
            self._write_page()

    def close(self) -> tuple[Path, ...]:
        """Write what is left, and return the pages' paths: none where no photo came.

        Raises ImageError, if this page or an earlier one could not be written.
        """
        if self._photos:
            self._write_page()
        if self._problem is not None:
            raise self._problem
        return self.paths[: self._page]

    def _write_page(self) -> None:
        path = self.paths[self._page]
        try:
            write_image(from_pil(draw_page(self._photos, self._labels)), path, overwrite=self._overwrite)
        except ImageError as error:
            self._problem = self._problem or error
        else:
            if self._on_page is not None:
                self._on_page(path)
        self._page += 1
        self._photos.clear()


def write_sheet(
    rows: Sequence[Sequence[Cell]],
    path: str | Path,
    labels: Sequence[str] = ("before", "after"),
    *,
    captions: Sequence[str] = (),
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write a sheet of photos that are all at hand, and return its pages' paths; see :class:`Sheet`.

    rows: a picture for each label, for each photo. captions: a line for each photo, or none. Raises UsageError for
    rows, labels and captions that do not fit together, ImageError as reading and writing do.
    """
    if captions and len(captions) != len(rows):
        raise UsageError(f"got {len(captions)} captions for {len(rows)} photos: give one for each, or none")
    sheet = Sheet(path, len(rows), labels, overwrite=overwrite)
    for row, caption in zip(rows, captions or [""] * len(rows), strict=True):
        sheet.add(row, caption)
    return sheet.close()


def sheet_paths(path: str | Path, count: int, columns: int = 2) -> tuple[Path, ...]:
    """The files that a sheet of ``count`` photos with ``columns`` pictures each may write, so that they can be checked.

    One page is ``sheet.png`` itself; several are ``sheet_1.png``, ``sheet_2.png``, … with as many digits as the last
    one needs. Photos that fail leave pages out at the end, and change no names. Raises UsageError for fewer than one.
    """
    if count < 1 or columns < 1:
        raise UsageError(f"got {count} photos with {columns} pictures each for a sheet, expected at least one")
    path = Path(path)
    if not path.name:
        raise UsageError(f"a sheet cannot be called {str(path)!r}: name a file, such as sheet.png")
    _, pages = _division(count, columns)
    if pages == 1:
        return (path,)
    return tuple(path.with_stem(f"{path.stem}_{number:0{len(str(pages))}}") for number in range(1, pages + 1))


def pages_in_words(pages: Sequence[Path]) -> str:
    """How people are told which files were written: ``out/sheet_1.png to sheet_8.png``."""
    return str(pages[0]) if len(pages) == 1 else f"{pages[0]} to {pages[-1].name}"


def preview(picture: Picture, box: tuple[int, int]) -> Image.Image:
    """The picture as 8-bit sRGB, in at most this width and height (never enlarged), on the sheet's background."""
    image = to_pil(picture)
    icc_profile = image.info.get("icc_profile")
    image.thumbnail(box, Image.Resampling.LANCZOS)
    flat = Image.new("RGB", image.size, BACKGROUND)
    flat.paste(_as_srgb(image, icc_profile), mask=image.getchannel("A") if image.mode.endswith("A") else None)
    return flat


def _division(count: int, columns: int) -> tuple[tuple[int, int], int]:
    """How large a picture may be (width, height), and how many pages there are.

    This is asked before any picture is seen, so it must hold whatever their shapes are.
    """
    if count <= min(fit_on_page(columns, *_LARGE), _FEW // columns):
        return _LARGE, 1
    width, height = min(_SMALL[0], width_for(columns)), _SMALL[1]
    on_a_page = min(fit_on_page(columns, width, height), _MANY // columns)
    return (width, height), math.ceil(count / max(1, on_a_page))


def _small(cell: Cell, box: tuple[int, int]) -> Image.Image:
    if isinstance(cell, Image.Image):
        copy = cell.convert("RGB")
        copy.thumbnail(box, Image.Resampling.LANCZOS)
        return copy
    return preview(cell if isinstance(cell, Picture) else read_image(cell), box)


def _as_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Colours for the sheet, which has no profile of its own."""
    plain = image.convert("L" if image.mode.startswith("L") else "RGB")
    if icc_profile is None:
        return plain.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        converted = ImageCms.profileToProfile(plain, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a useless profile: viewers show such a picture as sRGB, too
        converted = None
    return converted or plain.convert("RGB")
