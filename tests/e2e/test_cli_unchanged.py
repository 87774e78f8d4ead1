"""A photo that is left as it is stays the same file, and what must be refused is refused before the network runs."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from PIL import Image

from darklift import Enhancer, ImageError

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"

pytestmark = pytest.mark.usefixtures("loaded_models")
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp"}


def photo(brightness: int = 102, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """By default as bright as the model would have it."""
    grain = np.random.default_rng(0).integers(-3, 4, (size[1], size[0], 3))
    return Image.fromarray((brightness + grain).clip(0, 255).astype(np.uint8))


def saved(container: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or photo()).save(file, container, **options)
    return file.getvalue()


@pytest.mark.parametrize("container", ENDINGS)
def test_a_bright_photo_is_the_same_file(darklift: Darklift, tmp_path: Path, container: str) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    options = {} if container == "BMP" else {"exif": exif}
    name, data = f"good{ENDINGS[container]}", saved(container, **options)
    (tmp_path / name).write_bytes(data)
    result = darklift("enhance", name, "-o", "out/", "--json")
    assert result.exit_code == 0, result.stderr
    (account,) = json.loads(result.stdout)["files"]
    assert (account["share"], account["unchanged"], account["notes"]) == (0, True, [])
    assert (tmp_path / "out" / name).read_bytes() == data
    assert "the same bytes" in result.stderr


@pytest.mark.parametrize("container", ENDINGS)
def test_strength_0_gives_back_the_file(darklift: Darklift, tmp_path: Path, container: str) -> None:
    name, data = f"dark{ENDINGS[container]}", saved(container, photo(9))
    (tmp_path / name).write_bytes(data)
    assert darklift("enhance", name, "-o", "out/", "--strength", 0).exit_code == 0
    assert (tmp_path / "out" / name).read_bytes() == data


def test_a_black_frame_is_the_same_file_and_says_why(darklift: Darklift, tmp_path: Path) -> None:
    data = saved("JPEG", Image.new("RGB", (64, 48), (16, 16, 16)))
    (tmp_path / "black.jpg").write_bytes(data)
    result = darklift("enhance", "black.jpg", "-o", "out/", "--json")
    (account,) = json.loads(result.stdout)["files"]
    assert (account["share"], account["holds_nothing"], account["unchanged"]) == (0, True, True)
    assert "nothing to bring out" in result.stderr
    assert (tmp_path / "out/black.jpg").read_bytes() == data


def test_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from darklift.cli import app

    monkeypatch.chdir(tmp_path)
    data = saved("JPEG")
    (tmp_path / "good.jpg").write_bytes(data)
    for arguments, given in ((["-"], data), (["good.jpg", "-o", "-"], None)):
        result = CliRunner().invoke(app, ["enhance", *arguments], input=given)
        assert (result.exit_code, result.stdout_bytes) == (0, data)
    assert CliRunner().invoke(app, ["enhance", "-", "-o", "new/a.jpg"], input=data).exit_code == 0
    assert (tmp_path / "new/a.jpg").read_bytes() == data


def test_nothing_is_kept_back_from_a_copy(darklift: Darklift, tmp_path: Path) -> None:
    data = saved("JPEG") + b"a film of two seconds"
    (tmp_path / "motion.jpg").write_bytes(data)
    assert darklift("enhance", "motion.jpg").exit_code == 0
    assert (tmp_path / "motion_enhanced.jpg").read_bytes() == data


@pytest.mark.parametrize(
    ("container", "options"),
    [
        ("JPEG", ["--quality", "60"]),
        ("WEBP", ["--quality", "60"]),
        ("WEBP", ["--lossless"]),
        ("JPEG", ["--format", "png"]),
        ("PNG", ["--format", "jpg"]),
        ("JPEG", ["--exposure", "+0"]),
        ("JPEG", ["--highlights", "-40"]),
    ],
)
def test_who_asks_for_something_else_gets_it(
    darklift: Darklift, tmp_path: Path, container: str, options: list[str]
) -> None:
    name, data = f"good{ENDINGS[container]}", saved(container)
    (tmp_path / name).write_bytes(data)
    result = darklift("enhance", name, "-o", "out/", "--json", *options)
    assert result.exit_code == 0, result.stderr
    (account,) = json.loads(result.stdout)["files"]
    assert not account["unchanged"]
    assert Path(account["output"]).read_bytes() != data


def test_a_bright_photo_whose_tones_were_wished_otherwise_says_so(darklift: Darklift, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(saved("PNG"))
    result = darklift("enhance", "good.png", "-o", "out/", "--shadows", "40", "--json")
    (account,) = json.loads(result.stdout)["files"]
    assert (account["share"], account["unchanged"]) == (0, False)
    assert "tones" in result.stderr
    assert "left as it is" not in result.stderr
    with Image.open(tmp_path / "out/good.png") as made:
        assert np.asarray(made).mean() > np.asarray(photo()).mean() + 5


def test_options_that_mean_nothing_to_the_format_change_nothing(darklift: Darklift, tmp_path: Path) -> None:
    for name, data in (("a.png", saved("PNG")), ("b.webp", saved("WEBP", lossless=True))):
        (tmp_path / name).write_bytes(data)
        options = ["--quality", "60"] if name == "a.png" else ["--lossless"]
        assert darklift("enhance", name, "-o", "out/", *options).exit_code == 0
        assert (tmp_path / "out" / name).read_bytes() == data


def test_a_photo_over_itself_is_not_even_touched(darklift: Darklift, tmp_path: Path) -> None:
    path = tmp_path / "good.jpg"
    path.write_bytes(saved("JPEG"))
    before = path.stat()
    assert darklift("enhance", "good.jpg", "-o", "good.jpg", "--overwrite").exit_code == 0
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_python_copies_too(darklift: Darklift, tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(saved("JPEG"))
    assert Enhancer().__call__("good.jpg") == "good_enhanced.jpg"
    assert (tmp_path / "good_enhanced.jpg").read_bytes() == (tmp_path / "good.jpg").read_bytes()
    with pytest.raises(ImageError, match=r"good_enhanced\.jpg"):
        Enhancer().__call__("good.jpg")


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_comes_back_as_it_was_coded(darklift: Darklift, tmp_path: Path, lossless: bool) -> None:
    exif = Image.Exif()
    exif[0x10F] = "Cam"
    for name, options in {"plain.webp": {}, "extended.webp": {"exif": exif}}.items():
        (tmp_path / name).write_bytes(saved("WEBP", photo(9), lossless=lossless, **options))
        assert darklift("enhance", name, "-o", "out/").exit_code == 0
        assert (b"VP8L" in (tmp_path / "out" / name).read_bytes()) == lossless
        assert darklift("enhance", name, "-o", "less/", "--quality", "50").exit_code == 0
        assert b"VP8L" not in (tmp_path / "less" / name).read_bytes()


class TestBeforeTheNetworkRuns:
    @pytest.fixture(autouse=True)
    def _no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(*_: object, **__: object) -> None:
            raise AssertionError("the network ran")

        monkeypatch.setattr(Enhancer, "run_batch", run)

    def refused(self, darklift: Darklift, *arguments: str) -> str:
        result = darklift("enhance", *arguments)
        assert result.exit_code == 1
        assert "defect" not in result.stderr
        (line,) = result.stderr.splitlines()
        return line

    def test_alpha(self, darklift: Darklift, tmp_path: Path) -> None:
        cut_out = photo(9)
        cut_out.putalpha(Image.linear_gradient("L").resize(cut_out.size))
        cut_out.save(tmp_path / "a.png")
        for ending in ("jpg", "bmp"):
            line = self.refused(darklift, "a.png", "--format", ending)
            assert "alpha" in line
            assert f"a_enhanced.{ending}" in line

    def test_a_side_that_is_too_long(self, darklift: Darklift, tmp_path: Path) -> None:
        photo(9, (16_384, 2)).save(tmp_path / "a.png")
        assert "16383" in self.refused(darklift, "a.png", "-o", "a.webp")

    def test_metadata_that_is_too_long(self, darklift: Darklift, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x10F] = "x" * 70_000
        photo(9).save(tmp_path / "a.png", exif=exif)
        assert "EXIF" in self.refused(darklift, "a.png", "-o", "a.jpg")

    def test_names_that_no_disk_takes(self, darklift: Darklift, tmp_path: Path) -> None:
        photo(9).save(tmp_path / "a.png")
        assert "long" in self.refused(darklift, "a.png", "-o", "x" * 300 + ".png").lower()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written(self, darklift: Darklift, tmp_path: Path) -> None:
        photo(9).save(tmp_path / "a.png")
        (tmp_path / "out").mkdir(mode=0o555)
        assert "read-only" in self.refused(darklift, "a.png", "-o", "out/")

    def test_in_python(self, darklift: Darklift, tmp_path: Path) -> None:
        (tmp_path / "night_enhanced.png").touch()
        photo(9).save(tmp_path / "night.png")
        with pytest.raises(ImageError, match="night_enhanced"):
            Enhancer().__call__("night.png")


@pytest.mark.parametrize("ending", [".jpg", ".bmp"])
def test_alpha_that_hides_nothing_is_no_reason_to_refuse(darklift: Darklift, tmp_path: Path, ending: str) -> None:
    opaque, plain = photo(9), photo(9)
    opaque.putalpha(255)
    opaque.save(tmp_path / "a.png")
    plain.save(tmp_path / "b.png")
    assert darklift("enhance", "a.png", "b.png", "-o", "out/", "--format", ending).exit_code == 0
    assert (tmp_path / f"out/a{ending}").read_bytes() == (tmp_path / f"out/b{ending}").read_bytes()
    assert darklift("enhance", "a.png", "-o", "out/").exit_code == 0
    with Image.open(tmp_path / "out/a.png") as kept:
        assert kept.mode == "RGBA"
        assert kept.getextrema()[3] == (255, 255)


def test_a_jpeg_without_an_end_is_read_and_a_cut_one_is_not(darklift: Darklift, tmp_path: Path) -> None:
    whole = saved("JPEG", photo(9))
    (tmp_path / "a.jpg").write_bytes(whole[:-2])
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) * 4 // 5])
    result = darklift("enhance", "a.jpg", "b.jpg", "-o", "out/", "--json")
    assert result.exit_code == 1
    read, refused = json.loads(result.stdout)["files"]
    assert (len(read["notes"]), read["error"]) == (1, None)
    assert "end marker" in read["notes"][0]
    assert "b.jpg" in refused["error"]
    assert os.listdir(tmp_path / "out") == ["a.jpg"]


@pytest.mark.parametrize("frames", [1, 2])
def test_a_profile_that_cannot_be_used_is_told(darklift: Darklift, tmp_path: Path, frames: int) -> None:
    pictures = [photo(20 + number) for number in range(frames)]
    pictures[0].save(tmp_path / "dark.png", save_all=frames > 1, append_images=pictures[1:], icc_profile=bytes(200))
    result = darklift("enhance", "dark.png", "-o", "out/", "--json")
    (account,) = json.loads(result.stdout)["files"]
    assert any("colours were read as sRGB" in note for note in account["notes"])
    assert "colours were read as sRGB" in result.stderr


def test_what_nobody_would_see_is_left_alone(darklift: Darklift, tmp_path: Path) -> None:
    """Just beyond the brightness at which a photo is left alone; one whose share rounds to nothing is, too."""
    shares = []
    for brightness in range(60, 104):
        data = saved("PNG", photo(brightness))
        (tmp_path / "photo.png").write_bytes(data)
        result = darklift("enhance", "photo.png", "-o", "out.png", "--overwrite", "--json")
        (account,) = json.loads(result.stdout)["files"]
        shares.append(account["share"])
        assert account["unchanged"] == (account["share"] == 0) == ((tmp_path / "out.png").read_bytes() == data)
        assert "as asked" not in result.stderr
    assert min(share for share in shares if share) >= 0.005
