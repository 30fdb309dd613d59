"""Places and alleles of rsIDs, by a VCF that the user has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import NOT_IN_CELLS
from basenji_kipoi.genome.vcf import VariantFile

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

__all__ = ["KnownAllele", "places_of_rsids"]


class KnownAllele(NamedTuple):
    """An alternative allele of an rsID: contig, position from 1, REF and ALT of the VCF."""

    chrom: str
    pos: int
    ref: str
    alt: str


def places_of_rsids(
    path: str | os.PathLike[str], wanted: Collection[str]
) -> dict[str, list[KnownAllele]]:
    """Find rsIDs in a VCF or BCF file, in one reading; an index is not needed.

    Parameters
    ----------
    path
        The file, whose column ID has one or several identifiers, separated by ``;``.
    wanted
        The rsIDs.

    Returns
    -------
    dict of str to list of KnownAllele
        All alternative alleles of each rsID that the file has.

    Raises
    ------
    InputError
        If the file cannot be read, or no table can hold the contig or an allele of one of them.
    """
    wanted = set(wanted)
    found: dict[str, list[KnownAllele]] = {}
    with VariantFile(path) as variants:
        for variant in variants:
            for name in (variant.id or "").split(";"):
                if name in wanted:
                    known = KnownAllele(
                        variant.chrom, variant.pos, variant.ref.upper(), variant.alt.upper()
                    )
                    for text in (known.chrom, known.ref, known.alt):
                        if any(letter in text for letter in NOT_IN_CELLS):
                            raise InputError(f"{path}: {name}: {text!r} has a tab or a line end")
                    alleles = found.setdefault(name, [])
                    if known not in alleles:
                        alleles.append(known)
    return found
