"""Photos and results that are no files here: objects in a store, by fsspec or pyarrow, and addresses of the web.

An address is a scheme and what follows it as it is, without escapes: ``s3://bucket/a b.jpg``. Stores are asked for by
pyarrow where it knows them (S3, Google), else by fsspec's package for the scheme.
"""

from __future__ import annotations

import datetime
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from darklift import __version__
from darklift.batch.manifest import FileState
from darklift.errors import BatchError, DarkliftError, ImageError, UsageError, one_line
from darklift.image.extras import Extra

__all__ = ["check_results", "fetch", "is_address", "is_web", "listing", "put", "put_bytes", "read", "state"]

_FSSPEC = Extra("fsspec", "fsspec", "ray")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WEB = ("http", "https")
_BY_PYARROW = ("s3", "gs", "gcs")
_WHOLE = (*_BY_PYARROW, "abfs", "abfss", "az", "memory")
"""Stores whose objects appear whole or not at all."""
_TRIES = 3
"""Of a web address that does not answer, or says that it cannot just now."""
_NOT_NOW = (408, 429, 500, 502, 503, 504)
_PATIENCE = 60.0
"""Seconds without a byte."""


def is_address(text: str) -> bool:
    """Whether it is an address, rather than a path."""
    return _ADDRESS.match(text) is not None


def is_web(address: str) -> bool:
    """Whether it is of the web, which can be read and not listed."""
    return _scheme(address) in _WEB


def check_results(address: str) -> None:
    """Refuse what results cannot go to. Raises UsageError."""
    if _scheme(address) not in _WHOLE:
        stores = ", ".join(f"{scheme}://" for scheme in _WHOLE if scheme != "memory")
        raise UsageError(f"results cannot go to {address}: expected a folder, or an address with one of {stores}")


def listing(address: str, *, recursive: bool) -> Iterator[tuple[str, FileState]]:
    """What lies in a folder of a store: names below it, with slashes, and their states. Raises UsageError."""
    try:
        store, root = _store(address)
        found = store.find(root, maxdepth=None if recursive else 1, detail=True)
    except DarkliftError:
        raise
    except Exception as error:  # whatever a store's library raises
        raise UsageError(f"cannot list {address}: {one_line(error)}") from error
    begin = root.strip("/")
    for path, facts in found.items():
        name = path.strip("/").removeprefix(begin).strip("/")
        if name and facts.get("type") == "file":
            yield name, _state(facts)


def state(address: str) -> FileState | None:
    """Of one object, None where there is none. Raises BatchError."""
    try:
        store, path = _store(address)
        return _state(store.info(path))
    except FileNotFoundError:
        return None
    except DarkliftError:
        raise
    except Exception as error:
        raise BatchError(f"cannot look at {address}: {one_line(error)}") from error


def read(address: str) -> bytes:
    """All of an object. Raises ImageError."""
    with _opened(address) as stream:
        return stream.read()


def fetch(address: str, path: Path) -> int:
    """Copy an object into a file; returns its time of change in nanoseconds, 0 where that is not known.

    Raises ImageError: it cannot be read, or came in shorter than it was said to be.
    """
    for left in reversed(range(_TRIES)):
        try:
            with _opened(address) as stream, path.open("wb") as file:
                shutil.copyfileobj(stream, file)
                headers = getattr(stream, "headers", {})
        except ImageError as error:
            if not left or not is_web(address) or not _may_pass(error.__cause__):
                raise
            time.sleep(_TRIES - left)
            continue
        except Exception as error:
            if left:
                continue
            raise ImageError(f"cannot read {address}: {one_line(error)}") from error
        size, said = path.stat().st_size, headers.get("Content-Length")
        if said is None or int(said) == size or headers.get("Content-Encoding"):
            return _time_of(headers.get("Last-Modified"))
    raise ImageError(f"cannot read {address}: {size} bytes came, {said} were announced")


def put(path: Path, address: str) -> FileState:
    """Write a file as an object, which appears whole or not at all; returns its state there. Raises ImageError."""
    try:
        put_bytes(path.read_bytes(), address)
    except OSError as error:
        raise ImageError(f"cannot write {address}: {one_line(error)}") from error
    found = state(address)
    if found is None:
        raise ImageError(f"cannot write {address}: it was gone again at once")
    return found


def put_bytes(data: bytes, address: str) -> None:
    """Write an object, which appears whole or not at all. Raises OSError, whatever the store's library raises."""
    try:
        store, path = _store(address)
        with store.open(path, "wb") as stream:
            stream.write(data)
    except (DarkliftError, OSError):
        raise
    except Exception as error:
        raise OSError(one_line(error)) from error


def _opened(address: str) -> BinaryIO:
    try:
        if is_web(address):
            quoted = urllib.parse.quote(address, safe="%/:=&?~#+!$,;'@()*[]")
            request = urllib.request.Request(quoted, headers={"User-Agent": f"darklift/{__version__}"})
            answer: BinaryIO = urllib.request.urlopen(request, timeout=_PATIENCE)
            return answer
        store, path = _store(address)
        opened: BinaryIO = store.open(path, "rb")
        return opened
    except DarkliftError:
        raise
    except Exception as error:
        raise ImageError(f"cannot read {address}: {one_line(error)}") from error


def _may_pass(error: BaseException | None) -> bool:
    return error.code in _NOT_NOW if isinstance(error, urllib.error.HTTPError) else isinstance(error, OSError)


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _store(address: str) -> tuple[Any, str]:
    """An fsspec file system, and the path in it. Raises UsageError, MissingExtraError."""
    scheme, rest = _scheme(address), address.partition("://")[2]
    if scheme in _BY_PYARROW:
        return _bucket(f"{'gs' if scheme == 'gcs' else scheme}://{rest.partition('/')[0]}"), rest.rstrip("/")
    fsspec = _FSSPEC.load(f"reading {scheme}://")
    try:
        store = fsspec.filesystem(scheme)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{address} cannot be reached: {one_line(error)}") from error
    return store, store._strip_protocol(address)


@cache
def _bucket(address: str) -> Any:
    wrapper = Extra("fsspec.implementations.arrow", "fsspec", "ray").load(f"reading {address}")
    arrow = Extra("pyarrow.fs", "pyarrow", "ray").load(f"reading {address}")
    options = "?allow_delayed_open=true" if address.startswith("s3:") else ""  # one request for what is small
    return wrapper.ArrowFSWrapper(arrow.FileSystem.from_uri(f"{address}{options}")[0])


def _state(facts: dict[str, Any]) -> FileState:
    changed = next((facts[key] for key in ("mtime", "LastModified", "updated", "created") if facts.get(key)), 0)
    if isinstance(changed, str):
        changed = datetime.datetime.fromisoformat(changed)
    if isinstance(changed, datetime.datetime):
        changed = changed.replace(tzinfo=changed.tzinfo or datetime.UTC).timestamp()
    return FileState(int(facts["size"]), int(changed) * 10**9)  # whole seconds: some lists tell more than the object


def _time_of(header: str | None) -> int:
    try:
        return 0 if header is None else int(parsedate_to_datetime(header).timestamp() * 1e9)
    except ValueError:
        return 0
