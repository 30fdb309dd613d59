"""What alleles change in a reporter's activities."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporter_model import ASSAY, make_reporter_bundle
from score_command import LETTERS, arguments, line, score, snvs
from score_command import files as files_of_tracks
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import Allele, encode, letters, reverse_complement
from basenji_kipoi.cli.app import app
from basenji_kipoi.effects.reporters.oligos import OligoRule
from basenji_kipoi.genome.genes import Gene, Genes

__all__ = ["files_of_tracks"]

INSERT, PLACES = 12, (3, 6, 9)


@pytest.fixture(scope="module")
def files(files_of_tracks, tmp_path_factory):
    path = make_reporter_bundle(tmp_path_factory.mktemp("reporter") / "model")
    return {**files_of_tracks, "model": path, "loaded": bk.load(path)}


def scored(files, alleles, contig=None, **options):
    genome = files["fasta"] if contig is None else contig
    oligos = bk.Oligos(**options.pop("oligos", {}))
    return bk.score(
        files["loaded"],
        genome,
        alleles,
        reporter="library",
        oligos=oligos,
        progress=False,
        **options,
    )


def by_hand(files, reference, alternative, place, *, reverse=False):
    """Both alleles' mean activities: texts of a contig, whose first difference is at a place."""
    texts = [reference, alternative]
    if reverse:
        texts = [turned(text) for text in texts]
        place = next(i for i, (a, b) in enumerate(zip(*texts)) if a != b)
    shortest = min(map(len, texts))
    starts = sorted({min(max(place - within, 0), shortest - INSERT) for within in PLACES})
    means = []
    for text in texts:
        oligos = [ASSAY.before + text[s : s + INSERT] + ASSAY.behind for s in starts]
        means.append(bk.activity(files["loaded"], oligos, progress=False).mean(axis=0))
    return means


def turned(text):
    return "".join(letters(reverse_complement(encode(text))))


def test_scores_are_differences_of_the_oligos_activities(files):
    pos = 5000
    ref, alt = LETTERS[pos - 1], LETTERS[pos - 1].translate(str.maketrans("ACGT", "GTCA"))
    other = LETTERS[: pos - 1] + alt + LETTERS[pos:]
    ahead = by_hand(files, LETTERS, other, pos - 1)
    back = by_hand(files, LETTERS, other, pos - 1, reverse=True)
    for strand, pairs in {"+": [ahead], "-": [back], "both": [ahead, back]}.items():
        table = scored(
            files, [("chrI", pos, ref, alt)],
            scores=("SAD", "REF", "ALT"), oligos={"strand": strand},
        )  # fmt: skip
        (row,) = table.to_pylist()
        reference, alternative = np.mean(pairs, axis=0)
        for column, name in enumerate(["rich", "poor"]):
            assert row[f"REF/{name}"] == pytest.approx(reference[column], abs=1e-5)
            assert row[f"ALT/{name}"] == pytest.approx(alternative[column], abs=1e-5)
            difference = alternative[column] - reference[column]
            assert row[f"SAD/{name}"] == pytest.approx(difference, abs=2e-5)
            assert row[f"SAD/{name}"] != 0


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("removed", "inserted"), [(4, "A"), (1, "GATTACA"), (3, "TTT"), (12, "C"), (1, "ACGTACGTAC")]
)
def test_insertions_and_deletions_are_read_as_sequences(files, removed, inserted, strand):
    pos = 6000
    ref = LETTERS[pos - 1 : pos - 1 + removed]
    alt = LETTERS[pos - 1] + inserted[1:] if removed > 1 else inserted
    other = LETTERS[: pos - 1] + alt + LETTERS[pos - 1 + removed :]
    place = next(i for i, (a, b) in enumerate(zip(LETTERS, other)) if a != b)
    reference, alternative = by_hand(files, LETTERS, other, place, reverse=strand == "-")
    (row,) = scored(files, [("chrI", pos, ref, alt)], oligos={"strand": strand}).to_pylist()
    assert row["SAD/rich"] == pytest.approx(alternative[0] - reference[0], abs=2e-5)


