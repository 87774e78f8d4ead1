"""Pictures in a folder that cannot be read are named and counted; files that are no pictures are nobody's business."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

pytestmark = pytest.mark.usefixtures("loaded_models")


@pytest.fixture
def phone(make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two photos, three pictures that cannot be read (two for want of rawpy), and three files that are
    none.
    """
    monkeypatch.setitem(sys.modules, "rawpy", None)
    make_photos(["phone/IMG_1.JPG", "phone/deep/IMG_2.png"])
    folder = tmp_path / "phone"
    (folder / "noending").write_bytes(b"8BPS" + bytes(40))
    (folder / "IMG_3.CR3").write_bytes(bytes(40))
    (folder / "deep" / "IMG_4.nef").write_bytes(bytes(40))
    (folder / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(40))
    (folder / "notes.txt").write_text("BMW is no bitmap, and this is no picture")
    (folder / "empty").touch()
    return folder


def test_they_are_counted_and_named(darklift: Darklift, phone: Path) -> None:
    result = darklift("enhance", "phone", "--recursive", "-o", "out/", "--json")
    assert result.exit_code == 0
    account = json.loads(result.stdout)
    assert (len(account["files"]), account["failed"]) == (2, 0)
    skipped = {Path(picture["input"]).name: picture["kind"] for picture in account["skipped"]}
    assert skipped == {"noending": "Photoshop", "IMG_3.CR3": "camera RAW", "IMG_4.nef": "camera RAW"}
    last = result.stderr.splitlines()[-1]
    for fact in ("3 of 5", "2 camera RAW", "1 Photoshop", "IMG_3.CR3", "noending"):
        assert fact in last


def test_only_where_one_looked(darklift: Darklift, phone: Path) -> None:
    assert "2 of 3" in darklift("enhance", "phone", "-o", "out/").stderr
    assert "1 of 2" in darklift("enhance", "phone/IMG_*", "-o", "out2/").stderr
    assert "cannot" not in darklift("enhance", "phone/IMG_1.JPG", "-o", "a.jpg").stderr
    assert darklift("enhance", "phone", "-o", "out3/", "--quiet").stderr == ""


def test_one_that_is_named_fails(darklift: Darklift, phone: Path) -> None:
    result = darklift("enhance", "phone/noending", "phone/IMG_1.JPG", "-o", "{stem}_out.png")
    assert result.exit_code == 1
    assert "noending" in result.stderr
    assert "1 of 2" in result.stderr


def test_a_folder_with_nothing_else(darklift: Darklift, phone: Path) -> None:
    (phone / "IMG_1.JPG").unlink()
    result = darklift("enhance", "phone", "-o", "out/")
    assert result.exit_code == 2
    assert "camera RAW" in result.stderr


def test_a_photo_that_lost_its_ending(darklift: Darklift, phone: Path) -> None:
    (phone / "IMG_1.JPG").rename(phone / "IMG_1")
    (phone / "deep" / "IMG_2.png").rename(phone / "IMG_2.png")
    account = json.loads(darklift("enhance", "phone", "-o", "out/", "--json").stdout)
    assert {"JPEG without its ending", "Photoshop"} <= {picture["kind"] for picture in account["skipped"]}


def test_a_photo_with_another_ending(darklift: Darklift, phone: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(phone / "scan.j2k")
    account = json.loads(darklift("enhance", "phone", "-o", "out/", "--json").stdout)
    assert "JPEG 2000 not named .jp2" in {picture["kind"] for picture in account["skipped"]}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_no_name_breaks_a_line(darklift: Darklift, phone: Path) -> None:
    (phone / "IMG_1.JPG").rename(phone / "a\n\x1b[31mb.jpg")
    (phone / "noending").rename(phone / "c\nd")
    (phone / "e\nf.png").write_bytes(b"none")
    result = darklift("enhance", "phone", "-o", "out/", "--json")
    lines = result.stderr.splitlines()
    assert "\x1b" not in result.stderr
    for name in (r"a\n\x1b[31mb.jpg ->", r"c\nd", r"e\nf.png: "):
        assert sum(name in line for line in lines) == 1, name
    assert {Path(file["input"]).name for file in json.loads(result.stdout)["files"]} == {"a\n\x1b[31mb.jpg", "e\nf.png"}


def test_kinds_that_nobody_listed(darklift: Darklift, phone: Path) -> None:
    from PIL import Image

    for ending in ("pcx", "icns", "sgi"):
        Image.new("RGB", (32, 32)).save(phone / f"a.{ending}")
    (phone / "a.svg").write_text("<svg/>")
    (phone / "a.jls").write_bytes(b"\xff\xd8\xff\xf7" + bytes(40))
    result = darklift("enhance", "phone", "-o", "out/", "--json")
    kinds = {picture["kind"] for picture in json.loads(result.stdout)["skipped"]}
    assert kinds == {"PCX", "ICNS", "SGI", "SVG", "JPEG-LS", "Photoshop", "camera RAW"}
    assert "7 of 8" in result.stderr
