"""Every layout is recognised as people have it on disk, by name and from any root."""

from pathlib import Path

import pytest

from darklift.data import BENCHMARKS, Layout, find_layout, find_pairs, layout_called
from darklift.data.arrangement import Cameras, Labelled, Scenes
from darklift.errors import DataError, UsageError
from datasets import make

each_layout = pytest.mark.parametrize("layout", BENCHMARKS, ids=lambda layout: layout.key)
each_paired = pytest.mark.parametrize(
    "layout", [layout for layout in BENCHMARKS if layout.is_paired], ids=lambda layout: layout.key
)
PAIRS_A_SCENE = {Cameras: 2, Scenes: 2, Labelled: 3}


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@each_paired
def test_every_layout_pairs_its_pictures(tmp_path: Path, layout: Layout) -> None:
    make(tmp_path, layout, {"train": [1, 2], "test": [3]})
    several = PAIRS_A_SCENE.get(type(layout.splits["train"][0]), 1)
    train = find_pairs(tmp_path, "train", layout.key)
    assert len(train) == several * (3 if layout.key == "folders" else 2)
    for pair in train:
        assert pair.low != pair.high
        assert pair.low.is_file()
        assert pair.high.is_file()
    if layout.key != "folders":
        assert len(find_pairs(tmp_path, "test", layout.key)) == several


@pytest.mark.parametrize("layout", [x for x in BENCHMARKS if x.found_unnamed], ids=lambda layout: layout.key)
def test_folders_tell_a_layout_that_nobody_named(tmp_path: Path, layout: Layout) -> None:
    make(tmp_path / "data" / "copy", layout, {"train": [1], "test": [2]})
    for root in (tmp_path / "data" / "copy", tmp_path / "data", tmp_path):
        place = find_layout(root)
        assert (place.layout, place.root) == (layout, tmp_path / "data" / "copy")


@each_layout
def test_every_layout_says_what_it_is(layout: Layout) -> None:
    assert layout_called(layout.key) is layout
    assert layout.source
    assert layout.licence
    assert "http" in layout.source or layout.key == "folders"
    assert set(layout.counts) <= set(layout.splits)
    assert all(way.expects for ways in layout.splits.values() for way in ways)


