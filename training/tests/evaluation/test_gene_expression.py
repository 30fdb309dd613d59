"""Expression is what lies around a gene's starts, on its strand; ratios are between conditions."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr
from known_truth import BIN, LENGTHS, random_sequences, tiny_architecture, write_store
from store_inputs import write_bigwig

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.models.strands import strands_of
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.evaluation.annotations import read_annotations
from basenji_training.evaluation.gene_expression import Expression, contrasts_of, measurements
from basenji_training.evaluation.track_replicates import Replicates, read_replicates
from basenji_training.measures.held_out import places_of
from basenji_training.store.store import Store
from basenji_training.store.windows import Windows

ARCHITECTURE = tiny_architecture(tracks=5)
TARGETS = Targets(
    Target(index=i, identifier=name, strand_pair=pair, assay=assay, sample=sample)
    for i, (name, pair, assay, sample) in enumerate(
        [
            ("control+", 1, "cage", "control"),
            ("control-", 0, "cage", "control"),
            ("open", 2, "atac", "control"),
            ("stress_plus", 4, "cage", "stress"),
            ("stress_minus", 3, "cage", "stress"),
        ]
    )
)
GENES = [
    Gene("forward", "", "+", "chr4", (1000, 1010, 5000)),
    Gene("backward", "", "-", "chr4", (2000,)),
    Gene("unknown", "", ".", "chr4", (3000,)),
    Gene("missing", "", "+", "chr4", (8000,)),
    Gene("end", "", "+", "chr4", (LENGTHS["chr4"] - 1,)),
    Gene("elsewhere", "", "+", "chr1", (1000,)),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    generator = np.random.default_rng(0)
    coverage = {name: generator.poisson(3, (n // BIN, 5)) * 1.0 for name, n in LENGTHS.items()}
    coverage["chr4"][8000 // BIN, 2] = np.nan
    return write_store(
        tmp_path_factory.mktemp("genes") / "x.zarr", random_sequences(), coverage, TARGETS
    )


@pytest.fixture(scope="module")
def windows(store):
    return Windows(store, "test", ARCHITECTURE)


def collect(collector, windows, predict=lambda observed: np.nan_to_num(observed)):
    store, bins = windows.store, ARCHITECTURE.bins
    for place in places_of(windows):
        first = place.start // BIN
        observed = store.coverage(place.chromosome, first, first + bins).astype(float)
        collector.see(place, predict(observed), observed)
    return collector


def test_measurements_join_strands():
    assert [(each.name, each.forward, each.reverse) for each in measurements(TARGETS)] == [
        ("control", 0, 1),
        ("open", 2, 2),
        ("stress", 3, 4),
    ]
    alike = Targets(
        Target(index=i, identifier=name, strand_pair=1 - i) for i, name in enumerate(["x", "y"])
    )
    assert measurements(alike)[0].name == "x/y"


@pytest.mark.parametrize("flank", [0, 100])
def test_sums_around_starts_on_the_genes_strand(windows, store, flank):
    expression = collect(Expression(GENES, windows, TARGETS, flank=flank), windows)
    assert [gene.gene_id for gene in expression.genes] == [g.gene_id for g in GENES[:5]]
    predicted, observed = expression.values()
    values = store.coverage("chr4", 0, LENGTHS["chr4"] // BIN)

    def around(*sites):
        bins = {b for s in sites for b in range((s - flank) // BIN, (s + flank) // BIN + 1)}
        return values[sorted(bins)].sum(axis=0)

    forward, backward, unknown = around(1000, 1010, 5000), around(2000), around(3000)
    np.testing.assert_allclose(observed[0], forward[[0, 2, 3]])
    np.testing.assert_allclose(observed[1], backward[[1, 2, 4]])
    pairs = [unknown[[0, 1]].sum(), unknown[2], unknown[[3, 4]].sum()]
    np.testing.assert_allclose(observed[2], pairs)
    # One track misses a bin; the last gene's bin is no whole one.
    assert np.isnan(observed[3]).tolist() == [False, True, False]
    assert np.isnan(observed[4]).all()
    np.testing.assert_allclose(predicted[:3], observed[:3])


def test_genes_beside_short_gaps_of_a_split_are_kept(store, tmp_path):
    path = shutil.copytree(store.path, tmp_path / "gaps.zarr")
    regions = {"chr4": [("chr4", 0, 992), ("chr4", 1120, 15_008)], "chr1": [("chr1", 0, 40_000)]}
    folds = {"train": ["chr1"], "validation": [], "test": ["chr4"]}
    zarr.open_group(str(path), mode="r+").attrs.update(regions=regions, folds=folds)
    windows = Windows(Store.open(path), "test", ARCHITECTURE)
    genes = [Gene(str(tss), "", "+", "chr4", (tss,)) for tss in (960, 1000, 1120, 1400, 1500)]
    expression = Expression(genes, windows, TARGETS, flank=0)
    for place in places_of(windows):
        _, observed = windows.example(place.chromosome, place.start - ARCHITECTURE.crop * BIN)
        expression.see(place, np.nan_to_num(observed), observed)
    predicted, observed = expression.values()
    # The gap itself has no value.
    assert np.isnan(observed).all(axis=1).tolist() == [False, True, False, False, False]
    kept = [tss // BIN for tss in (960, 1120, 1400, 1500)]
    expected = store.coverage("chr4", 0, LENGTHS["chr4"] // BIN)[kept][:, [0, 2, 3]]
    np.testing.assert_array_equal(np.delete(observed, 1, axis=0), expected)
    np.testing.assert_array_equal(np.delete(predicted, 1, axis=0), expected)


def test_swapped_strands_show(windows):
    genes = [Gene(f"{n}", "", "+-"[n % 2], "chr4", (300 * n + 100,)) for n in range(40)]

    class OneStrand:
        """Moves all counts to one strand of the control: 0 or 1."""

        def __init__(self, inner, minus):
            self.inner, self.minus = inner, minus

        def see(self, place, predicted, observed):
            observed = observed.copy()
            starts = place.start + BIN * np.arange(len(observed))
            is_minus = (starts + 50) % 600 >= 300  # where the genes are on the minus strand
            observed[is_minus == self.minus, 1] = observed[is_minus != self.minus, 0] = 0
            self.inner.see(place, predicted, observed)

    for minus, share in ((True, 0), (False, 1)):
        expression = Expression(genes, windows, TARGETS, flank=0)
        collect(OneStrand(expression, minus), windows)
        figures = expression.figures([])["measurements"]
        assert figures[0]["own_strand_share"] == share
        assert "own_strand_share" not in figures[1]


def test_ratios_between_conditions(windows):
    generator = np.random.default_rng(1)
    genes = [
        Gene(str(n), "", "+-"[n % 2], "chr4", (int(site),))
        for n, site in enumerate(generator.choice(14_900, 200, replace=False))
    ]
    scale = 40  # so that most genes have counts enough

    class Scaled:
        def __init__(self, inner):
            self.inner = inner

        def see(self, place, predicted, observed):
            self.inner.see(place, predicted * scale, observed * scale)

    expression = Expression(genes, windows, TARGETS, flank=0)
    collect(Scaled(expression), windows)
    (contrast,) = contrasts_of(["stress_minus,control+"], TARGETS)
    predicted, observed, expressed = expression.ratios(contrast)
    _, counts = expression.values()
    expected = np.log2((1 + counts[:, 2]) / (1 + counts[:, 0]))
    np.testing.assert_allclose(observed, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predicted, observed, rtol=1e-4, atol=1e-5)
    assert expressed.tolist() == (counts[:, 0] + counts[:, 2] >= 10).tolist()
    figures = expression.figures([contrast])["contrasts"][0]
    assert (figures["numerator"], figures["denominator"]) == ("stress", "control")
    assert figures["pearson"] == pytest.approx(1, abs=1e-6)
    assert figures["expressed_genes"] == expressed.sum()


@pytest.mark.parametrize("text", ["control+", "control+,control-", "open,open,stress_plus"])
def test_contrasts_that_are_none(text):
    with pytest.raises(InputError, match="--contrast"):
        contrasts_of([text], TARGETS)


def test_an_annotation_of_other_chromosomes(windows):
    with pytest.raises(InputError, match=r"no gene on the chromosomes of the test split \(chr4\)"):
        Expression(GENES[5:], windows, TARGETS, flank=0)


# ---- replicates ----


@pytest.fixture(scope="module")
def replicate_files(tmp_path_factory):
    """Three replicates: one depth with noise of its own each, the third twice as deep."""
    folder = tmp_path_factory.mktemp("replicates")
    generator = np.random.default_rng(2)
    truth = {name: generator.gamma(0.3, 3, n) for name, n in LENGTHS.items()}
    counts = {}
    for name, depth in (("a", 1), ("b", 1), ("c", 2)):
        counts[name] = {c: generator.poisson(depth * v) for c, v in truth.items()}
        write_bigwig(folder / f"{name}.bw", counts[name])
    rows = "".join(f"open\t{name}\t{name}.bw\n" for name in "abc")
    (folder / "replicates.tsv").write_text(f"identifier\treplicate\tfile\n{rows}")
    return folder, truth, counts


def test_predictions_beside_replicates(replicate_files, tmp_path):
    folder, truth, counts = replicate_files
    total = {c: sum(counts[name][c] for name in "abc") for c in LENGTHS}
    coverage = {
        c: np.repeat(v[: len(v) // BIN * BIN].reshape(-1, BIN).sum(1)[:, None], 5, axis=1)
        for c, v in total.items()
    }
    coverage = {c: values.astype(float) for c, values in coverage.items()}
    coverage["chr4"][20:25] = np.nan
    store = write_store(tmp_path / "x.zarr", random_sequences(), coverage, TARGETS)
    windows = Windows(store, "test", ARCHITECTURE)
    replicates = Replicates(
        read_replicates(folder / "replicates.tsv", TARGETS), windows, TARGETS, 64
    )
    expected = truth["chr4"][: LENGTHS["chr4"] // BIN * BIN].reshape(-1, BIN).sum(axis=1) * 4
    padded = np.append(expected, np.zeros(100))
    for place in places_of(windows):
        first = place.start // BIN
        observed = store.coverage("chr4", first, first + ARCHITECTURE.bins).astype(float)
        true = padded[first : first + ARCHITECTURE.bins]
        replicates.see(place, np.repeat(true[:, None], 5, axis=1), observed)
    (figures,), bins = replicates.figures()

    def binned(values):
        whole = values["chr4"][: LENGTHS["chr4"] // 64 * 64]
        return np.delete(whole.reshape(-1, 64).sum(axis=1), [10, 11, 12]).astype(float)

    assert figures["bins"] == len(binned(counts["a"]))
    assert np.isfinite(bins.predicted).all(axis=1).sum() == figures["bins"]
    rows = {(row["first"], row["second"]): row for row in figures["pairs"]}
    assert set(rows) == {
        ("prediction", "a"), ("prediction", "b"), ("prediction", "c"),
        ("a", "b"), ("a", "c"), ("b", "c"),
    }  # fmt: skip
    for (first, second), row in rows.items():
        left = truth if first == "prediction" else counts[first]
        x, y = binned(left), binned(counts[second])
        assert row["pearson"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5)
        if first == "prediction":
            x = x * y.mean() / (binned(total).mean() / 4)  # of the replicate's depth
        expected = np.corrcoef(np.log1p(x), np.log1p(y))[0, 1]
        assert row["pearson_log1p"] == pytest.approx(expected, abs=1e-5)
    # The truth agrees with every replicate better than noisy replicates agree.
    assert figures["prediction_replicate_pearson"] > figures["replicate_replicate_pearson"]
    assert figures["reason"] is None


def test_a_replicate_without_signal_has_a_reason_and_spoils_no_mean(store, replicate_files):
    folder, _, counts = replicate_files
    write_bigwig(folder / "dead.bw", {c: np.ones(n) for c, n in LENGTHS.items()})
    rows = "".join(f"open\t{name}\t{name}.bw\n" for name in ("a", "b", "dead"))
    (folder / "dead.tsv").write_text(f"identifier\treplicate\tfile\n{rows}")
    windows = Windows(store, "test", ARCHITECTURE)
    replicates = Replicates(read_replicates(folder / "dead.tsv", TARGETS), windows, TARGETS, 64)
    whole = counts["a"]["chr4"][: LENGTHS["chr4"] // BIN * BIN].reshape(-1, BIN).sum(axis=1)
    padded = np.append(whole, np.zeros(100))
    for place in places_of(windows):
        first = place.start // BIN
        values = np.repeat(padded[first : first + ARCHITECTURE.bins, None], 5, axis=1)
        replicates.see(place, values + 1, values + 1)
    (figures,), _ = replicates.figures()
    assert figures["reason"] == "constant or missing: dead"
    rows = {(row["first"], row["second"]): row["pearson"] for row in figures["pairs"]}
    assert np.isnan(rows["prediction", "dead"])
    assert figures["replicate_replicate_pearson"] == rows["a", "b"]
    mean = (rows["prediction", "a"] + rows["prediction", "b"]) / 2
    assert figures["prediction_replicate_pearson"] == pytest.approx(mean)


@pytest.mark.parametrize("sum_stat", ["sum", "sum_sqrt", "mean", "max"])
def test_replicates_are_in_the_units_of_their_track(store, replicate_files, sum_stat):
    folder, _, counts = replicate_files
    targets = Targets(
        row.model_copy(update={"sum_stat": sum_stat if row.identifier == "open" else "sum"})
        for row in TARGETS
    )
    windows = Windows(store, "test", ARCHITECTURE)
    # A fourth bigWig lists another chromosome alone: it has no value here.
    write_bigwig(folder / "none.bw", {"chr1": np.ones(LENGTHS["chr1"])})
    table = (folder / "replicates.tsv").read_text() + "open\tnone\tnone.bw\n"
    (folder / "four.tsv").write_text(table)
    replicates = Replicates(read_replicates(folder / "four.tsv", targets), windows, targets, 64)
    join = {"mean": np.mean, "max": np.max}.get(sum_stat, np.sum)
    bases = counts["a"]["chr4"].astype(float)
    fine = join(bases[: len(bases) // BIN * BIN].reshape(-1, BIN), axis=1)
    padded = np.append(fine, np.full(100, np.nan))
    for place in places_of(windows):
        first = place.start // BIN
        values = np.repeat(padded[first : first + ARCHITECTURE.bins, None], 5, axis=1)
        replicates.see(place, np.nan_to_num(values), values)
    (figures,), bins = replicates.figures()
    expected = join(bases[: len(bases) // 64 * 64].reshape(-1, 64), axis=1)
    kept = np.isfinite(bins.observed[:, 0])
    np.testing.assert_allclose(bins.observed[kept, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(bins.predicted[kept, 0], expected, rtol=1e-6)
    assert figures["bins"] == len(expected)
    assert figures["reason"] == "constant or missing: none"
    rows = {(row["first"], row["second"]): row["pearson"] for row in figures["pairs"]}
    assert rows["prediction", "a"] == pytest.approx(1)
    others = [rows[pair] for pair in (("a", "b"), ("a", "c"), ("b", "c"))]
    assert figures["replicate_replicate_pearson"] == pytest.approx(np.mean(others))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\n",
            r"replicates.tsv:1: no column identifier: expected a header with the names of",
        ),
        (
            "identifier\treplicate\tfile\nopen\t1\n",
            r"replicates.tsv:2: expected 3 tab-separated columns, found 2",
        ),
        ("identifier\treplicate\tfile\nx\t1\tx.bw\n", r"tsv:2: the model has no track 'x'"),
        ("identifier\treplicate\tfile\nopen\t1\tx\nopen\t1\ty\n", r"tsv:3: replicate 1 of open"),
        ("identifier\treplicate\tfile\nopen\t1\tx\n", r"open has one replicate: name at least two"),
    ],
)
def test_tables_of_replicates_that_do_not_fit(tmp_path, text, message):
    (tmp_path / "replicates.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_replicates(tmp_path / "replicates.tsv", TARGETS)


def test_peaks_are_named_by_their_track(store, tmp_path):
    (tmp_path / "x.bed").write_text("chr4\t100\t200\n")
    annotations = read_annotations(
        store, TARGETS, split="test", peaks=[f"open={tmp_path / 'x.bed'}"]
    )
    assert list(annotations.peaks) == ["open"]
    # All tracks that a pattern names, each once.
    annotations = read_annotations(
        store, TARGETS, split="test", peaks=[f"control*={tmp_path / 'x.bed'}"]
    )
    assert list(annotations.peaks) == ["control+", "control-"]
    twice = [f"open={tmp_path / 'x.bed'}", f"o*={tmp_path / 'x.bed'}"]
    with pytest.raises(InputError, match="open has peaks already"):
        read_annotations(store, TARGETS, split="test", peaks=twice)
    for text, message in (("open", "expected TRACK=BED"), ("x=y.bed", "no track 'x'")):
        with pytest.raises(InputError, match=message):
            read_annotations(store, TARGETS, split="test", peaks=[text])
    with pytest.raises(InputError, match="name their GTF file with --genes"):
        read_annotations(store, TARGETS, split="test", contrasts=["open,control+"])


@pytest.mark.parametrize(("one", "two"), [("x+", "x-"), ("x_minus", "x_plus"), ("x-", "y-")])
def test_measurements_have_the_strands_of_their_tracks(one, two):
    targets = Targets(
        Target(index=i, identifier=name, strand_pair=1 - i) for i, name in enumerate((one, two))
    )
    strands = strands_of(targets)
    (measurement,) = measurements(targets)
    assert (measurement.forward, measurement.reverse) == (strands.index("+"), strands.index("-"))


def test_tracks_without_a_partner_are_measurements_of_their_own():
    names = ("atac", "x+", "x-")
    targets = Targets(Target(index=i, identifier=n, strand_pair=i) for i, n in enumerate(names))
    assert [each.name for each in measurements(targets)] == list(names)
