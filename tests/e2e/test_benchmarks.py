"""Each benchmark runs, at sizes at which its numbers mean nothing, and prints the table that docs show."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCORES = ("PSNR", "SSIM", "PSNR GT-mean", "SSIM GT-mean", "exposure error", "s/image", "peak MB")


def needs(module: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed: pip install 'darklift[{extra}]'")


def run(script: str, *arguments: object) -> str:
    """What the script prints, on one thread."""
    command = [sys.executable, BENCHMARKS / script, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tables(output: str) -> list[dict[str, dict[str, str]]]:
    """Each Markdown table as rows by their first cell, and these as cells by their headings."""
    found: list[dict[str, dict[str, str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", output, flags=re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
        found.append({row[0]: dict(zip(head, row, strict=True)) for row in rows})
    return found


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two pairs of 112x104 pixels, in the folders low and high."""
    root = tmp_path_factory.mktemp("pairs")
    for name in "ab":
        rng = np.random.default_rng(ord(name))
        rows, columns = np.mgrid[0:104, 0:112]
        high = 0.5 + 0.4 * np.sin(rows[..., None] / (7, 9, 12) + columns[..., None] / 11)
        low = 0.15 * high + 0.01 * rng.standard_normal(high.shape)
        for side, pixels in (("low", low), ("high", high)):
            (root / side).mkdir(exist_ok=True)
            Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(root / side / f"{name}.png")
    return root / "low", root / "high"


# --- web --------------------------------------------------------------------------------------------------------------


@needs("uvicorn", "web")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere not every address 127.x.x.x is this machine")
def test_many_clients_at_once() -> None:
    """It ends with an error where one of them got anything but its picture or a refusal, or something was left over."""
    output = run("web/load.py", "--clients", 6, "--seconds", 5, "--queue", 4)
    (rows,) = tables(output)
    assert rows["anything else"][""] == "0"
    assert "alive True, nothing held True, same pictures True, exit code 0" in output


def test_visits_of_the_static_page() -> None:
    from browsers import CHROMIUM  # skips where there is no Playwright

    if not CHROMIUM:
        pytest.skip("no Chromium is installed: apt-get install chromium, or set CHROMIUM to one")
    (table,) = tables(run("web/visit.py", "--rounds", 1))
    assert float(table["first photo"]["s (median)"]) > float(table["usable"]["s (median)"]) > 0
    assert table["darklift enhance"]["of the command"] == "1.00"


# --- speed ------------------------------------------------------------------------------------------------------------


def test_sizes() -> None:
    (table,) = tables(run("speed/sizes.py", "nano", "--sizes", "64x48", "--repeat", 1))
    assert list(table) == ["64x48"]
    assert float(table["64x48"]["cold start (s)"]) > float(table["64x48"]["s (median)"]) > 0
    assert 20 < float(table["64x48"]["peak memory (MB)"]) < 2000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell of a process's memory")
def test_photos(pairs: tuple[Path, Path]) -> None:
    low, _ = pairs
    builds = ("--against", BENCHMARKS.parent / "src", "--photos", low / "a.png")
    made, given = tables(run("speed/photos.py", *builds, "--sizes", "64x48", "--rounds", 1, "--", "--model", "nano"))
    ways = [f"{way}, {build} build" for way in ("command", "model loaded") for build in ("the other", "this")]
    assert list(made) == list(given) == ways
    for row in (made, given):
        assert row[ways[0]]["of the first"] == row[ways[0]]["of its"] == row[ways[0]]["of that"] == "1.000"
        assert 0.5 < float(row[ways[1]]["of that"]) < 2
        assert all(float(row[way]["s a MP"]) > 0 for way in ways)
    assert {path.name for path in low.iterdir()} == {"a.png", "b.png"}, "results are elsewhere"


def test_parts(tmp_path: Path) -> None:
    photo = tmp_path / "night.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 40, (80, 120, 3), np.uint8)).save(photo)
    (table,) = tables(run("speed/parts.py", photo, "--repeat", 1, "--stub", "--against", BENCHMARKS.parent))
    assert {"look", "condition graph", "in all"} < set(table)
    for state in ("before", "now"):
        parts = sum(float(row[state]) for name, row in table.items() if name != "in all")
        assert parts <= float(table["in all"][state]) + 0.01


