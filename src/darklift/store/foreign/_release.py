"""What the releases share: named tensors, to be fitted to our names and told apart from what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from darklift.errors import ModelError, UsageError
from darklift.methods import Method
from darklift.store.checkpoint import load_weights, save_checkpoint
from darklift.store.foreign._reader import ReleasedFile, StoredTensor

__all__ = ["check_target", "load_released", "named_tensors", "write_converted"]


def check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Raise UsageError where something would be overwritten that may not be."""
    if target.is_dir():
        raise UsageError(f"{target} is a folder, expected a file to write: name one in it, such as model.safetensors")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the released file itself: choose another name")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists already: choose another name, or allow it to be overwritten")


def named_tensors(content: Any, source: Path) -> dict[str, StoredTensor]:
    """A state dict of the file, without the ``module.`` of wrapped networks. Raises ModelError for anything else."""
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, StoredTensor) for name, value in content.items()
    ):
        raise ModelError(f"{source} holds other things than named tensors: expected a released state dict")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def load_released(
    method: Method,
    file: ReleasedFile,
    released: Mapping[str, StoredTensor],
    names: Mapping[str, tuple[str, ...]],
    left_out: Callable[[str], bool],
) -> None:
    """Put the released tensors into the method's network.

    names: ours -> theirs, several of which make one of ours, one after another along the first axis. left_out: whether
    a released tensor has no place in ours. Raises ModelError, which names what is missing, too many, misshapen or not
    finite.
    """
    expected = method.net.state_dict()
    wanted = {theirs: ours for ours, parts in names.items() for theirs in parts}
    misshapen = []
    for theirs, ours in wanted.items():
        first, *rest = expected[ours].shape
        shape = (first // len(names[ours]), *rest)
        if theirs in released and released[theirs].shape != shape:
            misshapen.append(f"{theirs} {released[theirs].shape} instead of {shape}")
    problems = {
        "missing": [theirs for theirs in wanted if theirs not in released],
        "too many": [theirs for theirs in released if theirs not in wanted and not left_out(theirs)],
        "misshapen": misshapen,
    }
    if any(problems.values()):
        told = "; ".join(_list(what, keys) for what, keys in problems.items() if keys)
        raise ModelError(f"{file.source} is no {method.name} checkpoint: {told}")
    tensors = file.load({theirs: released[theirs] for theirs in wanted})
    broken = [theirs for theirs, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelError(
            f"{file.source} holds NaN or infinite weights ({broken[0]}): its training went wrong, or download it again"
        )
    joined = {ours: torch.cat([tensors.pop(theirs) for theirs in parts]) for ours, parts in names.items()}
    load_weights(method, joined, str(file.source))


def write_converted(target: Path, method: Method, info: Mapping[str, Any]) -> None:
    """Write the method's network as our checkpoint. Raises ModelError where that cannot be written."""
    try:
        save_checkpoint(target, method, method.net.state_dict(), info)
    except OSError as error:
        raise ModelError(
            f"cannot write {target} ({error.strerror or error}): choose a folder that can be written to"
        ) from error


def _list(what: str, keys: list[str]) -> str:
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return f"{len(keys)} {what} ({', '.join(keys[:5])}{more})"
