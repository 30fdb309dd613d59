"""The report of an evaluation: one HTML page with everything in it, which works offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

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
from basenji_training.evaluation.report.reporter_sections import reporter_sections
from basenji_training.evaluation.report.sections import Section, Table, interval, write_page
from basenji_training.measures.rank_figures import PEAK_RULE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from basenji_training.evaluation.evaluate import Evaluation

__all__ = ["write_report"]


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
    figures = evaluation.figures
    write_page(
        path,
        _sections(evaluation),
        heading=f"Evaluation on {', '.join(figures['chromosomes'])}",
        subtitle=_subtitle(figures),
        command=figures["command"],
        overwrite=overwrite,
    )


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


def _sections(evaluation: Evaluation) -> Iterable[Section]:
    figures = evaluation.figures
    yield Section(
        "summary",
        "Summary",
        Markup(
            "Means over the tracks of an assay and sample that have the figure; "
            "<em>log</em> stands for log(1 + counts)."
        ),
        _groups(figures),
        correlations(evaluation),
    )
    yield Section(
        "locus",
        "Along the chromosomes",
        Markup(
            '<span class="predicted">Predicted</span> over <span class="observed">observed</span> '
            "counts. Drag to move; zoom with the buttons above. Gaps are missing values."
        ),
        None,
        locus_view(evaluation),
    )
    yield Section(
        "tracks",
        "All tracks",
        f"Click a heading to sort. A peak is {PEAK_RULE}, unless peaks were given; their "
        "share is the AUPRC of random predictions.",
        None,
        track_table(evaluation),
    )
    yield Section(
        "bins",
        "Bins and calibration",
        "Points on the dashed line are predicted right. Tenths of the bins above it receive more "
        "than predicted, on average.",
        None,
        one_track(evaluation),
    )
    if evaluation.replicates is not None:
        yield Section(
            "replicates",
            "Replicates",
            "A prediction that agrees with a replicate as well as replicates agree with each other "
            "is as good as another experiment. Predictions are scaled to the replicate's depth.",
            _replicates(figures),
            replicate_plots(evaluation),
        )
    if evaluation.expression is not None:
        flank = figures["genes"]["flank"]
        yield Section(
            "genes",
            "Expression of genes",
            f"Counts of the bins within {flank:,} bp of a gene's starts, on its strand; r of "
            "log(1 + counts).",
            _measurements(figures),
            gene_scatters(evaluation),
        )
        if evaluation.contrasts:
            yield Section(
                "contrasts",
                "Differences between conditions",
                "log2 of the ratio of 1 + counts; the plot has the genes with enough counts.",
                _contrasts(figures),
                ratio_scatters(evaluation),
            )
    for compared in evaluation.reporters:
        yield from reporter_sections(compared)


def _groups(figures: dict[str, Any]) -> Table:
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
    return Table(("assay", "sample", "tracks", *names.values()), rows, texts=2)


def _replicates(figures: dict[str, Any]) -> Table:
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
    return Table(heading, rows)


def _measurements(figures: dict[str, Any]) -> Table:
    rows = (
        (
            each["name"],
            each["genes"],
            each["pearson"],
            interval(each["pearson_interval"]),
            each["spearman"],
            each["nonzero_genes"],
            each["nonzero_pearson"],
            each.get("own_strand_share"),
        )
        for each in figures["genes"]["measurements"]
    )
    heading = ("measurement", "genes", "r", "interval", "rank r", "nonzero genes", "r of those")
    return Table((*heading, "share of counts on the gene's strand"), rows)


def _contrasts(figures: dict[str, Any]) -> Table:
    contrasts = figures["genes"]["contrasts"]
    rows = (
        (
            f"{each['numerator']} / {each['denominator']}",
            each["genes"],
            each["pearson"],
            each["expressed_genes"],
            each["expressed_pearson"],
            interval(each["expressed_pearson_interval"]),
        )
        for each in contrasts
    )
    enough = f"genes with {contrasts[0]['least_counts']} counts"
    return Table(("contrast", "genes", "r", enough, "r of those", "interval"), rows)
