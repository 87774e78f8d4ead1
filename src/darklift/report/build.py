"""From a study and its pictures to one HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from darklift import __version__
from darklift.errors import DataError, MissingExtraError
from darklift.evaluation.metrics import Metric, describe_metrics
from darklift.evaluation.report import ABOUT_COST, COST_HEADINGS, cost_cells
from darklift.evaluation.significance import RESAMPLES
from darklift.evaluation.study import Entry, Study
from darklift.evaluation.tables import ABOUT_RANKS, chance_cells, rank_table, too_few
from darklift.files import write_atomically
from darklift.report.charts import charts, drawing_code
from darklift.report.gallery import ERROR_SPAN, Gallery, Views

__all__ = ["check_extra", "render_report", "write_report"]

_PICTURES, _BUDGET = 12, 1_900_000
"""Pictures that a report shows at most, and bytes that they take: all in all it stays under 3 MB."""


def write_report(
    path: Path,
    study: Study,
    gallery: Gallery,
    runs: Mapping[Entry, int],
    *,
    title: str,
    command: str = "",
    pictures: int = _PICTURES,
    budget: int = _BUDGET,
) -> None:
    """Write the report, whole or not at all.

    Args:
        runs: the number by which the gallery knows each entry (:meth:`Gallery.pick`).
        title: a heading, such as the data set's name.
        command: what prints these figures again.
        pictures: at most so many photos are shown, each with every result.
        budget: bytes that they may take together.

    Raises:
        MissingExtraError: Jinja2 or Altair is missing.
        OSError: the file cannot be written.
        DataError: no metric has a value for every picture.
    """
    if not study.metrics:
        raise DataError(f"no report {path}: no metric has a value for every image, choose other metrics")
    views = gallery.pick(study, runs, pictures, budget)
    text = render_report(study, views, title=title, command=command)
    write_atomically(path, text.encode("utf-8", "backslashreplace"))  # names may hold bytes of another coding


def check_extra() -> None:
    """Raise MissingExtraError where something that a report needs is not installed."""
    for module, package in (("jinja2", "jinja2"), ("altair", "altair"), ("vl_convert", "vl-convert-python")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "report", "a report")


def render_report(study: Study, views: Sequence[Views], *, title: str, command: str = "") -> str:
    """The page's text. Raises MissingExtraError."""
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report", "a report") from error

    page = resources.files("darklift.report") / "page"
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string((page / "page.html.j2").read_text(encoding="utf-8"))
    scenes = None if study.scenes is None else len(set(study.scenes))
    return template.render(
        title=title,
        command=command,
        stains=study.stains,
        version=__version__,
        style=(page / "page.css").read_text(encoding="utf-8"),
        script=(page / "page.js").read_text(encoding="utf-8"),
        drawing=_code(drawing_code()),
        metrics=study.metrics,
        entries=[_entry(study, entry) for entry in study.entries],
        reference=study.entries[0].label,
        differences=_differences(study),
        images=len(study.names),
        scenes=scenes,
        left_out=study.left_out,
        cost_headings=COST_HEADINGS,
        definitions=" ".join([describe_metrics(study.metrics), *study.notes, ABOUT_COST]),
        resamples=RESAMPLES,
        too_few=too_few(study),
        ranks=rank_table(study),
        about_ranks=ABOUT_RANKS,
        span=round(255 * ERROR_SPAN),
        shown=len(views),
        data=_json(_data(study, views)),
    )


def _entry(study: Study, entry: Entry) -> dict[str, Any]:
    run = entry.runs[0]
    facts = {"weights": run.weights, "backend": run.backend, "preset": run.preset, "exposure": run.exposure}
    return {
        "label": entry.label,
        "seeds": len(entry.runs),
        "costs": list(zip((entry.seconds, entry.peak_bytes or 0), cost_cells(entry), strict=True)),
        "about": "; ".join(f"{name}: {value}" for name, value in facts.items()),
        "cells": [_cell(study, entry, metric) for metric in study.metrics],
    }


def _cell(study: Study, entry: Entry, metric: Metric) -> dict[str, Any]:
    found = study.over_pictures(entry, metric)
    seeds = study.over_seeds(entry, metric).error
    return {
        "value": found.mean,
        "mean": f"{found.mean:.{metric.digits}f}",
        "error": "" if found.error is None else f"{found.error:.{metric.digits}f}",
        "seeds": "" if seeds is None else f"{seeds:.{metric.digits}f}",
        "best": len(study.entries) > 1 and entry in study.best(metric),
    }


def _differences(study: Study) -> list[dict[str, Any]]:
    rows = []
    for entry in study.entries[1:]:
        for metric in study.metrics:
            found = study.difference(entry, metric)
            interval, share = chance_cells(found, metric)
            row = {
                **asdict(found),
                "label": entry.label,
                "metric": metric.heading,
                "clear": found.clear,
                "better_by": f"{found.mean:+.{metric.digits}f}",
                "interval": interval,
                "share": share,
            }
            rows.append(row)
    return rows


def _data(study: Study, views: Sequence[Views]) -> dict[str, Any]:
    """What the page's script works on."""
    return {
        "charts": charts(study),
        "labels": [entry.label for entry in study.entries],
        "metrics": [
            {"name": metric.name, "heading": metric.heading, "digits": metric.digits, "better": metric.better}
            for metric in study.metrics
        ],
        "names": study.names,
        "scenes": study.scenes,
        "scores": {
            metric.name: [[round(score, 6) for score in study.scores(entry, metric)] for entry in study.entries]
            for metric in study.metrics
        },
        "views": [asdict(one) for one in views],
    }


def _code(text: str) -> Any:
    """A script's text, for a script element: nothing in it ends the element, or opens a comment in it."""
    import markupsafe

    return markupsafe.Markup(text.replace("</script", r"<\/script").replace("<!--", r"<\!--"))


def _json(value: Any) -> Any:
    """A value as JSON, for a script element."""
    import markupsafe

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return markupsafe.Markup(text.replace("<", r"\u003c"))
