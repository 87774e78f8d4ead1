"""``darklift train``, ``evaluate`` and ``export``, as people see them."""

import io
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from PIL import Image

from darklift.cli._console import progress_bar
from darklift.cli._train import find_recipe
from darklift.errors import ConfigError

if TYPE_CHECKING:
    from typer.testing import Result

    from darklift.methods import Compact

Darklift: TypeAlias = "Callable[..., Result]"


def tiny(paired_data: Path, *changes: str) -> list[str]:
    options = ["train", "compact_tiny"]
    for change in (f"data.root={paired_data}", "train.steps=6", "data.validation.every=3", *changes):
        options += ["--set", change]
    return options


class TestRecipes:
    def test_a_name_or_a_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        shipped = find_recipe("compact")
        assert shipped.read_text(encoding="utf-8").startswith("#")
        for text in ("compact.toml", "recipes/compact", "recipes/compact.toml", str(shipped)):
            assert find_recipe(text).samefile(shipped)

    def test_a_file_of_ones_own_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("recipes").mkdir()
        mine = Path("recipes/compact.toml")
        mine.touch()
        assert find_recipe("recipes/compact.toml") == mine

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("compat", "did you mean 'compact'"),
            ("elsewhere/compact.toml", "did you mean"),
            ("x", "or one of compact, "),
        ],
    )
    def test_an_unknown_one(self, text: str, hint: str) -> None:
        with pytest.raises(ConfigError, match=hint):
            find_recipe(text)


