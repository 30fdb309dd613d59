"""The argument `counts` of the Kipoi models: predictions in counts of the coverage."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def models(home):
    """The shipped model, in both units, and its sums over bins in counts."""
    for folder in (ROOT, ROOT / "kipoi_models" / "variant_effects"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    from basenji_variant_effects import BasenjiVariantEffects

    from basenji_model import BasenjiModel

    folder = str(ROOT / "model_files")
    return {
        "usual": BasenjiModel(folder, incremental=False),
        "whole": BasenjiModel(folder, incremental=False, counts=True),
        "shared": BasenjiModel(folder, counts=True),
        "sums": BasenjiVariantEffects(folder, counts=True),
    }


def test_predictions_are_counts_however_they_are_computed(models):
    window = np.eye(4, dtype=np.float32)[np.random.default_rng(1).integers(0, 4, (1, 16384))]
    usual = models["usual"].predict_on_batch(window)
    expected = models["usual"].bundle.targets.counts(usual)
    assert expected.max() > 2 * usual.max()
    whole = models["whole"].predict_on_batch(window)
    assert whole.dtype == np.float32
    # Where the root of a soft clip is undone, rounding grows with it.
    np.testing.assert_allclose(whole, expected, rtol=2e-3, atol=1e-3)
    shared = models["shared"].predict_on_batch(window)
    np.testing.assert_allclose(shared, expected, rtol=2e-3, atol=1e-3)
    sums = models["sums"].predict_on_batch(window)
    np.testing.assert_allclose(sums, expected.sum(axis=1), rtol=2e-3)
    # What gradients and layers explain is the same output.
    last = models["sums"].predict_activation_on_batch(window, layer=-1)
    np.testing.assert_allclose(last, expected.sum(axis=1), rtol=2e-3)
