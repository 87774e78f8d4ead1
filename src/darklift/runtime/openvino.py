"""Exported models on OpenVINO: the files that ONNX Runtime runs, faster on Intel's and AMD's processors, and on those
that compute in bf16 twice as fast again (docs/benchmarks.md).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import openvino

from darklift.errors import ModelError, UsageError
from darklift.runtime.base import FloatArray, Model
from darklift.runtime.onnx import load_card, read_graph

__all__ = ["load_openvino_model"]

_PRECISIONS = {"auto": "f32", "fp32": "f32", "bf16": "bf16", "fp16": "f16"}


def load_openvino_model(folder: Path, device: str = "auto", precision: str = "auto") -> Model:
    """The exported model in ``folder``. Raises ModelError, UsageError.

    device: auto (the CPU), or as OpenVINO names them: cpu, gpu, npu. precision: what the device may compute in; auto is
    fp32, so that the picture is ONNX Runtime's. Where the device does not compute in the one asked for, OpenVINO
    computes in one that it has.
    """
    if precision not in _PRECISIONS:
        raise UsageError(f"unknown precision {precision!r} for OpenVINO: choose {', '.join(_PRECISIONS)}")
    core = openvino.Core()
    name = "CPU" if device == "auto" else device.upper()
    if name.split(".")[0] not in {known.split(".")[0] for known in core.available_devices}:
        found = ", ".join(known.lower() for known in core.available_devices)
        raise UsageError(f"OpenVINO finds no device {device!r} on this machine: choose auto, {found}")
    card = load_card(folder)
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _PRECISIONS[precision]}
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if name == "CPU" and threads.isdigit() and int(threads):
        settings["INFERENCE_NUM_THREADS"] = threads
    graphs = {
        Path(file).stem: _OpenVinoGraph(core, folder / file, digest, name, settings)
        for file, digest in card.files.items()
    }
    backend = "openvino" if precision in ("auto", "fp32") else f"openvino {precision}"
    return Model(replace(card, backend=backend), graphs)


class _OpenVinoGraph:
    def __init__(self, core: openvino.Core, path: Path, digest: str, device: str, settings: Mapping[str, str]) -> None:
        data = read_graph(path, digest)
        try:
            graph = core.read_model(data)
            self._inputs, self._outputs = (
                tuple(port.get_any_name() for port in ports) for ports in (graph.inputs, graph.outputs)
            )
            self._compiled = core.compile_model(graph, device, dict(settings))
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot load {path} ({_reason(error)}): use --backend onnx") from error

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._outputs

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        try:
            results = self._compiled(dict(feeds))
        except RuntimeError as error:
            raise ModelError(f"OpenVINO could not run the model ({_reason(error)}): use --backend onnx") from error
        # By place: compiled, an output may be called by what it is made of. Copied: the next run reuses the memory.
        return {name: results[place].copy() for place, name in enumerate(self._outputs)}


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
