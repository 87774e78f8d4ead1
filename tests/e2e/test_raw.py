"""Raw files through the command and the Enhancer: 16 bits all the way, as the photographer saw them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from darklift import Enhancer
from raw_files import dng_file, mosaic, raw_scene, scene_preview

if TYPE_CHECKING:
    from typer.testing import Result

pytest.importorskip("rawpy", reason="the extra raw is not installed: pip install 'darklift[raw]'")
tifffile = pytest.importorskip("tifffile", reason="tifffile makes and checks the files here")

Darklift: TypeAlias = "Callable[..., Result]"
EXPOSURE = 0.04


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> npt.NDArray[np.uint8]:
    """night.dng in the current folder, five stops too dark and noisy, on its side; what its preview shows upright."""
    monkeypatch.chdir(tmp_path)
    scene = raw_scene((192, 256))
    preview = scene_preview(scene, EXPOSURE)
    data = dng_file(mosaic(scene, EXPOSURE, noise=6), preview=preview, jpeg=True, orientation=6)
    Path("night.dng").write_bytes(data)
    return np.rot90(preview, 3)


def by_tifffile(path: str | Path) -> npt.NDArray[Any]:
    return np.asarray(tifffile.imread(path))


def test_a_dark_dng_becomes_a_jpeg_or_16_bits_with_thousands_of_levels(
    night: npt.NDArray[np.uint8], darklift: Darklift
) -> None:
    result = darklift("enhance", "night.dng", "--json")
    assert result.exit_code == 0
    (account,) = json.loads(result.stdout)["files"]
    assert account["output"] == "night_enhanced.jpg"
    assert (account["width"], account["height"]) == (192, 256)
    assert any("14 bits" in note for note in account["notes"])
    with Image.open("night_enhanced.jpg") as seen:
        assert seen.size == (192, 256)
        assert (seen.getexif()[271], seen.getexif()[274]) == ("Maker", 1)
        assert np.asarray(seen).mean() > 2.5 * night.mean()
    assert darklift("enhance", "night.dng", "--format", "tif").exit_code == 0
    fine = by_tifffile("night_enhanced.tif")
    assert (fine.dtype, fine.shape) == (np.uint16, (256, 192, 3))
    assert len(np.unique(fine)) >= 4000
    for channel in range(3):
        assert len(np.unique(fine[:, :, channel])) >= 4000


def test_it_enters_as_the_photographer_saw_it_or_plainly(night: npt.NDArray[np.uint8], darklift: Darklift) -> None:
    for option, name in (("--like-camera", "like.tif"), ("--no-like-camera", "plain.tif")):
        assert darklift("enhance", "night.dng", option, "--strength", "0", "-o", name).exit_code == 0
    like, plain = by_tifffile("like.tif") / 65535, by_tifffile("plain.tif") / 65535
    assert abs(like.mean() - night.mean() / 255) < 0.005
    assert plain.mean() > like.mean() + 0.01
    assert len(np.unique(by_tifffile("like.tif"))) >= 4000


def test_the_enhancer_takes_its_path(night: npt.NDArray[np.uint8]) -> None:
    assert Enhancer()("night.dng") == "night_enhanced.jpg"


def test_a_folder_of_raw_files_and_others(night: npt.NDArray[np.uint8], darklift: Darklift, tmp_path: Path) -> None:
    Image.fromarray(night).save("other.jpg")
    Path("broken.nef").write_bytes(Path("night.dng").read_bytes()[:4000])
    result = darklift("enhance", ".", "-o", "out/", "--json")
    assert result.exit_code == 1
    account = json.loads(result.stdout)
    assert account["failed"] == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["night.jpg", "other.jpg"]
    assert "broken.nef" in result.stderr
