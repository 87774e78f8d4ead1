"""GSAD's objectives against slow references written with loops, and what its training examples are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.cluster import hierarchy
from torch import nn

from darklift.data.crop import Crop
from darklift.errors import ModelError
from darklift.methods.gsad import Gsad, GsadConfig
from darklift.methods.gsad.structure import cluster_patches, cluster_spectra, structure_term
from darklift.methods.parts.unet import UNet, UNetConfig
from darklift.store.checkpoint import build_method

TINY = GsadConfig(width=32, multipliers=(1, 2), blocks=1, attention_level=1, train_steps=20)


def crop(index: int = 0, size: int = 32) -> Crop:
    rng = np.random.default_rng(index)
    high = rng.integers(0, 256, (3, size, size), dtype=np.uint8)
    box = np.array([0, 0, 1, 1], np.float32)
    return Crop(high // 8, high, box, high // 8, high, name=f"{index}.png", index=index)


def batch_of(method: Gsad, stage: int, indices: range = range(3)) -> dict[str, torch.Tensor]:
    rows = [method.stages[stage].prepare(replace(crop(index), batch=8)) for index in indices]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}


class Fixed(nn.Module):
    """Answers with given tensors."""

    def __init__(self, eps: torch.Tensor, uncertainty: torch.Tensor) -> None:
        super().__init__()
        self.answer = eps, uncertainty

    def forward(self, x: torch.Tensor, c: torch.Tensor, low: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.answer


@pytest.fixture(scope="module")
def method() -> Gsad:
    torch.manual_seed(0)
    return Gsad(TINY)


def random_answers(shape: tuple[int, ...], seed: int) -> Fixed:
    generator = torch.Generator().manual_seed(seed)
    return Fixed(torch.randn(shape, generator=generator), torch.randn(shape, generator=generator))


def test_the_uncertainty_stage_is_the_stated_sum(method: Gsad) -> None:
    batch = batch_of(method, 0)
    net = random_answers(batch["x0"].shape, 1)
    eps_hat, uncertainty = (answer.double().numpy() for answer in net.answer)
    eps, elements = batch["eps"].double().numpy(), batch["eps"].numel()
    parts = method.stages[0].objective(net, batch, None)
    assert float(parts["pixel"]) == pytest.approx(np.abs(np.exp(-uncertainty) * (eps_hat - eps)).sum() / elements)
    whole_batch = 8 * batch["eps"][0].numel()  # of which these three are a part
    assert float(parts["uncertainty"]) == pytest.approx(2 * uncertainty.mean() / whole_batch, abs=1e-9)


def test_the_structure_stage_is_the_stated_sum(method: Gsad) -> None:
    batch = batch_of(method, 1, range(10))
    net, teacher = random_answers(batch["x0"].shape, 1), random_answers(batch["x0"].shape, 2)
    parts = method.stages[1].objective(net, batch, teacher)
    pixel, structure = slow_structure_stage(batch, net, teacher)
    assert float(parts["pixel"]) == pytest.approx(pixel, rel=1e-5)
    assert float(parts["structure"]) == pytest.approx(structure, rel=1e-4)


def slow_structure_stage(batch: dict[str, torch.Tensor], net: Fixed, teacher: Fixed) -> tuple[float, float]:
    """METHODS as loops over images, channels, clusters and singular values, in float64."""
    data = {name: tensor.double().numpy() for name, tensor in batch.items()}
    eps_hat, uncertainty = net.answer[0].double().numpy(), teacher.answer[1].double().numpy()
    pixel, structure = 0.0, 0.0
    for b in range(len(eps_hat)):
        for channel in range(3):
            p = uncertainty[b, channel]
            weight = 0.5 + 0.5 * (p - p.min()) / (p.max() - p.min() + 1e-6)
            pixel += 10 * np.abs(weight * (eps_hat[b, channel] - data["eps"][b, channel])).sum() / eps_hat.size
        c, (abar, abar_before) = data["c"][b], data["abar"][b]
        x = c * data["x0"][b] + np.sqrt(1 - c**2) * data["eps"][b]
        x0_hat = np.clip((x - np.sqrt(1 - c**2) * eps_hat[b]) / c, -1, 1)
        beta = 1 - abar / abar_before
        mean = beta * np.sqrt(abar_before) / (1 - abar) * x0_hat
        mean += (1 - abar_before) * np.sqrt(1 - beta) / (1 - abar) * x
        x_next = mean + np.sqrt(beta * (1 - abar_before) / (1 - abar)) * data["z"][b]
        rows = [patches(picture.mean(axis=0)) for picture in (data["x0"][b], x_next)]
        total = 0.0
        for k in range(6):
            members = data["clusters"][b] == k
            if not members.any():
                total += 1e-5
                continue
            values = [np.linalg.svd(each[members], compute_uv=False) for each in rows]
            total += sum(abs(first - second) for first, second in zip(*values, strict=True))
        structure += c**4 * total / 6 / len(eps_hat)
    return pixel, structure


def patches(gray: np.ndarray) -> np.ndarray:
    height, width = gray.shape
    corners = [(y, x) for y in range(0, height - 7, 8) for x in range(0, width - 7, 8)]
    return np.array([gray[y : y + 8, x : x + 8].ravel() for y, x in corners])


def test_an_empty_cluster_counts_a_little() -> None:
    picture = torch.rand(1, 3, 16, 16)
    same = torch.tensor([[0, 0, 1, 1]])
    spectra = cluster_spectra(picture, same, 6, 8)
    assert float(structure_term(spectra, spectra, same)[0]) == pytest.approx(4 * 1e-5 / 6, rel=1e-5)


@pytest.mark.parametrize("size", [(48, 96), (17, 40), (8, 8)])
def test_spectra_are_those_of_each_cluster_alone(size: tuple[int, int]) -> None:
    pictures = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0))
    patches_of = [patches(picture.mean(dim=0).numpy()) for picture in pictures]
    clusters = torch.stack([torch.arange(len(rows)) ** (2 + b) % 5 for b, rows in enumerate(patches_of)])
    spectra = cluster_spectra(pictures, clusters, 6, 8).numpy()
    assert spectra.shape == (3, 6, 64)
    for b, rows in enumerate(patches_of):
        for k in range(6):
            expected = np.zeros(64)
            if (members := (clusters[b] == k).numpy()).any():
                values = np.linalg.svd(rows[members], compute_uv=False)
                expected[: len(values)] = values
            np.testing.assert_allclose(spectra[b, k], expected, atol=1e-5)


def test_each_picture_has_its_own_clusters(method: Gsad) -> None:
    clusters = batch_of(method, 1)["clusters"]
    assert not torch.equal(clusters[0], clusters[1])


def test_clusters_are_wards() -> None:
    """Three kinds of patches, well apart, are told apart."""
    gray = np.kron(np.array([[0.1, 0.5], [0.9, 0.1], [0.5, 0.9]]), np.ones((8, 8))) + 0.001 * np.random.default_rng(
        0
    ).standard_normal((24, 16))
    numbers = list(cluster_patches(gray, 8, 3))
    # patches row by row: 0.1, 0.5, 0.9, 0.1, 0.5, 0.9
    assert numbers[:3] == numbers[3:]
    assert len(set(numbers)) == 3


def test_merges_of_equal_cost_are_made_in_their_order() -> None:
    """Three greys make many patches alike; what is left is what the first N - K merges of the tree make, one by one."""
    greys = np.random.default_rng(1).integers(0, 3, (12, 12)) * 100 / 255
    gray = np.kron(greys, np.ones((8, 8)))
    numbers = cluster_patches(gray, 8, 6)
    members = {leaf: {leaf} for leaf in range(144)}
    for merge, row in enumerate(hierarchy.linkage(patches(gray), method="ward")[: 144 - 6]):
        members[144 + merge] = members.pop(int(row[0])) | members.pop(int(row[1]))
    assert {frozenset(np.flatnonzero(numbers == k)) for k in range(6)} == {frozenset(m) for m in members.values()}


def test_a_network_that_has_diverged_is_told_by_the_loss(method: Gsad) -> None:
    batch = batch_of(method, 1)
    nowhere = Fixed(torch.full_like(batch["x0"], torch.nan), torch.zeros_like(batch["x0"]))
    parts = method.stages[1].objective(nowhere, batch, nowhere)
    assert torch.isnan(sum(parts.values()))


def test_a_batch_shares_the_step_and_each_example_has_its_level(method: Gsad) -> None:
    batch = batch_of(method, 0, range(8))
    assert len(torch.unique(batch["abar"], dim=0)) == 1
    now, before = batch["abar"][0].tolist()
    assert len(set(batch["c"].tolist())) == 8
    assert all(now - 1e-6 <= c**2 <= before + 1e-6 for c in batch["c"].tolist())
    assert not torch.equal(batch_of(method, 0, range(8, 16))["abar"], batch["abar"])


@pytest.mark.parametrize("stage", [0, 1])
def test_gradients_reach_every_parameter_that_takes_part(stage: int) -> None:
    torch.manual_seed(0)
    method, teacher = Gsad(TINY), Gsad(TINY).net
    sum(method.stages[stage].objective(method.net, batch_of(method, stage), teacher).values()).backward()
    silent = {n for n, p in method.net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    # the structure stage trains no uncertainty: the teacher supplies it
    assert silent == ({n for n in silent if n.startswith("uncertainty_head")} if stage else set())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_presets_make_new_schedules_of_so_many_betas(method: Gsad) -> None:
    ladder = method.presets["lolv1"].ladder()
    betas = np.linspace(6e-4, 0.88, 20)
    np.testing.assert_allclose(ladder, [*np.cumprod(1 - betas)[::-1], 1.0])
    assert len(method.presets["lolv1"].ladder(7)) == 8
    assert next(iter(Gsad(TINY.model_copy(update={"preset": "unpaired"})).presets)) == "unpaired"
    assert method.presets["lolv1-ddim"].eta == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 48},
        {"multipliers": []},
        {"patch": 0},
        {"clusters": 0},
        {"blocks": 0},
        {"train_steps": 0},
        {"beta_end": 2},
    ],
)
def test_impossible_settings_are_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=rf"^gsad config: {next(iter(wrong))}: [^\n]+$"):
        build_method("gsad", wrong)


def test_memory_grows_with_blocks_and_features() -> None:
    def per_channel(channels_in: int, width: int, blocks: int, fused: tuple[int, ...] = ()) -> float:
        levels = (1, 1, 2, 2, 4, 4) if fused else (1, 1, 2, 2, 4)
        with torch.device("meta"):
            net = UNet(UNetConfig(channels_in, width, levels, blocks, 2, width, fused=fused))
        return net.memory[0] / width

    gsad, lol = per_channel(6, 64, 2), per_channel(9, 64, 2, (512, 512, 256))
    lol_v2 = per_channel(9, 128, 4, (512, 512, 256, 256, 128, 128))
    assert 45 < gsad < 70, "45 were measured"
    assert gsad < lol < lol_v2


# --- for hours, not for weeks -----------------------------------------------------------------------------------------

SMALL = {"unshuffle": 2, "velocity": True, "lift": 50.0, "preset": "trailing"}


def small(**changes: Any) -> Gsad:
    torch.manual_seed(0)
    return Gsad(GsadConfig(**{**TINY.model_dump(), **SMALL, "levels": "spread", "train_steps": 1000, **changes}))


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_velocity_s_error_is_what_counts(stage: int) -> None:
    """A network that gives v learns by v's error, at each level; the eps it means is that of the same x0."""
    method = small()
    batch = batch_of(method, stage)
    net, teacher = random_answers(batch["x0"].shape, 1), random_answers(batch["x0"].shape, 2)
    c = batch["c"].view(-1, 1, 1, 1)
    error = net.answer[0] - (c * batch["eps"] - (1 - c**2).sqrt() * batch["x0"])
    own, others = net.answer[1], teacher.answer[1]
    low, high = others.amin(dim=(2, 3), keepdim=True), others.amax(dim=(2, 3), keepdim=True)
    weights = ((-own).exp(), 10 * (0.5 + 0.5 * (others - low) / (high - low + 1e-6)), torch.ones_like(own))
    parts = method.stages[stage].objective(net, batch, teacher)
    assert float(parts["pixel"]) == pytest.approx(float((weights[stage] * error).abs().mean()), rel=1e-4)


