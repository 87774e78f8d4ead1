"""How many workers fit into a cluster; what cannot fit is refused, as Ray would wait for it without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darklift.errors import UsageError

__all__ = ["Node", "Share", "workers_that_fit"]

_LEAST = 500_000_000
"""Bytes that a worker takes for a photo of some megapixels."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Node:
    """What a machine of the cluster has. memory: bytes; None where it does not tell."""

    cpus: float = 0.0
    gpus: float = 0.0
    memory: float | None = None


@dataclass(frozen=True)
class Share:
    """What one worker is given of a node."""

    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        for option, value in (("--cpus-per-worker", self.cpus), ("--gpus-per-worker", self.gpus)):
            if value > 1 and value != int(value):
                raise UsageError(f"{option} {value:g}: expected a part of one, or a whole number, as Ray does")
        if not self.cpus and not self.gpus:
            raise UsageError("--cpus-per-worker 0 is for workers with a GPU: add --gpus-per-worker")


def workers_that_fit(nodes: Sequence[Node], share: Share, wanted: int | None = None) -> int:
    """How many workers to start: as many as wanted, or as fit by cores, GPUs and, unless a number is wanted, memory.

    Raises UsageError where they do not fit.
    """
    by_node = [_fit(node, share) for node in nodes]
    most = sum(by_node)
    if wanted is not None and most >= wanted:
        return wanted
    if wanted is None and most:
        by_memory = (
            int(node.memory // _LEAST) if node.memory is not None else count
            for node, count in zip(nodes, by_node, strict=True)
        )
        return max(1, sum(map(min, by_node, by_memory)))
    cpus, gpus = (sum(getattr(node, what) for node in nodes) for what in ("cpus", "gpus"))
    has = f"the cluster has {len(nodes)} nodes with {cpus:g} CPUs and {gpus:g} GPUs"
    asked = f"{share.cpus:g} CPUs" + (f" and {share.gpus:g} GPUs" if share.gpus else "")
    if wanted is None:
        raise UsageError(f"{has}, and none has room for a worker of {asked}: ask for less, or add nodes")
    raise UsageError(f"{has}, which is room for {most} workers of {asked}, not {wanted}: choose fewer --workers")


def _fit(node: Node, share: Share) -> int:
    counts = [
        int(has / takes + _ROUNDING) for has, takes in ((node.cpus, share.cpus), (node.gpus, share.gpus)) if takes
    ]
    return min(counts)
