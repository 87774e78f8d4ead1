"""Pairs are matched by name, and nothing that fails to pair up goes unnoticed."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darklift.data import Pair, exclude, match_pairs, read_names, select, strip_role_prefix
from darklift.data.pairs import look_at_pairs, natural_key
from darklift.data.splits import SPLITS
from darklift.errors import DataError


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def message(error: pytest.ExceptionInfo[DataError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def names(pairs: tuple[Pair, ...]) -> list[str]:
    return [pair.name for pair in pairs]


def test_pairs_by_name_in_natural_order_whatever_the_extension(tmp_path):
    low = fill(tmp_path / "low", "10.webp", "2.PNG", "1.b.tif")
    high = fill(tmp_path / "high", "1.b.bmp", "2.jpeg", "10.tiff")
    assert match_pairs(low, str(high)) == (
        Pair("1.b", low / "1.b.tif", high / "1.b.bmp"),
        Pair("2", low / "2.PNG", high / "2.jpeg"),
        Pair("10", low / "10.webp", high / "10.tiff"),
    )


def test_hidden_files_subfolders_and_other_files_do_not_count(tmp_path):
    low = fill(tmp_path / "low", "1.png", "._1.png", ".hidden.jpg", "notes.txt", "scenes.json", "png")
    (low / "2.png").mkdir()
    high = fill(tmp_path / "high", "1.jpg", "Thumbs.db")
    assert names(match_pairs(low, high)) == ["1"]


def test_unmatched_pictures_on_both_sides_are_named(tmp_path):
    low = fill(tmp_path / "low", "1.png", "2.png", "a.png")
    high = fill(tmp_path / "high", "1.png", "3.png", "A.png")
    with pytest.raises(DataError) as error:
        match_pairs(low, high)
    text = message(error)
    assert f"2 in {low} without a partner in {high}: 2, a" in text
    assert f"2 in {high} without a partner in {low}: 3, A" in text


def test_only_the_side_that_lacks_something_is_mentioned(tmp_path):
    low, high = fill(tmp_path / "low", "1.png"), fill(tmp_path / "high", "1.png", "2.png")
    with pytest.raises(DataError) as error:
        match_pairs(low, high)
    assert f"1 in {high} without" in message(error)
    assert f"in {low} without" not in message(error)


@pytest.mark.parametrize(("count", "tail"), [(10, "9, 10;"), (11, "9, 10 and 1 more;"), (40, "9, 10 and 30 more;")])
def test_long_lists_are_cut_after_ten(tmp_path, count, tail):
    low = fill(tmp_path / "low", "0.png", *(f"{n}.png" for n in range(1, count + 1)))
    high = fill(tmp_path / "high", "0.png")
    with pytest.raises(DataError) as error:
        match_pairs(low, high)
    assert f"{count} in " in message(error)
    assert f": 1, 2, 3, 4, 5, 6, 7, 8, {tail}" in message(error)


def test_two_pictures_of_one_name_are_refused(tmp_path):
    low = fill(tmp_path / "low", "1.png", "1.jpg", "2.png")
    high = fill(tmp_path / "high", "1.png", "2.png")
    for folders in [(low, high), (high, low)]:
        with pytest.raises(DataError, match=r"low: 1\.jpg and 1\.png") as error:
            match_pairs(*folders)
        assert "2.png" not in message(error)


@pytest.mark.parametrize("missing", ["low", "high"])
def test_missing_folders_files_in_their_place_and_empty_folders_are_refused(tmp_path, missing):
    fill(tmp_path / ("high" if missing == "low" else "low"), "1.png")
    folder = tmp_path / missing
    with pytest.raises(DataError, match=re.escape(str(folder))):
        match_pairs(tmp_path / "low", tmp_path / "high")
    folder.touch()
    with pytest.raises(DataError, match=re.escape(str(folder))):
        match_pairs(tmp_path / "low", tmp_path / "high")
    folder.unlink()
    fill(folder, "readme.txt", ".1.png")
    with pytest.raises(DataError, match=rf"{re.escape(str(folder))}.*\.bmp") as error:
        match_pairs(tmp_path / "low", tmp_path / "high")
    message(error)


def test_pair_name_joins_sides_that_are_named_differently(tmp_path):
    low = fill(tmp_path / "Low", "low00010.png", "low00002.png")
    high = fill(tmp_path / "Normal", "normal00002.png", "normal00010.png")
    with pytest.raises(DataError, match="do not pair up"):
        match_pairs(low, high)
    pairs = match_pairs(low, high, pair_name=strip_role_prefix)
    assert pairs[0] == Pair("00002", low / "low00002.png", high / "normal00002.png")
    assert names(pairs) == ["00002", "00010"]


def test_names_that_become_one_by_the_hook_are_refused(tmp_path):
    low = fill(tmp_path / "Low", "low01.png", "01.png")
    high = fill(tmp_path / "Normal", "normal01.png")
    with pytest.raises(DataError, match=r"01\.png and low01\.png"):
        match_pairs(low, high, pair_name=strip_role_prefix)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_broken_link_is_a_picture_and_a_link_to_a_folder_is_none(tmp_path):
    low, high = fill(tmp_path / "low", "1.png", "2.png"), fill(tmp_path / "high", "1.png")
    (high / "2.png").symlink_to(tmp_path / "gone.png")
    for folder in (low, high):
        (folder / "3.png").symlink_to("gone.png")
        (folder / "4.png").symlink_to("4.png")
    (low / "5.png").symlink_to(high)
    assert names(match_pairs(low, high)) == ["1", "2", "3", "4"]


# --- names ---

PAIRS = tuple(Pair(name, Path("low") / name, Path("high") / name) for name in ("1", "2", "10"))


def test_select_and_exclude_keep_the_order_of_the_pairs():
    assert names(select(PAIRS, ["10", "1", "10"])) == ["1", "10"]
    assert names(exclude(PAIRS, iter(["2"]))) == ["1", "10"]
    assert select(PAIRS, []) == ()
    assert exclude(PAIRS, []) == PAIRS


@given(st.sets(st.sampled_from(["1", "2", "10"])))
def test_select_and_exclude_part_the_pairs(chosen):
    inside, outside = select(PAIRS, chosen), exclude(PAIRS, chosen)
    assert set(names(inside)) == chosen
    assert sorted(inside + outside, key=PAIRS.index) == list(PAIRS)


@pytest.mark.parametrize("choose", [select, exclude])
def test_unknown_names_are_refused(choose):
    with pytest.raises(DataError, match=r"2 of 3 names.* 3 pairs.*1\.txt, 3") as error:
        choose(PAIRS, ["3", "1.txt", "2"])
    message(error)


def test_a_file_s_name_stands_for_its_pair():
    assert names(select(PAIRS, ["10.png", "1.JPG"])) == ["1", "10"]
    assert names(exclude(PAIRS, ["10.png"])) == ["1", "2"]
    pairs = (
        Pair("00690", Path("low00690.png"), Path("normal00690.png")),
        Pair("1.b", Path("1.b.tif"), Path("1.b.bmp")),
    )
    assert names(select(pairs, ["low00690.png"])) == names(select(pairs, ["normal00690.png"])) == ["00690"]
    assert names(select(pairs, ["1.b.png"])) == names(select(pairs, ["1.b"])) == ["1.b"]


def test_the_validation_split_comes_with_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "lolv1-val" in SPLITS
    split = read_names("lolv1-val")
    assert (len(split), len(set(split)), split[0]) == (51, 51, "5")
    assert read_names(tmp_path / "lolv1-val") == split
    (tmp_path / "lolv1-val").write_text("7")
    assert read_names("lolv1-val") == ("7",), "a file that is there goes before it"
    with pytest.raises(DataError, match="lolv1-val"):
        read_names("lolv1-test")


def test_what_does_not_pair_up_can_be_told_instead_of_refused(tmp_path):
    low = fill(tmp_path / "low", "1.png", "2.png", "2.jpg", "3.png", "notes.txt")
    high = fill(tmp_path / "high", "1.jpg", "2.png", "4.png")
    found = look_at_pairs(low, high)
    assert names(found.pairs) == ["1", "2"]
    assert (found.without_high, found.without_low) == (("3",), ("4",))
    assert found.twice == ("2.jpg and 2.png",)
    assert found.others == ("notes.txt",)


def test_read_names_takes_what_editors_write(tmp_path):
    path = tmp_path / "val.txt"
    path.write_bytes("\ufeff5\r\n\r\n  6 \r\nnight 7\nähre\n".encode())
    assert read_names(path) == ("5", "6", "night 7", "ähre")
    assert read_names(str(path)) == read_names(path)


def test_read_names_refuses_what_is_no_list(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt.*No such file"):
        read_names(tmp_path / "gone.txt")
    with pytest.raises(DataError, match="cannot read"):
        read_names(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match="UTF-8"):
        read_names(tmp_path / "photo.jpg")
    (tmp_path / "empty.txt").write_text(" \n\n")
    with pytest.raises(DataError, match="no name in"):
        read_names(tmp_path / "empty.txt")


def test_natural_order():
    ordered = ["", "2", "02", "10", "a", "a2", "a2b", "a10", "b1"]
    shuffled = ordered[::-1]
    assert sorted(shuffled, key=natural_key) == ["", "02", "2", *ordered[3:]]


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_as_numbers(numbers):
    assert sorted((f"low{n}" for n in numbers), key=natural_key) == [f"low{n}" for n in sorted(numbers)]


@given(st.lists(st.text(max_size=8), unique=True))
def test_any_names_have_one_order(texts):
    backwards = texts[::-1]
    assert sorted(texts, key=natural_key) == sorted(backwards, key=natural_key)
