"""An evaluation of known predictions gives known figures."""

from __future__ import annotations

import json

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
from known_truth import LENGTHS, random_sequences, tiny_architecture, write_store

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.evaluation.evaluate import evaluate
from basenji_training.evaluation.files import (
    read_evaluation,
    summary_table,
    write_evaluation,
    write_table,
)
from basenji_training.evaluation.trained_model import Predictor
from basenji_training.measures.comparison import Comparison
from basenji_training.store.windows import Windows

ARCHITECTURE = tiny_architecture(tracks=5)
TARGETS = Targets(
    [
        Target(index=0, identifier="p", strand_pair=1, assay="same", sample="s", scale=0.1),
        Target(index=1, identifier="m", strand_pair=0, assay="same", sample="s", clip_soft=1),
        Target(index=2, identifier="constant", strand_pair=2, assay="same", sample="s", scale=0.1),
        Target(index=3, identifier="opposite", strand_pair=3, assay="opposite", sample="s"),
        Target(index=4, identifier="absent", strand_pair=4, assay="absent", sample="s"),
    ]
)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return build_network(ARCHITECTURE)


@pytest.fixture(scope="module")
def predicted(network, tmp_path_factory):
    """Store the network's own predictions, except in the last three tracks."""
    sequences = random_sequences()
    coverage = {name: np.zeros((length // 32, 5)) for name, length in LENGTHS.items()}
    path = tmp_path_factory.mktemp("predicted")
    windows = Windows(
        write_store(path / "empty.zarr", sequences, coverage, TARGETS), "test", ARCHITECTURE
    )
    values = coverage["chr4"]
    for name, start in (windows[i] for i in range(len(windows))):
        codes, _ = windows.example(name, start)
        first = start // 32 + ARCHITECTURE.crop
        bins = min(ARCHITECTURE.bins, len(values) - first)
        values[first : first + bins] = network.predict_on_batch(one_hot(codes[None]))[0, :bins]
    values[:, 2] = 0.3
    values[:, 3] = values[:, 3].max() - values[:, 3]
    values[:, 4] = np.nan
    values[17, 0] = np.nan
    return write_store(path / "predicted.zarr", sequences, coverage, TARGETS)


def measure(network, store, **changes):
    options = {"split": "test", "resolution": 64, "batch_size": 5, "command": "how", **changes}
    return evaluate(Predictor(network, ARCHITECTURE, TARGETS), store, **options).figures


@pytest.fixture(scope="module")
def evaluation(network, predicted):
    return measure(network, predicted)


def test_figures_of_each_track(evaluation):
    by_name = {track["identifier"]: track for track in evaluation["tracks"]}
    assert list(by_name) == TARGETS.labels
    for name in ("p", "m"):
        assert (by_name[name]["pearson"], by_name[name]["pearson_log1p"]) == (1, 1)
    assert by_name["opposite"]["pearson"] == -1
    for name in ("constant", "absent"):
        assert by_name[name]["pearson"] is by_name[name]["pearson_log1p"] is None
        assert by_name[name]["spearman"] is by_name[name]["r2"] is by_name[name]["auprc"] is None
    assert by_name["p"]["spearman"] == by_name["p"]["r2"] == by_name["p"]["r2_log1p"] == 1
    assert by_name["opposite"]["spearman"] == -1
    assert by_name["opposite"]["r2"] < 0


def test_a_track_without_figures_has_a_reason(evaluation):
    reasons = {track["identifier"]: track["reason"] for track in evaluation["tracks"]}
    assert reasons["constant"] == "the observed track is constant"
    assert reasons["absent"] == "no bin has a value"
    assert reasons["p"] is reasons["m"] is reasons["opposite"] is None


def test_bins_that_are_compared(evaluation):
    # 15,010 bp are 469 bins of 32 bp: 234 pairs, the last of which has one missing part.
    assert [track["bins"] for track in evaluation["tracks"]] == [233, 234, 234, 234, 0]


def test_a_constant_track_does_not_count_in_its_group(evaluation):
    groups = {group["assay"]: group for group in evaluation["groups"]}
    assert groups["same"]["tracks"] == 3
    assert groups["same"]["pearson"] == groups["same"]["pearson_log1p"] == 1
    assert groups["opposite"]["pearson"] == -1
    assert groups["absent"]["pearson"] is None


def test_the_evaluation_says_what_it_is_of(evaluation):
    assert evaluation["command"] == "how"
    assert (evaluation["split"], evaluation["chromosomes"]) == ("test", ["chr4"])
    assert evaluation["resolution"] == 64


@pytest.mark.parametrize("batch_size", [1, 7, 50, 10**20])
def test_batches_do_not_matter(network, predicted, evaluation, batch_size):
    assert measure(network, predicted, batch_size=batch_size)["tracks"] == evaluation["tracks"]


def test_other_chromosomes_are_compared_with_their_own_coverage(network, predicted):
    # Zeros there: nothing is defined.
    evaluation = measure(network, predicted, split="validation")
    assert evaluation["chromosomes"] == ["chr3"]
    assert all(track["pearson"] is None for track in evaluation["tracks"])


def test_counts_are_compared_not_stored_values(network, predicted):
    windows = Windows(predicted, "test", ARCHITECTURE)
    generator = np.random.default_rng(0)
    observed = generator.gamma(1, 3, (4, ARCHITECTURE.bins, 5)).astype(np.float32)
    guess = observed + generator.gamma(1, 3, observed.shape).astype(np.float32)
    comparison = Comparison(windows, 96)
    comparison.add(guess, observed)
    # Track 1 is soft-clipped at 1: a stored value v above it stands for 1 + (v - 1)^2.
    counts = [np.where(v > 1, 1 + (v - 1) ** 2, v)[..., 1] for v in (guess, observed)]
    counts = [v.astype(float).reshape(4, -1, 3).sum(axis=2).ravel() for v in counts]
    assert comparison.raw.result()[1] == pytest.approx(np.corrcoef(*counts)[0, 1], rel=1e-5)
    assert comparison.pearson_log1p[1] == pytest.approx(
        np.corrcoef(*np.log1p(counts))[0, 1], rel=1e-5
    )


def test_a_constant_prediction_of_a_track_that_varies_is_worth_nothing(network, predicted):
    comparison = Comparison(Windows(predicted, "test", ARCHITECTURE), 32)
    generator = np.random.default_rng(0)
    observed = generator.gamma(1, 3, (4, ARCHITECTURE.bins, 5)).astype(np.float32)
    guess = generator.gamma(1, 3, observed.shape).astype(np.float32)
    guess[..., [0, 2, 4]] = 0.5
    observed[..., [2, 3]], observed[..., 4] = 2, np.nan
    comparison.add(guess, observed)
    assert comparison.pearson_log1p[0] == 0
    assert np.isfinite(comparison.pearson_log1p).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("resolution", [16, 48, 128 * 32, 0])
def test_resolutions_that_do_not_fit(network, predicted, resolution):
    with pytest.raises(InputError, match=f"resolution of {resolution} bp does not divide"):
        measure(network, predicted, resolution=resolution)


def test_the_summary_has_the_groups(evaluation):
    table = summary_table(evaluation).splitlines()
    assert "64 bp on chr4 (test)" in table[0]
    same, absent = (next(r for r in table if r.startswith(f"| {a} ")) for a in ("same", "absent"))
    assert same.startswith("| same | s | 3 | 1.000 | 1.000 | 1.000 |")
    assert absent == "| absent | s | 1 |" + " not defined |" * 5


def test_an_evaluation_is_strict_json(evaluation, tmp_path):
    write_evaluation(evaluation, tmp_path / "evaluation.json")

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "evaluation.json").read_text()
    assert json.loads(text, parse_constant=refuse) == evaluation
    assert read_evaluation(tmp_path / "evaluation.json") == evaluation
    with pytest.raises(InputError, match="exists already"):
        write_evaluation(evaluation, tmp_path / "evaluation.json")


def test_a_file_that_is_no_evaluation(tmp_path):
    for content in ("{", "[]", "{}"):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(InputError, match=r"x\.json is not a readable evaluation"):
            read_evaluation(tmp_path / "x.json")


def test_the_table_has_a_row_a_track(evaluation, tmp_path):
    write_table(evaluation, TARGETS, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    rows = table.to_pylist()
    assert [row["identifier"] for row in rows] == TARGETS.labels
    for row, track in zip(rows, evaluation["tracks"], strict=True):
        for name in ("pearson", "spearman", "r2_log1p", "auroc", "reason", "bins"):
            assert row[name] == track[name]
        assert [row["pearson_low"], row["pearson_high"]] == track["pearson_interval"]
        assert row["decile_predicted"] == [pair[0] for pair in track["calibration"]]
    assert str(table.schema.field("bins").type) == "int64"


def test_a_store_with_more_tracks_is_read_by_their_names(network, predicted):
    rows = [TARGETS[3].model_copy(update={"index": 0, "strand_pair": 0}), TARGETS[1], TARGETS[0]]
    some = Targets(
        row.model_copy(update={"index": i, "strand_pair": pair})
        for i, (row, pair) in enumerate(zip(rows, (0, 2, 1), strict=True))
    )
    picked = keras.Model(network.input, keras.ops.take(network.output, [3, 1, 0], axis=2))
    figures = evaluate(
        Predictor(picked, ARCHITECTURE, some), predicted, split="test", resolution=64
    ).figures
    assert [track["pearson"] for track in figures["tracks"]] == [-1, 1, 1]


def test_a_store_without_the_models_tracks(network, predicted):
    other = Targets([TARGETS[0].model_copy(update={"identifier": "x", "strand_pair": 0})])
    with pytest.raises(InputError, match=r"predicted\.zarr has no track 'x'"):
        evaluate(Predictor(network, ARCHITECTURE, other), predicted, split="test", resolution=64)
