"""The file that a run is resumed from: everything that changes while training, and what the run must have in common."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from darklift.errors import TrainingError, one_line
from darklift.files import write_atomically
from darklift.methods import Method, Stage
from darklift.train.config import TrainConfig
from darklift.train.folder import STATE
from darklift.train.loop import TrainState

__all__ = ["check_same_run", "order_changes", "read_state", "restore_state", "save_state"]


def save_state(
    folder: Path,
    state: TrainState,
    *,
    method: Method,
    stage: Stage,
    config: TrainConfig,
    accelerator: Accelerator,
    best: float | None,
    stains: dict[str, list[str]],
) -> None:
    """Write the file, in the first process, which has the averaged weights. best: the best validation's score yet.
    stains: what the weights' scores are no test of.
    """
    assert state.ema is not None
    buffer = io.BytesIO()
    scaler = accelerator.scaler
    torch.save(
        {
            "step": state.step,
            "core_seconds": state.core_seconds,
            "recent": list(state.recent),
            "net": method.net.state_dict(),
            "ema": state.ema.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler else None,
            "best": best,
            "stains": stains,
            "method": method.name,
            "stage": stage.name,
            "config": method.config.model_dump(mode="json"),
            "order": _order_of_examples(config),
            "precision": config.precision,
            "teacher": state.teacher.state_dict() if state.teacher else None,
        },
        buffer,
    )
    write_atomically(folder / STATE, buffer.getvalue())


def read_state(folder: Path) -> dict[str, Any]:
    """What :func:`save_state` wrote. Raises TrainingError where there is none, or only a damaged one."""
    path = folder / STATE
    if not path.exists():
        raise TrainingError(
            f"there is nothing to resume in {folder} (no {STATE}): start a new run there without --resume"
        )
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make torch raise nearly anything
        raise TrainingError(
            f"cannot read {path} ({one_line(error)}): put an undamaged copy there, or begin a new run folder"
        ) from error
    return state


def check_same_run(saved: dict[str, Any], folder: Path, method: Method, stage: Stage, steps: int) -> None:
    """Whether a run of this method, stage and length can go on from what was saved. Raises TrainingError."""
    begin_anew = f"begin a new run folder with train.initial={folder / 'last.safetensors'}"
    saved_stage = saved.get("stage", "unknown")
    if saved_stage != stage.name:
        raise TrainingError(f"{folder} holds a run of stage {saved_stage}: for stage {stage.name} {begin_anew}")
    if saved["step"] > steps:
        raise TrainingError(
            f"{folder} has done {saved['step']} steps, and train.steps is {steps}: to go on, set more steps than that"
        )
    # A run of an earlier version lacks what came since, which then had its default.
    defaults = type(method.config)().model_dump(mode="json")
    changed = _changes(
        {"method": saved["method"], **_model_settings(defaults | saved["config"])},
        {"method": method.name, **_model_settings(method.config.model_dump(mode="json"))},
    )
    if changed:
        raise TrainingError(f"{folder} holds a run with {changed}: set that back, or {begin_anew}")


def order_changes(saved: dict[str, Any], config: TrainConfig) -> str:
    """Which settings that decide what examples a step sees are no longer as they were, in words; empty for none."""
    return _changes(saved.get("order", {}), _order_of_examples(config))


def restore_state(saved: dict[str, Any], state: TrainState, method: Method, config: TrainConfig, scaler: Any) -> None:
    """Put what was saved into the network, its average, optimizer, teacher and fp16 scaler (None without one).

    Learning rate, weight decay and beta2 are the recipe's, which may have changed.
    """
    method.net.load_state_dict(saved["net"])
    if state.ema is not None:
        state.ema.load_state_dict(saved["ema"])
    state.optimizer.load_state_dict(saved["optimizer"])
    if state.teacher is not None:
        state.teacher.load_state_dict(saved["teacher"])
    for group in state.optimizer.param_groups:
        group["weight_decay"] = config.weight_decay
        group["betas"] = (group["betas"][0], config.beta2)
    if saved["scaler"] and scaler:
        scaler.load_state_dict(saved["scaler"])
    state.step = saved["step"]
    state.core_seconds = saved.get("core_seconds", 0.0)  # an earlier version did not count
    state.recent.extend(saved.get("recent", ()))  # nor did it remember these


def _model_settings(config: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{key}": value for key, value in config.items()}


def _order_of_examples(config: TrainConfig) -> dict[str, Any]:
    """What decides which examples make up a step."""
    return {"train.batch": config.batch, "train.seed": config.seed}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In words; empty where nothing changed."""
    return ", ".join(f"{key}={value} (now {now.get(key)})" for key, value in before.items() if value != now.get(key))
