"""``darklift enhance``: many pictures, one loaded model, and a full account of what became of each."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli._choices import spelled_out
from darklift.cli._console import Bar, progress_bar, put_out, say, warn
from darklift.cli._options import RecursiveOption, check_new_picture
from darklift.errors import UsageError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from darklift.batch.paths import Job
    from darklift.batch.run import OnJobStep, Outcome, Saving
    from darklift.runtime import ModelCard

__all__ = ["enhance"]

_FILES = "Files"
_JPEG = (".jpg", ".jpeg", ".jfif")


def _format_names() -> list[str]:
    from darklift.image import WRITABLE_EXTENSIONS

    return sorted(extension[1:] for extension in WRITABLE_EXTENSIONS)


@spelled_out()
def enhance(
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
            help="Write all results as jpg, png, webp, tif or bmp.",
            show_default="each photo's own",
            autocompletion=_format_names,
            rich_help_panel=_FILES,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, metavar="Q", help="Of JPEG and WebP files.", show_default="95", rich_help_panel=_FILES
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Write WebP without loss.", rich_help_panel=_FILES)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are already there.", rich_help_panel=_FILES)
    ] = False,
    recursive: RecursiveOption = False,
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
            help="Also write a map of where the model is unsure; for several photos a pattern such as maps/{stem}.png. "
            "GSAD's models can tell, compact cannot.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print an account of all photos as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Light up dark photos.

    Size, orientation, colour profile and metadata stay. A photo that fails is reported, and the others go on.

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
    from darklift.batch.paths import with_maps
    from darklift.batch.run import Saving

    jobs = _plan(inputs, output, image_format, overwrite, recursive, quiet)
    if uncertainty is not None:
        jobs = with_maps(jobs, uncertainty)
    _check_streams(jobs, as_json)
    _check_saving(jobs, lossless, sheet, overwrite)
    account = _Account(jobs, sheet, quiet=quiet, overwrite=overwrite)
    try:
        account.run(opening, settings, Saving(quality, lossless, overwrite))
    except KeyboardInterrupt:
        if as_json:
            put_out(account.to_json())
        raise
    if as_json:
        put_out(account.to_json())
    account.finish_sheet()
    if account.failed:
        if len(jobs) > 1:
            warn(f"{account.failed} of {len(jobs)} photos failed")
        raise typer.Exit(1)


def _plan(
    inputs: Sequence[str], output: str | None, image_format: str | None, overwrite: bool, recursive: bool, quiet: bool
) -> list[Job]:
    from darklift.batch.paths import find_pictures, plan_jobs, without_earlier_results
    from darklift.pipeline.enhancer import RESULT_ENDING

    extension = None
    if image_format is not None:
        extension = "." + image_format.lower().removeprefix(".")
        if extension[1:] not in _format_names():
            raise UsageError(f"--format {image_format} is not known: choose from {', '.join(_format_names())}")
    found = find_pictures(inputs, recursive=recursive, output=output)
    if output is None:
        found, skipped = without_earlier_results(found)
        if skipped and not quiet:
            names = ", ".join(str(path) for path in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
            say(f"left out {len(skipped)} results of an earlier run (*{RESULT_ENDING}.*): {names}")
    if not found:
        raise UsageError("there are only results of an earlier run: name one, or choose an output with -o")
    return plan_jobs(found, output, extension=extension, overwrite=overwrite)


def _check_streams(jobs: Sequence[Job], as_json: bool) -> None:
    from darklift.batch.paths import STREAM

    (first, *_) = jobs
    if first.source == STREAM and sys.stdin.isatty():
        raise UsageError("- reads a photo from standard input, which is a terminal: darklift enhance - < night.jpg")
    if first.target == STREAM:
        if as_json:
            raise UsageError("--json and the photo would both go to standard output: name a file with -o")
        if sys.stdout.isatty():
            raise UsageError("the photo would go to standard output, which is a terminal: add  > bright.jpg")


def _check_saving(jobs: Sequence[Job], lossless: bool, sheet: str | None, overwrite: bool) -> None:
    jpeg = next((job.target for job in jobs if job.target.suffix.lower() in _JPEG), None)
    if lossless and jpeg is not None:
        raise UsageError(f"--lossless: {jpeg} would be JPEG, which is always lossy; add --format webp or --format png")
    if sheet is None:
        return
    from darklift.figures.sheet import sheet_paths

    taken = {os.path.realpath(path) for job in jobs for path in (job.source, *job.outputs)}
    for page in sheet_paths(sheet, len(jobs)):
        check_new_picture("--sheet", str(page), overwrite)
        if os.path.realpath(page) in taken:
            raise UsageError(f"--sheet {page} is one of the photos, too: choose another name")


class _Account:
    """Tells people, ``--json`` and the sheet what became of each job. failed: how many jobs failed."""

    def __init__(self, jobs: Sequence[Job], sheet: str | None, *, quiet: bool, overwrite: bool) -> None:
        from darklift.figures.sheet import Sheet

        self.failed = 0
        self._files: list[dict[str, Any]] = []
        self._jobs, self._quiet = jobs, quiet
        self._sheet = None if sheet is None else Sheet(sheet, len(jobs), overwrite=overwrite)
        self._card: ModelCard | None = None

    def run(self, opening: Opening, settings: Settings, saving: Saving) -> None:
        """Do all jobs; the model is opened once it is known that there is something to do."""
        from darklift.batch.run import check_job, failed, run_jobs
        from darklift.pipeline.enhancer import Enhancer
        from darklift.pipeline.plan import check_settings

        problems = {job: check_job(job, saving.overwrite) for job in self._jobs}
        for job, problem in problems.items():
            if problem is not None:
                self._take(failed(job, problem), settings)
        ready = [job for job, problem in problems.items() if problem is None]
        if not ready:
            return
        enhancer = Enhancer(opening.load())
        self._card = enhancer.model.card
        check_settings(enhancer.model, settings)
        reached = 0
        try:
            with progress_bar(shown=not self._quiet) as bar:
                for outcome in run_jobs(enhancer, ready, settings, saving, on_step=_moves(bar, ready)):
                    reached += 1
                    self._take(outcome, settings)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped: {reached} of {len(ready)} photos were reached") from None

    def _take(self, outcome: Outcome, settings: Settings) -> None:
        self._files.append(outcome.to_dict())
        if outcome.error is not None:
            self.failed += 1
            warn(outcome.error)
            if outcome.defect:
                say(outcome.defect)
            return
        self._show(outcome)
        if not self._quiet:
            for line in _told(outcome, settings):
                say(line)

    def _show(self, outcome: Outcome) -> None:
        """Put it onto the sheet. Raises ImageError."""
        from darklift.batch.outputs import make_folder

        assert outcome.before is not None
        assert outcome.enhanced is not None
        if self._sheet is not None:
            make_folder(self._sheet.paths[0].parent)
            caption = outcome.job.source.name if len(self._jobs) > 1 else ""
            self._sheet.add((outcome.before, outcome.enhanced.picture), caption)

    def finish_sheet(self) -> None:
        """Write the sheet's last page. Raises ImageError."""
        from darklift.figures.sheet import pages_in_words

        pages = () if self._sheet is None else self._sheet.close()
        if pages and not self._quiet:
            say(f"before and after: {pages_in_words(pages)}")

    def to_json(self) -> str:
        """The account of all jobs so far."""
        from darklift import __version__

        card = self._card
        model = card and {"name": card.name, "method": card.method, "backend": card.backend}
        return json.dumps(
            {"darklift": __version__, "model": model, "files": self._files, "failed": self.failed}, indent=2
        )


