"""Which GELU: each is computed, recorded, and told from the others by another program's numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from published_files import KERAS_FILE, PARAMS_2020, golden_values
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.published.family_2020 import Params, read_keras_file
from basenji_kipoi.published.gelu import GELUS, compare_gelus, read_reference

READ = partial(read_keras_file, KERAS_FILE, PARAMS_2020)
BINS = (0, 50, 111)


def functions(architecture):
    return {each.function for each in architecture.trunk if each.op == "activation"}


def table(path, values):
    """Write some predictions, (contigs, bins, tracks), as a table."""
    rows = [
        f"chr{contig}\t0\t{place}\t{track}\t{value[place, track]!r}"
        for contig, value in enumerate(values.astype(float))
        for place in BINS
        for track in range(value.shape[1])
    ]
    path.write_text("\n".join(["chrom\tstart\tbin\ttrack\tvalue", *rows, ""]))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sequences of the original program's predictions as a genome, and the predictions."""
    folder = tmp_path_factory.mktemp("gelu")
    sequences, predictions = golden_values("basenji2")
    genome = "".join(f">chr{n}\n{sequence}\n" for n, sequence in enumerate(sequences))
    (folder / "genome.fa").write_text(genome)
    table(folder / "original.tsv", predictions)
    return folder


@pytest.mark.parametrize("gelu", GELUS)
def test_the_architecture_says_which(gelu):
    architecture = Params.read(PARAMS_2020, gelu=gelu).architecture("human")
    assert functions(architecture) == {GELUS[gelu]}


def test_by_default_it_is_the_one_of_the_original_program_today():
    assert functions(READ().architecture) == {"gelu_tanh"}


def test_the_original_programs_numbers_tell_the_functions_apart(folder):
    with Genome(folder / "genome.fa") as genome:
        reference = read_reference(folder / "original.tsv", READ(), genome)
        fits = compare_gelus(lambda gelu: READ(gelu=gelu), reference, genome)
    assert len(reference.value) == 2 * len(BINS) * 6
    assert fits[0].gelu == "tanh"
    assert fits[0].largest < 1e-5
    assert min(fit.mean for fit in fits[1:]) > 100 * fits[0].mean


def test_import_takes_what_fits_and_says_so(folder, tmp_path):
    sequences, _ = golden_values("basenji2")
    from basenji_kipoi.base.sequence import encode, one_hot

    windows = one_hot(np.stack([encode(sequence) for sequence in sequences]))
    predicted = READ(gelu="sigmoid").network().predict_on_batch(windows)
    given = ["import", "--params", PARAMS_2020, "--h5", KERAS_FILE, "--out", tmp_path / "model"]
    given += ["--reference", table(tmp_path / "r.tsv", predicted), "--fasta", folder / "genome.fa"]
    ran = CliRunner().invoke(app, list(map(str, given)))
    assert ran.exit_code == 0, ran.output
    assert "taking sigmoid, which fits best" in ran.output
    bundle = Bundle.load(tmp_path / "model")
    assert functions(bundle.architecture) == {"gelu_sigmoid"}
    np.testing.assert_allclose(bundle.network().predict_on_batch(windows), predicted, rtol=1e-5)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("chrX\t0\t0\t0\t1", "no contig 'chrX'"),
        ("chr0\t0\t112\t0\t1", "a bin from 0 to 111"),
        ("chr0\t0\t0\t6\t1", "expected a track of the model"),
        ("chr0\tx\t0\t0\t1", r"\.tsv:2: expected whole numbers"),
        ("chr0\t0\t0\t0\tnan", "a finite value"),
    ],
)
def test_a_row_that_does_not_fit_is_named(row, said, folder, tmp_path):
    (tmp_path / "x.tsv").write_text(f"chrom\tstart\tbin\ttrack\tvalue\n{row}\n")
    with Genome(folder / "genome.fa") as genome, pytest.raises(InputError, match=said):
        read_reference(tmp_path / "x.tsv", READ(), genome)


def test_what_does_not_go_together_is_said(tmp_path):
    changed = PARAMS_2020.read_text().replace('"activation": "gelu"', '"activation": "relu"')
    (tmp_path / "params.json").write_text(changed)
    with pytest.raises(InputError, match=r"--gelu erf: the activation of .* is relu"):
        Params.read(tmp_path / "params.json", gelu="erf")
    given = ["import", "--params", PARAMS_2020, "--h5", KERAS_FILE, "--out", tmp_path / "m"]
    ran = CliRunner().invoke(app, [*map(str, given), "--reference", "x.tsv"])
    assert (ran.exit_code, "--reference and --fasta go together" in ran.output) == (2, True)
