"""Configurations of the workflows: what is wrong in one is said in one line, and where."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path

import pysam
import pytest
import yaml
from typer.main import get_command

from basenji_kipoi.cli.app import app
from basenji_kipoi.models.shipped.shipped import SHIPPED

WORKFLOWS = Path(__file__).parents[2] / "workflows"


@pytest.fixture
def configuration(modules):
    return modules.configuration


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("model", "genome.fa", "a.vcf.gz", "more/a.vcf", "samples.tsv", "reads.bam"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


SCORE = {"model": "model", "fasta": "genome.fa", "variants": ["a.vcf.gz"]}
TRAIN = {
    "name": "x", "assembly": "y", "fasta": "genome.fa", "samples": "samples.tsv",
    "store": {"test": "chr1", "validation": "chr2"},
}  # fmt: skip


def message(check, *arguments):
    with pytest.raises(SystemExit) as found:
        check(*arguments)
    text = str(found.value)
    assert text.startswith("error: ")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shard": 4}, "shard is no key: expected model, fasta, variants, shards"),
        ({"options": {"windw": "grid"}}, "options.windw is no key: expected scores, tracks"),
        ({"options": {"window": "grid2"}}, "options.window: expected centred, grid or cluster:BP"),
        ({"fasta": None}, "fasta: Input should be a valid string"),
        ({"fasta": "genome.fasta"}, "there is no file genome.fasta (paths begin in /"),
        ({"options": {"background": "s3://x/b"}}, "s3://x/b: this file is named by no address"),
        ({"variants": ["s3://x/a.vcf", "a.vcf.gz"]}, "variants: the name a is there twice"),
        ({"variants": ["s3://x/a%20b.vcf"]}, "variants: 'a b' cannot name a file"),
        ({"options": {"genes": "x.gtf"}}, "there is no file x.gtf"),
        ({"shards": 0}, "shards: Input should be greater than or equal to 1"),
        ({"variants": ["a.vcf.gz", "more/a.vcf"]}, "variants: the name a is there twice"),
        ({"variants": []}, "variants: List should have at least 1 item"),
        ({"variants": "a.vcf.gz"}, "variants: expected a list, in brackets even of one: [one"),
        ({"options": None}, "options: expected keys and values below it; leave it out where"),
        ({"options": {"scores": ["SAD"]}}, "options.scores: expected one text, such as one,two"),
    ],
)
def test_what_a_configuration_of_scores_has_wrong(configuration, folder, change, expected):
    assert configuration.checked(configuration.ScoreConfig, SCORE).model == ["model"]
    assert expected in message(configuration.checked, configuration.ScoreConfig, SCORE | change)


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("Predict", {"shard": 4}, "shard is no key: expected model, fasta, bed, out, shards"),
        ("Predict", {"options": {"scores": "SAD"}}, "options.scores is no key: expected tracks"),
        ("Predict", {"model": ["model", "yeast"]}, "model: List should have at most 1 item"),
        ("Predict", {"options": {"counts": False}}, "options.counts: Input should be True"),
        ("Predict", {"bed": "x.bed"}, "there is no file x.bed"),
        ("Predict", {"fasta": "s3://x/g.fa"}, "bed: give intervals: contigs of a genome elsewhere"),
        ("Predict", {"out": "more/x.h5"}, "out: 'more/x.h5' cannot name a file"),
        ("Predict", {"out": "x.bw"}, "names no format: expected x, x.h5, x.zarr"),
        ("Mutate", {"out": "tracks"}, "names no format: expected x.h5, x.zarr"),
        ("Mutate", {"options": {"batch_size": 3}}, "options.batch_size is no key: expected mut"),
    ],
)
def test_what_a_configuration_of_intervals_has_wrong(configuration, folder, kind, change, expected):
    kind = getattr(configuration, f"{kind}Config")
    good = {"model": "model", "fasta": "genome.fa", "out": "x.h5"}
    assert configuration.checked(kind, good).bundles == ["model"]
    assert expected in message(configuration.checked, kind, good | change)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"stroe": {}}, "stroe is no key: expected name, assembly"),
        ({"store": {"test": "chr1"}}, "store: give test and validation (chromosomes), or folds"),
        ({"store": TRAIN["store"] | {"folds": 3}}, "store: give test and validation"),
        ({"store": {"folds": 2}}, "store.folds: Input should be greater than or equal to 3"),
        (
            {"store": {"folds": 3, "tested_folds": ["fold3"]}},
            "store: tested_folds are fold3: expected some of fold0, fold1, fold2, each once",
        ),
        ({"store": {"folds": 3, "tested_folds": ["fold1", "fold1"]}}, "each once"),
        ({"store": {"folds": 3, "tested_folds": []}}, "store.tested_folds: List should have at le"),
        ({"store": TRAIN["store"] | {"tested_folds": ["fold0"]}}, "none, without folds"),
        ({"hosts": 2, "store": {"folds": 3}}, "hosts: several hosts train a run that holds"),
        ({"hosts": 0}, "hosts: Input should be greater than or equal to 1"),
        ({"recipes": ["small", "small"]}, "recipes: the name small is there twice"),
        ({"recipes": ["mine.json"]}, "there is no file mine.json"),
        ({"recipes": ["smal"]}, "recipes: there is no recipe smal: expected basenji2, basenji2018"),
        ({"recipes": ["x/small"]}, "recipes: there is no recipe x/small: expected"),
        ({"fasta": "s3://x/g.fa"}, "s3://x/g.fa: this file is named by no address: fetch it"),
        ({"seeds": [1, 1]}, "seeds: the name 1 is there twice"),
    ],
)
def test_what_a_configuration_of_training_has_wrong(configuration, folder, change, expected):
    assert configuration.checked(configuration.TrainConfig, TRAIN).store.parts == ["test"]
    assert expected in message(configuration.checked, configuration.TrainConfig, TRAIN | change)


def test_variants_by_gzip_are_refused_before_anything_runs(configuration, folder):
    rows = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    Path("a.vcf.gz").write_bytes(gzip.compress(rows))
    text = message(configuration.checked, configuration.ScoreConfig, SCORE)
    assert "a.vcf.gz is compressed by gzip, in which no shard can begin to read" in text
    # In an image, where a file of this name may be another.
    there = SCORE | {
        "fasta": "/genome.fa",
        "model": "yeast",
        "variants": [str(folder / "a.vcf.gz")],
    }
    assert configuration.checked(configuration.ScoreConfig, there, shared=False).variants
    with pysam.BGZFile("a.vcf.gz", "wb") as file:
        file.write(rows)
    assert configuration.checked(configuration.ScoreConfig, SCORE).variants == ["a.vcf.gz"]


def test_jobs_that_see_no_files_of_this_machine(configuration, folder):
    def check(kind, given):
        return configuration.checked(kind, given, shared=False)

    good = {
        "model": ["yeast", "https://x.org/model"], "fasta": "/volume/genome.fa",
        "variants": ["s3://x/a.vcf.gz?versionId=3#md5=5"], "costs": "read_on_this_machine.json",
    }  # fmt: skip
    assert check(configuration.ScoreConfig, good).files == [("a", good["variants"][0])]
    text = message(check, configuration.ScoreConfig, good | {"fasta": "genome.fa"})
    assert "genome.fa: jobs see no files of this machine: give an address (s3://, " in text
    text = message(
        check, configuration.PredictConfig, {"model": "yeast", "fasta": "/x", "out": "x"}
    )
    assert "bed: give intervals" in text
    assert "jobs of train.smk share a file system" in message(
        check, configuration.TrainConfig, TRAIN
    )


def test_an_absent_configuration(configuration):
    assert "pass --configfile" in message(configuration.checked, configuration.ScoreConfig, {})
    lacking = {"model": "m", "fasta": "f"}
    assert "variants is missing" in message(
        configuration.checked, configuration.ScoreConfig, lacking
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["sample\tassay", "a\tatac"], "its header has no column reads: expected sample, assay"),
        (["sample\tassay\treads"], "it has no sample"),
        (["sample\tassay\treads", "a\tatac"], "line 2: it has other columns than the header"),
        (["sample\tassay\treads", "a\tattac\treads.bam"], "line 2: assay: Input should be 'atac'"),
        (["sample\tassay\treads", "a\tatac\tread.bam"], "line 2: there is no file read.bam"),
        (
            ["sample\tassay\treads", "a\tatac\treads.bam", "a\tchip\treads.bam"],
            "line 3: the sample a is there twice",
        ),
        (["sample\tassay\treads", "a/b\tatac\treads.bam"], "'a/b' cannot name a file"),
        (["sample\tassay\treads", "a\tatac\t"], "line 2: reads: expected files, separated by"),
        (["sample\tassay\treads", "a\tatac\treads.bam,"], "line 2: reads: expected files"),
    ],
)
def test_what_a_sample_sheet_has_wrong(modules, folder, rows, expected):
    Path("samples.tsv").write_text("\n".join(rows) + "\n")
    text = message(modules.training_tables.read_samples, "samples.tsv")
    assert text.startswith("error: samples.tsv")
    assert expected in text


def test_sample_sheets_of_other_programs(modules, folder):
    rows = "sample\tassay\treads\r\na\tatac\treads.bam, genome.fa\r\n"
    Path("samples.tsv").write_bytes(rows.encode("utf-8-sig"))
    (sample,) = modules.training_tables.read_samples("samples.tsv")
    assert sample.reads == ["reads.bam", "genome.fa"]
    Path("samples.tsv").write_bytes(rows.encode("utf-16"))
    text = message(modules.training_tables.read_samples, "samples.tsv")
    assert text == (
        "error: samples.tsv is no text in UTF-8: expected a sample sheet, not compressed"
    )
    text = message(modules.training_tables.read_samples, ".")
    assert text == "error: . cannot be read: Is a directory"


def test_the_targets_table_pairs_strands(modules, folder):
    Path("samples.tsv").write_text(
        "sample\tassay\treads\nopen\tatac\treads.bam\nstarts\tcage\treads.bam,genome.fa\n"
    )
    samples = modules.training_tables.read_samples("samples.tsv")
    assert samples[1].reads == ["reads.bam", "genome.fa"]
    Path("coverage").mkdir()
    for name, tracks in {
        "open": ["open.bw"],
        "starts": ["starts_plus.bw", "starts_minus.bw"],
    }.items():
        Path(f"coverage/{name}.json").write_text(json.dumps({"bigwigs": tracks}))
    modules.training_tables.write_targets(samples, Path("coverage"), "targets.tsv")
    with Path("targets.tsv").open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [row["strand_pair"] for row in rows] == ["0", "2", "1"]
    assert [row["file"] for row in rows] == [
        "coverage/open.bw", "coverage/starts_plus.bw", "coverage/starts_minus.bw"
    ]  # fmt: skip
    assert rows[2] == rows[2] | {"identifier": "starts_minus", "assay": "cage", "sample": "starts"}


def test_shipped_models_have_names(configuration, folder):
    assert set(configuration.MODELS) == set(SHIPPED)
    named = configuration.checked(configuration.ScoreConfig, SCORE | {"model": ["yeast", "model"]})
    assert named.bundles == ["model"]


def test_options_are_those_of_the_commands(configuration):
    commands = get_command(app).commands
    known = {
        name: {parameter.name for parameter in commands[name].params}
        for name in ("score", "plan-scores", "predict", "mutate")
    }
    assert set(configuration.PredictOptions.model_fields) <= known["predict"]
    assert set(configuration.MutateOptions.model_fields) <= known["mutate"]
    ours = set(configuration.ScoreOptions.model_fields)
    # What the workflow itself decides.
    decided = {
        "model",
        "fasta",
        "vcf",
        "out",
        "also",
        "shard",
        "plan",
        "resume",
        "overwrite",
        "devices",
    }
    # What the workflow does not offer.
    assert known["score"] - decided - ours == {"long", "quiet"}
    assert ours <= known["score"]
    assert ours - configuration.UNPLANNED == ours & known["plan-scores"]


def test_commands_are_found(modules, configuration, folder):
    def program(**change):
        settings = configuration.checked(configuration.ScoreConfig, SCORE | change)
        return modules.command_lines.program("basenji", settings)

    assert program(programs={"basenji": sys.executable}) == sys.executable
    assert program(container="basenji.sif") == "basenji"  # whatever this machine has
    text = message(lambda: program(programs={"basenji": "nope"}))
    assert "there is no command nope: run make install, or name it" in text


def test_options_become_words(modules, configuration):
    some = configuration.ScoreOptions(tracks="a*,b c", both_strands=False, part_size=3)
    assert modules.command_lines.options(some) == "--tracks 'a*,b c' --one-strand --part-size 3"
    assert modules.command_lines.options(some, leaving_out=configuration.UNPLANNED) == (
        "--tracks 'a*,b c' --part-size 3"
    )
    assert modules.command_lines.option("genes", None) == ""


def test_the_example_configurations_have_known_keys(configuration):
    for name, kind in (("score", "ScoreConfig"), ("train", "TrainConfig")):
        found = yaml.safe_load((WORKFLOWS / "example" / f"{name}.yaml").read_text())
        assert set(found) <= set(getattr(configuration, kind).model_fields)
