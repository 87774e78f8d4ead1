"""``darklift enhance``: many pictures, one loaded model, and a full account of what became of each."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli.console import Bar, progress_bar, say, warn
from darklift.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    ExposureOption,
    ModelOption,
    OverwriteOption,
    Precision,
    PrecisionOption,
    SeedOption,
    StepsOption,
    check_new_sheet,
)
from darklift.cli.paths import (
    EARLIER_RESULT,
    Job,
    find_pictures,
    plan_jobs,
    without_earlier_results,
)
from darklift.errors import DarkliftError, ImageError, UsageError

if TYPE_CHECKING:
    from PIL import Image

    from darklift.enhance import Enhancer, Exposure
    from darklift.image import Picture

__all__ = ["enhance"]

_FILES = "Files"


def _format_names() -> list[str]:
    from darklift.image import SUPPORTED_EXTENSIONS

    return sorted(extension[1:] for extension in SUPPORTED_EXTENSIONS)


def enhance(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUTS", help="Pictures, folders of pictures, or patterns such as 'night/*.jpg'."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file (for a single picture), a folder, or a name pattern with {stem}, {ext}, {parent} (the picture's "
            "folder) and {n} (1, 2, ...).",
            show_default="{stem}_enhanced{ext} beside the picture",
            rich_help_panel=_FILES,
        ),
    ] = None,
    model: ModelOption = "default",
    steps: StepsOption = None,
    exposure: ExposureOption = None,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="How much of the change is made: 0 leaves the picture as it is.")
    ] = 1.0,
    seed: SeedOption = 0,
    image_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Write all results as jpg, png, webp, tif or bmp.",
            show_default="each picture's own",
            autocompletion=_format_names,
            rich_help_panel=_FILES,
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Of JPEG and WebP.", show_default="95", rich_help_panel=_FILES),
    ] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Write WebP without loss.", rich_help_panel=_FILES)] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.", rich_help_panel=_FILES)
    ] = False,
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Look into the sub-folders of folders, too.", rich_help_panel=_FILES),
    ] = False,
    sheet: Annotated[
        str | None,
        typer.Option(help="Write a sheet of all pictures before and after, side by side.", rich_help_panel=_FILES),
    ] = None,
    backend: BackendOption = Backend.AUTO,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Light up dark photos.

    Size, orientation, colour profile and metadata stay. A picture that fails is reported, and the others go on. Messages
    go to stderr. Exit code: 0 all went well, 1 pictures failed, 2 the request is wrong, 130 stopped.

    \b
    Examples:
      darklift enhance night.jpg
      darklift enhance night.jpg -o bright.png --exposure +0.5
      darklift enhance photos/ -o bright/ --recursive
      darklift enhance 'photos/*.jpg' -o 'bright/{n}_{stem}.webp' --quality 90
      darklift enhance night.jpg -o out/ --sheet before_after.png
    """
    from darklift.enhance import Enhancer, Exposure

    wishes = _Wishes(steps, None if exposure is None else Exposure.of(exposure), strength, seed)
    jobs, skipped = _plan(inputs, output, image_format, overwrite, recursive)
    _check_saving(jobs, lossless, sheet, overwrite)
    if skipped and not quiet:
        names = ", ".join(str(path) for path in skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        say(f"left out {len(skipped)} results of an earlier run (*{EARLIER_RESULT}.*): {names}")
    batch = _Batch(wishes, quality, lossless, overwrite, quiet, rows_wanted=len(jobs) if sheet else 0)
    ready = [job for job in jobs if batch.accepts(job)]
    if ready:
        enhancer = Enhancer(model, backend=backend.value, device=device, precision=precision.value)
        try:
            batch.run(enhancer, ready)
        finally:
            if as_json:
                card = enhancer.model.card
                typer.echo(batch.to_json({"name": card.name, "method": card.method, "backend": card.backend}))
    elif as_json:
        typer.echo(batch.to_json(None))
    if sheet and batch.rows:
        batch.write_sheet(sheet)
    batch.finish(len(jobs))


@dataclass(frozen=True)
class _Wishes:
    steps: int | None
    exposure: Exposure | None
    strength: float
    seed: int


def _plan(
    inputs: Sequence[str], output: str | None, image_format: str | None, overwrite: bool, recursive: bool
) -> tuple[list[Job], list[Path]]:
    """What is to be done, and the earlier results that are left out."""
    extension = None
    if image_format is not None:
        extension = "." + image_format.lower().removeprefix(".")
        if extension[1:] not in _format_names():
            raise UsageError(f"--format {image_format} is not known: choose from {', '.join(_format_names())}")
    found, skipped = find_pictures(inputs, recursive=recursive, output=output), []
    if output is None:
        found, skipped = without_earlier_results(found)
    if not found:
        raise UsageError(f"there are only results of an earlier run (*{EARLIER_RESULT}.*): name them, or choose an output with -o")
    return plan_jobs(found, output, extension=extension, overwrite=overwrite), skipped


def _check_saving(jobs: Sequence[Job], lossless: bool, sheet: str | None, overwrite: bool) -> None:
    jpeg = next((job.target for job in jobs if job.target.suffix.lower() in (".jpg", ".jpeg", ".jfif")), None)
    if lossless and jpeg is not None:
        raise UsageError(f"--lossless: {jpeg} would be JPEG, which always loses something; add --format webp or --format png")
    if sheet is None:
        return
    check_new_sheet(sheet, overwrite)
    place = os.path.realpath(sheet)
    if any(place in (os.path.realpath(job.source), os.path.realpath(job.target)) for job in jobs):
        raise UsageError(f"--sheet {sheet} is one of the pictures, too: choose another name")


@dataclass
class _Batch:
    """Works through the jobs and keeps account."""

    wishes: _Wishes
    quality: int | None
    lossless: bool
    overwrite: bool
    quiet: bool
    rows_wanted: int = 0
    files: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    rows: list[tuple[str, Image.Image, Image.Image]] = field(default_factory=list)

    def accepts(self, job: Job) -> bool:
        """Whether the job can be done as far as its files tell; else it has failed already."""
        try:
            _check_job(job, self.overwrite)
        except ImageError as error:
            self._fail(job, str(error))
            return False
        return True

    def run(self, enhancer: Enhancer, jobs: Sequence[Job]) -> None:
        """Do the jobs; only Ctrl-C and an impossible request (UsageError) stop it."""
        total = len(jobs) if len(jobs) > 1 else 100
        with progress_bar(total, shown=not self.quiet) as bar:
            for number, job in enumerate(jobs):
                try:
                    self._do(enhancer, job, _part_of(bar, job, number, total // len(jobs)))
                except UsageError:
                    raise
                except KeyboardInterrupt:
                    raise KeyboardInterrupt(f"stopped, {number} of {len(jobs)} pictures were done") from None
                except (DarkliftError, OSError, MemoryError) as error:
                    self._fail(job, str(error) or "out of memory")
                except Exception as error:  # noqa: BLE001  # our defect, told in full; hours of other pictures wait
                    self._fail(job, f"defect in darklift: {error!r}, please report it\n{traceback.format_exc()}")

    def _do(self, enhancer: Enhancer, job: Job, on_step: Any) -> None:
        from darklift.image import read_image, write_image

        picture = read_image(job.source)
        for note in () if self.quiet else picture.metadata.notes:
            say(f"{job.source}: not kept: {note}")
        wishes = self.wishes
        result = enhancer.run(
            picture,
            steps=wishes.steps,
            exposure=wishes.exposure,
            strength=wishes.strength,
            seed=wishes.seed,
            on_step=on_step,
        )
        job.target.parent.mkdir(parents=True, exist_ok=True)
        write_image(result.picture, job.target, quality=self.quality, lossless=self.lossless, overwrite=self.overwrite)
        height, width = picture.size
        self._keep_row(job, picture, result.picture)
        self.files.append(
            {
                "input": str(job.source),
                "output": str(job.target),
                "width": width,
                "height": height,
                "brightness": None if result.brightness is None else round(result.brightness, 4),
                "steps": result.steps,
                "seconds": round(result.seconds, 3),
                "notes": list(picture.metadata.notes),
            }
        )
        if not self.quiet:
            took = f"{width}x{height}, {result.steps} steps, {result.seconds:.1f} s"
            say(f"{job.source} -> {job.target} ({took})")

    def _keep_row(self, job: Job, before: Picture, after: Picture) -> None:
        from darklift.sheet import MAX_ROWS, fitting_side, preview

        if self.rows_wanted and len(self.rows) < MAX_ROWS:
            side = fitting_side(min(self.rows_wanted, MAX_ROWS), 2)
            self.rows.append((job.source.name, preview(before, side), preview(after, side)))

    def _fail(self, job: Job, message: str) -> None:
        if str(job.source) not in message:
            message = f"{job.source}: {message}"
        self.failed += 1
        self.files.append({"input": str(job.source), "output": None, "error": message.splitlines()[0]})
        first, *rest = message.splitlines()
        warn(first)
        for line in rest:
            say(line)

    def to_json(self, model: dict[str, Any] | None) -> str:
        """The account of all files that were reached."""
        from darklift import __version__

        report = {"darklift": __version__, "model": model, "files": self.files, "failed": self.failed}
        return json.dumps(report, indent=2)

    def write_sheet(self, sheet: str) -> None:
        """Write what was kept of the pictures."""
        from darklift.sheet import MAX_ROWS, write_sheet

        names, befores, afters = zip(*self.rows, strict=True)
        _make_folder(Path(sheet).parent)
        captions = names if len(names) > 1 else ()
        write_sheet(list(zip(befores, afters, strict=True)), sheet, captions=captions, overwrite=self.overwrite)
        if not self.quiet:
            more = f" (the first {MAX_ROWS} pictures)" if self.rows_wanted > MAX_ROWS else ""
            say(f"before and after: {sheet}{more}")

    def finish(self, total: int) -> None:
        """Leave with exit code 1 if something failed."""
        if self.failed:
            if total > 1:
                warn(f"{self.failed} of {total} pictures failed")
            raise typer.Exit(1)


def _part_of(bar: Bar, job: Job, number: int, share: int) -> Any:
    """Told the steps of one picture, moves the bar of all."""
    bar.update(number * share, job.source.name)

    def on_step(step: int, steps: int) -> None:
        bar.update((number + step / steps) * share, job.source.name)

    return on_step


def _check_job(job: Job, overwrite: bool) -> None:
    """Find out before the work what would come of it. Raises ImageError."""
    from darklift.image import is_image_path

    if not os.path.lexists(job.source):
        raise ImageError(f"cannot read {job.source}: no such file or folder")
    if not is_image_path(job.target):
        kinds = ", ".join(_format_names())
        raise ImageError(f"{job.source}: its extension is not one that can be written ({kinds}): choose one with --format")
    if job.target.is_dir():
        raise ImageError(f"cannot write {job.target}: there is a folder of that name, choose another with -o")
    if os.path.lexists(job.target) and not overwrite:
        raise ImageError(f"cannot write {job.target}: it exists already, choose another -o or add --overwrite")
    existing = next((folder for folder in _folders_around(job.target) if folder.exists()), Path())
    if not existing.is_dir():
        raise ImageError(f"cannot write {job.target}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ImageError(f"cannot write {job.target}: the folder {existing} is read-only, choose another with -o")



def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"cannot create the folder {folder}: {error.strerror}") from error
