"""Expression of genes, as the coverage around their transcription start sites (TSS)."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.strands import strands_of
from basenji_training.measures.rank_figures import correlation_of, spearman

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.genes import Gene
    from basenji_kipoi.models.targets import Target, Targets
    from basenji_training.measures.held_out import Place
    from basenji_training.store.windows import Windows

__all__ = ["LEAST_COUNTS", "Contrast", "Expression", "Measurement", "contrasts_of", "measurements"]

#: Genes with fewer observed counts in two conditions together have a ratio that is mostly noise.
LEAST_COUNTS = 10


class Measurement(NamedTuple):
    """A measurement of expression: an unstranded track, or the two tracks of a strand pair.

    Attributes
    ----------
    name : str
        The track's identifier; of a pair, what both identifiers begin with.
    assay, sample : str
        As the targets table has them.
    forward, reverse : int
        Tracks that genes on the plus and on the minus strand read.
    """

    name: str
    assay: str
    sample: str
    forward: int
    reverse: int

    @property
    def is_stranded(self) -> bool:
        """Whether there is a track for each strand."""
        return self.forward != self.reverse


class Contrast(NamedTuple):
    """Two measurements whose ratio is predicted.

    Attributes
    ----------
    numerator, denominator : int
        Places in the list of measurements.
    """

    numerator: int
    denominator: int


def measurements(targets: Targets) -> list[Measurement]:
    """List what tracks measure, in the order of the table."""
    found = []
    for target, strand in zip(targets, strands_of(targets), strict=True):
        partner = targets[target.strand_pair]
        is_pair = partner is not target
        if is_pair and strand == "-":
            continue
        found.append(
            Measurement(
                _shared_name(target, partner) if is_pair else target.identifier,
                target.assay,
                target.sample,
                target.index,
                partner.index,
            )
        )
    return found


def _shared_name(target: Target, partner: Target) -> str:
    """Name a strand pair by what both identifiers begin with; by both if that is nothing."""
    letters = takewhile(
        lambda pair: pair[0] == pair[1], zip(target.identifier, partner.identifier, strict=False)
    )
    name = "".join(letter for letter, _ in letters).rstrip("_-.:/+")
    return name or f"{target.identifier}/{partner.identifier}"


def contrasts_of(asked: Sequence[str], targets: Targets) -> list[Contrast]:
    """Read contrasts, each as two tracks separated by a comma.

    Parameters
    ----------
    asked
        For instance ``stress_plus,control_plus``: the ratio of the first to the second. Either
        track of a strand pair stands for both.
    targets
        The tracks.

    Raises
    ------
    InputError
        If there are not two different tracks, or one is unknown.
    """
    place = {}
    for number, each in enumerate(measurements(targets)):
        place[each.forward] = place[each.reverse] = number
    found = []
    for text in asked:
        columns = targets.columns_of(text, option="--contrast")
        numbers = [place[column] for column in columns]
        if len(numbers) != 2 or numbers[0] == numbers[1]:
            raise InputError(
                f"--contrast {text}: expected two tracks of different measurements, such as "
                "stress_plus,control_plus"
            )
        found.append(Contrast(*numbers))
    return found


class Expression:
    """Collects the bins around TSSs (`basenji_training.measures.held_out.Collector`).

    The expression of a gene is the sum of the counts of all bins that lie within `flank` bases of
    one of its TSSs, each once, on the gene's strand where a measurement has strands.

    Parameters
    ----------
    genes
        The genes, on the store's chromosomes.
    windows
        The windows that will be added.
    targets
        The model's tracks.
    flank
        Bases to each side of a TSS.

    Attributes
    ----------
    genes : list of Gene
        Those on the chromosomes of the split.

    Raises
    ------
    InputError
        If no gene lies there.
    """

    def __init__(
        self, genes: Sequence[Gene], windows: Windows, targets: Targets, *, flank: int
    ) -> None:
        self.flank, self._bin = flank, windows.store.bin
        chromosomes = list(dict.fromkeys(windows[number][0] for number in range(len(windows))))
        self.genes: list[Gene] = [gene for gene in genes if gene.contig in chromosomes]
        if not self.genes:
            raise InputError(
                f"the annotation has no gene on the chromosomes of the {windows.split} split "
                f"({', '.join(chromosomes[:5])})"
            )
        self.measurements = measurements(targets)
        shape = len(self.genes), len(targets)
        self._predicted, self._observed = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._block = np.zeros(len(self.genes), dtype=int)
        self._left = np.zeros(len(self.genes), dtype=int)
        self._bins = {chromosome: self._bins_of(chromosome) for chromosome in chromosomes}

    def _bins_of(self, chromosome: str) -> tuple[np.ndarray, np.ndarray]:
        """Bins around TSSs of a chromosome, ascending, and the number of each one's gene."""
        sites = [
            (tss, number)
            for number, gene in enumerate(self.genes)
            if gene.contig == chromosome
            for tss in gene.tss
        ]
        tss, number = np.array(sites, dtype=int).reshape(-1, 2).T
        first = np.maximum(tss - self.flank, 0) // self._bin
        reach = (tss + self.flank) // self._bin - first
        steps = np.arange(reach.max(initial=0) + 1)
        inside = steps <= reach[:, None]
        bins, owners = (first[:, None] + steps)[inside], np.repeat(number, inside.sum(axis=1))
        pairs = np.unique(np.stack([bins, owners], axis=1), axis=0)
        self._left += np.bincount(pairs[:, 1], minlength=len(self.genes))
        return pairs[:, 0], pairs[:, 1]

    def see(self, place: Place, predicted: np.ndarray, observed: np.ndarray) -> None:
        """Add a window's bins to the genes that they belong to."""
        bins, owners = self._bins[place.chromosome]
        first = place.start // self._bin
        here = slice(*np.searchsorted(bins, [first, first + len(predicted)]))
        rows, numbers = bins[here] - first, owners[here]
        np.add.at(self._predicted, numbers, predicted[rows])
        np.add.at(self._observed, numbers, observed[rows])
        np.subtract.at(self._left, numbers, 1)
        self._block[numbers] = place.block

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Return predicted and observed expression, counts: float32 (genes, measurements) each.

        NaN for a gene of which some bin is missing, was not predicted or lies outside of its
        chromosome.
        """
        strand = np.array([gene.strand for gene in self.genes])[:, None]
        forward, reverse = np.array([[m.forward, m.reverse] for m in self.measurements]).T
        both = (strand != "+") & (strand != "-") & (forward != reverse)
        found = []
        for counts in (self._predicted, self._observed):
            own = np.where(strand == "-", counts[:, reverse], counts[:, forward])
            own = np.where(both, counts[:, forward] + counts[:, reverse], own)
            found.append(np.where(self._left[:, None] == 0, own, np.nan))
        return found[0], found[1]

    def ratios(self, contrast: Contrast) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return predicted and observed log2 ratios of a contrast, and who has enough counts.

        Returns
        -------
        predicted, observed : ndarray, float32, shape (genes,)
            log2((1 + numerator) / (1 + denominator)).
        expressed : ndarray, bool, shape (genes,)
            Whether the two have `LEAST_COUNTS` observed counts together.
        """
        pair = list(contrast)
        predicted, observed = (values[:, pair] for values in self.values())
        logs = [
            np.diff(np.log2(1 + values[:, ::-1]), axis=1)[:, 0] for values in (predicted, observed)
        ]
        return logs[0], logs[1], observed.sum(axis=1) >= LEAST_COUNTS

    def figures(self, contrasts: Sequence[Contrast]) -> dict[str, Any]:
        """Measure the agreement: of each measurement over genes, and of each contrast."""
        predicted, observed = self.values()
        every = _correlated(np.log1p(predicted), np.log1p(observed), self._block)
        nonzero = np.where(observed > 0, observed, np.nan)
        some = _correlated(np.log1p(predicted), np.log1p(nonzero), self._block)
        return {
            "genes": len(self.genes),
            "flank": self.flank,
            "units": "counts of the bins around a gene's TSSs, on its strand; log(1 + counts)",
            "measurements": [
                {
                    "name": each.name,
                    "assay": each.assay,
                    "sample": each.sample,
                    **{name: values[number] for name, values in every.items()},
                    **{f"nonzero_{name}": values[number] for name, values in some.items()},
                    **self._strands(each),
                }
                for number, each in enumerate(self.measurements)
            ],
            "contrasts": [self._contrasted(contrast) for contrast in contrasts],
        }

    def _strands(self, measurement: Measurement) -> dict[str, Any]:
        """Count what genes have on the other strand, which tells a swapped pair."""
        if not measurement.is_stranded:
            return {}
        strand = np.array([gene.strand for gene in self.genes])
        pair = self._observed[:, [measurement.forward, measurement.reverse]]
        own, other = (
            float(np.nansum(np.where(strand == "-", pair[:, b], pair[:, a])[strand != "."]))
            for a, b in ((0, 1), (1, 0))
        )
        return {"own_strand_share": own / (own + other) if own + other else np.nan}

    def _contrasted(self, contrast: Contrast) -> dict[str, Any]:
        predicted, observed, expressed = self.ratios(contrast)
        columns = np.stack([predicted, np.where(expressed, predicted, np.nan)], axis=1)
        figures = _correlated(columns, np.stack([observed, observed], axis=1), self._block)
        return {
            "numerator": self.measurements[contrast.numerator].name,
            "denominator": self.measurements[contrast.denominator].name,
            "units": "log2 of the ratio of 1 + counts",
            **{name: values[0] for name, values in figures.items()},
            "least_counts": LEAST_COUNTS,
            **{f"expressed_{name}": values[1] for name, values in figures.items()},
        }


def _correlated(
    predicted: np.ndarray, observed: np.ndarray, block: np.ndarray
) -> dict[str, np.ndarray]:
    """Correlate (genes, columns): figures by name, a value a column."""
    pearson = correlation_of(predicted, observed, block)
    ranks, _ = spearman(predicted, observed, block)
    return {
        "genes": pearson.number,
        "pearson": pearson.result(),
        "pearson_interval": pearson.interval().T,
        "spearman": ranks,
    }
