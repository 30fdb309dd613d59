from __future__ import annotations

import numpy as np
import pybigtools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from simulated_reads import write_fasta

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_training.coverage.gc_bias import (
    STEPS,
    GcCurve,
    between_steps,
    busy_tiles,
    fit_gc_curve,
    fragment_gc,
    genome_gc,
)
from basenji_training.coverage.run import make_coverage
from basenji_training.reads.fragment_length import estimate_fragment_length
from basenji_training.reads.rows import MINUS, REVERSE, ROW
from basenji_training.reads.settings import Settings

WINDOW = 1000  # bp
SIZE = 600_000  # bp


@given(st.text("ACGTacgtN", min_size=60, max_size=60), st.data())
def test_gc_content_is_the_share_of_both_letters_in_either_case(tmp_path_factory, letters, data):
    fasta = write_fasta(tmp_path_factory.mktemp("gc") / "g.fa", {"c": letters})
    starts = np.array(data.draw(st.lists(st.integers(0, 59), min_size=1, max_size=8)))
    lengths = np.array([data.draw(st.integers(1, 30)) for _ in starts])
    with Genome(fasta) as genome:
        got = fragment_gc(genome, "c", starts, lengths)
    for start, length, value in zip(starts.tolist(), lengths.tolist(), got.tolist(), strict=True):
        bases = letters[start : start + length].upper()
        if len(bases) < length or "N" in bases:
            assert np.isnan(value)
        else:
            assert value == pytest.approx((bases.count("G") + bases.count("C")) / length)


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1e3)), min_size=1),
    st.lists(st.floats(0.1, 10), min_size=STEPS, max_size=STEPS),
)
def test_interpolated_factors_keep_the_total_of_the_counts(fragments, factor):
    gc, weights = np.array(fragments).T
    curve = GcCurve(np.ones(STEPS), np.ones(STEPS), np.ones(STEPS), np.array(factor))
    counted = between_steps(gc.astype(np.float32), weights)
    assert counted.sum() == pytest.approx(weights.sum())
    changed = (weights * curve.factors(gc.astype(np.float32))).sum()
    assert (counted * curve.factor).sum() == pytest.approx(changed)


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    """Fragments, kept the more often the more GC they have; and the GC content of windows."""
    folder = tmp_path_factory.mktemp("biased")
    generator = np.random.default_rng(0)
    field = gaussian_filter1d(generator.normal(size=SIZE), 1500)
    strong = generator.random(SIZE) < 0.45 + 0.09 * field / field.std()
    second = generator.random(SIZE) < 0.5
    letters = np.where(strong, np.where(second, "G", "C"), np.where(second, "A", "T"))
    fasta = write_fasta(folder / "genome.fa", {"chr1": "".join(letters)})
    length = generator.integers(120, 260, 900_000)
    start = generator.integers(0, SIZE - length)
    sums = np.concatenate([[0], np.cumsum(strong)])
    gc = (sums[start + length] - sums[start]) / length
    kept = generator.random(len(gc)) < np.exp(5 * (gc - 0.75))
    order = np.argsort(start[kept])
    lines = zip(start[kept][order].tolist(), (start + length)[kept][order].tolist(), strict=True)
    fragments = folder / "fragments.bed"
    fragments.write_text("".join(f"chr1\t{first}\t{last}\n" for first, last in lines))
    windows = strong.reshape(-1, WINDOW).mean(axis=1)
    return folder, fasta, fragments, windows


def slope(biased, fasta, **changes):
    """Slope of the logarithm of windows' coverage over their GC content; fragments lie evenly."""
    folder, _, fragments, windows = biased
    settings = Settings(**{"mode": "cut", **changes})
    quality = make_coverage([fragments], folder / "x.bw", settings, fasta=fasta, overwrite=True)
    values = pybigtools.open(str(folder / "x.bw")).values("chr1", 0, SIZE, fillna=0.0)
    sums = values.reshape(-1, WINDOW).sum(axis=1)[1:-1]
    fit = np.polyfit(windows[1:-1], np.log(sums), 1, w=np.sqrt(sums))
    return fit[0], values.sum(), quality


