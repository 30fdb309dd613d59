"""Stores of reporters: what they hold, how they divide sequences, that damage is an error."""

import itertools
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode, encode_rows
from basenji_kipoi.base.text_files import table_rows
from basenji_training.data.reporters.build import Holding, build_reporters
from basenji_training.data.reporters.pairs import one_substitution_apart
from basenji_training.data.reporters.tables import Columns
from basenji_training.splits.sequence_groups import group_sequences, leaks, split_groups
from basenji_training.store.reporters import ReporterStore

LEFT, RIGHT = "GGCCATTACGGATC", "TTGACCGTAAGC"
KMER = 20
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def letters(generator, length):
    return "".join(generator.choice(list("ACGT"), length))


def library(seed, families=30):
    """Draw families: a sequence, changes of one base, a shifted piece; each with a value."""
    generator = np.random.default_rng(seed)
    rows = []
    for family in range(families):
        insert = letters(generator, 40)
        members = [insert]
        for _ in range(generator.integers(0, 4)):
            place = generator.integers(40)
            members.append(insert[:place] + generator.choice(list("ACGT")) + insert[place + 1 :])
        members.append(insert[20:] + letters(generator, generator.integers(10, 25)))
        rows += [
            {
                "sequence": LEFT + member + RIGHT,
                "activity": generator.normal(),
                "cells": generator.integers(1, 2000),
                "set": "abc"[family % 3],
                "group": f"g{family}",
            }
            for member in members
        ]
    return rows


def write(path, rows, columns=None):
    columns = columns or list(rows[0])
    lines = ["\t".join(columns), *("\t".join(str(row[c]) for c in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def build(folder, tables, columns=None, **options):
    holding = options.pop("holding", Holding(kmer=KMER, test_share=20, validation_share=20))
    out = folder / "store"
    build_reporters(
        [str(table) for table in tables],
        out=out,
        columns=columns or Columns(),
        holding=holding,
        overwrite=True,
        **options,
    )
    return ReporterStore.open(out)


def kmers(sequence, *, both):
    found = {sequence[i : i + KMER] for i in range(len(sequence) - KMER + 1)}
    return found | {each.translate(COMPLEMENT)[::-1] for each in found} if both else found


# What a store holds


def test_sequences_and_values_come_back(tmp_path):
    rows = library(0)
    table = write(tmp_path / "t.tsv", rows)
    columns = Columns(weight="cells", weight_kind="counts", unit="log2")
    store = build(tmp_path, [table], columns, command="as typed")
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
    columns = Columns(activities=("activity", "cells"))
    store = build(tmp_path, [f"first={one}", two], columns)
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
    store = build(tmp_path, [table], Columns(weight="cells", weight_kind="counts"))
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
    store = build(tmp_path, [table], Columns(weight="w", weight_kind=kind))
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


# Splits


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=8, deadline=None)
def test_no_two_splits_share_a_kmer(tmp_path_factory, seed, with_groups):
    folder = tmp_path_factory.mktemp("kmers")
    rows = library(seed, families=40)
    columns = [*rows[0]] if with_groups else ["sequence", "activity", "set"]
    generator = np.random.default_rng(seed)
    tables = [write(folder / "t.tsv", rows, columns)]
    # Others without a group, one of which has parts of two families.
    insert = len(LEFT)
    bridge = rows[0]["sequence"][insert : insert + 20] + rows[-1]["sequence"][insert : insert + 20]
    more = [LEFT + letters(generator, 40) + RIGHT, LEFT + bridge + RIGHT]
    extra = [{"sequence": each, "activity": 1.0} for each in more]
    tables.append(write(folder / "extra.tsv", extra))
    store = build(folder, tables)
    have = {}
    for split in store.folds:
        inserts = [store.sequence(row)[insert : -len(RIGHT)] for row in store.rows_of(split)]
        have[split] = set().union(*(kmers(each, both=not with_groups) for each in inserts))
    for one, two in itertools.combinations(have.values(), 2):
        assert not one & two
    for group in range(store.groups.max() + 1):
        assert len(set(store.split[store.groups == group])) == 1
    by_name = {store.sequence(i): store.groups[i] for i in range(len(store))}
    assert len({by_name[s] for s in (more[1], rows[0]["sequence"], rows[-1]["sequence"])}) == 1


def test_what_comes_from_held_out_contigs_goes_with_them(tmp_path):
    rows = library(6, families=60)
    inserts = [row["sequence"][len(LEFT) : -len(RIGHT)] for row in rows]
    generator = np.random.default_rng(0)
    backwards = inserts[10][:25].translate(COMPLEMENT)[::-1]
    contigs = {
        "test": letters(generator, 300) + inserts[0][:22] + letters(generator, 9) + backwards,
        "validation": letters(generator, 50) + inserts[30][5:30] + inserts[0][:20],
        "rest": inserts[60],
    }
    fasta = tmp_path / "genome.fa"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    holding = Holding(fasta, ["test"], ["validation"], 0, 0, KMER)
    table = write(tmp_path / "t.tsv", rows)
    store = build(tmp_path, [table], holding=holding)
    of = {store.sequence(i): (store.group_names[store.groups[i]], int(store.split[i]))
          for i in range(len(store))}  # fmt: skip
    wanted = {rows[0]["group"]: 2, rows[10]["group"]: 2, rows[30]["group"]: 1}
    for row in rows:
        assert of[row["sequence"]] == (row["group"], wanted.get(row["group"], 0))
    assert "20-mer of test" in store.folds["test"]


def test_other_groups_are_divided_by_the_checksum_of_their_names(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(7))])
    for number, name in enumerate(store.group_names):
        drawn = zlib.crc32(name.encode()) % 100
        assert set(store.split[store.groups == number]) == {2 if drawn < 20 else drawn < 40}


