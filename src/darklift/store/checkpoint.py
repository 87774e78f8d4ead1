"""Our checkpoints: a safetensors file whose metadata says how to build the network that the weights belong to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from darklift.errors import ModelError, hint_for
from darklift.files import write_atomically
from darklift.methods import METHODS, Method

__all__ = ["FORMAT", "Checkpoint", "checkpoint_info", "load_checkpoint", "save_checkpoint"]

FORMAT = "darklift-checkpoint-1"


@dataclass(frozen=True)
class Checkpoint:
    """A method with its weights loaded."""

    method: Method
    info: Mapping[str, Any]
    """Where the weights come from (step, recipe, …), as plain values."""


def save_checkpoint(path: Path, method: Method, weights: Mapping[str, Tensor], info: Mapping[str, Any]) -> None:
    """Write ``weights``, a state dict of ``method.net``, with the method's name, its config and ``info``.

    Raises OSError.
    """
    description = {"method": method.name, "config": method.config.model_dump(mode="json"), "info": dict(info)}
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in weights.items()}
    write_atomically(path, save(tensors, {"format": FORMAT, "darklift": json.dumps(description)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Build the method that the file describes, and load its weights. Raises ModelError for any other file."""
    with _opened(path) as file:
        name, config, info = _description(path, file)
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    method = build_method(name, config)
    load_weights(method, weights, str(path))
    return Checkpoint(method, info)


def checkpoint_info(path: Path) -> Mapping[str, Any]:
    """Where its weights come from, without reading them. Raises ModelError for any other file."""
    with _opened(path) as file:
        return _description(path, file)[2]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"cannot read {path} as a safetensors checkpoint ({error}): pass a file that darklift wrote"
        ) from error


def _description(path: Path, file: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The method's name, its config, and the info."""
    metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path} is a safetensors file, but not a darklift checkpoint: pass one from a run folder")
    try:
        description = json.loads(metadata["darklift"])
        name, config, info = description["method"], description["config"], description["info"]
        if not (isinstance(name, str) and isinstance(config, dict) and isinstance(info, dict)):
            raise TypeError("its method, config or info is of the wrong type")
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path} does not say what it holds ({error!r}): pass one from a run folder") from error
    return name, config, info


def build_method(name: str, config: Mapping[str, Any]) -> Method:
    """The method called ``name`` with this config and fresh weights. Raises ModelError for what there is not."""
    if name not in METHODS:
        raise ModelError(f"unknown method {name!r}: this version of darklift has {', '.join(METHODS)}")
    method_type = METHODS[name]
    try:
        return method_type(method_type.config_type(**config))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg'].removeprefix('Value error, ')}"
        if first["type"] == "extra_forbidden":
            known = list(method_type.config_type.model_fields)
            problem = f"unknown key {where!r}: " + hint_for(where, known, f"known keys are {', '.join(known)}")
        raise ModelError(f"{name} config: {problem}") from error


def load_weights(method: Method, weights: Mapping[str, Tensor], source: str) -> None:
    """Load just these weights, which are from ``source``.

    Raises ModelError, which names some of the tensors that are missing, too many or misshapen.
    """
    expected = method.net.state_dict()
    problems = [f"missing {name}" for name in expected if name not in weights]
    problems += [f"unexpected {name}" for name in weights if name not in expected]
    problems += [
        f"{name} is {tuple(weights[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ModelError(f"{source} does not fit method {method.name}: {'; '.join(problems[:5])}{more}")
    with torch.no_grad():
        method.net.load_state_dict(dict(weights))
