"""JPEGs as phones write them: motion photos, gain maps, previews, records of their own."""

import io
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift.errors import ImageError
from darklift.image import (
    Picture,
    check_frames_writable,
    decode_frames,
    decode_image,
    encode_frames,
    encode_image,
    from_pil,
    read_image,
    to_pil,
    write_image,
)
from darklift.image.jpeg_layout import layout_of
from darklift.image.xmp_claims import without_claims
from pictures import noise

CAMERA = "http://ns.google.com/photos/1.0/camera/"
CONTAINER = "http://ns.google.com/photos/1.0/container/"
ITEM = "http://ns.google.com/photos/1.0/container/item/"
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
# an MP4 file as far as anybody here looks into it
VIDEO = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + b"\0\0\1\0mdat" + bytes(range(256)) * 4


def jpeg(height: int = 24, width: int = 40, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(height, width, 3)).save(stream, "JPEG", **options)
    return stream.getvalue()


def segment(marker: int, contents: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(contents) + 2) + contents


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def packet(attributes: str, inside: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmp:Rating="4" {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def xmp_segment(xmp: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)


def directory(*items: tuple[str, str, int], prefix: str = "Container") -> str:
    entries = "".join(
        f'<rdf:li rdf:parseType="Resource"><{prefix}:Item Item:Mime="{mime}" Item:Semantic="{semantic}"'
        f' Item:Length="{length}" Item:Padding="{8 if semantic == "Primary" else 0}"/></rdf:li>'
        for mime, semantic, length in items
    )
    return f"<{prefix}:Directory><rdf:Seq>{entries}</rdf:Seq></{prefix}:Directory>"


NAMESPACES = f'xmlns:GCamera="{CAMERA}" xmlns:Container="{CONTAINER}" xmlns:Item="{ITEM}" xmlns:hdrgm="{HDRGM}"'
MOTION = 'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:MotionPhotoPresentationTimestampUs="500"'
PRIMARY = ("image/jpeg", "Primary", 0)
MOVING = ("video/mp4", "MotionPhoto", len(VIDEO))


def gain_map(length: int = 16) -> bytes:
    return with_segments(jpeg(length, length), xmp_segment(packet(f'xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"')))


def mpf(first: int, second: int, offset: int, kind: int = 0) -> bytes:
    """The list of two pictures (CIPA DC-007)."""
    body = b"MM\0*" + struct.pack(">IH", 8, 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    body += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    body += struct.pack(">3I4x", 0x030000, first, 0) + struct.pack(">3I4x", kind, second, offset)
    return segment(0xE2, b"MPF\0" + body)


def two_pictures(first: bytes, second: bytes, *segments: bytes, kind: int = 0) -> bytes:
    head = first[:2] + b"".join(segments)
    length = len(head) + len(mpf(0, 0, 0)) + len(first) - 2
    return head + mpf(length, len(second), length - len(head) - 8, kind) + first[2:] + second


def samsung(video: bytes = VIDEO) -> bytes:
    """A Samsung phone's records, with their directory at the end, which counts backwards."""
    block = b"\0\0\x30\x0a" + struct.pack("<I", 16) + b"MotionPhoto_Data" + video
    entry = struct.pack("<HHII", 0, 0x0A30, len(block), len(block))
    return block + b"SEFH" + struct.pack("<II", 107, 1) + entry + struct.pack("<I", 24) + b"SEFT"


def properties(xmp: bytes) -> dict[str, str]:
    """All attributes of a packet, which also finds out whether it is well-formed."""
    root = ElementTree.fromstring(xmp)
    return {name: value for element in root.iter() for name, value in element.attrib.items()}


def the_file_says(data: bytes) -> bytes:
    """The XMP that another reader finds in it."""
    with Image.open(io.BytesIO(data)) as image:
        return bytes(image.info.get("xmp", b""))


MOTION_PHOTOS = {
    "motion photo": with_segments(jpeg(), xmp_segment(packet(f"{NAMESPACES} {MOTION}", directory(PRIMARY, MOVING))))
    + VIDEO,
    "micro video": with_segments(
        jpeg(),
        xmp_segment(packet(f'{NAMESPACES} GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"')),
    )
    + VIDEO,
    "padded": with_segments(jpeg(), xmp_segment(packet(f"{NAMESPACES} {MOTION}", directory(PRIMARY, MOVING))))
    + bytes(8)
    + VIDEO,
}


@pytest.mark.parametrize("kind", MOTION_PHOTOS)
def test_a_video_goes_along_and_is_where_xmp_says(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.jpg").write_bytes(MOTION_PHOTOS[kind])
    picture = read_image(tmp_path / "a.jpg")
    assert picture.metadata.trailer == VIDEO
    assert picture.metadata.notes == ()
    write_image(picture, tmp_path / "a.jpg", overwrite=True)
    data = (tmp_path / "a.jpg").read_bytes()
    said = properties(the_file_says(data))
    lengths = [int(said[name]) for name in (f"{{{CAMERA}}}MicroVideoOffset", f"{{{ITEM}}}Length") if name in said]
    assert lengths
    for length in lengths:
        assert data[-length:] == VIDEO
    again = read_image(tmp_path / "a.jpg")
    assert again.metadata == picture.metadata


@pytest.mark.parametrize("container", ["png", "webp", "tif", "avif"])
@pytest.mark.parametrize("kind", MOTION_PHOTOS)
def test_where_there_is_no_video_none_is_claimed(kind: str, container: str) -> None:
    picture = decode_image(MOTION_PHOTOS[kind])
    xmp = decode_image(encode_image(picture, container)).metadata.xmp
    assert xmp is not None
    said = properties(xmp)
    assert said["{http://ns.adobe.com/xap/1.0/}Rating"] == "4"
    assert not [name for name in said if "MotionPhoto" in name or "MicroVideo" in name or ITEM in name]
    assert to_pil(picture).info["xmp"] == xmp


def test_a_samsung_phones_records_go_along_whole() -> None:
    data = jpeg() + samsung()
    picture = decode_image(data)
    assert picture.metadata.trailer == samsung()
    assert encode_image(picture, "jpg").endswith(samsung())
    assert layout_of(data).has_video
    without = decode_image(jpeg() + samsung(b"just a date"))
    assert without.metadata.trailer == samsung(b"just a date")
    assert not layout_of(jpeg() + samsung(b"just a date")).has_video


ULTRA_HDR = packet(f'{NAMESPACES} hdrgm:Version="1.0"', directory(PRIMARY, ("image/jpeg", "GainMap", len(gain_map()))))
GAIN_MAPS = {
    "XMP and MPF": two_pictures(jpeg(), gain_map(), xmp_segment(ULTRA_HDR)),
    "XMP alone": with_segments(jpeg(), xmp_segment(ULTRA_HDR)) + gain_map(),
    "ISO 21496-1": two_pictures(
        jpeg(), with_segments(jpeg(16, 16), segment(0xE2, ISO_GAIN_MAP)), segment(0xE2, ISO_GAIN_MAP)
    ),
}


@pytest.mark.parametrize("kind", GAIN_MAPS)
def test_a_gain_map_is_left_out_named_and_not_claimed(kind: str) -> None:
    picture = decode_image(GAIN_MAPS[kind])
    assert picture.size == (24, 40)
    assert picture.source.container == "JPEG"
    (note,) = picture.metadata.notes
    assert "gain map" in note
    data = encode_image(picture, "jpg")
    assert layout_of(data).pictures == []
    assert b"hdrgm" not in data.replace(b"xmlns:hdrgm", b"")
    assert b"21496" not in data
    assert b"GainMap" not in data
    assert from_pil(Image.open(io.BytesIO(GAIN_MAPS[kind]))).metadata == picture.metadata
    if picture.metadata.xmp:
        assert properties(picture.metadata.xmp)["{http://ns.adobe.com/xap/1.0/}Rating"] == "4"


def test_a_motion_photo_with_a_gain_map_keeps_the_one_and_not_the_other() -> None:
    items = (PRIMARY, ("image/jpeg", "GainMap", len(gain_map())), MOVING)
    xmp = packet(f'{NAMESPACES} {MOTION} hdrgm:Version="1.0"', directory(*items))
    picture = decode_image(two_pictures(jpeg(), gain_map(), xmp_segment(xmp)) + VIDEO)
    assert picture.metadata.trailer == VIDEO
    assert len(picture.metadata.notes) == 1
    said = the_file_says(encode_image(picture, "jpg"))
    assert said.count(b"<rdf:li") == 2
    assert b'Semantic="MotionPhoto"' in said
    assert b'Semantic="GainMap"' not in said
    assert properties(said)[f"{{{CAMERA}}}MotionPhotoPresentationTimestampUs"] == "500"
    assert b'Padding="8"' not in said


def test_claims_are_found_by_namespace_and_as_elements() -> None:
    odd = packet(
        f'xmlns:g="{CAMERA}" xmlns:c="{CONTAINER}" xmlns:Item="{ITEM}" xmlns:h="{HDRGM}" xmlns:GCamera="urn:other"'
        " GCamera:MotionPhoto='mine'",
        "<g:MotionPhoto>1</g:MotionPhoto><g:MicroVideo/><h:Max><rdf:Seq><rdf:li>1</rdf:li></rdf:Seq></h:Max>"
        + directory(PRIMARY, MOVING, prefix="c"),
    )
    said = without_claims(odd)
    assert properties(said)["{urn:other}MotionPhoto"] == "mine"
    for gone in (b"<g:", b"<h:", b"<c:", b"rdf:li"):
        assert gone not in said
    plain = packet('xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"')
    assert without_claims(plain) == plain
    assert without_claims(b"\xff no xml <") == b"\xff no xml <"


def test_previews_and_what_is_not_known_are_named() -> None:
    preview = two_pictures(jpeg(), jpeg(16, 16), kind=0x010001)
    assert "1 further picture " in decode_image(preview).metadata.notes[0]
    assert decode_image(jpeg() + jpeg(8, 8) + bytes(20) + jpeg(8, 8)).metadata.notes[0].startswith("2 further pictures")
    unknown = decode_image(jpeg() + b"something else")
    assert "14 bytes" in unknown.metadata.notes[0]
    assert unknown.metadata.trailer is None
    assert decode_image(jpeg() + bytes(5000)).metadata.notes == ()
    strange = with_segments(jpeg(), segment(0xE4, b"thermal"), segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x30jumb..."))
    credentials, blocks = decode_image(strange).metadata.notes
    assert "C2PA" in credentials
    assert "APP4" in blocks
    assert "APP11" not in blocks


STEREO, PANORAMA, UNTOLD = 0x020002, 0x020001, 0


@pytest.mark.parametrize("kind", [STEREO, PANORAMA, UNTOLD])
def test_views_are_pages_and_none_is_left_out(kind: int) -> None:
    left, right = jpeg(16, 24), jpeg(16, 24, quality=60)
    data = two_pictures(left, right, kind=kind)
    views = decode_frames(data)
    assert (len(views), views.container, views.reel.moving) == (2, "JPEG", False)
    for view, alone in zip(views, (left, right), strict=True):
        np.testing.assert_array_equal(view.pixels, decode_image(alone).pixels)
        assert view.metadata.notes == ()
    np.testing.assert_array_equal(decode_image(data, frame=2).pixels, decode_image(right).pixels)
    with pytest.raises(ImageError, match="2 pages"):
        decode_image(data)
    pages = decode_frames(encode_frames(views, "tiff", views))
    assert [page.size for page in pages] == [view.size for view in views]
    with pytest.raises(ImageError, match="TIFF"):
        check_frames_writable(views.picture(1), views, "jpg")
    with Image.open(io.BytesIO(data)) as opened, pytest.raises(ImageError, match="read_frames"):
        from_pil(opened)


def test_what_belongs_to_the_first_is_no_view() -> None:
    for data in (
        two_pictures(jpeg(), jpeg(), kind=0x010002),  # a preview says so, whatever its size
        two_pictures(jpeg(), jpeg(8, 8), kind=UNTOLD),
        two_pictures(jpeg(24, 24), gain_map(24), kind=UNTOLD),
        two_pictures(jpeg(), b"", kind=STEREO),
        two_pictures(jpeg(), b"no picture", kind=STEREO),
        two_pictures(jpeg(), jpeg(), kind=STEREO)[:-100],  # cut off; it is the first that counts
    ):
        assert len(decode_frames(data)) == 1
        assert decode_image(data).size[0] == 24


def test_extended_xmp_is_named_and_not_claimed() -> None:
    xmp = packet('xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="0123456789ABCDEF"')
    picture = decode_image(with_segments(jpeg(), xmp_segment(xmp)))
    assert "extended" in picture.metadata.notes[0]
    assert picture.metadata.xmp is not None
    assert not [name for name in properties(picture.metadata.xmp) if "Extended" in name]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"quality": 100}])
def test_a_plain_jpeg_has_nothing_behind_it(options: dict[str, object]) -> None:
    layout = layout_of(jpeg(**options))
    assert layout.trailer is None
    assert (layout.pictures, layout.unknown, layout.segments) == ([], 0, [])
    assert decode_image(jpeg(**options)).metadata.notes == ()


def test_restart_markers_and_thumbnails_do_not_end_a_picture() -> None:
    stream = io.BytesIO()
    exif = segment(0xE1, b"Exif\0\0" + jpeg(8, 8))
    Image.fromarray(noise(64, 64, 3)).save(stream, "JPEG", restart_marker_blocks=2)
    data = with_segments(stream.getvalue(), exif)
    assert b"\xff\xd3" in data
    layout = layout_of(data + VIDEO)
    assert (layout.trailer, layout.pictures) == (VIDEO, [])


def test_looking_through_any_bytes_is_safe() -> None:
    data = MOTION_PHOTOS["motion photo"]
    rng = np.random.default_rng(0)
    for length in range(0, 700, 7):
        layout_of(data[:length])
        without_claims(data[:length])
    for _ in range(500):
        broken = bytearray(data)
        for at in rng.integers(2, len(data), 5):
            broken[at] = rng.integers(256)
        layout_of(bytes(broken))


def test_long_runs_take_no_time() -> None:
    long = packet(NAMESPACES + " " * 60_000 + "x:y='1'")
    assert without_claims(long) == long
    assert layout_of(jpeg()[:-2] + b"\xff" * 1_000_000 + VIDEO).trailer is None


def test_a_picture_in_memory_carries_the_video_too() -> None:
    picture = decode_image(MOTION_PHOTOS["motion photo"])
    brighter = picture.with_pixels(picture.pixels / 2)
    assert isinstance(brighter, Picture)
    assert encode_image(brighter, "jpg").endswith(VIDEO)