def _told(outcome: Outcome, settings: Settings) -> Iterable[str]:
    """What people hear of a photo that was done."""
    assert outcome.before is not None
    assert outcome.enhanced is not None
    job, enhanced = outcome.job, outcome.enhanced
    height, width = outcome.before.size
    steps = "1 step" if enhanced.steps == 1 else f"{enhanced.steps} steps"
    done = "the same bytes" if outcome.unchanged else f"{steps}, {enhanced.seconds:.1f} s"
    yield f"{job.source} -> {job.target} ({width}x{height}, {done})"
    if enhanced.share < 0.995 and settings.strength:
        done = f"enhanced by {enhanced.share:.0%} only" if enhanced.share >= 0.005 else "left as it is"
        yield f"{job.source}: bright enough already, {done}; --exposure +0 enhances it all the same"
    for note in outcome.notes:
        yield f"{job.source}: not kept: {note}"


def _moves(bar: Bar, jobs: Sequence[Job]) -> OnJobStep:
    """Moves the bar: by steps where there is one photo, else by photos."""

    def on_step(number: int, step: int, steps: int) -> None:
        name = jobs[number].source.name
        if len(jobs) == 1:
            bar.update(step, steps, name)
        else:
            bar.update(number + step / steps, len(jobs), name)

    return on_step
