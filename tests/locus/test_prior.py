"""The prior of predicted effects: its formula, and the weight that data of known weight give."""

from __future__ import annotations

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.locus.linkage import LinkageMatrix
from basenji_kipoi.locus.ranking.posterior import rank_sets
from basenji_kipoi.locus.ranking.prior import estimate_weight, joined, log_prior
from basenji_kipoi.locus.variants import LocusTable, LocusVariant


def test_the_prior_is_a_power_of_the_share_of_random_variants():
    prior = np.exp(log_prior(np.array([0.01, 1.0]), 0.5))
    assert prior[0] / prior[1] == pytest.approx(100**0.5)


def test_a_variant_without_prediction_has_the_mean_prior():
    prior = np.exp(log_prior(np.array([0.1, np.nan, 1.0]), 1.0))
    assert prior[1] == pytest.approx((prior[0] + prior[2]) / 2)
    assert np.ptp(log_prior(np.array([np.nan, np.nan]), 1.0)) == 0


def test_the_posterior_joins_both_and_keeps_the_sum():
    pip = np.array([0.6, 0.3, 0.0])
    found = joined(pip, log_prior(np.array([1.0, 0.1, 0.001]), 1.0))
    np.testing.assert_allclose(found, 0.9 * np.array([0.6, 3.0, 0.0]) / 3.6)
    np.testing.assert_allclose(joined(pip, np.zeros(3)), pip)


@pytest.mark.parametrize("weight", [0.0, 0.4, 0.8])
def test_the_weight_that_made_the_data_is_found(weight):
    rng = np.random.default_rng(int(10 * weight))
    sets = []
    for _ in range(400):
        p = (1 + rng.permutation(1000)[:20]) / 1001
        prior = p**-weight / (p**-weight).sum()
        causal = rng.choice(20, p=prior)
        # Association is blurred: each variant's z is near that of the causal one.
        z = np.where(np.arange(20) == causal, 4.0, 3.0) + rng.normal(size=20)
        bayes = np.exp(4.0 * z - 8.0 - (3.0 * z - 4.5))
        sets.append((bayes / bayes.sum(), p))
    found = estimate_weight(sets)
    assert found.low <= weight <= found.high
    assert found.value == pytest.approx(weight, abs=0.15)
    assert found.high - found.low < 0.8


def test_few_sets_tell_no_weight():
    one = (np.array([0.5, 0.5]), np.array([0.1, 0.9]))
    alike = (np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    with pytest.raises(InputError, match=r"from 10 sets .* there are 9: give one with --weight"):
        estimate_weight([one] * 9 + [alike] * 5)
    with pytest.raises(InputError, match="there are 0"):
        estimate_weight([])


def table(*rows, has_sets=False):
    variants = [
        LocusVariant(n, "chrA", n + 1, "A", "C", locus="L", **row) for n, row in enumerate(rows)
    ]
    return LocusTable("t", "plain", tuple(variants), has_sets)


def ranked(given, p, **more):
    return rank_sets(given, np.array(p), None, weight=1.0, signals=1, **more)


def test_sets_whose_pips_cannot_be_joined_say_why():
    (over,) = ranked(table({"pip": 0.8}, {"pip": 0.7}), [0.1, 0.1])[0]
    assert (over.reason, np.isnan(over.posterior).all()) == ("pips_sum_over_one", True)
    (none,) = ranked(table({}, {}), [0.1, 0.1])[0]
    assert none.reason == "no_statistics"
    inside, outside = ranked(
        table({"pip": 0.8, "credible_set": "1"}, {"pip": 0.1}, has_sets=True), [0.1, 0.1]
    )[0]
    assert (inside.reason, outside.reason) == ("", "outside_of_sets")


def test_two_sets_of_a_locus_do_not_compete():
    rows = [{"pip": 0.9, "credible_set": str(n)} for n in (1, 2)]
    found = ranked(table(*rows, has_sets=True), [1.0, 0.001])[0]
    assert [each.posterior.tolist() for each in found] == [[0.9], [0.9]]


def test_z_scores_alone_make_pips():
    (one,), weight, method = ranked(table({"z": 5.0}, {"z": 4.9}, {}), [1.0, 0.01, 0.01])
    assert (method, str(weight)) == ("single", "1 (given)")
    assert one.pip[0] > one.pip[1]
    assert one.posterior[1] > one.posterior[0]
    assert one.notes == {2: "no_statistics"}


def test_linkage_tells_two_signals_apart_and_names_what_it_lacks():
    rng = np.random.default_rng(4)
    genotypes = rng.normal(size=(600, 6))
    genotypes[:, 1] = genotypes[:, 0] + 0.2 * rng.normal(size=600)
    genotypes[:, 4] = genotypes[:, 3] + 0.2 * rng.normal(size=600)
    trait = 0.5 * genotypes[:, 0] + 0.5 * genotypes[:, 3] + rng.normal(size=600)
    r = np.corrcoef(genotypes.T)
    z = np.array([np.corrcoef(g, trait)[0, 1] for g in genotypes.T]) * np.sqrt(600)
    given = table(*({"z": value, "sign_known": True} for value in z), {"z": 3.0})
    linkage = LinkageMatrix("r", [each.key for each in given.variants[:6]], r)
    p = np.array([1, 0.001, 1, 1, 1, 1, 1])
    (one,), _, method = rank_sets(given, p, linkage, weight=1.0, signals=5)
    assert (method, one.signals, one.reason) == ("susie", 2, "")
    assert one.pip[[0, 1]].sum() > 0.9
    assert one.pip[[3, 4]].sum() > 0.9
    # The effect of the second variant draws its own signal to it, and no other one.
    assert one.posterior[1] > one.pip[1]
    np.testing.assert_allclose(one.posterior[[3, 4]], one.pip[[3, 4]], atol=0.05)
    # Without a sign, z cannot be set beside linkage.
    assert one.notes == {6: "no_statistics"}
    five = LinkageMatrix("r", [each.key for each in given.variants[:5]], r[:5, :5])
    (less,), _, _ = rank_sets(given, p, five, weight=1.0, signals=5)
    assert less.notes == {5: "absent_from_linkage", 6: "no_statistics"}
