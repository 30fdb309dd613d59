"""Fragment files, what users get wrong, the command, and real data."""

from __future__ import annotations

import contextlib
import gzip
import json
import math
import os
import re
import subprocess
import sys
import threading

import numpy as np
import pybigtools
import pysam
import pytest
from read_files import CUTS, fasta, reads
from simulated_reads import write_fasta

from basenji_kipoi.base.errors import InputError
from basenji_training.coverage.run import make_coverage
from basenji_training.reads.settings import RECIPES, Settings

__all__ = ["fasta", "reads"]

FRAGMENTS = "chr1\t10\t60\tAAC\t2\nchr1\t20\t80\tAAG\t1\nchr2\t0\t300\tAAC\t3\n"


def values(path, contig, size):
    return pybigtools.open(str(path)).values(contig, 0, size, fillna=0.0)


def cuts(path, contig="chr1", size=200):
    """List the bases that are not zero."""
    found = values(path, contig, size)
    return {at: found[at] for at in np.flatnonzero(found).tolist()}


@pytest.mark.parametrize("compressed", [False, True])
def test_fragments_count_as_often_as_they_were_seen(fasta, tmp_path, compressed):
    text = "# a comment\n" + FRAGMENTS
    path = tmp_path / "fragments.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    keep = Settings(mode="cut", duplicates="keep")
    make_coverage([path], tmp_path / "x.bw", keep, fasta=fasta)
    assert cuts(tmp_path / "x.bw") == {10: 2, 20: 1, 59: 2, 79: 1}
    whole = Settings(mode="fragment", duplicates="keep")
    make_coverage([path], tmp_path / "y.bw", whole, fasta=fasta)
    assert values(tmp_path / "y.bw", "chr1", 200)[[9, 10, 20, 59, 60, 79, 80]].tolist() == [
        0, 2, 3, 3, 1, 1, 0,
    ]  # fmt: skip
    assert values(tmp_path / "y.bw", "chr2", 400).sum() == 900


def test_contigs_are_matched_and_unknown_ones_counted(fasta, tmp_path):
    path = tmp_path / "f.bed"
    path.write_text("1\t10\t60\nscaffold\t1\t5\n2\t0\t300\n")
    quality = make_coverage([path], tmp_path / "x.bw", Settings(mode="centre"), fasta=fasta)
    assert quality.tally["contig not in the genome"] == 1
    assert values(tmp_path / "x.bw", "chr1", 200)[34] == 1
    assert values(tmp_path / "x.bw", "chr2", 400)[149] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t1\t5\nchr1\t2\tx\n", r"f\.bed:2: expected contig, start, end.*'x'"),
        ("#c\nchr1\t1\t5\nchr1\t9\n", r"f\.bed:3: expected contig, start, end"),
        ("chr1\t1\t5\nchr1\t8\t8\n", r"f\.bed:2: the fragment chr1:8-8, .* cannot be"),
        ("chr1\t1\t5\nchr1\t1\t201\n", r"f\.bed:2: .* within the contig's 200 bp"),
        ("chr1\t1\t5\ta\t0\n", r"f\.bed:1: .* a count above 0"),
        ("", "has no fragments"),
        (
            "other\t1\t5\n",
            r"no read of .*f\.bed counts \(fragments: 1, contig not in the genome: 1\)",
        ),
    ],
)
def test_malformed_fragments_are_named(fasta, tmp_path, text, message):
    path = tmp_path / "f.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        make_coverage([path], tmp_path / "x.bw", CUTS, fasta=fasta)
    assert not list(tmp_path.glob("*x.bw*"))
    assert not (tmp_path / "x.json").exists()


