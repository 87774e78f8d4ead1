"""LLDiffusion's objectives against slow references, its training examples, and its inference at toy size."""

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from darklift import Enhancer
from darklift.data.crop import Crop
from darklift.diffusion import NoiseSchedule
from darklift.errors import ModelError
from darklift.methods.lldiffusion import LOL_V2, Lldiffusion, LldiffusionConfig
from darklift.methods.lldiffusion.degradation import reflect
from darklift.methods.parts.unet import ChannelAttention
from darklift.store.checkpoint import build_method
from darklift.store.torch_model import torch_model

TINY = LldiffusionConfig(
    width=8, multipliers=(1, 1, 2), blocks=1, groups=4, encoder_width=4, feature_widths=(16, 8), dgnet_width=4
)
VARIANTS = {
    "attention": {},
    "concat, one more": {"fusion": "concat", "feature_widths": (16, 8, 8)},
    "no degradation": {"degradation": False},
    "no colour map": {"colour_map": False},
    "neither": {"degradation": False, "colour_map": False},
    "no DGNET": {"dgnet_width": 0},
}


def make(**changes: Any) -> Lldiffusion:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        method = Lldiffusion(LldiffusionConfig(**{**TINY.model_dump(), **changes}))
    for module in method.net.modules():
        if isinstance(module, ChannelAttention):  # so narrow here that chance could silence it altogether
            nn.init.ones_(module.squeeze.bias)
    return method


def crop(index: int = 0, size: int = 16) -> Crop:
    rng = np.random.default_rng(index)
    high = rng.integers(0, 256, (3, size, size), dtype=np.uint8)
    box = np.array([0, 0, 1, 1], np.float32)
    return Crop(high // 8, high, box, high // 8, high, name=f"{index}.png", index=index)


def batch_of(method: Lldiffusion, indices: range = range(4)) -> dict[str, torch.Tensor]:
    rows = [method.stages[0].prepare(replace(crop(index), batch=8)) for index in indices]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}


# --- training ---------------------------------------------------------------------------------------------------------


