"""Plans: how files are cut into parts, which are read one by one, and who may use a plan."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pysam.bcftools
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_command import HEADER, arguments, files, line, plan, score, snvs
from small_network import save_random_bundle, small_architecture
from typer.testing import CliRunner

from basenji_kipoi.base import progress
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sharing.shards import shard_of
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef
from basenji_kipoi.genome.vcf import Alleles, Variant, VariantFile
from basenji_kipoi.scoring.metadata import read_metadata
from basenji_kipoi.scoring.options import ScoreOptions
from basenji_kipoi.scoring.plan import cut, make_plan, read_parts
from basenji_kipoi.scoring.run import score_file
from basenji_kipoi.scoring.tables import GENE_COLUMNS, ScoreTable, read_batches, save_batches

__all__ = ["files"]


def variants(alleles):
    """Records with so many alleles each."""
    return [
        Variant(record, "chrI", record + 1, None, "A", "C")
        for record, number in enumerate(alleles)
        for _ in range(number)
    ]


@given(alleles=st.lists(st.integers(1, 5), max_size=40), size=st.integers(1, 9))
def test_parts_hold_whole_records_and_enough_alleles(alleles, size):
    given_variants = variants(alleles)
    parts = list(cut(given_variants, size))
    assert sum(parts, []) == given_variants  # noqa: RUF017 - lists of a few
    records = [{variant.record for variant in part} for part in parts]
    assert sum(map(len, records)) == len(alleles)  # none is in two parts
    for part in parts[:-1]:
        last = [variant for variant in part if variant.record == part[-1].record]
        assert len(part) >= size > len(part) - len(last)


@given(parts=st.integers(0, 50), shards=st.integers(1, 9))
def test_shards_are_all_parts_in_order(parts, shards):
    found = [shard_of([1] * parts, (number, shards)) for number in range(1, shards + 1)]
    assert [number for shard in found for number in shard] == list(range(parts))
    sizes = [len(shard) for shard in found]
    assert max(sizes) - min(sizes) <= 1


# ---- places in a file ----

TEXT = (
    "##fileformat=VCFv4.2\n##contig=<ID=chrI,length=30000>\n##contig=<ID=I>\n"
    '##INFO=<ID=X,Number=1,Type=String,Description="x">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
)


def container(folder, kind, lines):
    """Write records of several bgzip blocks, with samples."""
    path = folder / "x.vcf"
    path.write_text(TEXT + "".join(f"{each}\tGT\t0|1\t.\n" for each in lines))
    if kind == "bgzip":
        pysam.tabix_compress(str(path), f"{path}.gz")
        return Path(f"{path}.gz")
    if kind == "bcf":
        pysam.bcftools.view("-O", "b", "-o", f"{path}.bcf", str(path), catch_stdout=False)
        return Path(f"{path}.bcf")
    if kind == "carriage returns":
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return path


@pytest.mark.parametrize("kind", ["plain", "carriage returns", "bgzip", "bcf"])
def test_a_part_is_read_where_it_lies(files, tmp_path, kind):
    random = np.random.default_rng(3)
    letters = "".join(random.choice(list("abcdefgh"), 3000))
    lines = [
        f"{'I' if pos > 80 else 'chrI'}\t{pos}\t.\tA\t{alt}\t.\t.\tX={letters[: pos * 17]}"
        for pos, alt in zip(range(1, 161), ["C", "C,G", "<DEL>", ".", "C,G,T,*"] * 32)
    ]
    with VariantFile(container(tmp_path, kind, lines)) as variants, Genome(files["fasta"]) as fasta:
        whole = list(cut(variants, 7))
        texts = list(variants.record_lines(variants.alleles().offset))
        assert len(texts) == len(lines)
        assert variants.header_lines()[-1].startswith("#CHROM")
        found = make_plan(
            variants, AlleleChecks(fasta, variants.name, CheckRef.off, 100), genes=None, model=[],
            part_size=7, is_assembly_checked=False, quiet=True,
        )  # fmt: skip
        assert found.contigs == ["chrI", "I"]
        assert [part.alleles for part in found.parts] == [len(part) for part in whole]
        for numbers in ([0], [len(whole) - 1], range(len(whole)), [1, 2, 5, 9, 10]):
            parts = list(read_parts(variants, found.parts, numbers))
            assert parts == [whole[number] for number in numbers]
        for part in found.parts:
            first = next(variants.record_lines(part.offset))
            assert first == texts[part.record]


# ---- plans ----


@pytest.mark.parametrize(
    ("kind", "out"), [("plain", "y.parquet"), ("bgzip", "y.vcf"), ("bcf", "y.vcf")]
)
def test_shards_of_a_plan_make_what_one_run_makes(files, tmp_path, kind, out):
    rows = [*snvs(9), line(6000, alt="N,<DEL>,*"), *snvs(8, 7000)]
    vcf = str(container(tmp_path, kind, [row.replace("DP=3", ".") for row in rows]))
    told = plan(files, tmp_path, vcf, part_size=3)
    assert "20 alleles in 7 parts" in told
    names = [f"{number}.{out}" for number in (1, 2, 3)]
    for number, name in enumerate(names, start=1):
        score(files, tmp_path, vcf, name, shard=f"{number}/3", plan=tmp_path / "x.plan.json")
    shards = [str(tmp_path / name) for name in names]
    merge = ["merge-scores", *shards, "--out", str(tmp_path / f"merged.{out}")]
    assert CliRunner().invoke(app, merge).exit_code == 0
    score(files, tmp_path, vcf, out, part_size=3)
    if out == "y.parquet":
        merged, whole = (pd.read_parquet(tmp_path / name) for name in (f"merged.{out}", out))
        pd.testing.assert_frame_equal(merged, whole)
        return
    merged, whole = (
        re.sub("##basenji_score=.*", "", (tmp_path / name).read_text())
        for name in (f"merged.{out}", out)
    )
    assert merged == whole


def test_what_is_read_is_said_unless_it_is_to_be_quiet(files, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_LOG_PERIOD", 0)
    said = plan(files, tmp_path, snvs(4), part_size=2)
    assert "reading the variants: 4 alleles" in said
    assert "checking the genome: " in said
    quiet = plan(files, tmp_path, snvs(4), "y.plan.json", part_size=2, quiet=True)
    assert "reading" not in quiet
    assert "checking" not in quiet


def bytes_read():
    return int(re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())[1])


def test_how_much_of_a_file_is_read(files, tmp_path):
    """Of 40 parts of a large file a shard reads its own: no other part, and no checksum."""
    rows = [line(pos).replace("DP=3", "X=" + "a" * 100_000) for pos in range(5000, 5200)]
    options = {"part_size": 5, "window": "cluster:500", "tracks": "0"}
    score(files, tmp_path, snvs(2), "warm.parquet", **options)  # what imports read counts too
    score(files, tmp_path, snvs(2), "warm.vcf", **options)

    def read(action, *arguments, **options):
        before = bytes_read()
        action(files, tmp_path, *arguments, **options)
        return (bytes_read() - before) / size

    size = len(HEADER) + sum(len(row) + 1 for row in rows)
    vcf = str(tmp_path / "in.vcf")
    assert 2 <= read(plan, rows, part_size=5) < 2.1  # the records, and the checksum
    del options["part_size"]
    shard = {**options, "plan": tmp_path / "x.plan.json"}
    for number in (1, 20, 39):
        out = f"{number}.parquet"
        assert 1 / 40 <= read(score, vcf, out, shard=f"{number}/40", **shard) < 0.1
    assert 2 / 40 <= read(score, vcf, "x.vcf", shard="40/40", **shard) < 0.1
    # Without a plan: the same, and nothing once more.
    assert 2 <= read(score, vcf, "whole.parquet", **options, part_size=5) < 2.2
    for number in (3, 40):
        out = f"alone.{number}.parquet"
        assert 2 <= read(score, vcf, out, **options, part_size=5, shard=f"{number}/40") < 2.2


@pytest.mark.parametrize("part_size", [1, 4, 100])
def test_every_record_is_parsed_once(files, tmp_path, monkeypatch, part_size):
    """Whatever the number of parts; the run that goes on with an interrupted one, once more."""
    parsed = []

    class Counted(Alleles):
        def __iter__(self):
            for variant in super().__iter__():
                parsed.append((variant.record, variant.alt))
                yield variant

    def interrupt(folder, batches):
        save_batches(folder, batches)
        raise KeyboardInterrupt

    monkeypatch.setattr("basenji_kipoi.genome.vcf.Alleles", Counted)
    rows = [*snvs(9), line(6000, alt="N,<DEL>,*"), line(6100, alt="G,GT", name="x"), *snvs(8, 7000)]
    alleles = [
        (record, alt) for record, row in enumerate(rows) for alt in row.split("\t")[4].split(",")
    ]
    whole = score(files, tmp_path, rows, "whole.parquet", part_size=part_size)
    assert parsed == alleles
    assert list(whole["alt"]) == [alt for _, alt in alleles]
    assert whole["id"].dropna().tolist() == ["x", "x"]
    parsed.clear()
    words = arguments(files, tmp_path, rows, part_size=part_size)
    with monkeypatch.context() as interrupting:
        interrupting.setattr("basenji_kipoi.scoring.run.save_batches", interrupt)
        assert CliRunner().invoke(app, words).exit_code != 0
    assert parsed == alleles
    parsed.clear()
    assert CliRunner().invoke(app, [*words, "--resume"]).exit_code == 0
    assert parsed == alleles
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), whole)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"in.vcf", "x.parquet", "whole.parquet"}


def test_a_second_run_is_kept_out_before_anything_is_read(files, tmp_path, monkeypatch):
    (tmp_path / "in.vcf").write_text("no VCF, which nobody finds")
    out = tmp_path / "x.parquet"
    options = {"command": "", "resume": False, "overwrite": False}
    with UnfinishedRun([out], "basenji score", {}, **options):
        message = score(files, tmp_path, str(tmp_path / "in.vcf"), status=2)
    assert message == f"error: another run is writing {out}: wait until it ends\n"
    assert "neither VCF nor BCF" in score(files, tmp_path, str(tmp_path / "in.vcf"), status=2)
    assert [path.name for path in tmp_path.iterdir()] == ["in.vcf"]


def test_a_shard_with_a_plan_computes_no_checksum(files, tmp_path, monkeypatch):
    score(files, tmp_path, snvs(30, 9000), "background.parquet")
    options = {"genes": files["gtf"], "background": tmp_path / "background.parquet"}
    whole = score(files, tmp_path, snvs(6), "whole.parquet", part_size=2, **options)
    plan(files, tmp_path, snvs(6), part_size=2, **options)
    computed = []

    def counted(path, *arguments, **named):
        computed.append(path.name)
        return checksum(path, *arguments, **named)

    monkeypatch.setattr("basenji_kipoi.base.checksum.checksum", counted)
    vcf = str(tmp_path / "in.vcf")
    shards = [
        score(files, tmp_path, vcf, f"{number}.parquet", shard=f"{number}/3", **options,
              plan=tmp_path / "x.plan.json")
        for number in (1, 2, 3)
    ]  # fmt: skip
    assert computed == []
    pd.testing.assert_frame_equal(pd.concat(shards, ignore_index=True), whole)
    # A background that the plan does not know is read by each, and told in the output all the same.
    metadata = read_metadata(tmp_path / "1.parquet")
    plan(files, tmp_path, snvs(6), "y.json", part_size=2, genes=files["gtf"])
    score(files, tmp_path, vcf, "4.parquet", shard="1/3", **options, plan=tmp_path / "y.json")
    assert computed == ["in.vcf", "genome.fa", "genes.gtf", "background.parquet"]
    assert read_metadata(tmp_path / "4.parquet")["background"] == metadata["background"]
    message = plan(files, tmp_path, vcf, "z.json", status=2, background=tmp_path / "none.parquet")
    assert "none.parquet cannot be read" in message


@pytest.fixture
def planned(files, tmp_path):
    """Copy the files, and plan with them."""
    shutil.copytree(files["model"], tmp_path / "model")
    for name in ("genome.fa", "genome.fa.fai"):
        shutil.copy(files["fasta"].with_name(name), tmp_path)
    mine = {**files, "model": tmp_path / "model", "fasta": tmp_path / "genome.fa"}
    plan(mine, tmp_path, snvs(6), part_size=2)
    return mine


def refused(planned, folder, vcf=None, **options):
    options = {"shard": "2/3", "plan": folder / "x.plan.json", **options}
    return score(planned, folder, vcf or str(folder / "in.vcf"), status=2, **options)


def test_a_plan_of_another_file_is_refused(planned, tmp_path):
    vcf, fasta = tmp_path / "in.vcf", tmp_path / "genome.fa"
    text, letters = vcf.read_text(), fasta.read_text()
    made = f"{tmp_path}/x.plan.json was made"
    vcf.write_text(text.replace("DP=3", "DP=4"))
    assert f"{made} for another VCF than {vcf}, or that was changed" in refused(planned, tmp_path)
    vcf.write_text(text)  # the same content with another time, as a copy has
    score(planned, tmp_path, str(vcf), shard="2/3", plan=tmp_path / "x.plan.json")
    (tmp_path / "x.parquet").unlink()
    fasta.write_text(letters[:-2] + ("C" if letters[-2] == "A" else "A") + "\n")
    os.utime(tmp_path / "genome.fa.fai")
    assert f"{made} for another genome than {fasta}" in refused(planned, tmp_path)
    fasta.write_text(letters)
    os.utime(tmp_path / "genome.fa.fai")
    assert f"{made} with --part-size 2, not 5" in refused(planned, tmp_path, part_size=5)
    shutil.rmtree(tmp_path / "model")
    save_random_bundle(tmp_path / "model", small_architecture(), seed=4)
    assert f"{made} for another model" in refused(planned, tmp_path)


def test_what_cannot_be_planned(planned, tmp_path):
    message = plan(planned, tmp_path, snvs(3), status=2)
    assert "x.plan.json exists already" in message
    zipped = tmp_path / "in.vcf.gz"
    zipped.write_bytes(gzip.compress((tmp_path / "in.vcf").read_bytes()))
    expected = "can be read from its beginning only, so there is no plan of it"
    assert f"{zipped} {expected}" in plan(planned, tmp_path, str(zipped), "y.json", status=2)
    assert expected in refused(planned, tmp_path, str(zipped))
    (tmp_path / "x.plan.json").write_text("{}")
    assert "x.plan.json: vcf: Field required" in refused(planned, tmp_path)
    message = plan(planned, tmp_path, [*snvs(2), "chrI\t7"], "y.json", status=2)
    assert f"{tmp_path}/in.vcf:5: not a VCF record" in message


@pytest.mark.parametrize("change", ["other", "shorter", "gone", "replaced"])
def test_a_file_that_changes_during_the_run(files, tmp_path, change):
    vcf = tmp_path / "in.vcf"
    rows = [row.replace("chrI", "I") for row in snvs(6)]
    arguments(files, tmp_path, rows)
    text = vcf.read_text()

    def change_it(_):
        # Told that a contig has another name, behind the reading and before the scoring.
        if change == "other":
            vcf.write_text(text.replace("DP=3", "DP=4"))
        elif change == "shorter":
            vcf.write_text(text[: -len(text) // 3])
        elif change == "gone":
            vcf.unlink()
        else:
            (tmp_path / "new").write_text(text + rows[0] + "\n")
            (tmp_path / "new").replace(vcf)

    options = ScoreOptions(
        model=(files["model"],), fasta=files["fasta"], vcf=str(vcf), out=tmp_path / "x.parquet",
        part_size=2,
    )  # fmt: skip
    with pytest.raises(InputError, match="was changed or replaced while it was read"):
        score_file(options, command="x", quiet=True, note=change_it)
    assert not (tmp_path / "x.parquet").exists()


# ---- saved parts ----

TABLE = ScoreTable(GENE_COLUMNS, ("SED",), ("a",))


def batch(value):
    columns = [["x"], [1], [None], ["A"], ["C"], ["g"], [""], ["+"], [1], [0]]
    return TABLE.batch(columns, np.full((1, 1), value), np.array([True]))


@pytest.mark.parametrize("damage", ["a byte", "the end", "a file", "the checksums"])
def test_a_damaged_part_is_named(tmp_path, damage):
    folder = tmp_path / "part-000002"
    save_batches(folder, {"alleles": batch(2), "genes": batch(3)})
    assert [each.to_pylist()[0]["values"] for each in read_batches(folder, "genes")] == [[3]]
    path = folder / "genes.arrow"
    content = bytearray(path.read_bytes())
    if damage == "a byte":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:-1] if damage == "the end" else content)
    if damage == "a file":
        path.unlink()
    if damage == "the checksums":
        (folder / "sha256.json").write_text("{")
    with pytest.raises(
        InputError, match=rf"{path} is damaged: remove {folder} and go on with --re"
    ):
        list(read_batches(folder, "genes"))


def test_a_damaged_part_is_computed_again(files, tmp_path, monkeypatch):
    whole = score(files, tmp_path, snvs(6), "whole.parquet", part_size=2)
    pieces = tmp_path / "x.parquet.unfinished" / "pieces"

    def save(folder, batches):
        if folder.name == "part-000002":
            raise KeyboardInterrupt
        save_batches(folder, batches)

    with monkeypatch.context() as interrupting:
        interrupting.setattr("basenji_kipoi.scoring.run.save_batches", save)
        words = arguments(files, tmp_path, snvs(6), part_size=2)
        assert CliRunner().invoke(app, words).exit_code != 0
    assert sorted(path.name for path in pieces.iterdir()) == ["part-000000", "part-000001"]
    (pieces / "part-000001" / "alleles.arrow").write_bytes(b"")
    options = {"part_size": 2, "resume": True}
    message = score(files, tmp_path, str(tmp_path / "in.vcf"), status=2, **options)
    assert f"{pieces}/part-000001/alleles.arrow is damaged" in message
    shutil.rmtree(pieces / "part-000001")
    found = score(files, tmp_path, str(tmp_path / "in.vcf"), **options)
    pd.testing.assert_frame_equal(found, whole)
