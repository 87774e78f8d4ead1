"""``darklift enhance``, ``info`` and what all commands share, as people see them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from PIL import Image

from darklift.errors import ImageError
from darklift.pipeline.enhancer import Enhancer
from heif_files import heif_file

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"
MakePhotos: TypeAlias = Callable[[Sequence[str]], None]

pytestmark = pytest.mark.usefixtures("loaded_models")


def mean(path: str | Path) -> float:
    with Image.open(path) as image:
        return float(np.asarray(image).mean())


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestOneResult:
    def test_it_lies_beside_the_picture_and_is_brighter(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["night.png"])
        result = darklift("enhance", "night.png")
        assert (result.exit_code, result.stdout) == (0, "")
        assert "night.png -> night_enhanced.png (26x18, 2 steps, " in result.stderr
        assert files_below(tmp_path) == ["night.png", "night_enhanced.png"]
        assert mean("night_enhanced.png") == pytest.approx(10 * mean("night.png"), rel=0.01)

    def test_the_output_is_a_file_a_folder_or_a_pattern(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["night.png"])
        for output in ("deep/bright.webp", "out/", "{parent}/x/{n}_{stem}{ext}"):
            assert darklift("enhance", "night.png", "-o", output).exit_code == 0
        assert files_below(tmp_path) == ["deep/bright.webp", "night.png", "out/night.png", "x/1_night.png"]

    def test_wishes_reach_the_model(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["night.png"])
        for name, options in {
            "plain": [],
            "brighter": ["--exposure", "+1"],
            "darker": ["--exposure", "-1"],
            "given": ["--exposure", "mean=0.8"],
            "half": ["--strength", "0.5"],
            "deeper": ["--blacks", "-50"],
            "opened": ["--shadows", "+50"],
            "held": ["--highlights", "-50"],
            "shining": ["--whites", "50"],
            "gray": ["--saturation", "-100"],
            "blocky": ["--deblock", "off"],
        }.items():
            assert darklift("enhance", "night.png", "-o", f"{name}.png", *options).exit_code == 0
        assert mean("brighter.png") == pytest.approx(2 ** (1 / 2.2) * mean("plain.png"), rel=0.02)
        assert mean("darker.png") == pytest.approx(2 ** (-1 / 2.2) * mean("plain.png"), rel=0.02)
        assert mean("given.png") == pytest.approx(2 * mean("plain.png"), rel=0.02)
        assert mean("deeper.png") < mean("plain.png") < mean("opened.png")
        assert mean("held.png") < mean("plain.png") < mean("shining.png")
        assert mean("blocky.png") == mean("plain.png")
        with Image.open("gray.png") as gray:
            assert np.ptp(np.asarray(gray, dtype=int), axis=2).max() <= 1
        assert mean("half.png") == pytest.approx(0.5 * (mean("plain.png") + mean("night.png")), rel=0.02)
        result = darklift("enhance", "night.png", "-o", "more.png", "--steps", "5")
        assert "5 steps" in result.stderr

    def test_quality_and_format_reach_the_file(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["night.png"])
        for quality in (10, 100):
            assert darklift("enhance", "night.png", "-o", f"{quality}.jpg", "--quality", quality).exit_code == 0
        assert Path("10.jpg").stat().st_size < Path("100.jpg").stat().st_size
        assert darklift("enhance", "night.png", "--format", "WebP", "--lossless").exit_code == 0
        with Image.open("night_enhanced.webp") as image:
            assert image.format == "WEBP"

    @pytest.mark.parametrize("name", ["夜の写真.png", "nuit d'été.jpg", "a[1] (2) {n}.png", "-night.png"])
    def test_any_file_name_will_do(self, darklift: Darklift, make_photos: MakePhotos, name: str) -> None:
        make_photos([name])
        result = darklift("enhance", "--json", "--", name)
        path = Path(name)
        assert result.exit_code == 0
        assert json.loads(result.stdout)["files"][0]["input"] == name
        assert path.with_stem(f"{path.stem}_enhanced").exists()

    def test_a_sheet_shows_before_and_after(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["night.png"])
        result = darklift("enhance", "night.png", "--sheet", "sheets/night.png")
        assert "before and after: sheets/night.png" in result.stderr
        with Image.open("sheets/night.png") as sheet:
            assert sheet.width > 2 * 26

    def test_a_map_of_uncertainty(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["night.png"])
        result = darklift("enhance", "night.png", "--uncertainty", "maps/night.png", "--json")
        assert json.loads(result.stdout)["files"][0]["uncertainty"] == "maps/night.png"
        with Image.open("maps/night.png") as drawn, Image.open("night.png") as night:
            assert drawn.height > night.height
            unsure, bright = np.asarray(drawn)[:18, :26], np.asarray(night).mean(axis=2)
        assert np.corrcoef(unsure[..., 1].ravel(), bright.ravel())[0, 1] > 0.8, "green rises through the colours"
        assert files_below(tmp_path) == ["maps/night.png", "night.png", "night_enhanced.png"]

    def test_a_map_that_cannot_be_written_leaves_no_picture(
        self, darklift: Darklift, make_photos: MakePhotos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def refuse(*_: object) -> None:
            raise ImageError("cannot write the map")

        make_photos(["night.png"])
        monkeypatch.setattr("darklift.batch.job.draw_doubt", refuse)
        assert darklift("enhance", "night.png", "--uncertainty", "map.png").exit_code == 1
        assert files_below(tmp_path) == ["night.png"]

    def test_windows(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["night.png"])
        assert darklift("enhance", "night.png", "--window", "16", "--stride", "4").exit_code == 0
        assert darklift("enhance", "night.png", "-o", "whole.png").exit_code == 0
        with Image.open("night_enhanced.png") as windowed, Image.open("whole.png") as whole:
            assert np.abs(np.asarray(windowed).astype(int) - np.asarray(whole)).max() <= 1

    def test_what_a_picture_cannot_keep_is_told(self, darklift: Darklift) -> None:
        Image.new("CMYK", (8, 8)).save("print.jpg", icc_profile=b"no profile at all" * 8)
        result = darklift("enhance", "print.jpg")
        assert result.exit_code == 0
        assert "print.jpg: not kept: a CMYK profile that cannot be used" in result.stderr

    def test_quiet_says_nothing(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["in/night.png", "in/old_enhanced.png"])
        result = darklift("enhance", "in", "--quiet", "--sheet", "sheet.png")
        assert (result.exit_code, result.output) == (0, "")


class TestManyResults:
    def test_a_folder_of_mixed_files(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["in/a.png", "in/b.JPG", "in/.thumb.png", "in/deep/c.webp", "in/a_enhanced.png"])
        (tmp_path / "in/notes.txt").write_text("not a picture")
        result = darklift("enhance", "in", "-o", "out", "--recursive", "--format", "png")
        assert result.exit_code == 0
        assert files_below(tmp_path / "out") == ["a.png", "a_enhanced.png", "b.png", "deep/c.png"]

    def test_maps_of_uncertainty_by_a_pattern(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["in/a.png", "in/b.webp"])
        result = darklift("enhance", "in", "-o", "out", "--uncertainty", "out/{n}_{stem}_map{ext}")
        assert result.exit_code == 0
        assert files_below(tmp_path / "out") == ["1_a_map.png", "2_b_map.png", "a.png", "b.webp"]

    def test_a_second_run_leaves_its_own_results_out(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["in/a.png"])
        assert darklift("enhance", "in").exit_code == 0
        result = darklift("enhance", "in", "--overwrite")
        assert result.exit_code == 0
        assert "in/a_enhanced.png" in result.stderr
        assert files_below(tmp_path) == ["in/a.png", "in/a_enhanced.png"]

    def test_a_quoted_pattern(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["in/a1.png", "in/a2.png", "in/b.png"])
        assert darklift("enhance", "in/a*.png", "-o", "out").exit_code == 0
        assert files_below(tmp_path / "out") == ["a1.png", "a2.png"]

    def test_the_model_is_loaded_once(
        self, darklift: Darklift, make_photos: MakePhotos, loaded_models: list[str]
    ) -> None:
        make_photos(["a.png", "b.png", "c.png"])
        assert darklift("enhance", "a.png", "b.png", "c.png", "-m", "mine").exit_code == 0
        assert loaded_models == ["mine"]

    def test_one_that_fails_stops_no_other(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["a.png", "c.png"])
        (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
        result = darklift("enhance", "a.png", "broken.png", "missing.png", "c.png", "-o", "out", "--sheet", "s.png")
        assert result.exit_code == 1
        assert files_below(tmp_path / "out") == ["a.png", "c.png"]
        errors = [line for line in result.stderr.splitlines() if line.startswith("darklift: ")]
        assert len(errors) == 3
        assert "cannot read missing.png: no such file" in errors[0]
        assert "cannot read broken.png" in errors[1]
        assert "2 of 4" in errors[2]
        assert "Traceback" not in result.stderr
        assert Path("s.png").exists()

    def test_a_defect_of_ours_stops_no_other_picture_and_is_told_in_full(
        self, darklift: Darklift, make_photos: MakePhotos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        make_photos(["a.png", "b.png"])
        run, calls = Enhancer.run, []

        def fail_first(*arguments: object, **options: object) -> object:
            calls.append(1)
            if len(calls) == 1:
                raise ZeroDivisionError("oops")
            return run(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Enhancer, "run", fail_first)
        result = darklift("enhance", "a.png", "b.png", "-o", "out")
        assert result.exit_code == 1
        assert files_below(tmp_path / "out") == ["b.png"]
        assert "a.png: a defect in darklift, please report it: ZeroDivisionError('oops')" in result.stderr
        assert "Traceback" in result.stderr

    def test_ctrl_c_stops_and_tells_how_far_it_came(
        self, darklift: Darklift, make_photos: MakePhotos, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_photos(["a.png", "b.png", "c.png"])
        run, calls = Enhancer.run, []

        def stop_second(*arguments: object, **options: object) -> object:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return run(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Enhancer, "run", stop_second)
        result = darklift("enhance", "a.png", "b.png", "c.png", "--json")
        assert result.exit_code == 130
        assert "1 of 3" in result.stderr.splitlines()[-1]
        assert [file["input"] for file in json.loads(result.stdout)["files"]] == ["a.png"]


class TestJson:
    def test_stdout_is_one_document_and_nothing_else(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path
    ) -> None:
        make_photos(["a.png", "b.png"])
        (tmp_path / "broken.png").write_bytes(b"nothing")
        result = darklift("enhance", "a.png", "broken.png", "b.png", "-o", "out/", "--json", "--sheet", "s.png")
        assert result.exit_code == 1
        report = json.loads(result.stdout)
        assert report["model"] == {"name": "fake", "method": "gain", "backend": "onnx"}
        assert report["failed"] == 1
        good, bad, _ = report["files"]
        assert good.pop("seconds") >= 0
        assert good == {
            "input": "a.png",
            "output": str(Path("out/a.png")),
            "error": None,
            "width": 26,
            "height": 18,
            "frames": 1,
            "brightness": 0.4,
            "share": 1.0,
            "holds_nothing": False,
            "scale": 1,
            "unchanged": False,
            "steps": 2,
            "notes": [],
        }
        assert (bad["input"], bad["output"]) == ("broken.png", str(Path("out/broken.png")))
        assert "cannot read broken.png" in bad["error"]

    def test_what_is_not_kept_is_named(self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["night.jpg"])
        data = (tmp_path / "night.jpg").read_bytes() + b"\0\0\0\x10ftypisom"
        with_comment = data[:2] + b"\xff\xfe\0\x0aby night" + data[2:]
        (tmp_path / "night.jpg").write_bytes(with_comment)
        for name, kept in (("a.jpg", True), ("b.webp", False)):
            result = darklift("enhance", "night.jpg", "-o", name, "--json")
            (note,) = json.loads(result.stdout)["files"][0]["notes"] or [""]
            assert ("video" in note and "WebP" in note) != kept
            assert "comment" not in note
            assert (f"not kept: {note}" in result.stderr) != kept
        assert (tmp_path / "a.jpg").read_bytes().endswith(data[-12:])
        assert b">by night<" in (tmp_path / "b.webp").read_bytes()  # of its XMP

    def test_a_gain_map_that_is_left_out_is_named(self, darklift: Darklift, tmp_path: Path) -> None:
        pytest.importorskip("pi_heif", reason="the extra heif is not installed")
        (tmp_path / "night.heic").write_bytes(heif_file(tone_map=True))
        result = darklift("enhance", "night.heic", "-o", "a.jpg", "--json")
        assert result.exit_code == 0
        (note,) = (note for note in json.loads(result.stdout)["files"][0]["notes"] if "gain map" in note)
        assert f"not kept: {note}" in result.stderr

    def test_a_wrong_request_prints_a_document_that_says_so(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["a.png"])
        for options in (["--steps", "9"], ["--exposure", "bright"]):
            result = darklift("enhance", "a.png", "--json", *options)
            assert result.exit_code == 2
            assert options[1] in json.loads(result.stdout)["error"]

    def test_where_all_have_failed_the_model_is_not_loaded(self, darklift: Darklift, loaded_models: list[str]) -> None:
        result = darklift("enhance", "missing.png", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["failed"] == 1
        assert loaded_models == []


class TestNothingIsLost:
    def test_a_file_that_is_there_stays_unless_overwrite_is_said(
        self, darklift: Darklift, make_photos: MakePhotos, loaded_models: list[str]
    ) -> None:
        make_photos(["a.png"])
        Path("a_enhanced.png").write_bytes(b"mine")
        result = darklift("enhance", "a.png")
        assert result.exit_code == 1
        assert "cannot write a_enhanced.png: it exists already" in result.stderr
        assert Path("a_enhanced.png").read_bytes() == b"mine"
        assert loaded_models == []
        assert darklift("enhance", "a.png", "--overwrite").exit_code == 0
        assert mean("a_enhanced.png") > 50

    def test_a_picture_is_replaced_only_if_named_and_overwrite_is_said(
        self, darklift: Darklift, make_photos: MakePhotos
    ) -> None:
        make_photos(["in/a.png"])
        before = Path("in/a.png").read_bytes()
        for arguments in (["in/a.png", "-o", "in/a.png"], ["in", "-o", "in", "--overwrite"]):
            result = darklift("enhance", *arguments)
            assert result.exit_code == 2
            assert "would be written over the picture in/a.png" in result.stderr
        assert Path("in/a.png").read_bytes() == before
        result = darklift("enhance", "in/a.png", "-o", "in/a.png", "--overwrite", "--sheet", "sheet.png")
        assert result.exit_code == 0
        assert mean("in/a.png") > 50
        left, right = np.array_split(np.asarray(Image.open("sheet.png"))[43:61].astype(int), 2, axis=1)
        assert right.max() > left.max() + 50  # the sheet still knows how it looked before

    def test_two_results_for_one_file_are_refused_before_anything_is_done(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, loaded_models: list[str]
    ) -> None:
        make_photos(["a.png", "deep/a.png"])
        result = darklift("enhance", "a.png", "deep/a.png", "-o", "out")
        assert result.exit_code == 2
        assert "darklift: a.png and deep/a.png would both be written to out/a.png" in result.stderr
        assert loaded_models == []
        assert not (tmp_path / "out").exists()

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
    def test_a_read_only_folder_is_told_before_the_work(
        self, darklift: Darklift, make_photos: MakePhotos, tmp_path: Path, loaded_models: list[str]
    ) -> None:
        make_photos(["in/a.png"])
        (tmp_path / "in").chmod(0o555)
        result = darklift("enhance", "in")
        (tmp_path / "in").chmod(0o755)
        assert result.exit_code == 1
        assert "the folder in is read-only" in result.stderr
        assert loaded_models == []

    def test_a_file_where_a_folder_is_wanted_is_told(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["a.png"])
        Path("out").write_text("mine")
        result = darklift("enhance", "a.png", "-o", "out/deep/a.png")
        assert result.exit_code == 1
        assert "cannot write out/deep/a.png: out is not a folder" in result.stderr


class TestWrongRequests:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--strength", "1.5"], "--strength"),
            (["--quality", "0"], "--quality"),
            (["--blacks", "-101"], "--blacks"),
            (["--saturation", "much"], "--saturation"),
            (["--deblock", "on"], "--deblock"),
            (["--steps", "0"], "--steps"),
            (["--steps", "9"], "takes 1 to 8 steps, got 9"),
            (["--exposure", "bright"], "neither stops from -10 to 10"),
            (["--exposure", "mean=3"], "neither stops"),
            (["--format", "gif"], "--format gif is not known: choose from apng, avif, avifs, bmp, jfif, jp2"),
            (["--lossless", "-o", "a.jpg"], "--lossless: a.jpg would be JPEG"),
            (["--sheet", "sheet"], "not the name of a picture"),
            (["--sheet", "night.png"], "exists already"),
            (["--sheet", "night.png", "--overwrite"], "one of the p"),
            (["--sheet", "night_enhanced.png"], "one of the p"),
            (["--backend", "abacus"], "--backend"),
            (["--uncertainty", "map.txt"], "--uncertainty map.txt has the extension .txt"),
            (["--uncertainty", "night.png"], "over the picture night.png"),
            (["--uncertainty", "night_enhanced.png"], "name them apart"),
            (["night2.png", "--uncertainty", "map.png"], "there are several pictures"),
            (["night2.png", "--uncertainty", "{m}.png"], "{m} is no placeholder"),
            (["--window", "6"], "expected a multiple of 4"),
            (["--window", "8", "--stride", "9"], "stride is 9, expected 1 to 8"),
            (["--stride", "9"], "give --window, too"),
            (["empty"], "no picture in the folder empty"),
        ],
    )
    def test_they_are_told_with_exit_code_2(
        self, darklift: Darklift, make_photos: MakePhotos, arguments: list[str], message: str
    ) -> None:
        make_photos(["night.png"])
        Path("empty").mkdir()
        result = darklift("enhance", "night.png", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert "Traceback" not in result.output
        assert not Path("night_enhanced.png").exists()

    def test_only_earlier_results(self, darklift: Darklift, make_photos: MakePhotos) -> None:
        make_photos(["in/a_enhanced.png"])
        result = darklift("enhance", "in")
        assert result.exit_code == 2
        assert "there are only results of an earlier run" in result.stderr


def run_process(
    *arguments: str, code: str = "from darklift.cli import main; main()"
) -> subprocess.CompletedProcess[str]:
    """A process of its own; not the fake model's."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


