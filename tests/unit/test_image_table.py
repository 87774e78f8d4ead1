"""The tables of what each container keeps, in docs/reference/formats.md: every cell is found out here by doing it.

To write the tables anew after a change of behaviour: PYTHONPATH=tests python tests/unit/test_image_table.py.
"""

import importlib.util
import io
import struct
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from darklift.errors import ImageError, UsageError
from darklift.image import (
    Metadata,
    Picture,
    Source,
    check_frames_writable,
    decode_frames,
    decode_image,
    encode_frames,
    encode_image,
)
from darklift.image.formats import FORMATS
from darklift.image.left_out import left_out
from heif_files import HEIF_SIZE, box, heif_file, heif_scene
from raw_files import dng_file, mosaic, raw_scene

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "formats.md"
START, END = "<!-- table: what each container keeps -->", "<!-- end of table -->"
SIZE = (24, 32)
# What reads and makes files of some formats here. Where a library is missing, the other columns are still looked at.
WRITES_WITH = {"JPEGXL": ("OpenImageIO", "brotli", "imagecodecs", "pylibjxl")}
READS_WITH = {
    "AVIF": ("imagecodecs",),
    "EXR": ("OpenImageIO",),
    "HDR": ("OpenImageIO", "imagecodecs"),
    "HEIF": ("pi_heif",),
    "JPEG2000": ("imagecodecs",),
    "JPEGXL": ("OpenImageIO", "brotli", "imagecodecs", "pylibjxl"),
    "RAW": ("rawpy", "tifffile"),
}

READING_START = "<!-- table: what is read -->"
KEPT, NAMED, REFUSED, NOTHING = "kept", "left out, named", "refused", "–"
IN_XMP, IN_EXIF, AS_PROFILE, RENEWED = "in XMP", "in EXIF", "as ICC profile", "made anew"