def test_connected_groups_go_where_the_most_cautious_does():
    drawn = {f"g{i}": zlib.crc32(f"g{i}".encode()) % 100 for i in range(200)}
    train, validation, test = (
        next(name for name, number in drawn.items() if low <= number < high)
        for low, high in ((16, 100), (8, 16), (0, 8))
    )
    names = [train, validation, test, train, validation, train, train]
    numbers = np.array([0, 0, 0, 1, 1, 2, 3], np.int32)
    nowhere = np.zeros(len(names), dtype=bool)
    origin = {"test": nowhere, "validation": np.arange(len(names)) == 5}
    split = split_groups(numbers, names, origin, {"test": 8, "validation": 8})
    assert split.tolist() == [2, 2, 2, 1, 1, 1, 0]


def test_groups_do_not_depend_on_the_order_of_rows():
    rows = [row["sequence"] for row in library(8)]
    codes, _ = encode_rows(rows)
    numbers, names = group_sequences(codes, 16, [None] * len(rows))
    order = np.random.default_rng(1).permutation(len(rows))
    again, others = group_sequences(codes[order], 16, [None] * len(rows))
    assert [others[n] for n in again] == [names[n] for n in numbers[order]]


def test_groups_that_leak_are_an_error_that_names_two_sequences(tmp_path):
    rows = [{**row, "id": f"r{i}", "group": f"g{i}"} for i, row in enumerate(library(9))]
    table = write(tmp_path / "t.tsv", rows)
    with pytest.raises(InputError, match=r"r\d+ \(\w+\) and r\d+ \(\w+\) share 20.*none"):
        build(tmp_path, [table])
    assert not (tmp_path / "store").exists()
    store = build(tmp_path, [table], Columns(group="none"))
    inserts = store.codes[:, len(LEFT) :].copy()
    inserts[np.arange(inserts.shape[1]) >= store.lengths[:, None] - len(LEFT) - len(RIGHT)] = 4
    assert not len(leaks(inserts, KMER, store.split, either_strand=True))


# Pairs


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_pairs_are_all_that_differ_in_one_base(seed):
    generator = np.random.default_rng(seed)
    texts = {letters(generator, generator.integers(4, 7)) for _ in range(120)}
    sequences = list(texts)
    sets = generator.choice(["a", "b"], len(sequences)).tolist()
    pairs = one_substitution_apart(*encode_rows(sequences), sets)
    wanted = [
        (i, j)
        for i, j in itertools.combinations(range(len(sequences)), 2)
        if sets[i] == sets[j]
        and len(sequences[i]) == len(sequences[j])
        and sum(a != b for a, b in zip(sequences[i], sequences[j], strict=True)) == 1
    ]
    assert list(map(tuple, pairs.tolist())) == wanted


def test_pairs_lie_in_one_split(tmp_path):
    store = build(tmp_path, [write(tmp_path / "t.tsv", library(10, families=80))])
    assert len(store.pairs) > 20
    for split, number in (("train", 0), ("validation", 1), ("test", 2)):
        assert (store.split[store.pairs_of(split)] == number).all()
    parts = [store.pairs_of(split) for split in store.folds]
    assert sum(map(len, parts)) == len(store.pairs)


def test_pairs_of_a_table(tmp_path):
    rows = library(11)
    first, second = rows[0]["sequence"], rows[1]["sequence"]
    shifted = next(r["sequence"] for r in rows if len(r["sequence"]) != len(first))
    pairs = [
        {"sequence_a": a, "sequence_b": b, "more": 1}
        for a, b in [(second, first), (first, second), (first, first), (first, "ACGT"),
                     (first, shifted)]
    ]  # fmt: skip
    table, listed = write(tmp_path / "t.tsv", rows), write(tmp_path / "p.tsv", pairs)
    store = build(tmp_path, [table], pairs=listed)
    assert [[store.sequence(i) for i in pair] for pair in store.pairs] == [[second, first]]
    assert sum(store.attrs["findings"]["pairs_left_out"].values()) == 4
    group = write(tmp_path / "g.tsv", [{**row, "group": "g"} for row in rows])
    holding = Holding(kmer=KMER, test_share=0, validation_share=0)
    store = build(tmp_path, [group], pairs=listed, indels=True, holding=holding)
    assert len(store.pairs) == 2


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
        Columns(weight="cells", weight_kind="counts"),
        context=YEAST / "reporter" / "plasmid.json",
        holding=Holding(YEAST / "genome.fa.gz", ["chrIV", "chrV", "chrXI"], ["chrXIII"]),
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
