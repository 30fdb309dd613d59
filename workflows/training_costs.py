"""What ``train.smk`` will cost, by what was measured: told before anything runs."""

from __future__ import annotations

import fnmatch
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from costs import bytes_of, counted, known_costs
from inputs import contig_lengths
from pydantic import Field, TypeAdapter, ValidationError
from steps import Step, steps_told
from training_tables import TRACKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from configuration import TrainConfig
    from training_tables import Sample

__all__ = ["training_told"]

_PROGRAM = "benchmarks/speed/cost_train.py"
#: As `basenji_training.optimisation.settings` has it.
_MOST_EPOCHS = 1_000_000
_EPOCHS = TypeAdapter(Annotated[int, Field(ge=1, le=_MOST_EPOCHS)])


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
    steps = list(_steps(settings, samples, costs))
    yield from steps_told(
        steps, jobs, bound="at most ", why="; runs whose validation no longer rises end earlier"
    )
    measured = {each["model"] for each in costs if each["command"] == "fit"}
    lacking = [each for each in settings.recipes if Path(each).name not in measured]
    if lacking:
        words = " ".join(f"--recipe {each}" for each in lacking)
        yield f"cost: {_PROGRAM} runs {words} measures it, and costs: FILE names what it wrote"


def _steps(
    settings: TrainConfig, samples: Sequence[Sample], costs: list[dict[str, Any]]
) -> Iterator[Step]:
    """List what is done, in order."""

    def known(command: str, model: str | None = None, **options: str) -> dict[str, Any] | None:
        """Find what was measured of such jobs, in the user's file first."""
        wanted = (command, model, options)
        fits = (
            each for each in costs if (each["command"], each["model"], each["options"]) == wanted
        )
        return next(fits, None)

    kinds: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        forms = {Path(path).suffix.replace(".bgz", ".gz") for path in sample.reads}
        kinds[sample.assay, ",".join(sorted(forms))].append(sample)
    trained, validated, tested = _bases(settings)
    genome, folds = trained + validated + tested, settings.store.folds
    for (assay, form), some in kinds.items():
        reads = [sum(Path(path).stat().st_size for path in sample.reads) for sample in some]
        yield Step(
            "coverage",
            f"coverage of {assay} ({form})",
            f"of {bytes_of(sum(reads))} of reads",
            known("coverage", assay=assay, form=form),
            [(genome, size) for size in reads],
            unknown="not known of such files",
        )
    tracks = sum(TRACKS[sample.assay] for sample in samples)
    of_store = f"of {counted(tracks, 'track')} of {_bp(genome)}"
    for command, name in (("data", "the store"), ("check", "its check")):
        yield Step(command, name, of_store, known(command), [(tracks * genome, genome)])
    seeds, held_out = len(settings.seeds), len(settings.store.parts)
    strands = 2 if settings.evaluate.both_strands else 1
    of_folds = "1 held-out part" if folds is None else f"{held_out} of {folds} folds"
    for name, recipe in settings.named_recipes:
        model, alone = Path(recipe).name, settings.hosts == 1
        epochs = _epochs(recipe, costs)
        of_epochs = "all epochs" if epochs is None else counted(epochs, "epoch")
        yield Step(
            "fit",
            f"runs of {name}",
            f"({of_folds}, {counted(seeds, 'seed')}), {of_epochs} of {_bp(trained)} trained on and "
            f"{_bp(validated)} validated",
            known("fit", model) if alone and epochs else None,
            [(trained * (epochs or 0), validated * (epochs or 0))] * (seeds * held_out),
            unknown="not known" if alone else "not known of several hosts",
        )
        networks = f"of {counted(seeds, 'network')}"
        yield Step(
            "evaluate",
            f"evaluations of {name}",
            f"{networks} on {_bp(tested)}{', both strands' if strands > 1 else ''}",
            known("evaluate", model),
            [(tested * seeds * strands, seeds)] * held_out,
        )
        yield Step(
            "export",
            f"bundles of {name}",
            networks,
            known("export", model),
            [(seeds, 1)] * held_out,
        )


def _epochs(recipe: str, costs: list[dict[str, Any]]) -> int | None:
    """Tell the epochs of a recipe: by its file if that says so, or when it was measured.

    Raises
    ------
    SystemExit
        If a file is no recipe, which a run would say behind coverage and store.
    """
    name = Path(recipe).name
    known = {each["model"]: each["epochs"] for each in reversed(costs) if each["command"] == "fit"}
    if not recipe.endswith(".json"):
        return known.get(name)
    where = f"error: the configuration: recipes: {recipe}"
    try:
        told = json.loads(Path(recipe).read_text(encoding="utf-8"))
        settings = dict(told["settings"])
    except OSError as error:
        raise SystemExit(f"{where} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SystemExit(
            f"{where} is no recipe: expected JSON with a network and settings"
        ) from None
    if "epochs" not in settings:
        return known.get(name)
    try:
        return _EPOCHS.validate_python(settings["epochs"])
    except ValidationError:
        raise SystemExit(
            f"{where}: settings.epochs: expected a whole number from 1 to {_MOST_EPOCHS:,}, and "
            f"found {json.dumps(settings['epochs'])[:20]}"
        ) from None


def _bases(settings: TrainConfig) -> tuple[float, float, float]:
    """Count the bases of a genome that a run is trained, validated and tested on.

    Raises
    ------
    SystemExit
        If the genome has no such chromosomes, which `basenji-train data` would say behind
        coverage.
    """
    store = settings.store
    genome = contig_lengths(Path(settings.fasta))
    lengths = dict(genome)
    where = "error: the configuration: store"
    for pattern in _names(store.exclude):
        found = fnmatch.filter(genome, pattern)
        if not found:
            raise SystemExit(f"{where}.exclude: {settings.fasta} has no chromosome {pattern}")
        lengths = {name: length for name, length in lengths.items() if name not in found}
    total = float(sum(lengths.values()))
    if store.folds is not None:
        if not total:
            raise SystemExit(f"{where}.exclude: it leaves nothing of {settings.fasta}")
        fold = total / store.folds
        return total - 2 * fold, fold, fold
    held_out = []
    for key, names in (("validation", store.validation), ("test", store.test)):
        held_out.append(0.0)
        for name in _names(names):
            if name not in lengths:
                why = f"{name} is there twice, or excluded"
                if name not in genome:
                    why = f"{settings.fasta} has no chromosome {name!r}"
                raise SystemExit(f"{where}.{key}: {why}")
            held_out[-1] += lengths.pop(name)
    if not lengths:
        raise SystemExit(f"{where}: nothing of {settings.fasta} is left to train on")
    validated, tested = held_out
    return total - validated - tested, validated, tested


def _names(text: str | None) -> list[str]:
    return [name for name in (text or "").split(",") if name]


def _bp(number: float) -> str:
    return f"{number / 1e6:,.1f} Mb" if number >= 1e5 else f"{number / 1e3:,.1f} kb"
