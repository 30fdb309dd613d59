"""What a workflow will cost, by what was measured: told before anything runs.

A file of costs, such as ``measured/costs.json``, is what ``benchmarks/speed/cost.py``,
``cost_train.py`` or ``cost_loci.py`` wrote, or a list of that.
"""

from __future__ import annotations

import heapq
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from configuration import PredictConfig, ScoreConfig

__all__ = [
    "Work",
    "at_a_time",
    "bytes_of",
    "cost_of",
    "counted",
    "is_dry_run",
    "jobs_at_a_time",
    "known_costs",
    "machine_of",
    "rates_of",
    "time_of",
    "told",
]

_MEASURED = Path(__file__).parent / "measured" / "costs.json"
#: Alleles, or positions, that are saved together where no option says so.
_PART = {"score": 1024, "mutate": 2048}
#: Options that change neither time nor size by much, so that a measured cost holds with them too.
_FREE = {"check_ref", "max_allele", "memory", "part_size", "batch_size", "counts", "indels"}


_Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Figures(BaseModel):
    """What a job takes, as `Cost` of ``benchmarks/speed/cost.py`` has it."""

    start: _Figure
    part: _Figure
    each: _Figure
    written: _Figure
    memory: _Figure
    beside: _Figure = 0.0
    empty: _Figure = 0.0


class _Machine(BaseModel):
    model_config = ConfigDict(extra="allow")

    processor: str
    cores: int


class _Measured(BaseModel):
    """What was measured of a command; what dry runs do not read is left out."""

    command: str
    model: str | None
    options: dict[str, Any]
    of: str
    unit: str = "positions"
    epochs: Annotated[int | None, Field(ge=1)] = None
    cost: _Figures
    machine: _Machine


_FILE = TypeAdapter(list[_Measured])


@dataclass(frozen=True)
class Work:
    """What is to be done with one file.

    Attributes
    ----------
    name
        What it is called.
    size
        Alleles, or positions (bp); None if that is not known yet.
    is_exact
        Whether they were counted, and not estimated.
    shards
        Jobs that share it.
    """

    name: str
    size: int | None
    is_exact: bool
    shards: int


def is_dry_run() -> bool:
    """Tell whether Snakemake was asked for a dry run, which it does not tell a workflow."""
    return any(re.fullmatch(r"--dry-?run|-[a-zA-Z]*n[a-zA-Z]*", word) for word in sys.argv[1:])


def jobs_at_a_time(workflow: Any) -> int | None:  # noqa: ANN401 - Snakemake's
    """Tell how many jobs Snakemake has at a time: as many as cores here, or as it submits."""
    given = workflow.resource_settings
    number = given.nodes or given.cores
    return number if isinstance(number, int) else None


def told(
    command: str, settings: ScoreConfig | PredictConfig, works: Sequence[Work], jobs: int | None
) -> Iterator[str]:
    """Tell what the work will cost, a line each.

    Parameters
    ----------
    command
        ``score``, ``predict`` or ``mutate``.
    settings
        The configuration.
    works
        The files.
    jobs
        Jobs at a time; None if that is not known.
    """
    cost = cost_of(command, settings.costs, settings.model, _given(settings.options))
    if cost is None:
        yield (
            "cost: not known: none was measured with this model and these options; "
            "benchmarks/speed/cost.py measures it, and costs: FILE names what it wrote"
        )
        return
    unit, measured = cost["unit"].removesuffix("s"), cost["cost"]
    part = getattr(settings.options, "part_size", None) or _PART.get(command)
    lasting = []
    for work in works:
        if work.size is None:
            rates = rates_of(measured, unit)
            yield f"cost of {work.name}: not known before it is read; {rates}"
            continue
        each = work.size / work.shards
        parts = math.ceil(each / part) if part else 0
        seconds = measured["start"] + measured["part"] * parts + measured["each"] * each
        lasting += [seconds] * work.shards
        about = "" if work.is_exact else "about "
        share = f"about {each:,.0f}" if each >= 1 else "one at most"
        shards = f"{work.shards:,} jobs of {share}" if work.shards > 1 else "one job"
        written, memory = bytes_of(measured["written"] * work.size), bytes_of(measured["memory"])
        yield (
            f"cost of {work.name}: {about}{counted(work.size, unit)} in {shards}: "
            f"{time_of(seconds)} of one core a job, {time_of(seconds * work.shards)} in all; "
            f"{written} of output, and as much in shards; {memory} of memory a job"
        )
    if jobs and lasting:
        yield at_a_time([lasting], jobs)
    yield machine_of(cost["machine"], cost["of"])


