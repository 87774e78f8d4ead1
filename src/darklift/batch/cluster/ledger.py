"""The manifest of results in a store, whose objects can be replaced but not appended to: it is kept in parts.

Each run has parts of its own, ``.darklift/manifest-TIME-ID-NUMBER.jsonl`` below the results, of 200 lines each. The
part that is being filled is written anew at most once a second, so a run that is killed forgets what it did in that
second; it is done again, to the same bytes. There are no claims: a store has no name that only one can take. Two runs
at once do some work twice, and nothing wrong.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from darklift.batch.claims import Claim, Claims
from darklift.batch.cluster.far import is_address, listing, put_bytes, read
from darklift.batch.job import NOT_AS_WRITTEN, THERE_ALREADY, Outcome
from darklift.batch.ledger import Ledger
from darklift.batch.manifest import FOLDER, Entry, FileState, Manifest
from darklift.batch.paths import Job
from darklift.batch.request import Request
from darklift.errors import BatchError, ImageError, UsageError, one_line

__all__ = ["FarLedger", "open_ledger"]

_LINES = 200
"""Of a part."""
_EVERY = 1.0
"""Seconds between two writings of a part."""


class _Parts(Manifest):
    """A manifest in parts; the last line about a result, by its time, counts."""

    def __init__(self, address: str) -> None:
        super().__init__(Path())
        self.address = address.rstrip("/")
        self._run = f"{int(time.time())}-{uuid.uuid4().hex[:8]}"
        self._part, self._lines, self._waiting, self._put = 0, list[bytes](), False, 0.0
        self._seen: dict[str, FileState] = {}

    def name_of(self, target: Path) -> str:
        return target.as_posix()

    def create(self) -> None:
        """Nothing is written before there is something to say."""
        self.refresh()

    def refresh(self) -> None:
        """Read the parts that are new, or have changed. Raises BatchError."""
        try:
            for name, found in sorted(listing(f"{self.address}/{FOLDER}", recursive=False)):
                if name.endswith(".jsonl") and self._seen.get(name) != found and self._run not in name:
                    self._take_in(read(f"{self.address}/{FOLDER}/{name}"))
                    self._seen[name] = found
        except (ImageError, UsageError) as error:
            raise BatchError(f"cannot read the manifest: {error}") from error

    def _take_in(self, text: bytes) -> None:
        for line in filter(bytes.strip, text.split(b"\n")):
            entry = Entry.from_json(line)
            if entry is None:
                self.damaged += 1
            else:
                self._hold(entry)

    def _hold(self, entry: Entry) -> None:
        known = self._entries.get(entry.output)
        if known is None or known.time <= entry.time:
            self._entries[entry.output] = self._sharing(entry)

    def append(self, entry: Entry) -> None:
        """Put a line down; it is in the store after :meth:`flush` at the latest. Raises BatchError."""
        self._lines.append(entry.to_json().encode() + b"\n")
        self._hold(entry)
        self._waiting = True
        if len(self._lines) >= _LINES:
            self.flush()

    def flush(self, *, at_most_every: float = 0.0) -> None:
        """Write what waits, not before so many seconds have passed since the last time. Raises BatchError."""
        if not self._waiting or time.monotonic() - self._put < at_most_every:
            return
        address = f"{self.address}/{FOLDER}/manifest-{self._run}-{self._part:05}.jsonl"
        try:
            put_bytes(b"".join(self._lines), address)
        except OSError as error:
            raise BatchError(f"cannot write {address}: {one_line(error)}") from error
        self._waiting, self._put = False, time.monotonic()
        if len(self._lines) >= _LINES:
            self._part, self._lines = self._part + 1, []


class _NoClaims(Claims):
    """Of a store: nobody is asked, and nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def look(self) -> Iterator[tuple[Claim, bool]]:
        return iter(())


class FarLedger(Ledger):
    """The manifest of results in a store, and what lies there."""

    def __init__(self, address: str, request: Request, *, resume: bool = False, retry_failed: bool = False) -> None:
        super().__init__(Path(), request, resume=resume, retry_failed=retry_failed)
        self.manifest: _Parts = _Parts(address)
        self._claims = _NoClaims(Path())
        self._there: dict[str, FileState] | None = None

    def __exit__(self, *_: object) -> None:
        self.manifest.flush()

    def flush(self) -> None:
        self.manifest.flush(at_most_every=_EVERY)

    def take(self, job: Job) -> Job | Entry | None:
        """The job to do, or the entry of what is done; never None. The manifest is not read anew."""
        return self.settled(job) or self.with_leave(job)

    def record(self, outcome: Outcome) -> None:
        super().record(outcome)
        if outcome.result is not None and self._there is not None:
            self._there[self.manifest.name_of(outcome.job.target)] = outcome.result

    def state(self, job: Job) -> FileState | None:
        """By one list of all that is there, made when it is first asked for."""
        if self._there is None:
            self._there = dict(listing(self.manifest.address, recursive=True))
        return self._there.get(self.manifest.name_of(job.target))

    def is_there(self, job: Job) -> bool:
        return self.state(job) is not None

    def obstacle(self, job: Job, overwrite: bool) -> str | None:
        problem = super().obstacle(job, overwrite)
        if problem is None and not overwrite and self.is_there(job):
            problem = f"cannot write {job.destination}: {NOT_AS_WRITTEN if self.resumes else THERE_ALREADY}"
        return problem


def open_ledger(results: str, request: Request, *, resume: bool = False, retry_failed: bool = False) -> Ledger:
    """Of a folder, or of one in a store."""
    if is_address(results):
        return FarLedger(results, request, resume=resume, retry_failed=retry_failed)
    return Ledger(Path(results), request, resume=resume, retry_failed=retry_failed)