def test_names_of_layouts_are_unique() -> None:
    for names in ([layout.key for layout in BENCHMARKS], [layout.title for layout in BENCHMARKS]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("inside", ["our485", "our485/low", "our485/high"])
def test_a_named_layout_is_found_from_inside_it(tmp_path: Path, inside: str) -> None:
    root = make(tmp_path / "LOLdataset", layout_called("lol-v1"), {"train": [1], "test": [2]})
    assert find_layout(root / inside, "lol-v1").root == root


def test_a_neighbour_of_a_data_set_is_not_inside_it(tmp_path: Path) -> None:
    make(tmp_path, layout_called("lol-v1"), {"train": [1]})
    with pytest.raises(DataError, match="LOL-v1"):
        find_layout(fill(tmp_path / "photos"), "lol-v1")


def test_case_of_folders_does_not_matter(tmp_path: Path) -> None:
    fill(tmp_path / "real_captured/train/low", "low00001.png")
    fill(tmp_path / "real_captured/train/normal", "normal00001.png")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["00001"]
    assert find_layout(tmp_path).layout.key == "lol-v2-real"


@pytest.mark.parametrize("sides", [("Low", "Normal"), ("input", "target"), ("input", "gt")])
def test_any_two_folders(tmp_path: Path, sides: tuple[str, str]) -> None:
    for side in sides:
        fill(tmp_path / "train" / side, "a.png")
        fill(tmp_path / "test" / side, "b.png", "c.png")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["a"]
    assert [pair.name for pair in find_pairs(tmp_path, "test")] == ["b", "c"]


def test_two_data_sets_below_a_root_are_told_apart_by_a_name(tmp_path: Path) -> None:
    make(tmp_path / "LOLdataset", layout_called("lol-v1"), {"train": [1]})
    make(tmp_path / "mine", layout_called("folders"), {"train": [2]})
    with pytest.raises(DataError, match=r"LOL-v1 \(LOLdataset\), plain \(mine\).*layout"):
        find_layout(tmp_path)
    assert find_layout(tmp_path, "lol-v1").root == tmp_path / "LOLdataset"


def test_what_is_not_there_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'lol-v3'.*did you mean 'lol-v"):
        find_layout(tmp_path, "lol-v3")
    with pytest.raises(DataError, match=r"Training data/Huawei and Nikon.*LSRW"):
        find_layout(tmp_path, "lsrw")
    with pytest.raises(UsageError, match="DICM has no ground truths"):
        find_pairs(make(tmp_path, layout_called("dicm"), {"test": [1]}), "test", "dicm")


def test_shots_of_a_scene_share_its_ground_truth_by_name_where_there_are_several(tmp_path: Path) -> None:
    fill(tmp_path / "train/short/00001", "a.png", "b.png")
    fill(tmp_path / "train/long/00001", "a.png", "b.png")
    pairs = find_pairs(tmp_path, layout="sid-srgb")
    assert [(pair.name, pair.high.name) for pair in pairs] == [("00001/a", "a.png"), ("00001/b", "b.png")]
    fill(tmp_path / "train/short/00002", "a.png")
    fill(tmp_path / "train/long/00003", "a.png")
    with pytest.raises(DataError, match=r"1 without a ground truth: 00002; 1 without a dark picture: 00003"):
        find_pairs(tmp_path, layout="sid-srgb")


def test_the_dark_half_of_a_series_is_paired_with_its_label(tmp_path: Path) -> None:
    fill(tmp_path / "Dataset_Part1/1", *(f"{frame}.JPG" for frame in range(1, 8)))
    fill(tmp_path / "Dataset_Part1/2", *(f"{frame}.JPG" for frame in range(1, 10)))
    fill(tmp_path / "Dataset_Part1/Label", "1.JPG", "2.JPG")
    names = [pair.name for pair in find_pairs(tmp_path, layout="sice")]
    assert names == ["1/1", "1/2", "1/3", "2/1", "2/2", "2/3", "2/4"]
    fill(tmp_path / "Dataset_Part1/Label", "3.JPG")
    with pytest.raises(DataError, match="1 without a dark picture: 3"):
        find_pairs(tmp_path, layout="sice")


def test_two_pictures_of_one_name_are_refused_in_folders_of_scenes_too(tmp_path: Path) -> None:
    fill(tmp_path / "sid/train/short/1", "a.bmp", "a.png", "b.png")
    fill(tmp_path / "sid/train/long/1", "x.png")
    with pytest.raises(DataError, match=r"1 of one name: 1/a\.bmp and a\.png;"):
        find_pairs(tmp_path / "sid", layout="sid-srgb")
    fill(tmp_path / "sice/Dataset_Part1/1", *(f"{frame}.JPG" for frame in range(1, 8)))
    fill(tmp_path / "sice/Dataset_Part1/Label", "1.bmp", "1.png")
    with pytest.raises(DataError, match=r"1 of one name: 1\.bmp and 1\.png;"):
        find_pairs(tmp_path / "sice", layout="sice")


def test_pictures_beside_the_folders_of_scenes_belong_to_no_pair(tmp_path: Path) -> None:
    for side in ("short", "long"):
        fill(tmp_path / "sid/train" / side / "1", "a.png")
        fill(tmp_path / "sid/train" / side, f"{side}.png", "notes.txt")
    with pytest.raises(DataError, match="1 without a ground truth: short; 1 without a dark picture: long;"):
        find_pairs(tmp_path / "sid", layout="sid-srgb")
    fill(tmp_path / "sice/Dataset_Part1/1", "1.JPG", "2.JPG", "3.JPG")
    fill(tmp_path / "sice/Dataset_Part1/Label", "1.JPG")
    fill(tmp_path / "sice/Dataset_Part1", "loose.JPG", "notes.txt")
    with pytest.raises(DataError, match="1 without a ground truth: loose;"):
        find_pairs(tmp_path / "sice", layout="sice")
