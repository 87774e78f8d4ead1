"""Recipes: what is read, what ``--set`` changes, what is refused, and that a saved recipe is the same recipe."""

import functools
import itertools
import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import darklift
from darklift.errors import ConfigError
from darklift.train.config import Recipe, TrainConfig, dump_recipe, load_recipe
from darklift.train.loop import learning_rate
from darklift.weights import CATALOGUE

SHIPPED = sorted((Path(darklift.__file__).parent / "recipes").glob("*.toml"))
SMALL = """
method = "compact"

[data]
root = "pictures"

[[data.sources]]
name = "first"
kind = "pairs"
path = "one"

[[data.sources]]
name = "second"
kind = "photos"
path = "two"

[data.validation]
path = "one"

[train]
steps = 100
crops = [[0, 32], [50, 64]]
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@functools.cache
def network(method, settings):
    """Made once for all recipes that share it, as shapes without numbers: the largest would take 1.5 GB."""
    from darklift.store.checkpoint import build_method

    with torch.device("meta"):
        return build_method(method, json.loads(settings))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_recipe_parses_and_builds_its_network(path):
    recipe = load_recipe(path)
    method = network(recipe.method, json.dumps(recipe.model, sort_keys=True))
    assert recipe.train.stage in {None, *(stage.name for stage in method.stages)}
    assert sum(parameter.numel() for parameter in method.net.parameters()) > 1000
    assert all(side % method.footprint.size_multiple == 0 for _, side in recipe.train.crops)
    # one trains on all pairs there are, the other what no small pair shows
    assert (recipe.data.validation is None) == (path.stem in ("compact_lolv1", "compact_detail"))
    assert recipe.train.warmup + recipe.train.decay <= recipe.train.steps


@pytest.mark.parametrize(
    "change",
    [
        "phone=true",
        "uneven=1",
        "lost_stays=true",
        "in_blocks=0.5",
        "re_exposed=0.2",
        "part_share=0",
        "turn_share=0",
        "exposure_weight=0",
        "clipped_weight=0",
    ],
)
def test_large_pieces_go_without_what_does_not_change_them(recipe_file, change):
    large = ["data.sources.1.large=true", "data.sources.1.max_stops=6"]
    assert load_recipe(recipe_file, large).data.sources[1].large
    name = change.split("=")[0]
    with pytest.raises(ConfigError, match=f"data.sources.1: {name} has no effect .*with large = true: leave it out"):
        load_recipe(recipe_file, [*large, f"data.sources.1.{change}"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_that_begins_from_a_bundled_model_fits_it(path):
    from darklift.store.checkpoint import build_method, load_weights
    from darklift.store.from_export import exported_weights

    recipe = load_recipe(path)
    if recipe.train.initial in CATALOGUE:
        method = build_method(recipe.method, recipe.model)
        load_weights(method, exported_weights(method, CATALOGUE[recipe.train.initial].folder), recipe.train.initial)
    else:  # a file that whoever trains has made
        assert recipe.train.initial is None or recipe.train.initial.endswith(".safetensors")


def test_the_recipe_of_published_tables_takes_every_pair_and_its_twin_holds_the_split_out():
    path = Path(darklift.__file__).parent / "recipes" / "compact_lolv1.toml"
    recipe = load_recipe(path)
    assert recipe.train.initial is None
    assert {source.layout for source in recipe.data.sources} == {"lol-v1"}
    assert not any(source.leave_out or source.leave_out_every for source in recipe.data.sources)
    told = "".join(line[1:].rstrip("\\") for line in path.read_text(encoding="utf-8").splitlines() if line[:1] == "#")
    words = shlex.split(told[told.rindex("darklift train compact_lolv1") : told.index("As compact.toml")])
    changes = [word for option, word in itertools.pairwise(words) if option == "--set"]
    twin = load_recipe(path, changes)
    assert {source.leave_out for source in twin.data.sources} == {"lolv1-val"}
    assert twin.data.validation is not None
    assert twin.data.validation.names == "lolv1-val"
    assert twin.train == recipe.train
    assert twin.model == recipe.model


@pytest.mark.parametrize(
    "name",
    [
        "compact",
        "compact_voters",
        "compact_uneven",
        "compact_exposure",
        "compact_joint",
        "compact_night",
        "compact_slim",
    ],
)
def test_the_bundled_model_s_recipes_do_not_train_on_what_they_validate_on(name):
    data = load_recipe(Path(darklift.__file__).parent / "recipes" / f"{name}.toml").data
    held_out = {source.path: source.leave_out for source in data.sources}
    assert held_out[data.validation.path] == data.validation.names is not None


def test_recipes_are_shipped():
    assert {"compact", "compact_tiny"} <= {path.stem for path in SHIPPED}


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("train.lr=2e-4", lambda r: r.train.lr == 2e-4),
        (" train.lr = 2e-4 ", lambda r: r.train.lr == 2e-4),
        ("train.steps=7", lambda r: r.train.steps == 7),
        ("train.halvings=[5, 10]", lambda r: r.train.halvings == (5, 10)),
        ("train.precision=bf16", lambda r: r.train.precision == "bf16"),
        ('train.precision="bf16"', lambda r: r.train.precision == "bf16"),
        ("data.root=/some where/else", lambda r: r.data.root == "/some where/else"),
        ("data.root=a=b", lambda r: r.data.root == "a=b"),
        ("data.root=C:\\new\\table", lambda r: r.data.root == "C:\\new\\table"),
        ("data.sources.1.share=0.5", lambda r: [s.share for s in r.data.sources] == [1, 0.5]),
        ("data.sources.0.leave_out=val.txt", lambda r: r.data.sources[0].leave_out == "val.txt"),
        ("train.crops=[[0, 48]]", lambda r: r.train.crops == ((0, 48),)),
        ("train.crops.1=[60, 96]", lambda r: r.train.crops == ((0, 32), (60, 96))),
        ("train.crops.1.1=128", lambda r: r.train.crops == ((0, 32), (50, 128))),
        ("data.validation.every=5", lambda r: r.data.validation.every == 5),
        ("model.fine_widths=[8, 16]", lambda r: r.model == {"fine_widths": [8, 16]}),
        ("model.x.x=1", lambda r: r.model == {"x": {"x": 1}}),
    ],
)
def test_set_changes_nested_values_and_items_of_lists(recipe_file, change, read):
    assert read(load_recipe(recipe_file, [change]))
    assert not read(load_recipe(recipe_file)), "the test would pass without the change"


def test_later_changes_win(recipe_file):
    assert load_recipe(recipe_file, ["train.lr=1e-3", "train.lr=2e-3"]).train.lr == 2e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.lrr=1", "'train.lrr'.*'lr'"),
        ("trian.lr=1", "'trian'.*'train'"),
        ("data.sources.1.shar=1", "'data.sources.1.shar'.*'share'"),
        ("data.validation.evry=1", "'data.validation.evry'.*'every'"),
        ("train.colour=1", "'train.colour'.*stage, initial, teacher, steps"),
        ("train.lr=fast", "train.lr: .*number.*, got 'fast'"),
        ("train.lr=", "train.lr: .*number.*, got ''"),
        ("train.lr=-1", "train.lr: .*greater than 0, got -1"),
        ("train.lr=nan", "train.lr: .*finite"),
        ("train.lr=inf", "train.lr: .*finite"),
        ("train.steps=0", "train.steps: .*greater than 0"),
        ("train.steps=1.5", "train.steps: .*integer"),
        ("train.ema=1", "train.ema: .*less than 1"),
        ("train.precision=fp8", "train.precision: .*'bf16'.*got 'fp8'"),
        ("train.crops=[]", "train.crops: .*rising from 0"),
        ("train.crops=[[10, 32]]", "train.crops: .*rising from 0"),
        ("train.crops=[[0, 32], [0, 64]]", "train.crops: .*rising from 0"),
        ("train.crops=[[0, 32], [90, 64], [50, 32]]", "train.crops: .*rising from 0"),
        ("train.crops=[[0, -32]]", "train.crops: .*rising from 0"),
        ("train.halvings=[0]", "train.halvings: .*rising steps"),
        ("train.halvings=[20, 10]", "train.halvings: .*rising steps"),
        ("train.halvings=[20, 20]", "train.halvings: .*rising steps"),
        ("train.crops.1.0=0", "train.crops: .*rising from 0"),
        ("data.sources=[]", "data.sources: .*at least 1 item"),
        ("data.sources.0.kind=pair", "data.sources.0.kind: .*'pairs'.*got 'pair'"),
        ("data.sources.0.uneven=2", "data.sources.0: uneven .* kind pairs"),
        ("data.sources.1.jitter=0.1", "data.sources.1: jitter .* kind photos"),
        ("data.sources.1.grainy=0.1", "data.sources.1: grainy .* kind photos"),
        ("data.sources.1.dimmed=[1, 2]", "data.sources.1: dimmed .* kind photos"),
        ("data.sources.0.dimmed=[2, 1]", "data.sources.0: dimmed .*2.*least and the most"),
        ("data.sources.0.phone=true", "data.sources.0: phone .* kind pairs"),
        ("data.sources.1.lost_stays=true", "data.sources.1: lost_stays .*phone"),
        ("data.sources.0.large=true", "data.sources.0: large .* kind pairs"),
        ("data.sources.0.leave_out_first=1", "data.sources.0: leave_out_first"),
        ("data.sources.0.grainy=1.1", "data.sources.0.grainy"),
        ("data.sources.1.low=dark", "data.sources.1: low .* kind photos"),
        ("data.sources.0.low=dark", "data.sources.0: low and high"),
        ("data.sources.1.min_stops=8", "data.sources.1: min_stops 8 .*max_stops 7"),
        ("data.sources.0.share=0", "data.sources.0.share: .*greater than 0"),
        ("data.sources.2.share=1", "data.sources.2.share: '2' .*list of 2"),
        ("data.sources.-1.share=1", "'-1' .*list of 2"),
        ("data.sources.².share=1", "'²' .*list of 2"),
        ("data.sources.first.share=1", "'first' .*list"),
        ("train.steps.x=1", "--set train.steps.x: .*'x'"),
        ("train.steps.x.y=1", "--set train.steps.x.y: .*'x'"),
        ("train=3", "train: .*got 3"),
        ("train.lr", "--set takes key=value"),
        ("=3", "--set takes key=value"),
        ("", "--set takes key=value"),
    ],
)
def test_bad_changes_are_refused_in_words(recipe_file, change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(recipe_file, [change])
    assert "\n" not in str(caught.value)


def test_a_misspelt_key_is_named_before_the_one_it_leaves_missing(recipe_file):
    recipe_file.write_text(SMALL.replace("steps = 100", "stepps = 100"))
    with pytest.raises(ConfigError, match=r"'train\.stepps'.*'steps'"):
        load_recipe(recipe_file)


def test_a_missing_key_is_named(recipe_file):
    recipe_file.write_text(SMALL.replace("steps = 100", ""))
    with pytest.raises(ConfigError, match=r"train\.steps: Field required$"):
        load_recipe(recipe_file)


@pytest.mark.parametrize("content", [b"method = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_not_toml_is_refused(recipe_file, content):
    recipe_file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"small\.toml.* TOML"):
        load_recipe(recipe_file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            load_recipe(path)


def test_a_recipe_is_frozen(recipe_file):
    recipe = load_recipe(recipe_file)
    with pytest.raises(ValueError, match="frozen"):
        recipe.train.lr = 1.0


def saved_and_read(recipe, folder):
    (folder / "again.toml").write_bytes(dump_recipe(recipe))
    return load_recipe(folder / "again.toml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_saved_recipe_is_the_same_recipe(path, tmp_path):
    recipe = load_recipe(path)
    assert saved_and_read(recipe, tmp_path) == recipe


def test_a_saved_recipe_holds_the_defaults(recipe_file):
    text = dump_recipe(load_recipe(recipe_file)).decode()
    for line in ("ema = 0.999", "warmup = 200", "part_share = 0.5", "samples = 4"):
        assert line in text


anything = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    root=st.text(),
    lr=st.floats(1e-300, 1e300),
    crops=st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**4)), unique_by=lambda crop: crop[0], max_size=4),
    model=st.dictionaries(st.text(), anything, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_any_recipe_survives_being_saved(tmp_path_factory, root, lr, crops, model):
    recipe = Recipe(
        method="compact",
        model=model,
        data={"root": root, "sources": [{"name": root, "kind": "photos", "path": root}]},
        train={"steps": 1, "lr": lr, "crops": [(0, 16), *sorted(crops)]},
    )
    assert saved_and_read(recipe, tmp_path_factory.getbasetemp()) == recipe


def test_crop_sizes_change_at_their_first_steps():
    config = TrainConfig(steps=20, crops=((0, 16), (5, 32), (10, 48)))
    assert [config.crop_size(step) for step in (0, 4, 5, 9, 10, 10**6)] == [16, 16, 32, 32, 48, 48]


# --- the learning rate ------------------------------------------------------------------------------------------------


def rates(**settings):
    config = TrainConfig(**{"steps": 1000, "lr": 1e-3, "warmup": 100, "decay": 400, **settings})
    return [learning_rate(config, step) for step in range(config.steps)]


def test_the_rate_rises_stays_and_falls_to_a_hundredth():
    rate = rates()
    assert rate[0] == pytest.approx(1e-5)
    assert rate[49] == pytest.approx(5e-4)
    assert rate[:100] == sorted(rate[:100])
    assert set(rate[99:601]) == {1e-3}
    assert rate[600:] == sorted(rate[600:], reverse=True)
    assert rate[800] == pytest.approx(1e-3 * (0.01 + 0.99 / 2))
    assert rate[-1] == pytest.approx(1e-5, rel=0.01)


def test_without_warm_up_and_decay_the_rate_is_constant():
    assert set(rates(warmup=0, decay=0)) == {1e-3}


def test_the_rate_is_halved_at_each_step_given():
    rate = rates(warmup=0, decay=400, halvings=(100, 300))
    assert rate[99:101] == [1e-3, 5e-4]
    assert rate[299:301] == [5e-4, 2.5e-4]
    assert rate[600] == 2.5e-4
    assert rate[800] == pytest.approx(2.5e-4 * (0.01 + 0.99 / 2))


def test_before_its_decay_a_longer_run_has_the_same_rates():
    assert rates(steps=2000)[:600] == rates()[:600]


@pytest.mark.parametrize("settings", [{"decay": 1000}, {"decay": 5000}, {"warmup": 5000}, {"decay": 1}, {"steps": 1}])
def test_rates_stay_positive_and_within_the_recipe_s(settings):
    assert all(0 < rate <= 1e-3 for rate in rates(**settings))