def plain() -> Picture:
    """Smooth, so that lossy formats stay near it, nowhere gray, and exact in 8 bits."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / np.float32(max(SIZE))
    values = np.stack([0.2 + x / 2, 0.3 + y / 2, np.full_like(x, 0.25)], 2)
    return Picture((np.rint(values * 255) / 255).astype(np.float32), source=Source(bits=8))


def seen(data: bytes) -> Image.Image:
    """The file as another program sees it: upright, by what its metadata say."""
    if data.startswith((b"P7\n", b"PF\n", b"Pf\n")):
        return seen_by_hand(data)
    if data.startswith(b"\0\0\0\x0cJXL "):
        return seen_by_pylibjxl(data)
    image = Image.open(io.BytesIO(data))
    image.load()
    if image.format == "JPEG2000":  # of which Pillow passes on nothing but pixels, resolution and comment
        _, *exif = data.split(b"uuidJpgTiffExif->JP2")
        _, *xmp = data.split(b"uuid" + uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes)
        _, *profile = data.split(b"colr\2\0\0")
        image.info["exif"] = b"".join(exif)
        image.info["xmp"] = b"".join(xmp).split(b"jp2c")[0][:-4]
        if profile:
            image.info["icc_profile"] = profile[0][: int.from_bytes(profile[0][:4], "big")]
    if image.format == "BMP" and data[70:74] == b"DEBM":  # of whose profile it knows nothing
        start, length = struct.unpack_from("<2I", data, 126)
        image.info["icc_profile"] = data[14 + start :][:length]
    return image


def seen_by_hand(data: bytes) -> Image.Image:
    """PAM and PFM, as their specifications have it."""
    head, body = data.split(b"ENDHDR\n" if data.startswith(b"P7") else b"-1.0\n", 1)
    if data.startswith(b"P7"):
        facts = dict(line.split(b" ", 1) for line in head.splitlines()[1:])
        values = np.frombuffer(body, np.uint8).reshape(int(facts[b"HEIGHT"]), int(facts[b"WIDTH"]), -1)
    else:
        channels = 3 if data.startswith(b"PF") else 1
        floats = np.frombuffer(body, "<f4").reshape(*SIZE, channels)[::-1]
        values = np.rint(floats * 255).astype(np.uint8)
    return Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)


def seen_by_pylibjxl(data: bytes) -> Image.Image:
    import pylibjxl

    values, blocks = pylibjxl.decode(data, metadata=True)
    image = Image.fromarray(values)
    if "exif" in blocks:
        image.info["exif"] = (
            b"Exif\0\0" + blocks["exif"][blocks["exif"].index(b"MM\0*" if b"MM\0*" in blocks["exif"] else b"II*\0") :]
        )
    image.info |= {name: blocks[name] for name in ("xmp", "icc_profile") if name in blocks}
    return image


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = 1
    exif.get_ifd(0x8769)[0x927C] = b"maker note"
    exif.get_ifd(0x8825)[1] = "N"
    return b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")


def exif_of(image: Image.Image) -> Image.Exif:
    return image.getexif()


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
IPTC = b"\x1c\2\x78\0\7caption"
ADDRESS = b"https://example.org/"
PHOTOSHOP = b"8BIM\4\x0a\0\0\0\0\0\1\1\0" + b"8BIM\4\x0b\0\0" + struct.pack(">I", len(ADDRESS)) + ADDRESS
VIDEO = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)


def iptc_of(data: bytes) -> bool:
    return IPTC in data  # as it is: no container compresses it


def in_xmp(image: Image.Image, name: str, text: str) -> bool:
    """Whether XMP has this property with this value."""
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not found and hasattr(image, "tag_v2"):
        found = image.tag_v2.get(700, b"")
    if not found:
        return False
    packet = ElementTree.fromstring(found)
    return any(text in "".join(node.itertext()) for node in packet.iter() if node.tag.endswith(f"}}{name}"))


def thumbnail_of(image: Image.Image) -> bool:
    """Whether EXIF holds a little picture that is as bright as the picture is."""
    exif = exif_of(image)
    second = exif.get_ifd(ExifTags.IFD.IFD1)
    if 0x0201 not in second:
        return False
    block = image.info["exif"].removeprefix(b"Exif\0\0")
    small = Image.open(io.BytesIO(block[second[0x0201] : second[0x0201] + second[0x0202]]))
    return abs(np.asarray(small.convert("RGB")).mean() / 255 - plain().pixels.mean()) < 0.02


def describes(image: Image.Image, name: str) -> bool:
    profile = image.info.get("icc_profile")
    return profile is not None and name in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))


def has_xmp(image: Image.Image) -> bool:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not found and hasattr(image, "tag_v2"):
        found = image.tag_v2.get(700, b"")
    return (found.encode() if isinstance(found, str) else bytes(found)) == XMP


def dpi_of(image: Image.Image) -> bool:
    found = image.info.get("dpi", (0, 0))
    return abs(float(found[0]) - 300) < 1 and abs(float(found[1]) - 150) < 1


MAY_LOSE = ("JPEGXL", "WebP")  # only if wanted
# name of the property, what the picture gets, and for what a cell may say of it: whether a file that was written (its
# bytes, as another program opens it) has it so
Check = Callable[[bytes, Image.Image], bool]
METADATA: list[tuple[str, Metadata, dict[str, Check]]] = [
    (
        "EXIF with GPS and maker notes",
        Metadata(exif=exif_block()),
        {
            KEPT: lambda _, image: (
                exif_of(image).get(0x010F) == "Maker"
                and exif_of(image).get_ifd(0x8769)[0x927C] == b"maker note"
                and exif_of(image).get_ifd(0x8825)[1] == "N"
            )
        },
    ),
    ("thumbnail in EXIF", Metadata(exif=exif_block(), thumbnail=True), {RENEWED: lambda _, image: thumbnail_of(image)}),
    (
        "ICC profile",
        Metadata(icc_profile=PROFILE),
        {KEPT: lambda _, image: image.info.get("icc_profile") == PROFILE},
    ),
    (
        "colours by PNG's chunks",
        Metadata(png_chunks=((b"cICP", b"\x0c\x0d\0\1"),)),
        {
            KEPT: lambda data, _: b"cICP\x0c\x0d\0\1" in data,
            AS_PROFILE: lambda _, image: describes(image, "Display P3"),
        },
    ),
    ("XMP", Metadata(xmp=XMP), {KEPT: lambda _, image: has_xmp(image)}),
    (
        "IPTC",
        Metadata(iptc=IPTC),
        {KEPT: lambda data, _: iptc_of(data), IN_XMP: lambda _, image: in_xmp(image, "description", "caption")},
    ),
    (
        "resolution",
        Metadata(dpi=(300.0, 150.0)),
        {
            KEPT: lambda _, image: dpi_of(image),
            IN_EXIF: lambda _, image: (exif_of(image).get(0x011A), exif_of(image).get(0x011B)) == (300, 150),
        },
    ),
    (
        "Photoshop's copyright mark and address",
        Metadata(photoshop=PHOTOSHOP),
        {
            KEPT: lambda data, _: PHOTOSHOP in data,
            IN_XMP: lambda _, image: in_xmp(image, "WebStatement", ADDRESS.decode()),
        },
    ),
    (
        "comment",
        Metadata(comments=(b"by night",)),
        {
            KEPT: lambda _, image: image.info.get("comment", image.info.get("Comment")) in (b"by night", "by night"),
            IN_XMP: lambda _, image: in_xmp(image, "UserComment", "by night"),
        },
    ),
    ("video of a motion photo", Metadata(trailer=VIDEO), {KEPT: lambda data, _: data.endswith(VIDEO)}),
    (
        "title, author, … of a PNG",
        Metadata(png_chunks=((b"tEXt", b"Title\0Night"),)),
        {
            KEPT: lambda _, image: image.info.get("Title") == "Night",
            IN_XMP: lambda _, image: in_xmp(image, "title", "Night"),
        },
    ),
    (
        "other texts of a PNG",
        Metadata(png_chunks=((b"tEXt", b"Warning\0Night"),)),
        {KEPT: lambda _, image: image.info.get("Warning") == "Night"},
    ),
]


def metadata_cell(container: str, metadata: Metadata, checks: dict[str, Check]) -> str:
    picture = replace(plain(), metadata=metadata)
    data = encode_image(picture, container, lossless=container in MAY_LOSE)
    found = [words for words, check in checks.items() if check(data, seen(data))]
    if left_out(picture, container):
        assert found == []
        return NAMED
    return found[0]  # a TIFF file is its own EXIF


def bits_cell(container: str) -> str:
    """How many each file really has, as darklift reads it back; that pixels are right is tested elsewhere."""
    found = []
    for known in FORMATS:
        for bits in known.bits if known.name == container else ():
            if bits == 8 or known.deep is None or known.deep.installed():
                source = decode_image(encode_image(plain(), container, bits=bits)).source
                assert source.bits == bits
            found.append(str(bits))
    return ", ".join(found)


def alpha_cell(container: str) -> str:
    """Half clear in one half, and colours under clear pixels."""
    alpha = np.ones(SIZE, np.float32)
    alpha[:, :16] = np.float32(128 / 255)
    alpha[:12, :16] = 0
    picture = replace(plain(), alpha=alpha)
    try:
        data = encode_image(picture, container, quality=100)
    except ImageError:
        return REFUSED
    values = np.asarray(seen(data).convert("RGBA")) / np.float32(255)
    np.testing.assert_array_equal(values[:, :, 3], alpha)
    assert np.abs(values[:, :, :3] - picture.pixels)[2:10, 2:14].max() < 0.06  # what is hidden is still there
    return KEPT


def gray_cell(container: str) -> str:
    pixels = np.repeat(plain().pixels[:, :, :1], 3, axis=2)
    image = seen(encode_image(Picture(pixels, gray=True, source=Source(bits=8)), container))
    if image.mode == "L":
        return KEPT
    values = np.asarray(image.convert("RGB")).astype(int)
    assert np.ptp(values, axis=2).max() == 0
    return "as gray RGB"


def several_cell(container: str, source: str) -> str:
    """Two frames with their times, or two pages, as Pillow finds them."""
    images = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (40, 90)]
    stream = io.BytesIO()
    times = {"duration": [100, 250], "loop": 3} if source == "PNG" else {}
    images[0].save(stream, source, save_all=True, append_images=images[1:], **times)
    frames = decode_frames(stream.getvalue())
    try:
        check_frames_writable(frames.picture(1), frames, container)
    except ImageError:
        return REFUSED
    image = Image.open(io.BytesIO(encode_frames(frames, container, frames)))
    assert image.n_frames == 2
    for number, (level, time) in enumerate(((40, 100), (90, 250))):
        image.seek(number)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - level).max() <= 2
        assert source != "PNG" or image.info["duration"] == time
    return KEPT


def pixels_cell(container: str) -> str:
    values = (plain().pixels * 255).round()

    def worst(**options: bool) -> float:
        return float(
            np.abs(np.asarray(seen(encode_image(plain(), container, **options)).convert("RGB")) - values).max()
        )

    if worst() == 0:
        return "lossless"
    assert worst() < 16
    try:
        assert worst(lossless=True) == 0
    except UsageError:
        return "lossy"
    return "lossy, or lossless"


def able(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def written() -> list[str]:
    names = [known.name for known in FORMATS if known.encode]
    return [name for name in names if all(map(able, WRITES_WITH.get(name, ())))]


def read() -> list[str]:
    return [known.name for known in FORMATS if all(map(able, READS_WITH.get(known.name, ())))]


def table() -> list[list[str]]:
    containers = written()
    rows = [["", *containers]]
    rows.append(["pixels", *map(pixels_cell, containers)])
    rows.append(["bits a channel", *map(bits_cell, containers)])
    rows.append(["transparency", *map(alpha_cell, containers)])
    rows.append(["one channel", *map(gray_cell, containers)])
    rows.append(["animation", *(several_cell(container, "PNG") for container in containers)])
    rows.append(["several pages", *(several_cell(container, "TIFF") for container in containers)])
    for name, metadata, checks in METADATA:
        rows.append([name, *(metadata_cell(container, metadata, checks) for container in containers)])
    return rows


def on_the_page(start: str, containers: list[str]) -> list[list[str]]:
    """The table behind a comment, with these columns."""
    text = PAGE.read_text(encoding="utf-8").split(start)[1].split(END)[0].strip()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    del rows[1]
    names = ["", *(name for name in rows[0])]
    rows[0] = names
    places = [0, *(names.index(name) for name in containers)]
    return [[row[place] for place in places] for row in rows]


def as_markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def test_the_table_in_the_docs_is_what_happens() -> None:
    assert on_the_page(START, written()) == table()


def test_the_table_says_nothing_but_these() -> None:
    elsewhere = {IN_XMP, IN_EXIF, AS_PROFILE, RENEWED}
    allowed = {KEPT, NAMED, REFUSED, *elsewhere, "as gray RGB", "lossless", "lossy", "lossy, or lossless"}
    for name, *cells in table()[1:]:
        assert set(cells) <= allowed or name == "bits a channel"


# ------------------------------------------------------------------------------------------------------------ reading


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    values = (plain().pixels * 255).round().astype(np.uint8)
    Image.fromarray(values).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def turned_file(container: str) -> bytes | None:
    """A file that is stored on its side; None where the container cannot say so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    if container == "HEIF":
        return heif_file(box(b"irot", b"\3"), exif=exif.tobytes())
    if container == "RAW":
        return dng_file(mosaic(raw_scene(SIZE)), orientation=6)
    if container == "JPEG2000":  # of which Pillow writes no EXIF
        return encode_image(replace(plain(), metadata=Metadata(exif=exif.tobytes())), container)
    if container == "JPEGXL":
        import imagecodecs

        return bytes(imagecodecs.jpegxl_encode_jpeg(saved("JPEG", exif=exif)))
    if container == "HDR":
        import imagecodecs

        coded = imagecodecs.rgbe_encode(plain().pixels, header=False, rle=False)
        return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-X %d -Y %d\n" % SIZE + bytes(coded)
    if container in ("AVIF", "JPEG", "PNG", "TIFF", "WebP"):
        return saved(container, exif=exif)
    return None


