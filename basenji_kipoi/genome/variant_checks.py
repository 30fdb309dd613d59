"""Which alleles can be scored: their kind, their place, and whether REF is the genome's.

Every allele has a status. One that cannot be scored keeps its row with its status, which says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, encode, reverse_complement
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.vcf import Variant

__all__ = ["AlleleChecks", "CheckRef", "Checked", "Status", "assembly_checked", "likely_cause"]

#: Alleles whose REF is compared before any work is spent, and how many are enough to judge by.
_SURVEYED, _ENOUGH = 1000, 20
#: A rate of REF mismatches above this one is taken for another assembly. Base composition alone
#: makes it about 70%; a few differ where the caller's reference was patched or masked.
_TOLERATED = 0.2


class Status(str, Enum):
    """What became of an allele; the values stand in the column ``status``."""

    ok = "ok"
    no_alternative = "no_alternative"
    spanning_deletion = "spanning_deletion"
    symbolic = "symbolic"
    breakend = "breakend"
    not_acgtn = "not_acgtn"
    unknown_contig = "unknown_contig"
    off_contig = "off_contig"
    too_long = "too_long"
    short_contig = "short_contig"
    no_promoter = "no_promoter"
    ref_mismatch = "ref_mismatch"

    @property
    def meaning(self) -> str:
        """Why an allele of this status has no scores, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.ok: "scored",
    Status.no_alternative: "ALT is '.'",
    Status.spanning_deletion: "ALT is '*', deleted by another record",
    Status.symbolic: "ALT is symbolic, such as <DEL>: its bases are not given",
    Status.breakend: "ALT is a breakend",
    Status.not_acgtn: "letters other than A, C, G, T, N",
    Status.unknown_contig: "the genome has no such contig",
    Status.off_contig: "REF lies outside of its contig",
    Status.too_long: "REF or ALT is longer than --max-allele",
    Status.short_contig: "the contig is shorter than the reporter's insert",
    Status.no_promoter: "no gene's promoter holds it, and --strand gene was asked for",
    Status.ref_mismatch: "REF is not the genome's sequence",
}


class CheckRef(str, Enum):
    """What to do where REF is not the genome's sequence."""

    warn = "warn"
    fail = "fail"
    skip = "skip"
    off = "off"


class Checked(NamedTuple):
    """An allele's status.

    Attributes
    ----------
    status : Status
        Whether it can be scored.
    contig : str or None
        The genome's name of its contig.
    ref_match : bool or None
        Whether REF is the genome's sequence, wherever neither is N; None if it was not compared, or
        if there is no base where neither is N.
    """

    status: Status
    contig: Optional[str] = None
    ref_match: Optional[bool] = None


@dataclass
class AlleleChecks:
    """Checks alleles one at a time.

    Attributes
    ----------
    genome : Genome
        The reference.
    name : str
        What messages call the file of the variants.
    check_ref : CheckRef
        What to do with a mismatch of REF. ``warn``: the allele is scored, its bases in the place of
        the genome's, and ``ref_match`` says so.
    longest : int
        Longest REF or ALT that is scored (bp).
    """

    genome: Genome
    name: str
    check_ref: CheckRef
    longest: int
    #: The genome's contig of each name that was met.
    contigs: dict[str, Optional[str]] = field(default_factory=dict)

    def __call__(self, variant: Variant) -> Checked:
        """Check an allele.

        Raises
        ------
        InputError
            If REF is not the genome's sequence and ``check_ref`` is ``fail``.
        """
        contig = self.contig(variant.chrom)
        kind = _kind(variant)
        if kind is not None:
            return Checked(kind, contig)
        if contig is None:
            return Checked(Status.unknown_contig)
        start = variant.pos - 1
        if start < 0 or start + len(variant.ref) > self.genome.lengths[contig]:
            return Checked(Status.off_contig, contig)
        if max(len(variant.ref), len(variant.alt)) > self.longest:
            return Checked(Status.too_long, contig)
        if self.check_ref is CheckRef.off:
            return Checked(Status.ok, contig)
        expected = self.genome.codes(contig, start, start + len(variant.ref))
        reference = encode(variant.ref)
        if not np.any((reference != UNKNOWN) & (expected != UNKNOWN)):
            # Nothing can be compared, as where a caller writes N for a REF that it does not know.
            return Checked(Status.ok, contig)
        match = _agree(reference, expected)
        if not match and self.check_ref is CheckRef.fail:
            raise InputError(
                f"{self.name}: record {variant.record + 1} ({variant.chrom}:{variant.pos} "
                f"{variant.ref[:20]}>{variant.alt[:20]}): REF is not the genome's sequence in "
                f"{self.genome.path}: --check-ref skip leaves such alleles unscored, "
                "--check-ref warn scores them"
            )
        skipped = not match and self.check_ref is CheckRef.skip
        return Checked(Status.ref_mismatch if skipped else Status.ok, contig, match)

    def contig(self, name: str) -> str | None:
        """Return the genome's name of a contig."""
        if name not in self.contigs:
            self.contigs[name] = matching_contigs([name], self.genome.lengths).get(name)
        return self.contigs[name]

    @property
    def renamed(self) -> dict[str, str]:
        """The genome's names of contigs that have another one in the variants' file."""
        return {name: ours for name, ours in self.contigs.items() if ours and ours != name}


