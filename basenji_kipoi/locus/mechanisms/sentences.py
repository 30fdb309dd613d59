"""A mechanism in one sentence, made of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from basenji_kipoi.base.sequence import short_allele

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.locus.mechanisms.record import Mechanism

__all__ = ["percent", "sentence_of"]

#: Changes that are smaller (log2) are called none: a hundredth of a doubling is 0.7 %.
_NONE = 0.01


def percent(change: float) -> str:
    """Write a change (log2) as per cent: ``+12 %``; several-fold ones as ``x 3.1``."""
    ratio = 2.0**change
    if ratio >= 2:
        return f"x {ratio:.1f}"
    return f"{100 * (ratio - 1):+.{0 if abs(ratio - 1) >= 0.1 else 1}f} %"


def sentence_of(record: Mechanism) -> str:
    """Say what a variant does, and how."""
    alleles = f"{short_allele(record.ref)}>{short_allele(record.alt)}"
    return f"{record.chrom}:{record.pos:,} {alleles} " + "; ".join(_parts(record))


def _parts(record: Mechanism) -> Iterator[str]:
    first = record.tracks[0]
    if abs(first.change) < _NONE:
        yield f"changes no track by more than {percent(_NONE).lstrip('+')}"
    else:
        verb = "raises" if first.change > 0 else "lowers"
        yield f"{verb} {first.track} around it most ({percent(first.change)})"
    if record.motifs:
        motif = record.motifs[0]
        verb = {
            "gained": "makes a site of",
            "lost": "takes a site of",
            "strengthened": "strengthens a site of",
            "weakened": "weakens a site of",
        }[motif.kind]
        read = "that the model reads" if motif.agrees else "that the model does not read"
        yield (
            f"{verb} {motif.name} (p {motif.reference_p:.1g} to {motif.alternative_p:.1g}), {read}"
        )
    target = record.target
    if target is None:
        return
    if abs(target.change) < _NONE:
        yield f"changes no start of a gene by more than {percent(_NONE).lstrip('+')}"
        return
    is_nearest = record.target_gene == record.nearest_gene
    near = "also the nearest" if is_nearest else f"where {record.nearest_gene} is the nearest"
    yield (
        f"the gene that changes most is {target.gene} ({percent(target.change)} of "
        f"{target.track} at its start, {target.distance:,} bp away), {near}"
    )
    if record.element is not None and target.element_change is not None:
        yield (
            f"shuffling {record.element.name}, in which it lies, changes {target.gene} by "
            f"{percent(target.element_change)} ({target.element_track})"
        )
