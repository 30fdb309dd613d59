"""Where is explained: which bases of a window contribute to which of its predicted bins."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.intervals import Interval, centred_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Optional

    from basenji_kipoi.genome.genes import Gene, Genes
    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = [
    "Bins",
    "Question",
    "gene_questions",
    "genes_by_name",
    "genes_named",
    "interval_questions",
]

#: The bins that an interval overlaps, or all predicted bins of its window.
Bins = Literal["interval", "window"]


@dataclass(frozen=True)
class Question:
    """Which bases contribute what to which bins.

    Attributes
    ----------
    interval : Interval
        The bases that contribute; its name is the question's.
    window : int
        First base of the window that they stand in (0-based); it may lie before the contig.
    bins : tuple of int
        Predicted bins of the window, counted behind the crop.
    strand : str
        Strand of a gene, whose tracks of a strand pair are read; "." for the tracks as named.
    """

    interval: Interval
    window: int
    bins: tuple[int, ...]
    strand: str = "."


def interval_questions(
    intervals: Iterable[Interval],
    architecture: Architecture,
    lengths: Mapping[str, int],
    *,
    bins: Bins = "interval",
    length: Optional[int] = None,
    genes: Optional[Genes] = None,
    wanted: Sequence[Gene] = (),
) -> Iterator[Question]:
    """Ask what the bases of intervals contribute.

    An interval stands in the middle of its window, on the grid of bins, as in `basenji mutate`.

    Parameters
    ----------
    intervals
        The intervals.
    architecture
        The network's geometry.
    lengths
        Length of each contig (bp).
    bins
        To which bins of the window, where there are no genes.
    length
        Bases around the interval's middle that contribute (bp); the interval by default.
    genes, wanted
        Contributions to the bins of genes' starts instead: a question for each of ``wanted``, or
        for each of ``genes`` that starts in predicted bins.

    Raises
    ------
    InputError
        If an interval is longer than what a window predicts, the bases around it reach beyond its
        contig, or a wanted gene does not start in the predicted bins.
    """
    for interval in intervals:
        place = interval
        if length is not None:
            start, end = centred_window(interval.start, interval.end, length)
            if start < 0 or end > lengths[interval.chrom]:
                raise InputError(
                    f"--length {length}: the bases around the middle of {interval} reach beyond "
                    "its contig: take fewer, or leave the interval out"
                )
            place = replace(interval, start=start, end=end)
        _check_length(place, architecture)
        window = _window_around(place, architecture)
        if genes is None:
            yield Question(place, window, _bins_of(interval, window, architecture, bins))
            continue
        first = _first_base(window, architecture)
        size, middle = architecture.bin, (place.start + place.end) // 2
        inside = genes.within(place.chrom, first, architecture.bins, size, middle)
        found = {each.gene: each.bins for each in inside}
        for gene in wanted:
            if gene not in found:
                raise InputError(
                    f"--gene: {_label(gene)} ({gene.contig}:{gene.tss[0] + 1}) does not start in "
                    f"the bins that are predicted around {interval}: expected a start in "
                    f"{place.chrom}:{first + 1}-{first + architecture.bins * size}"
                )
        for gene in wanted or found:
            name = _label(gene) if place.name == "." else f"{place.name}:{_label(gene)}"
            named = replace(place, name=name)
            yield Question(named, window, tuple(found[gene].tolist()), gene.strand)


def gene_questions(
    genes: Iterable[Gene],
    architecture: Architecture,
    lengths: Mapping[str, int],
    *,
    length: Optional[int] = None,
) -> Iterator[Question]:
    """Ask what the bases around genes' starts contribute to the bins of these.

    Parameters
    ----------
    genes
        The genes; a window stands around the middle of each one's starts.
    architecture, lengths
        As `interval_questions` takes them.
    length
        Bases around the starts that contribute (bp), as far as the contig reaches; by default
        those of the window.

    Raises
    ------
    InputError
        If the starts of a gene lie farther apart than what a window predicts.
    """
    for gene in genes:
        starts = Interval(gene.contig, gene.tss[0], gene.tss[-1] + 1, _label(gene), gene.strand)
        window = _window_around(starts, architecture)
        begin, end = window, window + architecture.window
        if length is not None:
            begin, end = centred_window(starts.start, starts.end, length)
        place = replace(starts, start=max(begin, 0), end=min(end, lengths[gene.contig]))
        _check_length(place, architecture)
        _bins_of(starts, window, architecture, "interval")
        sites = np.array(gene.tss) - _first_base(window, architecture)
        bins = tuple(np.unique(sites // architecture.bin).tolist())
        yield Question(place, window, bins, gene.strand)


def genes_named(genes: Genes, names: str) -> list[Gene]:
    """Find genes by identifier or name.

    Parameters
    ----------
    genes
        The genes.
    names
        Identifiers or names, separated by commas.

    Raises
    ------
    InputError
        If a gene is not in the annotation; suggests near names.
    """
    known, found = genes_by_name(genes), []
    for name in map(str.strip, names.split(",")):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
            hint = f": did you mean {', '.join(near)}?" if near else ""
            raise InputError(f"--gene: no gene {name!r} in the annotation{hint}")
        found += known[name]
    return list(dict.fromkeys(found))


def genes_by_name(genes: Iterable[Gene]) -> dict[str, list[Gene]]:
    """Map each identifier and each name to the genes that have it."""
    known: dict[str, list[Gene]] = {}
    for gene in genes:
        for key in {gene.gene_id, gene.name} - {""}:
            known.setdefault(key, []).append(gene)
    return known


def _label(gene: Gene) -> str:
    return gene.name or gene.gene_id


def _window_around(interval: Interval, architecture: Architecture) -> int:
    # A window of a single bin has no grid to stand on, as in `basenji mutate`.
    grid = architecture.bin if architecture.window > architecture.bin else 1
    return centred_window(interval.start, interval.end, architecture.window, grid=grid)[0]


def _first_base(window: int, architecture: Architecture) -> int:
    return window + architecture.crop * architecture.bin


def _bins_of(
    interval: Interval, window: int, architecture: Architecture, bins: Bins
) -> tuple[int, ...]:
    if bins == "window":
        return tuple(range(architecture.bins))
    first = _first_base(window, architecture)
    begin = (interval.start - first) // architecture.bin
    end = -(-(interval.end - first) // architecture.bin)
    if begin < 0 or end > architecture.bins:
        predicted = architecture.bins * architecture.bin
        raise InputError(
            f"{interval} reaches beyond the {predicted:,} bp that a window predicts: cut it"
        )
    return tuple(range(begin, end))


def _check_length(interval: Interval, architecture: Architecture) -> None:
    if len(interval) > architecture.window:
        raise InputError(
            f"{interval} is longer than the window of {architecture.window:,} bp: cut it"
        )
