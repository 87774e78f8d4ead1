"""What many tests need: a tiny paired data set on disk, a tiny recipe, and tiny networks that are not their start."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import darklift

if TYPE_CHECKING:  # PyTorch takes seconds to import: only the tests that use it pay for it
    from darklift.methods import Compact
    from darklift.train import Recipe

RECIPES = Path(darklift.__file__).parent / "recipes"
# How long an example takes only says how busy the machine is.
hypothesis.settings.register_profile("darklift", deadline=None)
hypothesis.settings.load_profile("darklift")

SIZES = [(64, 64), (96, 64), (64, 96), (80, 72), (65, 91), (96, 96)]


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What tests write need not survive a power cut, and some of them write gigabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def paired_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen pairs of 64 to 96 pixels a side, in ``low`` and ``high``; each half of a pair has its own extension."""
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root, SIZES * 2)
    return root


def write_pairs(root: Path, sizes: Iterable[tuple[int, int]]) -> None:
    """Smooth colourful pictures with an edge, and the same six times darker with noise: ``0.png`` and ``0.jpg``, …"""
    for role in ("low", "high"):
        (root / role).mkdir(parents=True)
    for number, (height, width) in enumerate(sizes):
        rng = np.random.default_rng(number)
        rows, columns = np.mgrid[0:height, 0:width]
        waves = [0.5 + 0.35 * np.sin(rows / rng.uniform(5, 20) + columns / rng.uniform(5, 20)) for _ in range(3)]
        high = np.stack(waves, axis=2)
        high[height // 3 : height // 2, width // 4 : width // 2] = rng.uniform(0, 1, 3)
        low = high * rng.uniform(0.1, 0.25) + 0.01 * rng.standard_normal(high.shape)
        for role, pixels, extension in (("low", low, ("png", "bmp")), ("high", high, ("jpg", "png"))):
            image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
            image.save(root / role / f"{number}.{extension[number % 2]}", quality=95)


@pytest.fixture
def tiny_recipe(paired_data: Path) -> "Callable[..., Recipe]":
    """The shipped smoke test on the tiny data, with ``--set`` changes: a step of it takes about 20 ms."""
    from darklift.train import load_recipe

    return lambda *changes: load_recipe(RECIPES / "compact_tiny.toml", [f"data.root={paired_data}", *changes])


@pytest.fixture(scope="session")
def make_compact() -> "Callable[..., Compact]":
    """Makes tiny compact networks whose every parameter counts: a fresh one's last layers are zero."""
    return perturbed_compact


def perturbed_compact(seed: int = 0, amount: float = 0.05, **settings: Any) -> "Compact":
    import torch

    from darklift.methods.compact import Compact, CompactConfig

    sizes = {"fine_widths": (8, 16), "coarse_widths": (8, 16), "blocks": 1, "maps": 4, "embedding": 16}
    config = CompactConfig(**{**sizes, "exposure_width": 8, **settings})
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        method = Compact(config)
        for parameter in method.net.parameters():
            parameter += amount * torch.randn_like(parameter)
    method.net.eval()
    return method


@pytest.fixture(scope="session")
def exported_compact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network that ``make_compact()`` makes, as an exported model; made once for all workers (it takes 15 s)."""
    # The workers of pytest-xdist have a folder each below the run's.
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if shared.name.startswith("popen-") else shared
    folder = shared / "exported_compact"
    with FileLock(shared / "exported_compact.lock"):
        if not folder.exists():
            from darklift.store.export import export_method

            export_method(perturbed_compact(), folder, name="tiny", info={"weights": "perturbed"})
    return folder


@pytest.fixture(scope="session")
def in_int8(exported_compact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported model, with what tools/quantise.py puts beside its graphs."""
    from darklift.image import Picture, write_image

    folder = shutil.copytree(exported_compact, tmp_path_factory.mktemp("int8") / "model")
    photos = folder.parent / "photos"
    photos.mkdir()
    for size in ((40, 48), (64, 56)):
        dark = np.random.default_rng(size).uniform(0, 0.2, (*size, 3)).astype(np.float32)
        write_image(Picture(dark), photos / f"{size[0]}.png")
    spec = importlib.util.spec_from_file_location("quantise", Path(__file__).parents[1] / "tools" / "quantise.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["quantise.py", str(folder), str(photos)])
        patch.setattr(tool, "tell_error", lambda *_: None)  # which needs a processor that computes in int8
        tool.main()
    return folder
