from __future__ import annotations

import itertools
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pybigtools
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from basenji_kipoi.errors import InputError
from basenji_kipoi.sequence import ALPHABET, encode
from basenji_kipoi.targets import Target, Targets
from basenji_training.coverage import bin_values, transform
from basenji_training.data import build_store
from basenji_training.folds import assign_folds
from basenji_training.store import Store

LENGTHS = {"chr1": 3210, "chr2": 2000, "chr3": 1601, "chrM": 500}
FOLDS = {"test": ["chr3"], "validation": ["chr2"], "exclude": ["chrM"]}


def write_bigwig(path, values, lengths=None):
    """Write dense per-base values; zeros are left out, as sparse count tracks do."""
    lengths = lengths or {name: len(track) for name, track in values.items()}
    records = (
        (name, i, i + 1, float(track[i]))
        for name, track in sorted(values.items())
        for i in np.flatnonzero(track).tolist()
    )
    pybigtools.open(str(path), "w").write(lengths, records)


def write_table(path, **columns):
    """Write a table of the tracks a and b; further columns as two values."""
    rows = [
        Target(
            index=i,
            identifier=name,
            file=f"{name}.bw",
            strand_pair=i,
            **{key: values[i] for key, values in columns.items()},
        )
        for i, name in enumerate("ab")
    ]
    Targets(rows).write(path)


@pytest.fixture
def inputs(tmp_path):
    """A genome with two tracks, as files and as arrays."""
    generator = np.random.default_rng(0)
    sequences = {
        name: "".join(generator.choice(list(ALPHABET + "acgtN"), size=length))
        for name, length in LENGTHS.items()
    }
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in sequences.items()))
    values = {
        track: {name: generator.poisson(0.7, length) for name, length in LENGTHS.items()}
        for track in "ab"
    }
    for track, chromosomes in values.items():
        write_bigwig(tmp_path / f"{track}.bw", chromosomes)
    table = tmp_path / "targets.tsv"
    write_table(table)
    return SimpleNamespace(
        folder=tmp_path, fasta=fasta, table=table, sequences=sequences, values=values
    )


def build(inputs, **changes):
    options = {"fasta": inputs.fasta, "out": inputs.folder / "s.zarr", "bin_width": 32, **FOLDS}
    build_store(inputs.table, **{**options, **changes})
    return Store.open(inputs.folder / "s.zarr")


def left_over(inputs):
    return [path.name for path in inputs.folder.iterdir() if "zarr" in path.name]


@pytest.mark.parametrize("processes", [1, 2])
def test_store_holds_the_sequence_and_the_sums_of_whole_bins(inputs, processes):
    store = build(inputs, processes=processes)
    assert store.chromosomes == {k: v for k, v in LENGTHS.items() if k != "chrM"}
    assert store.folds == {"train": ["chr1"], "validation": ["chr2"], "test": ["chr3"]}
    assert store.targets == Targets.read(inputs.table)
    for name, length in store.chromosomes.items():
        np.testing.assert_array_equal(
            store.sequence(name, 0, length), encode(inputs.sequences[name])
        )
        bins = length // 32
        expected = np.stack(
            [inputs.values[t][name][: bins * 32].reshape(bins, 32).sum(axis=1) for t in "ab"],
            axis=1,
        )
        assert store.bins[name] == bins
        got = store.coverage(name, 0, bins)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)


def test_what_lies_beyond_a_chromosome_is_unknown_and_missing(inputs):
    store = build(inputs)
    codes = store.sequence("chr3", -10, 1610)
    assert (codes[:10] == 4).all()
    assert (codes[-9:] == 4).all()
    np.testing.assert_array_equal(codes[10:-9], encode(inputs.sequences["chr3"]))
    values = store.coverage("chr3", -2, 52)
    assert np.isnan(values[[0, 1, 52, 53]]).all()
    assert np.isfinite(values[2:52]).all()
    assert (store.sequence("chr3", 5000, 5004) == 4).all()
    assert np.isnan(store.coverage("chr3", -9, -4)).all()


