"""Settings: one frozen value with every choice, checked when it is made."""

import dataclasses
import inspect
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import darklift
from darklift import Exposure, Settings, UsageError, Window
from darklift.cli import _choices
from darklift.field_docs import field_docs
from darklift.pipeline.look import Look
from darklift.pipeline.settings import CONTROLS
from darklift.store.load import Opening

PUBLIC = [value for name in darklift.__all__ if dataclasses.is_dataclass(value := getattr(darklift, name))]
wishes = st.one_of(
    st.none(),
    st.floats(-10, 10).map(lambda stops: Exposure(stops=stops)),
    st.floats(0.01, 0.99).map(lambda mean: Exposure(mean=mean)),
)


@given(
    st.builds(
        Settings,
        preset=st.none() | st.text(min_size=1, max_size=5),
        steps=st.none() | st.integers(1, 1000),
        exposure=wishes,
        strength=st.floats(0, 1),
        **dict.fromkeys(CONTROLS, st.floats(-100, 100)),
        deblock=st.sampled_from(["auto", "off"]),
        speed=st.sampled_from(["fast", "balanced", "best"]),
        seed=st.integers(),
        window=st.none() | st.integers(1, 2000).map(Window),
        uncertainty=st.booleans(),
        coverage=st.floats(0.01, 0.99),
    )
)
def test_settings_travel_as_plain_values(settings):
    sent = json.loads(json.dumps(settings.to_dict()))
    come = Settings.from_dict(sent)
    assert dataclasses.replace(come, exposure=None) == dataclasses.replace(settings, exposure=None)
    if settings.exposure is not None:
        for name in ("stops", "mean"):
            before, after = getattr(settings.exposure, name), getattr(come.exposure, name)
            assert (before is None) == (after is None)
            assert before is None or math.isclose(before, after, rel_tol=1e-4, abs_tol=1e-4)


def test_plain_wishes_become_values():
    assert Settings(window=64).window == Window(64, 32)
    assert Settings(exposure=-1).exposure == Exposure(stops=-1)
    assert Settings(exposure="mean=0.4").exposure == Exposure(mean=0.4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strength", 1.1),
        ("strength", -0.1),
        ("strength", "much"),
        ("strength", math.nan),
        ("strength", None),
        ("seed", 1.5),
        ("seed", "3"),
        ("seed", None),
        ("steps", 0),
        ("steps", 2.5),
        ("window", 0),
        ("window", "64"),
        ("exposure", "bright"),
        ("exposure", 11),
        ("strength", "0.5"),
        ("preset", ["a"]),
        ("uncertainty", "no"),
        ("uncertainty", np.array([1, 0])),
        ("lift", np.array(["full", "trusted"])),
        ("deblock", None),
        ("speed", "quick"),
        ("coverage", 1),
        ("coverage", 0),
        ("coverage", math.nan),
        ("coverage", "0.9"),
        ("coverage", None),
    ],
)
def test_an_impossible_value_is_refused_when_it_is_made(name, value):
    with pytest.raises(UsageError, match=name):
        Settings(**{name: value})


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(UsageError, match="exposure"):
        Settings().changed(exposre=1)


@pytest.mark.parametrize("value", [Settings, Opening, Window])
def test_every_choice_is_explained(value):
    docs = field_docs(value)
    assert set(docs) == {field.name for field in dataclasses.fields(value)}
    assert all(text.endswith(".") and "\n" not in text for text in docs.values())


@pytest.mark.parametrize(
    ("value", "elsewhere"), [("settings", {"uncertainty", "coverage"}), ("opening", set()), ("openings", set())]
)
def test_every_choice_has_an_option(value, elsewhere):
    """--uncertainty is the file that the map goes to, and --coverage stands beside it."""
    group = _choices._GROUPS[value]
    assert {*group.choices, *elsewhere} == {field.name for field in dataclasses.fields(group.cls)}


def test_a_command_gets_the_values_that_its_options_spell_out():
    got = {}

    @_choices.spelled_out(precision="fp32")
    def command(photo: str, *, settings: Settings, opening: Opening) -> None:
        got.update(photo=photo, settings=settings, opening=opening)

    names = set(inspect.signature(command).parameters)
    assert {"photo", "steps", "stride", "model", "threads"} <= names
    assert not {"settings", "opening"} & names
    typed = {name: p.default for name, p in inspect.signature(command).parameters.items()}
    command(**{**typed, "photo": "night.jpg", "steps": 4, "exposure": "+1", "window": 64, "stride": 16, "threads": 1})
    assert got["settings"] == Settings(steps=4, exposure=1.0, window=Window(64, 16))
    assert got["opening"] == Opening(precision="fp32", threads=1)


@pytest.mark.parametrize("value", [*PUBLIC, Look, Opening])
def test_every_field_of_a_public_value_is_explained(value):
    listed = re.findall(r"^ +(\w+): \S", value.__doc__, re.MULTILINE)  # below Attributes:
    public = {field.name for field in dataclasses.fields(value) if not field.name.startswith("_")}
    assert public - {*field_docs(value), *listed} == set()


@pytest.mark.parametrize(
    "values",
    [{"window": [1, 2, 3]}, {"window": []}, {"exposure": {"foo": 1}}, {"exposure": [1]}, {"strengh": 1}, [1], None],
    ids=str,
)
def test_what_are_no_settings_is_refused(values):
    with pytest.raises(UsageError):
        Settings.from_dict(values)


@pytest.mark.parametrize(
    "exposure", [{"stops": "1"}, {"stops": 1, "mean": 0.4}, {"mean": "0.4"}, {"mean": 1.5}], ids=str
)
def test_an_exposure_says_one_thing_and_in_numbers(exposure):
    with pytest.raises(UsageError, match="exposure"):
        Exposure(**exposure)


def test_numbers_of_other_libraries_become_plain():
    settings = Settings(
        strength=np.float32(0.5),
        blacks=np.float32(-20),
        shadows=np.int64(5),
        seed=np.int64(3),
        exposure=Exposure(stops=np.float32(0.25)),
        uncertainty=np.bool_(True),
        coverage=np.float32(0.9),
    )
    assert settings.coverage == 0.9
    assert json.loads(json.dumps(settings.to_dict()))["exposure"]["stops"] == 0.25
    assert Settings.from_dict(settings.to_dict()) == settings
