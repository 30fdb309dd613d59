"""What pages take of a ranking: posteriors, and the scores that are computed already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import pyarrow.parquet

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.containers.parquet import read_parquet
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.locus.mechanisms.scored import SCORES, WINDOW, KnownScores
from basenji_kipoi.scoring.background import difference_of
from basenji_kipoi.scoring.metadata import read_metadata, settings_of
from basenji_kipoi.scoring.outputs import genes_path
from basenji_kipoi.scoring.parts.choice import choose

if TYPE_CHECKING:
    from pathlib import Path

    from basenji_kipoi.locus.linkage import Key
    from basenji_kipoi.locus.mechanisms.options import MechanismOptions
    from basenji_kipoi.models.model import Model

__all__ = ["RANKED", "read_posteriors", "read_ranked_scores"]

#: Files of a ranking that pages read.
RANKED = ("variants.parquet", "scores.parquet", "scores.genes.parquet")


def read_posteriors(folder: Path) -> dict[Key, float]:
    """Read the posteriors of `basenji rank`; of a variant in several sets, the largest.

    Parameters
    ----------
    folder
        What it wrote.

    Raises
    ------
    InputError
        If it is none.
    """
    path = folder / RANKED[0]
    if not path.is_file():
        raise InputError(
            f"--ranking {folder} has no variants.parquet: pass what basenji rank wrote"
        )
    columns = ["chrom", "pos", "ref", "alt", "posterior"]
    table = read_parquet(
        path, "ranking", texts=("chrom", "ref", "alt"), numbers=("pos", "posterior"), only=True
    )
    found: dict[Key, float] = {}
    for chrom, pos, ref, alt, value in zip(*(table[name].to_pylist() for name in columns)):
        if value is not None:
            key = chrom, pos, ref, alt
            found[key] = max(value, found.get(key, 0.0))
    return found


def read_ranked_scores(
    folder: Path, model: Model, fasta: Path, options: MechanismOptions
) -> tuple[Optional[KnownScores], str]:
    """Read the scores of a ranking, if they are those that pages would compute.

    Parameters
    ----------
    folder
        What `basenji rank` wrote.
    model, fasta, options
        What pages are made with.

    Returns
    -------
    tuple of KnownScores or None, and str
        The scores, or why they cannot be used.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    path = folder / RANKED[1]
    if not path.is_file():
        return None, f"it has no {path.name}"
    chosen = choose(
        model, scores=SCORES, tracks=options.tracks, bins=None, window=WindowRule(WINDOW),
        both_strands=options.both_strands, shifts=(0,), indels="stitch", reporter=None,
        oligos=Oligos(), has_genes=options.genes is not None,
    )  # fmt: skip
    if difference := difference_of(path, chosen.placed):
        return None, f"it was made with {difference}"
    before = settings_of(read_metadata(path))
    for name, file in (("fasta", fasta), ("genes", options.genes)):
        if file is not None and before[name] != checksum(file):
            return None, f"it was made with other --{name}" if before[name] else f"without --{name}"
    names = pyarrow.parquet.read_schema(path).names
    wanted = [f"{score}/{track}" for score in SCORES for track in chosen.columns]
    if missing := [name for name in wanted if name not in names]:
        return None, f"it has no column {missing[0]}"
    alleles = read_parquet(
        path, "scores", texts=("chrom", "ref", "alt", "status"),
        numbers=("pos", "window", *wanted), only=True,
    )  # fmt: skip
    genes = None if options.genes is None else read_parquet(genes_path(path), "scores of genes")
    return KnownScores(alleles, genes), ""
