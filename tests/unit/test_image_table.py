"""The tables of what each container keeps, in docs/reference/formats.md: every cell is found out here by doing it.

To write the tables anew after a change of behaviour: PYTHONPATH=tests python tests/unit/test_image_table.py.
"""

import importlib.util
import io
import struct
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.errors import ImageError, UsageError
from darklift.image import (
    Metadata,
    Picture,
    check_frames_writable,
    decode_frames,
    decode_image,
    encode_frames,
    encode_image,
)
from darklift.image.formats import FORMATS
from darklift.image.left_out import left_out
from heif_files import HEIF_SIZE, box, heif_file

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "formats.md"
START, END = "<!-- table: what each container keeps -->", "<!-- end of table -->"
CONTAINERS = [known.name for known in FORMATS if known.encode]
SIZE = (24, 32)

READING_START = "<!-- table: what is read -->"
KEPT, NAMED, REFUSED, NOTHING = "kept", "left out, named", "refused", "–"


def plain() -> Picture:
    """Smooth, so that lossy formats stay near it, and nowhere gray."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / np.float32(max(SIZE))
    return Picture(np.stack([0.2 + x / 2, 0.3 + y / 2, np.full_like(x, 0.25)], 2).astype(np.float32))


def seen(data: bytes) -> Image.Image:
    """The file as another program sees it: upright, by what its metadata say."""
    image = Image.open(io.BytesIO(data))
    image.load()
    if image.format == "JPEG2000":  # of which Pillow passes on nothing but pixels, resolution and comment
        _, *exif = data.split(b"uuidJpgTiffExif->JP2")
        _, *xmp = data.split(b"uuid" + uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes)
        _, *profile = data.split(b"colr\2\0\0")
        image.info["exif"] = b"".join(exif)
        image.info["xmp"] = b"".join(xmp)[: len(XMP)]
        if profile:
            image.info["icc_profile"] = profile[0][: int.from_bytes(profile[0][:4], "big")]
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
VIDEO = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)


def iptc_of(data: bytes) -> bool:
    return IPTC in data  # as it is: no container compresses it


def has_xmp(image: Image.Image) -> bool:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not found and hasattr(image, "tag_v2"):
        found = image.tag_v2.get(700, b"")
    return (found.encode() if isinstance(found, str) else bytes(found)) == XMP


def dpi_of(image: Image.Image) -> bool:
    found = image.info.get("dpi", (0, 0))
    return abs(float(found[0]) - 300) < 1 and abs(float(found[1]) - 150) < 1


# name of the property, what the picture gets, whether a file that was written (its bytes, as another program opens it)
# has it
Check = Callable[[bytes, Image.Image], bool]
METADATA: list[tuple[str, Metadata, Check]] = [
    (
        "EXIF with GPS and maker notes",
        Metadata(exif=exif_block()),
        lambda _, image: (
            exif_of(image)[0x010F] == "Maker"
            and exif_of(image).get_ifd(0x8769)[0x927C] == b"maker note"
            and exif_of(image).get_ifd(0x8825)[1] == "N"
        ),
    ),
    ("ICC profile", Metadata(icc_profile=PROFILE), lambda _, image: image.info["icc_profile"] == PROFILE),
    ("XMP", Metadata(xmp=XMP), lambda _, image: has_xmp(image)),
    ("IPTC", Metadata(iptc=IPTC), lambda data, _: iptc_of(data)),
    ("resolution", Metadata(dpi=(300.0, 150.0)), lambda _, image: dpi_of(image)),
    (
        "comment",
        Metadata(comment=b"by night"),
        lambda _, image: image.info.get("comment", image.info.get("Comment")) in (b"by night", "by night"),
    ),
    ("video of a motion photo", Metadata(trailer=VIDEO), lambda data, _: data.endswith(VIDEO)),
    (
        "texts of a PNG",
        Metadata(png_chunks=((b"tEXt", b"Title\0Night"),)),
        lambda _, image: image.info["Title"] == "Night",
    ),
]


def metadata_cell(container: str, metadata: Metadata, check: Check) -> str:
    picture = replace(plain(), metadata=metadata)
    data = encode_image(picture, container)
    if left_out(picture, container):
        with pytest.raises((KeyError, AssertionError)):
            assert check(data, seen(data))
        return NAMED
    assert check(data, seen(data))
    return KEPT


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
    image = seen(encode_image(Picture(pixels, gray=True), container))
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


def table() -> list[list[str]]:
    rows = [["", *CONTAINERS]]
    rows.append(["pixels", *map(pixels_cell, CONTAINERS)])
    rows.append(["transparency", *map(alpha_cell, CONTAINERS)])
    rows.append(["one channel", *map(gray_cell, CONTAINERS)])
    rows.append(["animation", *(several_cell(container, "PNG") for container in CONTAINERS)])
    rows.append(["several pages", *(several_cell(container, "TIFF") for container in CONTAINERS)])
    for name, metadata, check in METADATA:
        rows.append([name, *(metadata_cell(container, metadata, check) for container in CONTAINERS)])
    return rows


def as_markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def test_the_table_in_the_docs_is_what_happens() -> None:
    written = PAGE.read_text(encoding="utf-8").split(START)[1].split(END)[0].strip()
    assert written == as_markdown(table())


def test_the_table_says_nothing_but_these() -> None:
    allowed = {KEPT, NAMED, REFUSED, "as gray RGB", "lossless", "lossy", "lossy, or lossless"}
    for _, *cells in table()[1:]:
        assert set(cells) <= allowed


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
    if container == "JPEG2000":  # of which Pillow writes no EXIF
        return encode_image(replace(plain(), metadata=Metadata(exif=exif.tobytes())), container)
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


def deep_file(container: str) -> bytes | None:
    """A file with more than 8 bits, of gray where Pillow can write no other."""
    samples = (plain().pixels[:, :, 0] * 65535).astype(np.uint16)
    if container in ("JPEG2000", "PNG", "TIFF"):
        stream = io.BytesIO()
        Image.fromarray(samples).save(stream, container)
        return stream.getvalue()
    if container == "PPM":
        return b"P5 %d %d 65535\n" % SIZE[::-1] + samples.astype(">u2").tobytes()
    if container == "AVIF":
        data = saved("AVIF").replace(b"pixi\0\0\0\0\3\x08\x08\x08", b"pixi\0\0\0\0\3\x0a\x0a\x0a")
        at = data.index(b"av1C") + 6
        return data[:at] + bytes([data[at] | 0x40]) + data[at + 1 :]
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
    return KEPT


def frames_cell(container: str) -> str:
    if container == "HEIF":
        data = heif_file(pictures=2)
    elif container in ("AVIF", "GIF", "PNG", "TIFF", "WebP"):
        data = saved(container, save_all=True, append_images=[Image.new("RGB", SIZE[::-1])])
    else:
        return NOTHING
    if container == "HEIF":
        with pytest.raises(ImageError, match="2 "):
            decode_frames(data)
        return REFUSED
    frames = decode_frames(data)
    assert len(frames) == len(list(frames)) == 2
    assert decode_image(data, frame=2).size == frames.picture(2).size
    with pytest.raises(ImageError, match="2 "):
        decode_image(data)
    return "all, or one" if frames.reel.moving else "each page, or one"


def hdr_cell(container: str) -> str:
    numbers = struct.pack(">2H", 9, 16)  # BT.2020, PQ
    if container == "HEIF":
        data = heif_file(box(b"colr", b"nclx", numbers, struct.pack(">HB", 9, 0x80)))
    elif container == "AVIF":
        data = saved("AVIF")
        at = data.index(b"colrnclx") + 8
        data = data[:at] + numbers + data[at + 4 :]
    else:
        return NOTHING
    with pytest.raises(ImageError, match="PQ"):
        decode_image(data)
    return REFUSED


def colour_numbers_cell(container: str) -> str:
    numbers = struct.pack(">2H", 12, 13)  # Display P3
    if container == "HEIF":
        data = heif_file(box(b"colr", b"nclx", numbers, struct.pack(">HB", 6, 0x80)))
    elif container == "AVIF":
        data = saved("AVIF")
        at = data.index(b"colrnclx") + 8
        data = data[:at] + numbers + data[at + 4 :]
    else:
        return NOTHING
    found = seen(encode_image(decode_image(data), "PNG")).info["icc_profile"]
    assert ImageCms.ImageCmsProfile(io.BytesIO(found)).profile.profile_description == "Display P3"
    return "as ICC profile"


READING: dict[str, Callable[[str], str]] = {
    "stored on its side": orientation_cell,
    "more than 8 bits": deep_cell,
    "several frames or pages": frames_cell,
    "colours by number": colour_numbers_cell,
    "HDR (PQ, HLG)": hdr_cell,
}


def reading_table(containers: list[str]) -> list[list[str]]:
    rows = [["", *containers]]
    return rows + [[name, *map(cell, containers)] for name, cell in READING.items()]


def test_the_table_of_reading_is_what_happens() -> None:
    containers = [known.name for known in FORMATS]
    written = PAGE.read_text(encoding="utf-8").split(READING_START)[1].split(END)[0].strip()
    if importlib.util.find_spec("pi_heif") is None:  # all columns but that one
        containers.remove("HEIF")
        rows = [line.strip("| ").split(" | ") for line in written.splitlines()]
        place = rows[0].index("HEIF")
        for row, (_, *cells) in zip(rows[2:], reading_table(containers)[1:], strict=True):
            del row[place + 1]
            assert row[1:] == cells
        return
    assert written == as_markdown(reading_table(containers))


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for start, rows in ((START, table()), (READING_START, reading_table([known.name for known in FORMATS]))):
        before, rest = text.split(start)
        text = f"{before}{start}\n\n{as_markdown(rows)}\n\n{END}{rest.split(END, 1)[1]}"
    PAGE.write_text(text, encoding="utf-8")
