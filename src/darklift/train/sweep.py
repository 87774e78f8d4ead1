"""A sweep over a recipe's values: every combination, with several seeds, each a training run of its own.

A sweep's folder holds a run's folder for each trial, and what came out. It can be stopped at any time: trials that are
done stay done, and one that was interrupted goes on from its last save.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darklift.errors import ConfigError, TrainingError
from darklift.evaluation.significance import Spread, spread
from darklift.files import write_atomically
from darklift.train.config import Recipe, load_recipe
from darklift.train.folder import STATE
from darklift.train.journal import LOG, as_record, read_log

__all__ = ["Setting", "Sweep", "Trial", "plan_sweep", "values_of"]

_TRIAL, _RESULTS, _TABLE = "trial.json", "results.json", "results.csv"
_CHOICE = "validation/choice"
_LONGEST_NAME = 100  # characters of a trial's folder


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    changes: what it changes in the recipe, as ``--set`` takes it, but for the seed.
    """

    changes: tuple[str, ...]
    seed: int
    folder: Path

    @property
    def all_changes(self) -> tuple[str, ...]:
        """With the seed."""
        return (*self.changes, f"train.seed={self.seed}")

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on from."""
        return (self.folder / STATE).exists()

    def scores(self) -> Mapping[str, float] | None:
        """Of the best validation, when the run is done; None before, and where the file that tells them is damaged: the
        run is gone on with, which ends at once, and they are taken from its log again.
        """
        try:
            scores = as_record(json.loads((self.folder / _TRIAL).read_bytes())["scores"])
        except (FileNotFoundError, ValueError, LookupError, TypeError, RecursionError):
            return None
        return scores if scores is not None and "choice" in scores else None

    def finish(self) -> Mapping[str, float]:
        """Write down that the run is done, with the scores of its best validation, and give them back.

        Raises TrainingError where its log holds no validation.
        """
        records = read_log(self.folder)
        validations = [record for record in records if _CHOICE in record]
        if not validations:
            raise TrainingError(
                f"{self.folder / LOG} holds no validation: remove its folder, and the same command trains it again"
            )
        best = max(validations, key=lambda record: record[_CHOICE])
        scores = {name.removeprefix("validation/"): it for name, it in best.items() if name.startswith("validation/")}
        hours = max((record.get("core_seconds", 0.0) for record in records), default=0.0) / 3600
        scores |= {"step": best["step"], "core_hours": hours}
        told = {"changes": self.changes, "seed": self.seed, "scores": scores}
        write_atomically(self.folder / _TRIAL, json.dumps(told, indent=1).encode())
        return scores


@dataclass(frozen=True)
class Setting:
    """What the trials of one combination brought: for each score its mean over the seeds and their standard error."""

    changes: tuple[str, ...]
    scores: Mapping[str, Spread]


@dataclass(frozen=True)
class Sweep:
    """All trials, in the order in which they are run: every combination once before any gets its next seed."""

    folder: Path
    trials: tuple[Trial, ...]

    def settings(self) -> tuple[Setting, ...]:
        """Those with a trial that is done, the best first (by ``choice``, the mean over the seeds)."""
        groups: dict[tuple[str, ...], list[Mapping[str, float]]] = {}
        for trial in self.trials:
            if (scores := trial.scores()) is not None:
                groups.setdefault(trial.changes, []).append(scores)
        found = [
            Setting(changes, {name: spread([one[name] for one in group]) for name in group[0]})
            for changes, group in groups.items()
        ]
        return tuple(sorted(found, key=lambda setting: -setting.scores["choice"].mean))

    def write(self) -> Path:
        """Write ``results.json`` (means) and ``results.csv`` (each trial), and return the path of the first."""
        settings = [
            {
                "changes": setting.changes,
                "seeds": setting.scores["choice"].count,
                "mean": {name: found.mean for name, found in setting.scores.items()},
                "standard_error": {name: found.error for name, found in setting.scores.items()},
            }
            for setting in self.settings()
        ]
        write_atomically(self.folder / _RESULTS, json.dumps(settings, indent=1).encode())
        write_atomically(self.folder / _TABLE, self._csv().encode())
        return self.folder / _RESULTS

    def _csv(self) -> str:
        done = [(trial, scores) for trial in self.trials if (scores := trial.scores()) is not None]
        keys = [change.partition("=")[0] for change in (self.trials[0].changes if self.trials else ())]
        names = list(done[0][1]) if done else []
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["run", *keys, "seed", *names])
        for trial, scores in done:
            values = [change.partition("=")[2] for change in trial.changes]
            rows.writerow([trial.folder.name, *values, trial.seed, *(scores[name] for name in names)])
        return text.getvalue()


def plan_sweep(recipe: Path, changes: Sequence[str], seeds: int, folder: Path) -> Sweep:
    """Every combination of the changes' values, each with ``seeds`` seeds from the recipe's own on.

    Args:
        recipe: the file.
        changes: ``key=value`` or ``key=value,value,…``, as ``--set`` takes them; commas within brackets and quotes
            belong to a value.
        seeds: how many, 1 or more.
        folder: of the sweep; the trials' folders go into it.

    Raises:
        ConfigError: a recipe without validation, a value that the recipe cannot have (of any combination: nothing is
            begun then), a key or a value that is given twice, or ``train.seed`` among several seeds.
        TrainingError: the folder holds another recipe's trial under the same name.
    """
    if seeds < 1:
        raise ConfigError(f"a sweep takes 1 seed or more; got {seeds}")
    axes = [values_of(change) for change in changes]
    keys = [key for key, _ in axes]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"--set {twice} is given twice: give all its values at once, {twice}=A,B")
    if "train.seed" in keys and seeds > 1:
        raise ConfigError("--seeds and --set train.seed both choose seeds: give only one of them")
    made: dict[Trial, Recipe] = {}
    for number, values in itertools.product(range(seeds), itertools.product(*(values for _, values in axes))):
        combination = tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        chosen = load_recipe(recipe, combination)
        if chosen.data.validation is None:
            raise ConfigError(f"{recipe} has no validation to compare runs by: add a table [data.validation]")
        trial = Trial(combination, chosen.train.seed + number, folder / _name(combination, chosen.train.seed + number))
        own = load_recipe(recipe, trial.all_changes)
        twin = next((earlier for earlier, its in made.items() if its == own), None)
        if twin is not None:
            same = f"{' '.join(twin.changes)} and {' '.join(combination)}"
            raise ConfigError(f"{same} are one and the same run: give --set each value once, however it is written")
        _claim(trial, own)
        made[trial] = own
    return Sweep(folder, tuple(made))


def values_of(change: str) -> tuple[str, tuple[str, ...]]:
    """``key=a,b`` -> the key, and its values' texts. Raises ConfigError."""
    key, equals, text = change.partition("=")
    values = tuple(part.strip() for part in _parts(text))
    if not equals or not key.strip() or not all(values):
        raise ConfigError(f"--set takes key=value, or key=value,value; got {change!r}")
    return key.strip(), values


