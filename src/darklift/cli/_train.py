"""``darklift train``."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._console import say
from darklift.errors import ConfigError, TrainingError, UsageError, hint_for

__all__ = ["find_recipe", "train"]

_STOPPED = 130  # what a shell reports of a command that Ctrl-C ended
_SHIPPED = Path(__file__).parents[1] / "recipes"


def _shipped_names() -> list[str]:
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A TOML file, or the name of a recipe that comes with darklift (an unknown name lists them).",
            autocompletion=_shipped_names,
        ),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe; as often as you like."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The run's folder: log, checkpoints, state.", show_default="runs/<recipe>"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
    end_with_stdin: Annotated[
        bool, typer.Option("--end-with-stdin", hidden=True, help="How a sweep starts it.")
    ] = False,
) -> None:
    """Train a model by a recipe (needs the torch extra).

    Ctrl-C saves and says how to go on, with the same losses as without the break.

    The run's folder gets the checkpoints (best.safetensors, by validation), logs, and the recipe with all its values.

    \b
    Examples:
      darklift train compact --set data.root=data
      darklift train compact --set data.root=data --set train.lr=2e-4 --run runs/b
      darklift train compact --set data.root=data --resume
    """
    path = find_recipe(recipe)

    from darklift.cli._training_display import training_display
    from darklift.train.config import load_recipe
    from darklift.train.launch import end_group, is_first
    from darklift.train.run import train as run_training

    if end_with_stdin:
        from darklift.train.trials import end_with_the_sweep

        end_with_the_sweep()
    folder = run or Path("runs") / path.stem
    try:
        settings = load_recipe(path, changes or ())
        with training_display(settings.train.log_every) as progress:
            best = run_training(settings, folder, resume=resume, progress=progress)
        end_group()
    except KeyboardInterrupt as stop:
        if "WORLD_SIZE" in os.environ:  # a launcher ends the others once one has ended: all are about to
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not is_first():
            raise typer.Exit(_STOPPED) from None
        raise KeyboardInterrupt(_how_to_go_on(stop, folder, recipe, changes or [], run)) from None
    except (UsageError, TrainingError) as error:  # which all processes have in common
        if not is_first():
            raise typer.Exit(error.exit_code) from None
        raise
    if is_first():
        say(f"trained: {best}")
        say(f"try it: {shlex.join(['darklift', 'enhance', 'photo.jpg', '--model', str(best)])}")


def find_recipe(text: str) -> Path:
    """The file, or the shipped recipe of that name ("compact" or "recipes/compact.toml"). Raises ConfigError."""
    path = Path(text)
    if os.path.isfile(path):
        return path
    name = path.name.removesuffix(".toml")
    shipped = _SHIPPED / f"{name}.toml"
    if path.parent in (Path(), Path("recipes")) and shipped.is_file():
        return shipped
    hint = hint_for(name, _shipped_names(), f"pass a .toml file, or one of {', '.join(_shipped_names())}")
    raise ConfigError(f"there is no recipe {text!r}: {hint}")


def _how_to_go_on(stop: KeyboardInterrupt, folder: Path, recipe: str, changes: list[str], run: Path | None) -> str:
    if not (folder / "state.pt").exists():
        return "stopped before anything was saved"
    processes = os.environ.get("WORLD_SIZE", "1")
    several = processes != "1" and processes == os.environ.get("LOCAL_WORLD_SIZE")
    launcher = ["torchrun", "--standalone", f"--nproc_per_node={processes}", "-m", "--"] if several else []
    command = [*launcher, "darklift", "train", recipe]
    for change in changes:
        command += ["--set", change]
    command += ["--run", str(run)] if run else []
    message = str(stop) or "stopped at once; the last save can be gone on with by --resume"
    return f"{message}: {shlex.join([*command, '--resume'])}"
