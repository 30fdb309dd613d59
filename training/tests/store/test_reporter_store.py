"""Stores of reporters: what they hold, that damage is an error, and the yeast promoters."""

import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from reporter_tables import LEFT, RIGHT, build, letters, library, write
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, encode_rows
from basenji_kipoi.base.text_files import table_rows
from basenji_training.cli.app import app
from basenji_training.data.reporters.check import find_reporter_faults, reporter_report
from basenji_training.store.reporters import ReporterStore
from basenji_training.store.store import Store

# What a store holds


def test_sequences_and_values_come_back(tmp_path):
    rows = library(0)
    table = write(tmp_path / "t.tsv", rows)
    store = build(
        tmp_path,
        [table],
        weight="cells",
        weight_kind="counts",
        unit="log2",
        command="as typed",
    )
    wanted = {}
    for row in rows:
        wanted.setdefault(row["sequence"], []).append(row)
    assert [store.sequence(i) for i in range(len(store))] == list(wanted)
    assert (store.codes[np.arange(store.codes.shape[1]) >= store.lengths[:, None]] == 4).all()
    for i, same in enumerate(wanted.values()):
        cells = np.array([row["cells"] for row in same], float)
        mean = np.average([row["activity"] for row in same], weights=cells)
        np.testing.assert_allclose(store.values[i], [mean], rtol=1e-5)
        np.testing.assert_allclose(store.counts[i], [cells.sum()])
    root = np.sqrt(np.minimum(store.counts, 900))
    np.testing.assert_allclose(store.weights, root / root.mean(), rtol=1e-5)
    assert (store.name, store.attrs["command"]) == ("store", "as typed")
    assert [each.model_dump() for each in store.activities] == [
        {"identifier": "activity", "description": "activity of t.tsv", "unit": "log2"}
    ]
    assert sorted(np.concatenate([store.rows_of(s) for s in store.folds])) == [*range(len(store))]


def test_usual_readers_read_the_files(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(1))])
    table = pyarrow.parquet.read_table(store.path / "sequences.parquet").to_pandas()
    assert table["sequence"].tolist() == [store.sequence(i) for i in range(len(store))]
    np.testing.assert_array_equal(table["value:activity"], store.values[:, 0])
    assert (store.path / "reporters.png").read_bytes()[:4] == b"\x89PNG"


def test_tables_are_joined_by_sequence(tmp_path):
    rows = library(2)
    one = write(tmp_path / "one.tsv", rows[:60], ["sequence", "activity"])
    two = write(tmp_path / "two.tsv", rows[40:], ["sequence", "activity", "cells"])
    store = build(tmp_path, [f"first={one}", two], activities=("activity", "cells"))
    assert [a.identifier for a in store.activities] == ["first", "two/activity", "two/cells"]
    exists = np.isfinite(store.values)
    assert exists[0].tolist() == [True, False, False]
    assert exists[-1].tolist() == [False, True, True]
    assert np.isfinite(store.values).any(axis=1).all()
    assert len(store) == len({row["sequence"] for row in rows})
    assert ((store.weights > 0) == exists).all()
    np.testing.assert_allclose(store.weights.sum(axis=0), exists.sum(axis=0), rtol=1e-5)
    assert np.isnan(store.counts).all()


def test_a_value_that_is_listed_twice_is_measured_once(tmp_path):
    rows = library(3)
    sequence = LEFT + letters(np.random.default_rng(99), 40) + RIGHT
    mine = {**rows[0], "sequence": sequence, "group": "mine"}
    rows = list({row["sequence"]: row for row in rows}.values())
    rows += [{**mine, "activity": a, "cells": c} for a, c in ((1, 100), (1, 100), (3, 300))]
    table = write(tmp_path / "t.tsv", rows)
    store = build(tmp_path, [table], weight="cells", weight_kind="counts")
    row = [store.sequence(i) for i in range(len(store))].index(sequence)
    assert store.values[row] == pytest.approx(2.5)
    assert store.counts[row] == 400
    assert store.attrs["findings"]["listed_again"] == 1
    assert store.attrs["findings"]["measured_again"] == 1


@pytest.mark.parametrize("kind", ["errors", "weights"])
def test_weights_of_other_kinds_and_of_rows_without(tmp_path, kind):
    rows = [{**row, "w": w} for row, w in zip(library(4), itertools.cycle([0.5, 1, 2, ""]))]
    unique = list({row["sequence"]: row for row in rows}.values())
    table = write(tmp_path / "t.tsv", unique)
    store = build(tmp_path, [table], weight="w", weight_kind=kind)
    given = np.array([row["w"] or 1 for row in unique], float)
    wanted = given if kind == "weights" else given**-2.0
    np.testing.assert_allclose(store.weights[:, 0], wanted / wanted.mean(), rtol=1e-5)


