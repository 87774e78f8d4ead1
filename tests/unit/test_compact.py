"""The method ``compact``: what its network promises, and its objective against slow arithmetic."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from darklift.data.crop import Crop
from darklift.errors import ModelError
from darklift.image import pad_to_multiple
from darklift.image.overview import STATISTICS, THUMBNAIL, area_average, describe
from darklift.methods.compact import Compact, CompactConfig
from darklift.methods.compact.coarse import ToneNet
from darklift.store.checkpoint import build_method

TINY = CompactConfig(
    fine_widths=(8, 16), coarse_widths=(8, 16), blocks=1, maps=4, embedding=16, exposure_width=8, psnr_weight=0.01
)
WHOLE = torch.tensor([[0.0, 0, 1, 1]])


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photo(height, width, seed=0):
    """uint8 (3, H, W): a dark picture with structure."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / rng.uniform(3, 15) + columns / rng.uniform(3, 15)) for _ in range(3)]
    return np.clip(30 + 20 * np.stack(waves) + 4 * rng.standard_normal((3, height, width)), 0, 255).astype(np.uint8)


def bright(planes):
    return np.clip(planes.astype(float) * 4, 0, 255).astype(np.uint8)


def crop_of(photo_low, photo_high, index=0, top=8, left=4, side=32, **weights):
    window = np.s_[:, top : top + side, left : left + side]
    height, width = photo_low.shape[1:]
    box = np.array([top / height, left / width, (top + side) / height, (left + side) / width], np.float32)
    return Crop(photo_low[window], photo_high[window], box, photo_low, photo_high, "a.png", index, **weights)


def batch_of(method, *crops):
    prepared = [method.stages[0].prepare(crop) for crop in crops]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in prepared]) for name in prepared[0]}


def conditioned(method, planes, brightness=0.4):
    """What the coarse net makes of a photo, and the arguments that denoise takes besides the piece."""
    overview = describe(planes)
    thumbnail, statistics = (torch.from_numpy(a)[None] for a in (overview.thumbnail, overview.statistics))
    wanted = torch.tensor([brightness])
    return statistics, wanted, method.net.coarse.condition(thumbnail, statistics, wanted)


@torch.no_grad()
def denoised(method, planes, x=None, box=WHOLE, abar=0.01, brightness=0.4, piece=None):
    """x0 (3, H, W) of a piece (by default all) of the photo ``planes``."""
    low = torch.from_numpy((planes if piece is None else piece).astype(np.float32) / 255)[None]
    x = random(*low.shape) if x is None else x
    statistics, wanted, condition = conditioned(method, planes, brightness)
    return method.net.denoise(x, torch.tensor([abar]), low, box, statistics, wanted, condition)[0]


# --- the network ------------------------------------------------------------------------------------------------------


def test_inside_a_tile_nothing_differs_from_the_whole(make_compact):
    method, planes = make_compact(), photo(160, 128)
    x = random(1, 3, 160, 128)
    top, left, side, margin = 32, 16, 96, 32
    box = torch.tensor([[top / 160, left / 128, (top + side) / 160, (left + side) / 128]])
    window = np.s_[..., top : top + side, left : left + side]
    tile = denoised(method, planes, x[window], box, piece=planes[window])
    inside = np.s_[..., margin:-margin, margin:-margin]
    whole = denoised(method, planes, x)
    torch.testing.assert_close(tile[inside], whole[window][inside], atol=1e-4, rtol=0)
    assert (tile - whole[window]).abs().max() > 1e-3, "the cut edges should show: is the network blind?"


def test_a_tile_knows_where_it_lies(make_compact):
    method, planes = make_compact(), photo(64, 64)
    piece, x = planes[:, :16, :16], random(1, 3, 16, 16)
    first, second = torch.tensor([[0, 0, 0.25, 0.25]]), torch.tensor([[0.75, 0.5, 1, 0.75]])
    assert not torch.allclose(
        denoised(method, planes, x, first, piece=piece), denoised(method, planes, x, second, piece=piece), atol=1e-3
    )


