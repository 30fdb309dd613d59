"""Published files: what they predict, what of them is checked, and the bundles made of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_files import (
    CHECKPOINT,
    FAMILIES,
    KERAS_FILE,
    PARAMS_2018,
    PARAMS_2020,
    checkpoint_variables,
    golden_values,
    write_checkpoint,
    write_keras_file,
)
from small_network import randomised
from typer.testing import CliRunner

from basenji_kipoi.bundle import Bundle
from basenji_kipoi.checksum import checksum
from basenji_kipoi.cli import app
from basenji_kipoi.errors import InputError
from basenji_kipoi.inspection import count_parameters
from basenji_kipoi.network import build_network
from basenji_kipoi.presets import read_preset
from basenji_kipoi.published import check_sequence
from basenji_kipoi.published_2018 import read_checkpoint, read_params
from basenji_kipoi.published_2020 import Params, read_keras_file
from basenji_kipoi.sequence import encode, one_hot

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORTS = {
    "checkpoint_2018": ["--checkpoint", CHECKPOINT, "--params", PARAMS_2018],
    "basenji2": ["--h5", KERAS_FILE, "--params", PARAMS_2020],
}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def basenji(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def imported(request, tmp_path_factory):
    """A family's name, its bundle, and what the command printed."""
    path = tmp_path_factory.mktemp("imported") / "old"
    done = basenji("import", *IMPORTS[request.param], "--out", path, "--assembly", "hg19")
    assert done.exit_code == 0, done.output
    return request.param, Bundle.load(path), done.stderr


@pytest.fixture(scope="module")
def variables():
    """The small checkpoint's variables, those of the optimiser too."""
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(CHECKPOINT))
    return {name: checkpoint.get_tensor(name) for name in checkpoint.get_variable_to_shape_map()}


def changed_json(target, **model):
    params = json.loads(PARAMS_2020.read_text())
    params["model"].update(model)
    target.write_text(json.dumps(params))
    return target


# ---- bundles ----


def test_a_bundle_predicts_what_the_original_program_did(imported):
    family, bundle, _ = imported
    sequences, expected = golden_values(family)
    x = one_hot(np.stack([encode(sequence) for sequence in sequences]))
    np.testing.assert_allclose(bundle.network().predict_on_batch(x), expected, **CLOSE)


def test_basenji_predict_on_a_bundle(imported, tmp_path):
    family, bundle, _ = imported
    sequences, expected = golden_values(family)
    (tmp_path / "genome.fa").write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(sequences)))
    margin = bundle.architecture.crop * bundle.architecture.bin
    (tmp_path / "x.bed").write_text(
        "".join(f"{i}\t{margin}\t{len(s) - margin}\n" for i, s in enumerate(sequences))
    )
    files = {"--model": bundle.path, "--fasta": tmp_path / "genome.fa", "--bed": tmp_path / "x.bed"}
    arguments = [part for pair in files.items() for part in pair]
    done = basenji("predict", *arguments, "--out", tmp_path / "x.h5")
    assert done.exit_code == 0, done.output
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_allclose(file["predictions"], np.concatenate(expected), **CLOSE)


def test_a_bundle_says_where_it_comes_from(imported):
    family, bundle, printed = imported
    assert (bundle.metadata.name, bundle.metadata.assembly) == ("old", "hg19")
    assert bundle.targets.labels == [f"track_{i}" for i in range(bundle.metadata.tracks)]
    training = bundle.metadata.training
    sources = {row["file"]: row["sha256"] for row in training["imported_from"]}
    folder = PARAMS_2018.parent if family == "checkpoint_2018" else PARAMS_2020.parent
    assert sources == {f.name: checksum(f) for f in folder.iterdir() if f.name != "io.npz"}
    # The self-check's figures, computed once more.
    x = one_hot(check_sequence(bundle.architecture.window)[None])
    predicted = bundle.network().predict_on_batch(x)
    assert training["self_check"]["mean"] == pytest.approx(predicted.mean(), rel=1e-5)
    assert training["self_check"]["largest"] == pytest.approx(predicted.max(), rel=1e-5)
    assert f"(mean {training['self_check']['mean']:.6g})" in printed
    assert f"{count_parameters(bundle.architecture)['trainable']:,} trained weights" in printed


