"""README's commands: each is run on a small stand-in of what it names, or where that takes hours, at least parsed."""

import re
import shlex
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
import typer
from PIL import Image, ImageCms
from typer.testing import CliRunner

from darklift import read_image

if TYPE_CHECKING:
    from typer.testing import Result

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_LINES = 120
Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

# The first waits for a file that is not here, the second until it is stopped; both have tests of their own.
ONLY_PARSED = ("convert", "web")


@dataclass(frozen=True)
class Command:
    """A line of README, as a shell reads it."""

    arguments: tuple[str, ...]
    source: str | None = None
    """The file that ``<`` reads."""
    target: str | None = None
    """The file that ``>`` writes."""

    def __str__(self) -> str:
        return shlex.join(self.arguments)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[Command]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [parsed(shlex.split(line, comments=True)[1:]) for line in lines if line.startswith("darklift ")]


def parsed(words: list[str]) -> Command:
    files = {sign: words[words.index(sign) + 1] for sign in "<>" if sign in words}
    first_sign = min((words.index(sign) for sign in files), default=len(words))
    return Command(tuple(words[:first_sign]), files.get("<"), files.get(">"))


@pytest.fixture
def at_hand(make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What README's commands name."""
    monkeypatch.chdir(tmp_path)
    make_photos(["photo.jpg", "photos/a.jpg", "photos/b.jpg"])


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


def test_there_are_commands() -> None:
    assert {command.arguments[0] for command in commands()} >= {"enhance", "convert"}
    assert any(command.source and command.target for command in commands())


@pytest.mark.usefixtures("at_hand", "loaded_models")
@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_does_what_it_says(command: Command) -> None:
    from darklift.cli import app

    if command.arguments[0] in ONLY_PARSED:
        check_options(command.arguments)
        return
    given = Path(command.source).read_bytes() if command.source else None
    result = CliRunner().invoke(app, command.arguments, input=given)
    assert result.exit_code == 0, result.output
    if command.target:
        Path(command.target).write_bytes(result.stdout_bytes)
        assert read_image(command.target).size == read_image(command.source or "").size
    elif "-o" in command.arguments:
        assert Path(command.arguments[command.arguments.index("-o") + 1]).exists()
    else:
        assert Path("photo_enhanced.jpg").is_file()


def check_options(arguments: Sequence[str]) -> None:
    """Raises for an option or a value that does not exist; runs nothing."""
    from darklift.cli import app

    group = typer.main.get_command(app)
    group.commands[arguments[0]].make_context(arguments[0], list(arguments[1:]))


@pytest.mark.usefixtures("at_hand", "loaded_models")
def test_the_python_runs() -> None:
    (code,) = blocks("python")
    make_rich(Path("photo.jpg"))
    exec(compile(code, "README.md", "exec"), {})
    dark = read_image("photo.jpg")
    # colours are as fine as in the photo, or at the full resolution that is asked for
    for name, luma in (("photo_bright.jpg", (2, 2)), ("photo_pillow.jpg", (1, 1))):
        bright = read_image(name)
        assert bright.size == dark.size
        assert bright.pixels.mean() > dark.pixels.mean()
        for field in ("icc_profile", "dpi", "xmp", "comment"):
            assert getattr(bright.metadata, field) == getattr(dark.metadata, field), (name, field)
        with Image.open(name) as image:
            assert image.getexif()[0x010F] == "Maker"
            assert image.quantization[0][0] < 4  # of quality 95
            assert image.layer[0][1:3] == luma
    assert read_image("photo_bright.jpg").metadata.iptc == dark.metadata.iptc


def make_rich(photo: Path) -> None:
    """Give a photo what phones and programs put into theirs, and lay it on its side."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    iptc = b"\x1c\2\x78\0\1a"
    contents = b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", len(iptc)) + iptc
    with Image.open(photo) as image:
        image.load()
    image.save(
        photo,
        quality=95,
        exif=exif.tobytes(),
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        dpi=(300, 150),
        xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
        comment=b"by night",
        extra=b"\xff\xed" + struct.pack(">H", len(contents) + 2) + contents,
    )


def test_make_has_the_targets_that_are_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line for block in blocks("console") for line in block.splitlines()]
    named = {*(line.split()[1] for line in lines if line.startswith("make ")), *re.findall(r"`make (\w+)`", README)}
    assert named >= {"demo", "test", "docs"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
