"""GSAD's released files (``*_gen.pth``): how one is told from others, and which of its tensors is which of ours.

A released file is a flat state dict: the network's tensors, whose names begin with ``denoise_fn.``, and the buffers of
the noise schedule, which the configuration gives anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from darklift.errors import UsageError
from darklift.methods.base import ReleaseChoices, ReleasedNet, Shapes
from darklift.methods.gsad.method import Gsad, GsadConfig, PresetName

__all__ = ["CHOICES", "TITLE", "read", "recognises"]

TITLE = "GSAD"
CHOICES = ("preset",)

_STEM, _UNCERTAINTY = "downs.0.weight", "var_conv.0.weight"
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
_WIDTHS = range(32, 1025, 32)


def recognises(shapes: Shapes) -> bool:
    """Whether these are GSAD's tensors: a U-Net of this kind of diffusion, with a head for the uncertainty."""
    return {_STEM, _UNCERTAINTY} <= {_bare(name) for name in shapes}


def read(shapes: Shapes, choices: ReleaseChoices) -> ReleasedNet:
    """See :attr:`darklift.methods.base.Release.read`."""
    preset, presets = choices.preset or "lolv1", get_args(PresetName)
    if preset not in presets:
        raise UsageError(f"{TITLE} has no preset {preset!r}: choose from {', '.join(presets)}")
    theirs = {_bare(name): name for name in shapes}
    stem = shapes[theirs[_STEM]]
    if len(stem) != 4 or stem[0] not in _WIDTHS:
        raise ValueError(f"its first convolution {_STEM!r} has shape {stem}, expected one such as (64, 6, 3, 3)")
    method = Gsad(GsadConfig.model_validate({"width": stem[0], "preset": preset}))
    modules = _modules(method.config)
    names = {}
    for ours in method.net.state_dict():
        module, _, leaf = ours.rpartition(".")
        name = f"{modules[module]}.{leaf}"
        names[ours] = (theirs.get(name, name),)
    unused = frozenset(theirs[name] for name in theirs if name in _SCHEDULE_BUFFERS or ".mlp." in name)
    return ReleasedNet(method, names, unused, note="mlp of each block left out")


def _bare(name: str) -> str:
    """Without the prefix of the diffusion that held the network."""
    return name.removeprefix("denoise_fn.").removeprefix("module.")


def _modules(config: GsadConfig) -> dict[str, str]:
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
