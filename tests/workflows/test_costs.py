"""What a dry run tells of alleles, time and bytes."""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path

import pytest

from basenji_kipoi.scoring.plan import Part

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"chrI\t{pos}\t.\tA\tC{',G' * (pos % 2)}\n" for pos in range(1, 101))
    Path("a.vcf").write_bytes((HEADER + rows).replace("\n", "\r\n").encode())
    Path("a.vcf.gz").write_bytes(gzip.compress((HEADER + rows).encode()))
    Path("genome.fa").write_text(">a\nACGTACGT\n")
    Path("costs.json").write_text(
        json.dumps(
            {
                "command": "score", "model": "mine", "options": {}, "unit": "alleles",
                "of": "mine (no options)",
                "cost": {"start": 10.0, "part": 2.0, "each": 0.5, "written": 1e6, "memory": 2e9},
                "machine": {"processor": "a computer", "cores": 4},
            }
        )
    )  # fmt: skip
    return tmp_path


def settings(modules, **more):
    given = {"model": "yeast", "fasta": "genome.fa", "variants": ["a.vcf"], **more}
    return modules.configuration.checked(modules.configuration.ScoreConfig, given)


@pytest.mark.parametrize("name", ["a.vcf", "a.vcf.gz"])
def test_alleles_are_counted(modules, folder, name, monkeypatch):
    assert modules.inputs.count_alleles(name, "none.json") == (150, True)
    parts = [Part(record=0, offset=70, alleles=100), Part(record=90, offset=900, alleles=49)]
    Path("plan.json").write_text(json.dumps({"parts": parts}))
    assert modules.inputs.count_alleles(name, "plan.json") == (149, True)
    monkeypatch.setattr(modules.inputs, "_MOST_READ", 500)
    about, is_exact = modules.inputs.count_alleles(name, "none.json")
    assert not is_exact
    if name == "a.vcf":
        assert 100 < about < 200


def test_bcf_and_files_elsewhere_are_not_counted(modules, folder):
    Path("a.bcf").write_bytes(gzip.compress(b"BCF\2\2\n\0"))
    assert modules.inputs.count_alleles("a.bcf", "none.json") == (None, False)
    assert modules.inputs.count_alleles("/in/the/image.vcf.gz") == (None, False)
    assert modules.inputs.count_positions("genome.fa", "/on/a/volume.bed") == (None, False)
    assert modules.inputs.count_loci("/in/the/image.tsv", "none", "locus") == (None, None)


def test_positions_are_counted(modules, folder):
    assert modules.inputs.count_positions("genome.fa", None) == (8, True)
    Path("x.bed").write_text("track name=x\na\t1\t5\na\t2\t4\tname\r\n\n")
    assert modules.inputs.count_positions("genome.fa", "x.bed") == (6, True)


def test_what_is_told_follows_from_what_was_measured(modules, folder):
    asked = settings(modules, costs="costs.json", options={"part_size": 10})
    work = modules.costs.Work("a", 150, True, 3)
    lines = list(modules.costs.told("score", asked, [work], 2))
    # 50 alleles in five parts: 10 + 10 + 25 s.
    assert lines[0] == (
        "cost of a: 150 alleles in 3 jobs of about 50: 45 s of one core a job, 2.2 minutes in all; "
        "150.0 MB of output, and as much in shards; 2.0 GB of memory a job"
    )
    assert lines[1].startswith(
        "cost: 2 jobs at a time, each on a core of its own, take 1.5 minutes"
    )
    assert "as measured with mine (no options) on a core of a computer (4 cores)" in lines[2]
    lines = list(modules.costs.told("score", asked, [modules.costs.Work("a", 1, True, 1)], 8))
    assert lines[0].startswith("cost of a: 1 allele in one job: ")
    assert lines[1].startswith("cost: 1 job at a time, on a core of its own, takes 12 s, ")
    few = modules.costs.Work("a", 2, True, 8)
    assert "2 alleles in 8 jobs of one at most: " in next(
        modules.costs.told("score", asked, [few], None)
    )
    unknown = modules.costs.Work("b", None, False, 3)
    assert next(modules.costs.told("score", asked, [unknown], None)).endswith(
        "not known before it is read; 10 s a job and 8.3 minutes for 1,000 alleles"
    )


def test_what_was_not_measured_is_said_to_be_unknown(modules, folder):
    work = modules.costs.Work("a", 150, True, 3)
    asked = settings(modules, options={"window": "grid", "shifts": "-1,0,1"})
    (line,) = modules.costs.told("score", asked, [work], 2)
    assert line.startswith("cost: not known: none was measured with this model and these options")
    Path("bad.json").write_text("[3]")
    bad = settings(modules, costs="bad.json")
    with pytest.raises(SystemExit, match=r"bad\.json is not what benchmarks"):
        list(modules.costs.told("score", bad, [work], 2))


@pytest.mark.parametrize(
    "change",
    [
        {"cost": {"start": 1.0}},
        {"cost": {"start": "x", "part": 0, "each": 0, "written": 0, "memory": 0}},
        {"cost": {"start": -1, "part": 0, "each": 0, "written": 0, "memory": 0}},
        {"cost": {"start": math.nan, "part": 0, "each": 0, "written": 0, "memory": 0}},
        {"machine": "mine"},
        {"epochs": 0},
        {"options": None},
    ],
)
def test_files_of_costs_are_checked(modules, folder, change):
    told = json.loads(Path("costs.json").read_text()) | change
    Path("bad.json").write_text(json.dumps([told]))
    (wrong,) = change
    with pytest.raises(SystemExit, match=rf"^error: .*: bad\.json is not what .*\({wrong}"):
        modules.costs.known_costs("bad.json")


def test_damaged_files_are_one_line(modules, folder):
    Path("genome.fa.fai").write_text("a\tx\t3\n")
    with pytest.raises(SystemExit, match=r"^error: genome\.fa\.fai, line 1: expected a contig"):
        modules.inputs.count_positions("genome.fa", None)
    Path("genome.fa.fai").unlink()
    Path("genome.fa").write_text("ACGT\n")
    with pytest.raises(SystemExit, match=r"^error: genome\.fa has no contigs: expected FASTA$"):
        modules.inputs.count_positions("genome.fa", None)
    Path("genome.fa").write_bytes(b">\xff\nACGT\n")
    assert modules.inputs.count_positions("genome.fa", None) == (4, True)
    Path("a.vcf.gz").write_bytes(Path("a.vcf.gz").read_bytes()[:-20])
    with pytest.raises(SystemExit, match=r"^error: a\.vcf\.gz is truncated or damaged"):
        modules.inputs.count_alleles("a.vcf.gz")
    with pytest.raises(SystemExit, match=r"^error: \. cannot be read: Is a directory$"):
        modules.inputs.count_alleles(".")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-n"], True),
        (["-np"], True),
        (["--dry-run"], True),
        (["--dryrun"], True),
        (["--cores"], False),
    ],
)
def test_dry_runs_are_known(modules, monkeypatch, words, expected):
    monkeypatch.setattr(sys, "argv", ["snakemake", "--snakefile", "x", *words])
    assert modules.costs.is_dry_run() == expected
