"""``darklift synth`` and ``darklift darken``: what they write, that it is the same again, and what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

from darklift import Picture, read_image
from darklift.cli._options import write_json
from darklift.data import find_pairs
from darklift.data.shots import shoot_dark
from darklift.errors import ModelError, UsageError

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        rows, columns = np.mgrid[0:40, 0:56]
        waves = [130 + 90 * np.sin(rows / (5 + number) + columns / (7 + c)) for c in range(3)]
        Image.fromarray(np.stack(waves, axis=2).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pairs_that_train_can_find_darker_as_their_cameras_say(darklift: Darklift, photos: Path) -> None:
    result = darklift("synth", photos, "pairs", "--count", 2, "--min-stops", 2, "--max-stops", 5)
    assert (result.exit_code, result.stdout) == (0, "")
    pairs = find_pairs(Path("pairs"))
    cameras = json.loads(Path("pairs/cameras.json").read_text())["pairs"]
    assert [pair.name for pair in pairs] == sorted(cameras)
    assert len(pairs) == 6
    for pair in pairs:
        camera = cameras[pair.name]
        high, low = read_image(pair.high).pixels, read_image(pair.low).pixels
        np.testing.assert_array_equal(high, read_image(camera["photo"]).pixels)
        assert 2 <= camera["stops"] <= 5
        lost = 2.2 * np.log2(high.mean() / low.mean())
        assert lost == pytest.approx(camera["stops"], abs=1.5), "coded values go about as light to the power 1/2.2"


def test_the_same_seed_makes_the_same_files_and_another_does_not(darklift: Darklift, photos: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert darklift("synth", photos, folder, "--seed", seed).exit_code == 0
    assert written(Path("a")) == written(Path("b"))
    assert written(Path("a"))["low/00001_0.png"] != written(Path("c"))["low/00001_0.png"]


def test_nothing_is_overwritten_unasked(darklift: Darklift, photos: Path) -> None:
    assert darklift("synth", photos, "pairs").exit_code == 0
    before = written(Path("pairs"))
    again = darklift("synth", photos, "pairs", "--seed", 3)
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert written(Path("pairs")) == before
    Path("pairs/cameras.json").rename("elsewhere.json")
    assert darklift("synth", photos, "pairs").exit_code == 2, "whose pairs these are is not known"
    Path("elsewhere.json").rename("pairs/cameras.json")
    (photos / "2.png").unlink()
    assert darklift("synth", photos, "pairs", "--seed", 3, "--overwrite").exit_code == 0
    assert sorted(written(Path("pairs"))) == sorted(name for name in before if "2.png" not in name)
    assert written(Path("pairs")) != {name: before[name] for name in written(Path("pairs"))}


@pytest.mark.parametrize(
    ("photos_of_the_second", "options", "code"),
    [
        ("photos", ["--min-stops", "5", "--max-stops", "2"], 2),
        ("broken.png", [], 1),
        ("pairs/high", [], 2),
    ],
)
def test_pairs_give_way_only_to_new_ones(
    darklift: Darklift, photos: Path, photos_of_the_second: str, options: list[str], code: int
) -> None:
    assert darklift("synth", photos, "pairs").exit_code == 0
    before = written(Path("pairs"))
    Path("broken.png").write_bytes(b"no picture")
    assert darklift("synth", photos_of_the_second, "pairs", "--overwrite", *options).exit_code == code
    assert written(Path("pairs")) == before


def test_a_strangers_file_in_the_way_is_told_before_anything_is_lost(darklift: Darklift, photos: Path) -> None:
    assert darklift("synth", photos / "0.png", "pairs").exit_code == 0
    Path("pairs/high/00002_2.png").write_bytes(b"somebody's")
    before = written(Path("pairs"))
    result = darklift("synth", photos / "1.png", photos / "2.png", "pairs", "--overwrite")
    assert result.exit_code == 2
    assert "in the way" in result.stderr
    assert written(Path("pairs")) == before


def test_what_a_killed_run_has_left_can_be_replaced(
    darklift: Darklift, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def write_and_die(path: Path, content: Any) -> None:
        if "unfinished" not in content:
            raise Killed
        write_json(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("darklift.cli._darken.write_json", write_and_die)
        with pytest.raises(Killed):
            darklift("synth", photos, "pairs")
    assert len(find_pairs(Path("pairs"))) == 3
    assert darklift("synth", photos, "pairs", "--overwrite", "--seed", 5).exit_code == 0
    assert "seed" in json.loads(Path("pairs/cameras.json").read_text())


def test_earlier_pairs_stay_known_while_they_are_taken_away(
    darklift: Darklift, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert darklift("synth", photos, "pairs").exit_code == 0

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        darklift("synth", photos / "1.png", "pairs", "--overwrite")
    assert darklift("synth", photos / "1.png", "pairs", "--overwrite").exit_code == 0
    assert len(find_pairs(Path("pairs"))) == 1


@pytest.mark.parametrize("account", ['{"pairs": 5}', '{"pairs": [1, 2]}', "[]", "no json"])
def test_an_account_that_is_none_is_told(darklift: Darklift, photos: Path, account: str) -> None:
    assert darklift("synth", photos, "pairs").exit_code == 0
    Path("pairs/cameras.json").write_text(account)
    result = darklift("synth", photos, "pairs", "--overwrite")
    assert result.exit_code == 1
    assert "pairs/cameras.json" in result.stderr
    assert "Traceback" not in result.output


def test_a_broken_photo_is_told_and_the_rest_go_on(darklift: Darklift, photos: Path) -> None:
    (photos / "1.png").write_bytes(b"no picture")
    result = darklift("synth", photos, "pairs")
    assert result.exit_code == 1
    assert "1.png" in result.stderr
    assert "1 of 3" in result.stderr
    assert len(find_pairs(Path("pairs"))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-stops", "5", "--max-stops", "2"], "expected to rise between 0 and 12"),
        (["--max-stops", "13"], "expected to rise between 0 and 12"),
        (["--max-stops", "nan"], "expected to rise between 0 and 12"),
        (["--count", "0"], "--count"),
    ],
)
def test_cameras_that_cannot_be(darklift: Darklift, photos: Path, options: list[str], message: str) -> None:
    result = darklift("synth", photos, "pairs", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(Path().glob("pairs/*/*"))


def test_one_pixel_can_be_shot_in_the_dark() -> None:
    shot = shoot_dark(Picture(np.full((1, 1, 3), 0.9, np.float32)), seed=0, stops=(3, 3))
    assert shot.picture.size == (1, 1)
    assert shot.camera.stops == 3
    with pytest.raises(UsageError, match="stops are"):
        shoot_dark(shot.picture, 0, stops=(-1, 3))


# --- as another photo is dark -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("tiny") / "lldiffusion.safetensors", dgnet_width=32)


def save_tiny(path: Path, **changes: object) -> Path:
    import torch

    from darklift.store.checkpoint import build_method, save_checkpoint

    torch.manual_seed(0)
    config = {"width": 32, "multipliers": [1, 2], "blocks": 1, "attention_level": 1, "encoder_width": 8}
    method = build_method("lldiffusion", config | {"feature_widths": [32]} | changes)
    save_checkpoint(path, method, method.net.state_dict(), {})
    return path


def darken_like(photo: Picture, like: Picture, checkpoint: Path, **options: float) -> Picture:
    from darklift.methods.darkening import darken_like
    from darklift.store.checkpoint import load_checkpoint

    return darken_like(load_checkpoint(checkpoint).method, photo, like, **options)


def test_a_photo_is_darkened_by_dgnet_at_its_own_size(darklift: Darklift, photos: Path, checkpoint: Path) -> None:
    Image.fromarray(np.full((10, 9, 3), 12, np.uint8)).save("night.png")
    result = darklift("darken", photos / "0.png", "--like", "night.png", "--model", checkpoint)
    assert result.exit_code == 0, result.stderr
    dark = read_image(photos / "0_dark.png")
    assert dark.size == (40, 56)
    expected = darken_like(read_image(photos / "0.png"), read_image("night.png"), checkpoint)
    np.testing.assert_allclose(dark.pixels, expected.pixels, atol=0.5 / 255 + 1e-6)
    Image.fromarray(np.full((10, 9, 3), 250, np.uint8)).save("day.png")
    other = darken_like(read_image(photos / "0.png"), read_image("day.png"), checkpoint)
    assert np.abs(other.pixels - expected.pixels).max() > 1e-3, "what it is darkened like counts"
    again = darklift("darken", photos / "0.png", "--like", "night.png", "--model", checkpoint)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize("noise", [-1.0, 101.0, float("inf"), float("nan")])
def test_noise_that_cannot_be(photos: Path, checkpoint: Path, noise: float) -> None:
    photo = read_image(photos / "0.png")
    with pytest.raises(UsageError, match=r"noise is .* 100"):
        darken_like(photo, photo, checkpoint, noise=noise)


def test_models_that_cannot_darken_are_refused(photos: Path, tmp_path: Path) -> None:
    photo = read_image(photos / "0.png")
    bare = save_tiny(tmp_path / "bare.safetensors", dgnet_width=0)
    with pytest.raises(ModelError, match="DGNET"):
        darken_like(photo, photo, bare)

    from darklift.store.checkpoint import build_method, save_checkpoint

    gsad = build_method("gsad", {"width": 32, "multipliers": [1, 2], "blocks": 1})
    save_checkpoint(tmp_path / "gsad.safetensors", gsad, gsad.net.state_dict(), {})
    with pytest.raises(ModelError, match="gsad"):
        darken_like(photo, photo, tmp_path / "gsad.safetensors")