def test_what_duplicates_do_to_counts(fasta, tmp_path):
    path = tmp_path / "f.tsv"
    # One fragment in two cells, far from each other in the file, and one that was seen thrice.
    path.write_text("chr1\t10\t60\tAAC\t1\nchr1\t20\t80\tAAC\t3\nchr1\t10\t60\tAAG\t2\n")
    expected = {
        "keep": {10: 3, 20: 3, 59: 3, 79: 3},
        "mark": {10: 2, 20: 1, 59: 2, 79: 1},
        "drop": {10: 1, 20: 1, 59: 1, 79: 1},
    }
    for duplicates, counts in expected.items():
        out, settings = tmp_path / f"{duplicates}.bw", Settings(mode="cut", duplicates=duplicates)
        quality = make_coverage([path], out, settings, fasta=fasta)
        assert cuts(out) == counts
    assert quality.tally["duplicates that the file counts"] == 3
    assert quality.tally["duplicates by position"] == 1
    # Of six pairs of reads two fragments are left.
    assert quality.figures()["duplicates_share"] == pytest.approx(4 / 6)


def test_duplicates_are_found_across_blocks(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr("basenji_training.reads.fragments._BLOCK_BYTES", 64)
    path = tmp_path / "f.bed"
    path.write_text("".join(f"chr1\t{i % 40}\t{i % 40 + 50}\n" for i in range(400)))
    drop = Settings(mode="fragment", duplicates="drop")
    quality = make_coverage([path], tmp_path / "x.bw", drop, fasta=fasta)
    assert quality.tally["duplicates by position"] == 360
    assert sum(quality.forward) == 40


def test_a_strand_column_changes_nothing(fasta, tmp_path):
    for name, end in (("five", ""), ("six", "\t+")):
        path = tmp_path / f"{name}.tsv"
        path.write_text(f"chr1\t10\t60\tAACCGGTT-1\t2{end}\nchr2\t20\t80\tGGCCGGTT-1\t1{end}\n")
        keep = Settings(mode="cut", duplicates="keep")
        make_coverage([path], tmp_path / f"{name}.bw", keep, fasta=fasta)
        assert cuts(tmp_path / f"{name}.bw") == {10: 2, 59: 2}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t10\t60\tchr1\t90\t150\tread7\t37\t+\t-", "this is BEDPE"),
        ("chr1\t10\t60\t.\t-1\t-1\tr\t0\t+\t.", "this has 10 columns"),
        ("chr1\t10\t60\tN\t1000\t-", "names, scores and strands .such as tagAlign"),
        ("chr1\t10\t60\tread:1:2\t37\t+", "names, scores and strands"),
        ("chr1\t10\t46\tTTACGTTGCAACCGTATTGCAGGATTACAGATTACA\t1000\t+", "such as tagAlign"),
        ("chr1\t10\t18\tACGTNACG\t0\t-", "such as tagAlign"),
        ("chr1\t10\t60\tpeak\t37\t.\t9\t9\t9\t25", "this has 10 columns"),
        ("chr1 10 60 AAC 1", "columns separated by spaces"),
        ("@HD\tVN:1.6\tSO:coordinate", "is SAM: make BAM"),
        ("chr1\t10\t60\tAAC\t1.5", "1.5"),
        ("chr1\t10\t6\r0\tAAC\t1", "carriage return"),
    ],
)
def test_other_formats_are_not_taken_for_fragments(fasta, tmp_path, line, message):
    path = tmp_path / "f.bed"
    path.write_text(f"# a comment\n{line}\n", newline="")
    with pytest.raises(InputError, match=message) as caught:
        make_coverage([path], tmp_path / "x.bw", CUTS, fasta=fasta)
    assert "f.bed" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("made", ["tagAlign", "bamtobed", "bamtobed -bedpe"])
