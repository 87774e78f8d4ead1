"""What is refused, in words and, with ``--json``, as JSON: for the right reason, by whichever way it is found."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

from darklift.batch.job import check_job
from darklift.batch.transfer import Saving, copy, save
from darklift.errors import ImageError, ModelError
from darklift.image import WRITABLE_BITS, from_array, read_image
from darklift.store.load import Opening

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

pytestmark = pytest.mark.usefixtures("loaded_models")
FIELDS = {"darklift", "model", "files", "failed", "skipped", "error"}


def told(result: "Result") -> dict[str, Any]:
    """The one JSON document, whose message is that on standard error."""
    account: dict[str, Any] = json.loads(result.stdout)
    assert account.keys() == FIELDS
    assert account["error"] in result.stderr
    return account


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["empty"], "folder empty"),
        (["*.tiff"], "'*.tiff'"),
        (["night.png", "-o", "bright.xyz"], ".xyz"),
        (["night.png", "night.png/../night.png", "other.png", "-o", "one.png"], "one.png"),
        (["night.png", "--format", "jpg", "--lossless"], "--lossless"),
        (["night.png", "--bits", "9"], "--bits 9"),
        (["night.png", "--sheet", "night.png", "--overwrite"], "--sheet night.png"),
        (["night.png", "--exposure", "bright"], "'bright'"),  # refused before the command itself runs
        (["night.png", "--stride", "3"], "--window"),
    ],
)
def test_a_wrong_request_is_told_as_json_too(
    darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, arguments: list[str], fact: str
) -> None:
    make_photos(["night.png", "other.png"])
    (tmp_path / "empty").mkdir()
    result = darklift("enhance", *arguments, "--json")
    assert result.exit_code == 2
    account = told(result)
    assert fact in account["error"]
    assert (account["files"], account["failed"]) == ([], 0)
    assert darklift("enhance", *arguments).stdout == ""


def test_what_was_skipped_and_done_before_is_told_with_it(
    darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photos(["only/b.pcx", "there.png", "night.png"])
    assert told(darklift("enhance", "only", "--json"))["skipped"] == [{"input": "only/b.pcx", "kind": "PCX"}]

    def load(opening: Opening) -> None:
        raise ModelError("the model is damaged")

    monkeypatch.setattr(Opening, "load", load)
    result = darklift("enhance", "there.png", "night.png", "-o", "{stem}.png", "--overwrite", "--json")
    assert result.exit_code == 2  # over the photos
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "there.png").touch()
    result = darklift("enhance", "there.png", "night.png", "-o", "out/", "--json")
    assert result.exit_code == 1
    account = told(result)
    assert account["error"] == "the model is damaged"
    assert [file["input"] for file in account["files"]] == ["there.png"]


def test_without_an_error_there_is_none(darklift: Darklift, make_photos: MakePhotos) -> None:
    make_photos(["night.png"])
    account = json.loads(darklift("enhance", "night.png", "--json").stdout)
    assert account.keys() == FIELDS
    assert account["error"] is None


def test_what_is_no_picture_is_not_refused_for_its_ending(
    darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
) -> None:
    make_photos(["night.jpg"])
    (tmp_path / "notes.txt").write_text("an evening")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "night.jpg").rename(tmp_path / "night.old")
    Image.new("RGB", (3, 3)).save(tmp_path / "fax.pcx")
    result = darklift("enhance", "notes.txt", "empty.txt", "night.old", "fax.pcx", "--json")
    notes, empty, night, fax = (file["error"] for file in json.loads(result.stdout)["files"])
    assert "notes.txt: it is no picture" in notes
    assert "empty.txt: it is empty" in empty
    assert "--format" in night
    assert "PCX" in fax
    assert darklift("enhance", "night.old", "--format", "png").exit_code == 0


def test_a_name_that_is_taken_is_told_before_and_after_the_work(tmp_path: Path) -> None:
    from darklift.batch.paths import Job

    source, target = tmp_path / "night.png", tmp_path / "taken.png"
    Image.new("RGB", (3, 3)).save(source)
    target.touch()
    job = Job(source, target)
    before = check_job(job, overwrite=False)
    assert before is not None
    assert "--skip-existing" in before, "most of those who meet it have run the same command before"
    messages = {before.partition("already")[0]}
    for write in (
        lambda: save(from_array(np.zeros((3, 3, 3), np.uint8)), job, Saving()),
        lambda: copy(None, job, Saving()),
    ):
        with pytest.raises(ImageError) as refused:
            write()
        assert "--overwrite" in str(refused.value)
        messages.add(str(refused.value).partition("already")[0])
    assert len(messages) == 1


def test_streams_are_called_by_their_names(make_photos: MakePhotos, tmp_path: Path) -> None:
    make_photos(["night.png"])

    def run(data: bytes) -> "Result":
        from typer.testing import CliRunner

        from darklift.cli import app

        return CliRunner().invoke(app, ["enhance", "-"], input=data)

    good = run((tmp_path / "night.png").read_bytes())
    assert "standard input -> standard output" in good.stderr
    assert "- ->" not in good.stderr
    assert "standard input" in run(b"no picture at all").stderr


def test_the_views_of_a_stereo_file(darklift: Darklift, tmp_path: Path) -> None:
    views = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 13, (18, 26, 3), dtype=np.uint8)) for seed in (0, 1)
    ]
    views[0].save(tmp_path / "night.mpo", "MPO", save_all=True, append_images=views[1:])
    result = darklift("enhance", "night.mpo")
    assert result.exit_code == 1
    assert "--frame" in result.stderr
    assert not (tmp_path / "night_enhanced.mpo").exists()
    assert darklift("enhance", "night.mpo", "-o", "both.tif").exit_code == 0
    with Image.open(tmp_path / "both.tif") as image:
        assert image.n_frames == 2
    result = darklift("enhance", ".", "--frame", "2", "-o", "out/", "--json")
    assert "out/night.mpo" in [file["output"] for file in json.loads(result.stdout)["files"]]
    assert read_image(tmp_path / "out" / "night.mpo").size == (18, 26)


def test_help_tells_the_bits_that_there_are(darklift: Darklift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = re.sub(r"\x1b\[[\d;]*m", "", darklift("enhance", "--help").stdout)
    assert "|".join(map(str, WRITABLE_BITS)) in text
