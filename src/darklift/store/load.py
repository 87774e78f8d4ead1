"""Opening a model by its name or path, on the backend that fits its files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from darklift.errors import MissingExtraError, UsageError
from darklift.runtime import Model
from darklift.weights import find_model

__all__ = ["Backend", "load_model"]

Backend = Literal["auto", "onnx", "openvino", "torch"]


def load_model(
    model: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Model:
    """A name that ``darklift info`` lists, a folder that ``darklift export`` wrote, or a .safetensors checkpoint.

    See :class:`darklift.Enhancer` for the rest. Raises ModelError, UsageError, MissingExtraError.
    """
    if backend not in get_args(Backend):
        raise UsageError(f"unknown backend {backend!r}: choose {', '.join(get_args(Backend))}")
    path = find_model(str(model))
    if not path.is_dir():
        return _load_checkpoint(path, backend, device, precision, threads)
    if backend == "torch":
        raise UsageError(
            f"{model} is an exported model, which runs on ONNX Runtime or OpenVINO: pass its .safetensors checkpoint "
            "for torch"
        )
    if backend == "openvino":
        try:
            from darklift.runtime.openvino import load_openvino_model
        except ImportError as error:
            raise MissingExtraError(error.name or "openvino", "openvino", "the backend openvino") from error
        return load_openvino_model(path, device, precision, threads)
    if precision not in ("auto", "fp32"):
        raise UsageError(
            f"precision {precision} is for the backends torch and openvino: ONNX Runtime runs models as exported"
        )
    from darklift.runtime.onnx import load_onnx_model

    return load_onnx_model(path, device, threads)


def _load_checkpoint(path: Path, backend: str, device: str, precision: str, threads: int | None) -> Model:
    if backend in ("onnx", "openvino"):
        raise UsageError(
            f"{path} is a checkpoint, which runs on torch: run  darklift export {path} -o FOLDER  for {backend}"
        )
    try:
        from darklift.store.torch_model import load_torch_model
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "torch", f"running the checkpoint {path.name}") from error
    return load_torch_model(path, device, precision, threads)
