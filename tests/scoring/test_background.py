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

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.scoring.background import Background, quantiles

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


#: What the scores of a table depend on.
SETTINGS = {
    "model": ["abc"],
    "bins": "all",
    "window": "grid",
    "both_strands": False,
    "shifts": [0],
    "indels": "anchor",
}


def write(path, sha256="abc", **columns):
    table = pa.table({"status": ["ok", "symbolic", "ok", "ok"], **columns})
    about = json.dumps(
        {
            **SETTINGS,
            "model": [{"sha256": sha256}],
            **dict.fromkeys(("fasta", "vcf", "genes", "background")),
        }
    )
    metadata = {"basenji_score": about}
    pa.parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_rows_without_scores_do_not_count(tmp_path):
    path = write(tmp_path / "b.parquet", **{"SAD/a": pa.array([1, None, -2, 5], pa.float32())})
    background = Background(path, ["SAD"], ["a"], SETTINGS)
    found = background.quantiles(np.array([-3, -2, 0, 9], np.float32).reshape(4, 1, 1))
    np.testing.assert_allclose(found.ravel(), [0, 1 / 6, 1 / 3, 1])


def test_what_is_no_number_has_no_quantile_and_does_not_count():
    background = np.sort(np.array([[1.0], [np.nan], [3.0]]), axis=0)
    found = quantiles(background, np.array([[2.0], [np.nan]]))
    np.testing.assert_array_equal(found, [[0.5], [np.nan]])


def test_tables_that_do_not_fit(tmp_path):
    path = write(tmp_path / "b.parquet", **{"SAD/a": pa.array([1, None, -2, 5], pa.float32())})
    for name, value in [("model", ["other"]), ("bins", "center:3"), ("window", "centred")]:
        with pytest.raises(InputError, match=f"was made with another {name} "):
            Background(path, ["SAD"], ["a"], {**SETTINGS, name: value})
    with pytest.raises(InputError, match=r'another window \("grid", now "centred"\): score'):
        Background(path, ["SAD"], ["a"], {**SETTINGS, "window": "centred"})
    Background(path, ["SAD"], ["a"], {**SETTINGS, "window": "cluster:100"})
    with pytest.raises(InputError, match="has no column SAD/b"):
        Background(path, ["SAD"], ["a", "b"], SETTINGS)
    with pytest.raises(InputError, match="does not exist"):
        Background(tmp_path / "none", ["SAD"], ["a"], SETTINGS)
    (tmp_path / "text").write_text("status\n")
    with pytest.raises(InputError, match="is no Parquet file"):
        Background(tmp_path / "text", ["SAD"], ["a"], SETTINGS)
    pd.DataFrame({"status": ["ok"]}).to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="was not written by basenji score"):
        Background(tmp_path / "foreign.parquet", ["SAD"], ["a"], SETTINGS)
