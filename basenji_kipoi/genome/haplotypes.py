"""Haplotypes: all variants of one copy of a sample's genome, and the sequences that they make."""

from __future__ import annotations

import bisect
import difflib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_kipoi.genome.contig_names import did_you_mean
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.genome.vcf import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pysam

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.variant_checks import AlleleChecks
    from basenji_kipoi.genome.vcf import VariantFile

__all__ = ["REFERENCE", "Copy", "Haplotype", "Stretch", "read_haplotypes"]

#: What names the genome itself.
REFERENCE = "reference"
#: So many variants are judged by, and such a share of other REFs is taken for another assembly.
_ENOUGH, _TOLERATED = 20, 0.2
#: Samples that a message names.
_SHOWN = 5
#: Why a variant of a haplotype is left out, beside the statuses of alleles.
_MISSING, _UNPHASED, _OVERLAPPING = "missing_genotype", "unphased", "overlapping"
_HAPLOID = "haploid"


class Copy(NamedTuple):
    """Which copy of a genome is meant.

    Attributes
    ----------
    sample : str or None
        Name of the sample; None for the reference.
    number : int or None
        Which of its alleles, from 1; None for a sample that has one, or equal ones.
    """

    sample: str | None
    number: int | None

    @classmethod
    def named(cls, name: str, samples: Sequence[str], where: str) -> Copy:
        """Find what is meant by ``reference``, ``SAMPLE``, ``SAMPLE:1`` or ``SAMPLE:2``.

        Raises
        ------
        InputError
            If there is no such sample.
        """
        if name in samples:
            return cls(name, None)
        sample, _, number = name.rpartition(":")
        if sample in samples and number in ("1", "2"):
            return cls(sample, int(number))
        if name == REFERENCE:
            return cls(None, None)
        if not samples:
            raise InputError(f"{where} has no genotypes: expected a VCF with a column of {name}")
        asked = sample if number in ("1", "2") else name
        near = difflib.get_close_matches(asked, samples, n=_SHOWN, cutoff=0.5)
        shown = sorted(samples, key=lambda each: each not in near)[:_SHOWN]
        more = ", …" if len(samples) > _SHOWN else ""
        raise InputError(
            f"{where} has no sample {asked!r} (it has {', '.join(shown)}{more}): expected "
            "reference, SAMPLE, or SAMPLE:1 or SAMPLE:2 of a phased one"
        )


class Stretch(NamedTuple):
    """A stretch of a haplotype.

    Attributes
    ----------
    codes : ndarray, uint8, shape (bases,)
        Its bases.
    origin : ndarray, int64, shape (bases,)
        The reference's base (0-based) that each stands for, never descending: an inserted base
        stands for the last one that it replaces.
    applied : int
        Variants in it.
    """

    codes: np.ndarray
    origin: np.ndarray
    applied: int

    def place(self, position: int | np.ndarray) -> np.ndarray:
        """Find where bases of the reference are: of one that is deleted, the next one."""
        return np.searchsorted(self.origin, position)


