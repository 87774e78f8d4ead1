"""What ``darklift enhance`` was asked for becomes jobs; what cannot be is refused before any work."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from darklift.cli._console import say
from darklift.cli._options import check_new_picture, refused_as
from darklift.cli._saving import extension_called
from darklift.errors import UsageError

if TYPE_CHECKING:
    from darklift.batch.foreign import Skipped
    from darklift.batch.ledger import Ledger
    from darklift.batch.paths import Job
    from darklift.batch.request import Request

__all__ = ["check_saving", "check_streams", "keep_manifest", "plan"]


def plan(
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

    extension = extension_called(image_format)
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


def check_streams(context: typer.Context, jobs: Sequence[Job], as_json: bool) -> None:
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


def check_saving(jobs: Sequence[Job], lossless: bool, bits: int | None, sheet: str | None, overwrite: bool) -> None:
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


def keep_manifest(
    inputs: Sequence[str], output: str | None, jobs: Sequence[Job], request: Request, *, retry_failed: bool
) -> Ledger:
    """The manifest that the run goes on from, and adds to."""
    from darklift.batch.ledger import Ledger
    from darklift.batch.paths import STREAM
    from darklift.batch.place import folder_of_results

    (first, *others) = jobs
    if STREAM in (first.source, first.target):
        raise UsageError("--resume is for files: a photo from or to a pipe leaves nothing to go on from")
    several = bool(others) or os.path.isdir(inputs[0])
    results = folder_of_results(inputs, output, several)
    return Ledger(results, request, resume=True, retry_failed=retry_failed)
