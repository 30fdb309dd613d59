from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from second_call import assert_kept_out
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, one_hot
from basenji_training.cli.app import app
from basenji_training.data import tfrecords
from basenji_training.data.described_targets import read_described_targets
from basenji_training.data.tfrecords import import_tfrecords
from basenji_training.store.store import Store
from basenji_training.tracks.bins import coarsen

CROP, BIN, BINS = 64, 32, 8
LENGTH = BIN * BINS + 2 * CROP
#: Predicted part's start on chr1, split, in the order of sequences.bed. Two inputs overlap.
RECORDS = [(1005, "train"), (1300, "train"), (50, "train"), (2000, "valid"), (3000, "test")]
TABLE = (
    "\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription\n"
    "0\tx+\tx+.w5\t384\t64\t1.0\tsum_sqrt\t1\tCAGE:liver, adult\n"
    "1\tx-\tx-.w5\t384\t64\t1.0\tsum_sqrt\t0\tCAGE:liver, adult\n"
    "2\ty\ty.w5\t128\t32\t2.0\tmean\t2\tDNASE:HepG2\n"
)


def write_records(path, examples):
    options = tf.io.TFRecordOptions(compression_type="ZLIB")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for codes, values in examples:
            feature = {
                key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[content.tobytes()]))
                for key, content in (("sequence", codes), ("target", values))
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())


@pytest.fixture
def published(tmp_path):
    """A folder in the published format, and what is in it."""
    generator = np.random.default_rng(0)
    genome = generator.integers(0, 5, 4000).astype(np.uint8)
    folder = tmp_path / "data"
    (folder / "tfrecords").mkdir(parents=True)
    values = generator.gamma(0.5, 20, (len(RECORDS), BINS, 3)).astype(np.float16)
    padded = np.concatenate([np.full(CROP, 4, np.uint8), genome])
    examples = [(padded[start : start + LENGTH], values[i]) for i, (start, _) in enumerate(RECORDS)]
    # Eleven files of training records, most of them empty: file 10 comes after file 2.
    write_records(folder / "tfrecords" / "train-2.tfr", examples[:2])
    write_records(folder / "tfrecords" / "train-9.tfr", [])
    write_records(folder / "tfrecords" / "train-10.tfr", examples[2:3])
    write_records(folder / "tfrecords" / "valid-0.tfr", examples[3:4])
    write_records(folder / "tfrecords" / "test-0.tfr", examples[4:])
    bed = "".join(f"chr1\t{s}\t{s + BIN * BINS}\t{split}\n" for s, split in RECORDS)
    (folder / "sequences.bed").write_text(bed)
    (folder / "targets.txt").write_text(TABLE)
    statistics = {
        "num_targets": 3, "seq_length": LENGTH, "seq_1hot": True, "pool_width": BIN,
        "crop_bp": CROP, "target_length": BINS,
    }  # fmt: skip
    (folder / "statistics.json").write_text(json.dumps(statistics))
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chr1\n" + "".join((ALPHABET + "N")[code] for code in genome) + "\n")
    return SimpleNamespace(
        folder=folder, out=tmp_path / "p.zarr", examples=examples, fasta=fasta, genome=genome
    )


def imported(published, **options):
    import_tfrecords(published.folder, out=published.out, **options)
    return Store.open(published.out)


