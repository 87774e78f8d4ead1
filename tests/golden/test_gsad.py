"""GSAD against the published system: its network, its sampler and its checkpoints' layout, with made-up weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from darklift import Enhancer
from darklift.diffusion import sample
from darklift.errors import ModelError, UsageError
from darklift.methods.gsad import Gsad
from darklift.store.checkpoint import load_checkpoint
from darklift.store.convert import convert
from parity import PARITY, largest_difference, noise, picture, reference, weight


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the released layout, wrapped as by DataParallel, with its schedule buffers."""
    content = {f"module.{key}": released_weight(key, shape) for key, shape in reference("gsad")["keys"].items()}
    path = tmp_path_factory.mktemp("released") / "lolv1_gen.pth"
    torch.save(content, path)
    return path


def released_weight(key: str, shape: list[int]) -> torch.Tensor:
    return weight(key.removeprefix("denoise_fn."), shape)


@pytest.fixture(scope="module")
def converted(released: Path) -> Path:
    target = released.with_name("gsad-lolv1.safetensors")
    convert(released, target)
    return target


@pytest.fixture(scope="module")
def method(converted: Path) -> Any:
    loaded = load_checkpoint(converted).method
    loaded.net.eval()
    return loaded


@torch.inference_mode()
def test_noise_and_uncertainty_are_the_published_systems(method: Gsad) -> None:
    low, x = picture("gsad-low", (2, 3, 48, 64)), noise("gsad-xt", (2, 3, 48, 64))
    eps, uncertainty = method.net(x, torch.tensor([0.3, 0.9]), low)
    expected = load_file(PARITY / "gsad.safetensors")
    assert largest_difference(eps, expected["eps"]) < 1e-5
    assert largest_difference(uncertainty, expected["uncertainty"]) < 1e-5


@torch.inference_mode()
def test_every_stage_of_the_network_agrees(method: Gsad) -> None:
    """Outputs alone can hide an error in a deep level."""
    low, x = picture("gsad-low", (2, 3, 48, 64)), noise("gsad-xt", (2, 3, 48, 64))
    net = method.net
    blocks = [net.stem]
    for level, group in enumerate(net.encoder):
        blocks += [*group, *([net.down[level]] if level < len(net.down) else [])]
    downs = {f"downs.{place}": block for place, block in enumerate(blocks)}
    blocks = []
    for level, group in enumerate(net.decoder):
        blocks += [*group, *([net.up[level]] if level < len(net.up) else [])]
    stages = downs | {f"mid.{place}": block for place, block in enumerate(net.middle)}
    stages |= {f"ups.{place}": block for place, block in enumerate(blocks)}
    seen: dict[str, torch.Tensor] = {}
    for name, module in stages.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
    net(x, torch.tensor([0.3, 0.9]), low)
    trace = reference("gsad")["trace"]
    assert set(seen) <= set(trace)
    for name, output in seen.items():
        expected = trace[name][0]
        assert list(output.shape) == expected["shape"], name
        assert float(output.mean()) == pytest.approx(expected["mean"], abs=2e-5), name
        assert float(output.std()) == pytest.approx(expected["std"], abs=2e-5), name


@torch.inference_mode()
def test_sampling_with_the_lolv1_preset_is_the_published_systems(method: Gsad) -> None:
    shape = (1, 3, 48, 64)
    low, preset = picture("gsad-low", shape), method.presets["lolv1"]
    result = sample(
        lambda x, abar: method.net(x, torch.full((1,), abar**0.5), low)[0],
        noise("gsad-sample-0", shape),
        preset.ladder(),
        eta=preset.eta,
        clip=preset.clip,
        noise=lambda draw: noise(f"gsad-sample-{draw}", shape),
    )
    assert largest_difference(result, load_file(PARITY / "gsad.safetensors")["sample20"]) < 1e-4


def test_parameters_are_the_released_ones_without_the_unused(method: Gsad) -> None:
    keys = {k: s for k, s in reference("gsad")["keys"].items() if k.startswith("denoise_fn.")}
    total = sum(torch.Size(shape).numel() for shape in keys.values())
    unused = sum(torch.Size(shape).numel() for key, shape in keys.items() if ".mlp." in key)
    assert total == 17_434_182
    assert sum(p.numel() for p in method.net.parameters()) == total - unused


def test_a_converted_file_enhances_pictures(converted: Path) -> None:
    import numpy as np

    dark = (np.random.default_rng(0).random((37, 50, 3)) * 0.2).astype(np.float32)
    bright = Enhancer(converted)(dark, steps=2)
    assert bright.shape == dark.shape
    assert np.isfinite(bright).all()


@pytest.mark.parametrize("change", ["missing", "surplus", "misshapen", "NaN"])
def test_a_file_that_does_not_fit_is_refused_with_what_does_not(released: Path, tmp_path: Path, change: str) -> None:
    content = torch.load(released, weights_only=True)
    key = "module.denoise_fn.mid.0.attn.out.bias"
    if change == "missing":
        del content[key]
    elif change == "surplus":
        content["module.denoise_fn.extra.weight"] = torch.zeros(3)
    elif change == "misshapen":
        content[key] = torch.zeros(3)
    else:
        content[key][1] = torch.nan
    path = tmp_path / "other.pth"
    torch.save(content, path)
    named = "extra.weight" if change == "surplus" else "middle.0.attention.out.bias|mid.0.attn.out.bias"
    with pytest.raises(ModelError, match=named):
        convert(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_truncated_file_is_refused(released: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.pth"
    path.write_bytes(released.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"cut\.pth"):
        convert(path, tmp_path / "out.safetensors")


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    torch.save({"a": _Bomb(tmp_path / "executed")}, path)
    with pytest.raises(ModelError, match=r"bad\.pth"):
        convert(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "executed").exists()


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_unknown_presets_and_existing_targets_are_refused(released: Path, converted: Path) -> None:
    with pytest.raises(UsageError, match="lolv2-real"):
        convert(released, released.with_name("b.safetensors"), preset="lol")
    with pytest.raises(UsageError, match="exists"):
        convert(released, converted)
