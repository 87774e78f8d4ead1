"""PSNR and SSIM against scikit-image, what the two protocols promise, and the table of metrics."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from darklift.errors import UsageError
from darklift.evaluation.metrics import (
    DEFAULT_METRICS,
    METRICS,
    PSNR_CEILING,
    as_saved,
    choose_metrics,
    exposure_error,
    mean_brightness,
    mean_scores,
    psnr,
    scale_to_gt_mean,
    ssim,
)
from darklift.evaluation.scores import score_pair
from darklift.evaluation.structure import ssim_gray
from pictures import noisy_pair as random_pair


def reference_ssim(left: np.ndarray, right: np.ndarray) -> float:
    return structural_similarity(
        left, right, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=255
    )


byte_pairs = st.tuples(st.integers(11, 34), st.integers(11, 34)).flatmap(
    lambda size: st.tuples(hnp.arrays(np.uint8, (*size, 3)), hnp.arrays(np.uint8, (*size, 3)))
)


@given(byte_pairs)
@settings(max_examples=60, deadline=None)
def test_any_bytes_agree_with_scikit_image(pair):
    left, right = pair
    assert ssim(left, right) == pytest.approx(reference_ssim(left, right), abs=1e-9)
    if not np.array_equal(left, right):
        assert psnr(left, right) == pytest.approx(peak_signal_noise_ratio(left, right, data_range=255), abs=1e-9)


@pytest.mark.parametrize(
    ("height", "width"),
    # The later ones take several tiles.
    [(11, 11), (11, 300), (300, 11), (67, 45), (120, 600), (187, 345), (15, 30000)],
)
@pytest.mark.parametrize("noise", [0.004, 0.3])
def test_textured_pictures_agree_with_scikit_image(height, width, noise):
    left, right = (as_saved(image) for image in random_pair(height, width, noise=noise))
    assert ssim(left, right) == pytest.approx(reference_ssim(left, right), abs=1e-9)
    assert psnr(left, right) == pytest.approx(peak_signal_noise_ratio(right, left, data_range=255), abs=1e-9)


@given(byte_pairs)
@settings(max_examples=30, deadline=None)
def test_scores_are_symmetric_and_bounded(pair):
    left, right = pair
    assert psnr(left, right) == psnr(right, left) >= 0.0
    assert ssim(left, right) == ssim(right, left)
    assert -1.0 <= ssim(left, right) <= 1.0


@given(byte_pairs, st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_turning_and_mirroring_both_pictures_changes_nothing(pair, turns):
    left, right = (np.rot90(image, turns)[:, ::-1] for image in pair)  # also: strided views are welcome
    assert psnr(left, right) == psnr(*pair)
    assert ssim(left, right) == pytest.approx(ssim(*pair), abs=1e-12)


def test_psnr_of_a_known_error():
    target = np.zeros((4, 5, 3), np.uint8)
    assert psnr(target + np.uint8(255), target) == 0.0
    assert psnr(target + np.uint8(1), target) == pytest.approx(48.1308036, abs=1e-6)  # 20·log10(255)


def test_16_bits_are_scored_with_all_of_them():
    target = np.zeros((11, 12, 3), np.uint16)
    assert psnr(target + np.uint16(1), target) == pytest.approx(20 * math.log10(65535), abs=1e-9)
    assert psnr(target + np.uint16(65535), target) == 0.0
    left, right = (as_saved(image, 16) for image in random_pair(60, 50, noise=0.002))
    reference = structural_similarity(
        left, right, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=65535
    )
    assert ssim(left, right) == pytest.approx(reference, abs=1e-9)
    assert psnr(left, right) == pytest.approx(peak_signal_noise_ratio(right, left, data_range=65535), abs=1e-9)


@given(byte_pairs)
@settings(max_examples=20, deadline=None)
def test_8_bits_score_the_same_in_a_file_of_16_and_beside_one(pair):
    left, right = pair
    fine = right.astype(np.uint16) * np.uint16(257)
    for one, other in ((left, fine), (left.astype(np.uint16) * np.uint16(257), fine), (fine, left)):
        assert psnr(one, other) == pytest.approx(psnr(left, right))
        assert ssim(one, other) == pytest.approx(ssim(left, right), abs=1e-12)


@pytest.mark.parametrize("bits", [(8, 8), (16, 16), (16, 8), (8, 16), (10, 32)])
def test_each_picture_of_a_pair_is_rounded_as_its_file_is(bits):
    near, far = random_pair(40, 30, noise=0.01)
    scores = score_pair(near, far, bits)
    one, other = as_saved(near, bits[0]), as_saved(far, bits[1])
    assert [one.dtype, other.dtype] == [np.uint8 if each == 8 else np.uint16 for each in bits]
    assert (scores["psnr"], scores["ssim"]) == (psnr(one, other), ssim(one, other))
    assert scores["psnr_gt_mean"] == psnr(as_saved(scale_to_gt_mean(near, far), bits[0]), other)
    assert scores["exposure_error"] == exposure_error(near, far)
    assert (scores == score_pair(near, far)) == (bits == (8, 8))


def test_identical_pictures_are_perfect():
    image, _ = random_pair(40, 37)
    assert psnr(image, image) == math.inf
    assert ssim(image, image) == 1.0
    # Less than half an 8-bit step away is the same saved picture.
    centred = as_saved(image) / 255.0
    assert psnr(np.clip(centred + 0.0019, 0, 1), centred) == math.inf
    assert ssim(np.clip(centred - 0.0019, 0, 1), centred) == 1.0


def test_ssim_ignores_nothing_inside_and_everything_that_fills_no_window():
    flat = np.full((31, 31, 3), 100, np.uint8)
    corner, centre = flat.copy(), flat.copy()
    corner[0, 0] = 200
    centre[15, 15] = 200
    assert ssim(centre, flat) < ssim(corner, flat) < 1.0


@given(st.integers(0, 255), st.sampled_from([np.float16, np.float32, np.float64]))
def test_8bit_values_survive_any_float(value, dtype):
    assert as_saved(np.array([value / 255], dtype=dtype)) == value


def test_as_saved_rounds_to_16_bits():
    codes = np.arange(65536, dtype=np.uint16)
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(as_saved((codes / 65535).astype(dtype), 16), codes)
    np.testing.assert_array_equal(as_saved(codes), codes)
    assert as_saved(np.array([-0.5, 0.49 / 65535, 0.51 / 65535, 7.0]), 9).tolist() == [0, 0, 1, 65535]


def test_as_saved_rounds_clips_and_keeps_bytes():
    unit = np.array([-0.5, 0.0, 0.49 / 255, 0.51 / 255, 1.0, 7.0])
    assert as_saved(unit).tolist() == [0, 0, 0, 1, 255, 255]
    assert as_saved(unit).dtype == np.uint8
    assert as_saved(np.array([0, 1, 255], np.uint8)).tolist() == [0, 1, 255]


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.bool_])
def test_dtypes_of_unknown_range_are_refused(dtype):
    image = np.ones((12, 12, 3), dtype)
    for score in (psnr, ssim):
        with pytest.raises(UsageError, match=str(image.dtype)):
            score(image, image)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_are_refused(bad):
    image = np.full((12, 12, 3), 0.5)
    broken = image.copy()
    broken[3, 4, 1] = bad
    for score in (psnr, ssim):
        with pytest.raises(UsageError, match="NaN"):
            score(broken, image)


def test_shapes_that_do_not_fit_are_refused():
    image = np.zeros((12, 13, 3), np.uint8)
    for score in (psnr, ssim):
        with pytest.raises(UsageError, match=r"\(12, 13, 3\) .*\(13, 12, 3\)"):
            score(image, image.transpose(1, 0, 2))
        for shape in [(12, 13), (12, 13, 4), (0, 13, 3), (1, 12, 13, 3)]:
            with pytest.raises(UsageError, match=r"\(height, width, 3\)"):
                score(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("metric", [ssim, ssim_gray])
def test_ssim_refuses_pictures_without_one_whole_window(metric):
    small = np.zeros((40, 10, 3), np.uint8)
    assert psnr(small, small) == math.inf
    with pytest.raises(UsageError, match=r"10×40 .*11"):
        metric(small, small)


# --- protocols ---


def test_brightness_has_the_weights_of_rgb_to_gray():
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        image = np.zeros((2, 3, 3), np.float32)
        image[..., channel] = 1.0
        assert mean_brightness(image) == pytest.approx(weight, abs=1e-12)


def test_score_pair_is_plain_and_gt_mean_side_by_side():
    prediction, target = random_pair(40, 50)
    prediction = prediction * 0.6
    weights = np.array([0.299, 0.587, 0.114])
    scaled = np.clip(prediction * ((target @ weights).mean() / (prediction @ weights).mean()), 0, 1)
    scores = score_pair(prediction, target)
    assert scores == {
        "psnr": psnr(prediction, target),
        "ssim": ssim(prediction, target),
        "psnr_gt_mean": pytest.approx(psnr(scaled, target), abs=1e-3),
        "ssim_gt_mean": pytest.approx(ssim(scaled, target), abs=1e-5),
        "exposure_error": pytest.approx(-math.log2((prediction @ weights).mean() / (target @ weights).mean())),
    }
    assert scores["psnr_gt_mean"] > scores["psnr"] + 3


@given(st.integers(0, 8), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_gt_mean_scores_do_not_see_a_scaled_output(halvings, seed):
    prediction, target = (image.astype(np.float32) for image in random_pair(16, 17, seed))
    darker = score_pair(prediction / 2**halvings, target)  # powers of two: exact in float, so exactly the same scores
    same = score_pair(prediction, target)
    assert (darker["psnr_gt_mean"], darker["ssim_gt_mean"]) == (same["psnr_gt_mean"], same["ssim_gt_mean"])
    assert darker["exposure_error"] == pytest.approx(
        abs(math.log2(mean_brightness(prediction) / mean_brightness(target)) - halvings), abs=1e-6
    )


@given(st.floats(0.05, 1.0))
@settings(max_examples=30, deadline=None)
def test_gt_mean_scaling_meets_the_target_brightness(factor):
    prediction, target = random_pair(16, 17)
    prediction, target = prediction * factor, target * 0.5  # far from clipping
    assert mean_brightness(scale_to_gt_mean(prediction, target)) == pytest.approx(mean_brightness(target), rel=1e-9)


def test_gt_mean_scales_before_it_rounds():
    _, target = random_pair(20, 20)
    dark = score_pair(target / 64, target)
    assert dark["psnr_gt_mean"] == math.inf
    assert dark["ssim_gt_mean"] == 1.0
    rounded = as_saved(target / 64) / 255.0
    assert score_pair(rounded, target)["psnr_gt_mean"] < 40


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scaling_keeps_dtype_and_range(dtype):
    almost_black = np.zeros((12, 12, 3), dtype)
    almost_black[5, 5] = 1e-6
    white = np.ones((12, 12, 3), dtype)
    scaled = scale_to_gt_mean(almost_black, white)
    assert scaled.dtype == dtype
    assert scaled.max() == 1.0
    assert scaled.min() == 0.0


def test_a_black_output_gets_finite_scores():
    black, target = np.zeros((12, 12, 3)), np.ones((12, 12, 3))
    scores = score_pair(black, target)
    assert scores["psnr"] == scores["psnr_gt_mean"] == 0.0
    assert scores["exposure_error"] == pytest.approx(math.log2(510))
    assert score_pair(black, black)["exposure_error"] == 0.0
    assert score_pair(target, black)["psnr_gt_mean"] == math.inf  # scaled to black, as the protocol says


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_exposure_error_is_symmetric_in_stops(first, second):
    left, right = np.full((2, 2, 3), first), np.full((2, 2, 3), second)
    assert exposure_error(left, right) == pytest.approx(abs(math.log2(first / second)), abs=1e-9)
    assert exposure_error(left, right) == pytest.approx(exposure_error(right, left), abs=1e-12)


def test_score_pair_clips_what_a_file_would_clip():
    prediction, target = random_pair(20, 20)
    assert score_pair(prediction * 3 - 1, target) == score_pair(np.clip(prediction * 3 - 1, 0, 1), target)


def test_score_pair_refuses_bytes_and_broken_pictures():
    unit = np.full((12, 12, 3), 0.5)
    for pair in [(as_saved(unit), unit), (unit, as_saved(unit))]:
        with pytest.raises(UsageError, match="uint8"):
            score_pair(*pair)
    with pytest.raises(UsageError, match="NaN"):
        score_pair(unit * math.nan, unit)
    with pytest.raises(UsageError, match=r"\(12, 12, 3\) .*\(11, 12, 3\)"):
        score_pair(unit, unit[:11])
    with pytest.raises(UsageError, match=r"\(height, width, 3\)"):
        score_pair(unit[..., 0], unit[..., 0])


def scores_of(*values):
    return dict(zip((metric.name for metric in DEFAULT_METRICS), values, strict=True))


def test_the_table_names_each_metric_once():
    names = [metric.name for metric in DEFAULT_METRICS]
    assert names == ["psnr", "ssim", "psnr_gt_mean", "ssim_gt_mean", "exposure_error"]  # keys of JSON and logs
    assert len({metric.name for metric in METRICS}) == len({metric.heading for metric in METRICS}) == len(METRICS)
    assert {metric.base for metric in METRICS if metric.paired} == {
        metric.base for metric in METRICS if metric.protocol.name == "GT-mean"
    }


def without_files():
    """All that need nothing to be fetched."""
    return choose_metrics("all", Path("nowhere")).metrics


def test_better_pictures_score_better_the_way_the_table_says():
    poor, target = random_pair(170, 193, noise=0.3)
    metrics = without_files()
    better, worse = (
        score_pair(np.clip(target + part * (poor - target), 0, 1), target, metrics=metrics) for part in (0.2, 1.0)
    )
    assert len(metrics) == 12
    for metric in metrics:
        assert (better[metric.name] > worse[metric.name]) == (metric.better == "higher"), metric.name


def test_mean_scores_is_the_mean_of_each_score():
    first, second = scores_of(20.0, 0.8, 26.0, 0.9, 0.5), scores_of(30.0, 0.6, 28.0, 0.7, 1.5)
    assert mean_scores([first, second]) == pytest.approx(scores_of(25.0, 0.7, 27.0, 0.8, 1.0), abs=1e-12)
    assert mean_scores([first]) == first


def test_one_identical_picture_does_not_hide_the_others():
    perfect, poor = scores_of(math.inf, 1.0, math.inf, 1.0, 0.0), scores_of(10.0, 0.5, 20.0, 0.5, 2.0)
    mean = mean_scores([perfect, poor])
    assert mean["psnr"] == (PSNR_CEILING + 10.0) / 2
    assert mean["psnr_gt_mean"] == (PSNR_CEILING + 20.0) / 2
    assert mean_scores([scores_of(120.0, 1.0, 120.0, 1.0, 0.0)]) == mean_scores(
        [perfect]
    )  # never better than identical


def test_mean_of_nothing_is_refused():
    with pytest.raises(UsageError):
        mean_scores([])


def test_a_saved_picture_scores_as_before_saving(tmp_path: Path):
    image = pytest.importorskip("darklift.image")
    pillow = pytest.importorskip("PIL.Image")
    prediction, target = random_pair(20, 24)
    pillow.fromarray(as_saved(prediction)).save(tmp_path / "saved.png")
    saved = image.read_image(tmp_path / "saved.png").pixels
    assert psnr(saved, target) == psnr(prediction, target)
    assert ssim(saved, target) == ssim(prediction, target)


# --- choosing ---


def test_metrics_are_chosen_by_name_under_both_protocols():
    assert choose_metrics().metrics == DEFAULT_METRICS == choose_metrics("default").metrics
    names = [metric.name for metric in choose_metrics(" niqe, ssim,niqe").metrics]
    assert names == ["ssim", "ssim_gt_mean", "niqe"]
    assert [metric.name for metric in choose_metrics(["psnr"]).columns] == ["psnr", "psnr_gt_mean"]
    assert {metric.name for metric in choose_metrics("all").columns} == {metric.name for metric in METRICS}
    for wrong, hint in (("pnsr", "psnr"), ("psnr,", "default"), ("psnr_gt_mean", "psnr")):
        with pytest.raises(UsageError, match=hint):
            choose_metrics(wrong)


def test_what_cannot_be_had_is_told_and_nothing_else_is_lost(tmp_path):
    chosen = choose_metrics("psnr,lpips_alex,dists", tmp_path)
    assert [metric.name for metric in chosen.metrics] == ["psnr", "psnr_gt_mean"]
    assert chosen.missing == dict.fromkeys(["lpips_alex", "lpips_alex_gt_mean", "dists", "dists_gt_mean"], "no weights")
    assert [metric.name for metric in chosen.columns] == [
        *("psnr", "lpips_alex", "dists"),
        *("psnr_gt_mean", "lpips_alex_gt_mean", "dists_gt_mean"),
    ]


# --- what libraries were seen to get wrong: identical, black and small pictures ---


@pytest.mark.parametrize("kind", ["textured", "half black", "black", "white", "grey"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_picture_is_identical_to_itself_whatever_it_shows(kind, bits):
    picture, _ = random_pair(170, 193)
    picture[85 if kind == "half black" else 170 :] = 0.0
    if kind not in ("textured", "half black"):
        picture[:] = {"black": 0.0, "white": 1.0, "grey": 0.4}[kind]
    metrics = [metric for metric in without_files() if metric.base != "niqe"]
    scores = score_pair(picture, picture.copy(), (bits, bits), metrics)
    best = {"psnr": math.inf, "ssim": 1.0, "ssim_gray": 1.0, "ms_ssim": 1.0, "ciede2000": 0.0, "exposure_error": 0.0}
    assert scores == {metric.name: pytest.approx(best[metric.base], abs=1e-12) for metric in metrics}


def test_invented_content_in_a_black_reference_costs():
    """Some libraries give it the best score, or NaN."""
    noise, black = random_pair(170, 193, noise=0.4)[0], np.zeros((170, 193, 3))
    half = noise.copy()
    half[85:] = 0.0
    for target in (black, half):
        plain = [metric for metric in without_files() if metric.protocol.name == "plain" and metric.base != "niqe"]
        scores = score_pair(noise, target, metrics=plain)
        assert all(map(math.isfinite, scores.values()))
        assert scores["ssim"] < 0.6
        assert scores["ms_ssim"] < 0.5
        assert scores["ciede2000"] > 15
        assert scores["psnr"] < 10


def test_one_value_off_by_one_and_identical_pictures_are_told_apart():
    one = np.full((256, 256, 3), 20, np.uint8)
    other = one.copy()
    other[7, 9, 1] += 1
    assert psnr(one, other) == pytest.approx(101.07, abs=0.005)
    assert 0.999 < ssim(one, other) < 1.0


def test_scores_do_not_depend_on_what_a_picture_spans():
    """SSIM whose range comes from the picture itself does not see that a pair is dark."""
    one, other = random_pair(64, 64)
    assert ssim(0.1 * one, 0.1 * other) > 0.9 > ssim(one, other)


def test_a_metric_has_no_value_for_pictures_that_are_too_small():
    one, other = random_pair(100, 120)
    metrics = choose_metrics("psnr,ms_ssim,niqe").metrics
    scores = score_pair(one, other, metrics=metrics)
    assert {name for name, score in scores.items() if math.isnan(score)} == {"ms_ssim", "ms_ssim_gt_mean", "niqe"}
    mean = mean_scores([scores, {**scores, "ms_ssim": 0.5}])
    assert math.isnan(mean["ms_ssim"])
    assert mean["psnr"] == scores["psnr"]
    says = {metric.base: metric.no_value() for metric in metrics}
    assert "161" in says["ms_ssim"]
    assert "96x192" in says["niqe"]
    assert says["psnr"] == ""


def test_metrics_go_to_other_processes():
    """With the folder of their weights, which each process opens by itself."""
    metrics = tuple(metric.opened(Path("weights")) for metric in METRICS)
    there = pickle.loads(pickle.dumps(metrics))
    assert [metric.name for metric in there] == [metric.name for metric in METRICS]
    one, other = random_pair(20, 20)
    plain = next(metric for metric in there if metric.name == "psnr")
    assert plain.value(as_saved(one), as_saved(other)) == psnr(one, other)
    assert [metric.score.keywords for metric in there if metric.base == "dists"] == 2 * [{"folder": Path("weights")}]


def test_threads_change_no_score(monkeypatch):
    rng = np.random.default_rng(5)
    one, other = rng.random((2, 170, 190, 3), np.float32)
    metrics = choose_metrics("psnr,ssim,ssim_gray,ms_ssim,ciede2000,exposure_error,niqe").metrics
    found = []
    for threads in (1, 2):
        monkeypatch.setattr("darklift.evaluation.scores.thread_count", lambda count=threads: count)
        found.append(score_pair(one, other, metrics=metrics))
    sent = pickle.loads(pickle.dumps(metrics))  # as worker processes get them
    assert found[0] == found[1] == score_pair(one, other, metrics=sent)
    assert list(found[0]) == list(found[1]) == [metric.name for metric in metrics]
