"""``darklift sweep``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darklift.cli._console import progress_bar, put_out, say, warn
from darklift.cli._train import find_recipe

if TYPE_CHECKING:
    from darklift.train.sweep import Setting, Trial

__all__ = ["sweep"]

_SHOWN = {"psnr": 2, "ssim": 4, "psnr_gt_mean": 2, "ssim_gt_mean": 4, "choice": 2, "core_hours": 2}


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=A,B", help="A value of the recipe, or several; as often as you like."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train every combination with so many seeds.")] = 1,
    run: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The sweep's folder.", show_default="runs/<recipe>-sweep"),
    ] = None,
) -> None:
    """Train a recipe with every combination of some values, with several seeds, and compare (needs the torch extra).

    One run after another, each in a folder of its own. Ctrl-C saves; the same command goes on, also after a crash.

    Prints a Markdown table, the best first: validation scores, mean over the seeds ± standard error.

    \b
    Examples:
      darklift sweep compact_joint --set data.root=data --set train.lr=1e-4,2e-4,4e-4 --seeds 3
      darklift sweep mine.toml --set model.unshuffle=2,4 --set train.batch=8,16
    """
    path = find_recipe(recipe)

    from darklift.train.sweep import plan_sweep
    from darklift.train.trials import run_sweep

    folder = run or Path("runs") / f"{path.stem}-sweep"
    planned = plan_sweep(path, changes or (), seeds, folder)
    steps = {trial: _steps(path, trial) for trial in planned.trials}
    number = {trial: place for place, trial in enumerate(planned.trials, 1)}
    of = len(planned.trials)
    try:
        with progress_bar() as bar:
            failed = run_sweep(
                planned,
                path,
                on_step=lambda trial, step: bar.update(
                    number[trial] - 1 + step / steps[trial], of, f"run {number[trial]} of {of}: {_words(trial)}"
                ),
                on_done=lambda trial, scores: say(
                    f"run {number[trial]} of {of}: {_words(trial)}: choice {scores['choice']:.2f}"
                ),
                on_failure=lambda trial, said: warn(f"run {number[trial]} of {of}: {_words(trial)} failed: {said}"),
            )
    except KeyboardInterrupt:
        done = sum(trial.scores() is not None for trial in planned.trials)
        raise KeyboardInterrupt(f"stopped: {done} of {of} runs are done; the same command goes on") from None
    settings = planned.settings()
    put_out(_table(settings))
    say(f"numbers: {planned.write()}")
    best = next(trial for trial in planned.trials if trial.changes == settings[0].changes)
    say(f"the best: {shlex.join(['darklift', 'train', recipe, *_as_options(best.changes)])}")
    if failed:
        raise typer.Exit(1)


def _steps(path: Path, trial: Trial) -> int:
    from darklift.train.config import load_recipe

    return load_recipe(path, trial.all_changes).train.steps


def _words(trial: Trial) -> str:
    return " ".join([*trial.changes, f"seed {trial.seed}"])


def _as_options(changes: tuple[str, ...]) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def _table(settings: tuple[Setting, ...]) -> str:
    from darklift.evaluation.report import markdown_row
    from darklift.evaluation.tables import plus_minus

    names = [name for name in _SHOWN if name in settings[0].scores]
    lines = [markdown_row(["changes", "seeds", *(name.replace("_", " ") for name in names)])]
    lines.append("|---|--:|" + "--:|" * len(names))
    for setting in settings:
        changes = " ".join(setting.changes) or "as it is"
        cells = [plus_minus(setting.scores[name], _SHOWN[name]) for name in names]
        lines.append(markdown_row([changes, str(setting.scores["choice"].count), *cells]))
    note = (
        "Scores of each run's best validation, mean over seeds ± standard error. choice: PSNR GT-mean + 20·SSIM, by "
        "which checkpoints are kept. The best of several is a little too good: score it on pairs that chose nothing."
    )
    return "\n".join([*lines, "", note])
