"""What a model's scores are no test of: the test splits that it was chosen by or trained on, and other such pictures.

It stands in the model's info, so it goes wherever the weights go: into exports, and into what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["CHOSEN_ON", "TRAINED_ON", "stains_in", "told"]

CHOSEN_ON, TRAINED_ON = "chosen_on_test_split", "trained_on_test_split"
"""Keys of an info, for titles of data sets."""

_SENTENCES = {
    CHOSEN_ON: "{name} was chosen on {what}'s test split: its scores there are no test.",
    TRAINED_ON: "{name} was trained on {what}'s test split: its scores there are no test.",
    "trained_on": "{name} was trained on {what}: its scores on them are no test.",
}


def stains_in(*infos: Mapping[str, Any]) -> dict[str, list[str]]:
    """What these infos say together, under their keys, each thing once; a key of which none says anything is left out.

    An info has a text under a key, or a list of several.
    """
    found = {key: list(dict.fromkeys(what for info in infos for what in _texts(info.get(key)))) for key in _SENTENCES}
    return {key: texts for key, texts in found.items() if texts}


def told(name: str, info: Mapping[str, Any]) -> str:
    """In sentences about the model of this name; empty where there is nothing to tell."""
    stains = stains_in(info).items()
    return " ".join(_SENTENCES[key].format(name=name, what=what) for key, texts in stains for what in texts)


def _texts(value: Any) -> list[str]:
    return [str(text) for text in (value if isinstance(value, list | tuple) else [value]) if text]
