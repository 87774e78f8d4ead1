"""Several processes train as one does, whatever the stage, and however a batch is cut: by gloo, on the CPU.

What one process and several calculate differs only in the order of sums, so in the last bits of a float.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import darklift
from darklift.store.checkpoint import save_checkpoint
from darklift.train import Recipe, load_recipe
from darklift.train.setup import build_network
from training import driver, group_of_two, losses_of, run, told

MakeRecipe = Callable[..., Recipe]
STEPS = 2
TOY = f"""
[data]
[[data.sources]]
name = "pairs"
kind = "pairs"
path = "."
[train]
steps = {STEPS}
batch = 5
lr = 1e-4
crops = [[0, 48]]
workers = 0
precision = "no"
"""
GSAD = """
method = "gsad"
[model]
width = 32
multipliers = [1, 2]
blocks = 1
attention_level = 1
train_steps = 20
uncertainty_weight = 1e5
"""
LLDIFFUSION = """
method = "lldiffusion"
[model]
width = 8
multipliers = [1, 1, 2]
blocks = 1
groups = 4
encoder_width = 4
feature_widths = [16, 8]
dgnet_width = 4
"""
COMPACT = """
method = "compact"
[model]
fine_widths = [8, 16]
coarse_widths = [8, 16]
blocks = 1
maps = 4
embedding = 16
exposure_width = 8
cues = true
guess_share = 0.5
voters = ["tone", "picture"]
voter_widths = [8, 16]
voter_embedding = 16
"""
STAGES = {
    "gsad": (GSAD, ("uncertainty", "structure", "plain")),
    "lldiffusion": (LLDIFFUSION, ("joint", "frozen")),
    "compact": (COMPACT, ("train", "coarse", "voters", "joint", "exposure")),
}


def every_stage(folder: Path, data: Path) -> dict[str, Recipe]:
    """A short training of each stage of each method, with tiny networks."""
    recipes = {}
    for method, (text, stages) in STAGES.items():
        file = folder / f"{method}_recipe.toml"
        file.write_text(text + TOY)
        begun = folder / f"{method}.safetensors"
        fresh = build_network(load_recipe(file, [f"data.root={data}"]))
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(1)
            for parameter in fresh.net.parameters():  # those that begin at zero would hide what is behind them
                parameter += 0.02 * torch.randn_like(parameter)
        save_checkpoint(begun, fresh, fresh.net.state_dict(), {})
        for stage in stages:
            changes = [f"data.root={data}", f"train.stage={stage}", f"train.initial={begun}"]
            recipes[f"{method}_{stage}"] = load_recipe(file, changes)
    return recipes


def with_accumulation(recipe: Recipe, parts: int) -> Recipe:
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"accumulate": parts})})


def assert_close(one: Path, other: Path, atol: float) -> None:
    """The weights of two runs, and what their optimizers remember."""
    first, second = (torch.load(folder / "state.pt", weights_only=True) for folder in (one, other))
    assert first["step"] == second["step"]
    for part in ("net", "ema"):
        for name, tensor in first[part].items():
            torch.testing.assert_close(second[part][name], tensor, atol=atol, rtol=0, msg=f"{one.name} {part} {name}")


def assert_same_losses(losses: dict[int, dict[str, float]], ours: dict[int, dict[str, float]]) -> None:
    assert losses.keys() == ours.keys()
    for step, parts in ours.items():
        assert losses[step] == pytest.approx(parts, rel=1e-4, abs=1e-5), step


def test_every_stage_of_every_method_in_uneven_parts(paired_data: Path, tmp_path: Path) -> None:
    recipes = every_stage(tmp_path, paired_data)
    first, second = group_of_two()
    in_two = {tmp_path / f"two_{name}": with_accumulation(recipe, 2) for name, recipe in recipes.items()}
    with driver(in_two, **first) as main, driver(in_two, **second) as other:
        lines = told(main)
        assert main.wait() == 0, main.stderr.read()
        assert len(told(other)) == len(lines) == STEPS * len(recipes)
    for number, (name, recipe) in enumerate(recipes.items()):
        alone = run(recipe, tmp_path / name)
        assert_same_losses(losses_of(lines[STEPS * number :][:STEPS]), alone.losses)
        assert_close(tmp_path / name, tmp_path / f"two_{name}", 2e-5)


def test_one_process_that_does_its_batch_in_parts(paired_data: Path, tmp_path: Path) -> None:
    for name, recipe in every_stage(tmp_path, paired_data).items():
        if name in ("lldiffusion_joint", "gsad_uncertainty", "compact_train"):
            alone, parts = run(recipe, tmp_path / name), run(with_accumulation(recipe, 3), tmp_path / f"parts_{name}")
            assert_same_losses(parts.losses, alone.losses)
            assert_close(tmp_path / name, tmp_path / f"parts_{name}", 2e-5)


def test_a_process_that_is_killed_ends_the_other_with_a_line(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=100000", "train.decay=0", "data.validation.every=1000000")
    first, second = group_of_two()
    folder = tmp_path / "two"
    with driver({folder: recipe}, **first) as main, driver({folder: recipe}, **second) as other:
        told(main, until=2)
        other.kill()
        told(main)
        assert main.wait() == 1
        assert "another of the 2 processes has ended" in main.stderr.read()


# --- as people start it -----------------------------------------------------------------------------------------------


@contextmanager
def torchrun(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """``darklift train`` in two processes. It does not outlive the test."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "--"]
    environment = {**os.environ, "PYTHONPATH": str(Path(darklift.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*launcher, "darklift", "train", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def changed(*changes: str) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


def test_torchrun_stops_once_for_all_and_one_process_goes_on(
    tiny_recipe: MakeRecipe, paired_data: Path, tmp_path: Path
) -> None:
    common = (
        "train.batch=5",
        "train.lr=2e-4",
        "train.decay=0",
        "train.warmup=2",
        "data.validation.every=1000000",
        "train.log_every=1",
    )
    asked = changed(f"data.root={paired_data}", *common, "train.accumulate=2", "train.steps=100000")
    folder = tmp_path / "run"
    with torchrun("compact_tiny", *asked, "--run", str(folder)) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("step 3/"):
                process.send_signal(signal.SIGTERM)
        assert process.wait() != 0
    told_of = [line for line in lines if line.startswith("darklift: ")]
    assert len(told_of) == 1, "".join(lines)
    stopped = re.match(r"darklift: stopped at step (\d+) of 100000, saved: go on with --resume: (.*)", told_of[0])
    assert stopped is not None, told_of
    assert stopped[2].startswith("torchrun --standalone --nproc_per_node=2 -m -- darklift train compact_tiny")
    done = int(stopped[1])
    assert torch.load(folder / "state.pt", weights_only=True)["step"] == done >= 3

    recipe = tiny_recipe(*common, f"train.steps={done + 2}")
    after = run(recipe, folder, resume=True)
    straight = run(recipe, tmp_path / "straight")
    assert after.losses.keys() == {done + 1, done + 2}
    assert_same_losses(after.losses, {step: straight.losses[step] for step in after.losses})
    assert_close(tmp_path / "straight", folder, 2e-5)

    further = tiny_recipe(*common, f"train.steps={done + 4}")
    first, second = group_of_two()
    with (
        driver({folder: further}, **first, RESUME="1") as main,
        driver({folder: further}, **second, RESUME="1") as other,
    ):
        lines_of_two = told(main)
        assert main.wait() == other.wait() == 0, main.stderr.read()
    run(further, tmp_path / "straight", resume=True)
    assert losses_of(lines_of_two).keys() == {done + 3, done + 4}
    assert_close(tmp_path / "straight", folder, 2e-5)


def test_more_processes_than_examples_are_refused_in_one_line(paired_data: Path, tmp_path: Path) -> None:
    asked = changed(f"data.root={paired_data}", "train.batch=3", "train.accumulate=2")
    with torchrun("compact_tiny", *asked, "--run", str(tmp_path / "run")) as process:
        _, errors = process.communicate()
    assert process.returncode != 0
    ours = [line for line in errors.splitlines() if line.startswith("darklift: ")]
    assert len(ours) == 1
    assert "train.batch is 3, too few for 2 processes with train.accumulate = 2: expected 4 or more" in ours[0]
    assert not (tmp_path / "run").exists()
