"""Large photos in little memory: what a whole command holds at most, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell how much memory a process took")

# not resource.ru_maxrss, which counts what the process held that started this one
CHILD = f"""
from pathlib import Path
from darklift.cli import main
try:
    main()
except SystemExit as end:
    stated = Path({str(STATUS)!r}).read_text().split("VmHWM:")[1].split()
    print(end.code or 0, 1024 * int(stated[0]))
"""
WIDTH, HEIGHT = 6016, 4992  # 30 megapixels


def enhanced(*arguments: object) -> tuple[int, int, str]:
    """Exit code, bytes held at most, and what was said."""
    command = [sys.executable, "-c", CHILD, "enhance", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    code, peak = map(int, done.stdout.split()[-2:])
    return code, peak, done.stderr


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Light that rises to the right and down, and grain: quickly made, and nothing to leave as it is."""
    path = tmp_path_factory.mktemp("large") / "night.jpg"
    light = np.linspace(8, 40, WIDTH, dtype=np.float32)[None] * np.linspace(0.5, 1, HEIGHT, dtype=np.float32)[:, None]
    grain = np.random.default_rng(0).integers(-3, 4, (HEIGHT // 24, WIDTH // 32))
    light += np.tile(grain, (24, 32))
    Image.fromarray(np.repeat(light.astype(np.uint8)[:, :, None], 3, axis=2)).save(path, quality=90)
    return path


def test_30_megapixels_take_less_than_half_a_gigabyte(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "bright.jpg"
    code, peak, said = enhanced(photo, "-o", target, "--model", "nano", "--memory", "500MB")
    assert code == 0, said
    with Image.open(target) as result:
        assert result.size == (WIDTH, HEIGHT)
        assert np.asarray(result.reduce(64)).mean() > 60
    assert peak < 500_000_000


def test_too_little_memory_is_refused_with_what_would_do(photo: Path, tmp_path: Path) -> None:
    code, peak, said = enhanced(photo, "-o", tmp_path / "bright.jpg", "--model", "nano", "--memory", "300MB")
    assert code == 1
    assert peak < 300_000_000, "it was decoded, to be refused then"
    assert not list(tmp_path.iterdir())
    (line,) = said.strip().splitlines()
    assert f"{WIDTH}x{HEIGHT}" in line
    assert "0.30 GB" in line
    assert "GB of memory at the least" in line


def test_what_is_no_size_is_refused(photo: Path, tmp_path: Path) -> None:
    code, _, said = enhanced(photo, "-o", tmp_path / "bright.jpg", "--memory", "2")
    assert code == 2
    assert "2GB" in said
