"""What is shown of a variant: predictions of both alleles, and what bases around it contribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele, encode, letters
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.effects.windows import WindowPlacement, WindowRule
from basenji_kipoi.figures.alleles import Logo
from basenji_kipoi.genome.alleles import AlleleWindow, AlteredGenome
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef, Status
from basenji_kipoi.interpretation.attribution.outputs import Output
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.models.targets import counts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.vcf import Variant
    from basenji_kipoi.models.model import Model, Strands
    from basenji_kipoi.models.targets import Target

__all__ = ["VariantView", "locate", "view_variant"]

#: Tracks that are shown where none is named.
_MOST_CHANGED = 3


@dataclass(frozen=True)
class VariantView:
    """What is shown of a variant.

    Attributes
    ----------
    variant : Variant
        The variant, with the genome's name of its contig.
    edges : ndarray, int64, shape (bins + 1,)
        Where predicted bins begin and end (bp, 0-based).
    tracks : list of Target
        The tracks that are shown.
    reference, alternative : ndarray, float64, shape (bins, tracks)
        Predicted counts of the coverage.
    logos : tuple of Logo
        Of the reference and of the alternative allele: what bases contribute to the first track's
        total over the window.
    """

    variant: Variant
    edges: np.ndarray
    tracks: list[Target]
    reference: np.ndarray
    alternative: np.ndarray
    logos: tuple[Logo, Logo]


def locate(variant: Variant, genome: Genome, longest: int) -> Variant:
    """Check that a variant can be predicted; return it with the genome's name of its contig.

    Parameters
    ----------
    variant
        The variant.
    genome
        The genome.
    longest
        Longest REF or ALT (bp).

    Raises
    ------
    InputError
        If it cannot be predicted, or REF is not the genome's sequence.
    """
    checked = AlleleChecks(genome, str(variant), CheckRef.warn, longest)(variant)
    if checked.status is not Status.ok:
        reason = checked.status.meaning.replace("--max-allele", f"{longest:,} bp")
        raise InputError(f"{variant}: {reason}")
    if checked.ref_match is False:
        start = variant.pos - 1
        bases = "".join(letters(genome.codes(checked.contig, start, start + len(variant.ref))))
        raise InputError(
            f"{variant}: REF is not the genome's sequence, which has {bases} there: positions "
            "count from 1, and the genome must be the one that the variant was called on"
        )
    return variant._replace(chrom=checked.contig)


def view_variant(
    model: Model,
    genome: Genome,
    variant: Variant,
    *,
    tracks: str | Sequence[str | int] | None = None,
    both_strands: Strands = None,
    indels: IndelMode = "stitch",
    method: Literal["mutation", "gradient"] = "mutation",
    around: int = 30,
) -> VariantView:
    """Predict both alleles of a variant, and explain the track that it changes most.

    Parameters
    ----------
    model, genome, tracks, both_strands, indels
        As `basenji_kipoi.score` takes them; by default the tracks whose totals change most.
    variant
        The variant, as `locate` returned it.
    method
        How contributions are found: by every substitution (exactly), or by the gradient.
    around
        Bases on each side of the variant that are explained (bp).

    Raises
    ------
    InputError
        If there is no such track, or the network cannot be explained by this method.
    """
    # Engines import Keras, which takes seconds.
    from basenji_kipoi.effects.choice import effect_engine  # noqa: PLC0415

    columns = model.targets.columns_of(tracks, option="--tracks")
    passes = passes_of(model.members, both_strands=both_strands, shifts=(0,))
    shape = model.architecture
    position = variant.pos - 1
    start = WindowPlacement.of(WindowRule(), shape, passes).start(position)
    inserted = encode(variant.alt)
    request = AlleleWindow(
        variant.chrom, start, Allele(position - start, len(variant.ref), inserted)
    )
    engine = effect_engine(
        model.members,
        genome,
        tracks=columns,
        both_strands=both_strands,
        indels=indels,
        whole=True,
    )
    effects = engine.effects([request])
    reference, alternative = effects.reference[0], effects.alternative[0]
    if tracks is None:
        changes = np.abs((alternative - reference).sum(axis=0, dtype=np.float64))
        most = np.argsort(-changes, kind="stable")[:_MOST_CHANGED]
        columns = [columns[place] for place in most]
        reference, alternative = reference[:, most], alternative[:, most]
    shown = [model.targets[column] for column in columns]
    first = start + shape.crop * shape.bin
    allele = Allele(position, len(variant.ref), inserted)
    logos = _logos(
        model, genome, variant.chrom, allele, start, columns[0], both_strands, method, around
    )
    return VariantView(
        variant,
        first + shape.bin * np.arange(shape.bins + 1, dtype=np.int64),
        shown,
        counts_of(shown, reference),
        counts_of(shown, alternative),
        logos,
    )


def _logos(
    model: Model,
    genome: Genome,
    chrom: str,
    allele: Allele,
    window: int,
    track: int,
    both_strands: Strands,
    method: Literal["mutation", "gradient"],
    around: int,
) -> tuple[Logo, Logo]:
    """Explain the total of a track by the bases around both alleles."""
    # They import Keras, which takes seconds.
    from basenji_kipoi.interpretation.attribution.methods import GradientMethod  # noqa: PLC0415
    from basenji_kipoi.interpretation.attribution.mutation import MutationMethod  # noqa: PLC0415
    from basenji_kipoi.models.incremental.steps import NotIncrementalError  # noqa: PLC0415

    explained = {"mutation": MutationMethod, "gradient": GradientMethod}[method]
    name = model.targets[track].identifier
    begin = max(allele.position - around, 0)
    found = []
    for sequence, own in (
        (genome, allele.removed),
        (AlteredGenome(genome, chrom, allele), len(allele.inserted)),
    ):
        end = min(allele.position + own + around, genome.lengths[chrom] - allele.removed + own)
        question = Question(
            Interval(chrom, begin, end), window, tuple(range(model.architecture.bins))
        )
        try:
            answer = explained(
                model.members,
                sequence,
                [Output(name, (track,))],
                both_strands=both_strands,
                completeness=False,
            ).explain(question, 0, lambda _: None)
        except NotIncrementalError as error:
            raise InputError(
                f"--method mutation cannot treat this network ({error}): use gradient"
            ) from None
        place = allele.position - begin
        found.append(Logo(begin, answer.codes, answer.contributions[:, 0], (place, place + own)))
    return found[0], found[1]
