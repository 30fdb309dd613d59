"""Measure whether `insert` tells co-operating motifs from independent ones, where that is known.

    make train-example
    .venv-training/bin/python benchmarks/truth/insertions.py --model build/train-example/model \
        --simulation build/train-example/simulation --out build/insertions.json

All pairs of the simulated genome's five motifs are put into shuffled windows of its test
chromosome, in four orientations and at five distances within the reach of its factors. Pairs that
co-operate by its grammar (`basenji_training.simulation.grammar`):

- accessibility: kestrel and heron, whose fields have a term of interaction; of the other nine
  pairs no field depends on the other one's;
- starts of a strand: the start motif (swift) on that strand and each of the three factors that
  raise starts, which do nothing without it; of the six pairs of factors both do nothing. Pairs of
  the start motif with the factor that lowers starts are left out, and so is that motif on the
  other strand.

A case is a pair at a distance in an orientation; its score is the mean co-operation over the
backgrounds, in log2. Reported are the AUROC of co-operating against independent cases, the same of
single backgrounds, and how the co-operation correlates with that of the grammar's own expected
counts in the same sequences.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import as_json, auroc, estimate, pearson
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.insertion.backgrounds import around_intervals, shuffles_of
from basenji_kipoi.interpretation.insertion.experiment import Experiment
from basenji_kipoi.interpretation.insertion.options import DEFAULT_WIDTH, InsertOptions
from basenji_kipoi.interpretation.insertion.predictors import Predictor, TrackPredictor
from basenji_kipoi.models.model import load
from basenji_training.simulation.grammar import (
    FACTORS,
    REACH_BP,
    START_MOTIF,
    TRACKS,
    expected_signal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.interpretation.insertion.predictors import Sites
    from basenji_kipoi.interpretation.insertion.result import Insertions

SPACINGS = (20, 40, 60, 80, 100)


class Grammar(Predictor):
    """The expected counts of the grammar itself, in the bins that the network is asked for."""

    labels, scale = list(TRACKS), "log2 ratio"

    def __init__(self, predictor: TrackPredictor, first: int, last: int) -> None:
        self.length = predictor.length
        self._first, self._last = first, last

    def predict(self, background: np.ndarray, sites: Sequence[Sites]) -> np.ndarray:
        """Sum the expected counts."""
        margin = slice(self._first - REACH_BP, self._last + REACH_BP)
        rows = np.stack([background, *(each.within(background) for each in sites)])[:, margin]
        return expected_signal(rows)[:, REACH_BP:-REACH_BP].sum(axis=1)

    def effects(self, predicted: np.ndarray) -> np.ndarray:
        """Compute log2 ratios."""
        return np.log2(predicted[..., 1:, :]) - np.log2(predicted[..., :1, :])


def labels_of(found: Insertions, track: str) -> np.ndarray:
    """Tell of each arrangement whether it co-operates (1), is independent (0), or neither (-1)."""
    helpers = {motif.name for motif in FACTORS if motif.start > 0}
    labels = []
    for each in found.arrangements:
        names = {found.inserts[placed.insert] for placed in each.placed}
        strands = {found.inserts[p.insert]: p.orientation for p in each.placed}
        if track == "accessibility":
            labels.append(int(names == {"kestrel", "heron"}))
        elif START_MOTIF.name not in names:
            labels.append(0)
        else:
            reads = strands[START_MOTIF.name] == {"start_plus": "+", "start_minus": "-"}[track]
            labels.append(1 if reads and names & helpers else -1)
    return np.array(labels)


def measure(found: Insertions, truth: Insertions) -> list[dict[str, Any]]:
    """Measure each track."""
    measured = []
    for column, track in enumerate(found.labels):
        labels = labels_of(found, track)
        known = truth.labels.index(track)
        each = found.cooperation[:, :, column]
        mean, true = each.mean(axis=0), truth.cooperation[:, :, known].mean(axis=0)
        yes, no = mean[labels == 1], mean[labels == 0]
        single = [auroc(row[labels == 1], row[labels == 0]) for row in each]
        measured.append(
            {
                "track": track,
                "cooperating": int((labels == 1).sum()),
                "independent": int((labels == 0).sum()),
                "auroc": auroc(yes, no),
                "auroc_of_single_backgrounds": float(np.mean(single)),
                "mean_cooperating": float(yes.mean()),
                "mean_independent": float(no.mean()),
                "r_with_grammar": estimate(pearson, mean[labels >= 0], true[labels >= 0]),
            }
        )
    return measured


def table(measured: list[dict[str, Any]]) -> str:
    """Format the figures as a Markdown table."""
    lines = [
        "| track | co-operating | independent | AUROC | of single backgrounds | mean co-operation, "
        "log2 | mean of independent | r with the grammar |",
        "| --- " * 8 + "|",
    ]
    for row in measured:
        cells = [
            row["track"], row["cooperating"], row["independent"], f"{row['auroc']:.3f}",
            f"{row['auroc_of_single_backgrounds']:.3f}", f"{row['mean_cooperating']:.2f}",
            f"{row['mean_independent']:.2f}", row["r_with_grammar"],
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    backgrounds: Annotated[int, typer.Option(min=2, help="Shuffled windows.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the shuffles.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure whether co-operating motifs are told from independent ones."""
    try:
        check_output(out, overwrite=overwrite)
        loaded = load(model)
        options = InsertOptions(
            inserts=tuple(
                f"{simulation / 'motifs.meme'}:{motif.name}" for motif in (*FACTORS, START_MOTIF)
            ),
            spacings=SPACINGS,
            seed=seed,
        )
        predictor = TrackPredictor(loaded, options)
        description = json.loads((simulation / "simulation.json").read_text(encoding="utf-8"))
        contig = description["test"][0]
        with Genome(simulation / "genome.fa") as genome:
            room = genome.lengths[contig] - predictor.length
            places = [
                Interval(contig, predictor.length // 2 + start, predictor.length // 2 + start + 1)
                for start in np.linspace(0, room, backgrounds).astype(int).tolist()
            ]
            given = shuffles_of(around_intervals(genome, places, predictor.length), 1, seed)
        began = time.monotonic()
        work = Experiment(predictor, given, options)
        found = work.result([work.predict(number) for number in work.bar(range(len(given)), None)])
        seconds = time.monotonic() - began
        middle = predictor.length // 2
        grammar = Grammar(predictor, middle - DEFAULT_WIDTH // 2, middle + DEFAULT_WIDTH // 2)
        known = Experiment(grammar, given, options)
        truth = known.result([known.predict(number) for number in range(len(given))])
        measured = measure(found, truth)
        with atomic_path(out, overwrite=overwrite) as temporary:
            result = {
                "model": loaded.name,
                "model_sha256": ", ".join(loaded.weights_sha256),
                "backgrounds": len(given),
                "spacings": SPACINGS,
                "seconds": seconds,
                "measured": as_json(measured),
            }
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(table(measured))


if __name__ == "__main__":
    typer.run(main)