def test_held_in_memory_or_sent_to_another_process_it_is_the_same(inputs):
    store = build(inputs)
    loaded = pickle.loads(pickle.dumps(Store.open(store.path).load(["chr1"])))
    loaded.load()
    for name in store.chromosomes:
        np.testing.assert_array_equal(loaded.sequence(name, -5, 900), store.sequence(name, -5, 900))
        np.testing.assert_array_equal(loaded.coverage(name, 3, 70), store.coverage(name, 3, 70))


def test_large_genomes_are_cut_into_pieces_that_fit_together(inputs, monkeypatch):
    whole = build(inputs)
    expected = {name: whole.load().coverage(name, 0, n) for name, n in whole.bins.items()}
    monkeypatch.setattr("basenji_training.data._PIECE_BP", 256)
    monkeypatch.setattr("basenji_training.data._CHUNK_BYTES", 32)
    pieces = build(inputs, overwrite=True)
    assert zarr.open_array(str(pieces.path / "chr1" / "coverage")).shards == (8, 2)
    for name, values in expected.items():
        np.testing.assert_array_equal(pieces.coverage(name, 0, len(values)), values)
        np.testing.assert_array_equal(
            pieces.sequence(name, 0, LENGTHS[name]), encode(inputs.sequences[name])
        )