def test_folders() -> None:
    own = str(BENCHMARKS.parent / "src")
    tiny = ("--photos", 2, "--size", "64x48", "--rounds", 1, "--model", "nano", "--against", own, "--cores", 2)
    (table,) = tables(run("speed/folders.py", *tiny))
    assert list(table) == ["other build", "1 at once", "2 at once"]
    assert table["other build"]["against the first"] == "1.00x"
    assert all(float(row["photos/s (median)"]) > 0 for row in table.values())
    assert all(float(row["processor s a photo"]) > 0 for row in table.values())


def test_scale(tmp_path: Path) -> None:
    """What is measured can be simulated, and planned with."""
    file = tmp_path / "measured.json"
    tiny = ("--photos", 1, "--sizes", "64x48", "--rounds", 1, "--model", "nano", "--pool", 2, "--json", file)
    stages, pool = tables(run("scale/stages.py", *tiny))
    assert float(stages["64x48"]["network"]) > 0
    assert list(pool) == ["64x48, 1", "64x48, 2"]
    (checked,) = tables(run("scale/plan.py", "--measured", file, "--check"))
    assert all(float(row["simulated"]) > 0 for row in checked.values())
    million, billion = tables(run("scale/plan.py", "--measured", file, "--machines", 1, 1000, "--cores", 2))
    assert [row["held up by"] for row in million.values()] == [row["held up by"] for row in billion.values()]
    assert list(million) == ["1", "1000"]
    (on_gpu,) = tables(
        run("scale/plan.py", "--measured", file, "--machines", 1, "--gpu-seconds", 1e3, "--photos", 1e6, "--cores", 2)
    )
    assert on_gpu["1"]["held up by"] == "GPUs"


def test_backends() -> None:
    seconds, differences = tables(run("speed/backends.py", "nano", "--sizes", "64x48", "--repeat", 2))
    assert {"ONNX Runtime", "torch, fp32"} <= seconds.keys() == differences.keys()
    assert seconds["ONNX Runtime"]["against the first"] == "1.00x"
    assert all(float(row["largest"]) <= 64 for row in differences.values())
    assert differences["torch, fp32"]["largest"] in ("0", "1")


def test_peers() -> None:
    tiny = ("--tile", "40x32", "--rounds", 1, "--threads", 1, "--models", "nano")
    output = run("speed/peers.py", *tiny, "--sizes", "33x25", "80x32", "--runtimes", "torch")
    whole, tiled = tables(output)
    assert "79,416 parameters" in output
    assert list(whole) == ["darklift, nano", "Zero-DCE-like, torch", "CIDNet-like, torch"]
    assert whole["darklift, nano"]["to the first"] == "1.00x"
    assert tiled["CIDNet-like, torch"]["s (median)"].startswith("≈")
    in_onnx = ("--sizes", "33x25", "--runtimes", "onnx", "--peers", "Zero-DCE-like")
    (table,) = tables(run("speed/peers.py", *tiny, *in_onnx))
    assert float(table["Zero-DCE-like, ONNX Runtime"]["processor s"]) > 0


def test_gsad() -> None:
    tiny = ("--width", 32, "--repeat", 1, "--size", 32, 32, "--batch", 1, "--crop", 32)
    sampling, term, step = tables(run("speed/gsad.py", *tiny))
    assert list(sampling) == ["fp32", "bf16"]
    assert list(term) == ["literal", "ours"]
    assert list(step) == ["literal, fp32", "ours, fp32", "literal, bf16", "ours, bf16"]
    assert all(float(row["s (median)"]) > 0 for table in (sampling, term, step) for row in table.values())


def test_lldiffusion() -> None:
    seconds, memory = tables(run("speed/lldiffusion.py", "--width", 32, "--size", 32, 32, "--rounds", 1))
    assert list(seconds) == list(memory) == ["literal", "ours"]
    assert float(memory["literal"]["peak memory (MB)"]) >= 0


