"""darklift.image on metadata in a container that has no place of its own for them."""

import io
import struct
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from darklift.errors import ImageError
from darklift.image import Metadata, Picture, decode_image, encode_image, from_array
from darklift.image.exif_add import has_thumbnail
from darklift.image.left_out import left_out
from pictures import noise

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC, PHOTOSHOP = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/photoshop/1.0/}"
CORE = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
XMP, EXIF = "{http://ns.adobe.com/xap/1.0/}", "{http://ns.adobe.com/exif/1.0/}"


def with_metadata(**fields: object) -> Picture:
    return Picture(from_array(noise(6, 8, 3)).pixels, metadata=Metadata(**fields))  # type: ignore[arg-type]


def opened(picture: Picture, container: str) -> Image.Image:
    image = Image.open(io.BytesIO(encode_image(picture, container)))
    image.load()
    return image


def packet_of(image: Image.Image) -> ElementTree.Element:
    text = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or image.tag_v2[700]  # type: ignore[attr-defined]
    return ElementTree.fromstring(text)


def said(image: Image.Image, name: str) -> list[str | None]:
    """The values of a property, as an element of its own or as a list."""
    found = list(packet_of(image).iter(name))
    items = [item.text for node in found for item in node.iter(f"{RDF}li")]
    return items or [node.text for node in found]


def iptc(*values: tuple[int, int, bytes]) -> bytes:
    return b"".join(struct.pack(">3BH", 0x1C, part, number, len(value)) + value for part, number, value in values)


FULL = iptc(
    (1, 90, b"\x1b%G"),
    (2, 0, b"\0\4"),
    (2, 5, "Nächte".encode()),
    (2, 12, b"IPTC:01002000:::"),
    (2, 25, b"night"),
    (2, 25, b"sea & <sky>"),
    (2, 55, b"20260131"),
    (2, 60, b"235900+0100"),
    (2, 80, b"Anna"),
    (2, 90, b"Ulm"),
    (2, 116, b"(c) Anna"),
    (2, 120, b"By night\0"),
)


@pytest.mark.parametrize("container", ["PNG", "WebP", "AVIF"])
def test_iptc_goes_into_xmp(container: str) -> None:
    picture = with_metadata(iptc=FULL)
    image = opened(picture, container)
    assert said(image, f"{DC}title") == ["Nächte"]
    assert said(image, f"{DC}subject") == ["night", "sea & <sky>"]
    assert said(image, f"{DC}creator") == ["Anna"]
    assert said(image, f"{DC}rights") == ["(c) Anna"]
    assert said(image, f"{DC}description") == ["By night"]  # without the NUL, which XML has not
    assert said(image, f"{PHOTOSHOP}City") == ["Ulm"]
    assert said(image, f"{PHOTOSHOP}DateCreated") == ["2026-01-31T23:59:00+01:00"]
    assert said(image, f"{CORE}SubjectCode") == ["01002000"]
    assert left_out(picture, container) == ()


def test_what_xmp_says_already_stays() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b"<r:Description r:about='uuid:1' xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\" "
        b'photoshop:City="Bern"/></r:RDF></x:xmpmeta>'
    )
    picture = with_metadata(iptc=FULL, xmp=packet)
    image = opened(picture, "PNG")
    (description, added) = packet_of(image).iter(f"{RDF}Description")
    assert description.get(f"{PHOTOSHOP}City") == "Bern"
    assert said(image, f"{PHOTOSHOP}City") == []
    assert said(image, f"{DC}creator") == ["Anna"]
    assert added.get(f"{RDF}about") == "uuid:1"
    text = image.info["XML:com.adobe.xmp"].encode()
    start, end = packet.split(b"</r:RDF>")
    assert text.startswith(start)
    assert text.endswith(b"</r:RDF>" + end)
    only = with_metadata(iptc=iptc((2, 90, b"Ulm")), xmp=packet)
    assert opened(only, "PNG").info["XML:com.adobe.xmp"].encode() == packet


PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    ' xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)
ALT = '<rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt>'


