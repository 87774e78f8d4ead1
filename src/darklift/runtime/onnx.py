"""Exported models on ONNX Runtime: the default, without torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from darklift.errors import ModelError, UsageError, one_line
from darklift.image import FloatArray
from darklift.runtime.card import ModelCard
from darklift.runtime.model import Model
from darklift.runtime.processor import native_formats, require_native
from darklift.runtime.threads import thread_count

__all__ = [
    "CARD_FILE",
    "OnnxGraph",
    "device_for",
    "files_taken",
    "load_card",
    "load_onnx_model",
    "open_graph",
    "precision_for",
    "providers",
    "read_graph",
    "read_graphs",
    "session_options",
]

CARD_FILE = "model.json"
_ORT_ERRORS: tuple[type[Exception], ...] = (
    ort.EPFail,
    ort.Fail,
    ort.InvalidArgument,
    ort.InvalidGraph,
    ort.InvalidProtobuf,
    ort.NotImplemented,
    ort.RuntimeException,
)
_NOT_ONNX = (ort.InvalidProtobuf, ort.InvalidArgument)
"""What a file raises that is damaged, or something else."""
_ABOUT_MEMORY = re.compile("alloc|memory", re.IGNORECASE)
"""In what is said where memory ran out: each processor has other words for it, and the same type as for all else."""
_DEVICES = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "coreml": ["CoreMLExecutionProvider", "CPUExecutionProvider"],
    "directml": ["DmlExecutionProvider", "CPUExecutionProvider"],
}


def providers() -> list[str]:
    """ONNX Runtime's execution providers on this machine, best first."""
    return list(onnxruntime.get_available_providers())


def load_onnx_model(
    folder: Path, device: str = "auto", precision: str = "auto", threads: int | None = None, *, proven: bool = False
) -> Model:
    """The exported model in ``folder`` (``model.json`` and ``*.onnx``).

    precision: see :func:`precision_for`. threads: of the CPU, see :func:`~darklift.runtime.threads.thread_count`.
    proven: each graph, known to load, is made ready when it is first asked for anything, and else all are at once.
    Raises ModelError, UsageError.
    """
    card = load_card(folder)
    device, options = device_for(device), session_options(thread_count(threads))
    taken = precision_for(card, precision, on_cpu=device == "cpu")
    files = read_graphs(folder, card, taken)
    graphs = {name: OnnxGraph(path, _DEVICES[device], options, data) for name, (path, data) in files.items()}
    for graph in () if proven else graphs.values():
        graph.make_ready()
    card = card if taken == "fp32" else replace(card, backend=f"onnx {taken}", files=files_taken(card, taken))
    return Model(card, graphs)


def precision_for(card: ModelCard, precision: str, *, on_cpu: bool) -> str:
    """fp32 or int8, where one of these or auto was asked for. auto: int8 where the model has graphs in it and the CPU
    computes in it, else fp32. Raises UsageError for int8 where it is not to be had.
    """
    if precision == "auto":
        return "int8" if on_cpu and card.int8 and "int8" in native_formats() else "fp32"
    if precision == "int8":
        if not card.int8:
            raise UsageError(f"model {card.name} has no graphs in int8: choose auto or fp32")
        if not on_cpu:
            raise UsageError("precision int8 is for the CPU: choose device cpu, or precision auto")
        require_native(precision)
    return precision


def files_taken(card: ModelCard, precision: str) -> dict[str, str]:
    """SHA-256 by file, one for each graph: those in int8 where that is the precision, as far as there are any."""
    known = [*card.files.items(), *(card.int8.items() if precision == "int8" else ())]
    return dict({file.partition(".")[0]: (file, digest) for file, digest in known}.values())


def read_graphs(folder: Path, card: ModelCard, precision: str) -> dict[str, tuple[Path, bytes]]:
    """The files of a model's graphs, see :func:`files_taken`, and what is in them, by the graphs' names. Raises
    ModelError.
    """
    files = files_taken(card, precision).items()
    return {file.partition(".")[0]: (folder / file, read_graph(folder / file, digest)) for file, digest in files}


def open_graph(path: Path, device: str = "auto", threads: int | None = None) -> OnnxGraph:
    """Any ONNX file, with weights beside it or inside. Raises ModelError, UsageError (a device that is not there)."""
    if not path.is_file():
        raise ModelError(f"no file {path}: expected a network as ONNX")
    graph = OnnxGraph(path, _DEVICES[device_for(device)], session_options(thread_count(threads)))
    graph.make_ready()
    return graph


