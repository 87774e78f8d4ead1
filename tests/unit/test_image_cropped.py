"""Places in pictures that their boxes cut (``clap``, in HEIC and AVIF): moved with the cut, or left out and named."""

import struct

import numpy as np
import pytest
from PIL import Image

from darklift.image import decode_image
from darklift.image.xmp_packet import Packet
from heif_files import HEIF_SIZE, box, heif_file

pytest.importorskip("pi_heif", reason="the extra heif is not installed: pip install 'darklift[heif]'")

HEIGHT, WIDTH = HEIF_SIZE
LEFT, TOP, ACROSS, DOWN = 10, 6, 40, 30
CLAP = box(b"clap", struct.pack(">4IiIiI", ACROSS, 1, DOWN, 1, LEFT + ACROSS // 2 - 48, 1, TOP + DOWN // 2 - 32, 1))
SPACES = {
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "GFocus": "http://ns.google.com/photos/1.0/focus/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


def packet_of(inside: str, attributes: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} xmp:Rating="5" {attributes}>{inside}</rdf:Description></rdf:RDF>'
        "</x:xmpmeta>"
    ).encode()


def faces(size: tuple[int, int] | None, *places: tuple[float, ...], unit: str = "normalized") -> str:
    """Regions by x and y of their middle, width and height."""
    items = "".join(
        f'<rdf:li rdf:parseType="Resource"><mwg-rs:Name>face {number}</mwg-rs:Name><mwg-rs:Area stArea:x="{x}" '
        f'stArea:y="{y}" stArea:w="{w}" stArea:h="{h}" stArea:unit="{unit}"/></rdf:li>'
        for number, (x, y, w, h) in enumerate(places)
    )
    counted = "" if size is None else f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}"/>'
    return (
        f'<mwg-rs:Regions rdf:parseType="Resource">{counted}<mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag>'
        "</mwg-rs:RegionList></mwg-rs:Regions>"
    )


def numbers(xmp: bytes | None, space: str, *names: str) -> list[list[float]]:
    assert xmp is not None
    packet = Packet(xmp)
    return [[float(node.text) for node in packet.named((SPACES[space], name))] for name in names]


def exif_of(orientation: int = 1, size: tuple[int, int] | None = (WIDTH, HEIGHT)) -> bytes:
    block = Image.Exif()
    block[271], block[274] = "Maker", orientation
    sides = {} if size is None else {0xA002: size[0], 0xA003: size[1]}
    block[0x8769] = sides | {0x9214: (20, 20), 0xA214: (20, 20), 33434: 0.01}
    return block.tobytes()[6:]


FACE = (30 / WIDTH, 21 / HEIGHT, 12 / WIDTH, 6 / HEIGHT)
"""In the middle of the part, before the cut."""


def test_face_regions_move_with_the_cut() -> None:
    away = (80 / WIDTH, 21 / HEIGHT, 4 / WIDTH, 4 / HEIGHT)
    xmp = packet_of(faces((WIDTH, HEIGHT), FACE, away))
    metadata = decode_image(heif_file(CLAP, xmp=xmp)).metadata
    found = numbers(metadata.xmp, "stArea", "x", "y", "w", "h")
    np.testing.assert_allclose(found, [[0.5], [0.5], [12 / ACROSS], [6 / DOWN]], atol=1e-7)
    assert numbers(metadata.xmp, "stDim", "w", "h") == [[ACROSS], [DOWN]]
    assert metadata.xmp is not None
    assert b"face 1" not in metadata.xmp  # it was cut away
    assert b'xmp:Rating="5"' in metadata.xmp
    assert not any("region" in note for note in metadata.notes)


def test_regions_in_pixels_move_too() -> None:
    xmp = packet_of(faces((WIDTH, HEIGHT), (30, 21, 12, 6), unit="pixel"))
    found = numbers(decode_image(heif_file(CLAP, xmp=xmp)).metadata.xmp, "stArea", "x", "y", "w", "h")
    assert found == [[20], [15], [12], [6]]


def test_regions_that_count_from_the_part_stay() -> None:
    xmp = packet_of(faces((ACROSS, DOWN), FACE))
    assert decode_image(heif_file(CLAP, xmp=xmp)).metadata.xmp == xmp


@pytest.mark.parametrize("size", [None, (500, 300)])
def test_regions_that_count_from_nobody_knows_where_are_left_out(size: tuple[int, int] | None) -> None:
    metadata = decode_image(heif_file(CLAP, xmp=packet_of(faces(size, FACE)))).metadata
    assert metadata.xmp == packet_of("")
    assert "its face regions in XMP" in metadata.notes


def test_cut_and_turned() -> None:
    """A face in the left half of the part as it is stored is in the upper half of it upright."""
    stored = (LEFT + 0.25 * ACROSS, TOP + 0.6 * DOWN, 8, 6)
    xmp = packet_of(faces((WIDTH, HEIGHT), tuple(np.divide(stored, (WIDTH, HEIGHT, WIDTH, HEIGHT)))))
    file = heif_file(CLAP, box(b"irot", b"\3"), exif=exif_of(6), xmp=xmp)
    picture = decode_image(file)
    assert picture.size == (ACROSS, DOWN)
    found = numbers(picture.metadata.xmp, "stArea", "x", "y", "w", "h")
    np.testing.assert_allclose(found, [[0.4], [0.25], [6 / DOWN], [8 / ACROSS]], atol=1e-7)


def test_metadata_of_the_upright_picture_are_cut_as_that_is() -> None:
    """EXIF says upright, and the boxes turn: then places count from the upright picture."""
    upright = ((HEIGHT - TOP - 0.6 * DOWN) / HEIGHT, (LEFT + 0.25 * ACROSS) / WIDTH, 0.1, 0.1)
    file = heif_file(CLAP, box(b"irot", b"\3"), exif=exif_of(1), xmp=packet_of(faces((HEIGHT, WIDTH), upright)))
    found = numbers(decode_image(file).metadata.xmp, "stArea", "x", "y")
    np.testing.assert_allclose(found, [[0.4], [0.25]], atol=1e-7)


def test_the_subject_in_exif_is_left_out_and_its_sides_are_those_of_the_part() -> None:
    metadata = decode_image(heif_file(CLAP, exif=exif_of())).metadata
    exif = Image.Exif()
    exif.load(metadata.exif)
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003]) == (ACROSS, DOWN)
    assert 0x9214 not in details
    assert 0xA214 not in details
    assert (exif[271], float(details[33434])) == ("Maker", 0.01)
    assert "the place of its subject in EXIF" in metadata.notes