def orientation_cell(container: str) -> str:
    data = turned_file(container)
    if data is None:
        return NOTHING
    picture = decode_image(data)
    height, width = HEIF_SIZE if container == "HEIF" else SIZE
    assert picture.size == (width, height)
    again = seen(encode_image(picture, "PNG"))
    assert again.getexif().get(0x0112, 1) == 1
    assert again.size == (height, width)
    return "upright, once"


def by_openimageio(ending: str, pixels: np.ndarray, *, times: int = 1, **facts: tuple[str, object]) -> bytes:
    """A file of 8-bit integers or of floats."""
    import OpenImageIO as oiio

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a{ending}"
        spec = oiio.ImageSpec(*pixels.shape[1::-1], pixels.shape[2], "uint8" if pixels.dtype == np.uint8 else "float")
        for name, (kind, value) in facts.items():
            spec.attribute(name, oiio.TypeDesc(kind), value)
        file = oiio.ImageOutput.create(path)
        assert file.open(path, (spec,) * times) if times > 1 else file.open(path, spec)
        for number in range(times):
            assert number == 0 or file.open(path, spec, "AppendSubimage")
            assert file.write_image(pixels)
        assert file.close()
        return Path(path).read_bytes()


def plain_file(container: str) -> bytes:
    if container == "RAW":
        return dng_file(mosaic(raw_scene(SIZE)))
    if container == "HEIF":
        return heif_file()
    if container in ("EXR", "HDR"):
        return by_openimageio(f".{container.lower()}", plain().pixels)
    return saved(container) if container == "GIF" else encode_image(plain(), container)


