"""The page that is in the package is what its sources give."""

import shutil
import subprocess
from pathlib import Path

from browsers import needs_modules
from darklift.web.export import SITE, export_site
from web_engine import WEB

MOST = 15_000_000
"""Bytes that a page with nano may have."""


@needs_modules
def test_the_built_page_is_that_of_its_sources(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    subprocess.run([node, "build.mjs", str(tmp_path / "site")], cwd=WEB, check=True)
    built, kept = (_files(folder) for folder in (tmp_path / "site", SITE))
    assert built.keys() == kept.keys()
    changed = [name for name, data in built.items() if data != kept[name]]
    assert not changed, f"run  npm ci && npm run build  in web/: these have other sources by now: {changed}"


@needs_modules
def test_the_page_is_of_its_types() -> None:
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "node_modules/typescript/bin/tsc", "--noEmit"], cwd=WEB, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_a_page_with_nano_is_small(tmp_path: Path) -> None:
    files = _files(export_site(tmp_path / "page", ["nano"]))
    assert sum(map(len, files.values())) < MOST


def test_an_exported_page_asks_nobody(tmp_path: Path) -> None:
    """No address of another host in what is loaded, but names of formats and places to read more."""
    files = _files(export_site(tmp_path / "page", ["nano"]))
    markup = files["index.html"].decode() + files["main.css"].decode() + files["manifest.webmanifest"].decode()
    assert not [part for part in ('src="http', 'href="http', "url(http", "@import") if part in markup]


def _files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
