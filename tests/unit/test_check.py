"""A data set with a fault: the fault is found and named. One without: nothing is."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift.data import BENCHMARKS, Layout, layout_called
from darklift.data.alignment import shift_between
from darklift.data.check import Report, check_dataset
from darklift.data.fingerprint import SAME_SCENE, View, look_at
from darklift.errors import DataError
from darklift.image import from_array, write_image
from datasets import bright, dark, make, save, scene

Check = Callable[..., Report]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Three pairs in ``low`` and ``high``."""
    return make(tmp_path / "mine", layout_called("folders"), {"train": [1, 2, 3]})


def found(report: Report) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """What was found of the first split: kind → (is it wrong, names)."""
    return {finding.kind: (finding.is_wrong, finding.names) for finding in report.splits[0].findings}


@pytest.mark.parametrize("layout", BENCHMARKS, ids=lambda layout: layout.key)
def test_a_sound_data_set_lacks_nothing_but_pictures(tmp_path: Path, layout: Layout) -> None:
    report = check_dataset(make(tmp_path, layout, {"train": [1, 2], "test": [3]}), layout.key)
    kinds = {finding.kind for split in report.splits for finding in split.findings if finding.is_wrong}
    assert kinds <= {"count", "size"}, "tiny ones are of another size than LOL-v1"
    stated = {**layout.counts, **layout.scenes}
    assert ("count" in kinds) == any(count is not None for count in stated.values())
    assert all(not common.overlap.matches for common in report.common)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["layout"] == layout.key


def test_nothing_is_found_where_nothing_is_wrong(plain: Path) -> None:
    report = check_dataset(plain)
    assert report.is_fine
    (split,) = report.splits
    assert (split.name, split.count, split.scenes, split.findings) == ("all", 3, 3, ())
    assert len(split.shifts) == 3
    assert max(split.shifts) < 0.2


def test_missing_pairs_extra_files_and_other_extensions(plain: Path) -> None:
    (plain / "high/2.png").unlink()
    save(plain / "high/9.png", bright(9))
    save(plain / "low/1.bmp", dark(1))
    (plain / "low/notes.txt").touch()
    Image.open(plain / "high/3.png").save(plain / "high/3.webp", lossless=True)
    (plain / "high/3.png").unlink()
    report = check_dataset(plain)
    names = [(finding.is_wrong, finding.names) for finding in report.splits[0].findings if finding.kind == "names"]
    assert names == [(True, ("2",)), (True, ("9",)), (True, ("1.bmp and 1.png",)), (False, ("notes.txt",))]
    assert report.splits[0].count == 2


@pytest.mark.parametrize(
    ("key", "extra", "note", "twice", "other"),
    [
        ("dicm", "DICM/1.bmp", "DICM/x.txt", "1.bmp and 1.png", "x.txt"),
        ("exdark", "ExDark/Boat/1.bmp", "ExDark/Boat/x.txt", "Boat/1.bmp and 1.png", "Boat/x.txt"),
        ("sice", "Dataset_Part1/Label/1.bmp", "Dataset_Part1/1/x.txt", "1.bmp and 1.png", "1/x.txt"),
        ("sice", "Dataset_Part1/1/1.bmp", "Dataset_Part1/x.txt", "1/1.bmp and 1.png", "x.txt"),
        ("sid-srgb", "train/short/1/1.bmp", "train/long/1/x.txt", "1/1.bmp and 1.png", "1/x.txt"),
        ("sid-srgb", "train/long/1/1.bmp", "train/short/x.txt", "1/1.bmp and 1.png", "x.txt"),
        ("lsrw", "Eval/Nikon/low/1.bmp", "Eval/Nikon/high/x.txt", "Nikon/1.bmp and 1.png", "Nikon/x.txt"),
    ],
)
def test_doubled_names_and_other_files_are_told_in_every_layout(
    tmp_path: Path, key: str, extra: str, note: str, twice: str, other: str
) -> None:
    make(tmp_path, layout_called(key), {"train": [1], "test": [1]})
    for path in (extra, "ExDark/Boat/1.png", "train/short/1/1.png", "train/long/1/1.png"):
        save(tmp_path / path, dark(3))
    (tmp_path / note).touch()
    findings = [finding for split in check_dataset(tmp_path, key).splits for finding in split.findings]
    names = [(finding.is_wrong, finding.names) for finding in findings if finding.kind == "names"]
    assert names == [(True, (twice,)), (False, (other,))]


def test_a_pair_of_two_sizes_does_not_hide_the_others(plain: Path) -> None:
    save(plain / "high/2.png", bright(2)[:50])
    report = check_dataset(plain)
    assert found(report)["size"] == (True, ("2 (144x96 and 144x50)",))
    assert len(report.splits[0].shifts) == 2