def _parts(text: str) -> Iterator[str]:
    """Split at commas that stand neither in brackets nor in quotes."""
    depth, quote, begin = 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and not depth:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _name(changes: tuple[str, ...], seed: int) -> str:
    """A folder's name that tells the trial: the last part of each key with its value, and the seed."""
    parts = [f"{key.rpartition('.')[2]}={value}" for key, _, value in (change.partition("=") for change in changes)]
    plain = re.sub(r"[^\w=.,+-]+", "_", ",".join(parts)).strip("._")[:_LONGEST_NAME]
    exact = hashlib.sha256("\n".join(changes).encode()).hexdigest()[:8]
    return f"{plain},seed={seed}-{exact}" if changes else f"seed={seed}"


def _claim(trial: Trial, recipe: Recipe) -> None:
    """Refuse a folder in which a run of another recipe stands."""
    path = trial.folder / "recipe.toml"
    if not path.exists():
        return
    there = _comparable(load_recipe(path))
    if there != _comparable(recipe):
        raise TrainingError(f"{trial.folder} holds a run of another recipe: choose another --run folder for this sweep")


def _comparable(recipe: Recipe) -> dict[str, Any]:
    """A recipe but for what its machine decided, and who is told."""
    tree = recipe.model_dump(mode="json")
    tree["train"] = {
        key: value for key, value in tree["train"].items() if key not in ("precision", "workers", "trackers")
    }
    return tree