def test_files_made_of_alignments_are_no_fragments(fasta, tmp_path, made):
    pairs = [(10 + 7 * n, 60 + 7 * n, 90 + 7 * n, 140 + 7 * n, f"read{n}") for n in range(5)]
    rows = []
    for start, end, other, last, name in pairs:
        if made == "bamtobed -bedpe":
            rows.append(("chr1", start, end, "chr1", other, last, name, 37, "+", "-"))
            continue
        first, second = ("N", "N") if made == "tagAlign" else (f"{name}/1", f"{name}/2")
        score = 1000 if made == "tagAlign" else 37
        rows.append(("chr1", start, end, first, score, "+"))
        rows.append(("chr1", other, last, second, score, "-"))
    text = "".join("\t".join(map(str, row)) + "\r\n" for row in rows)
    path = tmp_path / "reads.bed.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match=r"reads\.bed\.gz:1: this is BED") as caught:
        make_coverage([path], tmp_path / "x.bw", CUTS, fasta=fasta)
    assert str(caught.value).endswith("pass --format fragments")
    assert not (tmp_path / "x.bw").exists()


def test_a_named_format_is_believed(fasta, tmp_path):
    path = tmp_path / "f.bed"
    path.write_text("chr1\t10\t60\tmine\t7\t+\n")
    make_coverage([path], tmp_path / "x.bw", Settings(mode="cut", format="fragments"), fasta=fasta)
    assert cuts(tmp_path / "x.bw") == {10: 1, 59: 1}
    alignments = Settings(mode="cut", format="alignments")
    with pytest.raises(InputError, match=r"f\.bed cannot be read"):
        make_coverage([path], tmp_path / "y.bw", alignments, fasta=fasta)


def test_alignments_are_known_by_their_content(reads, tmp_path):
    bam, _ = reads
    (tmp_path / "no_suffix").write_bytes(bam.read_bytes())
    for path, out in ((bam, "x.bw"), (tmp_path / "no_suffix", "y.bw")):
        make_coverage([path], tmp_path / out, CUTS)
    assert cuts(tmp_path / "x.bw", size=30_000) == cuts(tmp_path / "y.bw", size=30_000)


def test_quotes_byte_order_marks_and_line_ends_are_text(fasta, tmp_path):
    path = tmp_path / "f.tsv"
    path.write_bytes('\ufeffchr1\t10\t60\t"AAC\t1\r\nchr1\t20\t80\tA"C\u2028\t1\r\n'.encode())
    make_coverage([path], tmp_path / "x.bw", CUTS, fasta=fasta)
    assert cuts(tmp_path / "x.bw") == {10: 1, 20: 1, 59: 1, 79: 1}


ATAC = Settings(mode="cut", shift_forward=4, shift_reverse=-4)


def test_ends_that_were_moved_are_not_moved_again(fasta, tmp_path):
    records = "chr1\t0\t60\tAAC\t1\nchr1\t20\t200\tAAC\t1\n"
    path = tmp_path / "fragments.tsv"
    path.write_text(f"# id=x\n# pipeline_name=cellranger-atac\n{records}")
    quality = make_coverage([path], tmp_path / "x.bw", ATAC, fasta=fasta)
    assert cuts(tmp_path / "x.bw") == {0: 1, 20: 1, 59: 1, 199: 1}
    assert quality.tally["with ends that were moved before"] == 2
    path.write_text(records)
    message = "does not say whether .* --fragment-ends moved; .* --fragment-ends unmoved"
    with pytest.raises(InputError, match=message):
        make_coverage([path], tmp_path / "y.bw", ATAC, fasta=fasta)
    # What does not count ends need not know.
    make_coverage([path], tmp_path / "c.bw", Settings(mode="centre", shift_forward=4), fasta=fasta)