def face_cell(container: str) -> str:
    """A face at the top left of a picture that is stored on its side is at its top right once it is upright."""
    if turned_file(container) is None or container == "HDR":
        return NOTHING
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<r:Description r:about="" xmlns:MP="http://ns.microsoft.com/photo/1.2/" '
        b'xmlns:R="http://ns.microsoft.com/photo/1.2/t/Region#"><MP:RegionInfo R:Rectangle="0, 0, 0.5, 0.25"/>'
        b"</r:Description></r:RDF></x:xmpmeta>"
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    if container == "HEIF":
        data = heif_file(box(b"irot", b"\3"), exif=exif.tobytes(), xmp=xmp)
    elif container == "RAW":
        data = dng_file(mosaic(raw_scene(SIZE)), orientation=6, extra=[(700, "B", len(xmp), xmp)])
    elif container == "JPEG2000":
        data = encode_image(replace(plain(), metadata=Metadata(exif=exif.tobytes(), xmp=xmp)), container)
    elif container == "JPEGXL":
        import imagecodecs

        data = bytes(imagecodecs.jpegxl_encode_jpeg(saved("JPEG", exif=exif, xmp=xmp)))
    elif container == "TIFF":
        data = saved(container, tiffinfo={0x0112: 6, 700: xmp})
    elif container == "AVIF":
        exif[0x0113] = 6  # Pillow takes the orientation out of EXIF, which other programs leave there
        data = saved(container, exif=exif, xmp=xmp)
        entry, orientation = (struct.pack(">2HI", tag, 3, 1) for tag in (0x0113, 0x0112))
        assert entry in data
        data = data.replace(entry, orientation)
    elif container == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        data = saved(container, exif=exif, pnginfo=texts)
    else:
        data = saved(container, exif=exif, xmp=xmp)
    again = seen(encode_image(decode_image(data), "PNG")).info["XML:com.adobe.xmp"]
    assert 'R:Rectangle="0.75, 0, 0.25, 0.5"' in again
    return "turned with it"