def test_gradients_reach_every_parameter(make_compact):
    method = make_compact()
    lows = [photo(48, 56, seed) for seed in range(4)]
    batch = batch_of(method, *(crop_of(low, bright(low), index) for index, low in enumerate(lows)))
    sum(method.stages[0].objective(method.net, batch).values()).backward()
    gradients = {name: parameter.grad for name, parameter in method.net.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []
    assert [name for name, gradient in gradients.items() if not torch.isfinite(gradient).all()] == []


def test_pictures_of_a_batch_do_not_see_each_other(make_compact):
    method = make_compact()
    lows = [photo(48, 56, seed) for seed in range(3)]
    batch = batch_of(method, *(crop_of(low, bright(low), index, top=index) for index, low in enumerate(lows)))

    def answers(chosen):
        rows = {name: values[chosen] for name, values in batch.items()}
        piece = tuple(rows[name] for name in ("eps", "abar", "low", "box"))
        doubt = torch.full_like(rows["brightness"], 0.3)
        x0, (coarse, *_), predicted = method.net(
            rows["thumbnail"], rows["statistics"], None, rows["brightness"], doubt, piece
        )
        return x0, coarse, predicted

    with torch.no_grad():
        together = answers(slice(None))
        for i in range(3):
            alone = answers(slice(i, i + 1))
            for part, expected in zip(together, alone, strict=True):
                torch.testing.assert_close(part[i : i + 1], expected, atol=1e-5, rtol=0)


def stage_of(method, name):
    return next(stage for stage in method.stages if stage.name == name)


def rows_of(stage, *crops):
    prepared = [stage.prepare(crop) for crop in crops]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in prepared]) for name in prepared[0]}


def test_the_joint_stage_trains_all_but_voters_and_exposure_and_on_guesses_as_they_are_used(make_compact):
    method = make_compact(cues=True, guess_share=1.0, voters=("tone", "picture"))
    stage = stage_of(method, "joint")
    assert stage.goes_on
    low = photo(48, 56, 1)
    batch = rows_of(stage, crop_of(low, bright(low), 0))
    assert "cues" not in batch
    parts = stage.objective(method.net, batch)
    assert set(parts) == {"l1", "ssim", "psnr", "coarse"}
    for name, parameter in method.net.named_parameters():
        parameter.requires_grad_(name.startswith(stage.trains))
    sum(stage.objective(method.net, batch).values()).backward()
    learning = {name for name, parameter in method.net.named_parameters() if parameter.grad is not None}
    staying = ("exposure.", "coarse.voters.")
    assert learning == {name for name, _ in method.net.named_parameters() if not name.startswith(staying)}
    net = Fixed(batch["x0"], batch["thumbnail_x0"], None)
    stage.objective(net, batch)
    assert torch.equal(net.doubt, torch.tensor([method.config.doubt_stops]))


def test_the_coarse_stage_trains_each_voter_as_if_it_were_alone(make_compact):
    method = make_compact(voters=("tone", "picture"), voter_widths=(8, 16), voter_embedding=8)
    stage = stage_of(method, "coarse")
    low = photo(48, 56, 1)
    batch = rows_of(stage, crop_of(low, bright(low), 0), crop_of(low, bright(low), 1))
    assert "eps" not in batch, "no piece is worked on"

    def gradients():
        method.net.zero_grad()
        sum(stage.objective(method.net, batch).values()).backward()
        return {name: p.grad.clone() for name, p in method.net.named_parameters() if p.grad is not None}

    before = gradients()
    assert set(before) == {name for name, _ in method.net.named_parameters() if name.startswith(stage.trains)}
    assert any(name.startswith("coarse.voters.0") for name in before)
    with torch.no_grad():
        for parameter in method.net.coarse.voters[1].parameters():
            parameter.mul_(1.5)
    for name, gradient in gradients().items():
        assert torch.equal(gradient, before[name]) is not name.startswith("coarse.voters.1"), name


