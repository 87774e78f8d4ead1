"""The networks that darklift is timed beside have the published sizes and do what their papers say."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed"


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SPEED)
    return importlib.import_module("peer_networks")


def test_parameters_are_as_many_as_published(peers: ModuleType) -> None:
    count = {
        make: sum(weights.numel() for weights in make().parameters()) for make in (peers.CurveNet, peers.ColourNet)
    }
    assert count[peers.CurveNet] == 79_416
    assert count[peers.ColourNet] == pytest.approx(1.88e6, rel=0.06)


def test_sizes_stay(peers: ModuleType) -> None:
    with torch.inference_mode():
        assert peers.CurveNet()(torch.rand(2, 3, 13, 17)).shape == (2, 3, 13, 17)
        assert peers.ColourNet()(torch.rand(2, 3, 16, 24)).shape == (2, 3, 16, 24)


def test_colours_come_back_from_the_plane(peers: ModuleType) -> None:
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    intensity, density = picture.amax(1, keepdim=True), torch.tensor(0.2)
    plane = peers._colour_plane(picture, intensity, density)
    assert torch.allclose(peers._from_plane(plane, intensity, density), picture, atol=1e-5)


def test_both_branches_reach_the_picture(peers: ModuleType) -> None:
    """Every weight has a say, or the time would be that of another network."""
    network = peers.ColourNet()
    network(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.2).square().mean().backward()
    assert all(weights.grad is not None for weights in network.parameters())
