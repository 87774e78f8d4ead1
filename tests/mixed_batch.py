"""A folder of mixed photos, good and broken, run in workers, killed at random moments and resumed until all is done:

    python tests/mixed_batch.py FOLDER [--photos 500] [--broken 20] [--huge 2] [--kills 10] [--model nano]

JPEG, PNG, HEIC and 16-bit TIFF in sub-folders. It tells how many results are right (there, readable, of the photo's
size and depth, brighter; of every tenth, the bytes that a single process makes), how many broken ones were named, and
what the kills cost. Exit code 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from darklift.image import from_array, read_image, write_image
from heif_files import heif_file

__all__ = ["Account", "make", "run"]

KINDS = ("jpg", "png", "jpg", "heic", "tif", "jpg", "png")
BREAKS = ("empty", "cut", "text", "head")


HUGE = (4000, 3000)


def make(folder: Path, count: int, broken: int, huge: int) -> dict[str, bool]:
    """Write the photos; whether each is good, by its path in the folder."""
    good = {}
    bad = {int(number) for number in np.linspace(1, count - 1, broken)}
    large = {int(number) for number in np.linspace(0, count - 2, huge)} - bad
    for number in range(count):
        rng = np.random.default_rng(number)
        kind = KINDS[number % len(KINDS)]
        path = folder / f"{number % 5}" / f"{number:04}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = HUGE if number in large else (int(rng.integers(60, 320)), int(rng.integers(60, 240)))
        _write(path, rng, width, height)
        if number in bad:
            _break(path, BREAKS[number % len(BREAKS)])
        good[str(path.relative_to(folder))] = number not in bad
    return good


def _write(path: Path, rng: np.random.Generator, width: int, height: int) -> None:
    if path.suffix == ".heic":
        path.write_bytes(heif_file())
        return
    scene = Image.fromarray(rng.integers(0, 50, (3, 4, 3), dtype=np.uint8)).resize((width, height))
    dark = np.clip(np.asarray(scene, np.float32) + rng.normal(0, 2, (height, width, 3)), 0, 255)
    if path.suffix == ".tif":
        write_image(from_array((dark * 257).astype(np.uint16)), path)
    else:
        Image.fromarray(dark.astype(np.uint8)).save(path)


def _break(path: Path, how: str) -> None:
    data = path.read_bytes()
    broken = {"empty": b"", "cut": data[: len(data) // 2], "text": b"no photo at all", "head": b"\0" * 16 + data[16:]}
    path.write_bytes(broken[how])


@dataclass
class Account:
    """What came of it. wrong: in words, what is not as it should be."""

    killed: int = 0
    done: int = 0
    named: int = 0
    redone: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


def run(photos: Path, results: Path, good: dict[str, bool], kills: int, model: str, workers: int = 2) -> Account:
    """Kill and resume, then look at everything."""
    account = Account()
    rng = np.random.default_rng(kills)
    began = time.monotonic()
    command = [sys.executable, "-m", "darklift", "enhance", str(photos), "-o", str(results), "--recursive", "--resume"]
    command += ["--model", model, "--workers", str(workers), "--json"]
    marks = sorted(int(mark) for mark in rng.integers(1, max(2, len(good) - workers), kills))
    made: dict[str, int] = {}
    for mark in marks:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and sum(1 for _ in _lines(results)) < mark:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
        account.killed += process.returncode < 0
        again = [name for name, file in made.items() if _file_number(results / name) != file]
        account.wrong += [f"{name} was in the manifest and was made again" for name in again]
        made = {line["output"]: _file_number(results / line["output"]) for line in _lines(results) if line["result"]}
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    account.seconds = time.monotonic() - began
    if last.returncode != 1 or "Traceback" in last.stderr:
        account.wrong.append(f"the last run ended with {last.returncode}: {last.stderr[-500:]}")
        return account
    errors = {file["input"]: file["error"] for file in json.loads(last.stdout)["files"]}
    for name, is_good in good.items():
        error = errors.get(str(photos / name), "it was not reported")
        if is_good and error is None:
            account.done += 1
        elif not is_good and error is not None and name in error:
            account.named += 1
        else:
            account.wrong.append(f"{name}: {error}")
    times = Counter(line["output"] for line in _lines(results) if line["status"] == "done")
    account.redone = sum(times.values()) - len(times)
    account.wrong += [f"{path} is half a file" for path in results.rglob(".darklift-*.tmp")]
    account.wrong += list(_differences(photos, results, [name for name, is_good in good.items() if is_good], model))
    return account


def _lines(results: Path) -> Iterator[dict]:
    path = results / ".darklift/manifest.jsonl"
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:  # half a line, or the end
            continue


def _file_number(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def _differences(photos: Path, results: Path, names: list[str], model: str) -> Iterator[str]:
    targets = {name: results / name.replace(".heic", ".jpg") for name in names}
    for name, target in targets.items():
        before, after = read_image(photos / name), read_image(target)
        if before.size != after.size or (name.endswith(".tif") and after.source.bits != 16):
            yield f"{target} is of another size or depth than its photo"
        if after.pixels.mean() < before.pixels.mean():
            yield f"{target} is darker than its photo"
    with tempfile.TemporaryDirectory() as folder:
        sample = names[::10]
        command = [sys.executable, "-m", "darklift", "enhance", *(str(photos / name) for name in sample), "-o"]
        subprocess.run([*command, folder, "--model", model, "--workers", "1", "--quiet"], check=True)
        for name in sample:
            if (Path(folder) / targets[name].name).read_bytes() != targets[name].read_bytes():
                yield f"{targets[name]} is not what a single process makes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--broken", type=int, default=20)
    parser.add_argument("--huge", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="nano")
    arguments = parser.parse_args()
    good = make(arguments.folder / "in", arguments.photos, arguments.broken, arguments.huge)
    account = run(arguments.folder / "in", arguments.folder / "out", good, arguments.kills, arguments.model)
    print(f"{len(good)} photos, killed {account.killed} times, {account.seconds:.0f} s: {account.done} done,", end=" ")
    print(f"{account.named} broken ones named, {account.redone} done twice, {len(account.wrong)} wrong")
    print("\n".join(account.wrong))
    sys.exit(bool(account.wrong))


if __name__ == "__main__":
    main()