def test_the_context_is_not_added_twice(tmp_path):
    table = write(tmp_path / "t.tsv", library(5))
    left, right = "ACGTACGTAA" + LEFT, RIGHT + "CCCCAAAA"
    store = build(tmp_path, [table], flanks=f"{left},{right}")
    assert (store.left, store.right) == ("ACGTACGTAA", "CCCCAAAA")
    (tmp_path / "c.fa").write_text(f">construct\n{left[:7]}\n{left[7:]}{'n' * 30}\n{right}\n")
    (tmp_path / "c.json").write_text(json.dumps(left + "N" * 10 + right))
    for name in ("c.fa", "c.json"):
        again = build(tmp_path, [table], context=tmp_path / name)
        assert (again.left, again.right) == (store.left, store.right)
    bare = build(tmp_path, [table])
    assert (bare.left, bare.right) == ("", "")
    assert bare.attrs["findings"]["vector"] == [len(LEFT), len(RIGHT)]


def test_what_wants_tracks_says_that_there_are_none(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(1))])
    with pytest.raises(InputError, match="is a store of reporters, which has sequences"):
        Store.open(store.path)


# Damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return build(folder, [write(folder / "t.tsv", library(12))])


def test_the_checksum_is_of_the_content(whole, tmp_path):
    table = write(tmp_path / "t.tsv", library(12))
    assert build(tmp_path, [table]).content_sha256 == whole.content_sha256
    rows = library(12)
    rows[3]["activity"] += 1
    other = build(tmp_path, [write(tmp_path / "t.tsv", rows)])
    assert other.content_sha256 != whole.content_sha256


@pytest.mark.parametrize("name", ["sequences.parquet", "pairs.parquet", "reporters.json"])
def test_a_store_that_lost_or_changed_a_part_is_an_error(whole, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(whole.path, copy)
    content = (copy / name).read_bytes()
    half = len(content) // 2
    changed = content[:half] + bytes([content[half] ^ 128]) + content[half + 1 :]
    for damaged in (None, b"", content[:half], changed):
        (copy / name).unlink()
        if damaged is not None:
            (copy / name).write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            ReporterStore.open(copy)
        assert str(copy) in str(caught.value)
        assert "basenji-train reporters" in str(caught.value)
        assert "\n" not in str(caught.value)
        (copy / name).write_bytes(content)
    ReporterStore.open(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "basenji-store"}, "no description of reporters"),
        ({"format_version": 2}, "format version 2"),
        ({"name": "a b"}, "name: "),
        ({"activities": []}, "activities: "),
        ({"activities": [{"identifier": "other"}]}, "other"),
        ({"sequences": 3}, "does not hold what its description says"),
        ({"left": "ACX"}, "left: "),
    ],
)
def test_a_description_of_something_else_is_an_error(whole, tmp_path, changes, message):
    copy = tmp_path / "copy"
    shutil.copytree(whole.path, copy)
    file = copy / "reporters.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(InputError, match=message):
        ReporterStore.open(copy)


# Real data

YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"


@pytest.fixture(scope="module")
def promoters(tmp_path_factory):
    if "BASENJI_DATA" not in os.environ:
        pytest.skip("BASENJI_DATA does not name the folder with yeast/")
    return build(
        tmp_path_factory.mktemp("promoters"),
        [YEAST / "reporter" / "sequences.tsv.gz"],
        weight="cells",
        weight_kind="counts",
        context=YEAST / "reporter" / "plasmid.json",
        fasta=YEAST / "genome.fa.gz",
        test=("chrIV", "chrV", "chrXI"),
        validation=("chrXIII",),
        test_share=8,
        validation_share=8,
    )