def test_a_subject_that_counts_from_the_part_stays() -> None:
    exif = exif_of(size=(ACROSS, DOWN))
    metadata = decode_image(heif_file(CLAP, exif=exif)).metadata
    assert metadata.exif == b"Exif\0\0" + exif


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (ACROSS, DOWN)])
def test_other_places_stay_only_where_the_sides_are_those_of_the_part(size: tuple[int, int]) -> None:
    sides = f'exif:PixelXDimension="{size[0]}" exif:PixelYDimension="{size[1]}"'
    point = 'GFocus:FocalPointX="0.5" GFocus:FocalPointY="0.4"'
    metadata = decode_image(heif_file(CLAP, xmp=packet_of("", f"{sides} {point}"))).metadata
    assert numbers(metadata.xmp, "exif", "PixelXDimension", "PixelYDimension") == [[ACROSS], [DOWN]]
    stays = size == (ACROSS, DOWN)
    assert numbers(metadata.xmp, "GFocus", "FocalPointX") == [[0.5] if stays else []]
    assert ("the point in focus in XMP" in metadata.notes) != stays


def test_damaged_xmp_that_mentions_places_is_left_out() -> None:
    metadata = decode_image(heif_file(CLAP, xmp=packet_of(faces((WIDTH, HEIGHT), FACE))[:-5])).metadata
    assert metadata.xmp is None
    assert any("damaged" in note for note in metadata.notes)
