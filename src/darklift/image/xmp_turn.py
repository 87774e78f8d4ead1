"""What an XMP packet says of places in the picture, turned with the pixels: faces, regions, crops, the subject.

All of it counts from the corner of the picture as it is stored. Where the numbers or their meaning are not certain, the
property is taken out, since a face at a wrong place is worse than none. Sources: the Metadata Working Group's
guidelines 2.0 (regions), Microsoft's Photo schema 1.2, IPTC Photo Metadata 2023.1 (image regions), Adobe's XMP
specification, part 2 (EXIF, TIFF, camera raw).
"""

import re
from collections.abc import Callable
from decimal import Decimal

from darklift.image.exif import upright_xmp
from darklift.image.turning import turned_point
from darklift.image.xmp_packet import Name, Node, Packet

__all__ = ["AREAS", "PLACES", "POSITIONS", "REGIONS", "WIDTHS_AND_HEIGHTS", "number_of", "text_of", "turned_xmp"]

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
_ACDSEE = "http://ns.acdsee.com/regions/"
AREAS = ("http://ns.adobe.com/xmp/sType/Area#", "http://ns.acdsee.com/sType/Area#")
"""The namespaces of a region's place."""
_MICROSOFT = "http://ns.microsoft.com/photo/1.2/"
_RECTANGLE = ("http://ns.microsoft.com/photo/1.2/t/Region#", "Rectangle")
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
_FOCUS = "http://ns.google.com/photos/1.0/focus/"
_FOCAL_POINT = ((_FOCUS, "FocalPointX"), (_FOCUS, "FocalPointY"))

_PAIRS = (
    ((_TIFF, "ImageWidth"), (_TIFF, "ImageLength")),
    ((_TIFF, "XResolution"), (_TIFF, "YResolution")),
    ((_EXIF, "PixelXDimension"), (_EXIF, "PixelYDimension")),
    ((_EXIF, "FocalPlaneXResolution"), (_EXIF, "FocalPlaneYResolution")),
    ((_RAW, "CropWidth"), (_RAW, "CropHeight")),
)
"""What a quarter turn changes for one another."""
_CROP = tuple((_RAW, f"Crop{side}") for side in ("Left", "Top", "Right", "Bottom"))
_NOT_TURNED = {
    **dict.fromkeys(
        (
            *((_RAW, f"{kind}BasedCorrections") for kind in ("Gradient", "CircularGradient", "Paint", "MaskGroup")),
            *((_RAW, name) for name in ("RetouchAreas", "RetouchInfo", "RedEyeInfo")),
        ),
        "its local adjustments in XMP",
    ),
    **dict.fromkeys(
        (
            (_MWG, "Rotation"),
            *(("http://ns.apple.com/faceinfo/1.0/", f"AngleInfo{axis}") for axis in ("Roll", "Yaw", "Pitch")),
        ),
        "the angles of its faces in XMP",
    ),
}
"""Of places, angles and shapes, too, but said in ways that nobody has written down."""
REGIONS = ((_MWG, "Regions"), (_ACDSEE, "Regions"))
"""Face regions that say of which size the picture was."""
_SUBJECTS = ((_EXIF, "SubjectArea"), (_EXIF, "SubjectLocation"))
_CROP_IN_ALL = (*_CROP, (_RAW, "CropAngle"), (_RAW, "HasCrop"), *_PAIRS[4])
_WORDS = {
    **dict.fromkeys((*REGIONS, (_MICROSOFT, "RegionInfo")), "its face regions in XMP"),
    (_IPTC, "RegionBoundary"): "an image region in XMP",
    **dict.fromkeys(_SUBJECTS, "the place of its subject in XMP"),
    **dict.fromkeys(_CROP_IN_ALL, "its crop in XMP"),
    **dict.fromkeys(_FOCAL_POINT, "the point in focus in XMP"),
}
PLACES = _WORDS | {name: words for name, words in _NOT_TURNED.items() if name[0] == _RAW}
"""Whatever counts from the picture's corner or by its sides, and what is said where it is left out."""
WIDTHS_AND_HEIGHTS = (_PAIRS[2], _PAIRS[0])
"""Of the picture itself: by EXIF's schema, by TIFF's."""
POSITIONS = (_MWG, _ACDSEE, *AREAS, _MICROSOFT, _IPTC, _RAW, _FOCUS)
"""The namespaces of places."""
_NUMBER = re.compile(r"[+-]?(?:\d{1,9}\.?\d{0,20}|\.\d{1,20})")
_ONE = Decimal(1)


