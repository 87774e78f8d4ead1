"""Released checkpoints of the published methods to ours. Which method a file is of, its tensors' names tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from darklift.errors import ModelError, UsageError, one_line
from darklift.methods import RELEASES
from darklift.methods.base import Release, ReleaseChoices, ReleasedNet
from darklift.store.checkpoint import load_weights, save_checkpoint
from darklift.store.released import ReleasedFile, StoredTensor

__all__ = ["ReleasedWeights", "convert"]

ReleasedWeights = Literal["raw", "ema"]

_NOT_AVERAGED = (".weight_u", ".weight_v")
"""Of spectral norm: no parameters, so no average is kept of them."""


def convert(
    source: Path,
    target: Path,
    *,
    preset: str | None = None,
    weights: ReleasedWeights = "raw",
    keep_dgnet: bool | None = None,
    overwrite: bool = False,
) -> str:
    """Convert a released file to our checkpoint, which then works wherever checkpoints do. Nothing in it is executed.

    preset, keep_dgnet: see :class:`darklift.methods.base.ReleaseChoices`; only for the methods that have them. weights:
    "raw", with which the published numbers were measured, or "ema", the averaged ones that some files hold beside them.
    Returns the title of the method that the file is of. Raises ModelError for a file that is of none of them, or not
    whole, with the tensors that are missing or too many; UsageError for choices that do not apply, or a target that
    exists.
    """
    if weights not in get_args(ReleasedWeights):
        raise UsageError(f"unknown weights {weights!r}: choose {' or '.join(get_args(ReleasedWeights))}")
    _check_target(source, target, overwrite)
    choices = ReleaseChoices(preset, keep_dgnet)
    with ReleasedFile(source) as file:
        tensors = _network_tensors(file.content, weights, source)
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        release = _release_of(shapes, source)
        _check_choices(release, choices, source)
        try:
            net = release.read(shapes, choices)
        except ValueError as error:
            raise ModelError(f"{source} is no {release.TITLE} checkpoint that was ever released: {error}") from error
        _load(net, release.TITLE, file, tensors)
    info = {
        "weights": "as released" if weights == "raw" else "EMA, as released",
        "source": source.name,
        "unused": net.note,
    }
    try:
        save_checkpoint(target, net.method, net.method.net.state_dict(), info)
    except OSError as error:
        raise ModelError(f"cannot write {target} ({one_line(error)}): choose a folder that you may write to") from error
    return release.TITLE


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    """Before anything is read: it may be gigabytes."""
    if target.is_dir():
        raise UsageError(f"{target} is a folder, expected a file to write: name one in it, such as model.safetensors")
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{target} is the released file itself: choose another name")
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists already: choose another name, or allow it to be overwritten")


# --- what the file holds ----------------------------------------------------------------------------------------------


def _network_tensors(content: Any, weights: ReleasedWeights, source: Path) -> dict[str, StoredTensor]:
    """The state dict, which is all of the file or a part of it; with the averaged weights if these are wanted."""
    parts = content if isinstance(content, dict) and "state_dict" in content else {"state_dict": content}
    raw = _named_tensors(parts["state_dict"], source)
    if weights == "raw":
        return raw
    if not parts.get("ema_helper"):
        raise ModelError(
            f"{source} holds no averaged weights (ema_helper): convert its raw ones, without --weights ema"
        )
    averaged = _named_tensors(parts["ema_helper"], source)
    differing = [name for name in raw if name not in averaged and not name.endswith(_NOT_AVERAGED)]
    differing += [name for name in averaged if name not in raw]
    if differing:
        raise ModelError(
            f"the averaged weights in {source} are not those of its network ({len(differing)} differ, such as "
            f"{differing[0]}): convert its raw ones, without --weights ema"
        )
    return raw | averaged


def _named_tensors(content: Any, source: Path) -> dict[str, StoredTensor]:
    """A state dict, without the ``module.`` that wrapped networks have before each name."""
    if not isinstance(content, dict):
        raise ModelError(f"{source} holds other things than named tensors (a {type(content).__name__}): {_EXPECTED}")
    for name, value in content.items():
        if not (isinstance(name, str) and isinstance(value, StoredTensor)):
            shown = f"{str(name)[:40]!r}" if isinstance(name, str | int | float) else f"a {type(name).__name__}"
            raise ModelError(f"{source} holds other things than named tensors (such as {shown}): {_EXPECTED}")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


_EXPECTED = "expected a released state dict"


def _release_of(shapes: Mapping[str, tuple[int, ...]], source: Path) -> Release:
    for release in RELEASES:
        if release.recognises(shapes):
            return release
    titles = " or ".join(release.TITLE for release in RELEASES)
    found = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:3])
    raise ModelError(
        f"{source} is no released checkpoint of {titles}: it holds {len(shapes)} tensors"
        + (f", such as {found}" if shapes else "")
        + "; expected one of their released files"
    )


def _check_choices(release: Release, choices: ReleaseChoices, source: Path) -> None:
    for name, value in asdict(choices).items():
        if value is not None and name not in release.CHOICES:
            raise UsageError(
                f"--{name.replace('_', '-')} does not apply to {source}, which is a {release.TITLE} checkpoint: "
                "leave it out"
            )


# --- its tensors into our network -------------------------------------------------------------------------------------


def _load(net: ReleasedNet, title: str, file: ReleasedFile, released: Mapping[str, StoredTensor]) -> None:
    """Raises ModelError, which names what is missing, too many, misshapen or not finite."""
    expected = net.method.net.state_dict()
    wanted = {theirs: ours for ours, parts in net.names.items() for theirs in parts}
    misshapen = []
    for theirs, ours in wanted.items():
        first, *rest = expected[ours].shape
        shape = (first // len(net.names[ours]), *rest)
        if theirs in released and released[theirs].shape != shape:
            misshapen.append(f"{theirs} {released[theirs].shape} instead of {shape}")
    problems = {
        "missing": [theirs for theirs in wanted if theirs not in released],
        "too many": [theirs for theirs in released if theirs not in wanted and theirs not in net.unused],
        "misshapen": misshapen,
    }
    if any(problems.values()):
        told = "; ".join(_list(what, names) for what, names in problems.items() if names)
        raise ModelError(f"{file.source} looks like a {title} checkpoint and is not a whole one: {told}")
    tensors = file.load({theirs: released[theirs] for theirs in wanted})
    broken = [theirs for theirs, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise ModelError(
            f"{file.source} holds NaN or infinite weights ({broken[0]}): its training went wrong, or download it again"
        )
    joined = {ours: torch.cat([tensors.pop(theirs) for theirs in parts]) for ours, parts in net.names.items()}
    load_weights(net.method, joined, str(file.source))


def _list(what: str, names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{len(names)} {what} ({', '.join(names[:5])}{more})"
