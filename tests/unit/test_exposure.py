"""What a wish for brightness means for one photo."""

import math

import numpy as np
import pytest

from darklift import Exposure
from darklift.pipeline.exposure import aim_for, lit_kept
from darklift.pipeline.trust import Scene
from darklift.runtime import Guess

GUESS = Guess(0.4, 0.3)


def test_a_dark_photo_gets_what_the_model_would_choose():
    aim = aim_for(Exposure(), GUESS, 0.1)
    assert (aim.wanted.brightness, aim.wanted.doubt, aim.share) == (pytest.approx(0.4), 0.3, 1)


def test_stops_from_there_are_of_light():
    assert aim_for(Exposure(stops=2.2), GUESS, 0.1).wanted.brightness == pytest.approx(0.8)


def test_a_mean_is_no_guess_and_gets_all_of_the_result():
    aim = aim_for(Exposure(mean=0.5), GUESS, 0.5)
    assert (aim.wanted, aim.share) == (Guess(0.5, 0), 1)


@pytest.mark.parametrize(("stops", "limit"), [(10, 0.95), (-10, 0.02)])
def test_a_picture_stays_one(stops, limit):
    assert aim_for(Exposure(stops=stops), GUESS, 0.1).wanted.brightness == limit


@pytest.mark.parametrize("brightness", [0.36, 0.4, 0.45])
def test_a_good_photo_is_left_as_it_is(brightness):
    assert aim_for(Exposure(), GUESS, brightness).share == 0


@pytest.mark.parametrize("stops", [0, 0.1, -0.5, 2])
@pytest.mark.parametrize("brightness", [0.02, 0.15, 0.34, 0.4, 0.5])
def test_stops_asked_for_are_had_whatever_the_photo(stops, brightness):
    aim = aim_for(Exposure(stops=stops), GUESS, brightness)
    assert (aim.wanted.brightness, aim.share) == (pytest.approx(0.4 * 2 ** (stops / 2.2)), 1)


def test_between_good_and_dark_nothing_jumps():
    lifts = np.linspace(-1, 1, 2001)
    aims = [aim_for(Exposure(), GUESS, 0.4 * 2**-lift) for lift in lifts]
    made = [lift * aim.share for lift, aim in zip(lifts, aims, strict=True)]
    assert np.abs(np.diff([aim.share for aim in aims])).max() < 0.01
    assert np.diff(made).min() >= 0
    assert {aim.wanted for aim in aims} == {GUESS}


def test_what_nobody_would_see_is_not_done():
    aims = [aim_for(Exposure(), GUESS, 0.4 * 2**-lift) for lift in np.linspace(0.2, 0.25, 501)]
    shares = {aim.share for aim in aims}
    assert min(shares) == 0
    assert min(shares - {0.0}) >= 0.005


def test_a_black_photo_has_a_brightness_to_aim_at():
    aim = aim_for(Exposure(), GUESS, 0.0)
    assert math.isclose(aim.wanted.brightness, 0.4)
    assert aim.share == 1


def seen(**known):
    return Scene(tones=np.full(256, 1 / 256), lights=1.0, span=1.0, **known)


NOTHING = {"night": 0.0, "backlight": 0.0, "smeared": 0.0}


def test_a_photo_of_no_special_kind_gets_what_the_model_would_choose():
    for brightness in (0.02, 0.1, 0.35, 0.4, 0.6):
        assert aim_for(Exposure(), GUESS, brightness, seen(**NOTHING)) == aim_for(Exposure(), GUESS, brightness)


@pytest.mark.parametrize("kind", ["night", "smeared"])
def test_a_night_and_mush_stay_darker_the_more_so_the_darker_they_are(kind):
    less = [
        math.log2(0.4 / aim_for(Exposure(), GUESS, brightness, seen(**NOTHING | {kind: 1.0})).wanted.brightness)
        for brightness in (0.35, 0.12, 0.05, 0.025)
    ]
    assert less[0] < 0.1
    assert np.diff(less).min() > 0.03
    assert less[-1] < math.log2(0.4 / 0.025) / 2, "and yet much brighter than they were"


def test_a_bright_photo_with_much_in_the_shade_is_not_left_alone():
    aim = aim_for(Exposure(), GUESS, 0.42, seen(**NOTHING | {"backlight": 1.0}))
    assert (aim.share, aim.wanted.brightness) == (1, pytest.approx(0.42 * 1.4))


def test_a_mean_goes_before_all_that():
    special = seen(night=1.0, backlight=1.0, smeared=1.0)
    assert aim_for(Exposure(mean=0.3), GUESS, 0.1, special) == aim_for(Exposure(mean=0.3), GUESS, 0.1)


@pytest.mark.parametrize("kind", ["night", "backlight", "smeared"])
def test_stops_are_counted_from_there(kind):
    special = seen(**NOTHING | {kind: 1.0})
    own, nought, more = (
        aim_for(wish, GUESS, 0.1, special).wanted.brightness
        for wish in (Exposure(), Exposure(stops=0), Exposure(stops=1.1))
    )
    assert own == nought
    assert more == pytest.approx(own * 2**0.5)


def test_the_more_is_asked_for_the_more_the_lights_follow():
    wishes = (Exposure(), Exposure(stops=0), Exposure(stops=0.25), Exposure(stops=2), Exposure(mean=0.4))
    assert [lit_kept(wish, 0.4, 0.2) for wish in wishes] == [(1, 1), (1, 1), (0.75, 1), (0, 1), (0, 1)]


def test_lights_follow_a_darker_wish_only_where_the_photo_itself_gets_darker():
    assert lit_kept(Exposure(stops=-0.5), 0.4, 0.2) == (1, 1)
    assert lit_kept(Exposure(stops=-3), 0.2, 0.4) == (1, 0)
    assert lit_kept(Exposure(), 0.2, 0.4) == (1, 1)  # a model's choice is no wish
    assert lit_kept(Exposure(mean=0.2), 0.2, 0.4) == (0, 0)


@pytest.mark.parametrize("brightness", [0.05, 0.3, 0.6])
def test_no_step_of_a_wish_makes_lights_jump(brightness):
    wanted = np.geomspace(0.02, 0.95, 500)
    means = [lit_kept(Exposure(mean=mean), mean, brightness)[1] for mean in wanted]
    stops = [lit_kept(Exposure(stops=stop), 0.3 * 2 ** (stop / 2.2), brightness) for stop in np.linspace(-5, 5, 500)]
    assert 0 <= np.diff(means).min() <= np.diff(means).max() < 0.06
    brighter, darker = np.diff(stops, axis=0).T
    assert -0.03 < brighter.min() <= brighter.max() == 0 == darker.min() <= darker.max() < 0.06
