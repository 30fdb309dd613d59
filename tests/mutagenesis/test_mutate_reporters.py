"""Saturation mutagenesis of what a reporter measures."""

import h5py
import numpy as np
import pytest
from reporter_model import ASSAY, make_reporter_bundle
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import letters
from basenji_kipoi.cli.app import app

START, END = 200, 206


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reporter")
    drawn = np.random.default_rng(5).choice(list("ACGT"), 1000)
    drawn[START + 1] = "N"
    fasta = folder / "genome.fa"
    fasta.write_text(f">chr1\n{''.join(drawn)}\n>tiny\nACGTACGT\n")
    (folder / "x.bed").write_text(f"chr1\t{START}\t{END}\there\n")
    model = make_reporter_bundle(folder / "model")
    return {"model": bk.load(model), "fasta": fasta, "bed": folder / "x.bed", "at": model}


def bases(genome, start, end):
    return "".join(letters(genome.codes("chr1", start, end)))


@pytest.mark.parametrize("strand", ["both", "+", "-"])
def test_each_mutation_has_the_score_of_its_variant(files, strand):
    genome, oligos = bk.Genome(files["fasta"]), bk.Oligos(strand=strand)
    found = bk.mutate(
        files["model"], genome, ("chr1", START, END), reporter="library", oligos=oligos
    )
    assert found.labels == ASSAY.identifiers
    reference = bases(genome, START, END)
    places = [
        (row, base)
        for row in range(END - START)
        for base in "ACGT"
        if reference[row] in "ACGT" and base != reference[row]
    ]
    alleles = [("chr1", START + row + 1, reference[row], base) for row, base in places]
    table = bk.score(files["model"], genome, alleles, reporter="library", oligos=oligos)
    for number, label in enumerate(found.labels):
        ours = [found.scores["SAD"][row, "ACGT".index(base), number] for row, base in places]
        np.testing.assert_allclose(ours, table[f"SAD/{label}"].to_numpy(), rtol=1e-5, atol=1e-7)
    assert np.isnan(found.scores["SAD"][1]).all()
    kept = [(row, "ACGT".index(reference[row])) for row in range(END - START) if row != 1]
    assert not any(found.scores["SAD"][row, base].any() for row, base in kept)


def test_each_deletion_has_the_score_of_its_variant(files):
    genome = bk.Genome(files["fasta"])
    found = bk.mutate(
        files["model"], genome, ("chr1", START + 2, END), deleted=2, reporter="library"
    )
    # A VCF writes a deletion with a base that stays: here the one behind it.
    pieces = [bases(genome, place, place + 3) for place in range(START + 2, END)]
    alleles = [("chr1", START + 3 + row, piece, piece[-1]) for row, piece in enumerate(pieces)]
    table = bk.score(files["model"], genome, alleles, reporter="library")
    for number, label in enumerate(found.labels):
        wanted = table[f"SAD/{label}"].to_numpy()
        np.testing.assert_allclose(found.scores["SAD"][:, number], wanted, rtol=1e-5, atol=1e-7)


def command(files, out, *more):
    return CliRunner().invoke(
        app,
        ["mutate", "--model", files["at"], "--fasta", files["fasta"], "--bed", files["bed"],
         "--out", out, "--reporter", "library", *more],
    )  # fmt: skip


def test_the_command_writes_activities_and_what_oligos_are(files, tmp_path):
    out = tmp_path / "map.h5"
    last = ASSAY.identifiers[-1]
    done = command(
        files, str(out), "--activities", last, "--insert", "20", "--strand", "+",
        "--plots", str(tmp_path / "figures"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"wrote {out}: {END - START} positions, 1 activity" in done.stderr
    with h5py.File(out) as content:
        assert content["tracks/identifier"].asstr()[:].tolist() == [last]
        assert content.attrs["reporter"] == "library"
        assert (content.attrs["insert"], content.attrs["strand"]) == (20, "+")
        written = content["scores/SAD"][:]
    oligos = bk.Oligos(insert=20, strand="+", activities=(last,))
    found = bk.mutate(
        files["model"], files["fasta"], ("chr1", START, END), reporter="library", oligos=oligos
    )
    np.testing.assert_array_equal(written, found.scores["SAD"])
    assert len(list((tmp_path / "figures").glob("*.png"))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tracks": "access"}, "--tracks is of tracks: leave it out with --reporter"),
        ({"both_strands": True}, "--both-strands is of tracks"),
        ({"scores": ("ALT",)}, "ALT is no effect of a mutation"),
        ({"scores": ("logSAD",)}, "no score 'logSAD' of a reporter"),
        ({"reporter": "libary"}, "expected one of library"),
        ({"reporter": None, "oligos": bk.Oligos(insert=3)}, "--insert is of reporters"),
        ({"oligos": bk.Oligos(strand="gene")}, "--strand gene: intervals have no genes"),
        ({"intervals": ("tiny", 2, 4)}, "tiny has 8 bp, too few for an oligo"),
    ],
)
def test_what_cannot_be_is_said(files, options, message):
    given = {"reporter": "library", "intervals": ("chr1", START, END), **options}
    with pytest.raises(InputError, match=message):
        bk.mutate(files["model"], files["fasta"], given.pop("intervals"), **given)
