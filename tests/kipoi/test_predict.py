"""`kipoi test` and `kipoi predict` against the network itself."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from kipoi_site import OLD_KIPOI, succeeded

pytestmark = pytest.mark.legacy

FILES = {
    "intervals_file": "examples/data/intervals.bed",
    "fasta_file": "examples/data/genome.fa",
}
BINS = f"kipoi predict . --source=dir --dataloader_args '{json.dumps(FILES)}'"
SUMS = "kipoi predict kipoi_models/variant_effects --source=dir "
SUMS += f"--dataloader_args '{json.dumps(FILES)}'"
INSIDE = json.dumps({**FILES, "intervals_file": "examples/data/intervals_inside.bed"})
# kipoi writes Parquet from 0.7 on.
PARQUET = "" if OLD_KIPOI else "workers.parquet"
COMMANDS = {
    "workers": f"{BINS} -n 2 --batch_size 2 --keep_metadata -o workers.h5 {PARQUET}",
    "one": f"{BINS} --batch_size 1 -o one.h5",
    "seven": f"{SUMS} --batch_size 7 --keep_metadata -o seven.tsv seven.h5",
    "centred": f"kipoi predict kipoi_models/variant_centered --source=dir "
    f"--dataloader_args '{INSIDE}' --keep_metadata -o centred.h5",
    "basenji": "python -m basenji_kipoi predict --model model_files --quiet "
    "--fasta examples/data/genome.fa --bed outputs.bed --out basenji.h5",
    "test_wrong": "kipoi test . --source=dir --expect examples/data/wrong.h5",
    "test_wrong_sums": "kipoi test kipoi_models/variant_effects --source=dir "
    "--expect examples/data/wrong_sums.h5",
    "unknown_contig": BINS.replace("intervals.bed", "other.bed") + " -o none.h5",
}
TESTED = {
    ".": "test",
    "kipoi_models/variant_effects": "test_sums",
    "kipoi_models/variant_centered": "test_centred",
    "kipoi_models/mutation_map": "test_map",
}


@pytest.fixture(scope="module")
def done(commands, site):
    (site.examples / "other.bed").write_text("chrQ\t100\t200\n")
    # Intervals as long as the network's output: basenji predict uses the very windows of Kipoi.
    architecture = site.bundle.architecture
    margin = architecture.crop * architecture.bin
    (site.path / "outputs.bed").write_text(
        "".join(
            f"{chrom}\t{start + margin}\t{end - margin}\n"
            for chrom, start, end in site.windows(site.examples / "intervals_inside.bed")[0]
        )
    )
    shutil.copy(site.examples / "expected.h5", site.examples / "wrong.h5")
    with h5py.File(site.examples / "wrong.h5", "r+") as file:
        file["preds"][1, 2, 0] += 0.1
    sums = site.examples / "expected_variant_effects.h5"
    shutil.copy(sums, site.examples / "wrong_sums.h5")
    with h5py.File(site.examples / "wrong_sums.h5", "r+") as file:
        file["preds"][1, 0] *= 1 + 1e-4
    futures = commands.start(COMMANDS, site.path)
    for folder, name in TESTED.items():  # `kipoi test` finds its files from the model's directory
        futures |= commands.start({name: "kipoi test . --source=dir"}, site.path / folder)
    return futures


@pytest.fixture(scope="module")
def example(site):
    """Windows of the example's intervals, and what the network predicts for them."""
    places, windows = site.windows(site.examples / "intervals.bed")
    return places, site.predict(windows)


@pytest.mark.parametrize("name", TESTED.values())
def test_kipoi_test_meets_what_is_expected_without_a_warning(done, name):
    output = succeeded(done[name])
    # Old releases of kipoi lose their log when they read a block of kipoi-veff.
    assert OLD_KIPOI or "All predictions match" in output
    # kipoi test-source refuses models that warn.
    assert "WARNING" not in output


@pytest.mark.parametrize("name", ["test_wrong", "test_wrong_sums"])
def test_kipoi_test_notices_other_predictions(done, name):
    output = done[name].result()
    assert output.returncode != 0
    # Old releases of kipoi lose their log when they read a block of kipoi-veff.
    assert OLD_KIPOI or "don't match the expected predictions" in output.stdout


def test_bins_with_workers_and_metadata(done, site, example):
    places, expected = example
    succeeded(done["workers"])
    with h5py.File(site.path / "workers.h5") as file:
        assert file["preds"].shape == (7, site.bundle.architecture.bins, 3)
        assert file["preds"].chunks[0] == 1
        np.testing.assert_allclose(file["preds"], expected, rtol=1e-5, atol=1e-5)
        ranges = {name: file[f"metadata/ranges/{name}"][()] for name in ("start", "end")}
        chrom = file["metadata/ranges/chr"].asstr()[()]
        assert list(zip(chrom, *ranges.values())) == places
        assert file["metadata/ranges/id"].asstr()[()].tolist() == [str(i) for i in range(7)]
    # The windows hang over the chromosomes' ends, and have their length all the same.
    assert ranges["start"][0] < 0
    assert ranges["end"][4] > 80_000
    assert set(ranges["end"] - ranges["start"]) == {site.window}


@pytest.mark.skipif(OLD_KIPOI, reason="this kipoi does not write Parquet")
def test_parquet_holds_the_same(done, site, example):
    places, expected = example
    succeeded(done["workers"])
    table = pd.read_parquet(site.path / "workers.parquet")
    assert table["metadata/ranges/start"].tolist() == [start for _, start, _ in places]
    _, bins, tracks = expected.shape
    columns = [f"preds/{b}/{t}" for b in range(bins) for t in range(tracks)]
    np.testing.assert_allclose(
        table[columns].to_numpy().reshape(expected.shape), expected, rtol=1e-5, atol=1e-5
    )


def test_a_batch_of_one_and_no_metadata(done, site, example):
    succeeded(done["one"])
    with h5py.File(site.path / "one.h5") as file:
        assert set(file) == {"preds"}
        np.testing.assert_allclose(file["preds"], example[1], rtol=1e-5, atol=1e-5)


def test_sums_as_text_and_hdf5(done, site, example):
    places, expected = example
    succeeded(done["seven"])
    table = pd.read_csv(site.path / "seven.tsv", sep="\t")
    sums = expected.sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(table[["preds/0", "preds/1", "preds/2"]], sums, rtol=1e-5)
    assert list(zip(table["metadata/ranges/chr"], table["metadata/ranges/start"])) == [
        (chrom, start) for chrom, start, _ in places
    ]
    with h5py.File(site.path / "seven.h5") as file:
        np.testing.assert_allclose(file["preds"], sums, rtol=1e-5)


def test_three_models_and_basenji_predict_agree(done, site):
    places, windows = site.windows(site.examples / "intervals_inside.bed")
    expected = site.predict(windows)
    succeeded(done["centred"])
    with h5py.File(site.path / "centred.h5") as file:
        np.testing.assert_allclose(file["preds"], expected, rtol=1e-5, atol=1e-5)
        assert file["metadata/ranges/start"][()].tolist() == [start for _, start, _ in places]
    succeeded(done["basenji"])
    with h5py.File(site.path / "basenji.h5") as file:
        np.testing.assert_allclose(
            file["predictions"], np.concatenate(expected), rtol=1e-5, atol=1e-5
        )


def test_bad_input_leaves_one_clear_line_and_no_file(done, site):
    bad = done["unknown_contig"].result()
    assert bad.returncode != 0
    last = bad.stdout.strip().splitlines()[-1]
    assert "other.bed:1: the genome has no contig 'chrQ'" in last
    assert not (site.path / "none.h5").exists()
