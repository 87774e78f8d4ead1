"""What a result has of its photo's file: who may read it and, on request, when it was made."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from PIL import Image

from darklift import Enhancer, read_image, write_image

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = "Callable[[list[str]], None]"

pytestmark = pytest.mark.usefixtures("loaded_models")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
LONG_AGO = 1_234_567_890 * 10**9


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
@pytest.mark.parametrize("options", [[], ["--strength", "0"]], ids=["enhanced", "copied"])
def test_who_may_read_the_photo_may_read_the_result(
    darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, options: list[str]
) -> None:
    make_photos(["private.png", "shared.png"])
    (tmp_path / "private.png").chmod(0o600)
    (tmp_path / "shared.png").chmod(0o664)
    assert darklift("enhance", "private.png", "shared.png", "-o", "out/", *options).exit_code == 0
    assert [mode_of(tmp_path / "out" / name) for name in ("private.png", "shared.png")] == [0o600, 0o664]
    (tmp_path / "out/private.png").chmod(0o644)
    assert darklift("enhance", "private.png", "-o", "out/", "--overwrite", *options).exit_code == 0
    assert mode_of(tmp_path / "out/private.png") == 0o644, "a file that is replaced passes its own on"


@posix
def test_the_map_of_a_private_photo_is_private(darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
    make_photos(["a.png"])
    (tmp_path / "a.png").chmod(0o600)
    assert darklift("enhance", "a.png", "-o", "b.png", "--uncertainty", "map.png").exit_code == 0
    assert mode_of(tmp_path / "map.png") == 0o600


@posix
def test_in_python(darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
    make_photos(["a.png"])
    (tmp_path / "a.png").chmod(0o640)
    assert mode_of(Path(Enhancer()(tmp_path / "a.png"))) == 0o640
    os.utime(tmp_path / "a.png", ns=(LONG_AGO, LONG_AGO))
    picture = read_image(tmp_path / "a.png")
    write_image(picture, tmp_path / "b.png", permissions_of=str(tmp_path / "a.png"), times_of=tmp_path / "a.png")
    assert mode_of(tmp_path / "b.png") == 0o640
    assert (tmp_path / "b.png").stat().st_mtime_ns == LONG_AGO


@pytest.mark.parametrize("options", [[], ["--strength", "0"]], ids=["enhanced", "copied"])
def test_times_are_kept_on_request(
    darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, options: list[str]
) -> None:
    make_photos(["a.png"])
    os.utime(tmp_path / "a.png", ns=(LONG_AGO, LONG_AGO))
    assert darklift("enhance", "a.png", "-o", "new.png", *options).exit_code == 0
    assert darklift("enhance", "a.png", "-o", "kept.png", "--keep-times", *options).exit_code == 0
    assert (tmp_path / "new.png").stat().st_mtime_ns > LONG_AGO
    assert (tmp_path / "kept.png").stat().st_mtime_ns == LONG_AGO
    assert darklift("enhance", "a.png", "-o", "a.png", "--overwrite", "--keep-times", *options).exit_code == 0
    assert (tmp_path / "a.png").stat().st_mtime_ns == LONG_AGO


def test_what_comes_through_a_pipe_has_neither(
    darklift: Darklift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(file, "PNG")
    file.seek(0)

    class Stdin:
        buffer = file

        @staticmethod
        def isatty() -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Stdin)
    from darklift.batch.paths import STREAM, Job
    from darklift.batch.request import Request
    from darklift.batch.run import run_jobs
    from darklift.batch.transfer import Saving

    job = Job(STREAM, tmp_path / "out.png")
    (outcome,) = run_jobs(Enhancer(), [job], Request(saving=Saving(keep_times=True)))
    assert outcome.error is None
    assert (tmp_path / "out.png").is_file()
