"""The parts of networks, against PyTorch's own operations."""

import math

import pytest
import torch
import torch.nn.functional as F

from darklift.methods.parts.blocks import ModulatedBlock, colour_map, level_features, lift, resample_box, zero_


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def boxes(*rows: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def grid_sampled(maps: torch.Tensor, box: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """What ``resample_box`` says it does, by another way."""
    places = [(torch.arange(n) + 0.5) / n for n in size]
    grids = []
    for top, left, bottom, right in box.tolist():
        rows, columns = top + (bottom - top) * places[0], left + (right - left) * places[1]
        y, x = torch.meshgrid(2 * rows - 1, 2 * columns - 1, indexing="ij")
        grids.append(torch.stack([x, y], dim=2))
    whole = maps.expand(len(grids), -1, -1, -1)
    return F.grid_sample(whole, torch.stack(grids), mode="bilinear", padding_mode="border", align_corners=False)


@pytest.mark.parametrize("size", [(7, 11), (40, 40), (90, 33), (1, 1)])
def test_resample_box_samples_as_grid_sample_does(size):
    box = boxes((0, 0, 1, 1), (0.1, 0.25, 0.6, 0.9), (0.7, 0.5, 1.3, 1.05), (-0.2, -0.1, 0.1, 0.2))
    maps = random(4, 5, 12, 9)
    torch.testing.assert_close(resample_box(maps, box, size), grid_sampled(maps, box, size), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(24, 18), (6, 5), (31, 64)])
def test_the_whole_box_is_interpolate(size):
    maps = random(2, 3, 12, 9)
    expected = F.interpolate(maps, size=size, mode="bilinear", align_corners=False, antialias=False)
    torch.testing.assert_close(resample_box(maps, boxes((0, 0, 1, 1)).expand(2, 4), size), expected, atol=1e-5, rtol=0)


def test_the_maps_own_size_gives_the_maps():
    maps = random(1, 3, 8, 6)
    torch.testing.assert_close(resample_box(maps, boxes((0, 0, 1, 1)), (8, 6)), maps, atol=1e-5, rtol=0)


def test_one_photo_serves_many_pieces():
    box = boxes((0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), (0.2, 0.3, 0.4, 0.5))
    maps = random(1, 2, 8, 8)
    together = resample_box(maps, box, (6, 4))
    apart = torch.cat([resample_box(maps, box[i : i + 1], (6, 4)) for i in range(3)])
    assert together.shape == (3, 2, 6, 4)
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)


def test_a_piece_is_cut_out_of_the_whole():
    maps, whole = random(1, 2, 10, 10), boxes((0, 0, 1, 1))
    full = resample_box(maps, whole, (64, 32))
    piece = resample_box(maps, boxes((16 / 64, 8 / 32, 48 / 64, 24 / 32)), (32, 16))
    torch.testing.assert_close(piece, full[:, :, 16:48, 8:24], atol=1e-5, rtol=0)


def test_beyond_the_border_the_edge_goes_on():
    maps = random(1, 1, 4, 4)
    below = resample_box(maps, boxes((1.5, 0, 2.5, 1)), (3, 4))
    torch.testing.assert_close(below, maps[:, :, -1:].expand(1, 1, 3, 4), atol=1e-6, rtol=0)


def test_maps_of_half_precision_stay_so():
    maps = random(1, 2, 5, 5)
    result = resample_box(maps.bfloat16(), boxes((0, 0, 1, 1)), (10, 10))
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), resample_box(maps, boxes((0, 0, 1, 1)), (10, 10)), atol=0.05, rtol=0)


def test_a_fresh_block_is_the_identity():
    x = random(2, 8, 5, 7)
    assert torch.equal(ModulatedBlock(8, 4)(x, random(2, 4)), x)


def test_a_block_does_what_its_equation_says():
    block = ModulatedBlock(6, 4)
    for number, parameter in enumerate(block.parameters()):
        parameter.data = 0.3 * random(*parameter.shape, seed=number)
    x, embedding = random(2, 6, 5, 7), random(2, 4, seed=1)
    scale, shift = (embedding @ block.modulation.weight.T + block.modulation.bias)[:, :, None, None].split(6, dim=1)
    inner = F.conv2d(x * (1 + scale) + shift, block.conv1.weight, block.conv1.bias, padding=1).clamp(min=0)
    expected = x + F.conv2d(inner, block.conv2.weight, block.conv2.bias, padding=1)
    torch.testing.assert_close(block(x, embedding), expected, atol=1e-5, rtol=0)


def test_colour_map_is_each_channel_s_share():
    unit = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.1
    shares = (colour_map(unit) + 1) / 2
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 4, 4), atol=1e-3, rtol=0)
    torch.testing.assert_close(colour_map(0.5 * unit), colour_map(unit), atol=2e-3, rtol=0)


def test_colour_map_of_black_and_of_one_colour():
    assert torch.equal(colour_map(torch.zeros(1, 3, 2, 2)), -torch.ones(1, 3, 2, 2))
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    torch.testing.assert_close(colour_map(red).flatten(), torch.tensor([1.0, -1, -1]), atol=3e-4, rtol=0)


def test_level_features():
    abar = torch.tensor([0.0, 0.25, 1.0])
    features = level_features(abar)
    assert features.shape == (3, 13)
    for row, level in zip(features.tolist(), abar.tolist(), strict=True):
        angles = [math.sqrt(level) * math.pi / 2 * 2**k for k in range(6)]
        expected = [math.sqrt(level), *map(math.sin, angles), *map(math.cos, angles)]
        assert row == pytest.approx(expected, abs=1e-5)


def test_zero_clears_weight_and_bias():
    layer = torch.nn.Linear(3, 2)
    zero_(layer)
    assert not layer.weight.any()
    assert not layer.bias.any()


def test_a_lift_keeps_black_and_white_and_spreads_the_dark():
    signed = torch.linspace(-1, 1, 256)
    assert lift(signed, 0.0) is signed
    lifted = lift(signed, 100.0)
    assert lifted[[0, -1]].tolist() == pytest.approx([-1, 1], abs=1e-6)
    assert (lifted.diff() > 0).all()
    assert float(lifted[13]) == pytest.approx(2 * math.log(1 + 1300 / 255) / math.log(101) - 1, abs=1e-6)
