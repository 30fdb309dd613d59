"""Scores in memory: the tables that `basenji score` writes."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from score_command import HEADER, LETTERS, files, line, score, snvs

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError

__all__ = ["files"]

ROWS = [*snvs(12), line(6000, "A", "<DEL>"), line(6001, "A" * 3, "A"), line(9, chrom="chrX")]


@pytest.fixture(scope="module")
def vcf(tmp_path_factory):
    path = tmp_path_factory.mktemp("vcf") / "in.vcf"
    path.write_text(HEADER + "".join(f"{row}\n" for row in ROWS))
    return path


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ({}, {}),
        (
            {"scores": "SAD,logFC", "tracks": "start_*", "shifts": "-1,0,1", "bins": "center:5"},
            {"scores": ("SAD", "logFC"), "tracks": "start_*", "shifts": (-1, 0, 1), "bins": 5},
        ),
        ({"window": "cluster:200", "long": True}, {"cluster": 200, "long": True}),
        ({"window": "grid", "indels": "stitch"}, {"window": "grid", "indels": "stitch"}),
    ],
)
def test_the_table_is_that_of_the_command(files, vcf, tmp_path, command, options):
    expected = score(files, tmp_path, str(vcf), **command)
    found = bk.score(bk.load(files["model"]), files["fasta"], vcf, **options)
    pd.testing.assert_frame_equal(found.to_pandas(), expected)
    metadata = json.loads(found.schema.metadata[b"basenji_score"])
    assert metadata["window"] == command.get("window", "centred")
    assert metadata["definitions"]["SAD"]["formula"] == bk.SCORES["SAD"].formula


def test_genes_come_in_a_second_table(files, vcf, tmp_path):
    expected = score(files, tmp_path, str(vcf), genes=files["gtf"])
    alleles, genes = bk.score(files["model"], files["fasta"], vcf, genes=files["gtf"])
    pd.testing.assert_frame_equal(alleles.to_pandas(), expected)
    pd.testing.assert_frame_equal(genes.to_pandas(), pd.read_parquet(tmp_path / "x.genes.parquet"))
    with bk.Genome(files["fasta"]) as genome:
        read = bk.read_genes(files["gtf"], genome)
        again = bk.score(files["model"], genome, vcf, genes=read)
    assert again.genes.equals(genes)


def test_variants_come_one_by_one(files, vcf):
    model = bk.load(files["model"])
    expected = bk.score(model, files["fasta"], vcf)
    rows = [row.split("\t") for row in ROWS]
    given = [(chrom, int(pos), ref, alt) for chrom, pos, _, ref, alt, *_ in rows]
    assert bk.score(model, files["fasta"], given).equals(expected)
    assert bk.score(model, files["fasta"], []).num_rows == 0


def test_quantiles_among_a_background(files, vcf, tmp_path):
    score(files, tmp_path, str(vcf), out="b.parquet")
    found = bk.score(files["model"], files["fasta"], vcf, background=tmp_path / "b.parquet")
    expected = score(files, tmp_path, str(vcf), background=tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(found.to_pandas(), expected)
    with pytest.raises(InputError, match="was made with another shifts"):
        bk.score(
            files["model"], files["fasta"], vcf, background=tmp_path / "b.parquet", shifts=(1,)
        )


@pytest.mark.parametrize(
    ("variants", "options", "message"),
    [
        ("none.vcf", {}, "the VCF file none.vcf does not exist"),
        ([("chrI", 5000, "A")], {}, "no variant .*: expected \\(contig, position counted from 1"),
        ([("chrI", "x", "A", "C")], {}, "no variant"),
        ([], {"scores": ["SED"]}, "no score 'SED'"),
        ([], {"bins": 99}, "N from 1 to 56"),
        ([], {"shifts": (1, 1)}, "must be different"),
        ([], {"tracks": "dnase"}, "tracks: no track 'dnase'"),
        (
            [("chrI", pos, LETTERS[pos], "N") for pos in range(5000, 6000, 20)],
            {},
            "the list of variants: REF is not the genome's sequence in",
        ),
    ],
)
def test_input_that_cannot_be_used(files, variants, options, message):
    with pytest.raises(InputError, match=message):
        bk.score(files["model"], files["fasta"], variants, **options)
