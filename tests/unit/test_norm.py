"""darklift.methods.parts.norm: the gradient against torch's own in float64."""

import pytest
import torch
from torch import nn

from darklift.methods.parts.norm import GroupNorm


def gradients(norm, x, grad):
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    norm.zero_grad()
    y = norm(x)
    y.backward(grad)
    return [y.detach(), x.grad, norm.weight.grad.clone(), norm.bias.grad.clone()]


@pytest.mark.parametrize("shape", [(3, 12, 7, 5), (1, 8, 1, 2), (2, 8, 300, 301), (9, 32, 24, 24)])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 5e-4), (torch.bfloat16, 1e-2)]
)
def test_value_and_gradient_are_those_of_torch_in_float64(shape, dtype, tolerance):
    torch.manual_seed(0)
    ours, reference = GroupNorm(4, shape[1], eps=1e-6), nn.GroupNorm(4, shape[1], eps=1e-6).double()
    nn.init.normal_(ours.weight, 1.0)
    nn.init.normal_(ours.bias)
    reference.load_state_dict(ours.state_dict())
    if dtype == torch.float64:
        ours.double()
    x, grad = ((torch.randn(shape) + 0.5).to(dtype).to(memory_format=torch.channels_last) for _ in range(2))
    results = gradients(ours, x, grad)
    for result, expected in zip(results, gradients(reference, x.double().contiguous(), grad.double()), strict=True):
        assert (result.double() - expected).norm() <= tolerance * expected.norm()
    assert type(ours(x.clone().requires_grad_()).grad_fn).__name__ == "_ChannelsLastBackward"


def test_gradients_that_lie_otherwise_in_memory_give_the_same():
    norm = GroupNorm(2, 6)
    x = torch.randn(2, 6, 5, 4).to(memory_format=torch.channels_last)
    grad = torch.randn(2, 6, 5, 4)
    apart = gradients(norm, x, grad)
    together = gradients(norm, x, grad.to(memory_format=torch.channels_last))
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_frozen_weights_and_a_network_in_evaluation():
    norm = GroupNorm(2, 6).requires_grad_(False)
    x = torch.randn(2, 6, 5, 4).to(memory_format=torch.channels_last).requires_grad_()
    norm(x).sum().backward()
    assert x.grad is not None
    assert norm.weight.grad is None
    with torch.inference_mode():
        torch.testing.assert_close(norm(x), norm(x.contiguous()))
