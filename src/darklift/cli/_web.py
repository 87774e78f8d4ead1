"""``darklift web``: the page and its HTTP API."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._choices import Openings, spelled_out
from darklift.cli._console import say
from darklift.errors import UsageError
from darklift.field_docs import field_docs
from darklift.store.load import Opening
from darklift.web.limits import Limits

__all__ = ["web"]

_LIMITS = "What is allowed"
_REACH = "Who may use it"
_DOCS = field_docs(Limits)


@spelled_out(model=None)
def web(
    *,
    openings: Openings,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen; 0.0.0.0 is every address that this machine has.",
            rich_help_panel=_REACH,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.", rich_help_panel=_REACH)
    ] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Let pages of this origin use the server, too, such as https://photos.example; its host "
            "becomes one of the server's names.",
            rich_help_panel=_REACH,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask for the token in this file, as  Authorization: Bearer TOKEN. DARKLIFT_TOKEN may hold it instead.",
            rich_help_panel=_REACH,
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Believe this reverse proxy (an address or a network) who its clients are (X-Forwarded-For).",
            rich_help_panel=_REACH,
        ),
    ] = None,
    concurrent: Annotated[
        int | None,
        typer.Option(
            "--concurrent",
            "--workers",
            min=1,
            metavar="N",
            help=_DOCS["concurrent"],
            show_default="half of the cores, at most 4",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_bytes: Annotated[str, typer.Option(metavar="SIZE", help=_DOCS["bytes"], rich_help_panel=_LIMITS)] = "200MB",
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help=_DOCS["pixels"], rich_help_panel=_LIMITS)
    ] = Limits.pixels,
    queue: Annotated[
        int, typer.Option(min=1, metavar="N", help=_DOCS["queue"], rich_help_panel=_LIMITS)
    ] = Limits.queue,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help=_DOCS["timeout"], rich_help_panel=_LIMITS)
    ] = Limits.timeout,
    upload_timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help=_DOCS["upload"], rich_help_panel=_LIMITS)
    ] = Limits.upload,
    hold: Annotated[str, typer.Option(metavar="SIZE", help=_DOCS["held"], rich_help_panel=_LIMITS)] = "1GB",
    hold_minutes: Annotated[
        float, typer.Option(min=0.1, metavar="N", help=_DOCS["minutes"], rich_help_panel=_LIMITS)
    ] = Limits.minutes,
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a static site that computes in the browser, and end.")
    ] = None,
) -> None:
    """Serve a page for enhancing photos, and an HTTP API, on this machine.

    Photos stay in memory, and go nowhere else. Without --model, the bundled models can be chosen from.

    The first Ctrl-C (or SIGTERM) lets what runs come to its end, the second ends it.

    Exit code: 0 it was stopped, 1 it cannot listen, 2 the request is wrong, 130 it was stopped twice.

    \b
    Examples:
      darklift web --open
      darklift web --model nano --port 0
      darklift web --export site/
      darklift web --host 0.0.0.0 --token-file token.txt --allow-origin https://photos.example
    """
    from darklift.runtime.memory import memory_size

    if export is not None:
        _export(export, openings)
        return
    from darklift.runtime.threads import thread_count
    from darklift.web.app import make_app
    from darklift.web.policy import Policy
    from darklift.web.service import open_models
    from darklift.web.serving import listen, serve

    policy = Policy.of(allow_origin or (), host, _token(token_file))
    cores = thread_count(openings.usual.threads) or os.cpu_count() or 1
    limits = Limits(
        bytes=memory_size(max_bytes),
        pixels=max_pixels,
        queue=queue,
        timeout=timeout,
        concurrent=concurrent or max(1, min(4, cores // 2)),
        upload=upload_timeout,
        held=memory_size(hold),
        minutes=hold_minutes,
    )
    with listen(host, port) as listener:  # first: a port in use is told at once
        service = open_models(openings.named or _bundled(openings.usual), limits, cores)
        address = _address(host, listener.getsockname()[1])
        _log_to_stderr()

        def ready() -> None:
            say(f"darklift is at {address}; Ctrl-C stops it")
            if open_page:
                typer.launch(address if policy.token is None else f"{address}#token={policy.token}")

        whole = serve(make_app(service, policy), service, listener, proxies=proxy or [], ready=ready)
    if not whole:
        raise KeyboardInterrupt("stopped before what ran was done")


def _bundled(usual: Opening) -> tuple[Opening, ...]:
    from darklift.weights import CATALOGUE

    return tuple(replace(usual, model=name) for name in CATALOGUE)


def _export(folder: Path, openings: Openings) -> None:
    from darklift.web.export import export_site

    names = [str(opening.model) for opening in openings.named] or ["nano"]
    say(f"wrote {export_site(folder, names)}: put it on any web server")


def _token(file: Path | None) -> str | None:
    """Raises UsageError for a file without one."""
    if file is None:
        return os.environ.get("DARKLIFT_TOKEN") or None
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {file} cannot be read: give a file with one line of ASCII") from error
    if not token:
        raise UsageError(f"--token-file {file} is empty: put the token into it")
    return token


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the page."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{local}]' if ':' in local else local}:{port}/"


def _log_to_stderr() -> None:
    """One line for each request; of the web server's own chatter only what is amiss."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in (("darklift.web", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
