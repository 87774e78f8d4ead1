"""``darklift evaluate`` on several processes: the same scores, in the same order, whatever becomes of one pair."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from darklift.data import match_pairs
from darklift.errors import UsageError
from darklift.evaluation import crew
from darklift.evaluation.crew import Scorers
from darklift.evaluation.evaluate import Asked, Scored, evaluate
from darklift.evaluation.evaluation import LeftOut
from darklift.pipeline.settings import Settings
from darklift.store.load import Opening

if TYPE_CHECKING:
    from typer.testing import Result

Darklift: TypeAlias = "Callable[..., Result]"


@pytest.fixture
def pairs(paired_data: Path, tmp_path: Path) -> list[str]:
    data = tmp_path / "data"
    shutil.copytree(paired_data, data)
    return ["--low", str(data / "low"), "--high", str(data / "high")]


def scores_of(file: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    for picture in found["per_image"]:
        del picture["seconds"]
        assert picture.pop("peak_bytes") > 10**7  # of the worker that had it
    del found["seconds"], found["peak_bytes"]
    return found


def test_the_same_numbers_and_pictures_in_the_same_order(darklift: Darklift, pairs: list[str]) -> None:
    for workers in (1, 2):
        files = ["--json", f"{workers}.json", "--save", f"out{workers}"]
        result = darklift("evaluate", *pairs, "--model", "nano", "--workers", workers, *files)
        assert result.exit_code == 0, result.stderr
    one, two = scores_of("1.json"), scores_of("2.json")
    assert one == two
    assert len(one["per_image"]) == 12
    saved = sorted(Path("out1").iterdir())
    assert [path.name for path in saved] == sorted(path.name for path in Path("out2").iterdir())
    assert all(path.read_bytes() == (Path("out2") / path.name).read_bytes() for path in saved)


NETWORKS = {
    "compact": {"fine_widths": [8], "coarse_widths": [8], "blocks": 1, "maps": 4, "embedding": 16},
    "gsad": {"width": 32, "multipliers": [1, 2], "blocks": 1},
    "lldiffusion": {"width": 8, "groups": 4, "multipliers": [1, 2], "blocks": 1, "encoder_width": 4}
    | {"feature_widths": [8], "dgnet_width": 0},
}


@pytest.mark.parametrize("method", NETWORKS)
def test_checkpoints_of_every_method_give_the_same_numbers(darklift: Darklift, pairs: list[str], method: str) -> None:
    import torch

    from darklift.store.checkpoint import build_method, save_checkpoint

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_method(method, NETWORKS[method])
    save_checkpoint(Path("net.safetensors"), network, network.net.state_dict(), {})
    Path("names.txt").write_text("0\n1\n2\n", encoding="utf-8")
    asked = [*pairs, "--names", "names.txt", "--model", "net.safetensors", "--steps", 2, "--threads", 1]
    for workers in (1, 2):
        result = darklift("evaluate", *asked, "--workers", workers, "--json", f"{workers}.json")
        assert result.exit_code == 0, result.stderr
    one, two = scores_of("1.json"), scores_of("2.json")
    assert one == two
    assert len(one["per_image"]) == 3


def test_a_pair_that_goes_bad_is_left_out_and_the_others_are_scored(pairs: list[str]) -> None:
    found = match_pairs(Path(pairs[1]), Path(pairs[3]))
    found[2].low.write_bytes(b"no picture any more")
    with Scorers(Opening("nano"), 2) as scorers:
        evaluation = evaluate(scorers, found)
    assert [result.name for result in evaluation.results] == [pair.name for pair in found if pair != found[2]]
    assert [left.name for left in evaluation.left_out] == [found[2].name]
    assert evaluation.model == "nano"


def test_a_wish_that_the_model_cannot_fulfil_is_told_as_such(pairs: list[str]) -> None:
    found = match_pairs(Path(pairs[1]), Path(pairs[3]))
    with pytest.raises(UsageError, match="steps"), Scorers(Opening("nano"), 2) as scorers:
        evaluate(scorers, found, Settings(steps=99))


def test_a_process_that_is_killed_costs_a_retry_and_then_its_pair(
    pairs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = match_pairs(Path(pairs[1]), Path(pairs[3]))
    monkeypatch.setattr(crew, "_Scoring", Deadly)
    for deaths in (1, 2):
        Deadly.victim, Deadly.ledger, Deadly.deaths = found[1].name, tmp_path / f"deaths{deaths}", deaths
        with Scorers(Opening("nano"), 2) as scorers:
            outcomes = list(scorers.score(found[:4], Asked()))
        names = [out.result.name if isinstance(out, Scored) else out.name for out in outcomes]
        assert names == [pair.name for pair in found[:4]]
        lost = [out for out in outcomes if isinstance(out, LeftOut)]
        assert len(lost) == deaths - 1
        assert all("died twice (SIGKILL)" in out.reason for out in lost)


class Deadly(crew._Scoring):
    """Its process is killed at one pair, so many times."""

    victim = ""
    ledger = Path()
    deaths = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"opening": self.opening, "known": (self.victim, self.ledger, self.deaths)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "opening", state["opening"])
        object.__setattr__(self, "known", state["known"])

    def open(self) -> Any:
        card, do = super().open()
        victim, ledger, deaths = self.known  # type: ignore[attr-defined]

        def kill(task: Any) -> Any:
            died = len(ledger.read_text()) if ledger.exists() else 0
            if task.pair.name == victim and died < deaths:
                ledger.write_text("x" * (died + 1))
                os.kill(os.getpid(), signal.SIGKILL)
            return do(task)

        return card, kill
