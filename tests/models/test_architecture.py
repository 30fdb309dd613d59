"""Geometry derived from a description is that of the network which Keras builds from it."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import preset_names, read_preset

HEADS = {"tracks": {"tracks": 1, "activation": "linear"}}


def describe(window, *trunk):
    return Architecture.model_validate({"window": window, "trunk": trunk, "heads": HEADS})


def convolution(kernel, dilation=1, filters=1):
    return {"op": "convolution", "filters": filters, "kernel": kernel, "dilation": dilation}


def pooling(size):
    return {"op": "pooling", "size": size}


# ---- hand-derived numbers ----


def test_receptive_field_of_the_2018_network():
    # A trunk bin needs 222 bp left and 265 bp right of its 128 bp. Kernels of 22, 6, 6, 6 and 3 at
    # steps of 1, 2, 8, 32 and 128 bp, one more to the right where the kernel is even:
    left = 10 + 2 * 2 + 2 * 8 + 2 * 32 + 1 * 128
    right = 11 + 3 * 2 + 3 * 8 + 3 * 32 + 1 * 128
    assert (left, right) == (222, 265)
    # Dilated layers of width 3 reach their rate to both sides, in bins of 128 bp.
    dilated = (2 + 4 + 8 + 16 + 32 + 64) * 128
    architecture = read_preset("basenji2018")
    assert architecture.needed_input(0, 1) == (
        32 * 128 - left - dilated,
        33 * 128 + right + dilated,
    )
    assert architecture.receptive_field == 128 + 222 + 265 + 2 * 16_128 == 32_871


def test_receptive_field_of_the_2020_network():
    # Kernels of 15 and six times 5 at steps of 1 and 2, 4 ... 64 bp; then the dilation rates.
    side = 7 + 2 * (2 + 4 + 8 + 16 + 32 + 64)
    dilated = (1 + 2 + 3 + 4 + 6 + 9 + 14 + 21 + 32 + 48 + 72) * 128
    architecture = read_preset("basenji2")
    assert architecture.needed_input(0, 1) == (
        64 * 128 - side - dilated,
        65 * 128 + side + dilated,
    )
    assert architecture.receptive_field == 128 + 2 * (259 + 27_136) == 54_918


@pytest.mark.parametrize(
    ("name", "bins", "affected"),
    [("basenji2018", 960, {256, 257}), ("basenji2", 896, {429, 430})],
)
def test_bins_that_one_base_can_reach(name, bins, affected):
    architecture = read_preset(name)
    assert (architecture.window, architecture.bin, architecture.bins) == (131_072, 128, bins)
    needed = np.array([architecture.needed_input(i, i + 1) for i in range(bins)])
    widths = set()
    for base in range(65_536, 65_536 + 128):
        first, last = architecture.affected_bins(base, base + 1)
        widths.add(last - first)
        # The converse: these bins need the base, and no others do.
        needs = (needed[:, 0] <= base) & (base < needed[:, 1])
        assert np.flatnonzero(needs).tolist() == list(range(first, last))
    assert widths == affected


def test_small_preset():
    architecture = read_preset("small")
    shape = (architecture.window, architecture.bin, architecture.crop, architecture.bins)
    assert shape == (16_384, 32, 32, 448)
    assert architecture.channels == 256
    # Kernels of 15 and four times 5 at steps of 1 and 2 ... 16 bp; rates 1 to 32 in bins of 32 bp.
    assert architecture.receptive_field == 32 + 2 * (7 + 2 * (2 + 4 + 8 + 16)) + 2 * 63 * 32
    # The crop leaves out most bins that would see padding.
    assert architecture.needed_input(0, 1)[0] == 32 * 32 - 7 - 60 - 63 * 32


@pytest.mark.parametrize("name", ["basenji2018", "basenji2", "small"])
def test_presets_are_listed(name):
    assert name in preset_names()
    assert read_preset(name) == read_preset(name)


def test_an_unknown_preset_is_named():
    with pytest.raises(InputError, match=r"no preset network 'basenji3': expected one of .*small"):
        read_preset("basenji3")


@pytest.mark.parametrize(
    ("name", "head", "parameters"),
    [("basenji2018", None, 15_190_636), ("basenji2", "human", 30_088_228)],
)
def test_published_parameter_counts(name, head, parameters):
    network = build_network(read_preset(name), head=head)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == parameters


# ---- geometry against real networks ----

WINDOW = 384


@st.composite
def architectures(draw):
    """Draw a network for a window of 384 bp with up to three pools and two branches."""
    kernels, rates = st.integers(1, 7), st.integers(1, 5)
    trunk = []
    for size in draw(st.lists(st.sampled_from([2, 3, 4]), max_size=3)):
        trunk += [convolution(draw(kernels), draw(rates)), pooling(size)]
    assume(WINDOW % int(np.prod([o.get("size", 1) for o in trunk])) == 0)
    for kind in draw(st.lists(st.sampled_from(["residual", "concatenate"]), max_size=2)):
        filters = 1
        if kind == "residual":
            filters = describe(WINDOW, *trunk).channels if trunk else 4
        branch = [convolution(draw(kernels), draw(rates)), convolution(draw(kernels), 1, filters)]
        trunk.append({"op": kind, "branch": branch})
    trunk.append(convolution(draw(kernels), draw(rates)))
    if draw(st.booleans()):
        trunk.append({"op": "crop", "bins": draw(st.integers(0, 2))})
    return describe(WINDOW, *trunk)


def reach(architecture):
    """Find by experiment which base changes which bin: bool, shape (window, bins).

    With all weights one and no input but at a single base, an output is positive where that base
    can reach it and zero elsewhere: sums of positive values cannot cancel, and maxima keep them.
    """
    network = build_network(architecture)
    for weight in network.trainable_weights:
        weight.assign(np.full(weight.shape, 0.0 if weight.name == "bias" else 1.0))
    impulses = np.eye(architecture.window, dtype=np.float32)
    response = network(np.repeat(impulses[:, :, None], 4, axis=2))
    return keras.ops.convert_to_numpy(response)[:, :, 0] > 0


def check_geometry(architecture):
    measured = reach(architecture)
    assert measured.shape == (architecture.window, architecture.bins)
    for base, row in enumerate(measured):
        expected = architecture.affected_bins(base, base + 1)
        check_hull(row, expected, expected[0] > 0 and expected[1] < architecture.bins)
    for bin_, column in enumerate(measured.T):
        begin, end = architecture.needed_input(bin_, bin_ + 1)
        inside = begin >= 0 and end <= architecture.window
        check_hull(column, (begin, end), inside)


def check_hull(changed, interval, inside):
    """Check that an interval spans what changed, exactly so where no border cut it.

    Dilation leaves holes, so at a border what is left may be narrower than the interval.
    """
    places = np.flatnonzero(changed)
    if inside:
        assert (places.min(), places.max() + 1) == interval
    elif places.size:
        assert interval[0] <= places.min()
        assert places.max() < interval[1]


@settings(max_examples=20, deadline=None)
@given(architectures())
def test_derived_geometry_is_the_networks(architecture):
    check_geometry(architecture)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_every_phase_of_kernels_between_pools(kernel, dilation):
    check_geometry(
        describe(
            240,
            convolution(kernel),
            pooling(3),
            convolution(kernel, dilation),
            pooling(4),
            convolution(2),
        )
    )


def test_changes_of_several_bases_reach_the_union():
    architecture = describe(240, convolution(6), pooling(4), convolution(4), pooling(3))
    measured = reach(architecture)
    for start in range(60, 100):
        for length in (2, 5, 17):
            changed = measured[start : start + length].any(axis=0)
            check_hull(changed, architecture.affected_bins(start, start + length), True)


def test_affected_bins_end_where_the_bins_do():
    architecture = describe(96, pooling(4), convolution(3), {"op": "crop", "bins": 6})
    assert architecture.bins == 12
    assert architecture.affected_bins(0, 1) == (0, 0)
    assert architecture.affected_bins(20, 21) == (0, 1)
    first, last = architecture.affected_bins(95, 96)
    assert first == last


# ---- descriptions ----


def test_lengths_and_channels():
    architecture = describe(
        96,
        convolution(5, filters=6),
        pooling(2),
        {"op": "concatenate", "branch": [convolution(3, filters=2)]},
        pooling(4),
        {"op": "crop", "bins": 3},
        {"op": "crop", "bins": 1},
    )
    assert (architecture.bin, architecture.crop, architecture.bins) == (8, 4, 4)
    assert architecture.channels == 8
    assert architecture.with_window(192).bins == 16
    assert architecture.with_tracks(5).heads["tracks"].tracks == 5
    assert architecture.with_tracks(5).heads["tracks"].activation == "linear"


def test_tracks_of_a_store_take_the_first_of_several_heads():
    assert list(read_preset("basenji2").with_tracks(2).heads) == ["human"]


def test_heads_can_be_replaced():
    content = read_preset("basenji2").model_dump()
    content["heads"]["mouse"]["activation"] = "exp_linear"
    architecture = Architecture.model_validate(content)
    changed = architecture.with_heads({"mouse": 3, "yeast": 2})
    assert changed.trunk == architecture.trunk
    heads = {name: (head.tracks, head.activation) for name, head in changed.heads.items()}
    # A head of a name that was there keeps its link; a new one is like the first.
    assert heads == {"mouse": (3, "exp_linear"), "yeast": (2, "softplus")}


@pytest.mark.parametrize(
    ("trunk", "message"),
    [
        ([convolution(3), pooling(7)], r"operation 1 .*pooling.*length of 96 .* pooled by 7"),
        ([pooling(48), {"op": "crop", "bins": 1}], r"operation 1 .*crop.*cropped by 1"),
        ([{"op": "residual", "branch": [convolution(3)]}], r"operation 0 .*residual.* 4 channels"),
        ([{"op": "residual", "branch": [pooling(2)]}], r"a pooling cannot stand within a branch"),
        (
            [{"op": "concatenate", "branch": [{"op": "crop", "bins": 1}]}],
            r"a crop cannot stand within a branch",
        ),
        ([{"op": "crop", "bins": 1}, convolution(3)], r"operation 1 .*behind a crop"),
        ([{"op": "crop", "bins": 1}, pooling(2)], r"operation 1 .*behind a crop"),
        ([{"op": "residual", "branch": []}], r"residual.branch"),
        ([{"op": "attention"}], r"trunk.0.*convolution"),
        ([convolution(0)], r"trunk.0.convolution.kernel"),
        ([{**convolution(3), "colour": 1}], r"trunk.0.convolution.colour"),
        ([{"op": "activation", "function": "tanh"}], r"trunk.0.activation.function"),
        ([{"op": "dropout", "rate": 1}], r"trunk.0.dropout.rate"),
        ([], r"trunk"),
    ],
)
def test_faults_name_the_operation(tmp_path, trunk, message):
    content = {"window": 96, "trunk": trunk, "heads": HEADS}
    with pytest.raises(ValidationError):
        Architecture.model_validate(content)
    (tmp_path / "architecture.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        Architecture.read(tmp_path / "architecture.json")
    assert "architecture.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [("{", "JSON"), ("[]", "object"), ("{}", "window")]
)
def test_files_that_describe_nothing(tmp_path, content, message):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=message):
        Architecture.read(tmp_path / "a.json")
    with pytest.raises(InputError, match="missing"):
        Architecture.read(tmp_path / "b.json")


@settings(max_examples=30, deadline=None)
@given(architectures())
def test_descriptions_come_back(tmp_path_factory, architecture):
    path = tmp_path_factory.mktemp("architecture") / "a.json"
    architecture.write(path)
    assert Architecture.read(path) == architecture


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_as_they_would_be_written(name, tmp_path):
    architecture = read_preset(name)
    architecture.write(tmp_path / "a.json")
    assert Architecture.read(tmp_path / "a.json") == architecture
    # One line an operation.
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert sum(line.startswith('    {"op": ') for line in lines) == len(architecture.trunk)
