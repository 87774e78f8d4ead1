"""Opening a model by its name or path, on the backend that fits its files. Imports nothing heavy before that."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from darklift.errors import MissingExtraError, ModelError, UsageError
from darklift.weights import CATALOGUE, find_model

if TYPE_CHECKING:
    from darklift.runtime import Model

_log = logging.getLogger(__name__)

__all__ = ["Backend", "Opening", "Precision"]

Backend: TypeAlias = Literal["auto", "onnx", "openvino", "torch"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True)
class Opening:
    """Which model to open, and on what it runs."""

    model: str | Path = "default"
    """A name that 'darklift info' lists, a folder from 'darklift export', or a .safetensors checkpoint."""
    backend: Backend | str = "auto"
    """What runs the model: onnx or openvino for exported models, torch for checkpoints."""
    device: str = "auto"
    """cpu, cuda, coreml or directml with onnx; openvino and torch use their own names."""
    precision: Precision | str = "auto"
    """What it computes in. auto: int8 on ONNX Runtime where an exported model has graphs in it and the CPU computes in
    it; bf16 with torch on a GPU that has it, for networks that predict noise; else fp32, which is exact. What the CPU
    only emulates is refused. 'darklift info' tells what there is."""
    threads: int | None = None
    """CPU threads for the model. Give each of several processes its share, so that they do not fight over the cores."""
    memory: int | str | None = None
    """The most memory that a photo may take, darklift itself included, such as 2GB or 800MB. Where it is scarce, large
    photos are done in smaller pieces, and what cannot be done with it is refused."""

    def identity(self) -> dict[str, str]:
        """Which model it is and what it runs on, in plain values: the same for the same files, wherever they lie.

        Raises ModelError, UsageError.
        """
        path = find_model(str(self.model))
        file = path / "model.json" if path.is_dir() else path  # which has the SHA-256 of the files beside it
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"cannot read {file}: {error.strerror}") from error
        return {
            "name": path.name,
            "sha256": digest,
            "backend": str(self.backend),
            "device": self.device,
            "precision": str(self.precision),
        }

    def is_exported(self) -> bool:
        """Whether it is an exported model, not a checkpoint. Raises ModelError, UsageError."""
        return find_model(str(self.model)).is_dir()

    def runs_on_cpu(self) -> bool:
        """Whether it is an exported model that several processes may run at once, each on some of the cores.

        Raises ModelError, UsageError.
        """
        if not self.is_exported():
            return False
        if self.device != "auto" or self.backend == "openvino":
            return self.device.lower() in ("auto", "cpu")
        from darklift.runtime.onnx import providers

        return "CUDAExecutionProvider" not in providers()

    def load(self) -> Model:
        """Open it. Raises ModelError, UsageError, MissingExtraError."""
        for name, known in (("backend", Backend), ("precision", Precision)):
            if getattr(self, name) not in get_args(known):
                raise UsageError(f"unknown {name} {getattr(self, name)!r}: choose {', '.join(get_args(known))}")
        memory = None
        if self.memory is not None:
            from darklift.runtime.memory import memory_size

            memory = memory_size(self.memory)
        path = find_model(str(self.model))
        model = self._load_exported(path) if path.is_dir() else self._load_checkpoint(path)
        model.memory, model.threads = memory, self.threads
        _log.debug(
            "opened %s (%s) on %s, %s threads", path, model.card.method, model.card.backend, self.threads or "all"
        )
        return model

    def _load_exported(self, path: Path) -> Model:
        if self.backend == "torch":
            raise UsageError(
                f"{self.model} is an exported model, which runs on ONNX Runtime or OpenVINO: pass its .safetensors "
                "checkpoint for torch"
            )
        if self.backend == "openvino":
            try:
                from darklift.runtime.openvino import load_openvino_model
            except ImportError as error:
                raise MissingExtraError(error.name or "openvino", "openvino", "the backend openvino") from error
            return load_openvino_model(path, self.device, self.precision, self.threads)
        if self.precision not in ("auto", "fp32", "int8"):
            raise UsageError(
                f"precision {self.precision} is for the backends torch and openvino: ONNX Runtime takes auto, fp32 or "
                "int8"
            )
        from darklift.runtime.onnx import load_onnx_model

        proven = any(path == known.folder for known in CATALOGUE.values())
        return load_onnx_model(path, self.device, self.precision, self.threads, proven=proven)

    def _load_checkpoint(self, path: Path) -> Model:
        if self.backend in ("onnx", "openvino"):
            raise UsageError(
                f"{path} is a checkpoint, which runs on torch: for {self.backend} run  darklift export {path} -o FOLDER"
            )
        try:
            from darklift.store.torch_model import load_torch_model
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "torch", "torch", f"running the checkpoint {path.name}") from error
        return load_torch_model(path, self.device, self.precision, self.threads)