@pytest.mark.parametrize("pos", [1, 4, 2995, 3000])
def test_oligos_end_where_the_contig_does(files, pos):
    contig = LETTERS[:3000]
    ref = contig[pos - 1]
    alt = "A" if ref != "A" else "C"
    other = contig[: pos - 1] + alt + contig[pos:]
    reference, alternative = by_hand(files, contig, other, pos - 1)
    (row,) = scored(files, [("chrII", pos, ref, alt)], oligos={"strand": "+"}).to_pylist()
    assert row["SAD/rich"] == pytest.approx(alternative[0] - reference[0], abs=2e-5)
    assert 0 <= row["window"] <= 3000 - INSERT


@given(
    before=st.text("ACGT", min_size=30, max_size=40),
    motif=st.text("ACGT", min_size=1, max_size=3),
    copies=st.integers(2, 5),
    behind=st.text("ACGT", min_size=30, max_size=40),
    strand=st.sampled_from("+-"),
)
def test_however_a_file_writes_a_deletion_the_oligos_are_the_same(
    before, motif, copies, behind, strand
):
    # The repeat ends on both sides, so that the alleles differ where oligos are.
    other = str.maketrans("ACGT", "CATG")
    before, behind = before + motif[-1].translate(other), motif[0].translate(other) + behind
    text = before + motif * copies + behind

    contig = SimpleNamespace(
        lengths={"c": len(text)}, codes=lambda _, start, end: encode(text[start:end])
    )
    rule = OligoRule(INSERT, PLACES, "", "")
    found = []
    for copy in range(copies):
        position = len(before) + copy * len(motif)
        allele = Allele(position, len(motif), np.zeros(0, np.uint8))
        (pair,) = rule.cut(contig, "c", allele, strand)
        found.append(pair)
    for pair in found[1:]:
        np.testing.assert_array_equal(pair.reference, found[0].reference)
        np.testing.assert_array_equal(pair.alternative, found[0].alternative)
        assert pair.start == found[0].start
    # A deletion shows in every oligo whose insert goes on behind it.
    assert (found[0].reference != found[0].alternative).any(axis=1).all()


def test_the_strand_is_that_of_the_gene_and_the_promoter_its_own(files):
    ref = LETTERS[4999]
    alleles = [("chrI", 5000, ref, "A" if ref != "A" else "C")]
    table, genes = scored(files, alleles, genes=files["gtf"])
    ahead = scored(files, alleles, oligos={"strand": "+"}).to_pylist()[0]
    back = scored(files, alleles, oligos={"strand": "-"}).to_pylist()[0]
    # G1 has transcripts on both strands: its strand is that of the first.
    assert [row["gene_id"] for row in genes.to_pylist()] == ["G1"]
    (row,) = genes.to_pylist()
    assert (row["strand"], row["distance"]) == ("+", 1)
    assert row["SED/rich"] == ahead["SAD/rich"]
    (mean,) = table.to_pylist()
    assert mean["SAD/rich"] == pytest.approx((ahead["SAD/rich"] + back["SAD/rich"]) / 2, rel=1e-5)


def test_alleles_in_no_promoter_have_no_strand_of_a_gene(files):
    change = str.maketrans("ACGT", "GTCA")
    # 200 bp before G2 on the other strand, 2,000 bp before it, and nowhere near.
    alleles = [
        ("chrI", pos, LETTERS[pos - 1], LETTERS[pos - 1].translate(change))
        for pos in (20300, 22100, 9000)
    ]
    options = {"genes": files["gtf"], "oligos": {"strand": "gene"}}
    table, genes = scored(files, alleles, **options)
    assert table.column("status").to_pylist() == ["ok", "no_promoter", "no_promoter"]
    back = scored(files, alleles[:1], oligos={"strand": "-"}).to_pylist()[0]
    assert table.to_pylist()[0]["SAD/rich"] == pytest.approx(back["SAD/rich"], rel=1e-5)
    assert [row["gene_id"] for row in genes.to_pylist()] == ["G2"]
    with pytest.raises(bk.InputError, match="--strand gene: pass --genes"):
        scored(files, alleles, oligos={"strand": "gene"})


