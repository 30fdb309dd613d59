"""Kipoi's Python interface to the three models."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from kipoi_site import save_short

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.random_weights import randomised

pytestmark = pytest.mark.legacy

SAME = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def models(site):
    import kipoi

    folders = ("", "kipoi_models/variant_effects", "kipoi_models/variant_centered")
    return {
        Path(folder).name: kipoi.get_model(str(site.path / folder), source="dir")
        for folder in folders
    }


@pytest.fixture(scope="module")
def model(models):
    return models[""]


@pytest.fixture(scope="module")
def inputs(site):
    return {
        "intervals_file": str(site.examples / "intervals.bed"),
        "fasta_file": str(site.examples / "genome.fa"),
    }


@pytest.fixture(scope="module")
def example(site):
    _, windows = site.windows(site.examples / "intervals.bed")
    return windows, site.predict(windows)


def test_description(model, site):
    assert model.type == "custom"
    assert model.info.license == "Apache-2.0"
    # Kipoi takes labels for those of the first axis, unless its length is left open.
    assert model.schema.targets.shape == (None, 3)
    assert f"in {site.bundle.architecture.bins} bins" in model.schema.targets.doc
    assert list(model.schema.targets.column_labels) == site.bundle.targets.labels


@pytest.mark.parametrize("size", [1, 2, 7])
def test_any_batch_size_predicts_the_same(model, inputs, example, size):
    _, expected = example
    whole = model.pipeline.predict(inputs, batch_size=size)
    np.testing.assert_allclose(whole, expected, **SAME)
    parts = list(model.pipeline.predict_generator(inputs, batch_size=size))
    assert [len(part) for part in parts] == [size] * (7 // size) + [7 % size] * (7 % size > 0)
    np.testing.assert_allclose(np.concatenate(parts), expected, **SAME)


def test_example_and_single_batches(model, example):
    loader = model.default_dataloader.init_example()
    assert len(loader) == 7
    batch = next(loader.batch_iter(batch_size=7))
    windows, expected = example
    assert batch["inputs"].dtype == np.float32
    np.testing.assert_array_equal(batch["inputs"], windows)
    np.testing.assert_allclose(model.predict_on_batch(batch["inputs"]), expected, **SAME)


def test_prediction_into_a_file(model, inputs, example, tmp_path):
    output = tmp_path / "x.h5"
    model.pipeline.predict_to_file(str(output), inputs, batch_size=2, keep_metadata=True)
    with h5py.File(output) as file:
        np.testing.assert_allclose(file["preds"], example[1], **SAME)
        assert len(file["metadata/ranges/start"]) == 7


def test_the_models_agree(models, example):
    windows, expected = example
    np.testing.assert_allclose(
        models["variant_centered"].predict_on_batch(windows), expected, **SAME
    )
    sums = models["variant_effects"].predict_on_batch(windows)
    assert sums.dtype == np.float64
    np.testing.assert_allclose(sums, expected.sum(axis=1, dtype=np.float64), rtol=1e-6)


def test_the_models_average_over_both_strands_where_the_bundle_says_so(
    models, site, small_bundle, example, tmp_path
):
    save_short(small_bundle, tmp_path / "model_files", both_strands=True)
    windows, forward = example
    reverse = site.predict(windows[:, ::-1, ::-1])[:, ::-1]
    expected = (forward + reverse[:, :, site.bundle.targets.strand_permutation]) / 2
    for folder, model in models.items():
        twin = type(model)(model_dir=str(tmp_path / "model_files"))
        predictions = twin.predict_on_batch(windows)
        total = expected.sum(axis=1, dtype=np.float64) if folder == "variant_effects" else expected
        np.testing.assert_allclose(predictions, total, **SAME)
        step = twin.input_grad(windows[:1], avg_func="sum")
        assert step.shape == windows[:1].shape
        inside = twin.predict_activation_on_batch(windows, layer="tracks_tracks")
        np.testing.assert_allclose(inside, forward, **SAME)


def test_the_models_average_over_the_members_of_an_ensemble(models, site, example, tmp_path):
    windows, first = example
    networks = [site.bundle.network(), randomised(site.bundle.network(), seed=8)]
    second = networks[1].predict(windows, verbose=0)
    save_bundle(
        tmp_path / "model_files",
        network=networks,
        architecture=site.bundle.architecture,
        targets=site.bundle.targets,
        name="pair",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="card",
    )
    expected = (first + second) / 2
    assert np.abs(second - first).max() > 0.1
    for folder, model in models.items():
        total = expected.sum(axis=1, dtype=np.float64) if folder == "variant_effects" else expected
        for incremental in (True, False):
            pair = type(model)(model_dir=str(tmp_path / "model_files"), incremental=incremental)
            for _ in range(2):  # the second time from what the first has kept
                np.testing.assert_allclose(pair.predict_on_batch(windows), total, **SAME)
        assert pair.input_grad(windows[:1], avg_func="sum").shape == windows[:1].shape
        for layer, values in (("tracks_tracks", first), ("member_2", second)):
            assert layer in pair.layer_names
            number = pair.layer_names.index(layer)
            by_number = pair.predict_activation_on_batch(windows, layer=number)
            np.testing.assert_allclose(by_number, values, **SAME)
            inside = pair.predict_activation_on_batch(windows, layer=layer)
            np.testing.assert_allclose(inside, values, **SAME)


def test_what_windows_share_may_be_switched_off(models, site, example):
    windows, _ = example
    alternatives = windows.copy()
    alternatives[:, 250] = np.roll(alternatives[:, 250], 1, axis=-1)
    folder = str(site.path / "model_files")
    for model in models.values():
        on, off, little = (
            type(model)(model_dir=folder, incremental=incremental, cache_bytes=cache_bytes)
            for incremental, cache_bytes in ((True, None), (False, None), (True, 0))
        )
        for batch in (windows, alternatives, np.concatenate([windows[:2], alternatives])):
            there = off.predict_on_batch(batch)
            for twin in (on, little):
                here = twin.predict_on_batch(batch)
                assert here.dtype == there.dtype
                assert np.abs(here - there).max() < 1e-5 * np.abs(there).max()
        work = on._shared[0].work
        assert (work.passes, work.changes, work.repeats) == (7, 14, 2)
        assert not off._shared


def test_windows_that_are_no_sequences_take_the_whole_network(models, site, example):
    windows = example[0].copy()
    windows[1] *= 0.7
    windows[4, 3] = [0.5, 0.5, 0, 0]
    expected = site.predict(windows)
    for name, model in models.items():
        values = model.predict_on_batch(windows)
        whole = expected.sum(axis=1, dtype=float) if name == "variant_effects" else expected
        assert values.dtype == whole.dtype
        np.testing.assert_allclose(values, whole, **SAME)
        np.testing.assert_allclose(model.predict_on_batch(windows[[1]]), whole[[1]], **SAME)


@pytest.mark.parametrize(
    ("statistic", "score"),
    [
        ("sum", lambda x: x.sum(axis=1)),
        ("log_sum", lambda x: np.log2(1 + x).sum(axis=1)),
        ("log_of_sum", lambda x: np.log2(1 + x.sum(axis=1))),
        ("sqrt_sum", lambda x: np.sqrt(x).sum(axis=1)),
    ],
)
def test_statistics_of_variant_effects(models, site, example, statistic, score):
    folder = str(site.path / "model_files")
    windows, bins = example
    model = type(models["variant_effects"])(model_dir=folder, statistic=statistic)
    expected = score(bins.astype(np.float64))
    values = model.predict_on_batch(windows)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(model.network.predict_on_batch(windows), expected, rtol=1e-4)


def test_an_unknown_statistic_is_named(models, site):
    with pytest.raises(InputError, match="no statistic 'mean': expected one of sum, log_sum"):
        type(models["variant_effects"])(model_dir=str(site.path / "model_files"), statistic="mean")


def test_windows_in_three_parts(site, inputs, example):
    import kipoi

    model = kipoi.get_model(str(site.path / "kipoi_models/mutation_map"), source="dir")
    loader = model.default_dataloader.init_example()
    batch = next(loader.batch_iter(batch_size=7))["inputs"]
    windows, bins = example
    assert batch["seq"].shape == (7, 128, 4)
    whole = np.concatenate([batch["left"], batch["seq"], batch["right"]], axis=1)
    np.testing.assert_array_equal(whole, windows)
    sums = bins.sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(model.predict_on_batch(batch), sums, rtol=1e-5)
    assert model.input_grad(batch).shape == windows.shape
    with pytest.raises(InputError, match="a region of 513 bp does not fit a window of 512 bp"):
        model.default_dataloader(**inputs, region=513)


def test_windows_on_the_grid(model, inputs, site):
    bin_ = site.bundle.architecture.bin
    centred = model.default_dataloader(**inputs)
    grid = model.default_dataloader(**inputs, grid=True)
    for index in range(len(centred)):
        here, there = (loader[index]["metadata"]["ranges"] for loader in (grid, centred))
        assert here.start % bin_ == 0
        assert -bin_ / 2 < here.start - there.start <= bin_ / 2
        assert here.end - here.start == site.window
        codes = site.genome.codes(here.chr, here.start, here.end)
        np.testing.assert_array_equal(grid[index]["inputs"], one_hot(codes))


def test_a_bin_has_gradients_where_its_receptive_field_is(model, site, example):
    windows = example[0]
    bin_ = 3
    start, end = site.bundle.architecture.needed_input(bin_, bin_ + 1)
    gradient = model.input_grad(windows, filter_idx=bin_, avg_func="sum")
    assert gradient.shape == windows.shape
    reached = np.flatnonzero(np.abs(gradient).any(axis=(0, 2)))
    assert max(start, 0) <= reached.min()
    assert reached.max() < min(end, site.window)
    # Pools and rectifiers pass a gradient on for some bases only, so the very ends may get none.
    assert reached.max() - reached.min() > 0.75 * (end - start)


def test_gradients_predict_small_changes(model, example):
    windows = example[0][2:4]
    track = (slice(None), slice(None), 1)
    gradient = model.input_grad(windows, filter_idx=track)
    step = 1e-2 * gradient / np.linalg.norm(gradient, axis=(1, 2), keepdims=True)
    # Added to N's channels rather than to zeros, which would cross the kinks of max and ReLU.
    up, down = (model.predict_on_batch(windows + sign * step)[:, :, 1] for sign in (1, -1))
    measured = (up - down).sum(axis=1)
    np.testing.assert_allclose(measured, 2 * (gradient * step).sum(axis=(1, 2)), rtol=0.05)


def test_gradients_of_other_layers_and_reductions(models, model, example):
    windows = example[0][2:4]
    final = model.input_grad(windows, avg_func="max")
    last = model.input_grad(windows, avg_func="max", layer="tracks_tracks", final_layer=False)
    np.testing.assert_array_equal(final, last)
    np.testing.assert_array_equal(final, model.input_grad(windows, avg_func="absmax"))
    linear = model.input_grad(windows, avg_func="max", pre_nonlinearity=True)
    assert not np.allclose(linear, final)
    # One value a track in variant_effects: track 1 of it is the sum of track 1's bins.
    np.testing.assert_allclose(
        models["variant_effects"].input_grad(windows, filter_idx=1),
        model.input_grad(windows, filter_idx=(slice(None), slice(None), 1)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_gradients_through_the_pipeline(model, inputs):
    result = model.pipeline.input_grad(inputs, batch_size=2, avg_func="sum")
    assert result["grads"].shape == result["inputs"].shape == (7, *result["inputs"].shape[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"avg_func": "mean"}, "no avg_func 'mean'"),
        ({"final_layer": False}, "name a layer"),
        ({"filter_idx": (0, 1)}, "does not keep every window"),
        ({"selected_fwd_node": 1}, "not supported"),
        ({"layer": "none", "final_layer": False}, "no layer 'none': expected a number below"),
    ],
)
def test_gradients_that_do_not_exist(model, example, arguments, message):
    with pytest.raises(InputError, match=message):
        model.input_grad(example[0][:1], **arguments)


def test_activations(model, site, example):
    windows, expected = example
    name = "tracks_tracks"
    for layer in (name, -1, "-1"):
        np.testing.assert_allclose(
            model.predict_activation_on_batch(windows, layer=layer), expected, **SAME
        )
    before = model.predict_activation_on_batch(windows, layer=name, pre_nonlinearity=True)
    np.testing.assert_allclose(np.log1p(np.exp(before)), expected, rtol=1e-4, atol=1e-5)
    first = model.predict_activation_on_batch(windows, layer=1)
    assert first.shape == (7, site.window, 8)
    # Numbers count the names; the first convolution is what its weights say.
    assert model.layer_names[:2] == ["sequence", "trunk_00_convolution"]
    assert model.layer_names[-1] == name
    named = model.predict_activation_on_batch(windows, layer="trunk_00_convolution")
    np.testing.assert_array_equal(first, named)
    kernel = site.network.get_layer("trunk_00_convolution").get_weights()[0]
    padded = np.pad(windows, [(0, 0), (len(kernel) // 2, len(kernel) // 2), (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=1)
    np.testing.assert_allclose(
        first, np.einsum("blck,kcf->blf", views, kernel), rtol=1e-4, atol=1e-5
    )


def test_what_is_no_window_is_refused(model, site):
    with pytest.raises(
        InputError, match=rf"\(batch, {site.window}, 4\), not \(1, 4, {site.window}"
    ):
        model.predict_on_batch(np.zeros((1, 4, site.window)))


def test_blank_positions_count_as_unknown(model, example, caplog):
    windows = example[0][:1].copy()
    windows[0, 200:300] = 0.25
    expected = model.predict_on_batch(windows)
    assert not caplog.records
    windows[0, 200:300] = 0
    np.testing.assert_array_equal(model.predict_on_batch(windows), expected)
    assert "100 positions" in caplog.text


def test_another_window_is_read_when_asked_for(model, inputs):
    assert model.default_dataloader(**inputs, window=64)[1]["inputs"].shape == (64, 4)
