"""Predictions brought to the scale of measurements, each chromosome by the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["LEAST_CHROMOSOMES", "Calibrated", "calibrate"]

#: With fewer, too little is left to learn from.
LEAST_CHROMOSOMES = 3
#: Penalties of the ridge regression, of which the training chromosomes choose one.
_PENALTIES = np.logspace(-1, 6, 15)


class Calibrated(NamedTuple):
    """Effects predicted from scores, by what other chromosomes teach.

    Attributes
    ----------
    name : str
        Which scores.
    effect : ndarray, float64, shape (rows,)
        Effects of each chromosome's rows, from a regression on the others'.
    slope, intercept : float or None
        Of the line through all rows, where there is one score.
    """

    name: str
    effect: np.ndarray
    slope: float | None
    intercept: float | None


def calibrate(
    names: list[str], scores: np.ndarray, effect: np.ndarray, chroms: np.ndarray
) -> list[Calibrated]:
    """Predict effects from scores: by a line from each, and by ridge regression from all.

    Parameters
    ----------
    names
        Names of the scores.
    scores : ndarray, float64, shape (rows, scores)
        Predictions.
    effect : ndarray, float64, shape (rows,)
        Measured effects.
    chroms : ndarray, object, shape (rows,)
        Chromosomes, each of which is predicted by a regression on all others.

    Returns
    -------
    list of Calibrated
        One a score, then one of all if there are several; empty with too few chromosomes.
    """
    if len(set(chroms)) < LEAST_CHROMOSOMES:
        return []
    found = []
    for name, column in zip(names, scores.T):
        predicted = _left_out(LinearRegression(), column[:, None], effect, chroms)
        line = LinearRegression().fit(column[:, None], effect)
        found.append(
            Calibrated(f"{name}, line", predicted, float(line.coef_[0]), float(line.intercept_))
        )
    if len(names) > 1:
        ridge = make_pipeline(StandardScaler(), RidgeCV(alphas=_PENALTIES))
        predicted = _left_out(ridge, scores, effect, chroms)
        found.append(Calibrated(f"{len(names)} scores, ridge", predicted, None, None))
    return found


def _left_out(
    model: object, scores: np.ndarray, effect: np.ndarray, chroms: np.ndarray
) -> np.ndarray:
    groups = np.unique(chroms.astype(str), return_inverse=True)[1]
    return cross_val_predict(model, scores, effect, groups=groups, cv=LeaveOneGroupOut())