class Answering(nn.Module):
    """Keeps what it is asked, and answers with given tensors."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.eps, self.dark = (torch.randn(shape, generator=generator) for _ in range(2))
        self.asked: tuple[Any, ...] = ()

    def forward(self, *asked: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        self.asked = asked
        return self.eps, None if asked[-1] is None else self.dark


def test_both_stages_are_the_stated_sums() -> None:
    method = make(darkening_weight=0.7)
    batch = batch_of(method)
    net = Answering(tuple(batch["x0"].shape))
    parts = method.stages[0].objective(net, batch, None)
    asked = net.asked
    frozen = method.stages[1].objective(net, batch, None)
    noise = darkening = 0.0
    alphas = np.cumprod([1 - (1e-4 + (2e-2 - 1e-4) * step / 999) for step in range(1000)])
    data = {name: tensor.double().numpy() for name, tensor in batch.items()}
    for b in range(4):
        abar = alphas[int(batch["t"][b])]
        for c in range(3):
            for y in range(16):
                for x in range(16):
                    place = (b, c, y, x)
                    noise += (float(net.eps[place]) - data["eps"][place]) ** 2
                    dark, low = ((value[place] + 1) / 2 for value in (net.dark.double().numpy(), data["low"]))
                    darkening += abs(min(max(dark, 0), 1) - min(max(low, 0), 1))
                    x_t = abar**0.5 * data["x0"][place] + (1 - abar) ** 0.5 * data["eps"][place]
                    assert float(asked[0][place]) == pytest.approx(x_t, abs=1e-5)
                    share = (data["low"][b, c, y, x] + 1) / ((data["low"][b, :, y, x] + 1).sum() + 2e-4)
                    assert float(asked[3][place]) == pytest.approx(2 * share - 1, abs=1e-5)
    assert set(parts) == {"noise", "darkening"}
    assert float(parts["noise"]) == pytest.approx(noise / (4 * 3 * 16 * 16), rel=1e-5)
    assert float(parts["darkening"]) == pytest.approx(0.7 * darkening / (4 * 3 * 16 * 16), rel=1e-5)
    assert set(frozen) == {"noise"}
    assert float(frozen["noise"]) == float(parts["noise"])
    assert asked[4] is batch["x0"]
    assert net.asked[4] is None, "DGNET is not run where it does not count"


def test_an_example_is_its_number_s_alone() -> None:
    first, again = (batch_of(make(), range(start, 8)) for start in (0, 4))
    for name, tensor in again.items():
        assert torch.equal(first[name][4:], tensor), name
    assert first["low"].min() >= -1
    assert first["x0"].max() <= 1


def test_steps_are_antithetic_in_a_batch_and_uniform() -> None:
    method = make(train_steps=40, beta_end=0.2)
    for size in (1, 5, 8):
        crops = [replace(crop(index, size=4), batch=size) for index in range(1200)]
        batches = np.array([int(method.stages[0].prepare(each)["t"]) for each in crops]).reshape(-1, size)
        drawn, mirrored = np.split(batches, [size // 2 + 1], axis=1)
        np.testing.assert_array_equal(mirrored, 39 - drawn[:, : mirrored.shape[1]])
        counts = Counter(drawn.ravel())
        assert set(counts) == set(range(40))
        assert max(counts.values()) < 2 * drawn.size / 40


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_gradients_reach_just_what_the_stage_trains(changes: dict[str, Any], stage: int) -> None:
    method = make(**changes)
    trains = method.stages[stage].trains
    for name, parameter in method.net.named_parameters():
        parameter.requires_grad_(name.startswith(trains))
    sum(method.stages[stage].objective(method.net, batch_of(method), None).values()).backward()
    for name, parameter in method.net.named_parameters():
        learns = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert learns is name.startswith(trains), name
    if stage:
        assert all(parameter.grad is None for parameter in (method.net.encoder or nn.Identity()).parameters())


def test_spectral_norm_divides_by_the_stored_vectors_and_survives_a_copy() -> None:
    net = make().net.eval()
    layer = copy.deepcopy(net).encoder.down[0]
    original, vectors = layer.parametrizations.weight.original, layer.parametrizations.weight[0]
    with torch.no_grad():
        vectors._u.copy_(torch.arange(8.0))
    sigma = vectors._u @ original.flatten(1) @ vectors._v
    torch.testing.assert_close(layer.weight, original / sigma)
    assert not torch.equal(layer.weight, net.encoder.down[0].weight)


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_ladder_is_the_published_one_and_any_number_of_steps_will_do() -> None:
    preset = make().presets["default"]
    levels = NoiseSchedule.linear(1000, 1e-4, 2e-2).alpha_bar
    assert preset.ladder() == (*levels[960::-40], 1.0)
    assert (preset.eta, preset.clip, preset.predicts) == (0.0, False, "eps")
    assert len(preset.ladder(1000)) == 1001


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 20, "groups": 8}, "width 20 .* multiples of groups, 8"),
        ({"dgnet_width": 3}, "multiples of groups"),
        ({"feature_widths": (8, 6)}, "multiples of groups"),
        ({"feature_widths": ()}, "expected 1 to 3 feature_widths"),
        ({"feature_widths": (8, 8, 8, 8)}, "got 4; .*degradation = false"),
        ({"train_steps": 1}, "take more steps"),
        ({"fusion": "sum"}, "'attention' or 'concat'"),
    ],
)
def test_impossible_configurations_are_refused_in_a_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        build_method("lldiffusion", {**TINY.model_dump(), **changes})
    assert "\n" not in str(caught.value)


def test_what_lol_v2_sets_is_known() -> None:
    config = LldiffusionConfig(**LOL_V2)
    assert (config.width, config.dgnet_width, len(config.feature_widths)) == (128, 128, 6)


# --- inference --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny() -> Lldiffusion:
    method = make()
    method.net.eval()
    return method


def dark_picture(height: int, width: int) -> np.ndarray:
    return (np.random.default_rng(height).random((height, width, 3)) * 0.2).astype(np.float32)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_picture_of_any_size_is_enhanced(changes: dict[str, Any]) -> None:
    method = make(**changes)
    method.net.eval()
    enhance = Enhancer(torch_model(method, {}, precision="fp32"))
    for height, width in ((1, 1), (37, 53), (4, 8)):
        dark = dark_picture(height, width)
        bright = enhance(dark, steps=2)
        assert bright.shape == dark.shape
        assert np.isfinite(bright).all()


def test_the_same_seed_gives_the_same_picture(tiny: Lldiffusion) -> None:
    enhance, dark = Enhancer(torch_model(tiny, {}, precision="fp32")), dark_picture(20, 24)
    assert np.array_equal(enhance(dark, steps=3, seed=5), enhance(dark, steps=3, seed=5))
    assert not np.array_equal(enhance(dark, steps=3, seed=5), enhance(dark, steps=3, seed=6))


@torch.inference_mode()
def test_the_graphs_together_are_the_network(tiny: Lldiffusion) -> None:
    """The step's number is found from abar, for each of the schedule's levels."""
    graphs, levels = tiny.graphs(), NoiseSchedule.linear(1000, 1e-4, 2e-2).alpha_bar
    low, x = torch.rand(2, 3, 8, 12), torch.randn(2, 3, 8, 12)
    colour, *features = graphs["encode"].module(low)
    for t in (0, 1, 417, 998, 999):
        abar = torch.tensor([levels[t]], dtype=torch.float32)
        expected, _ = tiny.net(x, torch.full((2,), t), 2 * low - 1, colour)
        torch.testing.assert_close(graphs["step"].module(x, abar, low, colour, *features), expected)


def test_dgnet_darkens_with_the_features_of_the_low_light_picture(tiny: Lldiffusion) -> None:
    good, low = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    dark = tiny.darken(good, low)
    assert dark.shape == good.shape
    assert 0 <= dark.min() <= dark.max() <= 1
    assert not torch.equal(dark, tiny.darken(good, 1 - low))
    with pytest.raises(ModelError, match="no DGNET"):
        make(dgnet_width=0).darken(good, low)


def test_both_networks_can_take_the_least_picture() -> None:
    method = make(multipliers=(1, 1, 2), width=16, groups=8, dgnet_width=8)  # DGNET ends with groups of one channel
    picture = torch.rand(1, 3, method.footprint.size_multiple, method.footprint.size_multiple)
    assert method.darken(picture, picture).shape == picture.shape


@pytest.mark.parametrize("amount", [1, 3])
def test_reflection_is_torch_s_and_numpy_s(amount: int) -> None:
    for height, width in ((4, 7), (1, 2), (3, 1), (2, 2)):
        x = torch.rand(1, 2, height, width)
        sides = ((0, 0), (0, 0), (amount, amount), (amount, amount))
        np.testing.assert_array_equal(reflect(x, amount), np.pad(x.numpy(), sides, mode="reflect"))
        if min(height, width) > amount:
            assert torch.equal(reflect(x, amount), F.pad(x, (amount,) * 4, mode="reflect"))


# --- for hours, not for weeks -----------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {"unshuffle": 2, "velocity": True, "lift": 50.0, "preset": "trailing"}


@pytest.mark.parametrize("stage", [0, 1])
def test_a_velocity_s_error_is_what_counts(stage: int) -> None:
    method = make(**SMALL)
    batch = batch_of(method)
    net = Answering(tuple(batch["x0"].shape))
    c = batch["abar"].sqrt().view(-1, 1, 1, 1)
    error = net.eps - (c * batch["eps"] - (1 - c**2).sqrt() * batch["x0"])
    loss = method.stages[stage].objective(net, batch, None)["noise"]
    assert float(loss) == pytest.approx(float((error**2).mean()), rel=1e-4)
    torch.testing.assert_close(net.asked[2], 2 * torch.log1p(25 * (batch["low"] + 1)) / np.log(51) - 1)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@torch.inference_mode()
def test_an_unshuffled_network_gives_the_noise_of_its_velocity(changes: dict[str, Any]) -> None:
    method = make(**SMALL, **changes)
    method.net.eval()  # spectral norm holds still
    assert method.footprint.size_multiple == 2 * make(**changes).footprint.size_multiple
    graphs, abar = method.graphs(), torch.tensor([NoiseSchedule.linear(1000, 1e-4, 2e-2).alpha_bar[417]])
    low, x = torch.rand(1, 3, 16, 24), torch.randn(1, 3, 16, 24)
    encoded = graphs["encode"].module(low) if "encode" in graphs else ()
    eps = graphs["step"].module(x, abar.float(), low, *encoded)
    shown = 2 * torch.log1p(50 * low) / np.log(51) - 1
    colour = encoded[0] if method.config.colour_map else None
    v, _ = method.net(x, torch.tensor([417]), shown, colour)
    torch.testing.assert_close(eps, abar.float() ** 0.5 * v + (1 - abar.float()) ** 0.5 * x)
    for name, example in graphs["step"].example.items():  # what the exporter traces it with fits together
        if name.startswith("feature"):
            side = graphs["step"].example["x"].shape[2]
            made = graphs["encode"].module(torch.rand(2, 3, side, side))
            assert example.shape == made[graphs["encode"].outputs.index(name)].shape, name


def test_trailing_sampling_begins_at_the_schedule_s_end() -> None:
    presets = make(**SMALL).presets
    assert list(presets) == ["trailing", "default"]
    levels = NoiseSchedule.linear(1000, 1e-4, 2e-2).alpha_bar
    assert presets["trailing"].ladder(4) == (*levels[[999, 749, 499, 249]], 1.0)
    assert list(make().presets) == ["default"]
