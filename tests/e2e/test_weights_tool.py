"""tools/weights.py: what the bundled weights went through between trainings."""

import importlib.util
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from darklift.files import new_file
from darklift.runtime.intervals import KNOWN_OF_A_PLACE, Curve, Intervals
from darklift.runtime.onnx import load_card, load_onnx_model
from darklift.store.checkpoint import load_checkpoint, save_checkpoint
from darklift.store.export import export_method
from darklift.store.from_export import exported_method

TOOL = Path(__file__).parents[2] / "tools" / "weights.py"
spec = importlib.util.spec_from_file_location("weights_tool", TOOL)
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


@pytest.fixture(scope="module")
def checkpoints(make_compact, tmp_path_factory):
    """Two networks of the same sizes: A's weights, and twice these."""
    method, folder = make_compact(), tmp_path_factory.mktemp("weights")
    weights = method.net.state_dict()
    save_checkpoint(folder / "A", method, weights, {"step": 7, "chosen_on_test_split": ["LOL-v1"]})
    save_checkpoint(folder / "B", method, {name: 2 * value for name, value in weights.items()}, {})
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the tool in this process, which has imported PyTorch already; the result has returncode and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, arguments)])
        try:
            tool.main()
        except SystemExit as end:
            return SimpleNamespace(returncode=end.code, stderr=capsys.readouterr().err)
        return SimpleNamespace(returncode=0, stderr=capsys.readouterr().err)

    return run


def weights_of(path):
    return load_checkpoint(path).method.net.state_dict()


def test_a_mean_and_a_part_from_one_alone(run, checkpoints, tmp_path):
    a, b, out = checkpoints / "A", checkpoints / "B", tmp_path / "out"
    done = run("mean", a, b, "-o", out, "--shares", "0.75", "0.25", "--take", f"exposure.={b}")
    assert done.returncode == 0, done.stderr
    for name, value in weights_of(out).items():
        torch.testing.assert_close(value, weights_of(a)[name] * (2 if name.startswith("exposure.") else 1.25))


def test_what_is_made_of_the_stained_is_stained(run, checkpoints, tmp_path):
    stain, out = {"chosen_on_test_split": ["LOL-v1"]}, tmp_path / "out"
    for command in (["mean", checkpoints / "B", checkpoints / "A"], ["grow", checkpoints / "A", "fine_blocks=3"]):
        assert run(*command, "-o", out).returncode == 0
        assert load_checkpoint(out).info == {"made_by": f"tools/weights.py {command[0]}"} | stain
    assert run("drop", checkpoints / "A", "-o", out, "encoder.0.0").returncode == 0
    assert load_checkpoint(out).info == {"made_by": "tools/weights.py drop"} | stain


def test_voters_can_be_added_and_left_out_again(run, checkpoints, tmp_path):
    voted, alone = tmp_path / "voted", tmp_path / "alone"
    assert run("grow", checkpoints / "A", "-o", voted, 'voters=["tone", "picture"]').returncode == 0
    done = run("grow", voted, "-o", alone, 'voters=["tone"]')
    assert done.returncode == 0, done.stderr
    before, after = weights_of(voted), weights_of(alone)
    assert set(before) - set(after) == {name for name in before if name.startswith("coarse.voters.1.")} != set()
    assert all(torch.equal(value, before[name]) for name, value in after.items())


