"""What a workflow of several kinds of jobs will cost, told kind by kind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from costs import at_a_time, bytes_of, counted, machine_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Step", "steps_told"]


@dataclass(frozen=True)
class Step:
    """Jobs of a rule.

    Attributes
    ----------
    rule
        Its name: jobs of the next rule begin when all of this one have ended.
    name, work
        What the jobs do, and with what.
    cost
        What was measured of such a job; None: nothing was.
    jobs
        Of each what its cost counts: size and parts.
    unknown
        What is said where there is no cost.
    """

    rule: str
    name: str
    work: str
    cost: dict[str, Any] | None
    jobs: Sequence[tuple[float, float]]
    unknown: str = "not known"


def steps_told(
    steps: Sequence[Step], jobs: int | None, *, bound: str = "", why: str = ""
) -> Iterator[str]:
    """Tell what the work will cost, a line for each step, and in all.

    Parameters
    ----------
    steps
        The steps, in order.
    jobs
        Jobs at a time; None if that is not known.
    bound, why
        What stands before a time that may be less, such as "at most ", and why it may.
    """
    rules: dict[str, list[float]] = defaultdict(list)
    used: list[dict[str, Any]] = []
    written = 0.0
    for step in steps:
        told = f"cost of {step.name}: {counted(len(step.jobs), 'job')} {step.work}".rstrip()
        if step.cost is None:
            yield f"{told}: {step.unknown}"
            continue
        by = step.cost["cost"]
        seconds = [
            by["start"] + by["each"] * size + by["part"] * parts for size, parts in step.jobs
        ]
        output = sum(
            by["empty"] + by["written"] * size + by["beside"] * parts for size, parts in step.jobs
        )
        used.append(step.cost)
        rules[step.rule] += seconds
        written += output
        in_all = f" a job, {time_of(sum(seconds))} in all" if len(seconds) > 1 else ""
        # Jobs of a rule that share loci may differ.
        most = bound or ("up to " if time_of(min(seconds)) != time_of(max(seconds)) else "")
        yield (
            f"{told}: {most}{time_of(max(seconds))} of one core{in_all}; {bytes_of(output)} of "
            f"output; {bytes_of(by['memory'])} of memory a job"
        )
    unknown = [step.name for step in steps if step.cost is None]
    lacking = f", without {', '.join(unknown)}" if unknown else ""
    number = counted(sum(len(step.jobs) for step in steps), "job")
    if used:
        seconds = time_of(sum(map(sum, rules.values())))
        yield (
            f"cost: {number}: {bound}{seconds} of one core in all, and {bytes_of(written)} of "
            f"output{lacking}{why}"
        )
    if jobs and used:
        yield at_a_time(list(rules.values()), jobs) + lacking
    for machine in {str(cost["machine"]): cost["machine"] for cost in used}.values():
        what = dict.fromkeys(cost["of"] for cost in used if cost["machine"] == machine)
        yield machine_of(machine, ", ".join(what))
