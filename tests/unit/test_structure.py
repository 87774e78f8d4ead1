"""SSIM on grey and multi-scale SSIM, against independent implementations."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity

from darklift.errors import UsageError
from darklift.evaluation.fidelity import as_saved
from darklift.evaluation.structure import gray_as_saved, ms_ssim, ssim, ssim_gray
from pictures import noisy_pair


def random_pair(height, width, seed=0, noise=0.1):
    return tuple(as_saved(picture) for picture in noisy_pair(height, width, seed, noise))


def reference_ms_ssim(left, right):
    """From the paper, channel by channel, with SciPy's filters."""
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()

    def smooth(x):
        return correlate1d(correlate1d(x, window, axis=0), window, axis=1)[5:-5, 5:-5]

    def one_channel(x, y):
        product = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            mean_x, mean_y = smooth(x), smooth(y)
            covariance = smooth(x * y) - mean_x * mean_y
            contrast = (2 * covariance + 7.65**2) / (smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2 + 7.65**2)
            if scale == 4:
                contrast = contrast * (2 * mean_x * mean_y + 2.55**2) / (mean_x**2 + mean_y**2 + 2.55**2)
            product *= contrast.mean() ** weight
            x, y = (np.pad(each, [(0, side % 2) for side in each.shape], mode="symmetric") for each in (x, y))
            x, y = ((e[::2, ::2] + e[1::2, ::2] + e[::2, 1::2] + e[1::2, 1::2]) / 4 for e in (x, y))
        return product

    return np.mean([one_channel(left[..., c].astype(float), right[..., c].astype(float)) for c in range(3)])


@pytest.mark.parametrize(("height", "width", "noise"), [(161, 161, 0.1), (176, 200, 0.02), (201, 163, 0.3)])
def test_ms_ssim_is_the_paper_s(height, width, noise):
    left, right = random_pair(height, width, noise=noise)
    assert ms_ssim(left, right) == pytest.approx(reference_ms_ssim(left, right), abs=1e-9)
    assert ms_ssim(left, right) == pytest.approx(ms_ssim(right, left), abs=1e-12)


def test_ms_ssim_agrees_with_what_piq_gave():
    """piq 0.8.0 in float64, which pads elsewhere where a side is odd; pytorch-msssim 1.0.0 gave seven of the digits."""
    for (height, width, noise), expected in {
        (176, 192, 0.1): 0.9656930106892702,
        (592, 400, 0.02): 0.9981764056583806,
        (176, 240, 0.4): 0.7555878627531373,
    }.items():
        assert ms_ssim(*random_pair(height, width, seed=1, noise=noise)) == pytest.approx(expected, abs=1e-10)


def test_ms_ssim_of_opposites_is_0_and_no_complex_number():
    left, _ = random_pair(170, 170)
    assert ms_ssim(left, 255 - left) == 0.0


def test_ms_ssim_refuses_sides_that_end_before_the_fifth_scale():
    left, right = random_pair(160, 300)
    with pytest.raises(UsageError, match=r"300×160 .*161"):
        ms_ssim(left, right)


def test_one_call_does_not_change_the_next():
    """SSIM and MS-SSIM share the finest scale of the last two pictures."""
    one, two = random_pair(170, 170, seed=0), random_pair(170, 170, seed=1, noise=0.3)
    alone = [ms_ssim(*one), ssim(*two), ssim(*one), ms_ssim(*two)]
    assert [ms_ssim(*one), ssim(*one), ms_ssim(*two), ssim(*two)] == [alone[0], alone[2], alone[3], alone[1]]
    assert ssim(one[1], one[1]) == 1.0
    assert ssim(one[0], one[1]) == alone[2]


def test_threads_change_no_bit_of_ssim():
    """BLAS is asked for products that it does on one thread, whatever else is going on."""
    pairs = [random_pair(200, 340, seed=seed, noise=0.2) for seed in range(4)]
    alone = [ssim(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda pair: ssim(pair[0].copy(), pair[1].copy()), pairs)) == alone


def test_gray_is_luma_rounded_as_opencv_and_matlab_do_it():
    """OpenCV 5.0 gave these; MATLAB's weights have four digits more."""
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3], [200, 100, 50], [13, 77, 211]]], np.uint8)
    assert gray_as_saved(colours).tolist() == [[76, 150, 29, 2, 124, 73]]
    assert gray_as_saved(colours.astype(np.uint16) * np.uint16(257))[0, 4] == pytest.approx(124.2 * 257, abs=0.5)
    assert gray_as_saved(colours).dtype == np.uint8


@pytest.mark.parametrize(("height", "width"), [(11, 40), (67, 45)])
def test_ssim_gray_agrees_with_scikit_image(height, width):
    left, right = random_pair(height, width, noise=0.2)
    reference = structural_similarity(
        gray_as_saved(left),
        gray_as_saved(right),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert ssim_gray(left, right) == pytest.approx(reference, abs=1e-9)


def test_ssim_gray_does_not_see_colours():
    left = np.full((30, 30, 3), (200, 100, 50), np.uint8)
    right = np.full((30, 30, 3), 124, np.uint8)
    assert ssim_gray(left, right) == 1.0
    assert ssim(left, right) < 0.9
    assert not math.isnan(ssim_gray(left * 0, right * 0))
