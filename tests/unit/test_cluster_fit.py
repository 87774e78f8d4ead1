"""How many workers fit into a cluster, and what is refused as Ray would wait for it in silence."""

import pytest

from darklift.batch.cluster.fit import Node, Share, workers_that_fit
from darklift.errors import UsageError

GIGABYTE = 1e9


@pytest.mark.parametrize(
    ("nodes", "share", "count"),
    [
        ([Node(4), Node(8)], Share(), 12),
        ([Node(3), Node(3)], Share(2), 2),  # a CPU of one node and one of another make no worker
        ([Node(8, 1)], Share(1, 0.25), 4),
        ([Node(2, 4)], Share(1, 0.25), 2),
        ([Node(8, 1), Node(8)], Share(0, 0.5), 2),
        ([Node(0.3)], Share(0.1), 3),
        ([Node(8, memory=2 * GIGABYTE)], Share(), 4),
        ([Node(8, memory=0.1 * GIGABYTE)], Share(), 1),
        ([Node(0, memory=GIGABYTE), Node(2, memory=GIGABYTE)], Share(), 2),
    ],
)
def test_as_many_as_there_is_room_for(nodes: list[Node], share: Share, count: int) -> None:
    assert workers_that_fit(nodes, share) == count


def test_a_number_that_is_wanted_is_taken_where_it_fits() -> None:
    nodes = [Node(4, memory=GIGABYTE), Node(4, memory=GIGABYTE)]
    assert workers_that_fit(nodes, Share(), 1) == 1
    assert workers_that_fit(nodes, Share(), 8) == 8, "whoever says a number knows how large the photos are"
    with pytest.raises(UsageError, match=r"room for 8 workers of 1 CPUs, not 9.*--workers"):
        workers_that_fit(nodes, Share(), 9)


@pytest.mark.parametrize(
    ("nodes", "share"),
    [([], Share()), ([Node(0)], Share()), ([Node(3), Node(3)], Share(4)), ([Node(8)], Share(1, 1))],
)
def test_what_fits_nowhere_is_refused_with_what_there_is(nodes: list[Node], share: Share) -> None:
    with pytest.raises(UsageError, match=rf"{len(nodes)} nodes.*room for a worker of {share.cpus:g} CPUs"):
        workers_that_fit(nodes, share)


@pytest.mark.parametrize(("cpus", "gpus"), [(0, 0), (1.5, 0), (1, 2.5)])
def test_a_share_that_ray_knows_not_is_refused(cpus: float, gpus: float) -> None:
    with pytest.raises(UsageError, match="per-worker"):
        Share(cpus, gpus)
