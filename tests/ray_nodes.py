"""A Ray cluster of several nodes on this machine, in a process of its own: python tests/ray_nodes.py NODES

It prints its address once all are there, kills a node for each line that it reads, and ends with its input.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

__all__ = ["Nodes", "nodes"]

STORE = 100 * 2**20
"""Bytes of each node's object store."""


@dataclass
class Nodes:
    """The process. address: of the cluster."""

    process: subprocess.Popen[str]
    address: str

    def kill_one(self) -> None:
        """As a machine does that loses its power; returns when that has been done."""
        tell, hear = self.process.stdin, self.process.stdout
        assert tell is not None
        assert hear is not None
        tell.write("kill\n")
        tell.flush()
        assert _wait_for(hear, "killed ")


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """So many nodes of one CPU each, and a head without any."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"RAY_worker_niceness": "0"}  # by default 15: whatever else runs here would go first
    command = [sys.executable, __file__, str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        yield Nodes(process, _wait_for(process.stdout, "address "))


def _wait_for(stream: IO[str], begin: str) -> str:
    for line in stream:
        if line.startswith(begin):
            return line.removeprefix(begin).strip()
    raise AssertionError(f"the nodes ended before they said {begin!r}")


def main() -> None:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        workers = [cluster.add_node(num_cpus=1, object_store_memory=STORE) for _ in range(int(sys.argv[1]))]
        cluster.wait_for_nodes()
        print(f"address {cluster.address}", flush=True)
        for _ in sys.stdin:
            cluster.remove_node(workers.pop(), allow_graceful=False)
            print("killed one", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
