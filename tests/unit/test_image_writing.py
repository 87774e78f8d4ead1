"""darklift.image on disk: files appear whole or not at all, and replace nothing unasked."""

import os
from pathlib import Path

import numpy as np
import pytest

from darklift.errors import ImageError, UsageError, printable
from darklift.image import (
    WRITABLE_EXTENSIONS,
    Metadata,
    Picture,
    from_array,
    is_image_path,
    read_image,
    write_image,
)
from pictures import noise


@pytest.fixture
def picture() -> Picture:
    return from_array(noise(8, 8, 3))


def test_names(tmp_path: Path) -> None:
    assert is_image_path("a/B.JPEG")
    assert is_image_path(Path("x.tif"))
    assert not is_image_path("notes.txt")
    assert not is_image_path("jpg")
    for extension in sorted(WRITABLE_EXTENSIONS):
        path = tmp_path / f"a{extension.upper()}"
        assert write_image(from_array(noise(3, 3, 3)), path) == path
        assert read_image(path).size == (3, 3)


def test_contents_count_and_not_the_name(tmp_path: Path, picture: Picture) -> None:
    write_image(picture, tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").source.container == "PNG"


def test_write_refusals_say_what_to_do_and_leave_nothing(tmp_path: Path, picture: Picture) -> None:
    with_alpha = from_array(noise(4, 4, 4))
    wide = from_array(np.zeros((1, 16_384), np.uint8))
    broken = Picture(np.full((2, 2, 3), np.nan, np.float32))
    long = Picture(picture.pixels, metadata=Metadata(xmp=bytes(70_000)))
    (tmp_path / "folder.png").mkdir()
    for refused, name, said in (
        (picture, "a.gif", r"\.gif.*\.jpg"),
        (picture, "a", r"\.png"),
        (picture, "nowhere/a.png", "nowhere"),
        (picture, "folder.png", "folder"),
        (with_alpha, "a.jpg", "JPEG.*PNG"),
        (with_alpha, "a.bmp", "PNG"),
        (wide, "a.webp", "16383"),
        (picture, "nul\0.png", "nul"),
        (broken, "a.png", "NaN"),
        (broken, "a.tif", "NaN"),
        (long, "a.jpg", "XMP.*70000.*65504"),
    ):
        with pytest.raises(ImageError, match=said) as caught:
            write_image(refused, tmp_path / name)
        assert str(caught.value).startswith(f"cannot write {printable(str(tmp_path / name))}")
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.parametrize("quality", [0, 101, -1, 50.0, True, "95"])
def test_quality_out_of_range(tmp_path: Path, picture: Picture, quality: int) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        write_image(picture, tmp_path / "a.jpg", quality=quality)


def test_lossless_jpeg_does_not_exist(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(UsageError, match="PNG"):
        write_image(picture, tmp_path / "a.jpg", lossless=True)


def test_an_existing_file_is_only_replaced_when_told(tmp_path: Path, picture: Picture) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"precious")
    target.chmod(0o640)
    with pytest.raises(ImageError, match="overwrit"):
        write_image(picture, target)
    assert target.read_bytes() == b"precious"
    write_image(picture, target, overwrite=True)
    np.testing.assert_array_equal(read_image(target).pixels, picture.pixels)
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.png"]


def test_overwriting_a_link_replaces_the_file_behind_it(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"old")
    (tmp_path / "a.png").symlink_to(tmp_path / "real" / "a.png")
    write_image(picture, tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").is_symlink()
    assert read_image(tmp_path / "real" / "a.png").size == (8, 8)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_the_old_file_and_no_other(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, extension: str, error: BaseException
) -> None:
    target = tmp_path / f"a{extension}"
    target.write_bytes(b"old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ImageError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        write_image(picture, target, overwrite=True)
    if isinstance(error, OSError):
        assert "No space left" in str(caught.value)
    assert os.listdir(tmp_path) == [target.name]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    target = tmp_path / "a.png"
    monkeypatch.setattr(os, "fsync", lambda _: target.write_bytes(b"another's"))
    if not links:
        monkeypatch.setattr(os, "link", unsupported)
    with pytest.raises(ImageError, match="exists"):
        write_image(picture, target)
    assert target.read_bytes() == b"another's"
    assert os.listdir(tmp_path) == ["a.png"]


def test_file_systems_without_links(tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", unsupported)
    write_image(picture, tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").size == (8, 8)
    monkeypatch.setattr(Path, "replace", unsupported)
    with pytest.raises(ImageError, match="not supported"):
        write_image(picture, tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["a.png"]


def unsupported(*_: object, **__: object) -> None:
    raise OSError(95, "Operation not supported")


def test_new_files_get_the_usual_permissions(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "usual").touch()
    written = write_image(picture, tmp_path / "a.png")
    assert written.stat().st_mode == (tmp_path / "usual").stat().st_mode
