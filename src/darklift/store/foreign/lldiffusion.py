"""LLDiffusion's released checkpoints: a dict of state dict, optimizer, averaged weights, and its program's objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from darklift.errors import ModelError, UsageError
from darklift.methods.lldiffusion import LOL_V2, Lldiffusion, LldiffusionConfig
from darklift.store.foreign._reader import ReleasedFile, StoredTensor
from darklift.store.foreign._release import check_target, load_released, named_tensors, write_converted

__all__ = ["Weights", "convert_lldiffusion", "lldiffusion_names"]

Weights = Literal["raw", "ema"]

_UNUSED = re.compile(r"(diff|deg)_unet\.(fuse\.cattns\.1|up\.fuse\.cattns\.[045]|mid\.block_[12]\.temb_proj)\.")
"""Released weights that take part in nothing."""
_NORM_VECTORS = (".weight_u", ".weight_v")
"""Of spectral norm: no parameters, so no average is kept of them."""


def convert_lldiffusion(
    source: Path, target: Path, *, weights: Weights = "raw", keep_dgnet: bool = True, overwrite: bool = False
) -> None:
    """Convert a released file to our checkpoint, which then works wherever checkpoints do.

    Which of the released configurations it is (LOL, or LOL-v2, whose two are alike) is told by its shapes. weights:
    "raw", those that the published numbers were measured with, or "ema", the averaged ones beside them. keep_dgnet:
    false leaves out the network that only training and darkening want. Raises ModelError (a file of another kind; it
    names the released keys that are missing or too many), UsageError (target exists).
    """
    if weights not in ("raw", "ema"):
        raise UsageError(f"unknown weights {weights!r}: choose raw or ema")
    check_target(source, target, overwrite)
    with ReleasedFile(source) as file:
        released = _choose(file.content, weights, source)
        config = _configuration(released, source)
        if not (keep_dgnet and any(name.startswith("deg_unet.") for name in released)):
            config = config.model_copy(update={"dgnet_width": 0})
        method = Lldiffusion(config)

        def left_out(name: str) -> bool:
            return bool(_UNUSED.match(name)) or (not config.dgnet_width and name.startswith("deg_unet."))

        load_released(method, file, released, lldiffusion_names(method), left_out)
    info = {
        "weights": "as released" if weights == "raw" else "EMA, as released",
        "source": source.name,
        "unused": "channel attention of the other levels and temb_proj of the middle left out",
    }
    write_converted(target, method, info)


def _choose(content: Any, weights: Weights, source: Path) -> dict[str, StoredTensor]:
    """The state dict, with the averaged parameters in it where these are wanted. A bare state dict will do."""
    parts = content if isinstance(content, dict) and "state_dict" in content else {"state_dict": content}
    released = named_tensors(parts["state_dict"], source)
    if weights == "raw":
        return released
    if not parts.get("ema_helper"):
        raise ModelError(f"{source} holds no averaged weights (ema_helper): convert its raw ones")
    averaged = named_tensors(parts["ema_helper"], source)
    differing = [name for name in released if name not in averaged and not name.endswith(_NORM_VECTORS)]
    differing += [name for name in averaged if name not in released]
    if differing:
        raise ModelError(
            f"the averaged weights in {source} are not those of its network ({len(differing)} differ, as "
            f"{differing[0]}): convert its raw ones"
        )
    return released | averaged


def _configuration(released: Mapping[str, StoredTensor], source: Path) -> LldiffusionConfig:
    """The released configuration of this U-Net's width."""
    configurations = (LldiffusionConfig(), LldiffusionConfig(**LOL_V2))
    stem = released.get("diff_unet.conv_in.weight")
    for config in configurations:
        if stem is not None and stem.shape == (config.width, 9, 3, 3):
            return config
    expected = " or ".join(str((config.width, 9, 3, 3)) for config in configurations)
    found = "none" if stem is None else str(stem.shape)
    raise ModelError(
        f"{source} is no lldiffusion checkpoint: expected a first convolution 'diff_unet.conv_in.weight' of shape "
        f"{expected}, got {found}"
    )


def lldiffusion_names(method: Lldiffusion) -> dict[str, tuple[str, ...]]:
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
