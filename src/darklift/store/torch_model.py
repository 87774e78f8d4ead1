"""Methods and checkpoints on torch: the same graphs that are exported to ONNX, run as torch modules."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from darklift.errors import ModelError, UsageError, one_line
from darklift.image import FloatArray
from darklift.methods import Graph, Method
from darklift.runtime import Model
from darklift.runtime.processor import require_native
from darklift.runtime.threads import thread_count
from darklift.store.card import card_of
from darklift.store.checkpoint import load_checkpoint

__all__ = ["load_torch_model", "torch_model"]

_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def load_torch_model(path: Path, device: str = "auto", precision: str = "auto", threads: int | None = None) -> Model:
    """Open the checkpoint ``path`` (.safetensors); see :func:`torch_model`. Raises ModelError, UsageError."""
    checkpoint = load_checkpoint(path)
    checkpoint.method.net.eval()
    model = torch_model(checkpoint.method, {"model": str(path), **checkpoint.info}, device, precision, threads)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    model.card = replace(model.card, files={path.name: digest})
    return model


def torch_model(
    method: Method,
    info: Mapping[str, Any],
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Model:
    """A model out of a method in memory.

    device: auto, or a name that torch knows. precision: fp32, bf16, fp16, or auto, which is bf16 on a GPU that has it,
    for networks that predict noise (one that predicts the picture would round it to bf16's 8 bits), and fp32 otherwise,
    so that on a CPU a checkpoint makes the same picture as its export. threads: of the CPU, while this model runs; None
    leaves torch's setting. info: goes into the card. Raises UsageError for a device that there is not, and for a
    precision that there is not, or that the CPU only emulates.
    """
    if precision not in ("auto", *_DTYPES):
        raise UsageError(f"unknown precision {precision!r}: choose auto, {', '.join(_DTYPES)}")
    try:
        where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        method.net.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used by this torch: {one_line(error)}") from error
    if where.type == "cpu":
        require_native(precision)
    if precision == "auto":
        predicts_noise = all(preset.predicts == "eps" for preset in method.presets.values())
        has_bf16 = where.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if predicts_noise and has_bf16 else "fp32"
    card = replace(
        card_of(method, str(info.get("model", method.name)), info),
        footprint=replace(method.footprint, bytes_per_pixel_pair=0.0),  # torch's attention is fused
        backend="torch" if precision == "fp32" else f"torch {precision}",
    )
    count = None if threads is None else thread_count(threads)
    graphs = {name: _TorchGraph(g, where, _DTYPES[precision], count) for name, g in method.graphs().items()}
    if where.type == "cuda":
        return Model(card, graphs, lambda: int(torch.cuda.mem_get_info(where)[0]))
    return Model(card, graphs)


class _TorchGraph:
    def __init__(
        self, graph: Graph, device: torch.device, dtype: torch.dtype | None, threads: int | None = None
    ) -> None:
        self._graph, self._device, self._dtype, self._threads = graph, device, dtype, threads

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._graph.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._graph.outputs

    @torch.inference_mode()
    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        tensors = [torch.from_numpy(feeds[name]).to(self._device) for name in self._graph.inputs]
        try:
            with (
                _THREADS.set_to(self._threads),
                torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None),
            ):
                results = self._graph.module(*tensors)
        except RuntimeError as error:  # torch has a class of its own for it on GPUs only
            if "memory" not in str(error).lower():
                raise
            raise ModelError("there is not enough memory for this picture: give a smaller --window") from error
        results = results if isinstance(results, tuple) else (results,)
        return {name: r.float().cpu().numpy() for name, r in zip(self._graph.outputs, results, strict=True)}


class _Threads:
    """torch's number of threads, which is each thread's own, and that of the process for threads to come: what it was
    before the first model ran with another comes back when the last one is done.
    """

    def __init__(self) -> None:
        self._lock, self._running, self._before = threading.Lock(), 0, 0

    @contextlib.contextmanager
    def set_to(self, count: int | None) -> Iterator[None]:
        """For the calling thread, while the block runs; None leaves it."""
        if count is None:
            yield
            return
        with self._lock:
            if not self._running:
                self._before = torch.get_num_threads()
            self._running += 1
            torch.set_num_threads(count)
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                torch.set_num_threads(self._before)


_THREADS = _Threads()