def test_records_become_contigs_with_all_that_they_hold(published):
    store = imported(published, fasta=published.fasta)
    assert (store.name, store.bin) == ("p", BIN)
    names = [f"chr1:{s - CROP}-{s - CROP + LENGTH}" for s, _ in RECORDS]
    assert list(store.chromosomes) == names
    assert [store.position(name) for name in names] == [("chr1", s - CROP) for s, _ in RECORDS]
    for name, (codes, values) in zip(names, published.examples, strict=True):
        np.testing.assert_array_equal(store.sequence(name, 0, LENGTH), codes)
        coverage = store.coverage(name, 0, LENGTH // BIN)
        np.testing.assert_array_equal(coverage[2:-2], values)
        assert np.isnan(coverage[[0, 1, -2, -1]]).all()
    first = [(name, 0) for name in names]
    for split, expected in (("train", first[:3]), ("validation", first[3:4]), ("test", first[4:])):
        assert store.windows(split, LENGTH, CROP, BIN * BINS) == expected
    halves = store.windows("test", LENGTH // 2, CROP, LENGTH // 2 - 2 * CROP)
    assert halves == [(names[4], 64 * i) for i in range(4)]
    assert store.attrs["statistics"][0]["missing"] == 0


def test_bins_can_be_joined(published):
    narrow = imported(published).load()
    wide = imported(published, bin_width=64, overwrite=True)
    for name in narrow.chromosomes:
        np.testing.assert_array_equal(
            wide.coverage(name, 1, 5), coarsen(narrow.coverage(name, 2, 10), narrow.targets, 2)
        )
    with pytest.raises(InputError, match="--bin 96 does not fit"):
        imported(published, bin_width=96, overwrite=True)


def test_assay_sample_and_strands_are_read_from_the_table(published):
    targets = imported(published).targets
    assert [(t.assay, t.sample) for t in targets] == [("CAGE", "liver, adult")] * 2 + [
        ("DNASE", "HepG2")
    ]
    assert targets.strand_permutation.tolist() == [1, 0, 2]
    table = published.folder / "targets.txt"
    # Older tables have no column strand_pair: the names tell.
    rows = [line.split("\t") for line in TABLE.splitlines()]
    table.write_text("\n".join("\t".join(row[:7] + row[8:]) for row in rows))
    assert read_described_targets(table).strand_permutation.tolist() == [1, 0, 2]
    wrong = TABLE.replace("1\tCAGE", "0\tCAGE", 1).replace("0\tCAGE", "0\tCAGE")
    wrong = wrong.replace("sum_sqrt\t0\tCAGE", "sum_sqrt\t2\tCAGE").replace("2\tDNASE", "1\tDNASE")
    wrong = wrong.replace("sum_sqrt\t2\tCAGE", "sum_sqrt\t0\tCAGE", 1)
    table.write_text(wrong)
    with pytest.raises(InputError, match=re.escape("track x+ has the strand_pair 0 (x+)")):
        read_described_targets(table)


def test_numbered_folds_can_be_chosen(published):
    bed = published.folder / "sequences.bed"
    bed.write_text(bed.read_text().replace("train", "fold10").replace("valid", "fold2"))
    for file in (published.folder / "tfrecords").iterdir():
        new = file.name.replace("train", "fold10").replace("valid", "fold2")
        file.rename(file.with_name(new.replace("test", "fold3")))
    bed.write_text(bed.read_text().replace("test", "fold3"))
    store = imported(published)
    assert store.folds == {"test": ["fold2"], "validation": ["fold3"], "train": ["fold10"]}
    chosen = store.choose(test=["fold10"], validation=["fold2"])
    assert len(chosen.windows("test", LENGTH, CROP, BIN * BINS)) == 3


def test_one_hot_sequences_of_older_files(published):
    expected = imported(published).sequence("chr1:2936-3320", 0, LENGTH)
    codes, values = published.examples[4]
    channels = np.where(codes[:, None] == 4, 0, one_hot(codes)).astype(np.uint8)
    write_records(published.folder / "tfrecords" / "test-0.tfr", [(channels, values)])
    store = imported(published, overwrite=True)
    np.testing.assert_array_equal(store.sequence("chr1:2936-3320", 0, LENGTH), expected)


def test_infinite_values_are_missing_and_counted(published, caplog):
    codes, values = published.examples[4]
    values = values.copy()
    values[3, 1] = np.inf
    write_records(published.folder / "tfrecords" / "test-0.tfr", [(codes, values)])
    coverage = imported(published).coverage("chr1:2936-3320", 0, 12)
    assert np.argwhere(np.isnan(coverage[2:10])).tolist() == [[3, 1]]
    assert "1 values are infinite" in caplog.text


def test_inputs_that_reach_into_another_split_are_pointed_out(published, caplog):
    imported(published)
    assert caplog.text == ""
    bed = published.folder / "sequences.bed"
    bed.write_text(bed.read_text().replace("chr1\t3000\t3256", "chr1\t1580\t1836"))
    padded = np.concatenate([np.full(CROP, 4, np.uint8), published.genome])
    example = padded[1580 : 1580 + LENGTH], published.examples[4][1]
    write_records(published.folder / "tfrecords" / "test-0.tfr", [example])
    imported(published, overwrite=True)
    assert "1 records read sequence of the predicted part" in caplog.text


def test_records_in_another_order_are_noticed(published):
    records = published.folder / "tfrecords" / "train-2.tfr"
    write_records(records, published.examples[1::-1])
    with pytest.raises(InputError, match=r"different sequences where they overlap: .*order"):
        imported(published)
    assert not published.out.exists()
    write_records(records, published.examples[:2])
    first, second = published.examples[3:]
    write_records(published.folder / "tfrecords" / "valid-0.tfr", [second])
    write_records(published.folder / "tfrecords" / "test-0.tfr", [first])
    imported(published)  # Nothing overlaps these two: only the genome can tell.
    with pytest.raises(InputError, match=r"chr1:1936-2320 does not hold the sequence of .*fa"):
        imported(published, fasta=published.fasta, overwrite=True)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("statistics.json", lambda b: b"{", "statistics.json: the file: Invalid JSON"),
        ("statistics.json", lambda b: b.replace(b"384", b"385"), "seq_length 385 is not"),
        ("statistics.json", lambda b: b.replace(b"pool_width", b"pool"), "pool_width: Field"),
        ("sequences.bed", lambda b: b.replace(b"1005", b"1004"), "expected an interval of 256 bp"),
        ("sequences.bed", lambda b: b + b.splitlines()[0] + b"\n", "lists an interval twice"),
        ("sequences.bed", lambda b: b[b.index(b"\n") + 1 :], "sequences.bed lists 2"),
        ("sequences.bed", lambda b: b.replace(b"test", b"fold0"), "has no file fold0-0.tfr"),
        ("tfrecords/train-2.tfr", lambda b: b[:200], "damaged or not a TFRecord file"),
        ("tfrecords/train-10.tfr", lambda b: b"", "hold 2 records, sequences.bed lists 3"),
        ("targets.txt", lambda b: b[: b.index(b"2\ty")], "8 bins x 2 tracks of targets.txt"),
    ],
)
def test_damage_is_named(published, file, change, message):
    path = published.folder / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=re.escape(message)) as error:
        imported(published)
    assert "\n" not in str(error.value)
    assert list(published.out.parent.glob("*zarr*")) == []


