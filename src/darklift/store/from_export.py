"""From an exported model back to a network and its weights, for training on from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor

from darklift.errors import ModelError
from darklift.methods import Method
from darklift.runtime.onnx import load_card
from darklift.store.checkpoint import build_method, checkpoint_info, load_checkpoint, load_weights

__all__ = ["BYTES", "HALF", "STEP", "TRANSPOSED", "exported_method", "exported_weights", "info_of", "method_of"]

HALF, BYTES, STEP, TRANSPOSED = ".half", ".int8", ".step", ".T"
"""How the name of a stored weight ends: in half precision; in whole numbers, and the step that these are times; and,
before one of these endings or alone, transposed.
"""


def exported_method(folder: Path) -> Method:
    """A compact model with the sizes and the weights that it was exported with.

    Raises ModelError for any other folder. The other methods' exports cannot be taken back, since some of their weights
    are folded into others; nor can exports that do not say their sizes.
    """
    card = load_card(folder)
    if card.method != "compact" or not card.config:
        raise ModelError(
            f"{folder} (method {card.method}) is no export of compact that tells its sizes: pass the checkpoint "
            "that it was exported from"
        )
    try:
        method = build_method(card.method, card.config)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    load_weights(method, exported_weights(method, folder), str(folder))
    return method


def exported_weights(method: Method, folder: Path) -> dict[str, Tensor]:
    """All of ``method.net``'s weights, in float32, from an exported model of the same method and sizes.

    What was stored in half precision or in whole numbers stays rounded. Raises ModelError for a model of another
    method, or with more parts.
    """
    card = load_card(folder)
    if card.method != method.name:
        raise ModelError(f"{folder} holds a model of method {card.method}, expected {method.name}: choose another")
    weights: dict[str, Tensor] = {}
    names = {id(tensor): name for name, tensor in _tensors(method.net).items()}
    for graph_name, graph in method.graphs().items():
        stored, tensors = _stored(folder / f"{graph_name}.onnx"), _tensors(graph.module)
        surplus = [name for name in stored if name.endswith((".weight", ".bias")) and name not in tensors]
        if surplus:
            raise ModelError(
                f"{folder} holds {surplus[0]} ({len(surplus)} such tensors), which a network of these sizes lacks: set "
                "the sizes that it was exported with, such as model.fine_blocks"
            )
        for name, tensor in tensors.items():
            if name in stored and id(tensor) in names:
                weights[names[id(tensor)]] = stored[name]
    return weights


def method_of(path: Path) -> Method:
    """The method with its weights, of an exported model or of a checkpoint. Raises ModelError."""
    return exported_method(path) if path.is_dir() else load_checkpoint(path).method


def info_of(path: Path) -> Mapping[str, Any]:
    """Where the weights of either come from. Raises ModelError."""
    return load_card(path).info if path.is_dir() else checkpoint_info(path)


def _tensors(module: torch.nn.Module) -> dict[str, Tensor]:
    """What a state dict holds, as the very objects, by which a network's parts are found in its graphs."""
    return module.state_dict(keep_vars=True)


def _stored(path: Path) -> Mapping[str, Tensor]:
    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise ModelError(f"cannot read {path} ({error}): export or install the model again") from error
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    stored = {}
    for stored_name, values in arrays.items():
        name = stored_name.removesuffix(HALF).removesuffix(BYTES)
        if stored_name.endswith(BYTES):
            values = values * arrays[name + STEP]
        if name.endswith(TRANSPOSED):
            name, values = name.removesuffix(TRANSPOSED), values.T
        stored[name] = torch.from_numpy(np.array(values, dtype=np.float32, order="C"))  # a writable copy
    return stored
