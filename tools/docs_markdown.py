"""What the documentation site does to its Markdown while it is built. mkdocs.yml names it, ``make docs`` builds it.

- ``<!-- generated: command line -->`` becomes the reference of all commands, out of their own help.
- ``<!-- generated: data sets -->`` becomes what is known of each data set, out of the table in ``darklift.data``.
- ``<!-- generated: http api -->`` becomes every address of the web server, its choices and its problems.
- ``<!-- generated: python api -->`` becomes a ``:::`` for each name that ``darklift`` offers.
- ``<!-- generated: keys MODULE.CLASS -->`` becomes a table of a configuration's keys, out of its source.
- Equations, which ``pymdownx.arithmatex`` has found, become MathML: browsers draw it by themselves, without a script
  and without a font from elsewhere.
- Docstrings may hold what Sphinx understands and Markdown does not: ``:class:`~darklift.Window``` and ``::``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args
from xml.etree.ElementTree import Element

import griffe
import typer
from latex2mathml.converter import convert_to_element
from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

__all__ = ["Site", "api_reference", "command_reference", "data_sets", "http_reference", "key_table", "makeExtension"]

_GENERATED = re.compile(
    r"<!-- generated: (?:command line|(?P<sets>data sets)|(?P<http>http api)|(?P<api>python api)"
    r"|keys (?P<name>[\w.]+)) -->"
)
_ROLE = re.compile(r":[a-z]+:`~?(?:[\w.]*\.)?(\w+)`")
_LITERAL = re.compile(r"(?<!:)::$")
_ROOMS = {"pipeline": "Enhancing", "image": "Pictures and files", "store": "Opening a model", "errors": "Errors"}
_FIRST_PANELS = ("Arguments", "Options")
_KINDS = {
    r"\btuple\[tuple\[int, int\], \.\.\.\]": "rows of two whole numbers",
    r"\btuple\[SourceConfig, \.\.\.\]": "tables",
    r"\btuple\[(.+), \.\.\.\]": r"list of \1",
    r"\btuple\[float, float\]": "two numbers",
    r"\b(dict\[.*\]|ValidationConfig)": "table",
    r"\bLiteral\[(.+?)\]": r"\1",
    r"\bstr\b": "text",
    r"\b(float|PositiveInt)\b": "number",
    r"\bint\b": "whole number",
    r"\bbool\b": "true or false",
    r" \| None$": "",
    r"'": "",
}
_JSON_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_BOUNDS = {
    "ge": "from {}",
    "gt": "above {}",
    "le": "to {}",
    "lt": "below {}",
    "multiple_of": "a multiple of {}",
    "min_length": ", at least {} of them",
}


class Site(Extension):
    """All of it; see the module."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Called by Markdown."""
        md.preprocessors.register(_Generated(md), "darklift_generated", 200)
        md.preprocessors.register(_Sphinx(md), "darklift_sphinx", 199)
        md.treeprocessors.register(_Equations(md), "darklift_equations", 5)


def makeExtension(**settings: Any) -> Site:
    """Called by Markdown."""
    return Site(**settings)


