"""Genes of two haplotypes, all variants together."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporter_model import make_reporter_bundle
from score_command import LETTERS, OTHER
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import encode, letters
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.haplotypes import Haplotype

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=chrI>\n##contig=<ID=chrII>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tBY\tRM\tF1\n"
)
PLUS, MINUS = 5001, 20100  # starts of transcription, from 1


def record(pos, ref=None, alt=None, calls="0 1 0|1", chrom="chrI"):
    ref = LETTERS[pos - 1] if ref is None else ref
    alt = ref.translate(OTHER) if alt is None else alt
    return "\t".join([chrom, str(pos), ".", ref, alt, ".", ".", ".", "GT", *calls.split()])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("haplotypes")
    (folder / "genome.fa").write_text(f">chrI\n{LETTERS}\n>chrII\n{LETTERS[:3000]}\n")
    (folder / "genes.gtf").write_text(
        f'chrI\tx\ttranscript\t{PLUS}\t5100\t.\t+\t.\tgene_id "P"; gene_name "plus";\n'
        f'chrI\tx\ttranscript\t20001\t{MINUS}\t.\t-\t.\tgene_id "M";\n'
        'chrII\tx\ttranscript\t1501\t1600\t.\t+\t.\tgene_id "F";\n'
    )
    model = make_reporter_bundle(folder / "model")
    return {
        "model": model, "fasta": folder / "genome.fa", "genes": folder / "genes.gtf",
        "loaded": bk.load(model),
    }  # fmt: skip


def compared(files, folder, records, out="x.parquet", *, status=0, header=HEADER, **options):
    """Run the command; return its table by gene, or the message if it is expected to fail."""
    vcf = folder / "in.vcf"
    if records is not None:
        vcf.write_text(header + "".join(f"{each}\n" for each in records))
    options = {"second": "RM", **options} if "sample" not in options else options
    words = ["haplotypes", "--vcf", str(options.pop("vcf", vcf)), "--out", str(folder / out)]
    words += ["--genes", str(options.pop("genes", files["genes"]))]
    for name in ("model", "fasta"):
        words += [f"--{name}", str(options.pop(name, files[name]))]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    run = CliRunner().invoke(app, words)
    assert run.exit_code == status, run.stderr
    if status:
        assert run.stderr.startswith("error: ")
        assert run.stderr.count("\n") == 1
        return run.stderr
    return pd.read_parquet(folder / out).set_index("gene_id") if out == "x.parquet" else run.stderr


def by_hand(files, texts, places, tracks):
    """SED and logSED of a start, by whole windows of two texts with the start at their places."""
    totals = []
    for text, place in zip(texts, places):
        padded = "N" * 2048 + text + "N" * 2048
        first = place + 2048 - 1023
        values = files["loaded"].predict(padded[first : first + 2048])
        totals.append(values[1023 // 32 - 4, tracks].astype(float))
    change = totals[1] - totals[0]
    return change, np.log2((totals[1] + 1) / (totals[0] + 1))


def test_all_variants_together_insertions_and_deletions_too(files, tmp_path):
    # An SNV, a deletion and an insertion before the start, a deletion and an SNV behind.
    edits = [
        (4700, LETTERS[4699], None),
        (4800, LETTERS[4799:4805], LETTERS[4799]),
        (4900, LETTERS[4899], LETTERS[4899] + "GATTACAGA"),
        (5050, LETTERS[5049:5052], LETTERS[5049]),
        (5400, LETTERS[5399], None),
    ]
    rows, text, place = [], LETTERS, PLUS - 1
    for pos, ref, alt in edits:
        rows.append(record(pos, ref, alt))
    for pos, ref, alt in reversed(edits):
        changed = ref.translate(OTHER) if alt is None else alt
        text = text[: pos - 1] + changed + text[pos - 1 + len(ref) :]
        place += (len(changed) - len(ref)) if pos < PLUS else 0
    sed, log_sed = by_hand(files, (LETTERS, text), (PLUS - 1, place), [0, 1, 2])
    table = compared(files, tmp_path, rows)
    names = ["access", "start_plus", "start_minus"]
    np.testing.assert_allclose(table.loc["P", [f"SED/{n}" for n in names]].astype(float), sed,
                               rtol=1e-3, atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(table.loc["P", [f"logSED/{n}" for n in names]].astype(float),
                               log_sed, rtol=1e-3, atol=1e-5)  # fmt: skip
    assert np.abs(sed).min() > 1e-4
    assert table.loc["P", ["first_variants", "second_variants"]].tolist() == [0, 5]
    assert (table["status"] == "ok").all()
    # Genes without a variant in their window: exactly nothing.
    assert table.loc["M", "second_variants"] == 0
    assert (table.loc[["M", "F"], [f"SED/{n}" for n in names]] == 0).all(axis=None)
    assert (table.loc[["M", "F"], [f"logSED/{n}" for n in names]] == 0).all(axis=None)


@pytest.mark.parametrize(("pos", "gene"), [(PLUS, "P"), (MINUS, "M")])
def test_one_variant_at_the_start_is_that_variants_own_score(files, tmp_path, pos, gene):
    # There, the window of the variant is that of the gene.
    table = compared(files, tmp_path, [record(pos)], tracks="access,start_plus")
    ref = LETTERS[pos - 1]
    alleles = [("chrI", pos, ref, ref.translate(OTHER))]
    _, genes = bk.score(
        files["loaded"], files["fasta"], alleles,
        genes=files["genes"], tracks=["access", "start_plus"], progress=False,
    )  # fmt: skip
    (row,) = genes.to_pylist()
    for name in ("SED/access", "SED/start_plus", "logSED/access"):
        assert table.loc[gene, name] == pytest.approx(row[name], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("options", [{"tracks": "access"}, {"reporter": "library"}])
def test_from_python_the_table_is_the_same(files, tmp_path, options):
    written = compared(files, tmp_path, [record(4990), record(5010)], **options)
    table = bk.compare_haplotypes(
        files["loaded"], files["fasta"], tmp_path / "in.vcf", files["genes"], second="RM",
        progress=False, **options,
    )  # fmt: skip
    pd.testing.assert_frame_equal(table.to_pandas().set_index("gene_id"), written)


def test_from_python_too_a_sample_must_be_there(files, tmp_path):
    compared(files, tmp_path, [record(4990)], tracks="access")
    given = files["loaded"], files["fasta"], tmp_path / "in.vcf", files["genes"]
    with pytest.raises(bk.InputError, match="has no sample 'BZ'"):
        bk.compare_haplotypes(*given, second="BZ", progress=False)


@pytest.mark.parametrize(("pos", "gene"), [(PLUS - 40, "P"), (MINUS + 40, "M")])
def test_one_variant_through_the_reporter_is_that_variants_own_score(files, tmp_path, pos, gene):
    table = compared(files, tmp_path, [record(pos)], reporter="library")
    # Oligos of 12 begin every 3 bases from the promoter's first ones on.
    first = PLUS - 1 - 300 if gene == "P" else MINUS - 1 + 300
    from_first = abs(pos - 1 - first)
    places = [(from_first + 12 - 3 - 3 * n) for n in range(200)]
    places = tuple(sorted(place for place in places if 0 <= place < 12))
    assert len(places) == 4
    ref = LETTERS[pos - 1]
    alleles = [("chrI", pos, ref, ref.translate(OTHER))]
    _, genes = bk.score(
        files["loaded"], files["fasta"], alleles, genes=files["genes"], reporter="library",
        oligos=bk.Oligos(places=places, strand="gene"), progress=False,
    )  # fmt: skip
    (row,) = genes.to_pylist()
    assert row["gene_id"] == gene
    for name in ("SED/rich", "SED/poor"):
        assert table.loc[gene, name] == pytest.approx(row[name], rel=1e-4, abs=1e-5)
    assert table.loc[gene, "second_variants"] == 1
    assert (table.drop(gene)[["SED/rich", "SED/poor"]] == 0).all(axis=None)


def test_haplotypes_of_one_sample_and_samples_against_each_other(files, tmp_path):
    rows = [record(4990, calls="1 0 0|1"), record(5010, calls="0 1 1|0")]
    options = {"tracks": "access"}
    one = compared(files, tmp_path, rows, sample="F1", overwrite=True, **options)
    # F1's second copy has what BY has, its first what RM has.
    two = compared(files, tmp_path, rows, first="RM", second="BY", overwrite=True, **options)
    pd.testing.assert_frame_equal(one, two)
    back = compared(files, tmp_path, rows, first="F1:2", second="F1:1", overwrite=True, **options)
    assert back.loc["P", "SED/access"] == -one.loc["P", "SED/access"] != 0
    same = compared(files, tmp_path, rows, first="F1:1", second="RM", overwrite=True, **options)
    assert (same["SED/access"] == 0).all()
    assert same.loc["P", ["first_variants", "second_variants"]].tolist() == [1, 1]


def test_what_is_left_out_is_told_of_the_gene_that_it_lies_at(files, tmp_path):
    rows = [
        record(4900, calls="0 0 0/1"),
        record(4910, calls="0 0 .|1"),
        record(4920, alt="<DEL>", calls="0 0 0|1"),
        record(4930, alt="*", calls="0 0 0|1"),
        record(4940, LETTERS[4939].translate(OTHER), LETTERS[4939], calls="0 0 1|1"),
        record(4950, LETTERS[4949:4955], LETTERS[4949], calls="0 0 0|1"),
        record(4952, calls="0 0 0|1"),
        record(4990, calls="0 0 0|1"),
        record(20100, calls="0 0 1/1"),
    ]
    table = compared(files, tmp_path, rows, sample="F1", tracks="access")
    row = table.loc["P"]
    assert row["status"] == "incomplete"
    assert row["reason"] == (
        "2 missing_genotype; 1 overlapping; 2 ref_mismatch; 1 symbolic; 2 unphased"
    )
    assert row[["first_variants", "second_variants"]].tolist() == [0, 2]
    assert row["SED/access"] != 0
    # Homozygous ones need no phase, and change nothing between the copies.
    other = table.loc["M"]
    assert other[["first_variants", "second_variants", "status"]].tolist() == [1, 1, "ok"]
    assert other["SED/access"] == 0
    # A sample's name alone is enough where it has one allele.
    alone = compared(files, tmp_path, rows, second="F1", tracks="access", overwrite=True)
    assert "unphased" in alone.loc["P", "reason"]


def test_genes_whose_variants_lie_in_two_phase_sets_are_told(files, tmp_path):
    header = HEADER.replace(
        "#CHROM", '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n#CHROM'
    )

    def phased(pos, calls):
        return record(pos, calls=calls).replace("\tGT\t", "\tGT:PS\t")

    rows = [
        phased(4980, "0:. 0:. 0|1:4980"),
        phased(4990, "0:. 0:. 1|0:4990"),
        phased(20090, "0:. 0:. 0|1:4990"),
        phased(20095, "0:. 0:. 1|1:7"),  # homozygous: of no set
    ]
    table = compared(files, tmp_path, rows, header=header, sample="F1", tracks="access")
    assert table.loc["P", ["status", "reason"]].tolist() == ["incomplete", "2 phase_sets"]
    assert table.loc["M", "status"] == "ok"
    assert table.loc["P", ["first_variants", "second_variants"]].tolist() == [1, 1]
    # A sample's name alone means homozygous variants, which have no phase.
    alone = compared(
        files, tmp_path, rows, header=header, second="F1", tracks="access", overwrite=True
    )
    assert alone.loc["P", "reason"] == "2 unphased"


def test_a_haploid_sample_has_no_second_copy(files, tmp_path):
    table = compared(files, tmp_path, [record(4990)], sample="RM", tracks="access")
    assert table.loc["P", ["status", "reason"]].tolist() == ["incomplete", "1 haploid"]
    assert table.loc["M", "status"] == "ok"


EDIT = st.tuples(st.integers(0, 59), st.integers(1, 4), st.text("ACGT", min_size=1, max_size=4))


@given(
    text=st.text("ACGT", min_size=60, max_size=60),
    edits=st.lists(EDIT, max_size=8),
    anchor=st.integers(0, 59),
    before=st.integers(0, 70),
    behind=st.integers(1, 70),
    only=st.none() | st.tuples(st.integers(0, 30), st.integers(30, 60)),
)
def test_a_stretch_is_cut_from_the_edited_text(text, edits, anchor, before, behind, only):
    kept, here = [], 0
    for start, removed, inserted in sorted(edits):
        if start >= here and start + removed <= 60:
            kept.append((start, start + removed, inserted))
            here = start + removed

    class Genome:
        def codes(self, _, start, end):
            inside = text[max(start, 0) : max(end, 0)]
            left = "N" * (min(0, end) - min(start, 0))
            return encode(left + inside + "N" * (end - start - len(left) - len(inside)))

    rows = [(start, end, encode(inserted)) for start, end, inserted in kept]
    found = Haplotype({"c": rows}).around(Genome(), "c", anchor, before, behind, only)
    if only is not None:
        kept = [row for row in kept if row[0] in range(*only)]
    # Each base of the edited text with the reference's base that it stands for.
    whole, here = [], 0
    for start, end, inserted in kept:
        whole += [(text[i], i) for i in range(here, start)]
        whole += [(base, min(start + i, end - 1)) for i, base in enumerate(inserted)]
        here = end
    whole += [(text[i], i) for i in range(here, 60)]
    place = next((i for i, (_, origin) in enumerate(whole) if origin >= anchor), len(whole))
    padded = "N" * 70 + "".join(base for base, _ in whole) + "N" * 140
    assert "".join(letters(found.codes)) == padded[70 + place - before : 70 + place + behind]
    assert len(found.origin) == before + behind
    assert (np.diff(found.origin) >= 0).all()


@pytest.mark.parametrize("kind", ["gzip", "carriage returns", "numbers"])
def test_other_files(files, tmp_path, kind):
    rows = [record(4990), record(5010)]
    expected = compared(files, tmp_path, rows, tracks="access")
    text = HEADER + "".join(f"{each}\n" for each in rows)
    if kind == "carriage returns":
        text = text.replace("\n", "\r\n")
    if kind == "numbers":
        text = text.replace("chrI", "I")
    packed = tmp_path / ("y.vcf.gz" if kind == "gzip" else "y.vcf")
    packed.write_bytes(gzip.compress(text.encode()) if kind == "gzip" else text.encode())
    found = compared(files, tmp_path, None, vcf=packed, tracks="access", overwrite=True)
    pd.testing.assert_frame_equal(found, expected)


def test_an_interrupted_run_goes_on_to_the_same_file(files, tmp_path, monkeypatch):
    from basenji_kipoi.scoring.haplotypes.comparing import TrackComparison

    monkeypatch.setattr("basenji_kipoi.scoring.haplotypes.comparing._GENES", 1)
    rows = [record(4990), record(20090)]
    compared(files, tmp_path, rows, "whole.tsv", tracks="access")
    called, compare = [], TrackComparison.__call__

    def stopped(self, genes, *rest):
        called.append(genes)
        if len(called) == 2:
            raise KeyboardInterrupt
        return compare(self, genes, *rest)

    monkeypatch.setattr(TrackComparison, "__call__", stopped)
    words = ["haplotypes", "--model", str(files["model"]), "--fasta", str(files["fasta"])]
    words += ["--vcf", str(tmp_path / "in.vcf"), "--genes", str(files["genes"]), "--second", "RM"]
    words += ["--tracks", "access", "--out", str(tmp_path / "x.tsv")]
    assert CliRunner().invoke(app, words).exit_code != 0
    assert not (tmp_path / "x.tsv").exists()
    done = CliRunner().invoke(app, [*words, "--resume"])
    assert done.exit_code == 0, done.stderr
    assert len(called) == 4
    texts = [(tmp_path / name).read_text().splitlines()[1:] for name in ("x.tsv", "whole.tsv")]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"second": "RN"}, "has no sample 'RN' (it has RM, "),
        ({"second": "F1:3"}, "has no sample 'F1:3'"),
        ({"second": "RM", "first": "by"}, "has no sample 'by'"),
        ({"sample": "F1", "second": "RM"}, "pass --sample NAME, or --second HAPLOTYPE"),
        ({"sample": "F1", "first": "RM"}, "--sample compares its own two haplotypes"),
        ({"reporter": "other"}, "has no reporter 'other': expected one of library"),
        ({"reporter": "library", "tracks": "access"}, "--tracks is of tracks"),
        ({"insert": 3}, "--insert is of reporters: pass --reporter NAME too"),
        ({"tracks": "dnase"}, "no track 'dnase'"),
        ({"out": "x.vcf"}, "a gene has no record: write .parquet or .tsv"),
    ],
)
def test_what_cannot_be_is_one_line(files, tmp_path, options, message):
    assert message in compared(files, tmp_path, [record(4990)], status=2, **options)
    assert not list(tmp_path.glob("x*"))


def test_variants_of_another_genome_or_without_genotypes_are_refused(files, tmp_path):
    plain = HEADER.replace("\tFORMAT\tBY\tRM\tF1", "")
    row = "\t".join(record(4990).split("\t")[:8])
    message = compared(files, tmp_path, [row], status=2, header=plain)
    assert "has no genotypes: expected a VCF with a column of RM" in message
    rows = [record(pos, LETTERS[pos - 1].translate(OTHER)) for pos in range(4000, 4030)]
    message = compared(files, tmp_path, rows, status=2)
    assert "REF is not the sequence of" in message
    message = compared(files, tmp_path, [record(4990, chrom="chr9")], status=2,
                       header=HEADER.replace("chrII", "chr9"))  # fmt: skip
    assert "has none of its contigs: no 'chr9'" in message
