"""Which genes the elements that hold variants drive: exact knock-outs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.outputs import choose_outputs
from basenji_kipoi.interpretation.elements.asking import ask
from basenji_kipoi.interpretation.elements.effects import ElementEffects
from basenji_kipoi.interpretation.elements.options import ElementOptions
from basenji_kipoi.interpretation.elements.places import Elements
from basenji_kipoi.interpretation.elements.table import OK, columns_of
from basenji_kipoi.locus.mechanisms.record import ElementPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.locus.mechanisms.options import MechanismOptions
    from basenji_kipoi.locus.mechanisms.scored import Place
    from basenji_kipoi.models.model import Model

__all__ = ["Driving", "element_of"]


def element_of(
    place: Place, given: Optional[Sequence[Interval]], size: int
) -> Optional[ElementPlace]:
    """Find the element that holds a variant's first base.

    Parameters
    ----------
    place
        The variant.
    given
        Elements; the shortest one that holds it counts. None: ``size`` bases around it are one, on
        a grid of a quarter of that, so that neighbours share elements.
    size
        Bases of such an element (bp).

    Returns
    -------
    ElementPlace or None
        None if no given one holds it.
    """
    position = place.pos - 1
    if given is None:
        step = max(size // 4, 1)
        middle = position // step * step + step // 2
        start = max(middle - size // 2, 0)
        name = f"{place.chrom}:{start + 1:,}-{start + size:,}"
        return ElementPlace(
            name=name, chrom=place.chrom, start=start, end=start + size, is_given=False
        )
    holding = [
        each for each in given if each.chrom == place.chrom and each.start <= position < each.end
    ]
    if not holding:
        return None
    found = min(holding, key=len)
    name = str(found) if found.name == "." else found.name
    return ElementPlace(
        name=name, chrom=found.chrom, start=found.start, end=found.end, is_given=True
    )


@dataclass(frozen=True)
class Driving:
    """What knock-outs of elements do to genes.

    Attributes
    ----------
    found : dict
        For (contig, start, end) of an element and the identifier of a gene: the track, log2 of the
        gene without the element over that with it, and its spread.
    """

    found: Mapping[tuple[tuple[str, int, int], str], tuple[str, float, float]]

    @classmethod
    def of(
        cls,
        model: Model,
        genome: Genome,
        genes: Genes,
        elements: Sequence[Optional[ElementPlace]],
        tracks: Sequence[int],
        options: MechanismOptions,
    ) -> Driving:
        """Knock out elements for every gene in whose window they lie.

        Parameters
        ----------
        model, genome, genes
            The model, the reference, and the genes.
        elements
            The elements; each is computed once.
        tracks
            Indices of the tracks that are read.
        options
            Draws, seed and strands.
        """
        places = dict.fromkeys(
            (each.chrom, each.start, min(each.end, genome.lengths[each.chrom]))
            for each in elements
            if each is not None
        )
        if not places or not tracks or options.genes is None:
            return cls({})
        asking = ElementOptions(
            options.genes,
            method="knock-out",
            draws=options.draws,
            seed=options.seed,
            both_strands=options.both_strands,
        )
        labels = ",".join(model.targets[track].identifier for track in tracks)
        outputs = choose_outputs(model.targets, tracks=labels, is_stranded=True)
        given = Elements([Interval(*place) for place in places])
        try:
            asked, *_ = ask(genes, given, model.architecture, genome.lengths, asking)
        except InputError:
            # No gene is within reach of any of them.
            return cls({})
        effects = ElementEffects(model.members, genome, outputs, asking)
        found: dict = {}
        for each in asked:
            columns = columns_of(each, effects.find(each, lambda _: None), outputs, asking, given)
            names = ("chrom", "start", "end", "gene_id", "track", "log2_ratio", "status")
            rows = zip(*(columns[name].tolist() for name in names), _spread(columns))
            for chrom, start, end, gene_id, track, change, status, spread in rows:
                key = (chrom, start, end), gene_id
                if status == OK and (key not in found or abs(change) > abs(found[key][1])):
                    found[key] = track, change, spread
        return cls(found)

    def changes(self, element: Optional[ElementPlace], gene_id: str) -> dict[str, object]:
        """Return what an element does to a gene, by the names of the record."""
        if element is None:
            return {}
        key = (element.chrom, element.start, element.end), gene_id
        if key not in self.found:
            return {}
        track, change, spread = self.found[key]
        return {"element_track": track, "element_change": change, "element_spread": spread}


def _spread(columns: Mapping[str, object]) -> list[float]:
    """Turn the spread of the knock-outs into one of their log2, to first order."""
    without = columns["value"] + columns["effect"]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = columns["spread"] / np.abs(without) / np.log(2)
    return np.nan_to_num(spread, nan=0.0, posinf=0.0).tolist()