def test_the_voters_stage_leaves_what_the_fine_net_knows(make_compact):
    method = make_compact(voters=("tone", "picture"))
    stage = stage_of(method, "voters")
    assert stage.goes_on
    learning = {name.split(".")[1] for name, _ in method.net.named_parameters() if name.startswith(stage.trains)}
    assert learning == {"voters"}


@pytest.mark.parametrize("name", ["coarse", "joint"])
def test_what_is_lit_already_counts_more(make_compact, name):
    plain, weighed = (make_compact(lit_weight=weight) for weight in (0.0, 1.0))
    stage, heavier = (stage_of(method, name) for method in (plain, weighed))
    for code, times in ((40, 1), (240, 2)):
        low = np.full((3, 48, 56), code, np.uint8)
        batch = rows_of(stage, crop_of(low, np.minimum(low.astype(int) + 12, 255).astype(np.uint8), 0))
        net = Fixed(batch.get("x0"), batch["thumbnail_x0"] - 0.02, None)
        losses = [each.objective(net, batch)["coarse"].item() for each in (stage, heavier)]
        assert losses[1] / losses[0] == pytest.approx(times, rel=0.01)


@torch.no_grad()
def test_the_coarse_picture_is_the_mean_over_the_voters(make_compact):
    coarse = make_compact(voters=("tone", "picture")).net.coarse
    overview = describe(photo(50, 70))
    known = (*(torch.from_numpy(a)[None] for a in (overview.thumbnail, overview.statistics)), torch.tensor([0.4]))
    pictures = coarse.pictures(*known)
    assert len(pictures) == 3
    assert all(not torch.allclose(pictures[i], pictures[j], atol=1e-3) for i, j in ((0, 1), (0, 2), (1, 2)))
    torch.testing.assert_close(coarse.condition(*known)[0], pictures.mean(dim=0), atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_tone_net_moves_tones_along_a_curve():
    net, overview = ToneNet(STATISTICS), describe(photo(50, 70))
    thumbnail, statistics = (torch.from_numpy(a)[None] for a in (overview.thumbnail, overview.statistics))
    scaled = (thumbnail * 0.3 / overview.brightness).clamp(0, 1)
    wanted = torch.tensor([0.3])
    torch.testing.assert_close(net(thumbnail, statistics, wanted), scaled, atol=1e-4, rtol=0)
    heights = net.head[-1].bias[: 3 * 16].view(3, 16)
    heights[1] = torch.arange(16.0)  # of green: .3 times the place, so 4.5 times the square root of the value
    made = net(thumbnail, statistics, wanted)
    torch.testing.assert_close(made[:, [0, 2]], scaled[:, [0, 2]], atol=1e-4, rtol=0)
    torch.testing.assert_close(made[:, 1], scaled[:, 1] + 4.5 * scaled[:, 1].sqrt(), atol=0.01, rtol=0)


def test_the_exposure_stage_trains_only_what_corrects_the_exposure():
    torch.manual_seed(0)  # where the prediction happens to be right, float32 leaves few digits of its error
    method = Compact(TINY.model_copy(update={"cues": True}))
    stage = stage_of(method, "exposure")
    low = photo(48, 56, 1)
    rows = [stage.prepare(crop_of(low, bright(low), 0))]
    batch = {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}
    before = stage.objective(method.net, batch)["exposure"]
    assert before.item() == pytest.approx(abs(math.log2(float(predicted(method, batch)) / float(batch["brightness"]))))
    before.backward()
    learning = {name for name, parameter in method.net.named_parameters() if parameter.grad is not None}
    assert {name for name in learning if name.startswith(stage.trains)} == {
        name for name, _ in method.net.named_parameters() if name.startswith("exposure.correction.")
    }
    assert all(name.startswith("exposure.") for name in learning)


def test_the_correction_begins_as_none_and_sees_the_cues():
    plain, corrected = Compact(TINY), Compact(TINY.model_copy(update={"cues": True}))
    corrected.net.load_state_dict(plain.net.state_dict(), strict=False)
    low = photo(48, 56, 1)
    batch = batch_of(corrected, crop_of(low, bright(low), 0))
    assert torch.equal(predicted(corrected, batch), predicted(plain, batch))
    torch.nn.init.normal_(corrected.net.exposure.correction[-1].weight)
    other = batch | {"cues": batch["cues"] + 0.3}
    assert not torch.equal(predicted(corrected, batch), predicted(corrected, other))
    assert torch.equal(predicted(plain, batch), predicted(plain, other))
    assert corrected.graphs()["exposure"].inputs == ("thumbnail", "statistics", "cues")
    assert plain.graphs()["exposure"].inputs == ("thumbnail", "statistics")


def predicted(method, batch):
    with torch.no_grad():
        return method.net.exposure(batch["thumbnail"], batch["statistics"], batch["cues"])


def test_a_fresh_network_starts_from_the_coarse_picture():
    method, planes = Compact(TINY), photo(40, 40)
    x0 = denoised(method, planes)
    coarse = conditioned(method, planes)[2][0]
    half = nn.functional.interpolate(coarse, size=(20, 20), mode="bilinear", align_corners=False)
    torch.testing.assert_close(x0, half[0].repeat_interleave(2, dim=1).repeat_interleave(2, dim=2), atol=1e-5, rtol=0)


def test_the_brightness_wanted_governs_the_result():
    torch.manual_seed(0)
    method, planes = Compact(TINY), photo(48, 48)
    means = [float(denoised(method, planes, brightness=b).mean()) for b in (0.05, 0.1, 0.2, 0.4, 0.8)]
    assert means == sorted(means)
    assert means[-1] > means[0] + 0.3


@pytest.mark.parametrize("changed", [{"brightness": 0.41}, {"abar": 0.2}, {"x": random(1, 3, 48, 48, seed=9)}])
def test_every_condition_reaches_the_result(make_compact, changed):
    method, planes = make_compact(), photo(48, 48)
    assert (denoised(method, planes) - denoised(method, planes, **changed)).abs().max() > 1e-5


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2), (48, 32)])
def test_flat_pictures_of_any_size_give_finite_numbers(make_compact, value, size):
    method, planes = make_compact(), np.full((3, *size), value, np.uint8)
    piece = pad_to_multiple(planes, method.footprint.size_multiple)[0]
    for brightness in (0.02, 0.95):
        assert torch.isfinite(denoised(method, planes, brightness=brightness, piece=piece)).all()
    overview = describe(planes)
    with torch.no_grad():
        predicted = method.net.exposure(
            torch.from_numpy(overview.thumbnail)[None], torch.from_numpy(overview.statistics)[None]
        )
    assert 0 < float(predicted) < 1


