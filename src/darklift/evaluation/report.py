"""Tables for people and for documents: every one says its protocol."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from darklift.data.pairs import listed
from darklift.errors import printable
from darklift.evaluation.evaluate import Evaluation
from darklift.evaluation.metrics import METRICS, Scores, describe_metrics

__all__ = ["evaluation_table", "per_image_table"]

_COLUMNS = (*(metric.heading for metric in METRICS), "s/image")
_WIDTH = 105


def evaluation_table(evaluations: Evaluation | Sequence[Evaluation]) -> str:
    """A Markdown table with a row for each evaluation, and what the numbers are below it."""
    rows = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    lines = [_row(("model", "weights", "backend", "preset", "steps", "seed", "exposure", "images", *_COLUMNS))]
    lines.append("|---|---|---|---|--:|--:|---|--:|" + "--:|" * len(_COLUMNS))
    for row in rows:
        model = ", ".join([row.model, *row.unusual])
        head = (model, row.weights, row.backend, row.preset, row.steps, row.settings.seed, row.exposure)
        lines.append(_row((*map(str, head), str(len(row.results)), *_numbers(row.mean, row.seconds))))
    below = f"Means over the images, {describe_metrics()} s/image: median, without reading and writing files."
    lines += ["", *textwrap.wrap(below, _WIDTH, break_on_hyphens=False)]
    lines += [line for row in rows if row.stain for line in textwrap.wrap(f"**{row.stain}**", _WIDTH)]
    for row in rows:
        if row.left_out:
            names = listed(pair.name for pair in row.left_out)
            lines += textwrap.wrap(f"**Without {len(row.left_out)} of {_all(row)} pairs: {names}.**", _WIDTH)
    return "\n".join(lines)


def _all(row: Evaluation) -> int:
    return len(row.results) + len(row.left_out)


def per_image_table(evaluation: Evaluation) -> str:
    """A Markdown table with a row for each image."""
    lines = [_row(("image", *_COLUMNS)), "|---|" + "--:|" * len(_COLUMNS)]
    lines += [_row((printable(result.name), *_numbers(result.scores, result.seconds))) for result in evaluation.results]
    return "\n".join(lines)


def _numbers(scores: Scores, seconds: float) -> tuple[str, ...]:
    return (*(f"{scores[metric.name]:.{metric.digits}f}" for metric in METRICS), f"{seconds:.2f}")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
