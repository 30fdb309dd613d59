"""Motifs as matrices: IUPAC letters, MEME files, and how alike two of them are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.interpretation.motif_matrices import (
    Motif,
    consensus_of,
    iupac_matrix,
    read_meme,
    write_meme,
)
from basenji_kipoi.interpretation.motifs.databases import names_of, read_database
from basenji_kipoi.interpretation.motifs.similarity import similarity


@given(st.text("ACGTRYSWKMBDHVN", min_size=1, max_size=30))
def test_letters_come_back(letters):
    table = iupac_matrix(letters)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert consensus_of(table) == letters
    assert iupac_matrix(letters.lower()).tolist() == table.tolist()


def test_information():
    found = Motif("x", iupac_matrix("ARN")).information
    np.testing.assert_allclose(found, [2, 1, 0], atol=1e-6)


def test_files_come_back(tmp_path):
    tables = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 7))
    motifs = [Motif(f"m{n}", table, "other" * n) for n, table in enumerate(tables)]
    write_meme(tmp_path / "x.meme", motifs)
    found = read_meme(tmp_path / "x.meme")
    assert [(m.name, m.other_name) for m in found] == [(m.name, m.other_name) for m in motifs]
    np.testing.assert_allclose([m.probabilities for m in found], tables, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("MEME version 4\n", r"x\.meme has no motifs: expected MEME's format"),
        ("MOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\n", "a matrix of 1 rows"),
        ("MOTIF a\nletter-probability matrix: w= 1\n1 0 0\n", r"x\.meme:3: expected the prob"),
        ("MOTIF a\nletter-probability matrix: w= 1\n1 1 0 0\n", r"x\.meme:3: expected the prob"),
        ("MOTIF a\nletter-probability matrix: w= 1\nx y\n", r"x\.meme:3"),
        ("letter-probability matrix: w= 1\n1 0 0 0\n", r"x\.meme:1: a matrix without a line"),
        ("ALPHABET= ACDEFGHIKLMNPQRSTVWY\n", r"x\.meme:1: the alphabet"),
    ],
)
def test_files_that_are_none(tmp_path, text, message):
    (tmp_path / "x.meme").write_text(text)
    with pytest.raises(InputError, match=message):
        read_meme(tmp_path / "x.meme")


@given(st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_a_motif_is_like_itself_wherever_it_lies(before, behind, is_reverse):
    table = np.random.default_rng(1).dirichlet(np.full(4, 0.2), size=9)
    flanked = np.concatenate([np.full((before, 4), 0.25), table, np.full((behind, 4), 0.25)])
    found = similarity(table[::-1, ::-1] if is_reverse else table, flanked)
    assert found.value == pytest.approx(1)
    assert (found.offset, found.is_reverse) == (before, is_reverse)


@pytest.mark.slow  # TOMTOM is compiled when it runs for the first time
def test_known_motifs_are_named(tmp_path):
    random = np.random.default_rng(2)
    tables = random.dirichlet(np.full(4, 0.1), size=(30, 9))
    write_meme(tmp_path / "x.meme", [Motif(f"m{n}", table) for n, table in enumerate(tables)])
    database = read_database(str(tmp_path / "x.meme"))
    noisy = 0.9 * tables[4] + 0.025
    (found,) = names_of([noisy[::-1, ::-1]], database)
    assert found[0].name == "m4"
    assert found[0].similarity > 0.95
    assert found[0].chance < 1e-3
    (small,) = names_of([noisy], database[:10])
    assert small[0].name == "m4"
    assert np.isnan(small[0].chance)
    assert names_of([noisy], []) == [[]]


def test_jaspar():
    found = read_database("jaspar:fungi")
    names = {motif.name for motif in found}
    assert {"REB1", "ABF1", "RAP1", "MSN2"} <= names
    assert all(motif.other_name.startswith("MA") for motif in found)
    reb1 = next(motif for motif in found if motif.name == "REB1")
    assert similarity(reb1.probabilities, iupac_matrix("TTACCCG")).value > 0.8
    with pytest.raises(InputError, match="--database jaspar:dragons: JASPAR2026 has no motifs"):
        read_database("jaspar:dragons")
