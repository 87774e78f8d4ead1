"""Pieces of large photos, made of small ones: where they lie, how soft they are, and their noise."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from darklift.data.large import draw_large, shoot_large
from darklift.data.sources import Mixture, Source
from darklift.diffusion import random_generator
from darklift.image.overview import area_average
from pictures import saved

SIZE = 96


def photo(seed, height=160, width=240):
    """Rough, with slow changes of light and colour."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(40, 220, (3, 4, 6)).repeat(height // 4, axis=1).repeat(width // 6, axis=2)
    return (cells + rng.integers(-30, 30, (3, height, width))).clip(0, 255).astype(np.uint8)


def pieces(count, stops, **changes):
    for number in range(count):
        rng = random_generator(0, "piece", number)
        shot = replace(draw_large(rng, stops, stops), **changes)
        yield shoot_large(photo(number), photo(100 + number), SIZE, shot, rng)


def roughness(planes):
    return np.abs(np.diff(planes.astype(float), axis=2)).mean()


def test_a_piece_lies_in_its_photo_where_its_box_says():
    differences = []
    for piece in pieces(8, 0.0):
        top, left, bottom, right = piece.box
        height, width = piece.photo_high.shape[1:]
        assert 0 <= top < bottom <= 1
        assert 0 <= left < right <= 1
        rows, columns = (
            slice(round(a), round(b)) for a, b in ((top * height, bottom * height), (left * width, right * width))
        )
        there = piece.photo_high[:, rows, columns]
        differences.append(np.abs(area_average(there, (3, 3)) - area_average(piece.high, (3, 3))).mean())
    assert np.mean(differences) < 0.03


def test_both_halves_are_of_the_size_asked_for_and_so_are_their_photos():
    piece = next(pieces(1, 2.0))
    assert piece.low.shape == piece.high.shape == (3, SIZE, SIZE)
    assert piece.photo_high.shape == (3, 160, 240)
    assert piece.photo_low.shape == (3, 80, 120)
    assert piece.photo_low.mean() < 0.7 * piece.photo_high.mean()


def test_a_file_with_more_pixels_than_its_sensor_is_softer():
    soft, sharp = (np.mean([roughness(p.high) for p in pieces(8, 0.0, enlarged=e)]) for e in (2.0, 1.0))
    assert soft < 0.8 * sharp


def test_noise_grows_as_light_fails():
    def noise(stops):
        """Of the lifted piece."""
        found = []
        for piece in pieces(8, stops, enlarged=1.0):
            gain = piece.high.mean() / max(piece.low.mean(), 0.1)
            found.append(np.std(piece.low * gain - piece.high))
        return np.mean(found)

    assert noise(0.0) < noise(3.0) < noise(6.0)


@pytest.mark.parametrize("size", [(40, 48), (160, 240)], ids=["smaller than the piece", "larger"])
def test_examples_of_a_source_follow_from_their_number(tmp_path, size):
    paths = tuple(
        saved(tmp_path, f"{number}.png", Image.fromarray(photo(number, *size).transpose(1, 2, 0)))
        for number in range(3)
    )
    mixture = Mixture((Source("photos", paths, None, large=True, max_stops=2.0),))
    mixture.load()
    first, again, other = (mixture.draw(n, SIZE, random_generator(0, "example", n)) for n in (4, 4, 5))
    assert first.low.shape == (3, SIZE, SIZE)
    np.testing.assert_array_equal(first.low, again.low)
    assert not np.array_equal(first.low, other.low)
    assert first.index == 4
