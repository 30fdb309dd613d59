"""Networks compute what their descriptions say, and what the original programs computed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from plain_network import FUNCTIONS
from published_files import FAMILIES, golden_values
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, one_hot, reverse_complement
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import average_strands, build_network
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_kipoi.models.networks.random_weights import randomised

# ---- the original programs' networks ----


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def golden(request):
    model = FAMILIES[request.param]()
    sequences, predictions = golden_values(request.param)
    x = one_hot(np.stack([encode(sequence) for sequence in sequences]))
    return model.architecture, model.network(), x, predictions


def test_the_original_programs_predictions(golden):
    _, network, x, expected = golden
    np.testing.assert_allclose(network.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)


def test_the_unknown_bases_matter(golden):
    # The figures above can only tell N as 0.25 from N as nothing where the two differ.
    _, network, x, expected = golden
    without = np.where(x == 0.25, 0, x)
    difference = np.abs(network.predict_on_batch(without) - expected).max(axis=(1, 2))
    assert difference[0] < 1e-4 < difference[1]


def test_bfloat16_of_the_original_networks(golden):
    architecture, network, x, expected = golden
    rounded = build_network(architecture, dtype="bfloat16")
    rounded.set_weights(network.get_weights())
    predicted = rounded.predict_on_batch(x)
    assert predicted.dtype == np.float32
    assert not np.array_equal(predicted, expected)
    # bfloat16 has 8 bits: 0.4 % an operation. A profile keeps its shape.
    for track in range(expected.shape[-1]):
        r = np.corrcoef(predicted[..., track].ravel(), expected[..., track].ravel())[0, 1]
        assert r > 0.99


def test_a_shift_by_whole_bins_shifts_the_interior(golden):
    architecture, network, x, expected = golden
    bins = 5
    shifted = np.roll(x[:1], -bins * architecture.bin, axis=1)
    predicted = network.predict_on_batch(shifted)
    inside = [
        i
        for i in range(architecture.bins - bins)
        if architecture.needed_input(i, i + 1)[0] >= 0
        and architecture.needed_input(i + bins, i + bins + 1)[1] <= architecture.window
    ]
    assert len(inside) > 20
    both = predicted[0][inside], expected[0][np.array(inside) + bins]
    np.testing.assert_allclose(*both, rtol=1e-5, atol=1e-6)


def test_a_base_changes_the_bins_that_the_description_says(golden):
    architecture, network, x, _ = golden
    before = network.predict_on_batch(x[:1])
    for base in (8192, 8255, 3, 16_380):
        changed = x[:1].copy()
        changed[0, base] = np.roll(changed[0, base], 1)
        first, last = architecture.affected_bins(base, base + 1)
        touched = np.abs(network.predict_on_batch(changed) - before)[0].max(axis=-1) > 0
        assert not touched[:first].any()
        assert not touched[last:].any()
        # Not every bin must notice, but the middle ones do.
        assert touched.any() == (last > first)


# ---- any network ----


@pytest.fixture(scope="module")
def small():
    architecture = small_architecture()
    x = one_hot(np.random.default_rng(1).integers(0, 5, (7, architecture.window)))
    return architecture, randomised(build_network(architecture)), x


def test_shapes_and_names(small):
    architecture, network, _ = small
    assert network.input_shape == (None, architecture.window, 4)
    assert network.output_shape == (None, architecture.bins, 3)
    names = [layer.name for layer in network.layers]
    assert len(set(names)) == len(names)
    assert "trunk_08_residual_01_convolution" in names
    # The first part of a name is the operation's place in the description.
    for name in names:
        if name.startswith("trunk_"):
            _, position, kind, *_ = name.split("_")
            assert architecture.trunk[int(position)].op == kind


def test_names_do_not_depend_on_what_was_built_before(small):
    architecture, network, _ = small
    again = build_network(architecture)
    assert [w.path for w in again.weights] == [w.path for w in network.weights]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_any_batch_size(small, size):
    _, network, x = small
    whole = network.predict_on_batch(x)
    parts = [network.predict_on_batch(x[i : i + size]) for i in range(0, len(x), size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6)


def test_weights_survive_their_file(small, tmp_path):
    architecture, network, _ = small
    network.save_weights(tmp_path / "model.weights.h5")
    for dtype in ("float32", "bfloat16"):
        again = build_network(architecture, dtype=dtype)
        again.load_weights(tmp_path / "model.weights.h5")
        assert len(again.weights) == len(network.weights)
        for left, right in zip(again.get_weights(), network.get_weights()):
            assert left.dtype == np.float32
            np.testing.assert_array_equal(left, right)


def test_the_whole_model_survives_serialisation(small, tmp_path):
    _, network, x = small
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict_on_batch(x), network.predict_on_batch(x))


def test_a_symmetric_network_reads_both_strands_alike():
    """The reverse complement of the sequence gives the reverse of the bins, if kernels agree."""
    architecture = Architecture.model_validate(
        {
            "window": 512,
            "trunk": [
                {"op": "convolution", "filters": 6, "kernel": 7},
                {"op": "activation", "function": "gelu_tanh"},
                {"op": "pooling", "size": 4},
                {
                    "op": "residual",
                    "branch": [{"op": "convolution", "filters": 6, "kernel": 3, "dilation": 2}],
                },
                {"op": "crop", "bins": 8},
            ],
            "heads": {"tracks": {"tracks": 2}},
        }
    )
    network = build_network(architecture)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv1D):
            (kernel,) = layer.get_weights()
            first = kernel.shape[1] == 4
            turned = kernel[::-1, ::-1] if first else kernel[::-1]
            layer.set_weights([(kernel + turned) / 2])
    codes = np.random.default_rng(2).integers(0, 5, (3, 512)).astype(np.uint8)
    forward = network.predict_on_batch(one_hot(codes))
    backward = network.predict_on_batch(one_hot(reverse_complement(codes)))
    np.testing.assert_allclose(backward, forward[:, ::-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("link", sorted(FUNCTIONS))
def test_links_follow_their_formulas(link):
    architecture = Architecture.model_validate(
        {
            "window": 64,
            "trunk": [{"op": "activation", "function": link}, {"op": "pooling", "size": 2}],
            "heads": {"tracks": {"tracks": 4, "activation": link}},
        }
    )
    network = build_network(architecture)
    network.get_layer("head_tracks").set_weights([np.eye(4) * 2, np.full(4, -1.0)])
    x = np.random.default_rng(3).normal(0, 3, (1, 64, 4))
    inner = FUNCTIONS[link](x).reshape(1, 32, 2, 4).max(axis=2)
    expected = FUNCTIONS[link](2 * inner - 1)
    np.testing.assert_allclose(network.predict_on_batch(x), expected, rtol=1e-5, atol=1e-6)


def test_several_heads_give_a_dictionary():
    heads = {"human": {"tracks": 3}, "mouse": {"tracks": 2, "activation": "exp_linear"}}
    architecture = Architecture.model_validate(
        {**small_architecture(window=512).model_dump(), "heads": heads}
    )
    network = randomised(build_network(architecture))
    x = one_hot(np.random.default_rng(4).integers(0, 5, (2, 512)))
    both = network.predict_on_batch(x)
    assert {name: value.shape for name, value in both.items()} == {
        "human": (2, 8, 3),
        "mouse": (2, 8, 2),
    }
    alone = build_network(architecture, head="mouse")
    for layer in alone.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(alone.predict_on_batch(x), both["mouse"], rtol=1e-6)
    with pytest.raises(InputError, match=r"no head 'rat': the network has human, mouse"):
        build_network(architecture, head="rat")


def test_an_unknown_dtype_is_named():
    with pytest.raises(InputError, match=r"no dtype 'float16': expected one of float32, bfloat16"):
        build_network(small_architecture(), dtype="float16")


def test_bfloat16_ends_in_float32(small):
    architecture, _, _ = small
    network = build_network(architecture, dtype="bfloat16")
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.get_layer("trunk_00_convolution").compute_dtype == "bfloat16"
    assert network.get_layer("head_tracks").compute_dtype == "float32"
    assert network.output.dtype == "float32"


def test_dropout_and_batch_statistics_are_for_training_alone(small):
    architecture, _, x = small
    network = randomised(build_network(architecture))
    predicted = network.predict_on_batch(x)
    inference, training = (
        keras.ops.convert_to_numpy(network(x, training=training)) for training in (False, True)
    )
    np.testing.assert_allclose(inference, predicted, rtol=1e-5, atol=1e-6)
    assert np.abs(training - inference).max() > 0.01


def test_a_published_network_predicts_a_whole_window():
    architecture = read_preset("basenji2018")
    network = build_network(architecture)
    predicted = network.predict_on_batch(
        one_hot(np.random.default_rng(5).integers(0, 4, (1, architecture.window)))
    )
    assert predicted.shape == (1, 960, 4229)
    assert np.isfinite(predicted).all()
    assert (predicted > 0).all()


def test_the_mean_of_strands_is_the_same_for_both() -> None:
    architecture = small_architecture()
    network = build_network(architecture)
    permutation = np.array([0, 2, 1])
    both = average_strands(network, permutation)
    codes = np.random.default_rng(3).integers(0, 5, (2, architecture.window), dtype=np.uint8)
    forward = both.predict_on_batch(one_hot(codes))
    reverse = both.predict_on_batch(one_hot(reverse_complement(codes)))
    np.testing.assert_allclose(reverse[:, ::-1][..., permutation], forward, rtol=1e-5, atol=1e-6)
    single = network.predict_on_batch(one_hot(codes))
    other = network.predict_on_batch(one_hot(reverse_complement(codes)))
    mean = (single + other[:, ::-1][..., permutation]) / 2
    np.testing.assert_allclose(forward, mean, rtol=1e-5, atol=1e-6)
    assert np.abs(single - forward).max() > 1e-3
