"""Exported models on OpenVINO: the files that ONNX Runtime runs, faster on CPUs that compute in bf16
(docs/lab/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import openvino

from darklift.errors import ModelError, UsageError, one_line
from darklift.image import FloatArray
from darklift.runtime.model import Model
from darklift.runtime.onnx import load_card, read_graphs
from darklift.runtime.processor import require_native
from darklift.runtime.threads import thread_count

__all__ = ["load_openvino_model"]

_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""As OpenVINO calls them."""


def load_openvino_model(
    folder: Path, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Model:
    """The exported model in ``folder``. Raises ModelError, UsageError.

    device: auto (the CPU), or as OpenVINO names them: cpu, gpu, npu. precision: what the device computes in; auto is
    fp32. A format that the CPU only emulates is refused; another device takes one that it has, and the card says which.
    Graphs in int8 are laid out for ONNX Runtime and no faster here. threads: of the CPU, see
    :func:`~darklift.runtime.threads.thread_count`.
    """
    if precision == "int8":
        raise UsageError("graphs in int8 are for ONNX Runtime: choose --backend onnx, or precision bf16 or fp32")
    if precision not in ("auto", *_PRECISIONS):
        raise UsageError(f"unknown precision {precision!r} for OpenVINO: choose auto, {', '.join(_PRECISIONS)}")
    core = openvino.Core()
    name = "CPU" if device == "auto" else device.upper()
    if name not in {known for device in core.available_devices for known in (device, device.split(".")[0])}:
        found = ", ".join(known.lower() for known in core.available_devices)
        raise UsageError(f"OpenVINO finds no device {device!r} on this machine: choose auto, {found}")
    card = load_card(folder)
    precision = "fp32" if precision == "auto" else precision
    if name == "CPU":
        require_native(precision)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
        # Else weights stored as int8 make it round what flows through the network to int8, too.
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    }
    if name == "CPU" and (count := thread_count(threads)):
        settings["INFERENCE_NUM_THREADS"] = str(count)
    graphs = {
        graph: _OpenVinoGraph(core, path, data, name, settings)
        for graph, (path, data) in read_graphs(folder, card, precision).items()
    }
    taken = {graph.precision for graph in graphs.values()} - {"f32"}
    backend = " ".join(["openvino", *sorted(taken)])
    return Model(replace(card, backend=backend), graphs)


class _OpenVinoGraph:
    def __init__(self, core: openvino.Core, path: Path, data: bytes, device: str, settings: Mapping[str, str]) -> None:
        try:
            graph = core.read_model(data)
            self._inputs, self._outputs = (
                tuple(port.get_any_name() for port in ports) for ports in (graph.inputs, graph.outputs)
            )
            self._compiled = core.compile_model(graph, device, dict(settings))
            self.precision = str(self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load {path} ({one_line(error)}): use --backend onnx") from error
        if not (self._inputs and self._outputs):
            raise ModelError(f"{path} is no graph of a model (it has no inputs or outputs): export the model again")

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._outputs

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        try:
            # A request of its own for each call: threads may share a model.
            results = self._compiled.create_infer_request().infer(dict(feeds))
        except RuntimeError as error:
            raise ModelError(f"OpenVINO could not run the model ({one_line(error)}): use --backend onnx") from error
        # By place: compiled, an output may be called by what it is made of.
        return {name: results[place] for place, name in enumerate(self._outputs)}