class _Generated(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        made: list[str] = []
        for line in lines:
            found = _GENERATED.fullmatch(line.strip())
            if found is None:
                made.append(line)
            elif found["sets"]:
                made += data_sets()
            elif found["http"]:
                made += http_reference()
            elif found["api"]:
                made += api_reference()
            else:
                made += key_table(found["name"]) if found["name"] else command_reference()
        return made


class _Sphinx(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        return [_LITERAL.sub("" if line.strip() == "::" else ":", _ROLE.sub(r"`\1`", line)) for line in lines]


class _Equations(Treeprocessor):
    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.get("class") == "arithmatex" and element.text:
                latex = element.text.strip()
                display = "block" if latex.startswith("\\[") else "inline"
                element.text = None
                element.append(convert_to_element(latex[2:-2].strip(), display=display))


# ----------------------------------------------------------------------------------------------------------- HTTP API


def http_reference() -> list[str]:
    """Each address with its answers, then the choices, then the problems: out of the server's own description."""
    from darklift.web.openapi import description
    from darklift.web.problems import PROBLEMS
    from darklift.weights import CATALOGUE

    document = description(list(CATALOGUE))
    lines = ["## Addresses", "", "| | address | what it does | answers | choices |", "|---|---|---|---|---|"]
    for address, operations in document["paths"].items():
        for method, operation in operations.items():
            names = [parameter["$ref"].rsplit("/", 1)[1] for parameter in operation.get("parameters", [])]
            choices = "the picture's" if "strength" in names else ""
            own = ", ".join(f"`{name}`" for name in names if name in ("side", "as", "photo"))
            answers = ", ".join(operation["responses"])
            cells = (
                method.upper(),
                f"`{address}`",
                operation["summary"],
                answers,
                ", ".join(filter(None, [choices, own])),
            )
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Choices", "", "| field | what it may be | meaning |", "|---|---|---|"]
    for name, parameter in document["components"]["parameters"].items():
        lines.append(f"| `{name}` | {_schema_in_words(parameter['schema'])} | {parameter['description']} |")
    lines += ["", "## Problems", "", "| status | kind | title |", "|--:|---|---|"]
    lines += [f"| {status} | `{kind}` | {title} |" for kind, (status, title) in PROBLEMS.items()]
    return lines


def _schema_in_words(schema: dict[str, Any]) -> str:
    words = ", ".join(f"`{word}`" for word in schema["enum"]) if "enum" in schema else _JSON_KINDS[schema["type"]]
    if "minimum" in schema:
        words += f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
    if "default" in schema:
        words += f"; `{str(schema['default']).lower()}` by default"
    return words


# --------------------------------------------------------------------------------------------------------- Python API


def api_reference() -> list[str]:
    """Every name of ``darklift.__all__`` by the room that it comes from, the ``Enhancer`` first."""
    import darklift

    rooms: dict[str, list[str]] = {room: [] for room in _ROOMS}
    for name in darklift.__all__:
        if not name.startswith("__"):
            rooms[getattr(darklift, name).__module__.split(".")[1]].append(name)
    lines: list[str] = []
    for room, names in rooms.items():
        lines += [f"## {_ROOMS[room]}", ""]
        for name in sorted(names, key=lambda name: (name != "Enhancer", name)):
            lines += [f"::: darklift.{name}", ""]
    return lines


# ------------------------------------------------------------------------------------------------------- command line


def command_reference() -> list[str]:
    """Every command of ``darklift``: a heading, its help, how it is called, and a table for each group of options."""
    from darklift.cli import app

    group: Any = typer.main.get_command(app)
    lines: list[str] = []
    for name, command in _commands(group):
        lines += [f"## darklift {name}", "", *_help(command.help), ""]
        shown = [parameter for parameter in command.params if not parameter.hidden and parameter.name != "help"]
        for panel in sorted(dict.fromkeys(_panel(parameter) for parameter in shown), key=_place):
            members = [parameter for parameter in shown if _panel(parameter) == panel]
            meaning = "argument" if panel == "Arguments" else "option"
            lines += [f"**{panel}**", "", f"| {meaning} | what it does | default |", "|---|---|---|"]
            lines += [_row(parameter) for parameter in members]
            lines += [""]
    return lines


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """By name; those of a command that has commands of its own follow it, as ``datasets check``."""
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def data_sets() -> list[str]:
    """A heading for each data set that darklift knows, and all that it knows of it."""
    from darklift.data import BENCHMARKS

    lines: list[str] = []
    for layout in BENCHMARKS:
        lines += [f"## {layout.title}", "", f"`{layout.key}`", "", "| split | folders | how many |", "|---|---|---|"]
        for split, ways in layout.splits.items():
            count, scenes = layout.counts.get(split), layout.scenes.get(split)
            number = f"{scenes} scenes" if scenes else "any" if layout.key == "folders" else count or "unstated"
            folders = " or ".join(f"`{way}`" for way in dict.fromkeys(way.expects for way in ways))
            lines.append(f"| {split} | {folders} | {number} |")
        size = f" Every picture has {layout.size[1]}×{layout.size[0]} pixels." if layout.size else ""
        lines += ["", f"From {layout.source}. Licence: {layout.licence}.{size}", "", layout.note, ""]
    return lines


def _panel(parameter: Any) -> str:
    return parameter.rich_help_panel or ("Arguments" if parameter.param_type_name == "argument" else "Options")


def _place(panel: str) -> int:
    """In the terminal's order: arguments, plain options, then other panels as they come."""
    return _FIRST_PANELS.index(panel) if panel in _FIRST_PANELS else len(_FIRST_PANELS)


def _help(text: str) -> Iterator[str]:
    """A command's help: paragraphs, and blocks that Typer is told not to wrap, which are examples."""
    for paragraph in text.split("\n\n"):
        if not paragraph.startswith("\b"):
            yield from (paragraph, "")
            continue
        first, *examples = paragraph.removeprefix("\b").strip("\n").splitlines()
        yield from (first, "", "```console", *(example.removeprefix("  ") for example in examples), "```", "")


def _row(parameter: Any) -> str:
    kind = parameter.metavar or _words(parameter)
    if parameter.param_type_name == "argument":
        name = f"`{kind or parameter.name.upper()}`"
    else:
        opts = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
        name = f"{opts} {_cell(kind)}".strip()
    return f"| {name} | {_cell(parameter.help or '')} | {_cell(_default(parameter))} |"


def _words(parameter: Any) -> str:
    """The words that an option takes, where it takes no others."""
    annotation = parameter.type_descriptor.annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, Enum)]
    return ", ".join(str(choice.value) for kind in kinds for choice in kind)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    default = getattr(parameter.default, "value", parameter.default)
    return "" if default is None or default is False or not parameter.show_default else f"{default}"


