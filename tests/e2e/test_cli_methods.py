"""``darklift evaluate`` with several rows: models, baselines, results of other programs, other people's networks."""

import itertools
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from conftest import Darklift


@pytest.fixture
def pairs(paired_data: Path) -> list[str]:
    Path("names.txt").write_text("3\n5\n", encoding="utf-8")
    return ["--low", str(paired_data / "low"), "--high", str(paired_data / "high"), "--names", "names.txt"]


def rows(table: str) -> dict[str, dict[str, str]]:
    """By the model's name; the second of one name is "name-2"."""
    first = itertools.takewhile(lambda line: line.startswith("|"), table)
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in first)
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        found[line[0] if line[0] not in found else f"{line[0]}-2"] = dict(zip(head, line, strict=True))
    return found


@pytest.mark.usefixtures("loaded_models")
def test_a_row_for_each_under_one_protocol(darklift: "Darklift", pairs: list[str], paired_data: Path) -> None:
    options = ["-m", "one", "-m", "two", "--baseline", "identity", "--baseline", "gamma"]
    options += ["--outputs", f"theirs={paired_data / 'high'}", "--json", "scores.json", "--save", "kept"]
    result = darklift("evaluate", *pairs, *options)
    assert result.exit_code == 0, result.stderr
    table = rows(result.stdout.splitlines())
    assert list(table) == ["fake", "fake-2", "identity", "gamma", "theirs"]
    assert {row["images"] for row in table.values()} == {"2"}
    assert table["theirs"]["PSNR"] == "100.00"
    assert table["gamma"]["exposure"] == "ground truth's mean given"
    assert table["identity"]["steps"] == "–"
    assert "theirs: pictures in high, made elsewhere" in result.stdout
    assert "rounded for their files before GT-mean scales them" in " ".join(result.stdout.split())
    assert table["theirs"]["peak MB"] == "–", "nothing ran here"
    assert all(float(row["peak MB"]) > 10 for name, row in table.items() if name != "theirs")
    assert "oracle" in result.stdout
    values = json.loads(Path("scores.json").read_text(encoding="utf-8"))["evaluations"]
    assert [row["model"] for row in values] == ["fake", "fake", "identity", "gamma", "theirs"]
    assert len({tuple(image["name"] for image in row["per_image"]) for row in values}) == 1
    assert sorted(path.name for path in Path("kept").iterdir()) == ["gamma", "identity", "one", "theirs", "two"]
    assert {path.name for path in Path("kept/two").iterdir()} == {"3.png", "5.png"}


def test_other_methods_alone_load_no_model(darklift: "Darklift", pairs: list[str], loaded_models: list[str]) -> None:
    result = darklift("evaluate", *pairs, "--baseline", "clahe", "--per-image")
    assert result.exit_code == 0, result.stderr
    assert loaded_models == []
    assert "| clahe | none | numpy |" in result.stdout
    assert darklift("evaluate", *pairs).exit_code == 0
    assert loaded_models == ["default"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_pair_of_links_that_lead_nowhere_is_named(darklift: "Darklift", paired_data: Path) -> None:
    shutil.copytree(paired_data, "data")
    for side in ("low", "high"):
        Path("data", side, "99.png").symlink_to("gone.png")
    result = darklift("evaluate", "--low", "data/low", "--high", "data/high", "--baseline", "identity")
    assert result.exit_code == 1
    assert "left out 99: cannot read data/low/99.png" in result.stderr


@pytest.mark.usefixtures("loaded_models")
def test_what_one_folder_lacks_is_scored_by_nobody(darklift: "Darklift", pairs: list[str], paired_data: Path) -> None:
    Path("theirs").mkdir()
    source = next((paired_data / "high").glob("3.*"))
    Path("theirs", source.name).write_bytes(source.read_bytes())
    result = darklift("evaluate", *pairs, "-m", "one", "--outputs", "theirs=theirs")
    assert result.exit_code == 1
    assert "left out 5: theirs has no picture named 5" in result.stderr
    assert {row["images"] for row in rows(result.stdout.splitlines()).values()} == {"1"}
    assert result.stdout.count("Without 1 of 2 pairs: 5") == 1


def test_somebody_elses_network(darklift: "Darklift", pairs: list[str]) -> None:
    """One that PyTorch exported, as people do it: it takes any size that is a multiple of 8."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")

    class Brighter(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Conv2d(3, 3, 3, padding=1, bias=False)
            with torch.no_grad():
                self.net.weight.zero_()
                for channel in range(3):
                    self.net.weight[channel, channel, 1, 1] = 4.0

        def forward(self, low: "torch.Tensor") -> "torch.Tensor":  # type: ignore[name-defined]
            small = torch.nn.functional.avg_pool2d(low, 8)
            return self.net(low) + 0 * torch.nn.functional.interpolate(small, scale_factor=8.0)

    sides = {2: torch.export.Dim("rows", min=2) * 8, 3: torch.export.Dim("columns", min=2) * 8}
    torch.onnx.export(Brighter().eval(), (torch.rand(1, 3, 64, 48),), "net.onnx", dynamo=True, dynamic_shapes=(sides,))
    card = ['model = "net.onnx"', 'name = "brighter"', "multiple = 8", 'weights = "ours, MIT"', 'range = "unit"']
    Path("card.toml").write_text("\n".join(card), encoding="utf-8")
    result = darklift("evaluate", *pairs, "--onnx", "card.toml", "--baseline", "identity", "--save", "out")
    assert result.exit_code == 0, result.stderr
    table = rows(result.stdout.splitlines())
    assert table["brighter"]["weights"] == "ours, MIT"
    low = next(Path(pairs[1]).glob("3.*"))
    with Image.open(low) as before, Image.open("out/brighter/3.png") as after:
        expected = np.clip(4 * np.asarray(before.convert("RGB"), float), 0, 255)
        assert np.abs(np.asarray(after, float) - expected).max() <= 1


def test_a_method_that_fails_does_not_lose_the_others(darklift: "Darklift", pairs: list[str]) -> None:
    onnx = pytest.importorskip("onnx")
    helper, shape = onnx.helper, [1, 3, 8, 8]  # the pairs are larger
    made = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("in", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["in"], ["out"])], "net", made[:1], made[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), "net.onnx")
    Path("card.toml").write_text('model = "net.onnx"', encoding="utf-8")
    result = darklift("evaluate", *pairs, "--onnx", "card.toml", "--baseline", "identity")
    assert result.exit_code == 1
    assert "without net: net, pair 3: " in result.stderr
    assert list(rows(result.stdout.splitlines())) == ["identity"]
    alone = darklift("evaluate", *pairs, "--onnx", "card.toml")
    assert (alone.exit_code, alone.stdout) == (1, "")
    assert "net, pair 3: " in alone.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--baseline", "clahee"], 2, "did you mean 'clahe'"),
        (["--outputs", "results"], 2, "theirs=results"),
        (["--outputs", "a=gone"], 1, "no folder gone"),
        (["--onnx", "gone.toml"], 2, "cannot read gone.toml"),
        (
            ["--baseline", "clahe", "--baseline", "lime", "--sheet", "sheet.png"],
            2,
            "--sheet sheet.png shows one method",
        ),
    ],
)
def test_what_cannot_be_is_one_line(
    darklift: "Darklift", pairs: list[str], options: list[str], code: int, message: str
) -> None:
    result = darklift("evaluate", *pairs, *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
