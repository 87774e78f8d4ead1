"""Recipes: one frozen tree of settings, read from TOML, changed with ``--set key=value``, saved with every run."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from reprlib import repr as brief
from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from darklift.data.synthesis import MAX_EXPOSE
from darklift.errors import ConfigError, hint_for, one_line
from darklift.train.changes import apply_change

__all__ = ["DataConfig", "Recipe", "SourceConfig", "TrainConfig", "ValidationConfig", "dump_recipe", "load_recipe"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_FOLDERS, _DARK_PICTURES = ("low", "high", "layout"), ("dimmed", "jitter", "grainy", "recompressed")
_CAMERA = ("large", "uneven", "phone", "min_stops", "max_stops")
_SCENE = ("uneven", "phone", "lost_stays", "in_blocks", "re_exposed")
_CUT_AND_WEIGHTS = ("part_share", "turn_share", "exposure_weight", "clipped_weight")
_WITHOUT_EFFECT = {
    "of kind pairs": _CAMERA,
    "of kind exposures": (*_FOLDERS, *_CAMERA),
    "of kind photos": (*_FOLDERS, *_DARK_PICTURES),
    "with large = true": (*_SCENE, *_CUT_AND_WEIGHTS),
}


class SourceConfig(_Section):
    """One source of training examples; see :class:`darklift.data.sources.Source`."""

    name: str
    """Your name for it, which messages show."""
    kind: Literal["pairs", "exposures", "photos"]
    """pairs: two folders whose pictures have equal names, or a known layout. exposures: a folder for each scene, with
    some dark pictures and one target. photos: good pictures alone, from which a simulated camera takes dark ones.
    """
    path: str
    """Folder, relative to ``data.root``."""
    layout: str | None = None
    """pairs: the data set's name, as ``darklift datasets`` lists it. It is looked for in ``path``, in the folders there
    and around it; its training split is taken. Without it, the folders must tell.
    """
    low: str | None = None
    """Folder of the dark pictures, relative to ``path``. Only where darklift does not know the layout."""
    high: str | None = None
    """Folder of the good pictures, relative to ``path``; ``low`` and ``high`` are given together."""
    leave_out: str | None = None
    """What is not trained on: a text file (relative to ``data.root``) with names, one a line, or ``lolv1-val``. The
    names of scenes for exposures, of files for pairs (``1`` or ``1.png``), of files without extension for photos.
    """
    leave_out_every: int = Field(default=0, ge=0)
    """Do not train on every n-th scene or picture either, to have some to look at later. 0 leaves out none."""
    leave_out_first: int = Field(default=0, ge=0)
    """Which is the first that ``leave_out_every`` leaves out. 0 is the n-th."""
    on_test_split: bool = False
    """Train on pictures of a data set's test, too. The checkpoint says so for good. Without this, they are refused."""
    share: float = Field(default=1.0, gt=0)
    """How often examples come from here, relative to the other sources' shares."""
    dimmed: tuple[float, float] = (0.0, 0.0)
    """pairs and exposures: dark pictures lose so many more stops of light, at least and at most, before they are
    rounded. For pairs of a noisy and a clean shot of much light.
    """
    jitter: float = Field(default=0.0, ge=0)
    """pairs and exposures: dark pictures are made up to so many stops (of coded value) darker or lighter. 0 leaves them
    as they are.
    """
    grainy: float = Field(default=0.0, ge=0, le=1)
    """pairs and exposures: how often, from 0 to 1, a dark picture gets a phone's noise, half of these as JPEG."""
    recompressed: float = Field(default=0.0, ge=0, le=1)
    """pairs and exposures: how often, from 0 to 1, a dark picture goes through a JPEG file after that."""
    re_exposed: float = Field(default=0.0, ge=0, le=MAX_EXPOSE)
    """Half of the targets are made up to so many stops (of coded value) brighter or darker. They teach what an exposure
    that you ask for means, and nothing about the one to choose. 0 for none.
    """
    in_blocks: float = Field(default=0.0, ge=0, le=1)
    """How often, from 0 to 1, a dark picture is coded in blocks, as HEIC files are."""
    uneven: float = Field(default=0.0, ge=0, le=4)
    """photos: above 0, photos and targets become scenes of uneven light, such as lamps at night. More makes the light
    more uneven; 0 leaves it as it is.
    """
    phone: bool = False
    """photos: a simulated phone takes them at night, with all that its software does."""
    large: bool = False
    """photos: examples are pieces of large photos, sharp to soft at full size, with a camera's or a phone's noise. They
    have the layout of one photo and the texture of another. Of the other numbers, only share and stops are for them.
    """
    lost_stays: bool = False
    """Targets stay dark where the dark picture, which has lights, holds nothing. Photos need ``phone`` for it."""
    part_share: float = Field(default=0.5, ge=0, le=1)
    """How often, from 0 to 1, only a part of a picture (at least half of each side) is taken for the whole photo."""
    turn_share: float = Field(default=0.25, ge=0, le=1)
    """How often, from 0 to 1, a picture is turned by 90 degrees."""
    min_stops: float = Field(default=0.0, ge=-4)
    """photos: the least light that the simulated camera loses, in stops; below 0 it overexposes."""
    max_stops: float = Field(default=7.0, ge=0)
    """photos: the most light that it loses, in stops."""
    exposure_weight: float = Field(default=1.0, ge=0, le=1)
    """How much the targets' brightness teaches compact, from 0 (nothing) to 1. Other methods do not use it."""
    clipped_weight: float = Field(default=1.0, ge=0, le=1)
    """How much targets' clipped highlights count for compact, from 0 (nothing) to 1. Other methods do not use it."""

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """A setting without effect on this kind of source would be a mistake that nobody notices."""
        for what in (f"of kind {self.kind}", "with large = true")[: 1 + self.large]:
            for name in _WITHOUT_EFFECT[what]:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} has no effect on a source {what}: leave it out")
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high belong together: give both folders, or neither for a known layout")
        if self.lost_stays and self.kind == "photos" and not self.phone:
            raise ValueError("lost_stays on a source of kind photos needs phone = true, which knows what is lost")
        if self.phone and self.uneven:
            raise ValueError("phone and uneven are two ways to light a photo's scene: choose one")
        if not 0 <= self.dimmed[0] <= self.dimmed[1]:
            raise ValueError(f"dimmed is {self.dimmed}, expected the least and the most stops, 0 or more")
        if self.leave_out_first > self.leave_out_every:
            raise ValueError("leave_out_first is one of the first leave_out_every: make it no larger")
        if self.low is not None and self.layout is not None:
            raise ValueError("low and high, or layout, say where pairs lie: give one of them")
        if self.min_stops > self.max_stops:
            raise ValueError(f"min_stops {self.min_stops:g} is above max_stops {self.max_stops:g}")
        return self


