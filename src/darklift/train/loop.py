"""The training loop as a generator of step reports: no logging, no files, no validation in here."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.optim.swa_utils import AveragedModel

from darklift.errors import TrainingError
from darklift.methods import Method, Stage
from darklift.methods.base import Batch
from darklift.train.config import TrainConfig

__all__ = ["RECENT_STEPS", "StepReport", "TrainState", "learning_rate", "new_state", "set_training", "train_steps"]

RECENT_STEPS = 100
"""That the mean loss is over: one step's loss jumps from batch to batch."""


@dataclass(frozen=True)
class StepReport:
    """What one step did: ``step`` steps are done now; losses are means over the batch, of all processes.

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

    ``net`` is wrapped for the device; ``ema`` follows the bare network, in the first process alone.
    """

    net: nn.Module
    ema: AveragedModel | None
    optimizer: torch.optim.Optimizer
    step: int = 0
    teacher: nn.Module | None = None
    core_seconds: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_STEPS))
    """The losses of the last steps."""


def new_state(
    method: Method, stage: Stage, config: TrainConfig, accelerator: Accelerator, teacher: nn.Module | None = None
) -> TrainState:
    """Fresh EMA and optimizer around the method's network; only the stage's parameters are trained.

    teacher: for a stage that has one; None is the network as it is now.
    """
    for name, parameter in method.net.named_parameters():
        parameter.requires_grad_(any(name.startswith(prefix) for prefix in stage.trains))
    method.net.to(accelerator.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trained = [parameter for parameter in method.net.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=config.lr, betas=(0.9, config.beta2), weight_decay=config.weight_decay, fused=True
    )
    # Buffers are copied: averaged unit vectors, as spectral norm keeps, are none any more.
    is_main = accelerator.is_main_process
    ema = AveragedModel(method.net, multi_avg_fn=_ema_update(config.ema), use_buffers=False) if is_main else None
    wrapped_teacher = None
    if stage.teacher:  # computes in the precision that the trained network computes in
        frozen = (teacher or copy.deepcopy(method.net)).to(accelerator.device).eval().requires_grad_(False)
        frozen.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        wrapped_teacher = accelerator.prepare_model(frozen, evaluation_mode=True)
    net, wrapped_optimizer = accelerator.prepare(method.net, optimizer)
    return TrainState(net, ema, wrapped_optimizer, teacher=wrapped_teacher)


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


def train_steps(
    method: Method,
    stage: Stage,
    loader: Iterable[tuple[Batch, Sequence[str]]],
    state: TrainState,
    config: TrainConfig,
    accelerator: Accelerator,
) -> Generator[StepReport, None, None]:
    """Train from ``state.step`` to ``config.steps``, a report after each step. Raises TrainingError on a non-finite
    loss or gradient, with the weights as they were before that step, in all processes alike.

    loader: this process's parts of the batches, ``config.accumulate`` of them for each step.
    """
    trained = [parameter for parameter in method.net.parameters() if parameter.requires_grad]
    set_training(method.net)
    started, core_started = time.perf_counter(), time.process_time()
    parts = iter(loader)
    while state.step < config.steps:
        # Dropout and the like, if a network has any, draw the same numbers after a resume.
        torch.manual_seed(config.seed * 1_000_003 + state.step * accelerator.num_processes + accelerator.process_index)
        rate = learning_rate(config, state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        losses, names = _gradient_of_batch(method, stage, parts, state, config, accelerator)
        means = dict(zip(losses, accelerator.reduce(torch.stack([*losses.values()]), "mean").tolist(), strict=True))
        if not all(map(math.isfinite, means.values())):
            shown = ", ".join(f"{name} {loss:.3g}" for name, loss in means.items())
            raise _not_finite("loss", state.step, shown, names)
        grad_norm = accelerator.clip_grad_norm_(trained, config.clip_norm)
        # With fp16, overflow is expected now and then: its scaler leaves the step out.
        if accelerator.scaler is None and not torch.isfinite(grad_norm):
            raise _not_finite("gradient", state.step, f"norm {float(grad_norm):.3g}", names)
        state.optimizer.step()
        state.optimizer.zero_grad()
        if state.ema is not None:
            state.ema.update_parameters(method.net)
        state.step += 1
        state.recent.append(sum(means.values()))
        seconds = time.perf_counter() - started
        state.core_seconds += time.process_time() - core_started
        yield StepReport(
            step=state.step,
            losses=means,
            loss_mean=math.fsum(state.recent) / len(state.recent),
            grad_norm=float(grad_norm),
            lr=rate,
            seconds=seconds,
            core_seconds=state.core_seconds,
        )
        # Validating and saving, between two steps, are not part of one.
        started, core_started = time.perf_counter(), time.process_time()


def _gradient_of_batch(
    method: Method,
    stage: Stage,
    parts: Iterator[tuple[Batch, Sequence[str]]],
    state: TrainState,
    config: TrainConfig,
    accelerator: Accelerator,
) -> tuple[dict[str, Tensor], list[str]]:
    """Add up the gradient of this process's parts of a batch, and take the mean over the processes.

    Every loss is a mean over examples. So each part counts by how many of the batch's it has, times the number of
    processes: then the mean is the whole batch's, however it was cut. Returns the losses, which count in the same way,
    and the examples' names.
    """
    losses: dict[str, Tensor] = {}
    names: list[str] = []
    for place in range(config.accumulate):
        batch, own_names = next(parts)
        share = len(own_names) * accelerator.num_processes / config.batch
        on_device = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
        last = place == config.accumulate - 1
        with contextlib.nullcontext() if last else accelerator.no_sync(state.net):
            made = stage.objective(state.net, on_device, state.teacher)
            weighted = {name: share * loss.float() for name, loss in made.items()}
            accelerator.backward(torch.stack([*weighted.values()]).sum())
        for name, loss in weighted.items():
            losses[name] = losses[name] + loss.detach() if name in losses else loss.detach()
        names += own_names
        if not last:
            _hold_parametrizations(method.net)
    if config.accumulate > 1:
        set_training(method.net)
    return losses, names


def _hold_parametrizations(net: nn.Module) -> None:
    """Spectral norm takes a step of its own whenever it is asked in training: once for each batch, not for each part.

    :func:`set_training` lets it go on.
    """
    for module in net.modules():
        if parametrize.is_parametrized(module):
            module.parametrizations.eval()  # type: ignore[union-attr]


def _not_finite(what: str, step: int, shown: str, names: Sequence[str]) -> TrainingError:
    """To be raised by all processes, as all of them see the mean."""
    everywhere = ", ".join(gather_object(list(names)))
    return TrainingError(
        f"the {what} is not finite at step {step} ({shown}) on the batch of {everywhere}: look at these files, "
        "or resume from the last checkpoint with a lower train.lr or with train.precision=no"
    )