def _cell(text: str) -> str:
    """Text in a table: nothing in it ends the cell or becomes markup."""
    return re.sub(r"([|*_{}<>\[\]])", r"\\\1", " ".join(text.split()))


# ------------------------------------------------------------------------------------------------------ configurations


def key_table(name: str) -> list[str]:
    """The keys of a configuration class: type, bounds, default, and the text below each in the source.

    ``name``: dotted, as in ``darklift.train.config.TrainConfig``. The class is read, not imported.
    """
    found: Any = griffe.load(name.rpartition(".")[0], search_paths=["src"])[name.rpartition(".")[2]]
    rows = [_key(attribute) for attribute in found.attributes.values() if _is_key(attribute)]
    if not rows:
        raise ValueError(f"{name} has no keys: correct the page that asks for them")
    return ["| key | value | default | meaning |", "|---|---|---|---|", *rows]


def _is_key(attribute: Any) -> bool:
    return not attribute.name.startswith("_") and attribute.name != "model_config" and attribute.annotation is not None


def _key(attribute: Any) -> str:
    bounds: list[str] = []
    default = None if attribute.value is None else str(attribute.value)
    if default is not None and default.startswith("Field("):
        (call,) = (node for node in ast.walk(ast.parse(default)) if isinstance(node, ast.Call))
        settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        default = settings.get("default")
        bounds = [words.format(settings[bound]) for bound, words in _BOUNDS.items() if bound in settings]
    text = attribute.docstring.value if attribute.docstring else ""
    kind = str(attribute.annotation)
    for annotation, words in _KINDS.items():
        kind = re.sub(annotation, words, kind)
    value = _cell(" ".join([kind, *bounds])).replace(" ,", ",")
    shown = "required" if default is None else "" if default == "None" else f"`{default}`"
    return f"| `{attribute.name}` | {value} | {shown} | {' '.join(text.split()).replace('|', chr(92) + '|')} |"
