"""LLDiffusion against the published system: its networks, its sampler and its checkpoints' layout, with made-up
weights.
"""

import argparse
import datetime
import functools
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from darklift import Enhancer
from darklift.diffusion import sample
from darklift.errors import ModelError, UsageError
from darklift.methods.lldiffusion import Lldiffusion
from darklift.methods.parts.blocks import colour_map
from darklift.store.checkpoint import load_checkpoint
from darklift.store.convert import convert
from darklift.store.released import Inert, ReleasedFile, StoredTensor
from parity import PARITY, largest_difference, noise, picture, random_state, reference, tensor, weight

LOL, LOL_V2 = "deg-unet-lol", "deg-unet-lol-v2-real"
STEP = 417


def released_weights(name: str) -> OrderedDict[str, torch.Tensor]:
    """The made-up weights of a configuration, with the prefix of a wrapped network."""
    shapes: dict[str, list[int]] = reference("lldiffusion")[name]["keys"]
    made = OrderedDict()
    for key, shape in shapes.items():
        if not key.endswith(("_u", "_v")):
            made[f"module.{key}"] = weight(key, shape)
    for key in shapes:
        if key.endswith("_u"):
            original = made[f"module.{key.removesuffix('_u')}_orig"]
            u, v = norm_vectors(key, original)
            made[f"module.{key}"], made[f"module.{key.removesuffix('_u')}_v"] = tensor(u), tensor(v)
    return made


