from __future__ import annotations

import math
import os
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from known_truth import BIN, FOLDS, LENGTHS, random_sequences, write_store
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.cli.app import app
from basenji_training.data.scaling import suggest_thresholds
from basenji_training.tracks.bins import transform

TARGETS = Targets(
    [
        Target(index=0, identifier="a_plus", strand_pair=1, assay="A", scale=0.5, clip_soft=40),
        Target(index=1, identifier="a_minus", strand_pair=0, assay="A", scale=0.5, clip_soft=40),
        Target(index=2, identifier="b", strand_pair=2, assay="B", sum_stat="sum_sqrt"),
    ]
)


@pytest.fixture
def counts():
    """Skewed sums, of b to the power of 3/4; the minus strand has more, chr4 other ones."""
    generator = np.random.default_rng(0)
    values = {
        name: generator.gamma(0.5, [40, 80, 10], (length // BIN, 3))
        for name, length in LENGTHS.items()
    }
    values["chr4"] *= 1000
    values["chr1"][:50] = np.nan
    return values


@pytest.fixture
def store(counts, tmp_path):
    """A store of them, scaled and softly clipped as its table says."""
    values = {
        name: np.stack(
            [
                transform(
                    column,
                    clip_soft=np.inf if row.clip_soft is None else row.clip_soft,
                    clip=np.inf,
                    scale=row.scale,
                )
                for column, row in zip(each.T, TARGETS, strict=True)
            ],
            axis=1,
        )
        for name, each in counts.items()
    }
    return write_store(tmp_path / "s.zarr", random_sequences(), values, TARGETS)


def test_thresholds_clip_the_wanted_share_and_scales_make_the_wanted_mean(store, counts):
    suggested = suggest_thresholds(store, quantile=0.9, weights={"A": 3})
    training = np.concatenate([counts[name] for name in FOLDS["train"]])
    training = training[np.isfinite(training).all(axis=1)]
    for columns, weight in (([0, 1], 3), ([2], 1)):
        rows = [suggested[i] for i in columns]
        values = training[:, columns].ravel()
        assert len({(row.clip_soft, row.scale) for row in rows}) == 1
        # Two significant digits are within 5% of the exact threshold and scale.
        assert np.quantile(values, 0.9) == pytest.approx(rows[0].clip_soft, rel=0.05)
        new = transform(values, clip_soft=rows[0].clip_soft, clip=np.inf, scale=rows[0].scale)
        assert new.mean() == pytest.approx(weight, rel=0.05)
    assert [row.identifier for row in suggested] == TARGETS.labels


def test_large_stores_are_sampled(store, monkeypatch):
    whole = suggest_thresholds(store)
    monkeypatch.setattr("basenji_training.data.scaling._SAMPLED_VALUES", 1500)
    for one, two in zip(whole, suggest_thresholds(store), strict=True):
        assert one.clip_soft == pytest.approx(two.clip_soft, rel=0.3)
        assert one.scale == pytest.approx(two.scale, rel=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantile": 1}, "--quantile is 1"),
        ({"weights": {"C": 1}}, "no track has the assay 'C': they have A, B"),
        ({"weights": {"A": 0}}, "A has 0: it must be above 0"),
        ({"weights": {"A": math.inf}}, "A has inf: it must be above 0"),
        ({"weights": {"A": math.nan}}, "A has nan: it must be above 0"),
        ({"weights": {"A": 1e-300}}, "no scale makes its mean"),
        ({"least": math.inf}, "--least is inf: it must be 0 or more"),
        ({"least": math.nan}, "--least is nan: it must be 0 or more"),
        ({"quantile": math.nan}, "--quantile is nan"),
    ],
)
def test_wrong_options_are_named(store, options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        suggest_thresholds(store, **options)


def test_a_track_that_is_mostly_empty_has_no_quantile(tmp_path):
    values = {name: np.zeros((length // BIN, 3)) for name, length in LENGTHS.items()}
    empty = write_store(tmp_path / "e.zarr", random_sequences(), values, TARGETS)
    with pytest.raises(InputError, match="track a_plus: 97% of its training bins are empty"):
        suggest_thresholds(empty)


def test_counts_of_mostly_empty_bins_are_clipped_at_the_least(tmp_path):
    values = {name: np.zeros((length // BIN, 3)) for name, length in LENGTHS.items()}
    for counts in values.values():
        counts[::200] = 9.0
    sparse = write_store(tmp_path / "s.zarr", random_sequences(), values, TARGETS)
    rows = suggest_thresholds(sparse, least=1)
    assert [row.clip_soft for row in rows] == [1.0, 1.0, 1.0]


def test_the_command_writes_a_table(store, tmp_path):
    out = tmp_path / "targets.tsv"
    arguments = ["thresholds", str(store.path), "--out", str(out), "--weight", "A=3"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert Targets.read(out) == suggest_thresholds(store, weights={"A": 3})
    wrong = CliRunner().invoke(app, [*arguments[:-1], "A", "--overwrite"])
    assert wrong.exit_code == 2
    assert "'A' is not of the form ASSAY=NUMBER" in wrong.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)
def test_the_yeast_models_table_is_what_its_recipe_writes(tmp_path):
    recipes = Path(__file__).parents[2] / "recipes"
    recipe = runpy.run_path(str(recipes / "make_yeast_targets.py"))
    recipe["main"](Path(os.environ["BASENJI_DATA"]) / "yeast", tmp_path / "t.tsv")
    assert Targets.read(tmp_path / "t.tsv") == Targets.read(recipes / "yeast_targets.tsv")
