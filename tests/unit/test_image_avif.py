"""AVIF files: read upright and with all that is said of them, refused where Pillow would read them wrong."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.errors import ImageError
from darklift.image import Metadata, Picture, decode_image, encode_image, from_array, from_pil
from darklift.image.boxes import brands, children, heif_facts
from darklift.image.exif import clean_exif, read_directory, tiff_block, without_orientation
from pictures import noise

SIZE = (64, 96)
ORIENTATION = 0x0112


def scene(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    """Smooth, and unlike itself in every orientation."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + 2 * y) // 2], 2).astype(np.uint8)


def avif(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(scene()).save(stream, "AVIF", **{"quality": 95, "subsampling": "4:4:4", **options})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("subsampling", "orientation", "kept"),
    [("4:4:4", 1, "4:4:4"), ("4:2:2", 1, "4:2:2"), ("4:2:0", 1, "4:2:0"), ("4:2:2", 6, "4:4:4"), ("4:2:0", 6, "4:2:0")],
)
def test_colour_is_written_as_finely_as_it_came(subsampling: str, orientation: int, kept: str) -> None:
    picture = decode_image(avif(subsampling=subsampling, exif=exif_with(orientation)))
    assert picture.source.subsampling == kept
    assert heif_facts(encode_image(picture, "avif")).subsampling == kept
    assert heif_facts(encode_image(picture, "avif", quality=80)).subsampling == "4:4:4"
    assert decode_image(encode_image(picture, "jpg")).source.subsampling == "4:4:4"


