"""A model that needs no weights, and the command line inside the test's process."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

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


@pytest.fixture(scope="session")
def fake_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page with a studio that brightens by a power function, and as slowly as a test wants."""
    from browsers import build_page, needs_modules, serving

    if needs_modules.args[0]:
        pytest.skip(needs_modules.kwargs["reason"])
    folder = tmp_path_factory.mktemp("page")
    build_page(folder, "tests/fake_main.ts")
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")  # no longer, as Playwright's loop keeps tests of other modules from running theirs
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from browsers import chromium, needs_chromium

    if needs_chromium.args[0]:
        pytest.skip(needs_chromium.kwargs["reason"])
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a browser of its own (its choices: those of Playwright's ``new_context``) once it is ready.

    Afterwards: nothing was said on any page's console but ``page.may_say``, no page asked another host, and nothing
    moved by itself, unless the test sets ``page.may_move``.
    """
    from browsers import Heard, shifts

    opened = []

    def visit(address: str, **choices: Any) -> Any:
        choices = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "reduced_motion": "reduce", **choices}
        page = browser.new_context(**choices).new_page()
        page.set_default_timeout(60_000)
        heard, page.may_say, page.may_move = Heard(), (), False
        heard.listen(page)
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]")
        opened.append((page, heard, address))
        return page

    yield visit
    for page, heard, address in opened:
        moved = shifts(page)
        page.context.close()
        assert [text for text in heard.said if not any(may in text for may in page.may_say)] == []
        assert heard.hosts <= {address.split("/")[2]}
        assert page.may_move or sum(score for score, _ in moved) < 0.001, moved