def test_promoters_reach_from_so_many_bases_before_a_start_to_so_many_behind():
    genes = Genes([Gene("P", "", "+", "c", (1000,)), Gene("M", "", "-", "c", (2000,))])

    def found(place):
        return {gene.gene_id: distance for gene, distance in genes.with_promoter("c", place, 30, 5)}

    assert found(969) == {}
    assert found(970) == {"P": 30}
    assert found(1004) == {"P": 4}
    assert found(1005) == {}
    assert found(2030) == {"M": 30}
    assert found(2031) == {}
    assert found(1996) == {"M": 4}
    assert found(1995) == {}
    assert genes.with_promoter("d", 1000, 30, 5) == []


def test_an_allele_that_changes_nothing_scores_exactly_zero(files):
    ref = LETTERS[5000:5003]
    table = scored(files, [("chrI", 5001, ref, ref.lower())])
    assert table.to_pylist()[0]["SAD/rich"] == table.to_pylist()[0]["SAD/poor"] == 0


ROWS = [*snvs(7), line(6000, "A", "<DEL>"), line(6001, LETTERS[6000:6004], LETTERS[6000])]


def test_the_table_of_the_command_is_that_in_memory(files, tmp_path):
    rows = [*ROWS, line(6100, LETTERS[6099], "A" * 13), *snvs(1), line(5, chrom="chrX")]
    expected = score(
        files, tmp_path, rows, reporter="library", scores="SAD,ALT", genes=files["gtf"],
        insert=10, places="2,5", ends="AC,", strand="-", activities="poor", promoter="40,9",
    )  # fmt: skip
    assert list(expected.columns[-2:]) == ["SAD/poor", "ALT/poor"]
    statuses = ["ok"] * 7 + ["symbolic", "ok", "too_long", "ok", "unknown_contig"]
    assert expected["status"].tolist() == statuses
    assert expected["SAD/poor"].notna().tolist() == [status == "ok" for status in statuses]
    again = scored(
        files, tmp_path / "in.vcf", scores=("SAD", "ALT"), genes=files["gtf"],
        oligos={"insert": 10, "places": (2, 5), "ends": ("AC", ""), "strand": "-",
                "activities": ("poor",), "promoter": (40, 9)},
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.alleles.to_pandas(), expected)
    genes = pd.read_parquet(tmp_path / "x.genes.parquet")
    pd.testing.assert_frame_equal(again.genes.to_pandas(), genes)
    metadata = json.loads(again.alleles.schema.metadata[b"basenji_score"])
    assert metadata["reporter"] == "library"
    assert metadata["definitions"]["SAD"]["formula"] == "mean (a - r)"
    assert metadata["places"] == [2, 5]


@pytest.mark.parametrize("out", ["x.tsv", "x.vcf.gz"])
def test_formats_and_shards(files, tmp_path, out):
    whole = tmp_path / "whole"
    whole.mkdir()
    score(files, whole, ROWS, out, reporter="library", part_size=2)
    for number in (1, 2):
        score(
            files, tmp_path, ROWS, f"{number}.{out}", reporter="library", part_size=2,
            shard=f"{number}/2",
        )  # fmt: skip
    words = ["merge-scores", *(str(tmp_path / f"{number}.{out}") for number in (1, 2))]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / out)])
    assert done.exit_code == 0, done.stderr
    texts = [
        (gzip.open if out.endswith(".gz") else open)(folder / out, "rt").read().splitlines()
        for folder in (whole, tmp_path)
    ]
    rows = [[each for each in text if not each.startswith("##basenji")] for text in texts]
    assert rows[0] == rows[1]
    assert any("SAD_rich" in each or "SAD/rich" in each for each in rows[0])


def test_quantiles_among_a_background_of_the_same_reporter(files, tmp_path):
    score(files, tmp_path, ROWS, "b.parquet", reporter="library")
    found = score(files, tmp_path, ROWS, reporter="library", background=tmp_path / "b.parquet")
    assert found["SAD_quantile/rich"].mean() == pytest.approx(0.5)
    message = score(
        files, tmp_path, ROWS, "y.parquet", status=2, reporter="library", strand="+",
        background=tmp_path / "b.parquet",
    )  # fmt: skip
    assert 'another strand ("both", now "+")' in message


