"""``darklift evaluate --resume``: whatever ends a run, what was scored stays scored, to the bit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from typer.testing import Result

    from darklift.methods.compact import Compact

Darklift: TypeAlias = "Callable[..., Result]"
KEPT = Path(".darklift/scores.jsonl")
COUNT = 12


@pytest.fixture
def pairs(paired_data: Path, tmp_path: Path) -> list[str]:
    shutil.copytree(paired_data, tmp_path / "data")
    return ["--low", "data/low", "--high", "data/high"]


def lines() -> list[dict[str, Any]]:
    text = KEPT.read_text(encoding="utf-8") if KEPT.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def images(file: str, row: int | None = None) -> list[dict[str, Any]]:
    values = json.loads(Path(file).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = (values if row is None else values["evaluations"][row])["per_image"]
    return found


def without_seconds(file: str, row: int | None = None) -> list[dict[str, Any]]:
    costs = ("seconds", "peak_bytes")
    return [{key: value for key, value in image.items() if key not in costs} for image in images(file, row)]


def begin(*arguments: str) -> subprocess.Popen[bytes]:
    """With SIGINT at its default, which a shell's background jobs, such as these tests, may ignore."""
    command = [sys.executable, "-m", "darklift", "evaluate", *arguments]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=heed)


def interrupt(count: int, how: int, *arguments: str) -> int:
    """Run it in a process of its own until so many scores are kept, and end it; how many are kept then."""
    process = begin(*arguments)
    try:
        deadline = time.monotonic() + 120
        while len(lines()) < count:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    assert not Path("scores.json").exists()
    return len(lines())


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_ended_goes_on_with_the_same_scores(
    darklift: Darklift, pairs: list[str], workers: int, how: int
) -> None:
    asked = [*pairs, "-m", "nano", "--workers", str(workers)]
    kept = interrupt(3, how, *asked, "--json", "scores.json", "--resume")
    assert 3 <= kept < COUNT
    before = {line["name"]: line["seconds"] for line in lines()}
    done = darklift("evaluate", *asked, "--json", "scores.json", "--resume")
    assert done.exit_code == 0, done.stderr
    assert f"nano: {kept} of {COUNT} pairs were scored before" in done.stderr
    assert len(lines()) == COUNT
    assert {image["name"]: image["seconds"] for image in images("scores.json") if image["name"] in before} == before
    assert darklift("evaluate", *asked, "--json", "fresh.json").exit_code == 0
    assert without_seconds("scores.json") == without_seconds("fresh.json")


def test_only_what_has_changed_is_scored_again(darklift: Darklift, pairs: list[str]) -> None:
    def scored_anew(*more: object) -> list[str]:
        before = len(lines())
        rows = ["-m", "nano", "--baseline", "gamma", *more]
        done = darklift("evaluate", *pairs, *rows, "--json", "scores.json", "--resume", "--overwrite")
        assert done.exit_code == 0, done.stderr
        return [line["name"] for line in lines()[before:]]

    assert len(scored_anew()) == 2 * COUNT
    first = without_seconds("scores.json", 0)
    assert scored_anew() == []
    assert without_seconds("scores.json", 0) == first
    Image.fromarray(np.full((64, 96, 3), 99, np.uint8)).save("data/high/3.png")
    Image.fromarray(np.full((64, 96, 3), 9, np.uint8)).save("data/low/3.bmp")
    os.utime("data/high/5.png")
    assert scored_anew() == ["3", "3"]
    assert scored_anew("--metrics", "psnr") == []
    assert len(scored_anew("--metrics", "psnr,ssim_gray")) == 2 * COUNT
    assert len(scored_anew("--steps", "1")) == COUNT
    assert len(scored_anew("--ground-truth-mean")) == COUNT
    assert len(scored_anew("--vary", "seed=0,1")) == COUNT