def test_promoters_of_yeast(promoters):
    store = promoters
    row_of = {store.sequence(i): i for i in range(len(store))}
    file = YEAST / "reporter" / "sequences.tsv.gz"
    rows = [cells for _, cells in table_rows(file, "table", ("sequence",))]
    split = store.split[[row_of[row["sequence"]] for row in rows]]
    assert np.bincount(split).tolist() == [14671, 2017, 4242]
    assert len(store) == len({row["sequence"] for row in rows}) == 20544
    assert store.left.endswith("GATTCGAAC")
    assert store.right.startswith("TCTTAATTAA")
    # A row without cells weighs as the median one.
    cells = [float(row["cells"]) for row in rows if row["cells"]]
    lacks = np.isnan(store.counts)
    assert lacks.any()
    assert len(set(store.weights[lacks].tolist())) == 1
    known = store.weights[~lacks] / np.sqrt(np.minimum(store.counts[~lacks], 900))
    # Exact repeats are one measurement, which moves the median a little.
    ratio = store.weights[lacks][0] / np.median(known)
    assert ratio == pytest.approx(np.sqrt(np.median(cells)), rel=0.02)


def test_pairs_of_yeast_are_those_of_the_published_table(promoters):
    store = promoters
    found = {
        frozenset(store.sequence(int(row)) for row in pair): store.sets[pair[0]]
        for pair in store.pairs
    }
    file = YEAST / "reporter" / "snv_pairs.tsv.gz"
    published = {
        frozenset((cells["sequence_a"], cells["sequence_b"])): float(cells["difference"])
        for _, cells in table_rows(file, "table", ("sequence_a",))
    }
    # Those of sequences that are in several sets depend on which one counts.
    assert len(set(published) & set(found)) > 0.99 * len(published)
    assert len(set(found) - set(published)) < 0.01 * len(found)
    row_of = {store.sequence(i): i for i in range(len(store))}
    file_order = [cells for _, cells in table_rows(file, "table", ("sequence_a",))]
    differences = [
        store.values[row_of[c["sequence_b"]], 0] - store.values[row_of[c["sequence_a"]], 0]
        for c in file_order
    ]
    wanted = [float(c["difference"]) for c in file_order]
    # The published table of pairs has other values of a few sequences than that of sequences.
    assert np.isclose(differences, wanted, atol=1e-4).mean() > 0.998


def test_encode_rows_of_several_lengths():
    codes, lengths = encode_rows(["ACGT", "", "TT"])
    assert lengths.tolist() == [4, 0, 2]
    np.testing.assert_array_equal(codes, [encode("ACGT"), [4] * 4, encode("TTNN")])


# Faults


def test_a_store_without_faults_and_what_its_report_says(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(20, families=400))])
    assert find_reporter_faults(store) == []
    report = reporter_report(store, [])
    (activity,) = report["activities"]
    assert sum(activity["values"].values()) == report["sequences"] == len(store)
    assert activity["mean"] == pytest.approx(store.values.mean(), rel=1e-4)


def test_faults_that_were_put_in_are_found(tmp_path):
    rows = library(21, families=400)
    names = ("same", "twice", "again", "far", "rare", "heavy")
    generator = np.random.default_rng(22)
    for number, row in enumerate(rows):
        value = generator.normal()
        row |= dict.fromkeys(names, value) | {"same": 2, "far": value if number else 500}
        row |= {"rare": value if number < 20 else "", "heavy": generator.normal()}
    table = write(tmp_path / "t.tsv", rows)
    store = build(tmp_path, [table], activities=names)
    store.weights[7, names.index("heavy")] = len(store)
    held_out = store.rows_of("test")
    store.values[held_out, names.index("heavy")] += 2
    found = {(each.kind, each.tracks, each.is_error) for each in find_reporter_faults(store)}
    assert found >= {
        ("dead", ("same",), True),
        ("duplicate", ("twice", "again"), True),
        ("outliers", ("far",), False),
        ("few", ("rare",), False),
        ("weights", ("heavy",), False),
        ("splits", ("heavy",), False),
    }
    assert not {kind for kind, tracks, _ in found if "twice" in tracks} - {"duplicate"}


def test_the_command_checks_a_store(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(23, families=400))])
    done = CliRunner().invoke(app, ["check", str(store.path), "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    assert f"nothing found in {len(store):,} sequences" in " ".join(done.output.split())
    assert json.loads((tmp_path / "report" / "check.json").read_text())["findings"] == []
    assert (tmp_path / "report" / "check.png").read_bytes()[:4] == b"\x89PNG"
    done = CliRunner().invoke(app, ["check", str(store.path), "--genes", "genes.gtf"])
    assert isinstance(done.exception, InputError) or "store of reporters" in done.output
    (store.path / "sequences.parquet").write_bytes(b"PAR1")
    done = CliRunner().invoke(app, ["check", str(store.path)])
    assert "sequences.parquet is damaged" in " ".join(done.output.split())
