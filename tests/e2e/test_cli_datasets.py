"""``darklift datasets``, as people see it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from darklift.data import BENCHMARKS, layout_called

if TYPE_CHECKING:
    from conftest import Darklift
from datasets import bright, dark, make, save


def test_every_data_set_is_listed(darklift: "Darklift") -> None:
    text, values = darklift("datasets").stdout, json.loads(darklift("datasets", "--json").stdout)
    assert [entry["name"] for entry in values] == [layout.key for layout in BENCHMARKS]
    for layout, entry in zip(BENCHMARKS, values, strict=True):
        for fact in (layout.key, layout.title, layout.source, layout.licence, layout.note):
            assert fact in text
            assert fact in entry.values()
    assert "our485/low + our485/high (485 pairs)" in text
    assert "360 scenes" in text


def test_a_sound_set_and_one_with_a_fault(darklift: "Darklift") -> None:
    make(Path("mine"), layout_called("folders"), {"train": [1, 2]})
    for layout in ("folders", "auto"):
        sound = darklift("datasets", "check", layout, "mine")
        assert (sound.exit_code, sound.stderr) == (0, "")
        assert "all: 2, 2 scenes" in sound.stdout
        assert sound.stdout.endswith("nothing is wrong\n")
    save(Path("mine/high/2.png"), bright(7))
    faulty = darklift("datasets", "check", "folders", "mine")
    assert faulty.exit_code == 1
    assert "WRONG: 1 have no structure in common" in faulty.stdout


def test_what_two_sets_share_is_said_and_written(darklift: "Darklift") -> None:
    make(Path("a"), layout_called("folders"), {"train": [1, 2]})
    make(Path("b"), layout_called("lol-v1"), {"train": [2, 3]})
    save(Path("a/low/5.png"), dark(3, light=0.3))
    save(Path("a/high/5.png"), bright(3) // 2)
    shared = darklift("datasets", "check", "folders", "a", "--against", "b")
    assert shared.exit_code == 1
    assert "all and b: train: WRONG: 2 of 3 are there, too (1 pixel for pixel, 1 by scene)" in shared.stdout
    assert "2 = 2 (pixels), 5 = 3 (scene)" in shared.stdout
    told = darklift("datasets", "check", "folders", "a", "--against", "b", "--json")
    (common,) = json.loads(told.stdout)["common"]
    assert (common["of"], common["pixels"], common["scene"]) == (3, 1, 1)


def test_names_are_refused_where_there_are_no_pairs(darklift: "Darklift") -> None:
    make(Path("photos"), layout_called("dicm"), {"test": [1, 2]})
    Path("val.txt").write_text("1\n", encoding="utf-8")
    result = darklift("datasets", "check", "dicm", "photos", "--names", "val.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "DICM has no pairs to divide" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lol-v9", "here"], 2, "there is no layout 'lol-v9': did you mean 'lol-v"),
        (["lol-v1", "gone"], 1, "no folder gone"),
        (["lol-v1", "here"], 1, "looked for our485/low + our485/high"),
        (["auto", "here"], 1, "no known data set in here"),
    ],
)
def test_what_cannot_be_is_one_line(darklift: "Darklift", arguments: list[str], code: int, message: str) -> None:
    Path("here").mkdir()
    result = darklift("datasets", "check", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
