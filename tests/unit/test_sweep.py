"""A sweep: which runs it has, what is refused before any is begun, what it reads from them, and when it stops."""

import csv
import json
from pathlib import Path

import pytest

from darklift.errors import ConfigError, TrainingError
from darklift.train import trials
from darklift.train.config import dump_recipe, load_recipe
from darklift.train.journal import read_log
from darklift.train.sweep import plan_sweep, values_of
from darklift.train.trials import run_sweep

RECIPE = Path(trials.__file__).parents[1] / "recipes" / "compact_tiny.toml"
LOG = [{"step": 1, "loss": 1.0, "core_seconds": 36.0}, {"step": 2, "validation/choice": 30.0, "validation/psnr": 10.0}]


def planned(folder, *changes, seeds=1):
    return plan_sweep(RECIPE, changes, seeds, folder)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ("train.lr=1e-3", ("1e-3",)),
        ("train.lr=1e-3, 2e-3", ("1e-3", "2e-3")),
        ("train.crops=[[0,96]],[[0,64],[10,96]]", ("[[0,96]]", "[[0,64],[10,96]]")),
        ('data.root="a,b",c', ('"a,b"', "c")),
    ],
)
def test_commas_part_values_but_not_within_one(change, values):
    assert values_of(change) == (change.partition("=")[0], values)


@pytest.mark.parametrize("change", ["train.lr", "=1", "train.lr=", "train.lr=1,,2"])
def test_what_is_no_list_of_values_is_refused(change):
    with pytest.raises(ConfigError, match="--set"):
        values_of(change)


def test_every_combination_comes_once_before_any_gets_its_next_seed(tmp_path):
    first = load_recipe(RECIPE).train.seed
    sweep = planned(tmp_path, "train.lr=1e-3,2e-3", "train.batch=2,4", seeds=2)
    assert len({trial.folder for trial in sweep.trials}) == len(sweep.trials) == 8
    assert [trial.seed for trial in sweep.trials] == [first] * 4 + [first + 1] * 4
    assert sweep.trials[1].all_changes == ("train.lr=1e-3", "train.batch=4", f"train.seed={first}")
    assert planned(tmp_path).trials[0].changes == ()


def test_long_and_odd_values_make_folders_that_a_disk_takes(tmp_path):
    odd = "../" * 60
    names = [trial.folder for trial in planned(tmp_path, f"data.root={odd}a,{odd}b", seeds=2).trials]
    assert len(set(names)) == 4
    assert all(name.parent == tmp_path and len(name.name) < 130 for name in names)


