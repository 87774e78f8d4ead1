"""The training loop as a generator of step reports: no logging, no files, no validation in here."""

from __future__ import annotations

import copy
import math
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from darklift.data.sources import Mixture
from darklift.diffusion import random_generator
from darklift.errors import TrainingError
from darklift.methods import Method, Stage
from darklift.methods.base import Batch
from darklift.train.config import TrainConfig

__all__ = [
    "RECENT_STEPS",
    "Examples",
    "StepReport",
    "TrainState",
    "example_batches",
    "learning_rate",
    "new_state",
    "set_training",
    "train_steps",
]

RECENT_STEPS = 100
"""That the mean loss is over: one step's loss jumps from batch to batch."""


@dataclass(frozen=True)
class StepReport:
    """What one step did: ``step`` steps are done now; losses are means over all processes.

    loss_mean: of the sum of the losses, over this step and those before it, :data:`RECENT_STEPS` in all, also across a
    resume. seconds: how long it took, with the waiting for its batch, but without what the receiver of the last report
    did.
    core_seconds: time of a core, not of a clock, that the run's steps up to this one took in this process, over all
    resumes.
    """

    step: int
    losses: Mapping[str, float]
    loss_mean: float
    grad_norm: float
    lr: float
    seconds: float
    core_seconds: float

    @property
    def loss(self) -> float:
        """Sum of the parts."""
        return sum(self.losses.values())


@dataclass
class TrainState:
    """All that changes while training, and the teacher, which does not.

    ``net`` is wrapped for the device; ``ema`` follows the bare network; ``teacher`` is the network as it was at first.
    """

    net: nn.Module
    ema: AveragedModel
    optimizer: torch.optim.Optimizer
    step: int = 0
    teacher: nn.Module | None = None
    core_seconds: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_STEPS))
    """The losses of the last steps."""


def new_state(method: Method, stage: Stage, config: TrainConfig, accelerator: Accelerator) -> TrainState:
    """Fresh EMA and optimizer around the method's network; only the stage's parameters are trained."""
    for name, parameter in method.net.named_parameters():
        parameter.requires_grad_(any(name.startswith(prefix) for prefix in stage.trains))
    method.net.to(accelerator.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = [parameter for parameter in method.net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=config.lr, betas=(0.9, config.beta2), weight_decay=config.weight_decay, fused=True
    )
    # Buffers are copied: averaged unit vectors, as spectral norm keeps, are none any more.
    ema = AveragedModel(method.net, multi_avg_fn=_ema_update(config.ema), use_buffers=False)
    teacher = copy.deepcopy(method.net).eval().requires_grad_(False) if stage.teacher else None
    if teacher is not None:  # computes in the precision that the trained network computes in
        teacher = accelerator.prepare_model(teacher, evaluation_mode=True)
    net, wrapped_optimizer = accelerator.prepare(method.net, optimizer)
    return TrainState(net, ema, wrapped_optimizer, teacher=teacher)


def set_training(net: nn.Module) -> None:
    """Training mode, except for parts in which nothing learns: their spectral norm would go on changing."""
    net.train()
    for part in net.children():
        if not any(parameter.requires_grad for parameter in part.parameters()):
            part.eval()


def _ema_update(decay: float) -> Any:
    """A moving average whose decay rises to ``decay`` over the first steps, so that it soon forgets the start."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        n = int(count)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

    return update


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, constant, halved at each of ``config.halvings``, cosine decay to 1% over the last
    ``config.decay`` steps; a function of the step alone.
    """
    rate = config.lr * min(1.0, (step + 1) / max(config.warmup, 1))
    rate *= 0.5 ** sum(step >= halving for halving in config.halvings)
    into_decay = step - (config.steps - config.decay)
    if into_decay > 0:
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * into_decay / config.decay))
    return rate