def test_a_grown_network_does_what_it_did(run, checkpoints, tmp_path):
    grown = tmp_path / "grown"
    done = run("grow", checkpoints / "A", "-o", grown, "fine_blocks=3", "cues=true")
    assert done.returncode == 0, done.stderr
    before, after = (load_checkpoint(path).method for path in (checkpoints / "A", grown))
    assert after.config.fine_blocks == 3
    assert len(after.net.state_dict()) > len(before.net.state_dict())
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(1, 3, 32, 32, generator=generator) / 4
    overview = (torch.rand(1, 3, 40, 40, generator=generator) / 4, torch.full((1, 14), 0.4), torch.full((1, 7), 0.5))
    piece = (2 * low - 1, torch.tensor([0.3]), low, torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    asked = (*overview, torch.tensor([0.4]), None, piece)
    with torch.no_grad():
        torch.testing.assert_close(after.net(*asked), before.net(*asked), atol=0, rtol=0)


def test_blocks_can_be_left_out_and_those_behind_move_up(run, make_compact, tmp_path):
    method, dropped = make_compact(fine_blocks=3), tmp_path / "dropped"
    before = method.net.state_dict()
    save_checkpoint(tmp_path / "A", method, before, {})
    done = run("drop", tmp_path / "A", "-o", dropped, "encoder.0.0", "bottom.0", "bottom.1", "bottom.2")
    assert done.returncode == 0, done.stderr
    after = load_checkpoint(dropped).method
    assert after.config.fine_blocks == (2, 0, 3)
    moved = {"fine.unet.encoder.0.0.": "fine.unet.encoder.0.1.", "fine.unet.encoder.0.1.": "fine.unet.encoder.0.2."}
    for name, value in after.net.state_dict().items():
        origin = next((old + name.removeprefix(new) for new, old in moved.items() if name.startswith(new)), name)
        assert torch.equal(value, before[origin]), name


@pytest.fixture(scope="module")
def with_detail(make_compact, tmp_path_factory):
    """A: a trained network. model: an export of another, with a calibration, and graphs that are said to be in int8."""
    trained, other = make_compact(detail_width=8, detail_blocks=2), make_compact(detail_width=8, detail_blocks=1)
    with torch.no_grad():
        for parameter in trained.net.parameters():
            parameter.add_(1)
    root = tmp_path_factory.mktemp("detail")
    save_checkpoint(root / "A", trained, trained.net.state_dict(), {"step": 7, "trained_on_test_split": ["LSRW"]})
    folder = export_method(other, root / "model", name="m", info={"trained_on": "photos"})
    card = load_card(folder)
    curves = {name: Curve((0.0, 1.0), (0.0, 1.0)) for name in KNOWN_OF_A_PLACE}
    intervals = Intervals(curves, {0.9: 1.0}, {"for": card.fingerprint})
    for name in ("detail", "step"):
        shutil.copy(folder / f"{name}.onnx", folder / f"{name}.int8.onnx")
    int8 = {f"{name}.int8.onnx": card.files[f"{name}.onnx"] for name in ("detail", "step")}
    (folder / "model.json").write_text(replace(card, intervals=intervals, int8=int8).to_json())
    return root


@pytest.fixture
def model(with_detail, tmp_path):
    return shutil.copytree(with_detail / "model", tmp_path / "model")


def test_only_the_detail_net_of_an_export_changes(run, with_detail, model):
    card, before = load_card(model), exported_method(model).net.state_dict()
    done = run("detail", with_detail / "A", "--into", model)
    assert done.returncode == 0, done.stderr
    assert load_onnx_model(model, threads=1).enlarges  # every file is the one that the card means
    after, changed = exported_method(model), load_card(model)
    assert changed.intervals.made["for"] == changed.fingerprint != card.fingerprint
    assert changed.info == card.info | {"trained_on": ["photos"], "trained_on_test_split": ["LSRW"]}
    assert list(changed.int8) == ["step.int8.onnx"]
    assert {path.name for path in model.glob("*.int8.onnx")} == {"step.int8.onnx"}
    assert after.config.detail_blocks == 2
    trained = load_checkpoint(with_detail / "A").method.net.state_dict()
    for name, value in after.net.state_dict().items():
        expected = trained[name] if name.startswith("detail.") else before[name]
        torch.testing.assert_close(value, expected, atol=2e-3, rtol=0)  # the detail net is stored in half precision


@pytest.mark.parametrize("written", [0, 1, 2])
def test_what_was_stopped_is_made_good_by_the_next_run(run, with_detail, model, monkeypatch, written):
    monkeypatch.setattr("darklift.store.export._export_graph", lambda *_: b"another graph")
    before, writes = load_card(model), []

    def stopped(path, **options):
        if len(writes) == written:
            raise KeyboardInterrupt
        writes.append(path.name)
        return new_file(path, **options)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr("darklift.files.new_file", stopped)
        run("detail", with_detail / "A", "--into", model)
    assert writes == ["detail.onnx", "model.json"][:written]
    assert run("detail", with_detail / "A", "--into", model).returncode == 0
    card = load_card(model)
    assert card.intervals.made["for"] == card.fingerprint != before.fingerprint
    assert not (model / "detail.int8.onnx").exists()


def test_nothing_is_written_where_a_folder_is_of_no_use(run, with_detail, model, tmp_path):
    card = load_card(model)
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.json").write_text(replace(card, method="other").to_json())
    for wrong, message in ((other, "of method other"), (tmp_path / "nowhere", "nowhere")):
        done = run("detail", with_detail / "A", "--into", model, wrong)
        assert done.returncode != 0
        assert message in done.stderr
        assert load_card(model) == card
        load_onnx_model(model, precision="fp32", threads=1)


def test_a_network_without_a_detail_net_has_none_to_give(run, checkpoints, make_compact, tmp_path):
    folder = export_method(make_compact(), tmp_path / "model", name="m", info={})
    done = run("detail", checkpoints / "A", "--into", folder)
    assert done.returncode == 2
    assert "has no detail net" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("mean", "A", "B", "--shares", "0.5", "nan"), 2, "expected 2 shares that sum to 1"),
        (("mean", "A", "B", "--take", "colour.=A"), 2, "no weight begins with 'colour.'"),
        (("mean", "A", "B", "--take", "fine."), 2, "PREFIX=PATH, got fine."),
        (("mean", "A", "nowhere"), 1, "nowhere"),
        (("grow", "A", "fine_blocks"), 2, "KEY=VALUE"),
        (("grow", "A", "fine_blocs=3"), 1, "fine_blocs"),
        (("grow", "A", "maps=8"), 1, "instead of"),
        (("grow", "A", "blocks=0"), 1, "blocks"),
        (("drop", "A", "encoder.0.7"), 2, "no block 'encoder.0.7'"),
    ],
    ids=str,
)
def test_wrong_requests_are_told_in_one_line_and_leave_no_file(
    run, checkpoints, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(checkpoints)
    done = run(*arguments, "-o", tmp_path / "out")
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
