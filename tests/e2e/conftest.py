"""A model that needs no weights, and the command line inside the test's process."""

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from darklift.diffusion import SamplerPreset
from darklift.runtime import Footprint, Model, ModelCard
from darklift.store.load import Opening

if TYPE_CHECKING:
    from typer.testing import Result

FloatArray: TypeAlias = npt.NDArray[np.float32]
Darklift: TypeAlias = "Callable[..., Result]"
BRIGHTNESS = 0.4

if hasattr(signal, "SIGHUP"):  # which tests under nohup ignore, and so would what they start
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class _Exposure:
    inputs = ("thumbnail",)
    outputs = ("brightness",)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return {"brightness": np.full(1, BRIGHTNESS, np.float32)}


class _Step:
    """Ten times the coded value where the brightness wanted is the predicted one; noise and level do not matter. It is
    unsure where its input is bright.
    """

    inputs = ("x", "abar", "low", "brightness")
    outputs = ("x0", "uncertainty")

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        gain = np.float32(10 / BRIGHTNESS) * feeds["brightness"]
        return {"x0": 2 * np.clip(feeds["low"] * gain, 0, 1) - 1, "uncertainty": feeds["low"]}


@pytest.fixture
def loaded_models(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every model is this one from now on; the list tells which were asked for."""
    asked_for: list[str] = []

    def load(opening: Opening) -> Model:
        asked_for.append(str(opening.model))
        preset = SamplerPreset(2, "cosine", 100, spacing="trailing", predicts="x0", max_steps=8)
        presets = {"default": preset, "unpaired": preset}  # the second is one of GSAD's
        card = ModelCard("fake", "gain", Footprint(4, sees_whole=True), presets)
        return Model(card, {"step": _Step(), "exposure": _Exposure()})

    monkeypatch.setattr(Opening, "load", load)
    return asked_for


@pytest.fixture
def darklift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Darklift:
    """Runs ``darklift`` with these arguments inside ``tmp_path``; the result has exit_code, stdout and stderr."""
    from typer.testing import CliRunner

    from darklift.cli import app

    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[[Sequence[str]], None]:
    """Writes small dark photos of these names below ``tmp_path``, with the folders that they need."""
    from PIL import Image

    def make(names: Sequence[str]) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(0).integers(0, 13, (18, 26, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)

    return make
