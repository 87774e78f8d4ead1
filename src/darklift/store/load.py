"""Opening a model by its name or path, on the backend that fits its files. Imports nothing heavy before that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from darklift.errors import MissingExtraError, UsageError
from darklift.weights import find_model

if TYPE_CHECKING:
    from darklift.runtime import Model

__all__ = ["Backend", "Opening", "Precision", "load_model"]

Backend: TypeAlias = Literal["auto", "onnx", "openvino", "torch"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Opening:
    """Which model to open, and on what it runs."""

    model: str = "default"
    """A name that 'darklift info' lists, a folder from 'darklift export', or a .safetensors checkpoint."""
    backend: Backend = "auto"
    """What runs the model: onnx or openvino for exported models, torch for checkpoints."""
    device: str = "auto"
    """cpu, cuda, coreml or directml with onnx; openvino and torch use their own names."""
    precision: Precision = "auto"
    """What torch and OpenVINO compute in. auto: bf16 on a GPU that has it, for networks that predict noise; else fp32.
    bf16 is twice as fast on CPUs that compute in it, and slower on those that only emulate it."""
    threads: int | None = None
    """CPU threads for the model. Give each of several processes its share, so that they do not fight over the cores."""

    def load(self) -> Model:
        """Open it; see :func:`load_model`."""
        return load_model(
            self.model, backend=self.backend, device=self.device, precision=self.precision, threads=self.threads
        )


def load_model(
    model: str | Path,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Model:
    """Open a model; :class:`Opening` says what each choice means. Raises ModelError, UsageError, MissingExtraError."""
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