def test_ends_are_moved_if_it_is_asked_for(fasta, tmp_path):
    path = tmp_path / "fragments.tsv"
    path.write_text("chr1\t10\t60\nchr1\t196\t200\n")
    run = [
        sys.executable, "-m", "basenji_training", "coverage", str(path), "--assay", "atac",
        "--fasta", str(fasta), "--no-gc", "--smooth", "0", "--out", str(tmp_path / "x.bw"),
    ]  # fmt: skip
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "does not say whether the ends of its fragments have been moved" in done.stderr
    asked = [*run, "--fragment-ends", "unmoved"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert cuts(tmp_path / "x.bw") == {14: 1, 55: 1, 195: 1}
    # The fourth cut was moved off the contig.
    assert re.search(r"1 +beyond an end of their contig", done.stdout)
    assert re.search(r"3 +events that count", done.stdout)
    asked = [*run, "--fragment-ends", "moved", "--overwrite"]
    subprocess.run(asked, check=True, capture_output=True)
    assert cuts(tmp_path / "x.bw") == {10: 1, 59: 1, 196: 1, 199: 1}


def test_fragments_come_from_pipes_and_alignments_do_not(reads, fasta, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(FRAGMENTS.encode()),))
    writer.start()
    make_coverage([pipe], tmp_path / "x.bw", CUTS, fasta=fasta)
    writer.join()
    assert cuts(tmp_path / "x.bw") == {10: 1, 20: 1, 59: 1, 79: 1}
    writer = threading.Thread(target=_pour, args=(reads[0], pipe))
    writer.start()
    with pytest.raises(InputError, match="holds alignments, which are read at random"):
        make_coverage([pipe], tmp_path / "y.bw", CUTS, fasta=fasta)
    writer.join()
    os.mkfifo(tmp_path / "pipe.bam")
    with pytest.raises(InputError, match=r"pipe\.bam is a pipe, but BAM and CRAM files are read"):
        make_coverage([tmp_path / "pipe.bam"], tmp_path / "y.bw", CUTS, fasta=fasta)


def _pour(source, pipe):
    with contextlib.suppress(BrokenPipeError):
        pipe.write_bytes(source.read_bytes())


def one_base_reads(path, places, lengths, tag=None):
    """Write a BAM file of reads of 30 bp: (contig, start)."""
    header = pysam.AlignmentHeader.from_references(list(lengths), list(lengths.values()))
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, (contig, start) in enumerate(places):
            record = pysam.AlignedSegment(header)
            record.query_name, record.flag = f"r{number}", 0
            record.reference_id, record.reference_start = list(lengths).index(contig), start
            record.cigarstring, record.mapping_quality = "30M", 60
            if tag is not None:
                record.set_tag("XA", tag)
            file.write(record)
    return path


def test_two_names_of_one_contig_are_an_error(fasta, tmp_path):
    lengths = {"chr1": 200, "1": 200, "chr2": 400}
    bam = one_base_reads(tmp_path / "x.bam", [("chr1", 20), ("1", 50)], lengths)
    with pytest.raises(InputError, match="two names of one contig: chr1 and 1 are both"):
        make_coverage([bam], tmp_path / "x.bw", CUTS, fasta=fasta)


@pytest.mark.parametrize("multimap", ["em", "drop"])
def test_the_stratum_of_bowtie_is_no_list_of_alignments(fasta, tmp_path, multimap):
    lengths = {"chr1": 200, "chr2": 400}
    bam = one_base_reads(tmp_path / "x.bam", [("chr1", 20), ("chr1", 50)], lengths, tag=0)
    make_coverage([bam], tmp_path / "x.bw", Settings(mode="cut", multimap=multimap), fasta=fasta)
    assert cuts(tmp_path / "x.bw") == {20: 1, 50: 1}


@pytest.mark.parametrize("tag", ["chr1,+99999999999,30M,0;", "chr1,+5000000000,30M,0;", "chr1;"])
def test_a_list_of_alignments_that_cannot_be(fasta, tmp_path, tag):
    bam = one_base_reads(tmp_path / "x.bam", [("chr1", 20)], {"chr1": 200, "chr2": 400}, tag=tag)
    with pytest.raises(InputError, match="read r0 has the XA tag"):
        make_coverage([bam], tmp_path / "x.bw", CUTS, fasta=fasta)


def test_a_missing_file_is_told_first(tmp_path):
    with pytest.raises(InputError, match=r"there is no file of reads .*nope\.bam"):
        make_coverage([tmp_path / "nope.bam"], tmp_path / "x.bw", RECIPES["atac"])


