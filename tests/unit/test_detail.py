"""compact's detail net: what it gives before and after learning, and what it learns from."""

import numpy as np
import pytest
import torch

from darklift.data.crop import Crop
from darklift.methods.compact.detail import DetailNet, enlarged_copy, toned
from darklift.pipeline.scaled import slopes_of
from darklift.store.export import export_method
from darklift.store.from_export import exported_method
from darklift.store.torch_model import torch_model


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def crop_of(side=192, index=0):
    rng = np.random.default_rng(index)
    rows, columns = np.mgrid[0:side, 0:side]
    high = 120 + 80 * np.sin(rows / 9 + columns / 5)[None] + rng.normal(0, 3, (3, side, side))
    low = high / 6 + rng.normal(0, 3, high.shape)
    low, high = (planes.clip(0, 255).astype(np.uint8) for planes in (low, high))
    return Crop(low, high, np.array([0, 0, 1, 1], np.float32), low, high, "a.png", index)


def detail_stage(method):
    return next(stage for stage in method.stages if stage.name == "detail")


def batch_of(stage, *crops):
    prepared = [stage.prepare(crop) for crop in crops]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in prepared]) for name in prepared[0]}


def test_an_untrained_net_enlarges_what_was_made():
    net, low = DetailNet(8, 2), random(1, 3, 32, 48)
    made = random(1, 3, 16, 24, seed=1)
    with torch.no_grad():
        whole = net(low, random(1, 3, 16, 24, seed=2), made, torch.zeros_like(made))
    torch.testing.assert_close(whole, made.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def test_with_open_gates_the_photo_is_lifted_as_its_copy_was():
    net, made = DetailNet(8, 1), torch.full((1, 3, 16, 16), 0.5)
    low, seen = 0.1 * random(1, 3, 32, 32), torch.full((1, 3, 16, 16), 0.05)
    with torch.no_grad():
        net.head.bias[:48] = 1
        whole = net(low, seen, made, torch.zeros_like(made))
    dark = 2 / 255
    torch.testing.assert_close(whole, (low + dark) * (0.5 + dark) / (0.05 + dark) - dark)


@pytest.mark.parametrize("scale", [2, 3, 4, 6])
def test_a_target_has_the_tones_of_what_was_made_and_its_own_texture(scale):
    x0 = 0.3 + 0.1 * random(1, 3, 96, 96)
    made = 0.8 * torch.nn.functional.avg_pool2d(x0, scale)
    target = toned(x0, made)
    assert target.mean().item() == pytest.approx(0.8 * x0.mean().item(), rel=0.01)
    torch.testing.assert_close(target, 0.8 * x0, atol=0.01, rtol=0)
    torch.testing.assert_close(toned(x0, torch.nn.functional.avg_pool2d(x0, scale)), x0, atol=1e-3, rtol=0)


def test_slopes_are_those_of_the_pipeline():
    seen, made = 0.1 * random(1, 3, 20, 31), random(1, 3, 20, 31, seed=1)
    _, _, slopes = enlarged_copy(seen, made, (20, 31))
    expected = [slopes_of(*planes) for planes in zip(seen[0].numpy(), made[0].numpy(), strict=True)]
    np.testing.assert_allclose(slopes[0], np.stack(expected), atol=1e-3)


def test_untrained_it_keeps_the_edges_that_the_copy_has():
    net, low = DetailNet(8, 1), torch.zeros(1, 3, 32, 32)
    low[..., 17:] = 0.1
    seen = torch.nn.functional.avg_pool2d(low, 4)
    with torch.no_grad():
        whole = net(low, *enlarged_copy(seen, 5 * seen, (16, 16)))
    torch.testing.assert_close(whole[0, 0, 16, 16:18], torch.tensor([0.0, 0.5]), atol=0.06, rtol=0)


def test_halves_lie_between_cells():
    cells = torch.arange(12.0).view(1, 1, 1, 12).expand(1, 3, 12, 12)
    seen, made, _ = enlarged_copy(cells, 2 * cells, (24, 24))
    torch.testing.assert_close(made, 2 * seen)
    torch.testing.assert_close(seen[0, 0, 5, 2:-2], torch.arange(2, 22) / 2 - 0.25)


def test_only_the_detail_net_learns_and_all_of_it(make_compact):
    method = make_compact(detail_width=8, detail_blocks=1, fine_widths=(8, 16))
    stage = detail_stage(method)
    assert stage.goes_on
    batch = batch_of(stage, *(crop_of(index=index) for index in range(2)))
    parts = stage.objective(method.net, batch, None)
    assert set(parts) == {"l1", "ssim"}
    sum(parts.values()).backward()
    learning = {name for name, parameter in method.net.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in method.net.named_parameters() if name.startswith("detail.")}
    assert all(parameter.grad.any() for parameter in method.net.detail.parameters())


def test_copies_of_a_step_are_of_one_scale_and_steps_take_turns(make_compact):
    stage = detail_stage(make_compact(detail_width=8, detail_blocks=1))
    scales = [int(batch_of(stage, crop_of(index=index))["scale"][0]) for index in range(5)]
    assert scales == [4, 2, 3, 4, 6]


def test_a_network_without_it_has_neither_graph_nor_stage(make_compact):
    method = make_compact()
    assert "detail" not in method.graphs()
    assert "detail" not in {stage.name for stage in method.stages}


def test_an_export_enlarges_as_torch_does_and_can_be_trained_on(make_compact, tmp_path):
    from darklift.runtime.onnx import load_onnx_model

    method = make_compact(detail_width=8, detail_blocks=1)
    folder = export_method(method, tmp_path / "model", name="m", info={})
    exported, on_torch = load_onnx_model(folder, threads=1), torch_model(method, {}, threads=1)
    assert exported.enlarges
    assert on_torch.enlarges
    for height, width in ((8, 4), (64, 100)):
        low = random(1, 3, height, width).numpy()
        halves = [random(1, 3, height // 2, width // 2, seed=seed).numpy() for seed in (1, 2, 3)]
        expected = on_torch.enlarge(low, *halves)
        np.testing.assert_allclose(exported.enlarge(low, *halves), expected, atol=1e-5)
    back = exported_method(folder)
    torch.testing.assert_close(back.net.detail.state_dict(), method.net.detail.state_dict())
