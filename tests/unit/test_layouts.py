"""The layouts of known data sets are found under their root, and a wrong root says what was looked for."""

from pathlib import Path

import pytest

from darklift.data import exposure_pairs, find_pairs, strip_role_prefix
from darklift.errors import DataError, UsageError


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def relative(root: Path, split: str) -> list[tuple[str, str, str]]:
    return [
        (pair.name, pair.low.relative_to(root).as_posix(), pair.high.relative_to(root).as_posix())
        for pair in find_pairs(root, split)
    ]


def lol_v1(root: Path) -> Path:
    fill(root / "our485/low", "2.webp", "10.webp")
    fill(root / "our485/high", "2.jpg", "10.jpg")
    fill(root / "eval15/low", "1.png")
    fill(root / "eval15/high", "1.png")
    return root


def lol_v2(root: Path) -> Path:
    for split, number in [("Train", "00001"), ("Test", "00690")]:
        fill(root / f"Real_captured/{split}/Low", f"low{number}.png")
        fill(root / f"Real_captured/{split}/Normal", f"normal{number}.png")
        fill(root / f"Synthetic/{split}/Low", f"r{number}ft.png")
        fill(root / f"Synthetic/{split}/Normal", f"r{number}ft.png")
    return root


def test_lol_v1(tmp_path):
    root = lol_v1(tmp_path)
    assert relative(root, "train") == [
        ("2", "our485/low/2.webp", "our485/high/2.jpg"),
        ("10", "our485/low/10.webp", "our485/high/10.jpg"),
    ]
    assert relative(root, "test") == [("1", "eval15/low/1.png", "eval15/high/1.png")]
    assert find_pairs(str(root)) == find_pairs(root, "train")


@pytest.mark.parametrize(("split", "folder", "number"), [("train", "Train", "00001"), ("test", "Test", "00690")])
def test_lol_v2_real(tmp_path, split, folder, number):
    whole = lol_v2(tmp_path)
    part = whole / "Real_captured"
    expected = [(number, f"{folder}/Low/low{number}.png", f"{folder}/Normal/normal{number}.png")]
    assert relative(part, split) == expected
    (whole / "Synthetic").rename(whole / "elsewhere")
    assert relative(whole, split) == [(name, f"Real_captured/{a}", f"Real_captured/{b}") for name, a, b in expected]


@pytest.mark.parametrize(("split", "folder", "number"), [("train", "Train", "00001"), ("test", "Test", "00690")])
def test_lol_v2_synthetic(tmp_path, split, folder, number):
    whole = lol_v2(tmp_path)
    part = whole / "Synthetic"
    expected = [(f"r{number}ft", f"{folder}/Low/r{number}ft.png", f"{folder}/Normal/r{number}ft.png")]
    assert relative(part, split) == expected
    (whole / "Real_captured").rename(whole / "elsewhere")
    assert relative(whole, split) == [(name, f"Synthetic/{a}", f"Synthetic/{b}") for name, a, b in expected]


def test_plain_folders_are_one_set_for_both_splits(tmp_path):
    fill(tmp_path / "low", "x.png")
    fill(tmp_path / "high", "x.png")
    assert relative(tmp_path, "train") == relative(tmp_path, "test") == [("x", "low/x.png", "high/x.png")]


def test_one_split_of_lol_v1_is_plain(tmp_path):
    root = lol_v1(tmp_path) / "our485"
    assert [name for name, _, _ in relative(root, "train")] == ["2", "10"]


def test_a_root_with_several_data_sets_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"LOL-v2 real, LOL-v2 synthetic"):
        find_pairs(lol_v2(tmp_path))


def test_an_unknown_root_lists_what_was_looked_for(tmp_path):
    fill(tmp_path / "Low", "1.png")
    with pytest.raises(DataError) as error:
        find_pairs(tmp_path)
    text = str(error.value)
    assert "\n" not in text
    for looked_for in [
        "our485/low + our485/high or eval15/low + eval15/high (LOL-v1)",
        "Real_captured/Train/Low + Real_captured/Train/Normal",
        "Synthetic/Test/Low + Synthetic/Test/Normal",
        "low + high or val/low + val/high (plain)",
    ]:
        assert looked_for in text


def test_a_missing_root_or_split_is_refused(tmp_path):
    with pytest.raises(DataError, match="gone"):
        find_pairs(tmp_path / "gone")
    fill(tmp_path / "our485/low", "1.png")
    fill(tmp_path / "our485/high", "1.png")
    with pytest.raises(DataError, match=r"LOL-v1.*test.*eval15/low.*eval15/high"):
        find_pairs(tmp_path, "test")
    with pytest.raises(DataError, match=r"LOL-v1.*val.*another split"):
        find_pairs(tmp_path, "val")
    with pytest.raises(UsageError, match=r"'both'.*'train', 'val', 'test'"):
        find_pairs(tmp_path, "both")


def test_pictures_that_do_not_pair_up_are_named(tmp_path):
    (lol_v1(tmp_path) / "our485/high/2.jpg").unlink()
    with pytest.raises(DataError, match=r"high: 2;"):
        find_pairs(tmp_path)


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("low00001", "00001"),
        ("normal00001", "00001"),
        ("00001", "00001"),
        ("low", "low"),
        ("low_3", "low_3"),
        ("lowlands7", "lowlands7"),
        ("normal00001_b", "normal00001_b"),
        ("Low1", "Low1"),
        ("r000da54ft", "r000da54ft"),
    ],
)
def test_only_a_role_before_a_number_is_stripped(stem, name):
    assert strip_role_prefix(stem) == name


# --- scenes of several exposures ---


def test_exposure_pairs_share_their_target_in_natural_order(tmp_path):
    fill(tmp_path / "002", "target.png", "low10.jpg", "low2.webp", "preview.jpg", "lowest.jpg")
    fill(tmp_path / "001", "target.jpg", "low1.jpg")
    fill(tmp_path / ".cache", "low1.jpg")
    fill(tmp_path, "index.json")
    pairs = exposure_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["001/low1", "002/low2", "002/low10"]
    assert pairs[1].low == tmp_path / "002/low2.webp"
    assert pairs[1].high == pairs[2].high == tmp_path / "002/target.png"


def test_scenes_that_lack_something_are_named(tmp_path):
    fill(tmp_path / "1", "target.jpg", "low1.jpg")
    fill(tmp_path / "2", "low1.jpg")
    fill(tmp_path / "10", "target.jpg")
    with pytest.raises(DataError, match=r"target\.jpg.*: 2, 10;"):
        exposure_pairs(str(tmp_path))


def test_scenes_that_are_empty_or_ambiguous_or_absent_are_refused(tmp_path):
    with pytest.raises(DataError, match="no scene in"):
        exposure_pairs(tmp_path)
    with pytest.raises(DataError, match="no folder"):
        exposure_pairs(tmp_path / "gone")
    fill(tmp_path / "1", "target.jpg", "target.png", "low1.jpg")
    with pytest.raises(DataError, match=r"target\.jpg and target\.png"):
        exposure_pairs(tmp_path)
    (tmp_path / "1/target.png").unlink()
    fill(tmp_path / "2")
    with pytest.raises(DataError, match="no picture in"):
        exposure_pairs(tmp_path)