def test_spread_levels_are_one_in_each_part_of_the_schedule() -> None:
    method = small(train_steps=800)
    levels = np.concatenate([[1.0], np.cumprod(1 - np.linspace(1e-4, 2e-2, 800))])
    steps = []
    for index in range(800):
        row = method.stages[0].prepare(replace(crop(index, size=8), batch=8))
        t = int(np.abs(levels - row["abar"][0]).argmin())
        assert index % 8 == (t - 1) // 100
        assert levels[t] - 1e-6 <= row["c"] ** 2 <= levels[t - 1] + 1e-6
        steps.append(t)
    assert np.bincount(steps, minlength=801)[1:].reshape(16, 50).sum(axis=1).min() > 30


@torch.inference_mode()
def test_an_unshuffled_network_gives_the_noise_of_its_velocity() -> None:
    method = small()
    assert method.footprint.size_multiple == 2 * Gsad(TINY).footprint.size_multiple
    assert method.net.memory[0] < Gsad(TINY).net.memory[0] / 3
    assert method.net.memory[1] == Gsad(TINY).net.memory[1] / 16
    x, low, abar = torch.randn(2, 3, 16, 24), torch.rand(2, 3, 16, 24), torch.full((1,), 0.3)
    eps, uncertainty = method.graphs()["step"].module(x, abar, low)
    shown = 2 * torch.log1p(50 * low) / np.log(51) - 1
    v, expected = method.net(x, abar.sqrt().expand(2), shown)
    torch.testing.assert_close(eps, 0.3**0.5 * v + 0.7**0.5 * x)
    torch.testing.assert_close(uncertainty, expected)
    assert eps.shape == x.shape == uncertainty.shape


def test_trailing_sampling_begins_at_the_schedule_s_end() -> None:
    presets = small(train_steps=1000).presets
    assert next(iter(presets)) == "trailing"
    assert set(Gsad(TINY).presets) == set(presets) - {"trailing"}
    levels = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
    np.testing.assert_allclose(presets["trailing"].ladder(4), [*levels[[999, 749, 499, 249]], 1.0])
    assert (presets["trailing"].eta, presets["trailing"].clip) == (0.0, True)
    with pytest.raises(ModelError, match=r"^gsad config: .*abar 0.8168[^\n]+$"):
        build_method("gsad", {"preset": "trailing", "train_steps": 20})
