"""``darklift enhance``: many pictures, one loaded model, and a full account of what became of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from darklift.cli._account import Account
from darklift.cli._choices import spelled_out
from darklift.cli._console import put_out, say, warn
from darklift.cli._options import RecursiveOption, check_new_picture, refused_as
from darklift.errors import UsageError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.batch.foreign import Skipped
    from darklift.batch.paths import Job

__all__ = ["enhance"]

_FILES = "Files"


def _format_names() -> list[str]:
    from darklift.image import WRITABLE_EXTENSIONS

    return sorted(extension[1:] for extension in WRITABLE_EXTENSIONS)


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
    image_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Write all results in this format, such as jpg, png or webp; a wrong name lists all.",
            show_default="each photo's own; jpg for HEIC and RAW, png for GIF (APNG)",
            autocompletion=_format_names,
            rich_help_panel=_FILES,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            metavar="Q",
            help="Quality of JPEG, WebP, AVIF and JPEG XL files, 1 to 100.",
            show_default="95; for a JPEG from a JPEG its own, not below 92",
            rich_help_panel=_FILES,
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Write WebP and JPEG XL without loss.", rich_help_panel=_FILES)
    ] = False,
    bits: Annotated[
        int | None,
        typer.Option(
            metavar="8|10|12|16|32",
            help="A channel, of those that the format has: 10 and 12 are AVIF's and JPEG 2000's, 32 is PFM's.",
            show_default="each photo's own, as far as the format can",
            rich_help_panel=_FILES,
        ),
    ] = None,
    like_camera: Annotated[
        bool,
        typer.Option(
            "--like-camera/--no-like-camera",
            help="Start from a raw file as bright as the camera's own preview of it, or from its light as it is.",
            rich_help_panel=_FILES,
        ),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are already there.", rich_help_panel=_FILES)
    ] = False,
    keep_times: Annotated[
        bool,
        typer.Option("--keep-times", help="Give results the times of their photos' files.", rich_help_panel=_FILES),
    ] = False,
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
        float,
        typer.Option(
            metavar="X",
            help="Of --uncertainty: how often the true values shall lie within what it tells, 0.9 or 0.95.",
            rich_help_panel=_FILES,
        ),
    ] = Settings.coverage,
    as_json: Annotated[
        bool, typer.Option("--json", callback=_note_json, help="Print what became of each photo, as JSON.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
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
      darklift enhance photos/ -o bright/ --recursive
      darklift enhance 'photos/*.jpg' -o 'bright/{n}_{stem}.webp' --quality 90
      darklift enhance night.jpg -o out/ --sheet before_after.png
      darklift enhance - < night.jpg > bright.jpg
    """
    from darklift.batch.foreign import find_skipped
    from darklift.batch.paths import with_maps
    from darklift.batch.transfer import Reading, Saving

    settings = settings.changed(coverage=coverage)
    skipped = find_skipped(inputs, recursive=recursive, output=output)
    none_begun = Account([], skipped, None, quiet=quiet, overwrite=overwrite)
    refused_as(context, none_begun.to_json if as_json else None)
    jobs = _plan(inputs, output, image_format, overwrite, recursive, quiet, skipped)
    if uncertainty is not None:
        jobs = with_maps(jobs, uncertainty)
    _check_streams(context, jobs, as_json)
    _check_saving(jobs, lossless, bits, sheet, overwrite)
    account = Account(jobs, skipped, sheet, quiet=quiet, overwrite=overwrite)
    refused_as(context, account.to_json if as_json else None)
    try:
        account.run(
            opening, settings, Saving(quality, lossless, bits, overwrite, keep_times), Reading(like_camera, frame)
        )
    except KeyboardInterrupt:
        if as_json:
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


def _plan(
    inputs: Sequence[str],
    output: str | None,
    image_format: str | None,
    overwrite: bool,
    recursive: bool,
    quiet: bool,
    skipped: Sequence[Skipped],
) -> list[Job]:
    from darklift.batch.foreign import kinds_in_words
    from darklift.batch.paths import find_pictures, plan_jobs, without_earlier_results
    from darklift.pipeline.enhancer import RESULT_ENDING

    extension = None
    if image_format is not None:
        extension = "." + image_format.lower().removeprefix(".")
        if extension[1:] not in _format_names():
            raise UsageError(f"--format {image_format} is not known: choose from {', '.join(_format_names())}")
    try:
        found = find_pictures(inputs, recursive=recursive, output=output)
    except UsageError as error:
        if not skipped:
            raise
        raise UsageError(f"{error}; there are others that cannot be read ({kinds_in_words(skipped)})") from error
    if output is None:
        found, earlier = without_earlier_results(found)
        if earlier and not quiet:
            names = ", ".join(str(path) for path in earlier[:5]) + (", ..." if len(earlier) > 5 else "")
            say(f"left out {len(earlier)} results of an earlier run (*{RESULT_ENDING}.*): {names}")
    if not found:
        raise UsageError("there are only results of an earlier run: name one, or choose an output with -o")
    return plan_jobs(found, output, extension=extension, overwrite=overwrite)


def _check_streams(context: typer.Context, jobs: Sequence[Job], as_json: bool) -> None:
    from darklift.batch.paths import STREAM

    (first, *_) = jobs
    if first.source == STREAM and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("- reads a photo from standard input, and there is none: darklift enhance - < night.jpg")
    if first.target == STREAM:
        if as_json:
            refused_as(context, None)  # a document would end up in the photo's file
            raise UsageError("--json and the photo would both go to standard output: name a file with -o")
        if sys.stdout is None or sys.stdout.isatty():
            raise UsageError("the photo would go to standard output, which is no file or pipe: add  > bright.jpg")


def _check_saving(jobs: Sequence[Job], lossless: bool, bits: int | None, sheet: str | None, overwrite: bool) -> None:
    from darklift.image import WRITABLE_BITS, format_called
    from darklift.image.formats import FORMATS

    if bits is not None and bits not in WRITABLE_BITS:
        raise UsageError(f"--bits {bits}: expected one of {', '.join(map(str, WRITABLE_BITS))}")
    for job in jobs:
        kind = format_called(job.format or job.target.suffix)
        if kind is not None and lossless and not kind.can_be_lossless:
            raise UsageError(f"--lossless: {job.target} would be {kind.name}, which is always lossy; add --format png")
        if kind is not None and bits is not None and bits not in kind.bits:
            has = " or ".join(map(str, kind.bits))
            able = [known.extensions[0][1:] for known in FORMATS if known.encode and bits in known.bits]
            other = "png" if "png" in able else able[0]
            raise UsageError(f"--bits {bits}: {job.target} would be {kind.name}, which has {has}; add --format {other}")
    if sheet is None:
        return
    from darklift.figures.sheet import sheet_paths

    taken = {os.path.realpath(path) for job in jobs for path in (job.source, *job.outputs)}
    for page in sheet_paths(sheet, len(jobs)):
        check_new_picture("--sheet", str(page), overwrite)
        if os.path.realpath(page) in taken:
            raise UsageError(f"--sheet {page} is one of the photos, too: choose another name")