@pytest.mark.parametrize("mode", ["cut", "centre", "fragment"])
def test_a_bias_is_removed_and_the_total_kept(biased, mode):
    fasta = biased[1]
    before, total, plain = slope(biased, fasta, mode=mode)
    after, kept, corrected = slope(biased, fasta, mode=mode, gc=True)
    assert before > 3
    assert abs(after) < 0.05 * before
    assert kept == pytest.approx(total, rel=0.01)
    assert sum(corrected.forward + corrected.reverse) == pytest.approx(
        sum(plain.forward + plain.reverse), rel=1e-6
    )


def test_soft_masked_bases_count(biased):
    folder, fasta, _, _ = biased
    lower = folder / "lower.fa"
    lower.write_text(fasta.read_text().lower())
    assert slope(biased, lower, gc=True)[0] == slope(biased, fasta, gc=True)[0]


def test_the_curve_is_the_ratio_that_was_put_in(biased):
    gc = slope(biased, biased[1], gc=True)[2].gc
    level = np.linspace(0, 1, STEPS)
    common = (level > 0.35) & (level < 0.55)
    np.testing.assert_allclose(
        np.polyfit(level[common], np.log(gc.rate[common]), 1)[0], 5, atol=0.2
    )
    np.testing.assert_allclose(
        gc.rate[common] * gc.factor[common], gc.rate[50] * gc.factor[50], rtol=1e-6
    )


def test_rates_are_smooth_from_step_to_step(biased):
    gc = slope(biased, biased[1], gc=True)[2].gc
    common = gc.expected > 0.01 * gc.expected.sum()
    rate = gc.observed[common] / gc.expected[common] * gc.expected.sum() / gc.observed.sum()
    assert common.sum() > 20
    # 600 kb have few independent places. With seven lengths for all places, which leave some
    # contents out, rates were off by up to 27 %.
    np.testing.assert_allclose(rate, gc.rate[common], rtol=0.15)


def test_places_are_counted_where_fragments_can_lie(tmp_path):
    letters = "A" * 3000 + "N" * 2000 + "G" * 3000
    fasta = write_fasta(tmp_path / "g.fa", {"c": letters})
    with Genome(fasta) as genome:
        places = genome_gc(genome, "c", np.array([100]), np.zeros(8, bool))
        fewer = genome_gc(genome, "c", np.array([100]), np.arange(8) < 3)
    # 2,901 starts on either side.
    assert places[0] == pytest.approx(2901, abs=5)
    assert places[-1] == pytest.approx(2901, abs=5)
    assert places[1:-1].sum() == 0
    assert fewer[0] == 0
    assert fewer[-1] == places[-1]


def test_the_fit_covers_all_but_the_rarest_contents():
    expected = np.zeros(STEPS)
    expected[[10, 20, 40, 60, 80]] = 4, 100, 800, 100, 4
    assert fit_gc_curve(expected * 10, expected, expected * 10).fitted_range == (20, 60)


def test_peaks_take_no_part_and_few_fragments_are_an_error():
    counts = np.full(100, 5.0)
    counts[[3, 60]] = 51, 50
    assert np.flatnonzero(busy_tiles(counts)).tolist() == [3]
    few = np.full(STEPS, 1.0)
    with pytest.raises(InputError, match=r"too few to fit .* pass --no-gc"):
        fit_gc_curve(few, few * 100, few)


def test_the_length_of_single_end_fragments_is_found():
    generator = np.random.default_rng(0)
    length = np.rint(generator.normal(180, 20, 40_000)).astype(int)
    # Fragments lie around peaks, as a transcription factor's do.
    start = generator.choice(np.arange(5000, 900_000, 3000), 40_000) - length // 2
    start += np.rint(generator.normal(0, 20, 40_000)).astype(int)
    backward = generator.random(40_000) < 0.5
    rows = np.zeros(40_000, ROW)
    rows["five"] = np.where(backward, start + length - 1, start)
    rows["flags"] = np.where(backward, REVERSE | MINUS, 0)
    assert estimate_fragment_length(rows, 1_000_000) == pytest.approx(180, abs=10)
    with pytest.raises(InputError, match="--fragment-length"):
        estimate_fragment_length(rows[:100], 1_000_000)
