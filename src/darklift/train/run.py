"""A training run in its folder: it logs, validates, saves, stops when asked to, and goes on from where it stopped."""

from __future__ import annotations

import contextlib
import json
import platform
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from darklift.errors import TrainingError
from darklift.files import write_atomically
from darklift.methods import Method
from darklift.store.checkpoint import save_checkpoint
from darklift.store.stains import CHOSEN_ON, TRAINED_ON, stains_in
from darklift.train.config import Recipe, dump_recipe
from darklift.train.data import build_mixture, trained_on_test_split
from darklift.train.examples import Examples, example_batches
from darklift.train.folder import STATE, run_folder
from darklift.train.journal import Journal
from darklift.train.launch import accelerator_of, check_launch, launch_note, others_may_end
from darklift.train.loop import StepReport, new_state, set_training, train_steps
from darklift.train.setup import (
    build_network,
    choose_stage,
    inherited_stains,
    load_initial_weights,
    load_teacher,
    settle_precision,
)
from darklift.train.state import check_same_run, order_changes, read_state, restore_state, save_state
from darklift.train.trackers import Trackers, check_trackers
from darklift.train.validation import Validator

__all__ = ["Progress", "train"]


class Progress:
    """What :func:`train` tells whoever watches; the command line draws it."""

    def step(self, report: StepReport, steps: int) -> None:
        """A step is done."""

    def note(self, message: str) -> None:
        """Something worth a line."""


def train(recipe: Recipe, folder: Path, *, resume: bool = False, progress: Progress | None = None) -> Path:
    """Train ``recipe`` in ``folder`` and return the path of the best checkpoint (the last, without validation).

    A new run wants a folder that holds none yet; ``resume`` goes on where that folder's run stopped, with the same
    losses as if it had not. Ctrl-C (and SIGTERM) saves after the step at hand and raises KeyboardInterrupt. Raises
    TrainingError, ConfigError, DataError.

    Where torchrun or accelerate launch started several processes, each calls this. They share every batch, and the
    first one validates, writes and tells.
    """
    check_launch(recipe.train)
    check_trackers(recipe.train.trackers)
    progress = progress or Progress()
    note = launch_note()
    if note is not None:
        progress.note(note)
    with run_folder(folder), _stop_signals() as stop, others_may_end():
        run = _Run(recipe, folder, resume, progress)
        try:
            return run.go(stop)
        finally:
            run.close()