@dataclass
class Haplotype:
    """Variants of a copy of a genome, contig by contig, from left to right.

    Attributes
    ----------
    variants : dict of str to list of tuple
        Start and end of what is replaced (0-based, half-open), and codes of what stands there.
    left_out : dict of str to list of tuple
        Start and end of a record that is not applied, and the reason.
    phase_sets : dict of str to list of tuple
        Start of a heterozygous record whose phase set is known, and that set (``PS``).
    """

    variants: dict[str, list[tuple[int, int, np.ndarray]]] = field(default_factory=dict)
    left_out: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    phase_sets: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _known: dict[str, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def sorted(self) -> Haplotype:
        """Put variants in order; of those that overlap, the first one counts."""
        found = Haplotype(left_out={contig: list(rows) for contig, rows in self.left_out.items()})
        found.phase_sets = {contig: sorted(rows) for contig, rows in self.phase_sets.items()}
        for contig, rows in self.variants.items():
            kept, end = [], -1
            for variant in sorted(rows, key=lambda row: row[:2]):
                if variant[0] < end:
                    found.left_out.setdefault(contig, []).append((*variant[:2], _OVERLAPPING))
                    continue
                kept.append(variant)
                end = variant[1]
            found.variants[contig] = kept
        return found

    def reasons(self, contig: str, start: int, end: int) -> Counter[str]:
        """Count why records of an interval are left out."""
        rows = self.left_out.get(contig, ())
        return Counter(reason for first, last, reason in rows if first < end and last > start)

    def sets_within(self, contig: str, start: int, end: int) -> set[str]:
        """List the phase sets of the heterozygous records that begin in an interval."""
        rows = self.phase_sets.get(contig, [])
        first, last = (bisect.bisect_left(rows, (each,)) for each in (start, end))
        return {name for _, name in rows[first:last]}

    def within(self, contig: str, start: int, end: int) -> list[tuple[int, int, np.ndarray]]:
        """List the variants whose first base lies in an interval."""
        starts, _ = self._bounds(contig)
        first, last = np.searchsorted(starts, [start, end])
        return self.variants.get(contig, [])[first:last]

    def overlapping(self, contig: str, start: int, end: int) -> list[tuple[int, int, np.ndarray]]:
        """List the variants that replace some base of an interval."""
        starts, ends = self._bounds(contig)
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end)
        return self.variants.get(contig, [])[first:last]

    def _bounds(self, contig: str) -> tuple[np.ndarray, np.ndarray]:
        """List starts and ends of a contig's variants, both in order: none overlap."""
        if contig not in self._known:
            rows = self.variants.get(contig, [])
            starts, ends = (np.array([row[end] for row in rows], dtype=np.int64) for end in (0, 1))
            self._known[contig] = starts, ends
        return self._known[contig]

    def longer(self, contig: str, start: int, end: int) -> int:
        """Count the bases that insertions of an interval add."""
        rows = self.within(contig, start, end)
        return sum(max(len(codes) - (last - first), 0) for first, last, codes in rows)

    def around(
        self,
        genome: Genome,
        contig: str,
        anchor: int,
        before: int,
        behind: int,
        only: tuple[int, int] | None = None,
    ) -> Stretch:
        """Read the haplotype around a base.

        Parameters
        ----------
        genome
            The reference.
        contig, anchor
            A base of the reference (0-based); if it is deleted, the next one.
        before, behind
            Bases of the haplotype before it, and from it on.
        only
            Variants that begin in this interval of the reference are applied; all by default.

        Returns
        -------
        Stretch
            Of ``before + behind`` bases, unknown beyond the contig's ends.
        """
        slack = 0
        while True:
            first, last = anchor - before - slack, anchor + behind + slack
            rows = self.overlapping(contig, first, last)
            if rows:
                # A variant is read whole, or an edge in it would hide what it does behind the edge.
                first, last = min(first, rows[0][0]), max(last, rows[-1][1])
            if only is not None:
                rows = [row for row in rows if only[0] <= row[0] < only[1]]
            whole = _applied(genome, contig, first, last, rows)
            place = int(whole.place(anchor))
            if place >= before and len(whole.codes) - place >= behind:
                cut = slice(place - before, place + behind)
                origin = whole.origin[cut]
                applied = sum(origin[0] <= row[0] <= origin[-1] for row in rows)
                return Stretch(whole.codes[cut], origin, applied)
            # Deletions took bases away: read more of the reference.
            slack = 2 * slack + before + behind


def _applied(
    genome: Genome,
    contig: str,
    first: int,
    last: int,
    rows: Sequence[tuple[int, int, np.ndarray]],
) -> Stretch:
    reference, places = genome.codes(contig, first, last), np.arange(first, last)
    codes, origin, here = [], [], first
    for start, end, inserted in rows:
        codes += [reference[here - first : start - first], inserted]
        stands_for = np.minimum(start + np.arange(len(inserted)), end - 1)
        origin += [places[here - first : start - first], stands_for]
        here = end
    codes.append(reference[here - first :])
    origin.append(places[here - first :])
    return Stretch(np.concatenate(codes), np.concatenate(origin), len(rows))


