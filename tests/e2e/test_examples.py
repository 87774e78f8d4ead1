"""The scripts in ``examples`` run and do what they say."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from darklift import Enhancer, Settings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NIGHT = EXAMPLES / "night.jpg"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(float)


def test_night_is_what_its_script_makes(tmp_path: Path) -> None:
    made = pixels(script("make_night").main(tmp_path / "night.jpg"))
    assert np.abs(made - pixels(NIGHT)).mean() < 0.5  # decoders of JPEG differ a little
    assert NIGHT.stat().st_size < 150_000


@pytest.mark.usefixtures("loaded_models")
def test_an_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script("enhance_array").main(NIGHT, tmp_path / "bright.png")
    assert pixels(tmp_path / "bright.png").mean() > 3 * pixels(NIGHT).mean()
    assert "same seed, same picture: True" in capsys.readouterr().out


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], loaded_models: list[str]) -> None:
    folder, results = tmp_path / "in", tmp_path / "out" / "deep"
    folder.mkdir()
    for name in ("a.jpg", "c.jpg"):
        (folder / name).write_bytes(NIGHT.read_bytes())
    (folder / "b.png").write_bytes(b"no picture")
    script("enhance_folder").main(folder, results)
    assert sorted(path.name for path in results.iterdir()) == ["a.jpg", "c.jpg"]
    assert "b.png: cannot read" in capsys.readouterr().err
    assert loaded_models == ["default"]


@pytest.mark.usefixtures("loaded_models")
def test_bytes(tmp_path: Path) -> None:
    answer = script("bytes_in_bytes_out").answer(Enhancer(), NIGHT.read_bytes(), Settings(strength=0.9))
    assert answer.startswith(b"\xff\xd8")  # JPEG in, JPEG out
    (tmp_path / "bright.jpg").write_bytes(answer)
    assert pixels(tmp_path / "bright.jpg").mean() > 3 * pixels(NIGHT).mean()


@pytest.mark.parametrize("name", ["enhance_array", "enhance_folder", "slider"])
def test_with_the_bundled_model(tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    (result,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert pixels(result).mean() > 2 * pixels(NIGHT).mean()
