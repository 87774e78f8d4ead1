"""Contact sheets: what stands where, how large, on which pages, and what is refused before anything is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.errors import ImageError, UsageError
from darklift.figures.sheet import Sheet, pages_in_words, preview, sheet_paths, write_sheet
from darklift.image import from_array, from_pil, read_image

BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)
BOX = (50, 50)


def plain(colour: tuple[int, int, int], width: int = 200, height: int = 100) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def columns_of(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int]:
    """First and last column that holds the colour (nearly)."""
    near = (np.abs(np.asarray(sheet).astype(int) - colour).max(axis=2) < 8).any(axis=0)
    found = np.flatnonzero(near)
    return int(found[0]), int(found[-1])


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_pictures_stand_side_by_side_in_the_order_given(tmp_path: Path, extension: str) -> None:
    (path,) = write_sheet([(plain(BLUE), plain(RED))], tmp_path / f"sheet{extension}")
    assert path == tmp_path / f"sheet{extension}"
    with Image.open(path) as image:
        sheet = image.convert("RGB")
    (blue_left, blue_right), (red_left, red_right) = columns_of(sheet, BLUE), columns_of(sheet, RED)
    assert (blue_right - blue_left, red_right - red_left) == (199, 199)
    assert blue_right < red_left


def test_three_columns_and_every_kind_of_cell(tmp_path: Path) -> None:
    file = tmp_path / "high.png"
    plain(GREEN).save(file)
    row = (from_pil(plain(BLUE)), plain(RED), file)
    (path,) = write_sheet([row, row], tmp_path / "sheet.png", ("before", "after", "ground truth"))
    with Image.open(path) as sheet:
        lefts = [columns_of(sheet, colour)[0] for colour in (BLUE, RED, GREEN)]
    assert lefts == sorted(lefts)


def test_labels_and_captions_are_drawn(tmp_path: Path) -> None:
    rows = [(plain(BLUE), plain(RED))]
    sheets = {
        name: np.asarray(Image.open(write_sheet(rows, tmp_path / f"{name}.png", labels, captions=captions)[0]))
        for name, labels, captions in (
            ("blank", (" ", " "), ()),
            ("labels", ("before", "after"), ()),
            ("captions", (" ", " "), ("night.jpg",)),
        )
    }
    ink = {name: int((sheet.min(axis=2) > 130).sum()) for name, sheet in sheets.items()}
    assert ink["blank"] == 0
    assert ink["labels"] > 200
    assert ink["captions"] > 100


def test_large_pictures_are_made_smaller_and_small_ones_stay(tmp_path: Path) -> None:
    (path,) = write_sheet([(plain(BLUE, 3000, 200), plain(RED, 7, 5))], tmp_path / "sheet.png")
    with Image.open(path) as sheet:
        blue_left, blue_right = columns_of(sheet, BLUE)
        red_left, red_right = columns_of(sheet, RED)
    assert blue_right - blue_left + 1 == 960
    assert red_right - red_left + 1 == 7


def test_many_photos_are_pages_of_pictures_that_one_can_see(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(30)]
    sheet = Sheet(tmp_path / "sheet.png", len(names))
    for number, name in enumerate(names):
        upright = number % 3 == 0
        sheet.add([plain(colour, *((400, 600) if upright else (900, 600))) for colour in (BLUE, RED)], name)
        done = number + 1
        assert len(list(tmp_path.iterdir())) >= done // 12, "full pages are written at once"
    pages = sheet.close()
    assert pages == sheet.paths == tuple(tmp_path / f"sheet_{number}.png" for number in range(1, 4))
    shown = 0.0
    for page in pages:
        with Image.open(page) as image:
            assert max(image.size) <= 4000
            pixels = np.asarray(image)
        shown += float((pixels == BLUE).all(axis=2).sum())
        assert (pixels[..., 0] > 200).mean() > 0.3, "most of a page is pictures"
    assert shown == 10 * 320 * 480 + 20 * 640 * 427


def test_an_upright_photo_stands_close_to_its_result(tmp_path: Path) -> None:
    rows = [(plain(BLUE, 300, 600), plain(RED, 300, 600)), (plain(GREEN, 600, 300), plain(GREEN, 600, 300))]
    (path,) = write_sheet(rows, tmp_path / "sheet.png")
    with Image.open(path) as sheet:
        assert columns_of(sheet, RED)[0] - columns_of(sheet, BLUE)[1] < 12


@pytest.mark.parametrize("columns", [1, 2, 3, 9])
@pytest.mark.parametrize("count", [3, 100])
@pytest.mark.parametrize("shape", [(1280, 960), (960, 1280), (2000, 500), (9, 9)])
def test_no_page_is_too_large_whatever_the_shapes(
    monkeypatch: pytest.MonkeyPatch, columns: int, count: int, shape: tuple[int, int]
) -> None:
    sizes: list[tuple[int, int]] = []
    monkeypatch.setattr("darklift.figures.sheet.from_pil", lambda image: sizes.append(image.size))
    monkeypatch.setattr("darklift.figures.sheet.write_image", lambda *_, **__: None)
    sheet, image = Sheet("s.png", count, ["x"] * columns), plain(RED, *shape)
    for _ in range(count):
        sheet.add([image] * columns, "a")
        if sizes:
            break
    assert max(sizes[0]) <= 4000
    assert len(sheet.paths) == 1 or 24 // columns * len(sheet.paths) >= count


def test_pages_are_numbered_so_that_they_sort() -> None:
    assert len(sheet_paths("s.png", 89)) == 8
    assert sheet_paths("out/s.png", 6) == (Path("out/s.png"),)
    assert sheet_paths("out/s.png", 13) == (Path("out/s_1.png"), Path("out/s_2.png"))
    many = sheet_paths("s.jpg", 1000)
    assert [many[0].name, many[-1].name] == ["s_01.jpg", "s_84.jpg"]
    assert sorted(many) == list(many)
    assert pages_in_words(many) == "s_01.jpg to s_84.jpg"
    assert pages_in_words(many[:1]) == "s_01.jpg"


def test_photos_that_failed_leave_pages_out_at_the_end(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "s.png", 30)
    for _ in range(11):
        sheet.add((plain(BLUE), plain(RED)))
    assert sheet.close() == sheet.paths[:2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s_1.png", "s_2.png"]


def test_no_photo_is_no_page(tmp_path: Path) -> None:
    assert Sheet(tmp_path / "s.png", 3).close() == ()
    assert list(tmp_path.iterdir()) == []


def test_a_long_caption_keeps_its_end(tmp_path: Path) -> None:
    rows = [(plain(BLUE), plain(RED))]
    (long,) = write_sheet(rows, tmp_path / "long.png", captions=["x" * 300 + ".jpg"])
    (short,) = write_sheet(rows, tmp_path / "short.png", captions=["x.jpg"])
    with Image.open(long) as a, Image.open(short) as b:
        assert a.size == b.size


def test_a_preview_shows_colours_as_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red_is_blue = srgb.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    for profile, expected in ((srgb, (200, 30, 60)), (red_is_blue, (60, 30, 200))):
        image = plain((200, 30, 60))
        image.info["icc_profile"] = profile
        assert np.abs(np.asarray(preview(from_pil(image), BOX)).astype(int) - expected).max() <= 2


def test_a_useless_profile_is_no_obstacle() -> None:
    image = plain(RED)
    image.info["icc_profile"] = b"no profile at all"
    assert preview(from_pil(image), BOX).getpixel((5, 5)) == RED


def test_a_transparent_picture_shows_the_background() -> None:
    array = np.zeros((8, 8, 4), np.uint8)
    array[:, :4] = (255, 0, 0, 255)
    seen = preview(from_array(array), BOX)
    assert seen.getpixel((0, 0)) == RED
    assert max(seen.getpixel((7, 0))) < 60  # type: ignore[type-var]


def test_a_gray_picture_is_shown() -> None:
    seen = preview(from_array(np.full((4, 4), 128, np.uint8)), BOX)
    assert (seen.mode, seen.getpixel((0, 0))) == ("RGB", (128, 128, 128))


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    path, cell = tmp_path / "sheet.png", plain(RED)
    with pytest.raises(UsageError, match="0 photos"):
        write_sheet([], path)
    with pytest.raises(UsageError, match="0 pictures"):
        write_sheet([()], path, labels=())
    with pytest.raises(UsageError, match=r"1 pictures .*2 labels"):
        write_sheet([(cell,), (cell, cell)], path)
    with pytest.raises(UsageError, match=r"1 captions .*2 photos"):
        write_sheet([(cell, cell)] * 2, path, captions=["a"])
    with pytest.raises(UsageError, match=r"'\.'"):
        write_sheet([(cell, cell)], "")
    sheet = Sheet(path, 1)
    sheet.add((cell, cell))
    with pytest.raises(UsageError, match="1 photos"):
        sheet.add((cell, cell))
    sheet.close()


def test_a_file_that_is_there_stays_and_no_page_is_written_beside_it(tmp_path: Path) -> None:
    mine = tmp_path / "sheet_3.png"
    mine.write_bytes(b"mine")
    rows = [(plain(RED), plain(RED))] * 36
    with pytest.raises(ImageError, match=r"sheet_3\.png"):
        write_sheet(rows, tmp_path / "sheet.png")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("sheet_3.png", b"mine")]
    assert len(write_sheet(rows, tmp_path / "sheet.png", overwrite=True)) == 3
    assert read_image(mine).size[0] > 100


def test_a_page_that_cannot_be_written_is_told_at_the_end(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "gone" / "s.png", 14)
    for _ in range(14):
        sheet.add((plain(RED), plain(RED)))
    with pytest.raises(ImageError, match=r"s_1\.png"):
        sheet.close()


def test_a_cell_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.png"):
        write_sheet([(tmp_path / "missing.png", plain(RED))], tmp_path / "sheet.png")
