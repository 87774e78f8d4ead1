"""Both stages of GSAD through the same training as everything else, with a network of toy size."""

from pathlib import Path

import pytest

from darklift import Enhancer
from darklift.errors import ConfigError, TrainingError
from darklift.store.checkpoint import load_checkpoint
from darklift.train import Recipe, load_recipe, train
from training import Watch, interrupt

RECIPE = """
method = "gsad"
[model]
width = 32
multipliers = [1, 2]
blocks = 1
attention_level = 1
train_steps = 20
[data]
[[data.sources]]
name = "pairs"
kind = "pairs"
path = "."
[train]
steps = 6
batch = 2
lr = 1e-4
crops = [[0, 48]]
workers = 0
precision = "no"
log_every = 1
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "gsad.toml"
    path.write_text(RECIPE)
    return path


def settings(recipe_file: Path, data: Path, *changes: str) -> Recipe:
    return load_recipe(recipe_file, [f"data.root={data}", *changes])


def test_both_stages_train_and_the_second_resumes_with_its_teacher(
    recipe_file: Path, paired_data: Path, tmp_path: Path
) -> None:
    first = Watch()
    weights = train(settings(recipe_file, paired_data), tmp_path / "first", progress=first)
    assert set(first.losses[1]) == {"pixel", "uncertainty"}

    second = settings(recipe_file, paired_data, "train.stage=structure", f"train.initial={weights}")
    straight = Watch()
    train(second, tmp_path / "straight", progress=straight)
    assert set(straight.losses[1]) == {"pixel", "structure"}

    stopped, resumed = Watch(step2=interrupt()), Watch()
    with pytest.raises(KeyboardInterrupt):
        train(second, tmp_path / "stopped", progress=stopped)
    weights.unlink()  # the teacher is in the saved state
    without = settings(recipe_file, paired_data, "train.stage=structure")
    train(without, tmp_path / "stopped", resume=True, progress=resumed)
    assert {**stopped.losses, **resumed.losses} == straight.losses

    model = tmp_path / "stopped" / "last.safetensors"
    assert load_checkpoint(model).info["weights"] == "EMA"
    import numpy as np

    dark = np.full((20, 30, 3), 20, np.uint8)
    assert Enhancer(model)(dark, preset="lolv1-ddim", steps=2).shape == dark.shape


def test_the_structure_stage_wants_the_first_stages_weights(
    recipe_file: Path, paired_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"train\.initial"):
        train(settings(recipe_file, paired_data, "train.stage=structure"), tmp_path / "run")


def test_a_run_goes_on_in_its_own_stage_only(recipe_file: Path, paired_data: Path, tmp_path: Path) -> None:
    first = train(settings(recipe_file, paired_data, "train.steps=2"), tmp_path / "run")
    for stage in ("structure", "plain"):
        other = settings(recipe_file, paired_data, f"train.stage={stage}", f"train.initial={first}")
        with pytest.raises(TrainingError, match=rf"run of stage uncertainty: for stage {stage} begin a new run folder"):
            train(other, tmp_path / "run", resume=True)
    with pytest.raises(TrainingError, match=r"has done 2 steps, and train\.steps is 1"):
        train(settings(recipe_file, paired_data, "train.steps=1"), tmp_path / "run", resume=True)


def test_crops_smaller_than_a_patch_are_refused(recipe_file: Path, paired_data: Path, tmp_path: Path) -> None:
    weights = train(settings(recipe_file, paired_data, "train.steps=1"), tmp_path / "first")
    changes = ("train.stage=structure", f"train.initial={weights}", "model.patch=64")
    with pytest.raises(ConfigError, match=r"48 pixels.* 64"):
        train(settings(recipe_file, paired_data, *changes), tmp_path / "run")


def test_an_unknown_stage_is_refused_with_the_known_ones(recipe_file: Path, paired_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="uncertainty, structure, plain"):
        train(settings(recipe_file, paired_data, "train.stage=global"), tmp_path / "run")
