"""Other people's networks, as ONNX: a card of five lines says how one wants its picture."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from darklift.data import Pair
from darklift.errors import ConfigError, ModelError, hint_for, one_line
from darklift.files import file_digest
from darklift.image import FloatArray, Picture, pad_to_multiple
from darklift.runtime.onnx import OnnxGraph, open_graph

__all__ = ["ForeignCard", "ForeignNetwork", "open_foreign", "read_card"]

Layout = Literal["NCHW", "NHWC"]
Range = Literal["unit", "signed", "bytes"]
Colours = Literal["RGB", "BGR"]
_SCALES: Mapping[str, tuple[float, float]] = {"unit": (1.0, 0.0), "signed": (2.0, -1.0), "bytes": (255.0, 0.0)}
_MOST = 1024  # pixels that a network asks sides to be multiples of


@dataclass(frozen=True)
class ForeignCard:
    """How a network takes a picture, and gives one back."""

    model: Path
    """The ONNX file, beside the card."""
    name: str = ""
    """As tables call it; the file's name by default."""
    layout: Layout = "NCHW"
    """The order of the axes, of input and output."""
    range: Range = "unit"
    """Of the values, in and out: unit is [0, 1], signed [-1, 1], bytes [0, 255]."""
    colours: Colours = "RGB"
    multiple: int = 1
    """Of which both sides must be multiples: the picture is mirrored at the bottom and right, and cut again."""
    input: str = ""
    """The input's name, where the network has several."""
    output: str = ""
    """The output's, likewise."""
    weights: str = "not told"
    """Where they come from, and their licence."""


@dataclass(frozen=True)
class ForeignNetwork:
    """A network of other people's, as a :class:`~.method.Method`."""

    card: ForeignCard
    graph: OnnxGraph
    sides: tuple[int | None, int | None] = (None, None)
    """Rows and columns that it takes; None for any number."""
    digest: str = ""
    """The SHA-256 of its file, and of those beside it that hold its weights."""
    runs: str = "onnx"
    knows_truth: bool = False
    made_elsewhere: bool = False

    @property
    def name(self) -> str:
        """As tables call it."""
        return self.card.name

    @property
    def weights(self) -> str:
        """As its card says."""
        return self.card.weights

    @property
    def note(self) -> str:
        """How its pictures were put to it."""
        card = self.card
        sides = f", sides padded to multiples of {card.multiple}" if card.multiple > 1 else ""
        return f"{card.model.name}, whole pictures, {card.range} {card.colours}{sides}"

    def obstacle(self, pair: Pair) -> str | None:
        """None: what it makes is known when it has been made."""
        return None

    def identity(self, pair: Pair) -> Mapping[str, str]:
        """Its files by what is in them, and what the card says of how it takes pictures."""
        told = {field.name: str(getattr(self.card, field.name)) for field in fields(self.card)}
        return {**told, "model": self.digest}

    def enhance(self, low: Picture, pair: Pair, truth: Picture) -> Picture:
        """What it makes of the whole picture. Raises ModelError where it does not take that size, or makes no
        picture of it.
        """
        card = self.card
        factor, offset = _SCALES[card.range]
        height, width = low.size
        pixels = low.pixels[..., ::-1] if card.colours == "BGR" else low.pixels
        planes, _ = pad_to_multiple(pixels.transpose(2, 0, 1), card.multiple)
        if any(side not in (None, got) for side, got in zip(self.sides, planes.shape[1:], strict=True)):
            rows, columns = (side or "any" for side in self.sides)
            raise ModelError(
                f"{card.model.name} takes pictures of {columns}x{rows} only, got {planes.shape[2]}x{planes.shape[1]}: "
                "export it for any size (PyTorch's dynamic_shapes), or score pictures of its size"
            )
        planes = planes * np.float32(factor) + np.float32(offset)
        batch = np.ascontiguousarray((planes if card.layout == "NCHW" else planes.transpose(1, 2, 0))[np.newaxis])
        made = self.graph({card.input: batch})[card.output]
        if made.shape != batch.shape:
            raise ModelError(
                f"{card.model.name} made {made.shape} of {batch.shape}, expected the same shape: name "
                "another output in the card, or another layout"
            )
        planes = made[0] if card.layout == "NCHW" else made[0].transpose(2, 0, 1)
        return low.with_pixels(self._pixels(planes[:, :height, :width], factor, offset))

    def _pixels(self, planes: FloatArray, factor: float, offset: float) -> FloatArray:
        unit = (planes.astype(np.float32).transpose(1, 2, 0) - np.float32(offset)) / np.float32(factor)
        if not np.isfinite(unit).all():
            raise ModelError(f"{self.card.model.name} made NaN or infinity: check the card's range")
        ordered = unit[..., ::-1] if self.card.colours == "BGR" else unit
        return np.ascontiguousarray(np.clip(ordered, 0.0, 1.0))


