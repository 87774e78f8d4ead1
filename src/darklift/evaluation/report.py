"""Tables for people and for documents: every one says its protocol."""

from __future__ import annotations

from collections.abc import Sequence

from darklift.evaluation.evaluate import Evaluation
from darklift.evaluation.metrics import Scores

__all__ = ["evaluation_table", "per_image_table"]

_COLUMNS = ("PSNR", "SSIM", "PSNR GT-mean", "SSIM GT-mean", "exposure error", "s/image")


def evaluation_table(evaluations: Evaluation | Sequence[Evaluation]) -> str:
    """A Markdown table, one row an evaluation, with a line on the protocol below it."""
    rows = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    lines = [_row(("model", "weights", "backend", "preset", "steps", "seed", "exposure", "images", *_COLUMNS))]
    lines.append("|---|---|---|---|--:|--:|---|--:|" + "--:|" * len(_COLUMNS))
    for row in rows:
        model = row.model if row.window == "whole picture" else f"{row.model}, {row.window}"
        head = (model, row.weights, row.backend, row.preset, row.steps, row.seed, row.exposure, len(row.results))
        lines.append(_row((*map(str, head), *_numbers(row.mean, row.seconds))))
    return "\n".join(
        [
            *lines,
            "",
            "Means over the images, RGB, rounded to 8 bits. SSIM: 11x11 Gaussian window, sigma 1.5. Plain: the",
            "output as it is. GT-mean: the output first scaled to the ground truth's mean brightness. Exposure error:",
            "|log2| of the ratio of the mean coded values. s/image: median, without reading and writing files.",
        ]
    )


def per_image_table(evaluation: Evaluation) -> str:
    """A Markdown table with a row for each image."""
    lines = [_row(("image", *_COLUMNS)), "|---|" + "--:|" * len(_COLUMNS)]
    lines += [_row((result.name, *_numbers(result.scores, result.seconds))) for result in evaluation.results]
    return "\n".join(lines)


def _numbers(scores: Scores, seconds: float) -> tuple[str, ...]:
    return (
        f"{scores.psnr:.2f}",
        f"{scores.ssim:.4f}",
        f"{scores.psnr_gt_mean:.2f}",
        f"{scores.ssim_gt_mean:.4f}",
        f"{scores.exposure_error:.3f}",
        f"{seconds:.2f}",
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