class _Run:
    def __init__(self, recipe: Recipe, folder: Path, resume: bool, progress: Progress) -> None:
        saved = read_state(folder) if resume else None
        if not resume and (folder / STATE).exists():
            raise TrainingError(
                f"{folder} holds a run already: add --resume to go on with it, or choose another --run folder"
            )
        self.folder, self.progress = folder, progress
        self.recipe = recipe = settle_precision(recipe, saved)
        self.accelerator = accelerator_of(recipe.train.precision)
        torch.manual_seed(recipe.train.seed)
        self.method: Method = build_network(recipe)
        self.stage = choose_stage(self.method, recipe.train, resumed=saved is not None)
        if saved is None and recipe.train.initial is not None:
            load_initial_weights(self.method, recipe.train.initial)
        teacher = load_teacher(self.method, self.stage, recipe.train)
        self.state = new_state(self.method, self.stage, recipe.train, self.accelerator, teacher)
        self.best: float | None = None
        if saved is not None:
            self._restore(saved)
        # Of several processes, only the first one validates and writes.
        self.is_main = bool(self.accelerator.is_main_process)
        self.validator = Validator(recipe.data, folder) if recipe.data.validation and self.is_main else None
        self.mixture = build_mixture(recipe.data)
        self.stains = self._stains(saved)
        if self.is_main:
            _prepare(folder, recipe, self.accelerator)
        self.journal = self._journal() if self.is_main else None

    def _stains(self, saved: dict[str, Any] | None) -> dict[str, list[str]]:
        """What the weights' scores will be no test of: by the recipe, what it learns from, and what was saved."""
        config = self.recipe.train
        before = inherited_stains(config.initial) if saved is None else saved.get("stains", {})
        own = {
            CHOSEN_ON: self.validator.chosen_on if self.validator else (),
            TRAINED_ON: trained_on_test_split(self.recipe.data, self.mixture),
        }
        return stains_in(before, inherited_stains(config.teacher), own)

    def _journal(self) -> Journal:
        step, tree = self.state.step, self.recipe.model_dump(mode="json")
        names = self.recipe.train.trackers
        trackers = Trackers(names, self.folder, tree, goes_on=step > 0, tell=self.progress.note)
        return Journal(self.folder, step, trackers)

    def close(self) -> None:
        """End what was begun beside the training."""
        if self.journal is not None:
            self.journal.close()

    def go(self, stop: _Stop) -> Path:
        """Train to the end, or to the first step after any process was asked to stop."""
        config = self.recipe.train
        self._warn_of_overlap()
        self.mixture.load()
        saved_at = time.monotonic()
        examples = Examples(self.mixture, self.stage, config)
        loader = example_batches(
            examples, self.state.step, self.accelerator.process_index, self.accelerator.num_processes
        )
        steps = train_steps(self.method, self.stage, loader, self.state, config, self.accelerator)
        with contextlib.closing(steps):  # and with it the loader's workers, however the run ends
            for report in steps:
                stopping, saving = self._agreed(stop.asked, time.monotonic() - saved_at > 60 * config.save_minutes)
                self._tell(report)
                if self._due(report.step):
                    self._in_first(self._validate)
                if stopping or saving:
                    self._in_first(self._save)
                    saved_at = time.monotonic()
                if stopping:
                    stop.done = True
                    raise KeyboardInterrupt(
                        f"stopped at step {report.step} of {config.steps}, saved: go on with --resume"
                    )
        if not self._due(self.state.step):
            self._in_first(self._validate)
        self._in_first(self._save)
        return self.folder / ("best.safetensors" if self.recipe.data.validation else "last.safetensors")

    def _warn_of_overlap(self) -> None:
        pairs = self.validator.pairs if self.validator else ()
        trained = {path.resolve() for source in self.mixture.sources for path in source.highs}
        seen = [pair.name for pair in pairs if pair.high.resolve() in trained]
        if seen:
            self.progress.note(
                f"{len(seen)} of {len(pairs)} validation pairs are trained on, too ({seen[0]}, ...): their scores say "
                "nothing about new pictures; list them in a source's leave_out to keep them apart"
            )

    def _agreed(self, *asked: bool) -> list[bool]:
        """Whether any process says so, for each: all of them do it after the same step."""
        if self.accelerator.num_processes == 1:
            return [*asked]
        flags = torch.tensor(asked, dtype=torch.float32, device=self.accelerator.device)
        return [count > 0 for count in self.accelerator.reduce(flags, "sum").tolist()]

    def _in_first(self, do: Callable[[], None]) -> None:
        """The first process does it, and the others wait: one that left before it is done would have it ended, too."""
        if self.is_main:
            do()
        self.accelerator.wait_for_everyone()

    def _due(self, step: int) -> bool:
        validation = self.recipe.data.validation
        return validation is not None and step % validation.every == 0

    def _tell(self, report: StepReport) -> None:
        self.progress.step(report, self.recipe.train.steps)
        if self.journal is not None and report.step % self.recipe.train.log_every == 0:
            self.journal.report(report)

    def _validate(self) -> None:
        if self.validator is None or self.journal is None:  # of several processes, this is not the first
            return
        with self._ema_weights():
            scores = self.validator.score(self.method, self.state.step)
        self.journal.record(self.state.step, {f"validation/{name}": value for name, value in scores.items()})
        self.progress.note(f"step {self.state.step}: " + ", ".join(f"{k} {v:.4g}" for k, v in scores.items()))
        if self.best is None or scores["choice"] > self.best:
            self.best = scores["choice"]
            self._save_weights("best.safetensors", scores)

    @contextlib.contextmanager
    def _ema_weights(self) -> Iterator[None]:
        """The method's network holds the averaged weights for a while."""
        own = {name: tensor.clone() for name, tensor in self.method.net.state_dict().items()}
        self.method.net.load_state_dict(self._averaged())
        self.method.net.eval()
        try:
            yield
        finally:
            self.method.net.load_state_dict(own)
            set_training(self.method.net)

    def _averaged(self) -> dict[str, torch.Tensor]:
        assert self.state.ema is not None
        return self.state.ema.module.state_dict()

    def _save_weights(self, name: str, scores: dict[str, float] | None = None) -> None:
        info: dict[str, Any] = {
            "step": self.state.step,
            "weights": "EMA",
            "recipe": self.recipe.model_dump(mode="json"),
            **self.stains,
        }
        if scores:
            info["validation"] = scores
        save_checkpoint(self.folder / name, self.method, self._averaged(), info)

    def _save(self) -> None:
        self._save_weights("last.safetensors")
        save_state(
            self.folder,
            self.state,
            method=self.method,
            stage=self.stage,
            config=self.recipe.train,
            accelerator=self.accelerator,
            best=self.best,
            stains=self.stains,
        )

    def _restore(self, saved: dict[str, Any]) -> None:
        config = self.recipe.train
        check_same_run(saved, self.folder, self.method, self.stage, config.steps)
        changed = order_changes(saved, config)
        if changed:
            self.progress.note(
                f"the run began with {changed}: from here on it sees other examples than it would have seen"
            )
        restore_state(saved, self.state, self.method, config, self.accelerator.scaler)
        self.best = saved["best"]


def _prepare(folder: Path, recipe: Recipe, accelerator: Accelerator) -> None:
    """Write down what runs where, and take away what a killed run left half written."""
    write_atomically(folder / "recipe.toml", dump_recipe(recipe))
    write_atomically(folder / "environment.json", json.dumps(_environment(accelerator), indent=2).encode())
    for path in folder.glob(".*.tmp"):
        path.unlink()


@dataclass
class _Stop:
    asked: bool = False
    done: bool = False
    """All is saved, and the run is leaving: a launcher that ends what is left of its processes has nothing to add."""


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """Notes the first Ctrl-C or SIGTERM, to be acted on between two steps; the second one acts at once."""
    stop = _Stop()
    previous = {}

    def receive(number: int, _frame: object) -> None:
        if stop.asked and not stop.done:
            raise KeyboardInterrupt
        stop.asked = True

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: then nobody signals us
            previous[number] = signal.signal(number, receive)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _environment(accelerator: Accelerator) -> dict[str, Any]:
    packages = ("darklift", "torch", "accelerate", "numpy", "pillow", "safetensors", "pydantic")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(accelerator.device),
        "processes": accelerator.num_processes,
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in packages},
    }