def read_card(path: Path) -> ForeignCard:
    """The card in a TOML file. Raises ConfigError: unknown keys, values of the wrong kind, no model."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {one_line(error)}") from error
    known = {field.name for field in fields(ForeignCard)}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"{path}: unknown key {key!r}: {hint_for(key, known, 'known are ' + ', '.join(sorted(known)))}"
            )
        expected = int if key == "multiple" else str
        if type(value) is not expected:
            raise ConfigError(f"{path}: {key} is {value!r}, expected {'a number' if expected is int else 'a text'}")
    for key, choices in (("layout", get_args(Layout)), ("range", get_args(Range)), ("colours", get_args(Colours))):
        if values.get(key, choices[0]) not in choices:
            raise ConfigError(f"{path}: {key} is {values[key]!r}, expected {' or '.join(choices)}")
    if not values.get("model"):
        raise ConfigError(f'{path}: no model, expected a line such as  model = "network.onnx"')
    if not 1 <= values.get("multiple", 1) <= _MOST:
        raise ConfigError(f"{path}: multiple is {values['multiple']}, expected 1 to {_MOST}")
    model = path.parent / values.pop("model")
    return ForeignCard(model=model, **{**values, "name": values.get("name") or model.stem})


def open_foreign(path: Path, device: str = "auto", threads: int | None = None) -> ForeignNetwork:
    """The network that a card describes, ready to run. Raises ConfigError, ModelError, UsageError."""
    card = read_card(path)
    graph = open_graph(card.model, device, threads)
    names = {"input": card.input, "output": card.output}
    for role, known in (("input", graph.inputs), ("output", graph.outputs)):
        if not names[role] and len(known) == 1:
            names[role] = known[0]
        if names[role] not in known or (role == "input" and len(known) > 1):
            got = f"{role} {names[role]!r}" if names[role] else f"no {role}"
            several = "a network of one input" if role == "input" and len(known) > 1 else "one of them"
            raise ConfigError(f"{path}: {got}, and {card.model.name} has {', '.join(known)}: expected {several}")
    sides = _sides(path, card, *graph.takes(names["input"]))
    return ForeignNetwork(ForeignCard(**{**vars(card), **names}), graph, sides, _digest(card.model))


def _sides(path: Path, card: ForeignCard, kind: str, shape: tuple[int | None, ...]) -> tuple[int | None, int | None]:
    """Of the pictures that a network takes whose input is of this kind and shape. Raises ConfigError for one that takes
    no picture in the card's layout.
    """
    takes = f"{path}: {card.model.name} takes {kind} of ({', '.join(str(length or 'any') for length in shape)})"
    if kind != "tensor(float)":
        raise ConfigError(f"{takes}, expected tensor(float): export it in 32 bits")
    if not shape:
        return None, None
    if len(shape) != 4 or shape[0] not in (None, 1):
        raise ConfigError(f"{takes}, expected one picture of four axes, {card.layout}: export it so")
    channels, other = (1, 3) if card.layout == "NCHW" else (3, 1)
    if shape[channels] != 3 and shape[other] == 3:
        right = "NHWC" if card.layout == "NCHW" else "NCHW"
        raise ConfigError(f'{takes}, and layout is {card.layout}: set  layout = "{right}"')
    if shape[channels] not in (None, 3):
        raise ConfigError(f"{takes}, expected 3 channels, {card.layout}: export one for colour pictures")
    return (shape[2], shape[3]) if card.layout == "NCHW" else (shape[1], shape[2])


def _digest(model: Path) -> str:
    """Of the file, and of files beside it that hold weights: ONNX names them by a protobuf pair of two texts."""
    try:
        content = model.read_bytes()
        named = re.finditer(rb"\x0a\x08location\x12([\x01-\x7f])", content)  # the last byte is the name's length
        beside = {model.parent / os.fsdecode(content[found.end() : found.end() + found[1][0]]) for found in named}
        return " ".join(file_digest(path) for path in (model, *sorted(beside)) if path.is_file())
    except OSError as error:
        raise ModelError(f"cannot read {model}: {error.strerror}") from error