@pytest.mark.parametrize(
    ("field", "value", "said", "named"),
    [
        (
            "iptc",
            iptc((2, 90, b"Ulm")),
            "<photoshop:City>Bern</photoshop:City>",
            "IPTC where its XMP says otherwise (City)",
        ),
        (
            "iptc",
            iptc((2, 25, b"night"), (2, 25, b"sea")),
            "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>",
            "IPTC where its XMP says otherwise (subject)",
        ),
        ("comments", (b"by hand",), f"<exif:UserComment>{ALT.format('by foot')}</exif:UserComment>", "comment where"),
        (
            "png_chunks",
            ((b"tEXt", b"Title\0Night"),),
            f"<dc:title>{ALT.format('Day')}</dc:title>",
            "texts where its XMP says otherwise (title)",
        ),
        (
            "photoshop",
            b"8BIM\x04\x0b\0\0\0\0\0\x08http://a",
            "<xmpRights:WebStatement>http://b</xmpRights:WebStatement>",
            "Photoshop records where",
        ),
    ],
)
def test_what_xmp_says_otherwise_is_named(field: str, value: object, said: str, named: str) -> None:
    picture = with_metadata(**{field: value}, xmp=PACKET.format(said).encode())
    (line,) = left_out(picture, "webp")
    assert named in line
    assert opened(picture, "webp").info["xmp"] == picture.metadata.xmp


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            iptc((2, 25, b"sea"), (2, 25, b"night")),
            "<dc:subject><rdf:Bag><rdf:li>night</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>",
        ),
        (iptc((2, 120, b"By\rnight")), f"<dc:description>{ALT.format('By night &amp; day, in full')}</dc:description>"),
        (
            iptc((2, 55, b"20260131"), (2, 60, b"235900+0100")),
            "<photoshop:DateCreated>2026-01-31</photoshop:DateCreated>",
        ),
        (iptc((2, 55, b"20260131")), "<photoshop:DateCreated>2026-01-31T23:59:00.12+01:00</photoshop:DateCreated>"),
    ],
)
def test_what_xmp_says_in_full_is_not(record: bytes, said: str) -> None:
    assert left_out(with_metadata(iptc=record, xmp=PACKET.format(said).encode()), "webp") == ()


def test_iptc_without_a_word_in_xmp_is_named() -> None:
    (line,) = left_out(with_metadata(iptc=iptc((2, 90, b"Ulm"), (2, 65, b"Us"), (2, 118, b"call me"))), "png")
    assert "part of its IPTC (2:65, 2:118)" in line
    for damaged in (b"\x1c\2\x78\0\xffshort", b"\x1c\2\x78\x80\x09", b"no record"):
        (line,) = left_out(with_metadata(iptc=damaged), "png")
        assert "IPTC" in line
    (line,) = left_out(with_metadata(iptc=FULL, xmp=b"<broken"), "png")
    assert "IPTC" in line
    assert left_out(with_metadata(iptc=FULL), "jpg") == ()


def test_letters_of_an_iptc_record_that_does_not_say_how_they_are_written() -> None:
    image = opened(with_metadata(iptc=iptc((2, 90, "Zürich".encode("latin-1")), (2, 95, "Zürich".encode()))), "PNG")
    assert said(image, f"{PHOTOSHOP}City") == said(image, f"{PHOTOSHOP}State") == ["Zürich"]


def texts() -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"tEXt", b"Title\0Night"),
        (b"zTXt", b"Author\0\0" + zlib.compress("Zoë".encode("latin-1"))),
        (b"iTXt", b"Description\0\0\0de\0\0" + "Nächtlich".encode()),
        (b"iTXt", b"Copyright\0\1\0\0\0" + zlib.compress(b"mine")),
        (b"tEXt", b"Creation Time\0Sat, 31 Jan 2026 23:59:00 +0100"),
        (b"tEXt", b"Comment\0by hand"),
        (b"tEXt", b"Warning\0loud"),
        (b"zTXt", b"Source\0\0broken"),
    )


@pytest.mark.parametrize("container", ["JPEG", "WebP", "TIFF", "AVIF"])
def test_texts_of_a_png_go_into_xmp(container: str) -> None:
    picture = with_metadata(png_chunks=texts())
    image = opened(picture, container)
    assert said(image, f"{DC}title") == ["Night"]
    assert said(image, f"{DC}creator") == ["Zoë"]
    assert said(image, f"{DC}description") == ["Nächtlich"]
    assert said(image, f"{DC}rights") == ["mine"]
    assert said(image, f"{XMP}CreateDate") == ["2026-01-31T23:59:00+01:00"]
    if container == "JPEG":
        assert image.info["comment"] == b"by hand"
    else:
        assert said(image, f"{EXIF}UserComment") == ["by hand"]
    (line,) = left_out(picture, container)
    assert "texts (Warning, Source)" in line


def test_a_comment_goes_into_xmp() -> None:
    picture = with_metadata(comments=("größer".encode(),))
    for container in ("WebP", "AVIF", "TIFF"):
        assert said(opened(picture, container), f"{EXIF}UserComment") == ["größer"]
        assert left_out(picture, container) == ()
    (line,) = left_out(picture, "bmp")
    assert "comment" in line


