"""README's commands: each is run on a small stand-in of what it names, or where that takes hours, at least parsed."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
import typer

from darklift import read_image

if TYPE_CHECKING:
    from typer.testing import Result

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

# These take hours or wait for weights that are not here; training, export and conversion have tests of their own.
ONLY_PARSED = ("train", "export", "convert", "darken", "--install-completion")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("darklift ")]


@pytest.fixture
def at_hand(make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What README's commands name."""
    monkeypatch.chdir(tmp_path)
    make_photos(["photo.jpg", "photos/a.jpg", "photos/b.jpg", "eval/low/1.png", "eval/high/1.png"])


def test_there_are_commands() -> None:
    assert {arguments[0] for arguments in commands()} >= {"enhance", "info", "train", "export", "convert", "evaluate"}


@pytest.mark.usefixtures("at_hand", "loaded_models")
@pytest.mark.parametrize("arguments", commands(), ids=shlex.join)
def test_a_command_does_what_it_says(darklift: Darklift, arguments: list[str]) -> None:
    if arguments[0] in ONLY_PARSED:
        parse(arguments)
        return
    if "--preset" in arguments:  # the stand-in for all models has one way of sampling
        arguments[arguments.index("--preset") + 1] = "default"
    result = darklift(*arguments)
    assert result.exit_code == 0, result.output
    if "-o" not in arguments and arguments[0] == "enhance":
        assert Path("photo_enhanced.jpg").is_file()


def parse(arguments: list[str]) -> None:
    """Raises for an option or a value that does not exist; runs nothing."""
    from darklift.cli import app

    group = typer.main.get_command(app)
    if arguments[0].startswith("--"):
        assert arguments[0] in {option for parameter in group.params for option in parameter.opts}
        return
    group.commands[arguments[0]].make_context(arguments[0], list(arguments[1:]))


@pytest.mark.usefixtures("at_hand", "loaded_models")
def test_the_python_runs() -> None:
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    assert read_image("photo_bright.jpg").size == read_image("photo.jpg").size


def test_make_has_the_targets_that_are_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {line.split()[1] for block in blocks("console") for line in block.splitlines() if line.startswith("make ")}
    assert named >= {"demo", "test"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
