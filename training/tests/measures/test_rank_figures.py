"""Ranks, peaks, calibration and specificity of bins of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.measures.held_out import Bins
from basenji_training.measures.metrics import block_draws
from basenji_training.measures.rank_figures import (
    area_intervals,
    calibration,
    call_peaks,
    overlapped,
    peak_figures,
    spearman,
    specificity,
)


def bins_of(predicted, observed):
    number = len(observed)
    return Bins(
        np.full(number, "chr1"),
        np.arange(number) * 100,
        np.arange(number) // 20,
        predicted.astype(np.float32),
        observed.astype(np.float32),
    )


def test_spearman_leaves_out_what_is_missing():
    generator = np.random.default_rng(0)
    observed = generator.poisson(1.0, (400, 70)).astype(float)  # many ties, several portions
    predicted = observed + generator.exponential(2, observed.shape)
    observed[generator.random(observed.shape) < 0.2] = np.nan
    observed[:, 3] = np.nan
    result, (low, high) = spearman(predicted, observed, np.arange(400) // 20)
    assert np.isnan([result[3], low[3], high[3]]).all()
    for track in (0, 1, 69):
        exists = np.isfinite(observed[:, track])
        expected = spearmanr(predicted[exists, track], observed[exists, track]).statistic
        assert result[track] == pytest.approx(expected, abs=1e-12)
        assert low[track] < expected < high[track]


def test_peaks_stand_out_of_chance_and_noise_has_none():
    generator = np.random.default_rng(1)
    noise = generator.poisson(4.0, 5000).astype(float)
    # At a false discovery rate of 1 %, noise alone has a peak in one experiment of a hundred.
    assert call_peaks(noise).sum() <= 2
    signal = noise.copy()
    signal[:100] += 30
    peaks = call_peaks(signal)
    assert peaks[:100].all()
    assert peaks[100:].mean() < 0.001
    # Every peak is above every other bin.
    assert signal[peaks].min() > signal[~peaks].max()
    assert not call_peaks(np.zeros(50)).any()
    assert call_peaks(np.zeros(0)).shape == (0,)


def test_the_threshold_is_that_of_benjamini_and_hochberg():
    counts = np.random.default_rng(2).negative_binomial(1, 0.2, 300).astype(float)
    chance = np.sort(poisson.sf(counts - 1, counts.mean()))
    passing = np.flatnonzero(chance <= 0.01 * np.arange(1, 301) / 300)
    assert call_peaks(counts).sum() == passing[-1] + 1


def test_peaks_are_found_by_predictions():
    generator = np.random.default_rng(3)
    observed = generator.poisson(2.0, (2000, 3)).astype(float)
    observed[:60] += 40
    observed[:, 2] = np.nan
    predicted = np.stack([observed[:, 0], generator.random(2000), observed[:, 0]], axis=1)
    perfect, random, absent = peak_figures(bins_of(predicted, observed))
    assert (perfect.auroc, perfect.auprc) == pytest.approx((1, 1))
    assert perfect.share == perfect.peaks / 2000
    assert random.auroc == pytest.approx(0.5, abs=0.15)
    assert random.auprc == pytest.approx(random.share, abs=0.05)
    assert np.isnan([*absent.auroc_interval, *absent.auprc_interval]).all()
    assert perfect.auroc_interval == perfect.auprc_interval == pytest.approx((1, 1))
    for name in ("auroc", "auprc"):
        low, high = getattr(random, f"{name}_interval")
        assert low < getattr(random, name) < high
    assert absent.peaks == 0
    assert np.isnan([absent.auroc, absent.auprc, absent.share]).all()


@pytest.mark.parametrize(("number", "tolerance"), [(2000, 1e-9), (12_000, 3e-3)])
def test_intervals_of_areas_are_those_of_drawn_bins(number, tolerance):
    generator = np.random.default_rng(7)
    block = np.sort(generator.integers(0, 40, number))
    is_peak = generator.random(number) < 0.05 + 0.1 * (block % 3)
    predicted = np.round(generator.normal(size=number) + is_peak, 1 if number < 4000 else 6)
    drawn = [
        [area(is_peak, predicted, sample_weight=weights[block]) for weights in block_draws(40)]
        for area in (roc_auc_score, average_precision_score)
    ]
    expected = np.quantile(drawn, [0.025, 0.975], axis=1).T
    assert (np.diff(expected) > 0.01).all()
    np.testing.assert_allclose(area_intervals(is_peak, predicted, block), expected, atol=tolerance)
    assert np.isnan(area_intervals(is_peak, predicted, block % 9)).all()


def test_given_peaks_replace_called_ones():
    generator = np.random.default_rng(4)
    observed, predicted = generator.random((2, 300, 1))
    bins = bins_of(predicted, observed)
    intervals = [
        Interval("chr1", 150, 301),
        Interval("chr1", 20_000, 20_001),
        Interval("chr2", 0, 9000),
    ]
    known = overlapped(bins, 100, intervals)
    assert np.flatnonzero(known).tolist() == [1, 2, 3, 200]
    (figures,) = peak_figures(bins, {0: known})
    assert figures.peaks == 4
    assert figures.auroc == pytest.approx(roc_auc_score(known, predicted[:, 0]), abs=1e-6)


def test_a_long_interval_reaches_behind_a_short_one():
    bins = bins_of(np.zeros((30, 1)), np.zeros((30, 1)))
    intervals = [Interval("chr1", 0, 2500), Interval("chr1", 100, 150)]
    assert np.flatnonzero(overlapped(bins, 100, intervals)).tolist() == list(range(25))
    assert not overlapped(bins, 100, []).any()


def test_deciles_tell_what_is_predicted_too_high():
    generator = np.random.default_rng(5)
    truth = generator.gamma(1, 10, (5000, 1))
    observed = generator.poisson(truth).astype(float)
    right = calibration(bins_of(truth, observed))
    double = calibration(bins_of(2 * truth, observed))
    assert right.shape == (1, 10, 2)
    assert (np.diff(right[0, :, 0]) > 0).all()
    np.testing.assert_allclose(right[0, :, 1], right[0, :, 0], rtol=0.1, atol=0.1)
    np.testing.assert_allclose(double[0, :, 1], double[0, :, 0] / 2, rtol=0.1, atol=0.1)
    # Tenths have the same size: their mean is the mean of all.
    assert right[0, :, 1].mean() == pytest.approx(observed.mean())
    assert np.isnan(calibration(bins_of(truth[:9], observed[:9]))).all()


def targets_of(*assays):
    return Targets(
        Target(index=i, identifier=f"t{i}", strand_pair=i, assay=assay)
        for i, assay in enumerate(assays)
    )


def test_specificity_is_of_what_differs_between_tracks():
    generator = np.random.default_rng(6)
    shared = generator.gamma(1, 20, (3000, 1))
    own = generator.gamma(1, 20, (3000, 3))
    observed = shared + own
    # Depth does not count: each track has its own.
    depth = np.array([1, 3, 0.5])
    knows = specificity(bins_of((shared + own) * 7, observed * depth), targets_of(*"aaa"))
    np.testing.assert_allclose(knows, 1, atol=1e-2)
    # What all tracks share is not specific, however well it is predicted.
    noise = shared + generator.gamma(1, 20, (3000, 3))
    ignores = specificity(bins_of(noise, observed), targets_of(*"aaa"))
    assert np.abs(ignores).max() < 0.1
    correlation = np.corrcoef(noise[:, 0], observed[:, 0])[0, 1]
    assert correlation > 0.4
    # A track without others of its assay has none; a missing one does no harm.
    observed[:, 2] = np.nan
    assert np.isnan(specificity(bins_of(noise, observed), targets_of(*"abb"))).all()
    pair = specificity(bins_of(shared + own, observed), targets_of(*"aaa"))
    assert np.isnan(pair).tolist() == [False, False, True]


def test_strands_are_not_compared_with_each_other():
    generator = np.random.default_rng(7)
    values = generator.gamma(1, 20, (500, 2))
    pair = Targets(
        Target(index=i, identifier=f"t{i}", strand_pair=1 - i, assay="a") for i in (0, 1)
    )
    assert np.isnan(specificity(bins_of(values, values), pair)).all()