class TestProcess:
    def test_the_version(self) -> None:
        import darklift

        done = run_process("--version")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"darklift {darklift.__version__}\n", "")

    def test_python_dash_m(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "darklift", "enhance", "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "darklift enhance night.jpg -o out/ --sheet before_after.png" in done.stdout

    def test_an_unknown_model_is_one_line(self, make_photos: MakePhotos, tmp_path: Path) -> None:
        make_photos(["a.png"])
        done = run_process("enhance", str(tmp_path / "a.png"), "--model", "compct")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "darklift: there is no model, file or folder 'compct': did you mean 'compact'?\n"

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
    def test_a_result_that_cannot_be_written_is_one_line(self) -> None:
        command = [sys.executable, "-m", "darklift", "info", "--json"]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == "darklift: cannot write to the standard output: No space left on device\n"

    def test_unknown_options_and_commands(self) -> None:
        for arguments in (["enhance", "--sharpen"], ["sharpen"], ["enhance"]):
            done = run_process(*arguments)
            assert (done.returncode, done.stdout) == (2, "")
            assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        "arguments",
        [
            ["train", "compact"],
            ["export", "x.safetensors", "-o", "x"],
            ["enhance", "PHOTO", "--model", "FILE"],
            ["evaluate", "--low", "FOLDER", "--high", "FOLDER", "--model", "FILE"],
        ],
        ids=lambda arguments: arguments[0],
    )
    def test_a_missing_extra_is_one_line_that_names_the_remedy(
        self, make_photos: MakePhotos, tmp_path: Path, arguments: list[str]
    ) -> None:
        make_photos(["in/a.png"])
        (tmp_path / "mine.safetensors").touch()
        places = {"PHOTO": "in/a.png", "FILE": "mine.safetensors", "FOLDER": "in"}
        code = (
            "import os, sys; os.chdir(sys.argv.pop(1))\n"
            "for name in ('torch', 'accelerate', 'onnx'): sys.modules[name] = None\n"
            "from darklift.cli import main; main()"
        )
        done = run_process(str(tmp_path), *[places.get(a, a) for a in arguments], code=code)
        assert done.returncode == 1
        assert done.stderr.startswith("darklift: ")
        assert done.stderr.endswith("which is not installed: run  pip install 'darklift[torch]'\n")
        assert done.stderr.count("\n") == 1

    def test_import_darklift_is_instant_and_complete(self) -> None:
        code = (
            "import sys, darklift\n"
            "assert 'numpy' not in sys.modules and 'PIL' not in sys.modules\n"
            "assert set(darklift.__all__) <= set(dir(darklift))\n"
            "assert all(hasattr(darklift, name) for name in darklift.__all__)\n"
            "assert 'torch' not in sys.modules and not hasattr(darklift, 'nonsense')\n"
            "from darklift.pipeline.enhancer import Enhancer; assert darklift.Enhancer is Enhancer"
        )
        done = run_process(code=code)
        assert (done.returncode, done.stderr) == (0, "")


