"""CIEDE2000 against the pairs that its authors published, and against scikit-image."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from darklift.evaluation.colour_difference import ciede2000, delta_e_2000, lab_of_srgb

# Sharma, Wu and Dalal 2005, table 1: L a b of the two colours, and the difference. They try every branch.
SHARMA = np.array(
    [
        [50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425],
        [50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615],
        [50, 2.8361, -74.02, 50, 0, -82.7485, 3.4412],
        [50, -1.3802, -84.2814, 50, 0, -82.7485, 1],
        [50, -1.1848, -84.8006, 50, 0, -82.7485, 1],
        [50, -0.9009, -85.5211, 50, 0, -82.7485, 1],
        [50, 0, 0, 50, -1, 2, 2.3669],
        [50, -1, 2, 50, 0, 0, 2.3669],
        [50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792],
        [50, 2.49, -0.001, 50, -2.49, 0.001, 7.1792],
        [50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195],
        [50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195],
        [50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045],
        [50, -0.001, 2.49, 50, 0.001, -2.49, 4.8045],
        [50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461],
        [50, 2.5, 0, 50, 0, -2.5, 4.3065],
        [50, 2.5, 0, 73, 25, -18, 27.1492],
        [50, 2.5, 0, 61, -5, 29, 22.8977],
        [50, 2.5, 0, 56, -27, -3, 31.903],
        [50, 2.5, 0, 58, 24, 15, 19.4535],
        [50, 2.5, 0, 50, 3.1736, 0.5854, 1],
        [50, 2.5, 0, 50, 3.2972, 0, 1],
        [50, 2.5, 0, 50, 1.8634, 0.5757, 1],
        [50, 2.5, 0, 50, 3.2592, 0.335, 1],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.263],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.248, -4.962, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373],
        [36.4612, 47.858, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.441, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082],
    ]
)


def test_the_authors_34_pairs():
    one, other, expected = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]
    assert len(SHARMA) == 34
    np.testing.assert_allclose(delta_e_2000(one, other), expected, rtol=0, atol=5e-5)
    np.testing.assert_allclose(delta_e_2000(other, one), expected, rtol=0, atol=5e-5)


def test_colours_of_all_kinds_agree_with_scikit_image():
    rng = np.random.default_rng(0)
    one, other = (np.stack([rng.uniform(0, 100, 5000), *rng.uniform(-120, 120, (2, 5000))], axis=-1) for _ in range(2))
    one[:100, 1:] = 0
    other[50:200, 1:] = 0
    np.testing.assert_allclose(delta_e_2000(one, other), deltaE_ciede2000(one, other), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_agree_with_scikit_image(dtype):
    """Dark ones above all: 8-bit and float Lab of other libraries is off by up to 1 there."""
    rng = np.random.default_rng(1)
    for brightest in (1.0, 0.05):
        most = int(np.iinfo(dtype).max * brightest)
        left, right = rng.integers(0, most, (2, 70, 333, 3), endpoint=True).astype(dtype)
        labs = [rgb2lab(picture / np.iinfo(dtype).max) for picture in (left, right)]
        np.testing.assert_allclose(lab_of_srgb(left), labs[0], rtol=0, atol=1e-10)
        assert ciede2000(left, right) == pytest.approx(deltaE_ciede2000(*labs).mean(), abs=1e-10)


def test_16_bits_and_fractions_of_a_code_count():
    flat = np.full((20, 20, 3), 20 * 257, np.uint16)
    near = np.full((20, 20, 3), round(20.45 * 257), np.uint16)
    assert ciede2000(near, flat) == pytest.approx(0.123, abs=0.0005)
    assert ciede2000(near, (flat // 257).astype(np.uint8)) == ciede2000(near, flat)


def test_black_against_white_is_100_and_identical_ones_are_0():
    black = np.zeros((9, 7, 3), np.uint8)
    assert ciede2000(black, black + np.uint8(255)) == pytest.approx(100.0, abs=1e-3)
    assert ciede2000(black, black.copy()) == 0.0
