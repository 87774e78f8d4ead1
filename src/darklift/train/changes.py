"""Changes to a recipe, as ``--set key=value`` gives them."""

from __future__ import annotations

import tomllib
from typing import Any

from darklift.errors import ConfigError

__all__ = ["apply_change"]


def apply_change(tree: dict[str, Any], change: str) -> None:
    """Set ``key.sub=value`` in the tree: the value as in TOML, bare words are strings, a number is a place in a list.
    Raises ConfigError.
    """
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes key=value, for example train.lr=2e-4; got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    node: Any = tree
    for part in parents:
        place = _place(node, part, key)
        node = node[place] if isinstance(node, list) else node.setdefault(place, {})
    node[_place(node, last, key)] = value


def _place(node: Any, part: str, key: str) -> Any:
    """What ``part`` of the key is called in ``node``: a key of a table, or a place in a list."""
    if isinstance(node, dict):
        return part
    if not isinstance(node, list):
        raise ConfigError(f"--set {key}: there is nothing below a plain value, got {part!r}: leave it out")
    if not (part.isdecimal() and int(part) < len(node)):
        raise ConfigError(f"--set {key}: {part!r} is no place in a list of {len(node)}: count from 0")
    return int(part)
