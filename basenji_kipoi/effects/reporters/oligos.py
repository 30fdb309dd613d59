"""Oligos of alleles: what a reporter's library would carry of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, reverse_complement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from basenji_kipoi.base.sequence import Allele
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.networks.assays import Assay

__all__ = ["OligoPair", "OligoRule", "Oligos", "strands_of"]

#: Bases on either side of an allele that are read, in lengths of an insert: its first difference
#: may lie behind its first base, and an insert begins before that.
_REACH = 2
#: A promoter's variants, before and behind a start of transcription (bp).
_PROMOTER = 300, 50


class Oligos(NamedTuple):
    """How the alleles of a genome become sequences of a reporter's library.

    Attributes
    ----------
    insert : int or None
        Bases of the genome in each oligo (bp); None: as the usual sequence of the assay has.
    places : tuple of int or None
        Where the first base that differs lies in the insert (0-based): an oligo for each, whose
        activities are averaged. None: a quarter, half and three quarters of it.
    ends : tuple of str or None
        What an oligo has before and behind the insert; None: what nearly all sequences of the assay
        begin and end with.
    strand : {"both", "+", "-", "gene"}
        The direction in which the oligo is read; of ``both``, the mean. ``gene``: the direction of
        the genes whose promoter holds the allele, of several the mean; alleles in none have no
        scores. Rows of genes have the gene's direction, whatever this is.
    promoter : tuple of int
        A gene's variants are those from so many bases before one of its starts of transcription to
        so many from there on (bp).
    activities : tuple of str
        Names of the activities; all by default.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> bk.Oligos(insert=60, strand="gene").promoter
    (300, 50)
    """

    insert: Optional[int] = None
    places: Optional[tuple[int, ...]] = None
    ends: Optional[tuple[str, str]] = None
    strand: Literal["both", "+", "-", "gene"] = "both"
    promoter: tuple[int, int] = _PROMOTER
    activities: tuple[str, ...] = ()

    def first_other(self) -> str | None:
        """Return the name of the first entry that is not the usual one; None if all are."""
        usual = Oligos()
        return next((name for name, a, b in zip(self._fields, self, usual) if a != b), None)

    def strands(self, of_genes: Sequence[str]) -> str:
        """List the directions that are averaged of an allele in promoters of these strands."""
        if self.strand == "gene":
            return "".join(sorted(set("".join(map(strands_of, of_genes)))))
        return strands_of(self.strand)


def strands_of(strand: str) -> str:
    """List the directions of a strand: of one that is none, both."""
    return strand if strand in ("+", "-") else "+-"


class OligoPair(NamedTuple):
    """The inserts of an allele in one direction.

    Attributes
    ----------
    reference, alternative : ndarray, uint8, shape (oligos, insert)
        Codes; both of a row begin at the same base.
    start : int
        First base of the genome (0-based) that an oligo of the reference has.
    """

    reference: np.ndarray
    alternative: np.ndarray
    start: int


@dataclass(frozen=True)
class OligoRule:
    """Cuts oligos of alleles.

    Attributes
    ----------
    insert : int
        Bases of the genome in an oligo.
    places : tuple of int
        Where the first base that differs lies in the insert (0-based).
    before, behind : str
        What oligos have around it.
    """

    insert: int
    places: tuple[int, ...]
    before: str
    behind: str

    @classmethod
    def of(cls, asked: Oligos, assay: Assay, window: int) -> OligoRule:
        """Fit what was asked for to an assay.

        Parameters
        ----------
        asked
            What was asked for.
        assay
            What is taken where nothing was.
        window
            The reporter's window (bp).

        Raises
        ------
        InputError
            If the oligo has no base of the genome or is longer than the window, a place lies
            outside of the insert or stands twice, or ends have other letters.
        """
        before, behind = asked.ends or (assay.before, assay.behind)
        for end in (before, behind):
            if found := re.search("[^ACGTNacgtn]", end):
                raise InputError(f"--ends: {found[0]!r} is no base: expected A, C, G, T or N")
        insert = assay.insert if asked.insert is None else asked.insert
        longest = window - len(before) - len(behind)
        if longest < 1:
            raise InputError(
                f"--ends: {len(before)} and {len(behind)} bases leave no room for an insert in the "
                f"reporter's window of {window} bp"
            )
        if not 1 <= insert <= longest:
            raise InputError(
                f"--insert {insert}: expected 1 to {longest} bp, for with its ends the oligo must "
                f"fit the reporter's window of {window} bp"
            )
        places = asked.places
        if places is None:
            places = tuple(sorted({insert * quarter // 4 for quarter in (1, 2, 3)}))
        inside = all(0 <= place < insert for place in places)
        if not places or len(set(places)) < len(places) or not inside:
            raise InputError(
                f"--places {','.join(map(str, places))}: expected different bases of the insert, "
                f"0 to {insert - 1}"
            )
        if min(asked.promoter) < 0 or sum(asked.promoter) == 0:
            raise InputError(
                f"--promoter {','.join(map(str, asked.promoter))}: expected bases before and "
                "behind a start, for instance 300,50"
            )
        return cls(insert, tuple(places), before.upper(), behind.upper())

    def fits(self, allele: Allele, length: int) -> bool:
        """Tell whether a contig of some length (bp) is long enough for oligos of an allele."""
        shortest = min(length, length - allele.removed + len(allele.inserted))
        return shortest >= self.insert

    def cut(
        self, genome: Genome, contig: str, allele: Allele, strands: Iterable[str]
    ) -> list[OligoPair]:
        """Cut the inserts of an allele.

        The first base, in the direction of reading, at which the alleles differ lies at the
        places, as far as the contig reaches; so the same change gives the same oligos however a
        file writes it. Both alleles' inserts begin at the same base and have the same length:
        behind an insertion or deletion, one of them ends earlier in the genome.

        Parameters
        ----------
        genome
            The reference.
        contig, allele
            The allele; its position counts from the contig's start.
        strands
            Directions, of ``+`` and ``-``.

        Returns
        -------
        list of OligoPair
            One a direction. Alleles that do not differ have equal oligos.
        """
        reach = _REACH * self.insert
        end = allele.position + allele.removed
        first = max(allele.position - reach, 0)
        last = min(end + reach, genome.lengths[contig])
        reference = genome.codes(contig, first, last)
        cuts = allele.position - first, end - first
        parts = reference[: cuts[0]], allele.inserted, reference[cuts[1] :]
        alternative = np.concatenate(parts).astype(np.uint8)
        found = []
        for strand in strands:
            both, own = (reference, alternative), cuts[0]
            if strand == "-":
                both = reverse_complement(reference), reverse_complement(alternative)
                own = len(reference) - cuts[1]
            starts = self._starts(*both, own)
            index = starts[:, None] + np.arange(self.insert)
            left = first + starts[0]
            if strand == "-":
                left = last - int(starts[-1]) - self.insert
            found.append(OligoPair(both[0][index], both[1][index], int(left)))
        return found

    def _starts(self, reference: np.ndarray, alternative: np.ndarray, own: int) -> np.ndarray:
        """Find the first base of each insert: int, ascending, each once.

        ``own`` is the allele's first base, which stands for the first difference if there is none.
        """
        shortest = min(len(reference), len(alternative))
        differ = reference[:shortest] != alternative[:shortest]
        place = int(differ.argmax()) if differ.any() else own
        starts = place - np.array(self.places)
        return np.unique(np.clip(starts, 0, shortest - self.insert))

    def sequences(self, inserts: np.ndarray) -> np.ndarray:
        """Put inserts, uint8 (oligos, insert), between their ends: uint8 (oligos, oligo)."""
        ends = [
            np.broadcast_to(encode(end), (len(inserts), len(end)))
            for end in (self.before, self.behind)
        ]
        return np.concatenate([ends[0], inserts, ends[1]], axis=1)

    def described(self) -> dict[str, object]:
        """Say all that oligos depend on, as metadata hold it."""
        return {
            "insert": self.insert,
            "places": list(self.places),
            "ends": [self.before, self.behind],
        }