def test_a_file_that_cannot_be_read_is_named(plain: Path) -> None:
    (plain / "low/2.png").write_bytes((plain / "low/2.png").read_bytes()[:900])
    wrong, names = found(check_dataset(plain))["unreadable"]
    assert wrong
    assert "2.png" in names[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
@pytest.mark.parametrize(
    ("key", "links"),
    [
        ("folders", ["low/1.png", "high/1.png"]),
        ("dicm", ["DICM/1.png"]),
        ("sice", ["Dataset_Part1/1/1.png"]),
        ("sid-srgb", ["train/short/00001/00001_00.png"]),
    ],
)
def test_links_that_lead_nowhere_are_named(tmp_path: Path, key: str, links: list[str]) -> None:
    """As git-annex and DVC leave files whose content is elsewhere."""
    make(tmp_path, layout_called(key), {"train": [1, 2], "test": [1, 2]})
    before = check_dataset(tmp_path, key).splits[0].count
    for link in links:
        (tmp_path / link).unlink()
        (tmp_path / link).symlink_to(tmp_path / "annex/1.png")
    report = check_dataset(tmp_path, key)
    wrong, (name,) = found(report)["unreadable"]
    assert wrong
    assert links[-1] in name
    assert report.splits[0].count == before


def test_depths_are_told_and_stretched_ones_are_found(plain: Path) -> None:
    codes = np.rint(60000 * scene(1)).astype(np.uint16)
    write_image(from_array(codes), plain / "high/1.png", overwrite=True)
    write_image(from_array(bright(2).astype(np.uint16) * 257), plain / "high/2.png", overwrite=True)
    report = check_dataset(plain)
    texts = [finding.text for finding in report.splits[0].findings if finding.kind == "depth"]
    begin = ("2 have another depth", "bits of the pictures: 4 of 8, 2 of 16", "1 have 16 bits")
    assert [text.startswith(start) for text, start in zip(texts, begin, strict=True)] == [True] * 3
    assert report.is_fine, "to know, not wrong"


def test_12_bits_in_a_file_of_16_and_flat_pictures_are_wrong(plain: Path) -> None:
    write_image(from_array(np.rint(4095 * scene(1)).astype(np.uint16)), plain / "high/1.png", overwrite=True)
    save(plain / "low/2.png", np.zeros_like(dark(2)))
    texts = {f.names[0]: f.is_wrong for f in check_dataset(plain).splits[0].findings if f.kind == "range"}
    assert texts == {"2": True, "1 (up to 4095 of 65535)": True}


def test_gray_on_one_side(plain: Path) -> None:
    Image.open(plain / "high/2.png").convert("L").save(plain / "high/2.png")
    assert found(check_dataset(plain))["gray"] == (True, ("2",))
    Image.open(plain / "low/2.png").convert("L").save(plain / "low/2.png")
    assert found(check_dataset(plain))["gray"] == (False, ("2",))


def test_swapped_folders(plain: Path) -> None:
    (plain / "low").rename(plain / "other")
    (plain / "high").rename(plain / "low")
    (plain / "other").rename(plain / "high")
    assert found(check_dataset(plain))["brightness"] == (True, ("1", "2", "3"))


def test_shifted_and_foreign_pictures(plain: Path) -> None:
    save(plain / "high/1.png", bright(1, shift=(2.5, -3.0)))
    save(plain / "high/2.png", bright(20))
    findings = [f for f in check_dataset(plain).splits[0].findings if f.kind == "alignment"]
    assert [(f.is_wrong, f.names) for f in findings] == [(True, ("2",)), (True, ("1 (3.9)",))]


@pytest.mark.parametrize("shift", [(0, 0), (0.5, 0), (-0.3, 0.7), (3.25, -4.5)])
def test_shifts_are_measured_to_a_tenth_of_a_pixel_whatever_the_light(shift: tuple[float, float]) -> None:
    one, other = dark(4) / np.float32(255), bright(4, shift=shift) / np.float32(255)
    measured = shift_between(*(View(picture[..., 1].astype(np.float32), 1) for picture in (one, other)))
    assert (measured.rows, measured.columns) == pytest.approx(shift, abs=0.1)
    assert measured.is_sure
    assert measured.pixels == pytest.approx(math.hypot(*shift), abs=0.15)


def test_shifts_of_large_pictures_are_in_their_own_pixels(tmp_path: Path) -> None:
    for name, shift in (("a", (0, 0)), ("b", (8, -12))):
        save(tmp_path / f"{name}.png", bright(5, shift=shift, size=(400, 640)))
    views = [look_at(tmp_path / f"{name}.png")[2] for name in "ab"]
    assert views[0].factor == 2
    measured = shift_between(*views)
    assert (measured.rows, measured.columns) == pytest.approx((8, -12), abs=0.2)


# --- what test and training data share ---


def lol(root: Path, train: list[int], test: list[int]) -> Path:
    return make(root, layout_called("lol-v1"), {"train": train, "test": test})


def test_test_pictures_that_stand_in_the_training_data_are_found_by_pixels_coding_and_scene(tmp_path: Path) -> None:
    root = lol(tmp_path, [1, 2, 3], [4])
    for side in ("low", "high"):
        save(root / f"eval15/{side}/10.png", np.asarray(Image.open(root / f"our485/{side}/1.png")))
    Image.open(root / "our485/high/2.png").save(root / "eval15/high/11.jpg", quality=97, subsampling=0)
    save(root / "eval15/low/11.png", dark(2, seed=7))
    save(root / "eval15/high/12.png", np.rint(0.45 * bright(3)).astype(np.uint8))  # another exposure
    save(root / "eval15/low/12.png", dark(3, light=0.05))
    (common,) = check_dataset(root).common
    assert (common.split, common.other, common.overlap.of) == ("test", "train", 4)
    found = {match.name: (match.other, match.likeness) for match in common.overlap.matches}
    assert found == {"10": ("1", "pixels"), "11": ("2", "picture"), "12": ("3", "scene")}
    assert not check_dataset(root).is_fine


def test_another_data_set_is_looked_for(tmp_path: Path) -> None:
    ours, theirs = lol(tmp_path / "a", [1, 2], [3]), lol(tmp_path / "b", [9, 2], [8])
    found = [
        (common.split, common.other.rpartition(": ")[2], [match.name for match in common.overlap.matches])
        for common in check_dataset(ours, against=theirs).common
        if common.overlap.matches
    ]
    assert found == [("train", "train", ["2"])]


def test_a_folder_of_pictures_is_looked_for(tmp_path: Path, plain: Path) -> None:
    save(tmp_path / "photos/x.png", bright(3))
    save(tmp_path / "photos/y.png", bright(30))
    (common,) = check_dataset(plain, against=tmp_path / "photos").common
    assert [(match.name, match.other) for match in common.overlap.matches] == [("3", "x")]
    with pytest.raises(DataError, match="no folder"):
        check_dataset(plain, against=tmp_path / "gone")


def test_what_could_not_be_compared_is_told(tmp_path: Path, plain: Path) -> None:
    save(tmp_path / "photos/x.png", bright(30))
    assert check_dataset(plain, against=tmp_path / "photos").is_fine
    (tmp_path / "photos/y.png").write_bytes((tmp_path / "photos/x.png").read_bytes()[:90])
    save(tmp_path / "photos/z.png", bright(31))
    save(tmp_path / "photos/z.bmp", bright(32))
    report = check_dataset(plain, against=tmp_path / "photos")
    assert not report.is_fine
    texts = [finding.text for split in report.splits for finding in split.findings if finding.is_wrong]
    assert [text.split(" ")[0] for text in texts] == ["1", "1"]
    assert "of one name" in texts[0]
    assert "photos/y.png" in texts[1]


def test_pairs_kept_for_validation_are_compared_with_the_rest(plain: Path) -> None:
    save(plain / "low/4.png", dark(1, light=0.3))
    save(plain / "high/4.png", np.rint(0.6 * bright(1)).astype(np.uint8))
    report = check_dataset(plain)
    assert report.splits[0].scenes == 3
    assert found(report)["scenes"] == (False, ("1 4",))
    (common,) = check_dataset(plain, names=["1.png", "2"]).common
    assert [(m.name, m.other, m.likeness) for m in common.overlap.matches] == [("1", "4", "scene")]
    assert not check_dataset(plain, names=["1", "4"]).common[0].overlap.matches


def test_names_that_leave_nothing_to_train_on_are_wrong(plain: Path) -> None:
    report = check_dataset(plain, names=["1", "2", "3"])
    assert [(split.name, split.count) for split in report.splits] == [("all without the names", 0), ("names", 3)]
    (finding,) = report.splits[0].findings
    assert (finding.kind, finding.is_wrong) == ("count", True)
    assert "nothing is left" in finding.text
    assert not report.is_fine


def test_what_names_leave_over_need_not_have_the_whole_sets_number(tmp_path: Path) -> None:
    make(tmp_path, layout_called("sice"), {"train": [1, 2]})
    report = check_dataset(tmp_path, "sice", names=["1/1", "1/2", "1/3"])
    assert "count" not in found(report)


def test_a_split_without_a_pair_is_wrong(tmp_path: Path) -> None:
    make(tmp_path, layout_called("folders"), {"val": [1]})
    for side in ("low", "high"):
        (tmp_path / "train" / side).mkdir(parents=True)
    assert found(check_dataset(tmp_path, "folders"))["count"] == (True, ())


def test_a_picture_that_serves_several_pairs_is_told(plain: Path) -> None:
    save(plain / "low/4.png", dark(1, seed=4))
    save(plain / "high/4.png", bright(1))
    assert found(check_dataset(plain))["repeats"] == (False, ("1 = 4",))


def test_a_scene_is_known_at_any_exposure_and_no_other_is(tmp_path: Path) -> None:
    shown = []
    for number in range(12):
        for light in (1.0, 0.3):
            save(tmp_path / "x.png", np.rint(light * bright(number)).astype(np.uint8))
            shown.append(look_at(tmp_path / "x.png")[1].scene.astype(np.float32))
    alike = np.stack(shown) @ np.stack(shown).T
    same = np.kron(np.eye(12), np.ones((2, 2))).astype(bool)
    assert alike[same].min() > SAME_SCENE > alike[~same].max() + 0.2
