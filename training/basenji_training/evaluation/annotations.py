"""What an evaluation compares with beside the store: genes, replicates, peaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.intervals import Interval, read_annotated
from basenji_training.evaluation.track_replicates import Replicate, read_replicates
from basenji_training.store.genome import StoreGenome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.models.targets import Targets
    from basenji_training.store.store import Store

__all__ = ["Annotations", "read_annotations"]


@dataclass(frozen=True)
class Annotations:
    """What is known of a genome and its tracks beside the store.

    Attributes
    ----------
    genes : sequence of Gene, optional
        Genes, whose expression is compared, on the store's chromosomes.
    flank : int
        Bases to each side of a transcription start site that count as the gene's.
    contrasts : sequence of str
        Pairs of tracks, as `basenji_training.evaluation.gene_expression.contrasts_of` reads them.
    replicates : sequence of Replicate
        Replicates of tracks.
    peaks : mapping of str to sequence of Interval
        Track -> its peaks, on the store's chromosomes; peaks of other tracks are called.
    """

    genes: Sequence[Gene] | None = None
    flank: int = 256
    contrasts: Sequence[str] = ()
    replicates: Sequence[Replicate] = ()
    peaks: Mapping[str, Sequence[Interval]] = field(default_factory=dict)


def read_annotations(
    store: Store,
    targets: Targets,
    *,
    split: str,
    genes: Path | None = None,
    flank: int = 256,
    contrasts: Sequence[str] = (),
    replicates: Path | None = None,
    folder: Path | None = None,
    peaks: Sequence[str] = (),
) -> Annotations:
    """Read further inputs.

    Parameters
    ----------
    store
        Knows the chromosomes.
    targets
        The model's tracks.
    split
        train, validation or test: on whose chromosomes genes and peaks are placed.
    genes
        GTF file.
    flank, contrasts
        As `Annotations` has them.
    replicates, folder
        As `basenji_training.evaluation.track_replicates.read_replicates` takes them.
    peaks
        Each ``TRACK=BED``.

    Raises
    ------
    InputError
        If a file cannot be read or does not fit, or a track is unknown.
    """
    if contrasts and genes is None:
        raise InputError("--contrast compares genes: name their GTF file with --genes")
    genome = StoreGenome(store, split)
    intervals = {}
    for text in peaks:
        track, equals, file = text.partition("=")
        if not (track and equals and file):
            raise InputError(f"--peaks {text}: expected TRACK=BED, such as atac=peaks.bed")
        columns = targets.columns_of(track, option="--peaks")
        known = genome.place_intervals(read_annotated(file, genome))
        for column in columns:
            if targets.labels[column] in intervals:
                raise InputError(f"--peaks {text}: {targets.labels[column]} has peaks already")
            intervals[targets.labels[column]] = known
    return Annotations(
        genome.place_genes(read_genes(genes, genome)) if genes else None,
        flank,
        contrasts,
        read_replicates(replicates, targets, folder=folder) if replicates else (),
        intervals,
    )