def turned_xmp(xmp: bytes, orientation: int, size: tuple[int, int] | None = None) -> tuple[bytes | None, list[str]]:
    """The packet for the upright picture, and in words what had to be left out of it.

    orientation: 2 to 8, which the pixels are turned by. size: width and height of the picture as it is stored, None
    where that is not known, and the packet does not say it either. No packet is left of one that is damaged and
    mentions places.
    """
    try:
        packet = Packet(xmp)
    except ValueError:
        if any(space.encode() in xmp for space in POSITIONS):
            return None, ["its XMP, which is damaged and mentions places in the picture"]
        return upright_xmp(xmp), []
    turner = _Turner(packet, orientation, size)
    turner.turn()
    return packet.edited(), list(dict.fromkeys(turner.left_out))


class _Turner:
    def __init__(self, packet: Packet, orientation: int, size: tuple[int, int] | None) -> None:
        self._packet = packet
        self._orientation = orientation
        self._on_its_side = orientation >= 5
        self._nodes: dict[Name, list[Node]] = {}
        for node in packet.root.walk():
            self._nodes.setdefault(node.name, []).append(node)
        self._size = size or self._stated_size()
        self.left_out: list[str] = []

    def _stated_size(self) -> tuple[int, int] | None:
        for names in WIDTHS_AND_HEIGHTS:
            found = [self._nodes[name][0].text for name in names if name in self._nodes]
            if len(found) == 2 and all(text.isdecimal() and 0 < int(text) < 2**31 for text in found):
                return int(found[0]), int(found[1])
        return None

    def turn(self) -> None:
        for node in self._nodes.get((_TIFF, "Orientation"), []):
            self._packet.replace(node, "1")
        for name in REGIONS:
            self._each(name, self._turn_regions)
        self._each((_MICROSOFT, "RegionInfo"), self._turn_rectangles)
        self._each((_IPTC, "RegionBoundary"), self._turn_boundary)
        for name in _SUBJECTS:
            self._each(name, self._turn_subject)
        self._turn_crop()
        self._turn_focal_point()
        if self._on_its_side:
            for pair in _PAIRS:
                self._swap(pair)
        for name, words in _NOT_TURNED.items():
            for node in self._nodes.get(name, []):
                self._leave_out(node, words)

    def _each(self, name: Name, turn: Callable[[Node], None]) -> None:
        for node in self._nodes.get(name, []):
            try:
                turn(node)
            except (ValueError, KeyError):
                self._leave_out(node, _WORDS[name])

    def _leave_out(self, node: Node, words: str) -> None:
        self._packet.remove(node)
        self.left_out.append(words)

    # ---------------------------------------------------------------------------------------- face regions

    def _turn_regions(self, regions: Node) -> None:
        """Of the Metadata Working Group, and ACDSee's, which are alike: areas around their middle."""
        stated = next((node for node in regions.parts() if node.name[1] == "AppliedToDimensions"), None)
        sides = {} if stated is None else {name[1]: node for name, node in stated.fields().items()}
        size = (number_of(sides["w"]), number_of(sides["h"])) if "w" in sides and "h" in sides else None
        if self._on_its_side and size is not None:
            if self._is_upright(size):
                return  # the regions count from the upright picture's corner
            self._exchange(sides["w"], sides["h"])
        for area in regions.walk():
            fields = {name[1]: node for name, node in area.fields().items() if name[0] in AREAS}
            if fields and area.name[0] not in AREAS and area.name[1] in ("Area", "DLYArea", "ALGArea"):
                unit = fields["unit"].text if "unit" in fields else "normalized"
                if unit not in ("normalized", "pixel") or (unit == "pixel" and size is None):
                    raise ValueError(unit)
                self._turn_point(fields["x"], fields["y"], (_ONE, _ONE) if unit == "normalized" or not size else size)
                if self._on_its_side and ("w" in fields or "h" in fields):
                    self._exchange(fields["w"], fields["h"])

    def _is_upright(self, size: tuple[Decimal, Decimal]) -> bool:
        """Whether these are sides of the upright picture, and not of one that lies on its side."""
        if self._size is None:
            return False
        across, down = self._size
        stored, upright = across * size[1] - down * size[0], down * size[1] - across * size[0]
        return 20 * abs(upright) < abs(stored)

    def _turn_rectangles(self, regions: Node) -> None:
        """Microsoft's: left, top, width and height in one text."""
        for node in regions.walk():
            if node.name == _RECTANGLE:
                left, top, width, height = (_parsed(part) for part in node.text.split(","))
                self._packet.replace(
                    node, ", ".join(map(text_of, self._turned_box(left, top, width, height, _ONE, _ONE)))
                )

    def _turn_boundary(self, boundary: Node) -> None:
        """IPTC's: a rectangle by its corner, a circle by its middle, a polygon."""
        fields = {name[1]: node for name, node in boundary.fields().items() if name[0] == _IPTC}
        unit, shape = fields["rbUnit"].text, fields["rbShape"].text
        right, bottom = (_ONE, _ONE) if unit == "relative" else self._sides()
        if unit not in ("relative", "pixel"):
            raise ValueError(unit)
        if shape == "rectangle":
            names = ("rbX", "rbY", "rbW", "rbH")
            left, top, width, height = (number_of(fields[name]) for name in names)
            for name, value in zip(names, self._turned_box(left, top, width, height, right, bottom), strict=True):
                self._packet.replace(fields[name], text_of(value))
        elif shape == "circle":
            self._turn_point(fields["rbX"], fields["rbY"], (right, bottom))
            if unit == "relative" and self._on_its_side:  # a share of the width
                across, down = self._sides()
                self._packet.replace(fields["rbRx"], text_of(round(number_of(fields["rbRx"]) * across / down, 8)))
        elif shape == "polygon":
            for vertex in fields["rbVertices"].items():
                corner = {name[1]: node for name, node in vertex.fields().items()}
                self._turn_point(corner["rbX"], corner["rbY"], (right, bottom))
        else:
            raise ValueError(shape)

    # ---------------------------------------------------------------------------------------- other places

    def _turn_subject(self, subject: Node) -> None:
        """A point, a circle with its diameter, or a rectangle around its middle, in pixels."""
        numbers = subject.items()
        across, down = self._sides()
        if not 2 <= len(numbers) <= 4:
            raise ValueError(len(numbers))
        self._turn_point(numbers[0], numbers[1], (across - 1, down - 1))
        if self._on_its_side and len(numbers) == 4:
            self._exchange(numbers[2], numbers[3])

    def _turn_crop(self) -> None:
        """Of a raw converter: the corners of what is shown. Those of a slanted crop lie on the slanted frame."""
        crop = [self._nodes[name][0] for name in _CROP if name in self._nodes]
        angle = self._nodes.get((_RAW, "CropAngle"), [])
        try:
            if not crop:
                return
            left, top, right, bottom = map(number_of, crop)
            if any(len(self._nodes[name]) > 1 for name in _CROP) or any(number_of(node) != 0 for node in angle):
                raise ValueError(angle)
            turned = self._turned_box(left, top, right - left, bottom - top, _ONE, _ONE)
            corners = (turned[0], turned[1], turned[0] + turned[2], turned[1] + turned[3])
            for node, value in zip(crop, corners, strict=True):
                self._packet.replace(node, text_of(value))
        except ValueError:
            for name in _CROP_IN_ALL:
                for node in self._nodes.get(name, []):
                    self._leave_out(node, _WORDS[name])

    def _turn_focal_point(self) -> None:
        """Google's: where the camera was focussed, as shares of the sides."""
        point = [node for name in _FOCAL_POINT for node in self._nodes.get(name, [])]
        try:
            if point:
                x, y = point
                self._turn_point(x, y, (_ONE, _ONE))
        except ValueError:
            for node in point:
                self._leave_out(node, _WORDS[node.name])

    def _swap(self, pair: tuple[Name, Name]) -> None:
        found = [self._nodes.get(name, []) for name in pair]
        if len(found[0]) == len(found[1]) == 1:
            self._exchange(found[0][0], found[1][0])
            return
        for node in (*found[0], *found[1]):
            self._leave_out(node, f"{node.name[1]} in XMP")

    # ---------------------------------------------------------------------------------------- arithmetic

    def _sides(self) -> tuple[Decimal, Decimal]:
        if self._size is None:
            raise ValueError("the picture's size as it is stored is not known")
        return Decimal(self._size[0]), Decimal(self._size[1])

    def _turn_point(self, x: Node, y: Node, size: tuple[Decimal, Decimal]) -> None:
        turned = turned_point(self._orientation, number_of(x), number_of(y), *size)
        for node, value in zip((x, y), turned, strict=True):
            self._packet.replace(node, text_of(value))

    def _turned_box(
        self, left: Decimal, top: Decimal, width: Decimal, height: Decimal, right: Decimal, bottom: Decimal
    ) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        one = turned_point(self._orientation, left, top, right, bottom)
        other = turned_point(self._orientation, left + width, top + height, right, bottom)
        sides = (height, width) if self._on_its_side else (width, height)
        return (min(one[0], other[0]), min(one[1], other[1]), *sides)

    def _exchange(self, one: Node, other: Node) -> None:
        self._packet.replace(one, other.text)
        self._packet.replace(other, one.text)


def number_of(node: Node) -> Decimal:
    """A node's text as a number; ValueError where it is none."""
    return _parsed(node.text)


def _parsed(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{text[:40]!r} is no number")
    return Decimal(text.strip())


def text_of(value: Decimal) -> str:
    """A number as XMP has it."""
    return f"{value:f}"
