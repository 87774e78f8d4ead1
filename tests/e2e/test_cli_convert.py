"""``darklift convert``: which options go with which release, and what a damaged file leads to."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typer.testing import Result


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lldiffusion", "--preset", "lolv1"], 2, "--preset is not for lldiffusion checkpoints"),
        (["gsad", "--weights", "ema"], 2, "--weights is not for gsad checkpoints"),
        (["gsad", "--no-dgnet"], 2, "--keep-dgnet is not for gsad checkpoints"),
        (["lldiffusion", "--weights", "best"], 2, "--weights"),
        (["lldiffusion", "--weights", "ema", "--no-dgnet"], 1, "cannot read released.pth"),
        (["gsad", "--preset", "unpaired"], 1, "cannot read released.pth"),
    ],
)
def test_options_and_files_that_do_not_fit_are_told(
    darklift: "Callable[..., Result]", tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    (tmp_path / "released.pth").write_bytes(b"no checkpoint")
    release, *options = arguments
    result = darklift("convert", release, "released.pth", "-o", "out.safetensors", *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("release", ["gsad", "lldiffusion"])
@pytest.mark.parametrize(
    ("target", "message"), [("folder", "folder is a folder"), ("released.pth", "is the released file itself")]
)
def test_a_target_that_cannot_be_is_told_before_anything_is_read(
    darklift: "Callable[..., Result]", tmp_path: Path, release: str, target: str, message: str
) -> None:
    (tmp_path / "released.pth").write_bytes(b"no checkpoint")
    (tmp_path / "folder").mkdir()
    result = darklift("convert", release, "released.pth", "-o", target, "--overwrite")
    assert result.exit_code == 2
    assert message in result.stderr
    assert (tmp_path / "released.pth").read_bytes() == b"no checkpoint"


def test_without_a_name_the_result_stands_beside_the_release(darklift: "Callable[..., Result]", tmp_path: Path) -> None:
    for name in ("released.pth", "released.safetensors"):
        (tmp_path / name).write_bytes(b"no checkpoint")
    result = darklift("convert", "gsad", "released.pth")
    assert result.exit_code == 2
    assert "released.safetensors exists already" in result.stderr
