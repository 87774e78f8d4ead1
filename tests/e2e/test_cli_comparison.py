"""``darklift evaluate`` with several rows: variations, tables, the report, and what is refused before the work."""

import csv
import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from darklift import files

if TYPE_CHECKING:
    from conftest import Darklift


@pytest.fixture
def pairs(tmp_path: Path) -> None:
    """Four pairs of two scenes."""
    for number in range(4):
        scene = np.random.default_rng(number // 2).integers(20, 250, (4, 6, 3)).astype(np.uint8)
        high = np.asarray(Image.fromarray(scene).resize((72, 48), Image.Resampling.BICUBIC), np.float32)
        noise = np.random.default_rng(9 + number).normal(0, 1, high.shape)
        for folder, pixels in (("high", high + noise), ("low", high / 10 + noise)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / folder / f"{number}.png")


EVALUATE = ("evaluate", "--low", "low", "--high", "high")


@pytest.mark.usefixtures("pairs", "loaded_models")
class TestComparison:
    def test_every_combination_is_a_row_and_seeds_are_compared_as_one(
        self, darklift: "Darklift", tmp_path: Path
    ) -> None:
        done = darklift(
            *EVALUATE, "--vary", "steps=1,2", "--vary", "seed=0,1", "--baseline", "identity",
            "--table", "a.csv", "--table", "a.md", "--table", "a.tex", "--json", "a.json",
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
        assert len(rows) == (2 * 2 + 1) * 4
        assert {row["scene"] for row in rows} == {"0", "2"}
        values = json.loads((tmp_path / "a.json").read_text())
        assert len(values["evaluations"]) == 5
        entries = values["comparison"]["entries"]
        assert [entry["seeds"] for entry in entries] == [2, 2, 1]
        assert values["comparison"]["scenes"] == 2
        assert entries[2]["better_by"]["psnr"]["mean"] < 0
        for text in (done.stdout, (tmp_path / "a.md").read_text(encoding="utf-8")):
            assert "against" in text
            assert "Too few scenes (2)" in " ".join(text.split())
        assert "\\toprule" in (tmp_path / "a.tex").read_text(encoding="utf-8")

    def test_a_row_is_called_by_its_model_and_what_varies(self, darklift: "Darklift", tmp_path: Path) -> None:
        models = ("-m", "compact", "-m", "runs/best.safetensors")
        done = darklift(*EVALUATE, *models, "--vary", "steps=1,2", "--vary", "seed=0", "--save", "out", "--per-image")
        assert done.exit_code == 0, done.stderr
        names = [f"{model} steps_{steps} seed_0" for model in ("best", "compact") for steps in (1, 2)]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
        assert set(names) <= set(done.stdout.splitlines())

    def test_the_report_shows_every_row(self, darklift: "Darklift", tmp_path: Path) -> None:
        pytest.importorskip("altair", reason="the extra report is not installed")
        done = darklift(*EVALUATE, "--baseline", "identity", "-m", "fake", "--report", "sub/report.html")
        assert done.exit_code == 0, done.stderr
        page = (tmp_path / "sub" / "report.html").read_text(encoding="utf-8")
        data = json.loads(page.split('id="data">')[1].split("</script>")[0])
        assert len(data["labels"]) == 2
        assert {view["name"] for view in data["views"]} == set("0123")
        assert len({view["made"][0] for view in data["views"]}) == 4

    def test_one_row_is_printed_as_before(self, darklift: "Darklift") -> None:
        done = darklift(*EVALUATE)
        assert done.exit_code == 0
        assert "against" not in done.stdout

    @pytest.mark.parametrize(
        ("options", "facts"),
        [
            (["--vary", "steps"], "steps=1,2"),
            (["--vary", "stepz=1"], "stepz"),
            (["--vary", "steps=1,1"], "once"),
            (["--vary", "steps=1,01"], "once"),
            (["--vary", "seed=0", "--vary", "seed=1"], "once"),
            (["--vary", "strength=7"], "strength"),
            (["--table", "a.xlsx"], ".csv"),
            (["--report", "a.pdf"], ".html"),
            (
                ["--report", "a.html", "--metrics", "lpips_alex", "--metric-weights", "none"],
                "there are none (lpips_alex",
            ),
            (["--vary", "exposure=0,1", "--ground-truth-mean"], "give only one of them"),
            (["--json", "a.md", "--table", "a.md"], "--table: a.md is also written by --json"),
            (["--json", "./a.html", "--report", "a.html"], "--report: a.html is also written by --json"),
            (["--save", "out", "--json", "out/1.png"], "--save: out/1.png is also written by --json"),
            (["--names", "list.txt", "--json", "list.txt", "--overwrite"], "--json: list.txt is read by this command"),
            (["--window", "4", "--stride", "3", "--vary", "window=2"], "stride is 3"),
        ],
    )
    def test_what_cannot_be_is_refused_before_the_work(
        self, darklift: "Darklift", loaded_models: list[str], options: list[str], facts: str
    ) -> None:
        Path("list.txt").write_text("1\n")
        done = darklift(*EVALUATE, *options)
        assert done.exit_code == 2
        assert facts in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not loaded_models

    @pytest.mark.parametrize("file", ["a.md", "a.csv", "a.html"])
    def test_scores_survive_a_table_that_the_disk_refuses(
        self, darklift: "Darklift", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
    ) -> None:
        if file.endswith("html"):
            pytest.importorskip("altair", reason="the extra report is not installed")
        write = files.write_atomically

        def full(path: Path, data: bytes) -> None:
            if path.name == file:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(path, data)

        for module in ("darklift.files", "darklift.report.build"):
            monkeypatch.setattr(f"{module}.write_atomically", full, raising=False)
        option = "--report" if file.endswith("html") else "--table"
        done = darklift(*EVALUATE, "--baseline", "identity", option, file, "--json", "a.json")
        assert (done.exit_code, done.stderr.splitlines()[-1]) == (
            1,
            f"darklift: cannot write {file}: {os.strerror(28)}",
        )
        assert "| identity |" in done.stdout
        assert json.loads((tmp_path / "a.json").read_text())["images"] == 4

    def test_a_report_without_any_score_is_told_after_the_numbers(self, darklift: "Darklift", tmp_path: Path) -> None:
        pytest.importorskip("altair", reason="the extra report is not installed")
        asked = ("--baseline", "identity", "--metrics", "ms_ssim", "--report", "a.html", "--json", "a.json")
        done = darklift(*EVALUATE, *asked)  # of pictures below 161 pixels it has none
        assert done.exit_code == 1
        assert "no report a.html: no metric has a value for every image" in done.stderr
        assert (tmp_path / "a.json").exists()

    def test_rows_of_one_name_are_all_there(self, darklift: "Darklift", tmp_path: Path) -> None:
        rows = [part for name in ("x", "x", "x-2", "a|b\n") for part in ("--outputs", f"{name}=high")]
        done = darklift(*EVALUATE, *rows, "--json", "a.json")
        assert done.exit_code == 0, done.stderr
        assert len(json.loads((tmp_path / "a.json").read_text())["evaluations"]) == 4
        assert r"| a\|b\n | not known |" in done.stdout

    def test_names_in_another_coding_can_be_written(self, darklift: "Darklift", tmp_path: Path) -> None:
        pytest.importorskip("altair", reason="the extra report is not installed")
        strange = os.fsdecode(b"\xff1.png")
        try:
            for folder in ("low", "high"):
                (tmp_path / folder / "1.png").rename(tmp_path / folder / strange)
        except OSError:
            pytest.skip("this disk takes no such name")
        files = ("--table", "a.csv", "--table", "a.tex", "--report", "a.html")
        done = darklift(*EVALUATE, "--baseline", "identity", *files)
        assert done.exit_code == 0, done.stderr
        assert r"\udcff1" in (tmp_path / "a.csv").read_text(encoding="utf-8")
        assert r"\udcff1" in (tmp_path / "a.html").read_text(encoding="utf-8")

    def test_windows_of_another_side_keep_the_stride(self, darklift: "Darklift", tmp_path: Path) -> None:
        windows = ("--window", "64", "--stride", "16", "--vary", "window=32,48")
        done = darklift(*EVALUATE, *windows, "--json", "a.json")
        assert done.exit_code == 0, done.stderr
        rows = json.loads((tmp_path / "a.json").read_text())["evaluations"]
        assert [row["settings"]["window"] for row in rows] == [[32, 16], [48, 16]]

    @pytest.mark.parametrize(
        ("vary", "facts"),
        [
            ("steps=1,99", "default steps=99: steps: this model takes 1 to 8 steps, got 99"),
            ("preset=default,best", "default preset=best: model fake has no preset 'best'"),
        ],
    )
    def test_what_a_model_cannot_do_is_refused_before_any_row(
        self, darklift: "Darklift", tmp_path: Path, vary: str, facts: str
    ) -> None:
        done = darklift(*EVALUATE, "--vary", vary, "--save", "out", "--baseline", "identity")
        assert done.exit_code == 2
        assert facts in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "out").exists()

    def test_a_model_that_takes_no_brightness_is_refused_before_any_row(
        self, darklift: "Darklift", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("darklift.runtime.model.Model.controls_exposure", False)
        done = darklift(*EVALUATE, "-m", "a", "-m", "b", "--ground-truth-mean")
        assert done.exit_code == 2
        assert "a cannot be told how bright to go: leave out --ground-truth-mean" in done.stderr

    def test_a_table_that_is_there_is_not_written_over(self, darklift: "Darklift", tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text("mine")
        done = darklift(*EVALUATE, "--table", "a.md")
        assert done.exit_code in (1, 2)
        assert (tmp_path / "a.md").read_text() == "mine"
        assert darklift(*EVALUATE, "--table", "a.md", "--overwrite").exit_code == 0
        assert (tmp_path / "a.md").read_text() != "mine"