def _kind(variant: Variant) -> Status | None:
    """Tell why an allele's letters cannot be scored; None if they can."""
    alt = variant.alt
    if alt == ".":
        return Status.no_alternative
    if alt == "*":
        return Status.spanning_deletion
    if alt.startswith("<"):
        return Status.symbolic
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return Status.breakend
    if not re.fullmatch("[ACGTNacgtn]+", variant.ref + alt):
        return Status.not_acgtn
    return None


def _agree(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Tell whether codes are equal wherever both are known."""
    return bool(np.all((ours == theirs) | (ours == UNKNOWN) | (theirs == UNKNOWN)))


def assembly_checked(
    alleles: Iterable[Variant], checks: AlleleChecks, header: Mapping[str, int]
) -> Iterator[Variant]:
    """Check that variants belong to a genome, by the REF of the first thousand that can be scored.

    Parameters
    ----------
    alleles
        The alleles of a file, in its order.
    checks
        The checks that they will pass; these must compare REF.
    header
        Length of each contig that the file's header gives one (bp).

    Yields
    ------
    Variant
        The same alleles; those behind the first thousand pass unseen.

    Raises
    ------
    InputError
        If more than a fifth of at least 20 alleles differ, or the genome has none of their contigs;
        says the rate and the likely cause.
    """
    alleles = iter(alleles)
    compared, mismatches, unknown = 0, [], []
    for variant in alleles:
        checked = checks(variant)
        if checked.status is Status.unknown_contig:
            unknown.append(variant.chrom)
        if checked.ref_match is not None:
            compared += 1
            if not checked.ref_match:
                mismatches.append((variant, checked.contig))
        if compared + len(unknown) == _SURVEYED:
            _judge(compared, mismatches, unknown, checks, header)
            yield variant
            yield from alleles
            return
        yield variant
    _judge(compared, mismatches, unknown, checks, header)


def _judge(
    compared: int,
    mismatches: list[tuple[Variant, str]],
    unknown: list[str],
    checks: AlleleChecks,
    header: Mapping[str, int],
) -> None:
    genome, name = checks.genome, checks.name
    told = "--check-ref warn, skip or off goes on all the same"
    if unknown and not compared:
        raise InputError(
            f"{name}: {genome.path} has none of the contigs of the first {len(unknown)} "
            f"alleles: no {unknown[0]!r}{did_you_mean(unknown[0], genome.lengths)} ({told})"
        )
    if compared >= _ENOUGH and len(mismatches) > _TOLERATED * compared:
        raise InputError(
            f"{name}: REF is not the genome's sequence in {len(mismatches)} of the first "
            f"{compared} alleles ({len(mismatches) / compared:.0%}): "
            f"{likely_cause(mismatches, header, genome)} ({told})"
        )


def likely_cause(
    mismatches: Sequence[tuple[Variant, str]], header: Mapping[str, int], genome: Genome
) -> str:
    """Guess, for a message, why REFs differ from the genome.

    Parameters
    ----------
    mismatches
        Variants whose REF is not the genome's, and the genome's names of their contigs.
    header
        Length of each contig that the file's header gives one (bp).
    genome
        The genome.
    """
    for name, contig in matching_contigs(header, genome.lengths).items():
        if header[name] != genome.lengths[contig]:
            return (
                f"the file was made with another assembly, whose {name} has {header[name]:,} bp, "
                f"not {genome.lengths[contig]:,}: pass its FASTA file, or lift the variants over"
            )

    def explains(shift: int, *, strand: bool = False, swapped: bool = False) -> bool:
        agreeing = 0
        for variant, contig in mismatches:
            codes = encode(variant.alt if swapped else variant.ref)
            codes = reverse_complement(codes) if strand else codes
            start = variant.pos - 1 + shift
            agreeing += _agree(codes, genome.codes(contig, start, start + len(codes)))
        return agreeing > 0.9 * len(mismatches)

    if explains(1):
        return "its positions seem to count from 0: add 1 to each"
    if explains(-1):
        return "its positions seem to lie one base too far to the right: subtract 1 from each"
    if explains(0, swapped=True):
        return "REF and ALT seem to have changed places"
    if explains(0, strand=True):
        return "its alleles seem to be given on the other strand"
    return (
        f"the variants seem to be of another assembly than {genome.path}: pass its FASTA file, or "
        "lift the variants over"
    )
