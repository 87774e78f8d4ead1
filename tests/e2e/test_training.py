"""Training end to end with a tiny network: it learns, can be stopped in any way, and goes on as if it had not been.

Losses are compared with ``==``: a run that goes on must do the very same arithmetic.
"""

import errno
import json
import multiprocessing
import os
import pickle
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from darklift import Enhancer, read_image
from darklift.data import find_pairs
from darklift.errors import ConfigError, TrainingError
from darklift.evaluation.evaluate import evaluate
from darklift.evaluation.report import evaluation_table
from darklift.files import write_atomically
from darklift.methods import Stage
from darklift.methods.compact import Compact
from darklift.store.checkpoint import build_method, load_checkpoint, save_checkpoint
from darklift.train import Recipe, load_recipe, train
from darklift.train.data import build_mixture
from darklift.train.examples import Examples, example_batches
from darklift.train.loop import new_state, train_steps
from darklift.train.setup import inherited_stains
from darklift.train.validation import Validator
from training import Watch, driver, group_of_two, interrupt, losses_of, run, told

MakeRecipe = Callable[..., Recipe]
NO_VALIDATION = "data.validation.every=1000000"
# Everything that could make one step depend on another: a change of crops, decay, the random darkening of photos.
EVENTFUL = (
    "train.steps=12",
    "train.warmup=4",
    "train.decay=4",
    "train.crops=[[0, 32], [7, 48]]",
    "train.log_every=1",
    "data.validation.every=5",
    'data.sources=[{name="pairs", kind="pairs", path=".", jitter=0.5, recompressed=0.3, share=2}, '
    '{name="photos", kind="photos", path="high"}]',
)


def run_until(recipe: Recipe, folder: Path, step: int, number: int = signal.SIGINT) -> Watch:
    """As :func:`run`, stopped so that ``step`` steps are done and saved."""
    watch = Watch(**{f"step{step - 1}": interrupt(number)})
    with pytest.raises(KeyboardInterrupt, match=f"stopped at step {step} of"):
        train(recipe, folder, progress=watch)
    assert max(watch.losses) == step
    return watch


def tensors(state: Any, name: str = "") -> dict[str, torch.Tensor]:
    """All tensors of a nested state by name."""
    if isinstance(state, torch.Tensor):
        return {name: state}
    items = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    return {key: tensor for k, value in items for key, tensor in tensors(value, f"{name}.{k}").items()}


def saved(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "state.pt", weights_only=True)
    return state


def assert_same_state(one: Path, other: Path) -> None:
    """Weights, averaged weights and the optimizer's memory are equal to the last bit."""
    first, second = tensors(saved(one)), tensors(saved(other))
    assert first.keys() == second.keys()
    assert len(first) > 100
    assert [name for name, tensor in first.items() if not torch.equal(tensor, second[name])] == []
    assert saved(one)["step"] == saved(other)["step"]


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def logged(folder: Path) -> list[dict[str, float]]:
    """The log without the times, which no two runs share."""
    return [{name: value for name, value in line.items() if not name.endswith("seconds")} for line in log(folder)]


