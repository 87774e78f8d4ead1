"""From what was typed to files: which photos are meant, and where each result goes. Nothing is written here."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from darklift.batch.manifest import FileState
from darklift.batch.patterns import check_file_name, check_pattern, fill
from darklift.data.pairs import listed, natural_key
from darklift.errors import UsageError, printable
from darklift.image import USUAL_EXTENSIONS, is_image_path, result_extension
from darklift.pipeline.enhancer import RESULT_ENDING

__all__ = [
    "STREAM",
    "Far",
    "Found",
    "Job",
    "find_pictures",
    "identity",
    "plan_jobs",
    "refuse_shared_targets",
    "walk",
    "with_maps",
    "without_earlier_results",
]

STREAM = Path("-")
"""Standard input as a source, standard output as a target. A file of that name goes by ``./-``."""


@dataclass(frozen=True)
class Found:
    """A picture to enhance. named: by an argument of its own. folder: the folder argument that it was found in."""

    path: Path
    named: bool = True
    folder: Path | None = None


@dataclass(frozen=True)
class Far:
    """A photo that is no file here. address: such as s3://bucket/a.jpg. state: None where its list is silent."""

    address: str
    state: FileState | None = None


@dataclass(frozen=True)
class Job:
    """A picture, where its result goes, and its map of uncertainty, if one is wanted.

    format: of a result on the standard output, a name or an extension; None is the picture's own. may_replace: what is
    there under the names of its files is an earlier result of the same picture, which this one may replace. origin: of
    a photo that is no file here; ``source`` is then only its name. destination: the address of a result that becomes no
    file here; ``target`` is then its name among the results.
    """

    source: Path
    target: Path
    map: Path | None = None
    format: str | None = None
    may_replace: bool = False
    origin: Far | None = None
    destination: str | None = None

    @property
    def input(self) -> str:
        """Where the picture is: a path, or an address."""
        return str(self.source) if self.origin is None else self.origin.address

    @property
    def output(self) -> str:
        """Where the result goes: a path, or an address."""
        return str(self.target) if self.destination is None else self.destination

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All files that it makes."""
        return (self.target,) if self.map is None else (self.target, self.map)

    @property
    def in_words(self) -> tuple[str, str]:
        """Picture and result, as people are told of them."""
        source = "standard input" if self.source == STREAM else printable(self.input)
        return source, "standard output" if self.target == STREAM else printable(self.output)


# --------------------------------------------------------------------------------------------------------- inputs


def find_pictures(arguments: Sequence[str], *, recursive: bool = False, output: str | None = None) -> list[Found]:
    """The pictures that files, folders and glob patterns stand for: in the order given, in a folder in natural order.

    A name that exists is taken literally, whatever characters it has. A file that is named need not exist (that is for
    reading to report); each file counts once. Folders give what has a picture's extension and is not hidden, without
    what lies in the ``output`` folder. ``-`` is the standard input, and then the only picture. Raises UsageError for a
    folder or pattern that holds no picture.
    """
    if STREAM.name in arguments:
        if len(arguments) > 1:
            raise UsageError("- is the picture from the standard input: give it alone, or files and folders without it")
        return [Found(STREAM)]
    found: dict[str, Found] = {}
    for argument in arguments:
        for picture in _expand(argument, recursive, output):
            found.setdefault(os.path.realpath(picture.path), picture)
    return list(found.values())


def _expand(argument: str, recursive: bool, output: str | None) -> Iterable[Found]:
    path = Path(argument)
    if path == STREAM:  # a file of that name, given as ./-
        path = path.absolute()
    if os.path.isdir(path):  # unlike Path.is_dir, it does not raise for odd names
        skip = identity(Path(output)) if output else None
        pictures = [file for file in walk(path, recursive, skip) if is_image_path(file)]
        if not pictures:
            deeper = not recursive and any(is_image_path(file) for file in walk(path, True, skip))
            hint = "add --recursive for those in the folders inside" if deeper else f"expected {_extensions()}"
            raise UsageError(f"there is no picture in the folder {argument}: {hint}")
        return [Found(file, named=False, folder=path) for file in pictures]
    if not os.path.lexists(path) and glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True), key=natural_key)
        pictures = [Path(match) for match in matches if is_image_path(match) and os.path.isfile(match)]
        if not pictures:
            raise UsageError(f"no picture matches the pattern {argument!r}: expected files ending in {_extensions()}")
        return [Found(file, named=False) for file in pictures]
    return [Found(path)]


def walk(folder: Path, recursive: bool, skip: Path | None) -> Iterator[Path]:
    """The visible files in a folder; with ``recursive`` those in its sub-folders, too, but not in ``skip``."""

    def refuse(error: OSError) -> None:
        raise UsageError(f"cannot list the folder {error.filename}: {error.strerror}")

    for place, folders, files in os.walk(folder, onerror=refuse):
        visible = [name for name in folders if not name.startswith(".")] if recursive else []
        folders[:] = sorted((n for n in visible if identity(Path(place, n)) != skip), key=natural_key)
        yield from (Path(place, name) for name in sorted(files, key=natural_key) if not name.startswith("."))


def without_earlier_results(found: Sequence[Found]) -> tuple[list[Found], list[Path]]:
    """Leave out what an earlier run with the default names wrote; returns (what stays, what was left out).

    Those are the files called ``*_enhanced.*``, unless one was named and the picture that it comes from was not.
    """
    sources = {identity(picture.path) for picture in found}

    def is_result(picture: Found) -> bool:
        path = picture.path
        source = path.parent / f"{path.stem.removesuffix(RESULT_ENDING)}{path.suffix}"
        return path.stem.endswith(RESULT_ENDING) and (not picture.named or identity(source) in sources)

    return [p for p in found if not is_result(p)], [p.path for p in found if is_result(p)]


# -------------------------------------------------------------------------------------------------------- outputs


def plan_jobs(
    found: Sequence[Found], output: str | None, *, extension: str | None = None, overwrite: bool = False
) -> list[Job]:
    """Where each result goes.

    output: None for ``{stem}_enhanced{ext}`` beside the picture; a folder (it exists, or ends with a slash, or there
    are several pictures), where names stay and so do the sub-folders of a folder argument; a file; or a pattern with
    {stem}, {ext}, {parent}, {n}; ``-`` for the standard output, which is also where a picture from the standard input
    goes by default. extension: of the results, with its dot; None keeps each picture's own. Raises
    UsageError where two results would go to one file, or one over a picture given: with ``overwrite`` a single picture
    may go over itself if ``output`` is its very name.
    """
    several = len(found) > 1 or any(not picture.named for picture in found)
    if output == STREAM.name or found[0].path == STREAM:
        return [_stream_job(found[0], output, extension, several)]
    name, is_file = _naming(output, several, extension)
    jobs = [Job(picture.path, name(picture, number)) for number, picture in enumerate(found, start=1)]
    refuse_shared_targets(jobs)
    if not (overwrite and is_file):
        _refuse_among_sources((job, job.target) for job in jobs)
    return jobs


def _stream_job(picture: Found, output: str | None, extension: str | None, several: bool) -> Job:
    """The one job of a picture that comes in, or whose result goes out, as a stream."""
    if several:
        raise UsageError("-o - is one picture on the standard output, and there are several: give a folder")
    if output in (None, STREAM.name):
        return Job(picture.path, STREAM, format=extension)
    if os.path.isdir(output) or output.endswith(("/", os.sep)) or "{" in output:
        raise UsageError(f"-o {output}: a picture from the standard input has no name to keep, name the file")
    check_file_name(output, extension, "-o")
    return Job(picture.path, Path(output))


def with_maps(jobs: Sequence[Job], output: str) -> list[Job]:
    """The jobs with a map of uncertainty each: a file, or a pattern as for results. Raises UsageError."""
    check_pattern(output, None, "--uncertainty")
    if len(jobs) > 1 and "{" not in output:
        raise UsageError(
            f"--uncertainty {output} is one file, and there are several pictures: give a pattern such as "
            "maps/{stem}.png"
        )
    jobs = [replace(job, map=fill(output, job.source, ".png", number)) for number, job in enumerate(jobs, start=1)]
    refuse_shared_targets(jobs)
    _refuse_among_sources((job, job.outputs[-1]) for job in jobs)
    return jobs


def _naming(output: str | None, several: bool, extension: str | None) -> tuple[Callable[[Found, int], Path], bool]:
    """The function that names results, and whether ``output`` is the very name of the one result."""

    def ext(picture: Found) -> str:
        return extension or result_extension(picture.path.suffix)

    def in_folder(picture: Found, _: int) -> Path:
        inside = picture.path.parent.relative_to(picture.folder) if picture.folder else Path()
        return Path(str(output)) / inside / f"{picture.path.stem}{ext(picture)}"

    if output is None:
        return lambda picture, _: picture.path.with_name(f"{picture.path.stem}{RESULT_ENDING}{ext(picture)}"), False
    if os.path.isdir(output):
        return in_folder, False
    if "{" in output or "}" in output:
        pattern = f"{output}{{stem}}{{ext}}" if output.endswith(("/", os.sep)) else output
        check_pattern(pattern, extension, "-o")
        return lambda picture, number: fill(pattern, picture.path, ext(picture), number), False
    if output.endswith(("/", os.sep)):
        return in_folder, False
    if several:
        if os.path.exists(output) or is_image_path(output):
            raise UsageError(
                f"-o {output} is one file, and there are several pictures: give a folder, or a pattern such as "
                "out/{stem}{ext}"
            )
        return in_folder, False
    check_file_name(output, extension, "-o")
    return lambda *_: Path(output), True


def refuse_shared_targets(jobs: Sequence[Job]) -> None:
    """Raises UsageError where two results would go to one file."""
    taken: dict[Path, Job] = {}
    for job in jobs:
        for path in job.outputs:
            other = taken.setdefault(identity(path), job)
            if other is not job:
                raise UsageError(
                    f"{other.input} and {job.input} would both be written to {path}: tell them apart by a name "
                    "pattern such as -o 'out/{n}_{stem}{ext}'"
                )
        if len({identity(path) for path in job.outputs}) < len(job.outputs):
            raise UsageError(f"the result and the map of {job.source} would both be {job.target}: name them apart")


def _refuse_among_sources(outputs: Iterable[tuple[Job, Path]]) -> None:
    outputs = list(outputs)
    sources = {identity(job.source): job.source for job, _ in outputs}
    for job, path in outputs:
        lost = sources.get(identity(path))
        if lost is not None:
            what, option = ("map", "--uncertainty") if path == job.map else ("result", "-o")
            remedy = " (to replace a single picture, name it: -o FILE --overwrite)" if option == "-o" else ""
            raise UsageError(
                f"the {what} of {job.source} would be written over the picture {lost}: choose another {option}{remedy}"
            )


def identity(path: Path) -> Path:
    """The same for all names of a file that only differ in links and dots, or in case where the system ignores that."""
    real = os.path.realpath(path)
    return Path(real.casefold() if sys.platform in ("win32", "darwin") else real)


def _extensions() -> str:
    return listed(USUAL_EXTENSIONS)
