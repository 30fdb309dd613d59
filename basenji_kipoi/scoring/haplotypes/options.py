"""The options of a run that compares two haplotypes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from basenji_kipoi.effects.reporters.oligos import Oligos

__all__ = ["HaplotypeOptions"]


@dataclass(frozen=True)
class HaplotypeOptions:
    """What is compared: the options of ``basenji haplotypes`` of the same names, as values.

    Attributes
    ----------
    model : tuple of Path
        Bundles, whose predictions are averaged.
    fasta, vcf, genes, out : Path, str, Path, Path
        The genome, the variants with genotypes, the genes (GTF), and the output.
    first, second : str
        The haplotypes: ``reference``, ``SAMPLE``, ``SAMPLE:1`` or ``SAMPLE:2``. Scores are the
        second's less the first's.
    tracks : tuple of str or int, or None
        Identifiers, patterns or indices of tracks; None for all.
    both_strands : bool or None
        Whether predictions are averaged over the strands; None as each model's metadata says.
    counts : bool
        Whether scores of tracks are of counts of the coverage.
    reporter : str or None
        Name of the reporter whose activities are compared; None for tracks.
    oligos : Oligos
        What the reporter's oligos are.
    max_allele : int or None
        Longest REF or ALT that is applied (bp); None: as ``basenji score`` has it.
    """

    model: tuple[Path, ...]
    fasta: Path
    vcf: str
    genes: Path
    out: Path
    first: str
    second: str
    tracks: Optional[tuple[Union[str, int], ...]] = None
    both_strands: Optional[bool] = None
    counts: bool = False
    reporter: Optional[str] = None
    oligos: Oligos = Oligos()  # noqa: RUF009 - as immutable as a number
    max_allele: Optional[int] = None
