from __future__ import annotations

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from known_truth import (
    BIN,
    LENGTHS,
    letter_counts,
    letters_store,
    random_sequences,
    tiny_architecture,
    write_store,
)
from store_inputs import build
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_training.cli.app import app
from basenji_training.splits.folds import assign_folds
from basenji_training.splits.random_contigs import (
    cut_contigs,
    draw_folds,
    find_gaps,
    homologous_groups,
)
from basenji_training.splits.regions import Region
from basenji_training.store.store import Store
from basenji_training.store.windows import Windows


@given(st.data())
def test_folds_divide_the_chromosomes(data):
    names = [f"chr{i}" for i in range(data.draw(st.integers(3, 12)))]
    order = data.draw(st.permutations(names))
    folds = assign_folds(
        dict.fromkeys(names, 1000), test=order[:1], validation=order[1:2], exclude=order[3:5]
    )
    assert sorted(itertools.chain(*folds.values())) == sorted(set(names) - set(order[3:5]))
    assert folds["train"] == [name for name in names if name in order[2:3] + order[5:]]


class Letters:
    """A genome in memory."""

    def __init__(self, **texts):
        self.lengths = {name: len(text) for name, text in texts.items()}
        self._texts = texts

    def codes(self, name, start, end):
        return encode(self._texts[name][start:end])


