"""Engines: what they predict is what whole passes over reference and alternative predict."""

from __future__ import annotations

from functools import cache

import numpy as np
import plain_network
import pytest
from any_network import EXACT, narrow
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import save_random_bundle, small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, encode, one_hot
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.effects.passes import Pass, changed_bins, passes_of
from basenji_kipoi.effects.shared_engine import SharedEngine
from basenji_kipoi.effects.stretch_engine import StretchEngine
from basenji_kipoi.genome.alleles import AlleleWindow, allele_codes
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.incremental.steps import lower
from basenji_kipoi.models.incremental.stretches import StretchNetwork
from basenji_kipoi.models.incremental.window import Allele
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_kipoi.models.networks.random_weights import randomised

LENGTH = 12_000


def write_genome(folder, length, seed=0):
    """Write a contig of random bases with a run of unknown ones."""
    codes = np.random.default_rng(seed).integers(0, 4, length)
    codes[length // 3 : length // 3 + 40] = 4
    path = folder / "genome.fa"
    letters = np.array([*ALPHABET, "N"])[codes]
    path.write_text(">one\n" + "".join(letters) + "\n", encoding="ascii")
    return Genome(path)


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    return write_genome(tmp_path_factory.mktemp("genome"), LENGTH)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return [
        save_random_bundle(folder / str(seed), small_architecture(), seed=seed) for seed in (1, 2)
    ]


def request_of(position, ref, alt, *, window=2048, place=None):
    """Make the request of an allele that begins at a base of the contig."""
    place = window // 2 - 1 if place is None else place
    return AlleleWindow("one", position - place, Allele(place, ref, encode(alt)))


class DoubleEngine(PlainEngine):
    """Whole passes in plain NumPy and float64, each window once."""

    def _load(self, bundle):
        network = bundle.network(both_strands=False)

        @cache
        def predict(window):
            codes = np.frombuffer(window, dtype=np.uint8)[None]
            return plain_network.predict(bundle.architecture, network, codes)[0]

        return predict

    def _windows(self, model, codes):
        values = [self._networks[model](window.tobytes()) for window in codes]
        return np.stack(values)[:, :, self._columns.computed]


def compare(engine, plain, requests):
    """Check an engine against whole passes, up to a share of the largest prediction."""
    seen = []
    for group in engine.groups(requests):
        seen += group
        some = [requests[index] for index in group]
        found, expected = engine.effects(some), plain.effects(some)
        np.testing.assert_array_equal(found.first, expected.first)
        np.testing.assert_array_equal(found.last, expected.last)
        rows = min(found.reference.shape[1], expected.reference.shape[1])
        valid = expected.valid[:, :rows]
        np.testing.assert_array_equal(found.valid[:, :rows], valid)
        assert not found.valid[:, rows:].any()
        assert not expected.valid[:, rows:].any()
        largest = np.abs(expected.reference).max()
        for ours, theirs in (
            (found.reference, expected.reference),
            (found.alternative, expected.alternative),
        ):
            error = np.abs(ours[:, :rows] - theirs[:, :rows])[valid].max()
            assert error < EXACT["float32"] * largest
    assert sorted(seen) == list(range(len(requests)))


# ---- whole passes: the definition ----


def test_rows_hold_everything_that_changes(genome, bundles):
    requests = [request_of(5000, 1, "A"), request_of(5003, 3, "ACG"), request_of(5009, 2, "T")]
    whole = PlainEngine(bundles[:1], genome, whole=True, indels="anchor").effects(requests)
    assert whole.reference.shape == (3, 56, 3)
    assert whole.valid.all()
    network = bundles[0].network(both_strands=False)
    for row, request in enumerate(requests):
        codes = genome.codes("one", request.start, request.start + 2048)
        expected = network.predict_on_batch(one_hot(codes[None]))[0]
        np.testing.assert_allclose(whole.reference[row], expected, rtol=1e-5)
    part = PlainEngine(bundles[:1], genome, indels="anchor").effects(requests)
    for row in range(3):
        begin, end = max(part.first[row], 0), min(part.last[row], 56)
        here = slice(begin - part.first[row], end - part.first[row])
        np.testing.assert_array_equal(part.reference[row, here], whole.reference[row, begin:end])
        same = np.ones(56, dtype=bool)
        same[begin:end] = False
        np.testing.assert_array_equal(whole.reference[row, same], whole.alternative[row, same])
        assert (whole.reference[row] != whole.alternative[row]).any()
    assert part.last[2] >= 56  # what is behind the deletion has moved


@pytest.mark.parametrize(
    ("ref", "alt"), [(1, "C"), (4, "G"), (1, "GATTACA"), (3, "CAT"), (0, "TC"), (2, "")]
)
@pytest.mark.parametrize("start", [-700, 3000, LENGTH - 900])
def test_alleles_anchored_at_either_end(genome, ref, alt, start):
    request = AlleleWindow("one", start, Allele(1023, ref, encode(alt)))
    haplotype = np.concatenate(
        [
            genome.codes("one", start - 50, start + 1023),
            encode(alt),
            genome.codes("one", start + 1023 + ref, start + 2048 + 50),
        ]
    )
    left = allele_codes(genome, request, 2048)
    np.testing.assert_array_equal(left, haplotype[50 : 50 + 2048])
    right = allele_codes(genome, request, 2048, anchor="right")
    np.testing.assert_array_equal(right, haplotype[-50 - 2048 : -50])


def test_stitched_alleles_keep_what_is_behind_them(genome, bundles):
    requests = [request_of(5003, 40, "T"), request_of(5003, 1, "TACGTACGTAACCGTTAGCAT")]
    anchored = PlainEngine(bundles[:1], genome, whole=True, indels="anchor").effects(requests)
    stitched = PlainEngine(bundles[:1], genome, whole=True).effects(requests)
    joint = 1023 // 32 - 4  # bins that count behind the crop
    np.testing.assert_array_equal(
        stitched.alternative[:, : joint + 1], anchored.alternative[:, : joint + 1]
    )
    # Far behind the allele, the sequence of the bins is the reference's again.
    np.testing.assert_allclose(
        stitched.alternative[:, joint + 12 :], stitched.reference[:, joint + 12 :], rtol=1e-5
    )
    moved = np.abs(anchored.alternative - anchored.reference)[:, joint + 12 :]
    assert moved.max() > 0.01


def test_models_strands_and_shifts_are_averaged(genome, bundles):
    request = [request_of(5003, 1, "T"), request_of(7777, 2, "CCA")]
    options = {"both_strands": True, "shifts": (0, -5), "whole": True, "indels": "anchor"}
    mean = PlainEngine(bundles, genome, **options).effects(request)
    parts = []
    for bundle in bundles:
        network = bundle.network(both_strands=True)  # averages by itself
        for shift in (0, -5):
            codes = []
            for r in request:
                moved = AlleleWindow(
                    r.chrom, r.start + shift, r.allele._replace(position=r.allele.position - shift)
                )
                codes.append(genome.codes("one", moved.start, moved.start + 2048))
                codes.append(allele_codes(genome, moved, 2048))
            parts.append(network.predict_on_batch(one_hot(np.stack(codes))))
    expected = np.mean(parts, axis=0)
    np.testing.assert_allclose(mean.reference, expected[0::2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mean.alternative, expected[1::2], rtol=1e-5, atol=1e-6)


def test_models_that_do_not_fit_are_named(bundles, tmp_path):
    other = save_random_bundle(tmp_path / "other", small_architecture(window=4096), seed=1)
    with pytest.raises(InputError, match=r"other cannot be averaged: their window is 2048 and 409"):
        passes_of([bundles[0], other], both_strands=None, shifts=(0,))
    unpaired = save_random_bundle(
        tmp_path / "unpaired", small_architecture(), seed=1, strand_pairs=(0, 1, 2)
    )
    with pytest.raises(InputError, match="unpaired cannot be averaged: their tracks have other"):
        passes_of([bundles[0], unpaired], both_strands=None, shifts=(0,))
    with pytest.raises(InputError, match="the shifts 0, 0 must be different"):
        passes_of(bundles, both_strands=None, shifts=(0, 0))


# ---- engines ----

OPTIONS = {
    "one strand": {"both_strands": False, "indels": "anchor"},
    "both strands, two tracks": {"both_strands": True, "tracks": [2, 0], "indels": "anchor"},
    "shifts": {"both_strands": True, "shifts": (0, -3, 40), "indels": "anchor"},
    "stitched": {"both_strands": True},
    "stitched, one strand": {"both_strands": False},
    "stitched, shifts, whole": {"both_strands": True, "shifts": (0, -3, 40), "whole": True},
    "whole": {"both_strands": True, "whole": True, "indels": "anchor"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_chosen_engine_equals_whole_passes(genome, bundles, name):
    options = OPTIONS[name]
    models = bundles if options["both_strands"] else bundles[:1]
    plain = PlainEngine(models, genome, **options)
    engine = effect_engine(models, genome, **options)
    assert isinstance(engine, SharedEngine if options.get("whole") else StretchEngine)
    random = np.random.default_rng(3)
    # Every phase, unknown bases (from 4,000 on), both ends of the contig and of the window.
    requests = [request_of(p, 1, "ACGT"[p % 4]) for p in range(3980, 4020)]
    requests += [request_of(p, 3, "TTA") for p in (3, 5000, LENGTH - 3)]
    requests += [request_of(6000, 1, "G", place=place) for place in (0, 7, 120, 2000, 2047)]
    requests += [request_of(p, 2, "GATTACA") for p in (2, 5000, LENGTH - 2)]
    requests += [request_of(p, 30, "G") for p in (2, 5000, LENGTH - 30)]
    requests += [
        request_of(5000, 0, "TCA"),
        request_of(5000, 2, ""),
        request_of(6000, 2, "", place=0),
    ]
    # Substitutions and others in one window.
    requests += [
        request_of(8000 + place, 1 + place % 2, "GC"[: 1 + place % 2], place=place)
        for place in (0, 300, 301, 1000, 2046)
    ]
    requests.append(request_of(9000, 1, "ACA", place=1000))
    requests = [requests[index] for index in random.permutation(len(requests))]
    compare(engine, plain, requests)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_any_substitutions_in_any_windows(engines, data):
    engine, plain = engines
    requests = data.draw(
        st.lists(
            st.builds(
                lambda position, place, alt: request_of(position, len(alt), alt, place=place),
                st.integers(0, LENGTH - 10),
                st.integers(0, 2038),
                st.text("ACGTN", min_size=1, max_size=9),
            ),
            min_size=1,
            max_size=12,
        )
    )
    compare(engine, plain, requests)


@pytest.fixture(scope="module")
def engines(genome, bundles):
    options = {"both_strands": True}
    return effect_engine(bundles[:1], genome, **options), PlainEngine(
        bundles[:1], genome, **options
    )


def test_neighbours_share_a_stretch_and_memory_is_bounded(genome, bundles):
    requests = [request_of(p, 1, "A") for p in (*range(4000, 5000, 50), 9000)]
    engine = effect_engine(bundles[:1], genome)
    groups = list(engine.groups(requests))
    assert groups == [list(range(20)), [20]]
    small = effect_engine(bundles[:1], genome, memory_bytes=200_000)
    assert max(len(group) for group in small.groups(requests)) < 10
    compare(small, PlainEngine(bundles[:1], genome), requests)


def test_a_network_that_sees_its_whole_window_needs_whole_windows(genome, bundles):
    engine = effect_engine(bundles[:1], genome)
    assert engine.is_local(Allele(1023, 1, encode("A")))
    assert not engine.is_local(Allele(100, 1, encode("A")))  # sees the window's end
    assert not engine.is_local(Allele(1023, 2, encode("A")))


def test_a_network_without_pools_runs_whole_windows(genome, tmp_path):
    trunk = [{"op": "convolution", "filters": 4, "kernel": 3}]
    content = {"window": 256, "trunk": trunk, "heads": {"tracks": {"tracks": 3}}}
    bundle = save_random_bundle(tmp_path / "b", Architecture.model_validate(content), seed=0)
    engine = effect_engine([bundle], genome)
    assert isinstance(engine, SharedEngine)
    requests = [request_of(p, 1, "A", window=256) for p in (0, 500)]
    compare(engine, PlainEngine([bundle], genome), requests)


# ---- the published networks' geometry at full length, fewer filters ----


@pytest.mark.slow
@pytest.mark.parametrize("name", ["basenji2018", "basenji2", "small"])
def test_published_geometry(name, tmp_path):
    architecture = narrow(read_preset(name), 32).with_tracks(3)
    bundle = save_random_bundle(tmp_path / "b", architecture, seed=4)
    genome = write_genome(tmp_path, 300_000, seed=5)
    window = architecture.window
    random = np.random.default_rng(6)
    near = random.integers(140_000, 142_000, 12)
    requests = [request_of(p, 1, "ACGT"[p % 4], window=window) for p in (*near, 10, 250_000)]
    requests.append(request_of(141_000, 3, "TAG", window=window))
    engine = effect_engine([bundle], genome, both_strands=True)
    assert all(engine.is_local(request.allele) for request in requests)
    # Passes in float32 may differ by twice what either is wrong: both are compared with float64.
    double = DoubleEngine([bundle], genome, both_strands=True)
    compare(engine, double, requests)
    compare(PlainEngine([bundle], genome, both_strands=True), double, requests)


# ---- stretches in float64 ----


def test_stretches_in_double_precision():
    architecture = small_architecture()
    network = randomised(build_network(architecture))
    stretches = StretchNetwork(lower(architecture, network, dtype="float64"), batch_size=4)
    random = np.random.default_rng(7)
    codes = random.integers(0, 5, 6000, dtype=np.uint8)
    bin_, window = architecture.bin, architecture.window
    found = 0
    for reference in stretches.phases(codes, [0, 1, 7, 13, 31]):
        places = 2000 + 45 * np.arange(7)  # windows of this phase
        starts = reference.phase + places // bin_ * bin_ - 1024
        positions = starts + 1024 + places % bin_
        alternatives = (codes[positions] + random.integers(1, 5, 7, dtype=np.uint8)) % 5
        windows = np.stack([codes[s : s + window] for s in starts])
        changed = windows.copy()
        changed[np.arange(7), positions - starts] = alternatives
        first = (starts - reference.phase) // bin_
        change = one_hot(alternatives[:, None], np.float64)
        change -= one_hot(codes[positions][:, None], np.float64)
        for batch, before, after in stretches.rows(
            reference,
            positions - reference.phase,
            change,
            first + architecture.crop + 20,
            bins=16,
            needed=(first + 12, first + 56),
        ):
            for values, of in ((before, windows), (after, changed)):
                expected = plain_network.predict(architecture, network, of[batch])[:, 20:36]
                assert np.abs(values - expected).max() < EXACT["float64"] * expected.max()
            assert (np.abs(before - after).max(axis=(1, 2)) > 1e-4).all()
            found += len(before)
    assert found == 35


def test_predictions_do_not_depend_on_what_memory_held(genome, bundles, monkeypatch):
    requests = [request_of(5000, 1, "A"), request_of(5010, 1, "C")]
    engine = effect_engine(bundles[:1], genome, both_strands=True)
    assert isinstance(engine, StretchEngine)
    expected = engine.effects(requests)
    empty = np.empty

    def used(*arguments, **options):
        made = empty(*arguments, **options)
        if made.dtype.kind == "f":
            made.fill(np.nan)
        return made

    monkeypatch.setattr(np, "empty", used)
    found = engine.effects(requests)
    for ours, theirs in (
        (found.reference, expected.reference),
        (found.alternative, expected.alternative),
    ):
        np.testing.assert_array_equal(ours[expected.valid], theirs[expected.valid])


def test_each_strand_has_its_own_changed_bins(bundles):
    """The reverse complement of a window mirrors its bases and its bins."""
    architecture = bundles[0].architecture
    window, bins = architecture.window, architecture.bins
    differ = 0
    for position in range(700, 1400, 3):
        request = AlleleWindow("one", 0, Allele(position, 1, encode("A")))
        forward, reverse = (
            changed_bins(architecture, [Pass(0, 0, strand)], request) for strand in (False, True)
        )
        assert forward == architecture.affected_bins(position, position + 1)
        mirrored = window - 1 - position
        last, first = (bins - each for each in architecture.affected_bins(mirrored, mirrored + 1))
        assert reverse == (first, last)
        differ += forward != reverse
        both = changed_bins(architecture, [Pass(0, 0, False), Pass(0, 0, True)], request)
        assert both == (min(forward[0], first), max(forward[1], last))
    assert differ
