"""Splits and pairs of reporter sequences: what shares k-mers stays together."""

import itertools
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reporter_tables import COMPLEMENT, KMER, LEFT, RIGHT, build, kmers, letters, library, write

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode_rows
from basenji_training.data.reporters.pairs import one_substitution_apart
from basenji_training.splits.sequence_groups import group_sequences, leaks, split_groups

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
    holding = {"fasta": fasta, "test": ("test",), "validation": ("validation",)}
    table = write(tmp_path / "t.tsv", rows)
    store = build(tmp_path, [table], **holding, test_share=0, validation_share=0)
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
    store = build(tmp_path, [table], group="none")
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
    store = build(tmp_path, [group], pairs=listed, indels=True, test_share=0, validation_share=0)
    assert len(store.pairs) == 2