@given(
    values=hnp.arrays(
        np.float64, st.integers(1, 12).map(lambda n: n * 8), elements=st.floats(0, 1e6)
    ),
    width=st.sampled_from([1, 2, 4, 8]),
    statistic=st.sampled_from(["sum", "mean", "max"]),
)
def test_a_bin_is_the_statistic_of_its_bases(values, width, statistic):
    got = bin_values(values, width, statistic)
    expected = [getattr(np, statistic)(values[i : i + width]) for i in range(0, len(values), width)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@given(
    values=hnp.arrays(np.float64, 20, elements=st.floats(0, 1e9)),
    soft=st.floats(1, 1e4),
    hard=st.floats(1, 1e5),
    scale=st.floats(1e-3, 1e3),
)
def test_clipping_keeps_small_values_and_never_passes_the_threshold(values, soft, hard, scale):
    got = transform(values, clip_soft=soft, clip=hard, scale=scale)
    assert got.dtype == np.float32
    small = values <= min(soft, hard)
    np.testing.assert_allclose(got[small], scale * values[small], rtol=1e-6, atol=1e-37)
    assert (got <= np.float32(scale * hard) * (1 + 1e-6)).all()
    above = values > soft
    expected = scale * np.minimum(soft + np.sqrt(values[above] - soft), hard)
    np.testing.assert_allclose(got[above], expected, rtol=1e-6)


def test_thresholds_are_in_units_of_the_sum_and_the_scale_comes_last():
    got = transform(np.array([50.0, 100.0, 125.0, 10100.0]), clip_soft=100, clip=150, scale=0.5)
    np.testing.assert_array_equal(got, [25, 50, 52.5, 75])


def test_a_sum_that_no_narrow_type_can_hold_is_clipped_before_it_is_narrowed(inputs):
    huge = {name: np.zeros(length) for name, length in LENGTHS.items()}
    huge["chr1"][:32] = 3e38  # the sum of the bin is beyond float32
    write_bigwig(inputs.folder / "a.bw", huge)
    write_table(inputs.table, clip=[1e5, None], clip_soft=[100.0, None], scale=[0.1, 2.0])
    store = build(inputs)
    assert store.coverage("chr1", 0, 1)[0, 0] == np.float32(1e4)
    assert (store.coverage("chr1", 1, 100)[:, 0] == 0).all()
    expected = 2 * inputs.values["b"]["chr1"][:32].sum()
    assert store.coverage("chr1", 0, 1)[0, 1] == expected


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_other_statistics(inputs, statistic):
    write_table(inputs.table, sum_stat=[statistic, "sum"])
    values = inputs.values["a"]["chr1"][:3200].reshape(100, 32)
    np.testing.assert_allclose(
        build(inputs).coverage("chr1", 0, 100)[:, 0], getattr(values, statistic)(axis=1), rtol=1e-6
    )


def test_contigs_that_a_bigwig_does_not_list_are_missing_not_zero(inputs, caplog):
    write_bigwig(inputs.folder / "b.bw", {"1": inputs.values["b"]["chr1"]})
    store = build(inputs)
    np.testing.assert_array_equal(
        store.coverage("chr1", 0, 100)[:, 1],
        inputs.values["b"]["chr1"][:3200].reshape(100, 32).sum(axis=1),
    )
    for name in ("chr2", "chr3"):
        values = store.coverage(name, 0, store.bins[name])
        assert np.isnan(values[:, 1]).all()
        assert np.isfinite(values[:, 0]).all()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "(b): contigs are named otherwise" in messages[0]
    assert "1 is read as chr1" in messages[0]
    assert "missing (NaN)" in messages[1]


def test_strands_that_are_scaled_differently_are_pointed_out(inputs, caplog):
    write_table(inputs.table, scale=[1.0, 2.0])
    build(inputs)
    assert caplog.records == []
    rows = [
        row.model_copy(update={"strand_pair": 1 - row.index}) for row in Targets.read(inputs.table)
    ]
    Targets(rows).write(inputs.table)
    build(inputs, overwrite=True)
    assert "2 track(s) (a, b): clipped or scaled otherwise" in caplog.records[0].getMessage()


def test_bins_that_touch_the_blacklist_and_gaps_are_missing(inputs):
    blacklist = inputs.folder / "blacklist.bed"
    blacklist.write_text("chr1\t95\t97\nchr1\t320\t352\nchr3\t1600\t1601\nchrM\t0\t500\n")
    text = inputs.sequences["chr2"]
    inputs.fasta.write_text(
        inputs.fasta.read_text().replace(text, text[:640] + "N" * 64 + text[704:])
    )
    store = build(inputs, blacklist=blacklist)
    missing = {
        name: np.flatnonzero(np.isnan(store.coverage(name, 0, n)).all(axis=1)).tolist()
        for name, n in store.bins.items()
    }
    assert missing == {"chr1": [2, 3, 10], "chr2": [20, 21], "chr3": []}
    assert store.attrs["statistics"][0]["missing"] == 5


def test_windows_tile_a_split_and_reach_beyond_its_ends(inputs):
    store = build(inputs)
    windows = store.windows("train", 1024, 128, 768)
    assert windows == [("chr1", -128 + 768 * i) for i in range(5)]
    targets = [(start + 128, start + 1024 - 128) for _, start in windows]
    assert targets[0][0] == 0
    assert all(a[1] == b[0] for a, b in itertools.pairwise(targets))
    assert targets[-1][0] < store.bins["chr1"] * 32 <= targets[-1][1]
    halves = store.windows("train", 1024, 128, 384)
    assert set(windows) < set(halves)


def test_windows_without_any_value_are_left_out(inputs):
    blacklist = inputs.folder / "blacklist.bed"
    blacklist.write_text("chr1\t0\t1024\n")
    store = build(inputs, blacklist=blacklist)
    assert store.windows("train", 512, 128, 256)[0] == ("chr1", 1024 - 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", 1000, 128, 256), "window of 1000 bp is not a multiple of the bin (32)"),
        (("train", 1024, 512, 256), "leave nothing to predict"),
        (("train", 1024, 128, 0), "leave nothing to predict"),
        (("tests", 1024, 128, 768), "unknown split 'tests'"),
    ],
)
def test_windows_that_cannot_be(inputs, arguments, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs).windows(*arguments)


def test_a_bigwig_of_another_assembly_is_refused_with_both_lengths(inputs):
    lengths = {**LENGTHS, "chr2": 1999}
    values = {name: track[: lengths[name]] for name, track in inputs.values["a"].items()}
    write_bigwig(inputs.folder / "a.bw", values)
    with pytest.raises(InputError, match=r"track a: .*a\.bw .*1,999 bp there .*2,000 bp") as error:
        build(inputs)
    assert "\n" not in str(error.value)
    assert left_over(inputs) == []


def test_a_bigwig_without_any_of_the_chromosomes_is_refused(inputs):
    write_bigwig(inputs.folder / "a.bw", {"scaffold_1": np.ones(10)})
    with pytest.raises(InputError, match=r"lists no chromosome of the FASTA .*scaffold_1"):
        build(inputs)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("value", "kind"), [(-2.0, "negative coverage -2"), (np.inf, "infinite coverage inf")]
)
def test_impossible_coverage_is_refused_with_its_place(inputs, value, kind, processes):
    values = {name: track.astype(float) for name, track in inputs.values["b"].items()}
    values["chr2"][1234] = value
    write_bigwig(inputs.folder / "b.bw", values)
    with pytest.raises(InputError, match=rf"track b: {kind} at chr2:1234 \(0-based\) of .*b\.bw"):
        build(inputs, processes=processes)
    assert left_over(inputs) == []


