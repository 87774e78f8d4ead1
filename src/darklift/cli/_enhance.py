"""``darklift enhance``: many pictures, one loaded model, and a full account of what became of each."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from darklift.cli._account import Account
from darklift.cli._choices import spelled_out
from darklift.cli._console import put_out, warn
from darklift.cli._jobs import check_saving, check_streams, keep_manifest, plan
from darklift.cli._many import DryRunOption, ResumeOption, RetryFailedOption, SkipExistingOption
from darklift.cli._options import QuietOption, RecursiveOption, refused_as
from darklift.cli._saving import (
    BitsOption,
    FormatOption,
    KeepTimesOption,
    LikeCameraOption,
    LosslessOption,
    QualityOption,
)
from darklift.errors import BatchError, UsageError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

__all__ = ["enhance"]

_FILES = "Files"
_MANY = "Many photos"


def _note_json(context: typer.Context, wanted: bool) -> bool:
    """Settings are checked before the command runs, and a request that is refused then is told as JSON, too."""
    if wanted:
        refused_as(context, Account([], [], None, quiet=True, overwrite=False).to_json)
    return wanted


@spelled_out()
def enhance(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTOS",
            help="Photos, folders of them, patterns in quotes such as 'night/*.jpg', or - for one from standard input.",
        ),
    ],
    *,
    settings: Settings,
    opening: Opening,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where results go: a file (for one photo), a folder, a pattern with {stem}, {ext}, {parent} (the "
            "photo's folder) and {n} (1, 2, ...), or - for standard output.",
            show_default="{stem}_enhanced{ext} beside the photo",
            rich_help_panel=_FILES,
        ),
    ] = None,
    image_format: FormatOption = None,
    quality: QualityOption = None,
    lossless: LosslessOption = False,
    bits: BitsOption = None,
    like_camera: LikeCameraOption = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are already there.", rich_help_panel=_FILES)
    ] = False,
    keep_times: KeepTimesOption = False,
    recursive: RecursiveOption = False,
    frame: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Of an animation or a file of several pages, take this one alone, from 1.",
            show_default="all, written as they came",
            rich_help_panel=_FILES,
        ),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Also write a contact sheet: all photos before and after, side by side, on as many pages as it takes.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Also write a map of how far each place may be off, seen or invented; for several photos a pattern "
            "such as maps/{stem}.png. The bundled models can tell, and GSAD's in a way of their own.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Of --uncertainty: how often the true values shall lie within what it tells, 0.9 or 0.95.",
            show_default=str(Settings.coverage),
            rich_help_panel=_FILES,
        ),
    ] = None,
    resume: ResumeOption = False,
    retry_failed: RetryFailedOption = False,
    skip_existing: SkipExistingOption = False,
    dry_run: DryRunOption = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that share the photos, and the cores.",
            show_default="one for each core, as memory allows",
            rich_help_panel=_MANY,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", callback=_note_json, help="Print what became of each photo, as JSON.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Light up dark photos.

    Size, orientation, colour profile and metadata stay. A photo that fails is reported, and the others go on.

    Animations and files of several pages are enhanced frame by frame, and written as such.

    Pictures in a folder that cannot be read, such as Photoshop files, are counted and named, and are no failure.

    Messages go to standard error. Exit code: 0 all went well, 1 photos failed, 2 the request is wrong, 130 stopped.

    \b
    Examples:
      darklift enhance night.jpg
      darklift enhance night.jpg -o bright.png --exposure +0.5
      darklift enhance photos/ -o bright/ --recursive --resume
      darklift enhance 'photos/*.jpg' -o 'bright/{n}_{stem}.webp' --quality 90
      darklift enhance night.jpg -o out/ --sheet before_after.png
      darklift enhance - < night.jpg > bright.jpg
    """
    from darklift.batch.foreign import find_skipped
    from darklift.batch.paths import with_maps
    from darklift.batch.request import Request
    from darklift.batch.transfer import Reading, Saving

    if coverage is not None:
        if uncertainty is None:
            raise UsageError("--coverage says how often a map of --uncertainty is right: give --uncertainty, too")
        settings = settings.changed(coverage=coverage)
    skipped = find_skipped(inputs, recursive=recursive, output=output)
    none_begun = Account([], skipped, None, quiet=quiet, overwrite=overwrite)
    refused_as(context, none_begun.to_json if as_json else None)
    jobs = plan(inputs, output, image_format, overwrite, recursive, quiet, skipped)
    if uncertainty is not None:
        jobs = with_maps(jobs, uncertainty)
    check_streams(context, jobs, as_json)
    check_saving(jobs, lossless, bits, sheet, overwrite)
    saving = Saving(quality, lossless, bits, overwrite, keep_times)
    request = Request(settings, opening, saving, Reading(like_camera, frame))
    ledger = None
    if resume or retry_failed:
        ledger = keep_manifest(inputs, output, jobs, request, retry_failed=retry_failed)
    account = Account(jobs, skipped, sheet, quiet=quiet, overwrite=overwrite)
    refused_as(context, account.to_json if as_json else None)
    try:
        if dry_run:
            opening.identity()  # a model that there is not is told now as well
            account.foretell(request, ledger, skip_existing=skip_existing)
        else:
            with nullcontext() if ledger is None else ledger:
                account.run(request, ledger, skip_existing=skip_existing, workers=workers)
    except (KeyboardInterrupt, BatchError) as stopped:  # what was done until then counts
        if as_json and isinstance(stopped, KeyboardInterrupt):  # an error is told as JSON where it is caught
            put_out(account.to_json())
        account.finish_sheet()
        raise
    if as_json:
        put_out(account.to_json())
    account.finish_sheet()
    account.tell_skipped()
    if account.failed:
        if len(jobs) > 1:
            warn(f"{account.failed} of {len(jobs)} photos failed")
        raise typer.Exit(1)
