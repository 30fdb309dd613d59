"""What predictions of an allele are averaged over, and the bins that it can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import is_substitution
from basenji_kipoi.models.ensembles import check_alike
from basenji_kipoi.models.networks.operations import affected_by
from basenji_kipoi.models.targets import StrandColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.genome.alleles import AlleleWindow
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Span
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["IndelMode", "Pass", "changed_bins", "columns_of", "passes_of"]

IndelMode = Literal["anchor", "stitch"]


class Pass(NamedTuple):
    """One of the predictions that are averaged.

    Attributes
    ----------
    model : int
        Which of the models.
    shift : int
        Bases by which the window moves to the right.
    reverse : bool
        Whether the network reads the reverse complement.
    """

    model: int
    shift: int
    reverse: bool


def passes_of(
    bundles: Sequence[TrainedModel], *, both_strands: bool | None, shifts: Sequence[int]
) -> list[Pass]:
    """List the predictions that are averaged.

    Parameters
    ----------
    bundles
        The models, of one network each (`basenji_kipoi.models.model.Model.members`).
    both_strands
        Whether to average over both strands; by default as each model's metadata says.
    shifts
        Shifts of the window (bp), at least one; positive ones move it to the right.

    Raises
    ------
    InputError
        If the models differ in window, bins or tracks, or a shift stands twice.
    """
    if any(len(bundle.members) > 1 for bundle in bundles):
        raise ValueError("an ensemble is one bundle too few: pass its members")
    check_alike(bundles)
    if len(set(shifts)) != len(shifts) or not shifts:
        raise InputError(
            f"the shifts {', '.join(map(str, shifts))} must be different, at least one"
        )
    found = []
    for model, bundle in enumerate(bundles):
        strands = (False, True) if bundle.reads_both_strands(both_strands) else (False,)
        found += [Pass(model, shift, reverse) for shift in shifts for reverse in strands]
    return found


def columns_of(bundle: TrainedModel, tracks: Sequence[int] | None) -> StrandColumns:
    """Find the tracks that networks must predict for wanted ones (indices; None for all)."""
    wanted = np.arange(len(bundle.targets)) if tracks is None else np.asarray(tracks)
    return StrandColumns.of(wanted, bundle.targets.strand_permutation)


def changed_bins(
    architecture: Architecture,
    passes: Sequence[Pass],
    request: AlleleWindow,
    indels: IndelMode = "stitch",
) -> Span:
    """Find the bins that an allele can change in any pass.

    Parameters
    ----------
    architecture, passes, indels
        The network's description, and what is averaged.
    request
        The allele. One of another length than what it replaces moves everything behind it, so that
        all bins from the first changed one on can change; if stitched, no more than those that
        see the bases that it replaces.

    Returns
    -------
    tuple of int
        Predicted bins [first, last), not limited to those that exist.
    """
    allele, bins, window = request.allele, architecture.bins, architecture.window
    spans = []
    for each in passes:
        begin = allele.position - each.shift
        end = begin + max(allele.removed, 1)
        if each.reverse:
            first, last = affected_by(architecture.trunk, window - end, window - begin)
            spans.append((bins - last, bins - first))
        else:
            spans.append(affected_by(architecture.trunk, begin, end))
    first, last = min(first for first, _ in spans), max(last for _, last in spans)
    if indels == "stitch" or is_substitution(allele):
        return first, last
    return first, max(last, bins)
