"""One network on two runtimes: an exported model gives the picture that the checkpoint gives, whatever the request."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from darklift import Enhancer, read_image, write_image
from darklift.errors import DarkliftError, ImageError, ModelError, UsageError
from darklift.image import Picture
from darklift.image.overview import describe
from darklift.methods import Compact
from darklift.methods.gsad import Gsad, GsadConfig
from darklift.pipeline import memory as memory_module
from darklift.pipeline import plan as plan_module
from darklift.pipeline.exposure import Exposure
from darklift.runtime import Footprint, Guess, Model, ModelCard
from darklift.runtime.onnx import load_onnx_model
from darklift.store import export as export_module
from darklift.store.checkpoint import load_checkpoint, save_checkpoint
from darklift.store.export import Storage, export_method, export_model
from darklift.store.from_export import STEP, exported_method, exported_weights
from darklift.store.torch_model import torch_model

MakeCompact = Callable[..., Compact]
SIZES = [(1, 1), (1, 9), (7, 1), (5, 3), (31, 33), (64, 48), (101, 75)]


@pytest.fixture(scope="module")
def method(make_compact: MakeCompact) -> Compact:
    return make_compact()


@pytest.fixture(scope="module")
def on_torch(method: Compact) -> Enhancer:
    return Enhancer(torch_model(method, {}))


@pytest.fixture(scope="module")
def on_onnx(exported_compact: Path) -> Enhancer:
    return Enhancer(exported_compact)


def dark(height: int, width: int, seed: int = 0) -> Picture:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(rows / rng.uniform(3, 15) + columns / rng.uniform(3, 15)) for _ in range(3)], axis=2)
    pixels = 0.15 + 0.1 * waves + 0.02 * rng.standard_normal((height, width, 3))
    return Picture(np.clip(pixels, 0, 1).astype(np.float32))


def difference(one: Picture, other: Picture) -> float:
    assert one.size == other.size
    return float(np.abs(one.pixels - other.pixels).max())


# --- two runtimes, one picture ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("exposure", [None, "+1", "mean=0.3"])
def test_onnx_and_torch_give_the_same_picture(
    on_torch: Enhancer, on_onnx: Enhancer, size: tuple[int, int], steps: int, exposure: str | None
) -> None:
    picture = dark(*size)
    one, other = (e.run(picture, steps=steps, exposure=exposure, seed=3) for e in (on_torch, on_onnx))
    assert difference(one.picture, other.picture) < 1e-5
    assert one.brightness == pytest.approx(other.brightness, abs=1e-6)
    assert one.steps == other.steps == steps
    assert one.picture.size == size
    assert one.picture.pixels.min() >= 0
    assert one.picture.pixels.max() <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (40, 30)])
def test_black_and_white_pictures_come_out_as_pictures(
    on_torch: Enhancer, on_onnx: Enhancer, value: float, size: tuple[int, int]
) -> None:
    flat = Picture(np.full((*size, 3), value, np.float32))
    results = [enhancer.run(flat, steps=2).picture for enhancer in (on_torch, on_onnx)]
    assert np.isfinite(results[0].pixels).all()
    assert difference(*results) < 1e-5


def test_the_exported_model_predicts_the_same_brightness_and_maps(method: Compact, exported_compact: Path) -> None:
    overview = describe(dark(50, 70).pixels.transpose(2, 0, 1))
    models = (torch_model(method, {}), load_onnx_model(exported_compact))
    one, other = (model.condition(overview, Guess(0.4, 0.3)) for model in models)
    assert one.keys() == other.keys() >= {"coarse", "maps", "photo", "brightness", "statistics", "thumbnail"}
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], atol=1e-5, err_msg=name)
    one_guess, other_guess = (model.guess_exposure(overview) for model in models)
    assert one_guess is not None
    assert other_guess is not None
    assert one_guess.brightness == pytest.approx(other_guess.brightness, abs=1e-6)
    assert one_guess.doubt == pytest.approx(method.config.doubt_stops) == pytest.approx(other_guess.doubt)


def test_bf16_on_torch_is_close(method: Compact, on_torch: Enhancer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset({"bf16"}))
    picture = dark(64, 64)
    half = Enhancer(torch_model(method, {}, precision="bf16")).run(picture, exposure="mean=0.4").picture
    assert 0 < difference(half, on_torch.run(picture, exposure="mean=0.4").picture) < 0.05
    monkeypatch.setattr("darklift.runtime.processor.native_formats", lambda: frozenset[str]())
    with pytest.raises(UsageError, match="bf16 is not what this processor"):
        torch_model(method, {}, "cpu", "bf16")


# --- what an enhancement promises -------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_picture_and_another_is_another(on_onnx: Enhancer) -> None:
    picture = dark(40, 52)
    first, again, other = (on_onnx.run(picture, steps=4, seed=seed).picture for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert difference(first, other) > 1e-4


def test_a_picture_does_not_depend_on_what_was_enhanced_before(on_onnx: Enhancer, exported_compact: Path) -> None:
    on_onnx.run(dark(30, 90, seed=1), steps=3)
    after = on_onnx.run(dark(40, 52)).picture
    np.testing.assert_array_equal(after.pixels, Enhancer(exported_compact).run(dark(40, 52)).picture.pixels)


@pytest.mark.parametrize("size", [(170, 190), (96, 500), (161, 160)])
@pytest.mark.parametrize(("steps", "largest"), [(1, 1e-4), (3, 0.02)])
def test_tiles_show_no_seams(
    on_torch: Enhancer, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], steps: int, largest: float
) -> None:
    picture, told = dark(*size), []
    whole = on_torch.run(picture, steps=steps).picture
    # This network sees 26 pixels around it, and the outer 7/16 of an overlap have no say. What a step sees of the
    # steps before lies further away, and its far tails are cut.
    monkeypatch.setattr(memory_module, "TILE_SIDES", (160,))
    monkeypatch.setattr(plan_module, "TILE_OVERLAP", 64)
    tiled = on_torch.run(picture, steps=steps, on_step=lambda *done: told.append(done)).picture
    assert len(told) >= 2 * steps, "it was not tiled"
    assert difference(tiled, whole) < largest
    assert np.abs(tiled.pixels - whole.pixels).mean() < largest / 20


def test_progress_is_told_over_all_tiles(on_torch: Enhancer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "TILE_SIDES", (48,))
    monkeypatch.setattr(plan_module, "TILE_OVERLAP", 16)
    told: list[tuple[int, int]] = []
    on_torch.run(dark(60, 100), steps=3, on_step=lambda *done: told.append(done))
    total = told[0][1]
    assert total % 3 == 0
    assert total > 3
    assert told == [(step, total) for step in range(1, total + 1)]


def test_strength_goes_from_the_input_to_the_result(on_onnx: Enhancer) -> None:
    picture = dark(33, 41)
    none, half, full = (on_onnx.run(picture, strength=strength).picture for strength in (0, 0.5, 1))
    np.testing.assert_array_equal(none.pixels, picture.pixels)
    np.testing.assert_allclose(half.pixels, (picture.pixels + full.pixels) / 2, atol=1e-6)
    assert difference(full, picture) > 0.05


def test_exposure_is_a_control(on_onnx: Enhancer) -> None:
    picture = dark(48, 48)
    plain = on_onnx.run(picture)
    assert plain.brightness is not None
    assert on_onnx.run(picture, exposure=0).brightness == plain.brightness
    up = on_onnx.run(picture, exposure="+0.5")
    assert up.brightness == pytest.approx(plain.brightness * 2 ** (0.5 / 2.2), rel=1e-6)
    assert up.picture.pixels.mean() > plain.picture.pixels.mean()
    given = on_onnx.run(picture, exposure=Exposure(mean=0.25))
    assert given.brightness == 0.25
    np.testing.assert_array_equal(given.picture.pixels, on_onnx.run(picture, exposure="mean=0.25").picture.pixels)


@pytest.mark.parametrize(("wish", "brightness"), [("-10", 0.02), ("+10", 0.95), ("mean=0.999", 0.95)])
def test_a_wish_beyond_what_is_a_picture_is_held_back(on_onnx: Enhancer, wish: str, brightness: float) -> None:
    assert on_onnx.run(dark(8, 8), exposure=wish).brightness == brightness


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 9}, "1 to 8 steps.* 9"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"strength": -0.1}, "strength is -0.1"),
        ({"strength": 1.1}, "strength is 1.1"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"exposure": "bright"}, "exposure"),
        ({"exposure": "mean=0"}, "exposure"),
        ({"exposure": "mean=1.5"}, "exposure"),
        ({"exposure": "average=0.5"}, "exposure"),
        ({"exposure": 11}, "exposure"),
        ({"exposure": float("nan")}, "exposure"),
    ],
)
def test_impossible_requests_are_refused(on_onnx: Enhancer, request_: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        on_onnx.run(dark(8, 8), **request_)


def test_a_model_without_exposure_control_says_so(method: Compact) -> None:
    class Step:
        inputs = ("low",)

        def __call__(self, feeds):
            return {"x0": 2 * feeds["low"] - 1}

    model = Model(ModelCard("plain", "none", Footprint(4), method.presets), {"step": Step()})
    assert Enhancer(model).run(dark(8, 8)).brightness is None
    with pytest.raises(UsageError, match="exposure"):
        Enhancer(model).run(dark(8, 8), exposure="+1")


# --- the same type out as in ------------------------------------------------------------------------------------------


def bytes_of(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    values = np.random.default_rng(0).random(shape) * 0.3
    return values.astype(dtype) if np.issubdtype(dtype, np.floating) else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("shape", [(12, 18, 3), (12, 18, 4), (12, 18, 1), (12, 18), (1, 1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays_keep_dtype_and_shape(on_onnx: Enhancer, shape: tuple[int, ...], dtype: type) -> None:
    array = bytes_of(shape, dtype)
    before = array.copy()
    result = on_onnx(array)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(array, before)
    np.testing.assert_allclose(on_onnx(array, strength=0), array, rtol=1e-6)
    if shape[-1] == 4:
        np.testing.assert_allclose(result[..., 3], array[..., 3], rtol=1e-6)


def test_all_types_show_the_same_picture(on_onnx: Enhancer, tmp_path: Path) -> None:
    array = bytes_of((20, 30, 3))
    expected = on_onnx(array)
    np.testing.assert_array_equal(np.asarray(on_onnx(Image.fromarray(array))), expected)
    picture = on_onnx(Picture((array / np.float32(255)).astype(np.float32)))
    np.testing.assert_array_equal(np.rint(picture.pixels * 255), expected)
    write_image(Picture((array / np.float32(255)).astype(np.float32)), tmp_path / "night.png")
    np.testing.assert_array_equal(np.rint(read_image(on_onnx(tmp_path / "night.png")).pixels * 255), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pil_images_keep_their_mode(on_onnx: Enhancer, mode: str) -> None:
    image = Image.fromarray(bytes_of((12, 18, 4))).convert(mode)
    result = on_onnx(image)
    assert (result.mode, result.size) == (mode, (18, 12))
    assert np.array_equal(np.asarray(on_onnx(image, strength=0)), np.asarray(image))


@pytest.mark.parametrize(("mode", "expected"), [("P", "RGB"), ("1", "L"), ("CMYK", "RGB"), ("YCbCr", "RGB")])
def test_modes_that_cannot_show_the_result_become_the_next_that_can(
    on_onnx: Enhancer, mode: str, expected: str
) -> None:
    assert on_onnx(Image.fromarray(bytes_of((12, 18, 3))).convert(mode)).mode == expected


def test_a_transparent_colour_stays_transparent(on_onnx: Enhancer) -> None:
    image = Image.new("RGB", (6, 4), (30, 30, 30))
    image.putpixel((1, 2), (0, 255, 0))
    image.info["transparency"] = (0, 255, 0)
    alpha = np.asarray(on_onnx(image).getchannel("A"))
    assert alpha[2, 1] == 0
    assert (alpha == 0).sum() == 1


@pytest.mark.parametrize("kind", [Path, str])
def test_a_path_gives_a_path_beside_it(on_onnx: Enhancer, tmp_path: Path, kind: type) -> None:
    Image.fromarray(bytes_of((12, 18, 3))).save(tmp_path / "a night.jpg")
    result = on_onnx(kind(tmp_path / "a night.jpg"))
    assert isinstance(result, kind)
    assert Path(result) == tmp_path / "a night_enhanced.jpg"
    assert read_image(result).size == (12, 18)
    before = Path(result).read_bytes()
    with pytest.raises(ImageError, match="exists"):
        on_onnx(kind(tmp_path / "a night.jpg"))
    assert Path(result).read_bytes() == before


@pytest.mark.parametrize("thing", [None, 3, [[0.1]], b"bytes"])
def test_other_things_are_refused(on_onnx: Enhancer, thing: object) -> None:
    with pytest.raises(UsageError, match=type(thing).__name__):
        on_onnx(thing)


# --- loading ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(exported_compact: Path, tmp_path: Path) -> Path:
    """A copy of the exported model, to be damaged."""
    return Path(shutil.copytree(exported_compact, tmp_path / "model"))


@pytest.fixture
def checkpoint(method: Compact, tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "tiny.safetensors", method, method.net.state_dict(), {"step": 12, "recipe": {"a": 1}})
    return tmp_path / "tiny.safetensors"


@pytest.mark.parametrize("name", ["exposure.onnx", "condition.onnx", "step.onnx"])
def test_a_damaged_file_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} is damaged"):
        Enhancer(folder)


def test_a_shortened_and_a_missing_file_are_refused(folder: Path) -> None:
    (folder / "step.onnx").write_bytes((folder / "step.onnx").read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"step\.onnx is damaged"):
        Enhancer(folder)
    (folder / "step.onnx").unlink()
    with pytest.raises(ModelError, match="incomplete"):
        Enhancer(folder)


def test_a_file_that_is_no_graph_is_refused_even_with_the_right_checksum(folder: Path) -> None:
    (folder / "step.onnx").write_bytes(b"no graph")
    card = json.loads((folder / "model.json").read_text())
    card["files"]["step.onnx"] = hashlib.sha256(b"no graph").hexdigest()
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"cannot read .*step\.onnx as ONNX") as caught:
        Enhancer(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "darklift-model-99"},
        {"format": None},
        {"presets": {}},
        {"presets": {"default": {"steps": 1}}},
        {"presets": {"default": {"steps": 1, "schedule": "cosine", "train_steps": 1000, "colour": "red"}}},
        {"files": None},
        {"files": {}},
        {"info": 3},
        {"colour": "red"},
    ],
    ids=str,
)
def test_cards_that_make_no_sense_are_refused(folder: Path, change: dict[str, object]) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, **change}))
    with pytest.raises(ModelError):
        Enhancer(folder)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"format": ', "\x00"])
def test_what_is_no_card_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.json"):
        Enhancer(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a folder that darklift export wrote"):
        Enhancer(tmp_path)


def test_a_card_survives_being_saved(exported_compact: Path) -> None:
    card = load_onnx_model(exported_compact).card
    assert ModelCard.from_json(card.to_json(), "it") == card
    assert card.info == {"weights": "perturbed", "storage": "fp32"}
    assert (card.name, card.method, card.footprint.size_multiple, card.backend) == ("tiny", "compact", 4, "onnx")


def test_a_checkpoint_runs_on_torch(checkpoint: Path, on_torch: Enhancer) -> None:
    enhancer = Enhancer(checkpoint)
    picture = dark(20, 30)
    np.testing.assert_array_equal(enhancer.run(picture).picture.pixels, on_torch.run(picture).picture.pixels)
    assert enhancer.model.card.backend == "torch"
    assert enhancer.model.card.info["step"] == 12


def test_requests_that_do_not_fit_the_files_are_refused(exported_compact: Path, checkpoint: Path) -> None:
    wrong: list[tuple[Path | str, dict[str, str], str]] = [
        (exported_compact, {"backend": "torch"}, "runs on ONNX Runtime or OpenVINO"),
        (exported_compact, {"precision": "bf16"}, "for the backends torch and openvino"),
        (exported_compact, {"device": "abacus"}, "unknown device 'abacus'"),
        (exported_compact, {"device": "directml"}, "DmlExecutionProvider"),
        (exported_compact, {"backend": "tensorflow"}, "unknown backend"),
        (checkpoint, {"backend": "onnx"}, "darklift export"),
        (checkpoint, {"precision": "fp8"}, "unknown precision"),
        (checkpoint, {"device": "abacus"}, "abacus"),
        ("compcat", {}, "did you mean 'compact'"),
        ("nowhere/at/all", {}, "known models are"),
    ]
    for model, request_, message in wrong:
        with pytest.raises(DarkliftError, match=message) as caught:
            Enhancer(model, **request_)
        assert "\n" not in str(caught.value)


def test_files_that_are_no_checkpoints_of_ours_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    weights = {name: tensor.clone() for name, tensor in load_checkpoint(checkpoint).method.net.state_dict().items()}
    ours = {"format": "darklift-checkpoint-1"}
    description = {"method": "compact", "config": load_checkpoint(checkpoint).method.config.model_dump(), "info": {}}

    def refused(message: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
        save_file(tensors, tmp_path / "bad.safetensors", metadata)
        with pytest.raises(ModelError, match=message):
            load_checkpoint(tmp_path / "bad.safetensors")

    told = {**ours, "darklift": json.dumps(description)}
    name = next(iter(weights))
    refused("not a darklift checkpoint", weights, {})
    refused("does not say what it holds", weights, ours)
    refused("does not say what it holds", weights, {**ours, "darklift": "{"})
    refused("does not say what it holds", weights, {**ours, "darklift": '{"method": "compact"}'})
    refused("unknown method 'gsda'", weights, {**ours, "darklift": json.dumps({**description, "method": "gsda"})})
    refused(f"missing {name}", {k: v for k, v in weights.items() if k != name}, told)
    refused("unexpected surplus", {**weights, "surplus": torch.zeros(1)}, told)
    refused(f"{name} is .* instead of", {**weights, name: torch.zeros(2, 2)}, told)
    refused("and 1 more", {**weights, **{f"x{i}": torch.zeros(1) for i in range(6)}}, told)
    for content in (b"", b"text", checkpoint.read_bytes()[:1000]):
        (tmp_path / "bad.safetensors").write_bytes(content)
        with pytest.raises(ModelError, match="cannot read"):
            load_checkpoint(tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match="cannot read"):
        load_checkpoint(tmp_path / "none.safetensors")


# --- exporting --------------------------------------------------------------------------------------------------------


def test_weights_come_back_from_an_exported_model(method: Compact, exported_compact: Path) -> None:
    own = method.net.state_dict()
    back = exported_weights(method, exported_compact)
    assert back.keys() == own.keys()
    for name, tensor in own.items():
        assert torch.equal(back[name], tensor), name


def test_weights_of_another_method_or_of_no_graph_are_refused(method: Compact, folder: Path) -> None:
    with pytest.raises(ModelError, match="method compact, expected gsad"):
        exported_weights(Gsad(GsadConfig(width=32, multipliers=(1, 2))), folder)
    (folder / "step.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"cannot read .*step\.onnx"):
        exported_weights(method, folder)


@pytest.mark.parametrize(("storage", "rounding", "change"), [("fp16", 1e-3, 2 / 255), ("int8", 0.5 / 127, 8 / 255)])
def test_smaller_storage_shrinks_the_files_and_keeps_the_picture(
    storage: Storage,
    rounding: float,
    change: float,
    checkpoint: Path,
    tmp_path: Path,
    on_onnx: Enhancer,
    exported_compact: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The same network was traced already, which takes 15 s.
    traced = {onnx.load(path).graph.output[0].name: onnx.load(path) for path in exported_compact.glob("*.onnx")}
    monkeypatch.setattr(
        torch.onnx, "export", lambda *_, output_names, **__: SimpleNamespace(model_proto=traced[output_names[0]])
    )
    folder = export_model(checkpoint, tmp_path / "small", storage=storage)
    for steps in (1, 4):
        picture = dark(60, 44)
        one, other = (e.run(picture, steps=steps, exposure="mean=0.4").picture for e in (on_onnx, Enhancer(folder)))
        assert 0 < difference(one, other) < change
    back = exported_method(folder).net.state_dict()
    for name, tensor in load_checkpoint(checkpoint).method.net.state_dict().items():
        of_channel = tensor.abs().flatten(1).amax(dim=1) if tensor.ndim > 1 else tensor.abs()
        error = (back[name] - tensor).abs().flatten(1).amax(dim=1) if tensor.ndim > 1 else (back[name] - tensor).abs()
        assert (error <= 1.001 * rounding * of_channel + 1e-6).all(), name
    card = load_onnx_model(folder).card
    assert card.name == "tiny"
    assert card.info == {"step": 12, "storage": storage}, "the whole recipe does not belong into the card"

    for path in folder.glob("*.onnx"):
        weights = [tensor for tensor in onnx.load(path).graph.initializer if np.prod(tensor.dims) >= 64]
        assert weights
        assert not [t.name for t in weights if t.data_type == onnx.TensorProto.FLOAT and not t.name.endswith(STEP)]
        assert path.stat().st_size < 0.8 * (exported_compact / path.name).stat().st_size, path.name


def test_exported_graphs_have_our_names_free_sizes_and_no_traces_of_the_machine(exported_compact: Path) -> None:
    card = json.loads((exported_compact / "model.json").read_text())
    assert sorted(card["files"]) == sorted(path.name for path in exported_compact.glob("*.onnx"))
    assert sorted(path.name for path in exported_compact.iterdir()) == sorted([*card["files"], "model.json"])
    step = onnx.load(exported_compact / "step.onnx").graph
    sizes = {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in step.input}
    assert list(sizes)[:4] == ["x", "abar", "low", "box"]
    assert sizes["x"] == sizes["low"]
    assert [isinstance(size, str) for size in sizes["x"]] == [True, False, True, True]
    assert [output.name for output in step.output] == ["x0"]
    for path in exported_compact.iterdir():
        assert str(Path.cwd()).encode() not in path.read_bytes(), f"{path.name} tells where it was made"
        assert b".py" not in path.read_bytes(), f"{path.name} holds stack traces"


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Exports graphs as a few bytes at once; returns the list of what is written in them."""
    contents = ["first"]
    monkeypatch.setattr(export_module, "_export_graph", lambda graph, storage: contents[-1].encode())
    return contents


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_existing_folder_is_overwritten_only_when_told(
    method: Compact, tmp_path: Path, quick_export: list[str]
) -> None:
    target = tmp_path / "deep" / "model"
    assert export_method(method, target, name="a", info={}) == target
    quick_export.append("second")
    with pytest.raises(UsageError, match="exists already"):
        export_method(method, target, name="b", info={})
    assert (target / "step.onnx").read_text() == "first"
    export_method(method, target, name="b", info={}, overwrite=True)
    assert (target / "step.onnx").read_text() == "second"
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_overwriting_takes_nothing_away_but_models(method: Compact, tmp_path: Path, quick_export: list[str]) -> None:
    home = tmp_path / "home"
    for name in ("letters/mother.txt", "model.json", "step.onnx"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "empty").mkdir()
    before = everything(tmp_path)
    for target in (home, tmp_path / "file"):
        with pytest.raises(UsageError, match="cannot be overwritten"):
            export_method(method, target, name="a", info={}, overwrite=True)
    assert everything(tmp_path) == before
    export_method(method, tmp_path / "empty", name="a", info={}, overwrite=True)
    assert (tmp_path / "empty" / "model.json").exists()


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), RuntimeError("the exporter broke")])
@pytest.mark.parametrize("existing", [False, True])
def test_a_failed_export_leaves_things_as_they_were(
    method: Compact,
    tmp_path: Path,
    quick_export: list[str],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    existing: bool,
) -> None:
    if existing:
        export_method(method, tmp_path / "model", name="a", info={})
    before = everything(tmp_path)
    written: list[str] = []

    def break_on_the_third(graph: object, storage: str) -> bytes:
        written.append("graph")
        if len(written) == 3:
            raise failure
        return b"new"

    monkeypatch.setattr(export_module, "_export_graph", break_on_the_third)
    with pytest.raises((ModelError, RuntimeError), match=r"No space left on device|the exporter broke"):
        export_method(method, tmp_path / "model", name="b", info={}, overwrite=True)
    assert everything(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["model"] if existing else [])


