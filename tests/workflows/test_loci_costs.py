"""What a dry run of loci tells of rankings, pages, time and bytes."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from basenji_kipoi.locus import reading

MACHINE = {"processor": "a computer", "cores": 1}


def cost(command, start, part, each, beside):
    by = {"start": start, "part": part, "each": each, "written": 1e6, "beside": beside, "empty": 0}
    by |= {"memory": 1e9}
    return {
        "command": command, "model": "yeast", "options": {"genes": False}, "of": "yeast",
        "cost": by, "machine": MACHINE,
    }  # fmt: skip


COSTS = [
    cost("rank", 10.0, 0.0, 0.5, 0.0),
    cost("locus", 10.0, 3.0, 2.0, 5e6),
    cost("join", 2.0, 1.0, 0.0, 5e6),
]


@pytest.fixture
def lines(modules, tmp_path, monkeypatch):
    """Tell the cost of a changed configuration of three loci of one, two and three variants."""
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").touch()
    rows = "".join(f"chrI\t{n}\tA\tC\t{locus}\n" for n, locus in enumerate("abbccc"))
    Path("one.tsv").write_text("## made by hand\nchrom\tpos\tref\talt\tlocus\n" + rows)
    Path("costs.json").write_text(json.dumps(COSTS))
    monkeypatch.setattr(modules.costs, "_MEASURED", tmp_path / "costs.json")

    def told(**change):
        given = {
            "model": "yeast", "fasta": "genome.fa", "tables": ["one.tsv"], "shards": 2,
            "locus": {"explain": 2},
        }  # fmt: skip
        settings = modules.configuration.checked(
            modules.loci_configuration.LociConfig, given | change
        )
        return list(modules.loci_costs.loci_told(settings, 2))

    return told


def test_variants_loci_and_shards_are_counted(lines):
    found = lines()
    assert found[:3] == [
        "cost of the ranking of one: 1 job of 6 alleles: 13 s of one core; 6.0 MB of output; "
        "1.0 GB of memory a job",
        # Of the third locus, two of three: five in all, of which the second shard has four.
        "cost of the pages of one: 2 jobs of 3 loci, 5 variants explained: up to 24 s of one core "
        "a job, 39 s in all; 20.0 MB of output; 1.0 GB of memory a job",
        "cost of their folder, of one: 1 job of 3 loci, 5 variants explained: 5 s of one core; "
        "20.0 MB of output; 1.0 GB of memory a job",
    ]
    assert found[3] == "cost: 4 jobs: 57 s of one core in all, and 46.0 MB of output"
    # The two shards run together: 13 + 24 + 5 s.
    assert found[4].startswith("cost: 2 jobs at a time, each on a core of its own, take 42 s")
    assert found[5].startswith("cost: as measured with yeast on a core of a computer (1 core)")
    assert len(lines(pages=False)) == 4


def test_loci_are_known_from_the_column_or_the_ranking(lines, modules):
    count = modules.inputs.count_loci
    assert count("one.tsv", "none", "locus") == (6, [1, 2, 3])
    assert count("one.tsv", "none", "LOCUS") == (6, None)
    assert count("s3://x/one.tsv", "none", "locus") == (None, None)
    Path("a.vcf").write_text("##x\n#CHROM\tPOS\tID\tREF\tALT\nchrI\t1\t.\tA\tC,G\n")
    assert count("a.vcf", "none", "locus") == (2, None)
    found = lines(column={"locus": "LOCUS"})
    assert found[1] == (
        "cost of the pages of one: 2 jobs: not known before it is read; 10 s a job, 3 s a locus "
        "and 2 s an explained variant"
    )
    assert "without the pages of one" in found[3]
    assert lines(tables=["s3://x/one.tsv"])[0] == (
        "cost of the ranking of one: 1 job: not known before it is read; 10 s a job and 8.3 "
        "minutes for 1,000 alleles"
    )
    Path("ranked/one").mkdir(parents=True)
    Path("ranked/one/variants.tsv").write_text("rank\tlocus\n1\tx\n2\tx\n1\ty\n")
    assert "2 jobs of 2 loci, 3 variants explained" in lines(column={"locus": "LOCUS"})[1]
    os.utime("ranked/one/variants.tsv", (1, 1))
    assert count("one.tsv", "ranked/one/variants.tsv", "locus") == (6, [1, 2, 3])


def test_shards_without_a_locus_are_only_begun(lines):
    # Two of five have none, and the third locus is not divided.
    found = lines(shards=5)
    assert (
        "5 jobs of 3 loci, 5 variants explained: up to 17 s of one core a job, 1.1 min" in found[1]
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbflocus\tpos\r\na\t1\r\nb\t2\r\n", (2, [1, 1])),
        (b'"pos","locus"\n1,"x, y"\n2,"z, y"\n3,"z, y"\n', (3, [1, 2])),
        (b"pos locus\n1  a\n2 b\n", (2, [1, 1])),
        (b"pos\tlocus\n1\t\n2\tNA\n", (2, None)),
        (b"pos\tlocus\n1\t\n2\ta\n", (2, [1, 1])),
        (b"pos\tlocus\n", (0, [])),
        (b'pos\tlocus\n1\t"' + b"a" * 200_000 + b'"\n', (1, [1])),
        (b"", (0, None)),
        ("pos\tlocus\n1\ta\n".encode("utf-16"), (None, None)),
    ],
)
def test_tables_are_read_as_the_commands_read_them(modules, tmp_path, content, expected):
    (tmp_path / "x.tsv").write_bytes(content)
    assert modules.inputs.count_loci(str(tmp_path / "x.tsv"), "none", "locus") == expected
    assert modules.inputs._MISSING == reading._MISSING


def test_what_cannot_be_read_is_one_line(lines):
    Path("x.tsv.gz").write_bytes(gzip.compress(Path("one.tsv").read_bytes())[:50])
    Path("x.vcf.gz").write_bytes(b"\x1f\x8bno gzip at all")
    Path("x.csv").mkdir()
    for name in ("x.tsv.gz", "x.vcf.gz"):
        with pytest.raises(SystemExit, match=f"^error: {name} is truncated or damaged"):
            lines(tables=[name])
    with pytest.raises(SystemExit, match=r"^error: x\.csv cannot be read: Is a directory$"):
        lines(tables=["x.csv"])


def test_what_was_not_measured_is_told_so(lines):
    found = lines(locus={"draws": 9}, rank={"seed": 3, "weight": 1.0})
    assert "13 s of one core" in found[0]
    assert found[1].endswith("2 jobs of 3 loci, 6 variants explained: not known")
    assert found[-1] == (
        "cost: benchmarks/speed/cost_loci.py measures what is not known, and costs: FILE names "
        "what it wrote"
    )
    # What was measured by the user is told of whatever options.
    assert "not known" not in "".join(lines(locus={"draws": 9}, costs="costs.json"))
    # What was measured there of other commands leaves those that come with the workflows.
    Path("other.json").write_text(json.dumps(COSTS[0]))
    assert "not known" not in "".join(lines(costs="other.json"))
    assert lines(locus={"draws": 9}, costs="other.json")[1].endswith("explained: not known")
