"""Measured effects of which the truth is known, and predictions of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["simulated", "write_text"]


def simulated(rows=400, chroms=4, correlation=0.8, error=0.5, seed=0):
    """Tables of predictions and of measurements.

    True effects have variance 1 and the stated correlation with the column ``s/a``; ``s/noise`` has
    none. Each gene has four variants.
    """
    random = np.random.default_rng(seed)
    true = random.normal(size=rows)
    predicted = correlation * true + np.sqrt(1 - correlation**2) * random.normal(size=rows)
    number = np.arange(rows)
    place = {
        "chrom": [f"chr{1 + each % chroms}" for each in number],
        "pos": 1000 + 10 * number,
        "ref": np.array(["A", "C"])[number % 2],
        "alt": np.array(["G", "T"])[number % 2],
    }
    scores = pd.DataFrame(
        {**place, "status": "ok", "s/a": predicted, "s/noise": random.normal(size=rows)}
    )
    effects = pd.DataFrame(
        {
            **place,
            "gene": [f"G{each // 4}" for each in number],
            "distance": -(100 + number % 50),
            "effect": true + random.normal(0, error, rows),
            "SE": error,
            "true": true,
        }
    )
    return scores, effects


def write_text(path, table, *, end="\n", comment=""):
    """Write a table as text with these line ends, gzip if its name says so."""
    table.to_csv(path, sep="\t", index=False, lineterminator=end)
    if comment:
        path.write_text(comment + path.read_text())
    return path