def deep_file(container: str) -> bytes | None:
    """A file with more than 8 bits, of gray where Pillow can write no other."""
    samples = (plain().pixels[:, :, 0] * 65535).astype(np.uint16)
    if container in ("PNG", "TIFF"):
        stream = io.BytesIO()
        Image.fromarray(samples).save(stream, container)
        return stream.getvalue()
    if container == "PPM":
        return b"P5 %d %d 65535\n" % SIZE[::-1] + samples.astype(">u2").tobytes()
    if container == "PAM":
        facts = b"WIDTH %d\nHEIGHT %d\nDEPTH 1\nMAXVAL 65535" % SIZE[::-1]
        return b"P7\n%s\nTUPLTYPE GRAYSCALE\nENDHDR\n%s" % (facts, samples.astype(">u2").tobytes())
    if container == "PFM":
        return b"Pf %d %d -1.0\n" % SIZE[::-1] + (samples / 65535).astype("<f4").tobytes()
    if container in ("EXR", "HDR"):
        return by_openimageio(f".{container.lower()}", plain().pixels)
    if container in ("AVIF", "JPEG2000", "JPEGXL"):
        import imagecodecs

        coder = {"AVIF": "avif_encode", "JPEG2000": "jpeg2k_encode", "JPEGXL": "jpegxl_encode"}[container]
        return bytes(getattr(imagecodecs, coder)(samples >> 6, bitspersample=10))
    if container == "JPEG":
        data = saved("JPEG")
        at = data.index(b"\xff\xc0") + 4
        return data[:at] + b"\x0c" + data[at + 1 :]
    if container == "RAW":
        return plain_file(container)
    return heif_file(bits=10) if container == "HEIF" else None


