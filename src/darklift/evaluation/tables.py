"""A study as tables: Markdown to read, LaTeX for a paper, CSV with every single score."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from darklift.data.pairs import listed
from darklift.errors import MissingExtraError, UsageError, printable
from darklift.evaluation.metrics import Metric, describe_metrics
from darklift.evaluation.report import ABOUT_COST, COST_HEADINGS, NO_VALUE, cost_cells, markdown_row
from darklift.evaluation.significance import MIN_SCENES, RESAMPLES, Difference, Spread
from darklift.evaluation.study import Study

__all__ = [
    "ABOUT_RANKS",
    "TABLES",
    "RankTable",
    "chance_cells",
    "comparison_table",
    "plus_minus",
    "rank_table",
    "study_csv",
    "study_latex",
    "study_table",
    "too_few",
]

_WIDTH = 105


def study_table(study: Study) -> str:
    """Markdown: the means with their standard errors, how far each is from the first, mean ranks, what it all means."""
    return "\n\n".join(filter(None, [_means(study), *map(_fill, _about_means(study)), comparison_table(study)]))


def comparison_table(study: Study) -> str:
    """Markdown of what goes beyond means: how far each is from the first, and mean ranks. Empty for a single entry."""
    if len(study.entries) < 2:
        return ""
    parts = [_differences(study), _fill(f"{_ABOUT_DIFFERENCES} {too_few(study) or _about_draws(study)}")]
    if (ranks := rank_table(study)) is not None:
        parts += [_ranks(study, ranks), ABOUT_RANKS]
    return "\n\n".join(parts)


def study_csv(study: Study) -> str:
    """CSV: a row for each picture, entry and seed, with every score, seconds and memory. Opens in any spreadsheet."""
    text = io.StringIO()
    metrics = study.metrics
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["method", "seed", "image", "scene", *(metric.name for metric in metrics), "seconds", "peak_bytes"])
    for entry in study.entries:
        for place, name in enumerate(study.names):
            scene = "" if study.scenes is None else study.scenes[place]
            for run, result in zip(entry.runs, entry.by_name[name], strict=True):
                values = [repr(float(result.scores[metric.name])) for metric in metrics]
                rows.writerow(
                    [entry.label, run.settings.seed, name, scene, *values, f"{result.seconds:.4f}", result.peak_bytes]
                )
    return text.getvalue()


def study_latex(study: Study) -> str:
    """LaTeX for the package booktabs: the means with their standard errors, the best of each column in bold."""
    metrics = study.metrics
    heads = " & ".join(f"{_tex(metric.heading)} ${_ARROWS[metric.better]}$" for metric in metrics)
    lines = [f"\\begin{{tabular}}{{l{'r' * (len(metrics) + len(COST_HEADINGS))}}}", "\\toprule"]
    lines += [f"method & {heads} & {' & '.join(COST_HEADINGS)} \\\\", "\\midrule"]
    best = {metric.name: study.best(metric) for metric in metrics}
    for entry in study.entries:
        cells = [
            _tex_cell(study.over_pictures(entry, metric), metric, entry in best[metric.name]) for metric in metrics
        ]
        lines.append(f"{' & '.join([_tex(entry.label), *cells, *cost_cells(entry)])} \\\\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    notes = [f"% {line}" for note in _about_means(study) for line in textwrap.wrap(note.replace("*", ""), _WIDTH)]
    return "\n".join(["% needs \\usepackage{booktabs}", *lines, *notes]) + "\n"


TABLES: Mapping[str, Callable[[Study], str]] = {".md": study_table, ".csv": study_csv, ".tex": study_latex}
"""By the ending of the file that a study is written to."""

_ARROWS = {"higher": "\\uparrow", "lower": "\\downarrow"}


def _means(study: Study) -> str:
    metrics = study.metrics
    lines = [markdown_row(["method", "seeds", *(metric.heading for metric in metrics), *COST_HEADINGS])]
    lines.append("|---|--:|" + "--:|" * (len(metrics) + len(COST_HEADINGS)))
    for entry in study.entries:
        cells = [plus_minus(study.over_pictures(entry, metric), metric.digits) for metric in metrics]
        lines.append(markdown_row([entry.label, str(len(entry.runs)), *cells, *cost_cells(entry)]))
    seeded = [entry for entry in study.entries if len(entry.runs) > 1]
    for entry in seeded:
        cells = [plus_minus(study.over_seeds(entry, metric), metric.digits) for metric in metrics]
        lines.append(
            markdown_row([f"{entry.label}: over seeds", str(len(entry.runs)), *cells, *("" for _ in COST_HEADINGS)])
        )
    return "\n".join(lines)


def _differences(study: Study) -> str:
    heads = [f"against {study.entries[0].label}", "metric", "better by", "95% interval", "better in", "images won"]
    lines = [markdown_row(heads), "|---|---|--:|--:|--:|--:|"]
    for entry in study.entries[1:]:
        for metric in study.metrics:
            found = study.difference(entry, metric)
            won = f"{found.wins} of {found.count}"
            facts = [f"{found.mean:+.{metric.digits}f}", *chance_cells(found, metric), won]
            lines.append(markdown_row([entry.label, metric.heading, *facts]))
    return "\n".join(lines)


@dataclass(frozen=True)
class RankTable:
    """Rows of a name and a number for each metric: the entries' mean ranks, and the tests' results below them."""

    entries: tuple[tuple[str, ...], ...]
    tests: tuple[tuple[str, ...], ...]


def rank_table(study: Study) -> RankTable | None:
    """Mean ranks, of three entries or more; None of fewer, on a single scene, and without SciPy."""
    if len(study.entries) < 3:
        return None
    try:
        ranks = [study.ranking(metric) for metric in study.metrics]
    except (MissingExtraError, UsageError):
        return None
    labels = [entry.label for entry in study.entries]
    return RankTable(
        entries=tuple((label, *(f"{one.mean_ranks[label]:.2f}" for one in ranks)) for label in labels),
        tests=(
            ("told apart from", *(f"{one.critical:.2f}" for one in ranks)),
            ("p that all are alike", *(f"{one.p:.2g}" for one in ranks)),
        ),
    )


def _ranks(study: Study, ranks: RankTable) -> str:
    lines = [
        markdown_row(["mean rank", *(metric.heading for metric in study.metrics)]),
        "|---|" + "--:|" * len(study.metrics),
    ]
    lines += [markdown_row(row) for row in ranks.entries]
    lines += [markdown_row([f"*{name}*", *numbers]) for name, *numbers in ranks.tests]
    return "\n".join(lines)


def chance_cells(found: Difference, metric: Metric) -> tuple[str, str]:
    """The interval, and the share of draws, as tables have them."""
    if found.low is None or found.high is None or found.probability is None:
        return NO_VALUE, NO_VALUE
    return f"{found.low:+.{metric.digits}f} … {found.high:+.{metric.digits}f}", _percent(found.probability)


def too_few(study: Study) -> str:
    """Why there are no intervals, in one sentence; empty where there are."""
    kind, count = ("images", len(study.names)) if study.scenes is None else ("scenes", len(set(study.scenes)))
    if count >= MIN_SCENES:
        return ""
    return f"Too few {kind} ({count}) for an interval: of fewer than {MIN_SCENES}, even winning on each may be luck."


_ABOUT_DIFFERENCES = "Differences are taken image by image, positive where better."
ABOUT_RANKS = "Ranks: 1 is the best of a picture; p by Friedman's test, told apart at 5% by Nemenyi's."


def _about_draws(study: Study) -> str:
    drawn = "images" if study.scenes is None else "whole scenes"
    return f"95% interval and *better in*: of {RESAMPLES:,} bootstrap draws of {drawn}."


def _about_means(study: Study) -> Iterable[str]:
    scenes = None if study.scenes is None else len(set(study.scenes))
    over = f"{len(study.names)} images" + (f" of {scenes} scenes" if scenes not in (None, len(study.names)) else "")
    means = f"Means over {over} ± standard error. {describe_metrics(study.metrics)}"
    yield f"{means} {ABOUT_COST}"
    yield from study.notes
    yield from (f"**{stain}**" for stain in study.stains)
    for label, names in study.left_out.items():
        yield f"**Without {listed(names)}: not scored for {label}.**"


def plus_minus(found: Spread, digits: int) -> str:
    """The mean with its standard error, where there is one."""
    error = "" if found.error is None else f" ± {found.error:.{digits}f}"
    return f"{found.mean:.{digits}f}{error}"


def _tex_cell(found: Spread, metric: Metric, best: bool) -> str:
    mean = f"{found.mean:.{metric.digits}f}"
    error = "" if found.error is None else f" $\\pm$ {found.error:.{metric.digits}f}"
    return (f"\\textbf{{{mean}}}" if best else mean) + error


def _percent(share: float) -> str:
    """A share of draws as people say it: never 0% or 100% of a number that is finite."""
    if not 0.0005 <= share <= 0.9995:
        return "> 99.9%" if share > 0.5 else "< .1%"
    return f"{100 * share:.{1 if min(share, 1 - share) < 0.0095 else 0}f}%"


def _tex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^&%$#_{}]", lambda found: special.get(found[0], f"\\{found[0]}"), printable(text))


def _fill(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDTH, break_on_hyphens=False))
