"""compact's fine net by itself: its blocks, its first layer, and the stage that trains it beside a teacher."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from darklift.data.crop import Crop
from darklift.errors import ConfigError, ModelError
from darklift.store.checkpoint import build_method, save_checkpoint
from darklift.train.config import TrainConfig
from darklift.train.setup import load_teacher


def rows(stage, count=2, side=32):
    rng = np.random.default_rng(0)
    low = [rng.integers(0, 60, (3, 48, 56), np.uint8) for _ in range(count)]
    box = np.array([0, 0, side / 48, side / 56], np.float32)
    crops = [
        Crop(dark[:, :side, :side], 4 * dark[:, :side, :side], box, dark, 4 * dark, "a.png", number)
        for number, dark in enumerate(low)
    ]
    prepared = [stage.prepare(crop) for crop in crops]
    return {name: torch.stack([torch.as_tensor(row[name]) for row in prepared]) for name in prepared[0]}


def fine_stage(method):
    return next(stage for stage in method.stages if stage.name == "fine")


def values(parts):
    return {name: part.item() for name, part in parts.items()}


def test_blocks_can_be_counted_for_each_place_of_the_way(make_compact):
    unet = make_compact(fine_widths=(8, 16, 24), fine_blocks=(3, 1, 0, 2, 1)).net.fine.unet
    places = [*unet.encoder, unet.bottom, *unet.decoder]
    assert [len(place) for place in places] == [3, 1, 0, 2, 1]
    assert [block.conv1.out_channels for place in places for block in place] == [8, 8, 8, 16, 16, 16, 8]
    everywhere = make_compact(fine_widths=(8, 16, 24), fine_blocks=2).net.fine.unet
    assert [len(place) for place in (*everywhere.encoder, everywhere.bottom, *everywhere.decoder)] == [2] * 5


@pytest.mark.parametrize("blocks", [(1,), (1, 1), (1, 1, 1, 1), (1, -1, 1), 0])
def test_wrong_counts_of_blocks_are_refused(blocks):
    with pytest.raises(ModelError, match="fine_blocks"):
        build_method("compact", {"fine_widths": (8, 16), "fine_blocks": blocks})


@torch.no_grad()
def test_the_first_layer_is_a_convolution_of_unshuffled_pixels(make_compact):
    fine = make_compact().net.fine
    seen, local = torch.rand(2, 12, 12, 20), torch.rand(2, 7, 6, 10)
    plain = fine.stem(torch.cat([F.pixel_unshuffle(seen, 2), local], dim=1))
    torch.testing.assert_close(fine._stem(seen, local), plain, atol=1e-5, rtol=0)


def test_the_fine_stage_trains_the_fine_net_alone(make_compact):
    method, teacher = make_compact(guess_share=1.0), make_compact(guess_share=1.0, fine_blocks=3).net
    stage = fine_stage(method)
    assert stage.goes_on
    assert stage.teacher
    for name, parameter in method.net.named_parameters():
        parameter.requires_grad_(name.startswith(stage.trains))
    parts = stage.objective(method.net, rows(stage), teacher)
    assert set(parts) == {"l1", "ssim", "psnr"}
    sum(parts.values()).backward()
    learning = {name for name, parameter in method.net.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in method.net.named_parameters() if name.startswith("fine.")}
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_target_is_between_the_ground_truth_and_the_teacher_s_picture(make_compact):
    """A network that is its own teacher has nothing to learn from it; without a share, it learns what joint teaches."""
    losses = {}
    for share in (0.0, 0.5, 1.0):
        method = make_compact(teacher_share=share, guess_share=1.0, psnr_weight=0.01)
        stage = fine_stage(method)
        losses[share] = values(stage.objective(method.net, rows(stage), method.net))
    joint = next(stage for stage in method.stages if stage.name == "joint")
    expected = values(joint.objective(method.net, rows(joint)))
    assert losses[0.0]["l1"] == pytest.approx(expected["l1"], rel=1e-5)
    assert losses[0.0]["ssim"] == pytest.approx(expected["ssim"], rel=1e-5)
    assert losses[0.5]["l1"] == pytest.approx(losses[0.0]["l1"] / 2, rel=1e-4)
    assert losses[1.0] == pytest.approx({"l1": 0, "ssim": 0, "psnr": 0}, abs=1e-4)


def test_network_and_teacher_work_with_one_condition(make_compact):
    """The network's own coarse net is not asked: the teacher's answer serves both."""
    method, teacher = make_compact(), make_compact().net
    stage = fine_stage(method)
    batch = rows(stage)
    before = values(stage.objective(method.net, batch, teacher))
    with torch.no_grad():
        for parameter in method.net.coarse.parameters():
            parameter += 1
    assert values(stage.objective(method.net, batch, teacher)) == before


@pytest.fixture
def checkpoint(tmp_path):
    def write(method):
        save_checkpoint(tmp_path / "teacher", method, method.net.state_dict(), {})
        return TrainConfig(steps=1, stage="fine", teacher=str(tmp_path / "teacher"))

    return write


def test_a_teacher_may_have_another_fine_net(make_compact, checkpoint):
    method, large = make_compact(), make_compact(seed=1, fine_blocks=3)
    loaded = load_teacher(method, fine_stage(method), checkpoint(large))
    assert all(torch.equal(value, large.net.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert load_teacher(method, fine_stage(method), TrainConfig(steps=1)) is None


@pytest.mark.parametrize(
    ("stage", "sizes", "message"),
    [
        ("fine", {"coarse_widths": (8, 24)}, r"differs from the network in coarse\..*may differ only in fine\."),
        ("fine", {"voters": ("tone",)}, r"differs from the network in coarse\.voters"),
        ("joint", {}, "no effect in stage joint"),
    ],
)
def test_another_teacher_is_refused(make_compact, checkpoint, stage, sizes, message):
    method = make_compact()
    chosen = next(each for each in method.stages if each.name == stage)
    with pytest.raises(ConfigError, match=message):
        load_teacher(method, chosen, checkpoint(make_compact(**sizes)))
