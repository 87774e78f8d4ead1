"""How many threads a model runs on is a choice, of each model by itself."""

import shutil
from threading import Barrier, Thread

import onnxruntime
import pytest

from darklift import Enhancer, UsageError
from darklift.runtime.threads import _container_cores, thread_count
from darklift.store.load import Opening
from darklift.weights import find_model


@pytest.fixture
def sessions(monkeypatch):
    """The threads that ONNX Runtime's sessions were opened with from now on."""
    opened, open_session = [], onnxruntime.InferenceSession

    def remember(data, options, **more):
        opened.append(options.intra_op_num_threads)
        return open_session(data, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", remember)
    return opened


@pytest.fixture
def nano(tmp_path):
    """A model of one's own, whose four graphs are made ready as it is opened."""
    return shutil.copytree(find_model("nano"), tmp_path / "nano")


@pytest.mark.parametrize("threads", [1, 3])
def test_every_graph_gets_the_threads_asked_for(sessions, nano, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    Enhancer(nano, threads=threads)
    Opening(model=nano, threads=threads).load()
    assert sessions == [threads] * 8


def test_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert thread_count(10**6) == 4


@pytest.mark.parametrize(("limit", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 0), ("", 0)])
def test_a_container_s_share_of_the_cores(tmp_path, limit, cores):
    (tmp_path / "cpu.max").write_text(limit)
    assert _container_cores(tmp_path) == cores
    assert _container_cores(tmp_path / "none") == 0


def test_without_a_wish_the_environment_tells(sessions, nano, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    Enhancer(nano)
    assert sessions == [2] * 4


@pytest.mark.parametrize("setting", ["", "many", "-1", "99999"])
def test_without_either_the_cores_that_we_may_use(monkeypatch, setting):
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert thread_count() == 3


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_an_impossible_number_is_refused(threads):
    with pytest.raises(UsageError, match="threads"):
        Enhancer("nano", threads=threads)


def test_torch_s_setting_is_another_only_while_the_model_runs(make_compact, monkeypatch):
    import torch
    from torch import nn

    from darklift.methods.base import Graph
    from darklift.store.torch_model import torch_model

    method, seen = make_compact(), []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(torch.get_num_threads())
            return x

    method.graphs = lambda: {"step": Graph(Spy(), ("x",), ("x0",), {})}
    before = torch.get_num_threads()
    monkeypatch.setattr("os.cpu_count", lambda: before + 2)
    model = torch_model(method, {}, threads=before + 2)
    model.predict({}, torch.zeros(1, 3, 8, 8).numpy(), 0.5)
    assert seen == [before + 2]
    assert torch.get_num_threads() == before


def test_torch_s_setting_comes_back_when_models_overlap(monkeypatch):
    import torch

    from darklift.store.torch_model import _Threads

    threads, before, both = _Threads(), torch.get_num_threads(), Barrier(2, timeout=30)

    def overlap(count):
        with threads.set_to(count):
            both.wait()
        both.wait()

    others = [Thread(target=overlap, args=[count]) for count in (1, before + 2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    told = []
    late = Thread(target=lambda: told.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert (torch.get_num_threads(), told) == (before, [before])
