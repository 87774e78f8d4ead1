"""Checkpoints to ONNX: a folder with the method's graphs, a file each, and the model's card."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from darklift.errors import ModelError, UsageError, one_line
from darklift.files import write_atomically
from darklift.methods import Graph, Method
from darklift.runtime import ModelCard
from darklift.runtime.onnx import CARD_FILE
from darklift.store.card import card_of
from darklift.store.checkpoint import load_checkpoint
from darklift.store.from_export import BYTES, HALF, STEP, TRANSPOSED

__all__ = ["Storage", "export_method", "export_model", "put_graph", "store_in_half"]

Storage = Literal["fp32", "fp16", "int8"]
_OPSET = 18
_SMALL = 64
"""Smaller tensors (shapes, scales, tables) stay float32."""


def export_model(
    checkpoint: Path, folder: Path, *, name: str | None = None, storage: Storage = "fp32", overwrite: bool = False
) -> Path:
    """Export our checkpoint to ``folder`` and return it; see :func:`export_method`. Raises ModelError, UsageError."""
    loaded = load_checkpoint(checkpoint)
    info = {key: value for key, value in loaded.info.items() if key != "recipe"}
    return export_method(
        loaded.method, folder, name=name or checkpoint.stem, info=info, storage=storage, overwrite=overwrite
    )


def export_method(
    method: Method,
    folder: Path,
    *,
    name: str,
    info: Mapping[str, Any],
    storage: Storage = "fp32",
    overwrite: bool = False,
) -> Path:
    """Write each of the method's graphs (``step.onnx``, …) and the card, ``model.json``, to a new folder.

    Batch, height and width stay free. storage: how the weights are stored; the arithmetic is in float32 all the same.
    fp16 halves the files. int8 halves them again: each output channel of a convolution or matrix is whole numbers times
    a step of its own, and the rest is as in fp16. (int8 was measured for compact with one sampling step only; the
    errors of more steps add up.)

    The folder appears whole or not at all. Raises UsageError where it exists already and ``overwrite`` is not set, or
    where it holds anything but an exported model; ModelError for weights that are not finite.
    """
    if storage not in get_args(Storage):
        raise UsageError(f"unknown storage {storage!r}: choose {' or '.join(get_args(Storage))}")
    _check_free(folder, overwrite)
    broken = [key for key, weight in method.net.state_dict().items() if not torch.isfinite(weight).all()]
    if broken:
        raise ModelError(f"weight {broken[0]} holds NaN or infinite values: export an earlier checkpoint of that run")
    method.net.eval().cpu()
    temporary = _beside(folder, "tmp")
    try:
        temporary.mkdir(parents=True)
        files = {}
        for graph_name, graph in method.graphs().items():
            data = _export_graph(graph, storage)
            write_atomically(temporary / f"{graph_name}.onnx", data)
            files[f"{graph_name}.onnx"] = hashlib.sha256(data).hexdigest()
        card = replace(card_of(method, name, {**info, "storage": storage}), files=files)
        write_atomically(temporary / CARD_FILE, card.to_json().encode())
        _put_in_place(temporary, folder)
    except OSError as error:
        raise ModelError(f"cannot write the model to {folder}: {one_line(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def put_graph(
    method: Method, name: str, folder: Path, card: ModelCard, storage: Storage, *, intervals_hold: bool
) -> None:
    """Write one of the method's graphs into an exported model, whose others stay, and ``card`` with its checksum.

    The graph that it replaces is gone in int8, too. intervals_hold: whether the card's intervals, where they were made
    for the model as it was, are true of it with this graph as well. Raises ModelError.
    """
    method.net.eval().cpu()
    data, file, in_int8 = _export_graph(method.graphs()[name], storage), f"{name}.onnx", f"{name}.int8.onnx"
    changed = replace(
        card,
        files={**card.files, file: hashlib.sha256(data).hexdigest()},
        int8={other: digest for other, digest in card.int8.items() if other != in_int8},
    )
    if intervals_hold and card.intervals is not None and card.intervals.made.get("for") == card.fingerprint:
        made = {**card.intervals.made, "for": changed.fingerprint}
        changed = replace(changed, intervals=replace(card.intervals, made=made))
    try:
        write_atomically(folder / file, data)
        write_atomically(folder / CARD_FILE, changed.to_json().encode())
        (folder / in_int8).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"cannot write the model to {folder}: {one_line(error)}") from error


def _beside(folder: Path, ending: str) -> Path:
    whole = folder.absolute()  # "." has no name
    return whole.with_name(f".{whole.name}.{os.getpid()}.{ending}")


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename; an earlier model is kept until the new one is there."""
    if not folder.exists():
        made.replace(folder)
        return
    earlier = folder.replace(_beside(folder, "old"))
    try:
        made.replace(folder)
    except OSError:
        earlier.replace(folder)
        raise
    shutil.rmtree(earlier)


