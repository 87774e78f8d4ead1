"""darklift.image: what goes out and comes back is what it was, for any picture, depth and metadata."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darklift.image import Metadata, Picture, Source, decode_image, encode_image
from darklift.image.exif import clean_exif, read_directory, tiff_block, without_entries
from darklift.image.exif_turn import turned_exif
from darklift.image.formats import format_called
from darklift.image.turning import one_after_another
from darklift.image.xmp_claims import without_claims
from darklift.image.xmp_packet import Packet
from darklift.image.xmp_turn import turned_xmp

LOSSLESS = [("PNG", 8), ("PNG", 16), ("TIFF", 8), ("TIFF", 16), ("PAM", 8), ("PAM", 16), ("PPM", 8), ("PPM", 16)]
LOSSLESS += [("BMP", 8), ("WebP", 8)]
BACK = {turn: back for turn in range(2, 9) for back in range(2, 9) if one_after_another(turn, back) == 1}
WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=40)


@st.composite
def pictures(draw: st.DrawFn, kind: str, bits: int) -> Picture:
    """Of any size, with values that the depth can hold."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    known = format_called(kind)
    assert known is not None
    gray, see_through = draw(st.booleans()), known.alpha and draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    white = 2**bits - 1
    values = (rng.integers(0, white + 1, (height, width, 4)) / white).astype(np.float32)
    pixels = np.repeat(values[:, :, :1], 3, axis=2) if gray else values[:, :, :3].copy()
    return Picture(pixels, alpha=values[:, :, 3].copy() if see_through else None, gray=gray, source=Source(bits=bits))


@pytest.mark.parametrize(("kind", "bits"), LOSSLESS)
@given(st.data())
@settings(max_examples=25)
def test_pixels_come_back_and_a_second_trip_changes_nothing(kind: str, bits: int, data: st.DataObject) -> None:
    picture = data.draw(pictures(kind, bits))
    written = encode_image(picture, kind, bits=bits, lossless=kind == "WebP")
    found = decode_image(written)
    np.testing.assert_array_equal(np.rint(found.pixels * (2**bits - 1)), np.rint(picture.pixels * (2**bits - 1)))
    if picture.alpha is not None and (picture.alpha < 1).any():
        assert found.alpha is not None
        np.testing.assert_array_equal(np.rint(found.alpha * (2**bits - 1)), np.rint(picture.alpha * (2**bits - 1)))
    assert encode_image(found, kind, bits=bits) == written


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WebP", "JPEG2000", "AVIF"])
@given(make=WORDS, comment=WORDS, subject=st.tuples(st.integers(0, 5), st.integers(0, 3)))
@settings(max_examples=10, deadline=None)
def test_exif_comes_back(kind: str, make: str, comment: str, subject: tuple[int, int]) -> None:
    block = Image.Exif()
    block[0x010F] = make
    details = {0x9286: b"ASCII\0\0\0" + comment.encode(), 0x9214: subject}
    block[0x8769] = details
    picture = Picture(np.full((4, 6, 3), 0.5, np.float32), metadata=Metadata(exif=clean_exif(block.tobytes())))
    found = decode_image(encode_image(picture, kind)).metadata
    read = Image.Exif()
    read.load(found.exif)
    assert read[0x010F] == make
    assert read.get_ifd(0x8769) == details


@given(st.sampled_from(sorted(BACK)), st.integers(1, 60), st.integers(1, 60), st.data())
def test_places_that_are_turned_and_turned_back_are_where_they_were(
    turn: int, width: int, height: int, data: st.DataObject
) -> None:
    place = (data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1)), 7, 3)
    block = Image.Exif()
    block[0x8769] = {0x9214: place, 0xA002: width, 0xA003: height}
    exif = block.tobytes()
    there, left_out = turned_exif(exif, turn, None)
    assert turned_exif(there, BACK[turn], None) == (exif, [])
    assert not left_out


NUMBERS = st.integers(0, 1000).map(lambda thousandths: f"{thousandths / 1000:g}")


@given(st.sampled_from(sorted(BACK)), NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_regions_that_are_turned_and_turned_back_are_where_they_were(turn: int, x: str, y: str, w: str, h: str) -> None:
    xmp = (
        '<r xmlns:m="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:a="http://ns.adobe.com/xmp/sType/Area#">'
        f'<m:Regions><m:Area a:x="{x}" a:y="{y}" a:w="{w}" a:h="{h}" a:unit="normalized"/></m:Regions></r>'
    ).encode()
    there, _ = turned_xmp(xmp, turn, (40, 30))
    assert there is not None
    back, _ = turned_xmp(there, BACK[turn], (30, 40) if turn >= 5 else (40, 30))
    assert back is not None

    def area(packet: bytes) -> list[float]:
        return [float(node.text) for node in Packet(packet).root.walk() if node.name[1] in "xywh"]

    assert area(back) == pytest.approx(area(xmp))


@given(st.lists(st.sampled_from([*b"<>/:='\"", *b" hdrgm:Version=", *b"\n"]), max_size=80).map(bytes), st.booleans())
def test_claims_that_are_gone_stay_gone(inside: bytes, video: bool) -> None:
    xmp = b'<r xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"><hdrgm:A>x</hdrgm:A>' + inside
    once = without_claims(xmp, video=video)
    assert b"hdrgm:A" not in once
    assert len(once) < len(xmp)


@given(st.sets(st.integers(0x100, 0x140), min_size=1, max_size=6), st.data())
def test_entries_that_are_left_out_leave_the_others(tags: set[int], data: st.DataObject) -> None:
    block = Image.Exif()
    for tag in tags:
        block[tag] = tag
    whole = tiff_block(block.tobytes())
    gone = data.draw(st.sets(st.sampled_from(sorted(tags))))
    rest = without_entries(whole, read_directory(whole), gone)
    assert len(rest) == len(whole)
    assert {entry.tag for entry in read_directory(rest).entries} == tags - gone
