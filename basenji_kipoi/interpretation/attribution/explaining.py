"""Questions answered by a method, in this process or in several."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sharing.processes import shared_out
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.interpretation.attribution.files import save_piece
from basenji_kipoi.interpretation.attribution.methods import ExpectedGradients, GradientMethod
from basenji_kipoi.interpretation.attribution.mutation import MutationMethod
from basenji_kipoi.models.model import load, paths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from basenji_kipoi.base.sharing.processes import Device
    from basenji_kipoi.interpretation.attribution.files import AttributionTable
    from basenji_kipoi.interpretation.attribution.methods import Attribution, Contributions
    from basenji_kipoi.interpretation.attribution.options import AttributionOptions
    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.attribution.questions import Question
    from basenji_kipoi.models.model import Model

__all__ = ["explain", "explain_in_workers"]

_METHODS = {each.name: each for each in (GradientMethod, ExpectedGradients, MutationMethod)}


def explain(
    model: Model,
    genome: Genome,
    table: AttributionTable,
    options: AttributionOptions,
    todo: Sequence[int],
    keep: Callable[[int, Contributions], object],
    progress: bool | None,
) -> None:
    """Answer the questions that are still to do, and keep each answer."""
    if not todo:
        return
    method = _method(model, genome, table.outputs, options)
    steps = [method.steps(question) for question in table.questions]
    left = sum(steps[number] for number in todo)
    label = label_of("explaining", progress)
    with progress_bar(label, total=sum(steps), unit=method.unit, done=sum(steps) - left) as advance:
        for number in todo:
            keep(number, method.explain(table.questions[number], number, advance))


def explain_in_workers(
    model: Model,
    fasta: Path,
    table: AttributionTable,
    options: AttributionOptions,
    todo: Mapping[int, Path],
    *,
    out: Path,
    workers: Sequence[Device],
    progress: bool | None,
) -> None:
    """Have processes answer questions; each saves its answers where the run looks for them.

    Parameters
    ----------
    model, fasta, table, options
        What is explained.
    todo
        Where the answer to each question that is still to do is saved.
    out
        The output, which messages name.
    workers
        The share of the machine of each process.
    progress
        Whether to show a progress bar.

    Raises
    ------
    InputError
        If the method cannot treat the network, or a process ends before its work does.
    """
    total = len(table.questions)
    pieces = [(path, table.questions[number], number) for number, path in todo.items()]
    label = label_of("explaining", progress)
    with progress_bar(label, total=total, unit="intervals", done=total - len(todo)) as advance:
        arguments = (paths_of(model), fasta, table.outputs, options, out)
        shared_out(workers, _explaining, arguments, pieces, advance)


@contextlib.contextmanager
def _explaining(
    models: Sequence[Path],
    fasta: Path,
    outputs: Sequence[Output],
    options: AttributionOptions,
    out: Path,
) -> Iterator[Callable[[Path, Question, int], int]]:
    """Open what answers questions and saves the answers, in a process of its own."""
    with Genome(fasta) as genome:
        method = _method(load(models), genome, outputs, options)

        def answer(path: Path, question: Question, number: int) -> int:
            found = method.explain(question, number, lambda _: None)
            with atomic_path(path, overwrite=True, output=out) as temporary:
                save_piece(temporary, found)
            return 1

        yield answer


def _method(
    model: Model, genome: Genome, outputs: Sequence[Output], options: AttributionOptions
) -> Attribution:
    # Imports Keras, which takes seconds: not before there is something to compute.
    from basenji_kipoi.models.incremental.steps import NotIncrementalError  # noqa: PLC0415

    more: dict[str, Any] = {}
    if options.method == ExpectedGradients.name:
        more = {name: getattr(options, name) for name in ("backgrounds", "points", "seed")}
    try:
        return _METHODS[options.method](
            model.members, genome, outputs, both_strands=options.both_strands, **more
        )
    except NotIncrementalError as error:
        raise InputError(f"--method {options.method} cannot treat this network: {error}") from None
