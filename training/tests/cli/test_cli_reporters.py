"""The command `basenji-train reporters`: what it says, and what it says of bad input."""

import gzip
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from basenji_training.cli.app import app
from basenji_training.store.reporters import ReporterStore


@pytest.fixture(scope="module")
def rows():
    """Two hundred random sequences with values."""
    generator = np.random.default_rng(0)
    return [
        ("".join(generator.choice(list("ACGT"), 60)), f"{generator.normal():.4f}")
        for _ in range(200)
    ]


def run(folder, *words):
    out = folder / "store"
    return CliRunner().invoke(app, ["reporters", *map(str, words), "--out", str(out)])


def table(path, rows, header="sequence\texpression"):
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
    return path


def test_command(tmp_path, rows):
    path = tmp_path / "t.tsv.gz"
    lines = "\r\n".join(["sequence\texpression", *("\t".join(row) for row in rows)]) + "\r\n"
    path.write_bytes(gzip.compress(lines.encode()))
    done = run(tmp_path, path, "--flanks", "ACGT,TTT", "--name", "mine")
    assert done.exit_code == 0, done.output
    assert "t: 200 rows, 200 sequences" in done.output
    store = ReporterStore.open(tmp_path / "store")
    assert (store.name, store.left, store.right, len(store)) == ("mine", "ACGT", "TTT", 200)
    assert [store.sequence(i) for i in range(200)] == [sequence for sequence, _ in rows]
    again = run(tmp_path, path)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert run(tmp_path, path, "--overwrite").exit_code == 0


def test_tables_without_a_common_sequence_are_said(tmp_path, rows):
    one, two = table(tmp_path / "a.tsv", rows[:90]), table(tmp_path / "b.tsv", rows[90:])
    done = run(tmp_path, f"x={one}", f"y={two}")
    assert done.exit_code == 0, done.output
    assert "0 sequences are in several tables" in done.output
    store = ReporterStore.open(tmp_path / "store")
    assert [a.identifier for a in store.activities] == ["x", "y"]


def test_what_is_left_out_or_cannot_be_compared_is_said(tmp_path, rows):
    short = [("ACGTTGCATG", "1", "4"), ("ACGTTGCATC", "2", "4")]
    others = [("A" * 30, "", "4"), ("C" * 30, "1", "0")]
    path = table(
        tmp_path / "t.tsv",
        [*((*row, "9") for row in rows), *short, *others],
        "sequence\texpression\treads",
    )
    words = ("--weight", "reads", "--weight-kind", "counts", "--activity", "expression")
    done = run(tmp_path, path, *words, "--activity", "expression")
    assert done.exit_code == 0, done.output
    assert "2 rows without a value or of weight 0 left out" in done.output
    assert "2 sequences are too short to be compared" in done.output
    store = ReporterStore.open(tmp_path / "store")
    assert (len(store), len(store.activities), store.counts[0, 0]) == (202, 1, 9)
    assert [[store.sequence(i) for i in pair] for pair in store.pairs] in (
        [[row[0] for row in short]],
        [],  # two groups of their own, which may be in two splits
    )


SEQUENCE = "ACGTTGCA" * 4


