"""Files of the 2020 family: what of them is read, and what is wrong with those that do not fit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from published_files import FAMILIES, KERAS_FILE, PARAMS_2020

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.published.family_2020 import Params, read_keras_file
from basenji_kipoi.published.writing import write_keras_file


def changed_json(target, **model):
    params = json.loads(PARAMS_2020.read_text())
    params["model"].update(model)
    target.write_text(json.dumps(params))
    return target


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


# ---- Keras 2 files ----


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


def test_params_that_do_not_fit_name_the_layer_and_both_shapes(tmp_path):
    head = {"name": "final", "units": 5, "activation": "softplus"}
    params = changed_json(tmp_path / "params.json", head_human=head)
    with pytest.raises(InputError, match=r"dense/kernel has the shape \(64, 6\).* it \(64, 5\)"):
        read_keras_file(KERAS_FILE, params).network()


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


def test_reading_files_of_2020_needs_no_tensorflow_of_its_own():
    """The importer reads HDF5 itself; whatever runs the network is Keras' business."""
    program = (
        "import sys; from basenji_kipoi.published.family_2020 import read_keras_file; "
        f"weights = read_keras_file({str(KERAS_FILE)!r}, {str(PARAMS_2020)!r}).weights; "
        "print(len(weights.variables()), 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["82", "False", "False"], done.stderr