@contextmanager
def fresh_accelerate() -> Iterator[None]:
    """Accelerate holds on to the first run's precision for the life of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        yield
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


# --- learning ---------------------------------------------------------------------------------------------------------


def test_the_loss_falls_on_what_can_be_learnt_by_heart(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    watch = run(tiny_recipe("train.steps=100", "train.lr=4e-3", "train.decay=30", NO_VALIDATION), tmp_path)
    for part in ("l1", "ssim", "coarse", "exposure"):
        values = [losses[part] for losses in watch.losses.values()]
        assert np.mean(values[-20:]) < 0.7 * np.mean(values[:10]), part


def test_the_log_and_the_console_tell_the_same_mean_loss(
    tiny_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from darklift.cli._training_display import training_display
    from darklift.train import loop

    monkeypatch.setattr(loop, "RECENT_STEPS", 4)
    recipe = tiny_recipe("train.steps=9", "train.log_every=3", "data.validation.every=100")
    watch = run(recipe, tmp_path / "watched")
    with training_display(3) as display:
        train(recipe, tmp_path / "shown", progress=display)
    total = {step: sum(losses.values()) for step, losses in watch.losses.items()}
    logged = {line["step"]: line["loss_mean"] for line in log(tmp_path / "shown") if "loss_mean" in line}
    assert logged == pytest.approx(
        {step: np.mean([total[before] for before in range(max(1, step - 3), step + 1)]) for step in (3, 6, 9)}, abs=1e-5
    )
    told = re.findall(r"^step (\d+)/9  loss_mean ([\d.]+)", capsys.readouterr().err, re.MULTILINE)
    assert {int(step): float(loss) for step, loss in told} == pytest.approx(logged, abs=1e-4)


def test_a_run_leaves_all_that_is_promised(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=10", "train.log_every=3", "data.validation.every=4")
    best = train(recipe, tmp_path / "run")

    assert best == tmp_path / "run" / "best.safetensors"
    lines = log(tmp_path / "run")
    assert [line["step"] for line in lines if "loss" in line] == [3, 6, 9]
    validations = [line for line in lines if "validation/psnr" in line]
    assert [line["step"] for line in validations] == [4, 8, 10]
    parts = ["loss/l1", "loss/ssim", "loss/psnr", "loss/coarse", "loss/exposure"]
    assert sum(lines[0][part] for part in parts) == pytest.approx(lines[0]["loss"], abs=1e-5)
    assert lines[0].keys() == {"step", "loss", "loss_mean", *parts, "lr", "grad_norm", "seconds", "core_seconds"}
    names = ("psnr", "ssim", "psnr_gt_mean", "ssim_gt_mean", "exposure_error", "choice")
    assert validations[0].keys() == {"step", *(f"validation/{name}" for name in names)}

    assert load_recipe(tmp_path / "run" / "recipe.toml") == recipe
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["processes"] == 1

    samples = sorted((tmp_path / "run" / "samples").iterdir())
    assert [path.name for path in samples] == [f"{s:07d}_{n}.png" for s in (4, 8, 10) for n in (0, 1)]
    assert read_image(samples[0]).size == (64, 3 * 64)  # low, enhanced and ground truth side by side
    assert not list((tmp_path / "run").glob(".*.tmp"))


def test_tensorboard_gets_every_value_to_the_last_step(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    threads = threading.active_count()
    run(tiny_recipe("train.steps=4", "train.log_every=1", NO_VALIDATION), tmp_path)
    (path,) = tmp_path.glob("events.out.tfevents.*")
    written = [(e.step, value.tag) for e in EventFileLoader(str(path)).Load() for value in e.summary.value]
    expected = [(line["step"], name) for line in log(tmp_path) for name in line if name != "step"]
    assert written == expected
    assert (4, "loss") in written
    assert threading.active_count() == threads, "the writer still waits for more"


def test_the_best_and_the_last_checkpoint_load_and_enhance(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    run(tiny_recipe("train.steps=6", "data.validation.every=2"), tmp_path)
    choices = {line["step"]: line["validation/choice"] for line in log(tmp_path) if "validation/choice" in line}

    last, best = (load_checkpoint(tmp_path / f"{name}.safetensors") for name in ("last", "best"))
    assert (last.info["step"], last.info["weights"]) == (6, "EMA")
    assert best.info["step"] == max(choices, key=lambda step: choices[step])
    assert best.info["validation"]["choice"] == pytest.approx(max(choices.values()), abs=1e-5)
    assert Recipe(**last.info["recipe"]) == load_recipe(tmp_path / "recipe.toml")

    averaged = saved(tmp_path)["ema"]
    for name, tensor in last.method.net.state_dict().items():
        assert torch.equal(tensor, averaged[f"module.{name}"]), name
    picture = np.full((20, 30, 3), 30, np.uint8)
    enhanced = Enhancer(tmp_path / "best.safetensors")(picture)
    assert enhanced.shape == picture.shape
    assert enhanced.mean() > picture.mean()


def test_the_best_of_the_validations_is_kept(
    tiny_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = {2: 1.0, 4: 3.0, 6: 2.0, 8: 2.5}
    monkeypatch.setattr(Validator, "score", lambda self, method, step: {"choice": choices[step]})
    recipe = tiny_recipe("train.steps=8", "data.validation.every=2")
    run_until(recipe, tmp_path, 5)
    assert load_checkpoint(tmp_path / "best.safetensors").info["step"] == 4
    run(recipe, tmp_path, resume=True)
    assert load_checkpoint(tmp_path / "best.safetensors").info["step"] == 4, "the best was forgotten by resuming"
    assert load_checkpoint(tmp_path / "last.safetensors").info["step"] == 8


@pytest.fixture
def lol(paired_data: Path, tmp_path: Path) -> Path:
    """A pair of the tiny data in LOL-v1's folders: one to train on, and one for the test."""
    pair = find_pairs(paired_data)[0]
    for folder in ("our485", "eval15"):
        for half in ("low", "high"):
            (tmp_path / "lol" / folder / half).mkdir(parents=True)
            shutil.copy(getattr(pair, half), tmp_path / "lol" / folder / half)
    return tmp_path / "lol"


