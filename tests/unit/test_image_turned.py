"""darklift.image on places in a picture that metadata tell of: turned with the pixels, or left out and named."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from darklift.image import decode_image, encode_image
from darklift.image.turning import one_after_another, turned_point
from darklift.image.xmp_packet import Packet
from darklift.image.xmp_turn import turned_xmp
from heif_files import box, heif_file

WIDTH, HEIGHT = 40, 30
FACE = (4, 6, 12, 10)
"""left, top, right, bottom of the only bright place of the picture as it is stored."""
SPACES = {
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "acdsee-rs": "http://ns.acdsee.com/regions/",
    "acdsee-stArea": "http://ns.acdsee.com/sType/Area#",
    "acdsee-stDim": "http://ns.acdsee.com/sType/Dimensions#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "apple-fi": "http://ns.apple.com/faceinfo/1.0/",
    "GFocus": "http://ns.google.com/photos/1.0/focus/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


def xmp_of(inside: str, attributes: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def turned(xmp: bytes, orientation: int) -> tuple[Packet, list[str]]:
    made, left_out = turned_xmp(xmp, orientation)
    assert made is not None
    return Packet(made), left_out


def value(packet: Packet, prefix: str, name: str) -> str:
    (node,) = packet.named((SPACES[prefix], name))
    return node.text


left, top, right, bottom = FACE
AREA = {
    "x": (left + right) / 2 / WIDTH,
    "y": (top + bottom) / 2 / HEIGHT,
    "w": (right - left) / WIDTH,
    "h": (bottom - top) / HEIGHT,
}
AS_ATTRIBUTES = xmp_of(
    '<mwg-rs:Regions rdf:parseType="Resource">'
    '<mwg-rs:AppliedToDimensions stDim:w="40" stDim:h="30" stDim:unit="pixel"/>'
    '<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Zoë &amp; Anna" mwg-rs:Type="Face"><mwg-rs:Area '
    + " ".join(f'stArea:{name}="{number:.6f}"' for name, number in AREA.items())
    + ' stArea:unit="normalized"/></rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>',
    'tiff:Orientation="6"',
)
AS_ELEMENTS = xmp_of(
    "<mwg-rs:Regions><rdf:Description>"
    '<mwg-rs:AppliedToDimensions rdf:parseType="Resource"><stDim:w>40</stDim:w><stDim:h>30</stDim:h>'
    "<stDim:unit>pixel</stDim:unit></mwg-rs:AppliedToDimensions>"
    '<mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource"><mwg-rs:Name>Zoë &amp; Anna</mwg-rs:Name>'
    '<mwg-rs:Area rdf:parseType="Resource">'
    + "".join(f"<stArea:{name}> {number:.6f} </stArea:{name}>" for name, number in AREA.items())
    + "<stArea:unit>normalized</stArea:unit></mwg-rs:Area></rdf:li></rdf:Bag></mwg-rs:RegionList>"
    "</rdf:Description></mwg-rs:Regions><tiff:Orientation>6</tiff:Orientation>"
)


def photo(orientation: int, xmp: bytes, container: str = "JPEG") -> bytes:
    """Black but for the face, with its place in EXIF, too."""
    values = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    values[top:bottom, left:right] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    middle = ((left + right) // 2, (top + bottom) // 2)
    exif[0x8769] = {
        0xA002: WIDTH,
        0xA003: HEIGHT,
        0x9214: (*middle, right - left, bottom - top),
        0xA214: middle,
        0x927C: b"maker note",
    }
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, container, exif=exif.tobytes(), xmp=xmp, quality=100)
    return stream.getvalue()


def place_of_light(image: Image.Image) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(np.asarray(image.convert("L")) > 128)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("xmp", [AS_ATTRIBUTES, AS_ELEMENTS], ids=["attributes", "elements"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_face_stays_where_it_is_seen(orientation: int, xmp: bytes) -> None:
    picture = decode_image(photo(orientation, xmp))
    image = Image.open(io.BytesIO(encode_image(picture, "PNG")))
    seen = place_of_light(image)
    assert seen == place_of_light(ImageOps.exif_transpose(Image.open(io.BytesIO(photo(orientation, xmp)))))
    packet = Packet(picture.metadata.xmp or b"")
    x, y, w, h = (float(value(packet, "stArea", name)) for name in "xywh")
    width, height = image.size
    box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    np.testing.assert_allclose(box, seen, atol=1e-3)
    assert (int(value(packet, "stDim", "w")), int(value(packet, "stDim", "h"))) == image.size
    assert value(packet, "mwg-rs", "Name") == "Zoë & Anna"
    assert value(packet, "tiff", "Orientation") == "1"
    assert picture.metadata.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_and_subject_in_exif_are_turned(orientation: int) -> None:
    image = Image.open(io.BytesIO(encode_image(decode_image(photo(orientation, AS_ATTRIBUTES)), "PNG")))
    details = image.getexif().get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == image.size
    x, y, w, h = details[0x9214]
    seen = place_of_light(image)
    np.testing.assert_allclose((x - w / 2, y - h / 2, x + w / 2, y + h / 2), seen, atol=1.01)  # whole pixels
    assert details[0xA214] == (x, y)
    assert details[0x927C] == b"maker note"


def test_a_subject_that_lies_outside_is_left_out_and_named() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x8769] = {0x9214: (900, 900), 0x829A: 0.5}
    stream = io.BytesIO()
    Image.new("RGB", (8, 6)).save(stream, "JPEG", exif=exif.tobytes())
    picture = decode_image(stream.getvalue())
    assert any("subject" in note for note in picture.metadata.notes)
    details = Image.open(io.BytesIO(encode_image(picture, "JPEG"))).getexif().get_ifd(0x8769)
    assert dict(details) == {0x829A: 0.5}


def test_resolutions_in_exif_are_exchanged() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x011B] = 8, 300.0, 150.0
    stream = io.BytesIO()
    Image.new("RGB", (8, 6)).save(stream, "PNG", exif=exif.tobytes(), dpi=(300, 150))
    metadata = decode_image(stream.getvalue()).metadata
    found = Image.Exif()
    found.load(metadata.exif or b"")
    assert (found[0x011A], found[0x011B]) == (150, 300)
    assert metadata.dpi == pytest.approx((150, 300), abs=0.02)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_that_lies_on_its_side_is_turned_with_its_regions(compression: str | None) -> None:
    stream = io.BytesIO()
    tags = {0x0112: 6, 700: AS_ATTRIBUTES}
    Image.new("RGB", (WIDTH, HEIGHT)).save(stream, "TIFF", tiffinfo=tags, compression=compression, dpi=(300, 150))
    picture = decode_image(stream.getvalue())
    assert picture.size == (WIDTH, HEIGHT)
    packet = Packet(picture.metadata.xmp or b"")
    assert float(value(packet, "stArea", "y")) == pytest.approx(AREA["x"])
    assert picture.metadata.dpi == (150, 300)


def test_regions_that_count_from_the_upright_picture_stay() -> None:
    upright = AS_ATTRIBUTES.replace(b'w="40"', b'w="30"').replace(b'h="30"', b'h="40"')
    made, _ = turned_xmp(upright, 6, (WIDTH, HEIGHT))
    assert made == upright.replace(b'Orientation="6"', b'Orientation="1"')


def test_regions_in_pixels_and_with_a_diameter() -> None:
    xmp = xmp_of(
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:AppliedToDimensions stDim:w="40" stDim:h="30"/>'
        '<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description><mwg-rs:Area stArea:x="8" stArea:y="7.5" stArea:d="4" '
        'stArea:unit="pixel"/></rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>'
    )
    packet, _ = turned(xmp, 6)
    assert [value(packet, "stArea", name) for name in "xyd"] == ["22.5", "8", "4"]


def test_regions_of_acdsee_and_of_microsoft() -> None:
    xmp = xmp_of(
        '<acdsee-rs:Regions rdf:parseType="Resource"><acdsee-rs:AppliedToDimensions acdsee-stDim:w="40" '
        'acdsee-stDim:h="30"/><acdsee-rs:RegionList><rdf:Bag><rdf:li><rdf:Description acdsee-rs:Name="Anna">'
        '<acdsee-rs:ALGArea acdsee-stArea:x="0.2" acdsee-stArea:y="0.3" acdsee-stArea:w="0.1" acdsee-stArea:h="0.4"/>'
        "</rdf:Description></rdf:li></rdf:Bag></acdsee-rs:RegionList></acdsee-rs:Regions>"
        '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li><rdf:Description '
        'MPReg:Rectangle="0.1, 0.2, 0.25, 0.5" MPReg:PersonDisplayName="Anna"/></rdf:li></rdf:Bag></MPRI:Regions>'
        "</MP:RegionInfo>"
    )
    packet, left_out = turned(xmp, 6)
    assert [value(packet, "acdsee-stArea", name) for name in "xywh"] == ["0.7", "0.2", "0.4", "0.1"]
    assert (value(packet, "acdsee-stDim", "w"), value(packet, "acdsee-stDim", "h")) == ("30", "40")
    assert value(packet, "MPReg", "Rectangle") == "0.3, 0.1, 0.5, 0.25"
    assert left_out == []


def boundary(shape: str, unit: str, inside: str) -> bytes:
    return xmp_of(
        '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource"><Iptc4xmpExt:RegionBoundary '
        f'rdf:parseType="Resource"><Iptc4xmpExt:rbShape>{shape}</Iptc4xmpExt:rbShape><Iptc4xmpExt:rbUnit>{unit}'
        f"</Iptc4xmpExt:rbUnit>{inside}</Iptc4xmpExt:RegionBoundary></rdf:li></rdf:Bag></Iptc4xmpExt:ImageRegion>",
        'exif:PixelXDimension="40" exif:PixelYDimension="30"',
    )


def fields(**values: str) -> str:
    return "".join(f"<Iptc4xmpExt:{name}>{text}</Iptc4xmpExt:{name}>" for name, text in values.items())


def test_image_regions_of_the_iptc() -> None:
    packet, _ = turned(boundary("rectangle", "relative", fields(rbX="0.1", rbY="0.2", rbW="0.25", rbH="0.5")), 6)
    assert [value(packet, "Iptc4xmpExt", f"rb{name}") for name in "XYWH"] == ["0.3", "0.1", "0.5", "0.25"]
    packet, _ = turned(boundary("rectangle", "pixel", fields(rbX="4", rbY="6", rbW="8", rbH="4")), 6)
    assert [value(packet, "Iptc4xmpExt", f"rb{name}") for name in "XYWH"] == ["20", "4", "4", "8"]
    packet, _ = turned(boundary("circle", "relative", fields(rbX="0.1", rbY="0.2", rbRx="0.15")), 6)
    assert [value(packet, "Iptc4xmpExt", f"rb{name}") for name in ("X", "Y")] == ["0.8", "0.1"]
    assert float(value(packet, "Iptc4xmpExt", "rbRx")) == 0.2  # of a width that was 40 and is 30
    corners = "".join(
        f'<rdf:li rdf:parseType="Resource">{fields(rbX=x, rbY=y)}</rdf:li>' for x, y in (("0.1", "0.2"), ("0.5", "0.6"))
    )
    polygon = f"<Iptc4xmpExt:rbVertices><rdf:Seq>{corners}</rdf:Seq></Iptc4xmpExt:rbVertices>"
    packet, _ = turned(boundary("polygon", "relative", polygon), 3)
    found = [node.text for name in ("rbX", "rbY") for node in packet.named((SPACES["Iptc4xmpExt"], name))]
    assert found == ["0.9", "0.5", "0.8", "0.4"]


def test_what_cannot_be_turned_is_left_out_and_named() -> None:
    packet, left_out = turned(boundary("spiral", "relative", fields(rbX="0.1", rbY="0.2")), 6)
    assert packet.named((SPACES["Iptc4xmpExt"], "RegionBoundary")) == []
    assert left_out == ["an image region in XMP"]
    broken = AS_ATTRIBUTES.replace(b'stArea:x="0.2', b'stArea:x="?')
    packet, left_out = turned(broken, 2)
    assert packet.named((SPACES["mwg-rs"], "Regions")) == []
    assert left_out == ["its face regions in XMP"]
    assert value(packet, "tiff", "Orientation") == "1"
    angle = xmp_of("<apple-fi:AngleInfoRoll>270</apple-fi:AngleInfoRoll>", 'crs:RetouchInfo="centerX = 0.2"')
    packet, left_out = turned(angle, 6)
    assert packet.named((SPACES["apple-fi"], "AngleInfoRoll")) == packet.named((SPACES["crs"], "RetouchInfo")) == []
    assert len(left_out) == 2


@pytest.mark.parametrize("bad", [b"<", b'<x mwg:a="1">', b"<!DOCTYPE x []>"])
def test_damaged_xmp_that_mentions_places_is_left_out(bad: bytes) -> None:
    assert turned_xmp(AS_ATTRIBUTES + bad, 6)[0] is None
    assert turned_xmp(b'<x:xmpmeta tiff:Orientation="6">', 6) == (b'<x:xmpmeta tiff:Orientation="1">', [])


@pytest.mark.parametrize(
    ("angle", "orientation", "expected"),
    [
        ("0", 6, ["0.5", "0.1", "0.8", "0.6"]),  # left, top, right, bottom
        ("0", 3, ["0.4", "0.5", "0.9", "0.8"]),
        ("2.5", 6, None),
    ],
)
def test_the_crop_of_a_raw_converter(angle: str, orientation: int, expected: list[str] | None) -> None:
    crop = 'crs:CropLeft="0.1" crs:CropTop="0.2" crs:CropRight="0.6" crs:CropBottom="0.5"'
    xmp = xmp_of("", f'{crop} crs:CropAngle="{angle}" crs:HasCrop="True" crs:Exposure2012="+0.5"')
    packet, left_out = turned(xmp, orientation)
    assert value(packet, "crs", "Exposure2012") == "+0.5"
    if expected is None:
        assert left_out == ["its crop in XMP"]
        assert packet.named((SPACES["crs"], "CropLeft")) == packet.named((SPACES["crs"], "HasCrop")) == []
        return
    found = [value(packet, "crs", f"Crop{side}") for side in ("Left", "Top", "Right", "Bottom")]
    assert found == expected


def test_sides_subject_and_focus_in_xmp() -> None:
    subject = "".join(f"<rdf:li>{number}</rdf:li>" for number in (4, 6, 2, 3))
    xmp = xmp_of(
        f"<exif:SubjectArea><rdf:Seq>{subject}</rdf:Seq></exif:SubjectArea>",
        'exif:PixelXDimension="40" exif:PixelYDimension="30" tiff:ImageWidth="40" tiff:ImageLength="30" '
        'tiff:XResolution="300/1" tiff:YResolution="150/1" GFocus:FocalPointX="0.25" GFocus:FocalPointY="0.5"',
    )
    packet, _ = turned(xmp, 8)
    (area,) = packet.named((SPACES["exif"], "SubjectArea"))
    assert [node.text for node in area.items()] == ["6", "35", "3", "2"]
    pairs = [("exif", "Pixel{}Dimension"), ("tiff", "{}Resolution")]
    found = [value(packet, prefix, name.format(axis)) for prefix, name in pairs for axis in "XY"]
    assert found == ["30", "40", "150/1", "300/1"]
    assert (value(packet, "tiff", "ImageWidth"), value(packet, "tiff", "ImageLength")) == ("30", "40")
    assert [value(packet, "GFocus", f"FocalPoint{axis}") for axis in "XY"] == ["0.5", "0.75"]
    packet, left_out = turned(xmp.replace(b'tiff:ImageLength="30"', b""), 8)
    assert packet.named((SPACES["tiff"], "ImageWidth")) == []
    assert left_out == ["ImageWidth in XMP"]


def test_the_little_picture_in_xmp_is_left_out_and_named() -> None:
    thumbnails = "<xmp:Thumbnails><rdf:Alt><rdf:li>dark</rdf:li></rdf:Alt></xmp:Thumbnails>"
    metadata = decode_image(photo(1, xmp_of(thumbnails, 'xmp:Rating="5"'))).metadata
    assert metadata.xmp == xmp_of("", 'xmp:Rating="5"')
    assert any("little picture" in note for note in metadata.notes)


def test_what_an_avif_file_says_is_turned_where_exif_agrees_with_the_boxes() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # which Pillow makes a box of, and takes out of EXIF
    exif[0x0113] = 6
    exif[0x8769] = {0xA002: WIDTH, 0xA003: HEIGHT}
    stream = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(stream, "AVIF", exif=exif, xmp=AS_ATTRIBUTES)
    for tag, expected in ((0x0113, AREA["x"]), (0x0112, 1 - AREA["y"])):
        data = stream.getvalue().replace(struct.pack(">2HI", 0x0113, 3, 1), struct.pack(">2HI", tag, 3, 1))
        picture = decode_image(data)
        assert picture.size == (WIDTH, HEIGHT)
        packet = Packet(picture.metadata.xmp or b"")
        assert float(value(packet, "stArea", "x")) == pytest.approx(expected, abs=1e-5)
        found = Image.Exif()
        found.load(picture.metadata.exif or b"")
        sides = found.get_ifd(0x8769)
        assert (sides[0xA002], sides[0xA003]) == ((HEIGHT, WIDTH) if tag == 0x0112 else (WIDTH, HEIGHT))


def test_what_a_heic_file_says_is_turned_where_exif_agrees_with_the_boxes() -> None:
    pytest.importorskip("pi_heif", reason="needs the extra heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    on_its_side = heif_file(box(b"irot", b"\3"), exif=exif.tobytes()[6:], xmp=AS_ATTRIBUTES)
    said_otherwise = heif_file(box(b"irot", b"\1"), exif=exif.tobytes()[6:], xmp=AS_ATTRIBUTES)
    for data, expected in ((on_its_side, 1 - AREA["y"]), (said_otherwise, AREA["x"])):
        packet = Packet(decode_image(data).metadata.xmp or b"")
        assert float(value(packet, "stArea", "x")) == pytest.approx(expected, abs=1e-5)
        assert value(packet, "tiff", "Orientation") == "1"


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize("second", range(1, 9))
def test_orientations_one_after_another(first: int, second: int) -> None:
    both = one_after_another(first, second)
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)

    def upright(array: np.ndarray, orientation: int) -> np.ndarray:
        image = Image.fromarray(array)
        image.getexif()[0x0112] = orientation
        return np.asarray(ImageOps.exif_transpose(image))

    np.testing.assert_array_equal(upright(upright(values, first), second), upright(values, both))
    x, y = turned_point(both, 1, 2, 3, 2)
    assert upright(values, both)[y, x] == values[2, 1]
