"""The page as a folder for any web host, or to be opened from disk: it computes in the browser, and asks nobody.

What ``web/build.mjs`` made lies in ``site/``; the models are added here, from where they lie anyway.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darklift.errors import ModelError, UsageError, one_line
from darklift.runtime import ModelCard
from darklift.runtime.onnx import CARD_FILE, load_card, read_graph
from darklift.weights import find_model

__all__ = ["SITE", "export_site"]

SITE = Path(__file__).parent / "site"
"""What was built of the page, without models."""
_KEPT = "kept.js"
"""Tells the browser which files to keep for times without a network, and us which files are ours."""
_KEPT_TEXT = re.compile(r"self\.darkliftKept=(\{.*\});\n")
_ON_DEMAND = "packs/graphics."
"""For some devices only: kept once they were used."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def export_site(folder: Path, models: Sequence[str]) -> Path:
    """Write the page to a folder, whole or not at all, and return it. An earlier export there is replaced.

    models: names or folders of exported models, the first is the page's default. Raises UsageError for no model, one
    twice, or one that does not run in browsers, and for a folder that holds anything but an export; ModelError for a
    damaged model, or where the folder cannot be written.
    """
    packs = _model_packs(models)
    if not (SITE / "index.html").is_file():
        raise ModelError(f"{SITE} holds no page: install darklift again, or build it with node web/build.mjs")
    target = Path(os.path.abspath(folder))
    _check_free(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
            made = Path(temporary) / "made"
            shutil.copytree(SITE, made)
            for name, script in packs.items():
                (made / "packs" / f"{name}.js").write_text(script, encoding="ascii")
            (made / _KEPT).write_text(_kept(made, default=next(iter(packs))), encoding="utf-8")
            _put(made, target, Path(temporary) / "before")
    except OSError as error:
        raise ModelError(f"cannot write the page to {folder}: {one_line(error)}") from error
    return folder


def _put(made: Path, target: Path, before: Path) -> None:
    """A folder in the place of another, which is moved away first, and back where that fails."""
    if target.exists():
        target.replace(before)
    try:
        made.replace(target)
    except BaseException:
        if before.exists():
            before.replace(target)
        raise


def _model_packs(models: Sequence[str]) -> dict[str, str]:
    """Scripts that hand over each model's files, and one with what the page tells of them, by the packs' names."""
    cards = {folder: load_card(folder) for folder in (_folder_of(model) for model in models)}
    names = [card.name for card in cards.values()]
    if not models or len(set(names)) != len(models):
        raise UsageError(f"got the models {', '.join(models) or 'none'}, expected one or more, each once")
    packs, told = {}, []
    for folder, card in cards.items():
        files = {CARD_FILE: (folder / CARD_FILE).read_bytes()}
        files |= {name: read_graph(folder / name, digest) for name, digest in card.files.items()}
        packs[f"model-{card.name}"] = _pack(f"model-{card.name}", files)
        told.append(_told(card, sum(map(len, files.values()))))
    return packs | {"models": _pack("models", {"models.json": json.dumps(told).encode()})}


def _folder_of(model: str) -> Path:
    folder = find_model(model)
    if not folder.is_dir():
        raise UsageError(
            f"{model} is no folder of an exported model, which browsers run: export it with darklift export"
        )
    card = load_card(folder)
    if card.footprint.sees_whole or not _NAME.fullmatch(card.name):
        raise UsageError(f"model {card.name} does not run in browsers: choose compact, nano or one trained like them")
    return folder


def _told(card: ModelCard, size: int) -> dict[str, Any]:
    """What the page says of a model."""
    return {"name": card.name, "title": card.name, "bytes": size, "uncertainty": card.intervals is not None}


def _pack(name: str, files: Mapping[str, bytes]) -> str:
    """As ``web/build.mjs`` writes them and ``web/src/browser/packs.ts`` reads them."""
    texts = {file: base64.b64encode(gzip.compress(data, 9, mtime=0)).decode() for file, data in files.items()}
    return f"darkliftPack({json.dumps(name)},{json.dumps(texts, separators=(',', ':'))});\n"


def _kept(made: Path, default: str) -> str:
    """All files of a site: those to keep at once, with a fingerprint of all, and the others."""
    names = sorted(file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n{hashlib.sha256((made / name).read_bytes()).hexdigest()}\n".encode())
    models = {name for name in names if name.startswith("packs/model-")} - {f"packs/{default}.js"}
    later = [name for name in names if name.startswith(_ON_DEMAND) or name in models]
    kept = {
        "version": digest.hexdigest()[:16],
        "files": ["./", *(name for name in names if name not in (*later, "service_worker.js"))],
        "later": [*later, "service_worker.js", _KEPT],
    }
    return f"self.darkliftKept={json.dumps(kept)};\n"


def _check_free(target: Path) -> None:
    """Raise UsageError unless there is nothing, an empty folder, or an export and nothing else."""
    if not os.path.lexists(target):
        return
    if not target.is_dir() or target.is_symlink():
        raise UsageError(f"{target} is no folder: choose another name")
    found = {file.relative_to(target).as_posix() for file in target.rglob("*") if not file.is_dir()}
    others = sorted(found - _names_of_export(target))
    if others:
        raise UsageError(f"{target} holds {others[0]}, which is no part of an exported page: choose another folder")


def _names_of_export(target: Path) -> set[str]:
    """Of the files that an earlier export wrote there; none where there was none."""
    try:
        told = _KEPT_TEXT.fullmatch((target / _KEPT).read_text(encoding="utf-8"))
        kept = json.loads(told[1]) if told else {}
        return {*kept.get("files", []), *kept.get("later", [])}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return set()  # no export's, so that whatever lies there stays
