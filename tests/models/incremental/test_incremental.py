"""Incremental predictions are those of the whole network, for any network and any allele."""

from __future__ import annotations

import numpy as np
import plain_network
import pytest
from any_network import EXACT, WINDOW, architectures, error, narrow
from hypothesis import given, settings
from hypothesis import strategies as st
from published_files import FAMILIES, golden_values
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.models.incremental.steps import NotIncrementalError, lower
from basenji_kipoi.models.incremental.window import IncrementalNetwork
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import average_strands, build_network
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_kipoi.models.networks.random_weights import randomised


def other_bases(random, codes, positions, bases=1):
    """Draw alleles (alleles, bases) that differ from the reference at each of their bases."""
    places = np.asarray(positions)[:, None] + np.arange(bases)
    return (codes[places] + random.integers(1, 5, places.shape, dtype=np.uint8)) % 5


def put_in(codes, positions, alternatives):
    windows = np.repeat(codes[None], len(positions), axis=0)
    for window, position, bases in zip(windows, positions, alternatives):
        window[position : position + len(bases)] = bases
    return windows


def plain_rows(architecture, network, windows):
    """Predict windows one at a time: a whole batch of float64 would need gigabytes."""
    rows = [plain_network.predict(architecture, network, window[None]) for window in windows]
    return np.concatenate(rows)


def check(incremental_network, predict, codes, positions, alternatives):
    """Compare alleles with whole passes; return how much each changes its bins (alleles,)."""
    architecture = incremental_network.architecture
    exact = EXACT[incremental_network.dtype]
    reference = incremental_network.reference(codes)
    before = predict(codes[None])[0]
    assert error(reference.values, before) < exact
    changes = incremental_network.substitutions(reference, positions, alternatives)
    whole = changes.expand(reference)
    expected = predict(put_in(codes, positions, alternatives))
    assert whole.shape == expected.shape
    assert error(whole, expected) < exact
    for row, position in enumerate(positions):
        span = architecture.affected_bins(int(position), int(position) + alternatives.shape[1])
        span = tuple(np.minimum(span, architecture.bins))
        assert (changes.first[row], changes.last[row]) == span
        outside = np.ones(architecture.bins, dtype=bool)
        outside[slice(*span)] = False
        np.testing.assert_array_equal(whole[row, outside], reference.values[outside])
    totals = incremental_network.totals(reference, positions, alternatives)
    difference = expected.sum(axis=1, dtype=float) - before.sum(axis=0, dtype=float)
    assert np.abs(totals - difference).max() < exact * np.abs(before).sum(axis=0).max()
    return np.abs(expected - before).max(axis=(1, 2))


# ---- the two families, with trained weights ----


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    model = FAMILIES[request.param]()
    sequences, _ = golden_values(request.param)
    return model.architecture, model.network(), encode(sequences[1])


@pytest.fixture(scope="module", params=["float32", "float64"])
def engine(family, request):
    architecture, network, codes = family

    def predict(windows):
        if request.param == "float32":
            return network.predict_on_batch(one_hot(windows))
        return plain_network.predict(architecture, network, windows)

    return IncrementalNetwork(lower(architecture, network, dtype=request.param)), predict, codes


def test_phases_and_both_ends(engine):
    network, predict, codes = engine
    window, bin_ = network.architecture.window, network.architecture.bin
    phases = window // 2 + np.arange(0, bin_, 3)
    ends = np.array([0, 1, 5, 130, 2000, 4100, window - 2500, window - 140, window - 2, window - 1])
    positions = np.concatenate([phases, ends])
    alternatives = other_bases(np.random.default_rng(0), codes, positions)
    changed = check(network, predict, codes, positions, alternatives)
    assert (changed[: len(phases)] > 1e-4).all()


def test_unknown_bases_and_several_bases(engine):
    network, predict, codes = engine
    unknown = np.flatnonzero(codes == 4)
    assert unknown.size >= 40
    random = np.random.default_rng(1)
    positions = np.array([unknown[0] - 7, unknown[0], unknown[-1] - 3, 8000, 0, len(codes) - 19])
    alternatives = other_bases(random, codes, positions, 19)
    alternatives[3, 1:18] = codes[8001:8018]  # two neighbouring variants on one haplotype
    changed = check(network, predict, codes, positions, alternatives)
    assert changed[:4].min() > 1e-4


def test_the_backend_compiles_once(family):
    tensorflow = pytest.importorskip("tensorflow")
    architecture, network, codes = family
    engine = IncrementalNetwork(lower(architecture, network), batch_size=2)
    reference = engine.reference(codes)
    for positions in ([3], [8000, 8001, 9000], [16_000, 2, 1, 0]):
        engine.totals(reference, positions, np.zeros(len(positions)))
    total = engine._change(1, totals=True)
    assert isinstance(total, tensorflow.types.experimental.PolymorphicFunction)
    assert total.experimental_get_tracing_count() == 1


# ---- the published networks' geometry at full length, fewer filters ----