class ValidationConfig(_Section):
    """The pairs by which the best checkpoint is chosen."""

    path: str
    """Folder of pairs, relative to ``data.root``: ``low`` and ``high``, or a data set that darklift knows."""
    layout: str | None = None
    """The data set's name, as for a source."""
    names: str | None = None
    """Only these pairs: a text file with names, one a line, or ``lolv1-val``. None takes all pairs of ``path``."""
    every: int = Field(default=2000, gt=0)
    """Steps between validations."""
    limit: int | None = Field(default=None, gt=0)
    """Score only the first so many pairs, to save time. None scores them all."""
    on_test_split: bool = False
    """Choose by pictures that a data set keeps for its test. Their scores are no test any more then: the checkpoint
    says so for good, and so does every evaluation of it. Without this, such pairs are refused."""
    samples: int = Field(default=4, ge=0)
    """At each validation, the results of the first so many pairs are saved as pictures."""


class DataConfig(_Section):
    """Where the pictures are."""

    root: str = "data"
    """The folder that all other paths are relative to; itself relative to the working directory."""
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    """Where training examples come from: at least one table ``[[data.sources]]``."""
    validation: ValidationConfig | None = None
    """The pairs that choose the best checkpoint: a table ``[data.validation]``. Without it, the last is taken."""