def test_another_model_under_the_same_name_is_scored_anew(
    darklift: Darklift, pairs: list[str], make_compact: "Callable[..., Compact]"
) -> None:
    from darklift.store.checkpoint import save_checkpoint

    counts = []
    for seed in (0, None, 1):
        if seed is not None:
            method = make_compact(seed)
            save_checkpoint(Path("net.safetensors"), method, method.net.state_dict(), {})
        done = darklift("evaluate", *pairs, "-m", "net.safetensors", "--json", "scores.json", "--resume", "--overwrite")
        assert done.exit_code == 0, done.stderr
        counts.append(len(lines()))
    assert counts == [COUNT, COUNT, 2 * COUNT]


def test_results_of_another_program_are_known_by_what_is_in_them(darklift: Darklift, pairs: list[str]) -> None:
    shutil.copytree("data/high", "theirs")
    asked = [*pairs, "--outputs", "theirs=theirs", "--json", "scores.json", "--resume", "--overwrite"]
    assert darklift("evaluate", *asked).exit_code == 0
    shutil.copy("data/low/4.png", "theirs/4.jpg")
    assert darklift("evaluate", *asked).exit_code == 0
    assert [line["name"] for line in lines()[COUNT:]] == ["4"]
    scores = {image["name"]: image["psnr"] for image in images("scores.json")}
    assert scores["4"] is not None
    assert scores["5"] is None  # identical


def test_a_sheet_goes_on_where_its_run_was_ended(darklift: Darklift, pairs: list[str]) -> None:
    asked = [*pairs, "-m", "nano", "--save", "made", "--sheet", "sheet.png", "--json", "scores.json", "--resume"]
    interrupt(COUNT - 1, signal.SIGKILL, *asked)  # the first of two pages is full then
    assert [path.name for path in Path().glob("sheet*")] == ["sheet_1.png"]
    done = darklift("evaluate", *asked)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in Path().glob("sheet*")) == ["sheet_1.png", "sheet_2.png"]
    Path("scores.json").unlink()
    shutil.copy("data/high/5.png", "sheet_2.png")
    refused = darklift("evaluate", *asked)
    assert refused.exit_code == 2
    assert "sheet_2.png: it exists already" in refused.stderr


