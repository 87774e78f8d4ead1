"""A map of numbers as a picture: colours that rise with the numbers, a legend below, nothing lost at odd sizes."""

import re

import numpy as np
import pytest

from darklift.errors import UsageError
from darklift.figures.heatmap import draw_heatmap


def drawn(values):
    return np.rint(draw_heatmap(np.asarray(values, np.float32), "sure", "unsure").pixels * 255).astype(int)


def test_the_map_keeps_its_pixels_and_gets_a_legend_below():
    picture = drawn(np.linspace(-1, 3, 50 * 400).reshape(50, 400))
    assert picture.shape == (114, 400, 3)
    lightness = picture[:50].reshape(-1, 3) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1.5).all(), "lighter is larger"
    assert lightness[-1] - lightness[0] > 150
    np.testing.assert_array_equal(picture[0, 0], (68, 1, 84))
    np.testing.assert_array_equal(picture[49, -1], (253, 231, 37))


def test_the_legend_has_the_same_colours_and_numbers_in_ink():
    values = np.linspace(0, 1, 20 * 400).reshape(20, 400)
    legend = drawn(values)[20:]
    bar = legend[18, 12:-12]
    np.testing.assert_array_equal(bar[0], (68, 1, 84))
    np.testing.assert_array_equal(bar[-1], (253, 231, 37))
    text = legend[30:]
    assert (text[:, :200] > 200).all(axis=-1).sum() > 30, "words on the left"
    assert (text[:, 200:] > 200).all(axis=-1).sum() > 30, "words on the right"
    other = drawn(values * 1000)[20:]
    assert not np.array_equal(text, other[30:]), "other numbers are written otherwise"


def test_a_few_odd_pixels_do_not_take_all_colours():
    values = np.linspace(0, 1, 10_000).reshape(100, 100)
    odd = values.copy()
    odd[3, 3] = 1e6
    assert np.abs(drawn(odd)[:100] - drawn(values)[:100])[10:].max() <= 2


def test_maps_between_given_ends_can_be_compared():
    maps = [np.full((70, 400), value, np.float32) for value in (0, 50, 100, 900)]
    drawings = [
        np.rint(draw_heatmap(each, "seen", "invented", ends=(0, 100), unit="%", note="as said").pixels * 255)
        for each in maps
    ]
    assert all(drawing.shape == (70 + 64 + 22, 400, 3) for drawing in drawings)
    places = [drawing[69, 399] for drawing in drawings]
    np.testing.assert_array_equal(places[0], (68, 1, 84))
    np.testing.assert_array_equal(places[2], (253, 231, 37))
    np.testing.assert_array_equal(places[3], places[2])
    assert not np.array_equal(places[1], places[0])
    legends = [drawing[70:] for drawing in drawings]
    assert all(np.array_equal(legend, legends[0]) for legend in legends)
    assert (legends[0][64:, :200] > 200).all(axis=-1).sum() > 30, "the note, in ink"


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 3)])
def test_any_size_and_flat_maps(shape):
    picture = drawn(np.full(shape, 0.25))
    assert picture.shape == (shape[0] + 64, max(shape[1], 360), 3)
    assert (picture[: shape[0], : shape[1]] == (68, 1, 84)).all()


@pytest.mark.parametrize("values", [np.zeros((2, 2, 3)), np.zeros((0, 4)), [[np.nan]], [[np.inf]]])
def test_what_is_no_map_is_refused(values):
    with pytest.raises(UsageError, match=re.escape(str(np.shape(values)))):
        drawn(values)
