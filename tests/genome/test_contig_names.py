"""One rule for contigs that two files name differently."""

from __future__ import annotations

import pytest

from basenji_kipoi.genome.contig_names import matching_contigs

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"]
ROMAN += ["XI", "XII", "XIII", "XIV", "XV", "XVI"]
YEAST = [*(f"chr{numeral}" for numeral in ROMAN), "chrM"]
WORM = ["I", "II", "III", "IV", "V", "X", "MtDNA"]
HUMAN = [*map(str, range(1, 23)), "X", "Y", "MT"]


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("XI", YEAST, "chrXI"),
        ("chr4", YEAST, "chrIV"),
        ("10", YEAST, "chrX"),
        ("Mito", YEAST, "chrM"),
        ("17", YEAST, None),
        # The worm's X is no tenth chromosome.
        ("10", WORM, None),
        ("chr5", WORM, "V"),
        ("chrX", WORM, "X"),
        ("chrM", WORM, "MtDNA"),
        ("chrX", HUMAN, "X"),
        ("chr10", HUMAN, "10"),
        ("XI", HUMAN, "11"),
        # Of autosomes alone: X would be the wrong one.
        ("chrX", HUMAN[:22], None),
    ],
)
def test_names_of_one_contig(name, known, expected):
    assert matching_contigs([name], known).get(name) == expected


def test_x_is_a_number_where_the_file_counts_in_roman():
    arabic = [f"chr{number}" for number in range(1, 17)]
    assert matching_contigs(ROMAN, arabic) == dict(zip(ROMAN, arabic))


def test_a_name_that_fits_two_is_none():
    assert matching_contigs(["chrII", "a"], ["2", "chr2", "A", "chrA"]) == {}