class TestInfo:
    def test_it_lists_models_versions_and_extras_without_importing_torch(self) -> None:
        code = (
            "import sys\nfrom darklift.cli import app\n"
            "try: app(['info', '--json'])\nfinally: assert 'torch' not in sys.modules"
        )
        done = run_process(code=code)
        assert (done.returncode, done.stderr) == (0, "")
        facts = json.loads(done.stdout)
        assert "CPUExecutionProvider" in facts["providers"]
        assert {"name", "licence", "folder", "present", "bytes"} <= facts["models"][0].keys()
        assert facts["processor"]["name"]
        assert "fp32" in facts["processor"]["computes_in"]
        assert facts["models"][0]["takes"].keys() == {"backend", "device", "precision", "reason"}
        assert facts["extras"]["torch"]["install"] == "pip install 'darklift[torch]'"
        assert facts["extras"].keys().isdisjoint({"test", "dev"})

    def test_in_words(self, darklift: Darklift) -> None:
        result = darklift("info")
        assert result.exit_code == 0
        for part in (
            "darklift ",
            "onnxruntime ",
            "openvino ",
            "compact: ",
            "nano: ",
            "runs on onnx",
            "licence: ",
            "Extras",
        ):
            assert part in result.stdout

    def test_a_missing_extra_comes_with_its_pip_line(self, darklift: Darklift, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.metadata.requires", lambda _: ["nothing-like-it>=1 ; extra == 'far'", "numpy"])
        assert "far: missing nothing-like-it: pip install 'darklift[far]'" in darklift("info").stdout