class TrainConfig(_Section):
    """The optimisation."""

    stage: str | None = None
    """Which of the method's training stages. None is the first."""
    initial: str | None = None
    """The weights to begin from: a checkpoint, or an exported compact model by its folder or its name ("compact" is the
    bundled one). Exports of GSAD and LLDiffusion do not work here, since they merge some weights.
    """
    teacher: str | None = None
    """In a stage with a teacher, the teacher's weights, named as ``initial`` is. Its sizes may differ from those of the
    network in what the stage trains. None is the network as it was when the run began.
    """
    steps: int = Field(gt=0)
    """Steps of the optimiser in all. More train longer."""
    batch: int = Field(default=8, gt=0, le=65536)
    """Examples in each step, over all processes together. More are steadier, and take more memory and time."""
    accumulate: int = Field(default=1, gt=0)
    """In how many parts each process does its share of a batch, one after another; the gradient is the whole batch's.
    More take less memory, and a little more time.
    """
    lr: float = Field(default=5e-4, gt=0)
    """The learning rate, of AdamW. More learns faster, too much makes the loss jump."""
    warmup: int = Field(default=200, ge=0)
    """Over the first so many steps, the learning rate rises to its full value."""
    decay: int = Field(default=0, ge=0)
    """Over the last so many steps, the learning rate falls to 1% along a cosine. Until a run gets there, it can be made
    longer: resume it with more steps.
    """
    halvings: tuple[int, ...] = ()
    """At each of these steps the learning rate is halved; in rising order."""
    weight_decay: float = Field(default=0.01, ge=0)
    """How strongly AdamW pulls weights towards zero. More keeps them smaller; 0 turns it off."""
    beta2: float = Field(default=0.999, gt=0, lt=1)
    """How long AdamW remembers the size of each gradient. With 0.99 it recovers sooner from a spike of the loss."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients whose norm is larger than this are scaled down to it."""
    ema: float = Field(default=0.999, ge=0, lt=1)
    """How slowly the averaged weights follow. They are the ones that are validated and saved as checkpoints."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """"no" is float32 throughout. "auto" takes the fastest that trains safely on this device, measured when a run
    begins.
    """
    crops: tuple[tuple[int, int], ...] = ((0, 128),)
    """Rows of (first step, side of the crops in pixels) from that step on; the first steps rise from 0."""
    workers: int = Field(default=1, ge=0, le=256)
    """Processes that prepare examples while the network trains. With 0, the training process prepares them itself."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The same seed gives the same examples in the same order."""
    save_minutes: float = Field(default=10, gt=0)
    """How often the run is saved, so that it can go on from there."""
    log_every: int = Field(default=50, gt=0)
    """Every so many steps, the losses are written to the log."""
    trackers: tuple[Literal["mlflow", "wandb"], ...] = ()
    """Where losses, scores and the recipe's values are sent, beside the log and TensorBoard: "mlflow" (the extra
    mlflow) and "wandb" (Weights & Biases, the extra wandb), which are set up by variables of their own.
    """

    @field_validator("crops")
    @classmethod
    def _check_crops(cls, crops: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        firsts = [first for first, _ in crops]
        if firsts[:1] != [0] or sorted(set(firsts)) != firsts or any(size <= 0 for _, size in crops):
            raise ValueError(
                "expected rows of first step and side, with first steps rising from 0, such as [[0, 96], [6000, 128]]"
            )
        return crops

    @field_validator("halvings")
    @classmethod
    def _check_halvings(cls, halvings: tuple[int, ...]) -> tuple[int, ...]:
        if sorted(set(halvings)) != list(halvings) or any(step <= 0 for step in halvings):
            raise ValueError("expected rising steps, each greater than 0, such as [6000, 60000]")
        return halvings

    def crop_size(self, step: int) -> int:
        """Side of the crops at this step."""
        return next(size for first, size in reversed(self.crops) if first <= step)


class Recipe(_Section):
    """Everything that a training run is made of."""

    method: str
    """Its name; an unknown one is answered by the names there are."""
    model: dict[str, Any] = {}
    """The method's own config: how large its network is, and its objectives' numbers."""
    data: DataConfig
    """Where the pictures are: a table ``[data]``."""
    train: TrainConfig
    """The optimisation: a table ``[train]``."""


def load_recipe(path: Path, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe and apply ``key.sub=value`` changes (values as in TOML, or bare words). Raises ConfigError."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the recipe {path}: {one_line(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for change in changes:
        apply_change(tree, change)
    try:
        return Recipe(**tree)
    except ValidationError as error:
        # A misspelt key explains a missing one, so it comes first.
        first, *_ = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        unknown = first["type"] == "extra_forbidden"
        explanation = _unknown_key(first["loc"]) if unknown else _bad_value(first["loc"], first["msg"], first["input"])
        raise ConfigError(f"{path}: {explanation}") from error


def dump_recipe(recipe: Recipe) -> bytes:
    """The recipe as TOML, every default written out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)).encode()


def _bad_value(location: tuple[int | str, ...], message: str, value: Any) -> str:
    where = ".".join(str(part) for part in location)
    got = "" if isinstance(value, dict) else f", got {brief(value)}"  # a table: what is missing is not in it
    return f"{where}: {message.removeprefix('Value error, ')}{got}"


def _unknown_key(location: tuple[int | str, ...]) -> str:
    model: Any = Recipe
    for part in location[:-1]:
        annotation = (
            model.model_fields[part].annotation if isinstance(part, str) and hasattr(model, "model_fields") else model
        )
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in candidates if hasattr(c, "model_fields")), model)
    known = list(model.model_fields)
    hint = hint_for(str(location[-1]), known, f"known keys are {', '.join(known)}")
    return f"unknown key {'.'.join(map(str, location))!r}: {hint}"