@pytest.mark.parametrize(
    ("changes", "seeds", "facts"),
    [
        (["train.lr=1e-3,-1"], 1, "lr"),
        (["train.nonsense=1,2"], 1, "nonsense"),
        (["train.lr=1", "train.lr=2"], 1, "given twice"),
        (["train.lr=1e-3,2e-3,1e-3"], 1, "train.lr=1e-3 and train.lr=1e-3 are one and the same run"),
        (["train.batch=2,4", "train.lr=1e-3,0.001"], 2, "train.batch=2 train.lr=1e-3 and train.batch=2 train.lr=0.001"),
        (["train.seed=1,01"], 1, "each value once"),
        (['train.precision=no,"no"'], 1, "each value once"),
        (["model.blocks=1,1.0"], 1, "each value once"),
        (["train.seed=1,2"], 2, "--seeds"),
        ([], 0, "got 0"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(tmp_path, changes, seeds, facts):
    with pytest.raises(ConfigError, match=facts):
        planned(tmp_path / "new", *changes, seeds=seeds)
    assert not (tmp_path / "new").exists()


def test_a_recipe_without_validation_is_refused(tmp_path):
    text = RECIPE.read_text(encoding="utf-8")
    recipe = tmp_path / "blind.toml"
    recipe.write_text(text[: text.index("[data.validation]")] + text[text.index("[train]") :], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\[data.validation\]"):
        plan_sweep(recipe, [], 1, tmp_path / "new")


def begun(trial, **changes):
    """A run's folder as a training leaves it."""
    trial.folder.mkdir(parents=True)
    recipe = load_recipe(RECIPE, [*trial.all_changes, *(f"train.{key}={value}" for key, value in changes.items())])
    (trial.folder / "recipe.toml").write_bytes(dump_recipe(recipe))
    (trial.folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LOG) + '{"step": 3, "lo')


def test_a_folder_with_another_recipe_is_not_taken_for_ours(tmp_path):
    (trial,) = planned(tmp_path).trials
    begun(trial, precision="bf16", workers=3)  # this is decided where it runs
    planned(tmp_path)
    (trial.folder / "recipe.toml").write_bytes(dump_recipe(load_recipe(RECIPE, [*trial.all_changes, "train.lr=7e-3"])))
    with pytest.raises(TrainingError, match="another recipe"):
        planned(tmp_path)


def test_the_best_validation_counts_and_means_are_over_the_seeds(tmp_path, monkeypatch):
    sweep = planned(tmp_path, "train.lr=1e-3,2e-3", seeds=2)
    told = []

    def train(trial, recipe, on_step):
        begun(trial)
        better = {"step": 4, "validation/choice": 31.0 + trial.seed % 2 + ("2e-3" in trial.changes[0])}
        with (trial.folder / "log.jsonl").open("a") as file:
            file.write("\n" + json.dumps(better | {"validation/psnr": 12.0}) + "\n")

    monkeypatch.setattr(trials, "_train", train)
    assert run_sweep(sweep, RECIPE, on_done=lambda trial, scores: told.append(scores["choice"])) == 0
    assert len(told) == 4
    best, other = sweep.settings()
    assert best.changes == ("train.lr=2e-3",)
    assert best.scores["choice"].mean == other.scores["choice"].mean + 1 == 32.5
    assert best.scores["choice"].error == 0.5
    assert best.scores["core_hours"].mean == pytest.approx(0.01)
    (table,) = tmp_path.glob("*.csv")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["train.lr"] for row in rows] == ["1e-3", "2e-3"] * 2
    assert {row["psnr"] for row in rows} == {"12.0"}
    assert json.loads(sweep.write().read_text())[0]["seeds"] == 2


def test_what_is_done_is_not_done_again_and_what_failed_is(tmp_path, monkeypatch):
    sweep = planned(tmp_path, "train.lr=1e-3,2e-3,3e-3")
    tried, broken = [], {"train.lr=2e-3"}

    def train(trial, recipe, on_step):
        tried.append(trial.changes[0])
        if trial.changes[0] in broken:
            raise TrainingError("out of luck")
        begun(trial)

    monkeypatch.setattr(trials, "_train", train)
    failures = []
    assert run_sweep(sweep, RECIPE, on_failure=lambda trial, said: failures.append(said)) == 1
    assert failures == ["out of luck"]
    assert len(tried) == 3
    broken.clear()
    assert run_sweep(planned(tmp_path, "train.lr=1e-3,2e-3,3e-3"), RECIPE) == 0
    assert tried[3:] == ["train.lr=2e-3"]


def test_where_the_first_run_fails_the_others_are_not_begun(tmp_path, monkeypatch):
    def train(trial, recipe, on_step):
        raise TrainingError("no such folder")

    monkeypatch.setattr(trials, "_train", train)
    with pytest.raises(TrainingError, match=r"others were not begun: no such folder"):
        run_sweep(planned(tmp_path, "train.lr=1e-3,2e-3"), RECIPE)


@pytest.mark.parametrize(
    "damaged", ['{"scores":', "{}", '{"scores": {}}', "[]", '{"scores": {"step": 2, "choice": "30"}}', "\0"]
)
def test_scores_that_are_damaged_come_from_the_log_again(tmp_path, monkeypatch, damaged):
    (trial,) = (sweep := planned(tmp_path)).trials
    begun(trial)
    whole = trial.finish()
    (trial.folder / "trial.json").write_text(damaged)
    trained = []
    monkeypatch.setattr(trials, "_train", lambda trial, *_: trained.append(trial))
    assert run_sweep(sweep, RECIPE) == 0
    assert trained == [trial]
    assert trial.scores() == whole


def test_a_run_that_is_done_but_lost_its_log_fails_in_a_line(tmp_path, monkeypatch):
    sweep = planned(tmp_path, "train.lr=1e-3,2e-3,3e-3")
    first, second, _ = sweep.trials
    monkeypatch.setattr(trials, "_train", lambda trial, *_: trial.folder.exists() or begun(trial))
    run_sweep(sweep, RECIPE)
    for path in ("log.jsonl", "trial.json"):
        (second.folder / path).unlink()
    failures = []
    assert run_sweep(sweep, RECIPE, on_failure=lambda trial, said: failures.append((trial, said))) == 1
    ((trial, said),) = failures
    assert trial == second
    assert f"{second.folder / 'log.jsonl'} holds no validation" in said
    for path in ("log.jsonl", "trial.json"):
        (first.folder / path).unlink()
    with pytest.raises(TrainingError, match=r"log\.jsonl holds no validation: remove its folder"):
        run_sweep(sweep, RECIPE)


def test_lines_of_a_log_that_are_none_are_left_out(tmp_path):
    lines = [
        b'{"step": 1, "loss": 0.5}',
        b"1",
        b"[]",
        b"{}",
        b'{"loss": 1}',
        b'{"step": "2"}',
        b"\xff",
        b'{"step": 3, "l',
    ]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    assert read_log(tmp_path) == [{"step": 1, "loss": 0.5}]


def test_two_at_once_do_not_run_one_sweep(tmp_path, monkeypatch):
    sweep = planned(tmp_path)

    def train(trial, recipe, on_step):
        with pytest.raises(TrainingError, match="another process runs the sweep"):
            run_sweep(sweep, RECIPE)
        begun(trial)

    monkeypatch.setattr(trials, "_train", train)
    run_sweep(sweep, RECIPE)
