"""From a recipe's data section to pictures: which files are trained on, and which are held out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal, TypeVar

from darklift.data import Pair, exclude, exposure_pairs, find_pairs, held_back_by, match_pairs, read_names, select
from darklift.data.pairs import listed
from darklift.data.sources import Mixture, Source
from darklift.errors import ConfigError, DataError
from darklift.image import USUAL_EXTENSIONS, is_image_path
from darklift.train.config import DataConfig, SourceConfig

__all__ = ["build_mixture", "chosen_on_test_split", "trained_on_test_split", "validation_pairs"]

T = TypeVar("T")

_SOURCE_SETTINGS = tuple(field.name for field in fields(Source) if field.name not in ("name", "highs", "lows"))
"""The numbers that a recipe sets by the same names."""


def build_mixture(config: DataConfig) -> Mixture:
    """The training sources of the recipe, without what is held out. Raises DataError."""
    return Mixture(tuple(_source(source, Path(config.root)) for source in config.sources))


def validation_pairs(config: DataConfig) -> tuple[Pair, ...]:
    """The pairs by which checkpoints are chosen; none without a validation section. Raises DataError."""
    validation = config.validation
    if validation is None:
        return ()
    root = Path(config.root)
    pairs = find_pairs(root / validation.path, layout=validation.layout)
    if validation.names:
        pairs = select(pairs, read_names(root / validation.names))
    return tuple(pairs[: validation.limit])


def trained_on_test_split(config: DataConfig, mixture: Mixture) -> tuple[str, ...]:
    """Titles of the data sets whose test splits the recipe's sources train on. Raises ConfigError unless it says so."""
    return tuple(
        title
        for number, (source, built) in enumerate(zip(config.sources, mixture.sources, strict=True))
        for title in _test_splits(f"data.sources.{number}", built.highs, "trained", allowed=source.on_test_split)
    )


def chosen_on_test_split(config: DataConfig, pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The same of the pairs that choose checkpoints."""
    allowed = config.validation is not None and config.validation.on_test_split
    return _test_splits("data.validation", (pair.high for pair in pairs), "chosen", allowed=allowed)


def _test_splits(
    section: str, highs: Iterable[Path], use: Literal["trained", "chosen"], *, allowed: bool
) -> tuple[str, ...]:
    titles = held_back_by(highs)
    if titles and not allowed:
        whose = " and ".join(f"{title}'s" for title in titles)
        raise ConfigError(
            f"{section} has pictures of {whose} test split: what is {use} on them cannot be tested on them. Take "
            f"others, or set {section}.on_test_split=true"
        )
    return titles


def _source(config: SourceConfig, root: Path) -> Source:
    folder = root / config.path
    left_out = read_names(root / config.leave_out) if config.leave_out else ()
    settings = {name: getattr(config, name) for name in _SOURCE_SETTINGS}
    if config.kind == "photos":
        photos = _photos(folder)
        _check_known(left_out, {photo.stem for photo in photos}, config)
        photos = [photo for photo in photos if photo.stem not in left_out]
        return Source(config.name, tuple(_thinned(photos, config)), None, **settings)
    if config.kind == "exposures":
        pairs: Sequence[Pair] = exposure_pairs(folder)
        scenes = sorted({pair.high.parent for pair in pairs})
        _check_known(left_out, {scene.name for scene in scenes}, config)
        kept = set(_thinned([s for s in scenes if s.name not in left_out], config))
        pairs = [pair for pair in pairs if pair.high.parent in kept]
    else:
        halves = (folder / config.low, folder / config.high) if config.low and config.high else None
        pairs = match_pairs(*halves) if halves else find_pairs(folder, layout=config.layout)
        pairs = exclude(pairs, left_out) if left_out else pairs
        pairs = _thinned(pairs, config)
    return Source(config.name, tuple(p.high for p in pairs), tuple(p.low for p in pairs), **settings)


def _check_known(left_out: Collection[str], names: Collection[str], config: SourceConfig) -> None:
    """A list that silently leaves out nothing would let the held-out pictures into the training."""
    unknown = sorted(set(left_out) - set(names))
    if unknown:
        raise DataError(
            f"{config.leave_out} names {unknown[0]!r}, which source {config.name} does not have "
            f"({len(unknown)} of {len(left_out)} names): give file names without extension, or names of scenes"
        )


def _photos(folder: Path) -> list[Path]:
    photos = sorted(path for path in folder.rglob("*") if path.is_file() and is_image_path(path))
    if not photos:
        raise DataError(f"no pictures in {folder}: expected {listed(USUAL_EXTENSIONS)} files there or below")
    return photos


def _thinned(items: Sequence[T], config: SourceConfig) -> list[T]:
    """All but every n-th, counted from the one that is the first to be left out."""
    every, first = config.leave_out_every, config.leave_out_first
    return [item for number, item in enumerate(items, start=1) if not every or (number - first) % every]