def test_a_changed_network_of_others_is_scored_anew(darklift: Darklift, pairs: list[str], tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    ends = [helper.make_tensor_value_info(name, 1, ["n", 3, "h", "w"]) for name in ("low", "high")]
    Path("card.toml").write_text('model = "net.onnx"\n', encoding="utf-8")
    counts = []
    for gain in (2.0, 2.0, 3.0):
        weight = numpy_helper.from_array(np.full((1, 3, 1, 1024), gain, np.float32).mean(3, keepdims=True), "gain")
        graph = helper.make_graph(
            [helper.make_node("Mul", ["low", "gain"], ["high"])], "g", ends[:1], ends[1:], [weight]
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        Path("weights.bin").unlink(missing_ok=True)
        onnx.save(model, "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
        assert Path("weights.bin").stat().st_size == 12
        asked = [*pairs, "--onnx", "card.toml", "--json", "scores.json", "--resume", "--overwrite"]
        done = darklift("evaluate", *asked)
        assert done.exit_code == 0, done.stderr
        counts.append(len(lines()))
    assert counts == [COUNT, COUNT, 2 * COUNT]


def test_a_line_that_was_cut_short_is_passed_over(darklift: Darklift, pairs: list[str]) -> None:
    asked = [*pairs, "--baseline", "identity", "--json", "scores.json", "--resume", "--overwrite"]
    assert darklift("evaluate", *asked).exit_code == 0
    whole = KEPT.read_bytes()
    first = without_seconds("scores.json")
    for damage in (whole[: len(whole) - 40], whole[:-1], whole + b'{"key": 1}\n[]\nnonsense\n\xff\n', b"{"):
        KEPT.write_bytes(damage)
        done = darklift("evaluate", *asked)
        assert done.exit_code == 0, done.stderr
        assert without_seconds("scores.json") == first
        assert darklift("evaluate", *asked).stderr.count(f"identity: {COUNT} of {COUNT} pairs were scored before") == 1


def test_memory_is_kept_and_a_line_from_before_it_was_told_still_counts(darklift: Darklift, pairs: list[str]) -> None:
    asked = [*pairs, "--baseline", "identity", "--json", "scores.json", "--resume", "--overwrite"]
    assert darklift("evaluate", *asked).exit_code == 0
    kept = {image["name"]: image["peak_bytes"] for image in images("scores.json")}
    assert all(peak > 10**7 for peak in kept.values())
    old = [{key: value for key, value in line.items() if key != "peak_bytes"} for line in lines()[:1]]
    KEPT.write_text("".join(f"{json.dumps(line)}\n" for line in (*old, *lines()[1:])), encoding="utf-8")
    done = darklift("evaluate", *asked)
    assert done.exit_code == 0, done.stderr
    assert len(lines()) == COUNT, "nothing was scored again"
    first = old[0]["name"]
    assert {image["name"]: image["peak_bytes"] for image in images("scores.json")} == {**kept, first: None}
    assert json.loads(Path("scores.json").read_text(encoding="utf-8"))["peak_bytes"] is None


def test_two_runs_at_once_both_end_well(darklift: Darklift, pairs: list[str]) -> None:
    rows = [*pairs, "-m", "nano", "--resume", "--overwrite", "--json"]
    both = [begin(*rows, "scores.json"), begin(*rows, "scores.json")]
    assert [process.communicate()[0] is None and process.returncode for process in both] == [False, False]
    assert len(lines()) == len(KEPT.read_text(encoding="utf-8").splitlines())
    assert darklift("evaluate", *pairs, "-m", "nano", "--json", "fresh.json").exit_code == 0
    assert without_seconds("scores.json") == without_seconds("fresh.json")


def test_pictures_of_before_are_shown_and_strange_ones_stay(darklift: Darklift, pairs: list[str]) -> None:
    asked = [*pairs, "-m", "nano", "--save", "made", "--json", "scores.json", "--resume"]
    interrupt(3, signal.SIGKILL, *asked)
    times = {path.name: path.stat().st_mtime_ns for path in Path("made").iterdir()}
    done = darklift("evaluate", *asked, "--sheet", "sheet.png")
    assert done.exit_code == 0, done.stderr
    assert len(list(Path("made").iterdir())) == COUNT
    assert {name: (Path("made") / name).stat().st_mtime_ns for name in times} == times
    assert darklift("evaluate", *pairs, "-m", "nano", "--save", "fresh", "--sheet", "other.png").exit_code == 0
    for path in Path("made").iterdir():
        assert path.read_bytes() == (Path("fresh") / path.name).read_bytes()
    pages = [sorted(Path().glob(f"{name}*.png")) for name in ("sheet", "other")]
    assert pages[0]
    assert [page.read_bytes() for page in pages[0]] == [page.read_bytes() for page in pages[1]]

    Path("made/4.png").unlink()
    shutil.copy("data/high/5.png", "made/5.png")
    Path("scores.json").unlink()
    refused = darklift("evaluate", *asked)
    assert refused.exit_code == 2
    assert "made/5.png" in refused.stderr
    shutil.copy("fresh/5.png", "made/5.png")
    before = len(lines())
    assert darklift("evaluate", *asked).exit_code == 0
    assert [line["name"] for line in lines()[before:]] == ["4"]
    assert Path("made/4.png").read_bytes() == Path("fresh/4.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"), [([], "--json"), (["--json", "a.json", "--sheet", "a.png"], "--save FOLDER")]
)
def test_what_it_needs_is_said_first(
    darklift: Darklift, pairs: list[str], loaded_models: list[str], options: list[str], said: str
) -> None:
    refused = darklift("evaluate", *pairs, "--resume", *options)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert loaded_models == []
    assert not KEPT.exists()
