"""GSAD's structure term: a picture's patches in clusters, and each cluster's singular values (arXiv 2310.17577).

Shapes: B pictures of N patches of D = patch² pixels, K clusters.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch
from scipy.cluster import hierarchy
from torch import Tensor

__all__ = ["cluster_patches", "cluster_spectra", "structure_term"]

_EMPTY = 1e-5  # what an empty cluster counts


def cluster_patches(gray_unit: npt.NDArray[np.floating], patch: int, clusters: int) -> npt.NDArray[np.int64]:
    """Ward clustering of a picture's patches: (H, W) unit -> (N,) cluster numbers 0 … ``clusters`` - 1."""
    rows = _patch_rows(torch.as_tensor(gray_unit, dtype=torch.float64)[None], patch)[0].numpy()
    if len(rows) <= clusters:
        return np.arange(len(rows))
    return _cut(hierarchy.linkage(rows, method="ward"), clusters)


def _cut(tree: npt.NDArray[np.float64], clusters: int) -> npt.NDArray[np.int64]:
    """Cluster numbers after the first merges of ``tree``, taken in their order. scipy's ``cut_tree`` takes merges of
    the same height in another one.
    """
    count = len(tree) + 1
    top = np.arange(2 * count - clusters)  # leaves, then what each merge made
    for merge, (one, other) in reversed(list(enumerate(tree[: count - clusters, :2].astype(int)))):
        top[one] = top[other] = top[count + merge]
    return np.unique(top[:count], return_inverse=True)[1]


def cluster_spectra(pictures: Tensor, clusters: Tensor, count: int, patch: int) -> Tensor:
    """The singular values of each cluster: of the matrix whose rows are its patches, in the mean of the channels.

    pictures: (B, C, H, W). clusters: (B, N) the cluster of each patch. Returns (B, ``count``, D), from the largest
    down, with zeros at the end. Clusters of about the same size go through one batched call, filled up with rows of
    zeros, which do not change singular values. (Filling all of them up to the largest takes longer than a call for
    each.)
    """
    rows = _patch_rows(pictures.mean(dim=1), patch)
    batch, patches, size = rows.shape
    sizes = torch.nn.functional.one_hot(clusters, count).sum(dim=1)
    starts = sizes.cumsum(dim=1) - sizes + torch.arange(batch, device=rows.device)[:, None] * patches
    ordered = rows.gather(1, clusters.argsort(dim=1, stable=True)[..., None].expand_as(rows)).flatten(0, 1)
    filled = torch.cat([ordered, ordered.new_zeros(1, size)])
    places, values = [], []
    for length, members in _alike(sizes.flatten().tolist()).items():
        chosen = torch.tensor(members, device=rows.device)
        offsets = torch.arange(length, device=rows.device)
        inside = offsets < sizes.flatten()[chosen, None]
        picked = torch.where(inside, starts.flatten()[chosen, None] + offsets, batch * patches)
        spectrum = torch.linalg.svdvals(filled[picked])
        values.append(torch.nn.functional.pad(spectrum, (0, size - spectrum.shape[1])))
        places.append(chosen)
    spectra = rows.new_zeros(batch * count, size)
    return spectra.index_put((torch.cat(places),), torch.cat(values)).reshape(batch, count, size)


def structure_term(spectra: Tensor, spectra_next: Tensor, clusters: Tensor) -> Tensor:
    """How far the singular values of two pictures differ: (B,), summed within a cluster, the mean over clusters.

    spectra, spectra_next: (B, K, D) of x0 and of x_{t-1}, both by x0's clusters (B, N). An empty cluster counts 1e-5.
    """
    members = torch.nn.functional.one_hot(clusters, spectra.shape[1]).any(dim=1)
    differences = (spectra - spectra_next).abs().sum(dim=-1)
    return torch.where(members, differences, _EMPTY).mean(dim=-1)


def _alike(sizes: list[int]) -> dict[int, list[int]]:
    """The clusters by the power of two that their sizes fit into; empty ones are left out."""
    groups: dict[int, list[int]] = defaultdict(list)
    for number, size in enumerate(sizes):
        if size:
            groups[1 << (size - 1).bit_length()].append(number)
    return groups


def _patch_rows(gray: Tensor, patch: int) -> Tensor:
    """(B, H, W) -> (B, N, D): patches that do not overlap, row by row, without what does not fill a patch."""
    b, h, w = gray.shape
    rows, columns = h // patch, w // patch
    cut = gray[:, : rows * patch, : columns * patch].reshape(b, rows, patch, columns, patch)
    return cut.transpose(2, 3).reshape(b, rows * columns, patch * patch)
