"""Figures of scores: every allele of a locus, where it lies."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from basenji_kipoi.base.containers.parquet import check_columns, read_parquet
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.figures.panels import GAIN, INK, LOSS, draw_genes, gene_rows, label_panel
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import columns_named
from basenji_kipoi.prediction.plots import gene_marks
from basenji_kipoi.scoring.metadata import open_text, read_metadata
from basenji_kipoi.scoring.tables import METADATA_KEY

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from basenji_kipoi.genome.genes import Gene

__all__ = ["plot_scores"]

#: Panels that still can be read, alleles that have stems, and those that have names.
_MOST, _STEMS, _NAMES = 12, 400, 3
#: Share of a panel's width that half of the longest name takes.
_EDGE = 0.1
#: No contig is as long (bp).
_LARGEST = 10**10
#: Axes have no room for larger values.
_LARGEST_SCORE = 1e100
_TEXTS = ("chrom", "id", "ref", "alt", "status")


def plot_scores(
    scores: pa.Table | str | os.PathLike[str],
    *,
    score: str | None = None,
    tracks: str | Sequence[str | int] | None = None,
    region: str | Interval | tuple[str, int, int] | None = None,
    genes: Iterable[Gene] = (),
) -> Figure:
    """Draw scores of the alleles of a locus, where they lie.

    Parameters
    ----------
    scores
        The table that `basenji_kipoi.score` returned, or a file that ``basenji score`` wrote
        (Parquet or TSV, without ``--long``).
    score
        Name of the score; by default the table's first one.
    tracks
        Identifiers, patterns or indices of tracks among the table's, a panel each; by default those
        with the largest scores, three at most.
    region
        What is drawn of a contig, as `basenji_kipoi.predict` takes intervals; by default all
        alleles, which must lie on one contig.
    genes
        Genes, as `basenji_kipoi.read_genes` gives them.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. The alleles with the largest scores have their identifiers, or their letters.

    Raises
    ------
    InputError
        If there is no such score or track, or no allele with scores in the region.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> table = bk.score("yeast", "genome.fa", "variants.vcf.gz", tracks="atac")
    >>> figure = bk.plot_scores(table, region="chrA:20,001-35,000")
    >>> figure.axes[0].get_ylabel()
    'atac'
    """
    table, metadata = _opened(scores)
    score, columns = _columns(table, score)
    name = "the table" if isinstance(scores, pa.Table) else str(scores)
    numbers = ["pos", *(f"{score}/{track}" for track in columns)]
    check_columns(table, name, "table of scores", texts=_TEXTS, numbers=numbers)
    positions = table.column("pos").to_numpy()
    if not ((positions >= 1) & (positions < _LARGEST)).all():
        raise InputError(f"{name}: the column 'pos' has a cell that is no position")
    if tracks is not None:
        columns = [columns[place] for place in columns_named(columns, tracks, option="tracks")]
    alleles, place = _placed(table, _region(region))
    values = np.stack(
        [alleles.column(f"{score}/{track}").to_numpy().astype(np.float64) for track in columns], 1
    )
    if (np.abs(values) > _LARGEST_SCORE).any():
        raise InputError(f"{name}: a score {score} is too large to be drawn, or infinite")
    if tracks is None:
        order = np.argsort(-np.nanmax(np.abs(values), axis=0), kind="stable")[:3]
        values, columns = values[:, order], [columns[at] for at in order]
    if len(columns) > _MOST:
        raise InputError(f"{len(columns):,} tracks are too many: choose at most {_MOST} (--tracks)")
    definition = metadata.get("definitions", {}).get(score, {})
    return _draw(
        alleles,
        values,
        columns,
        place,
        title=f"{score} of {len(alleles):,} allele{'' if len(alleles) == 1 else 's'}",
        unit=str(definition.get("units", "")),
        is_signed=bool(definition.get("signed", (values < 0).any())),
        genes=genes,
    )


def _opened(scores: pa.Table | str | os.PathLike[str]) -> tuple[pa.Table, Mapping[str, Any]]:
    if isinstance(scores, pa.Table):
        text = (scores.schema.metadata or {}).get(METADATA_KEY.encode())
        return scores, json.loads(text) if text else {}
    path = Path(scores)
    if not path.is_file():
        raise InputError(f"{path} does not exist: expected scores that basenji score wrote")
    if path.suffix == ".parquet":
        metadata = read_metadata(path)
        return read_parquet(path, "table of scores"), metadata
    if ".vcf" in path.suffixes:
        raise InputError(f"{path}: scores are drawn of Parquet or TSV: write one of them")
    metadata = read_metadata(path)
    with open_text(path) as lines:
        above = sum(1 for _ in takewhile(lambda line: line.startswith(b"##"), lines))
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(skip_rows=above),
            parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in (*_TEXTS, "#chrom")}
            ),
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {reason}: score it again") from None
    return table.rename_columns([name.lstrip("#") for name in table.column_names]), metadata


def _columns(table: pa.Table, score: str | None) -> tuple[str, list[str]]:
    """Find the score, and the tracks that have it."""
    named = [tuple(name.split("/", 1)) for name in table.column_names if "/" in name]
    if not named:
        raise InputError("the table has no columns score/track: score without --long")
    names = list(dict.fromkeys(name for name, _ in named))
    score = score or names[0]
    if score not in names:
        raise InputError(f"--score: the table has no score {score!r}: it has {', '.join(names)}")
    return score, [track for name, track in named if name == score]


def _region(given: str | Interval | tuple[str, int, int] | None) -> Interval | None:
    if isinstance(given, str):
        return Interval.parse(given)
    return Interval(*given) if isinstance(given, tuple) else given


def _placed(table: pa.Table, region: Interval | None) -> tuple[pa.Table, Interval]:
    """Choose the alleles with scores in a region; by default of the only contig."""
    keep = np.array(table.column("status").to_pylist()) == "ok"
    chroms = np.array(table.column("chrom").to_pylist(), dtype=object).astype(str)
    positions = table.column("pos").to_numpy() - 1
    if region is None:
        there = sorted(set(chroms[keep].tolist()))
        if len(there) != 1:
            raise InputError(
                f"the alleles with scores lie on {len(there)} contigs: choose a part of one "
                "(--region contig:first-last)"
            )
        first, last = int(positions[keep].min()), int(positions[keep].max())
        margin = max((last - first) // 50, 50)
        region = Interval(there[0], max(first - margin, 0), last + margin + 1)
    there = set(chroms.tolist())
    region = replace(
        region, chrom=matching_contigs([region.chrom], there).get(region.chrom, region.chrom)
    )
    keep &= (chroms == region.chrom) & (positions >= region.start) & (positions < region.end)
    if not keep.any():
        lacks = "" if region.chrom in there else did_you_mean(region.chrom, there)
        raise InputError(
            f"no allele with scores lies in {region.chrom}:{region.start + 1:,}-{region.end:,}"
            + (f", a contig that the table lacks{lacks}" if lacks else "")
        )
    return table.filter(pa.array(keep)), region


def _draw(
    alleles: pa.Table,
    values: np.ndarray,
    tracks: Sequence[str],
    place: Interval,
    *,
    title: str,
    unit: str,
    is_signed: bool,
    genes: Iterable[Gene],
) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes seconds

    genes = list(genes)
    contig = matching_contigs([place.chrom], {gene.contig for gene in genes}).get(place.chrom, "")
    rows = gene_rows(gene_marks(genes, contig, place.start, place.end), place.start, place.end)
    heights = [1.5] * len(tracks) + [0.24 * len(rows)] * bool(rows)
    figure = Figure(figsize=(11, 1.4 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    kilobases = alleles.column("pos").to_numpy() / 1000
    names = [
        name if name and name != "." else f"{ref}>{alt}"
        for name, ref, alt in zip(*(alleles.column(c).to_pylist() for c in ("id", "ref", "alt")))
    ]
    for ax, track, column in zip(axes, tracks, values.T):
        _draw_track(ax, kilobases, column, names, place, is_signed=is_signed)
        label_panel(ax, track, *_highest(column), signed=True)
    if rows:
        draw_genes(axes[-1], rows)
    axes[0].set_title(
        f"{title}   {place.chrom}:{place.start + 1:,}-{place.end:,}", fontsize=11, color=INK
    )
    axes[-1].set_xlim(place.start / 1000, place.end / 1000)
    axes[-1].set_xlabel(f"position on {place.chrom} (kb)", fontsize=9, color=INK)
    axes[-1].tick_params(axis="x", labelsize=8)
    figure.supylabel(unit, fontsize=9, color=INK)
    return figure


def _highest(column: np.ndarray) -> tuple[float, float]:
    """Largest value above the line and below it, as positive numbers."""
    return max(float(np.nanmax(column)), 0.0), max(-float(np.nanmin(column)), 0.0)


def _draw_track(
    ax: Axes,
    kilobases: np.ndarray,
    column: np.ndarray,
    names: Sequence[str],
    place: Interval,
    *,
    is_signed: bool,
) -> None:
    """Draw the alleles of a panel, the largest with their names."""
    colours = np.where(column < 0, LOSS, GAIN) if is_signed else np.full(len(column), INK)
    if len(column) <= _STEMS:
        ax.vlines(kilobases, 0, column, color=colours, linewidth=0.7, alpha=0.6)
    ax.scatter(kilobases, column, s=12 if len(column) <= _STEMS else 4, color=colours, linewidths=0)
    ax.axhline(0, color=INK, linewidth=0.6)
    above, below = _highest(column)
    room = 0.22 * ((above + below) or 1.0)
    ax.set_ylim(-(below + room) if below else -0.05 * above, above + room)
    for row in np.argsort(-np.abs(np.nan_to_num(column)), kind="stable")[:_NAMES].tolist():
        up = column[row] >= 0
        share = (1000 * kilobases[row] - place.start) / (place.end - place.start)
        # Names near an end stand inwards, for there they would be cut.
        side = "left" if share < _EDGE else "right" if share > 1 - _EDGE else "center"
        ax.annotate(
            names[row] if len(names[row]) <= 24 else f"{names[row][:23]}…",
            (kilobases[row], column[row]), xytext=(0, 4 if up else -4), textcoords="offset points",
            ha=side, va="bottom" if up else "top", fontsize=7, color=INK, clip_on=True,
        )  # fmt: skip
