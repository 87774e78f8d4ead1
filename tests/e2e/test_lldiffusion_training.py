"""Both stages of LLDiffusion through the same training as everything else, with a network of toy size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from darklift import Enhancer, read_image
from darklift.data import find_pairs
from darklift.data.shots import noise_level
from darklift.errors import ConfigError
from darklift.methods.darkening import darken_like
from darklift.store.checkpoint import load_checkpoint
from darklift.train import Recipe, load_recipe, train
from training import Watch, interrupt

RECIPE = """
method = "lldiffusion"
[model]
width = 8
multipliers = [1, 1, 2]
blocks = 1
groups = 4
dropout = 0.1
encoder_width = 4
feature_widths = [16, 8]
dgnet_width = 4
[data]
[[data.sources]]
name = "pairs"
kind = "pairs"
path = "."
[train]
steps = 6
batch = 2
lr = 1e-3
halvings = [3]
warmup = 0
crops = [[0, 48]]
workers = 0
precision = "no"
log_every = 1
"""


def settings(recipe_file: Path, data: Path, *changes: str) -> Recipe:
    return load_recipe(recipe_file, [f"data.root={data}", *changes])


def test_both_stages_train_and_a_stopped_run_goes_on_as_if_it_had_not(paired_data: Path, tmp_path: Path) -> None:
    recipe_file = tmp_path / "lldiffusion.toml"
    recipe_file.write_text(RECIPE)
    joint, straight = settings(recipe_file, paired_data), Watch()
    first = train(joint, tmp_path / "straight", progress=straight)
    assert set(straight.losses[1]) == {"noise", "darkening"}
    assert [report.lr for report in straight.reports] == [1e-3] * 3 + [5e-4] * 3

    stopped, resumed = Watch(step2=interrupt()), Watch()
    with pytest.raises(KeyboardInterrupt):
        train(joint, tmp_path / "stopped", progress=stopped)
    again = train(joint, tmp_path / "stopped", resume=True, progress=resumed)
    assert {**stopped.losses, **resumed.losses} == straight.losses
    weights, same = (load_checkpoint(path).method.net.state_dict() for path in (first, again))
    assert all(torch.equal(tensor, same[name]) for name, tensor in weights.items())
    vectors = [tensor for name, tensor in weights.items() if name.endswith("._u")]
    assert all(float(vector.norm()) == pytest.approx(1) for vector in vectors), "spectral norm's are not averaged"

    frozen, second = settings(recipe_file, paired_data, "train.stage=frozen", f"train.initial={first}"), Watch()
    model = train(frozen, tmp_path / "frozen", progress=second)
    assert set(second.losses[1]) == {"noise"}
    later = load_checkpoint(model).method.net.state_dict()
    changed = {name for name, tensor in later.items() if not torch.equal(tensor, weights[name])}
    assert changed == {name for name in later if name.startswith("unet.")}, "nor do spectral norm's vectors change"

    dark = np.full((20, 30, 3), 20, np.uint8)
    assert Enhancer(model)(dark, steps=2).shape == dark.shape


def test_the_frozen_stage_wants_the_first_stages_weights(paired_data: Path, tmp_path: Path) -> None:
    recipe_file = tmp_path / "lldiffusion.toml"
    recipe_file.write_text(RECIPE)
    with pytest.raises(ConfigError, match=r"stage frozen goes on from another stage's weights.*train\.initial"):
        train(settings(recipe_file, paired_data, "train.stage=frozen"), tmp_path / "run")


def test_sample_pictures_show_what_dgnet_makes_of_the_good_picture(paired_data: Path, tmp_path: Path) -> None:
    recipe_file = tmp_path / "lldiffusion.toml"
    recipe_file.write_text(RECIPE)
    validation = 'data.validation={path=".", limit=1, samples=1}'
    train(settings(recipe_file, paired_data, "train.steps=1", validation), tmp_path / "run")
    pair = find_pairs(paired_data)[0]
    low, high = read_image(pair.low), read_image(pair.high)
    (sample,) = (tmp_path / "run" / "samples").iterdir()
    columns = np.split(read_image(sample).pixels, 4, axis=1)
    for column, picture in ((0, low), (2, high)):
        np.testing.assert_allclose(columns[column], picture.pixels, atol=1e-6)
    method = load_checkpoint(tmp_path / "run" / "last.safetensors").method
    np.testing.assert_allclose(columns[3], darken_like(method, high, low, noise=0).pixels, atol=1 / 255)


@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.04])
def test_noise_is_told_from_edges(sigma: float) -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    scene = np.stack([rows / 200 + 0.2, columns / 200, 0.2 + 0.4 * (rows > 60)], axis=2)
    noisy = scene + sigma * np.random.default_rng(0).standard_normal(scene.shape)
    np.testing.assert_allclose(noise_level(noisy.astype(np.float32)), sigma, rtol=0.1, atol=0.003)
    assert noise_level(np.zeros((2, 5, 3), np.float32)).tolist() == [0, 0, 0]
