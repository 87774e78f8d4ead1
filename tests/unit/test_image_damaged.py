"""darklift.image on files that fuzzing (tools/fuzz) has found to be taken wrongly, each in its smallest form."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from darklift.errors import ImageError
from darklift.image import Metadata, Picture, decode_frames, decode_image, encode_image, from_array
from darklift.image.boxes import heif_facts
from darklift.image.exif import clean_exif, read_directory, read_orientation, tiff_block
from darklift.image.exif_turn import turned_exif
from darklift.image.jpeg_layout import layout_of
from darklift.image.spaces import colour_space_of
from darklift.image.xmp_claims import without_claims, without_development, without_thumbnails
from darklift.image.xmp_packet import Packet
from darklift.image.xmp_turn import turned_xmp
from heif_files import box
from pictures import noise

LEFTOVER = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</x:xmpmeta>"
)


@pytest.mark.parametrize("scan", [b"", b"\3", b"\3\1\0\2"], ids=["empty", "cut in its channels", "cut behind them"])
def test_a_scan_whose_header_is_cut_tells_nothing(scan: bytes) -> None:
    frame = b"\xff\xc0" + struct.pack(">H6B3B", 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)
    layout = layout_of(b"\xff\xd8" + frame + b"\xff\xda" + struct.pack(">H", 2 + len(scan)) + scan + b"\0\0")
    assert layout.ends_within_scan
    assert not layout.is_told()


@pytest.mark.parametrize("stated", [(1 << 16) + 4, (1 << 32) - 1])
def test_a_subject_in_a_picture_of_an_impossible_size_is_left_out(stated: int) -> None:
    block = Image.Exif()
    block[0x8769] = {0x9214: (3, 4), 0xA002: stated, 0xA003: 40}
    turned, left_out = turned_exif(block.tobytes(), 2, None)
    assert left_out == ["the place of its subject in EXIF"]
    read = Image.Exif()
    read.load(turned)
    assert read.get_ifd(0x8769).keys() == {0xA002, 0xA003}


@pytest.mark.parametrize("bits", [8, 16])
def test_exif_of_a_wrong_type_in_a_tiff_costs_that_exif_alone(bits: int) -> None:
    block = Image.Exif()
    block.endian = "<"
    block[0x010F], block[0x0132] = "Maker of cameras", "2026:01:31 12:00:00"
    picture = Picture(from_array(noise(6, 8, 3)).pixels, metadata=Metadata(exif=clean_exif(block.tobytes())))
    data = encode_image(picture, "tiff", bits=bits)
    place = data.rindex(struct.pack("<HHI", 0x010F, 2, 17))  # in the file's own directory
    damaged = data[: place + 2] + struct.pack("<HI", 5, 2) + data[place + 8 :]  # two fractions instead of text
    found = decode_image(damaged)
    np.testing.assert_array_equal(found.pixels, decode_image(data).pixels)
    assert found.metadata.exif is None
    assert [note for note in found.metadata.notes if note.startswith("EXIF")]


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_leftover_orientation_in_xmp_turns_no_tiff(compression: str | None) -> None:
    stream, values = io.BytesIO(), noise(4, 6, 3)
    Image.fromarray(values).save(stream, "TIFF", compression=compression, tiffinfo={700: LEFTOVER})
    np.testing.assert_allclose(decode_image(stream.getvalue()).pixels * 255, values, atol=1e-3)


def test_a_leftover_orientation_in_xmp_turns_no_tiff_that_is_written() -> None:
    picture = Picture(from_array(noise(4, 6, 3)).pixels, metadata=Metadata(xmp=LEFTOVER))
    data = encode_image(picture, "tiff")
    with Image.open(io.BytesIO(data)) as seen:
        assert seen.size == (6, 4)
        seen.load()
        assert seen.size == (6, 4)
    assert decode_image(data).metadata.xmp == LEFTOVER.replace(b"6", b"1")


def test_primaries_whose_white_takes_two_of_them_count_as_srgb_with_a_note() -> None:
    red, green = (0.6, 0.3), (0.2, 0.7)
    white = tuple((one + other) / 2 for one, other in zip(red, green, strict=True))
    chunk = struct.pack(">8I", *(round(100_000 * value) for value in (*white, *red, *green, 0.15, 0.06)))
    reading = colour_space_of(
        Picture(np.zeros((1, 1, 3), np.float32), metadata=Metadata(png_chunks=((b"cHRM", chunk),)))
    )
    assert reading.space is None
    assert reading.note is not None


def test_a_tiff_of_very_many_depths_is_refused_in_few_words() -> None:
    stream = io.BytesIO()
    Image.fromarray(noise(4, 6, 3)).save(stream, "TIFF", tiffinfo={270: "x" * 2000})
    data = stream.getvalue()
    place = data.index(struct.pack("<HHI", 258, 3, 3))
    (text,) = struct.unpack_from("<I", data, data.index(struct.pack("<HHI", 270, 2, 2001)) + 8)
    depths = struct.pack("<1000H", *range(9, 1009))
    damaged = (
        data[: place + 4] + struct.pack("<2I", 1000, text) + data[place + 12 : text] + depths + data[text + 2000 :]
    )
    with pytest.raises(ImageError, match="bits") as raised:
        decode_image(damaged)
    assert len(str(raised.value)) < 300


def test_a_gif_that_cannot_fill_its_size_is_refused_before_there_is_room_for_it() -> None:
    stream = io.BytesIO()
    Image.new("P", (8, 8)).save(stream, "GIF")
    data = stream.getvalue()
    wide = data[:6] + struct.pack("<2H", 60000, 8000) + data[10:]
    with pytest.raises(ImageError, match="60000 x 8000"):
        decode_image(wide)
    assert decode_image(data[:6] + struct.pack("<2H", 200, 100) + data[10:]).size == (100, 200)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_that_cannot_fill_its_size_is_refused_before_there_is_room_for_it(bits: int) -> None:
    data = encode_image(from_array(noise(4, 6, 3)), "png", bits=bits)
    head = b"IHDR" + struct.pack(">2I", 6, 50_000_000) + data[24:29]
    with pytest.raises(ImageError, match="6 x 50000000"):
        decode_image(data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:])


def test_a_png_that_is_as_small_as_can_be_is_read() -> None:
    stream = io.BytesIO()
    Image.new("1", (5000, 5000)).save(stream, "PNG", optimize=True)
    assert decode_image(stream.getvalue()).size == (5000, 5000)


def test_a_profile_that_is_cut_within_its_head_is_left_out_and_named() -> None:
    stream = io.BytesIO()
    Image.fromarray(noise(4, 6, 3)).save(stream, "PNG", icc_profile=b"me")
    picture = decode_image(stream.getvalue())
    assert picture.metadata.icc_profile is None
    assert [note for note in picture.metadata.notes if "profile" in note]
    assert decode_image(encode_image(picture, "jp2")).size == (4, 6)


def test_exif_of_a_dng_makes_no_dng_of_a_tiff() -> None:
    block = Image.Exif()
    block[0x010F], block[50706] = "Maker", b"\1\4\0\0"
    picture = Picture(from_array(noise(4, 6, 3)).pixels, metadata=Metadata(exif=clean_exif(block.tobytes())))
    found = decode_image(encode_image(picture, "tiff"))
    assert found.source.container == "TIFF"
    assert found.metadata.exif is not None
    assert b"Maker" in found.metadata.exif


def test_a_thumbnail_whose_directory_is_the_first_takes_nothing_else_along() -> None:
    entries = struct.pack("<HHII", 0x0201, 4, 1, 50) + struct.pack("<HHII", 0x0202, 4, 1, 4)
    value = struct.pack("<HHII", 0x927C, 7, 42, 8)  # it says that it ends where the thumbnail begins
    block = b"II*\0" + struct.pack("<IH", 8, 3) + entries + value + struct.pack("<I", 8) + b"\xff\xd8\xff\xd9"
    clean = clean_exif(block)
    assert read_orientation(clean) == 1
    assert b"\xff\xd8" not in clean


def test_a_directory_within_the_head_of_exif_is_damage() -> None:
    with pytest.raises(ImageError, match="outside"):
        clean_exif(b"MM\0*\0\0\0\4\0\1\0\0" + bytes(40))


@pytest.mark.parametrize("place", [2, 6, 8, 20])
def test_a_subject_that_lies_in_the_structure_of_exif_is_left_out(place: int) -> None:
    block = Image.Exif()
    block[0x8769] = {0x9214: (3, 4, 1, 1), 0xA002: 30_000, 0xA003: 40_000}
    exif = bytearray(block.tobytes())
    at = exif.index(struct.pack(">HHI", 0x9214, 3, 4)) + 8
    exif[at : at + 4] = struct.pack(">I", place)
    turned, left_out = turned_exif(bytes(exif), 3, None)
    assert left_out == ["the place of its subject in EXIF"]
    assert read_directory(tiff_block(turned)) == read_directory(tiff_block(bytes(exif)))


_SPACES = b' xmlns:%s="http://ns.adobe.com/camera-raw-settings/1.0/"'


@pytest.mark.parametrize(
    "piece",
    [b"<crs:A>", b"<crs:A ", b"<crs:A/><crs:B>", b"<x:Thumbnails>", b"<c:Directory>", b"<c:Directory><li:li>"],
)
def test_xmp_that_closes_nothing_is_looked_through_at_once(piece: bytes) -> None:
    head = b'<r xmlns:x="http://ns.adobe.com/xap/1.0/" xmlns:c="http://ns.google.com/photos/1.0/container/"%s>'
    packet = head % (_SPACES % b"crs") + piece * 30_000
    began = time.process_time()
    without_claims(packet)
    without_thumbnails(packet)
    assert len(without_development(packet)) <= len(packet)
    assert time.process_time() - began < 2  # minutes, where each start tag costs a look at all of the rest


def test_xmp_of_very_many_prefixes_is_looked_through_at_once() -> None:
    packet = b"<r>" + b"".join(b"<a%s/>" % (_SPACES % (b"p%d" % number)) for number in range(5000)) + b"</r>"
    began = time.process_time()
    assert without_development(packet) == packet
    assert time.process_time() - began < 2


def test_xmp_of_very_many_lines_is_turned_at_once() -> None:
    packet = b'<r xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">' + b"\n" * 1_000_000 + b"</r>"
    began = time.process_time()
    turned, _ = turned_xmp(packet, 6, (4, 5))
    assert turned == packet.replace(b'"6"', b'"1"')
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "boxes",
    [
        box(b"iref", bytes(4), box(b"auxl", b"\0\2\xff\xff") * 20_000),
        box(b"iprp", box(b"ipco", box(b"irot", b"\0")), box(b"ipma", bytes(6), b"\xff\xff") * 20_000),
        box(b"iloc", bytes(6), b"\xff\xff", b"\0\2\0\0\xff\xff" * 20_000),
        box(b"iloc", bytes(4), b"\x44\0\0\1\0\1\0\0\xff\xff", struct.pack(">2I", 0, 400_000) * 65_535),
    ],
    ids=["references", "uses of properties", "parts without a length", "parts on each other"],
)
def test_boxes_that_claim_much_are_looked_through_at_once(boxes: bytes) -> None:
    item = box(b"iinf", bytes(4), b"\0\1", box(b"infe", b"\2\0\0\0\0\1\0\0Exif\0"))
    meta = box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\1"), item, boxes)
    data = box(b"ftyp", b"heic", bytes(4)) + meta
    began = time.process_time()
    try:
        facts = heif_facts(data)
    except ImageError as error:
        assert "boxes" in str(error)  # noqa: PT017
    else:
        assert len(facts.exif or b"") <= len(data)
    assert time.process_time() - began < 2


def test_xmp_of_very_many_namespaces_is_turned_at_once() -> None:
    declared = b" ".join(b'xmlns:a%d="x"' % number for number in range(20_000))
    packet = b"<r %s>%s</r>" % (declared, b'<b xmlns:c="d"/>' * 20_000)
    began = time.process_time()
    assert turned_xmp(packet, 6, (4, 5)) == (packet, [])
    assert time.process_time() - began < 2


def test_xmp_in_very_many_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        Packet(b"<r>" * 100 + b"</r>" * 100)


def test_a_tiff_of_which_strips_are_missing_is_refused() -> None:
    """Pillow leaves the rest black, of 17 x 8388620 pixels, too."""
    file = io.BytesIO()
    Image.fromarray(noise(40, 17, 3)).save(file, "TIFF", tiffinfo={278: 10})
    data = file.getvalue()
    assert decode_image(data).size == (40, 17)
    with pytest.raises(ImageError, match="4 strips or tiles, expected 80"):
        decode_image(_with_tag(data, 257, 800))


def test_a_tiff_of_one_strip_that_the_file_cannot_hold_is_refused_before_there_is_room_made_for_it() -> None:
    file = io.BytesIO()
    Image.fromarray(noise(40, 17, 3)).save(file, "TIFF")
    data = _with_tag(_with_tag(file.getvalue(), 257, 8_000_000), 278, 8_000_000)
    with pytest.raises(ImageError, match="17 x 8000000 pixels in"):
        decode_image(data)


def _with_tag(tiff: bytes, tag: int, value: int) -> bytes:
    """A little-endian file with another number in a tag of its first directory."""
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    at = next(at for at in range(start + 2, start + 2 + 12 * count, 12) if struct.unpack_from("<H", tiff, at)[0] == tag)
    return tiff[: at + 2] + struct.pack("<HII", 4, 1, value) + tiff[at + 12 :]


def test_a_png_chunk_behind_what_is_none_is_not_kept() -> None:
    """Pillow reads nothing behind it; in the head of another file it made that one unreadable."""
    file = io.BytesIO()
    Image.fromarray(noise(5, 7, 3)).save(file, "PNG")
    odd = struct.pack(">I4sI", 0, b"\xff\xff\xff\xff", 0) + struct.pack(">I4sI", 0, b"gAMA", 0)
    data = file.getvalue()
    picture = decode_image(data[:-12] + odd + data[-12:])
    assert picture.metadata.png_chunks == ()
    np.testing.assert_array_equal(decode_image(encode_image(picture, "PNG")).pixels, picture.pixels)


def test_a_jpeg_whose_resolution_in_exif_is_no_number_is_read() -> None:
    """Pillow, which asks EXIF where JFIF tells none, ends there with an IndexError."""
    block = Image.Exif()
    block[0x010F], block[0x0128], block[0x011A] = "Maker", 2, 300.0
    block.endian = "<"
    plain = block.tobytes()
    exif = plain.replace(struct.pack("<HHI", 0x011A, 5, 1), struct.pack("<HHI", 0x011A, 7, 1))  # one byte instead
    assert exif != plain
    pixels = from_array(noise(16, 16, 3)).pixels
    data = encode_image(Picture(pixels, metadata=Metadata(exif=exif)), "JPEG")
    assert decode_image(data).metadata.exif == exif


def test_a_little_clip_that_claims_a_huge_canvas_is_refused() -> None:
    """294 bytes took 0.3 GB a frame."""
    file = io.BytesIO()
    first, second = (Image.fromarray(noise(12, 17, 3, seed=seed)) for seed in (1, 2))
    first.save(file, "WebP", save_all=True, append_images=[second])
    data = bytearray(file.getvalue())
    place = data.index(b"VP8X") + 12
    assert data[place : place + 3] == b"\x10\0\0"  # its width less one
    data[place + 3 : place + 6] = b"\x0b\0\x41"
    with pytest.raises(ImageError, match="its frames cover 408"):
        decode_frames(bytes(data))


def test_a_deep_tiff_whose_resolution_is_no_number_is_read() -> None:
    picture = Picture(from_array(noise(6, 8, 3)).pixels, metadata=Metadata(dpi=(300.0, 300.0)))
    data = encode_image(picture, "TIFF", bits=16)
    odd = data.replace(struct.pack("<HHI", 0x011A, 5, 1), struct.pack("<HHI", 0x011A, 7, 1))  # one byte instead
    assert odd != data
    found = decode_image(odd)
    assert found.metadata.dpi is None
    np.testing.assert_array_equal(found.pixels, decode_image(data).pixels)


def tiff_with(mode: str, **tags: int) -> bytes:
    """A small gray TIFF file with these tags besides, by their numbers: ``t339=2``."""
    stream = io.BytesIO()
    Image.new(mode, (5, 4)).save(stream, "TIFF", tiffinfo={int(name[1:]): value for name, value in tags.items()})
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_a_volume_is_called_one_and_not_damaged(mode: str) -> None:
    assert decode_image(tiff_with(mode, t32997=1)).size == (4, 5)
    with pytest.raises(ImageError, match="volume of 7 slices") as refused:
        decode_image(tiff_with(mode, t32997=7))
    assert "damaged" not in str(refused.value)


@pytest.mark.parametrize(("mode", "said"), [("L", "unsigned"), ("I", "signed integers of 32 bits")])
def test_signed_samples_are_called_so_and_not_damaged(mode: str, said: str) -> None:
    with pytest.raises(ImageError, match=said) as refused:
        decode_image(tiff_with(mode, t339=2))
    assert "damaged" not in str(refused.value)
    assert "[" not in str(refused.value)


def without_columns(kind: str) -> bytes:
    """A file of 0 by 5 pixels."""
    if kind == "PPM":
        return b"P6\n0 5\n255\n"
    stream = io.BytesIO()
    Image.new("RGB", (7, 5)).save(stream, kind)
    data = bytearray(stream.getvalue())
    if kind == "PNG":
        struct.pack_into(">I", data, 16, 0)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif kind == "TIFF":
        entry = data.index(struct.pack("<HHI", 256, 4, 1))
        struct.pack_into("<I", data, entry + 8, 0)
    else:
        struct.pack_into(">H", data, data.index(b"\xff\xc0") + 7, 0)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG"])
def test_a_picture_without_columns_is_not_called_too_large(kind: str) -> None:
    with pytest.raises(ImageError, match="pixels") as refused:
        decode_image(without_columns(kind))
    assert "megapixels" not in str(refused.value)
    assert "driver" not in str(refused.value)


def test_a_number_beyond_a_single_picture_is_no_matter_of_pages() -> None:
    with pytest.raises(ImageError, match=r"frame 2.*single picture"):
        decode_image(encode_image(from_array(noise(4, 4, 3)), "png"), frame=2)


def test_what_is_no_picture_is_told_in_plain_words() -> None:
    with pytest.raises(ImageError, match=r"no picture.*PNG") as refused:
        decode_image(b"notes of an evening")
    assert " a AVIF" not in str(refused.value)
