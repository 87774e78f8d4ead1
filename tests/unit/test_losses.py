"""The training loss's SSIM against scikit-image."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from darklift.methods.parts import losses
from darklift.methods.parts.losses import ssim


def pictures(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of textured unit pictures and a noisy copy, float64."""
    rng = np.random.default_rng(seed)
    target = np.clip(np.cumsum(rng.normal(0, 0.1, shape), axis=-1) + 0.5, 0, 1)
    return torch.from_numpy(np.clip(target + rng.normal(0, 0.1, shape), 0, 1)), torch.from_numpy(target)


def reference(prediction: torch.Tensor, target: torch.Tensor) -> float:
    """scikit-image's map at the places that the loss looks at: windows wholly inside, every second row and column."""
    values = []
    for one, other in zip(prediction.numpy(), target.numpy(), strict=True):
        _, at_each_place = structural_similarity(
            one,
            other,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=0,
            full=True,
        )
        values.append(at_each_place[:, 5:-5:2, 5:-5:2])
    return float(np.mean(values))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 3, 11, 11), (1, 3, 12, 45), (3, 1, 33, 20)])
def test_agrees_with_scikit_image_on_the_same_windows(shape):
    prediction, target = pictures(*shape)
    assert float(ssim(prediction, target)) == pytest.approx(reference(prediction, target), abs=1e-7)


def test_float32_is_close_enough_to_train_on():
    prediction, target = pictures(2, 3, 64, 64)
    assert float(ssim(prediction.float(), target.float())) == pytest.approx(reference(prediction, target), abs=1e-4)


def test_every_second_place_tells_nearly_what_every_place_tells():
    prediction, target = pictures(1, 3, 128, 128)
    expected = structural_similarity(
        prediction[0].numpy(),
        target[0].numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=0,
    )
    assert float(ssim(prediction, target)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("value", [None, 0.0, 1.0, 0.3])
def test_identical_pictures_score_one(value):
    _, target = pictures(1, 3, 24, 24)
    picture = target if value is None else torch.full_like(target, value)
    assert float(ssim(picture, picture)) == pytest.approx(1, abs=1e-6)


def test_it_is_symmetric_and_falls_with_noise():
    prediction, target = pictures(1, 3, 32, 32)
    assert float(ssim(prediction, target)) == pytest.approx(float(ssim(target, prediction)), abs=1e-9)
    halfway = (prediction + target) / 2
    assert float(ssim(prediction, target)) < float(ssim(halfway, target)) < 1


@pytest.mark.parametrize("start", ["noisy", "identical", "black", "white"])
def test_the_gradient_is_finite_and_points_the_right_way(start):
    noisy, target = (picture.float() for picture in pictures(1, 3, 24, 24))
    starts = {"noisy": noisy, "identical": target, "black": torch.zeros_like(target), "white": torch.ones_like(target)}
    prediction = starts[start].clone().requires_grad_()
    before = ssim(prediction, target)
    (gradient,) = torch.autograd.grad(before, prediction)
    assert torch.isfinite(gradient).all()
    if start != "identical":
        assert ssim(prediction.detach() + 1e-3 * gradient / gradient.norm(), target) > before


def test_black_on_black_has_a_finite_gradient():
    black = torch.zeros(1, 3, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(ssim(black, torch.zeros(1, 3, 16, 16)), black)
    assert torch.isfinite(gradient).all()


def test_a_first_use_in_inference_mode_does_not_spoil_training():
    losses._window_matrix.cache_clear()
    prediction, target = (picture.float() for picture in pictures(1, 3, 19, 23))
    with torch.inference_mode():
        ssim(prediction, target)
    prediction.requires_grad_()
    ssim(prediction, target).backward()
    assert prediction.grad is not None


@pytest.mark.parametrize("shape", [(1, 3, 10, 40), (1, 3, 40, 10), (1, 3, 1, 1)])
def test_pictures_smaller_than_the_window_are_refused(shape):
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(torch.zeros(shape), torch.zeros(shape))
