"""A training run and its folder: logging, validation, checkpoints, resume."""

from __future__ import annotations

import contextlib
import io
import json
import platform
import signal
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from darklift.data.sources import Mixture
from darklift.errors import ConfigError, ModelError, TrainingError
from darklift.files import write_atomically
from darklift.methods import Method, Stage
from darklift.store.checkpoint import build_method, load_checkpoint, load_weights, save_checkpoint
from darklift.store.exported import exported_weights
from darklift.train.config import Recipe, TrainConfig, dump_recipe
from darklift.train.data import build_mixture
from darklift.train.folder import STATE, run_folder
from darklift.train.loop import (
    Examples,
    StepReport,
    example_batches,
    new_state,
    set_training,
    train_steps,
)
from darklift.train.precision import fastest_precision
from darklift.train.validation import Validator
from darklift.weights import find_model

__all__ = ["Progress", "train"]

_RECIPE, _LOG = "recipe.toml", "log.jsonl"


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
    """
    progress = progress or Progress()
    with run_folder(folder), _stop_signals() as stop:
        run = _Run(recipe, folder, resume, progress)
        try:
            return run.go(stop)
        finally:
            run.close()


class _Run:
    def __init__(self, recipe: Recipe, folder: Path, resume: bool, progress: Progress) -> None:
        saved = _read_state(folder) if resume else None
        if not resume and (folder / STATE).exists():
            raise TrainingError(
                f"{folder} holds a run already: add --resume to go on with it, or choose another --run folder"
            )
        self.folder, self.progress = folder, progress
        self.recipe = recipe = _settle_precision(recipe, saved)
        self.accelerator = Accelerator(mixed_precision=recipe.train.precision, cpu=not torch.cuda.is_available())
        torch.manual_seed(recipe.train.seed)
        self.method: Method = _build(recipe)
        self.stage = _choose_stage(self.method, recipe.train, resumed=saved is not None)
        _check_crops(recipe.train, self.method, self.stage)
        if saved is None and recipe.train.initial is not None:
            load_weights(self.method, _initial_weights(self.method, recipe.train.initial), recipe.train.initial)
        self.state = new_state(self.method, self.stage, recipe.train, self.accelerator)
        self.best: float | None = None
        if saved is not None:
            self._restore(saved)
        self.validator = Validator(recipe.data, folder) if recipe.data.validation and self._is_main else None
        if self._is_main:
            write_atomically(folder / _RECIPE, dump_recipe(recipe))
            environment = json.dumps(_environment(self.accelerator), indent=2)
            write_atomically(folder / "environment.json", environment.encode())
            self._clear_up_after_a_kill()
        self.board = SummaryWriter(str(folder), purge_step=self.state.step) if self._is_main else None

    def close(self) -> None:
        """Let TensorBoard's writer, a thread of its own, write out what it still holds."""
        if self.board is not None:
            self.board.close()

    @property
    def _is_main(self) -> bool:
        return bool(self.accelerator.is_main_process)

    def go(self, stop: list[int]) -> Path:
        config = self.recipe.train
        mixture = build_mixture(self.recipe.data)
        self._warn_of_overlap(mixture)
        mixture.load()
        saved_at = time.monotonic()
        examples = Examples(mixture, self.stage, config)
        loader = example_batches(
            examples, self.state.step, self.accelerator.process_index, self.accelerator.num_processes
        )
        steps = train_steps(self.method, self.stage, loader, self.state, config, self.accelerator)
        with contextlib.closing(steps):  # and with it the loader's workers, however the run ends
            for report in steps:
                stopping = self._agreed(bool(stop))
                self._log(report, config)
                if self._due(report.step):
                    self._validate()
                if stopping or time.monotonic() - saved_at > 60 * config.save_minutes:
                    self._save()
                    saved_at = time.monotonic()
                if stopping:
                    raise KeyboardInterrupt(
                        f"stopped at step {report.step} of {config.steps}, saved: go on with --resume"
                    )
        if self.validator and not self._due(self.state.step):
            self._validate()
        self._save()
        return self.folder / ("best.safetensors" if self.validator else "last.safetensors")

    def _warn_of_overlap(self, mixture: Mixture) -> None:
        pairs = self.validator.pairs if self.validator else ()
        trained = {path.resolve() for source in mixture.sources for path in source.highs}
        seen = [pair.name for pair in pairs if pair.high.resolve() in trained]
        if seen:
            self.progress.note(
                f"{len(seen)} of {len(pairs)} validation pairs are trained on, too ({seen[0]}, ...): their scores tell "
                "nothing of new pictures; a source's leave_out keeps them apart"
            )

    def _agreed(self, stop: bool) -> bool:
        """Whether any process was asked to stop: all of them leave at the same step."""
        if self.accelerator.num_processes == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def _due(self, step: int) -> bool:
        validation = self.recipe.data.validation
        return validation is not None and step % validation.every == 0

    def _log(self, report: StepReport, config: TrainConfig) -> None:
        self.progress.step(report, config.steps)
        if self.board is None or report.step % config.log_every:
            return
        values = {"loss": report.loss, **{f"loss/{k}": v for k, v in report.losses.items()}}
        values |= {"lr": report.lr, "grad_norm": report.grad_norm, "seconds": report.seconds}
        self._record(report.step, values)

    def _record(self, step: int, values: dict[str, float]) -> None:
        if self.board is None:
            return
        for name, value in values.items():
            self.board.add_scalar(name, value, step)
        with (self.folder / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in values.items()}}) + "\n")

    def _validate(self) -> None:
        if self.validator is None:
            return
        with self._ema_weights():
            scores = self.validator.score(self.method, self.state.step)
        self._record(self.state.step, {f"validation/{name}": value for name, value in scores.items()})
        self.progress.note(f"step {self.state.step}: " + ", ".join(f"{k} {v:.4g}" for k, v in scores.items()))
        if self.best is None or scores["choice"] > self.best:
            self.best = scores["choice"]
            self._save_weights("best.safetensors", scores)

    @contextlib.contextmanager
    def _ema_weights(self) -> Iterator[None]:
        """The method's network holds the averaged weights for a while."""
        own = {name: tensor.clone() for name, tensor in self.method.net.state_dict().items()}
        self.method.net.load_state_dict(self.state.ema.module.state_dict())
        self.method.net.eval()
        try:
            yield
        finally:
            self.method.net.load_state_dict(own)
            set_training(self.method.net)

    def _save_weights(self, name: str, scores: dict[str, float] | None = None) -> None:
        info: dict[str, Any] = {
            "step": self.state.step,
            "weights": "EMA",
            "recipe": self.recipe.model_dump(mode="json"),
        }
        if scores:
            info["validation"] = scores
        save_checkpoint(self.folder / name, self.method, self.state.ema.module.state_dict(), info)

    def _save(self) -> None:
        if not self._is_main:
            return
        self._save_weights("last.safetensors")
        buffer = io.BytesIO()
        scaler = self.accelerator.scaler
        torch.save(
            {
                "step": self.state.step,
                "net": self.method.net.state_dict(),
                "ema": self.state.ema.state_dict(),
                "optimizer": self.state.optimizer.state_dict(),
                "scaler": scaler.state_dict() if scaler else None,
                "best": self.best,
                "method": self.method.name,
                "stage": self.stage.name,
                "config": self.method.config.model_dump(mode="json"),
                "order": _order_of_examples(self.recipe.train),
                "precision": self.recipe.train.precision,
                "teacher": self.state.teacher.state_dict() if self.state.teacher else None,
            },
            buffer,
        )
        write_atomically(self.folder / STATE, buffer.getvalue())

    def _clear_up_after_a_kill(self) -> None:
        """Take away half-written files, and what was logged after the last save: those steps are done again."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink()
        log = self.folder / _LOG
        if not log.exists():
            return
        kept = []
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
            with contextlib.suppress(json.JSONDecodeError):  # the last line, cut short
                if json.loads(line)["step"] <= self.state.step:
                    kept.append(line)
        write_atomically(log, "".join(kept).encode())

    def _restore(self, saved: dict[str, Any]) -> None:
        stage = saved.get("stage", "unknown")
        if stage != self.stage.name:
            raise TrainingError(
                f"{self.folder} holds a run of stage {stage}: for stage {self.stage.name} begin a new run folder with "
                f"train.initial={self.folder / 'last.safetensors'}"
            )
        if saved["step"] > self.recipe.train.steps:
            raise TrainingError(
                f"{self.folder} has done {saved['step']} steps, and train.steps is {self.recipe.train.steps}: set more "
                "to go on"
            )
        changed = _changes(
            # A run of an earlier version lacks what came since, which then had its default.
            {"method": saved["method"], **_model_settings(_defaults(self.method) | saved["config"])},
            {"method": self.method.name, **_model_settings(self.method.config.model_dump(mode="json"))},
        )
        if changed:
            raise TrainingError(
                f"{self.folder} holds a run with {changed}: set that back, or begin a new run folder with "
                f"train.initial={self.folder / 'last.safetensors'}"
            )
        changed = _changes(saved.get("order", {}), _order_of_examples(self.recipe.train))
        if changed:
            self.progress.note(f"the run began with {changed}: from here on it sees other examples than it would have")
        self.method.net.load_state_dict(saved["net"])
        self.state.ema.load_state_dict(saved["ema"])
        self.state.optimizer.load_state_dict(saved["optimizer"])
        if self.state.teacher is not None:
            self.state.teacher.load_state_dict(saved["teacher"])
        for group in self.state.optimizer.param_groups:
            group["weight_decay"] = self.recipe.train.weight_decay  # the recipe's, which may have changed
            group["betas"] = (group["betas"][0], self.recipe.train.beta2)
        if saved["scaler"] and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.state.step, self.best = saved["step"], saved["best"]


def _model_settings(config: dict[str, Any]) -> dict[str, Any]:
    return {f"model.{key}": value for key, value in config.items()}


def _defaults(method: Method) -> dict[str, Any]:
    return type(method.config)().model_dump(mode="json")


def _order_of_examples(config: TrainConfig) -> dict[str, Any]:
    """What decides which examples make up a step."""
    return {"train.batch": config.batch, "train.seed": config.seed}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In words; empty where nothing changed."""
    return ", ".join(f"{key}={value} (now {now.get(key)})" for key, value in before.items() if value != now.get(key))