def test_a_contig_that_is_too_short_says_so(files, tmp_path):
    fasta = tmp_path / "short.fa"
    fasta.write_text(">short\nACGTACGTACG\n>enough\nACGTACGTACGT\n")
    alleles = [("short", 5, "A", "C"), ("enough", 5, "A", "C"), ("enough", 5, "AC", "A")]
    table = scored(files, alleles, contig=fasta)
    assert table.column("status").to_pylist() == ["short_contig", "ok", "short_contig"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reporter": "libary"}, "has no reporter 'libary': expected one of library"),
        ({"reporter": "library", "tracks": "access"}, "--tracks is of tracks: leave it out"),
        ({"reporter": "library", "window": "grid"}, "--window is of tracks"),
        ({"reporter": "library", "bins": "center:3"}, "--bins is of tracks"),
        ({"reporter": "library", "shifts": "0,1"}, "--shifts is of tracks"),
        ({"reporter": "library", "indels": "anchor"}, "--indels is of tracks"),
        ({"reporter": "library", "scores": "logFC"}, "no score 'logFC' of a reporter: expected"),
        ({"reporter": "library", "scores": "SAD,SAD"}, "names a score twice"),
        ({"reporter": "library", "activities": "rch"}, "no activity 'rch': expected one of rich"),
        ({"reporter": "library", "insert": 57}, "--insert 57: expected 1 to 56 bp"),
        ({"reporter": "library", "places": "12"}, "--places 12: expected different bases"),
        ({"reporter": "library", "places": "1,1"}, "--places 1,1"),
        ({"reporter": "library", "places": "a"}, "--places: expected whole numbers"),
        ({"reporter": "library", "ends": "ACGT"}, "--ends ACGT: expected LEFT,RIGHT"),
        ({"reporter": "library", "ends": "AXT,A"}, "--ends: 'X' is no base"),
        ({"reporter": "library", "promoter": "9"}, "--promoter 9: expected two numbers"),
        ({"reporter": "library", "promoter": "0,0"}, "--promoter 0,0: expected bases before"),
        ({"insert": 9}, "--insert is of reporters: pass --reporter NAME too"),
    ],
)
def test_what_cannot_be_is_one_line(files, tmp_path, options, message):
    assert message in score(files, tmp_path, snvs(1), status=2, **options)


def test_a_model_without_reporters_says_so(files_of_tracks, tmp_path):
    message = score(files_of_tracks, tmp_path, snvs(1), status=2, reporter="promoter")
    assert "has no reporter: it predicts tracks only" in message


def test_models_whose_reporters_measure_something_else_are_not_averaged(files, tmp_path):
    from basenji_kipoi.models.model import Model

    model = bk.load([files["model"], files["model"]])
    other = model.bundles[1]
    changed = ASSAY.model_copy(update={"left": "ACGT"})
    other.assays["library"] = changed
    with pytest.raises(bk.InputError, match="are of other assays"):
        Model(model.bundles).assay_of("library")


def test_an_interrupted_run_goes_on(files, tmp_path, monkeypatch):
    from basenji_kipoi.scoring.parts.reporters import ReporterScoring

    whole = score(files, tmp_path, ROWS, "whole.parquet", reporter="library", part_size=3)
    computed, compute = [], ReporterScoring._compute

    def stopped(self, requests, *rest):
        computed.append(len(requests))
        if len(computed) == 2:
            raise KeyboardInterrupt
        return compute(self, requests, *rest)

    monkeypatch.setattr(ReporterScoring, "_compute", stopped)
    words = arguments(files, tmp_path, ROWS, reporter="library", part_size=3)
    assert CliRunner().invoke(app, words).exit_code != 0
    assert not (tmp_path / "x.parquet").exists()
    found = score(files, tmp_path, ROWS, reporter="library", part_size=3, resume=True)
    pd.testing.assert_frame_equal(found, whole)
    assert len(computed) == 4
