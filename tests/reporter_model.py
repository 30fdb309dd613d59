"""A small model with a reporter, random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from small_network import small_architecture

from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.assays import Assay, PredictedActivity
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.models.training_record import TrainingRecord

if TYPE_CHECKING:
    from pathlib import Path

#: Oligos of 20 bp: 4 and 4 of vector around 12 of the genome.
ASSAY = Assay(
    left="ACGTTGCA" * 3,
    right="GGATCC" * 4,
    shortest=16,
    longest=24,
    before="TTAG",
    behind="CCAT",
    usual=20,
    activities=[
        PredictedActivity(identifier="rich", mean=9.0, deviation=4.0),
        PredictedActivity(identifier="poor", mean=-1.0, deviation=0.5),
    ],
)


def make_reporter_bundle(path: Path, *, reporters: tuple[str, ...] = ("library",)) -> Path:
    """Save a bundle of two networks with three tracks (the last two a pair) and reporters."""
    from basenji_kipoi.models.bundle import save_bundle
    from basenji_kipoi.models.networks.building import build_networks

    head = {"activities": 2, "window": 64, "readings": [{"after": 2}, {"after": 4}]}
    described = Architecture.model_validate(
        {
            **small_architecture().model_dump(exclude_unset=True),
            "reporters": dict.fromkeys(reporters, head),
        }
    )
    pairs = ("access", 0), ("start_plus", 2), ("start_minus", 1)
    save_bundle(
        path,
        network=[randomised(build_networks(described).whole, seed) for seed in (1, 2)],
        architecture=described,
        targets=Targets(
            [
                Target(index=index, identifier=name, strand_pair=pair, assay="x", sample="a")
                for index, (name, pair) in enumerate(pairs)
            ]
        ),
        name="with-reporter",
        assembly="none",
        training=TrainingRecord(),
        evaluation={},
        model_card="",
        assays=dict.fromkeys(reporters, ASSAY),
    )
    return path
