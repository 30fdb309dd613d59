"""Loci that need no network: variants with made-up predictions, as pages show them."""

from __future__ import annotations

import numpy as np

from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.genome.variant_checks import Status
from basenji_kipoi.locus.mechanisms.record import (
    AlleleBases,
    Contributions,
    ElementPlace,
    GeneChange,
    Mechanism,
    MotifChange,
    Profile,
    TrackChange,
)
from basenji_kipoi.locus.mechanisms.scored import Place, ScoredGene, ScoredVariant
from basenji_kipoi.locus.mechanisms.sentences import sentence_of
from basenji_kipoi.locus.page.content import content_of
from basenji_kipoi.locus.variants import LocusVariant, Reason

TRACKS = ("access", "start_plus")
GENES = [
    Gene("G1", "one", "+", "chr1", (10_500,), 10_500, 12_000),
    Gene("G2", "", "-", "chr1", (9_000,), 7_000, 9_001),
]


def scored(place: Place, change: float) -> ScoredVariant:
    genes = (
        ScoredGene("G1", "one", "+", abs(place.pos - 10_501), np.array([change / 2, change])),
        ScoredGene("G2", "", "-", abs(place.pos - 9_001), np.array([change / 4, np.nan])),
    )
    changes = np.array([change, change / 3], dtype=np.float32)
    return ScoredVariant(place, Status.ok, place.pos - 1024, changes, 10 * changes, genes)


def mechanism_of(variant: ScoredVariant, bins: int = 60) -> Mechanism:
    """Make a record: peaks that the alternative changes, a motif, an element and two genes."""
    place = variant.place
    peak = np.exp(-(((np.arange(bins) - bins // 2) / 4) ** 2))
    factor = 2.0 ** variant.changes[0]
    start = place.pos - 1 - bins // 2 * 32
    sequence = "ACGT" * 7 + "AT" + place.ref + "GC" * 15
    heights = np.linspace(-1, 1, len(sequence)).tolist()
    record = Mechanism(
        **place._asdict(),
        model="made up",
        assembly="simulated",
        tracks=[
            TrackChange(track=track, description="", change=float(c), total=float(t))
            for track, c, t in zip(TRACKS, variant.changes, variant.totals)
        ],
        profile=Profile(
            start=start,
            bin=32,
            tracks=list(TRACKS),
            reference=[peak.tolist()] * 2,
            alternative=[(factor * peak).tolist()] * 2,
        ),
        contributions=Contributions(
            track="access",
            start=place.pos - 31,
            first_bin=start + (bins // 2 - 2) * 32,
            last_bin=start + (bins // 2 + 2) * 32,
            reference=AlleleBases(sequence=sequence, contributions=heights, value=3.0),
            alternative=AlleleBases(
                sequence=sequence[:30] + place.alt + sequence[31:], contributions=heights, value=2.0
            ),
        ),
        motifs=[
            MotifChange(
                name="AP1", kind="lost", start=place.pos - 4, end=place.pos + 3, strand="-",
                reference_bits=12.0, alternative_bits=4.0, reference_p=6e-5, alternative_p=1e-2,
                reference_contribution=3.0, alternative_contribution=1.0, agrees=True,
            )
        ],
        element=ElementPlace(
            name="e1", chrom="chr1", start=place.pos - 101, end=place.pos + 99, is_given=True
        ),
        genes=[
            GeneChange(
                gene=gene.label, gene_id=gene.gene_id, strand=gene.strand, distance=gene.distance,
                track=TRACKS[gene.largest], change=gene.change, element_track="start",
                element_change=-1.5, element_spread=0.2,
            )
            for gene in variant.genes
        ],
        nearest_gene="one",
        target_gene="one",
        notes=[],
    )  # fmt: skip
    return record.model_copy(update={"sentence": sentence_of(record)})


def locus_of(number: int = 12, explained: int = 2, bins: int = 60, **changes):
    """Make a locus: PIPs that halve, effects that shrink, the last row without alleles."""
    rows, effects = [], {}
    for n in range(number):
        place = Place("chr1", 10_000 + 37 * n, "A", "G")
        pip = 0.5 ** (n + 1)
        rows.append(
            LocusVariant(
                n + 1, *place, rsid=f"rs{n}", locus="locus", trait="height <b>", gene="G1",
                pip=pip, log10_p=20.0 - n, beta=-0.5, sign_known=True,
            )
        )  # fmt: skip
        effects[tuple(place)] = scored(place, -1.2 / (n + 1))
    rows.append(LocusVariant(number + 1, "chr1", 10_001, "C", "T", reason=Reason.ref_mismatch))
    options = {"labels": TRACKS, "genes": GENES, "window": 16_384, **changes}
    locus = content_of("locus", rows, effects, **options)
    from dataclasses import replace

    variants = [
        replace(each, mechanism=mechanism_of(each.scored, bins)) if place < explained else each
        for place, each in enumerate(locus.variants)
    ]
    return replace(locus, variants=tuple(variants))
