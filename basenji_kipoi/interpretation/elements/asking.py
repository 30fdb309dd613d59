"""Which elements are asked about which genes: geometry, distances and classes, no network."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.questions import (
    Question,
    gene_questions,
    genes_by_name,
    genes_named,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Optional

    from basenji_kipoi.genome.genes import Gene, Genes
    from basenji_kipoi.interpretation.elements.options import ElementOptions
    from basenji_kipoi.interpretation.elements.places import Elements
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["CLASSES", "Asked", "Left", "ask"]

#: What an element is to a gene, by its distance from the gene's starts.
CLASSES = ("promoter", "proximal", "distal")


@dataclass(frozen=True)
class Asked:
    """A gene and the elements in its window.

    Attributes
    ----------
    gene : Gene
        The gene.
    question : Question
        Its window and bins.
    starts, ends : ndarray, int64, shape (elements,)
        Places of the elements [start, end) (0-based).
    names : ndarray, object, shape (elements,)
        Their names.
    rows : ndarray, int64, shape (elements,)
        Which of the given elements each is; -1 for pieces of the window.
    """

    gene: Gene
    question: Question
    starts: np.ndarray
    ends: np.ndarray
    names: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def distances(self) -> np.ndarray:
        """Bases from the nearest start of the gene to each element's middle, negative before it."""
        return self._sign * ((self.starts + self.ends) // 2 - self._nearest)

    def places(self, distances: Sequence[int]) -> np.ndarray:
        """Find where each element would begin whose middle lies at other distances.

        Returns
        -------
        ndarray, int64, shape (elements, distances)
            First bases (0-based), counted from the start that is nearest to the element now.
        """
        middles = self._nearest[:, None] + self._sign * np.array(distances, dtype=np.int64)
        return middles - ((self.ends - self.starts) // 2)[:, None]

    @property
    def _sign(self) -> int:
        return -1 if self.gene.strand == "-" else 1

    @property
    def _nearest(self) -> np.ndarray:
        """The gene's start that is nearest to each element's middle."""
        starts = np.array(self.gene.tss, dtype=np.int64)
        middles = (self.starts + self.ends) // 2
        return starts[np.abs(middles[:, None] - starts).argmin(axis=1)]

    def classes(self, options: ElementOptions) -> np.ndarray:
        """Name each element's class: object, of `CLASSES`."""
        limits = [options.promoter, options.proximal]
        places = np.searchsorted(limits, np.abs(self.distances), side="left")
        return np.array(CLASSES, dtype=object)[places]


class Left(NamedTuple):
    """A given element that is not computed, or not for a gene.

    Attributes
    ----------
    row : int
        Which of the given elements it is.
    gene : str
        The gene's name as it was given; empty for none.
    status : str
        Why.
    """

    row: int
    gene: str
    status: str


def ask(
    genes: Genes,
    elements: Optional[Elements],
    architecture: Architecture,
    lengths: Mapping[str, int],
    options: ElementOptions,
) -> tuple[list[Asked], list[Left], list[Gene]]:
    """Find the elements of each gene.

    Parameters
    ----------
    genes
        The annotation.
    elements
        The given elements; None: pieces of the genes' windows.
    architecture, lengths
        The network's geometry, and the length of each contig (bp).
    options
        What is asked.

    Returns
    -------
    asked : list of Asked
        The genes that have elements.
    left : list of Left
        Given elements that no gene, or not the gene that they were given with, is asked for.
    unread : list of Gene
        Genes that nobody named, whose starts lie too far apart for one window.

    Raises
    ------
    InputError
        If a named gene is not in the annotation, or does not fit into a window, an element is
        longer than the window, or nothing is left to be computed.
    """
    if elements is not None:
        _check_lengths(elements.intervals, architecture)
    named = None if options.gene is None else genes_named(genes, options.gene)
    left: list[Left] = []
    if elements is None or elements.genes is None:
        wanted = dict.fromkeys(named or genes)
    else:
        wanted, left = _of_table(genes, elements, named)
    asked: list[Asked] = []
    unread: list[Gene] = []
    served: set[int] = set()
    by_contig = _by_contig(elements)
    for gene, rows in wanted.items():
        try:
            (question,) = gene_questions([gene], architecture, lengths)
        except InputError:
            if named is not None:
                raise
            unread.append(gene)
            continue
        if elements is None:
            found = _pieces(gene, question, options.size or architecture.bin)
        else:
            among = by_contig.get(gene.contig, np.empty(0, dtype=np.int64))
            found = _given(gene, question, elements, architecture, among if rows is None else rows)
            served.update(found.rows.tolist())
            if rows is not None:
                away = sorted(set(rows.tolist()) - set(found.rows.tolist()))
                left += [Left(row, elements.genes[row], "outside of the window") for row in away]
        if len(found):
            asked.append(found)
    if elements is not None and elements.genes is None:
        alone = (row for row in range(len(elements.intervals)) if row not in served)
        left += [Left(row, "", "in no gene's window") for row in alone]
    if not asked:
        raise InputError(
            "no element lies within the window of a gene: expected elements "
            f"within {architecture.window // 2:,} bp of a gene's start"
        )
    return asked, left, unread


def _of_table(
    genes: Genes, elements: Elements, named: Optional[Sequence[Gene]]
) -> tuple[dict[Gene, np.ndarray], list[Left]]:
    """Find the rows of each gene of a table."""
    known, left = genes_by_name(genes), []
    rows: dict[Gene, list[int]] = defaultdict(list)
    for row, name in enumerate(elements.genes):
        if name not in known:
            left.append(Left(row, name, "no such gene"))
        for gene in known.get(name, ()):
            if named is None or gene in named:
                rows[gene].append(row)
    if not rows:
        what = "gene of the elements" if named is None else "element of the genes of --gene"
        raise InputError(f"no {what} is there: {elements.genes[0]!r}, for instance, is none")
    return {gene: np.array(places) for gene, places in rows.items()}, left


def _by_contig(elements: Optional[Elements]) -> dict[str, np.ndarray]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, interval in enumerate([] if elements is None else elements.intervals):
        rows[interval.chrom].append(row)
    return {contig: np.array(places) for contig, places in rows.items()}


def _given(
    gene: Gene,
    question: Question,
    elements: Elements,
    architecture: Architecture,
    rows: np.ndarray,
) -> Asked:
    """Take those of some elements that lie in the window as a whole."""
    places = [elements.intervals[row] for row in rows.tolist()]
    starts = np.array([place.start for place in places], dtype=np.int64)
    ends = np.array([place.end for place in places], dtype=np.int64)
    on_contig = np.array([place.chrom == gene.contig for place in places], dtype=bool)
    end = question.window + architecture.window
    kept = on_contig & (starts >= question.window) & (ends <= end)
    names = np.array([_name(place) for place in places], dtype=object)
    return Asked(gene, question, starts[kept], ends[kept], names[kept], rows[kept])


def _pieces(gene: Gene, question: Question, size: int) -> Asked:
    """Divide a window, as far as its contig reaches, into pieces from its first base on."""
    place = question.interval
    skipped = (place.start - question.window) // size
    starts = np.arange(question.window + skipped * size, place.end, size, dtype=np.int64)
    ends = np.minimum(starts + size, place.end)
    starts = np.maximum(starts, place.start)
    names = [f"{place.chrom}:{start}-{end}" for start, end in zip(starts, ends)]
    return Asked(
        gene, question, starts, ends, np.array(names, dtype=object), np.full(len(starts), -1)
    )


def _name(place: Interval) -> str:
    return str(place) if place.name == "." else place.name


def _check_lengths(intervals: Iterable[Interval], architecture: Architecture) -> None:
    for number, interval in enumerate(intervals, 1):
        if len(interval) > architecture.window:
            raise InputError(
                f"element {number}, {_name(interval)} of {len(interval):,} bp, is longer than the "
                f"window of {architecture.window:,} bp: cut it, or leave it out"
            )