class TestTrain:
    def test_it_tells_how_it_goes_and_what_came_of_it(self, darklift: Darklift, paired_data: Path) -> None:
        result = darklift(*tiny(paired_data, "train.log_every=2"))
        assert (result.exit_code, result.stdout) == (0, ""), result.stderr
        steps = [line for line in result.stderr.splitlines() if line.startswith("step ") and "loss" in line]
        assert [line.split()[1] for line in steps] == ["2/6", "4/6", "6/6"]
        assert all(part in steps[-1] for part in ("lr ", " s/step", "ETA 0:00:00"))
        assert "step 3: " in result.stderr
        best = Path("runs/compact_tiny/best.safetensors")
        assert best.exists()
        assert f"trained: {best}" in result.stderr

    def test_ctrl_c_says_the_very_command_to_go_on_with(
        self, darklift: Darklift, paired_data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from darklift.cli import _training_display as display

        step = display._Lines.step

        def step_then_signal(self: Any, report: Any, steps: int) -> None:
            step(self, report, steps)
            if report.step == 2:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(display._Lines, "step", step_then_signal)
        stopped = darklift(*tiny(paired_data), "--run", "my run")
        assert stopped.exit_code == 130
        last = stopped.stderr.splitlines()[-1]
        command = "darklift train compact_tiny --set .* --set data.validation.every=3 --run 'my run' --resume"
        assert re.fullmatch(f"darklift: stopped at step [23] of 6, saved: go on with --resume: {command}", last)
        resumed = darklift(*tiny(paired_data), "--run", "my run", "--resume")
        assert resumed.exit_code == 0, resumed.stderr
        assert "step 6/6" in resumed.stderr

    def test_ctrl_c_before_anything_was_saved(self, darklift: Darklift, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*_: Any, **__: Any) -> Path:
            raise KeyboardInterrupt

        monkeypatch.setattr("darklift.train.run.train", stop)
        result = darklift("train", "compact")
        assert (result.exit_code, result.stderr) == (130, "darklift: stopped before anything was saved\n")

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            (["nothing_like_it"], 2, "there is no recipe 'nothing_like_it'"),
            (["compact", "--set", "train.stepz=3"], 2, "'train.stepz': did you mean 'steps'"),
            (["compact", "--set", "train.steps"], 2, "key=value"),
            (["compact", "--set", "data.root=nowhere", "--set", "train.precision=no"], 1, "nowhere"),
            (["compact", "--resume"], 1, "runs/compact"),
        ],
    )
    def test_what_cannot_be_is_one_line(self, darklift: Darklift, options: list[str], code: int, message: str) -> None:
        result = darklift("train", *options)
        assert result.exit_code == code
        assert message in result.stderr
        assert result.stderr.count("\n") == 1

    def test_only_the_first_of_several_processes_speaks(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from darklift.cli._training_display import training_display

        report: Any = SimpleNamespace(step=1, loss_mean=0.5, lr=1e-3, seconds=60.0)
        for rank, spoken in (
            ("1", ""),
            ("0", "step 1/31  loss_mean 0.5000  lr 1.0e-03  60.00 s/step  ETA 0:30:00\nhm\n"),
        ):
            told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
            for name, value in told.items():  # as torchrun sets them
                monkeypatch.setenv(name, value)
            with training_display(line_every=1) as display:
                display.step(report, 31)
                display.note("hm")
            assert capsys.readouterr().err == spoken


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person at a terminal sees."""
    from rich.console import Console

    seen = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=seen, force_terminal=True, width=120)
    for module in ("_console", "_training_display"):
        monkeypatch.setattr(f"darklift.cli.{module}.stderr", lambda: console)
        monkeypatch.setattr(f"darklift.cli.{module}.watched", lambda: True)
    return seen


class TestOnATerminal:
    def test_training_draws_a_bar(self, terminal: io.StringIO) -> None:
        from darklift.cli._training_display import training_display

        report: Any = SimpleNamespace(step=7, loss_mean=0.25, lr=1e-3, seconds=2.0)
        with training_display(line_every=50) as display:
            display.step(report, 10)
            display.note("step 7: score [1.5]")
        assert "loss_mean 0.2500  lr 1.0e-03  2.00 s/step  ETA 0:00:06" in terminal.getvalue()
        assert "7/10" in terminal.getvalue()
        assert "step 7: score [1.5]" in terminal.getvalue()

    def test_enhancing_draws_a_bar(self, terminal: io.StringIO) -> None:
        with progress_bar() as bar:
            bar.update(2.5, 4, "[night].jpg")
        assert "[night].jpg" in terminal.getvalue()
        assert "2/4" in terminal.getvalue()

    def test_quiet_draws_none(self, terminal: io.StringIO) -> None:
        with progress_bar(shown=False) as bar:
            bar.update(1, 2, "night.jpg")
        assert terminal.getvalue() == ""


@pytest.mark.usefixtures("loaded_models")
class TestEvaluate:
    def test_the_table_and_all_files(self, darklift: Darklift, paired_data: Path) -> None:
        pairs = ["--low", str(paired_data / "low"), "--high", str(paired_data / "high")]
        Path("names.txt").write_text("3\n5\n", encoding="utf-8")
        files = ["--json", "out/scores.json", "--save", "out/pictures", "--sheet", "out/sheet.png"]
        result = darklift("evaluate", *pairs, "--names", "names.txt", "--steps", 3, "--per-image", *files)
        assert result.exit_code == 0, result.stderr
        table = [line for line in result.stdout.splitlines() if line.startswith("| ")]
        assert [row.split("|")[1].strip() for row in table] == ["image", "3", "5", "model", "fake"]
        scores = json.loads(Path("out/scores.json").read_text(encoding="utf-8"))
        assert (scores["steps"], scores["images"]) == (3, 2)
        assert {"psnr", "psnr_gt_mean"} <= scores["mean"].keys()
        assert sorted(path.name for path in Path("out/pictures").iterdir()) == ["3.png", "5.png"]
        with Image.open("out/sheet.png") as sheet:
            assert sheet.width > 3 * 64

    def test_a_pair_of_two_sizes_is_named_and_the_others_are_scored(
        self, darklift: Darklift, paired_data: Path, loaded_models: list[str]
    ) -> None:
        shutil.copytree(paired_data, "data")
        odd = next(Path("data/high").glob("5.*"))
        with Image.open(odd) as image:
            image.resize((40, 30)).save(odd)
        Path("names.txt").write_text("3.png\n4\n5\n", encoding="utf-8")
        pairs = ["--low", "data/low", "--high", "data/high", "--names", "names.txt"]
        result = darklift("evaluate", *pairs, "--json", "scores.json", "--sheet", "sheet.png", "--save", "out")
        assert result.exit_code == 1
        assert "left out 5: pair 5 differs in size" in result.stderr
        assert "Without 1 of 3 pairs: 5" in result.stdout
        scores = json.loads(Path("scores.json").read_text(encoding="utf-8"))
        assert ([image["name"] for image in scores["per_image"]], scores["left_out"][0]["name"]) == (["3", "4"], "5")
        assert Path("sheet.png").is_file()
        for path in Path("data/low").iterdir():
            path.write_bytes(path.read_bytes()[:50])
        loaded_models.clear()
        assert darklift("evaluate", *pairs).exit_code == 1
        assert loaded_models == [], "before a model is loaded"

    def test_the_ground_truths_mean_or_an_exposure_but_not_both(self, darklift: Darklift, paired_data: Path) -> None:
        pairs = ["--low", str(paired_data / "low"), "--high", str(paired_data / "high")]
        given = darklift("evaluate", *pairs, "--ground-truth-mean")
        assert "ground truth's mean given" in given.stdout
        wish = darklift("evaluate", *pairs, "--exposure", "+0.5")
        assert "predicted" not in wish.stdout
        both = darklift("evaluate", *pairs, "--ground-truth-mean", "--exposure", "1")
        assert both.exit_code == 2
        assert "--ground-truth-mean" in both.stderr

    @pytest.mark.parametrize(
        ("options", "code", "message"),
        [
            (["--names", "gone.txt"], 1, "cannot read gone.txt"),
            (["--json", "here.json"], 2, "--json here.json: it exists already"),
            (["--json", "here.json/scores.json"], 2, "here.json is not a folder"),
            (["--sheet", "here.json"], 2, "not the name of a picture"),
            (["--save", "here.json"], 2, "here.json is not a folder"),
            (["--save", "kept"], 2, "kept/0.png: it exists already"),
            (["--save", "kept", "--overwrite", "--sheet", "kept/0.png"], 2, "one of the pictures that are scored"),
            (["--low", "kept", "--high", "kept", "--save", "kept", "--overwrite"], 2, "pictures that are scored"),
            (["--low", "gone"], 1, "no folder gone"),
            (["--steps", "9"], 2, "takes 1 to 8 steps"),
        ],
    )
    def test_what_cannot_be_is_one_line(
        self, darklift: Darklift, paired_data: Path, options: list[str], code: int, message: str
    ) -> None:
        Path("here.json").touch()
        Path("kept").mkdir()
        Image.new("RGB", (8, 8)).save("kept/3.png")
        Path("kept/0.png").symlink_to(next((paired_data / "high").glob("0.*")))
        pairs = ["--low", str(paired_data / "low"), "--high", str(paired_data / "high")]
        result = darklift("evaluate", *pairs, *options)
        assert (result.exit_code, result.stdout) == (code, "")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


class TestExport:
    def test_it_never_replaces_what_is_no_exported_model(
        self, darklift: Darklift, make_compact: "Callable[[], Compact]"
    ) -> None:
        from darklift.store.checkpoint import save_checkpoint

        method = make_compact()
        save_checkpoint(Path("best.safetensors"), method, method.net.state_dict(), {})
        Path("home").mkdir()
        Path("home/letter.txt").write_text("dear", encoding="utf-8")
        for options in ([], ["--overwrite"]):
            result = darklift("export", "best.safetensors", "-o", "home", *options)
            assert result.exit_code == 2
            assert result.stderr.startswith("darklift: home ")
            assert Path("home/letter.txt").exists()

    def test_a_file_that_is_no_checkpoint_is_one_line(self, darklift: Darklift) -> None:
        Path("best.safetensors").write_bytes(b"no weights")
        result = darklift("export", "best.safetensors", "-o", "mine")
        assert result.exit_code == 1
        assert "cannot read best.safetensors as a safetensors checkpoint" in result.stderr
        assert result.stderr.count("\n") == 1
        assert not Path("mine").exists()

    def test_wishes_reach_the_exporter(self, darklift: Darklift, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = {}

        def export_model(checkpoint: Path, folder: Path, **options: Any) -> Path:
            asked.update(options, checkpoint=checkpoint)
            folder.mkdir()
            (folder / "model.json").write_bytes(bytes(2_000_000))
            return folder

        monkeypatch.setattr("darklift.store.export.export_model", export_model)
        result = darklift("export", "best.safetensors", "-o", "mine", "--storage", "fp16", "--name", "dusk")
        assert result.exit_code == 0
        assert asked == {
            "checkpoint": Path("best.safetensors"),
            "storage": "fp16",
            "name": "dusk",
            "overwrite": False,
        }
        assert "exported: mine (2.0 MB)" in result.stderr
