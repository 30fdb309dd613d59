"""Statistics and ceilings of simulated effects, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from basenji_kipoi.comparison.ceilings import (
    from_errors,
    reliability_of_errors,
    reliability_of_replicates,
)
from basenji_kipoi.comparison.statistics import (
    LEAST_BLOCKS,
    as_json,
    auprc,
    auroc,
    estimate,
    pearson,
    same_sign,
    spearman,
)


def test_intervals_cover_the_truth_as_often_as_they_say():
    random, covered = np.random.default_rng(0), []
    for _ in range(60):
        x = random.normal(size=80)
        y = 0.5 * x + np.sqrt(0.75) * random.normal(size=80)
        found = estimate(pearson, x, y)
        assert found.low <= found.value <= found.high
        assert found.rows == 80
        covered.append(found.low <= 0.5 <= found.high)
    # 95 % within five standard errors of 60 draws.
    assert np.mean(covered) > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 60)


def test_rows_of_a_block_are_no_evidence_of_their_own():
    # Ten copies of 60 rows say as much as the 60 rows.
    random = np.random.default_rng(0)
    covered = {"rows": [], "blocks": []}
    for _ in range(40):
        x = random.normal(size=60)
        y = 0.5 * x + np.sqrt(0.75) * random.normal(size=60)
        blocks = np.repeat(np.arange(60), 10)
        for kind, each in (("rows", None), ("blocks", blocks)):
            found = estimate(pearson, np.repeat(x, 10), np.repeat(y, 10), blocks=each, draws=200)
            covered[kind].append(found.low <= 0.5 <= found.high)
    assert np.mean(covered["blocks"]) > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 40)
    assert np.mean(covered["rows"]) < 0.6
    single = estimate(pearson, x, y, draws=200)
    assert estimate(pearson, x, y, blocks=np.arange(60), draws=200) == single


def test_what_has_no_interval():
    few = estimate(np.mean, np.array([1.0, 2.0]))
    assert np.isnan(few.value)
    assert as_json([{"x": few}]) == [{"x": {"value": None, "low": None, "high": None, "rows": 2}}]
    assert estimate(np.mean, np.ones(9)) == (1, 1, 1, 9)
    x = np.arange(30.0)
    blocks = np.arange(30) % (LEAST_BLOCKS - 1)
    found = estimate(np.mean, x, blocks=blocks)
    assert found.value == x.mean()
    assert np.isnan(found.low)
    assert np.isnan(estimate(pearson, x, np.zeros(30)).value)


def test_the_seed_decides():
    x = np.random.default_rng(0).normal(size=50)
    assert estimate(np.mean, x, seed=1) == estimate(np.mean, x, seed=1)
    assert estimate(np.mean, x, seed=1) != estimate(np.mean, x, seed=2)


def test_auroc_counts_pairs():
    positive, negative = np.array([3.0, 1.0, 2.0]), np.array([0.0, 2.0])
    wins = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert auroc(positive, negative) == pytest.approx(np.mean(wins))
    assert np.isnan(auroc(positive, negative[:0]))


def test_a_planted_score_has_the_auroc_of_its_shift():
    random = np.random.default_rng(0)
    positive, negative = random.normal(1, 1, 4000), random.normal(0, 1, 4000)
    # Two normal distributions one standard deviation apart.
    assert auroc(positive, negative) == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.02)
    assert auprc(positive, positive) == pytest.approx(0.5, abs=0.02)
    assert auprc(negative + 100, positive) == 1


def test_spearman_follows_order_only():
    x = np.random.default_rng(0).normal(size=50)
    assert spearman(x, np.exp(3 * x)) == pytest.approx(1)
    assert pearson(x, np.exp(3 * x)) < 0.9
    assert np.isnan(spearman(x, np.zeros(50)))


def test_signs_of_zero_do_not_count():
    assert same_sign(np.array([1.0, -1, 0, 2]), np.array([3.0, 1, 1, 0])) == 0.5
    assert np.isnan(same_sign(np.zeros(3), np.ones(3)))


@pytest.mark.parametrize("reliability", [0.2, 0.5, 0.9])
def test_ceilings_are_what_the_truth_reaches(reliability):
    random = np.random.default_rng(1)
    rows = 6000
    true = random.normal(0, np.sqrt(reliability), rows)
    # Errors differ from row to row, as they do; their mean square is what matters.
    error = np.sqrt((1 - reliability) * random.uniform(0.3, 1.7, rows))
    effect = true + random.normal(0, error)
    found = from_errors(effect, error)
    assert reliability_of_errors(effect, error) == found.reliability
    assert found.reliability == pytest.approx(reliability, abs=0.05)
    assert found.pearson == pytest.approx(pearson(true, effect), abs=0.04)
    assert found.spearman == pytest.approx(spearman(true, effect), abs=0.04)
    assert found.same_sign == pytest.approx(same_sign(true, effect), abs=0.03)


def test_nothing_but_noise_has_no_reliability():
    random = np.random.default_rng(0)
    found = from_errors(random.normal(0, 1, 500), np.full(500, 1.2))
    assert found == (0, 0, 0, 0.5)


@pytest.mark.parametrize("number", [2, 4])
def test_replicates_tell_the_reliability_of_their_mean(number):
    random = np.random.default_rng(2)
    true = random.normal(size=5000)
    replicates = true[:, None] + random.normal(0, 1.5, (5000, number))
    found = reliability_of_replicates(replicates)
    assert found == pytest.approx(1 / (1 + 1.5**2 / number), abs=0.03)
    assert np.sqrt(found) == pytest.approx(pearson(true, replicates.mean(axis=1)), abs=0.02)
    replicates[::2, 0] = np.nan
    assert reliability_of_replicates(replicates) == pytest.approx(found, abs=0.05)
