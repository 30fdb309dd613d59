from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from known_truth import BIN, FOLDS, LENGTHS, random_sequences, write_store
from typer.testing import CliRunner

from basenji_kipoi.models.targets import Target, Targets
from basenji_training.cli.app import app
from basenji_training.data.build import build_store
from basenji_training.data.check import find_faults, own_strand_shares
from basenji_training.data.check_plot import plot_check
from basenji_training.data.settings import StoreSettings
from basenji_training.data.survey import survey
from basenji_training.store.store import Store

NAMES = ["cage_plus", "cage_minus", "atac_rep1", "atac_rep2"]
TARGETS = Targets(
    [
        Target(index=0, identifier="cage_plus", strand_pair=1, assay="CAGE", sample="s"),
        Target(index=1, identifier="cage_minus", strand_pair=0, assay="CAGE", sample="s"),
        Target(index=2, identifier="atac_rep1", strand_pair=2, assay="ATAC", sample="s"),
        Target(index=3, identifier="atac_rep2", strand_pair=3, assay="ATAC", sample="s"),
    ]
)


@pytest.fixture
def sites():
    """Start sites: chromosome -> position, is reverse."""
    generator = np.random.default_rng(5)
    return {
        name: [
            (int(base), bool(generator.integers(2)))
            for base in generator.choice(length - 2000, length // 1500, replace=False) + 1000
        ]
        for name, length in LENGTHS.items()
    }


@pytest.fixture
def coverage(sites):
    """Counts of four tracks that are as they should be."""
    generator = np.random.default_rng(6)
    values = {}
    for name, length in LENGTHS.items():
        rates = np.full((length // BIN, 4), 0.3)
        rates[:, 2:] = generator.gamma(0.5, 4, (length // BIN, 1))
        for base, is_reverse in sites[name]:
            rates[base // BIN, int(is_reverse)] += 60
            rates[base // BIN, 2:] += 20
        values[name] = generator.poisson(rates).astype(float)
    return values


@pytest.fixture
def genes(sites, tmp_path):
    lines = [
        f"{name}\tx\ttranscript\t{1 if reverse else base + 1}\t{base + 1 if reverse else length}"
        f'\t.\t{"-" if reverse else "+"}\t.\tgene_id "{name}_{base}"; transcript_id "t";'
        for name, length in LENGTHS.items()
        for base, reverse in sites[name]
    ]
    path = tmp_path / "genes.gtf"
    path.write_text("\n".join(lines) + "\n")
    return path


def faults(tmp_path, coverage, genes=None, targets=TARGETS):
    store = write_store(tmp_path / "c.zarr", random_sequences(), coverage, targets)
    measured = survey(store, genes)
    return {(f.kind, f.is_error): f.tracks for f in find_faults(targets, measured)}, measured


def test_nothing_is_found_where_nothing_is_wrong(tmp_path, coverage, genes, sites):
    found, measured = faults(tmp_path, coverage, genes)
    assert found == {}
    everything = np.concatenate(list(coverage.values()))
    np.testing.assert_allclose(measured.mean, everything.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(measured.zero, (everything == 0).mean(axis=0))
    np.testing.assert_array_equal(measured.maximum, everything.max(axis=0))
    np.testing.assert_allclose(measured.quantiles, np.quantile(everything, [0.5, 0.99], axis=0))
    assert measured.bins == sum(n // BIN for n in LENGTHS.values())
    test = np.concatenate([coverage[name] for name in FOLDS["test"]])
    np.testing.assert_allclose(measured.split_mean["test"], test.mean(axis=0), rtol=1e-6)
    # Sums of four bins, chromosome by chromosome, by another route.
    sums = np.concatenate(
        [v[: len(v) // 4 * 4].reshape(-1, 4, 4).sum(axis=1) for v in coverage.values()]
    )
    np.testing.assert_allclose(measured.correlation, np.corrcoef(np.log1p(sums).T), atol=1e-9)
    # Start sites: the bins themselves, gathered one by one.
    own = [
        coverage[name][base // BIN, int(reverse)]
        for name, each in sites.items()
        for base, reverse in each
    ]
    middle = len(measured.profiles.offsets) // 2
    assert measured.profiles.mean[middle, 0] == pytest.approx(np.mean(own))
    assert measured.profiles.sites == len(own)
    assert own_strand_shares(TARGETS, measured)[0, 1] > 0.9


def test_missing_bins_take_no_part(tmp_path, coverage, genes):
    generator = np.random.default_rng(7)
    for values in coverage.values():
        values[generator.random(values.shape) < 0.1] = np.nan
    _, measured = faults(tmp_path, coverage, genes)
    everything = np.concatenate(list(coverage.values()))
    np.testing.assert_allclose(measured.missing, np.isnan(everything).mean(axis=0))
    np.testing.assert_allclose(measured.mean, np.nanmean(everything, axis=0), rtol=1e-6)
    sums = np.concatenate(
        [v[: len(v) // 4 * 4].reshape(-1, 4, 4).sum(axis=1) for v in coverage.values()]
    )
    both = np.isfinite(sums[:, [0, 2]]).all(axis=1)
    expected = np.corrcoef(np.log1p(sums[both][:, [0, 2]]).T)[0, 1]
    assert measured.correlation[0, 2] == pytest.approx(expected, abs=1e-9)


def test_exchanged_strands_are_caught(tmp_path, coverage, genes):
    swapped = {name: values[:, [1, 0, 2, 3]] for name, values in coverage.items()}
    found, _ = faults(tmp_path, swapped, genes)
    assert found == {("strands", True): ("cage_plus", "cage_minus")}


def test_mixed_strands_are_pointed_out(tmp_path, coverage, genes):
    generator = np.random.default_rng(8)
    for values in coverage.values():
        first = generator.binomial(values[:, :2].sum(axis=1).astype(int), 0.5)
        values[:, 1] += values[:, 0] - first
        values[:, 0] = first
    found, _ = faults(tmp_path, coverage, genes)
    assert found == {("strands", False): ("cage_plus", "cage_minus")}


def test_genes_of_another_assembly_are_caught(tmp_path, coverage, genes):
    text = genes.read_text().replace("chr2\t", "chrX\t").replace("chr1\t", "chr2\t")
    genes.write_text(text)
    found, _ = faults(tmp_path, coverage, genes)
    # What starts beyond the end of the shorter chromosome, and where nothing starts.
    assert found == {("assembly", True): ()}
    moved = {name: np.roll(values, 20, axis=0) for name, values in coverage.items()}
    genes.write_text(text.replace("chr2\t", "chr1\t"))
    (tmp_path / "moved").mkdir()
    found, measured = faults(tmp_path / "moved", moved, genes)
    assert measured.profiles.outside == 0
    assert found == {("assembly", True): ()}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda v: v[:, 0].fill(3), {("dead", True): ("cage_plus",)}),
        (lambda v: v[:, 0].fill(np.nan), {("absent", True): ("cage_plus",)}),
        (
            lambda v: np.copyto(v[:, 3], v[:, 2]),
            {("duplicate", True): ("atac_rep1", "atac_rep2")},
        ),
        (lambda v: np.multiply(v, [1, 100, 1, 1], out=v), {("scale", False): ("cage_minus",)}),
        (lambda v: np.copyto(v[:, 3], v[::-1, 3]), {("replicates", False): NAMES[2:]}),
        (
            # One bin of each chromosome outweighs the rest of the track.
            lambda v: v.__setitem__((5, 0), 70_000),
            {("float16", False): ("cage_plus",), ("scale", False): ("cage_plus",)},
        ),
        (
            lambda v: v.__setitem__((slice(len(v) * 2 // 3), 1), np.nan),
            {("missing", False): ("cage_minus",)},
        ),
    ],
)
def test_faults_of_tracks_are_named(tmp_path, coverage, change, expected):
    for values in coverage.values():
        change(values)
    found, _ = faults(tmp_path, coverage)
    assert {key: list(tracks) for key, tracks in found.items()} == {
        key: list(tracks) for key, tracks in expected.items()
    }


def test_much_clipping_is_pointed_out(tmp_path, coverage):
    targets = Targets([row.model_copy(update={"clip_soft": 1.0}) for row in TARGETS])
    found, measured = faults(tmp_path, coverage, targets=targets)
    assert found == {("clipped", False): ("atac_rep1", "atac_rep2")}
    everything = np.concatenate(list(coverage.values()))
    np.testing.assert_allclose(measured.clipped, (everything > 1).mean(axis=0))


def test_the_command_reports_and_fails_when_strict(tmp_path, coverage, genes):
    swapped = {name: values[:, [1, 0, 2, 3]] for name, values in coverage.items()}
    write_store(tmp_path / "c.zarr", random_sequences(), swapped, TARGETS)
    arguments = ["check", str(tmp_path / "c.zarr"), "--genes", str(genes)]
    out = tmp_path / "report"
    done = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert done.exit_code == 0
    assert "error strands: cage_plus, cage_minus:" in " ".join(done.stdout.split())
    content = json.loads((out / "check.json").read_text())
    assert [finding["kind"] for finding in content["findings"]] == ["strands"]
    assert content["tracks"][0]["own_strand"] < 0.1
    assert [pair["tracks"] for pair in content["replicates"]] == [["atac_rep1", "atac_rep2"]]
    assert (out / "check.png").read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(app, [*arguments, "--strict"]).exit_code == 1


YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"


@pytest.mark.skipif(
    "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
)
def test_yeast_with_replicates_and_with_exchanged_strands(tmp_path):
    def check(order):
        rows = [
            Target(
                index=2 * replicate + column,
                identifier=f"rep{replicate + 1}_{strand}",
                file=f"tracks/stripe_wt_rep{replicate + 1}_{order[column]}.bw",
                strand_pair=2 * replicate + 1 - column,
                assay="STRIPE-seq",
                sample="wild type",
            )
            for replicate in range(3)
            for column, strand in enumerate(("plus", "minus"))
        ]
        Targets(rows).write(tmp_path / "targets.tsv")
        build_store(
            tmp_path / "targets.tsv",
            StoreSettings(bin=128, test=["chrIV"], validation=["chrV"], exclude=["chrM"]),
            fasta=YEAST / "genome.fa.gz",
            out=tmp_path / "y.zarr",
            data_dir=YEAST,
            overwrite=True,
        )
        measured = survey(Store.open(tmp_path / "y.zarr"), YEAST / "genes.gtf.gz")
        return find_faults(Targets(rows), measured), measured

    findings, measured = check(("plus", "minus"))
    assert findings == []
    # The replicates of this experiment agree to about .9 at 128 bp.
    pairs = measured.correlation[np.ix_([0, 2, 4], [0, 2, 4])][np.triu_indices(3, 1)]
    assert (np.abs(pairs - 0.9) < 0.06).all()
    findings, _ = check(("minus", "plus"))
    assert [(f.kind, f.is_error, f.tracks[0]) for f in findings] == [
        ("strands", True, f"rep{i}_plus") for i in (1, 2, 3)
    ]


def test_the_picture_says_that_no_gene_starts_in_the_store(tmp_path, coverage, recwarn):
    path = tmp_path / "beyond.gtf"
    line = f"chr1\tx\ttranscript\t{LENGTHS['chr1'] + 9}\t{LENGTHS['chr1'] + 99}"
    path.write_text(f'{line}\t.\t+\t.\tgene_id "G"; transcript_id "T";\n')
    found, measured = faults(tmp_path, coverage, path)
    assert {("assembly", True), ("genes", True)} <= set(found)
    plot_check(TARGETS, measured, tmp_path / "x.png")
    assert not recwarn.list
