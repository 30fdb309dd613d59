"""What mutations are scored on: tracks of a model, or activities of one of its reporters."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import bytes_of
from basenji_kipoi.effects.passes import passes_of
from basenji_kipoi.effects.reporters.oligos import OligoRule, Oligos
from basenji_kipoi.effects.reporters.scores import reporter_scores_named
from basenji_kipoi.effects.scorer import CountedBins, Scorer
from basenji_kipoi.effects.scores import in_counts, scores_named
from basenji_kipoi.models.targets import Target, Targets, unit_of
from basenji_kipoi.mutagenesis.scores import (
    AlleleScores,
    Mutagenesis,
    ReporterMutations,
    SubstitutionTotals,
)
from basenji_kipoi.mutagenesis.windows import Block, pieces_of
from basenji_kipoi.prediction.interval_results import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Union

    from basenji_kipoi.effects.passes import IndelMode
    from basenji_kipoi.effects.reporters.scores import ReporterScore
    from basenji_kipoi.effects.scores import Score
    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import Interval
    from basenji_kipoi.models.model import Model, Strands
    from basenji_kipoi.mutagenesis.scores import Mutations

__all__ = ["Choice", "choose"]


class Choice(ABC):
    """What is scored, before a network is loaded.

    Attributes
    ----------
    model : Model
        The model.
    mutations : Mutations
        What is done at each position.
    targets : Targets
        The tracks of the model, or the activities of the reporter.
    columns : list of int
        Which of them are scored, in the order of the output.
    scores : list of Score or ReporterScore
        The scores.
    attributes : dict
        What an output says of how it was made.
    settings : dict
        What else decides the scores, so that a run is gone on with as it began.
    """

    model: Model
    mutations: Mutations
    targets: Targets
    columns: list[int]
    scores: Sequence[Union[Score, ReporterScore]]
    attributes: dict[str, Union[str, int]]
    settings: dict[str, Any]

    @abstractmethod
    def pieces(self, intervals: Sequence[Interval], genome: Genome) -> list[Block]:
        """Cut intervals into pieces that are mutated in one place.

        Raises
        ------
        InputError
            If one cannot be.
        """

    @abstractmethod
    def mutagenesis(self, genome: Genome, *, memory: float) -> Mutagenesis:
        """Load what scores the mutations, with memory (GiB) for predictions."""


def choose(
    model: Model,
    mutations: Mutations,
    *,
    scores: Sequence[str],
    tracks: str | Sequence[str | int] | None,
    both_strands: Strands,
    indels: IndelMode,
    counts: bool,
    reporter: str | None,
    oligos: Oligos,
    option: str = "--tracks",
) -> Choice:
    """Find what is asked for in a model.

    Parameters
    ----------
    model, mutations
        The model, and what is done at each position.
    scores, tracks, both_strands, indels, counts, reporter, oligos
        As `basenji_kipoi.mutate` takes them.
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
        columns = model.targets.columns_of(tracks, option=option)
        wanted = scores_named(scores)
        if counts:
            wanted = list(map(in_counts, wanted))
        asked = {"both_strands": both_strands, "indels": indels, "counts": counts}
        return _Tracks(model, mutations, wanted, columns, **asked)
    of_tracks = {
        "tracks": tracks is not None,
        "both-strands": both_strands is not None,
        "indels": indels != "stitch",
        "counts": counts,
    }
    for name, is_given in of_tracks.items():
        if is_given:
            raise InputError(f"--{name} is of tracks: leave it out with --reporter")
    return _Reporter(model, mutations, reporter_scores_named(scores), reporter, oligos)


def _check_effects(names: Iterable[str]) -> None:
    """Check that scores say what a mutation changes."""
    for name in names:
        if name in ("REF", "ALT"):
            raise InputError(
                f"--scores: {name} is no effect of a mutation: name others "
                "('basenji predict' gives the reference's predictions)"
            )


