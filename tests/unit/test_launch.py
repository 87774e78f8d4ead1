"""What a launcher told a process: what cannot be is refused, and fewer processes than asked for are named."""

import pytest
import torch

from darklift.errors import ConfigError, TrainingError
from darklift.train.config import TrainConfig
from darklift.train.launch import check_launch, is_first, launch_note, others_may_end, processes

WHOLE = {
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}


def config(batch: int, accumulate: int = 1) -> TrainConfig:
    return TrainConfig(steps=1, batch=batch, accumulate=accumulate)


@pytest.mark.parametrize(("environment", "count"), [({}, 1), ({"RANK": "0"}, 1), (WHOLE, 2)])
def test_how_many_there_are(environment: dict[str, str], count: int) -> None:
    assert processes(environment) == count


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2, and lacks RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({"RANK": "1"}, "RANK=1, and lacks LOCAL_RANK, WORLD_SIZE"),
        ({**WHOLE, "RANK": "2"}, "ranks are 0 to 1"),
        ({**WHOLE, "WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({**WHOLE, "LOCAL_WORLD_SIZE": ""}, "LOCAL_WORLD_SIZE is ''"),
        ({**WHOLE, "MASTER_PORT": "x"}, "MASTER_PORT is 'x'"),
        ({"LOCAL_RANK": "0"}, "LOCAL_RANK=0, and lacks RANK"),
    ],
)
def test_what_no_launcher_says(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        processes(environment)


@pytest.mark.parametrize(
    ("environment", "speaks"),
    [({}, True), (WHOLE, False), ({**WHOLE, "RANK": "0"}, True), ({"RANK": "1"}, True), ({**WHOLE, "RANK": "x"}, True)],
)
def test_somebody_says_what_cannot_be(
    environment: dict[str, str], speaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in WHOLE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first() is speaks


@pytest.mark.parametrize(("batch", "accumulate", "fits"), [(2, 1, True), (1, 1, False), (5, 2, True), (5, 3, False)])
def test_every_part_of_a_batch_has_an_example(batch: int, accumulate: int, fits: bool) -> None:
    if fits:
        check_launch(config(batch, accumulate), WHOLE)
        return
    with pytest.raises(
        ConfigError, match=rf"train\.batch is {batch}, too few for 2 processes.*{2 * accumulate} or more"
    ):
        check_launch(config(batch, accumulate), WHOLE)


def test_parts_are_no_more_than_examples_for_one_process_either() -> None:
    with pytest.raises(ConfigError, match=r"too few for 1 process with train\.accumulate = 3: expected 3 or more"):
        check_launch(config(2, 3), {})


def test_no_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for devices, fits in ((0, True), (1, False), (2, True)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda devices=devices: devices)
        if fits:
            check_launch(config(8), WHOLE)
        else:
            with pytest.raises(ConfigError, match=r"2 processes on this machine, which has 1 GPU: .*nproc_per_node=1"):
                check_launch(config(8), WHOLE)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4", r"over 4 steps.*train\.accumulate"),
        ("ACCELERATE_USE_FSDP", "true", "use FSDP"),
    ],
)
def test_what_accelerate_would_do_to_a_step_is_the_recipe_s_business(variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_launch(config(8), {**WHOLE, variable: value})


def test_accelerate_on_the_cpu_starts_one_process_and_is_told_of() -> None:
    alone = {"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    assert "torchrun" in (launch_note(alone) or "")
    assert launch_note({**alone, **WHOLE}) is None, "there are several"
    assert launch_note({"ACCELERATE_USE_CPU": "True"}) is None, "one was asked for"
    assert launch_note({}) is None


def test_only_a_lost_connection_is_another_process_s_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1")
    with pytest.raises(RuntimeError, match="closed"), others_may_end():
        raise lost
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    with pytest.raises(TrainingError, match="another of the 3 processes has ended"), others_may_end():
        raise lost
    with pytest.raises(RuntimeError, match="shape"), others_may_end():
        raise RuntimeError("shapes do not fit")