def test_files_that_are_not_bigwigs_are_refused(inputs):
    (inputs.folder / "b.bw").write_text("chr1\t0\t10\t1\n")
    with pytest.raises(InputError, match=r"b\.bw: not a readable bigWig"):
        build(inputs)
    (inputs.folder / "b.bw").unlink()
    with pytest.raises(InputError, match=r"track b: no file .*b\.bw.*--data-dir"):
        build(inputs)


def test_a_truncated_bigwig_is_refused(inputs):
    path = inputs.folder / "a.bw"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    with pytest.raises(InputError, match=r"a\.bw"):
        build(inputs)
    assert left_over(inputs) == []


def test_file_names_start_from_the_table_or_from_the_named_folder(inputs):
    elsewhere = inputs.folder / "elsewhere"
    elsewhere.mkdir()
    inputs.table = inputs.table.rename(elsewhere / "targets.tsv")
    with pytest.raises(InputError, match="--data-dir"):
        build(inputs)
    assert len(build(inputs, data_dir=inputs.folder).targets) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": []}, "the test split has no chromosome"),
        ({"validation": []}, "the validation split has no chromosome"),
        ({"exclude": ["chr1", "chrM"]}, "the train split has no chromosome"),
        ({"test": ["chr2"]}, "chr2 is named by both --validation and --test"),
        ({"test": ["3"]}, "the FASTA has no chromosome '3': did you mean 'chr3'?"),
        ({"test": ["chr3", "chr3"]}, "chromosome chr3 is named twice"),
        ({"exclude": ["chrUn_*"]}, "the FASTA has no chromosome 'chrUn_*'"),
        ({"bin_width": 0}, "--bin is 0"),
        ({"processes": 0}, "--processes is 0"),
    ],
)
def test_wrong_options_are_named(inputs, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs, **changes)
    assert left_over(inputs) == []


@given(st.data())
def test_folds_divide_the_chromosomes(data):
    names = [f"chr{i}" for i in range(data.draw(st.integers(3, 12)))]
    order = data.draw(st.permutations(names))
    folds = assign_folds(
        dict.fromkeys(names, 1000), test=order[:1], validation=order[1:2], exclude=order[3:5]
    )
    assert sorted(itertools.chain(*folds.values())) == sorted(set(names) - set(order[3:5]))
    assert folds["train"] == [name for name in names if name in order[2:3] + order[5:]]


def test_an_existing_store_is_kept_unless_told_otherwise(inputs):
    first = build(inputs)
    before = first.attrs["created"], sorted(p.name for p in first.path.rglob("*"))
    with pytest.raises(InputError, match="--overwrite"):
        build(inputs, bin_width=16)
    again = Store.open(first.path)
    assert (again.attrs["created"], sorted(p.name for p in again.path.rglob("*"))) == before
    assert build(inputs, bin_width=16, overwrite=True).bin == 16
    assert left_over(inputs) == ["s.zarr"]


def test_what_is_not_a_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a store"):
        Store.open(tmp_path / "nothing.zarr")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is not a store"):
        Store.open(tmp_path / "file")
    zarr.open_group(str(tmp_path / "other.zarr"), mode="w")
    with pytest.raises(InputError, match="a Zarr group but not a store"):
        Store.open(tmp_path / "other.zarr")


