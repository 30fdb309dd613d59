"""A mechanism is what predictions, contributions, motifs and knock-outs say, put together."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.effects.engine import PlainEngine
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.motif_matrices import Motif, iupac_matrix, write_meme
from basenji_kipoi.locus.mechanisms.driving import element_of
from basenji_kipoi.locus.mechanisms.scored import Place, read_place
from basenji_kipoi.locus.mechanisms.sentences import percent, sentence_of
from basenji_kipoi.locus.mechanisms.sites import Stretch, background_of, motif_changes

#: A motif that stands at 3000 (0-based) on the minus strand; its third base is the variant's.
SITE, PLACE = "TGACTCA", 3000
EVEN = np.full(4, 0.25)


@contextlib.contextmanager
def eagerly():
    """Run without compilation, which would take most of the time of a network that runs once."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def with_site(letters, site):
    return letters[:PLACE] + site + letters[PLACE + len(site) :]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write a genome with the site, one with the alternative allele in its place, and genes."""
    folder = tmp_path_factory.mktemp("mechanism")
    letters = "".join(np.random.default_rng(5).choice(list("ACGT"), 6000).tolist())
    for name, site in (("genome", "TGAGTCA"), ("other", "TGGGTCA")):
        (folder / f"{name}.fa").write_text(f">chr1\n{with_site(letters, site)}\n")
    (folder / "genes.gtf").write_text(
        'chr1\tx\ttranscript\t3201\t3900\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chr1\tx\ttranscript\t2001\t2951\t.\t-\t.\tgene_id "G2";\n'
    )
    (folder / "elements.bed").write_text("chr1\t2900\t3100\te1\nchr1\t2950\t3050\te2\n")
    write_meme(folder / "motifs.meme", [Motif("AP1", iupac_matrix(SITE)), Motif("no", EVEN[None])])
    return folder


@pytest.fixture(scope="module")
def found(small_bundle, files):
    """Explain the variant on the genome, and its reverse on the genome with the other allele."""
    options = {
        "genes": files / "genes.gtf",
        "motifs": str(files / "motifs.meme"),
        "elements": files / "elements.bed",
        "draws": 2,
    }
    model = bk.load(small_bundle.path)
    with eagerly():
        return [
            bk.mechanism(model, files / name, variant, **options)
            for name, variant in (("genome.fa", "chr1:3003:A:G"), ("other.fa", "chr1:3003:G:A"))
        ]


@pytest.mark.usefixtures("eager")
def test_profiles_are_those_of_whole_passes(found, small_bundle, files):
    profile = found[0].profile
    crop = small_bundle.architecture.crop * profile.bin
    window = profile.start - crop
    request = AlleleWindow("chr1", window, Allele(3002 - window, 1, encode("G")))
    with bk.Genome(files / "genome.fa") as genome:
        effects = PlainEngine([small_bundle], genome, whole=True).effects([request])
    columns = [small_bundle.targets.labels.index(track) for track in profile.tracks]
    for own, whole in (
        (profile.reference, effects.reference),
        (profile.alternative, effects.alternative),
    ):
        np.testing.assert_allclose(np.array(own).T, whole[0][:, columns], rtol=1e-4, atol=1e-6)
    changes = [abs(each.change) for each in found[0].tracks]
    assert changes == sorted(changes, reverse=True)
    assert profile.tracks == [each.track for each in found[0].tracks]


def test_the_other_way_round_everything_changes_sides(found):
    one, other = found
    np.testing.assert_allclose(one.profile.reference, other.profile.alternative, rtol=1e-4)
    np.testing.assert_allclose(
        [each.change for each in one.tracks], [-each.change for each in other.tracks], rtol=1e-3
    )
    a, b = one.contributions, other.contributions
    assert (a.start, a.track, a.first_bin) == (b.start, b.track, b.first_bin)
    for mine, its in ((a.reference, b.alternative), (a.alternative, b.reference)):
        assert mine.sequence == its.sequence
        np.testing.assert_allclose(mine.contributions, its.contributions, rtol=1e-3, atol=1e-6)
    (lost,), (gained,) = one.motifs, other.motifs
    assert (lost.kind, gained.kind) == ("lost", "gained")
    assert (lost.start, lost.end, lost.strand) == (PLACE, PLACE + len(SITE), "-")
    # The window's bases, which chances count with, differ by one.
    assert lost.reference_p == pytest.approx(gained.alternative_p, rel=0.01)
    assert lost.reference_p < 1e-4 < lost.alternative_p
    for name in ("start", "end", "strand", "agrees"):
        assert getattr(lost, name) == getattr(gained, name)


def test_contributions_explain_the_bins_that_change(found):
    shown = found[0].contributions
    difference = shown.alternative.value - shown.reference.value
    profile = found[0].profile
    first, last = ((edge - profile.start) // profile.bin for edge in (
        shown.first_bin, shown.last_bin
    ))  # fmt: skip
    row = profile.tracks.index(shown.track)
    change = np.array(profile.alternative[row]) - np.array(profile.reference[row])
    kept = np.abs(change) >= 0.1 * np.abs(change).max()
    assert not kept[:first].any()
    assert not kept[last:].any()
    assert difference == pytest.approx(change[kept].sum(), abs=1e-3)


@pytest.mark.usefixtures("eager")
def test_no_background_is_predicted_that_nobody_reads(small_bundle, files, monkeypatch):
    from basenji_kipoi.interpretation.gradients import Gradients

    def refused(*_arguments):
        raise AssertionError("a background was predicted")

    monkeypatch.setattr(Gradients, "values", refused)
    model = bk.load(small_bundle.path)
    found = bk.mechanism(model, files / "genome.fa", "chr1:3003:A:G")
    assert np.any(found.contributions.reference.contributions)


@pytest.mark.usefixtures("eager")
def test_genes_have_their_scores_and_knock_outs(found, small_bundle, files):
    record = found[0]
    assert [(g.gene, g.distance) for g in record.genes] == [("G2", 52), ("one", 198)]
    _, genes = bk.score(
        small_bundle.path, files / "genome.fa", [("chr1", 3003, "A", "G")],
        genes=files / "genes.gtf", window="grid", progress=False,
    )  # fmt: skip
    rows = {row["gene_id"]: row for row in genes.to_pylist()}
    for gene in record.genes:
        # Of a strand pair only the gene's own track counts.
        own = {"+": "start_plus", "-": "start_minus"}[gene.strand]
        scores = {track: rows[gene.gene_id][f"logSED/{track}"] for track in ("access", own)}
        assert gene.track == max(scores, key=lambda track: abs(scores[track]))
        assert gene.change == pytest.approx(scores[gene.track], rel=1e-3)
    assert record.nearest_gene == "G2"
    largest = max(record.genes, key=lambda gene: abs(gene.change))
    assert record.target_gene == largest.gene
    # Of two given elements the shorter one that holds the variant is meant.
    assert (record.element.name, record.element.start) == ("e2", 2950)
    options = bk.ElementOptions(
        files / "genes.gtf", elements=files / "elements.bed", method="knock-out", draws=2
    )
    table = bk.element_effects(small_bundle.path, files / "genome.fa", options, progress=False)
    expected = {
        (gene, track): value
        for element, gene, track, value in zip(
            *(table[name] for name in ("element", "gene_id", "track", "log2_ratio"))
        )
        if element == "e2"
    }
    for gene in record.genes:
        found_ = expected[gene.gene_id, gene.element_track]
        assert gene.element_change == pytest.approx(found_, rel=1e-3)


def test_the_sentence_and_the_figure_say_the_record(found, tmp_path):
    record = found[0]
    assert record.sentence.startswith("chr1:3,003 A>G lowers access around it most (-1.4 %)")
    assert "takes a site of AP1 (p 6e-05 to 0.001)" in record.sentence
    assert record.sentence.endswith("changes no start of a gene by more than 0.7 %")
    gene = record.target.model_copy(update={"change": -1.0, "element_change": 2.0})
    said = sentence_of(record.model_copy(update={"genes": [gene]}))
    near = "also the nearest" if gene.gene == "G2" else "where G2 is the nearest"
    assert f"{gene.gene} (-50 % of {gene.track} at its start" in said
    assert said.endswith(
        f"{near}; shuffling e2, in which it lies, changes {gene.gene} by x 4.0 "
        f"({gene.element_track})"
    )
    figure = bk.mechanism_figure(record)
    figure.savefig(tmp_path / "x.png")
    texts = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    assert "AP1 (-), lost" in texts
    record.write(tmp_path / "x.json")
    again = bk.Mechanism.model_validate_json((tmp_path / "x.json").read_text())
    assert again == record


@pytest.mark.usefixtures("eager")
def test_without_genes_and_motifs_the_record_says_so(small_bundle, files):
    record = bk.mechanism(
        small_bundle.path, files / "genome.fa", ("1", 3003, "A", "AGG"), tracks="access"
    )
    assert record.notes == ["no known motifs were given", "no genes were given"]
    assert (record.chrom, record.genes, record.target_gene, record.motifs) == ("chr1", [], None, [])
    both = record.contributions
    assert len(both.alternative.sequence) == len(both.reference.sequence) + 2
    assert both.alternative.sequence[30:33] == "AGG"
    bk.mechanism_figure(record)


@pytest.mark.parametrize(
    ("variant", "changes", "said"),
    [
        ("chr1:3003", {}, "expected CONTIG:POSITION:REF:ALT"),
        (("chr1", "x", "A", "G"), {}, "expected CONTIG:POSITION:REF:ALT"),
        ("chr1:3003:C:G", {}, "chr1:3003 C>G cannot be scored: REF is not the genome's"),
        ("chr9:3003:A:G", {}, "cannot be scored: the genome has no such contig"),
        ("chr1:99999:A:G", {}, "lies outside of its contig"),
        ("chr1:3003:A:<DEL>", {}, "expected CONTIG:POSITION:REF:ALT"),
        ("chr1:3003:A:G", {"size": 0}, "size counts from 1 on"),
        ("chr1:3003:A:G", {"elements": "e.bed"}, "pass --genes, too"),
        ("chr1:3003:A:G", {"genes": "nope.gtf"}, "nope.gtf does not exist"),
        ("chr1:3003:A:G", {"motifs": "nope.meme"}, "nope.meme"),
    ],
)
def test_wrong_questions_are_said_in_one_line(variant, changes, said, small_bundle, files):
    with pytest.raises(bk.InputError, match=said.replace("(", r"\(")) as error:
        bk.mechanism(small_bundle.path, files / "genome.fa", variant, **changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["chr1:12:A:GT", "chr1_12_A_GT", "chr1-12-A-GT", "chr1:12:A>GT"])
def test_variants_as_people_write_them(text):
    assert read_place(text) == Place("chr1", 12, "A", "GT")


def test_p_values_are_those_of_all_sequences():
    motif = Motif("m", np.random.default_rng(2).dirichlet(np.ones(4), size=4))
    background = np.array([0.3, 0.2, 0.2, 0.3])
    scores = np.round(np.log2((0.99 * motif.probabilities + 0.01 * background) / background) * 20)
    every = np.array(list(itertools.product(range(4), repeat=4)))
    totals = scores[np.arange(4), every].sum(axis=1)
    chances = background[every].prod(axis=1)
    from basenji_kipoi.locus.mechanisms.sites import _Tail

    tail = _Tail(scores.astype(int), background)
    for total in np.unique(totals):
        expected = chances[totals >= total].sum()
        assert tail.above(int(total)) == pytest.approx(expected, rel=1e-5)


@given(st.text("ACGT", min_size=40, max_size=40), st.integers(12, 25), st.sampled_from("ACGT"))
def test_sites_change_sides_with_the_alleles(letters, place, base):
    """Whatever the sequence: exchanged alleles exchange all that is told of them."""
    motifs = [Motif("a", iupac_matrix("TGACTCA")), Motif("b", iupac_matrix("GGGCGGGGCNNC"))]
    codes = encode(letters)
    other = codes.copy()
    other[place] = encode(base)[0]
    sides = [Stretch(100, c, np.arange(40.0) * (c + 1), (place, 1)) for c in (codes, other)]
    one, back = (motif_changes(motifs, *pair, EVEN) for pair in (sides, sides[::-1]))
    turned = {"gained": "lost", "lost": "gained", "strengthened": "weakened"}
    turned["weakened"] = "strengthened"
    assert [(m.name, turned[m.kind], m.start, m.strand, m.agrees) for m in one] == [
        (m.name, m.kind, m.start, m.strand, m.agrees) for m in back
    ]
    for each in one:
        assert each.start <= 100 + place < each.end


def test_unknown_bases_are_no_sites():
    codes = encode("ACGTNNTGACTCAACGT")
    known = Stretch(0, codes, np.ones(17), (8, 1))
    masked = codes.copy()
    masked[8] = 4
    motif = Motif("m", iupac_matrix("TGACTCA"))
    (change,) = motif_changes([motif], Stretch(0, masked, np.ones(17), (8, 1)), known, EVEN)
    assert (change.kind, change.reference_p, change.start) == ("gained", 1.0, 6)


def test_the_background_is_that_of_both_strands():
    shares = background_of(encode("AAAAAACGN"))
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, shares[::-1])
    assert shares[0] > shares[1]


def test_an_element_is_given_or_around_the_variant():
    place = Place("chr1", 1001, "A", "G")
    around = element_of(place, None, 200)
    assert around.end - around.start == 200
    assert around.start + 50 < 1000 < around.end - 50
    assert element_of(Place("chr1", 11, "A", "G"), None, 200).start == 0
    assert element_of(place, [Interval("chr2", 900, 1100)], 200) is None
    assert element_of(place, [Interval("chr1", 1000, 1001)], 200).is_given


@pytest.mark.parametrize(
    ("change", "text"), [(0, "+0.0 %"), (-1, "-50 %"), (1, "x 2.0"), (0.1, "+7.2 %")]
)
def test_changes_in_words(change, text):
    assert percent(change) == text
