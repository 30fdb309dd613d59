"""The report of an evaluation: one HTML page with everything in it, which works offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from basenji_kipoi.base.atomic import atomic_path
from basenji_training.evaluation.files import named_with_reason
from basenji_training.evaluation.report.locus_view import locus_view
from basenji_training.evaluation.report.plots import (
    correlations,
    gene_scatters,
    one_track,
    ratio_scatters,
    replicate_plots,
    track_table,
)
from basenji_training.measures.rank_figures import PEAK_RULE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from basenji_training.evaluation.evaluate import Evaluation

__all__ = ["write_report"]

#: The page's own markup; everything that it is given is escaped, but for `Markup`.
_PAGES = Environment(
    loader=PackageLoader("basenji_training.evaluation.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
)


class _Table(NamedTuple):
    """A table whose first ``texts`` columns are text."""

    heading: Sequence[str]
    rows: Iterable[Sequence[object]]
    texts: int = 1


class _Section(NamedTuple):
    """A part of the page, with its anchor; None where it has no table or drawing."""

    key: str
    title: str
    text: str
    table: _Table | None
    drawing: Any


def write_report(
    evaluation: Evaluation, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the report of an evaluation.

    Parameters
    ----------
    evaluation
        The evaluation.
    path
        The HTML file.
    overwrite
        Whether an existing one may be replaced.

    Raises
    ------
    InputError
        If the output may not be written.
    """
    sections = list(_sections(evaluation))
    script, drawn = components(
        {each.key: each.drawing for each in sections if each.drawing is not None}
    )
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    figures = evaluation.figures
    page = _PAGES.get_template("page.html.jinja").render(
        heading=f"Evaluation on {', '.join(figures['chromosomes'])}",
        subtitle=_subtitle(figures),
        figures=figures,
        sections=sections,
        drawn={key: Markup(division) for key, division in drawn.items()},
        script=Markup(script),
        library=Markup(library.render()),
    )
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _subtitle(figures: dict[str, Any]) -> str:
    known = sum(track["reason"] is None for track in figures["tracks"])
    parts = [
        f"{figures['split']} split",
        f"bins of {figures['resolution']} bp",
        f"{known} of {len(figures['tracks'])} tracks have values",
        "mean of both strands" if figures["both_strands"] else "one strand",
    ]
    if figures["members"] > 1:
        parts.append(f"mean of {figures['members']} networks")
    if figures["ranked_share"] < 1:
        parts.append(f"ranks of {figures['ranked_share']:.1%} of the bins, at random")
    return " · ".join(parts)


def _sections(evaluation: Evaluation) -> Iterable[_Section]:
    figures = evaluation.figures
    yield _Section(
        "summary",
        "Summary",
        Markup(
            "Means over the tracks of an assay and sample that have the figure; "
            "<em>log</em> stands for log(1 + counts)."
        ),
        _groups(figures),
        correlations(evaluation),
    )
    yield _Section(
        "locus",
        "Along the chromosomes",
        Markup(
            '<span class="predicted">Predicted</span> over <span class="observed">observed</span> '
            "counts. Drag to move; zoom with the buttons above. Gaps are missing values."
        ),
        None,
        locus_view(evaluation),
    )
    yield _Section(
        "tracks",
        "All tracks",
        f"Click a heading to sort. A peak is {PEAK_RULE}, unless peaks were given; their "
        "share is the AUPRC of random predictions.",
        None,
        track_table(evaluation),
    )
    yield _Section(
        "bins",
        "Bins and calibration",
        "Points on the dashed line are predicted right. Tenths of the bins above it receive more "
        "than predicted, on average.",
        None,
        one_track(evaluation),
    )
    if evaluation.replicates is not None:
        yield _Section(
            "replicates",
            "Replicates",
            "A prediction that agrees with a replicate as well as replicates agree with each other "
            "is as good as another experiment. Predictions are scaled to the replicate's depth.",
            _replicates(figures),
            replicate_plots(evaluation),
        )
    if evaluation.expression is not None:
        flank = figures["genes"]["flank"]
        yield _Section(
            "genes",
            "Expression of genes",
            f"Counts of the bins within {flank:,} bp of a gene's starts, on its strand; r of "
            "log(1 + counts).",
            _measurements(figures),
            gene_scatters(evaluation),
        )
        if evaluation.contrasts:
            yield _Section(
                "contrasts",
                "Differences between conditions",
                "log2 of the ratio of 1 + counts; the plot has the genes with enough counts.",
                _contrasts(figures),
                ratio_scatters(evaluation),
            )


def _groups(figures: dict[str, Any]) -> _Table:
    names = {
        "pearson_log1p": "r, log",
        "pearson": "r",
        "spearman": "rank r",
        "r2_log1p": "R², log",
        "r2": "R²",
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "specificity": "specificity",
    }
    rows = (
        (each["assay"], each["sample"], each["tracks"], *(each[name] for name in names))
        for each in figures["groups"]
    )
    return _Table(("assay", "sample", "tracks", *names.values()), rows, texts=2)


def _replicates(figures: dict[str, Any]) -> _Table:
    rows = (
        (
            named_with_reason(each),
            each["bins"],
            each["prediction_replicate_pearson_log1p"],
            each["replicate_replicate_pearson_log1p"],
            each["prediction_replicate_pearson"],
            each["replicate_replicate_pearson"],
        )
        for each in figures["replicates"]
    )
    heading = (
        "track",
        "bins",
        "prediction, replicate (r, log)",
        "replicate, replicate (r, log)",
        "prediction, replicate (r)",
        "replicate, replicate (r)",
    )
    return _Table(heading, rows)


def _measurements(figures: dict[str, Any]) -> _Table:
    rows = (
        (
            each["name"],
            each["genes"],
            each["pearson"],
            _interval(each["pearson_interval"]),
            each["spearman"],
            each["nonzero_genes"],
            each["nonzero_pearson"],
            each.get("own_strand_share"),
        )
        for each in figures["genes"]["measurements"]
    )
    heading = ("measurement", "genes", "r", "interval", "rank r", "nonzero genes", "r of those")
    return _Table((*heading, "share of counts on the gene's strand"), rows)


def _contrasts(figures: dict[str, Any]) -> _Table:
    contrasts = figures["genes"]["contrasts"]
    rows = (
        (
            f"{each['numerator']} / {each['denominator']}",
            each["genes"],
            each["pearson"],
            each["expressed_genes"],
            each["expressed_pearson"],
            _interval(each["expressed_pearson_interval"]),
        )
        for each in contrasts
    )
    enough = f"genes with {contrasts[0]['least_counts']} counts"
    return _Table(("contrast", "genes", "r", enough, "r of those", "interval"), rows)


def _interval(pair: Sequence[float | None]) -> str | None:
    return None if None in pair else f"{pair[0]:.3f} to {pair[1]:.3f}"


def _shown(value: object) -> str:
    """Write a cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


_PAGES.filters["shown"] = _shown
