"""Single effects and sums of them, on data whose causal variants are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from basenji_kipoi.locus.finemapping import (
    credible_set,
    single_effect,
    sum_of_single_effects,
    z_of_log10_p,
)


@pytest.mark.parametrize(("p", "z"), [(0.05, 1.959964), (1.0, 0.0), (5e-8, 5.451310)])
def test_z_of_two_sided_p_values(p, z):
    assert z_of_log10_p(-math.log10(p)) == pytest.approx(z, abs=1e-5)


def test_a_single_effect_follows_the_bayes_factors():
    z = np.array([5.0, 4.0, 0.0])
    posterior, w = single_effect(z)
    factors = np.exp(z**2 / 2 * w / (1 + w))
    np.testing.assert_allclose(posterior, factors / factors.sum())
    # The variance that makes z of the lead most likely is about its square less one.
    assert 10 < w < 40


def test_priors_multiply_bayes_factors():
    z = np.array([4.0, 4.0, 1.0])
    posterior, _ = single_effect(z, np.log([1.0, 3.0, 1.0]))
    assert posterior[1] / posterior[0] == pytest.approx(3)


def test_without_an_effect_every_variant_is_as_likely():
    posterior, w = single_effect(np.array([0.1, -0.2, 0.0, 0.1]))
    assert w == 0
    np.testing.assert_allclose(posterior, 0.25)


def test_single_effects_are_calibrated():
    """Of all variants with a posterior of about q, a share of q is causal."""
    rng = np.random.default_rng(1)
    said, right = [], []
    distance = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    root = np.linalg.cholesky(0.9**distance)
    for _ in range(2000):
        causal = rng.integers(10)
        z = root @ rng.normal(size=10) + 0.9 ** distance[causal] * rng.normal(0, 4)
        posterior, w = single_effect(z)
        if w:
            said += posterior.tolist()
            right += [each == causal for each in range(10)]
    said, right = np.array(said), np.array(right)
    for low in np.arange(0, 1, 0.2):
        here = (said >= low) & (said < low + 0.2)
        assert said[here].mean() == pytest.approx(right[here].mean(), abs=0.06)


def test_two_signals_are_told_apart_by_linkage():
    rng = np.random.default_rng(0)
    genotypes = np.cumsum(rng.normal(size=(400, 30)), axis=1) + rng.normal(size=(400, 30))
    genotypes = (genotypes - genotypes.mean(0)) / genotypes.std(0)
    trait = 0.5 * genotypes[:, 4] - 0.5 * genotypes[:, 25] + rng.normal(size=400)
    z = genotypes.T @ (trait - trait.mean()) / trait.std() / math.sqrt(400)
    found = sum_of_single_effects(z, np.corrcoef(genotypes.T))
    sets = sorted(map(set, found.sets), key=min)
    assert [4 in sets[0], 25 in sets[1], len(sets)] == [True, True, 2]
    # One effect alone takes the stronger one for all there is.
    assert single_effect(z)[0][4] < 0.01


def test_noise_has_no_signal():
    z = np.random.default_rng(5).normal(0, 0.7, 50)
    assert sum_of_single_effects(z, np.eye(50)).sets == ()


def test_a_credible_set_is_the_smallest_that_covers():
    assert credible_set(np.array([0.03, 0.6, 0.02, 0.35])).tolist() == [1, 3]
    assert credible_set(np.array([0.04, 0.5, 0.02, 0.44])).tolist() == [1, 3, 0]