@pytest.mark.parametrize("container", ["WebP", "AVIF"])
def test_a_resolution_goes_into_exif(container: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x011A], exif[0x011B] = "Maker", 72.0, 72.0
    exif[0x8769] = {0x927C: b"maker note"}
    for block in (None, exif.tobytes()):
        picture = with_metadata(dpi=(300.0, 150.0), exif=block)
        found = opened(picture, container).getexif()
        assert (found[0x011A], found[0x011B], found[0x0128]) == (300, 150, 2)
        assert left_out(picture, container) == ()
        if block is not None:
            assert found[0x010F] == "Maker"
            assert found.get_ifd(0x8769)[0x927C] == b"maker note"
        assert decode_image(encode_image(picture, container)).metadata.dpi == (300, 150)
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 150.0, 2
    said_already = with_metadata(dpi=(300.0, 150.0), exif=exif.tobytes())
    block = decode_image(encode_image(said_already, "WebP")).metadata.exif
    assert block == exif.tobytes()


# ----------------------------------------------------------------------------------------------------------- colours


def png(*chunks: tuple[bytes, bytes], mode: str = "RGB") -> bytes:
    info = PngInfo()
    for name, contents in chunks:
        info.add(name, contents)
    stream = io.BytesIO()
    Image.fromarray(noise(6, 8, 3)).convert(mode).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def as_srgb(image: Image.Image) -> np.ndarray:
    """What another program makes of a file with a profile."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    target = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(image, profile, target, outputMode="RGB", renderingIntent=1)
    assert made is not None
    return np.asarray(made)


ADOBE = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        (((b"cICP", b"\x0c\x0d\0\1"),), "Display P3"),
        (((b"gAMA", struct.pack(">I", 45455)), ADOBE), "PNG gAMA and cHRM"),
        (((b"gAMA", struct.pack(">I", 100_000)),), "PNG gAMA and cHRM"),
    ],
)
def test_colours_told_by_chunks_get_a_profile_elsewhere(chunks: tuple[tuple[bytes, bytes], ...], name: str) -> None:
    from darklift.image.spaces import colour_space_of

    picture = decode_image(png(*chunks))
    assert picture.source.colour_space == name
    space = colour_space_of(picture).space
    assert space is not None
    image = opened(picture, "TIFF")
    assert (
        ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))).strip() == name
    )
    expected = space.seen(picture.pixels).transpose(1, 2, 0)
    inside = (expected > 0.01).all(axis=2) & (expected < 0.99).all(axis=2)  # where nothing was brought in
    assert inside.sum() > 10
    apart = np.abs(as_srgb(image) / 255 - expected)[inside]
    assert np.quantile(apart, 0.9) < 0.02
    assert left_out(picture, "tif") == ()
    assert "icc_profile" not in opened(picture, "PNG").info


def test_plain_chunks_and_damaged_ones_get_no_profile() -> None:
    for chunks in ([(b"gAMA", struct.pack(">I", 45455))], [(b"sRGB", b"\0")], [(b"gAMA", b"\0\0\0\1")]):
        picture = decode_image(png(*chunks))
        assert picture.source.colour_space == "sRGB"
        assert "icc_profile" not in opened(picture, "JPEG").info


def test_a_gray_picture_gets_a_gray_profile() -> None:
    picture = decode_image(png((b"gAMA", struct.pack(">I", 100_000)), mode="L"))
    profile = opened(picture, "JPEG").info["icc_profile"]
    assert profile[16:20] == b"GRAY"
    again = decode_image(encode_image(picture, "JPEG"))
    assert again.source.colour_space == "PNG gAMA and cHRM"


def test_adobe_rgb_by_exif_gets_a_profile_in_another_container() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 2}
    stream = io.BytesIO()
    Image.fromarray(noise(6, 8, 3)).save(stream, "JPEG", exif=exif.tobytes())
    picture = decode_image(stream.getvalue())
    assert picture.source.colour_space == "Adobe RGB (1998)"
    assert "icc_profile" not in opened(picture, "JPEG").info
    again = decode_image(encode_image(picture, "PNG"))
    assert again.source.colour_space == "Adobe RGB (1998)"
    assert again.metadata.icc_profile is not None


# -------------------------------------------------------------------------------------------------------- thumbnails


def photo_with_thumbnail(orientation: int = 1) -> bytes:
    """A JPEG whose left half is red and whose right half is blue, with a black thumbnail."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    block = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12)).save(thumbnail, "JPEG")
    order = ">" if block.startswith(b"MM") else "<"
    (first,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, first)
    block += bytes(len(block) % 2)
    struct.pack_into(order + "I", block, first + 2 + 12 * count, len(block))
    start, data = len(block) + 2 + 24 + 4, thumbnail.getvalue()
    block += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, start, 0x0202, 4, 1, len(data), 0) + data
    values = np.zeros((300, 400, 3), np.uint8)
    values[:, :200, 0] = values[:, 200:, 2] = 255
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG", exif=b"Exif\0\0" + bytes(block), quality=95)
    return stream.getvalue()


