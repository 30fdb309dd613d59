"""What a run scores: tracks of a model, or activities of one of its reporters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.effects.reporters.oligos import OligoRule, Oligos
from basenji_kipoi.effects.reporters.scores import reporter_scores_named
from basenji_kipoi.effects.scores import scores_named
from basenji_kipoi.effects.windows import WindowRule, longest_allele
from basenji_kipoi.models.targets import unit_of
from basenji_kipoi.scoring.parts.reporters import ReporterScoring
from basenji_kipoi.scoring.parts.tracks import TrackScoring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.models.model import Model
    from basenji_kipoi.models.trained import TrainedModel
    from basenji_kipoi.scoring.parts.part import PartScoring

__all__ = ["Choice", "choose", "described_placing"]


@dataclass(frozen=True)
class Choice:
    """What is scored, before genome and variants are opened.

    Attributes
    ----------
    placed : dict
        The model, and what windows or oligos depend on, as the metadata of an output hold it.
    scores, columns : list of str
        Names of the scores, and of the tracks or activities.
    longest : int
        Longest REF or ALT that is scored where none is said (bp).
    make : callable
        Takes genome and checks, and ``genes``, ``background`` and ``memory_bytes``; returns the
        `PartScoring`.
    """

    placed: dict[str, Any]
    scores: list[str]
    columns: list[str]
    longest: int
    make: Callable[..., PartScoring]


def choose(
    model: Model,
    *,
    scores: Sequence[str],
    tracks: str | Sequence[str | int] | None,
    bins: int | None,
    window: WindowRule,
    both_strands: bool | None,
    shifts: Sequence[int],
    indels: IndelMode,
    reporter: str | None,
    oligos: Oligos,
    has_genes: bool,
    counts: bool = False,
    option: str = "--tracks",
) -> Choice:
    """Find what is asked for in a model.

    Parameters
    ----------
    model
        The model.
    scores, tracks, bins, window, both_strands, shifts, indels, reporter, oligos
        As `basenji_kipoi.scoring.options.ScoreOptions` has them.
    has_genes
        Whether there are genes.
    counts
        Whether scores are of counts of the coverage.
    option
        What messages call ``tracks``.

    Raises
    ------
    InputError
        If there is no such score, track, reporter or activity, or options do not go together.
    """
    if reporter is None:
        if other := oligos.first_other():
            raise InputError(f"--{other} is of reporters: pass --reporter NAME too")
        asked = scores_named(scores)
        columns = model.targets.columns_of(tracks, option=option)

        def make(genome: Any, checks: Any, **more: Any) -> PartScoring:  # noqa: ANN401 - passed on
            return TrackScoring(
                model.members,
                genome,
                checks,
                scores=asked,
                tracks=columns,
                bins=bins,
                window=window,
                both_strands=both_strands,
                shifts=tuple(shifts),
                indels=indels,
                counts=counts,
                **more,
            )

        return Choice(
            {
                "model": model.weights_sha256,
                **described_placing(model.members, bins, window, both_strands, shifts, indels),
                "unit": unit_of(counts=counts),
            },
            [score.name for score in asked],
            [model.targets[column].identifier for column in columns],
            longest_allele(model.architecture),
            make,
        )
    of_tracks = {
        "tracks": tracks is not None,
        "bins": bins is not None,
        "window": window != WindowRule(),
        "both-strands": both_strands is not None,
        "shifts": tuple(shifts) != (0,),
        "indels": indels != "stitch",
        "counts": counts,
    }
    for name, is_given in of_tracks.items():
        if is_given:
            raise InputError(f"--{name} is of tracks: leave it out with --reporter")
    name, assay = model.assay_of(reporter)
    measured = reporter_scores_named(scores)
    if oligos.strand == "gene" and not has_genes:
        raise InputError("--strand gene: pass --genes, whose promoters tell the strand")
    rule = OligoRule.of(oligos, assay, model.architecture.reporters[name].window)

    def make_reporters(
        genome: Any,  # noqa: ANN401 - passed on
        checks: Any,  # noqa: ANN401
        *,
        memory_bytes: int,
        **more: Any,  # noqa: ANN401
    ) -> PartScoring:
        return ReporterScoring(
            model, name, genome, checks, scores=measured, oligos=oligos, rule=rule, **more
        )

    return Choice(
        {
            "model": model.weights_sha256,
            "reporter": name,
            **rule.described(),
            "strand": oligos.strand,
            "promoter": list(oligos.promoter),
        },
        [score.name for score in measured],
        [assay.identifiers[column] for column in assay.columns_of(oligos.activities)],
        rule.insert,
        make_reporters,
    )


def described_placing(
    models: Sequence[TrainedModel],
    bins: int | None,
    window: WindowRule,
    both_strands: bool | None,
    shifts: Sequence[int],
    indels: IndelMode,
) -> dict[str, Any]:
    """Describe what windows and bins depend on, as the metadata of an output hold it.

    Whether both strands are read is told, not what was asked for: one value, or one a model where
    the models differ.
    """
    strands = [model.reads_both_strands(both_strands) for model in models]
    return {
        "bins": "all" if bins is None else f"center:{bins}",
        "window": str(window),
        "both_strands": strands[0] if len(set(strands)) == 1 else strands,
        "shifts": list(shifts),
        "indels": indels,
    }
