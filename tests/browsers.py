"""A headless Chromium for tests of pages, what such a page says and asks for, and a server for the page's files.

Needs Playwright for Python and a Chromium that is installed (CHROMIUM, or the first one on the PATH).
"""

import base64
import functools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium is installed: apt-get install chromium, or set CHROMIUM to one"
)
WEB = Path(__file__).resolve().parents[1] / "web"
_MODULES = WEB / "node_modules"
needs_modules = pytest.mark.skipif(
    not shutil.which("node") or not (_MODULES / "axe-core").is_dir(), reason="no node_modules: npm ci in web/"
)

_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What servers of the page send: nothing inline, nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
_NOT_OURS = ("willReadFrequently", "No available adapters")
"""Said by Chromium of the test itself, or of a machine without a graphics card."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window; ends with the block."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


@dataclass
class Heard:
    """What a page said on the console, what went wrong in it, and which hosts it asked."""

    said: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def listen(self, page: Any) -> None:
        page.on("console", lambda it: None if any(text in it.text for text in _NOT_OURS) else self.said.append(it.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._ask(request.url))

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(parts.netloc)


class _Files(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server of a folder's files, under the policy that servers of the page should send."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def build_page(folder: Path, entry: str) -> None:
    """The page's files with the program of this file in web/."""
    esbuild = _MODULES / ".bin/esbuild"
    command = [str(esbuild), entry, "--bundle", "--format=iife", "--log-level=warning", f"--outfile={folder}/main.js"]
    subprocess.run(command, cwd=WEB, check=True)
    shutil.copytree(WEB / "src/page/public", folder, dirs_exist_ok=True)
    for file in ("web/src/page/index.html", "examples/night.jpg"):
        shutil.copy(WEB.parent / file, folder)


def drop(page: Any, files: Iterable[Path]) -> None:
    """Drop files anywhere on the page."""
    page.locator("body").dispatch_event("drop", {"dataTransfer": _transfer(page, files)})


def paste(page: Any, files: Iterable[Path]) -> None:
    """Paste files into the page."""
    paste = "data => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"
    _transfer(page, files).evaluate(paste)


def _transfer(page: Any, files: Iterable[Path]) -> Any:
    given = [{"name": file.name, "data": base64.b64encode(file.read_bytes()).decode()} for file in files]
    return page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const {name, data} of files) {
                const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        given,
    )


def until(page: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true; Playwright's own way evaluates a string, which the policy forbids."""
    end = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"not within a minute: {condition}"
        page.wait_for_timeout(30)


def shifts(page: Any) -> list[tuple[float, list[str]]]:
    """How far things moved on the page by themselves so far, as Chromium scores it, and which did."""
    return page.evaluate(
        """() => new Promise(resolve => {
            const moved = it => it.sources.map(({node}) => node?.id || node?.className || node?.nodeName || '');
            const found = list => list.getEntries().filter(it => !it.hadRecentInput).map(it => [it.value, moved(it)]);
            new PerformanceObserver(list => resolve(found(list))).observe({type: 'layout-shift', buffered: true});
            setTimeout(() => resolve([]), 300);
        })"""
    )


def faults(page: Any) -> list[str]:
    """What axe-core finds wrong with the page for people who do not see, or use it otherwise than by a mouse."""
    page.evaluate((_MODULES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{it['id']}: {[node['target'] for node in it['nodes']]}" for it in found["violations"]]
