"""Strands of tracks: by name where names tell, else by their order."""

from __future__ import annotations

import pytest

from basenji_kipoi.models.strands import strand_of, strands_of
from basenji_kipoi.models.targets import Target, Targets


@pytest.mark.parametrize(
    ("name", "strand"),
    [
        ("CNhs1+", "+"), ("CNhs1-", "-"), ("x_plus", "+"), ("rna.rev", "-"), ("tif_FWD", "+"),
        ("surplus", "."), ("atac", "."), ("x_minus_wt", "."),
    ],
)  # fmt: skip
def test_strands_are_told_by_names(name, strand):
    assert strand_of(name) == strand


@pytest.mark.parametrize(
    ("one", "two", "strands"),
    [
        ("x+", "x-", ["+", "-"]),
        ("x_minus", "x_plus", ["-", "+"]),
        # Names that do not tell one of each leave it to the order.
        ("watson", "crick", ["+", "-"]),
        ("x-", "y-", ["+", "-"]),
        ("x", "x+", ["+", "-"]),
    ],
)
def test_of_a_pair_the_names_count_else_the_order(one, two, strands):
    targets = Targets(
        Target(index=i, identifier=name, strand_pair=1 - i) for i, name in enumerate((one, two))
    )
    assert strands_of(targets) == strands


def test_a_track_without_a_partner_has_the_strand_of_its_name():
    names = ("atac", "x+", "x-")
    targets = Targets(Target(index=i, identifier=n, strand_pair=i) for i, n in enumerate(names))
    assert strands_of(targets) == [".", "+", "-"]