def deep_cell(container: str) -> str:
    data = deep_file(container)
    if data is None:
        return NOTHING
    try:
        picture = decode_image(data)
    except ImageError as error:
        assert "8 bits" in str(error)  # noqa: PT017
        return REFUSED
    assert picture.source.bits > 8
    if container == "RAW":  # of another scene
        return KEPT
    wanted = heif_scene() / 255 if container == "HEIF" else plain().pixels[:, :, :1]
    if container == "PFM":
        wanted = wanted[::-1]
    assert np.abs(picture.pixels - wanted)[:, :, 0].max() < (0.1 if container in ("HEIF", "JPEGXL") else 1 / 128)
    return KEPT


def bright_cell(container: str) -> str:
    """Of floats, of which 1 is white."""
    pixels = plain().pixels * 3
    if container in ("EXR", "HDR"):
        picture = decode_image(by_openimageio(f".{container.lower()}", pixels))
        assert picture.pixels.max() == 1
        assert "brighter than white" in picture.metadata.notes[0]
        return "cut, named"
    if container == "PFM":
        data = b"PF %d %d -1.0\n" % SIZE[::-1] + pixels.astype("<f4").tobytes()
    elif container == "TIFF":
        stream = io.BytesIO()
        Image.fromarray(pixels[:, :, 0].copy()).save(stream, "TIFF")
        data = stream.getvalue()
    else:
        return NOTHING
    with pytest.raises(ImageError, match="HDR"):
        decode_image(data)
    return REFUSED


def frames_cell(container: str) -> str:
    if container == "HEIF":
        data = heif_file(pictures=2)
    elif container == "JPEGXL":
        import imagecodecs

        data = bytes(imagecodecs.jpegxl_encode(np.zeros((2, 8, 8, 3), np.uint8)))
    elif container == "EXR":
        data = by_openimageio(".exr", plain().pixels, times=2)
    elif container in ("AVIF", "GIF", "JPEG", "PNG", "TIFF", "WebP"):
        data = saved(
            "MPO" if container == "JPEG" else container, save_all=True, append_images=[Image.new("RGB", SIZE[::-1])]
        )
    else:
        return NOTHING
    if container in ("EXR", "HEIF", "JPEGXL"):
        with pytest.raises(ImageError, match=r"2 |several"):
            decode_frames(data)
        return REFUSED
    frames = decode_frames(data)
    assert len(frames) == len(list(frames)) == 2
    assert decode_image(data, frame=2).size == frames.picture(2).size
    with pytest.raises(ImageError, match="2 "):
        decode_image(data)
    return "all, or one" if frames.reel.moving else "each page, or one"


