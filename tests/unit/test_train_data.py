"""From a recipe's data section to files: what is trained on, and above all what is not."""

import numpy as np
import pytest
from PIL import Image

from darklift.data import find_pairs, held_back_by, read_names
from darklift.errors import ConfigError, DataError
from darklift.train.config import DataConfig, SourceConfig
from darklift.train.data import build_mixture, trained_on_test_split, validation_pairs


@pytest.fixture
def root(tmp_path):
    """Ten pairs, ten photos (two in a folder of their own) and six scenes of two exposures."""
    files = [f"pairs/{half}/{n}.png" for half in ("low", "high") for n in range(1, 11)]
    files += [f"photos/{'more/' if n > 8 else ''}{n}.png" for n in range(1, 11)]
    files += [f"scenes/{n:03d}/{name}.png" for n in range(1, 7) for name in ("target", "low1", "low2")]
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    (tmp_path / "photos" / "licence.txt").write_text("free")
    return tmp_path


def build(root, kind, path, **settings):
    config = SourceConfig(name="it", kind=kind, path=path, **settings)
    (source,) = build_mixture(DataConfig(root=str(root), sources=(config,))).sources
    return source


def stems(paths):
    return sorted(int(path.stem) for path in paths)


def test_pairs_of_a_known_layout_and_of_two_named_folders(root):
    found, named = build(root, "pairs", "pairs"), build(root, "pairs", ".", low="pairs/low", high="pairs/high")
    assert found.highs == named.highs
    assert [low.stem for low in found.lows] == [high.stem for high in found.highs]
    assert stems(found.highs) == list(range(1, 11))


def test_photos_are_found_in_all_folders_below(root):
    source = build(root, "photos", "photos")
    assert source.lows is None
    assert stems(source.highs) == list(range(1, 11))


def test_exposures_pair_every_low_with_its_scene_s_target(root):
    source = build(root, "exposures", "scenes")
    assert len(source.highs) == 12
    assert all(low.parent == high.parent for low, high in zip(source.lows, source.highs, strict=True))


def test_a_list_of_names_is_left_out(root):
    (root / "val.txt").write_text("2\n10\n")
    assert stems(build(root, "pairs", "pairs", leave_out="val.txt").highs) == [1, 3, 4, 5, 6, 7, 8, 9]
    assert stems(build(root, "photos", "photos", leave_out="val.txt").highs) == [1, 3, 4, 5, 6, 7, 8, 9]


def test_whole_scenes_are_left_out(root):
    (root / "val.txt").write_text("002\n005\n")
    source = build(root, "exposures", "scenes", leave_out="val.txt")
    assert sorted({high.parent.name for high in source.highs}) == ["001", "003", "004", "006"]


@pytest.mark.parametrize(("kind", "path"), [("pairs", "pairs"), ("photos", "photos"), ("exposures", "scenes")])
def test_a_list_that_names_what_is_not_there_is_refused(root, kind, path):
    (root / "val.txt").write_text("nowhere\n")
    with pytest.raises(DataError, match="nowhere"):
        build(root, kind, path, leave_out="val.txt")


def test_every_nth_is_held_out_by_scene_where_there_are_scenes(root):
    assert len(build(root, "pairs", "pairs", leave_out_every=5).highs) == 8
    assert len(build(root, "photos", "photos", leave_out_every=5).highs) == 8
    scenes = build(root, "exposures", "scenes", leave_out_every=3)
    assert sorted({high.parent.name for high in scenes.highs}) == ["001", "002", "004", "005"]
    assert len(scenes.highs) == 8


def test_which_is_the_first_to_be_held_out_can_be_said(root):
    assert stems(build(root, "pairs", "pairs", leave_out_every=5, leave_out_first=3).highs) == [
        number for place, number in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], start=1) if place not in (3, 8)
    ]
    scenes = build(root, "exposures", "scenes", leave_out_every=3, leave_out_first=1)
    assert sorted({high.parent.name for high in scenes.highs}) == ["002", "003", "005", "006"]


def test_leaving_everything_out_is_refused(root):
    config = SourceConfig(name="pairs of mine", kind="pairs", path="pairs", leave_out_every=1)
    with pytest.raises(DataError, match="pairs of mine"):
        build_mixture(DataConfig(root=str(root), sources=(config,))).load()


def test_a_folder_without_pictures_is_refused(root):
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures in"):
        build(root, "photos", "empty")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (
            "pairs",
            {"share": 0.3, "jitter": 0.5, "grainy": 0.2, "recompressed": 0.1, "part_share": 0.2, "turn_share": 0.1},
        ),
        ("pairs", {"dimmed": (1.0, 2.0), "lost_stays": True}),
        ("photos", {"phone": True, "lost_stays": True}),
        ("photos", {"min_stops": -1.0, "max_stops": 3.0, "uneven": 2.0, "re_exposed": 0.2, "in_blocks": 0.4}),
        ("exposures", {"exposure_weight": 0.4, "clipped_weight": 0.6, "in_blocks": 0.1}),
    ],
)
def test_settings_reach_the_source(root, kind, settings):
    source = build(root, kind, "scenes" if kind == "exposures" else kind, **settings)
    assert {name: getattr(source, name) for name in settings} == settings