def load_card(folder: Path) -> ModelCard:
    """The card of the exported model in ``folder``. Raises ModelError."""
    try:
        text = (folder / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"cannot read {folder / CARD_FILE} ({error}): expected a folder that darklift export wrote"
        ) from error
    return ModelCard.from_json(text, str(folder / CARD_FILE))


def read_graph(path: Path, digest: str) -> bytes:
    """A graph's file, if it is the one that the card means (sha256). Raises ModelError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read {path} ({error.strerror}): the model is incomplete, export or install it again"
        ) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelError(f"{path} is damaged (its sha256 is not the one in {CARD_FILE}): export or install it again")
    return data


def device_for(device: str) -> str:
    """The device asked for; auto is cuda where this ONNX Runtime has it, else cpu. Raises UsageError."""
    if device == "auto":
        device = "cuda" if "CUDAExecutionProvider" in providers() else "cpu"
    if device not in _DEVICES:
        raise UsageError(f"unknown device {device!r} for ONNX Runtime: choose auto, {', '.join(_DEVICES)}")
    wanted = _DEVICES[device]
    if wanted[0] not in providers():
        raise UsageError(
            f"device {device} needs ONNX Runtime's {wanted[0]}, found {', '.join(providers())}: install the "
            "onnxruntime package made for that device, or choose cpu"
        )
    return device


class OnnxGraph:
    """One graph (:class:`~darklift.runtime.model.GraphRunner`), made ready when it is first asked for anything, if not
    before: a photo that stays as it is needs neither ``condition`` nor ``step``.
    """

    def __init__(self, path: Path, chosen: list[str], options: Any, data: bytes | None = None) -> None:
        """data: what the file holds, where it has been read already."""
        self._path, self._chosen, self._options, self._data = path, chosen, options, data
        self._made_ready: Any = None
        self._making_ready = Lock()

    def make_ready(self) -> Any:
        """Its session. Raises ModelError for what ONNX Runtime cannot load."""
        with self._making_ready:
            if self._made_ready is None:
                source = str(self._path) if self._data is None else self._data
                try:
                    self._made_ready = onnxruntime.InferenceSession(source, self._options, providers=self._chosen)
                except _NOT_ONNX as error:
                    raise ModelError(
                        f"cannot read {self._path} as ONNX ({one_line(error)}): export or copy it again"
                    ) from error
                except _ORT_ERRORS as error:
                    raise ModelError(
                        f"ONNX Runtime cannot load {self._path} ({one_line(error)}): update onnxruntime, or put the "
                        "files with its weights beside it"
                    ) from error
                self._data = None
                if self._chosen == _DEVICES["cpu"]:  # it keeps the file for when it must fall back on another device
                    self._made_ready._model_bytes = None
            return self._made_ready

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        return tuple(i.name for i in self.make_ready().get_inputs())

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        return tuple(o.name for o in self.make_ready().get_outputs())

    def takes(self, name: str) -> tuple[str, tuple[int | None, ...]]:
        """What an input says of itself: its type, such as ``tensor(float)``, and its shape, with None for an axis of
        any length; () where it tells no shape.
        """
        told = next(i for i in self.make_ready().get_inputs() if i.name == name)
        return told.type, tuple(length if isinstance(length, int) and length > 0 else None for length in told.shape)

    def __call__(self, feeds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        try:
            values: list[Any] = self.make_ready().run(list(self.outputs), dict(feeds))
        except _ORT_ERRORS as error:
            said = one_line(error)
            remedy = (
                "free some memory"
                if _ABOUT_MEMORY.search(said)
                else "check what its card says of sides and layout, or choose device cpu"
            )
            raise ModelError(f"ONNX Runtime could not run the model ({said}): {remedy}") from error
        return dict(zip(self.outputs, values, strict=True))


@cache
def _share_memory() -> None:
    """Let all graphs take turns with what one of them took from the system; the process keeps it, also when no graph is
    left.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, None)


def session_options(threads: int) -> Any:
    """How ONNX Runtime runs darklift's graphs, on so many threads of the CPU (0: as many as it likes)."""
    _share_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Its threads wait for the next run by spinning, which takes a core from whatever comes between two runs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4  # nothing: errors are raised, its warnings are about its own optimiser
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # from the second tile on, a plan of all memory beside what the first one took
    return options