def stain_of(checkpoint: Path, lol: Path) -> str:
    """What an evaluation says of it, in its table and in its numbers alike."""
    evaluation = evaluate(Enhancer(checkpoint), find_pairs(lol)[:1])
    assert evaluation.stain in " ".join(evaluation_table(evaluation).split())
    assert evaluation.to_dict()["stain"] == evaluation.stain
    return evaluation.stain


def test_choosing_by_a_test_split_is_refused_or_leaves_a_stain(
    tiny_recipe: MakeRecipe, lol: Path, tmp_path: Path
) -> None:
    validation = f'data.validation={{path="{lol}/eval15", every=2'
    with pytest.raises(ConfigError, match=r"LOL-v1's test split.*data\.validation\.on_test_split=true"):
        train(tiny_recipe("train.steps=2", validation + "}"), tmp_path / "refused")
    best = train(tiny_recipe("train.steps=2", validation + ", on_test_split=true}"), tmp_path / "stained")
    assert load_checkpoint(best).info["chosen_on_test_split"] == ["LOL-v1"]
    assert stain_of(best, lol) == f"{best} was chosen on LOL-v1's test split: its scores there are no test."


def test_training_on_a_test_split_is_refused_or_leaves_a_stain(
    tiny_recipe: MakeRecipe, lol: Path, tmp_path: Path
) -> None:
    source = f'data.sources=[{{name="a", kind="pairs", path="{lol}/eval15"'
    with pytest.raises(ConfigError, match=r"LOL-v1's test split.*data\.sources\.0\.on_test_split=true"):
        train(tiny_recipe("train.steps=2", source + "}]"), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    recipe = tiny_recipe("train.steps=4", NO_VALIDATION, source + ", on_test_split=true}]")
    run_until(recipe, tmp_path / "stained", 2)
    cleaner = tiny_recipe("train.steps=4", NO_VALIDATION)  # of the steps before, that undoes nothing
    run(cleaner, tmp_path / "stained", resume=True)
    last = tmp_path / "stained" / "last.safetensors"
    assert stain_of(last, lol) == f"{last} was trained on LOL-v1's test split: its scores there are no test."


def test_a_stain_is_handed_on_to_what_learns_from_the_stained(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    """By the weights that it begins from and by its teacher, also where these are resumed without the former."""
    clean = train(tiny_recipe("train.steps=1", NO_VALIDATION), tmp_path / "clean")

    def stained(name: str, **stains: object) -> Path:
        path, loaded = tmp_path / f"{name}.safetensors", load_checkpoint(clean)
        save_checkpoint(path, loaded.method, loaded.method.net.state_dict(), stains)
        return path

    first = stained("first", chosen_on_test_split="LOL-v1", trained_on="my own photos")
    teacher = stained("teacher", chosen_on_test_split=["LOL-v1", "SICE"], trained_on_test_split=["LSRW"])
    recipe = tiny_recipe(
        "train.steps=4", NO_VALIDATION, "train.stage=fine", f"train.initial={first}", f"train.teacher={teacher}"
    )
    run_until(recipe, tmp_path / "run", 2)
    first.unlink()
    run(recipe, tmp_path / "run", resume=True)
    info = load_checkpoint(tmp_path / "run" / "last.safetensors").info
    assert {key: info[key] for key in ("chosen_on_test_split", "trained_on_test_split", "trained_on")} == {
        "chosen_on_test_split": ["LOL-v1", "SICE"],
        "trained_on_test_split": ["LSRW"],
        "trained_on": ["my own photos"],
    }
    (exported,) = inherited_stains("compact")["trained_on"]
    assert "LOL-v1" in exported


def test_without_validation_the_last_checkpoint_is_the_result(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=2")
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation": None})})
    assert train(recipe, tmp_path) == tmp_path / "last.safetensors"
    assert load_checkpoint(tmp_path / "last.safetensors").info["step"] == 2
    assert not (tmp_path / "best.safetensors").exists()


def test_validation_does_not_touch_the_training(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    often = run(tiny_recipe("train.steps=5", "data.validation.every=1"), tmp_path / "often")
    never = run(tiny_recipe("train.steps=5", NO_VALIDATION), tmp_path / "never")
    assert often.losses == never.losses
    assert_same_state(tmp_path / "often", tmp_path / "never")


def test_the_core_s_time_is_counted_on_after_a_resume(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=6", NO_VALIDATION)
    stopped = run_until(recipe, tmp_path, 3)
    before = saved(tmp_path)["core_seconds"]
    resumed = run(recipe, tmp_path, resume=True)
    times = [report.core_seconds for report in (*stopped.reports, *resumed.reports)]
    assert times[0] > 0
    assert times == sorted(times)
    assert stopped.reports[-1].core_seconds == before < resumed.reports[0].core_seconds

    old = saved(tmp_path)
    del old["core_seconds"], old["recent"]  # as an earlier version saved it
    torch.save(old, tmp_path / "state.pt")
    longer = run(tiny_recipe("train.steps=7", NO_VALIDATION), tmp_path, resume=True)
    assert 0 < longer.reports[0].core_seconds < times[-1]


# --- stopping and going on --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 on fork
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("stopped_at", [3, 8])
def test_a_resumed_run_is_the_run_without_the_break(
    tiny_recipe: MakeRecipe, tmp_path: Path, stopped_at: int, workers: int
) -> None:
    recipe = tiny_recipe(*EVENTFUL, f"train.workers={workers}")
    straight = run(recipe, tmp_path / "straight")
    before = run_until(recipe, tmp_path / "broken", stopped_at)
    after = run(recipe, tmp_path / "broken", resume=True)

    assert list(after.losses) == list(range(stopped_at + 1, 13))
    assert before.losses | after.losses == straight.losses
    assert [r.grad_norm for r in before.reports + after.reports] == [r.grad_norm for r in straight.reports]
    assert_same_state(tmp_path / "straight", tmp_path / "broken")
    assert logged(tmp_path / "straight") == logged(tmp_path / "broken")
    for name in ("best", "last"):
        one, other = (load_checkpoint(tmp_path / f / f"{name}.safetensors") for f in ("straight", "broken"))
        assert one.info == other.info


def test_resuming_is_exact_in_bf16_too(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe(*EVENTFUL, "train.precision=bf16")
    with fresh_accelerate():
        straight = run(recipe, tmp_path / "straight")
        before = run_until(recipe, tmp_path / "broken", 5)
        after = run(recipe, tmp_path / "broken", resume=True)
    assert before.losses | after.losses == straight.losses
    assert_same_state(tmp_path / "straight", tmp_path / "broken")


def test_the_precision_is_measured_once_and_kept(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=4", "train.precision=auto", NO_VALIDATION)
    with fresh_accelerate(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("darklift.train.setup.fastest_precision", lambda: "bf16")
        run_until(recipe, tmp_path, 2)
        patch.setattr("darklift.train.setup.fastest_precision", lambda: pytest.fail("measured again"))
        run(recipe, tmp_path, resume=True)
    assert load_recipe(tmp_path / "recipe.toml").train.precision == "bf16"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_saves_and_gives_the_handlers_back(
    tiny_recipe: MakeRecipe, tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    run_until(tiny_recipe("train.steps=6", NO_VALIDATION), tmp_path, 3, number)
    assert signal.getsignal(number) is before
    assert saved(tmp_path)["step"] == 3
    assert load_checkpoint(tmp_path / "last.safetensors").info["step"] == 3


def test_the_second_signal_stops_at_once(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    recipe = tiny_recipe("train.steps=6", NO_VALIDATION)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path, step3=twice)
    assert not (tmp_path / "state.pt").exists()
    assert list(run(recipe, tmp_path).losses) == [1, 2, 3, 4, 5, 6]


def test_a_full_disk_is_told_and_keeps_what_was_saved_before(
    tiny_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny_recipe("train.steps=1", NO_VALIDATION), tmp_path)
    before = (tmp_path / "state.pt").read_bytes()

    def fill_up(path: Path, data: bytes) -> None:
        if path.name == "state.pt":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_atomically(path, data)

    monkeypatch.setattr("darklift.train.state.write_atomically", fill_up)
    with pytest.raises(TrainingError, match=r"No space left.*--resume"):
        run(tiny_recipe("train.steps=2", NO_VALIDATION), tmp_path, resume=True)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_training_works_in_a_thread(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=2", NO_VALIDATION)
    thread = threading.Thread(target=train, args=(recipe, tmp_path))
    thread.start()
    thread.join()
    assert saved(tmp_path)["step"] == 2


def test_a_run_can_be_made_longer_before_its_decay_begins(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    def recipe(steps: int) -> Recipe:
        return tiny_recipe(f"train.steps={steps}", "train.decay=4", "train.warmup=2", NO_VALIDATION)

    straight = run(recipe(16), tmp_path / "straight")
    before = run_until(recipe(10), tmp_path / "longer", 6)
    after = run(recipe(16), tmp_path / "longer", resume=True)
    assert before.losses | after.losses == straight.losses
    assert_same_state(tmp_path / "straight", tmp_path / "longer")
    assert load_recipe(tmp_path / "longer" / "recipe.toml").train.steps == 16


def test_a_finished_run_can_be_resumed_and_made_longer(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    def recipe(steps: int) -> Recipe:
        return tiny_recipe(f"train.steps={steps}", "train.decay=0", NO_VALIDATION)

    straight = run(recipe(8), tmp_path / "straight")
    before = run(recipe(5), tmp_path / "longer")
    assert run(recipe(5), tmp_path / "longer", resume=True).losses == {}
    after = run(recipe(8), tmp_path / "longer", resume=True)
    assert before.losses | after.losses == straight.losses
    assert_same_state(tmp_path / "straight", tmp_path / "longer")


def test_changed_settings_of_the_optimisation_hold_after_a_resume(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    common = ("train.steps=4", "train.warmup=0", "train.decay=0", NO_VALIDATION)
    run_until(tiny_recipe(*common), tmp_path, 2)
    after = run(
        tiny_recipe(*common, "train.lr=1e-4", "train.weight_decay=0.2", "train.beta2=0.9"), tmp_path, resume=True
    )
    assert {report.lr for report in after.reports} == {1e-4}
    (group,) = saved(tmp_path)["optimizer"]["param_groups"]
    assert (group["weight_decay"], tuple(group["betas"])) == (0.2, (0.9, 0.9))


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_second_run_in_the_folder_of_a_finished_one_is_refused(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=2", NO_VALIDATION)
    run(recipe, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(TrainingError, match=rf"{re.escape(str(tmp_path))}.*--resume"):
        train(recipe, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_there_must_be_something_to_resume(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"state\.pt.*--resume"):
        train(tiny_recipe(), tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()


def test_resuming_with_another_batch_says_what_it_changes(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    run(tiny_recipe("train.steps=1", NO_VALIDATION, "train.batch=2"), tmp_path)
    watch = run(tiny_recipe("train.steps=2", NO_VALIDATION, "train.batch=1"), tmp_path, resume=True)
    assert any("train.batch=2 (now 1)" in note for note in watch.notes)


def test_resuming_another_network_is_refused_and_changes_nothing(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    run(tiny_recipe("train.steps=2", NO_VALIDATION), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for change in ("model.fine_widths=[8, 12]", "model.ssim_weight=0.5", "model.seed=1"):
        key, _, value = change.partition("=")
        with pytest.raises(TrainingError, match=rf"{key}=.* \(now {re.escape(value)}\).*train\.initial="):
            train(tiny_recipe("train.steps=4", NO_VALIDATION, change), tmp_path, resume=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_damaged_state_is_said_to_be_one(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=1", NO_VALIDATION)
    run(recipe, tmp_path)
    path = tmp_path / "state.pt"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"state", b"PK", pickle.dumps({"step": print})):
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"state\.pt"):
            train(recipe, tmp_path, resume=True)


def test_impossible_recipes_are_refused_before_anything_is_written(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.crops.*34.*multiples of 4"):
        train(tiny_recipe("train.crops=[[0, 32], [50, 34]]"), tmp_path)
    with pytest.raises(ConfigError, match=r"'fine_width'.*'fine_widths'"):
        train(tiny_recipe("model.fine_width=[8, 16]"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] in ([".lock"], [])


def poisoned(monkeypatch: pytest.MonkeyPatch, at_call: int, poison: Callable[..., torch.Tensor]) -> list[str]:
    """From now on the objective adds ``poison(net)`` to the loss at that call; returns the list that counts calls."""
    objective, calls = Compact._objective, []

    def poisoned_objective(self, net, *batch):
        calls.append("call")
        parts = objective(self, net, *batch)
        return {**parts, "l1": parts["l1"] + poison(net)} if len(calls) == at_call else parts

    monkeypatch.setattr(Compact, "_objective", poisoned_objective)
    return calls


def endless_slope(net: torch.nn.Module) -> torch.Tensor:
    """0, with a gradient that is no number."""
    weight = next(net.parameters())
    return (weight - weight.detach()).abs().sum().sqrt()


@pytest.mark.parametrize(
    ("what", "poison"), [("loss", lambda net: torch.tensor(float("nan"))), ("gradient", endless_slope)]
)
def test_what_is_not_finite_stops_the_run_names_the_files_and_spoils_nothing(
    tiny_recipe: MakeRecipe, tmp_path: Path, what: str, poison: Callable[..., torch.Tensor]
) -> None:
    recipe = tiny_recipe("train.steps=6", "train.save_minutes=1e-9", NO_VALIDATION)
    straight = run(recipe, tmp_path / "straight")
    with pytest.MonkeyPatch.context() as patch:
        poisoned(patch, 4, poison)
        with pytest.raises(TrainingError, match=f"{what} .*finite.* step 3") as caught:
            run(recipe, tmp_path / "poisoned")
    method = build_method(recipe.method, recipe.model)
    examples = Examples(build_mixture(recipe.data), method.stages[0], recipe.train)
    names = ", ".join(examples[index][1] for index in range(12, 16))
    assert names in str(caught.value)
    assert "pairs/" in names

    after = run(recipe, tmp_path / "poisoned", resume=True)
    assert after.losses == {step: straight.losses[step] for step in (4, 5, 6)}
    assert_same_state(tmp_path / "straight", tmp_path / "poisoned")


def test_a_rate_far_too_high_ends_in_words(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"finite.* step \d+ .*pairs/"):
        run(tiny_recipe("train.lr=1e30", "train.warmup=0", NO_VALIDATION), tmp_path)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 on fork
def test_no_worker_is_left_behind_by_a_run_that_fails(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    def fail() -> None:
        assert len(multiprocessing.active_children()) == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run(tiny_recipe("train.workers=1", NO_VALIDATION), tmp_path, step2=fail)
    assert caught.tb is not None, "the traceback, which holds on to what the run had"
    assert multiprocessing.active_children() == []


def test_who_validates_on_what_is_trained_on_is_told(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    both = run(tiny_recipe("train.steps=1", "data.validation.limit=3"), tmp_path / "both")
    assert any("3 of 3 validation pairs are trained on, too (0, ...)" in note for note in both.notes)
    (tmp_path / "names.txt").write_text("0\n1\n2\n")
    apart = (f"data.sources.0.leave_out={tmp_path / 'names.txt'}", f"data.validation.names={tmp_path / 'names.txt'}")
    assert not any("trained on" in note for note in run(tiny_recipe("train.steps=1", *apart), tmp_path / "apart").notes)


# --- other processes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(tiny_recipe: MakeRecipe, tmp_path: Path, number: signal.Signals) -> None:
    def recipe(steps: int) -> Recipe:
        return tiny_recipe(f"train.steps={steps}", "train.decay=0", "train.workers=1", NO_VALIDATION)

    folder = tmp_path / "run"
    with driver({folder: recipe(100_000)}, PAUSE="0.05") as process:
        lines = told(process, until=3)
        with pytest.raises(TrainingError, match=rf"another process.*{re.escape(str(folder))}"):
            train(recipe(100_000), folder)
        with pytest.raises(TrainingError, match=rf"another process.*{re.escape(str(folder))}"):
            train(recipe(100_000), folder, resume=True)
        os.killpg(process.pid, number)  # as a terminal does, and a cluster: to the data-loading workers too
        lines += told(process)
        _, errors = process.communicate()

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    done = max(losses_of(lines))
    assert lines[-1]["stopped"] == f"stopped at step {done} of 100000, saved: go on with --resume"
    assert saved(folder)["step"] == done
    recipe_to_end = tiny_recipe(f"train.steps={done + 3}", "train.decay=0", NO_VALIDATION)
    after = run(recipe_to_end, folder, resume=True)
    straight = run(recipe_to_end, tmp_path / "straight")
    assert losses_of(lines) | after.losses == straight.losses


def test_a_killed_run_goes_on_from_its_last_save(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    def recipe(steps: int, minutes: float) -> Recipe:
        changes = (f"train.steps={steps}", "train.decay=0", "train.log_every=1", f"train.save_minutes={minutes}")
        return tiny_recipe(*changes, NO_VALIDATION)

    folder = tmp_path / "run"
    with driver({folder: recipe(100_000, 0.3 / 60)}, PAUSE="0.05") as process:
        step = 0
        while not (folder / "state.pt").exists():
            step += 1
            assert told(process, until=step), "it ended by itself"
        told(process, until=step + 3)
        process.kill()
        process.wait()

    assert process.returncode == -signal.SIGKILL
    (folder / ".state.pt.1.tmp").write_bytes(b"half a sta")
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"step": 99999, "lo')
    with pytest.raises(TrainingError, match="--resume"):
        train(recipe(100_000, 1), folder)
    start = saved(folder)["step"]
    end = start + 4
    after = run(recipe(end, 10), folder, resume=True)
    straight = run(recipe(end, 10), tmp_path / "straight")
    assert list(after.losses) == list(range(start + 1, end + 1))
    assert after.losses == {step: straight.losses[step] for step in after.losses}
    assert_same_state(folder, tmp_path / "straight")
    assert logged(folder) == logged(tmp_path / "straight")
    assert not list(folder.glob(".*.tmp"))


def test_two_processes_train_as_one_and_stop_as_one(tiny_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = tiny_recipe("train.steps=50", "train.decay=0", "data.validation.every=3")
    first, second = group_of_two()
    folder = tmp_path / "two"
    with driver({folder: recipe}, **first) as main, driver({folder: recipe}, **second, STOP_AFTER="5") as other:
        lines = told(main)
        others = told(other)
        assert main.wait() == other.wait() == 130, main.stderr.read() + other.stderr.read()

    one = run_until(recipe, tmp_path / "one", 6)
    for printed in (lines, others):
        assert list(losses_of(printed)) == [1, 2, 3, 4, 5, 6], "only one was told to stop: both must, at the same step"
        for step, losses in losses_of(printed).items():
            assert losses == pytest.approx(one.losses[step], abs=1e-6), step
    assert json.loads((folder / "environment.json").read_text())["processes"] == 2
    two_weights, one_weights = saved(folder)["ema"], saved(tmp_path / "one")["ema"]
    for name, tensor in one_weights.items():
        torch.testing.assert_close(two_weights[name], tensor, atol=1e-4, rtol=0)

    recipe = tiny_recipe("train.steps=8", "train.decay=0", NO_VALIDATION)
    alone = run(recipe, folder, resume=True)
    straight = run(recipe, tmp_path / "straight")
    for step, losses in alone.losses.items():
        assert losses == pytest.approx(straight.losses[step], abs=1e-5), "two processes' run, resumed by one"


# --- the loop itself --------------------------------------------------------------------------------------------------


def parts_of(recipe: Recipe) -> tuple[Any, Stage, Examples]:
    method = build_method(recipe.method, recipe.model)
    stage = method.stages[0]
    return method, stage, Examples(build_mixture(recipe.data), stage, recipe.train)


@pytest.mark.parametrize(("world", "accumulate"), [(2, 1), (3, 1), (1, 3), (2, 2)])
def test_every_process_gets_its_share_of_the_same_batches(tiny_recipe: MakeRecipe, world: int, accumulate: int) -> None:
    _, _, whole_batches = parts_of(tiny_recipe("train.steps=3", "train.batch=5"))
    _, _, examples = parts_of(tiny_recipe("train.steps=3", "train.batch=5", f"train.accumulate={accumulate}"))
    whole = list(example_batches(whole_batches, 1, 0, 1))
    parts = [list(example_batches(examples, 1, rank, world)) for rank in range(world)]
    assert len(whole) == 2
    for step, (batch, names) in enumerate(whole):
        cut = [part for own in parts for part in own[step * accumulate : (step + 1) * accumulate]]
        assert [name for _, part_names in cut for name in part_names] == list(names)
        assert {len(part_names) for _, part_names in cut} == {5 // len(cut), -(-5 // len(cut))}
        for name, tensor in batch.items():
            assert torch.equal(torch.cat([part[name] for part, _ in cut]), tensor), name


def test_examples_can_be_sent_to_workers_and_leave_the_network_behind(tiny_recipe: MakeRecipe) -> None:
    _, _, examples = parts_of(tiny_recipe("model.fine_widths=[64, 256]"))
    data = pickle.dumps(examples)
    assert len(data) < 100_000  # no picture is loaded yet; the network takes megabytes
    sent, (batch, name) = pickle.loads(data)[5], examples[5]
    assert sent[1] == name
    assert all(torch.equal(sent[0][key], tensor) for key, tensor in batch.items())


def test_the_average_follows_its_decay(tiny_recipe: MakeRecipe) -> None:
    recipe = tiny_recipe("train.steps=5", "train.ema=0.3", "train.warmup=0")
    method, stage, examples = parts_of(recipe)
    accelerator = Accelerator(cpu=True)
    state = new_state(method, stage, recipe.train, accelerator)
    loader = example_batches(examples, 0, 0, 1)
    expected: torch.Tensor | None = None
    for number, _ in enumerate(train_steps(method, stage, loader, state, recipe.train, accelerator)):
        weight = method.net.fine.stem.weight.detach().clone()
        decay = min(0.3, (1 + number) / (10 + number))  # the first average is the first weights
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
        torch.testing.assert_close(state.ema.module.fine.stem.weight, expected, atol=1e-7, rtol=1e-6)
    assert state.step == 5
    assert not torch.equal(expected, method.net.fine.stem.weight)


def test_only_the_parameters_of_the_stage_learn(tiny_recipe: MakeRecipe) -> None:
    recipe = tiny_recipe("train.steps=3", "train.warmup=0")
    method, whole, examples = parts_of(recipe)
    stage = Stage("part", whole.prepare, whole.objective, trains=("exposure.", "coarse.head"))
    before = {name: parameter.detach().clone() for name, parameter in method.net.named_parameters()}
    accelerator = Accelerator(cpu=True)
    state = new_state(method, stage, recipe.train, accelerator)
    for _ in train_steps(method, stage, example_batches(examples, 0, 0, 1), state, recipe.train, accelerator):
        pass
    for name, parameter in method.net.named_parameters():
        learns = name.startswith(("exposure.", "coarse.head"))
        assert torch.equal(parameter, before[name]) is not learns, name


def test_the_gradient_is_clipped(tiny_recipe: MakeRecipe) -> None:
    recipe = tiny_recipe("train.steps=1", "train.clip_norm=1e-3")
    method, stage, examples = parts_of(recipe)
    accelerator = Accelerator(cpu=True)
    state = new_state(method, stage, recipe.train, accelerator)
    norms = []
    state.optimizer.optimizer.register_step_pre_hook(
        lambda *_: norms.append(torch.stack([p.grad.norm() for p in method.net.parameters()]).norm().item())
    )
    loader = example_batches(examples, 0, 0, 1)
    (report,) = train_steps(method, stage, loader, state, recipe.train, accelerator)
    assert report.grad_norm > 0.1
    assert norms == pytest.approx([1e-3], rel=1e-3)
