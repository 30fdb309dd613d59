"""Scores against their formulas in float64, against the original program, and at their extremes."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from published_files import FAMILIES, GOLDEN

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.cli.options import read_bins, read_names
from basenji_kipoi.effects.engine import Effects, PlainEngine
from basenji_kipoi.effects.passes import Pass, changed_bins, passes_of
from basenji_kipoi.effects.scorer import CountedBins, Scorer
from basenji_kipoi.effects.scores import GENE_SCORES, SCORES, is_histone, scores_named
from basenji_kipoi.effects.windows import WindowPlacement, WindowRule
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.models.bundle import save_bundle
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.targets import Target, Targets

#: Four predicted bins of 10 bp behind one cropped bin.
GEOMETRY = SimpleNamespace(window=60, bin=10, crop=1, bins=4)
TARGETS = [
    Target(index=0, identifier="access", strand_pair=0, assay="ATAC"),
    Target(index=1, identifier="mark", strand_pair=1, description="CHIP:H3K4me3:a cell line"),
]

#: What the formulas say, in float64: r and a of shape (bins,).
FORMULAS = {
    "SAD": lambda r, a: np.sum(a - r),
    "logSAD": lambda r, a: np.sum(np.log2(1 + a) - np.log2(1 + r)),
    "logFC": lambda r, a: np.log2((a.sum() + 1) / (r.sum() + 1)),
    "sqrtSAD": lambda r, a: np.sum(np.sqrt(a) - np.sqrt(r)),
    "SAX": lambda r, a: (a - r)[np.argmax(np.abs(a - r))],
    "D1": lambda r, a: np.sum(np.abs(a - r)),
    "D2": lambda r, a: np.linalg.norm(a - r),
    "JS": lambda r, a: jensen_shannon(r / r.sum(), a / a.sum()),
    "REF": lambda r, a: r.sum(),
    "ALT": lambda r, a: a.sum(),
}


def jensen_shannon(p, q):
    def divergence(x, y):
        return np.sum(x[x > 0] * np.log2(x[x > 0] / y[x > 0]))

    middle = (p + q) / 2
    return (divergence(p, middle) + divergence(q, middle)) / 2


def whole(reference, alternative):
    """Effects of whole windows."""
    reference, alternative = (np.asarray(x, dtype=np.float32) for x in (reference, alternative))
    first, bins = np.zeros(len(reference), int), reference.shape[1]
    return Effects(first, first + bins, reference, alternative, bins)


def score(names, effects, positions=(30,), targets=TARGETS, bins=None):
    scorer = Scorer(scores_named(names.split(",")), targets, GEOMETRY, bins or CountedBins())
    return scorer(effects, np.array(positions))


VALUES = arrays.arrays(
    np.float32, (2, 4, 2), elements=st.floats(0, 1000, width=32, allow_subnormal=False)
)


@given(reference=VALUES, change=VALUES)
@settings(max_examples=60, deadline=None)
def test_every_score_is_its_formula(reference, change):
    reference = reference + np.float32(0.01)  # a profile needs a total
    alternative = change + np.float32(0.01)
    found = score(",".join(FORMULAS), whole(reference, alternative), (30, 35))
    for place, (name, formula) in enumerate(FORMULAS.items()):
        for allele, track in np.ndindex(2, 2):
            r, a = (x[allele, :, track].astype(np.float64) for x in (reference, alternative))
            expected = formula(r, a)
            value = found[allele, place, track]
            if name == "SAX":  # of two changes of nearly the same size, either is right
                assert abs(value) == pytest.approx(abs(expected), rel=1e-5, abs=1e-6)
            else:
                assert value == pytest.approx(expected, rel=1e-4, abs=2e-6 * a.max() + 1e-5)
            assert SCORES[name].signed or value >= 0


def test_small_changes_keep_their_digits():
    # Differences of one part in 100,000: logarithms and profiles taken apart would lose them.
    generator = np.random.default_rng(0)
    reference = generator.uniform(1, 50, (1, 4, 2)).astype(np.float32)
    alternative = reference * (1 + generator.normal(0, 1e-5, reference.shape)).astype(np.float32)
    names = "logSAD,logFC,sqrtSAD,JS"
    found = score(names, whole(reference, alternative))[0]
    for place, name in enumerate(names.split(",")):
        for track in range(2):
            r, a = (x[0, :, track].astype(np.float64) for x in (reference, alternative))
            assert found[place, track] == pytest.approx(FORMULAS[name](r, a), rel=0.02), name


@given(values=VALUES)
@settings(max_examples=30, deadline=None)
def test_an_allele_without_effect_scores_nothing(values):
    found = score(",".join(SCORES), whole(values, values), (30, 30))
    for place, name in enumerate(SCORES):
        if name not in ("REF", "ALT"):
            assert (found[:, place] == 0).all(), name


def test_profiles_that_do_not_overlap_differ_by_one_bit():
    reference, alternative = np.zeros((2, 1, 4, 2))
    reference[0, 0], alternative[0, 3] = 5, 7
    assert score("JS", whole(reference, alternative))[0, 0] == pytest.approx([1, 1], abs=1e-5)


def test_rows_that_are_no_bins_are_not_seen():
    nothing = np.full((1, 6, 2), np.nan, dtype=np.float32)
    reference, alternative = nothing.copy(), nothing.copy()
    reference[0, 2:], alternative[0, 2:] = 1, 3
    # Row 0 is bin -2, so only rows 2 to 5 are the four bins.
    effects = Effects(np.array([-2]), np.array([4]), reference, alternative, 4)
    assert score("SAD", effects)[0, 0].tolist() == [8, 8]
    # Row 0 is bin 2, so only rows 0 and 1 are bins, and they mean something here.
    effects = Effects(np.array([2]), np.array([8]), reference[:, ::-1], alternative[:, ::-1], 4)
    assert score("SAD", effects)[0, 0].tolist() == [4, 4]


@pytest.mark.parametrize(
    ("text", "position", "counted"),
    [
        ("all", 30, [0, 1, 2, 3]),
        ("center:1", 29, [1]),  # bases 20 to 29 are bin 2, of which one was cropped
        ("center:1", 30, [2]),
        ("center:3", 30, [1, 2, 3]),
        ("center:2", 30, [2, 3]),
        ("center:4", 40, [2, 3]),  # the others are not predicted
        ("centre:1", 30, [2]),
    ],
)
def test_bins_that_count(text, position, counted):
    alternative = np.zeros((1, 4, 2))
    alternative[0, :, 0] = 10.0 ** np.arange(4)
    found = score(
        "SAD",
        whole(np.zeros((1, 4, 2)), alternative),
        (position,),
        bins=CountedBins.around(read_bins(text), GEOMETRY),
    )
    assert found[0, 0, 0] == sum(10**bin_ for bin_ in counted)


@pytest.mark.parametrize("text", ["", "center", "center:x", "center:-1", "most"])
def test_bins_that_are_none(text):
    with pytest.raises(InputError, match=r"--bins: expected all or center:N, N bins from 1 on"):
        read_bins(text)


@pytest.mark.parametrize("text", ["center:0", "center:5"])
def test_bins_that_are_not_predicted(text):
    with pytest.raises(InputError, match=r"--bins: expected all or center:N with N from 1 to 4"):
        CountedBins.around(read_bins(text), GEOMETRY)


@given(position=st.integers(0, 2000), width=st.sampled_from([501, 2001]))
def test_a_width_counts_the_bins_that_it_overlaps(position, width):
    geometry = SimpleNamespace(window=2048, bin=32, crop=4, bins=56)
    first, last = CountedBins(width=width).span(np.array([position]), geometry)[0]
    bases = set(range(position - width // 2, position + width // 2 + 1))
    for bin_ in range(first - 2, last + 2):
        begin = (bin_ + 4) * 32
        assert bool(bases & set(range(begin, begin + 32))) == (first <= bin_ < last)


def test_the_centre_is_wider_for_histone_marks():
    geometry = SimpleNamespace(window=4096, bin=32, crop=0, bins=128)
    generator = np.random.default_rng(1)
    effects = whole(*generator.uniform(0, 9, (2, 1, 128, 2)))
    names = scores_named(["centre", "centre501", "centre2001", "logFC"])
    found = Scorer(names, TARGETS, geometry, CountedBins())(effects, np.array([2047]))[0]
    assert found[0].tolist() == [found[1, 0], found[2, 1]]
    assert len({*found[1:, 0].tolist()}) == 3
    # 2047 - 250 is in bin 56, 2047 + 250 in bin 71.
    r, a = (x[0, 56:72, 0].astype(np.float64) for x in (effects.reference, effects.alternative))
    assert found[1, 0] == pytest.approx(FORMULAS["logFC"](r, a), rel=1e-5)


@pytest.mark.parametrize(
    ("assay", "description", "expected"),
    [
        ("", "CHIP:H3K27ac:liver", True),
        ("Histone ChIP-seq", "", True),
        ("", "CHIP:H2A.Z:HepG2", True),
        ("", "CHIP:H2AFZ:K562", True),
        ("", "DNASE:H1-hESC", False),
        ("", "CHIP:CTCF:H9", False),
        ("ATAC-seq", "of cells with H3K9me3", False),
        ("ChIP-seq", "H3K27ac", True),
        ("ChIP-seq", "RNA polymerase II", False),
        ("CUT&Tag", "H3K4me1", True),
    ],
)
def test_tracks_of_histone_marks(assay, description, expected):
    target = Target(index=0, identifier="t", strand_pair=0, assay=assay, description=description)
    assert is_histone(target) == expected


def test_names():
    assert [each.name for each in scores_named(read_names("JS, SAD"))] == ["JS", "SAD"]
    with pytest.raises(InputError, match=r"no score 'sad': expected some of SAD, logSAD"):
        scores_named(["sad"])
    with pytest.raises(InputError, match="names a score twice"):
        scores_named(["SAD", "D1", "SAD"])


def test_which_scores_need_whole_windows(small_bundle):
    architecture = small_bundle.architecture
    passes = passes_of([small_bundle], both_strands=True, shifts=[0, 40])

    def needs(names, bins="all"):
        counted = CountedBins.around(read_bins(bins), architecture)
        chosen = scores_named(names.split(","))
        scorer = Scorer(chosen, list(small_bundle.targets), architecture, counted)
        return scorer.needs_whole_windows(passes)

    assert not needs("SAD,logSAD,sqrtSAD,SAX,D1,D2")
    assert all(needs(name) for name in ("logFC", "JS", "REF", "ALT"))
    assert not needs("logFC,JS,REF,ALT", "center:5")
    assert needs("REF", "center:55")
    # The field of view is 434 bp: an allele leaves bins of the 501 bp around it as they are.
    assert needs("centre501")


def test_an_allele_that_changes_all_bins_from_the_middle_may_not_from_elsewhere():
    """All bins count wherever the allele lies, and one to the side leaves some as they are."""

    def convolution(kernel, dilation=1):
        return {"op": "convolution", "filters": 2, "kernel": kernel, "dilation": dilation}

    trunk = [
        *(convolution(7), {"op": "pooling", "size": 4}),
        *(convolution(5), {"op": "pooling", "size": 8}),
        *(convolution(3, dilation) for dilation in (1, 2, 5)),
        {"op": "crop", "bins": 8},
    ]
    content = {"window": 1024, "trunk": trunk, "heads": {"tracks": {"tracks": 1}}}
    architecture = Architecture.model_validate(content)
    passes = [Pass(model=0, shift=0, reverse=False)]
    base = np.zeros(1, np.uint8)

    def changed(position):
        request = AlleleWindow("", 0, Allele(position, 1, base))
        return changed_bins(architecture, passes, request)

    assert all(changed(512 + base)[0] <= 0 for base in range(32))
    assert all(changed(512 + base)[1] >= architecture.bins for base in range(32))
    assert changed(600)[0] > 0
    targets = [Target(index=0, identifier="t", strand_pair=0)]
    scorer = Scorer(scores_named(["REF"]), targets, architecture, CountedBins())
    assert scorer.needs_whole_windows(passes)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The network of the original program's figures, as a bundle."""
    model = FAMILIES["basenji2"]()
    targets = [Target(index=i, identifier=f"t{i}", strand_pair=i) for i in range(6)]
    return save_bundle(
        tmp_path_factory.mktemp("original") / "bundle",
        network=model.network(),
        architecture=model.architecture,
        targets=Targets(targets),
        name="original",
        assembly="simulated",
        training={},
        evaluation={},
        model_card="# The original program's network\n",
    )


