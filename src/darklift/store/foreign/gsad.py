"""GSAD's released checkpoints: ``*_gen.pth``, a flat state dict with the schedule's buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from darklift.errors import ModelError, UsageError
from darklift.methods.gsad import Gsad, GsadConfig, PresetName
from darklift.store.foreign._reader import ReleasedFile, StoredTensor
from darklift.store.foreign._release import check_target, load_released, named_tensors, write_converted

__all__ = ["convert_gsad", "gsad_names"]

_SCHEDULE_BUFFERS = frozenset(
    {
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
    }
)
"""What a released file holds besides the network: recomputed from the config, or not needed at all."""

_WIDTHS = range(32, 1025, 32)


def convert_gsad(source: Path, target: Path, *, preset: str = "lolv1", overwrite: bool = False) -> None:
    """Convert a released ``*_gen.pth`` to our checkpoint, which then works wherever checkpoints do.

    preset: the way of sampling that the file was released for. Raises ModelError (a file of another kind; it names the
    released keys that are missing or too many), UsageError (unknown preset, target exists).
    """
    presets = get_args(PresetName)
    if preset not in presets:
        raise UsageError(f"GSAD has no preset {preset!r}: choose from {', '.join(presets)}")
    check_target(source, target, overwrite)
    with ReleasedFile(source) as file:
        released = _without_schedule(named_tensors(file.content, source))
        method = Gsad(GsadConfig(width=_width(released, source), preset=preset))  # type: ignore[arg-type]
        modules = gsad_names(method.config)
        names = {}
        for name in method.net.state_dict():
            module, _, leaf = name.rpartition(".")
            names[name] = (f"{modules[module]}.{leaf}",)
        load_released(method, file, released, names, left_out=lambda name: ".mlp." in name)
    info = {"weights": "as released", "source": source.name, "unused": "mlp of each block left out"}
    write_converted(target, method, info)


def gsad_names(config: GsadConfig) -> dict[str, str]:
    """Our modules' names -> those of the release, where all levels stand in one list."""
    names = {
        "level.0": "noise_level_mlp.1",
        "level.2": "noise_level_mlp.3",
        "stem": "downs.0",
        "eps_head.0": "final_conv.block.0",
        "eps_head.2": "final_conv.block.3",
        **{f"uncertainty_head.{place}": f"var_conv.{place}" for place in (0, 2, 4)},
        **{ours: theirs for place in (0, 1) for ours, theirs in _block(f"middle.{place}", f"mid.{place}")},
    }
    for side, between, theirs, place, blocks in (
        ("encoder", "down", "downs", 1, config.blocks),
        ("decoder", "up", "ups", 0, config.blocks + 1),
    ):
        for level in range(len(config.multipliers)):
            for block in range(blocks):
                names.update(_block(f"{side}.{level}.{block}", f"{theirs}.{place}"))
                place += 1
            names[f"{between}.{level}"] = f"{theirs}.{place}.conv"
            place += 1
    return names


def _block(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    parts = {
        "norm1": "res_block.block1.block.0",
        "conv1": "res_block.block1.block.3",
        "level": "res_block.noise_func.noise_func.0",
        "norm2": "res_block.block2.block.0",
        "conv2": "res_block.block2.block.3",
        "shortcut": "res_block.res_conv",
        "attention.norm": "attn.norm",
        "attention.qkv": "attn.qkv",
        "attention.out": "attn.out",
    }
    return ((f"{ours}.{part}", f"{theirs}.{name}") for part, name in parts.items())


def _without_schedule(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Without schedule buffers, and the rest without the prefix of the diffusion that held it."""
    stripped = {name.removeprefix("denoise_fn.").removeprefix("module."): value for name, value in tensors.items()}
    return {name: tensor for name, tensor in stripped.items() if name not in _SCHEDULE_BUFFERS}


def _width(released: Mapping[str, StoredTensor], source: Path) -> int:
    stem = released.get("downs.0.weight")
    if stem is None or len(stem.shape) != 4 or stem.shape[0] not in _WIDTHS:
        got = "none" if stem is None else f"one of shape {stem.shape}"
        raise ModelError(
            f"{source} is no gsad checkpoint: expected a first convolution 'downs.0.weight' of shape (64, 6, 3, 3), "
            f"got {got}"
        )
    return int(stem.shape[0])
