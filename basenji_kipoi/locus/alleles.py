"""Alleles of a table matched to those of the genome: strands, the order of alleles, the assembly.

Nothing is guessed: where two readings fit, the variant keeps its row with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, letters, reverse_complement
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.genome.variant_checks import likely_cause
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.locus.variants import Matching, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["Matched", "Placed", "match_alleles"]

#: Share of alleles of a right table that fit the genome on one strand at least; of another
#: assembly, one of two letters fits by chance in about half of all places.
_FITTING = 0.75
#: Rows by which an assembly is judged.
_ENOUGH = 20


@dataclass(frozen=True)
class Placed:
    """Where a row says that its variant lies.

    Attributes
    ----------
    row : int
        Number of its line.
    chrom, pos : str, int
        Its contig and position (from 1); empty and 0 if not known.
    first, second : str
        Its alleles; the second is the one that effects are of.
    is_ref : bool
        Whether the table says that the first is the genome's.
    reason : Reason or None
        Why there is no place.
    """

    row: int
    chrom: str
    pos: int
    first: str
    second: str
    is_ref: bool
    reason: Optional[Reason] = None


@dataclass(frozen=True)
class Matched:
    """A variant in the genome's alleles, or the reason why there are none."""

    chrom: str
    pos: int
    ref: str
    alt: str
    matching: Matching = Matching.same
    reason: Optional[Reason] = None


def match_alleles(placed: Sequence[Placed], genome: Genome, name: str) -> list[Matched]:
    """Match the alleles of a table to the genome.

    Parameters
    ----------
    placed
        Its rows.
    genome
        The genome.
    name
        What messages call the table.

    Returns
    -------
    list of Matched
        In the order of the rows.

    Raises
    ------
    InputError
        If most alleles fit the genome on neither strand; says the rate and the likely cause.

    Notes
    -----
    SNVs, and other alleles of the same length, may be given on the other strand and in the other
    order. A/T and C/G read the same on both strands: they are taken as they are, unless another row
    of the table lies on the other strand. Of an insertion or deletion both alleles may fit the
    genome; which is REF must then be said by the table.
    """
    contigs = matching_contigs({each.chrom for each in placed}, genome.lengths)
    fits = [_fits(each, contigs.get(each.chrom), genome) for each in placed]
    _check_assembly(placed, fits, contigs, genome, name)
    flipped = any(
        found and not _is_palindromic(each) and not any(kind in found for kind in _FORWARD)
        for each, found in zip(placed, fits)
        if isinstance(found, set)
    )
    return [
        _matched(each, contigs.get(each.chrom), found, flipped=flipped)
        for each, found in zip(placed, fits)
    ]


_FORWARD = (Matching.same, Matching.swapped)


def _fits(each: Placed, contig: str | None, genome: Genome) -> set[Matching] | Reason:
    """Find in which ways a row's alleles fit the genome."""
    if each.reason is not None:
        return each.reason
    if not (each.first and each.second):
        return Reason.no_alleles
    if not re.fullmatch("[ACGT]+", each.first + each.second):
        return Reason.not_acgt
    if each.first == each.second:
        return Reason.same_alleles
    if contig is None:
        return Reason.unknown_contig
    start = each.pos - 1
    longest = max(len(each.first), len(each.second))
    if start < 0 or start + min(len(each.first), len(each.second)) > genome.lengths[contig]:
        return Reason.off_contig
    end = min(start + longest, genome.lengths[contig])
    there = _text(genome.codes(contig, start, end))
    found = set()
    if there.startswith(each.first):
        found.add(Matching.same)
    if there.startswith(each.second):
        found.add(Matching.swapped)
    # The base before an insertion or deletion is another one on the other strand.
    if len(each.first) == len(each.second):
        if there == _complement(each.first):
            found.add(Matching.flipped)
        if there == _complement(each.second):
            found.add(Matching.flipped_swapped)
    return found


def _matched(
    each: Placed, contig: str | None, found: set[Matching] | Reason, *, flipped: bool
) -> Matched:
    def without(reason: Reason) -> Matched:
        # The genome's name all the same: loci are told apart by it.
        return Matched(contig or each.chrom, each.pos, each.first, each.second, reason=reason)

    if isinstance(found, Reason):
        return without(found)
    if not found:
        return without(Reason.ref_mismatch)
    if _is_palindromic(each) and flipped:
        return without(Reason.ambiguous_strand)
    forward = [kind for kind in _FORWARD if kind in found]
    if len(forward) == 2 and not each.is_ref:
        return without(Reason.ambiguous_alleles)
    kind = forward[0] if forward else next(kind for kind in Matching if kind in found)
    first, second = each.first, each.second
    if kind in (Matching.flipped, Matching.flipped_swapped):
        first, second = _complement(first), _complement(second)
    if kind in (Matching.swapped, Matching.flipped_swapped):
        first, second = second, first
    return Matched(contig, each.pos, first, second, kind)


def _complement(allele: str) -> str:
    return _text(reverse_complement(encode(allele)))


def _text(codes: np.ndarray) -> str:
    return "".join(letters(codes))


def _is_palindromic(each: Placed) -> bool:
    return each.first == _complement(each.second)


def _check_assembly(
    placed: Sequence[Placed],
    fits: Sequence[set[Matching] | Reason],
    contigs: dict[str, str],
    genome: Genome,
    name: str,
) -> None:
    compared = [
        (each, found)
        for each, found in zip(placed, fits)
        if isinstance(found, set) and len(each.first) == len(each.second)
    ]
    unknown = [each for each, found in zip(placed, fits) if found is Reason.unknown_contig]
    if unknown and len(unknown) == sum(bool(each.chrom) for each in placed):
        raise InputError(
            f"{name}: {genome.path} has none of its contigs: no {unknown[0].chrom!r}, but "
            f"{', '.join(list(genome.lengths)[:5])}"
        )
    if len(compared) < _ENOUGH:
        return
    kinds = np.array([[kind in found for kind in Matching] for _, found in compared])
    if max(kinds[:, :2].any(axis=1).mean(), kinds[:, 2:].any(axis=1).mean()) >= _FITTING:
        return
    wrong = [
        (Variant(0, each.chrom, each.pos, None, each.first, each.second), contigs[each.chrom])
        for each, found in compared
        if Matching.same not in found
    ]
    raise InputError(
        f"{name}: REF is not the genome's sequence in {len(wrong)} of {len(compared)} variants "
        f"({len(wrong) / len(compared):.0%}): {likely_cause(wrong, {}, genome)}"
    )
