"""Sequence, coordinates, annotation and alleles of a genome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.faces import face

if TYPE_CHECKING:
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Genes, read_genes
    from basenji_kipoi.genome.intervals import Interval, centred_window, read_bed
    from basenji_kipoi.genome.vcf import Variant, VariantFile

__all__ = [
    "Genes",
    "Genome",
    "Interval",
    "Variant",
    "VariantFile",
    "centred_window",
    "read_bed",
    "read_genes",
]

__getattr__, __dir__ = face(__name__)
