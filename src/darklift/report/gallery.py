"""The pictures of a report: encoded as they come, kept on disk, and at the end the few that say most."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from darklift.evaluation.metrics import Metric
from darklift.evaluation.study import Entry, Study
from darklift.figures.heatmap import viridis
from darklift.figures.sheet import preview
from darklift.image import Picture

__all__ = ["ERROR_SPAN", "Gallery", "Views"]

ERROR_SPAN = 0.25
"""The mean absolute error of a pixel's three channels, of [0, 1], that has an error map's last colour."""
_QUALITY, _MAP_QUALITY = 82, 60
_PART = 0.5  # an error map's side by the picture's


@dataclass(frozen=True)
class Views:
    """What a report shows of one picture, as ``data:`` addresses.

    low, high: dark photo and ground truth. made, errors: of each entry, in the study's order; errors are maps.
    """

    name: str
    low: str
    high: str
    made: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes that it takes in the page."""
        return sum(len(view) for view in (self.low, self.high, *self.made, *self.errors))


class Gallery:
    """Told every result as it comes. Pictures wait in a temporary folder, so that memory holds none of them.

    >>> with Gallery() as gallery:
    ...     gallery.add_pair(name, low, high)
    ...     gallery.add(run, name, made, high)
    """

    def __init__(self, side: int = 600) -> None:
        """side: pixels that the longer side of a picture has at most in the report."""
        self._side = side
        self._folder = tempfile.TemporaryDirectory(prefix="darklift-report-")
        self._files: dict[tuple[object, ...], Path] = {}

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary folder."""
        self._folder.cleanup()

    def add_pair(self, name: str, low: Picture, high: Picture) -> None:
        """A dark photo and its ground truth."""
        self._keep(("low", name), self._small(low))
        self._keep(("high", name), self._small(high))

    def add(self, run: int, name: str, made: Picture, high: Picture) -> None:
        """What the study's evaluation number ``run`` made of a picture, both as sRGB and of one size."""
        self._keep(("made", run, name), self._small(made))
        error = np.abs(made.pixels - high.pixels).mean(axis=2)
        height, width = error.shape
        scale = min(1.0, _PART * self._side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = Image.fromarray(error.astype(np.float32)).resize(size, Image.Resampling.BOX)
        self._keep(("error", run, name), viridis(np.asarray(grey) / ERROR_SPAN), _MAP_QUALITY)

    def pick(self, study: Study, runs: Mapping[Entry, int], count: int, budget: int) -> tuple[Views, ...]:
        """The pictures that say most: each entry's worst, those on which entries differ most, the best, then others.

        Args:
            runs: the number that each of the study's evaluations was added under, by its entry (the first seed's).
            count: pictures at most.
            budget: bytes that they may take together.
        """
        picked: list[Views] = []
        for name in _telling(study)[:count]:
            numbers = [runs[entry] for entry in study.entries]
            keys = [("low", name), ("high", name)]
            keys += [(kind, number, name) for kind in ("made", "error") for number in numbers]  # type: ignore[misc]
            if any(key not in self._files for key in keys):
                continue
            low, high, *others = [self._address(key) for key in keys]
            views = Views(name, low, high, tuple(others[: len(numbers)]), tuple(others[len(numbers) :]))
            budget -= views.size
            if budget < 0:
                break
            picked.append(views)
        return tuple(picked)

    def _small(self, picture: Picture) -> Image.Image:
        return preview(picture, (self._side, self._side))

    def _keep(self, key: tuple[object, ...], image: Image.Image, quality: int = _QUALITY) -> None:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality, optimize=True)
        path = Path(self._folder.name) / f"{len(self._files)}.jpg"
        path.write_bytes(data.getvalue())
        self._files[key] = path

    def _address(self, key: tuple[object, ...]) -> str:
        return f"data:image/jpeg;base64,{base64.b64encode(self._files[key].read_bytes()).decode('ascii')}"


def _telling(study: Study) -> list[str]:
    """All names, those first that say most: in turn each entry's worst, and those on which entries differ most."""
    metric = _leading(study.metrics)
    sign = 1 if metric.better == "higher" else -1
    scores = sign * np.array([study.scores(entry, metric) for entry in study.entries])
    orders = [np.argsort(row, kind="stable") for row in scores]
    if len(scores) > 1:
        orders.insert(1, np.argsort(scores.min(axis=0) - scores.max(axis=0), kind="stable"))
    orders.append(np.argsort(-scores.mean(axis=0), kind="stable"))  # and the best, to be fair
    return [study.names[place] for place in dict.fromkeys(_in_turn(orders))]


def _in_turn(orders: Sequence[Iterable[int]]) -> Iterable[int]:
    for places in zip(*orders, strict=True):
        yield from (int(place) for place in places)


def _leading(metrics: Sequence[Metric]) -> Metric:
    """The metric that pictures are chosen by: PSNR with the ground truth's mean, else the first."""
    return next((metric for metric in metrics if metric.name == "psnr_gt_mean"), metrics[0])