@pytest.mark.parametrize("low", [0, 255])
@pytest.mark.parametrize("high", [0, 255])
def test_flat_examples_train_with_finite_gradients(make_compact, low, high):
    method = make_compact()
    crop = crop_of(np.full((3, 48, 48), low, np.uint8), np.full((3, 48, 48), high, np.uint8))
    sum(method.stages[0].objective(method.net, batch_of(method, crop)).values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in method.net.parameters())


@pytest.mark.parametrize("height", [4, 8, 36])
@pytest.mark.parametrize("width", [4, 20])
def test_sides_are_multiples_of_the_size_multiple(make_compact, height, width):
    method = make_compact()
    assert method.footprint.size_multiple == 4
    assert denoised(method, photo(height, width)).shape == (3, height, width)


# --- training ---------------------------------------------------------------------------------------------------------


class Fixed(nn.Module):
    """Answers with what it was given (x0, coarse picture, brightness), and remembers what it saw."""

    def __init__(self, x0, coarse, brightness):
        super().__init__()
        self.answers = x0, coarse[None], brightness

    def forward(self, thumbnail, statistics, cues, wanted, doubt=None, piece=None):
        self.overview, self.wanted, self.doubt, self.seen = (thumbnail, statistics, cues), wanted, doubt, piece
        return self.answers