def norm_vectors(key: str, original: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    matrix = original.double().flatten(1).numpy()
    u = random_state(key).standard_normal(len(matrix))
    u /= np.linalg.norm(u)
    for _ in range(50):
        v = matrix.T @ u
        v /= np.linalg.norm(v)
        u = matrix @ v
        u /= np.linalg.norm(u)
    return u, v


@pytest.fixture(scope="module")
def foreign_objects() -> Iterator[dict[str, Any]]:
    """What a released file holds besides tensors: objects of a program that is not there when it is read."""
    program = types.ModuleType("a_program_of_somebody")
    program.Options = type("Options", (), {"__module__": program.__name__})
    sys.modules[program.__name__] = program
    options = program.Options()
    options.model = types.SimpleNamespace(
        made=datetime.datetime(2025, 1, 2, tzinfo=datetime.UTC), ch=64, ch_mult=[1, 1, 2, 2, 4, 4]
    )
    yield {"config": argparse.Namespace(data="LOL"), "params": options}
    del sys.modules[program.__name__]


@pytest.fixture(scope="module")
def weights() -> OrderedDict[str, torch.Tensor]:
    return released_weights(LOL)


@pytest.fixture(scope="module")
def released(
    weights: OrderedDict[str, torch.Tensor], foreign_objects: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A file in the released layout; the averaged weights are twice the raw ones."""
    averaged = {key: 2 * value for key, value in weights.items() if not key.endswith(("_u", "_v"))}
    content = {
        "epoch": 3,
        "state_dict": weights,
        "optimizer": {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]},
        "ema_helper": averaged,
        **foreign_objects,
    }
    path = tmp_path_factory.mktemp("released") / "best.pth"
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def converted(released: Path) -> Path:
    target = released.with_name("lldiffusion-lol.safetensors")
    convert(released, target)
    return target


@pytest.fixture(scope="module")
def method(converted: Path) -> Any:
    loaded = load_checkpoint(converted).method
    loaded.net.eval()
    return loaded


@pytest.fixture(scope="module")
def method_v2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("v2") / "best.pth"
    torch.save({"state_dict": released_weights(LOL_V2)}, path)
    convert(path, path.with_suffix(".safetensors"))
    path.unlink()
    loaded = load_checkpoint(path.with_suffix(".safetensors")).method
    path.with_suffix(".safetensors").unlink()
    loaded.net.eval()
    return loaded


def denoise(method: Lldiffusion, x: torch.Tensor, t: int, low: torch.Tensor) -> torch.Tensor:
    eps, _ = method.net(x, torch.full((len(x),), t), low, colour_map((low + 1) / 2))
    return eps


# --- the networks -----------------------------------------------------------------------------------------------------


@torch.inference_mode()
def test_colour_map_and_noise_are_the_published_systems(method: Lldiffusion) -> None:
    low, x = picture("lld-low", (1, 3, 128, 160)), noise("lld-xt", (1, 3, 128, 160))
    expected = load_file(PARITY / "lldiffusion.safetensors")
    assert largest_difference(colour_map((low + 1) / 2), expected[f"{LOL}.color_map"]) < 1e-5
    assert largest_difference(denoise(method, x, STEP, low), expected[f"{LOL}.eps"]) < 1e-5


@torch.inference_mode()
def test_sampling_with_the_default_preset_is_the_published_systems(method: Lldiffusion) -> None:
    """Through the graphs that the runtimes run: their step numbers come from abar."""
    shape = (1, 3, 128, 160)
    low, preset, graphs = (picture("lld-low", shape) + 1) / 2, method.presets["default"], method.graphs()
    condition = graphs["encode"].module(low)
    result = sample(
        lambda x, abar: graphs["step"].module(x, torch.tensor([abar]), low, *condition),
        noise("lld-x0", shape),
        preset.ladder(),
        eta=preset.eta,
        clip=preset.clip,
    )
    assert largest_difference(result, load_file(PARITY / "lldiffusion.safetensors")[f"{LOL}.ddim25"]) < 1e-4


@pytest.mark.parametrize(("name", "fixture", "size"), [(LOL, "method", (128, 160)), (LOL_V2, "method_v2", (64, 96))])
@torch.inference_mode()
def test_every_stage_of_the_networks_agrees(
    name: str, fixture: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    """Outputs alone can hide an error in a deep level."""
    method = request.getfixturevalue(fixture)
    low, x = picture("lld-low", (1, 3, *size)), noise("lld-xt", (1, 3, *size))
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        watched.register_forward_hook(lambda _, arguments, out, see=see: seen.update(see(arguments, out)))
        for watched, see in watched_stages(method)
    ]
    denoise(method, x, STEP, low)
    for hook in hooks:
        hook.remove()
    trace = reference("lldiffusion")[name]["trace"]
    assert set(seen) == set(trace)
    for stage, output in seen.items():
        expected = trace[stage][0]
        assert list(output.shape) == expected["shape"], stage
        assert float(output.mean()) == pytest.approx(expected["mean"], abs=2e-5), stage
        assert float(output.std()) == pytest.approx(expected["std"], abs=2e-5), stage


See = Callable[[tuple[torch.Tensor, ...], torch.Tensor], dict[str, torch.Tensor]]


def watched_stages(method: Lldiffusion) -> Iterator[tuple[torch.nn.Module, See]]:
    """Our modules, and what of theirs is seen at them."""

    def output(name: str) -> See:
        return lambda _, out: {name: out}

    def normed(name: str) -> See:
        return lambda _, out: {name: torch.nn.functional.instance_norm(out)}

    def attended(block: str, attention: str, has_attention: bool) -> See:
        return lambda given, out: {block: given[0], **({attention: out} if has_attention else {})}

    encoder, unet = method.net.encoder, method.net.unet
    yield encoder.first, normed("encoder.encoder.layer1")
    yield encoder.wide, output("encoder.encoder.conv_7x7")
    for i, layer in enumerate(encoder.down):
        yield layer, normed(f"encoder.encoder.layer{i + 2}")
    for i, layer in enumerate(encoder.residual):
        yield layer, output(f"encoder.encoder.res_{i}")
    out = "encoder.encoder.out"
    yield encoder.latent[-1], lambda _, x: {out: torch.nn.functional.leaky_relu(normed(out)((), x)[out], 0.2)}
    for i, layer in enumerate(encoder.upsampler):
        yield layer, output(f"encoder.upsample.convs.{i}")
    yield unet.step, output("diff_unet.temb")
    yield unet.stem, output("diff_unet.conv_in")
    yield unet.eps_head[0], output("diff_unet.norm_out")
    yield unet.eps_head[2], output("diff_unet.conv_out")
    for i, (block, has_attention) in enumerate(zip(unet.middle, (True, False), strict=True)):
        yield block.attention, attended(f"diff_unet.mid.block_{i + 1}", "diff_unet.mid.attn_1", has_attention)
    for side, levels, attending in (("down", unet.encoder, 2), ("up", unet.decoder, 3)):
        for level, blocks in enumerate(levels):
            for i, block in enumerate(blocks):
                place = f"diff_unet.{side}.{level}"
                yield block.attention, attended(f"{place}.block.{i}", f"{place}.attn.{i}", level == attending)
    for level, layer in enumerate(unet.down):
        yield layer, output(f"diff_unet.down.{level}.downsample")
    for level, layer in enumerate(unet.up):
        yield layer, output(f"diff_unet.up.{level}.upsample")
    if method.config.fusion == "attention":
        for level, layer in enumerate(unet.fuse):
            yield layer, output(f"diff_unet.up.fuse.cattns.{level + 1}")


def unused(key: str) -> bool:
    names = [f"up.fuse.cattns.{level}." for level in (0, 4, 5)] + [
        "unet.fuse.",
        "block_1.temb_proj",
        "block_2.temb_proj",
    ]
    return any(name in key for name in names if ".down." not in key)


@pytest.mark.parametrize(
    ("name", "fixture", "millions", "left_out"),
    [(LOL, "method", (60.63, 52.79), 212_362), (LOL_V2, "method_v2", (384.49, 209.33), 525_312)],
)
def test_parameters_are_the_released_ones_without_the_unused(
    name: str, fixture: str, millions: tuple[float, float], left_out: int, request: pytest.FixtureRequest
) -> None:
    method = request.getfixturevalue(fixture)
    keys = reference("lldiffusion")[name]["keys"]
    counts = {k: torch.Size(s).numel() for k, s in keys.items() if not k.endswith(("_u", "_v"))}
    without = sum(count for key, count in counts.items() if not key.startswith("deg_unet."))
    assert (round(sum(counts.values()) / 1e6, 2), round(without / 1e6, 2)) == millions
    assert sum(count for key, count in counts.items() if unused(key)) == left_out
    assert sum(p.numel() for p in method.net.parameters()) == sum(counts.values()) - left_out


def test_dgnet_darkens(method: Lldiffusion) -> None:
    good, low = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64) / 8
    dark = method.darken(good, low)
    assert dark.shape == good.shape
    assert 0 <= dark.min() <= dark.max() <= 1
    assert not torch.equal(dark, method.darken(good, low.flip(3)))


# --- converting -------------------------------------------------------------------------------------------------------


def test_a_converted_file_enhances_pictures(converted: Path) -> None:
    dark = (np.random.default_rng(0).random((37, 50, 3)) * 0.2).astype(np.float32)
    bright = Enhancer(converted)(dark, steps=2)
    assert bright.shape == dark.shape
    assert np.isfinite(bright).all()


@torch.inference_mode()
def test_the_averaged_weights_are_taken_when_asked_for(
    released: Path, weights: OrderedDict[str, torch.Tensor], tmp_path: Path
) -> None:
    convert(released, tmp_path / "ema.safetensors", weights="ema", keep_dgnet=False)
    loaded = load_checkpoint(tmp_path / "ema.safetensors")
    net = loaded.method.net
    assert loaded.info["weights"] == "EMA, as released"
    assert torch.equal(net.unet.stem.weight, 2 * weights["module.diff_unet.conv_in.weight"])
    assert torch.equal(
        net.encoder.first.parametrizations.weight[0]._u, weights["module.encoder.encoder.layer1.0.weight_u"]
    )
    assert net.dgnet is None


@torch.inference_mode()
def test_a_file_without_dgnet_gives_the_same_noise(
    method: Lldiffusion, weights: OrderedDict[str, torch.Tensor], tmp_path: Path
) -> None:
    """Also a bare state dict, as a one-off conversion would leave it."""
    content = {key: value for key, value in weights.items() if not key.startswith("module.deg_unet.")}
    torch.save(content, tmp_path / "bare.pth")
    convert(tmp_path / "bare.pth", tmp_path / "bare.safetensors")
    bare = load_checkpoint(tmp_path / "bare.safetensors").method
    bare.net.eval()
    low, x = picture("lld-low", (1, 3, 64, 64)), noise("lld-xt", (1, 3, 64, 64))
    assert torch.equal(denoise(bare, x, STEP, low), denoise(method, x, STEP, low))
    with pytest.raises(ModelError, match="no DGNET"):
        bare.darken(low, low)


@pytest.mark.parametrize("change", ["missing", "surplus", "misshapen"])
def test_a_file_that_does_not_fit_is_refused_with_what_does_not(
    weights: OrderedDict[str, torch.Tensor], tmp_path: Path, change: str
) -> None:
    content, key = OrderedDict(weights), "module.diff_unet.mid.attn_1.q.bias"
    if change == "missing":
        del content[key]
    elif change == "surplus":
        content["module.diff_unet.extra.weight"] = torch.zeros(3)
    else:
        content[key] = torch.zeros(3)
    torch.save({"state_dict": content}, tmp_path / "other.pth")
    with pytest.raises(
        ModelError, match=r"diff_unet\.extra" if change == "surplus" else r"mid\.attn_1\.q\.bias"
    ) as caught:
        convert(tmp_path / "other.pth", tmp_path / "out.safetensors")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.safetensors").exists()


def small_file(path: Path, **parts: Any) -> Path:
    torch.save({"state_dict": {"module.diff_unet.conv_in.weight": torch.zeros(64, 9, 3, 3)}, **parts}, path)
    return path


@pytest.mark.parametrize(
    ("parts", "weights", "message"),
    [
        ({}, "ema", "no averaged weights .*--weights ema"),
        ({"ema_helper": {"module.a": torch.zeros(1)}}, "ema", r"2 differ, .*diff_unet\.conv_in"),
        ({"ema_helper": {"module.a": "text"}}, "ema", "other things than named tensors"),
        ({"state_dict": {"module.diff_unet.conv_in.weight": torch.zeros(32, 9, 3, 3)}}, "raw", "of shape .* got"),
        ({"state_dict": {"a": torch.zeros(1)}}, "raw", r"1 tensors, such as a \(1,\)"),
        ({"state_dict": [torch.zeros(1)]}, "raw", "other things than named tensors"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path: Path, parts: dict[str, Any], weights: Any, message: str) -> None:
    path = small_file(tmp_path / "other.pth", **parts)
    with pytest.raises(ModelError, match=message) as caught:
        convert(path, tmp_path / "out.safetensors", weights=weights)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused(released: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pth"
    with released.open("rb") as file:
        path.write_bytes(file.read(1_000_000))
    for source in (path, tmp_path / "none.pth"):
        with pytest.raises(ModelError, match=source.name):
            convert(source, tmp_path / "out.safetensors")


def test_existing_targets_are_kept(released: Path, converted: Path) -> None:
    with pytest.raises(UsageError, match="exists"):
        convert(released, converted)


# --- files that would do harm -----------------------------------------------------------------------------------------


class Bomb:
    """Unpickled in the usual way, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


HARMFUL = {
    "reduce": lambda path: pickle.dumps({"state_dict": {"a": Bomb(path)}}),
    "reduce, old protocol": lambda path: pickle.dumps(Bomb(path), protocol=0),
    "instance": lambda path: f"(S'{path}'\nios\nmkdir\n.".encode(),
    "object": lambda path: f"(cos\nmkdir\nS'{path}'\no.".encode(),
    "key": lambda path: pickle.dumps({"state_dict": {Bomb(path): 1}}),
    "evaluated": lambda path: f'cbuiltins\neval\n(S\'__import__("os").mkdir("{path}")\'\ntR.'.encode(),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_nothing_in_a_file_is_executed(tmp_path: Path, kind: str) -> None:
    mark = tmp_path / "executed"
    data = HARMFUL[kind](mark)
    pickle.loads(data)
    assert mark.exists(), "it would do no harm anyway"
    mark.rmdir()
    with zipfile.ZipFile(tmp_path / "bad.pth", "w") as file:
        file.writestr("archive/data.pkl", data)
    with pytest.raises(ModelError, match=r"bad\.pth"):
        convert(tmp_path / "bad.pth", tmp_path / "out.safetensors")
    assert not mark.exists()


def test_a_whole_file_with_something_harmful_in_it_is_refused(
    weights: OrderedDict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "best.pth"
    torch.save({"state_dict": weights, "config": Bomb(tmp_path / "executed")}, path)
    with pytest.raises(ModelError, match=r"it names \w+\.mkdir, which no checkpoint needs: it may be malicious"):
        convert(path, tmp_path / "out.safetensors")
    assert not list(tmp_path.glob("*executed"))
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.serialization", "os.system"),
        ("torch.serialization", "os.PathLike"),
        ("torch.nn.functional", "os.system"),
        ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy._core.multiarray", "fromfile"),
    ],
)
def test_functions_of_libraries_that_a_checkpoint_has_no_use_for_are_refused(
    tmp_path: Path, module: str, name: str
) -> None:
    data = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93)R."
    with zipfile.ZipFile(tmp_path / "bad.pth", "w") as file:
        file.writestr("archive/data.pkl", data)
    with pytest.raises(ModelError, match=rf"it names {module}\.{name}, which no checkpoint needs"):
        convert(tmp_path / "bad.pth", tmp_path / "out.safetensors")


def test_what_training_programs_keep_beside_the_weights_is_no_harm(
    weights: OrderedDict[str, torch.Tensor], tmp_path: Path
) -> None:
    net = torch.nn.Conv2d(1, 1, 1)
    beside = {
        "optimizer": torch.optim.Adam(net.parameters()),
        "net": net,
        "numbers": (np.float32(1), np.zeros(3), np.random.default_rng(0), np.random.RandomState(0)),
        "formats": (torch.float16, torch.device("cpu"), torch.Size([1]), np.dtype("f4")),
        "activations": (torch.nn.functional.relu, torch.nn.functional.gelu, torch.nn.init.zeros_),
        "kinds": (np.float32, functools.partial(dict, a=1)),
        "scaler": torch.amp.GradScaler("cpu"),
        "spectrum": torch.zeros(2, dtype=torch.complex64),
        "sparse": torch.eye(2).to_sparse(),
        "tiny": torch.zeros(2, dtype=torch.float8_e5m2),
    }
    torch.save({"state_dict": weights, **beside}, tmp_path / "best.pth")
    with ReleasedFile(tmp_path / "best.pth") as file:
        assert set(file.content["state_dict"]) == set(weights)
        with pytest.raises(ModelError, match="format that darklift does not read"):
            file.load({"spectrum": file.content["spectrum"]})


def test_tensors_that_reach_beyond_their_storage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    torch.save({"a": torch.zeros(4)}, path)
    with ReleasedFile(path) as file:
        stored = file.content["a"]
        assert torch.equal(file.load({"a": stored})["a"], torch.zeros(4))
        stored.offset = 1
        with pytest.raises(ModelError, match="out of bounds"):
            file.load({"a": stored})


def test_a_pickle_leaves_nothing_behind_in_the_reader(tmp_path: Path) -> None:
    """Setting the state of a known class changes that class for nobody."""
    for module, name in (("torch._utils", "_rebuild_tensor_v2"), ("collections", "OrderedDict"), ("a", "b")):
        data = f"c{module}\n{name}\n(N}}S'load'\nI1\nstb.".encode()
        with zipfile.ZipFile(tmp_path / "bad.pth", "w") as file:
            file.writestr("archive/data.pkl", data)
        with pytest.raises(ModelError, match=r"bad\.pth"):
            convert(tmp_path / "bad.pth", tmp_path / "out.safetensors")
    assert not any(hasattr(known, "load") for known in (Inert, StoredTensor))
