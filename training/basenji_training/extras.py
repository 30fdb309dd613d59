"""What an evaluation may look at beside the store: genes, replicates, peaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from basenji_kipoi.errors import InputError
from basenji_kipoi.genes import Genes, read_genes
from basenji_kipoi.intervals import Interval, read_bed
from basenji_training.replicate_tracks import Replicate, read_replicates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.targets import Targets
    from basenji_training.store import Store

__all__ = ["Extras", "read_extras"]


class _Contigs(NamedTuple):
    """A store as what knows contigs (`basenji_kipoi.genome.Contigs`)."""

    path: Path
    lengths: Mapping[str, int]


@dataclass(frozen=True)
class Extras:
    """Further inputs of an evaluation.

    Attributes
    ----------
    genes : Genes, optional
        Genes, whose expression is compared.
    flank : int
        Bases to each side of a transcription start site that count as the gene's.
    contrasts : sequence of str
        Pairs of tracks, as `basenji_training.gene_expression.contrasts_of` reads them.
    replicates : sequence of Replicate
        Replicates of tracks.
    peaks : mapping of str to sequence of Interval
        Track -> its peaks; peaks of other tracks are called.
    """

    genes: Genes | None = None
    flank: int = 256
    contrasts: Sequence[str] = ()
    replicates: Sequence[Replicate] = ()
    peaks: Mapping[str, Sequence[Interval]] = field(default_factory=dict)


def read_extras(
    store: Store,
    targets: Targets,
    *,
    genes: Path | None = None,
    flank: int = 256,
    contrasts: Sequence[str] = (),
    replicates: Path | None = None,
    folder: Path | None = None,
    peaks: Sequence[str] = (),
) -> Extras:
    """Read further inputs.

    Parameters
    ----------
    store
        Knows the chromosomes.
    targets
        The model's tracks.
    genes
        GTF file.
    flank, contrasts
        As `Extras` has them.
    replicates, folder
        As `basenji_training.replicate_tracks.read_replicates` takes them.
    peaks
        Each ``TRACK=BED``.

    Raises
    ------
    InputError
        If a file cannot be read or does not fit, or a track is unknown.
    """
    if contrasts and genes is None:
        raise InputError("--contrast compares genes: name their GTF file with --genes")
    contigs = _Contigs(store.path, store.chromosomes)
    intervals = {}
    for text in peaks:
        track, equals, file = text.partition("=")
        if not (track and equals and file):
            raise InputError(f"--peaks {text}: expected TRACK=BED, such as atac=peaks.bed")
        columns = targets.columns_of(track, option="--peaks")
        known = read_bed(file, store.chromosomes)
        for column in columns:
            if targets.labels[column] in intervals:
                raise InputError(f"--peaks {text}: {targets.labels[column]} has peaks already")
            intervals[targets.labels[column]] = known
    return Extras(
        read_genes(genes, contigs) if genes else None,
        flank,
        contrasts,
        read_replicates(replicates, targets, folder=folder) if replicates else (),
        intervals,
    )
