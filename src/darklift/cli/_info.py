"""``darklift info``."""

from __future__ import annotations

import json
import platform
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darklift.cli._console import put_out

if TYPE_CHECKING:
    from darklift.runtime import ModelCard

__all__ = ["info"]

_NOT_FOR_USERS = ("test", "dev", "docs")
_PACKAGES = ("numpy", "pillow", "onnxruntime", "openvino", "psutil", "torch")


def info(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Show versions, models, what they compute in here and why, and which extras are installed.

    \b
    Examples:
      darklift info
      darklift info --json
    """
    facts = _collect()
    if as_json:
        put_out(json.dumps(facts, indent=2))
        return
    put_out("\n".join(_lines(facts)))


def _collect() -> dict[str, Any]:
    from darklift import __version__
    from darklift.runtime.onnx import providers
    from darklift.runtime.processor import native_formats, processor_name

    return {
        "darklift": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "processor": {"name": processor_name(), "computes_in": sorted({"fp32", *native_formats()})},
        "providers": providers(),
        "models": _models(),
        "extras": _extras(),
    }


def _version(package: str) -> str | None:
    """Asked of the package's metadata: importing torch would take seconds."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _models() -> list[dict[str, Any]]:
    from darklift.runtime.onnx import CARD_FILE, load_card
    from darklift.weights import CATALOGUE

    models = []
    for model in CATALOGUE.values():
        files = [file for file in model.folder.rglob("*") if file.is_file()]
        present = (model.folder / CARD_FILE).is_file()
        card = load_card(model.folder) if present else None
        presets = card.presets if card else {}
        models.append(
            {
                "name": model.name,
                "summary": model.summary,
                "licence": model.licence,
                "source": model.source,
                "folder": str(model.folder),
                "present": present,
                "presets": {name: {"steps": p.steps, "max_steps": p.max_steps} for name, p in presets.items()},
                "takes": _taken(card) if card else None,
                "bytes": sum(file.stat().st_size for file in files),
            }
        )
    return models


def _taken(card: ModelCard) -> dict[str, str]:
    """On what the model runs where nothing is asked for, and why."""
    from darklift.runtime.onnx import device_for, precision_for

    device = device_for("auto")
    precision = precision_for(card, "auto", on_cpu=device == "cpu")
    if precision == "int8":
        reason = "the processor computes in int8, which is faster; --precision fp32 is exact"
    elif device != "cpu":
        reason = f"ONNX Runtime finds {device}"
    elif card.int8:
        reason = "the processor only emulates int8"
    else:
        reason = "the model has no graphs in int8"
    return {"backend": "onnx", "device": device, "precision": precision, "reason": reason}


def _extras() -> dict[str, dict[str, Any]]:
    """Each extra that users may install: whether all of it is there, what is missing, and how to get it."""
    from importlib import metadata

    needs: dict[str, list[str]] = {}
    for requirement in metadata.requires("darklift") or []:
        package = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", requirement)
        if package and extra and extra[1] not in _NOT_FOR_USERS:
            needs.setdefault(extra[1], []).append(package[0])
    missing = {extra: [p for p in packages if _version(p) is None] for extra, packages in needs.items()}
    return {
        extra: {"installed": not absent, "missing": absent, "install": f"pip install 'darklift[{extra}]'"}
        for extra, absent in missing.items()
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"darklift {facts['darklift']} on Python {facts['python']}, {facts['platform']}"]
    lines += [f"  {name} {version or 'not installed'}" for name, version in facts["packages"].items()]
    lines += [
        f"  processor: {facts['processor']['name']}, which computes in {', '.join(facts['processor']['computes_in'])}",
        f"  ONNX Runtime runs on: {', '.join(facts['providers'])}",
        "",
        "Models",
    ]
    for model in facts["models"]:
        state = f"{model['bytes'] / 1e6:.1f} MB" if model["present"] else "not in this installation"
        lines.append(f"  {model['name']}: {model['summary']}")
        for name, preset in model["presets"].items():
            lines.append(f"    preset {name}: steps 1 to {preset['max_steps']}, {preset['steps']} by default")
        if model["takes"]:
            lines.append("    runs on {backend}, {device}, in {precision}: {reason}".format(**model["takes"]))
        lines += [f"    licence: {model['licence']}", f"    {model['folder']} ({state})"]
    lines += ["", "Extras"]
    for name, extra in facts["extras"].items():
        lack = f"missing {', '.join(extra['missing'])}: {extra['install']}"
        lines.append(f"  {name}: {'installed' if extra['installed'] else lack}")
    return lines