@pytest.mark.parametrize(
    ("header", "row", "options", "message"),
    [
        ("seq\texpression", (SEQUENCE, "1"), (), "no column sequence"),
        ("sequence\tother", (SEQUENCE, "1"), (), "it has sequence, other"),
        ("sequence\texpression\tactivity", (SEQUENCE, "1", "2"), (), "--activity"),
        (None, (SEQUENCE, "1"), ("--activity", "other"), "no column other"),
        (None, (SEQUENCE, "1"), ("--activity", "expression", "--activity", "b"), "'b'"),
        (None, ("ACGTRA", "1"), (), "t.tsv:202: the sequence has 'R' at base 5"),
        (None, ("", "1"), (), "t.tsv:202: no sequence"),
        (None, ("A" * 70000, "1"), (), "t.tsv:202: a sequence of 70,000 bases"),
        (None, (SEQUENCE, "high"), (), "t.tsv:202: expression is 'high'"),
        (None, (SEQUENCE, "inf"), (), "t.tsv:202: expression is 'inf'"),
        (None, (SEQUENCE,), (), "t.tsv:202: expected 2"),
        (None, (SEQUENCE, "1"), ("--weight", "cells"), "--weight-kind"),
        (None, (SEQUENCE, "1"), ("--weight-kind", "counts"), "--weight"),
        (
            None,
            (SEQUENCE, "-1"),
            ("--weight", "expression", "--weight-kind", "counts"),
            "expected 0 or more",
        ),
        (
            None,
            (SEQUENCE, "1"),
            ("--weight", "cells", "--weight-kind", "counts"),
            "no column 'cells'",
        ),
        (None, (SEQUENCE, "1"), ("--set-column", "kind"), "no column 'kind'"),
        (None, (SEQUENCE, "1"), ("--group-column", "kind"), "no column 'kind'"),
        (None, (SEQUENCE, "1"), ("--flanks", "ACGT"), "LEFT,RIGHT"),
        (None, (SEQUENCE, "1"), ("--flanks", "ACXT,"), "'X' at base 3"),
        (None, (SEQUENCE, "1"), ("--context", "none.fa"), "none.fa does not exist"),
        (None, (SEQUENCE, "1"), ("--pairs", "none.tsv"), "none.tsv does not exist"),
        (None, (SEQUENCE, "1"), ("--test-contigs", "chr1"), "--fasta"),
        (None, (SEQUENCE, "1"), ("--test-share", "60", "--validation-share", "40"), "below 100"),
        (None, (SEQUENCE, "1"), ("--most-counts", "0"), "--most-counts 0.0: Input"),
        (None, (SEQUENCE, "1"), ("--name", "a/b"), "--name a/b"),
    ],
)
def test_bad_input_is_said_in_one_line(tmp_path, rows, header, row, options, message):
    path = table(tmp_path / "t.tsv", [*rows, row], header or "sequence\texpression")
    if header:
        path = table(path, [row], header)
    done = run(tmp_path, path, *options)
    assert done.exit_code == 2, done.output
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.startswith("error: ")
    assert [each.name for each in tmp_path.iterdir()] == ["t.tsv"]


@pytest.mark.parametrize(("option", "value"), [("--test-share", "-1"), ("--kmer", "40")])
def test_a_number_out_of_bounds_is_named(tmp_path, rows, option, value):
    path = table(tmp_path / "t.tsv", rows)
    done = run(tmp_path, path, option, value)
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr


def test_what_files_hold_that_cannot_be(tmp_path, rows):
    path = table(tmp_path / "t.tsv", rows)
    genome = tmp_path / "genome.fa"
    genome.write_text(">chr1\nACGTACGT\n>chr2\nACGT\n")
    files = {
        "empty.tsv": "",
        "header.tsv": "sequence\texpression\n",
        "missing.tsv": f"sequence\texpression\n{SEQUENCE}\tNA\n",
        "pairs.tsv": f"sequence_a\tsequence_b\n{SEQUENCE}\t{SEQUENCE}\n",
        "two.fa": ">a\nACGNNNNNNNNNN\n>b\nACG\n",
        "short.fa": ">a\nACGNNNACG\n",
        "places.fa": f">a\nACG{'N' * 10}ACG{'N' * 12}A\n",
        "context.json": json.dumps({"sequence": "ACGT"}),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    at = {name: tmp_path / name for name in files}
    for words, message in (
        ((at["empty.tsv"],), "has no rows"),
        ((at["header.tsv"],), "has no rows"),
        ((at["missing.tsv"],), "no row with a value, of 1"),
        ((tmp_path / "none.tsv",), "none.tsv does not exist"),
        ((path, path), "two tables are called t"),
        ((f"a b={path}",), "expected NAME=TABLE"),
        ((path, "--pairs", at["pairs.tsv"]), "no pair of measured sequences: 1 were not measured"),
        ((path, "--context", at["two.fa"]), "one record, found 2"),
        ((path, "--context", at["short.fa"]), "found 0"),
        ((path, "--context", at["places.fa"]), "found 2"),
        ((path, "--context", at["context.json"]), "context.json"),
        ((path, "--context", at["places.fa"], "--flanks", ","), "pass one of them"),
        ((path, "--fasta", genome), "--test-contigs"),
        ((path, "--fasta", genome, "--test-contigs", "chr3"), "no chromosome 'chr3'"),
        (
            (path, "--fasta", genome, "--test-contigs", "chr1", "--validation-contigs", "chr1"),
            "cannot be both",
        ),
    ):
        done = run(tmp_path, *words)
        assert done.exit_code == 2, done.output
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "store").exists()


def test_splits_that_would_be_empty(tmp_path, rows):
    few = table(tmp_path / "few.tsv", rows[:2])
    done = run(tmp_path, few)
    assert done.exit_code == 2
    assert "share, or set it to 0" in done.stderr
    assert run(tmp_path, few, "--test-share", "0", "--validation-share", "0").exit_code == 0