@pytest.mark.parametrize(
    ("option", "value"),
    [("multimap_sd", math.nan), ("smooth_sd", math.inf), ("smooth_sd", 1e7), ("smooth_sd", -1),
     ("clip", math.nan), ("shift_forward", 10**19)],
)  # fmt: skip
def test_numbers_that_no_setting_can_be(option, value):
    with pytest.raises(ValueError, match=option):
        Settings(mode="cut", **{option: value})


def test_fragment_files_know_no_strands(fasta, tmp_path):
    path = tmp_path / "f.bed"
    path.write_text(FRAGMENTS)
    for settings in (Settings(mode="five-prime"), Settings(mode="cut", stranded=True)):
        with pytest.raises(InputError, match="knows neither reads nor strands"):
            make_coverage([path], tmp_path / "x.bw", settings, fasta=fasta)
    with pytest.raises(InputError, match="pass the genome with --fasta"):
        make_coverage([path], tmp_path / "x.bw", CUTS)


def test_the_command_writes_tracks_figures_and_a_page(reads, tmp_path):
    bam, simulated = reads
    fasta = write_fasta(tmp_path / "g.fa", simulated.sequences)
    genes = tmp_path / "genes.gtf"
    genes.write_text(
        "".join(
            f'chr1\tx\ttranscript\t{start}\t{start + 500}\t.\t{strand}\t.\tgene_id "{start}";\n'
            for start, strand in ((5001, "+"), (9001, "-"))
        )
    )
    run = [
        sys.executable, "-X", "importtime", "-m", "basenji_training", "coverage", str(bam),
        "--assay", "cage",
        "--fasta", str(fasta), "--genes", str(genes), "--out", str(tmp_path / "x.bw"),
        "--min-mapq", "0", "--processes", "2",
    ]  # fmt: skip
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "basenji_training.coverage.run" in imported
    # They would take longer to import than many a file to count.
    assert not imported & {"tensorflow", "keras", "jax", "bokeh", "sklearn", "zarr"}
    assert "x_plus.bw" in done.stdout
    assert "x_minus.bw" in done.stdout
    figures = json.loads((tmp_path / "x.json").read_text())
    assert figures["command"].startswith("basenji-train coverage")
    assert figures["settings"]["multimap_sd"] == 4
    assert figures["tss"]["genes"] == 2
    assert figures["total"] == pytest.approx(len(simulated.five), abs=1)
    forward = (~simulated.reverse).mean()
    assert figures["plus_share"] == pytest.approx(forward, abs=0.01)
    page = (tmp_path / "x.html").read_text()
    # What is said of fragment lengths of ATAC-seq is said of no other assay.
    assert "ATAC" not in page
    assert len(re.findall("data:image/png;base64,", page)) == 2
    assert not re.findall(r"(?:src|href)=['\"](?!data:)", page)
    # Two processes make the same as one.
    make_coverage([bam], tmp_path / "y.bw", Settings(**figures["settings"]), fasta=fasta)
    for name, size in simulated.lengths.items():
        np.testing.assert_array_equal(
            values(tmp_path / "x_plus.bw", name, size), values(tmp_path / "y_plus.bw", name, size)
        )
    with pytest.raises(InputError, match="--overwrite"):
        make_coverage([bam], tmp_path / "x.bw", Settings(**figures["settings"]))


def test_a_strand_without_reads_is_an_empty_track(tmp_path):
    header = pysam.AlignmentHeader.from_references(["c"], [400])
    with pysam.AlignmentFile(str(tmp_path / "one.bam"), "wb", header=header) as file:
        record = pysam.AlignedSegment(header)
        record.query_name, record.flag, record.reference_id = "r", 0, 0
        record.reference_start, record.cigarstring, record.mapping_quality = 200, "30M", 60
        file.write(record)
    make_coverage([tmp_path / "one.bam"], tmp_path / "x.bw", Settings(mode="cut", stranded=True))
    assert values(tmp_path / "x_plus.bw", "c", 400).sum() == 1
    assert values(tmp_path / "x_minus.bw", "c", 400).sum() == 0