def test_the_earlier_model_comes_back_where_the_new_one_cannot_be_put_in_place(
    method: Compact, tmp_path: Path, quick_export: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_method(method, tmp_path / "model", name="a", info={})
    before, replace = everything(tmp_path), Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp") and self.is_dir():
            raise PermissionError(13, "Permission denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ModelError, match="Permission denied"):
        export_method(method, tmp_path / "model", name="b", info={}, overwrite=True)
    assert everything(tmp_path) == before


def test_weights_that_are_not_finite_are_refused(make_compact: MakeCompact, tmp_path: Path) -> None:
    broken = make_compact()
    broken.net.coarse.stem.weight.data[0, 0, 0, 0] = np.nan
    with pytest.raises(ModelError, match=r"weight coarse\.stem\.weight holds NaN or infinite values"):
        export_method(broken, tmp_path / "model", name="a", info={})
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_does_not_tell_its_sizes_is_not_made_a_network_of(folder: Path) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"config": {}}))
    with pytest.raises(ModelError, match="is no export of compact that tells its sizes: pass the checkpoint"):
        exported_method(folder)


def test_an_unknown_storage_is_refused(method: Compact, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fp32 or fp16 or int8"):
        export_method(method, tmp_path / "model", name="a", info={}, storage="int4")
    assert list(tmp_path.iterdir()) == []


def test_weights_too_large_for_half_precision_are_refused() -> None:
    weights = np.full((8, 8), 1e6, np.float32)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], [onnx.numpy_helper.from_array(weights, "w")])
    with pytest.raises(ModelError, match="weight w is too large"):
        export_module.store_in_half(onnx.helper.make_model(graph))
