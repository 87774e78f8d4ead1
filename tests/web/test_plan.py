"""What the page plans for a photo in the browser is what Python plans for it: every value."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darklift.image import Picture, read_image
from darklift.pipeline.compose import view_of
from darklift.pipeline.look import Look
from darklift.pipeline.plan import Plan, plan, replan
from darklift.pipeline.restraint import Restraint
from darklift.pipeline.settings import Settings
from darklift.pipeline.tiling import Tile
from darklift.pipeline.trust import Signal
from darklift.runtime import Model
from darklift.store.load import Opening
from darklift.weights import find_model
from shared import SHARED, needs_pictures
from web_engine import ask, needs_node, rgba_of, told, wishes_of
from web_pictures import PICTURES, picture_of

pytestmark = needs_node

REAL = SHARED / "data" / "real"
MEMORY = 2_000_000_000
ROUNDED = 5e-7
"""What single precision leaves of another order of additions, of values up to about 1. Measured: 2.4e-7 at the most."""
TIPPED = 0.002
"""Share of a map's cells, or of the pixels around them, that may differ where a value lies just between two of half
precision, as logarithms are rounded otherwise. Measured: 1.3e-3 at the most, of a small picture."""
SMOOTHED = 1e-4
"""The same of how flat dark blocks are smoothed: slopes are quotients of small differences. Measured: 3.6e-5."""
CARD = json.loads((find_model("nano") / "model.json").read_text(encoding="utf-8"))
FEW = (
    Settings(),
    Settings(exposure="+1", lift="full", deblock="off"),
    Settings(exposure="mean=0.4", shadows=40, speed="fast"),
)
MANY = (
    *FEW,
    *(Settings(exposure=stops) for stops in (-10, -1.5, -0.3, 0, 0.4, 10)),
    *(Settings(exposure=f"mean={mean}") for mean in (0.01, 0.2, 0.7, 0.99)),
    *(Settings(steps=steps) for steps in range(1, 9)),
    Settings(strength=0),
    Settings(strength=0.35, saturation=70),
    Settings(blacks=-100, whites=100, saturation=-100),
    Settings(blacks=60, whites=-80, highlights=-50, shadows=-33),
    Settings(highlights=77, saturation=12.5),
    Settings(seed=-7, uncertainty=True, coverage=0.95),
)


@pytest.fixture(scope="module")
def model() -> Model:
    opened = Opening("nano", threads=1).load()
    opened.memory = MEMORY
    return opened


@pytest.mark.parametrize("name", PICTURES)
def test_made_up_pictures(model: Model, name: str, tmp_path: Path) -> None:
    check(model, picture_of(name), MANY if name in ("night", "cut_out") else FEW, tmp_path)


@needs_pictures(REAL)
@pytest.mark.parametrize("path", sorted(REAL.glob("*.*"))[::3], ids=lambda path: path.stem)
def test_photos(model: Model, path: Path, tmp_path: Path) -> None:
    check(model, read_image(path), FEW, tmp_path)


def test_a_model_without_a_network_for_detail_works_in_full(model: Model, tmp_path: Path) -> None:
    files = {name: digest for name, digest in CARD["files"].items() if name != "detail.onnx"}
    picture = picture_of("large")
    asked = request_for(picture, plan(model, picture), FEW[2:], Tile(0, 0, 9, 9), tmp_path)
    made = ask("plan.ts", asked | {"card": CARD | {"files": files}})
    assert [(each["scale"], each["pieces"]) for each in made["plans"]] == [(1, [])]


def check(model: Model, picture: Picture, settings: tuple[Settings, ...], folder: Path) -> None:
    first = plan(model, picture, settings[0])
    plans = [first, *(replan(model, first, wish) for wish in settings[1:])]
    piece = piece_of(first.look)
    made = ask("plan.ts", request_for(picture, first, settings, piece, folder))
    check_look(made["look"], first.look)
    assert len(made["plans"]) == len(plans)
    for got, expected in zip(made["plans"], plans, strict=True):
        check_plan(got, expected, model)
        check_piece(got["piece"], picture, expected, piece)


def request_for(
    picture: Picture, first: Plan, settings: tuple[Settings, ...], piece: Tile, folder: Path
) -> dict[str, Any]:
    guess = first.look.guess
    assert guess is not None
    return {
        "picture": told(picture, pixels_of(picture, folder)),
        "card": CARD,
        "guess": {"brightness": guess.brightness, "doubt": guess.doubt},
        "memory": MEMORY,
        "settings": [wishes_of(wish) for wish in settings],
        "piece": [piece.top, piece.left, piece.height, piece.width],
    }


def pixels_of(picture: Picture, folder: Path) -> Path:
    """A file with its values; what alpha it holds where the picture has none, nobody may look at."""
    values = rgba_of(picture)
    if not picture.has_alpha:
        values[:, :, 3] = 77
    (folder / "pixels").write_bytes(values.tobytes())
    return folder / "pixels"


def piece_of(look: Look) -> Tile:
    """Some of the part inside of borders, that begins somewhere and crosses the borders of blocks."""
    (rows, columns) = look.extent
    top, left = rows // 3, columns // 5
    return Tile(top, left, min(rows - top, 150), min(columns - left, 600))


def alike(got: Any, expected: Any, tolerance: float = ROUNDED) -> None:
    """That two numbers or arrays are the same but for rounding, as a share of what is larger than 1."""
    got, expected = np.asarray(got, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    assert got.shape == expected.shape
    apart = np.abs(got - expected) / np.maximum(np.abs(expected), 1)
    assert apart.max(initial=0) <= tolerance, (int(apart.argmax()), float(apart.max()))


def alike_as_halves(got: np.ndarray, expected: np.ndarray) -> None:
    """Of half precision: a value that lies just between two may fall to the other. What is small was a power less 1."""
    expected = expected.astype(np.float64).ravel()
    apart = np.abs(got - expected)
    assert (apart <= 2.0**-10 * expected + 3e-7).all()
    assert (apart > 0).mean() <= max(TIPPED, 1 / apart.size)


def tile_of(got: Mapping[str, int]) -> Tile:
    return Tile(got["top"], got["left"], got["height"], got["width"])


def check_look(got: dict[str, Any], look: Look) -> None:
    assert tuple(got["size"]) == look.size
    assert tile_of(got["inside"]) == look.inside
    assert (got["empty"], got["hidden"], got["gray"]) == (look.empty, look.hidden, look.gray)
    assert (got["fill"] is None, got["smoothing"] is None) == (look.fill is None, look.smoothing is None)
    if look.fill is not None:
        assert got["fill"]["solid"] == look.fill.solid
        alike(got["fill"]["cells"]["data"], look.fill.cells)
    if look.smoothing is not None:
        alike(got["smoothing"]["strength"], look.smoothing.strength)
        for name in ("share", "slopes", "offsets", "coloured"):
            alike(got["smoothing"][name]["data"], getattr(look.smoothing, name), SMOOTHED)
    alike(got["overview"]["thumbnail"]["data"], look.overview.thumbnail)
    alike(got["overview"]["statistics"], look.overview.statistics)
    alike(got["overview"]["cues"], look.overview.cues)
    alike(got["overview"]["brightness"], look.overview.brightness)
    alike(got["drowned"], look.drowned)
    assert look.signal is not None
    check_signal(got["signal"], look.signal)


def check_signal(got: dict[str, Any], signal: Signal) -> None:
    assert tuple(got["size"]) == signal.size
    assert (got["held"]["height"], got["held"]["width"]) == signal.held.shape
    for name in ("held", "level", "lit"):
        alike_as_halves(got[name]["data"], getattr(signal, name))
    scene = got["scene"]
    moved = np.abs(scene["tones"] - signal.scene.tones).sum() / 2  # the share of cells that lie in another step
    assert moved <= max(TIPPED, 1.01 / signal.level.size)
    for name in ("lights", "span", "night", "backlight", "smeared"):
        alike(scene[name], getattr(signal.scene, name), 5e-6)


def check_plan(got: dict[str, Any], made: Plan, model: Model) -> None:
    assert got["fingerprint"] == made.fingerprint
    assert got["steps"] == made.steps
    assert got["preset"]["predicts"] == made.preset.predicts
    alike(got["ladder"], made.ladder, 1e-13)
    assert made.aim is not None
    alike([got["aim"]["share"], got["aim"]["wanted"]["doubt"]], [made.aim.share, made.aim.wanted.doubt])
    alike([got["brightness"], got["share"]], [made.brightness, made.share])
    assert (got["unchanged"], got["smooths"]) == (made.unchanged, made.smoothing is not None)
    assert got["scale"] == made.scale
    for name in ("tiles", "pieces"):
        assert tuple(tile_of(tile) for tile in got[name]) == getattr(made, name)
    for name, values in got["condition"].items():
        alike(values, made.condition(model)[name])
    assert set(got["condition"]) == {"thumbnail", "statistics", "cues", "brightness", "doubt"}
    assert (got["tone"] is None) == (made.tone is None)
    if made.tone is not None:
        assert (got["tone"]["curve"] is None) == (made.tone.curve is None)
        if made.tone.curve is not None:
            alike(got["tone"]["curve"], made.tone.curve, 1e-7)
        alike([got["tone"]["saturation"], got["tone"]["colourKept"]], [made.tone.saturation, made.tone.colour_kept])
    assert (got["intervals"] is None) == (made.intervals is None)
    if made.intervals is not None:
        curves = {name: [list(curve.knots), list(curve.values)] for name, curve in made.intervals.curves.items()}
        assert got["intervals"]["curves"] == curves
        assert dict(map(tuple, got["intervals"]["factors"])) == made.intervals.factors
    assert (got["restraint"] is None) == (made.restraint is None)
    if made.restraint is not None:
        check_restraint(got["restraint"], made.restraint)


def check_restraint(got: dict[str, Any], restraint: Restraint) -> None:
    assert tuple(got["size"]) == restraint.size
    alike(got["keep"], restraint.keep, 1e-5)
    for name in ("ceiling", "level", "colour", "lit"):
        values, expected = got[name]["data"], getattr(restraint, name).astype(np.float64).ravel()
        apart = np.abs(values - expected) / np.maximum(expected, 1e-3)
        assert (apart > 1e-5).mean() <= max(TIPPED, 1 / apart.size)
        assert apart.max() <= 0.005


def check_piece(got: dict[str, Any], picture: Picture, made: Plan, piece: Tile) -> None:
    view = view_of(picture, made)
    own = view.own(piece)
    alike(got["seen"], view.of(piece), ROUNDED if made.smoothing is None else SMOOTHED)
    lit = np.minimum(own * np.float32(3) + np.float32(0.05), 1).astype(np.float32)
    if made.restraint is not None:
        made.restraint.apply(lit, own, view.of(piece), piece)
    check_pixels(got["restrained"], lit)
    if made.tone is not None:
        made.tone.apply(lit)
    check_pixels(got["toned"], lit)


def check_pixels(got: np.ndarray, expected: np.ndarray) -> None:
    """Nearly all are the same; around a cell whose half precision fell to the other side, they are nearly so."""
    apart = np.abs(got - expected.astype(np.float64).ravel())
    assert apart.max() <= 0.1 / 255
    assert (apart > 1e-5).mean() <= TIPPED
