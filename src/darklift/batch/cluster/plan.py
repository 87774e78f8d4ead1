"""From what was typed to jobs, where photos or results may be no files here. Nothing is written."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from darklift.batch.cluster.far import check_results, is_address, is_web, listing, read
from darklift.batch.paths import STREAM, Far, Job, find_pictures, plan_jobs, refuse_shared_targets
from darklift.data.pairs import natural_key
from darklift.errors import ImageError, UsageError, one_line
from darklift.image import is_image_path, result_extension

__all__ = ["absolute", "cluster_jobs"]

_LISTS = (".txt", ".lst")
_MOST = 64 * 2**20
"""Bytes of a list; what is larger is none."""


def absolute(text: str) -> str:
    """A path from the root; an address as it is."""
    return text if is_address(text) else os.path.abspath(text)


@dataclass(frozen=True)
class _Photo:
    """path: of a file here, else its name. inside: its name among the photos. far: what has an address."""

    path: Path
    inside: PurePosixPath
    far: Far | None = None


def cluster_jobs(
    source: str, results: str, *, recursive: bool = False, extension: str | None = None, overwrite: bool = False
) -> list[Job]:
    """The jobs of a cluster: names and folders stay, as in :func:`darklift.batch.paths.plan_jobs`.

    Paths come out absolute: other machines do not know the folder that we are in.

    Args:
        source: a folder, a photo or a pattern; the address of a folder in a store; or a list: a text file, or its
            address, with a path or an address a line.
        results: a folder, or the address of one in a store.
        recursive: look into the folders inside, too.
        extension: of the results, with its dot; None keeps each picture's own.
        overwrite: results may be replaced.

    Raises:
        UsageError: nothing is there, it cannot be listed, or two results would go to one file.
    """
    far_results = is_address(results)
    if far_results:
        check_results(results)
    if source == STREAM.name or results == STREAM.name:
        raise UsageError("a cluster reads and writes files: give a folder, an address or a list, not -")
    source, results = absolute(source), absolute(results)
    path = Path(_of_web(source).path if is_web(source) else source)
    is_list = path.suffix.lower() in _LISTS or (is_web(source) and not is_image_path(path))
    if not is_list and not is_address(source):
        found = find_pictures([source], recursive=recursive, output=None if far_results else results)
        if not far_results:
            return plan_jobs(found, f"{results}/", extension=extension, overwrite=overwrite)
        photos = [
            _Photo(f.path, PurePosixPath(f.path.relative_to(f.folder or f.path.parent).as_posix())) for f in found
        ]
    else:
        photos = list(_in_list(source) if is_list else _in_store(source, recursive))
        around = f"{results.rstrip('/')}/"
        photos = [photo for photo in photos if photo.far is None or not photo.far.address.startswith(around)]
    if not photos:
        raise UsageError(f"there is no picture in {source}" + ("" if recursive or is_list else ": try --recursive"))
    jobs = [_job(photo, results, far_results, extension) for photo in photos]
    refuse_shared_targets(jobs)
    return jobs


def _job(photo: _Photo, results: str, far_results: bool, extension: str | None) -> Job:
    name = photo.inside.with_suffix(extension or result_extension(photo.inside.suffix))
    target = Path(name) if far_results else Path(results) / name
    return Job(
        photo.path,
        target,
        origin=photo.far,
        destination=f"{results.rstrip('/')}/{name}" if far_results else None,
    )


def _in_store(address: str, recursive: bool) -> Iterator[_Photo]:
    if is_web(address):
        yield _of_address(address)
        return
    found = dict(listing(address, recursive=recursive))
    if not found and is_image_path(Path(address)):  # one photo: its list is empty, or has its own name alone
        yield _of_address(address)
    for name in sorted(found, key=natural_key):
        inside = PurePosixPath(name)
        if is_image_path(Path(name)) and not any(part.startswith(".") for part in inside.parts):
            yield _Photo(Path(inside.name), inside, Far(f"{address.rstrip('/')}/{name}", found[name]))


def _in_list(source: str) -> Iterator[_Photo]:
    for number, line in enumerate(_text(source).splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        try:
            yield _of_address(entry) if is_address(entry) else _of_path(entry, source)
        except UsageError as error:
            raise UsageError(f"{source}, line {number}: {error}") from error


def _text(source: str) -> str:
    try:
        if is_address(source):
            data = read(source)
        else:
            with open(source, "rb") as stream:
                data = stream.read(_MOST + 1)
        if len(data) > _MOST or b"\0" in data:
            raise UsageError(f"{source} is no list: expected text with a path or an address a line")
        return data.decode("utf-8-sig")
    except (OSError, ImageError) as error:
        raise UsageError(f"cannot read the list {source}: {one_line(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is no list: expected text in UTF-8 ({one_line(error)})") from error


def _of_address(address: str) -> _Photo:
    """Results are named after all that follows the scheme: the same photo has the same name in any list."""
    parts = _of_web(address) if is_web(address) else None
    rest = address.partition("://")[2] if parts is None else f"{parts.netloc}/{urllib.parse.unquote(parts.path)}"
    inside = _inside(rest, address)
    return _Photo(Path(inside.name), inside, Far(address))


def _of_web(address: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(address)
    except ValueError as error:  # a bracket in the name of the machine
        raise UsageError(f"{address} is no address: {one_line(error)}") from error


def _of_path(entry: str, source: str) -> _Photo:
    """By the folder of the list, where that is one here."""
    if is_address(source):
        raise UsageError(
            f"{entry!r} is no address, and the list is none of this machine: begin it with s3:// or https://"
        )
    path = Path(source).parent / entry
    return _Photo(path, _inside(entry, entry))


def _inside(name: str, shown: str) -> PurePosixPath:
    parts = [part.replace(":", "_") for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or any("\0" in part for part in parts):
        raise UsageError(f"{shown!r} gives no name for a result")
    return PurePosixPath(*parts)