def example_batch(clipped_weight=0.2, exposure_weight=0.3):
    lows = [photo(48, 56, seed) for seed in range(2)]
    method = Compact(TINY)
    crops = [crop_of(lows[0], bright(lows[0]), 0), crop_of(lows[1], bright(lows[1]) | 128, 1, clipped_weight=1.0)]
    crops[0] = crop_of(lows[0], bright(lows[0]) | 96, 0, clipped_weight=clipped_weight, exposure_weight=exposure_weight)
    return method, crops, batch_of(method, *crops)


def test_the_objective_s_parts_agree_with_slow_arithmetic():
    method, crops, batch = example_batch()
    x0_hat, coarse = batch["x0"] + 0.1 * random(2, 3, 32, 32), random(2, 3, THUMBNAIL, THUMBNAIL, seed=1)
    brightness = torch.tensor([0.3, 0.6])
    parts = method.stages[0].objective(Fixed(x0_hat, coarse, brightness), batch)

    l1, low_frequencies, stops, decibels = [], [], [], 0.0
    for i, crop in enumerate(crops):
        x0, target = crop.high / 255, area_average(crop.photo_high)
        for picture, answer, errors in ((x0, x0_hat[i], l1), (target, coarse[i], low_frequencies)):
            for y, x in np.ndindex(picture.shape[1:]):
                weight = crop.clipped_weight if picture[:, y, x].max() >= 250 / 255 - 1e-7 else 1.0
                errors += [weight * abs(float(answer[c, y, x]) - picture[c, y, x]) for c in range(3)]
            squares = np.square(errors[-picture.size :]).mean()
            decibels += 10 * math.log10(squares / 1e-5 + 1) / 2 * (1 if errors is l1 else TINY.coarse_weight)
        stops.append(crop.exposure_weight * abs(math.log2(float(brightness[i]) / target.mean())))
    assert float(parts["l1"]) == pytest.approx(np.mean(l1), rel=1e-5)
    assert float(parts["coarse"]) == pytest.approx(TINY.coarse_weight * np.mean(low_frequencies), rel=1e-5)
    assert float(parts["exposure"]) == pytest.approx(TINY.exposure_weight * np.mean(stops), rel=1e-5)
    assert float(parts["psnr"]) == pytest.approx(TINY.psnr_weight * decibels, rel=1e-4)
    assert set(parts) == {"l1", "ssim", "psnr", "coarse", "exposure"}
    assert any((crop.high >= 250).any() for crop in crops), "nothing is clipped: the test tests less than it says"


def test_the_network_is_shown_the_noisy_target():
    method, _, batch = example_batch()
    net = Fixed(batch["x0"], batch["thumbnail_x0"], batch["brightness"])
    method.stages[0].objective(net, batch)
    abar = batch["abar"].view(-1, 1, 1, 1)
    expected = abar.sqrt() * (2 * batch["x0"] - 1) + (1 - abar).sqrt() * batch["eps"]
    torch.testing.assert_close(net.seen[0], expected, atol=1e-6, rtol=0)
    for seen, name in zip((*net.seen[1:], net.wanted), ("abar", "low", "box", "wanted"), strict=True):
        assert torch.equal(seen, batch[name])
    for seen, name in zip(net.overview[:2], ("thumbnail", "statistics"), strict=True):
        assert torch.equal(seen, batch[name])
    assert net.doubt is None
    assert net.overview[2] is None, "cues take time, and this network has no use for them"


def test_the_right_answer_costs_nothing():
    method, _, batch = example_batch()
    parts = method.stages[0].objective(Fixed(batch["x0"], batch["thumbnail_x0"], batch["brightness"]), batch)
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(dict.fromkeys(parts, 0), abs=1e-5)