def load_timing(monkeypatch: pytest.MonkeyPatch) -> object:
    spec = importlib.util.spec_from_file_location("timing", BENCHMARKS / "speed" / "timing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "timing", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_metrics(pairs: tuple[Path, Path]) -> None:
    low, high = pairs
    output = run("speed/metrics.py", "--low", low, "--high", high, "--metrics", "psnr,ssim,ciede2000")
    (table,) = tables(output)
    assert list(table) == ["psnr", "ssim", "ciede2000"]
    assert "6 numbers for each of 2 pairs" in output


def test_share_of_an_evaluation(pairs: tuple[Path, Path]) -> None:
    low, high = pairs
    told = re.search(
        r"2 pairs: .* s of a core; .* \((\d+)%\)", run("speed/evaluation.py", "--low", low, "--high", high)
    )
    assert told is not None
    assert 0 < int(told[1]) < 100


def test_rivals_take_turns_and_are_compared_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    timing = load_timing(monkeypatch)
    order: list[str] = []
    works: dict[str, Callable[[], None]] = {name: lambda n=name: order.append(n) for name in "ab"}  # type: ignore[misc]
    seconds = timing.time_in_turn(works, 2)  # type: ignore[attr-defined]
    assert order == ["a", "b", "a", "b", "b", "a"], "once unmeasured, then there and back"
    assert len(seconds["a"].values) == 2
    slow, fast = timing.Spread((2.0, 8.0, 30.0)), timing.Spread((1.0, 4.0, 10.0))  # type: ignore[attr-defined]
    assert (slow.median, slow.over(fast), slow.range()) == (8.0, 2.0, "2–30")


# --- quality ----------------------------------------------------------------------------------------------------------


def test_steps(pairs: tuple[Path, Path]) -> None:
    output = run("quality/steps.py", *pairs, "--model", "nano", "--steps", 1, 2)
    lines = [line for line in output.splitlines() if line.startswith("| nano")]
    assert [line.split("|")[5].strip() for line in lines] == ["1", "2", "1", "2"]
    assert f"| {' | '.join(SCORES)} |" in output
    assert re.findall(r"texture, (\d) steps: [+-]\d+\.\d\d dB", output) == ["1", "2"]


def test_noise_error(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    from darklift.methods.gsad import Gsad, GsadConfig
    from darklift.store.checkpoint import save_checkpoint

    method = Gsad(GsadConfig(width=32, multipliers=(1, 1), blocks=1))
    save_checkpoint(tmp_path / "tiny.safetensors", method, method.net.state_dict(), {})
    head, row = run("quality/noise_error.py", *pairs, tmp_path / "tiny.safetensors", "--steps", 5, 500).splitlines()
    assert head == "4 crops | t = 5 | t = 500"
    assert all(0.1 < float(error) < 10 for error in row.split("|")[1:])


@needs("skimage", "test")
def test_other_photos(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    _, high = pairs
    scene = tmp_path / "001"
    scene.mkdir()
    with Image.open(high / "a.png") as good:
        good.save(scene / "target.jpg")
        for number, gain in enumerate((0.1, 0.3)):
            good.point(lambda value, gain=gain: value * gain).save(scene / f"low{number}.jpg")
    folders = ("--exposures", tmp_path, "--photos", high)
    output = run("quality/other_photos.py", *folders, "--every", 1, "--model", "nano")
    assert "1 scenes" in output
    assert "of 2 good photos" in output
    assert len(re.findall(r"gamma 0\.\d -?\d+\.\d\d dB", output)) == 5
    assert re.search(r"unevenly \(2 photos\): nothing given -?\d+\.\d\d dB", output)


def test_jpeg(pairs: tuple[Path, Path]) -> None:
    low, _ = pairs
    rows = [line.split(" | ") for line in run("quality/jpeg.py", low, "--model", "nano").splitlines() if "×" in line]
    assert [row[1] for row in rows] == ["as it came", "by darklift", "95, 4:4:4"] * 5
    assert all(float(row[3]) < 20 for row in rows)


def test_phone(pairs: tuple[Path, Path]) -> None:
    _, high = pairs
    (table,) = tables(run("quality/phone.py", high, "--every", 1, "--real", high, high / "a*"))
    assert list(table) == ["high (2)", "a* (1)", "a phone, made up (2)", "uneven light, no phone (2)"]
    for name in table:
        shares = [int(share) for share in table[name]["codes 0– 2– 4– 8– 16– 32– 64– 128– (%)"].split()]
        assert sum(shares) == pytest.approx(100, abs=4)


def test_large(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    _, high = pairs
    variants = ("model=nano", "model=nano,resize=2", f"model=nano,src={BENCHMARKS.parent / 'src'}")
    folders = ("--work", tmp_path, "--sheet", tmp_path / "sheet")
    tiny = (high, "--every", 1, *folders, "--sizes", "160x128", "--scenes", 1, "--threads", 1)
    printed = run("quality/large.py", *tiny, "--variants", *variants)
    means, leaves, camera, phone, two_stops, differences = tables(printed)
    for table in (means, leaves, camera, phone, two_stops):
        assert list(table) == ["the clean picture", *variants]
    assert camera["the clean picture"]["SSIM"] == "1.0000"
    assert float(camera["model=nano"]["PSNR"]) > 5
    assert differences[variants[2]]["PSNR"].startswith("+0.00"), "the same code"
    assert {path.stem for path in (tmp_path / "sheet").iterdir()} == {"00-leaves-camera-2", "00-leaves-phone-2"}
    for path in (tmp_path / "scores").glob("*.json"):  # none is measured again
        path.write_text(re.sub('"psnr": (\\d)', r'"psnr": 1\1', path.read_text()))
    again, *_ = tables(run("quality/large.py", *tiny, "--variants", *variants))
    assert float(again["model=nano"]["PSNR"]) > 100


def test_crops(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    low, _ = pairs
    variants = ("--variants", "model=nano", "model=nano,strength=0.5")
    printed = run("quality/crops.py", low, "--every", 2, "--sheet", tmp_path / "sheet", "--threads", 1, *variants)
    first, second = (line.split(" | ") for line in printed.splitlines()[2:])
    assert (first[2], second[1]) == ("0.00", "model=nano,strength=0.5")
    assert float(second[2]) > 1
    assert [path.name for path in (tmp_path / "sheet").iterdir()] == ["b.png"]


def test_night(pairs: tuple[Path, Path]) -> None:
    _, high = pairs
    printed = run("quality/night.py", high, "--every", 1, "--model", "nano")
    for name in ("the dark file", "--lift full", "--lift trusted"):
        assert re.search(rf"{name}: lit [\d.]+, signal [\d.]+, invented [\d.]+", printed)


# --- plots ------------------------------------------------------------------------------------------------------------


@needs("matplotlib", "dev")
def test_curves(tmp_path: Path) -> None:
    rows: list[dict[str, float]] = [
        {"step": 10, "loss/l1": 0.5, "seconds": 0.1},
        {"step": 20, "loss/l1": 0.4, "seconds": 0.1},
        {"step": 20, "validation/psnr": 20.0, "validation/exposure_error": 0.3},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    output = run("plots/curves.py", "-o", tmp_path / "curves.png", f"mine={tmp_path}")
    assert "mine" in output
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size == (2 * 4 * 80, 2 * 3 * 80)
    run("plots/curves.py", "-o", tmp_path / "other.png", f"mine@60={tmp_path}")
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "curves.png").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell of a process's memory")
def test_watch() -> None:
    (table,) = tables(run("speed/watch.py", "--arrivals", 24, "--pace", 0.02, "--model", "nano"))
    row = table["24"]
    assert [row[wrong] for wrong in ("missed", "other than alone", "done twice", "failed")] == ["0"] * 4


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell of a process's memory")
def test_memory() -> None:
    (table,) = tables(
        run("speed/memory.py", "--sizes", "60x40", "--kinds", "JPEG", "TIFF, 16 bits", "--", "--model", "nano")
    )
    assert list(table) == ["60x40, JPEG", "60x40, TIFF, 16 bits"]
    assert all(20 < float(row["peak memory (MB)"]) < 300 for row in table.values())
