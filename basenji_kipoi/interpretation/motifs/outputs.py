"""What motif discovery writes: motifs, a table, sites, and a page."""

from __future__ import annotations

import base64
import io
import math
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.text_files import write_table
from basenji_kipoi.interpretation.motif_matrices import Motif, write_meme
from basenji_kipoi.interpretation.motifs.plots import motif_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.interpretation.motifs.described import Described

__all__ = ["COLUMNS", "TEXTS", "rows_of", "write_motifs"]

COLUMNS = (
    "motif", "consensus", "sites", "tracks", "raises", "effect", "known", "similarity", "chance",
    "distance_median", "distance_low", "distance_high", "same_direction", "effect_same",
    "effect_other", "orientation_p",
)  # fmt: skip
#: Those of text; the others are numbers.
TEXTS = {"motif", "consensus", "tracks", "raises", "known"}
_DOTS_PER_INCH = 110


def rows_of(motifs: Sequence[Described], labels: Sequence[str]) -> list[dict[str, object]]:
    """Make a row of the columns `COLUMNS` for each motif."""
    rows = []
    for each in motifs:
        hits, best = each.hits, each.known[0] if each.known else None
        distance = hits.distance[np.isfinite(hits.distance)]
        low, median, high = (
            np.percentile(distance, [25, 50, 75]) if len(distance) else [math.nan] * 3
        )
        values = {
            "effect": hits.effects[:, each.motif.outputs[0]].mean(),
            "similarity": best.similarity if best else math.nan,
            "chance": best.chance if best else math.nan,
            "distance_median": median,
            "distance_low": low,
            "distance_high": high,
            "same_direction": hits.same_strand.mean(),
            "effect_same": each.effect(same_strand=True),
            "effect_other": each.effect(same_strand=False),
            "orientation_p": each.orientation,
        }
        rows.append(
            {
                "motif": each.name,
                "consensus": each.consensus,
                "sites": len(hits.start),
                "tracks": ",".join(labels[output] for output in each.motif.outputs),
                "raises": "yes" if each.motif.raises else "no",
                "known": "; ".join(known.name for known in each.known) or None,
                **{name: _number(value) for name, value in values.items()},
            }
        )
    return rows


def write_motifs(
    folder: Path,
    motifs: Sequence[Described],
    labels: Sequence[str],
    facts: Sequence[str],
    where: str,
) -> None:
    """Write all files of a result.

    Parameters
    ----------
    folder
        Directory to be made: ``motifs.meme``, ``motifs.tsv``, ``hits.bed``, ``index.html``.
    motifs
        The motifs.
    labels
        Names of the outputs.
    facts
        What the page says of how they were found.
    where
        What distances count from.
    """
    folder.mkdir()
    write_meme(
        folder / "motifs.meme",
        [Motif(each.name, each.motif.probabilities, _word(each)) for each in motifs],
    )
    rows = rows_of(motifs, labels)
    write_table(folder / "motifs.tsv", COLUMNS, rows)
    _write_hits(folder / "hits.bed", motifs)
    _write_page(folder / "index.html", motifs, rows, labels, facts, where)


def _write_hits(path: Path, motifs: Sequence[Described]) -> None:
    """Write BED: name, score (0 to 1,000 by the size of the effect), strand, then the effect."""
    lines = []
    for each in motifs:
        effects = each.hits.effects[:, each.motif.outputs[0]]
        largest = np.abs(effects).max(initial=0) or 1.0
        scores = np.rint(1000 * np.abs(effects) / largest).astype(int)
        lines += [
            (chrom, int(start), int(end), each.name, int(score), strand, f"{effect:.6g}")
            for chrom, start, end, score, strand, effect in zip(
                each.hits.chrom, each.hits.start, each.hits.end, scores, each.hits.strand, effects
            )
        ]
    with path.open("w", encoding="utf-8") as file:
        file.writelines("\t".join(map(str, line)) + "\n" for line in sorted(lines))


def _write_page(
    path: Path,
    motifs: Sequence[Described],
    rows: Sequence[Mapping[str, object]],
    labels: Sequence[str],
    facts: Sequence[str],
    where: str,
) -> None:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - not everywhere

    pages = Environment(
        loader=PackageLoader("basenji_kipoi.interpretation.motifs", ""),
        autoescape=True,
        undefined=StrictUndefined,
    )
    heading = ("motif", "consensus", "sites", "tracks", "effect", "known", "similarity")
    shown = [
        {
            "name": each.name,
            "title": each.title,
            "cells": ["-" if row[name] is None else row[name] for name in heading],
            "text": _text(each, row, labels, where),
            "figure": _inlined(each, where),
            "tracks": [
                (label, f"{values.mean():.3g}", f"{(values > 0).mean():.0%}")
                for label, values in zip(labels, each.hits.effects.T)
            ],
        }
        for each, row in zip(motifs, rows)
    ]
    page = pages.get_template("page.html.jinja").render(motifs=shown, heading=heading, facts=facts)
    path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _text(each: Described, row: Mapping[str, object], labels: Sequence[str], where: str) -> str:
    what = "raise" if each.motif.raises else "lower"
    tracks = ", ".join(labels[output] for output in each.motif.outputs)
    parts = [f"{row['sites']:,} sites {what} {tracks}; consensus {each.consensus}."]
    parts += [
        f"Like {known.name} (similarity {known.similarity:.2f}"
        + (f", E {known.chance:.2g})." if math.isfinite(known.chance) else ").")
        for known in each.known
    ]
    if row["distance_median"] is not None:
        parts.append(
            f"Half of the sites lie {row['distance_low']} to {row['distance_high']} bp from "
            f"{where}."
        )
    if math.isfinite(each.orientation):
        verdict = "matters" if each.orientation < 0.05 else "makes no clear difference"
        parts.append(
            f"Orientation {verdict}: mean effect {row['effect_same']} in the same direction, "
            f"{row['effect_other']} in the other (p {each.orientation:.2g})."
        )
    return " ".join(parts)


def _inlined(each: Described, where: str) -> str:
    content = io.BytesIO()
    motif_figure(each, where).savefig(content, format="png", dpi=_DOTS_PER_INCH)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _word(each: Described) -> str:
    """Name what a motif is like in one word; empty if it is like none."""
    return "_".join(each.known[0].name.split()) if each.known else ""


def _number(value: float) -> str | None:
    return f"{value:.4g}" if math.isfinite(value) else None