def _build(recipe: Recipe) -> Method:
    try:
        return build_method(recipe.method, recipe.model)
    except ModelError as error:  # here it is the request that is wrong, not a file
        raise ConfigError(str(error)) from error


def _initial_weights(method: Method, name: str) -> dict[str, Tensor]:
    """Of a checkpoint, or of an exported model by its folder or its name in the catalogue."""
    path = find_model(name)
    return exported_weights(method, path) if path.is_dir() else load_checkpoint(path).method.net.state_dict()


def _settle_precision(recipe: Recipe, saved: dict[str, Any] | None) -> Recipe:
    if recipe.train.precision != "auto":
        return recipe
    precision = saved["precision"] if saved else fastest_precision()
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"precision": precision})})


def _read_state(folder: Path) -> dict[str, Any]:
    path = folder / STATE
    if not path.exists():
        raise TrainingError(f"there is nothing to resume in {folder} (no {STATE}): leave --resume away to begin")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make torch raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"cannot read {path} ({reason}): put a whole copy there, or begin a new run folder"
        ) from error
    return state


def _choose_stage(method: Method, config: TrainConfig, *, resumed: bool) -> Stage:
    stages = {stage.name: stage for stage in method.stages}
    name = config.stage or method.stages[0].name
    if name not in stages:
        raise ConfigError(f"train.stage is {name!r}: method {method.name} has the stages {', '.join(stages)}")
    if stages[name].goes_on and config.initial is None and not resumed:
        raise ConfigError(
            f"stage {name} goes on from another stage's weights: give its checkpoint as train.initial, such as "
            "runs/first/best.safetensors"
        )
    return stages[name]


def _check_crops(config: TrainConfig, method: Method, stage: Stage) -> None:
    for _, side in config.crops:
        if side % method.footprint.size_multiple:
            raise ConfigError(
                f"train.crops has a side of {side} pixels, which this network cannot take: choose multiples of "
                f"{method.footprint.size_multiple}"
            )
        if side < stage.least_crop:
            raise ConfigError(
                f"train.crops has a side of {side} pixels, and stage {stage.name} of this model takes "
                f"{stage.least_crop} at least: choose larger crops"
            )


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collects the first Ctrl-C or SIGTERM, to be acted on between two steps; the second one acts at once."""
    received: list[int] = []
    previous = {}

    def receive(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread: then nobody signals us
            previous[number] = signal.signal(number, receive)
    try:
        yield received
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