def with_numbers(data: bytes, primaries: int, transfer: int) -> bytes:
    """The file with other colour numbers in its nclx box."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">2H", primaries, transfer) + data[at + 4 :]


def exif_with(orientation: int | None) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    return exif


def close_to(picture: Picture, values: np.ndarray) -> None:
    assert picture.pixels.shape == values.shape
    assert np.abs(picture.pixels - values / 255).max() < 0.1
    assert np.abs(picture.pixels - values / 255).mean() < 0.01


TURNED = {
    1: lambda v: v,
    2: lambda v: v[:, ::-1],
    3: lambda v: v[::-1, ::-1],
    4: lambda v: v[::-1],
    5: lambda v: v.transpose(1, 0, 2),
    6: lambda v: np.rot90(v, -1),
    7: lambda v: v.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda v: np.rot90(v, 1),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_it_is_turned_once_by_its_boxes_and_stays_upright(orientation: int) -> None:
    data = avif(exif=exif_with(orientation))
    assert (b"irot" in data or b"imir" in data) == (orientation != 1)
    picture = decode_image(data)
    close_to(picture, TURNED[orientation](scene()))
    again = encode_image(picture, "avif")
    close_to(decode_image(again), TURNED[orientation](scene()))
    with Image.open(io.BytesIO(again)) as seen:
        assert seen.size == picture.size[::-1]
        assert seen.getexif().get(ORIENTATION, 1) == 1
        assert seen.getexif()[0x010F] == "Maker"
    close_to(from_pil(Image.open(io.BytesIO(data))), TURNED[orientation](scene()))


def test_orientation_in_exif_alone_turns_nothing() -> None:
    plain = avif(exif=exif_with(None))
    # MIAF: only irot and imir count. The library leaves the tag out; other programs write it
    data = plain.replace(b"\x01\x0f", b"\x01\x12", 1)
    assert data != plain
    close_to(decode_image(data), scene())


def test_a_leftover_orientation_in_xmp_turns_nothing() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    stream = io.BytesIO()
    Image.fromarray(scene()).save(stream, "JPEG", quality=95, subsampling=0, xmp=xmp, exif=exif_with(1).tobytes())
    data = encode_image(decode_image(stream.getvalue()), "avif")
    close_to(decode_image(data), scene())
    with Image.open(io.BytesIO(data)) as seen:
        assert seen.getexif().get(ORIENTATION, 1) == 1
        assert seen.info["xmp"] == xmp.replace(b'"6"', b'"1"')


def test_exif_keeps_every_byte_but_the_orientation() -> None:
    exif = exif_with(6)
    exif[0x9286] = b"a comment that is longer than four bytes"
    block = clean_exif(exif.tobytes())
    picture = Picture(from_array(scene()).pixels, metadata=Metadata(exif=block, xmp=b"<x/>"))
    back = decode_image(encode_image(picture, "avif")).metadata
    assert back.exif is not None
    assert back.exif == without_orientation(block)
    assert len(back.exif) == len(block)
    kept, before = read_directory(tiff_block(back.exif)), read_directory(tiff_block(block))
    assert [entry.tag for entry in kept.entries] == [e.tag for e in before.entries if e.tag != ORIENTATION]
    assert back.xmp == b"<x/>"


def test_exif_that_the_library_would_write_anew_is_read_as_it_is() -> None:
    exif = exif_with(None)
    exif.get_ifd(0x8769)[0x927C] = b"maker note \xff\0 of nobody's business"
    block = exif.tobytes()
    with_tag = exif_with(6)
    with_tag.get_ifd(0x8769)[0x927C] = b"maker note \xff\0 of nobody's business"
    back = decode_image(avif(exif=with_tag)).metadata.exif
    assert back is not None
    assert tiff_block(back) == tiff_block(block)


@pytest.mark.parametrize("numbers", [(1, 13), (1, 1), (2, 2), (1, 6)])
def test_colours_that_screens_show_as_srgb_need_no_profile(numbers: tuple[int, int]) -> None:
    picture = decode_image(with_numbers(avif(), *numbers))
    assert picture.metadata.icc_profile is None
    assert picture.source.colour_space == "sRGB"


@pytest.mark.parametrize(
    ("numbers", "name", "red"),
    [((12, 13), "Display P3", (0.515, 0.241, -0.001)), ((9, 13), "BT.2020", (0.673, 0.279, -0.002))],
)
def test_colours_by_number_become_a_profile_of_the_same_colours(
    numbers: tuple[int, int], name: str, red: tuple[float, ...]
) -> None:
    picture = decode_image(with_numbers(avif(), *numbers))
    assert picture.source.colour_space == name
    close_to(picture, scene())  # as numbers
    profile = picture.metadata.icc_profile
    assert profile is not None
    for container in ("avif", "jpg", "png", "tif", "webp"):
        with Image.open(io.BytesIO(encode_image(picture, container))) as seen:
            assert seen.info["icc_profile"] == profile
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    assert opened.red_colorant[0] == pytest.approx(red, abs=0.002)
    assert opened.profile_description == name


def test_the_profile_of_srgbs_numbers_would_be_srgb() -> None:
    data = with_numbers(avif(), 1, 8)  # linear light
    profile = decode_image(data).metadata.icc_profile
    assert profile is not None
    srgb = ImageCms.createProfile("sRGB")
    to_linear = ImageCms.buildTransform(srgb, ImageCms.ImageCmsProfile(io.BytesIO(profile)), "RGB", "RGB")
    values = np.asarray(ImageCms.applyTransform(Image.new("RGB", (1, 1), (188, 188, 128)), to_linear))[0, 0]
    assert np.abs(values.astype(int) - (128, 128, 55)).max() <= 1


def test_a_gray_picture_gets_a_gray_profile() -> None:
    data = encode_image(from_array(scene()[:, :, 0]), "avif")
    assert decode_image(with_numbers(data, 12, 13)).metadata.icc_profile is None
    profile = decode_image(with_numbers(data, 12, 4)).metadata.icc_profile
    assert profile is not None
    assert profile[16:20] == b"GRAY"
    ImageCms.ImageCmsProfile(io.BytesIO(profile))


@pytest.mark.parametrize(("numbers", "said"), [((9, 16), "PQ"), ((9, 18), "HLG"), ((12, 9), "12/9"), ((22, 13), "22")])
def test_hdr_and_unknown_colours_are_refused(numbers: tuple[int, int], said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode_image(with_numbers(avif(), *numbers))


def with_crop(left: float, top: float, width: int, height: int) -> bytes:
    """The file with a clap property; a profile of the same size makes room for it."""
    data = avif(icc_profile=b"\1" * 28)
    right, down = left + width / 2 - SIZE[1] / 2, top + height / 2 - SIZE[0] / 2
    clap = struct.pack(">4IiIiI", width, 1, height, 1, round(right * 2), 2, round(down * 2), 2)
    assert data.count(b"colrprof" + b"\1" * 28) == 1
    data = data.replace(b"colrprof" + b"\1" * 28, b"clap" + clap)
    return data.replace(b"\1\2\x83\4\5", b"\1\2\x83\x84\5")  # a crop is essential


def test_what_was_cropped_away_does_not_come_back() -> None:
    close_to(decode_image(with_crop(10, 6, 40, 30)), scene()[6:36, 10:50])
    for odd in ((10.5, 6, 40, 30), (90, 6, 40, 30)):
        with pytest.raises(ImageError, match="crop"):
            decode_image(with_crop(*odd))


def test_alpha_and_gray_stay() -> None:
    colour = from_array(np.dstack([scene(), scene()[:, ::-1, 0]]))
    back = decode_image(encode_image(colour, "avif", quality=100))
    assert back.alpha is not None
    np.testing.assert_array_equal(back.alpha, colour.alpha)
    assert not back.gray
    gray = replace(colour, pixels=np.repeat(colour.pixels[:, :, :1], 3, 2).copy(), gray=True)
    back = decode_image(encode_image(gray, "avif", quality=100))
    assert back.gray
    assert back.alpha is not None


def test_animations_are_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(scene()).save(
        stream, "AVIF", save_all=True, append_images=[Image.fromarray(scene()[::-1])], duration=100
    )
    with pytest.raises(ImageError, match="2 frames"):
        decode_image(stream.getvalue())


def test_a_picture_beyond_what_readers_take_is_refused() -> None:
    large = Picture(np.broadcast_to(np.float32(0), (16_385, 16_384, 3)))
    with pytest.raises(ImageError, match=r"16384 x 16385.*PNG"):
        encode_image(large, "avif")


@pytest.mark.parametrize("cut", [20, 60, 150, 300, -50])
def test_a_cut_file_is_one_line(cut: int) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(avif()[:cut])
    assert "\n" not in str(caught.value)


def test_boxes_of_any_bytes_are_safe() -> None:
    data = avif(exif=exif_with(6))
    rng = np.random.default_rng(0)
    for _ in range(2000):
        broken = bytearray(data[:600])
        for at in rng.integers(4, 600, 3):
            broken[at] = rng.integers(256)
        try:
            heif_facts(bytes(broken))
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017
    assert list(children(b"")) == []
    assert brands(b"") == []


def test_another_library_reads_what_is_written() -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="a second decoder of AVIF: pip install imagecodecs")
    picture = from_array(noise(32, 48, 4))
    values = imagecodecs.avif_decode(encode_image(picture, "avif", quality=100))
    assert np.abs(values[:, :, :3] / 255 - picture.pixels).max() < 0.03
    np.testing.assert_array_equal(values[:, :, 3] / np.float32(255), picture.alpha)