def test_a_bundle_can_be_inspected(imported):
    _, bundle, _ = imported
    done = basenji("inspect", "--model", bundle.path)
    assert done.exit_code == 0, done.output
    assert "self_check" in done.stdout


def test_the_check_sequence_has_every_base():
    codes = check_sequence(1000)
    assert sorted(set(codes)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(check_sequence(2000)[:1000], codes)


def test_reading_files_of_2020_needs_no_tensorflow_of_its_own():
    """The importer reads HDF5 itself; whatever runs the network is Keras' business."""
    program = (
        "import sys; from basenji_kipoi.published_2020 import read_keras_file; "
        f"weights = read_keras_file({str(KERAS_FILE)!r}, {str(PARAMS_2020)!r}).weights; "
        "print(len(weights.variables()), 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["82", "False", "False"], done.stderr


# ---- the published networks ----


def test_the_published_params_describe_the_published_networks():
    human_2018 = read_params(REPOSITORY / "human_2018" / "params.txt")
    assert human_2018.trunk == read_preset("basenji2018").trunk
    assert list(human_2018.heads.values()) == list(read_preset("basenji2018").heads.values())
    assert count_parameters(human_2018)["trainable"] == 15_190_636
    preset = read_preset("basenji2")
    for head, trained in (("human", 30_088_228), ("mouse", 30_088_228 - (5313 - 1643) * 1537)):
        params = Params.read(REPOSITORY / f"basenji2_{head}" / "params.json")
        architecture = params.architecture(head)
        assert architecture.trunk == preset.trunk
        assert architecture.heads == {head: preset.heads[head]}
        assert count_parameters(architecture)["trainable"] == trained


# ---- variants of the files ----


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


@pytest.mark.parametrize("group", ["model_weights", "/"])
def test_layers_may_be_counted_from_any_number_and_weights_lie_at_the_top(tmp_path, group):
    """A network that is built second in a process has names that begin later."""
    before = FAMILIES["basenji2"]().network()
    path = write_keras_file(tmp_path / "x.h5", before, first=9, group=group)
    after = read_keras_file(path, PARAMS_2020).network()
    for left, right in zip(after.get_weights(), before.get_weights()):
        np.testing.assert_array_equal(left, right)


def test_each_head_of_a_file_with_two(tmp_path):
    params = changed_json(
        tmp_path / "params.json",
        head_mouse={"name": "final", "units": 3, "activation": "softplus"},
    )
    one = FAMILIES["basenji2"]().network()
    shutil.copy(KERAS_FILE, tmp_path / "x.h5")
    mouse = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["model_weights/dense_1/dense_1/kernel:0"] = mouse
        file["model_weights/dense_1/dense_1/bias:0"] = np.zeros(3, np.float32)
    with pytest.raises(InputError, match=r"params.json has the heads human, mouse: choose --head"):
        read_keras_file(tmp_path / "x.h5", params)
    with pytest.raises(InputError, match=r"no head 'rat': expected human or mouse"):
        read_keras_file(tmp_path / "x.h5", params, head="rat")
    human = read_keras_file(tmp_path / "x.h5", params, head="human").network()
    for left, right in zip(human.get_weights(), one.get_weights()):
        np.testing.assert_array_equal(left, right)
    network = read_keras_file(tmp_path / "x.h5", params, head="mouse").network()
    np.testing.assert_array_equal(network.get_layer("head_mouse").kernel, mouse)
    assert network.output_shape == (None, 112, 3)
    # Published models hold one head each, whatever else their params.json lists.
    alone = read_keras_file(KERAS_FILE, params, head="human").network()
    np.testing.assert_array_equal(alone.get_layer("head_human").kernel, one.get_weights()[-2])


def test_a_table_of_targets_names_the_tracks(tmp_path):
    table = tmp_path / "targets.txt"
    rows = [f"{5313 + i}\t1\tENC{i}\tf.w5\t32\t2\tmean\tDNASE:cell {i}" for i in range(6)]
    head = "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription"
    table.write_text("\n".join([head, *rows, ""]))
    done = basenji("import", *IMPORTS["basenji2"], "--out", tmp_path / "x", "--targets", table)
    assert done.exit_code == 0, done.output
    targets = Bundle.load(tmp_path / "x").targets
    assert targets.labels == [f"ENC{i}" for i in range(6)]
    assert [row.strand_pair for row in targets] == list(range(6))
    assert (targets[5].clip, targets[5].scale, targets[5].sum_stat) == (32, 2, "mean")


def test_any_network_of_2018_survives_its_files(tmp_path):
    layers = [(5, 7, 2, 1, 0.1, 0), (4, 6, 4, 1, 0, 0), (3, 2, 1, 2, 0, 1), (1, 9, 1, 1, 0.2, 0)]
    params = write_params(tmp_path / "params.txt", layers, window=256, buffer=16)
    network = randomised(build_network(read_params(params)), seed=3)
    prefix = write_checkpoint(tmp_path / "model.tf", checkpoint_variables(network))
    again = read_checkpoint(prefix, params).network()
    for left, right in zip(again.get_weights(), network.get_weights()):
        np.testing.assert_array_equal(left, right)


# ---- params.txt ----

COLUMNS = ("filter_sizes", "filters", "pool", "dilation", "dropout", "dense")


def write_params(path, layers, *, window, buffer, tracks=2, more=""):
    lines = [f"seq_length\t{window}", f"batch_buffer\t{buffer}", f"num_targets\t\t{tracks}"]
    lines += ["link  softplus", ""]
    for layer in layers:
        lines += [f"cnn_{name}\t{value}" for name, value in zip(COLUMNS, layer)]
    path.write_text("\n".join([*lines, more, ""]))
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


# ---- params.json ----


def test_rates_and_widths_are_rounded_as_the_original_program_rounds_them(tmp_path):
    trunk = [
        {"name": "conv_block", "filters": 288, "kernel_size": 15, "pool_size": 2},
        {"name": "dilated_residual", "filters": 8, "rate_mult": 1.5, "repeat": 6},
    ]
    rates = {}
    for rounded in (True, False):
        trunk[1]["round"] = rounded
        params = Params.read(changed_json(tmp_path / "params.json", trunk=trunk))
        residuals = [x for x in params.architecture("human").trunk if x.op == "residual"]
        rates[rounded] = [residual.branch[1].dilation for residual in residuals]
    assert rates == {True: [1, 2, 3, 4, 6, 9], False: [1, 2, 2, 3, 5, 8]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trunk": [{"name": "transformer"}]}, r"model.trunk.0: .*'transformer'.*'conv_tower'"),
        (
            {"trunk": [{"name": "conv_block", "filters": 3, "stride": 2}]},
            r"model.trunk.0.conv_block.stride: Extra inputs",
        ),
        ({"norm_type": "layer"}, r"model.norm_type: Input should be 'batch'"),
        ({"activation": "swish"}, r"model.activation: Input should be 'gelu' or 'relu'"),
        ({"padding": "valid"}, r"model.padding: Input should be 'same'"),
        ({"seq_length": 1000}, r"head human: the network: .*cannot be pooled by 2"),
        ({"head_human": {"name": "final", "units": 6}}, r"head human: activation: Field required"),
        ({"head_human": [{"name": "final"}]}, r"head human: the network: Input should be a valid"),
    ],
)
def test_what_is_wrong_with_a_params_json(tmp_path, changes, message):
    params = changed_json(tmp_path / "params.json", **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_keras_file(KERAS_FILE, params)
    assert str(caught.value).startswith(str(params))


def test_a_params_json_without_a_head(tmp_path):
    params = json.loads(PARAMS_2020.read_text())
    del params["model"]["head_human"]
    (tmp_path / "params.json").write_text(json.dumps(params))
    with pytest.raises(InputError, match=r"params.json: no head"):
        read_keras_file(KERAS_FILE, tmp_path / "params.json")


# ---- weights that do not fit ----


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
    with h5py.File(tmp_path / "x.h5", "w") as file, h5py.File(KERAS_FILE) as source:
        source.copy("model_weights", file)
    params = changed_json(
        tmp_path / "params.json", head_human={"name": "final", "units": 5, "activation": "softplus"}
    )
    with pytest.raises(
        InputError, match=r"dense/kernel has the shape \(64, 6\).* makes it \(64, 5"
    ):
        read_keras_file(tmp_path / "x.h5", params).network()


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


def test_other_files_in_the_place_of_a_keras_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing.h5 is missing"):
        read_keras_file(tmp_path / "nothing.h5", PARAMS_2020).network()
    with pytest.raises(InputError, match=r"params.json is no HDF5 file, or damaged"):
        read_keras_file(PARAMS_2020, PARAMS_2020).network()
    (tmp_path / "cut.h5").write_bytes(KERAS_FILE.read_bytes()[:200_000])
    with pytest.raises(InputError, match=r"cut.h5 is no HDF5 file, or damaged: .*truncated"):
        read_keras_file(tmp_path / "cut.h5", PARAMS_2020).network()
    FAMILIES["basenji2"]().network().save_weights(tmp_path / "new.weights.h5")
    with pytest.raises(InputError, match=r"new.weights.h5 holds no weights of Keras 2"):
        read_keras_file(tmp_path / "new.weights.h5", PARAMS_2020).network()


def test_a_keras_file_with_other_layers(tmp_path):
    shutil.copy(KERAS_FILE, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["model_weights/attention/attention/kernel:0"] = np.zeros((2, 2), np.float32)
    with pytest.raises(InputError, match=r"x.h5 has attention/kernel besides: expected the 82"):
        read_keras_file(tmp_path / "x.h5", PARAMS_2020).network()


def test_a_keras_file_with_heads_that_the_params_lack(tmp_path):
    shutil.copy(KERAS_FILE, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["model_weights/dense_1/dense_1/kernel:0"] = np.zeros((64, 3), np.float32)
    with pytest.raises(InputError, match=r"x.h5 has 2 heads \(dense, dense_1\), but params.json"):
        read_keras_file(tmp_path / "x.h5", PARAMS_2020).network()


# ---- the command ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--params", PARAMS_2018], "name the weights: either --checkpoint (2018) or --h5 (2020)"),
        ([*IMPORTS["checkpoint_2018"], "--h5", KERAS_FILE], "name the weights: either"),
        ([*IMPORTS["checkpoint_2018"], "--head", "human"], "--head: networks of 2018 have one"),
        (["--checkpoint", CHECKPOINT, "--params", PARAMS_2020], "expected a name and a value"),
        (["--h5", KERAS_FILE, "--params", PARAMS_2018], "the file: Invalid JSON"),
        (["--h5", KERAS_FILE, "--params", "none.json"], "none.json is missing"),
    ],
)
def test_bad_arguments_end_in_one_line_and_leave_nothing(tmp_path, arguments, message):
    done = basenji("import", *arguments, "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_targets_of_another_length(tmp_path, small_bundle):
    table = small_bundle.path / "targets.tsv"
    done = basenji("import", *IMPORTS["basenji2"], "--out", tmp_path / "x", "--targets", table)
    assert done.exit_code == 2
    assert f"{table} has 3 rows, but the network predicts 6 tracks" in done.stderr
    assert not list(tmp_path.iterdir())


def test_weights_that_predict_nonsense_are_not_kept(variables, tmp_path):
    broken = {**variables, "final/conv1d/bias": np.full(7, np.nan, np.float32)}
    prefix = write_checkpoint(tmp_path / "in" / "model.tf", broken)
    out = tmp_path / "x"
    done = basenji("import", "--checkpoint", prefix, "--params", PARAMS_2018, "--out", out)
    assert done.exit_code == 2
    assert "the network predicts values that are not finite" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_existing_bundle_is_replaced_only_when_asked(imported, tmp_path):
    family, bundle, _ = imported
    shutil.copytree(bundle.path, tmp_path / "x")
    refused = basenji("import", *IMPORTS[family], "--out", tmp_path / "x")
    assert refused.exit_code == 2
    assert "exists already" in refused.stderr
    done = basenji("import", *IMPORTS[family], "--out", tmp_path / "x", "--overwrite")
    assert done.exit_code == 0
    assert Bundle.load(tmp_path / "x").metadata.name == "x"
