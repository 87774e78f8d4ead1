"""The published methods' released checkpoints, read without executing anything that is in them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from darklift.checkpoint import load_weights, save_checkpoint
from darklift.errors import ModelError, UsageError
from darklift.methods.gsad import Gsad, GsadConfig, PresetName

__all__ = ["convert_gsad", "gsad_names"]

# --- GSAD -------------------------------------------------------------------------------------------------------------

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


def convert_gsad(source: Path, target: Path, *, preset: str = "lolv1", overwrite: bool = False) -> None:
    """Convert a released ``*_gen.pth`` to our checkpoint, which then works wherever checkpoints do.

    preset: the way of sampling that the file was released for. Raises ModelError (a file of another kind; it names the
    released keys that are missing or too many), UsageError (unknown preset, target exists).
    """
    presets = get_args(PresetName)
    if preset not in presets:
        raise UsageError(f"GSAD has no preset {preset!r}: choose from {', '.join(presets)}")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists already: choose another name, or allow it to be overwritten")
    released = _strip(_read_tensors(source))
    method = Gsad(GsadConfig(width=_gsad_width(released, source), preset=preset))  # type: ignore[arg-type]
    names = gsad_names(method.config)
    wanted = {f"{names[module]}.{leaf}": name for name, module, leaf in _parts(method.net.state_dict())}
    missing = [key for key in wanted if key not in released]
    surplus = [key for key in released if key not in wanted and ".mlp." not in key]
    if missing or surplus:
        raise ModelError(f"{source} is no GSAD checkpoint: {_list('missing', missing)}{_list('too many', surplus)}")
    load_weights(method, {ours: released[key] for key, ours in wanted.items()}, str(source))
    info = {"weights": "as released", "source": source.name, "unused": "mlp of each block left out"}
    save_checkpoint(target, method, method.net.state_dict(), info)


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


def _gsad_width(released: Mapping[str, Tensor], source: Path) -> int:
    stem = released.get("downs.0.weight")
    if stem is None or stem.ndim != 4 or stem.shape[0] % 32:
        raise ModelError(f"{source} is no GSAD checkpoint: expected a first convolution 'downs.0.weight'")
    return int(stem.shape[0])


# --- any release ------------------------------------------------------------------------------------------------------


def _read_tensors(source: Path) -> dict[str, Tensor]:
    """A flat state dict. Nothing in the file is executed: torch's restricted reader takes tensors and plain values."""
    try:
        content: Any = torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"cannot read {source}: no such file") from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"cannot read {source} as a checkpoint ({reason}): download it again, or check what it is"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"{source} holds other things than named tensors: expected a released state dict")
    return content


def _strip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the wrappers' prefixes and without schedule buffers."""
    stripped = {}
    for key, tensor in tensors.items():
        name = key.removeprefix("module.").removeprefix("denoise_fn.").removeprefix("module.")
        if name not in _SCHEDULE_BUFFERS:
            stripped[name] = tensor
    return stripped


def _parts(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, str, str]]:
    for name in weights:
        module, _, leaf = name.rpartition(".")
        yield name, module, leaf


def _list(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return f"{len(keys)} {what} ({', '.join(keys[:5])}{more}); "
