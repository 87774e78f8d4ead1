"""Options of commands from the library's own values: one for each field, the field's docstring its help.

A command takes ``settings: Settings``, ``opening: Opening`` or ``openings: Openings``; :func:`spelled_out` makes
options of their fields and hands the command the value. So a new choice is a field of the value and a line here, and
every command has it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Annotated, Any, get_args

import typer

from darklift.errors import UsageError
from darklift.field_docs import field_docs
from darklift.pipeline.settings import Deblock, Lift, Settings, Speed, Window
from darklift.store.load import Backend, Opening, Precision

__all__ = ["Openings", "spelled_out"]

_RUNNING = "Where and how it runs"
_TONE = "Tone and colour"


@dataclass(frozen=True)
class _Choice:
    """How a field is typed at the command line."""

    type: Any
    names: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """More of :func:`typer.Option`."""


def _enum(name: str, literal: Any) -> Any:
    """typer takes an enumeration for a fixed set of words."""
    return StrEnum(name, {word.upper(): word for word in get_args(literal)})


def _model_names() -> list[str]:
    from darklift.weights import CATALOGUE

    return ["default", *CATALOGUE]


_CONTROL = _Choice(float, options={"metavar": "X", "min": -100, "max": 100, "rich_help_panel": _TONE})
_SETTINGS: dict[str, _Choice] = {
    "preset": _Choice(str | None, options={"metavar": "NAME", "show_default": "the model's first"}),
    "steps": _Choice(int | None, options={"metavar": "N", "min": 1, "show_default": "the model's"}),
    "exposure": _Choice(str | None, options={"metavar": "STOPS", "show_default": "the model's choice"}),
    "strength": _Choice(float, options={"metavar": "X", "min": 0, "max": 1}),
    "blacks": _CONTROL,
    "shadows": _CONTROL,
    "highlights": _CONTROL,
    "whites": _CONTROL,
    "saturation": _CONTROL,
    "deblock": _Choice(_enum("Deblock", Deblock)),
    "lift": _Choice(_enum("Lift", Lift)),
    "speed": _Choice(_enum("Speed", Speed), options={"rich_help_panel": _RUNNING}),
    "seed": _Choice(int, options={"metavar": "N"}),
    "window": _Choice(
        int | None,
        options={
            "metavar": "PIXELS",
            "min": 1,
            "show_default": "the whole photo",
            "rich_help_panel": _RUNNING,
        },
    ),
}
_STRIDE = _Choice(
    int | None,
    options={"metavar": "PIXELS", "min": 0, "show_default": "half the window", "rich_help_panel": _RUNNING},
)
_OPENING: dict[str, _Choice] = {
    "model": _Choice(str, ("--model", "-m"), {"metavar": "MODEL", "autocompletion": _model_names}),
    "backend": _Choice(_enum("Backend", Backend), options={"rich_help_panel": _RUNNING}),
    "device": _Choice(str, options={"metavar": "NAME", "rich_help_panel": _RUNNING}),
    "precision": _Choice(_enum("Precision", Precision), options={"rich_help_panel": _RUNNING}),
    "threads": _Choice(
        int | None,
        options={"metavar": "N", "min": 1, "show_default": "every core", "rich_help_panel": _RUNNING},
    ),
    "memory": _Choice(
        str | None,
        options={"metavar": "SIZE", "show_default": "what is free", "rich_help_panel": _RUNNING},
    ),
}


def spelled_out(**defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command that takes ``settings``, ``opening`` or ``openings`` an option for each of their fields.

    defaults: of fields, where this command's are not the value's own.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        plain = list(inspect.signature(command, eval_str=True).parameters.values())
        taken = [name for name in _GROUPS if name in {parameter.name for parameter in plain}]
        kept = [parameter for parameter in plain if parameter.name not in taken]
        added = [parameter for name in taken for parameter in _GROUPS[name].parameters(defaults)]

        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            made = {name: _GROUPS[name].take(values) for name in taken}
            command(**values, **made)

        # what typer reads, in the place of the command's own: first what the photo shall become
        arguments = [p for p in kept if p.default is inspect.Parameter.empty]
        parameters = [*arguments, *added, *(p for p in kept if p not in arguments)]
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


@dataclass(frozen=True)
class _Group:
    """The options of one value."""

    cls: type
    choices: Mapping[str, _Choice]
    beside: Mapping[str, tuple[type, _Choice]]
    """More options, fields of another class, that go into one of the value's fields."""
    make: Callable[[dict[str, Any]], Any]

    def parameters(self, defaults: Mapping[str, Any]) -> list[inspect.Parameter]:
        own = {f.name: f.default for f in fields(self.cls)}
        docs = field_docs(self.cls)
        made = [
            _parameter(name, choice, defaults.get(name, own[name]), docs[name]) for name, choice in self.choices.items()
        ]
        made += [_parameter(name, choice, None, field_docs(cls)[name]) for name, (cls, choice) in self.beside.items()]
        return made

    def take(self, values: dict[str, Any]) -> Any:
        """The value, made of what was typed, which is taken out of ``values``."""
        typed = {name: values.pop(name) for name in (*self.choices, *self.beside)}
        return self.make({name: str(v) if isinstance(v, StrEnum) else v for name, v in typed.items()})


def _parameter(name: str, choice: _Choice, default: Any, text: str) -> inspect.Parameter:
    option = typer.Option(*choice.names, help=text, **choice.options)
    default = choice.type(default) if isinstance(choice.type, type) and issubclass(choice.type, StrEnum) else default
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[choice.type, option]
    )


def _settings(typed: dict[str, Any]) -> Settings:
    side, stride = typed["window"], typed.pop("stride")
    if side is None and stride is not None:
        raise UsageError("--stride is the way from one window to the next: give --window, too")
    return Settings(**{**typed, "window": None if side is None else Window(side, stride or 0)})


@dataclass(frozen=True)
class Openings:
    """Several models, all on the same."""

    usual: Opening
    """The default model, for where none is named."""
    named: tuple[Opening, ...]


def _openings(typed: dict[str, Any]) -> Openings:
    models = typed.pop("model") or ()
    usual = Opening(**typed)
    return Openings(usual, tuple(replace(usual, model=model) for model in models))


_SEVERAL = {
    **_OPENING,
    "model": _Choice(
        list[str] | None, _OPENING["model"].names, {**_OPENING["model"].options, "show_default": "default"}
    ),
}
_GROUPS: dict[str, _Group] = {
    "settings": _Group(Settings, _SETTINGS, {"stride": (Window, _STRIDE)}, _settings),
    "opening": _Group(Opening, _OPENING, {}, lambda typed: Opening(**typed)),
    "openings": _Group(Opening, _SEVERAL, {}, _openings),
}
