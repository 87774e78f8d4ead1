"""How long the static page takes: python benchmarks/web/visit.py [--rounds 5] [--photo examples/night.jpg]
    [--speed balanced]

In turn, each round: a first visit (a new browser without anything kept; the page by ``python -m http.server``, so
without threads) until the page can be used and until the first photo is enhanced in full, one more photo on the same
page, and ``darklift enhance --model nano`` of it on one core, as a whole command. Needs Playwright and a Chromium
(CHROMIUM, or the first one on the PATH).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from darklift.web.export import export_site

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "speed"))
from timing import Spread

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-um", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        heading = server.stdout.readline()
        try:
            yield f"http://127.0.0.1:{heading.split(' port ')[1].split()[0]}/"
        finally:
            server.terminate()


def seconds_until_done(page: Any, photo: Path, number: int) -> float:
    """From choosing a photo until it is enhanced in full."""
    started = time.perf_counter()
    page.set_input_files("#file", str(photo))
    page.wait_for_selector(f"#thumbs li:nth-child({number})[data-state=done]", state="attached", timeout=600_000)
    return time.perf_counter() - started


def visit(browser: Any, address: str, photo: Path, again: Path, speed: str) -> tuple[float, float, float]:
    """Seconds until the page can be used, until the first photo is enhanced, and of a following one."""
    context = browser.new_context(service_workers="block")
    context.add_init_script(f"localStorage.setItem('darklift.choices', JSON.stringify({{speed: '{speed}'}}))")
    page = context.new_page()
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")
    ready = time.perf_counter() - started
    seconds_until_done(page, photo, 1)
    first = time.perf_counter() - started
    following = seconds_until_done(page, again, 2)
    context.close()
    return ready, first, following


def command_line(photo: Path, folder: Path, speed: str) -> float:
    """Seconds of the whole command on one core."""
    one_core = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    command = [*one_core, sys.executable, "-m", "darklift", "enhance", str(photo), "-o", str(folder / "result.jpg")]
    started = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, "--overwrite", "--model", "nano", "--speed", speed], check=True, capture_output=True, env=environment
    )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photo", type=Path, default=ROOT / "examples/night.jpg")
    parser.add_argument("--speed", choices=("fast", "balanced", "best"), default="balanced")
    arguments = parser.parse_args()
    photo, speed = arguments.photo, arguments.speed
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    rows: dict[str, list[float]] = {
        name: [] for name in ("usable", "first photo", "following photo", "darklift enhance")
    }
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as started:
        folder = Path(kept)
        again = folder / "again.jpg"
        shutil.copy(photo, again)
        site = export_site(folder / "site", ["nano"])
        with served(site) as address:
            for _ in range(arguments.rounds):
                browser = started.chromium.launch(executable_path=chromium, args=QUIET)
                found = (*visit(browser, address, photo, again, speed), command_line(photo, folder, speed))
                browser.close()
                for row, value in zip(rows.values(), found, strict=True):
                    row.append(value)
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    spreads = {name: Spread(tuple(values)) for name, values in rows.items()}
    print("| | s (median) | range | of the command |")
    print("|---|--:|--:|--:|")
    for name, spread in spreads.items():
        print(f"| {name} | {spread.median:.2f} | {spread.range()} | {spread.over(spreads['darklift enhance']):.2f} |")
    print(f"\nThe site with nano: {size / 1e6:.2f} MB.")


if __name__ == "__main__":
    main()
