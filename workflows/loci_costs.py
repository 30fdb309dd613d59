"""What ``loci.smk`` will cost, by what was measured: told before anything runs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from costs import cost_of, counted, rates_of, time_of
from inputs import count_loci
from steps import Step, steps_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loci_configuration import LociConfig

__all__ = ["loci_told"]

_PROGRAM = "benchmarks/speed/cost_loci.py"
#: Variants that ``basenji locus`` explains of each locus where no option says so.
_EXPLAINED = 10
#: Options that change neither time nor size by much, so that a measured cost holds with them too.
_FREE = {"group_by", "by", "weight", "signals", "seed", "memory", "explain"}


def loci_told(settings: LociConfig, jobs: int | None) -> Iterator[str]:
    """Tell what the work will cost, a line for the jobs of each kind and table.

    Parameters
    ----------
    settings
        The configuration.
    jobs
        Jobs at a time; None if that is not known.
    """
    steps = list(_steps(settings))
    yield from steps_told(steps, jobs)
    if any(step.unknown == Step.unknown and step.cost is None for step in steps):
        yield f"cost: {_PROGRAM} measures what is not known, and costs: FILE names what it wrote"


def _steps(settings: LociConfig) -> Iterator[Step]:
    """List what is done, in order."""
    both = {
        "genes": settings.genes is not None,
        **_given({name: getattr(settings, name) for name in ("linkage", "rsids", "both_strands")}),
    }
    ranked = {**both, **_given(settings.rank.model_dump())}
    shown = {"motifs": settings.motifs, "elements": settings.elements}
    shown = {**both, **_given(shown | settings.locus.model_dump())}
    rank = cost_of("rank", settings.costs, settings.model, ranked)
    pages = cost_of("locus", settings.costs, settings.model, shown)
    join = cost_of("join", settings.costs, settings.model, shown)
    most = _EXPLAINED if settings.locus.explain is None else settings.locus.explain
    column = (settings.column or {}).get("locus", "locus")
    counts = {
        name: count_loci(path, f"ranked/{name}/variants.tsv", column)
        for name, path in settings.files
    }
    for name, (alleles, _) in counts.items():
        work = "" if alleles is None else f"of {counted(alleles, 'allele')}"
        yield _step("rank", f"the ranking of {name}", work, rank, [(alleles, 1)])
    if not settings.pages:
        return
    shards = settings.shards
    for rule, what, cost, number in (
        ("shard", "the pages of", pages, shards),
        ("join", "their folder, of", join, 1),
    ):
        for name, (_, loci) in counts.items():
            if loci is None:
                yield _step(rule, f"{what} {name}", "", cost, [(None, 0)] * number)
                continue
            explained = [min(most, each) for each in loci]
            work = f"of {_loci(len(loci))}, {counted(sum(explained), 'variant')} explained"
            # As `basenji locus --shard` divides them; with more shards than loci some have none.
            ends = [len(loci) * n // number for n in range(number + 1)]
            jobs = [
                (sum(explained[first:end]), end - first) for first, end in itertools.pairwise(ends)
            ]
            yield _step(rule, f"{what} {name}", work, cost, jobs)


def _step(
    rule: str,
    name: str,
    work: str,
    cost: dict[str, Any] | None,
    jobs: Sequence[tuple[float | None, float]],
) -> Step:
    """Make a step; without a size it has no cost, but that of what it will be made of."""
    if cost is None:
        return Step(rule, name, work, None, jobs)
    if None not in jobs[0]:
        return Step(rule, name, work, cost, jobs)
    by = cost["cost"]
    rates = f"{time_of(by['start'])} a job"
    if rule == "rank":
        rates = rates_of(by, "allele")
    elif rule == "shard":
        rates += f", {time_of(by['part'])} a locus and {time_of(by['each'])} an explained variant"
    return Step(rule, name, work, None, jobs, unknown=f"not known before it is read; {rates}")


def _loci(number: int) -> str:
    return "1 locus" if number == 1 else f"{number:,} loci"


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """List the options that decide what a job costs."""
    return {
        name: value for name, value in options.items() if value is not None and name not in _FREE
    }
