"""Files of the 2018 family: what of them is read, and what is wrong with those that do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_files import CHECKPOINT, FAMILIES, KERAS_FILE, PARAMS_2018, golden_variables

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.inspection import count_parameters
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.random_weights import randomised
from basenji_kipoi.published.family_2018 import read_checkpoint, read_params
from basenji_kipoi.published.writing import checkpoint_variables, write_checkpoint


@pytest.fixture(scope="module")
def variables():
    return golden_variables()


# ---- params.txt ----

COLUMNS = ("filter_sizes", "filters", "pool", "dilation", "dropout", "dense")


def write_params(path, layers, *, window, buffer, tracks=2):
    lines = [f"seq_length\t{window}", f"batch_buffer\t{buffer}", f"num_targets\t\t{tracks}"]
    lines += ["link  softplus", ""]
    for layer in layers:
        lines += [f"cnn_{name}\t{value}" for name, value in zip(COLUMNS, layer)]
    path.write_text("\n".join([*lines, ""]))
    return path


LAYERS = st.tuples(
    st.integers(1, 9),
    st.integers(1, 30),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 8),
    st.sampled_from([0, 0.05, 0.5]),
    st.just(0),
)


@given(st.lists(LAYERS, min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 50))
def test_the_geometry_of_any_params(tmp_path_factory, layers, crop, tracks):
    bin_ = int(np.prod([layer[2] for layer in layers]))
    window = 16 * bin_
    path = tmp_path_factory.mktemp("params") / "params.txt"
    buffer = crop * bin_
    architecture = read_params(
        write_params(path, layers, window=window, buffer=buffer, tracks=tracks)
    )
    assert architecture.window == window
    assert (architecture.bin, architecture.crop, architecture.bins) == (bin_, crop, 16 - 2 * crop)
    assert architecture.channels == layers[-1][1]
    assert architecture.heads["final"].tracks == tracks
    channels = [4, *(layer[1] for layer in layers)]
    weights = sum(
        layer[0] * before * after + 2 * after
        for layer, before, after in zip(layers, channels, channels[1:])
    )
    expected = weights + (channels[-1] + 1) * tracks
    assert count_parameters(architecture)["trainable"] == expected


def test_an_entry_may_stand_once_for_all_layers_or_not_at_all(tmp_path):
    text = "seq_length 64\nbatch_buffer 0\nnum_targets 1\nlink softplus\n"
    text += "cnn_filters 3\ncnn_filters 4\ncnn_pool 2\n"
    (tmp_path / "params.txt").write_text(text)
    architecture = read_params(tmp_path / "params.txt")
    kinds = ["convolution", "normalisation", "activation", "pooling"]
    assert [operation.op for operation in architecture.trunk] == [*kinds, *kinds, "crop"]
    assert architecture.bin == 4
    assert architecture.receptive_field == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("num_targets\t7", "", r"num_targets stands 0 times; expected one line 'num_targets"),
        ("seq_length\t16384", "seq_length\tlong", r"seq_length: expected a number, not 'long'"),
        ("seq_length\t16384", "seq_length\t100", r"trunk.* 25 cannot be pooled by 4|cannot be"),
        ("batch_buffer\t1024", "batch_buffer\t100", r"batch_buffer 100 is no multiple of .* 128"),
        ("link\texp_linear", "link\tcubic", r"heads.final.activation: Input should be 'relu'"),
        ("loss\tpoisson", "architecture\tdres", r"architecture dres is not supported, only cnn"),
        ("loss\tpoisson", "cnn_stride\t2", r"cnn_stride 2 is not supported, only 1"),
        ("loss\tpoisson", "rnn_units\t50", r"rnn_units is not supported"),
        ("loss\tpoisson", "loss poisson mean", r"params.txt:6: expected a name and a value"),
        ("cnn_pool\t2", "", r"cnn_pool stands 10 times; expected once for each of the 11"),
        ("cnn_filters\t24", "cnn_filters\tmany", r"cnn_filters: expected numbers, not many"),
        ("cnn_filters\t24", "cnn_filters\t-24", r"trunk.0.convolution.filters: "),
    ],
)
def test_what_is_wrong_with_a_params_txt(tmp_path, old, new, message):
    text = PARAMS_2018.read_text()
    assert old in text
    (tmp_path / "params.txt").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_params(tmp_path / "params.txt")
    assert str(caught.value).startswith(str(tmp_path / "params.txt"))


# ---- checkpoints ----


def test_both_spellings_of_the_final_layer(variables, tmp_path):
    renamed = {name.replace("final/conv1d", "final/dense"): v for name, v in variables.items()}
    renamed["final/dense/kernel"] = renamed["final/dense/kernel"][0]
    model = read_checkpoint(write_checkpoint(tmp_path / "model.tf", renamed), PARAMS_2018)
    before = FAMILIES["checkpoint_2018"]().network()
    for left, right in zip(model.network().get_weights(), before.get_weights()):
        np.testing.assert_array_equal(left, right)


def test_what_training_leaves_is_passed_over(variables, tmp_path):
    more = {
        **variables,
        "global_step": np.int64(7),
        "cnn0/batch_normalization/renorm_mean": np.zeros(24, np.float32),
        "cnn0/batch_normalization/renorm_mean_weight": np.float32(0),
        "cnn1/conv1d/kernel/Momentum": np.zeros((1, 24, 28), np.float32),
    }
    model = read_checkpoint(write_checkpoint(tmp_path / "model.tf", more), PARAMS_2018)
    assert len(model.weights.variables()) == 11 * 5 + 2
    model.network()


def test_any_network_of_2018_survives_its_files(tmp_path):
    layers = [(5, 7, 2, 1, 0.1, 0), (4, 6, 4, 1, 0, 0), (3, 2, 1, 2, 0, 1), (1, 9, 1, 1, 0.2, 0)]
    params = write_params(tmp_path / "params.txt", layers, window=256, buffer=16)
    network = randomised(build_network(read_params(params)), seed=3)
    prefix = write_checkpoint(tmp_path / "model.tf", checkpoint_variables(network))
    again = read_checkpoint(prefix, params).network()
    for left, right in zip(again.get_weights(), network.get_weights()):
        np.testing.assert_array_equal(left, right)


def checkpoint_error(tmp_path, variables, params=PARAMS_2018):
    model = read_checkpoint(write_checkpoint(tmp_path / "model.tf", variables), params)
    with pytest.raises(InputError) as caught:
        model.network()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_variables_that_are_missing_or_unknown_are_named(variables, tmp_path):
    fewer = {k: v for k, v in variables.items() if not k.startswith("cnn3/conv1d/kernel")}
    error = checkpoint_error(tmp_path / "a", fewer)
    assert "model.tf lacks cnn3/conv1d/kernel: expected the 57 variables of the network" in error
    assert str(PARAMS_2018) in error
    more = {**fewer, **{f"cnn3/{n}/kernel": np.zeros(1, np.float32) for n in "abcd"}}
    error = checkpoint_error(tmp_path / "b", more)
    assert "lacks cnn3/conv1d/kernel and has cnn3/a/kernel, cnn3/b/kernel, cnn3/c/kernel" in error
    assert "and 1 more besides" in error


def test_params_that_do_not_fit_name_the_layer_and_both_shapes(variables, tmp_path):
    text = PARAMS_2018.read_text().replace("cnn_filters\t36", "cnn_filters\t35")
    (tmp_path / "params.txt").write_text(text)
    error = checkpoint_error(tmp_path, variables, tmp_path / "params.txt")
    assert "cnn3/conv1d/kernel has the shape (6, 32, 36), but" in error
    assert "makes it (6, 32, 35) (trunk_14_convolution/kernel)" in error


def test_other_numbers_than_float32_are_refused(variables, tmp_path):
    halved = {**variables, "cnn0/conv1d/kernel": variables["cnn0/conv1d/kernel"].astype("float16")}
    error = checkpoint_error(tmp_path, halved)
    assert "cnn0/conv1d/kernel is float16; expected float32" in error


def test_a_checkpoint_of_another_family(tmp_path):
    error = checkpoint_error(tmp_path, {"dcnn0/kernel": np.zeros((1, 3, 4, 5), np.float32)})
    assert (
        "model.tf holds no network of the 2018 family: it has dcnn0/kernel, but not cnn0" in error
    )


def test_other_files_in_the_place_of_a_checkpoint(tmp_path):
    with pytest.raises(InputError, match=r"model_best.h5.index is missing: name the checkpoint w"):
        read_checkpoint(KERAS_FILE, PARAMS_2018).network()
    shutil.copy(KERAS_FILE, tmp_path / "model.tf.index")
    with pytest.raises(InputError, match=r"model.tf.index is no checkpoint of TensorFlow"):
        read_checkpoint(tmp_path / "model.tf", PARAMS_2018).network()


@pytest.mark.parametrize("rest", [0, 300_000])
def test_a_truncated_data_file(tmp_path, rest):
    shutil.copy(f"{CHECKPOINT}.index", tmp_path)
    content = Path(f"{CHECKPOINT}.data-00000-of-00001").read_bytes()
    (tmp_path / "model.tf.data-00000-of-00001").write_bytes(content[:rest])
    with pytest.raises(InputError, match=r"model.tf.data-\*: .* cannot be read; .* get it again"):
        read_checkpoint(tmp_path / "model.tf", PARAMS_2018).network()


def test_a_damaged_data_file(tmp_path):
    shutil.copy(f"{CHECKPOINT}.index", tmp_path)
    content = bytearray(Path(f"{CHECKPOINT}.data-00000-of-00001").read_bytes())
    content[50] ^= 1
    (tmp_path / "model.tf.data-00000-of-00001").write_bytes(content)
    with pytest.raises(InputError, match=r"model.tf.data-\*: .* cannot be read; .*hecksum"):
        read_checkpoint(tmp_path / "model.tf", PARAMS_2018).network()


def test_a_missing_data_file(tmp_path):
    shutil.copy(f"{CHECKPOINT}.index", tmp_path)
    with pytest.raises(InputError, match=r"model.tf.data-\*: .* cannot be read"):
        read_checkpoint(tmp_path / "model.tf", PARAMS_2018).network()