@pytest.mark.parametrize("stops", [-0.3, 0.3])
def test_a_picture_made_for_a_guessed_brightness_is_compared_at_the_ground_truth_s(stops):
    method, _, batch = example_batch()
    batch["wanted"] = batch["brightness"] * 2**stops
    scale = (batch["wanted"] / batch["brightness"]).view(-1, 1, 1, 1)
    net = Fixed(batch["x0"] * scale, batch["thumbnail_x0"] * scale, batch["brightness"])
    parts = method.stages[0].objective(net, batch)
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(dict.fromkeys(parts, 0), abs=1e-4)
    assert torch.equal(net.wanted, batch["wanted"])
    noiseless = (net.seen[0] - (1 - batch["abar"]).sqrt().view(-1, 1, 1, 1) * batch["eps"]) / batch["abar"].sqrt().view(
        -1, 1, 1, 1
    )
    torch.testing.assert_close(noiseless, 2 * (batch["x0"] * scale).clamp(0, 1) - 1, atol=1e-3, rtol=0)


def test_white_that_stays_white_is_no_error():
    method, _, batch = example_batch()
    batch |= {"x0": torch.ones(2, 3, 32, 32), "clipped_weight": torch.ones(2), "wanted": batch["brightness"] * 0.8}
    parts = method.stages[0].objective(Fixed(batch["x0"], batch["thumbnail_x0"] * 0.8, batch["brightness"]), batch)
    assert float(parts["l1"]) == 0


def test_a_guess_misses_as_the_configuration_says():
    prepare = Compact(TINY.model_copy(update={"guess_share": 0.5, "guess_stops": 0.2})).stages[0].prepare
    low = photo(44, 44)[:, :16, :16]
    rows = [prepare(crop_of(low, bright(low), i, 0, 0, 16)) for i in range(2000)]
    missed = np.array([math.log2(float(row["wanted"]) / float(row["brightness"])) for row in rows])
    assert (missed == 0).mean() == pytest.approx(0.5, abs=0.04)
    doubts = np.array([float(row["doubt"]) for row in rows])
    assert ((doubts == 0) == (missed == 0)).all()
    assert set(doubts) == {0.0, np.float32(TINY.doubt_stops)}
    assert np.abs(missed).max() <= 0.4 + 1e-5
    assert missed[missed != 0].std() == pytest.approx(0.2 * 0.95, abs=0.02)  # cut off at two standard deviations
    exact = Compact(TINY).stages[0].prepare(crop_of(low, bright(low), 3, 0, 0, 16))
    assert float(exact["wanted"]) == float(exact["brightness"])


def test_a_source_without_weight_teaches_neither_highlights_nor_exposure():
    method, _, batch = example_batch()
    batch |= {"clipped_weight": torch.zeros(2), "exposure_weight": torch.zeros(2), "x0": torch.ones(2, 3, 32, 32)}
    parts = method.stages[0].objective(Fixed(torch.rand(2, 3, 32, 32), batch["thumbnail_x0"], torch.rand(2)), batch)
    assert float(parts["l1"]) == 0
    assert float(parts["exposure"]) == 0


def test_every_part_of_the_objective_is_finite_and_positive_on_a_real_network(make_compact):
    method = make_compact()
    _, crops, _ = example_batch()
    for name, part in method.stages[0].objective(method.net, batch_of(method, *crops)).items():
        assert (part.item() == 0) if name == "psnr" else (0 < part.item() < 10), name  # psnr has no weight by default


def test_prepare_is_a_function_of_seed_and_number():
    low = photo(48, 56)
    crops = [crop_of(low, bright(low), index) for index in (7, 7, 8)]
    first, again, other = (Compact(TINY).stages[0].prepare(crop) for crop in crops)
    reseeded = Compact(TINY.model_copy(update={"seed": 1})).stages[0].prepare(crops[0])
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)
        drawn = name in ("abar", "eps")
        assert np.array_equal(array, other[name]) is not drawn, name
        assert np.array_equal(array, reseeded[name]) is not drawn, name


