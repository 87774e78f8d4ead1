"""The connection to a Ray cluster: made for one run, and quiet. All that is asked of Ray itself is asked here."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from typing import Any

from darklift.batch.cluster.fit import Node, Share
from darklift.batch.cluster.worker import Ask, Brief, Worker
from darklift.errors import BatchError, UsageError, one_line
from darklift.image.extras import Extra
from darklift.runtime.threads import thread_count

__all__ = ["Link", "connected"]

_log = logging.getLogger(__name__)
_RAY = Extra("ray.data", "ray[data]", "ray")
_PATIENCE = 10.0
"""Seconds that a cluster has to answer."""
_STORE = 100 * 2**20
"""Bytes of the object store of a cluster that is started here: paths alone go through it."""


class Link:
    """A Ray cluster that this process is connected to."""

    def __init__(self, data: Any) -> None:
        """data: the module ``ray.data``."""
        import ray

        self._ray: Any = ray
        self._data = data

    def nodes(self) -> list[Node]:
        """The machines that are there."""
        alive = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return [Node(has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory")) for has in alive]

    def free_cpus(self) -> float:
        """Of all together, that nobody has taken."""
        return float(self._ray.available_resources().get("CPU", 0.0))

    def actor(self, cls: type, *arguments: object) -> Any:
        """An actor on this machine, which takes none of its CPUs and ends with this process."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)
        return self._ray.remote(cls).options(num_cpus=0, max_restarts=0, scheduling_strategy=here).remote(*arguments)

    def dataset(self, rows: Sequence[bytes], blocks: int, desk: Any, brief: Brief, workers: int, share: Share) -> Any:
        """Rows in a column "job" for so many workers; nothing has begun yet.

        Ray starts an actor anew where it has died, on another node if need be, and gives it its blocks once more.
        Nothing but these actors needs a CPU: the rows are in Ray's store from the beginning, so that no reader has to
        wait for one (a job whose readers find no free CPU would stand still without a word).
        """
        return self._data.from_items([{"job": row} for row in rows], override_num_blocks=blocks).map_batches(
            Worker,
            fn_constructor_args=(partial(join, desk), brief),
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            compute=self._data.ActorPoolStrategy(size=workers),
            num_cpus=share.cpus,
            num_gpus=share.gpus,
        )


def ask(desk: Any, name: str, *arguments: object) -> Any:
    """The answer of the desk to a question. Raises BatchError, where it has died."""
    import ray

    try:
        return ray.get(getattr(desk, name).remote(*arguments))
    except ray.exceptions.RayActorError as error:
        raise BatchError(f"the process that keeps the manifest has died ({one_line(error)})") from error


def join(desk: Any) -> tuple[Ask, str, str]:
    """Of a worker: its way to the desk, its node, and what people call that."""
    import platform

    import ray

    return partial(ask, desk), ray.get_runtime_context().get_node_id(), platform.node()


@contextmanager
def connected(address: str) -> Iterator[Link]:
    """Connect to a cluster, and leave it in the end, whereupon Ray ends what was started on it for us.

    address: "auto" for the one that this machine is part of (or RAY_ADDRESS names), "local" for one that is started
    here and ended afterwards, or where it is. A process that is connected already stays so. Raises MissingExtraError,
    UsageError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    with redirect_stdout(_ToLog()):  # Ray prints there what its daemons report, whatever log_to_driver says
        data = _RAY.load("darklift cluster")
        import ray

        ours = not ray.is_initialized()
        if ours:
            with _handlers_kept():
                _connect(ray, address)
        try:
            with _quiet(data):
                yield Link(data)
        finally:
            if ours:
                with _handlers_kept():
                    ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options |= {"num_cpus": thread_count() or None, "include_dashboard": False, "object_store_memory": _STORE}
    try:
        _check_answers(address)
        ray.init(address=address, **options)
    except (ConnectionError, TimeoutError, socket.gaierror) as error:
        remedy = "start one (ray start --head), or say --address local for this machine alone"
        raise UsageError(f"no Ray cluster answers at {address}: {remedy}") from error
    except Exception as error:  # Ray raises plain ones, too
        raise UsageError(f"cannot join the Ray cluster at {address}: {one_line(error)}") from error


def _check_answers(address: str) -> None:
    """Ray would try for ten minutes. Raises OSError, where nothing listens."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself, and would end the process without a word of ours."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError, TypeError):  # not in the main thread: nor could Ray take it there
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet(data: Any) -> Iterator[None]:
    """No progress bars, plans and warnings of Ray Data's; its log files have them."""
    context = data.DataContext.get_current()
    shown, context.enable_progress_bars = context.enable_progress_bars, False
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in ("ray", "ray.data")}
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.enable_progress_bars = shown
        for logger, level in loggers.items():
            logger.setLevel(level)


class _ToLog(io.TextIOBase):
    """Takes what is printed for a line of the log."""

    def write(self, text: str) -> int:
        if text.strip():
            _log.debug("%s", text.strip())
        return len(text)