def test_the_store_says_how_it_was_made(inputs):
    attributes = build(inputs).attrs
    assert attributes["genome"]["file"] == "genome.fa"
    assert re.fullmatch(r"[0-9a-f]{64}", attributes["genome"]["sha256"])
    assert attributes["excluded"] == ["chrM"]
    assert set(attributes["versions"]) == {"basenji_training", "numpy", "pybigtools", "zarr"}
    total = sum(
        inputs.values["a"][name][: n // 32 * 32].sum()
        for name, n in LENGTHS.items()
        if name != "chrM"
    )
    statistics = attributes["statistics"][0]
    assert statistics["mean"] * statistics["bins"] == pytest.approx(total)


def command(inputs, *options):
    return [
        sys.executable, "-m", "basenji_training", "data", str(inputs.table),
        "--fasta", str(inputs.fasta), "--out", str(inputs.folder / "s.zarr"), *options,
    ]  # fmt: skip


SPLITS = ("--test", "chr3", "--validation", "chr2", "--exclude", "chrM")


def test_command_writes_a_store_and_sums_it_up(inputs):
    done = subprocess.run(command(inputs, *SPLITS), capture_output=True, text=True, check=True)
    assert "missing" in done.stdout
    assert "kb/s" in done.stderr
    made_by = Store.open(inputs.folder / "s.zarr").attrs["command"]
    assert made_by.startswith("basenji-train data ")
    assert made_by.endswith("--test chr3 --validation chr2 --exclude chrM")


def test_command_says_in_one_line_what_is_wrong(inputs):
    values = {name: -track for name, track in inputs.values["a"].items()}
    write_bigwig(inputs.folder / "a.bw", values)
    done = subprocess.run(command(inputs, *SPLITS), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: track a: negative coverage")
    assert "Traceback" not in done.stderr
    assert left_over(inputs) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_stopped_half_way_leaves_nothing(inputs, number):
    length = 4_000_000
    inputs.fasta.write_text(f">chr1\n{'ACGT' * (length // 4)}\n>chr2\nACGT\n>chr3\nACGT\n")
    lengths = {"chr1": length, "chr2": 4, "chr3": 4}
    records = [("chr1", start, start + 1, 1.0) for start in range(0, length, 2)]
    for track in "ab":
        pybigtools.open(str(inputs.folder / f"{track}.bw"), "w").write(lengths, records)
    with subprocess.Popen(
        command(inputs, "--test", "chr3", "--validation", "chr2", "--bin", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        # As soon as something has been written under the temporary name.
        deadline = time.monotonic() + 60
        while not list(inputs.folder.glob(".s.zarr.*/s.zarr/chr1")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert left_over(inputs) == [], errors


YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"


@pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)
def test_yeast(tmp_path):
    table = Path(__file__).parents[1] / "recipes" / "yeast_targets.tsv"
    out = tmp_path / "yeast.zarr"
    statistics = build_store(
        table,
        fasta=YEAST / "genome.fa.gz",
        out=out,
        bin_width=32,
        test=["chrIV", "chrV", "chrXI"],
        validation=["chrXIII"],
        exclude=["chrM"],
        blacklist=YEAST / "blacklist.bed",
        data_dir=YEAST,
        processes=2,
    )
    # The recipe aims at a mean of 1 over the training chromosomes.
    assert all(0.8 < row.mean < 1.2 for row in statistics)
    assert all(0.001 < row.clipped / row.bins < 0.004 for row in statistics)
    store = Store.open(out)
    assert len(store.chromosomes) == 16
    values = store.coverage("chrI", 0, store.bins["chrI"])
    assert np.isnan(values).all(axis=0).tolist() == [False] * 13 + [True] * 5
    array = store.coverage("chrXII", 450_000 // 32, -(-491_000 // 32))
    assert np.isnan(array).all()
    assert np.isfinite(store.coverage("chrXII", 491_008 // 32, 491_008 // 32 + 5)[:, 0]).all()
    # One bin, from the file by another route.
    start = 200_000 // 32 * 32
    records = pybigtools.open(str(YEAST / "tracks" / "atac.bw")).records("chrIV", start, start + 32)
    raw = sum((min(e, start + 32) - max(s, start)) * v for s, e, v in records)
    atac = store.targets[0]
    soft = raw if raw <= atac.clip_soft else atac.clip_soft + (raw - atac.clip_soft) ** 0.5
    assert store.coverage("chrIV", start // 32, start // 32 + 1)[0, 0] == pytest.approx(
        soft * atac.scale, rel=1e-6
    )
    # The strands' columns hold the same kind of value.
    pairs = store.targets.strand_permutation
    assert [t.scale for t in store.targets] == [store.targets[i].scale for i in pairs]


settings.register_profile("quick", deadline=None)
settings.load_profile("quick")
