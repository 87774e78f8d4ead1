"""One process that fuzzes one target, guided by which of darklift's own code each input reaches."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import sys
import time
import traceback
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["darklift"], enable_loader_override=False):
    from targets import TARGETS

from checks import Find
from mutate import mutated
from seeds import EXIF, PROFILES, RECORDS, XMP

__all__ = ["main"]

_LONGEST_INPUT = 20_000
_SLOW = 2.0  # seconds that are noted; what takes longer than the limit ends the process
_TELL_EVERY = 250


def main(name: str, runs: int, folder: Path, seed: int, limit_s: int, limit_mb: int) -> None:
    """Never returns: libFuzzer ends the process."""
    warnings.simplefilter("ignore")
    target = TARGETS[name]
    seeds = list(target.seeds())
    others = [*seeds, *EXIF.values(), *PROFILES.values(), *XMP.values(), *RECORDS.values()]
    corpus, finds = folder / "corpus" / name, folder / "finds"
    corpus.mkdir(parents=True, exist_ok=True)
    finds.mkdir(exist_ok=True)
    for data in seeds:
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    done: dict[str, object] = {"inputs": 0, "understood": 0, "slowest_s": 0.0, "rss_mb": []}
    count = understood = 0
    slowest = 0.0

    def tell() -> None:
        done.update(inputs=count, understood=understood, slowest_s=round(slowest, 2))
        (folder / "progress.json").write_text(json.dumps(done))

    def one(data: bytes) -> None:
        nonlocal count, understood, slowest
        began = time.monotonic()
        try:
            understood += target.run(data) is True
        except Exception as error:  # noqa: BLE001  # what a find is
            _keep(finds, name, data, error)
        took = time.monotonic() - began
        if took > slowest:
            slowest = took
            if took > _SLOW:
                _save(finds, f"{name} slow", data, f"{took:.1f} s")
        count += 1
        if count % max(runs // 5, 1) == 0:
            gc.collect()
            done["rss_mb"].append(_resident())  # type: ignore[attr-defined]  # it is a list
        if count % _TELL_EVERY == 0 or count >= runs:
            tell()
        if count >= runs:
            sys.stdout.flush()
            os._exit(0)

    def mutator(data: bytes, longest: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.2:
            return atheris.Mutate(data, longest)
        made = mutated(data, rng, others)
        return made if len(made) <= longest else atheris.Mutate(data, longest)

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_len={_LONGEST_INPUT}",
        "-len_control=0",
        f"-timeout={limit_s}",
        f"-rss_limit_mb={limit_mb}",
        f"-seed={seed}",
        f"-artifact_prefix={finds / name}-".replace(" ", "_"),
        "-print_pcs=0",
        "-reload=0",
        "-mutate_depth=2",
    ]
    atheris.Setup(arguments, one, custom_mutator=mutator)
    atheris.Fuzz()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def _keep(finds: Path, name: str, data: bytes, error: Exception) -> None:
    """The first input of each kind of find, and what Python says of it."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "/darklift/" in each.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"
    kind = str(error) if isinstance(error, Find) else f"{type(error).__name__} at {where}"
    _save(finds, f"{name} {kind}", data, "".join(traceback.format_exception(error)))


def _save(finds: Path, title: str, data: bytes, words: str) -> None:
    stem = finds / f"{title.split()[0]}-{hashlib.sha1(title.encode()).hexdigest()[:12]}"
    if not stem.with_suffix(".bin").exists():
        stem.with_suffix(".bin").write_bytes(data)
        stem.with_suffix(".txt").write_text(f"{title}\n{words}\n")
