"""Fuzz darklift's readers and writers of files, guided by coverage.

pip install 'darklift[heif,raw,deep,jxl,exr,test]' atheris==3.0.0    # CPython 3.11 to 3.14 on Linux
python tools/fuzz run -o /tmp/fuzz --parts 1000000 --files 100000 [--only PNG TIFF] [--minutes 30]
python tools/fuzz replay /tmp/fuzz/finds/PNG-0123456789ab.bin PNG
python tools/fuzz leaks -o /tmp/fuzz PNG --runs 100000

Every input must end as a picture, or as a DarkliftError of one line, within 10 seconds and 2 GB. Each target runs in
processes of its own, so that what ends a process costs one batch, and its input is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_BATCH_FILES, _BATCH_PARTS = 10_000, 100_000
_LIMIT_S, _LIMIT_MB = 10, 2048


def run(folder: Path, parts: int, files: int, only: list[str], minutes: float, seed: int) -> dict[str, Any]:
    """Fuzz each target for its share of inputs; the report, which is also written to ``report.json``."""
    from targets import TARGETS

    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "report.json"
    report: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    chosen = {name: target for name, target in TARGETS.items() if not only or name in only}
    whole = sum(target.whole for target in chosen.values())
    end = time.monotonic() + 60 * minutes
    for name, target in chosen.items():
        wanted = files // max(whole, 1) if target.whole else parts // max(len(chosen) - whole, 1)
        facts = report.setdefault(name, {"inputs": 0, "understood": 0, "seconds": 0.0, "deaths": 0, "slowest_s": 0.0})
        begun = facts["inputs"]
        while facts["inputs"] - begun < wanted and time.monotonic() < end:
            batch = min(_BATCH_FILES if target.whole else _BATCH_PARTS, wanted - (facts["inputs"] - begun))
            _batch(name, batch, folder, seed + facts["inputs"], facts, max(60.0, end - time.monotonic()))
            kept.write_text(json.dumps(report, indent=1))
        print(name, json.dumps(facts), flush=True)
    return report


def _batch(name: str, runs: int, folder: Path, seed: int, facts: dict[str, Any], seconds: float) -> None:
    progress = folder / "progress.json"
    progress.unlink(missing_ok=True)
    began = time.monotonic()
    worker = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import worker; from pathlib import Path; "
    )
    worker += f"worker.main({name!r}, {runs}, Path({str(folder.resolve())!r}), {seed % 2**31}, {_LIMIT_S}, {_LIMIT_MB})"
    with (folder / "last.log").open("wb") as log:
        try:
            code = subprocess.run([sys.executable, "-c", worker], stdout=log, stderr=log, timeout=seconds).returncode
        except subprocess.TimeoutExpired:
            code = 0  # the time is up
    done = json.loads(progress.read_text()) if progress.exists() else {"inputs": 0, "understood": 0, "slowest_s": 0.0}
    facts["inputs"] += done["inputs"]
    facts["understood"] += done["understood"]
    facts["seconds"] = round(facts["seconds"] + time.monotonic() - began, 1)
    facts["slowest_s"] = max(facts["slowest_s"], done["slowest_s"])
    facts["rss_mb"] = done.get("rss_mb", [])
    if code:
        facts["deaths"] += 1
        words = (folder / "last.log").read_bytes()[-3000:].decode("utf-8", "replace")
        with (folder / "deaths.txt").open("a") as deaths:
            deaths.write(f"==== {name}, exit status {code}, after {done['inputs']} inputs\n{words}\n")


def replay(file: Path, name: str) -> None:
    """Run one input in this process, without a net."""
    from targets import TARGETS

    print(TARGETS[name].run(file.read_bytes()))


def leaks(folder: Path, name: str, runs: int) -> list[int]:
    """The resident memory in MB after each tenth of so many inputs, made from those that fuzzing has kept."""
    from checks import Find
    from mutate import mutated
    from targets import TARGETS

    rng = random.Random(0)
    kept = [path.read_bytes() for path in sorted((folder / "corpus" / name).iterdir())]
    seen = []
    for number in range(1, runs + 1):
        with contextlib.suppress(Find):  # which have been told before
            TARGETS[name].run(mutated(rng.choice(kept), rng, kept))
        if number % max(runs // 10, 1) == 0:
            gc.collect()
            seen.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    fuzzing = commands.add_parser("run")
    fuzzing.add_argument("-o", type=Path, required=True, dest="folder")
    fuzzing.add_argument("--parts", type=int, default=100_000, help="inputs for the readers of parts, all together")
    fuzzing.add_argument("--files", type=int, default=10_000, help="inputs for whole files, all formats together")
    fuzzing.add_argument("--only", nargs="*", default=[])
    fuzzing.add_argument("--minutes", type=float, default=1e6)
    fuzzing.add_argument("--seed", type=int, default=0)
    again = commands.add_parser("replay")
    again.add_argument("file", type=Path)
    again.add_argument("name")
    growth = commands.add_parser("leaks")
    growth.add_argument("name")
    growth.add_argument("-o", type=Path, required=True, dest="folder")
    growth.add_argument("--runs", type=int, default=100_000)
    chosen = parser.parse_args()
    if chosen.command == "run":
        run(chosen.folder, chosen.parts, chosen.files, chosen.only, chosen.minutes, chosen.seed)
    elif chosen.command == "replay":
        replay(chosen.file, chosen.name)
    else:
        print(leaks(chosen.folder, chosen.name, chosen.runs))


if __name__ == "__main__":
    main()