def test_validation_pairs_are_those_named_and_no_more_than_the_limit(root):
    (root / "val.txt").write_text("2\n10\n7\n")
    source = {"name": "it", "kind": "pairs", "path": "pairs"}

    def pairs(**validation):
        config = DataConfig(root=str(root), sources=(source,), validation={"path": "pairs", **validation})
        return [pair.name for pair in validation_pairs(config)]

    assert pairs(names="val.txt") == ["2", "7", "10"]
    assert pairs(names="val.txt", limit=2) == ["2", "7"]
    assert len(pairs()) == 10
    assert validation_pairs(DataConfig(root=str(root), sources=(source,))) == ()


def test_pairs_of_a_test_split_are_known_wherever_the_recipe_points(tmp_path):
    for folder in ("our485/low", "our485/high", "eval15/low", "eval15/high"):
        where = tmp_path / "LOLdataset" / folder
        where.mkdir(parents=True)
        (where / f"{1 if 'our' in folder else 2}.png").touch()
    root = tmp_path / "LOLdataset"

    def held_back(*args: object) -> tuple[str, ...]:
        return held_back_by(pair.high for pair in find_pairs(*args))

    assert held_back(root / "eval15") == held_back(root, "test") == ("LOL-v1",)
    assert held_back(root) == ()
    (tmp_path / "link").symlink_to(root / "eval15")
    assert held_back(tmp_path / "link") == ("LOL-v1",)
    (root / "eval15").rename(tmp_path / "mine")  # alone, no folder tells what it is
    assert held_back(tmp_path / "mine") == ()


def test_a_test_split_is_its_data_set_s_also_where_its_folders_could_be_anybody_s(tmp_path):
    for folder in ("Real_captured/Test/Low", "Real_captured/Test/Normal", "eval15/low", "eval15/high"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").touch()
    pairs = [pair for folder in ("Real_captured/Test", "eval15") for pair in find_pairs(tmp_path / folder)]
    assert held_back_by(pair.high for pair in pairs[:1]) == ("LOL-v2 real",)
    assert held_back_by(pair.high for pair in pairs) == ("LOL-v1", "LOL-v2 real")


def test_only_a_test_split_is_held_back_of_one_s_own_folders(tmp_path):
    for folder in ("train/low", "train/high", "val/low", "val/high", "test/low", "test/high"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").touch()
    told = [held_back_by(pair.high for pair in find_pairs(tmp_path, split)) for split in ("train", "val", "test")]
    assert told == [(), (), ("plain",)]


def test_sources_of_a_test_split_are_refused_unless_they_say_so(tmp_path):
    for folder in ("our485/low", "our485/high", "eval15/low", "eval15/high"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder[:3]}.png").touch()

    def trained_on(*sources: dict[str, object]) -> tuple[str, ...]:
        named = tuple({"name": f"s{number}", "kind": "pairs", **source} for number, source in enumerate(sources))
        config = DataConfig(root=str(tmp_path), sources=named)
        return trained_on_test_split(config, build_mixture(config))

    fine = ({"path": "."}, {"path": "eval15", "layout": "lol-v1"}, {"path": "our485/high", "kind": "photos"})
    assert trained_on(*fine) == ()
    for refused in ({"path": "eval15"}, {"path": "eval15/high", "kind": "photos"}):
        with pytest.raises(ConfigError, match=r"^data\.sources\.1 has .*LOL-v1's test split.*1\.on_test_split=true$"):
            trained_on(fine[0], refused)
        assert trained_on(fine[0], {**refused, "on_test_split": True}) == ("LOL-v1",)


def test_a_data_set_is_found_from_any_root_and_by_its_name(tmp_path):
    """A download of LOL-v1 as it is, with something else beside it, under whatever name."""
    numbers = [*read_names("lolv1-val"), "1000", "1001"]
    for half in ("low", "high"):
        for folder, names in (("our485", numbers), ("eval15", ["2000"])):
            where = tmp_path / "data" / "LOLdataset" / folder / half
            where.mkdir(parents=True)
            for name in names:
                (where / f"{name}.png").touch()
        (tmp_path / "data" / "mine" / half).mkdir(parents=True)
        (tmp_path / "data" / "mine" / half / "x.png").touch()
    for root in ("data", "data/LOLdataset", "data/LOLdataset/our485", "."):
        config = DataConfig(
            root=str(tmp_path / root),
            sources=({"name": "it", "kind": "pairs", "path": ".", "layout": "lol-v1", "leave_out": "lolv1-val"},),
            validation={"path": ".", "layout": "lol-v1", "names": "lolv1-val"},
        )
        assert [path.stem for path in build_mixture(config).sources[0].highs] == ["1000", "1001"]
        assert len(validation_pairs(config)) == 51
    with pytest.raises(DataError, match="several data sets"):
        build(tmp_path, "pairs", "data")
