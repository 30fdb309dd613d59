"""Tables, browser files and figures of elements, and what can go wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pybigtools
import pytest
from element_inputs import options_of
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.app import app
from basenji_kipoi.interpretation import ElementOptions, element_effects, element_effects_file
from basenji_kipoi.interpretation.elements import run as runs


@pytest.mark.usefixtures("eager")
def test_tables_say_which_pairs_were_measured(files, bundles, tmp_path):
    out = tmp_path / "o.tsv"
    summary = element_effects_file(
        bundles[0].path, files / "genome.fa", out,
        options_of(files, elements=files / "e.tsv", draws=2), progress=False,
    )  # fmt: skip
    table = pd.read_csv(out, sep="\t")
    assert summary.is_measured
    assert dict(summary.statuses) == {"ok": 2, "no such gene": 1, "outside of the window": 1}
    done = table[table.status == "ok"]
    assert done.track.tolist() == ["access", "start"] * 2
    assert done.gene.tolist() == ["one"] * 4
    assert done.label.tolist() == [1, 1, 0, 0]
    np.testing.assert_array_equal(done.measured_effect, [-0.5, -0.5, np.nan, np.nan])
    np.testing.assert_allclose(
        done.log2_ratio, np.log2((done.value + done.effect) / done.value), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(done.gradient_share, done.gradient / done.value, rtol=1e-4)
    left = table[table.status != "ok"]
    assert left.gene.tolist() == ["nope", "G2"]
    assert left[["effect", "value", "gradient"]].isna().all(axis=None)


@pytest.mark.usefixtures("eager")
def test_a_table_in_memory_and_every_format_are_the_same(files, bundles, tmp_path):
    options = options_of(files, gene="G1", elements=files / "e.bed", draws=2, tracks="access")
    table = element_effects(bundles[0].path, files / "genome.fa", options, progress=False)
    assert repr(table) == "<ElementTable: 5 rows, 1 gene, 1 track>"
    frame = table.to_dataframe()
    for name in ("o.tsv", "o.tsv.gz", "o.parquet"):
        out = tmp_path / name
        element_effects_file(bundles[0].path, files / "genome.fa", out, options, progress=False)
        read = pd.read_parquet(out) if name.endswith("parquet") else pd.read_csv(out, sep="\t")
        assert list(read.columns) == list(frame.columns)
        for column in frame.columns:
            if frame[column].dtype == object:
                assert read[column].tolist() == frame[column].tolist()
            else:
                np.testing.assert_allclose(read[column], frame[column], rtol=1e-5, atol=1e-12)


@pytest.mark.usefixtures("eager")
def test_browsers_and_figures(files, bundles, tmp_path):
    options = options_of(files, gene="G1,G3", draws=2, tracks="access")
    element_effects_file(
        bundles[0].path, files / "genome.fa", tmp_path / "o.tsv", options,
        browser=tmp_path / "b", plots=tmp_path / "p", progress=False,
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "o.tsv", sep="\t")
    links = pd.read_csv(tmp_path / "b" / "links.bedpe", sep="\t")
    done = table[table.status == "ok"].reset_index()
    np.testing.assert_array_equal(links["start1"], done.start)
    np.testing.assert_allclose(links.effect, done.effect, rtol=1e-4, atol=1e-9)
    assert set(links.start2) == {3000, 100}
    assert links.score.max() == 1000
    assert len((tmp_path / "b" / "elements.bed").read_text().splitlines()) == len(done)
    for gene, name in (("one", "one"), ("G3", "G3")):
        mine = table[table.gene == gene]
        for kind, column in (("knock-out", "effect"), ("gradient", "gradient")):
            path = tmp_path / "b" / name / kind / "access.bw"
            with pybigtools.open(str(path)) as track:
                for row in mine[mine.status == "ok"].itertuples():
                    values = track.values(row.chrom, row.start, row.end, fillna=0)
                    np.testing.assert_allclose(values, getattr(row, column), rtol=1e-4, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        "G3.access.png", "one.access.png",
    ]  # fmt: skip


@pytest.mark.usefixtures("eager")
def test_an_interrupted_run_goes_on(files, bundles, monkeypatch, tmp_path):
    options = options_of(files, draws=1, tracks="access", size=512)
    whole = tmp_path / "whole.tsv"
    run = {"progress": False}
    path = bundles[0].path
    element_effects_file(path, files / "genome.fa", whole, options, **run)
    save, kept = runs.save_piece, []

    def stop_behind_the_first(place, arrays):
        if kept:
            raise KeyboardInterrupt
        kept.append(place)
        save(place, arrays)

    out = tmp_path / "o.tsv"
    monkeypatch.setattr(runs, "save_piece", stop_behind_the_first)
    with pytest.raises(KeyboardInterrupt):
        element_effects_file(path, files / "genome.fa", out, options, **run)
    assert not out.exists()
    monkeypatch.setattr(runs, "save_piece", save)
    with pytest.raises(InputError, match="--resume"):
        element_effects_file(path, files / "genome.fa", out, options, **run)
    notes = []
    element_effects_file(
        path, files / "genome.fa", out, options, resume=True, note=notes.append, **run
    )
    assert "33% is done" in notes[0]
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("changes", "text", "message"),
    [
        (["--gene", "ome"], None, "no gene 'ome' in the annotation: did you mean one?"),
        (["--tracks", "rna"], None, "rna"),
        (["--size", "10"], "chr1\t1\t9\n", "leave out one"),
        ([], "chr1\t1000\t4000\tlong\n", "element 1, long of 3,000 bp, is longer than the window"),
        ([], "chr1\t1\t9\n", "no element lies within the window of a gene"),
        ([], "chr9\t1\t9\n", "the genome has no contig 'chr9'"),
        ([], "", "has no elements"),
        ([], "chrom\tstart\tend\tgene\nchr1\t3000\t3010\tnope\n", "'nope', for instance, is none"),
        ([], "chrom\tstart\tend\tlabel\nchr1\t1\t9\tmaybe\n", "e.txt:2: the label 'maybe' is none"),
        ([], "chrom\tstart\tend\teffect\nchr1\t1\t9\tx\n", "e.txt:2: the effect 'x' is no number"),
        ([], "chrom\tstart\tend\nchr1\t1\tx\n", "e.txt:2: the end 'x' is not a whole number"),
        ([], "chrom\tstart\tend\nchr1\t1\t9999\n", "e.txt:2: chr1:1-9999 reaches beyond the end"),
        ([], "chrom\tstart\tend\nchr1\t9\t3\n", "e.txt:2: chr1:9-3 is empty"),
        (["--column", "label=no"], "chrom\tstart\tend\nchr1\t1\t9\n", "has no such column"),
        (["--column", "labels=x"], "chr1\t1\t9\n", "--column: no role 'labels'"),
        (["--column", "label"], "chr1\t1\t9\n", "expected ROLE=NAME"),
        (["--column", "label=x"], None, "pass it with --elements"),
        (["--promoter", "300", "--proximal", "200"], None, "--promoter 300 and --proximal 200"),
        (["--out", "x.bed"], None, "names no known format: use .tsv"),
    ],
)
def test_bad_input_is_one_line(small_bundle, files, tmp_path, changes, text, message):
    arguments = ["--model", small_bundle.path, "--fasta", files / "genome.fa", "--out"]
    arguments += [tmp_path / "o.tsv", "--genes", files / "genes.gtf", "--method", "gradient"]
    if text is not None:
        (tmp_path / "e.txt").write_text(text)
        arguments += ["--elements", tmp_path / "e.txt"]
    run = CliRunner().invoke(app, ["elements", *map(str, [*arguments, *changes])])
    assert run.exit_code == 2
    lines = run.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (tmp_path / "o.tsv").exists()


def test_a_gene_whose_starts_fit_no_window(files, bundles, tmp_path):
    """Named, it ends the run; among all genes it is left out, and said."""
    genes = tmp_path / "genes.gtf"
    line = 'chr1\tx\ttranscript\t{}\t5500\t.\t+\t.\tgene_id "{}";\n'
    genes.write_text(line.format(501, "far") + line.format(5001, "far") + line.format(3001, "G1"))
    arguments = (bundles[0].path, files / "genome.fa", tmp_path / "o.tsv")
    described = {"tracks": "access", "method": "gradient"}
    with pytest.raises(InputError, match=r"bp that a window predicts|longer than the"):
        element_effects_file(*arguments, ElementOptions(genes, gene="far", **described))
    notes = []
    summary = element_effects_file(
        *arguments, ElementOptions(genes, **described), note=notes.append, progress=False
    )
    assert summary.genes == 1
    assert notes[0].endswith("farther apart than what a window predicts: 1 (far, for instance)")


def test_the_command_sets_predictions_beside_measurements(files, bundles, tmp_path):
    rows = ["chrom\tchromStart\tchromEnd\tmeasuredGeneSymbol\tRegulated\tEffectSize"]
    random = np.random.default_rng(0)
    for number in range(24):
        start = 2200 + 60 * number
        label = "TRUE" if number % 3 == 0 else "FALSE"
        rows.append(f"chr1\t{start}\t{start + 40}\tG1\t{label}\t{random.normal():.3f}")
    (tmp_path / "crispr.tsv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "o.tsv"
    done = subprocess.run(
        [
            sys.executable, "-m", "basenji_kipoi", "elements", "--model", bundles[0].path,
            "--fasta", files / "genome.fa", "--genes", files / "genes.gtf", "--tracks", "access",
            "--elements", tmp_path / "crispr.tsv", "--out", out, "--draws", "2",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "24 pairs of an element and a gene, 1 gene, 1 output" in done.stderr
    assert "AUROC" in done.stderr
    found = json.loads((tmp_path / "o.tsv.measured.json").read_text())["measured"]
    assert [each["score"] for each in found] == ["knock-out", "gradient", "nearness"]
    table = pd.read_csv(out, sep="\t")
    for each, values in zip(
        found, (-table.log2_ratio, table.gradient_share, -table.distance.abs()), strict=True
    ):
        one, other = values[table.label == 1], values[table.label == 0]
        wins = (one.to_numpy()[:, None] > other.to_numpy()).mean()
        ties = (one.to_numpy()[:, None] == other.to_numpy()).mean()
        assert each["auroc"]["value"] == pytest.approx(wins + ties / 2)
        assert (each["pairs"], each["positives"]) == (24, 8)
