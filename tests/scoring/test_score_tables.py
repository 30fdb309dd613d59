"""Tables of scores in their forms and formats, read back with the formats' usual readers."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pysam
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.scoring.outputs import genes_path
from basenji_kipoi.scoring.plan import Part
from basenji_kipoi.scoring.tables import ALLELE_COLUMNS, ScoreTable, output_schema, output_tables
from basenji_kipoi.scoring.writers import VcfWriter, make_index, suffix_of, table_writer

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
METADATA = {"format": "basenji-scores", "note": 'a "quoted" = text; å'}
TABLE = ScoreTable(ALLELE_COLUMNS, ("SAD", "D1"), ("a", "b/c"), METADATA)
VALUES = np.array([[1.5, -2, 3, 4], [0, 0, 0, 0], [0.1, np.nan, 1e-9, 1e9]], np.float32)
HAS = np.array([True, False, True])


@pytest.fixture
def batch():
    return TABLE.batch(
        [
            [0, 0, 1],
            ["chrI", "chrI", "chrII"],
            [5, 5, 9],
            ["rs1", "rs1", None],
            ["A", "A", "CT"],
            ["G", "<DEL>", "C"],
            ["ok", "symbolic", "ok"],
            [True, None, False],
            [-3, None, 7],
        ],
        VALUES,
        HAS,
    )


def written(path, batches, *, is_long=False):
    with table_writer(path, output_schema(TABLE, is_long=is_long)) as writer:
        for rows in output_tables(batches, TABLE, is_long=is_long):
            writer.append(rows)
    return path


def check_wide(frame):
    assert list(frame.columns[8:]) == ["SAD/a", "SAD/b/c", "D1/a", "D1/b/c"]
    assert frame.columns[0] == "chrom"
    assert frame["pos"].tolist() == [5, 5, 9]
    assert frame["status"].tolist() == ["ok", "symbolic", "ok"]
    assert frame["window"].tolist()[::2] == [-3, 7]
    found = frame.iloc[:, 8:].to_numpy(np.float32)
    np.testing.assert_array_equal(found[HAS], VALUES[HAS])
    assert np.isnan(found[~HAS]).all()


def test_parquet(tmp_path, batch):
    path = written(tmp_path / "x.parquet", [batch])
    check_wide(pd.read_parquet(path))
    table = pyarrow.parquet.read_table(path)
    # What was not computed is missing; what is not a number is none.
    assert table["SAD/b/c"].to_pylist()[1] is None
    assert np.isnan(table["SAD/b/c"].to_pylist()[2])
    assert table["ref_match"].to_pylist() == [True, None, False]
    assert json.loads(table.schema.metadata[b"basenji_score"]) == METADATA


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz"])
def test_tsv(tmp_path, batch, name):
    path = written(tmp_path / name, [batch])
    check_wide(pd.read_csv(path, sep="\t", skiprows=1))
    opened = pysam.BGZFile(str(path)) if name.endswith(".gz") else path.open("rb")
    with opened as file:
        first = file.read(10_000).decode().splitlines()
    told = json.loads(first[0].removeprefix("##basenji_score="))
    assert told.pop("rows")["number"] == 3
    assert told == METADATA
    assert '"' not in first[2]


def test_tsv_of_quotes(tmp_path, batch):
    columns = [*batch.columns]
    columns[3] = pa.array(['r"s', "a", None])
    path = written(tmp_path / "x.tsv", [pa.record_batch(columns, schema=batch.schema)])
    assert pd.read_csv(path, sep="\t", skiprows=1)["id"].tolist()[:2] == ['r"s', "a"]


@pytest.mark.parametrize("name", ["x.parquet", "x.tsv"])
def test_the_long_form_is_the_wide_one_melted(tmp_path, batch, name):
    path = written(tmp_path / name, [batch.slice(0, 2), batch.slice(2)], is_long=True)
    read = (
        pd.read_parquet if name == "x.parquet" else lambda p: pd.read_csv(p, sep="\t", skiprows=1)
    )
    frame = read(path)
    assert len(frame) == 4 + 1 + 4
    scored = frame[frame["score"].notna()]
    assert list(zip(scored["score"], scored["track"]))[:4] == [
        ("SAD", "a"), ("SAD", "b/c"), ("D1", "a"), ("D1", "b/c")
    ]  # fmt: skip
    np.testing.assert_array_equal(scored["value"].to_numpy(np.float32).reshape(2, 4), VALUES[HAS])
    assert frame.iloc[4][["alt", "status"]].tolist() == ["<DEL>", "symbolic"]


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize("name", ["x.parquet", "x.tsv.gz"])
def test_files_depend_on_the_rows_alone(tmp_path, batch, name, is_long, monkeypatch):
    # 60 values: 5 rows of the wide form.
    monkeypatch.setattr("basenji_kipoi.scoring.writers._GROUP_VALUES", 60)
    many = [batch] * 5
    cut = [part for each in many for part in (each.slice(0, 1), each.slice(1))]
    once = written(tmp_path / f"1{name}", many, is_long=is_long)
    again = written(tmp_path / f"2{name}", cut, is_long=is_long)
    assert once.read_bytes() == again.read_bytes()
    if name == "x.parquet" and not is_long:
        with pyarrow.parquet.ParquetFile(once) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert groups == [5, 5, 5]


def test_no_rows(tmp_path):
    assert pd.read_parquet(written(tmp_path / "x.parquet", [])).shape == (0, 12)
    assert pd.read_csv(written(tmp_path / "x.tsv", []), sep="\t", skiprows=1).shape == (0, 12)


# ---- VCF ----

VCF = (
    "##fileformat=VCFv4.2\n##contig=<ID=chrI>\n##contig=<ID=chrII>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tx\n"
    "chrI\t5\trs1\tA\tG,<DEL>\t7\tPASS\tDP=4\tGT\t0/1\n"
    "chrII\t9\t.\tCT\tC\t.\t.\t.\tGT\t1\n"
)


def write_vcf(folder, batches, name, text=VCF):
    (folder / "in.vcf").write_text(text)
    with (
        VariantFile(folder / "in.vcf") as variants,
        VcfWriter(folder / name, TABLE, variants, Part(0, variants.alleles().offset, 3)) as writer,
    ):
        for each in batches:
            writer.append(each)
    make_index(folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz"])
def test_vcf(tmp_path, batch, name):
    path = write_vcf(tmp_path, [batch.slice(0, 1), batch.slice(1)], name)
    with pysam.VariantFile(str(path)) as file:
        description = file.header.info["BASENJI"].description
        fields = description.split("Format: ")[1].split("|")
        assert fields == ["allele", "status", "ref_match", "window",
                          "SAD_a", "SAD_b_c", "D1_a", "D1_b_c", "Consequence"]  # fmt: skip
        metadata = next(r.value for r in file.header.records if r.key == "basenji_score")
        told = json.loads(metadata)
        assert told.pop("rows")["number"] == 2
        assert told == METADATA
        records = list(file)
    assert records[0].info["BASENJI"] == ("G|ok|1|-3|1.5|-2|3|4|", "<DEL>|symbolic|||||||")
    assert records[1].info["BASENJI"] == ("C|ok|0|7|0.1|nan|1e-09|1e+09|",)
    assert len(fields) == len(records[0].info["BASENJI"][1].split("|"))
    # What the input said stays as it was.
    opened = pysam.BGZFile(str(path)) if name.endswith(".gz") else path.open("rb")
    with opened as file:
        lines = file.read(10_000).decode().splitlines()
    assert lines[-2].startswith("chrI\t5\trs1\tA\tG,<DEL>\t7\tPASS\tDP=4;BASENJI=G|ok")
    assert lines[-2].endswith("\tGT\t0/1")
    assert [line for line in lines if "basenji_score" not in line and "BASENJI" not in line] == (
        VCF.splitlines()[:-2]
    )
    if name.endswith(".gz"):
        with pysam.VariantFile(str(path)) as file:
            assert [record.pos for record in file.fetch("chrII")] == [9]


def test_a_vcf_that_is_not_sorted_has_no_index(tmp_path, batch):
    lines = VCF.splitlines()
    path = write_vcf(tmp_path, [batch], "x.vcf.gz", "\n".join([*lines, lines[-2], ""]))
    # The batch has no rows of the last record, so it is not written; swap two to unsort.
    assert path.with_name("x.vcf.gz.tbi").exists()
    swapped = "\n".join([*lines[:-2], lines[-1], lines[-2], ""])
    rows = pa.Table.from_batches([batch]).take([2, 0, 1]).combine_chunks()
    rows = rows.set_column(1, "chrom", pa.array(["chrI"] * 3))
    rows = rows.set_column(0, "record", pa.array([0, 1, 1])).cast(batch.schema).to_batches()
    (tmp_path / "other").mkdir()
    path = write_vcf(tmp_path / "other", rows, "x.vcf.gz", swapped.replace("chrII\t9", "chrI\t9"))
    assert not path.with_name("x.vcf.gz.tbi").exists()
    with pysam.VariantFile(str(path)) as file:
        assert [record.pos for record in file] == [9, 5]


@pytest.mark.skipif(
    shutil.which("bcftools") is None, reason="bcftools, which is no Python package, is not here"
)
def test_split_vep(tmp_path, batch):
    path = write_vcf(tmp_path, [batch], "x.vcf.gz")
    command = ["bcftools", "+split-vep", str(path), "-a", "BASENJI", "-d"]
    run = subprocess.run(
        [*command, "-f", "%POS %allele %status %SAD_a\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == ["5 G ok 1.5", "5 <DEL> symbolic .", "9 C ok 0.1"]


def test_names_of_outputs(tmp_path):
    assert suffix_of(tmp_path / "a.b.tsv.gz") == ".tsv.gz"
    assert genes_path(tmp_path / "a.b.parquet").name == "a.b.genes.parquet"
    assert genes_path(tmp_path / "a.vcf.gz").name == "a.genes.tsv.gz"
    for name in ("x.csv", "x", ".parquet", "parquet"):
        with pytest.raises(InputError, match=r"names no known format: use .parquet, .tsv.gz"):
            suffix_of(tmp_path / name)


# ---- what stands in the header of the rows ----


def alleles(places):
    """Make a batch of alleles T>A, at these numbers of records and places."""
    columns = [
        [record for record, _ in places],
        ["chrI"] * len(places),
        [pos for _, pos in places],
        [None] * len(places),
        ["T"] * len(places),
        ["A"] * len(places),
        ["ok"] * len(places),
        [True] * len(places),
        [0] * len(places),
    ]
    table = ScoreTable(ALLELE_COLUMNS, ("SAD",), ("a",), {"x": 1})
    values = np.zeros((len(places), 1), dtype=np.float32)
    return table, table.batch(columns, values, np.ones(len(places), dtype=bool))


@pytest.mark.parametrize("suffix", [".vcf", ".vcf.gz"])
def test_a_vcf_tells_its_rows_and_their_checksum(tmp_path, suffix):
    source, out = tmp_path / "in.vcf", tmp_path / f"x{suffix}"
    rows = "".join(f"chrI\t{pos}\t.\tT\tA\t.\t.\t.\n" for pos in (5, 9))
    source.write_text(f"##fileformat=VCFv4.2\n##contig=<ID=chrI>\n{COLUMNS}\n{rows}")
    table, batch = alleles([(0, 5), (1, 9)])
    with VariantFile(source) as variants:
        offset = variants.alleles().offset
        with VcfWriter(out, table, variants, Part(0, offset, 2)) as writer:
            writer.append(batch)
    content = pysam.BGZFile(str(out)).read(100_000)
    head, _, body = content.partition(f"{COLUMNS}\n".encode())
    told = read_metadata_line(head)
    assert told["x"] == 1
    assert told["rows"] == {"number": 2, "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize("changed", ["chrII\t9\t.\tT\tA", "chrI\t8\t.\tT\tA", "chrI\t9\t.\tG\tA"])
def test_scores_are_not_written_at_other_alleles(tmp_path, changed):
    source = tmp_path / "in.vcf"
    rows = f"chrI\t5\t.\tT\tA\t.\t.\t.\n{changed}\t.\t.\t.\n"
    source.write_text(f"##fileformat=VCFv4.2\n##contig=<ID=chrI>\n{COLUMNS}\n{rows}")
    table, batch = alleles([(0, 5), (1, 9)])

    def write(variants):
        part = Part(0, variants.alleles().offset, 2)
        with VcfWriter(tmp_path / "x.vcf", table, variants, part) as writer:
            writer.append(batch)

    with (
        VariantFile(source) as variants,
        pytest.raises(InputError, match="was changed or replaced while it was read"),
    ):
        write(variants)


def read_metadata_line(head):
    line = next(line for line in head.splitlines() if line.startswith(b"##basenji_score="))
    return json.loads(line.partition(b"=")[2])