def test_prepare_describes_the_photo_and_its_target():
    low = photo(80, 40)  # multiples of the thumbnail's side: its mean is that of all pixels
    crop = crop_of(low, bright(low), clipped_weight=0.2, exposure_weight=0.3)
    row = Compact(TINY).stages[0].prepare(crop)
    np.testing.assert_array_equal(row["low"], crop.low.astype(np.float32) / 255)
    np.testing.assert_array_equal(row["thumbnail"], describe(low).thumbnail)
    np.testing.assert_array_equal(row["thumbnail_x0"], area_average(bright(low)))
    assert row["statistics"].shape == (STATISTICS,)
    assert float(row["brightness"]) == pytest.approx(bright(low).mean() / 255, abs=1e-6)
    assert row["eps"].shape == row["x0"].shape == (3, 32, 32)
    assert {array.dtype for array in row.values()} == {np.dtype(np.float32)}
    assert (float(row["clipped_weight"]), float(row["exposure_weight"])) == pytest.approx((0.2, 0.3))


def test_a_black_target_asks_for_half_an_eight_bit_step():
    black = np.zeros((3, 48, 48), np.uint8)
    assert float(Compact(TINY).stages[0].prepare(crop_of(black, black))["brightness"]) == pytest.approx(0.5 / 255)


def test_noise_levels_are_drawn_as_the_configuration_says():
    prepare = Compact(TINY).stages[0].prepare
    low = photo(44, 44)[:, :16, :16]
    levels = np.array([float(prepare(crop_of(low, low, i, 0, 0, 16))["abar"]) for i in range(3000)])
    assert levels.min() >= 0
    assert levels.max() <= 1
    # The others' angle is uniform, and cos² of it seldom falls below noisy_abar too.
    expected = TINY.noisy_share + (1 - TINY.noisy_share) * (1 - math.acos(math.sqrt(TINY.noisy_abar)) / (math.pi / 2))
    assert (levels < TINY.noisy_abar).mean() == pytest.approx(expected, abs=0.03)
    assert levels[levels >= TINY.noisy_abar].mean() == pytest.approx(0.53, abs=0.03)


# --- inference --------------------------------------------------------------------------------------------------------


def test_graphs_run_on_their_own_examples_and_feed_each_other(make_compact):
    method = make_compact()
    graphs = method.graphs()
    assert list(graphs) == ["exposure", "condition", "step"]
    outputs = {name for graph in graphs.values() for name in graph.outputs}
    photo_inputs = {"x", "abar", "low", "box", "thumbnail", "statistics", "brightness", "doubt"}
    for name, graph in graphs.items():
        assert set(graph.inputs) == set(graph.example)
        assert set(graph.inputs) <= photo_inputs | outputs, name
        with torch.no_grad():
            results = graph.module(*(torch.from_numpy(graph.example[i]) for i in graph.inputs))
        results = results if isinstance(results, tuple) else (results,)
        assert len(results) == len(graph.outputs)
        for output, result in zip(graph.outputs, results, strict=True):
            if output in graphs["step"].example:
                assert result.shape == graphs["step"].example[output].shape, output


@torch.no_grad()
@pytest.mark.parametrize(
    ("lit_share", "code", "kept"),
    [
        (0.06, 255, True),  # a night scene and its lamps
        (0.06, 70, False),  # a dark room
        (0.005, 255, False),  # one small lamp in it
        (0.7, 255, False),  # what is lit is most of the photo
    ],
)
def test_what_is_lit_is_not_lifted_over_white(make_compact, lit_share, code, kept):
    planes = np.full((3, 80, 100), 12, np.uint8)
    planes.reshape(3, -1)[:, : round(lit_share * 8000)] = code
    overview = describe(planes)
    known = [torch.from_numpy(a)[None] for a in (overview.thumbnail, overview.statistics)]
    method = make_compact()
    free = Compact(TINY.model_copy(update={"lights_kept": 0.0})).graphs()["exposure"].module
    free.net = method.net.exposure
    (lifted, _), (chosen, _) = free(*known), method.graphs()["exposure"].module(*known)
    assert lifted == method.net.exposure(*known)
    if not kept:
        assert chosen == lifted
        return
    over = math.log2(float(lifted) / overview.brightness * code / 255 / 1.3)
    assert over > 1
    assert math.log2(float(lifted / chosen)) == pytest.approx(over / 2, abs=0.01)


