"""A request's choices: query or form fields, by the names of the command line's options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from darklift.errors import UsageError, hint_for
from darklift.field_docs import field_docs
from darklift.pipeline.settings import CONTROLS, DEFAULTS, Deblock, Lift, Settings, Speed, Window
from darklift.web.problems import Problem

__all__ = ["FIELDS", "SAVING", "SETTINGS", "Field", "Wish", "wish_from"]


@dataclass(frozen=True)
class Field:
    """A choice: how its text is read, its JSON schema, and what it means."""

    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    text: str


@dataclass(frozen=True)
class Wish:
    """What a request asks for. format: by name or extension, None for the photo's own; all as of the command line."""

    model: str
    settings: Settings = DEFAULTS
    format: str | None = None
    quality: int | None = None
    lossless: bool = False
    bits: int | None = None
    like_camera: bool = True
    frame: int | None = None

    @property
    def coding(self) -> dict[str, Any]:
        """How the pixels are written, for :func:`darklift.encode_image`."""
        return {"quality": self.quality, "lossless": self.lossless, "bits": self.bits}


_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError("expected true or false")
    return _BOOLEANS[text.lower()]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number") from None


_DOCS = field_docs(Settings)
_INTEGER, _TEXT, _FLAG = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}


def _setting(name: str, read: Callable[[str], Any], schema: Mapping[str, Any]) -> Field:
    (field,) = (field for field in dataclasses.fields(Settings) if field.name == name)
    default = {} if field.default is None else {"default": field.default}
    return Field(read, {**schema, **default}, _DOCS[name])


SETTINGS: dict[str, Field] = {
    "preset": _setting("preset", str, _TEXT),
    "steps": _setting("steps", _whole, {**_INTEGER, "minimum": 1}),
    "exposure": _setting("exposure", str, {**_TEXT, "examples": ["+0.5", "mean=0.45"]}),
    "lift": _setting("lift", str, {**_TEXT, "enum": list(get_args(Lift))}),
    "strength": _setting("strength", _number, {"type": "number", "minimum": 0, "maximum": 1}),
    **{name: _setting(name, _number, {"type": "number", "minimum": -100, "maximum": 100}) for name in CONTROLS},
    "seed": _setting("seed", _whole, _INTEGER),
    "window": _setting("window", _whole, {**_INTEGER, "minimum": 1}),
    "stride": Field(_whole, {**_INTEGER, "minimum": 0}, field_docs(Window)["stride"]),
    "deblock": _setting("deblock", str, {**_TEXT, "enum": list(get_args(Deblock))}),
    "speed": _setting("speed", str, {**_TEXT, "enum": list(get_args(Speed))}),
    "coverage": _setting("coverage", _number, {"type": "number"}),
}
"""What becomes of the pixels: the fields of :class:`darklift.Settings`. ``uncertainty`` has an address."""

SAVING: dict[str, Field] = {
    "format": Field(
        str,
        _TEXT,
        "The result's format, such as jpg, png or webp; by default the photo's own, jpg for HEIC and RAW, png for GIF.",
    ),
    "quality": Field(
        _whole,
        {**_INTEGER, "minimum": 1, "maximum": 100},
        "Quality of JPEG, WebP, AVIF and JPEG XL files; by default 95, for a JPEG from a JPEG its own, not below 92.",
    ),
    "lossless": Field(_boolean, _FLAG, "Write WebP and JPEG XL without loss."),
    "bits": Field(
        _whole,
        _INTEGER,
        "Bits a channel, of those that the format has; by default the photo's own, as far as the format can.",
    ),
    "like-camera": Field(
        _boolean,
        _FLAG,
        "Start from a raw file as bright as the camera's own preview of it (true), or from its light as it is.",
    ),
    "frame": Field(
        _whole, {**_INTEGER, "minimum": 1}, "Of an animation or a file of several pages, take this one alone, from 1."
    ),
}
"""How photos are read and results written."""

_MODEL = {"model": Field(str, _TEXT, "The name of a model, of those that /api/v1/models lists; the first by default.")}
FIELDS: dict[str, Field] = {**_MODEL, **SETTINGS, **SAVING}
"""All choices of one enhancement."""


def wish_from(given: Sequence[tuple[str, str]], models: Sequence[str], *, also: Sequence[str] = ()) -> Wish:
    """The wish in a request's query and form fields. An empty text is as good as none.

    models: the names of those that are served, the default first. also: further fields, which mean something elsewhere.
    Raises Problem "wrong-choice".
    """
    values: dict[str, Any] = {}
    for name, text in given:
        if name in also:
            continue
        field = FIELDS.get(name)
        if field is None:
            raise Problem(
                "wrong-choice", f"there is no field {name[:40]!r}: {hint_for(name[:40], FIELDS, 'see /openapi.json')}"
            )
        if name in values:
            raise Problem("wrong-choice", f"{name} is given twice: give it once")
        if text:
            try:
                values[name] = field.read(text)
            except ValueError as error:
                raise Problem("wrong-choice", f"{name} is {text[:40]!r}, {error}") from None
    return _wish(values, models)


def _wish(values: dict[str, Any], models: Sequence[str]) -> Wish:
    model = values.pop("model", models[0])
    if model == "default":
        model = models[0]
    if model not in models:
        raise Problem("wrong-choice", f"there is no model {model[:40]!r} here: choose {', '.join(models)}")
    saving = {name.replace("-", "_"): values.pop(name) for name in SAVING if name in values}
    stride, window = values.pop("stride", None), values.get("window")
    if stride is not None and window is None:
        raise Problem("wrong-choice", "stride is the way from one window to the next: give window, too")
    try:
        if window is not None:
            values["window"] = Window(window, stride or 0)
        return Wish(model, Settings(**values), **saving)
    except UsageError as error:
        raise Problem("wrong-choice", str(error)) from error
