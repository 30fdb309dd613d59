"""Which function the "gelu" of a parameter file is: programs compute three, and no file says which.

The networks of 2020 were trained when their program computed x sigmoid(1.702 x). Since April 2022
it computes the approximation by tanh, for older files as well; ports to PyTorch have the function
itself by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Literal

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.base.text_files import table_rows

if TYPE_CHECKING:
    import os

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.models.networks.operations import ActivationName
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["GELUS", "Gelu", "GeluFit", "Reference", "compare_gelus", "read_reference"]

Gelu = Literal["tanh", "sigmoid", "erf"]
#: What each is called in an architecture.
GELUS: dict[Gelu, ActivationName] = {
    "tanh": "gelu_tanh",
    "sigmoid": "gelu_sigmoid",
    "erf": "gelu_erf",
}
_COLUMNS = ("chrom", "start", "bin", "track", "value")
#: Windows of a table at most: each is predicted by every one of the three.
_MOST_WINDOWS = 64


@dataclass(frozen=True)
class Reference:
    """Predictions of another program.

    Attributes
    ----------
    windows : list of tuple
        Contig and first base (0-based) of each window.
    window, bin, track : ndarray, int, shape (values,)
        Which window, bin (counted behind the crop) and track a value is of.
    value : ndarray, float64, shape (values,)
        The predictions.
    """

    windows: list[tuple[str, int]]
    window: np.ndarray
    bin: np.ndarray
    track: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class GeluFit:
    """How well predictions with one of the functions agree with others.

    Attributes
    ----------
    gelu : str
        The function.
    mean, largest : float
        Mean and largest absolute difference.
    """

    gelu: Gelu
    mean: float
    largest: float


def read_reference(path: str | os.PathLike[str], model: TrainedModel, genome: Genome) -> Reference:
    """Read a table of predictions of another program.

    Parameters
    ----------
    path
        Tab-separated, with a header: ``chrom`` and ``start`` of a window (0-based), ``bin`` (from
        0, behind the crop), ``track`` (identifier or index) and ``value``.
    model
        The model; its window, bins and tracks must be those of the table.
    genome
        The genome, whose bases the windows have.

    Raises
    ------
    InputError
        If the table cannot be read or a row does not fit; names the line.
    """
    shape = model.architecture
    columns = {label: place for place, label in enumerate(model.targets.labels)}
    columns.update({str(place): place for place in range(len(columns))})
    windows: dict[tuple[str, int], int] = {}
    rows = []
    for line, row in table_rows(path, "table of predictions", _COLUMNS):
        try:
            start, place, value = int(row["start"]), int(row["bin"]), float(row["value"])
        except ValueError:
            raise InputError(
                f"{path}:{line}: expected whole numbers as start and bin, and a number as value"
            ) from None
        if row["chrom"] not in genome.lengths:
            raise InputError(f"{path}:{line}: {genome.path} has no contig {row['chrom']!r}")
        if row["track"] not in columns or not 0 <= place < shape.bins or not np.isfinite(value):
            raise InputError(
                f"{path}:{line}: expected a track of the model, a bin from 0 to {shape.bins - 1} "
                "and a finite value"
            )
        window = windows.setdefault((row["chrom"], start), len(windows))
        rows.append((window, place, columns[row["track"]], value))
    if not rows:
        raise InputError(f"{path} has no rows below its header")
    if len(windows) > _MOST_WINDOWS:
        raise InputError(f"{path} has {len(windows)} windows: {_MOST_WINDOWS} are enough")
    table = np.array(rows)
    places = table[:, :3].astype(np.int64).T
    return Reference(list(windows), *places, table[:, 3])


def compare_gelus(
    model_with: Callable[[Gelu], TrainedModel], reference: Reference, genome: Genome
) -> list[GeluFit]:
    """Predict a table's windows with each of the functions.

    Parameters
    ----------
    model_with
        Opens the model with one of them.
    reference, genome
        As `read_reference` has them.

    Returns
    -------
    list of GeluFit
        The best one first.
    """
    fits = []
    for gelu in GELUS:
        model = model_with(gelu)
        network, length = model.network(), model.architecture.window
        found = np.empty(len(reference.value))
        for number, (chrom, start) in enumerate(reference.windows):
            codes = genome.codes(chrom, start, start + length)
            predicted = network.predict_on_batch(one_hot(codes[None]))
            values = model.architecture.side_by_side(predicted)[0]
            here = reference.window == number
            found[here] = values[reference.bin[here], reference.track[here]]
        apart = np.abs(found - reference.value)
        fits.append(GeluFit(gelu, float(apart.mean()), float(apart.max())))
    return sorted(fits, key=lambda fit: fit.mean)
