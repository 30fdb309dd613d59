"""Parts of a run: how files are cut, and who may go on with what."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.scoring.parts import Parts, cut, shard_of
from basenji_kipoi.scoring.tables import GENE_COLUMNS, ScoreTable

TABLE = ScoreTable(GENE_COLUMNS, ("SED",), ("a",))


def variants(alleles):
    """Records with so many alleles each."""
    return [
        Variant(record, "chrI", record + 1, None, "A", "C")
        for record, number in enumerate(alleles)
        for _ in range(number)
    ]


@given(alleles=st.lists(st.integers(1, 5), max_size=40), size=st.integers(1, 9))
def test_parts_hold_whole_records_and_enough_alleles(alleles, size):
    given_variants = variants(alleles)
    parts = list(cut(given_variants, size))
    assert sum(parts, []) == given_variants  # noqa: RUF017 - lists of a few
    records = [{variant.record for variant in part} for part in parts]
    assert sum(map(len, records)) == len(alleles)  # none is in two parts
    for part in parts[:-1]:
        last = [variant for variant in part if variant.record == part[-1].record]
        assert len(part) >= size > len(part) - len(last)


@given(parts=st.integers(0, 50), shards=st.integers(1, 9))
def test_shards_are_all_parts_in_order(parts, shards):
    found = [shard_of([1] * parts, (number, shards)) for number in range(1, shards + 1)]
    assert [number for shard in found for number in shard] == list(range(parts))
    sizes = [len(shard) for shard in found]
    assert max(sizes) - min(sizes) <= 1


def begin(out, settings=None, *, resume=False, overwrite=False):
    settings = {"scores": ["SAD"]} if settings is None else settings
    return Parts(out, settings, command="basenji score", resume=resume, overwrite=overwrite)


def batch(value):
    columns = [["x"], [1], [None], ["A"], ["C"], ["g"], [""], ["+"], [1], [0]]
    return TABLE.batch(columns, np.full((1, 1), value), np.array([True]))


def interrupted(out, parts=(0, 2)):
    with contextlib.suppress(KeyboardInterrupt), begin(out) as run:
        for number in parts:
            run.save(number, {"alleles": batch(number), "genes": batch(number)})
        raise KeyboardInterrupt


def test_parts_stay_after_an_interruption(tmp_path):
    out = tmp_path / "x.parquet"
    interrupted(out)
    assert Parts.begun(out)
    (tmp_path / "x.parquet.parts" / ".000001.half").mkdir()
    with begin(out, resume=True) as run:
        assert [run.has(number) for number in range(3)] == [True, False, True]
        assert [found.to_pylist()[0]["values"] for found in run.read([0, 2], "genes")] == [[0], [2]]
        (run.finished() / out.name).write_text("done")
        run.publish([out])
    assert out.read_text() == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    assert not Parts.begun(out)


def test_what_may_be_done_with_parts_that_are_there(tmp_path):
    out = tmp_path / "x.parquet"
    interrupted(out)
    with pytest.raises(InputError, match="holds parts of an interrupted run"), begin(out):
        pass
    other = {"scores": ["D1"]}
    with pytest.raises(InputError, match=r"another scores \(\[\"SAD\"\], now \[\"D1\"\]\)"):
        begin(out, other, resume=True).__enter__()
    with begin(out, other, overwrite=True) as run:
        assert not run.has(0)


def test_two_runs_of_one_output(tmp_path):
    out = tmp_path / "x.parquet"
    with begin(out), pytest.raises(InputError, match="another run is writing"):
        begin(out, resume=True).__enter__()


def test_a_run_that_saved_nothing_leaves_nothing(tmp_path):
    interrupted(tmp_path / "x.parquet", parts=())
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_its_alleles_is_none(tmp_path):
    out = tmp_path / "x.parquet"
    interrupted(out)
    (tmp_path / "x.parquet.parts" / "000002.alleles.arrow").unlink()
    with begin(out, resume=True) as run:
        assert not run.has(2)
        run.save(2, {"alleles": batch(2), "genes": batch(2)})
        assert run.has(2)
