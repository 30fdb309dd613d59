"""A model in Python: what it predicts is what its networks predict."""

from __future__ import annotations

import numpy as np
import pytest
from small_network import save_random_bundle, small_architecture

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import one_hot

CODES = np.random.default_rng(5).integers(0, 5, (3, 2048)).astype(np.uint8)


@pytest.fixture(scope="module")
def model(small_bundle):
    return bk.load(small_bundle.path)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return save_random_bundle(
        tmp_path_factory.mktemp("other") / "other", small_architecture(), seed=9
    )


@pytest.mark.parametrize("both_strands", [None, False, True])
def test_predictions_are_those_of_the_network(model, small_bundle, both_strands):
    expected = small_bundle.network(both_strands=both_strands).predict_on_batch(one_hot(CODES))
    found = model.predict(CODES, both_strands=both_strands, batch_size=2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_sequences_come_in_any_form(model):
    expected = model.predict(CODES)
    letters = ["".join("ACGTN"[code] for code in row) for row in CODES]
    assert (model.predict(letters) == expected).all()
    assert (model.predict([row.lower() for row in letters]) == expected).all()
    assert (model.predict(list(CODES)) == expected).all()
    assert (model.predict(CODES.astype(int)[:, None]) == expected[:, None]).all()
    np.testing.assert_allclose(model.predict(letters[0]), expected[0], rtol=1e-5, atol=1e-6)
    assert model.predict([]).shape == (0, 56, 3)
    assert (model.predict(CODES, tracks=["start_*", 0]) == expected[..., [1, 2, 0]]).all()


def test_several_models_are_averaged(small_bundle, other):
    both = bk.load([small_bundle.path, other.path])
    assert len(both.members) == 2
    expected = [bk.load(each.path).predict(CODES) for each in (small_bundle, other)]
    np.testing.assert_allclose(both.predict(CODES), np.mean(expected, axis=0), rtol=1e-5, atol=1e-6)


def test_a_network_is_built_once(model):
    assert model.network() is model.network()


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ("ACGT", "a sequence has 4 bases: expected 2,048"),
        (np.zeros((2, 2048)), "no codes: expected letters"),
        (np.full(2048, 5), "no codes: expected letters"),
        (np.full(2048, -1), "no codes: expected letters"),
        (np.array(1, dtype=np.uint8), "a sequence has 0 bases"),
    ],
)
def test_sequences_that_are_none(model, sequences, message):
    with pytest.raises(InputError, match=message):
        model.predict(sequences)


def test_models_that_cannot_be_loaded(small_bundle, tmp_path):
    with pytest.raises(InputError, match="expected the directory of one bundle at least"):
        bk.load([])
    narrow = save_random_bundle(tmp_path / "narrow", small_architecture(window=1024), seed=1)
    with pytest.raises(InputError, match="cannot be averaged: their window is 2048 and 1024"):
        bk.load([small_bundle.path, narrow.path])
    with pytest.raises(InputError, match="no track 'dnase'"):
        bk.load(small_bundle.path).predict(CODES, tracks="dnase")


def test_a_model_shows_itself(model, small_bundle):
    assert repr(model) == (
        "<Model small: 3 tracks, windows of 2,048 bp, bins of 32 bp, 1 network, simulated>"
    )
    assert "<td style='text-align:left'>56 of 32 bp</td>" in model._repr_html_()
    named = bk.load(small_bundle.path)
    metadata = named.bundles[0].metadata.model_copy(update={"name": "<b>&"})
    named.bundles[0].metadata = metadata
    assert "&lt;b&gt;&amp;" in named._repr_html_()
    assert "<b>" not in named._repr_html_()
