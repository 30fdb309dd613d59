"""Measured effects of natural yeast variants, and the genes that they act on.

Everything is as published: the reference allele is that of BY (the genome), the alternative that of
RM, and a positive effect is more expression with RM's allele.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from cyvcf2 import VCF

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Gene, Genes

__all__ = [
    "Measurement",
    "first_base",
    "genes_by_id",
    "read_eqtl",
    "read_haplotypes",
    "read_mpra",
    "start_of",
]

#: The start of transcription lies in this part of a gene (bp before and behind the first base of
#: its coding sequence, which is where the annotation lets genes begin).
UPSTREAM, DOWNSTREAM = 400, 100
#: The part of a gene whose variants make a promoter's haplotype.
PROMOTER_UPSTREAM, PROMOTER_DOWNSTREAM = 1000, 200
_RM = "RMx"


class Measurement(NamedTuple):
    """A measured effect of an allele on a gene.

    Attributes
    ----------
    gene : Gene
        The gene.
    position : int
        First base of the allele (0-based).
    ref, alt : str
        Alleles.
    effect : float
        Measured effect.
    significant : bool
        Whether the source calls it significant (5 % false discovery).
    """

    gene: Gene
    position: int
    ref: str
    alt: str
    effect: float
    significant: bool


def genes_by_id(genes: Genes, genome: Genome) -> dict[str, Gene]:
    """List genes by their identifiers."""
    return {
        found.gene.gene_id: found.gene
        for contig, length in genome.lengths.items()
        for found in genes.within(contig, 0, 1, length, 0)
    }


def first_base(gene: Gene) -> int:
    """First base of a gene in its own direction (0-based)."""
    return max(gene.tss) if gene.strand == "-" else min(gene.tss)


def start_of(gene: Gene, upstream: int = UPSTREAM, downstream: int = DOWNSTREAM) -> tuple[int, int]:
    """Bases [start, end) around the gene's first one, in genome order."""
    first = first_base(gene)
    if gene.strand == "-":
        return first + 1 - downstream, first + 1 + upstream
    return first - upstream, first + downstream


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise InputError(f"{path} is missing: --data names the folder with the yeast data")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


def read_mpra(folder: Path, genes: Mapping[str, Gene]) -> list[Measurement]:
    """Read effects on reporters: logFC of RNA over DNA, one a variant."""
    return [
        Measurement(
            gene=genes[row["gene"]],
            position=int(row["pos"]) - 1,
            ref=row["ref"],
            alt=row["alt"],
            effect=float(row["logFC"]),
            significant=float(row["adj.P.Val"]) < 0.05,
        )
        for row in _rows(folder / "variants" / "mpra.tsv.gz")
        if row["gene"] in genes
    ]


def read_eqtl(folder: Path, genes: Mapping[str, Gene]) -> list[Measurement]:
    """Read local eQTLs: the coefficient of the marker with the strongest association."""
    found = []
    for row in _rows(folder / "variants" / "local_eqtl.tsv.gz"):
        place, _, alleles = row["pmarker"].partition("_")
        ref, _, alt = alleles.partition("/")
        if row["gene"] in genes and ref and alt:
            found.append(
                Measurement(
                    gene=genes[row["gene"]],
                    position=int(place.partition(":")[2]) - 1,
                    ref=ref,
                    alt=alt,
                    effect=float(row["lm.coeff"]),
                    significant=True,
                )
            )
    return found


def read_haplotypes(folder: Path, eqtl: list[Measurement], genome: Genome) -> list[Measurement]:
    """Put all of RM's variants in a gene's promoter into one allele, for each local eQTL.

    Genes without a variant there are left out.
    """
    places = defaultdict(list)
    # cyvcf2 reads what gzip compressed, too, where pysam wants bgzip.
    file = VCF(str(folder / "variants" / "BY_RM.vcf.gz"), samples=[_RM])
    for record in file:
        allele = record.genotypes[0][0]
        if allele > 0:
            row = record.start, record.REF, record.ALT[allele - 1]
            places[record.CHROM].append(row)
    file.close()
    starts = {chrom: np.array([start for start, *_ in rows]) for chrom, rows in places.items()}
    found = []
    for measured in eqtl:
        gene = measured.gene
        begin, end = start_of(gene, PROMOTER_UPSTREAM, PROMOTER_DOWNSTREAM)
        first, last = np.searchsorted(starts[gene.contig], [begin, end])
        chosen, behind = [], begin
        for start, ref, alt in places[gene.contig][first:last]:
            # Where records overlap, the first one counts.
            if start >= behind and start + len(ref) <= end:
                chosen.append((start, ref, alt))
                behind = start + len(ref)
        if chosen:
            ref, alt = _joined(chosen, genome, gene.contig)
            found.append(measured._replace(position=chosen[0][0], ref=ref, alt=alt))
    return found


def _joined(variants: list[tuple[int, str, str]], genome: Genome, contig: str) -> tuple[str, str]:
    """Join neighbouring variants to one pair of alleles."""
    start, (last, ref, _) = variants[0][0], variants[-1]
    codes = genome.codes(contig, start, last + len(ref))
    letters = "".join("ACGTN"[code] for code in codes)
    parts, here = [], start
    for place, reference, alternative in variants:
        parts += [letters[here - start : place - start], alternative]
        here = place + len(reference)
    return letters, "".join(parts)
