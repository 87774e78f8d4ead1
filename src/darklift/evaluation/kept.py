"""Scores that outlive their process: a line of JSON for each pair and method, and for each page of a sheet, on the disk
as soon as it is there.

They lie in ``.darklift/scores.jsonl``. Lines are only ever appended; of two with one key, the last one counts. Several
runs may append to one file at the same time. A key holds all that scores depend on, so what has changed is not found
any more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from darklift import __version__
from darklift.data import Pair
from darklift.errors import DataError, ImageError
from darklift.evaluation.evaluate import Scored
from darklift.evaluation.evaluation import PairResult
from darklift.evaluation.fidelity import as_saved
from darklift.evaluation.metrics import Metric
from darklift.files import OWN_FOLDER, append_line, file_digest
from darklift.image import Picture, read_image

__all__ = ["Kept", "KeptRow"]

_PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "Pillow", "scipy", "torch")


@dataclass(frozen=True)
class _Line:
    """What one line holds, but for its key."""

    scored: Scored
    metrics: Mapping[str, str]
    """By which metrics it was scored, and with which weights."""
    picture: str
    """The digest of the enhanced picture's pixels as saved; empty where none was to be kept."""

    def with_earlier(self, line: _Line | None) -> _Line:
        """The same, with what an earlier line of its key, and so of the same picture, also says."""
        if line is None:
            return self
        result = self.scored.result
        scores = {**line.scored.result.scores, **result.scores}
        scored = replace(self.scored, result=replace(result, scores=scores))
        return _Line(scored, {**line.metrics, **self.metrics}, self.picture or line.picture)


class Kept:
    """The scores that were kept in one folder. Use one for an evaluation, whatever its rows."""

    def __init__(self, folder: Path) -> None:
        """folder: beside whose files they are kept. Nothing is read or made yet."""
        self.path = folder / OWN_FOLDER / "scores.jsonl"
        self._lines: dict[str, _Line] = {}
        self._pages: set[str] = set()
        self._digests: dict[tuple[Path, int, int], str] = {}

    def open(self) -> Kept:
        """Read what is there; the file is made where there is none. Lines that are none are passed over: a process was
        killed while it wrote them. Raises DataError.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as stream:
                stream.seek(0)
                text = stream.read()
        except OSError as error:
            raise DataError(f"cannot keep scores in {self.path}: {error.strerror}") from error
        for line in text[: text.rfind(b"\n") + 1].split(b"\n"):
            values = _values(line)
            if isinstance(page := values.get("page"), str):
                self._pages.add(page)
            elif (found := _parsed(values)) is not None:
                self._remember(*found)
        return self

    def has_made(self, path: Path) -> bool:
        """Whether there is a file, and it is a result that was scored here, or a sheet's page, by its pixels."""
        digest = _digest_of_file(path)
        if digest is None:
            return False
        return digest in self._pages or any(line.picture == digest for line in self._lines.values())

    def find(self, key: str) -> _Line | None:
        return self._lines.get(key)

    def add(self, key: str, line: _Line) -> None:
        """Raises DataError."""
        result = line.scored.result
        values = {
            "key": key,
            "name": result.name,
            # JSON has neither infinity nor NaN, and float() takes both as words
            "scores": {name: value if -1e300 < value < 1e300 else str(value) for name, value in result.scores.items()},
            "seconds": result.seconds,
            "peak_bytes": result.peak_bytes,
            "window": line.scored.window,
            "steps": line.scored.steps,
            "takes_exposure": line.scored.takes_exposure,
            "metrics": dict(line.metrics),
            "picture": line.picture,
        }
        self._append(values)
        self._remember(key, line)

    def add_page(self, path: Path) -> None:
        """Keep that a sheet's page was written here. Raises DataError."""
        if (digest := _digest_of_file(path)) is not None:
            self._append({"page": digest})
            self._pages.add(digest)

    def _append(self, values: Mapping[str, Any]) -> None:
        text = json.dumps(values, separators=(",", ":"), allow_nan=False)
        try:
            append_line(self.path, text.encode(), self.path.with_suffix(".lock"))
        except OSError as error:
            raise DataError(f"cannot write {self.path}: {error.strerror}") from error

    def _remember(self, key: str, line: _Line) -> None:
        self._lines[key] = line.with_earlier(self._lines.get(key))

    def digest(self, path: Path) -> str:
        """A file's SHA-256, looked at once as long as its size and time stay. Raises DataError."""
        try:
            state = path.stat()
            known = (path, state.st_size, state.st_mtime_ns)
            if known not in self._digests:
                self._digests[known] = file_digest(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        return self._digests[known]


@dataclass(frozen=True)
class KeptRow:
    """The scores of one method by some metrics, as a :class:`~.evaluate.Memory`."""

    kept: Kept
    identity: Callable[[Pair], Mapping[str, Any]]
    """All that decides what the method makes of a pair, but for the pair's pictures, in plain values."""
    metrics: tuple[Metric, ...]
    picture_of: Callable[[str], Path] | None = None
    """The file that a result is saved to, by the pair's name. Scores without their picture do not count then."""

    def find(self, pair: Pair) -> Scored | None:
        """What came of this very pair, without its picture; None where it was not scored so before."""
        line = self.kept.find(self._key(pair))
        if line is None or any(line.metrics.get(one.name) != one.weights for one in self.metrics):
            return None
        if self.picture_of is not None and _digest_of_file(self.picture_of(pair.name)) != line.picture:
            return None
        result = line.scored.result
        scores = {one.name: result.scores[one.name] for one in self.metrics}
        return replace(line.scored, result=replace(result, scores=scores))

    def picture(self, pair: Pair) -> Picture | None:
        """The result, as it was saved; None where none is kept. Raises ImageError."""
        return None if self.picture_of is None else read_image(self.picture_of(pair.name))

    def add(self, pair: Pair, scored: Scored) -> None:
        """Keep what came of a pair. Raises DataError."""
        digest = "" if scored.picture is None or self.picture_of is None else _picture_digest(scored.picture)
        weights = {one.name: one.weights for one in self.metrics}
        self.kept.add(self._key(pair), _Line(replace(scored, picture=None), weights, digest))

    def _key(self, pair: Pair) -> str:
        files = [self.kept.digest(path) for path in (pair.low, pair.high)]
        told = json.dumps([self.identity(pair), _maker(), pair.name, files], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


def _values(line: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _parsed(values: Mapping[str, Any]) -> tuple[str, _Line] | None:
    try:
        scores = {str(name): float(value) for name, value in values["scores"].items()}
        peak = values.get("peak_bytes")  # lines of before have none
        result = PairResult(values["name"], scores, float(values["seconds"]), None if peak is None else int(peak))
        steps = values["steps"]
        scored = Scored(
            result, None, str(values["window"]), None if steps is None else int(steps), values["takes_exposure"] is True
        )
        line_of = _Line(scored, dict(values["metrics"]), str(values["picture"]))
        return (str(values["key"]), line_of) if line_of.metrics.keys() <= scores.keys() else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _picture_digest(picture: Picture) -> str:
    pixels = as_saved(picture.pixels, picture.source.bits)
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str | None:
    try:
        return _picture_digest(read_image(path)) if path.is_file() else None
    except ImageError:
        return None


@cache
def _maker() -> Mapping[str, str]:
    """What else numbers depend on: darklift's own code, and what it calculates with."""
    root = Path(__file__).parents[1]
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(f"{path.relative_to(root).as_posix()}\n".encode())
        code.update(path.read_bytes())
    found = {"darklift": f"{__version__} {code.hexdigest()}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
