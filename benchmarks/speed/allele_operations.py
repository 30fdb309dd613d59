"""What alleles take beside the arithmetic that they need: natural variants, one core.

    python benchmarks/speed/allele_operations.py --model model_files --fasta genome.fa.gz \
        --vcf natural.vcf --out build/allele_operations.json

Multiplications and additions of convolutions and heads are counted: of a whole window (the
reference of all variants of a tile), of a substitution's changes, and of an allele that inserts or
deletes, whose sequence is moved against the reference on one side, so that bins cannot be taken
over: two windows behind the tower, one from each side, and the tower of one. Whole passes of the
network in batches say how many operations a second the core does; at that rate the counted ones
would take the time that is called the bound. Beside it stands what the second half of the file's
first alleles takes: both halves less the first one, so that starts and what is compiled at first do
not count; of substitutions alone, and with the insertions and deletions among them.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from cyvcf2 import VCF

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.sequence import one_hot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from basenji_kipoi.models.incremental.steps import Lowered, Step
    from basenji_kipoi.models.trained import TrainedModel


def operations(
    steps: Sequence[Step], weights: dict, length: int, changed: tuple[int, int] | None = None
) -> tuple[int, int, tuple[int, int]]:
    """Count the operations of steps.

    Parameters
    ----------
    steps, weights
        Of a lowered network.
    length
        Positions of the steps' input.
    changed
        Positions [first, last) of the input whose changes are carried through; all if not given.

    Returns
    -------
    operations, length : int
        Multiplications and additions, and positions of the output.
    changed : tuple of int
        Positions of the output that can change.
    """
    from basenji_kipoi.models.incremental.steps import Convolve, Join, Pool  # noqa: PLC0415

    total, (first, last) = 0, changed or (0, length)
    for step in steps:
        rows = min(last, length) - max(first, 0) if changed else length
        if isinstance(step, Convolve):
            total += 2 * rows * int(np.prod(weights[f"{step.name}/matrix"].shape))
        elif isinstance(step, Join):
            inside = operations(step.steps, weights, length, (first, last) if changed else None)
            total += inside[0]
        elif isinstance(step, Pool):
            length //= step.size
        first, last = step.affected(first, last)
    return total, length, (first, last)


def counted(lowered: Lowered) -> dict[str, int]:
    """Count the operations of a reference, a substitution, and an insertion or deletion."""
    from basenji_kipoi.models.incremental.cuts import split  # noqa: PLC0415

    architecture, weights = lowered.architecture, lowered.weights
    head = sum(2 * int(np.prod(weights[f"{each.name}/matrix"].shape)) for each in lowered.heads)
    parts = split(lowered.steps)
    tower, bins, _ = operations(parts.tower, weights, architecture.window)
    upper = operations(parts.upper, weights, bins)[0] + head * architecture.bins
    middle = architecture.window // 2
    change, _, (first, last) = operations(
        lowered.steps, weights, architecture.window, (middle, middle + 1)
    )
    return {
        "reference": tower + upper,
        "substitution": change + head * (last - first),
        "insertion or deletion": tower + 2 * upper,
    }


def first_alleles(vcf: Path, count: int) -> list[tuple[str, int, str, str]]:
    """Read the first alleles of a file: chromosome, position from 1, REF and ALT."""
    alleles = []
    for record in VCF(str(vcf)):
        alleles += [(record.CHROM, record.POS, record.REF, alt) for alt in record.ALT]
        if len(alleles) >= count:
            return alleles[:count]
    return alleles


def seconds(run: Callable[[], object]) -> float:
    """Measure the processor time of a call (s)."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def seconds_a_window(member: TrainedModel, window: int) -> float:
    """Measure the processor time of a window (s) where eight are predicted on one strand."""
    network = member.network(both_strands=False)
    batch = one_hot(np.random.default_rng(0).integers(0, 4, (8, window), dtype=np.uint8))
    network.predict_on_batch(batch)  # compiles
    return seconds(lambda: network.predict_on_batch(batch)) / 8


def main(
    model: Annotated[Path, typer.Option(help="The model (a bundle).")],
    fasta: Annotated[Path, typer.Option(help="Its genome.")],
    vcf: Annotated[Path, typer.Option(help="Variants, in order.")],
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    alleles: Annotated[int, typer.Option(min=2, help="Alleles that are scored.")] = 1000,
    tile: Annotated[int, typer.Option(help="Tile whose variants share a window (bp).")] = 2048,
) -> None:
    """Count operations, score alleles, print a table."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import basenji_kipoi as bk  # noqa: PLC0415 - TensorFlow counts the cores that it sees
    from basenji_kipoi.effects.lowered import LoweredModels  # noqa: PLC0415
    from basenji_kipoi.effects.passes import columns_of  # noqa: PLC0415

    loaded = bk.load(model)
    members = loaded.bundles[0].members
    lowered = LoweredModels(columns_of(members[0], None).computed)
    each = counted(lowered.of(members[0]))
    passes = 2 * len(members)
    rate = each["reference"] / seconds_a_window(members[0], loaded.architecture.window)
    every = first_alleles(vcf, alleles)
    halves = every[: alleles // 2], every[alleles // 2 :]
    substitutions = [[row for row in rows if len(row[2]) == len(row[3])] for rows in halves]
    with bk.Genome(fasta) as genome:

        def second(first: list, both: list) -> float:
            one, two = (
                seconds(lambda some=some: bk.score(loaded, genome, some, cluster=tile))
                for some in (first, both)
            )
            return two - one

        taken = {
            "substitutions": second(substitutions[0], [*substitutions[0], *substitutions[1]]),
            "all": second(halves[0], every),
        }
    others = len(halves[1]) - len(substitutions[1])
    numbers = {
        "reference": len({(chrom, (place - 1) // tile) for chrom, place, *_ in halves[1]}),
        "substitution": len(substitutions[1]),
        "insertion or deletion": others,
    }
    bound = {name: passes * numbers[name] * each[name] / rate for name in each}
    moved = (taken["all"] - taken["substitutions"]) / max(others, 1)
    found = {
        "operations of a pass": each,
        "passes": passes,
        "operations per second": rate,
        "numbers": numbers,
        "bound (s)": bound,
        "taken (s)": taken,
        "taken by an insertion or deletion (s)": moved,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(out, overwrite=True) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"one core: {rate / 1e9:.0f} GFLOP/s in whole windows; {passes} passes")
    print("| | number | GFLOP of a pass | bound, s |\n| --- | --- | --- | --- |")
    for name, amount in each.items():
        print(f"| {name} | {numbers[name]:,} | {amount / 1e9:.2f} | {bound[name]:.1f} |")
    print(f"substitutions with their references: {taken['substitutions']:.1f} s")
    print(f"all: {taken['all']:.1f} s, bound {sum(bound.values()):.1f} s")
    print(f"an insertion or deletion: {1000 * moved:.0f} ms")


if __name__ == "__main__":
    typer.run(main)
