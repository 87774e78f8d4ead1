"""Made-up evaluations: scores that rise by 1 from picture to picture."""

from darklift.evaluation.evaluation import Evaluation, PairResult
from darklift.evaluation.metrics import DEFAULT_METRICS
from darklift.pipeline.settings import Settings

PSNR = DEFAULT_METRICS[0]
ERROR = DEFAULT_METRICS[-1]


def evaluation(model="compact", level=20.0, names="abcd", **changes):
    facts = {
        "weights": "EMA",
        "backend": "onnx",
        "preset": "default",
        "steps": 2,
        "exposure": "predicted by the model",
        "window": "whole picture",
        "settings": Settings(),
    }
    results = [
        PairResult(
            name,
            {metric.name: level + place for metric in DEFAULT_METRICS},
            seconds=1.0 + place,
            peak_bytes=(300 + place) * 10**6,
        )
        for place, name in enumerate(names)
    ]
    return Evaluation(model=model, results=tuple(results), **{**facts, **changes})


def seeded(seed, **changes):
    return evaluation(settings=Settings(seed=seed), **changes)
