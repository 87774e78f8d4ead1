"""What a run is made of before its first step: the recipe's network, stage, weights and precision, checked."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from darklift.errors import ConfigError, ModelError
from darklift.methods import Method, Stage
from darklift.store.checkpoint import build_method, load_checkpoint, load_weights
from darklift.store.from_export import exported_weights, info_of, method_of
from darklift.store.stains import stains_in
from darklift.train.config import Recipe, TrainConfig
from darklift.train.launch import same_for_all
from darklift.train.precision import fastest_precision
from darklift.weights import find_model

__all__ = [
    "build_network",
    "choose_stage",
    "inherited_stains",
    "load_initial_weights",
    "load_teacher",
    "settle_precision",
]


def settle_precision(recipe: Recipe, saved: dict[str, Any] | None) -> Recipe:
    """The recipe with "auto" replaced by what a resumed run began with, or by what is fastest here."""
    if recipe.train.precision != "auto":
        return recipe
    precision = saved["precision"] if saved else same_for_all(fastest_precision())
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"precision": precision})})


def build_network(recipe: Recipe) -> Method:
    """The recipe's method, untrained. Raises ConfigError."""
    try:
        return build_method(recipe.method, recipe.model)
    except ModelError as error:  # here it is the request that is wrong, not a file
        raise ConfigError(str(error)) from error


def choose_stage(method: Method, config: TrainConfig, *, resumed: bool) -> Stage:
    """The stage that the recipe names, or the method's first. Raises ConfigError, also for crops that do not fit it."""
    stages = {stage.name: stage for stage in method.stages}
    name = config.stage or method.stages[0].name
    if name not in stages:
        raise ConfigError(f"train.stage is {name!r}: method {method.name} has the stages {', '.join(stages)}")
    if stages[name].goes_on and config.initial is None and not resumed:
        raise ConfigError(
            f"stage {name} goes on from another stage's weights: give its checkpoint as train.initial, such as "
            "runs/first/best.safetensors"
        )
    _check_crops(config, method, stages[name])
    return stages[name]


def load_initial_weights(method: Method, name: str) -> None:
    """Those of a checkpoint, or of an exported model by its folder or its name in the catalogue. Raises ModelError."""
    path = find_model(name)
    weights: dict[str, Tensor] = (
        exported_weights(method, path) if path.is_dir() else load_checkpoint(path).method.net.state_dict()
    )
    load_weights(method, weights, name)


def load_teacher(method: Method, stage: Stage, config: TrainConfig) -> nn.Module | None:
    """The network that ``train.teacher`` names; None where it names none. Raises ConfigError, ModelError.

    It must be like the one trained but for what the stage trains, since it may be asked for what that works on.
    """
    if config.teacher is None:
        return None
    if not stage.teacher:
        raise ConfigError(f"train.teacher has no effect in stage {stage.name}, which has no teacher: leave it out")
    teacher = method_of(find_model(config.teacher))
    fixed, own = (
        {name: tensor.shape for name, tensor in net.state_dict().items() if not name.startswith(stage.trains)}
        for net in (teacher.net, method.net)
    )
    if teacher.name != method.name or fixed != own:
        differs = min({name for name, _ in fixed.items() ^ own.items()}, default=f"method {teacher.name}")
        raise ConfigError(
            f"train.teacher {config.teacher} differs from the network in {differs}, and may differ only in "
            f"{', '.join(stage.trains)}: choose a model of the same sizes but there"
        )
    return teacher.net


def inherited_stains(*names: str | None) -> dict[str, list[str]]:
    """Of the models that a run learns from, which it has for good. Raises ModelError."""
    return stains_in(*(info_of(find_model(name)) for name in names if name is not None))


def _check_crops(config: TrainConfig, method: Method, stage: Stage) -> None:
    for _, side in config.crops:
        if side % method.footprint.size_multiple:
            raise ConfigError(
                f"train.crops has a side of {side} pixels, which this network cannot take: choose multiples of "
                f"{method.footprint.size_multiple}"
            )
        if side < stage.least_crop:
            raise ConfigError(
                f"train.crops has a side of {side} pixels, and stage {stage.name} of this model needs at least "
                f"{stage.least_crop}: choose larger crops"
            )
