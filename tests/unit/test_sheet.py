from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.errors import ImageError, UsageError
from darklift.figures.sheet import MAX_ROWS, fitting_side, preview, write_sheet
from darklift.image import from_array, from_pil, read_image

BLUE, RED, GREEN = (0, 0, 255), (255, 0, 0), (0, 255, 0)


def plain(colour: tuple[int, int, int], width: int = 200, height: int = 100) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def columns_of(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int]:
    """First and last column that holds the colour (nearly)."""
    near = (np.abs(np.asarray(sheet).astype(int) - colour).max(axis=2) < 8).any(axis=0)
    found = np.flatnonzero(near)
    return int(found[0]), int(found[-1])


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_pictures_stand_side_by_side_in_the_order_given(tmp_path: Path, extension: str) -> None:
    path = write_sheet([(plain(BLUE), plain(RED))], tmp_path / f"sheet{extension}")
    with Image.open(path) as image:
        sheet = image.convert("RGB")
    (blue_left, blue_right), (red_left, red_right) = columns_of(sheet, BLUE), columns_of(sheet, RED)
    assert (blue_right - blue_left, red_right - red_left) == (199, 199)
    assert blue_right < red_left


def test_three_columns_and_every_kind_of_cell(tmp_path: Path) -> None:
    file = tmp_path / "high.png"
    plain(GREEN).save(file)
    row = (from_pil(plain(BLUE)), plain(RED), file)
    path = write_sheet([row, row], tmp_path / "sheet.png", ("before", "after", "ground truth"))
    with Image.open(path) as sheet:
        lefts = [columns_of(sheet, colour)[0] for colour in (BLUE, RED, GREEN)]
    assert lefts == sorted(lefts)


def test_labels_and_captions_are_drawn(tmp_path: Path) -> None:
    rows = [(plain(BLUE), plain(RED))]
    sheets = {
        name: np.asarray(Image.open(write_sheet(rows, tmp_path / f"{name}.png", labels, captions=captions)))
        for name, labels, captions in (
            ("blank", (" ", " "), ()),
            ("labels", ("before", "after"), ()),
            ("captions", (" ", " "), ("night.jpg",)),
        )
    }
    ink = {name: int((sheet.min(axis=2) > 140).sum()) for name, sheet in sheets.items()}
    assert ink["blank"] == 0
    assert ink["labels"] > 200
    assert ink["captions"] > 100


def test_large_pictures_are_made_smaller_and_small_ones_stay(tmp_path: Path) -> None:
    path = write_sheet([(plain(BLUE, 3000, 200), plain(RED, 7, 5))], tmp_path / "sheet.png", max_side=300)
    with Image.open(path) as sheet:
        assert sheet.width < 500
        red_left, red_right = columns_of(sheet, RED)
    assert red_right - red_left + 1 == 7


def test_many_rows_keep_a_sane_size(tmp_path: Path) -> None:
    rows = [(plain(BLUE, 60, 400), plain(RED, 60, 400))] * MAX_ROWS
    path = write_sheet(rows, tmp_path / "sheet.jpg", captions=[f"{n}.jpg" for n in range(MAX_ROWS)])
    with Image.open(path) as sheet:
        assert sheet.height < 16_500
    assert fitting_side(MAX_ROWS, 2) < fitting_side(2, 2) == 960


def test_a_long_caption_keeps_its_end(tmp_path: Path) -> None:
    rows = [(plain(BLUE), plain(RED))]
    long = write_sheet(rows, tmp_path / "long.png", captions=["x" * 300 + ".jpg"])
    short = write_sheet(rows, tmp_path / "short.png", captions=["x.jpg"])
    with Image.open(long) as a, Image.open(short) as b:
        assert a.size == b.size


def test_a_preview_shows_colours_as_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red_is_blue = srgb.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    for profile, expected in ((srgb, (200, 30, 60)), (red_is_blue, (60, 30, 200))):
        image = plain((200, 30, 60))
        image.info["icc_profile"] = profile
        assert np.abs(np.asarray(preview(from_pil(image), 50)).astype(int) - expected).max() <= 2


def test_a_useless_profile_is_no_obstacle() -> None:
    image = plain(RED)
    image.info["icc_profile"] = b"no profile at all"
    assert preview(from_pil(image), 50).getpixel((5, 5)) == RED


def test_a_transparent_picture_shows_the_background() -> None:
    array = np.zeros((8, 8, 4), np.uint8)
    array[:, :4] = (255, 0, 0, 255)
    seen = preview(from_array(array), 8)
    assert seen.getpixel((0, 0)) == RED
    assert max(seen.getpixel((7, 0))) < 60  # type: ignore[type-var]


def test_a_gray_picture_is_shown() -> None:
    seen = preview(from_array(np.full((4, 4), 128, np.uint8)), 8)
    assert (seen.mode, seen.getpixel((0, 0))) == ("RGB", (128, 128, 128))


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    path, cell = tmp_path / "sheet.png", plain(RED)
    with pytest.raises(UsageError, match="1 to 100 rows, got 0"):
        write_sheet([], path)
    with pytest.raises(UsageError, match="got 101"):
        write_sheet([(cell, cell)] * 101, path)
    with pytest.raises(UsageError, match="each of the 2 labels, got rows of 1, 2"):
        write_sheet([(cell,), (cell, cell)], path)
    with pytest.raises(UsageError, match="got 1 captions for 2 rows"):
        write_sheet([(cell, cell)] * 2, path, captions=["a"])
    with pytest.raises(UsageError, match="max_side is 0"):
        write_sheet([(cell, cell)], path, max_side=0)
    assert not path.exists()


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_bytes(b"mine")
    with pytest.raises(ImageError, match="exists already"):
        write_sheet([(plain(RED), plain(RED))], path)
    assert path.read_bytes() == b"mine"
    write_sheet([(plain(RED), plain(RED))], path, overwrite=True)
    assert read_image(path).size[0] > 100


def test_a_cell_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        write_sheet([(tmp_path / "missing.png", plain(RED))], tmp_path / "sheet.png")
