"""All scores of one output against its ground truth."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darklift.evaluation.fidelity import FloatPixels, as_saved
from darklift.evaluation.metrics import DEFAULT_METRICS, Metric, Scores
from darklift.evaluation.protocol import PROTOCOLS, Protocol, require_unit_rgb
from darklift.runtime.threads import thread_count

__all__ = ["score_pair"]


def score_pair(
    prediction_unit: FloatPixels,
    target_unit: FloatPixels,
    bits: tuple[int, int] = (8, 8),
    metrics: Sequence[Metric] = DEFAULT_METRICS,
) -> Scores:
    """Score one output by every metric.

    Args:
        prediction_unit: (H, W, 3) float RGB in [0, 1], **not rounded**: GT-mean scales before it rounds. Values outside
            are clipped first, under both protocols: they would not survive in a saved picture.
        target_unit: the ground truth, of the same shape.
        bits: how finely a file of each tells values apart. Most metrics are of these files: each picture is rounded to
            8 bits, or to 16 where there are more than 8.
        metrics: by which; a picture that one has no value for has NaN.

    Raises:
        UsageError: another dtype, shapes that differ or do not fit, values that are not finite.
    """
    require_unit_rgb(prediction_unit)
    require_unit_rgb(target_unit)
    prediction, target = np.clip(prediction_unit, 0.0, 1.0), np.clip(target_unit, 0.0, 1.0)
    target_file = as_saved(target, bits[1])  # one array for both protocols: what was made of it is not made again
    floats = {protocol.name: (protocol.prepare(prediction, target), target) for protocol in PROTOCOLS}
    files = {name: (as_saved(output, bits[0]), target_file) for name, (output, _) in floats.items()}

    def values(of: Protocol) -> dict[str, float]:
        asked = [metric for metric in metrics if metric.protocol.name == of.name]
        return {metric.name: metric.value(*(files if metric.saved else floats)[of.name]) for metric in asked}

    if thread_count() == 1 or any(metric.needs.extra for metric in metrics):  # PyTorch has threads of its own
        found = [values(protocol) for protocol in PROTOCOLS]
    else:
        with ThreadPoolExecutor(len(PROTOCOLS)) as pool:
            found = list(pool.map(values, PROTOCOLS))
    scores = {name: value for part in found for name, value in part.items()}
    return {metric.name: scores[metric.name] for metric in metrics}
