"""The scores of an allele in a reporter assay, each with its formula, units, sign and source.

r and a are the activities of the oligos of reference and alternative, which are predicted as
`basenji_kipoi.activities` predicts any sequence; a mean is over the places of the oligos, and over
the directions where both are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["REPORTER_GENE_SCORES", "REPORTER_SCORES", "ReporterScore", "reporter_scores_named"]


@dataclass(frozen=True)
class ReporterScore:
    """A score of an allele and an activity.

    Attributes are those of `basenji_kipoi.effects.scores.Score`.

    Attributes
    ----------
    compute : callable
        Takes the means of r and of a, ndarrays of one shape; returns the score, of that shape.
    """

    name: str
    formula: str
    meaning: str
    units: str
    signed: bool
    source: str
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray] = field(repr=False)


_UNITS = "units of the activity"
_HERE = "this package; an oligo of each allele is what a library of natural variants carries"


def _difference(reference: np.ndarray, alternative: np.ndarray) -> np.ndarray:
    return alternative - reference


#: Every score by name, in the order in which they are listed.
REPORTER_SCORES: dict[str, ReporterScore] = {
    score.name: score
    for score in (
        ReporterScore(
            "SAD", "mean (a - r)", "change of the activity", _UNITS, True, _HERE, _difference
        ),
        ReporterScore(
            "REF", "mean r", "activity of the reference", _UNITS, False, _HERE, lambda r, _: r
        ),
        ReporterScore(
            "ALT", "mean a", "activity of the alternative", _UNITS, False, _HERE, lambda _, a: a
        ),
    )
}

#: The scores of genes by name.
REPORTER_GENE_SCORES: dict[str, ReporterScore] = {
    "SED": ReporterScore(
        "SED",
        "mean (a - r)",
        "change of the activity, the oligos in the direction of the gene",
        _UNITS,
        True,
        _HERE,
        _difference,
    )
}


def reporter_scores_named(names: Sequence[str]) -> list[ReporterScore]:
    """Find scores by their names, in the order of the names.

    Raises
    ------
    InputError
        If a name is none of a score of reporters, or stands twice.
    """
    for name in names:
        if name not in REPORTER_SCORES:
            raise InputError(
                f"--scores: no score {name!r} of a reporter: expected some of "
                f"{', '.join(REPORTER_SCORES)}"
            )
    if len(set(names)) != len(names):
        raise InputError(f"--scores: {','.join(names)} names a score twice")
    return [REPORTER_SCORES[name] for name in names]
