"""The weights of an exported model, for training on from it: the way back from ONNX to a network's tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor

from darklift.errors import ModelError
from darklift.methods import Method
from darklift.runtime.onnx import load_card

__all__ = ["HALF", "TRANSPOSED", "exported_weights"]

HALF, TRANSPOSED = ".half", ".T"
"""How the name of a weight ends that is stored in half precision, or with its rows and columns exchanged, or both."""


def exported_weights(method: Method, folder: Path) -> dict[str, Tensor]:
    """All of ``method.net``'s weights, in float32, from an exported model of the same method and sizes.

    What was stored in half precision comes back rounded so. Raises ModelError for a model of another kind or with
    more parts.
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
                f"{folder} holds {surplus[0]} ({len(surplus)} such), which a network of these sizes lacks: give the "
                "sizes that it was exported with, such as model.fine_blocks"
            )
        for name, tensor in tensors.items():
            if name in stored and id(tensor) in names:
                weights[names[id(tensor)]] = stored[name]
    return weights


def _tensors(module: torch.nn.Module) -> dict[str, Tensor]:
    """What a state dict holds, as the very objects, which tell a part of the network in a graph."""
    return module.state_dict(keep_vars=True)


def _stored(path: Path) -> Mapping[str, Tensor]:
    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise ModelError(f"cannot read {path} ({error}): export or install the model again") from error
    stored = {}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        name = tensor.name.removesuffix(HALF)
        if name.endswith(TRANSPOSED):
            name, values = name.removesuffix(TRANSPOSED), values.T
        stored[name] = torch.from_numpy(np.array(values, dtype=np.float32, order="C"))  # a copy that can be written to
    return stored