@given(
    runs=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=8),
    minimum=st.integers(1, 30),
    piece=st.integers(1, 50),
)
def test_gaps_are_the_long_runs_of_unknown_bases(runs, minimum, piece):
    text = "".join("A" * known + "N" * unknown for known, unknown in runs)
    genome = Letters(chr1=text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("basenji_training.splits.random_contigs._PIECE_BP", piece)
        found = find_gaps(genome, genome.lengths, minimum=minimum)["chr1"]
    expected = [match.span() for match in re.finditer("N+", text)]
    assert found.tolist() == [list(s) for s in expected if s[1] - s[0] >= minimum]


@given(
    length=st.integers(1, 5000),
    gaps=st.lists(st.integers(0, 5000), unique=True, max_size=6),
    longest=st.integers(32, 2000),
)
def test_contigs_cover_every_whole_bin_outside_of_gaps_once(length, gaps, longest):
    edges = sorted(position for position in gaps if position <= length)
    runs = np.array(edges[: len(edges) // 2 * 2], dtype=int).reshape(-1, 2)
    contigs = cut_contigs({"chr1": length}, {"chr1": runs}, longest, 32)
    assert all(end - start <= longest and start % 32 == end % 32 == 0 for _, start, end in contigs)
    covered = np.zeros(length // 32, int)
    for _, start, end in contigs:
        covered[start // 32 : end // 32] += 1
    is_gap = np.zeros(length, bool)
    for start, end in runs:
        is_gap[start:end] = True
    np.testing.assert_array_equal(covered, ~is_gap[: length // 32 * 32].reshape(-1, 32).any(axis=1))


@given(
    sizes=st.lists(st.integers(1, 50), min_size=3, max_size=40),
    folds=st.integers(3, 6),
    seed=st.integers(0, 5),
    data=st.data(),
)
def test_folds_keep_groups_together_and_are_never_empty(sizes, folds, seed, data):
    ends = np.cumsum(sizes) * 32
    contigs = [
        Region("chr1", int(end) - size * 32, int(end))
        for end, size in zip(ends, sizes, strict=True)
    ]
    groups = np.unique([data.draw(st.integers(0, len(sizes))) for _ in sizes], return_inverse=True)[
        1
    ]
    if groups.max() + 1 < folds:
        with pytest.raises(InputError, match=r"cannot fill .* folds: lower --contig-length"):
            draw_folds(contigs, groups, folds, seed)
        return
    drawn = draw_folds(contigs, groups, folds, seed)
    assert sorted(itertools.chain(*drawn.values())) == contigs
    of_fold = [{groups[contigs.index(c)] for c in members} for members in drawn.values()]
    assert all(of_fold)
    assert sum(map(len, of_fold)) == groups.max() + 1
    filled = [sum(end - start for _, start, end in members) for members in drawn.values()]
    largest = np.bincount(groups, weights=np.array(sizes) * 32).max()
    assert max(filled) - min(filled) <= largest


def test_homologous_regions_join_contigs_also_by_way_of_others(tmp_path):
    contigs = [Region("chr1", i * 100, (i + 1) * 100) for i in range(5)] + [Region("chr2", 0, 100)]
    bed = tmp_path / "homology.bed"
    # a joins 0 and 3, b joins 3 and chr2; c lies within one contig; d on a chromosome without any.
    bed.write_text(
        "chr1\t50\t60\ta\nchr1\t300\t301\ta\nchr1\t399\t400\tb\nchr2\t5\t9\tb\n"
        "chr1\t110\t120\tc\nchrM\t1\t2\td\nchr1\t450\t460\td\n"
    )
    genome = SimpleNamespace(path="genome.fa", lengths={"chr1": 500, "chr2": 100, "chrM": 10})
    groups = homologous_groups(contigs, bed, genome)
    assert groups[0] == groups[3] == groups[5]
    assert len(set(groups)) == 4
    bed.write_text("chr1\t0\t9\n")
    with pytest.raises(InputError, match=r"homology.bed: chr1:0-9 has no name"):
        homologous_groups(contigs, bed, genome)


FOLDED = {"test": [], "validation": [], "folds": 4, "contig_length": 512}


def in_bins(store, labels):
    return {
        (name, bin_)
        for label in labels
        for name, start, end in store.regions[label]
        for bin_ in range(start // store.bin, end // store.bin)
    }


@pytest.mark.parametrize("margin", [0, 35])
def test_no_training_window_reads_what_validates_or_tests(inputs, margin):
    store = build(inputs, **FOLDED)
    assert store.folds == {"train": ["fold2", "fold3"], "validation": ["fold1"], "test": ["fold0"]}
    assert store.name == "s"
    again = store.choose(test=["fold2"], validation=["fold0", "fold1"])
    assert again.folds["train"] == ["fold3"]
    for choice in (store, again):
        held_out = in_bins(choice, choice.folds["validation"] + choice.folds["test"])
        windows = choice.windows("train", 128, 32, 64, margin)
        read = {
            (name, base // 32)
            for name, start in windows
            for base in range(start - margin, start + 128 + margin)
        }
        assert not read & held_out
        assert in_bins(choice, choice.folds["train"]) & read


def test_windows_of_a_split_read_each_of_its_bins_once_and_no_other(inputs):
    store = build(inputs, **FOLDED)
    for split in ("validation", "test"):
        read = []
        for name, start in store.windows(split, 256, 64, 128):
            first = (start + 64) // 32
            values = store.coverage(name, first, first + 4, split)
            kept = np.isfinite(values).all(axis=1)
            read += [(name, first + int(i)) for i in np.flatnonzero(kept)]
            np.testing.assert_array_equal(
                values[kept], store.coverage(name, first, first + 4)[kept]
            )
        assert len(read) == len(set(read))
        assert set(read) == in_bins(store, store.folds[split])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store of which every bin has a value."""
    sequences = random_sequences()
    coverage = {name: letter_counts(codes) for name, codes in sequences.items()}
    return write_store(tmp_path_factory.mktemp("whole") / "w.zarr", sequences, coverage)


def divided(store, pieces):
    """Give pieces of chr1 (bins of the gap before it, bins, split) to the splits."""
    regions = {"train": [("chr2", 0, 6400)], "validation": [("chr3", 0, 6400)], "test": []}
    regions["test"].append(("chr4", 0, 6400))
    end = 0
    for gap, bins, split in pieces:
        start, end = end + gap * BIN, end + (gap + bins) * BIN
        if end <= LENGTHS["chr1"]:
            regions[split].append(("chr1", start, end))
    folds = {split: [split] for split in regions}
    zarr.open_group(str(store.path), mode="r+").attrs.update(regions=regions, folds=folds)
    return Store.open(store.path)


PIECES = st.lists(
    st.tuples(
        st.integers(0, 6), st.integers(1, 60), st.sampled_from(["train", "validation", "test"])
    ),
    min_size=2,
    max_size=25,
)


def read_bins(windows):
    """List the bins of a split as its windows read them, one by one."""
    crop = windows.architecture.crop
    for name, start in windows:
        _, coverage = windows.example(name, start)
        for bin_ in np.flatnonzero(np.isfinite(coverage).any(axis=1)).tolist():
            yield name, start // BIN + crop + bin_


@settings(max_examples=50)
@given(pieces=PIECES)
def test_windows_that_tile_read_each_bin_of_a_split_once_across_gaps_too(whole, pieces):
    store = divided(whole, pieces)
    for split in store.folds:
        read = list(read_bins(Windows(store, split, tiny_architecture(), to_train=False)))
        assert len(read) == len(set(read))
        assert set(read) == in_bins(store, [split])


@settings(max_examples=50)
@given(pieces=PIECES)
def test_training_reads_a_bin_twice_only_before_what_is_held_out(whole, pieces):
    store = divided(whole, pieces)
    windows = Windows(store, "train", tiny_architecture())
    read = list(read_bins(windows))
    assert set(read) <= in_bins(store, ["train"])
    held_out = in_bins(store, ["validation", "test"])
    twice = {bin_ for bin_ in read if read.count(bin_) > 1}
    beside = {
        (name, first + bin_)
        for name, start in windows
        if (name, (first := start // BIN) + windows.architecture.window // BIN) in held_out
        for bin_ in range(windows.architecture.window // BIN)
    }
    assert twice <= beside


def test_a_window_without_a_value_in_one_region_is_kept_for_the_next(tmp_path):
    store = letters_store(tmp_path / "l.zarr")
    group = zarr.open_group(str(store.path), mode="r+")["chr1"]
    group["coverage"][:10], group["covered"][:10] = np.nan, False
    store = divided(store, [(0, 10, "test"), (2, 10, "test")])
    expected = {
        ("chr1", bin_)
        for bin_ in range(12, 22)
        if np.isfinite(store.coverage("chr1", bin_, bin_ + 1)).any()
    }
    read = set(read_bins(Windows(store, "test", tiny_architecture(), to_train=False)))
    assert {bin_ for bin_ in read if bin_[0] == "chr1"} == expected != set()


def test_training_windows_stay_clear_of_held_out_stretches_of_their_chromosome(tmp_path):
    letters = letters_store(tmp_path / "l.zarr")
    regions = {
        "a": [("chr1", 0, 16_000), ("chr1", 24_000, 40_000), ("chr2", 0, 25_000)],
        "b": [("chr1", 16_000, 20_000), ("chr3", 0, 15_000)],
        "c": [("chr1", 20_000, 24_000), ("chr4", 0, 15_010)],
    }
    folds = {"train": ["a"], "validation": ["b"], "test": ["c"]}
    zarr.open_group(str(letters.path), mode="r+").attrs.update(regions=regions, folds=folds)
    store = Store.open(letters.path)
    windows = Windows(store, "train", tiny_architecture(), margin=256 + 3)
    on_chr1 = [start for name, start in windows if name == "chr1"]
    assert max(start for start in on_chr1 if start < 20_000) + 1024 + 256 + 3 <= 16_000
    assert min(start for start in on_chr1 if start >= 16_000) - 256 - 3 >= 24_000
    # The last ones on each side end within a bin of what is allowed.
    assert max(start for start in on_chr1 if start < 20_000) + 1024 + 288 == 16_000
    assert min(start for start in on_chr1 if start >= 16_000) - 288 == 24_000
    # Moved beyond its split by force, a window reads nothing there.
    _, coverage = windows.example("chr1", 15_552)
    expected = store.coverage("chr1", 490, 514)
    expected[10:] = np.nan
    np.testing.assert_array_equal(coverage, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": ["fold9"], "validation": ["fold1"]}, "no label 'fold9'"),
        ({"test": ["fold1"], "validation": ["fold1"]}, "fold1 is named by both"),
        ({"test": [], "validation": ["fold1"]}, "the test split has no label"),
        ({"test": ["fold0", "fold2"], "validation": ["fold1", "fold3"]}, "the train split"),
    ],
)
def test_choices_that_cannot_be(inputs, arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs, **FOLDED).choose(**arguments)


def test_chromosomes_can_be_chosen_anew(inputs):
    store = build(inputs).choose(test=["chr1"], validation=["chr3"])
    assert {name for name, _ in store.windows("train", 256, 64, 128)} == {"chr2"}


def test_the_command_draws_folds_and_prints_them(inputs):
    arguments = ["data", str(inputs.table), "--fasta", str(inputs.fasta), "--folds", "4"]
    arguments += ["--contig-length", "512", "--seed", "3", "--out", str(inputs.folder / "s.zarr")]
    done = CliRunner().invoke(app, [*arguments, "--exclude", "chrM", "--name", "x"])
    assert done.exit_code == 0
    assert "fold2, fold3" in done.stdout
    store = Store.open(inputs.folder / "s.zarr")
    assert store.name == "x"
    assert store.regions != build(inputs, **FOLDED, overwrite=True).regions


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 2}, "--folds is 2"),
        ({"test": ["chr1"]}, "leave --test and --validation out"),
        ({"contig_length": 16}, "--contig-length is 16"),
        ({"folds": 40}, "cannot fill 40 folds"),
        ({"folds": None, "homology": "x.bed", "test": ["chr3"]}, "--homology needs --folds"),
    ],
)
def test_wrong_options_of_folds_are_named(inputs, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs, **{**FOLDED, **changes})
