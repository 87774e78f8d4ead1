"""GSAD's speed, with random weights: python benchmarks/speed/gsad.py [--width 64] [--repeat 5]

Three tables. Seconds of a sampling step, by precision. Seconds of the structure term of a training step, ours against a
literal version that clusters inside the step and takes each cluster's singular values by itself. Seconds of that whole
training step, by precision; there the literal version also keeps channels first and builds attention's matrix of all
pairs.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping, Sequence
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from literal import literal_attention
from timing import Spread, print_seconds, time_in_turn
from torch import Tensor

from darklift.data.crop import Crop
from darklift.methods.gsad import Gsad, GsadConfig
from darklift.methods.gsad.structure import cluster_patches, cluster_spectra, structure_term


def sampling_steps(method: Gsad, repeat: int, size: tuple[int, int], precisions: Sequence[str]) -> dict[str, Spread]:
    x, low = torch.randn(1, 3, *size), torch.rand(1, 3, *size)
    step = method.graphs()["step"].module.eval()

    @torch.inference_mode()
    def run(dtype: torch.dtype | None) -> None:
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            step(x, torch.full((1,), 0.5), low)

    works = {"fp32": lambda: run(None), "bf16": lambda: run(torch.bfloat16)}
    return time_in_turn({name: works[name] for name in precisions}, repeat)


def examples(batch: int, side: int) -> list[Crop]:
    """Smooth pictures with noise: their patches fall into clusters of very different sizes, as photographs' do."""
    crops = []
    for index in range(batch):
        rng = np.random.default_rng(index)
        rows, columns = np.mgrid[0:side, 0:side]
        waves = np.stack([np.sin(rows / rng.uniform(8, 40) + columns / rng.uniform(8, 40)) for _ in range(3)])
        high = np.clip(120 + 100 * waves**3 + 5 * rng.standard_normal(waves.shape), 0, 255).astype(np.uint8)
        box = np.array([0, 0, 1, 1], np.float32)
        crops.append(Crop(high // 8, high, box, high // 8, high, name=f"{index}", index=index))
    return crops


def literal_structure(x0: Tensor, x_next: Tensor, config: GsadConfig) -> Tensor:
    """Clusters inside the step, and a call for each cluster of each picture."""
    terms = []
    for clean, noisy in zip(x0, x_next, strict=True):
        gray = clean.mean(dim=0)
        clusters = torch.from_numpy(cluster_patches(((gray + 1) / 2).numpy(), config.patch, config.clusters))
        rows = [_rows(gray, config.patch), _rows(noisy.mean(dim=0), config.patch)]
        for k in range(config.clusters):
            one, other = (torch.linalg.svdvals(each[clusters == k]) for each in rows)
            terms.append((one - other).abs().sum())
    return torch.stack(terms).reshape(len(x0), -1).mean(dim=1)


def _rows(gray: Tensor, patch: int) -> Tensor:
    return gray.unfold(0, patch, patch).unfold(1, patch, patch).reshape(-1, patch * patch)


def training_step(method: Gsad, crops: Sequence[Crop], repeat: int) -> None:
    config, stage = method.config, method.stages[1]
    rows = [stage.prepare(crop) for crop in crops]
    batch = {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}
    noisy = (batch["x0"] + 0.05 * torch.randn_like(batch["x0"])).requires_grad_()

    def ours() -> Tensor:
        spectra = cluster_spectra(noisy, batch["clusters"], config.clusters, config.patch)
        return structure_term(batch["spectra"], spectra, batch["clusters"])

    def literal() -> Tensor:
        return literal_structure(batch["x0"], noisy, config)

    torch.testing.assert_close(ours(), literal(), rtol=1e-4, atol=1e-5)
    terms = {"literal": lambda: literal().sum().backward(), "ours": lambda: ours().sum().backward()}
    print_seconds("structure term, forward and backward", time_in_turn(terms, 10 * repeat))
    steps = {
        "literal, fp32": _Step(method, batch, literal=True),
        "ours, fp32": _Step(method, batch),
        "literal, bf16": _Step(method, batch, literal=True, dtype=torch.bfloat16),
        "ours, bf16": _Step(method, batch, dtype=torch.bfloat16),
    }
    print_seconds("training step, stage 2", time_in_turn(steps, repeat))


class _Step:
    """A training step of stage 2 on networks of its own. dtype: of autocast, None for float32 throughout."""

    def __init__(
        self, method: Gsad, batch: Mapping[str, Tensor], *, literal: bool = False, dtype: torch.dtype | None = None
    ) -> None:
        self.objective, self.batch, self.dtype = method.stages[1].objective, batch, dtype
        memory_format = torch.contiguous_format if literal else torch.channels_last
        self.net = copy.deepcopy(method.net).train().to(memory_format=memory_format)
        self.teacher = copy.deepcopy(method.net).eval().requires_grad_(False).to(memory_format=memory_format)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), fused=True)
        self.attention = literal_attention if literal else F.scaled_dot_product_attention
        self.structure: dict[str, Callable[..., object]] = {
            "cluster_spectra": cluster_spectra,
            "structure_term": structure_term,
        }
        if literal:
            self.structure = {
                "cluster_spectra": lambda x_next, *_: x_next,
                "structure_term": lambda _, x_next, __: literal_structure(batch["x0"], x_next, method.config),
            }

    def __call__(self) -> None:
        with (
            mock.patch.multiple("darklift.methods.gsad.method", **self.structure),
            mock.patch.object(F, "scaled_dot_product_attention", self.attention),
        ):
            with torch.autocast("cpu", self.dtype, enabled=self.dtype is not None):
                losses = list(self.objective(self.net, self.batch, self.teacher).values())
            torch.stack(losses).sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", choices=("sampling", "training"))
    parser.add_argument("--batch", type=int, default=8, help="of training")
    parser.add_argument("--crop", type=int, default=96, metavar="SIDE", help="of training")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(400, 608), metavar=("ROWS", "COLUMNS"), help="of sampling"
    )
    parser.add_argument(
        "--precisions", nargs="+", choices=("fp32", "bf16"), default=("fp32", "bf16"), help="of sampling"
    )
    arguments = parser.parse_args()
    torch.manual_seed(0)
    method = Gsad(GsadConfig(width=arguments.width))
    print(f"width {arguments.width}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    if arguments.only != "training":
        rows, columns = arguments.size
        seconds = sampling_steps(method, arguments.repeat, (rows, columns), arguments.precisions)
        print_seconds(f"sampling step, {columns}x{rows}", seconds)
    if arguments.only != "sampling":
        training_step(method, examples(arguments.batch, arguments.crop), arguments.repeat)


if __name__ == "__main__":
    main()
