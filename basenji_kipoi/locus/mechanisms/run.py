"""The mechanism of one variant, or of many that share their genes and elements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.interpretation.elements.places import read_elements
from basenji_kipoi.interpretation.motifs.databases import read_database
from basenji_kipoi.locus.mechanisms.bases import AllelesRead, rounded, short
from basenji_kipoi.locus.mechanisms.driving import Driving, element_of
from basenji_kipoi.locus.mechanisms.options import MechanismOptions
from basenji_kipoi.locus.mechanisms.record import (
    GeneChange,
    Mechanism,
    Profile,
    TrackChange,
)
from basenji_kipoi.locus.mechanisms.scored import read_place, score_variants
from basenji_kipoi.locus.mechanisms.sentences import sentence_of
from basenji_kipoi.locus.mechanisms.sites import background_of, motif_changes
from basenji_kipoi.models.model import loaded

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from basenji_kipoi.effects.engine import Effects
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.locus.mechanisms.bases import BothAlleles
    from basenji_kipoi.locus.mechanisms.record import ElementPlace
    from basenji_kipoi.locus.mechanisms.scored import KnownScores, ScoredGene, ScoredVariant
    from basenji_kipoi.models.model import Model, Strands

__all__ = ["Explainer", "mechanism"]


def mechanism(
    model: Model | str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    variant: str | tuple[str, int, str, str],
    *,
    genes: str | os.PathLike[str] | None = None,
    tracks: str | None = None,
    elements: str | os.PathLike[str] | None = None,
    size: int = 200,
    motifs: str | None = None,
    most_tracks: int = 4,
    draws: int = 4,
    seed: int = 0,
    both_strands: Strands = None,
) -> Mechanism:
    """Find out what a variant does, and how.

    Parameters
    ----------
    model
        The model, or the directory of a bundle.
    genome
        The genome, or its FASTA file.
    variant
        (contig, position of the first base of REF counted from 1, ref, alt), or text such as
        ``"chrI:33070:A:T"``.
    genes
        GTF file of genes: the nearest one, the one whose starts change most, and what the element
        that holds the variant does to each.
    tracks
        Tracks that are looked at: identifiers, patterns or indices, separated by commas; all by
        default.
    elements
        BED file or table of elements; by default the ``size`` bases around the variant are one.
    size
        Bases of such an element (bp).
    motifs
        Known motifs whose sites the variant may change: a MEME file, ``jaspar``, or
        ``jaspar:GROUP`` (fungi, plants, vertebrates).
    most_tracks
        Tracks whose profiles are kept: those that change most.
    draws, seed
        Shuffled sequences that replace the element one after another, and their seed.
    both_strands
        Whether to average over both strands; None as the model was evaluated.

    Returns
    -------
    Mechanism
        The record; ``.sentence`` says it in words, ``.write(path)`` makes JSON of it, and
        `basenji_kipoi.mechanism_figure` a figure.

    Raises
    ------
    InputError
        If something of the input cannot be used, for instance a REF that is not the genome's.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model, genome = bk.load("model_files"), bk.Genome("genome.fa")
    >>> found = bk.mechanism(model, genome, ("chrA", 20050, "A", "C"), genes="genes.gtf")
    >>> found.nearest_gene, found.target_gene, len(found.tracks)
    ('one', 'one', 4)
    >>> found.genes[0].distance, len(found.profile.reference[0]), found.profile.bin
    (51, 448, 32)
    """
    place = read_place(variant)
    options = MechanismOptions(
        genes=None if genes is None else Path(genes),
        tracks=tracks,
        elements=None if elements is None else Path(elements),
        size=size,
        motifs=motifs,
        most_tracks=most_tracks,
        draws=draws,
        seed=seed,
        both_strands=both_strands,
    )
    with open_genome(genome) as opened:
        explainer = Explainer(loaded(model), opened, options)
        (scored,) = explainer.score([place], progress=False)
        if scored.status is not Status.ok:
            raise InputError(f"{place} cannot be scored: {scored.status.meaning}")
        (found,) = explainer.explain([scored])
    return found


class Explainer:
    """Scores variants and explains them.

    Parameters
    ----------
    model, genome
        The model and the reference.
    options
        What is asked.
    known
        Scores of variants that need not be computed.

    Raises
    ------
    InputError
        If genes, elements, motifs or tracks cannot be used.
    """

    def __init__(
        self,
        model: Model,
        genome: Genome,
        options: MechanismOptions,
        known: Optional[KnownScores] = None,
    ) -> None:
        self.model, self.genome, self.options, self._known = model, genome, options, known
        self.tracks = model.targets.columns_of(options.tracks)
        self.genes = None if options.genes is None else read_genes(options.genes, genome)
        self._elements = None
        if options.elements is not None:
            self._elements = read_elements(options.elements, genome.lengths).intervals
        self._motifs = [] if options.motifs is None else read_database(options.motifs)

    def score(self, places: Sequence, *, progress: bool | None = None) -> list[ScoredVariant]:
        """Score variants, as `score_variants` does."""
        return score_variants(
            self.model, self.genome, self.genes, places,
            tracks=self.tracks, both_strands=self.options.both_strands, known=self._known,
            progress=progress,
        )  # fmt: skip

    def explain(
        self,
        variants: Sequence[ScoredVariant],
        advance: Callable[[int], object] = lambda _: None,
    ) -> list[Mechanism]:
        """Explain variants that could be scored.

        Parameters
        ----------
        variants
            The variants.
        advance
            Called with a number of variants that are explained.

        Returns
        -------
        list of Mechanism
            In the order of the variants.
        """
        chosen = [self._chosen(variant) for variant in variants]
        columns = sorted({track for tracks in chosen for track in tracks})
        elements = [element_of(each.place, self._elements, self.options.size) for each in variants]
        driving = self._driving(variants, elements)
        reader = AllelesRead(
            self.model, self.genome, sorted({tracks[0] for tracks in chosen}),
            reach=max(map(len, self._motifs), default=0),
            both_strands=self.options.both_strands,
        )  # fmt: skip
        found: dict[int, Mechanism] = {}
        for group, effects in self._effects(variants, columns):
            for place, number in enumerate(group):
                variant, tracks = variants[number], chosen[number]
                profile = self._profile(effects, place, [columns.index(t) for t in tracks])
                alleles = reader.read(variant, tracks[0], profile[:, 0])
                element = elements[number]
                genes = [
                    self._gene(gene, driving.changes(element, gene.gene_id))
                    for gene in variant.genes
                ]
                found[number] = self._record(variant, tracks, profile, alleles, element, genes)
            advance(len(group))
        return [found[number] for number in range(len(variants))]

    def _record(
        self,
        variant: ScoredVariant,
        tracks: Sequence[int],
        profile: np.ndarray,
        alleles: BothAlleles,
        element: Optional[ElementPlace],
        genes: list[GeneChange],
    ) -> Mechanism:
        """Put together what was found of a variant."""
        background = background_of(alleles.window)
        motifs = motif_changes(self._motifs, alleles.reference, alleles.alternative, background)
        record = Mechanism(
            **variant.place._asdict(),
            model=self.model.name,
            assembly=self.model.assembly,
            tracks=[self._track(variant, track) for track in tracks],
            profile=Profile(
                start=self._first_base(variant),
                bin=self.model.architecture.bin,
                tracks=[self.model.targets[track].identifier for track in tracks],
                reference=rounded(profile[0]),
                alternative=rounded(profile[1]),
            ),
            contributions=alleles.shown,
            motifs=motifs,
            element=element,
            genes=genes,
            nearest_gene=genes[0].gene if genes else None,
            target_gene=None if variant.target is None else variant.target.label,
            notes=list(self._notes(element, genes)),
        )
        return record.model_copy(update={"sentence": sentence_of(record)})

    def _notes(self, element: Optional[ElementPlace], genes: Sequence) -> Iterator[str]:
        """Say what is not known, and why."""
        if not self._motifs:
            yield "no known motifs were given"
        if self.genes is None:
            yield "no genes were given"
        elif not genes:
            yield "no gene starts within the window"
        elif element is None:
            yield "it lies in none of the given elements"
        elif all(gene.element_change is None for gene in genes):
            yield f"no gene's window holds all of {element.name}"

    def _chosen(self, variant: ScoredVariant) -> list[int]:
        """Choose the tracks that change most around a variant: indices of the model's tracks."""
        order = np.argsort(-np.abs(variant.changes), kind="stable")
        return [self.tracks[place] for place in order[: self.options.most_tracks]]

    def _driving(self, variants: Sequence[ScoredVariant], elements: Sequence) -> Driving:
        """Knock out the elements, in the tracks by which variants change genes most."""
        if self.genes is None:
            return Driving({})
        targets = [each.target for each in variants if each.target is not None]
        tracks = dict.fromkeys(self.tracks[gene.largest] for gene in targets)
        return Driving.of(self.model, self.genome, self.genes, elements, list(tracks), self.options)

    def _effects(
        self, variants: Sequence[ScoredVariant], columns: Sequence[int]
    ) -> Iterator[tuple[list[int], Effects]]:
        # Imports Keras, which takes seconds: not before there is something to compute.
        from basenji_kipoi.effects.choice import effect_engine  # noqa: PLC0415

        engine = effect_engine(
            self.model.members, self.genome, tracks=columns,
            both_strands=self.options.both_strands, whole=True,
        )  # fmt: skip
        requests = [variant.request for variant in variants]
        for group in engine.groups(requests):
            yield group, engine.effects([requests[number] for number in group])

    @staticmethod
    def _profile(effects: Effects, place: int, columns: Sequence[int]) -> np.ndarray:
        """Take the predictions of a variant: (alleles, tracks, bins)."""
        both = np.stack([effects.reference[place], effects.alternative[place]])
        return np.moveaxis(both[:, :, list(columns)], 1, 2)

    def _first_base(self, variant: ScoredVariant) -> int:
        """Return the first base of the predicted bins."""
        architecture = self.model.architecture
        return variant.window + architecture.crop * architecture.bin

    def _track(self, variant: ScoredVariant, track: int) -> TrackChange:
        place, target = self.tracks.index(track), self.model.targets[track]
        return TrackChange(
            track=target.identifier,
            description=target.description,
            change=short(variant.changes[place]),
            total=short(variant.totals[place]),
        )

    def _gene(self, gene: ScoredGene, driven: dict[str, object]) -> GeneChange:
        return GeneChange(
            gene=gene.label,
            gene_id=gene.gene_id,
            strand=gene.strand,
            distance=gene.distance,
            track=self.model.targets[self.tracks[gene.largest]].identifier,
            change=short(gene.change),
            **driven,
        )
