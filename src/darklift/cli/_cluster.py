"""``darklift cluster``: a folder, a store or a list of photos on all machines of a Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darklift.cli._account import Account
from darklift.cli._choices import spelled_out
from darklift.cli._console import put_out, warn
from darklift.cli._jobs import check_saving
from darklift.cli._many import DryRunOption, ResumeOption, RetryFailedOption, SkipExistingOption
from darklift.cli._options import OverwriteOption, QuietOption, RecursiveOption, refused_as
from darklift.cli._saving import (
    BitsOption,
    FormatOption,
    KeepTimesOption,
    LikeCameraOption,
    LosslessOption,
    QualityOption,
    extension_called,
)
from darklift.errors import BatchError
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

__all__ = ["cluster"]

_CLUSTER = "The cluster"


@spelled_out()
def cluster(
    context: typer.Context,
    photos: Annotated[
        str,
        typer.Argument(
            metavar="PHOTOS",
            help="A folder that every machine sees, the address of one in a store (s3://, gs://), or a list: a text "
            "file or its address, with a path or an address (also https://) a line.",
        ),
    ],
    results: Annotated[
        str,
        typer.Argument(metavar="RESULTS", help="The folder that results go to, or the address of one in a store."),
    ],
    *,
    settings: Settings,
    opening: Opening,
    image_format: FormatOption = None,
    quality: QualityOption = None,
    lossless: LosslessOption = False,
    bits: BitsOption = None,
    like_camera: LikeCameraOption = True,
    overwrite: OverwriteOption = False,
    keep_times: KeepTimesOption = False,
    recursive: RecursiveOption = False,
    resume: ResumeOption = False,
    retry_failed: RetryFailedOption = False,
    skip_existing: SkipExistingOption = False,
    dry_run: DryRunOption = False,
    address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Of the Ray cluster that this machine is part of: auto, or HOST:PORT where there are several; local "
            "starts one on this machine alone.",
            rich_help_panel=_CLUSTER,
        ),
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How many photos at a time, each in a process of its own.",
            show_default="as many as fit",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    cpus: Annotated[
        float,
        typer.Option(
            "--cpus-per-worker", min=0, metavar="X", help="Also the model's threads.", rich_help_panel=_CLUSTER
        ),
    ] = 1.0,
    gpus: Annotated[
        float,
        typer.Option(
            "--gpus-per-worker", min=0, metavar="X", help="0.25 lets four share one.", rich_help_panel=_CLUSTER
        ),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of each photo, as JSON.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Light up many photos on many machines, by Ray.

    The results are those of darklift enhance, to the bit, each once, whatever machine or process dies meanwhile. What
    was done is kept in a manifest beside the results; darklift enhance goes on from it, and the other way round.

    Exit code: 0 all went well, 1 photos failed, 2 the request is wrong, 130 stopped.

    \b
    Examples:
      darklift cluster /mnt/photos /mnt/bright --recursive --resume
      darklift cluster s3://bucket/nights s3://bucket/bright --recursive --resume
      darklift cluster urls.txt /mnt/bright --workers 64 --address 10.0.0.1:6379
    """
    from darklift.batch.cluster.crew import Cluster
    from darklift.batch.cluster.desk import Keeping
    from darklift.batch.cluster.far import is_address
    from darklift.batch.cluster.fit import Share
    from darklift.batch.cluster.plan import absolute, cluster_jobs
    from darklift.batch.foreign import find_skipped
    from darklift.batch.request import Request
    from darklift.batch.transfer import Reading, Saving

    share = Share(cpus, gpus)
    extension = extension_called(image_format)
    here = not is_address(photos)
    skipped = find_skipped([photos], recursive=recursive, output=results) if here else []
    refused_as(context, Account([], skipped, None, quiet=quiet, overwrite=overwrite).to_json if as_json else None)
    jobs = cluster_jobs(photos, results, recursive=recursive, extension=extension, overwrite=overwrite)
    check_saving(jobs, lossless, bits, None, overwrite)
    saving = Saving(quality, lossless, bits, overwrite, keep_times)
    request = Request(settings, opening, saving, Reading(like_camera))
    keeping = Keeping(absolute(results), request, resume or retry_failed, retry_failed)
    account = Account(jobs, skipped, None, quiet=quiet, overwrite=overwrite)
    refused_as(context, account.to_json if as_json else None)
    if dry_run:
        account.foretell(request, keeping.open(), skip_existing=skip_existing)
    else:
        visible = (Path(photos).absolute(),) if here and Path(photos).is_dir() else ()
        crew = Cluster(keeping, address, workers, share, visible, _nobody if quiet else warn, account.note_card)
        try:
            account.run(request, keeping.open().read(), skip_existing=skip_existing, cluster=crew)
        except (KeyboardInterrupt, BatchError) as stopped:
            if as_json and isinstance(stopped, KeyboardInterrupt):
                put_out(account.to_json())
            raise
    if as_json:
        put_out(account.to_json())
    account.tell_skipped()
    if account.failed:
        if len(jobs) > 1:
            warn(f"{account.failed} of {len(jobs)} photos failed")
        raise typer.Exit(1)


def _nobody(text: str) -> None:
    """Is told, and says nothing."""
