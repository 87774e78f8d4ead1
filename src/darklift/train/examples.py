"""What a step is fed with: the examples of its batch, of which each process gets its share.

Every step has one batch, whatever the number of processes. It is cut into ``processes * accumulate`` parts, in order,
whose sizes differ by at most one; each process does ``accumulate`` of them, one after another.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from darklift.data.sources import Mixture
from darklift.diffusion import random_generator
from darklift.methods import Stage
from darklift.train.config import TrainConfig

__all__ = ["Examples", "example_batches"]


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
    """This rank's parts of each step's batch, from ``first_step`` on: ``accumulate`` of them a step."""
    config = examples.config
    own = range(rank * config.accumulate, (rank + 1) * config.accumulate)

    def indices() -> Iterator[list[int]]:
        for step in range(first_step, config.steps):
            for part in own:
                yield list(_part_of(config, step, part, world * config.accumulate))

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


def _part_of(config: TrainConfig, step: int, part: int, parts: int) -> range:
    """The numbers, in the run, of the examples in a part of a step's batch."""
    first = step * config.batch
    return range(first + config.batch * part // parts, first + config.batch * (part + 1) // parts)


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
