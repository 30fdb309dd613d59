"""What ``train.smk`` will cost, by what was measured: told before anything runs."""

from __future__ import annotations

import fnmatch
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from costs import at_a_time, bytes_of, counted, known_costs, machine_of, time_of
from inputs import contig_lengths
from training_tables import TRACKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from configuration import TrainConfig
    from training_tables import Sample

__all__ = ["training_told"]

_PROGRAM = "benchmarks/speed/cost_train.py"


class _Step(NamedTuple):
    """Jobs of a rule.

    Attributes
    ----------
    name, work
        What they do, and with what.
    command, model, options
        What a measured cost of it must be of.
    jobs
        Of each what its cost counts: size and parts.
    unknown
        What is said where there is no such cost.
    """

    name: str
    work: str
    command: str
    model: str | None
    options: dict[str, str]
    jobs: list[tuple[float, float]]
    unknown: str = "not known"


def training_told(
    settings: TrainConfig, samples: Sequence[Sample], jobs: int | None
) -> Iterator[str]:
    """Tell what the work will cost, a line for the jobs of each kind.

    Parameters
    ----------
    settings
        The configuration.
    samples
        Rows of its sample sheet.
    jobs
        Jobs at a time; None if that is not known.
    """
    costs = [*(known_costs(settings.costs) if settings.costs else []), *known_costs(None)]
    stages: dict[str, list[float]] = defaultdict(list)
    used, unknown, number, written = [], [], 0, 0.0
    for step in _steps(settings, samples, costs):
        number += len(step.jobs)
        told = f"cost of {step.name}: {counted(len(step.jobs), 'job')} {step.work}"
        cost = _cost_of(step, costs)
        if cost is None:
            unknown.append(step)
            yield f"{told}: {step.unknown}"
            continue
        used.append(cost)
        by = cost["cost"]
        seconds = [
            by["start"] + by["each"] * size + by["part"] * parts for size, parts in step.jobs
        ]
        output = sum(by["empty"] + by["written"] * size for size, _ in step.jobs)
        stages[step.command] += seconds
        written += output
        in_all = f", {time_of(sum(seconds))} in all" if len(seconds) > 1 else ""
        yield (
            f"{told}: at most {time_of(max(seconds))} of one core{' a job' if in_all else ''}"
            f"{in_all}; {bytes_of(output)} of output; {bytes_of(by['memory'])} of memory a job"
        )
    lacking = f", without {', '.join(step.name for step in unknown)}" if unknown else ""
    seconds = sum(map(sum, stages.values()))
    yield (
        f"cost: {counted(number, 'job')}: at most {time_of(seconds)} of one core in all, and "
        f"{bytes_of(written)} of output{lacking}; runs whose validation no longer rises end earlier"
    )
    if jobs and stages:
        yield at_a_time(list(stages.values()), jobs) + lacking
    for machine in {str(each["machine"]): each["machine"] for each in used}.values():
        labels = dict.fromkeys(_label(each) for each in used if each["machine"] == machine)
        yield machine_of(machine, f"random data ({', '.join(labels)})")
    recipes = {recipe for _, recipe in settings.named_recipes}
    lacking = sorted(
        each for each in recipes if Path(each).name in {step.model for step in unknown}
    )
    if lacking:
        words = " ".join(f"--recipe {each}" for each in lacking)
        yield f"cost: {_PROGRAM} runs {words} measures it, and costs: FILE names what it wrote"


def _label(cost: dict[str, Any]) -> str:
    """Say what a cost was measured of."""
    if cost["model"] is None:
        return cost["command"]
    return f"{cost['model']}: {counted(cost['tracks'], 'track')}"


