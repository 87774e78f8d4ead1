"""``darklift watch``: a hot folder, as a service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._account import told
from darklift.cli._choices import spelled_out
from darklift.cli._console import say, warn
from darklift.cli._options import QuietOption, RecursiveOption
from darklift.cli._saving import (
    BitsOption,
    FormatOption,
    KeepTimesOption,
    LikeCameraOption,
    LosslessOption,
    QualityOption,
    extension_called,
)
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

__all__ = ["watch"]


@spelled_out()
def watch(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where photos come in.")],
    results: Annotated[str, typer.Argument(metavar="RESULTS", help="The folder that results go to.")],
    *,
    settings: Settings,
    opening: Opening,
    image_format: FormatOption = None,
    quality: QualityOption = None,
    lossless: LosslessOption = False,
    bits: BitsOption = None,
    like_camera: LikeCameraOption = True,
    keep_times: KeepTimesOption = False,
    recursive: RecursiveOption = False,
    settle: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="A file that has not changed for so long is there whole."),
    ] = 2.0,
    every: Annotated[
        float,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Look at the whole folder this often, for what the system does not report, as on network shares.",
        ),
    ] = 60.0,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos at a time, each on its share of the cores.")
    ] = 1,
    quiet: QuietOption = False,
) -> None:
    """Enhance photos as they come into a folder, until it is stopped.

    Those that are there already come first. What was done is kept in a manifest beside the results, so that after a
    restart only what is new or has changed is done.

    Exit code: 0 it was stopped (Ctrl-C, SIGTERM), 1 no photo could be done any more, 2 the request is wrong.

    \b
    Examples:
      darklift watch incoming/ bright/
      darklift watch tethered/ bright/ --recursive --exposure +0.5
      darklift watch /mnt/phone/ bright/ --every 5
    """
    from darklift.batch.ledger import Ledger
    from darklift.batch.pool import Pool
    from darklift.batch.request import Request
    from darklift.batch.transfer import Reading, Saving
    from darklift.batch.watch import HotFolder
    from darklift.batch.watch import watch as outcomes
    from darklift.runtime.threads import thread_count

    extension = extension_called(image_format)
    hot = HotFolder(Path(folder), Path(results), recursive, extension, settle, every)
    hot.check()
    saving = Saving(quality, lossless, bits, keep_times=keep_times)
    request = Request(settings, opening, saving, Reading(like_camera), identify=True)
    cores = thread_count(opening.threads) or os.cpu_count() or 1
    done = failed = 0
    try:
        with (
            Ledger(hot.results, request, resume=True) as ledger,
            Pool(request, workers, max(1, cores // workers)) as pool,
        ):
            if not quiet:
                say(f"watching {folder}: results go to {results}")
            for outcome in outcomes(hot, pool, ledger):
                if outcome.error is not None:
                    failed += 1
                    warn(outcome.error)
                    continue
                done += 1
                if not quiet:
                    for line in told(outcome, settings):
                        say(line)
    except KeyboardInterrupt:
        if not quiet:
            say(f"stopped: {done} photos were done, {failed} failed")
