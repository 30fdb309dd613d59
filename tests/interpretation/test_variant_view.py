"""The figure of a variant: it shows what scores and mutations say of it."""

from __future__ import annotations

import numpy as np
import pytest
from figures_drawn import panel, steps

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.genome.alleles import AlteredGenome
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.interpretation.variant.plots import draw_variant
from basenji_kipoi.interpretation.variant.view import locate, view_variant


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    letters = "".join(np.random.default_rng(5).choice(list("ACGT"), 4000))
    path.write_text(f">chrA\n{letters[:2000]}TATAAA{letters[2006:]}\n")
    with bk.Genome(path) as opened:
        yield opened


def variant(genome, position, removed, alt):
    there = "".join("ACGT"[code] for code in genome.codes("chrA", position, position + removed))
    return Variant(0, "chrA", position + 1, None, there, alt(there))


def other(letters):
    return "CGTA"["ACGT".index(letters[0])]


@pytest.mark.parametrize(("removed", "inserted"), [(1, "C"), (1, "CAT"), (5, "C"), (3, "GGG")])
def test_an_altered_genome_reads_as_its_sequence(genome, removed, inserted):
    allele = Allele(2000, removed, encode(inserted))
    altered = AlteredGenome(genome, "chrA", allele)
    whole = genome.codes("chrA", 0, 4000)
    expected = np.concatenate([whole[:2000], encode(inserted), whole[2000 + removed :]])
    for start in (1900, 1998, 2000, 2001, 2004, 2100):
        for end in (1999, 2000, 2001, 2003, 2006, 2200):
            if start < end:
                found = altered.codes("chrA", start, end)
                np.testing.assert_array_equal(found, expected[start:end], str((start, end)))


@pytest.mark.parametrize(
    ("removed", "alt"),
    [(1, other), (1, lambda ref: ref + "GATTACA"), (4, lambda ref: ref[0])],
    ids=["substitution", "insertion", "deletion"],
)
@pytest.mark.usefixtures("eager")
def test_the_tracks_are_those_that_are_scored(small_bundle, genome, removed, alt):
    given = variant(genome, 2002, removed, alt)
    model = bk.load(small_bundle.path)
    table = bk.score(
        model,
        genome,
        [(given.chrom, given.pos, given.ref, given.alt)],
        scores=("SAD", "REF", "ALT"),
    )
    view = view_variant(model, genome, given, tracks="*", around=3)
    assert [track.identifier for track in view.tracks] == model.targets.labels
    # The targets table scales nothing, so counts are what networks predict.
    for column, label in enumerate(model.targets.labels):
        for name, values in (("REF", view.reference), ("ALT", view.alternative)):
            expected = table.column(f"{name}/{label}")[0].as_py()
            assert values[:, column].sum() == pytest.approx(expected, rel=1e-5), (name, label)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.usefixtures("eager")
def test_letters_of_both_alleles_differ_by_the_effect(small_bundle, genome, both):
    """A base contributes its effect beside the mean of the four; the mean is the same for both."""
    given = variant(genome, 2002, 1, other)
    model = bk.load(small_bundle.path)
    view = view_variant(model, genome, given, tracks="access", around=4, both_strands=both)
    before, after = (logo.contributions[logo.own[0]] for logo in view.logos)
    effect = (view.alternative - view.reference).sum()
    assert abs(effect) > 1e-4
    assert after - before == pytest.approx(effect, rel=1e-3)
    reference, alternative = (logo.codes for logo in view.logos)
    np.testing.assert_array_equal(reference, genome.codes("chrA", 1998, 2007))
    assert np.flatnonzero(reference != alternative).tolist() == [4]


@pytest.mark.usefixtures("eager")
def test_the_tracks_that_change_most_are_shown_first(small_bundle, genome):
    model, given = bk.load(small_bundle.path), variant(genome, 2002, 1, other)
    view = view_variant(model, genome, given, around=2)
    changes = np.abs((view.alternative - view.reference).sum(axis=0))
    assert changes.tolist() == sorted(changes, reverse=True)
    figure = draw_variant(view)
    first = view.tracks[0].identifier
    reference, alternative = steps(panel(figure, first))
    shown = slice(*np.searchsorted(view.edges, [2002 - 48 * 32 - 31, 2002 + 48 * 32]))
    np.testing.assert_allclose(reference, view.reference[shown, 0])
    np.testing.assert_allclose(alternative, view.alternative[shown, 0])
    gains, losses = steps(figure.axes[1])
    np.testing.assert_allclose(gains + losses, alternative - reference)
    assert f"contributes to the total of {first}" in figure.axes[-2].get_title()


def test_what_cannot_be_predicted_is_said(genome):
    for text, said in [
        ("chrA:2003:T", "expected contig:position:REF:ALT"),
        ("chrA:9000:A:C", "REF lies outside of its contig"),
        ("chrZ:5:A:C", "the genome has no such contig"),
        ("chrA:2001:A:C", r"REF is not the genome's sequence, which has T there"),
        ("chrA:2001:T:" + "A" * 30, "longer than 20 bp"),
    ]:
        with pytest.raises(bk.InputError, match=said):
            locate(Variant.parse(text), genome, 20)
    assert locate(Variant.parse("A:2,001:t>g"), genome, 20).chrom == "chrA"
