"""One run in several processes: what torchrun, or accelerate launch, has told this one, and whether that can be."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast_object_list

from darklift.errors import ConfigError, TrainingError
from darklift.train.config import TrainConfig

__all__ = [
    "accelerator_of",
    "check_launch",
    "end_group",
    "is_first",
    "launch_note",
    "others_may_end",
    "processes",
    "same_for_all",
]

_PATIENCE = timedelta(days=1)
"""That processes wait for one another: the first one validates alone. The launcher ends those that wait for a dead one.
"""
_CONNECTION_LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
_BELONG_TOGETHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def is_first() -> bool:
    """Whether this is the process that writes and speaks. Where what the launcher told cannot be, each may be."""
    try:
        processes()
    except ConfigError:
        return True
    return int(os.environ.get("RANK", "0")) == 0


def processes(environment: Mapping[str, str] = os.environ) -> int:
    """How many there are in all, on all machines. Raises ConfigError, where what the launcher told cannot be."""
    numbers = {name: _number(name, environment[name]) for name in _BELONG_TOGETHER[:3] if name in environment}
    for name in ("LOCAL_WORLD_SIZE", "MASTER_PORT"):
        _number(name, environment.get(name, "0"))
    world, rank = numbers.get("WORLD_SIZE", 1), numbers.get("RANK", 0)
    missing = [name for name in _BELONG_TOGETHER if name not in environment]
    if missing and (world > 1 or rank > 0 or "LOCAL_RANK" in numbers):  # accelerate takes that for several
        raise ConfigError(
            f"the environment says {_said(numbers)}, and lacks {', '.join(missing)}: start with torchrun, which sets "
            "all of them, or unset these"
        )
    if rank >= world:
        raise ConfigError(f"the environment says {_said(numbers)}, and ranks are 0 to {world - 1}: start with torchrun")
    return world


def check_launch(config: TrainConfig, environment: Mapping[str, str] = os.environ) -> None:
    """Whether a batch can be shared by these processes, on these devices. Raises ConfigError."""
    world = processes(environment)
    if world * config.accumulate > config.batch:
        raise ConfigError(
            f"train.batch is {config.batch}, too few for {_many(world, 'process')} with train.accumulate = "
            f"{config.accumulate}: expected {world * config.accumulate} or more, an example for each part"
        )
    here, devices = int(environment.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
    if 0 < devices < here:
        raise ConfigError(
            f"{here} processes on this machine, which has {_many(devices, 'GPU')}: start one for each "
            f"(--nproc_per_node={devices}), or hide the GPUs (CUDA_VISIBLE_DEVICES=)"
        )
    for other in ("DEEPSPEED", "FSDP", "MEGATRON_LM"):
        if environment.get(f"ACCELERATE_USE_{other}", "false").lower() in ("true", "1"):
            raise ConfigError(f"accelerate was told to use {other}, and darklift trains without: leave that out")
    steps = environment.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    if steps != "1":
        raise ConfigError(
            f"accelerate was told to accumulate gradients over {steps} steps, which the recipe decides: leave that out "
            "and set train.accumulate, the parts that each process does its share of a batch in"
        )


def launch_note(environment: Mapping[str, str] = os.environ) -> str | None:
    """What to say where fewer processes were started than were asked for. With ``--cpu``, accelerate (1.15) starts one,
    whatever ``--num_processes`` says, and leaves only the place where several would have met.
    """
    asked = "MASTER_ADDR" in environment and environment.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    if not asked or "WORLD_SIZE" in environment:
        return None
    return (
        "accelerate launch --cpu has started one process, whatever --num_processes says: for several on a CPU, use "
        "torchrun --nproc_per_node=N -m darklift train ..."
    )


def accelerator_of(precision: str) -> Accelerator:
    """This process's device, its precision, and its connection to the others."""
    _meet()
    return Accelerator(mixed_precision=precision, cpu=not torch.cuda.is_available())


@contextlib.contextmanager
def others_may_end() -> Iterator[None]:
    """What the connection says where another process has ended becomes a line. Raises TrainingError."""
    try:
        yield
    except RuntimeError as error:
        if not torch.distributed.is_initialized() or not any(words in str(error) for words in _CONNECTION_LOST):
            raise
        raise TrainingError(
            f"another of the {torch.distributed.get_world_size()} processes has ended: it says why, or its launcher "
            "does; --resume goes on from what was saved before"
        ) from error


def same_for_all(value: str) -> str:
    """The first process's value. (What each measures for itself may differ.)"""
    _meet()
    shared = [value]
    broadcast_object_list(shared)
    return shared[0]


def end_group() -> None:
    """After this, processes do not hear of one another any more."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _meet() -> None:
    PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"{name} is {text!r} in the environment, expected a whole number: start with torchrun")
    return int(text)


def _said(numbers: Mapping[str, int]) -> str:
    return " and ".join(f"{name}={number}" for name, number in numbers.items())


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}{'es' if what.endswith('s') else 's'}"
