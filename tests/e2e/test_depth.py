"""16-bit photos all the way: what the command and the Enhancer make of them, and evaluation and training read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

import darklift
from darklift import Enhancer, read_image, write_image
from darklift.data import Pair, match_pairs
from darklift.evaluation.evaluate import evaluate
from darklift.image import Picture, Source, from_array

if TYPE_CHECKING:
    from typer.testing import Result

tifffile = pytest.importorskip("tifffile", reason="tifffile makes and checks the files here")

Darklift: TypeAlias = "Callable[..., Result]"
Codes = npt.NDArray[np.uint16]


def scene(height: int = 192, width: int = 256) -> Codes:
    """A dark 14-bit scene in 16 bits: a sky of four 8-bit codes, a lit wall below, and a sensor's noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    sky = 2 + 4 * rows / height
    wall = 24 + 14 * np.sin(columns[:, :, None] / (9, 11, 13) + rows[:, :, None] / 17)
    unit = np.where(rows[:, :, None] > height * 2 // 3, wall, sky[:, :, None] * (0.8, 1.0, 1.3)) / 255
    noise = np.random.default_rng(0).normal(0, 6 / 16383, unit.shape)
    return (np.rint((unit + noise).clip(0, 1) * 16383) * 4).astype(np.uint16)


def by_tifffile(path: str | Path) -> npt.NDArray[Any]:
    return np.asarray(tifffile.imread(path))


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Codes:
    """The scene, in night.tif of the current folder."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("night.tif", scene(), photometric="rgb")
    return scene()


def test_16_bits_in_are_16_bits_out_with_thousands_of_levels(night: Codes) -> None:
    enhancer = Enhancer()
    fine = by_tifffile(enhancer("night.tif"))
    assert fine.dtype == np.uint16
    coarse = enhancer(np.rint(night / 257).astype(np.uint8))
    assert len(np.unique(fine)) >= 4000
    assert len(np.unique(coarse)) < 256
    # Bands: what is left of the roundings in means over 9x9 pixels of the sky, less the mean shift of each channel.
    exact = enhancer(Picture((night / 65535).astype(np.float32), source=Source(bits=16))).pixels

    def banding(unit: npt.NDArray[Any]) -> float:
        windows = np.lib.stride_tricks.sliding_window_view((unit - exact)[:120], (9, 9), axis=(0, 1))
        means = windows.mean(axis=(-2, -1))
        return float(255 * (means - means.mean(axis=(0, 1))).std())

    assert banding(fine / 65535) < 0.01
    assert banding(coarse / 255) > 0.1
    np.testing.assert_array_equal(fine, enhancer(night))  # an array gives the same


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3), (40, 50, 4)])
def test_strength_0_changes_no_pixel_of_16_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, darklift: Darklift, name: str, shape: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    codes = np.random.default_rng(1).integers(0, 65536, shape).astype(np.uint16)
    write_image(from_array(codes), name)
    assert darklift("enhance", name, "-o", "out.tif", "--strength", "0").exit_code == 0
    np.testing.assert_array_equal(by_tifffile("out.tif"), codes)


def test_lost_bits_are_said_to_people_and_programs(night: Codes, darklift: Darklift) -> None:
    for output, kept in (("a.jpg", False), ("a.webp", False), ("a.bmp", False), ("a.png", True), ("a.tif", True)):
        result = darklift("enhance", "night.tif", "-o", output, "--json")
        assert result.exit_code == 0
        (file,) = json.loads(result.stdout)["files"]
        assert any("16 bits" in note for note in file["notes"]) == (not kept)
        assert ("not kept: 16 bits a channel" in result.stderr) == (not kept), output
        assert read_image(output).source.bits == (16 if kept else 8)


def test_bits_are_chosen(night: Codes, darklift: Darklift) -> None:
    assert darklift("enhance", "night.tif", "-o", "few.tif", "--bits", "8", "--json").exit_code == 0
    assert by_tifffile("few.tif").dtype == np.uint8
    assert darklift("enhance", "few.tif", "-o", "many.tif", "--bits", "16").exit_code == 0
    assert by_tifffile("many.tif").dtype == np.uint16
    for wrong, said in ((("-o", "a.jpg", "--bits", "16"), "--format png"), (("--bits", "12"), "8 or 16")):
        result = darklift("enhance", "night.tif", *wrong)
        assert result.exit_code == 2
        assert said in result.stderr
    assert not Path("a.jpg").exists()


@pytest.fixture
def pairs(night: Codes, tmp_path: Path) -> tuple[Pair, ...]:
    """One of 16 bits: the night, and eight times as bright."""
    for half, codes in (("low", night), ("high", np.minimum(night * 8.0, 65535).astype(np.uint16))):
        (tmp_path / half).mkdir()
        tifffile.imwrite(tmp_path / half / "a.tif", codes, photometric="rgb")
    return match_pairs(tmp_path / "low", tmp_path / "high")


def test_evaluation_shows_the_model_all_bits_and_scores_them(pairs: tuple[Pair, ...]) -> None:
    shown: list[Picture] = []
    evaluation = evaluate(Enhancer(), pairs, on_pair=lambda result, picture: shown.append(picture))
    assert len(np.unique(np.rint(shown[0].pixels * 65535))) >= 4000
    error = shown[0].pixels.astype(np.float64) - read_image(pairs[0].high).pixels
    assert evaluation.mean["psnr"] == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-4)


def test_training_learns_from_all_bits(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    """What 8 bits would round away changes the losses, from the first step on."""
    pytest.importorskip("torch")
    from darklift.train import load_recipe
    from training import run

    recipe = Path(darklift.__file__).parent / "recipes" / "compact_tiny.toml"

    def losses(root: Path) -> dict[int, dict[str, float]]:
        changes = ("train.steps=2", "data.validation.every=9", f"data.root={root}")
        return run(load_recipe(recipe, changes), root / "run").losses

    coarse = tmp_path / "coarse"
    for half, path in (("low", pairs[0].low), ("high", pairs[0].high)):
        (coarse / half).mkdir(parents=True)
        tifffile.imwrite(coarse / half / "a.tif", np.rint(by_tifffile(path) / 257).astype(np.uint8), photometric="rgb")
    found = losses(tmp_path), losses(coarse)
    assert set(found[0]) == {1, 2}
    for step in (1, 2):
        assert found[0][step] != found[1][step]
        assert sum(found[0][step].values()) == pytest.approx(sum(found[1][step].values()), rel=0.05)


def test_dark_shots_of_a_deep_photo_are_deep_unless_they_are_jpegs(pairs: tuple[Pair, ...], darklift: Darklift) -> None:
    assert darklift("synth", pairs[0].high, "made", "--count", "8", "--max-stops", "3").exit_code == 0
    cameras = json.loads(Path("made/cameras.json").read_text())["pairs"]
    assert len({camera["jpeg"] is None for camera in cameras.values()}) == 2
    for name, camera in cameras.items():
        assert read_image(f"made/low/{name}.png").source.bits == (16 if camera["jpeg"] is None else 8)
        np.testing.assert_array_equal(read_image(f"made/high/{name}.png").pixels, read_image(pairs[0].high).pixels)