def test_the_original_programs_scores(original, tmp_path):
    folder = GOLDEN / "basenji2"
    fasta = tmp_path / "genome.fa"
    fasta.write_bytes((folder / "genome.fa").read_bytes())
    with (folder / "scores.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    with VariantFile(folder / "variants.vcf") as variants:
        alleles = list(variants)
    names = ["SAD", "logSAD", "D1", "D2", "SAX"]
    placement = WindowPlacement.of(WindowRule("centred"), original.architecture, [])
    chosen = [i for i, v in enumerate(alleles) if len(v.ref) == len(v.alt) == 1]
    assert len(chosen) > 30
    with Genome(fasta) as genome:
        engine = PlainEngine([original], genome, batch_size=4)
        scorer = Scorer(scores_named(names), original.targets, original.architecture, CountedBins())
        requests = []
        for i in chosen:
            position = alleles[i].pos - 1
            start = placement.start(position)
            allele = Allele(position - start, 1, encode(alleles[i].alt))
            requests.append(AlleleWindow(alleles[i].chrom, start, allele))
        found = np.concatenate(
            [
                scorer(engine.effects(group), np.array([r.allele.position for r in group]))
                for group in ([requests[i] for i in group] for group in engine.groups(requests))
            ]
        )
    expected = [
        [[float(rows[i][f"{name}_{track}"]) for track in range(6)] for name in names]
        for i in chosen
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_the_documentation_has_every_score():
    text = (Path(__file__).parents[2] / "docs/concepts/scores.md").read_text().replace("\\|", "|")
    for each in (*SCORES.values(), *GENE_SCORES.values()):
        row = next(x for x in text.splitlines() if x.startswith(f"| `{each.name}` |"))
        assert each.name.startswith("centre") or each.formula in row
        assert f"| {'yes' if each.signed else 'no'} |" in row