@torch.no_grad()
def test_a_doubtful_brightness_is_averaged_over_what_it_may_be(make_compact):
    method = make_compact()
    overview = describe(photo(50, 70))
    thumbnail, statistics = (torch.from_numpy(a)[None] for a in (overview.thumbnail, overview.statistics))
    condition = method.graphs()["condition"].module

    def asked(brightness, doubt=0.0):
        return condition(thumbnail, statistics, torch.tensor([brightness]), torch.tensor([doubt]))

    for one, other in zip(
        asked(0.4), method.net.coarse.condition(thumbnail, statistics, torch.tensor([0.4])), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    guesses = np.array([-0.5, 0, 0.5])  # whose mean square the two have
    stops = guesses.std() * np.array([-1, 1])
    alone = [
        method.net.coarse.condition(thumbnail, statistics, torch.tensor([0.4 * 2**more], dtype=torch.float32))
        for more in stops
    ]
    coarse, maps, vector = asked(0.4, 0.5)
    scaled = [picture * 2**-more for (picture, _, _), more in zip(alone, stops, strict=True)]
    torch.testing.assert_close(coarse, torch.stack(scaled).mean(dim=0), atol=1e-5, rtol=0)
    for averaged, parts in ((maps, [one[1] for one in alone]), (vector, [one[2] for one in alone])):
        torch.testing.assert_close(averaged, torch.stack(parts).mean(dim=0), atol=1e-5, rtol=0)
        assert not torch.allclose(*parts, atol=1e-5), "an average of equals would pass as well"
    bright = torch.stack(
        [
            method.net.coarse.condition(thumbnail, statistics, torch.tensor([b], dtype=torch.float32))[1]
            for b in (0.9 * 2 ** -math.sqrt(2 / 3), 1.0)
        ]
    )
    torch.testing.assert_close(asked(0.9, 1.0)[1], bright.mean(dim=0), atol=1e-5, rtol=0)


def test_the_step_graph_is_denoise_in_the_signed_range(make_compact):
    method, planes = make_compact(), photo(32, 32)
    x, low = random(1, 3, 32, 32), torch.from_numpy(planes.astype(np.float32) / 255)[None]
    statistics, wanted, condition = conditioned(method, planes)
    with torch.no_grad():
        x0 = method.graphs()["step"].module(x, torch.tensor([0.01]), low, WHOLE, statistics, wanted, *condition)
    torch.testing.assert_close(x0[0], 2 * denoised(method, planes, x) - 1, atol=1e-6, rtol=0)


def test_the_preset_makes_ladders_of_one_to_eight_steps():
    preset = Compact(TINY).presets["default"]
    assert preset.steps == 1
    for steps in range(1, 9):
        ladder = preset.ladder(steps)
        assert len(ladder) == steps + 1
        assert ladder[0] < TINY.noisy_abar, "sampling starts where training hardly was"
    with pytest.raises(ValueError, match="1 to 8"):
        preset.ladder(9)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"fine_width": [8, 16]}, "did you mean 'fine_widths'"),
        ({"colour": "red"}, "known keys are fine_widths"),
        ({"blocks": "two"}, "blocks"),
        ({"fine_widths": []}, "at least one level"),
        ({"coarse_widths": [8, 18]}, "multiple of 4"),
        ({"coarse_widths": [8, 8, 8, 8, 8]}, "at most 4 levels"),
    ],
)
def test_impossible_configurations_are_refused(config, message):
    with pytest.raises(ModelError, match=message):
        build_method("compact", config)


def test_an_unknown_method_is_refused():
    with pytest.raises(ModelError, match="compact"):
        build_method("cmopact", {})