def _check_free(folder: Path, overwrite: bool) -> None:
    """Overwriting removes the whole folder, so there may be nothing in it but what an export wrote."""
    if not folder.exists():
        return
    if not overwrite:
        raise UsageError(f"{folder} exists already: choose another folder, or allow it to be overwritten")
    others = [folder] if not folder.is_dir() else [p for p in folder.iterdir() if not _is_ours(p)]
    if others:
        raise UsageError(
            f"{folder} cannot be overwritten: {others[0].name} is not of an exported model, and would be lost. Choose "
            "another folder"
        )


def _is_ours(path: Path) -> bool:
    return path.is_file() and (path.suffix == ".onnx" or path.name == CARD_FILE)


def _export_graph(graph: Graph, storage: Storage) -> bytes:
    example = tuple(torch.from_numpy(graph.example[name]) for name in graph.inputs)
    with _quiet():
        program = torch.onnx.export(
            graph.module.eval(),
            example,
            dynamo=True,
            verbose=False,
            opset_version=_OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=_free_shapes(graph),
        )
    assert program is not None
    model = program.model_proto
    _name_folded(model, graph.module)
    if storage == "int8":
        _store_in_bytes(model)
    if storage != "fp32":
        store_in_half(model)
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces of the exporting machine
    onnx.checker.check_model(model)
    buffer = io.BytesIO()
    onnx.save(model, buffer)
    return buffer.getvalue()


def _free_shapes(graph: Graph) -> tuple[Any, ...]:
    """The free axes of every input. Those that go into a ``*parameter`` stand in one tuple at the end."""
    axes = tuple(_free_axes(graph, name) for name in graph.inputs)
    kinds = [parameter.kind for parameter in inspect.signature(graph.module.forward).parameters.values()]
    named = len(kinds) - 1
    if inspect.Parameter.VAR_POSITIONAL not in kinds or len(axes) == named:
        return axes
    return (*axes[:named], axes[named:])


def _free_axes(graph: Graph, name: str) -> dict[int, Any] | None:
    """The batch of a piece, and the height and width of spatial inputs."""
    if name in graph.spatial:
        return {0: "batch", 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    return {0: "batch"} if name == "box" else None


def _name_folded(model: onnx.ModelProto, module: torch.nn.Module) -> None:
    """Give weights that the exporter transposed their names back, with an ending that says so, by which
    :func:`darklift.store.from_export.exported_weights` finds them.
    """
    named = {tensor.name for tensor in model.graph.initializer}
    for name, weight in module.state_dict().items():
        if name in named or weight.ndim != 2:
            continue
        turned = weight.T.numpy()
        for tensor in model.graph.initializer:
            if tensor.dims == list(turned.shape) and np.array_equal(numpy_helper.to_array(tensor), turned):
                _rename(model, tensor.name, name + TRANSPOSED)
                break


def _rename(model: onnx.ModelProto, before: str, after: str) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == before:
            tensor.name = after
    for node in model.graph.node:
        node.input[:] = [after if name == before else name for name in node.input]


def store_in_half(model: onnx.ModelProto) -> None:
    """Make float32 weights float16, with a cast after them that ONNX Runtime does once, when it loads the model."""
    for tensor in _large_weights(model):
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ModelError(f"weight {name} is too large for half precision: export with storage fp32")
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + HALF))
        model.graph.node.insert(0, helper.make_node("Cast", [name + HALF], [name], to=onnx.TensorProto.FLOAT))


def _store_in_bytes(model: onnx.ModelProto) -> None:
    """Make float32 matrices and kernels int8, times a step for each output channel; this, too, is done once at loading.

    Not as a quantised operator, which would also round what flows through the network.
    """
    for tensor in _large_weights(model):
        name, values = tensor.name, numpy_helper.to_array(tensor)
        channel = values.ndim - 1 if name.endswith(TRANSPOSED) else 0
        if values.size == values.shape[channel]:  # one number a channel, as biases are
            continue
        others = tuple(axis for axis in range(values.ndim) if axis != channel)
        step = np.maximum(np.abs(values).max(axis=others, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
        tensor.CopyFrom(numpy_helper.from_array(np.rint(values / step).astype(np.int8), name + BYTES))
        model.graph.initializer.append(numpy_helper.from_array(step, name + STEP))
        whole = name + ".whole"
        model.graph.node.insert(0, helper.make_node("Mul", [whole, name + STEP], [name]))
        model.graph.node.insert(0, helper.make_node("Cast", [name + BYTES], [whole], to=onnx.TensorProto.FLOAT))


def _large_weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [
        tensor
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
        and np.prod(tensor.dims) >= _SMALL
        and not tensor.name.endswith(STEP)
    ]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's messages, which do not concern the person who exports."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