def rates_of(by: dict[str, float], unit: str) -> str:
    """Tell what a job takes of which nobody knows yet how much it has to do."""
    many = 1000 if by["each"] * 1000 >= 1 else 1_000_000
    return f"{time_of(by['start'])} a job and {time_of(by['each'] * many)} for {many:,} {unit}s"


def at_a_time(stages: Sequence[Sequence[float]], jobs: int) -> str:
    """Tell how long all jobs take, so many at a time.

    Parameters
    ----------
    stages
        What each job takes (s). Those of a stage begin when the last one before it has ended.
    jobs
        Jobs at a time.
    """
    seconds, most = 0.0, min(jobs, max(map(len, stages)))
    for stage in stages:
        ends = [0.0] * most
        for each in stage:
            heapq.heapreplace(ends, ends[0] + each)
        seconds += max(ends)
    they = (
        "1 job at a time, on a core of its own, takes"
        if most == 1
        else f"{most:,} jobs at a time, each on a core of its own, take"
    )
    return f"cost: {they} {time_of(seconds)}, without what a queue lets them wait"


def machine_of(machine: dict[str, Any], what: str) -> str:
    """Tell where a cost was measured, and with what."""
    cores = counted(machine["cores"], "core")
    return (
        f"cost: as measured with {what} on a core of {machine['processor']} ({cores}): "
        "yours may be another"
    )


def known_costs(path: str | None) -> list[dict[str, Any]]:
    """Read what was measured: a file that the configuration names, or what comes with this."""
    found = Path(path) if path else _MEASURED
    try:
        costs = json.loads(found.read_text(encoding="utf-8"))
        read = _FILE.validate_python(costs if isinstance(costs, list) else [costs])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"][1:])
        why = f" ({place}: {first['msg']})" if place else ""
    except (OSError, ValueError, RecursionError):
        why = ""
    else:
        return [each.model_dump() for each in read]
    raise SystemExit(
        f"error: the configuration: costs: {found} is not what benchmarks/speed/cost.py, "
        f"cost_train.py or cost_loci.py writes{why}"
    )


def cost_of(
    command: str, path: str | None, models: list[str], options: dict[str, Any]
) -> dict[str, Any] | None:
    """Find the measured cost that a configuration names, or else one that fits it.

    Parameters
    ----------
    command
        What is done.
    path
        The file that the configuration names: the first cost of the command there is taken, if
        there is one.
    models, options
        What a cost that comes with this must have been measured with.
    """
    wanted = [each for each in known_costs(path) if each["command"] == command] if path else []
    wanted += [
        each
        for each in known_costs(None)
        if (each["command"], [each["model"]], each["options"]) == (command, models, options)
    ]
    return next(iter(wanted), None)


def _given(options: BaseModel) -> dict[str, Any]:
    """List the options that decide what a job costs."""
    given = options.model_dump(exclude_none=True)
    return {name: value for name, value in given.items() if name not in _FREE}


def counted(number: int, one: str) -> str:
    """Write a number with the word for what it counts, as the commands do.

    Theirs is not in Snakemake's environment.
    """
    return f"1 {one}" if number == 1 else f"{number:,} {one}s"


def time_of(seconds: float) -> str:
    """Write a time."""
    for unit, size in (("h", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s"


def bytes_of(size: float) -> str:
    """Write a size."""
    for unit, each in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= each:
            return f"{size / each:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"