class _Tracks(Choice):
    """Tracks of a model."""

    def __init__(
        self,
        model: Model,
        mutations: Mutations,
        scores: Sequence[Score],
        columns: list[int],
        *,
        both_strands: Strands,
        indels: IndelMode,
        counts: bool,
    ) -> None:
        _check_effects(score.name for score in scores)
        self.model, self.mutations, self.scores = model, mutations, scores
        self.targets, self.columns = model.targets, columns
        self._both_strands, self._indels, self._counts = both_strands, indels, counts
        unit = unit_of(counts=counts)
        self.attributes = {**origin_of(model, both_strands), "indels": indels, "unit": unit}
        self.settings = {
            "passes": passes_of(model.members, both_strands=both_strands, shifts=(0,)),
            "indels": indels,
            "unit": unit,
        }

    def pieces(self, intervals: Sequence[Interval], genome: Genome) -> list[Block]:
        return list(pieces_of(intervals, self.model.architecture))

    def mutagenesis(self, genome: Genome, *, memory: float) -> Mutagenesis:
        """Choose how mutations are scored: SAD of substitutions has a way of its own."""
        # Engines import Keras, which takes seconds.
        from basenji_kipoi.effects.choice import effect_engine  # noqa: PLC0415
        from basenji_kipoi.models.incremental.steps import NotIncrementalError  # noqa: PLC0415

        members, names = self.model.members, [score.name for score in self.scores]
        # Sums of all bins tell nothing of each bin's counts.
        if self.mutations.deleted is None and names == ["SAD"] and not self._counts:
            with contextlib.suppress(NotIncrementalError):  # the engine below says why
                return SubstitutionTotals(
                    members, genome, columns=self.columns, both_strands=self._both_strands
                )
        tracks = [self.targets[column] for column in self.columns]
        scorer = Scorer(self.scores, tracks, self.model.architecture, CountedBins())
        engine = effect_engine(
            members,
            genome,
            tracks=self.columns,
            both_strands=self._both_strands,
            indels=self._indels,
            whole=scorer.needs_whole_windows(self.settings["passes"]),
            memory_bytes=bytes_of(memory),
        )
        counted = tracks if self._counts else None
        return AlleleScores(engine, genome, self.mutations, scorer, names, counted=counted)


class _Reporter(Choice):
    """Activities of a reporter."""

    def __init__(
        self,
        model: Model,
        mutations: Mutations,
        scores: Sequence[ReporterScore],
        reporter: str,
        oligos: Oligos,
    ) -> None:
        _check_effects(score.name for score in scores)
        if oligos.strand == "gene":
            raise InputError("--strand gene: intervals have no genes; pass both, + or -")
        self._name, assay = model.assay_of(reporter)
        self._oligos = oligos
        self._rule = OligoRule.of(oligos, assay, model.architecture.reporters[self._name].window)
        self.model, self.mutations, self.scores = model, mutations, scores
        self.targets = Targets(
            [
                Target(
                    index=index,
                    identifier=each.identifier,
                    description=each.description,
                    strand_pair=index,
                )
                for index, each in enumerate(assay.activities)
            ]
        )
        self.columns = list(assay.columns_of(oligos.activities))
        asked = {"reporter": self._name, **self._rule.described(), "strand": oligos.strand}
        self.settings = asked
        self.attributes = {
            **{
                name: value
                for name, value in origin_of(model, None).items()
                if name not in ("window", "bin", "both_strands")
            },
            "reporter": self._name,
            "insert": self._rule.insert,
            "places": ",".join(map(str, self._rule.places)),
            "ends": f"{self._rule.before},{self._rule.behind}",
            "strand": oligos.strand,
        }

    def pieces(self, intervals: Sequence[Interval], genome: Genome) -> list[Block]:
        for interval in intervals:
            left = genome.lengths[interval.chrom] - (self.mutations.deleted or 0)
            if left < self._rule.insert:
                raise InputError(
                    f"{interval}: {interval.chrom} has {genome.lengths[interval.chrom]:,} bp, too "
                    f"few for an oligo of {self._rule.insert} bp; a smaller --insert would do"
                )
        return [
            Block(number, each.chrom, each.start, each.end, each.start)
            for number, each in enumerate(intervals)
        ]

    def mutagenesis(self, genome: Genome, *, memory: float) -> Mutagenesis:
        return ReporterMutations(
            self.model, self._name, genome, self.mutations, self._rule, self._oligos
        )