def _steps(
    settings: TrainConfig, samples: Sequence[Sample], costs: list[dict[str, Any]]
) -> Iterator[_Step]:
    """List what is done, in order."""
    kinds: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        forms = {Path(path).suffix.replace(".bgz", ".gz") for path in sample.reads}
        kinds[sample.assay, ",".join(sorted(forms))].append(sample)
    trained, validated, tested = _bases(settings)
    genome, folds = trained + validated + tested, settings.store.folds
    for (assay, form), some in kinds.items():
        reads = [sum(Path(path).stat().st_size for path in sample.reads) for sample in some]
        yield _Step(
            f"coverage of {assay} ({form})",
            f"of {bytes_of(sum(reads))} of reads",
            "coverage",
            None,
            {"assay": assay, "form": form},
            [(genome, size) for size in reads],
            "not known of such files",
        )
    tracks = sum(TRACKS[sample.assay] for sample in samples)
    of_store = f"of {counted(tracks, 'track')} of {_bp(genome)}"
    for command, name in (("data", "the store"), ("check", "its check")):
        yield _Step(name, of_store, command, None, {}, [(tracks * genome, 1)])
    seeds, held_out = len(settings.seeds), len(settings.store.parts)
    strands = 2 if settings.evaluate.both_strands else 1
    of_folds = "1 held-out part" if folds is None else f"{held_out} of {folds} folds"
    for name, recipe in settings.named_recipes:
        model = Path(recipe).name
        epochs = _epochs(recipe, costs)
        of_epochs = "all epochs" if epochs is None else counted(epochs, "epoch")
        yield _Step(
            f"runs of {name}",
            f"({of_folds}, {counted(seeds, 'seed')}), {of_epochs} of {_bp(trained)} "
            f"trained on and {_bp(validated)} validated",
            "fit",
            model if settings.hosts == 1 else f"{model} by several hosts",
            {},
            # Without epochs there is no cost, either.
            [(trained * (epochs or 0), validated * (epochs or 0))] * (seeds * held_out),
            "not known" if settings.hosts == 1 else "not known of several hosts",
        )
        of_test = f"of {counted(seeds, 'network')} on {_bp(tested)}"
        yield _Step(
            f"evaluations of {name}",
            of_test + (", both strands" if strands > 1 else ""),
            "evaluate",
            model,
            {},
            [(tested * seeds * strands, seeds)] * held_out,
        )
        yield _Step(
            f"bundles of {name}",
            f"of {counted(seeds, 'network')}",
            "export",
            model,
            {},
            [(seeds, 1)] * held_out,
        )


def _cost_of(step: _Step, costs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Find what was measured of such jobs, in the user's file first."""
    wanted = (step.command, step.model, step.options)
    fits = (each for each in costs if (each["command"], each["model"], each["options"]) == wanted)
    return next(fits, None)


def _epochs(recipe: str, costs: list[dict[str, Any]]) -> int | None:
    """Tell the epochs of a recipe: by its file if that says so, or when it was measured."""
    name = Path(recipe).name
    known = {each["model"]: each["epochs"] for each in reversed(costs) if each["command"] == "fit"}
    if recipe.endswith(".json"):
        try:
            return json.loads(Path(recipe).read_text(encoding="utf-8"))["settings"]["epochs"]
        except (ValueError, KeyError, TypeError):  # what is wrong, the command says
            pass
    return known.get(name)


def _bases(settings: TrainConfig) -> tuple[float, float, float]:
    """Count the bases of a genome that a run is trained, validated and tested on."""
    store = settings.store
    lengths = contig_lengths(Path(settings.fasta))
    left_out = {name for each in _names(store.exclude) for name in fnmatch.filter(lengths, each)}
    lengths = {name: length for name, length in lengths.items() if name not in left_out}
    total = float(sum(lengths.values()))
    if store.folds is not None:
        fold = total / store.folds
        return total - 2 * fold, fold, fold
    validated, tested = (
        float(sum(lengths.get(name, 0) for name in _names(names)))
        for names in (store.validation, store.test)
    )
    return total - validated - tested, validated, tested


def _names(text: str | None) -> list[str]:
    return [name for name in (text or "").split(",") if name]


def _bp(number: float) -> str:
    return f"{number / 1e6:,.1f} Mb" if number >= 1e5 else f"{number / 1e3:,.1f} kb"
