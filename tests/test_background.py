"""Quantiles against a background: ranks by counting, and tables that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from basenji_kipoi.background import Background, quantiles
from basenji_kipoi.errors import InputError

#: Few different values, so that many are equal.
VALUES = st.integers(-3, 3).map(np.float32)


def shapes(rows):
    return st.tuples(st.integers(rows, 20), st.just(2))


@given(
    background=arrays.arrays(np.float32, shapes(1), elements=VALUES),
    values=arrays.arrays(np.float32, shapes(0), elements=VALUES),
)
def test_quantiles_are_mean_ranks(background, values):
    found = quantiles(np.sort(background, axis=0), values)
    smaller = (background[None] < values[:, None]).mean(axis=1)
    equal = (background[None] == values[:, None]).mean(axis=1)
    np.testing.assert_allclose(found, smaller + equal / 2, rtol=1e-6)


@given(background=arrays.arrays(np.float32, (11, 1), elements=st.floats(-9, 9, width=32)))
def test_the_backgrounds_own_quantiles_average_to_one_half(background):
    found = quantiles(np.sort(background, axis=0), background)
    assert found.mean() == pytest.approx(0.5, abs=1e-6)
    # A larger score never ranks lower.
    order = np.argsort(background[:, 0], kind="stable")
    assert (np.diff(found[order, 0]) >= 0).all()


def write(path, sha256="abc", **columns):
    table = pa.table({"status": ["ok", "symbolic", "ok", "ok"], **columns})
    metadata = {"basenji_score": json.dumps({"model": [{"sha256": sha256}]})}
    pa.parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_rows_without_scores_do_not_count(tmp_path):
    path = write(tmp_path / "b.parquet", **{"SAD/a": pa.array([1, None, -2, 5], pa.float32())})
    background = Background(path, ["SAD"], ["a"], ["abc"])
    found = background.quantiles(np.array([-3, -2, 0, 9], np.float32).reshape(4, 1, 1))
    np.testing.assert_allclose(found.ravel(), [0, 1 / 6, 1 / 3, 1])


def test_tables_that_do_not_fit(tmp_path):
    path = write(tmp_path / "b.parquet", **{"SAD/a": pa.array([1, None, -2, 5], pa.float32())})
    with pytest.raises(InputError, match="holds scores of another model"):
        Background(path, ["SAD"], ["a"], ["other"])
    with pytest.raises(InputError, match="has no column SAD/b"):
        Background(path, ["SAD"], ["a", "b"], ["abc"])
    with pytest.raises(InputError, match="does not exist"):
        Background(tmp_path / "none", ["SAD"], ["a"], ["abc"])
    (tmp_path / "text").write_text("status\n")
    with pytest.raises(InputError, match="is no Parquet file"):
        Background(tmp_path / "text", ["SAD"], ["a"], ["abc"])
    pd.DataFrame({"status": ["ok"]}).to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="was not written by basenji score"):
        Background(tmp_path / "foreign.parquet", ["SAD"], ["a"], ["abc"])
