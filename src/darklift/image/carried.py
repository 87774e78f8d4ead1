"""Metadata for a container that has no place of its own for them: what can go elsewhere in it, goes there.

IPTC, comments, the texts of a PNG and Photoshop's copyright mark go into XMP where that does not say the same already,
a resolution into EXIF, and colours that only chunks or EXIF tell of become an ICC profile. The rest is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from darklift.errors import ImageError
from darklift.image.exif import upright_xmp
from darklift.image.exif_add import resolution_of, with_resolution
from darklift.image.icc_writing import profile_of
from darklift.image.iptc import iptc_as_xmp
from darklift.image.photoshop import rights_in
from darklift.image.picture import Metadata, Picture
from darklift.image.png_texts import texts_as_xmp
from darklift.image.spaces import colour_space_of
from darklift.image.thumbnail import THUMBNAIL_ROOM, renewed_thumbnail
from darklift.image.tiff_described import without_maker_note
from darklift.image.xmp_add import EXIF, Properties, with_properties
from darklift.image.xmp_claims import without_claims

__all__ = ["carried", "fitted"]

_COLOURS = frozenset({b"gAMA", b"cHRM", b"cICP"})
_USER_COMMENT = (EXIF, "UserComment")


def carried(picture: Picture, container: str, keeps: Mapping[str, int]) -> tuple[Metadata, list[str]]:
    """The metadata that fit a container, and the names of what has no place in it.

    container: its name. keeps: as of a :class:`~darklift.image.formats.base.Format`.
    """
    metadata = picture.metadata
    if metadata.xmp:  # of a picture made in memory: one that was read has an upright one
        metadata = replace(metadata, xmp=upright_xmp(metadata.xmp))
    load = _Load(picture, container, keeps, metadata, [])
    load.maker_note()
    load.colours()
    load.texts()
    load.rights()
    load.resolution()
    load.rest()
    return load.metadata, load.lost


def fitted(picture: Picture, container: str, keeps: Mapping[str, int]) -> Picture:
    """The picture with the metadata that fit a container, and a new thumbnail where there was one."""
    metadata, _ = carried(picture, container, keeps)
    if metadata.thumbnail and metadata.exif:
        metadata = replace(metadata, exif=renewed_thumbnail(metadata.exif, picture, keeps["exif"]))
    return replace(picture, metadata=metadata)


@dataclass(slots=True)
class _Load:
    """What is on the way. metadata: as far as it has been made to fit."""

    picture: Picture
    container: str
    keeps: Mapping[str, int]
    metadata: Metadata
    lost: list[str]

    def _keeps(self, field: str, size: int = 0) -> bool:
        return self.keeps.get(field, -1) >= size

    def maker_note(self) -> None:
        """Not kept where EXIF is too long for the container, and fits without it."""
        exif = self.metadata.exif
        if exif is None or "exif" not in self.keeps or self._keeps("exif", len(exif)):
            return
        shorter = without_maker_note(exif)
        if shorter is not None and self._keeps("exif", len(shorter)):
            self.metadata = replace(self.metadata, exif=shorter)
            self.lost.append("maker note, which is too long")

    def colours(self) -> None:
        """A profile of the colour space that is told in a way which the file will not tell it in."""
        kinds = {name for name, _ in self.metadata.png_chunks}
        by_chunks = not self._keeps("png_chunks") and (
            b"cICP" in kinds or (self.metadata.icc_profile is None and bool(kinds & _COLOURS))
        )
        by_exif = self.metadata.icc_profile is None and self.picture.source.container != self.container
        if not by_chunks and not by_exif:
            return
        try:
            space = colour_space_of(self.picture).space
        except ImageError:  # HDR, or a table: there is no profile to be made
            self.lost += ["colour space chunks"] if by_chunks else []
            return
        if space is None:
            return
        profile = profile_of(space, gray=self.picture.gray)
        if profile is not None and self._keeps("icc_profile", len(profile)):
            self.metadata = replace(self.metadata, icc_profile=profile)
        elif by_chunks:
            self.lost.append("colour space chunks")

    def texts(self) -> None:
        """IPTC, comment and texts, in XMP."""
        if self.metadata.iptc and not self._keeps("iptc"):
            properties, others = iptc_as_xmp(self.metadata.iptc)
            named = f"part of its IPTC ({', '.join(others)})" if properties else "IPTC"
            self._add(properties, "IPTC", [named] if others or not properties else [])
            self.metadata = replace(self.metadata, iptc=None)
        if self.metadata.png_chunks and not self._keeps("png_chunks"):
            properties, others = texts_as_xmp(self.metadata.png_chunks)
            comment = properties.get(_USER_COMMENT)
            if comment and not self.metadata.comments and self._keeps("comment", len(comment[0].encode())):
                self.metadata = replace(self.metadata, comments=(comment[0].encode(),))
                del properties[_USER_COMMENT]
            self._add(properties, "texts", [f"texts ({', '.join(others)})"] if others else [])
            self.metadata = replace(self.metadata, png_chunks=())
        if self.metadata.comment and not self._keeps("comment"):
            self._add({_USER_COMMENT: [self.metadata.comment.decode("utf-8", "replace")]}, "comment", [])
            self.metadata = replace(self.metadata, comments=())

    def rights(self) -> None:
        """Photoshop's copyright mark and address, in XMP."""
        if self.metadata.photoshop and not self._keeps("photoshop"):
            properties, others = rights_in(self.metadata.photoshop)
            self._add(properties, "Photoshop records", ["other Photoshop records"] if others else [])
            self.metadata = replace(self.metadata, photoshop=None)

    def _add(self, properties: Properties, name: str, others: list[str]) -> None:
        """Put properties into XMP, or else count all of them as lost by this name; others: what is lost anyway."""
        if not properties:
            self.lost += others
            return
        try:
            xmp, said_otherwise = with_properties(self.metadata.xmp, properties)
        except ValueError:
            xmp, said_otherwise = b"", []
        if not xmp or not self._keeps("xmp", len(xmp)):
            self.lost.append(name)
            return
        self.metadata = replace(self.metadata, xmp=xmp)
        self.lost += others
        if said_otherwise:
            self.lost.append(f"{name} where its XMP says otherwise ({', '.join(said_otherwise)})")

    def resolution(self) -> None:
        """In EXIF, unless it says the same."""
        dpi = self.metadata.dpi
        if dpi is None or self._keeps("dpi"):
            return
        self.metadata = replace(self.metadata, dpi=None)
        exif = self.metadata.exif
        try:
            stated = resolution_of(exif) if exif else None
            if stated is None or any(abs(one - other) > 0.01 for one, other in zip(stated, dpi, strict=True)):
                exif = with_resolution(exif, dpi)
        except ImageError:
            exif = None
        if exif is not None and self._keeps("exif", len(exif)):
            self.metadata = replace(self.metadata, exif=exif)
        else:
            self.lost.append("resolution")

    def rest(self) -> None:
        """What has no other place."""
        metadata = self.metadata
        if metadata.trailer and not self._keeps("trailer"):
            self.lost.append("video or records behind the picture")
            metadata = replace(metadata, trailer=None, xmp=metadata.xmp and without_claims(metadata.xmp))
        if metadata.exif and not self._keeps("exif"):
            self.lost.append("EXIF")
            metadata = replace(metadata, exif=None)
        if metadata.xmp and not self._keeps("xmp"):
            self.lost.append("XMP")
            metadata = replace(metadata, xmp=None)
        if metadata.icc_profile and not self._keeps("icc_profile"):
            self.lost.append("colour profile")
            metadata = replace(metadata, icc_profile=None)
        if metadata.thumbnail and not self._has_room_for_a_thumbnail():
            if metadata.exif:
                self.lost.append("thumbnail")
            metadata = replace(metadata, thumbnail=False)
        self.metadata = metadata

    def _has_room_for_a_thumbnail(self) -> bool:
        """A TIFF file would show it as its second page."""
        exif = self.metadata.exif
        return exif is not None and self._keeps("thumbnail") and self._keeps("exif", len(exif) + THUMBNAIL_ROOM)
