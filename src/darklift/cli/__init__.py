"""The command line. Thin: each command checks what was asked for, then calls the library that Python users call."""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from darklift.cli._batch import batch
from darklift.cli._cluster import cluster
from darklift.cli._console import put_out, warn
from darklift.cli._convert import convert
from darklift.cli._darken import darken, synth
from darklift.cli._datasets import datasets
from darklift.cli._enhance import enhance
from darklift.cli._evaluate import evaluate
from darklift.cli._export import export
from darklift.cli._info import info
from darklift.cli._metrics import metrics
from darklift.cli._sweep import sweep
from darklift.cli._train import train
from darklift.cli._watch import watch
from darklift.cli._web import web
from darklift.errors import DarkliftError, MissingExtraError

__all__ = ["app", "main"]

_TORCH = (
    "torch",
    "accelerate",
    "safetensors",
    "pydantic",
    "tensorboard",
    "tomli_w",
    "filelock",
    "onnx",
    "onnxscript",
    "scipy",
)
_WEB = ("starlette", "uvicorn", "python_multipart", "prometheus_client")
_MODULES_OF_EXTRAS = {"torch": _TORCH, "web": _WEB}
_STOPPED = 130  # what a shell reports of a command that Ctrl-C ended


class _Commands(TyperGroup):
    """The one place where what goes wrong in a command becomes a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except DarkliftError as error:
            _tell(ctx, error)
            raise typer.Exit(error.exit_code) from error
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            extra = next((extra for extra, modules in _MODULES_OF_EXTRAS.items() if missing in modules), None)
            if extra is None:
                raise
            known = MissingExtraError(missing, extra, f"darklift {ctx.invoked_subcommand}")
            _tell(ctx, known)
            raise typer.Exit(known.exit_code) from error
        except KeyboardInterrupt as error:
            warn(str(error) or "stopped")
            raise typer.Exit(_STOPPED) from error


def _tell(ctx: Any, error: DarkliftError) -> None:
    warn(str(error))
    if ctx.obj is None:  # refused_as was given nothing
        return
    try:
        put_out(ctx.obj(str(error)))
    except DarkliftError as unwritten:
        warn(str(unwritten))


app = typer.Typer(
    name="darklift",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # a defect's traceback is for a report: plain and whole
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (enhance, info, train, sweep, evaluate, export, convert, synth, darken, watch, cluster, web):
    app.command()(command)
app.add_typer(batch, name="batch")
app.add_typer(datasets, name="datasets")
app.add_typer(metrics, name="metrics")


def _print_version(wanted: bool) -> None:
    if wanted:
        from darklift import __version__

        typer.echo(f"darklift {__version__}")
        raise typer.Exit


@app.callback()
def darklift(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Light up dark photos with diffusion models.

    \b
    Start with:
      darklift enhance night.jpg
    """


def _stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")


def _buffer_stdout() -> None:
    """With PYTHONUNBUFFERED, stdout is raw: it may write a part of a text, and nobody would hear of it."""
    raw = sys.stdout
    if isinstance(getattr(raw, "buffer", None), io.RawIOBase):  # what is put out is flushed all the same
        sys.stdout = open(raw.fileno(), "w", encoding=raw.encoding, errors=raw.errors, closefd=False)  # noqa: SIM115


def main() -> NoReturn:
    """Run ``darklift`` with the process's arguments and exit with its code.

    A closed terminal and a service that is stopped (SIGHUP, SIGTERM) end it as Ctrl-C does: nothing half written stays.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores it on purpose
            signal.signal(number, _stop)
    _buffer_stdout()
    app(prog_name="darklift")
    sys.exit(0)