@pytest.mark.parametrize("name", ["basenji2018", "basenji2", "small"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_published_geometry(name, dtype):
    architecture = narrow(read_preset(name), 32)
    heads = sum(head.tracks for head in architecture.heads.values())
    network = randomised(build_network(architecture))
    random = np.random.default_rng(2)
    window = architecture.window
    codes = random.integers(0, 4, window, dtype=np.uint8)
    codes[window // 2 + 300 : window // 2 + 900] = 4

    def predict(windows):
        if dtype == "float64":
            return plain_rows(architecture, network, windows)
        values = network.predict_on_batch(one_hot(windows))
        return np.concatenate(list(values.values()), -1) if isinstance(values, dict) else values

    positions = np.array([0, window // 2 - 1, window // 2 + 299, window - 1])
    engine = IncrementalNetwork(lower(architecture, network, dtype=dtype))
    assert engine.tracks == heads
    alternatives = other_bases(random, codes, positions)
    changed = check(engine, predict, codes, positions, alternatives)
    assert (changed[1:3] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["basenji2018", "basenji2"])
def test_full_width_in_double_precision(name):
    architecture = read_preset(name).with_tracks(20)
    network = randomised(build_network(architecture))
    random = np.random.default_rng(2)
    window = architecture.window
    codes = random.integers(0, 4, window, dtype=np.uint8)
    positions = np.array([3, window // 2 + 77, window - 2])
    engine = IncrementalNetwork(lower(architecture, network, dtype="float64"))

    def predict(windows):
        return plain_rows(architecture, network, windows)

    changed = check(engine, predict, codes, positions, other_bases(random, codes, positions))
    largest = engine.reference(codes).values.max()
    # The comparison says something only of changes that are far above its bar.
    assert changed.min() > 1e6 * EXACT["float64"] * largest


# ---- any network ----


@pytest.mark.usefixtures("eager")
def test_any_network_any_position_any_length():
    seen = []

    @settings(max_examples=25, deadline=None)
    @given(architectures(), st.integers(1, 6), st.integers(0, 2**32 - 1))
    def check_one(architecture, bases, seed):
        network = randomised(build_network(architecture), seed % 1000)
        random = np.random.default_rng(seed)
        codes = random.integers(0, 5, WINDOW, dtype=np.uint8)
        positions = np.arange(WINDOW - bases + 1)
        alternatives = other_bases(random, codes, positions, bases)
        engine = IncrementalNetwork(
            lower(architecture, network, dtype="float64"), batch_size=WINDOW
        )
        changed = check(
            engine,
            lambda windows: plain_network.predict(architecture, network, windows),
            codes,
            positions,
            alternatives,
        )
        seen.append((changed > 0).mean())
        if seed % 4 == 0:
            values = network(one_hot(codes[None]), training=False)
            values = values if isinstance(values, dict) else {"one": values}
            keras_values = np.concatenate([np.asarray(v) for v in values.values()], axis=-1)
            engine = IncrementalNetwork(lower(architecture, network), batch_size=WINDOW)
            reference = engine.reference(codes)
            assert error(reference.values, keras_values[0]) < EXACT["float32"]
            whole = engine.substitutions(reference, positions, alternatives).expand(reference)
            expected = plain_network.predict(
                architecture, network, put_in(codes, positions, alternatives)
            )
            assert error(whole, expected) < EXACT["float32"]

    check_one()
    # Had nothing changed, every comparison above would have been one of the reference with itself.
    assert np.mean(seen) > 0.5


# ---- the small network: what the class promises ----


@pytest.fixture(scope="module")
def small():
    architecture = small_architecture()
    network = randomised(build_network(architecture))
    codes = np.random.default_rng(3).integers(0, 5, architecture.window, dtype=np.uint8)
    return architecture, network, codes


@pytest.fixture(scope="module")
def small_engine(small):
    architecture, network, _ = small
    return IncrementalNetwork(lower(architecture, network), batch_size=4)


def test_an_allele_like_the_reference_changes_nothing(small, small_engine):
    _, _, codes = small
    reference = small_engine.reference(codes)
    positions = np.array([0, 700, 1025, 2047])
    changes = small_engine.substitutions(reference, positions, codes[positions])
    same = np.repeat(reference.values[None], 4, axis=0)
    np.testing.assert_allclose(changes.expand(reference), same, rtol=1e-6)
    assert not small_engine.totals(reference, positions, codes[positions]).any()
    assert changes.valid.any()


@pytest.mark.parametrize("alleles", [0, 1, 4, 7])
def test_any_number_of_alleles(small, small_engine, alleles):
    architecture, network, codes = small
    random = np.random.default_rng(4)
    positions = random.integers(0, architecture.window, alleles)
    alternatives = other_bases(random, codes, positions)
    reference = small_engine.reference(codes)
    whole = small_engine.substitutions(reference, positions, alternatives).expand(reference)
    assert whole.shape == (alleles, architecture.bins, 3)
    assert small_engine.totals(reference, positions, alternatives).shape == (alleles, 3)
    if alleles:
        expected = network.predict_on_batch(one_hot(put_in(codes, positions, alternatives)))
        assert error(whole, expected) < EXACT["float32"]


def test_a_region_needs_less_memory_and_gives_the_same(small, small_engine):
    _, _, codes = small
    reference = small_engine.reference(codes)
    for region in ((1000, 1032), (0, 5), (2040, 2048)):
        part = small_engine.reference(codes, region=region)
        assert part.nbytes < reference.nbytes / 4
        positions = np.array([region[0], region[1] - 2])
        alternatives = other_bases(np.random.default_rng(5), codes, positions, 2)
        left, right = (
            small_engine.substitutions(r, positions, alternatives).expand(r)
            for r in (reference, part)
        )
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-7)
        with pytest.raises(ValueError, match=r"allele 1 .* outside of the reference's region"):
            small_engine.substitutions(part, [region[0], region[1] - 1], np.zeros((2, 2)))
        with pytest.raises(ValueError, match=r"allele 0 .* outside of the reference's region"):
            small_engine.substitutions(part, [region[0] - 1, region[0]], np.zeros((2, 1)))


def test_wanted_tracks_of_several_heads_in_their_order(small):
    _, _, codes = small
    heads = {"human": {"tracks": 3}, "mouse": {"tracks": 2, "activation": "exp_linear"}}
    architecture = Architecture.model_validate(
        {**small_architecture().model_dump(), "heads": heads}
    )
    network = randomised(build_network(architecture))
    every = IncrementalNetwork(lower(architecture, network))
    assert every.tracks == 5
    positions, alternatives = np.array([900, 1300]), np.array([1, 4])
    expected = every.substitutions(every.reference(codes), positions, alternatives)
    for tracks in ([4, 0, 4, 2], [3], [1, 0]):
        engine = IncrementalNetwork(lower(architecture, network, tracks=tracks))
        reference = engine.reference(codes)
        found = engine.substitutions(reference, positions, alternatives)
        np.testing.assert_allclose(found.values, expected.values[..., tracks], rtol=1e-5)
        np.testing.assert_allclose(
            reference.values, every.reference(codes).values[:, tracks], rtol=1e-5
        )
    alone = build_network(architecture, head="mouse")
    for layer in alone.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights())
    mouse = IncrementalNetwork(lower(architecture, alone))
    found = mouse.substitutions(mouse.reference(codes), positions, alternatives)
    np.testing.assert_allclose(found.values, expected.values[..., 3:], rtol=1e-5)
    for tracks in ([5], [-1], []):
        with pytest.raises(InputError, match=r"tracks must be indices from 0 to 4"):
            IncrementalNetwork(lower(architecture, network, tracks=tracks))


# ---- what it refuses ----


def test_an_unknown_operation_is_named(small):
    architecture, network, _ = small

    class Unknown:
        op = "attention"

    strange = architecture.model_copy(update={"trunk": [*architecture.trunk, Unknown()]})
    with pytest.raises(NotIncrementalError, match=r"trunk_10_attention: .*use the whole network"):
        IncrementalNetwork(lower(strange, network))


def test_a_network_of_another_architecture_is_refused(small):
    architecture, _, _ = small
    with pytest.raises(InputError, match="not built from this architecture"):
        IncrementalNetwork(lower(architecture, build_network(read_preset("small"))))
    content = architecture.model_dump()
    content["trunk"][0]["kernel"] = 9
    other = Architecture.model_validate(content)
    with pytest.raises(InputError, match=r"trunk_00_convolution.* has a kernel of shape \(7, 4, 8"):
        IncrementalNetwork(lower(other, build_network(architecture)))


def test_a_network_of_both_strands_is_refused(small):
    # Its changes are at two places; taking it for one strand would give half of them.
    architecture, network, _ = small
    both = average_strands(network, np.array([0, 2, 1]))
    with pytest.raises(InputError, match="averages over both strands"):
        IncrementalNetwork(lower(architecture, both))


def test_faulty_calls_are_refused(small, small_engine):
    architecture, network, codes = small
    reference = small_engine.reference(codes)
    with pytest.raises(InputError, match="no dtype 'bfloat16': expected one of float32, float64"):
        IncrementalNetwork(lower(architecture, network, dtype="bfloat16"))
    with pytest.raises(ValueError, match="at least one allele"):
        IncrementalNetwork(lower(architecture, network), batch_size=0)
    with pytest.raises(ValueError, match=r"codes of shape \(2048,\), not \(2047,\)"):
        small_engine.reference(codes[1:])
    with pytest.raises(ValueError, match=r"codes of shape \(batch, 2048\), not \(2048,\)"):
        small_engine.predict(codes)
    with pytest.raises(ValueError, match="no region"):
        small_engine.reference(codes, region=(5, 5))
    with pytest.raises(ValueError, match="do not fit"):
        small_engine.substitutions(reference, [1, 2], [0])
    with pytest.raises(ValueError, match="at least one base"):
        small_engine.substitutions(reference, [1], np.zeros((1, 0)))
    with pytest.raises(ValueError, match="allele 0 at 2048 lies outside"):
        small_engine.substitutions(reference, [2048], [0])