def file_with_numbers(container: str, primaries: int, transfer: int, matrix: int) -> bytes | None:
    """A file that tells its colours by numbers (ITU-T H.273); None where there are none of that kind."""
    numbers = struct.pack(">2H", primaries, transfer)
    if container == "HEIF":
        return heif_file(box(b"colr", b"nclx", numbers, struct.pack(">HB", matrix, 0x80)))
    if container == "AVIF":
        data = saved("AVIF")
        at = data.index(b"colrnclx") + 8
        return data[:at] + numbers + data[at + 4 :]
    if container == "JPEGXL":
        return by_openimageio(".jxl", np.zeros((8, 8, 3), np.uint8), CICP=("int[4]", (primaries, transfer, 0, 1)))
    return None


def hdr_cell(container: str) -> str:
    data = file_with_numbers(container, 9, 16, 9)  # BT.2020, PQ
    if data is None:
        return NOTHING
    with pytest.raises(ImageError, match="PQ"):
        decode_image(data)
    return REFUSED


def colour_numbers_cell(container: str) -> str:
    data = file_with_numbers(container, 12, 13, 6)  # Display P3
    if data is None:
        return NOTHING
    found = seen(encode_image(decode_image(data), "PNG")).info["icc_profile"]
    name = ImageCms.ImageCmsProfile(io.BytesIO(found)).profile.profile_description
    assert name.replace(" ", "") == "DisplayP3"
    return "as ICC profile"


def inks_cell(container: str) -> str:
    if container not in ("JPEG", "TIFF"):
        return NOTHING
    picture = decode_image(saved(container, "CMYK", quality=98))
    assert picture.source.colour_space == "CMYK"
    assert np.abs(picture.pixels - plain().pixels).max() < 0.04
    return "as sRGB"


def gain_map_cell(container: str) -> str:
    if container == "JPEGXL":
        picture = decode_image(encode_image(plain(), container) + box(b"jhgm", bytes(4)))
        (note,) = picture.metadata.notes
        assert "gain map" in note
        return NAMED
    if container != "JPEG":
        return NOTHING
    segment = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
    second = saved(container, "L")
    picture = decode_image(
        saved(container) + second[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + second[2:]
    )
    (note,) = picture.metadata.notes
    assert "gain map" in note
    with Image.open(io.BytesIO(encode_image(picture, container))) as image:
        assert (image.format, getattr(image, "n_frames", 1)) == (container, 1)
    return NAMED


def cut_cell(container: str) -> str:
    data = plain_file(container)
    with pytest.raises(ImageError):
        decode_image(data[: len(data) // 2])
    return REFUSED


def end_marker_cell(container: str) -> str:
    if container != "JPEG":
        return NOTHING
    data = saved(container)
    picture = decode_image(data[:-2])
    assert np.array_equal(picture.pixels, decode_image(data).pixels)
    (note,) = picture.metadata.notes
    assert "end marker" in note
    return "read, named"


READING: dict[str, Callable[[str], str]] = {
    "stored on its side": orientation_cell,
    "face regions in it": face_cell,
    "more than 8 bits": deep_cell,
    "several frames or pages": frames_cell,
    "colours by number": colour_numbers_cell,
    "HDR (PQ, HLG)": hdr_cell,
    "floats beyond white": bright_cell,
    "inks (CMYK)": inks_cell,
    "gain map": gain_map_cell,
    "cut in half": cut_cell,
    "without its end marker": end_marker_cell,
}


def reading_table(containers: list[str]) -> list[list[str]]:
    rows = [["", *containers]]
    return rows + [[name, *map(cell, containers)] for name, cell in READING.items()]


def test_the_table_of_reading_is_what_happens() -> None:
    assert on_the_page(READING_START, read()) == reading_table(read())


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for start, rows in ((START, table()), (READING_START, reading_table(read()))):
        before, rest = text.split(start)
        text = f"{before}{start}\n\n{as_markdown(rows)}\n\n{END}{rest.split(END, 1)[1]}"
    PAGE.write_text(text, encoding="utf-8")