def test_the_command(published):
    options = [str(published.folder), "--out", str(published.out), "--name", "mouse"]
    done = CliRunner().invoke(app, ["import-tfrecords", *options])
    assert done.exit_code == 0
    assert "maximum" in done.stdout
    assert Store.open(published.out).name == "mouse"


def content(path):
    """Read all files of a store, and its attributes without time and command."""
    attributes = dict(Store.open(path).attrs)
    del attributes["created"], attributes["command"]
    files = {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file != path / "zarr.json"
    }
    return files, attributes


def test_interrupted_at_any_record_it_goes_on_to_the_same(published, tmp_path, monkeypatch, caplog):
    # A value beyond float16, of which the end warns, in the first file.
    codes, values = published.examples[0]
    values[3, 1] = np.inf
    write_records(
        published.folder / "tfrecords" / "train-2.tfr",
        [(codes, values), published.examples[1]],
    )
    whole = tmp_path / "whole.zarr"
    import_tfrecords(published.folder, out=whole, name="p")
    caplog.clear()
    written, write = [], tfrecords.write_bins

    def interrupted(path, name, first, values, clipped):
        written.append(name)
        if len(written) == limit:
            # Half of the record is there, and something that Zarr was writing.
            write(path, name, first, values[: len(values) // 2], clipped)
            (tmp_path / "p.zarr.unfinished/outputs/p.zarr/x.1234.partial").write_bytes(b"x")
            raise KeyboardInterrupt
        return write(path, name, first, values, clipped)

    monkeypatch.setattr(tfrecords, "write_bins", interrupted)
    every = []
    # The files of two, no, one, one and one records: each record is interrupted once.
    for stop in (1, 2, 3, 2, 2):
        written, limit = [], stop
        with pytest.raises(KeyboardInterrupt):
            imported(published, resume=True, name="p")
        every.append(len(written))
        assert not published.out.exists()
    with pytest.raises(InputError, match=r'begun with another name \("p", now "q"\)'):
        imported(published, resume=True, name="q")
    written, limit = [], 0
    imported(published, resume=True, name="p")
    assert (every, len(written)) == ([1, 2, 3, 2, 2], 1)
    assert content(published.out) == content(whole)
    assert caplog.text.count("1 values are infinite") == 1
    assert sorted(path.name for path in tmp_path.glob("*.zarr*")) == ["p.zarr", "whole.zarr"]
    assert not list(tmp_path.glob(".*"))


def test_a_second_import_at_the_same_time_is_kept_out(published, monkeypatch):
    written, write = [], tfrecords.write_bins

    def watched(path, name, *values):
        written.append(name)
        if len(written) == 2:
            assert_kept_out("import-tfrecords", published.folder, "--out", published.out)
        return write(path, name, *values)

    monkeypatch.setattr(tfrecords, "write_bins", watched)
    imported(published)
    assert len(written) == len(RECORDS)
    assert [path.name for path in published.out.parent.glob("*zarr*")] == [published.out.name]


def test_killed_at_random_it_goes_on_to_the_same(tmp_path, published):
    whole = tmp_path / "whole.zarr"
    # Long enough to be killed on the way.
    bed = []
    for number in range(60):
        path = published.folder / "tfrecords" / f"train-{number}.tfr"
        write_records(path, [published.examples[number % 5]])
        bed.append(f"chr{number}\t1000\t{1000 + BIN * BINS}\ttrain\n")
    bed += [f"chrV\t1000\t{1000 + BIN * BINS}\tvalid\n", f"chrT\t1\t{1 + BIN * BINS}\ttest\n"]
    (published.folder / "sequences.bed").write_text("".join(bed))
    import_tfrecords(published.folder, out=whole, name="p")
    command = [
        sys.executable, "-m", "basenji_training", "import-tfrecords", str(published.folder),
        "--out", str(published.out), "--name", "p", "--resume",
    ]  # fmt: skip
    lines = tmp_path / "p.zarr.unfinished" / "notes.jsonl"
    wanted = random.Random(os.getpid()).randint(1, 20)
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 600
        while not (lines.exists() and lines.read_text().count("train-") >= wanted):
            assert process.poll() is None, f"finished before file {wanted} was seen"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
    kept = lines.read_text()
    done = CliRunner().invoke(app, command[3:])
    assert done.exit_code == 0, done.stderr
    assert content(published.out) == content(whole)
    assert kept.count("train-") < 60
    assert not lines.parent.exists()


CALICO = Path(os.environ.get("BASENJI_DATA", "")) / "calico" / "tiny"


@pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with calico/"
)
@pytest.mark.parametrize(
    ("species", "assays", "windows"),
    [
        ("hg38", {"CAGE": 24, "DNASE": 10, "RNA": 30, "RNA3": 10}, (45, 10, 10)),
        ("mm10", {"CAGE": 14, "DNASE": 1, "RNA": 15, "RNA3": 2}, (28, 13, 13)),
    ],
)
def test_published_data(tmp_path, species, assays, windows):
    import_tfrecords(CALICO / species, out=tmp_path / f"{species}.zarr")
    store = Store.open(tmp_path / f"{species}.zarr")
    found = [target.assay for target in store.targets]
    assert {assay: found.count(assay) for assay in found} == assays
    for target in store.targets:
        strand, other = target.identifier[-1], store.targets[target.strand_pair].identifier
        assert other == target.identifier[:-1] + {"+": "-", "-": "+"}.get(strand, strand)
    splits = ("train", "validation", "test")
    assert tuple(len(store.windows(s, 131_072, 32_768, 65_536)) for s in splits) == windows
    # Transcription starts in CpG islands: in the records with the strongest start sites, the
    # kilobase that holds them has more CG than most others, unless another record's is taken.
    assert rank_of_strongest_start(store, 0) > 0.7
    assert rank_of_strongest_start(store, 1) < 0.6


def rank_of_strongest_start(store, shift):
    """Share of a record's kilobases with less CG than the one where another one starts most."""
    cage = [target.index for target in store.targets if target.assay == "CAGE"]
    names = list(store.chromosomes)
    ranks, starts = [], []
    for name, other in zip(names, names[shift:] + names[:shift], strict=True):
        codes = store.sequence(name, 32_768, 98_304)
        is_cg = np.append((codes[:-1] == 1) & (codes[1:] == 2), False)
        cg = is_cg.reshape(-1, 1024).sum(axis=1)
        here = store.coverage(other, 1024, 3072)[:, cage].sum(axis=1).reshape(-1, 32).sum(axis=1)
        ranks.append((cg < cg[here.argmax()]).mean())
        starts.append(here.max())
    return np.mean(np.array(ranks)[np.argsort(starts)[-len(names) // 3 :]])