def read_haplotypes(
    variants: VariantFile,
    checks: AlleleChecks,
    copies: Sequence[Copy],
    advance: Callable[[int], object],
) -> list[Haplotype]:
    """Read the variants of copies of a genome, the file once.

    Parameters
    ----------
    variants
        The file.
    checks
        The checks that alleles must pass to be applied.
    copies
        Which copies.
    advance
        Called with a number of records that were read.

    Returns
    -------
    list of Haplotype
        One a copy.

    Raises
    ------
    InputError
        If a record is malformed.
    """
    found = [Haplotype() for _ in copies]
    unknown = None
    for number, record in variants.records():
        with variants.naming(number):
            if checks.contig(record.chrom) is None:
                unknown = unknown or record.chrom
                continue
            for copy, haplotype in zip(copies, found):
                if copy.sample is not None:
                    _add(haplotype, copy, record, number, checks)
        advance(1)
    if unknown and not any(checks.contigs.values()):
        raise InputError(
            f"{variants.name}: {checks.genome.path} has none of its contigs: no {unknown!r}"
            f"{did_you_mean(unknown, checks.genome.lengths)}"
        )
    for copy, haplotype in zip(copies, found):
        _check_assembly(copy, haplotype, variants, checks)
    return [haplotype.sorted() for haplotype in found]


def _check_assembly(
    copy: Copy, haplotype: Haplotype, variants: VariantFile, checks: AlleleChecks
) -> None:
    """Check that most variants have the genome's REF."""
    reasons = Counter(reason for rows in haplotype.left_out.values() for *_, reason in rows)
    differ = reasons[Status.ref_mismatch.value]
    compared = differ + sum(map(len, haplotype.variants.values()))
    if compared >= _ENOUGH and differ > _TOLERATED * compared:
        raise InputError(
            f"{variants.name}: REF is not the sequence of {checks.genome.path} in {differ:,} of "
            f"{compared:,} variants of {copy.sample}: pass the genome that they were called on"
        )


def _add(
    haplotype: Haplotype,
    copy: Copy,
    record: pysam.VariantRecord,
    number: int,
    checks: AlleleChecks,
) -> None:
    """Add what a record says of a copy: a variant, nothing, or why it is left out."""
    called = record.samples[copy.sample]
    index, reason = _index_of(called.allele_indices, copy.number, is_phased=called.phased)
    if reason is None and copy.number is not None and len(set(called.allele_indices)) > 1:
        name = called.get("PS")
        if name is not None:
            sets = haplotype.phase_sets.setdefault(checks.contigs[record.chrom], [])
            sets.append((record.pos - 1, str(name)))
    if reason is None and not index:
        return
    alt = record.alts[index - 1] if index else "."
    variant = Variant(number, record.chrom, record.pos, record.id, record.ref, alt)
    contig = checks.contigs[record.chrom]
    start, end = record.pos - 1, record.pos - 1 + len(record.ref)
    if reason is None:
        checked = checks(variant)
        # What another record deleted is no variant of this one.
        if checked.status is Status.spanning_deletion:
            return
        reason = None if checked.status is Status.ok else checked.status.value
    if reason is not None:
        haplotype.left_out.setdefault(contig, []).append((start, end, reason))
        return
    if variant.ref.upper() != alt.upper():
        haplotype.variants.setdefault(contig, []).append((start, end, encode(alt)))


def _index_of(
    indices: tuple[int | None, ...] | None, number: int | None, *, is_phased: bool
) -> tuple[int, str | None]:
    """Find which allele a copy has (0 is the reference's), or why that is not known."""
    if not indices or None in indices:
        return 0, _MISSING
    if number is not None and number > len(indices):
        return 0, _HAPLOID
    if len(set(indices)) == 1:
        return indices[0], None
    if number is None or not is_phased:
        return 0, _UNPHASED
    return indices[number - 1], None
