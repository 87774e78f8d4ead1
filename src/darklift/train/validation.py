"""Validation while training: the same Enhancer and the same scores as everywhere else, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from darklift.data import Pair
from darklift.errors import DataError
from darklift.evaluation.evaluate import evaluate, scorable
from darklift.image import FloatArray, Picture, from_planes, pad_to_multiple, read_image, to_planes, write_image
from darklift.image.spaces import as_srgb
from darklift.methods import Method
from darklift.pipeline.enhancer import Enhancer
from darklift.store.torch_model import torch_model
from darklift.train.config import DataConfig
from darklift.train.data import chosen_on_test_split, validation_pairs

__all__ = ["Validator"]


class Validator:
    """Scores a method on the recipe's validation pairs and saves sample pictures."""

    def __init__(self, config: DataConfig, folder: Path) -> None:
        self.pairs: tuple[Pair, ...] = validation_pairs(config)
        _, left_out = scorable(self.pairs)
        if left_out:  # now, not after hours: checkpoints would be chosen on fewer pairs than the recipe names
            raise DataError(f"{len(left_out)} of {len(self.pairs)} validation pairs: {left_out[0].reason}")
        self.chosen_on = chosen_on_test_split(config, self.pairs)
        """The data sets on whose test splits the checkpoints are chosen, if they are."""
        self.folder = folder / "samples"
        self.samples = config.validation.samples if config.validation else 0

    def score(self, method: Method, step: int) -> dict[str, float]:
        """Mean scores by name, and ``choice``, by which the best checkpoint is kept: GT-mean PSNR + 20·SSIM (plain).

        Plain PSNR mostly tells how well the photographer's exposure was guessed, so it has no say in the choice.
        """
        enhancer = Enhancer(torch_model(method, {"model": f"step {step}"}, precision="fp32"))
        mean = evaluate(enhancer, self.pairs).mean
        self._save_samples(enhancer, method, step)
        return {**mean, "choice": mean["psnr_gt_mean"] + 20 * mean["ssim"]}

    def _save_samples(self, enhancer: Enhancer, method: Method, step: int) -> None:
        """Low, enhanced and ground truth side by side, and what the method adds."""
        self.folder.mkdir(exist_ok=True)
        for pair in self.pairs[: self.samples]:
            low, high = as_srgb(read_image(pair.low)), as_srgb(read_image(pair.high))
            row = [low.pixels, enhancer(low).pixels, high.pixels, *_further(method, low, high)]
            target = self.folder / f"{step:07d}_{pair.name}.png"
            write_image(Picture(np.concatenate(row, axis=1)), target, bits=8, overwrite=True)


def _further(method: Method, low: Picture, high: Picture) -> Iterator[FloatArray]:
    height, width = low.size
    device = next(method.net.parameters()).device
    padded = (pad_to_multiple(to_planes(picture.pixels), method.footprint.size_multiple)[0] for picture in (low, high))
    with torch.inference_mode():
        samples = method.further_samples(*(torch.from_numpy(planes).to(device) for planes in padded))
    for sample in samples:
        yield from_planes(sample[:, :, :height, :width].float().cpu().numpy())
