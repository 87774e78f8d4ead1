"""Tables for people and for documents: every one says its protocol."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from darklift.data.pairs import listed
from darklift.errors import printable
from darklift.evaluation.evaluation import Evaluation
from darklift.evaluation.metrics import Chosen, Scores, describe_metrics

__all__ = ["ABOUT_COST", "COST_HEADINGS", "cost_cells", "evaluation_table", "markdown_row", "per_image_table"]

_WIDTH = 105
NO_VALUE = "–"

COST_HEADINGS = ("s/image", "peak MB")
ABOUT_COST = (
    "s/image: median, without reading and writing files. peak MB: the most memory that the whole process held at any "
    "image, with what rows above left in it: to weigh one, run it alone."
)
"""What the two say."""


class Costly(Protocol):
    """A picture's result, an evaluation, or several."""

    @property
    def seconds(self) -> float: ...

    @property
    def peak_bytes(self) -> int | None: ...


def cost_cells(of: Costly) -> tuple[str, str]:
    """What it costs, under :data:`COST_HEADINGS`."""
    return f"{of.seconds:.2f}", NO_VALUE if of.peak_bytes is None else f"{of.peak_bytes / 1e6:.0f}"


def evaluation_table(evaluations: Evaluation | Sequence[Evaluation]) -> str:
    """A Markdown table with a row for each evaluation, and what the numbers are below it.

    All of them by the same metrics, which are the first one's.
    """
    rows = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    chosen = rows[0].chosen
    lines = [
        markdown_row(
            ("model", "weights", "backend", "preset", "steps", "seed", "exposure", "images", *_headings(chosen))
        )
    ]
    lines.append("|---|---|---|---|--:|--:|---|--:|" + "--:|" * len(_headings(chosen)))
    for row in rows:
        model = ", ".join([row.model, *row.unusual])
        steps, seed = (NO_VALUE, NO_VALUE) if row.steps is None else (row.steps, row.settings.seed)
        head = (model, row.weights, row.backend, row.preset, steps, seed, row.exposure)
        lines.append(markdown_row((*map(str, head), str(len(row.results)), *_numbers(row.mean, row, chosen))))
    below = f"Means over the images, {describe_metrics(chosen.columns)} {ABOUT_COST}"
    lines += ["", *textwrap.wrap(below, _WIDTH, break_on_hyphens=False)]
    for sentence in dict.fromkeys(sentence for row in rows for sentence in _remarks(row)):
        lines += textwrap.wrap(printable(sentence), _WIDTH, break_on_hyphens=False)
    return "\n".join(lines)


def _remarks(row: Evaluation) -> Iterator[str]:
    """What has to be said of a row below the table."""
    if row.stain:
        yield f"**{row.stain}**"
    if row.left_out:
        yield f"**Without {len(row.left_out)} of {_all(row)} pairs: {listed(pair.name for pair in row.left_out)}.**"
    if row.note:
        yield f"{row.model}: {row.note}."
    yield from _gaps(row)


def _gaps(row: Evaluation) -> Iterator[str]:
    """Why there is no number, metric by metric; under both protocols it is the same."""
    for metric in row.chosen.columns:
        if metric.name != metric.base:
            continue
        if why := row.chosen.missing.get(metric.name):
            yield f"{metric.heading}: {why}; `darklift metrics` says what to do."
        elif pictures := row.no_value.get(metric.name):
            yield (
                f"{metric.heading}: none for {len(pictures)} of {len(row.results)} images ({listed(pictures)}), since "
                f"it has no value for {metric.no_value()}."
            )


def _all(row: Evaluation) -> int:
    return len(row.results) + len(row.left_out)


def per_image_table(evaluation: Evaluation) -> str:
    """A Markdown table with a row for each image."""
    chosen = evaluation.chosen
    lines = [markdown_row(("image", *_headings(chosen))), "|---|" + "--:|" * len(_headings(chosen))]
    lines += [markdown_row((result.name, *_numbers(result.scores, result, chosen))) for result in evaluation.results]
    return "\n".join(lines)


def _headings(chosen: Chosen) -> tuple[str, ...]:
    return (*(metric.heading for metric in chosen.columns), *COST_HEADINGS)


def _numbers(scores: Scores, cost: Costly, chosen: Chosen) -> tuple[str, ...]:
    cells = (_cell(scores, metric.name, metric.digits, chosen.missing) for metric in chosen.columns)
    return (*cells, *cost_cells(cost))


def _cell(scores: Scores, name: str, digits: int, missing: Mapping[str, str]) -> str:
    if name in missing:
        return missing[name]
    return NO_VALUE if math.isnan(scores[name]) else f"{scores[name]:.{digits}f}"


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table, whatever its cells hold."""
    safe = (printable(cell).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(safe)} |"