class Examples(Dataset[Any]):
    """Prepared examples by their number in the run; each is a pure function of (seed, number)."""

    def __init__(self, mixture: Mixture, stage: Stage, config: TrainConfig) -> None:
        # Not the whole stage: workers that are not forked get a copy of all that is here, and need no network.
        self.mixture, self.prepare, self.config = mixture, stage.prepare, config

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], str]:
        size = self.config.crop_size(index // self.config.batch)
        crop = self.mixture.draw(index, size, random_generator(self.config.seed, "example", index))
        crop = replace(crop, batch=self.config.batch)
        return {name: torch.as_tensor(array) for name, array in self.prepare(crop).items()}, crop.name


def example_batches(examples: Examples, first_step: int, rank: int, world: int) -> DataLoader[Any]:
    """Batches from ``first_step`` on: this rank's share of each global batch."""
    config = examples.config
    if config.batch % world:
        raise TrainingError(f"train.batch is {config.batch}, which {world} processes cannot share: choose a multiple")
    share = config.batch // world

    def indices() -> Iterator[list[int]]:
        for step in range(first_step, config.steps):
            start = step * config.batch + rank * share
            yield list(range(start, start + share))

    return DataLoader(
        examples,
        batch_sampler=_Batches(indices),
        num_workers=config.workers,
        # Forked workers share the decoded pictures. Where that is not safe, they are copied to each of them.
        multiprocessing_context="fork" if config.workers and sys.platform == "linux" else None,
        prefetch_factor=4 if config.workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_quiet_worker,
    )


class _Batches:
    """An iterable that can be begun again, as DataLoader asks of a batch sampler."""

    def __init__(self, make: Callable[[], Iterator[list[int]]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[list[int]]:
        return self._make()


def _quiet_worker(_: int) -> None:
    """Workers leave the cores to the training step, and signals, which reach all processes of a group, to the main one.

    Obeying a SIGTERM at once they would take the main process down before it has saved.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_later)


def _leave_later(_number: int, _frame: object) -> None:
    """By then the main process has sent its workers home; if not, it waits for them to obey."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    leaving = threading.Timer(30, os._exit, (0,))
    leaving.daemon = True
    leaving.start()


def train_steps(
    method: Method,
    stage: Stage,
    loader: Iterable[tuple[Batch, Sequence[str]]],
    state: TrainState,
    config: TrainConfig,
    accelerator: Accelerator,
) -> Generator[StepReport, None, None]:
    """Train from ``state.step`` to ``config.steps``, a report after each step. Raises TrainingError on a non-finite
    loss or gradient, with the weights as they were before that step.
    """
    trained = [parameter for parameter in method.net.parameters() if parameter.requires_grad]
    set_training(method.net)
    started, core_started = time.perf_counter(), time.process_time()
    for batch, names in loader:
        # Dropout and the like, if a network has any, draw the same numbers after a resume.
        torch.manual_seed(config.seed * 1_000_003 + state.step * accelerator.num_processes + accelerator.process_index)
        rate = learning_rate(config, state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        on_device = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
        parts = stage.objective(state.net, on_device, state.teacher)
        losses = torch.stack([part.float() for part in parts.values()])
        _check_losses(losses, parts, state.step, names)
        accelerator.backward(losses.sum())
        grad_norm = accelerator.clip_grad_norm_(trained, config.clip_norm)
        # With fp16, overflow is expected now and then: its scaler leaves the step out.
        if accelerator.scaler is None and not torch.isfinite(grad_norm):
            raise _not_finite("gradient", state.step, f"norm {float(grad_norm):.3g}", names)
        state.optimizer.step()
        state.optimizer.zero_grad()
        state.ema.update_parameters(method.net)
        state.step += 1
        means = accelerator.reduce(losses.detach(), "mean").tolist()
        state.recent.append(sum(means))
        seconds = time.perf_counter() - started
        state.core_seconds += time.process_time() - core_started
        yield StepReport(
            step=state.step,
            losses=dict(zip(parts, means, strict=True)),
            loss_mean=math.fsum(state.recent) / len(state.recent),
            grad_norm=float(grad_norm),
            lr=rate,
            seconds=seconds,
            core_seconds=state.core_seconds,
        )
        # Validating and saving, between two steps, are not part of one.
        started, core_started = time.perf_counter(), time.process_time()


def _check_losses(losses: Tensor, parts: Iterable[str], step: int, names: Sequence[str]) -> None:
    if not torch.isfinite(losses).all():
        shown = ", ".join(f"{part} {loss:.3g}" for part, loss in zip(parts, losses.tolist(), strict=True))
        raise _not_finite("loss", step, shown, names)


def _not_finite(what: str, step: int, shown: str, names: Sequence[str]) -> TrainingError:
    return TrainingError(
        f"the {what} is not finite at step {step} ({shown}) on the batch of {', '.join(names)}: look at these files, "
        "or resume from the last checkpoint with a lower train.lr or with train.precision=no"
    )
