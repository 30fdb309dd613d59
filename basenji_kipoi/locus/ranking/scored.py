"""Tables of scores that rankings are made of: those of random variants above all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.locus.mechanisms.scored import WINDOW
from basenji_kipoi.locus.ranking.effects import Scored
from basenji_kipoi.locus.ranking.files import BACKGROUND
from basenji_kipoi.scoring.background import Background
from basenji_kipoi.scoring.outputs import genes_path
from basenji_kipoi.scoring.parts.choice import choose

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_kipoi.locus.ranking.options import RankOptions
    from basenji_kipoi.models.model import Model

__all__ = ["check_background", "own_background", "read_scored"]


def check_background(path: Path, model: Model, options: RankOptions, *, has_genes: bool) -> None:
    """Check that random variants were scored as those of the loci will be.

    Parameters
    ----------
    path
        ``background.parquet`` of a ranking.
    model, options, has_genes
        What the loci are ranked with.

    Raises
    ------
    InputError
        If they were not; says in what they differ.
    """
    chosen = choose(
        model, scores=[options.score], tracks=options.tracks, bins=None,
        window=WindowRule(WINDOW), both_strands=options.both_strands, shifts=(0,),
        indels="stitch", reporter=None, oligos=Oligos(), has_genes=has_genes,
    )  # fmt: skip
    Background(path, chosen.scores, chosen.columns, chosen.placed)
    if has_genes and not genes_path(path).exists():
        raise InputError(
            f"the background {path} has no table of genes beside it ({genes_path(path).name}): "
            "make it with --genes"
        )


def own_background(model: Model, options: RankOptions, *, has_genes: bool) -> Path | None:
    """Find the random variants that lie in a model's folder; None if there are none that fit.

    Parameters
    ----------
    model, options, has_genes
        What loci are ranked with. Who asks for a number of random variants wants others.
    """
    if options.random is not None or len(model.bundles) > 1:
        return None
    path = model.bundles[0].path / BACKGROUND
    if not path.exists():
        return None
    try:
        check_background(path, model, options, has_genes=has_genes)
    except InputError:
        # For instance of another score.
        return None
    return path


def read_scored(path: Path, *, has_genes: bool) -> Scored:
    """Read tables of scores: of alleles, and of their genes beside them."""
    alleles = pyarrow.parquet.read_table(path)
    return Scored(alleles, pyarrow.parquet.read_table(genes_path(path)) if has_genes else None)
