"""compact's stage fine through the same training as everything else: a small fine net beside a larger teacher."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from darklift.store.checkpoint import load_checkpoint
from darklift.train import Recipe, train
from training import interrupt, run


def test_a_small_fine_net_learns_from_a_larger_one_and_resumes(
    tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    teacher = train(tiny_recipe("train.steps=2", "model.fine_blocks=2"), tmp_path / "teacher")
    small = train(tiny_recipe("train.steps=2"), tmp_path / "small")
    recipe = tiny_recipe("train.stage=fine", f"train.initial={small}", f"train.teacher={teacher}", "train.steps=4")
    straight = run(recipe, tmp_path / "straight")
    assert set(straight.losses[1]) == {"l1", "ssim", "psnr"}
    before, after = (
        load_checkpoint(path).method.net.state_dict() for path in (small, tmp_path / "straight/last.safetensors")
    )
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("fine.") for name in changed)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "stopped", step2=interrupt())
    resumed = run(recipe, tmp_path / "stopped", resume=True)
    assert resumed.losses == {step: losses for step, losses in straight.losses.items() if step > 3}
