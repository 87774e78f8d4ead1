"""The charts of a report, as Vega-Lite specifications made with Altair. The page draws them."""

from __future__ import annotations

from typing import Any

from darklift.errors import MissingExtraError
from darklift.evaluation.study import Study

__all__ = ["charts", "drawing_code"]

_PALETTE = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb"]
"""Tol's bright scheme: told apart by colour-blind eyes, too."""
_WIDTH = 640


def charts(study: Study) -> dict[str, dict[str, Any]]:
    """Name of its place in the page -> Vega-Lite specification. Raises MissingExtraError."""
    altair = _altair()
    found = {"spread": _spread(altair, study), "speed": _speed(altair, study)}
    if len(study.entries) > 1:
        found["scatter"] = _scatter(altair, study)
    return {name: _styled(chart).to_dict() for name, chart in found.items()}


def drawing_code() -> str:
    """Vega, Vega-Lite and Vega-Embed (BSD) as one script, so that the page opens offline. Raises MissingExtraError."""
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("vl-convert-python", "report", "a report") from error
    bundle: Any = vl_convert.javascript_bundle  # its types ask for a part that it does without
    return str(bundle())


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise MissingExtraError("altair", "report", "a report") from error
    return altair


def _styled(chart: Any) -> Any:
    return chart.configure(background="transparent", range={"category": _PALETTE}, view={"stroke": None})


def _metric_choice(altair: Any, study: Study) -> Any:
    names = [metric.name for metric in study.metrics]
    labels = [_heading(metric.heading, metric.unit) for metric in study.metrics]
    binding = altair.binding_select(options=names, labels=labels, name="metric ")
    return altair.param(name="metric", value=names[0], bind=binding)


def _heading(heading: str, unit: str) -> str:
    return f"{heading} ({unit})" if unit else heading


def _spread(altair: Any, study: Study) -> Any:
    """Every picture's score, a line of dots for each method, with median and quartiles."""
    columns = {metric.name: {entry: study.scores(entry, metric) for entry in study.entries} for metric in study.metrics}
    rows = [
        {"method": entry.label, "image": name, **{key: column[entry][place] for key, column in columns.items()}}
        for entry in study.entries
        for place, name in enumerate(study.names)
    ]
    labels = [entry.label for entry in study.entries]
    base = (
        altair.Chart(altair.Data(values=rows))
        .transform_calculate(score="datum[metric]")
        .encode(y=altair.Y("method:N", sort=labels, title=None, axis=altair.Axis(labelLimit=260)))
    )
    x = altair.X("score:Q", title=None, scale=altair.Scale(zero=False))
    tooltip = [altair.Tooltip(f"{name}:N") for name in ("method", "image")] + [altair.Tooltip("score:Q", format=".4f")]
    colour = altair.Color("method:N", sort=labels, legend=None)
    dots = base.mark_tick(thickness=2, size=16, opacity=0.6).encode(x=x, color=colour, tooltip=tooltip)
    boxes = base.mark_boxplot(size=5, outliers=False, opacity=0.35, color="#888888").encode(x=x)
    return (boxes + dots).add_params(_metric_choice(altair, study)).properties(width=_WIDTH, height=34 * len(labels))


def _scatter(altair: Any, study: Study) -> Any:
    """Two methods against each other: a dot for each picture; above the line the second is higher."""
    labels = [entry.label for entry in study.entries]
    tables = {metric.name: [study.scores(entry, metric) for entry in study.entries] for metric in study.metrics}
    rows = [
        {
            "image": name,
            "scores": {
                label: {key: table[number][place] for key, table in tables.items()}
                for number, label in enumerate(labels)
            },
        }
        for place, name in enumerate(study.names)
    ]
    across = altair.param(name="across", value=labels[0], bind=altair.binding_select(options=labels, name="across "))
    up = altair.param(name="up", value=labels[1], bind=altair.binding_select(options=labels, name="up "))
    base = altair.Chart(altair.Data(values=rows)).transform_calculate(
        x="datum.scores[across][metric]", y="datum.scores[up][metric]", apart="abs(datum.y - datum.x)"
    )
    line = (
        base.transform_calculate(low="min(datum.x, datum.y)", high="max(datum.x, datum.y)")
        .transform_aggregate(low="min(low)", high="max(high)")
        .mark_rule(strokeDash=[4, 4], color="#888888")
        .encode(x="low:Q", y="low:Q", x2="high:Q", y2="high:Q")
    )
    scale = altair.Scale(zero=False)
    tooltip = [altair.Tooltip("image:N"), *(altair.Tooltip(f"{axis}:Q", format=".4f") for axis in ("x", "y"))]
    dots = base.mark_circle(size=60, opacity=0.75, color=_PALETTE[0]).encode(
        x=altair.X("x:Q", title="across", scale=scale), y=altair.Y("y:Q", title="up", scale=scale), tooltip=tooltip
    )
    return (line + dots).add_params(_metric_choice(altair, study), across, up).properties(width=420, height=420)


def _speed(altair: Any, study: Study) -> Any:
    """Quality against time a picture; the same model at other numbers of steps is joined by a line."""
    means = {metric.name: [study.over_pictures(entry, metric) for entry in study.entries] for metric in study.metrics}
    rows = [
        {
            "method": entry.label,
            "model": entry.runs[0].model,
            "steps": entry.runs[0].steps,
            "seconds": max(entry.seconds, 1e-4),
            "means": {
                key: {"mean": found[number].mean, "error": found[number].error or 0.0} for key, found in means.items()
            },
        }
        for number, entry in enumerate(study.entries)
    ]
    mean = "datum.means[metric].mean"
    error = "datum.means[metric].error"
    base = altair.Chart(altair.Data(values=rows)).transform_calculate(
        mean=mean, low=f"{mean} - {error}", high=f"{mean} + {error}"
    )
    x = altair.X("seconds:Q", scale=altair.Scale(type="log"), title="seconds a picture")
    y = altair.Y("mean:Q", scale=altair.Scale(zero=False), title=None)
    tooltip = [*(altair.Tooltip(f"{name}:N") for name in ("method", "steps")), altair.Tooltip("mean:Q", format=".4f")]
    tooltip.append(altair.Tooltip("seconds:Q", format=".3f"))
    colour = altair.Color("model:N", legend=None)
    lines = base.mark_line(opacity=0.6).encode(x=x, y=y, color=colour, order="steps:Q")
    bars = base.mark_rule().encode(x=x, y=altair.Y("low:Q", title=None), y2="high:Q", color=colour)
    dots = base.mark_circle(size=80, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
    names = base.mark_text(align="left", dx=8, dy=-6, fill="#888888").encode(x=x, y=y, text="method:N")
    chart = (lines + bars + dots + names).add_params(_metric_choice(altair, study))
    return chart.properties(width=_WIDTH, height=320)
