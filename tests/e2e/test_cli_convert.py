"""``darklift convert``: the file says which method it is of, and which options go with it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch

    from conftest import Darklift


def like_gsad() -> "dict[str, torch.Tensor]":
    import torch

    names = ("downs.0.weight", "var_conv.0.weight")
    return {f"denoise_fn.{name}": torch.zeros(64, 6, 3, 3) for name in names}


def like_lldiffusion() -> "dict[str, torch.Tensor]":
    import torch

    return {"state_dict": {"module.diff_unet.conv_in.weight": torch.zeros(64, 9, 3, 3)}}


def of_nobody() -> "dict[str, torch.Tensor]":
    import torch

    return {"layer.weight": torch.zeros(3)}


@pytest.mark.parametrize(
    ("content", "options", "code", "facts"),
    [
        (like_lldiffusion, ["--preset", "lolv1"], 2, ("--preset", "LLDiffusion")),
        (like_gsad, ["--no-dgnet"], 2, ("--keep-dgnet", "GSAD")),
        (like_gsad, ["--preset", "lol"], 2, ("'lol'", "lolv2-real")),
        (like_gsad, ["--weights", "ema"], 1, ("no averaged weights", "--weights ema")),
        (like_gsad, ["--weights", "best"], 2, ("--weights",)),
        (like_gsad, [], 1, ("GSAD", "missing", "downs.0.bias")),
        (of_nobody, [], 1, ("GSAD", "LLDiffusion", "layer.weight", "(3,)")),
    ],
)
def test_options_and_files_that_do_not_fit(
    darklift: "Darklift",
    tmp_path: Path,
    content: "Callable[[], dict[str, torch.Tensor]]",
    options: list[str],
    code: int,
    facts: tuple[str, ...],
) -> None:
    import torch

    torch.save(content(), tmp_path / "released.pth")
    result = darklift("convert", "released.pth", "-o", "out.safetensors", *options)
    assert result.exit_code == code
    assert all(fact in result.stderr for fact in facts), result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_that_is_no_checkpoint(darklift: "Darklift", tmp_path: Path) -> None:
    (tmp_path / "released.pth").write_bytes(b"no checkpoint")
    result = darklift("convert", "released.pth")
    assert result.exit_code == 1
    assert "released.pth" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("target", "message"), [("folder", "folder is a folder"), ("released.pth", "is the released file itself")]
)
def test_a_target_that_cannot_be_is_told_before_anything_is_read(
    darklift: "Darklift", tmp_path: Path, target: str, message: str
) -> None:
    (tmp_path / "released.pth").write_bytes(b"no checkpoint")
    (tmp_path / "folder").mkdir()
    result = darklift("convert", "released.pth", "-o", target, "--overwrite")
    assert result.exit_code == 2
    assert message in result.stderr
    assert (tmp_path / "released.pth").read_bytes() == b"no checkpoint"


def test_without_a_name_the_result_stands_beside_the_release(darklift: "Darklift", tmp_path: Path) -> None:
    for name in ("released.pth", "released.safetensors"):
        (tmp_path / name).write_bytes(b"no checkpoint")
    result = darklift("convert", "released.pth")
    assert result.exit_code == 2
    assert "released.safetensors exists already" in result.stderr


def test_a_released_file_becomes_a_checkpoint(darklift: "Darklift", tmp_path: Path) -> None:
    """GSAD at half its width; which file it is, nobody says."""
    import torch

    from darklift.methods.base import ReleaseChoices
    from darklift.methods.gsad import Gsad, GsadConfig, released
    from darklift.store.checkpoint import load_checkpoint

    ours = Gsad(GsadConfig(width=32)).net.state_dict()
    names = released.read({name: tuple(tensor.shape) for name, tensor in like_gsad().items()}, ReleaseChoices()).names
    theirs = {f"denoise_fn.{part}": ours[name] for name, (part,) in names.items() if part not in like_gsad()}
    theirs |= {part: ours[name] for name, (part,) in names.items() if part in like_gsad()}
    torch.save({f"module.{name}": tensor for name, tensor in theirs.items()}, tmp_path / "released.pth")
    result = darklift("convert", "released.pth", "--preset", "unpaired")
    assert result.exit_code == 0, result.stderr
    assert "GSAD" in result.stderr
    loaded = load_checkpoint(tmp_path / "released.safetensors").method
    assert next(iter(loaded.presets)) == "unpaired"
    for name, tensor in loaded.net.state_dict().items():
        assert torch.equal(tensor, ours[name]), name
