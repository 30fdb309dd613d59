from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import numpy as np
import pybigtools
import pytest
import zarr
from store_inputs import LENGTHS, build, left_over, write_bigwig, write_table
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_kipoi.models.targets import Targets
from basenji_training.cli.app import app
from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.store.store import Store


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


def test_large_genomes_are_cut_into_pieces_that_fit_together(inputs, monkeypatch):
    whole = build(inputs)
    expected = {name: whole.load().coverage(name, 0, n) for name, n in whole.bins.items()}
    monkeypatch.setattr("basenji_training.store.writing._SHARD_BP", 256)
    monkeypatch.setattr("basenji_training.store.writing._CHUNK_BYTES", 32)
    pieces = build(inputs, overwrite=True)
    assert zarr.open_array(str(pieces.path / "chr1" / "coverage")).shards == (8, 2)
    for name, values in expected.items():
        np.testing.assert_array_equal(pieces.coverage(name, 0, len(values)), values)
        np.testing.assert_array_equal(
            pieces.sequence(name, 0, LENGTHS[name]), encode(inputs.sequences[name])
        )


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


def test_bins_that_touch_the_blacklist_and_gaps_are_missing(inputs, caplog):
    blacklist = inputs.folder / "blacklist.bed"
    # One contig without its prefix, one that is left out of the store, one that no genome has.
    blacklist.write_text("chr1\t95\t97\n1\t320\t352\nchr3\t1600\t1601\nchrM\t0\t500\nchrQ\t0\t9\n")
    text = inputs.sequences["chr2"]
    inputs.fasta.write_text(
        inputs.fasta.read_text().replace(text, text[:640] + "N" * 64 + text[704:])
    )
    store = build(inputs, blacklist=blacklist)
    assert "1 of 5 intervals lie on contigs that" in caplog.text
    missing = {
        name: np.flatnonzero(np.isnan(store.coverage(name, 0, n)).all(axis=1)).tolist()
        for name, n in store.bins.items()
    }
    assert missing == {"chr1": [2, 3, 10], "chr2": [20, 21], "chr3": []}
    assert store.attrs["statistics"][0]["missing"] == 5


def test_bins_that_are_unmappable_by_half_are_missing(inputs):
    bed = inputs.folder / "unmappable.bed"
    # Intervals may overlap; what two of them cover counts once.
    bed.write_text("chr1\t64\t72\nchr1\t70\t80\nchr1\t96\t111\nchr1\t130\t200\n")
    store = build(inputs, unmappable=bed, missing_share=0.5)
    values = store.coverage("chr1", 0, 10)
    assert np.flatnonzero(np.isnan(values).all(axis=1)).tolist() == [2, 4, 5]
    assert store.windows("train", 128, 0, 128)[:3] == [("chr1", 0), ("chr1", 128), ("chr1", 256)]
    few = build(inputs, unmappable=bed, missing_share=0.4, overwrite=True)
    assert few.windows("train", 128, 0, 128)[:2] == [("chr1", 0), ("chr1", 256)]
    test = few.choose(test=["chr1"], validation=["chr2"]).windows("test", 128, 0, 128)
    assert test[:2] == [("chr1", 0), ("chr1", 128)]
    # Of the 32 bases of bins 2 to 6, 16, 15, 30, 32 and 8 are unmappable.
    for share, left_out in (
        (0.47, [2, 4, 5]),
        (0.46, [2, 3, 4, 5]),
        (1, [5]),
        (0.01, [2, 3, 4, 5, 6]),
    ):
        store = build(inputs, unmappable=bed, unmappable_share=share, overwrite=True)
        missing = np.isnan(store.coverage("chr1", 0, 10)).all(axis=1)
        assert np.flatnonzero(missing).tolist() == left_out
        assert store.attrs["unmappable"]["share"] == share


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


def test_what_a_bigwig_says_is_not_known_is_missing_not_zero(inputs):
    """A record of NaN is a statement; no record is how programs write zero."""
    values = {name: track.astype(float) for name, track in inputs.values["b"].items()}
    values["chr1"][70:80] = np.nan
    values["chr1"][96:128] = 0
    values["chr1"][159:161] = np.nan
    write_bigwig(inputs.folder / "b.bw", values)
    store = build(inputs)
    found = store.coverage("chr1", 0, 100)
    assert np.flatnonzero(np.isnan(found[:, 1])).tolist() == [2, 4, 5]
    assert found[3, 1] == 0
    assert not np.isnan(found[:, 0]).any()


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
        ({"processes": 0}, "--processes is 0"),
        ({"unmappable_share": 0.3}, "--unmappable-share needs --unmappable"),
    ],
)
def test_wrong_options_are_named(inputs, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        build(inputs, **changes)
    assert left_over(inputs) == []


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--bin", "0", "'--bin': Input should be greater than or equal to 1"),
        ("--bin", "99999999", "'--bin': Input should be less than or equal to 1048576"),
        ("--missing-share", "50", "'--missing-share': Input should be less than or equal to 1"),
        ("--missing-share", "nan", "'--missing-share': Input should be less than or equal to 1"),
        ("--unmappable-share", "0", "--unmappable-share 0.0: Input should be greater than 0"),
    ],
)
def test_settings_out_of_bounds_are_named(inputs, option, value, reason):
    files = [str(inputs.table), "--fasta", str(inputs.fasta), "--out", "s.zarr"]
    result = CliRunner().invoke(app, ["data", *files, "--test", "chr3", option, value])
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.replace("│", "").split())
    assert left_over(inputs) == []


def test_an_existing_store_is_kept_unless_told_otherwise(inputs):
    first = build(inputs)
    before = first.attrs["created"], sorted(p.name for p in first.path.rglob("*"))
    with pytest.raises(InputError, match="--overwrite"):
        build(inputs, bin=16)
    again = Store.open(first.path)
    assert (again.attrs["created"], sorted(p.name for p in again.path.rglob("*"))) == before
    assert build(inputs, bin=16, overwrite=True).bin == 16
    assert left_over(inputs) == ["s.zarr"]


YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"


@pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)
def test_yeast(tmp_path):
    table = Path(__file__).parents[2] / "recipes" / "yeast_targets.tsv"
    out = tmp_path / "yeast.zarr"
    statistics = build_store(
        table,
        StoreSettings(
            test=["chrIV", "chrV", "chrXI"],
            validation=["chrXIII"],
            exclude=["chrM"],
            blacklist=YEAST / "blacklist.bed",
        ),
        fasta=YEAST / "genome.fa.gz",
        out=out,
        data_dir=YEAST,
        processes=2,
    )
    store = Store.open(out)
    # The recipe aims at these over the training chromosomes.
    recipe = runpy.run_path(str(table.with_name("make_yeast_targets.py")))
    for row, target in zip(statistics, store.targets, strict=True):
        assert row.mean == pytest.approx(recipe["WEIGHTS"].get(target.assay, 1.0), rel=0.2)
        # Counts are whole numbers: many bins can share the threshold, and are not above it.
        assert 0.3 < row.clipped / row.bins / (1 - recipe["QUANTILE"]) < 1.2
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
