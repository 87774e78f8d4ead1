"""What became of every picture of a batch: one line of JSON each, on the disk before the next picture is asked for.

The manifest lies beside the results, in ``.darklift/manifest.jsonl`` below their folder. Lines are only ever appended;
the last one about a result counts. Several runs, on several machines, may append to one manifest at the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from darklift.errors import BatchError
from darklift.files import OWN_FOLDER, append_line

__all__ = ["FOLDER", "Entry", "FileState", "Manifest", "PhotoFile"]

FOLDER = OWN_FOLDER
"""Holds the manifest and the claims, below the results' folder."""
_FILE = "manifest.jsonl"
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells cheaply that a file is still the same. mtime_ns: nanoseconds since 1970, as the disk says."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """None where there is no file."""
        try:
            found = path.stat()
        except (OSError, ValueError):
            return None
        return cls(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


@dataclass(frozen=True, slots=True)
class PhotoFile(FileState):
    """A photo's file, by its bytes. sha256: hexadecimal."""

    sha256: str

    @classmethod
    def of(cls, path: Path) -> PhotoFile | None:
        """Reads it; None where that cannot be, or where reading would use it up (a pipe)."""
        state = FileState.of(path)
        if state is None:
            return None
        try:
            with path.open("rb") as stream:
                return cls(state.size, state.mtime_ns, hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError:
            return None

    def is_still(self, path: Path, *, at: float) -> bool:
        """Whether the file has the bytes that it had at the time ``at`` (seconds since 1970).

        Size and time answer that; the bytes are looked at where only the time differs, or where the file had just been
        written then, so that it may have been again within one tick of the disk's clock.
        """
        state = FileState.of(path)
        if state is None or state.size != self.size:
            return False
        if state.mtime_ns == self.mtime_ns and at - self.mtime_ns / 1e9 > _TICK:
            return True
        now = PhotoFile.of(path)
        return now is not None and now.sha256 == self.sha256


_TICK = 2.0
"""Seconds: the coarsest clock of a disk (FAT's)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what became of one picture."""

    output: str
    """Where its result is, relative to the results' folder, with forward slashes. It names the picture in here."""
    input: str
    """The photo's path, absolute."""
    status: str
    """"done" or "failed"."""
    time: float
    """When that was, in seconds since 1970."""
    photo: PhotoFile | None = None
    """The photo's file as it was read; None where it could not be."""
    result: FileState | None = None
    """The result as it was written; None where there is none."""
    error: str | None = None
    """Why it failed, on one line."""
    seconds: float | None = None
    """Without reading and writing files."""
    share: float | None = None
    """How much of what the model made is in the result."""
    aim: float | None = None
    """The brightness asked of the model, a mean coded value."""
    wish: Mapping[str, Any] = field(default_factory=dict)
    """What decided how it looks: settings, model, reading, saving; see :meth:`darklift.batch.request.Request.wish`."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of darklift and what it ran on."""
    host: str = ""
    """Where it was made."""
    map: FileState | None = None
    """Its map of uncertainty as it was written; None where there is none."""

    def to_json(self) -> str:
        """One line, without its end. The photo's and the wish's parts stand beside the rest."""
        values = asdict(self)
        photo, wish = values.pop("photo") or {}, values.pop("wish")
        return json.dumps({**values, **photo, **wish}, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: bytes) -> Entry | None:
        """The inverse; None for what is no such line. What it does not know is part of the wish."""
        try:
            values = json.loads(line)
            photo = {name: values.pop(name, None) for name in ("size", "mtime_ns", "sha256")}
            result, its_map = values.pop("result", None), values.pop("map", None)
            own = {f.name: values.pop(f.name) for f in fields(cls) if f.name in values}
            entry = cls(
                **own,
                photo=None if None in photo.values() else PhotoFile(**photo),
                result=None if result is None else FileState(**result),
                map=None if its_map is None else FileState(**its_map),
                wish=values,
            )
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        return entry if entry._is_sound() else None

    def _is_sound(self) -> bool:
        """Whether its values are of the kinds that they shall be: anybody may have written the line."""
        files = [state for state in (self.photo, self.result, self.map) if state is not None]
        return (
            self.status in ("done", "failed")
            and isinstance(self.error, str | None if self.status == "done" else str)
            and all(isinstance(text, str) for text in (self.output, self.input, self.host))
            and isinstance(self.time, int | float)
            and all(isinstance(number, int) for state in files for number in (state.size, state.mtime_ns))
            and all(isinstance(number, int | float | None) for number in (self.seconds, self.share, self.aim))
            and isinstance(self.versions, dict)
        )


class Manifest:
    """The manifest of one folder of results; see the module.

    Everybody who appends has an own one, and :meth:`refresh` shows what the others have appended.
    """

    def __init__(self, results: Path) -> None:
        """results: their folder. Nothing is read or made yet."""
        self.results = Path(os.path.abspath(results))
        self.folder = self.results / FOLDER
        self.path = self.folder / _FILE
        self.damaged = 0
        """Lines that are none: a process was killed while it wrote them, or somebody has edited them."""
        self._entries: dict[str, Entry] = {}
        self._shared: dict[str, tuple[Mapping[str, Any], Mapping[str, str]]] = {}
        self._read = 0
        self._file: tuple[int, int] | None = None

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The last entry of each result, by ``Entry.output``."""
        return self._entries

    def name_of(self, target: Path) -> str:
        """What a result is called in here, ``Entry.output``."""
        try:
            return Path(os.path.relpath(target, self.results)).as_posix()
        except ValueError:  # another drive
            return Path(os.path.abspath(target)).as_posix()

    def create(self) -> None:
        """Make the folder and an empty manifest, or find them there. Raises BatchError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab"):
                pass
        except OSError as error:
            raise BatchError(f"cannot keep a manifest in {self.folder}: {error.strerror}") from error
        self.refresh()

    def refresh(self) -> None:
        """Read what has been appended since. A last line without its end is left for later. Raises BatchError."""
        try:
            with self.path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                if self._file not in (None, (found.st_dev, found.st_ino)) or found.st_size < self._read:
                    self._entries, self._read, self.damaged = {}, 0, 0  # another one has taken its place
                self._file = (found.st_dev, found.st_ino)
                stream.seek(self._read)
                text = stream.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise BatchError(f"cannot read {self.path}: {error.strerror}") from error
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in filter(bytes.strip, whole.split(b"\n")):
            entry = Entry.from_json(line)
            if entry is None:
                self.damaged += 1
            else:
                self._entries[entry.output] = self._sharing(entry)

    def _sharing(self, entry: Entry) -> Entry:
        """What most lines have in common is held once: a service may keep hundreds of thousands."""
        common = json.dumps([entry.wish, entry.versions], sort_keys=True)
        wish, versions = self._shared.setdefault(common, (entry.wish, entry.versions))
        return replace(entry, wish=wish, versions=versions, host=sys.intern(entry.host))

    def append(self, entry: Entry) -> None:
        """Put a line on the disk, whole or not at all. Raises BatchError; the manifest is then as it was.

        It is an error that the manifest is gone: whoever removed the results, or unplugged their disk, meant to.
        """
        try:
            append_line(self.path, entry.to_json().encode(), self.folder / _LOCK)
        except FileNotFoundError as error:
            raise BatchError(f"{self.results} was removed while darklift wrote into it") from error
        except OSError as error:
            raise BatchError(f"cannot write {self.path}: {error.strerror}") from error
        self.refresh()
