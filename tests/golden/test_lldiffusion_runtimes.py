"""LLDiffusion on both runtimes: an exported model gives the checkpoint's picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from darklift import Enhancer
from darklift.methods.lldiffusion import Lldiffusion, LldiffusionConfig
from darklift.methods.parts.unet import ChannelAttention
from darklift.store.export import export_method
from darklift.store.torch_model import torch_model

TINY = LldiffusionConfig(
    width=8,
    multipliers=(1, 2),
    blocks=1,
    groups=4,
    attention_level=1,
    encoder_width=4,
    feature_widths=(8, 8),
    dgnet_width=0,
)


SMALL = {"unshuffle": 2, "velocity": True, "lift": 100.0, "preset": "trailing"}


@pytest.mark.parametrize(
    "changes", [{}, {"degradation": False, "colour_map": False}, SMALL], ids=["whole", "neither", "small"]
)
def test_an_exported_model_gives_what_torch_gives(tmp_path: Path, changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    method = Lldiffusion(LldiffusionConfig(**{**TINY.model_dump(), **changes}))
    method.net.eval()
    for module in method.net.modules():
        if isinstance(module, ChannelAttention):  # so narrow here that chance could silence it altogether
            nn.init.ones_(module.squeeze.bias)
    enhance = Enhancer(torch_model(method, {}, precision="fp32"))
    exported = Enhancer(export_method(method, tmp_path / "model", name="tiny", info={}))
    for height, width in ((1, 1), (37, 53), (24, 16)):
        dark = (np.random.default_rng(height).random((height, width, 3)) * 0.2).astype(np.float32)
        np.testing.assert_allclose(exported(dark, steps=3), enhance(dark, steps=3), atol=1e-4)