def thumbnail_in(data: bytes) -> Image.Image | None:
    """As another program finds it: EXIF's second directory says where it is."""
    image = Image.open(io.BytesIO(data))
    block = image.info["exif"].removeprefix(b"Exif\0\0")
    second = image.getexif().get_ifd(ExifTags.IFD.IFD1)
    if 0x0201 not in second:
        return None
    assert second[0x0103] == 6
    return Image.open(io.BytesIO(block[second[0x0201] : second[0x0201] + second[0x0202]]))


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WebP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_thumbnail_is_made_anew(container: str, orientation: int) -> None:
    picture = decode_image(photo_with_thumbnail(orientation))
    assert not has_thumbnail(picture.metadata.exif or b"")
    data = encode_image(picture, container)
    small = thumbnail_in(data)
    assert small is not None
    assert small.size == ((160, 120) if orientation == 1 else (120, 160))
    values = np.asarray(small.convert("RGB")).astype(int)
    one, other = (values[20, 20], values[20, -20]) if orientation == 1 else (values[20, 20], values[-20, 20])
    assert one[0] > 200 > 60 > one[2]
    assert other[2] > 200 > 60 > other[0]
    assert left_out(picture, container) == ()
    again = decode_image(data).metadata
    assert (again.exif, again.thumbnail) == (picture.metadata.exif, True)  # from file to file nothing piles up


def test_no_thumbnail_where_there_was_none_or_is_no_room() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    assert thumbnail_in(encode_image(with_metadata(exif=exif.tobytes()), "JPEG")) is None
    picture = decode_image(photo_with_thumbnail())
    (line,) = left_out(picture, "tif")  # there it would be a second page
    assert "thumbnail" in line
    assert Image.open(io.BytesIO(encode_image(picture, "TIFF"))).n_frames == 1
    exif[0x927C] = bytes(60_000)
    full = replace(picture, metadata=replace(picture.metadata, exif=exif.tobytes()))
    (line,) = left_out(full, "jpg")
    assert "thumbnail" in line
    assert thumbnail_in(encode_image(full, "JPEG")) is None
    assert left_out(full, "png") == ()


def test_a_noisy_thumbnail_keeps_within_the_room() -> None:
    picture = replace(decode_image(photo_with_thumbnail()), pixels=from_array(noise(160, 160, 3)).pixels)
    limit = 65_533 - 16_384
    exif = Image.Exif()
    exif[0x927C] = bytes(limit - 100)
    full = replace(picture, metadata=replace(picture.metadata, exif=exif.tobytes()))
    assert left_out(full, "jpg") == ()
    assert thumbnail_in(encode_image(full, "JPEG")) is not None


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_maker_note_that_is_too_long_is_left_out_alone(order: str) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "Maker"
    exif[0x8769] = {0x829A: 0.5, 0x927C: bytes(70_000), 0x9003: "2026:11:29 01:02:03"}
    exif[0x8825] = {1: "N", 2: (47.0, 30.0, 0.0)}
    picture = with_metadata(exif=exif.tobytes())
    (line,) = left_out(picture, "jpg")
    assert "maker note" in line
    back = opened(picture, "JPEG").getexif()
    assert (back[0x010F], back.get_ifd(0x8825)[1]) == ("Maker", "N")
    assert dict(back.get_ifd(0x8769)) == {0x829A: 0.5, 0x9003: "2026:11:29 01:02:03"}
    assert left_out(picture, "webp") == ()
    assert len(opened(picture, "WebP").getexif().get_ifd(0x8769)[0x927C]) == 70_000


def test_exif_that_is_too_long_without_its_maker_note_is_refused() -> None:
    exif = Image.Exif()
    exif[0x8769] = {0x927C: bytes(100), 0x9286: bytes(70_000)}
    with pytest.raises(ImageError, match="EXIF has 70"):
        encode_image(with_metadata(exif=exif.tobytes()), "JPEG")


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (500, 3), (161, 160)])
def test_thumbnails_of_any_shape(size: tuple[int, int]) -> None:
    picture = replace(decode_image(photo_with_thumbnail()), pixels=from_array(noise(*size, 3)).pixels)
    small = thumbnail_in(encode_image(picture, "PNG"))
    assert small is not None
    assert max(small.size) == min(160, max(size))
