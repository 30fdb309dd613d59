"""The report of an evaluation: one HTML page with everything in it, which works offline."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from bokeh.embed import components
from bokeh.resources import Resources

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

_STYLE = """
    body { font: 15px/1.5 system-ui, sans-serif; color: #2b3440; background: #f4f6f8; margin: 0 }
    main { max-width: 1160px; margin: 0 auto; padding: 0 20px 60px }
    header { background: #22374d; color: #fff; padding: 26px 0 22px; margin-bottom: 22px }
    header div { max-width: 1160px; margin: 0 auto; padding: 0 20px }
    h1 { font-size: 24px; margin: 0 0 4px } h2 { font-size: 19px; margin: 0 0 6px }
    header p { margin: 0; color: #c9d5e2 } header code { color: #e7edf3 }
    section { background: #fff; border: 1px solid #e1e6ec; border-radius: 6px; margin-bottom: 22px;
              padding: 18px 22px; overflow-x: auto }
    section p { margin: 4px 0 12px; max-width: 95ch; color: #4c5967 }
    nav a { color: #fff; margin-right: 16px }
    table { border-collapse: collapse; margin: 4px 0 12px }
    th, td { padding: 4px 12px; text-align: right; border-bottom: 1px solid #e6e9ee }
    th { color: #4c5967; font-weight: 600; border-bottom-color: #b8c0cb }
    td:first-child, th:first-child, td.text, th.text { text-align: left }
    code { overflow-wrap: anywhere }
    .observed { color: #6f8cab; font-weight: 600 } .predicted { color: #d55e00; font-weight: 600 }
"""


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
    models = {key: model for key, _, _, _, model in sections if model is not None}
    script, drawn = components(models)
    library = Resources(mode="inline", components=["bokeh", "bokeh-widgets", "bokeh-tables"])
    figures = evaluation.figures
    heading = f"Evaluation on {', '.join(figures['chromosomes'])}"
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, *_ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escape(title)}</h2><p>{text}</p>{table}{drawn.get(key, "")}'
        "</section>\n"
        for key, title, text, table, _ in sections
    )
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<link rel="icon" href="data:,"><title>{escape(heading)}</title>'
        f"<style>{_STYLE}</style>\n{library.render()}\n</head><body>"
        f"<header><div><h1>{escape(heading)}</h1><p>{_subtitle(figures)}</p>"
        f"<p><code>{escape(figures['command'])}</code></p><nav>{links}</nav></div></header>"
        f"<main>\n{body}</main>\n{script}\n</body></html>\n"
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
    return escape(" · ".join(parts))


def _sections(evaluation: Evaluation) -> Iterable[tuple[str, str, str, str, Any]]:
    """List the sections: anchor, title, text, table and drawing."""
    figures = evaluation.figures
    yield (
        "summary",
        "Summary",
        "Means over the tracks of an assay and sample that have the figure; "
        "<em>log</em> stands for log(1 + counts).",
        _groups(figures),
        correlations(evaluation),
    )
    yield (
        "locus",
        "Along the chromosomes",
        '<span class="predicted">Predicted</span> over <span class="observed">observed</span> '
        "counts. Drag to move; zoom with the buttons above. Gaps are missing values.",
        "",
        locus_view(evaluation),
    )
    yield (
        "tracks",
        "All tracks",
        f"Click a heading to sort. A peak is {escape(PEAK_RULE)}, unless peaks were given; their "
        "share is the AUPRC of random predictions.",
        "",
        track_table(evaluation),
    )
    yield (
        "bins",
        "Bins and calibration",
        "Points on the dashed line are predicted right. Tenths of the bins above it receive more "
        "than predicted, on average.",
        "",
        one_track(evaluation),
    )
    if evaluation.replicates is not None:
        yield (
            "replicates",
            "Replicates",
            "A prediction that agrees with a replicate as well as replicates agree with each other "
            "is as good as another experiment. Predictions are scaled to the replicate's depth.",
            _replicates(figures),
            replicate_plots(evaluation),
        )
    if evaluation.expression is not None:
        flank = figures["genes"]["flank"]
        yield (
            "genes",
            "Expression of genes",
            f"Counts of the bins within {flank:,} bp of a gene's starts, on its strand; r of "
            "log(1 + counts).",
            _measurements(figures),
            gene_scatters(evaluation),
        )
        if evaluation.contrasts:
            yield (
                "contrasts",
                "Differences between conditions",
                "log2 of the ratio of 1 + counts; the plot has the genes with enough counts.",
                _contrasts(figures),
                ratio_scatters(evaluation),
            )


def _groups(figures: dict[str, Any]) -> str:
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
    return _table(("assay", "sample", "tracks", *names.values()), rows, texts=2)


def _replicates(figures: dict[str, Any]) -> str:
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
    return _table(heading, rows)


def _measurements(figures: dict[str, Any]) -> str:
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
    return _table((*heading, "share of counts on the gene's strand"), rows)


def _contrasts(figures: dict[str, Any]) -> str:
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
    return _table(("contrast", "genes", "r", enough, "r of those", "interval"), rows)


def _interval(pair: Sequence[float | None]) -> str | None:
    return None if None in pair else f"{pair[0]:.3f} to {pair[1]:.3f}"


def _table(heading: Sequence[str], rows: Iterable[Sequence[object]], *, texts: int = 1) -> str:
    """Lay out a table whose first columns are text."""

    def line(tag: str, cells: Sequence[object]) -> str:
        kinds = [' class="text"' if place < texts else "" for place in range(len(cells))]
        return "".join(
            f"<{tag}{kind}>{escape(_cell(cell))}</{tag}>"
            for kind, cell in zip(kinds, cells, strict=True)
        )

    body = "".join(f"<tr>{line('td', cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{line('th', heading)}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
