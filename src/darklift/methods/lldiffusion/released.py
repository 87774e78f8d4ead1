"""LLDiffusion's released files: how one is told from others, and which of its tensors is which of ours.

A released file holds the network's state dict beside averaged weights, the optimizer's state and objects of the program
that wrote it. Two kinds of configuration were released: one for LOL, and one for both kinds of LOL-v2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from darklift.methods.base import ReleaseChoices, ReleasedNet, Shapes
from darklift.methods.lldiffusion.method import LOL_V2, Lldiffusion, LldiffusionConfig

__all__ = ["CHOICES", "TITLE", "read", "recognises"]

TITLE = "LLDiffusion"
CHOICES = ("keep_dgnet",)

_STEM = "diff_unet.conv_in.weight"
_DGNET = "deg_unet."
_UNUSED = re.compile(r"(diff|deg)_unet\.(fuse\.cattns\.1|up\.fuse\.cattns\.[045]|mid\.block_[12]\.temb_proj)\.")
"""Released weights that take part in nothing."""


def recognises(shapes: Shapes) -> bool:
    """Whether these are LLDiffusion's tensors: its diffusion U-Net has a name of its own."""
    return _STEM in shapes


def read(shapes: Shapes, choices: ReleaseChoices) -> ReleasedNet:
    """See :attr:`darklift.methods.base.Release.read`. DGNET is kept where the file has it, unless told otherwise."""
    config = _configuration(shapes[_STEM])
    if choices.keep_dgnet is False or not any(name.startswith(_DGNET) for name in shapes):
        config = config.model_copy(update={"dgnet_width": 0})
    method = Lldiffusion(config)
    unused = frozenset(
        name for name in shapes if _UNUSED.match(name) or (not config.dgnet_width and name.startswith(_DGNET))
    )
    note = "channel attention of the other levels and temb_proj of the middle left out"
    return ReleasedNet(method, _names(method), unused, note)


def _configuration(stem: tuple[int, ...]) -> LldiffusionConfig:
    """The released configuration of this U-Net's width."""
    configurations = (LldiffusionConfig(), LldiffusionConfig(**LOL_V2))
    for config in configurations:
        if stem == (config.width, 9, 3, 3):
            return config
    expected = " or ".join(str((config.width, 9, 3, 3)) for config in configurations)
    raise ValueError(f"its first convolution {_STEM!r} is expected to be of shape {expected}, got {stem}")


def _names(method: Lldiffusion) -> dict[str, tuple[str, ...]]:
    """Our tensors' names -> those of the release; queries, keys and values are three there and one tensor in ours."""
    config = method.config
    modules = dict(_encoder(config))
    for ours, theirs, head in (("unet", "diff_unet", "eps_head"), ("dgnet", "deg_unet", "dark_head")):
        modules.update((f"{ours}.{name}", f"{theirs}.{there}") for name, there in _unet(config, head))
    names = {}
    for name in method.net.state_dict():
        if ".attention.qkv." in name:
            module, leaf = name.split(".qkv.")
            names[name] = tuple(f"{modules[module]}.{part}.{leaf}" for part in "qkv")
        elif ".parametrizations.weight." in name:
            module, leaf = name.split(".parametrizations.weight.")
            names[name] = (f"{modules[module]}.weight_{ {'original': 'orig', '0._u': 'u', '0._v': 'v'}[leaf] }",)
        else:
            module, _, leaf = name.rpartition(".")
            names[name] = (f"{modules[module]}.{leaf}",)
    return names


def _encoder(config: LldiffusionConfig) -> Iterator[tuple[str, str]]:
    yield "encoder.first", "encoder.encoder.layer1.0"
    yield "encoder.wide", "encoder.encoder.conv_7x7"
    for number in range(len(config.multipliers) - 2):
        yield f"encoder.down.{number}", f"encoder.encoder.layer{number + 2}.0"
    for number in range(3):
        yield f"encoder.residual.{number}.conv1", f"encoder.encoder.res_{number}.conv_block.1"
        yield f"encoder.residual.{number}.conv2", f"encoder.encoder.res_{number}.conv_block.4"
        yield f"encoder.latent.{number}", f"encoder.encoder.out.{3 * number + 1}.0"
    for number in range(len(config.feature_widths)):
        yield f"encoder.upsampler.{number}.enlarge", f"encoder.upsample.convs.{number}.0.module"
        yield f"encoder.upsampler.{number}.conv", f"encoder.upsample.convs.{number}.2"


def _unet(config: LldiffusionConfig, head: str) -> Iterator[tuple[str, str]]:
    yield from {
        "stem": "conv_in",
        "step.0": "temb.dense.0",
        "step.2": "temb.dense.1",
        f"{head}.0": "norm_out",
        f"{head}.2": "conv_out",
    }.items()
    yield from _block("middle.0", "mid.block_1", "mid.attn_1")
    yield from _block("middle.1", "mid.block_2", "")
    for level in range(len(config.multipliers)):
        for block in range(config.blocks):
            yield from _block(f"encoder.{level}.{block}", f"down.{level}.block.{block}", f"down.{level}.attn.{block}")
        for block in range(config.blocks + 1):
            yield from _block(f"decoder.{level}.{block}", f"up.{level}.block.{block}", f"up.{level}.attn.{block}")
        yield f"down.{level}", f"down.{level}.downsample.conv"
        yield f"up.{level}", f"up.{level}.upsample.conv"
        yield f"fuse.{level}.squeeze", f"up.fuse.cattns.{level + 1}.attention.1"
        yield f"fuse.{level}.expand", f"up.fuse.cattns.{level + 1}.attention.3"


def _block(ours: str, block: str, attention: str) -> Iterator[tuple[str, str]]:
    parts = {"norm1": "norm1", "conv1": "conv1", "level": "temb_proj", "norm2": "norm2", "conv2": "conv2"}
    for part, name in {**parts, "shortcut": "nin_shortcut"}.items():
        yield f"{ours}.{part}", f"{block}.{name}"
    yield f"{ours}.attention", attention
    yield f"{ours}.attention.norm", f"{attention}.norm"
    yield f"{ours}.attention.out", f"{attention}.proj_out"
