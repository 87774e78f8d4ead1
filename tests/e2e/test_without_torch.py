"""The bundled model enhances a photo where PyTorch cannot be imported, from Python and from the command line."""

import subprocess
import sys
from pathlib import Path

from PIL import Image

NIGHT = Path(__file__).resolve().parents[2] / "examples" / "night.jpg"

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "accelerate", "safetensors", "onnx"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKED + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_python_class_enhances() -> None:
    code = """
import numpy as np
from PIL import Image
from darklift import Enhancer

dark = np.asarray(Image.open(sys.argv[1]))
bright = Enhancer()(dark)
assert bright.shape == dark.shape and bright.dtype == dark.dtype
assert bright.mean() > 1.5 * dark.mean(), (bright.mean(), dark.mean())
assert not any(name.partition(".")[0] == "torch" for name in sys.modules)
"""
    result = run(code, str(NIGHT))
    assert result.returncode == 0, result.stderr


def test_the_command_enhances(tmp_path: Path) -> None:
    target = tmp_path / "bright.png"
    result = run("from darklift.cli import main\nmain()", "enhance", str(NIGHT), "-o", str(target))
    assert result.returncode == 0, result.stderr
    with Image.open(target) as bright, Image.open(NIGHT) as dark:
        assert bright.size == dark.size
