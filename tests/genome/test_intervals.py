"""BED files with known intervals, and the line that each bad one gets."""

from __future__ import annotations

import gzip
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.intervals import (
    Interval,
    centred_window,
    read_annotated,
    read_bed,
    read_intervals,
)

LENGTHS = {"chrI": 1000, "chrII": 500}


def bed(tmp_path, content: str, name: str = "x.bed") -> Path:
    path = tmp_path / name
    path.write_text(content, newline="")
    return path


def error_of(tmp_path, line: str) -> str:
    """The message for a file whose third line is bad, without the file's folder."""
    path = bed(tmp_path, f"# a comment\nchrI\t0\t1000\n{line}\nchrI\tno\tno\n")
    with pytest.raises(InputError) as caught:
        read_bed(path, LENGTHS)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/")


def test_columns_headers_and_endings(tmp_path):
    content = (
        "browser position chrI\ntrack name=x\n#chrom\tstart\tend\n\n"
        "chrI\t0\t10\r\n"
        "chrI 5 7 gene 0 -\n"
        "chrII\t499\t500\t\t0\t+\textra\n"
        "tracks\t1\t2"
    )
    expected = [
        Interval("chrI", 0, 10),
        Interval("chrI", 5, 7, "gene", "-"),
        Interval("chrII", 499, 500, ".", "+"),
        Interval("tracks", 1, 2),
    ]
    assert read_bed(bed(tmp_path, content)) == expected
    compressed = tmp_path / "compressed.bed"  # known by its content, not by its name
    compressed.write_bytes(gzip.compress(content.encode()))
    assert read_bed(compressed) == expected


def test_an_empty_file_has_no_intervals(tmp_path):
    assert read_bed(bed(tmp_path, ""), LENGTHS) == []
    assert read_bed(bed(tmp_path, "#chrom\tstart\tend\n"), LENGTHS) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chrI\t10\t10", "chrI:10-10 is empty: its start must be smaller than its end"),
        ("chrI\t11\t10", "chrI:11-10 is empty: its start must be smaller than its end"),
        ("chrI\t-1\t10", "chrI:-1-10 starts before its contig does"),
        ("chrII\t0\t501", "chrII:0-501 reaches beyond the end of chrII at 500"),
        ("chrl\t0\t10", "the genome has no contig 'chrl': it has chrI, chrII"),
        ("q\t0\t10", "the genome has no contig 'q': it has chrI, chrII"),
        ("chrI\tten\t10", "the start 'ten' is not a whole number"),
        ("chrI\t1_0\t20", "the start '1_0' is not a whole number"),
        ("chrI\t1\t2.5", "the end '2.5' is not a whole number"),
        ("chrI\t1", "expected at least three columns (chrom, start, end), found 2"),
        ("chrI\t1\t2\tx\t0\t*", "the strand '*' of chrI:1-2 is not '+', '-' or '.'"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, message):
    assert error_of(tmp_path, line) == f"x.bed:3: {message}"


def test_only_windows_reach_beyond_their_contig(tmp_path):
    left, right = Interval("chrII", -60, 40), Interval("chrII", 450, 550)
    path = bed(tmp_path, "".join(f"{i.chrom}\t{i.start}\t{i.end}\n" for i in (left, right)))
    assert read_bed(path, LENGTHS, window=100) == [left, right]
    with pytest.raises(InputError, match=r"x\.bed:1: chrII:-60-40 starts before its contig does"):
        read_bed(path, LENGTHS, window=99)
    with pytest.raises(InputError, match=r"x\.bed:1: the genome has no contig 'III'"):
        read_bed(bed(tmp_path, "III\t0\t100\n"), LENGTHS, window=100)


def test_contigs_are_found_by_the_names_of_other_files(tmp_path):
    path = bed(tmp_path, "II\t0\t1\nchrI\t2\t3\n2\t4\t5\n")
    expected = [Interval("chrII", 0, 1), Interval("chrI", 2, 3), Interval("chrII", 4, 5)]
    assert read_bed(path, LENGTHS) == expected
    assert read_bed(bed(tmp_path, "chr1\t0\t1\n"), {"1": 10, "2": 10}) == [Interval("1", 0, 1)]
    with pytest.raises(InputError, match=r"x.bed:1: .* did you mean 'contig_2'"):
        read_bed(bed(tmp_path, "contg_2\t0\t1\n"), {"contig_1": 10, "contig_2": 10})


def test_a_line_ends_at_a_line_feed_alone(tmp_path):
    name = "a\u2028b\x0bc\rd\x85e"
    (tmp_path / "x.bed").write_bytes(f"\ufeffchrI\t0\t1\t{name}\r\nchrI 2 3 \u00a0\r\n".encode())
    assert [each.name for each in read_bed(tmp_path / "x.bed")] == [name, "\u00a0"]
    # Text of an older age: a byte is a letter.
    (tmp_path / "x.bed").write_bytes("chrI\t0\t1\tgène\n".encode("latin-1"))
    assert [each.name for each in read_bed(tmp_path / "x.bed")] == ["gène"]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_pipe_is_read_once_and_whole(tmp_path, compressed):
    content = "".join(f"chrI\t{i}\t{i + 1}\n" for i in range(400)).encode()
    content = gzip.compress(content) if compressed else content
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_bed(pipe) == [Interval("chrI", i, i + 1) for i in range(400)]
    writer.join()


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none\.bed does not exist"):
        read_bed(tmp_path / "none.bed")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_bed(tmp_path)
    (tmp_path / "x.bam").write_bytes(b"BAM\xff\xfe\x80\n")
    with pytest.raises(InputError, match="it is not text"):
        read_bed(tmp_path / "x.bam")
    content = gzip.compress("".join(f"chrI\t{i}\t{i * 7 + 1}\n" for i in range(9999)).encode())
    (tmp_path / "cut.bed.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is truncated or damaged"):
        read_bed(tmp_path / "cut.bed.gz")


@given(start=st.integers(0, 10**6), length=st.integers(1, 10**5), half=st.integers(1, 10**5))
def test_the_window_has_the_intervals_centre(start, length, half):
    end = start + length
    first, last = centred_window(start, end, 2 * half)
    assert last - first == 2 * half
    assert first + half == (start + end) // 2
    # An interval that is a window already stays as it is, whatever its length's parity.
    assert centred_window(start, end, length) == (start, end) or length % 2
    if length % 2:
        assert abs(centred_window(start, end, length)[0] - start) <= 1


@given(
    start=st.integers(0, 10**6),
    length=st.integers(1, 10**5),
    window=st.integers(1, 10**5),
    grid=st.integers(1, 300),
)
def test_a_window_on_a_grid_starts_at_the_nearest_multiple(start, length, window, grid):
    centred, _ = centred_window(start, start + length, window)
    first, last = centred_window(start, start + length, window, grid=grid)
    assert last - first == window
    assert first % grid == 0
    assert -grid / 2 < first - centred <= grid / 2


def test_intervals_get_the_genomes_names_and_others_are_counted(tmp_path, caplog):
    genome = SimpleNamespace(path="genome.fa", lengths=LENGTHS)
    path = bed(tmp_path, "I\t5\t9\tx\t0\t-\nchrII\t0\t500\n" + "chrM\t0\t9\n2u\t0\t9\n" * 1000)
    expected = [Interval("chrI", 5, 9, "x", "-"), Interval("chrII", 0, 500)]
    assert read_annotated(path, genome) == expected
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{path}: 2,000 of 2,002 intervals lie on contigs that genome.fa lacks (chrM, 2u): left out"
    )
    assert read_annotated(bed(tmp_path, ""), genome) == []
    with pytest.raises(InputError, match=r"all its .* genome.fa lacks \(chrM\): it has chrI"):
        read_annotated(bed(tmp_path, "chrM\t0\t9\n"), genome)
    with pytest.raises(InputError, match="chrII:0-501 reaches beyond the end of chrII at 500 in g"):
        read_annotated(bed(tmp_path, "II\t0\t501\n"), genome)


def test_ends_of_contigs_of_unknown_length_are_not_checked(tmp_path):
    genome = SimpleNamespace(path="store.zarr", lengths={"chrI": None})
    assert read_annotated(bed(tmp_path, "I\t5\t9000\n"), genome) == [Interval("chrI", 5, 9000)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chrI:101-200", Interval("chrI", 100, 200)),
        ("chrI:1-1", Interval("chrI", 0, 1)),
        ("chrI:5", Interval("chrI", 4, 5)),
        (" chrI:1,000-20,000 ", Interval("chrI", 999, 20_000)),
        ("HLA-A*01:01:5-7", Interval("HLA-A*01:01", 4, 7)),
    ],
)
def test_places_as_browsers_write_them(text, expected):
    assert Interval.parse(text) == expected


@pytest.mark.parametrize("text", ["chrI:0-5", "chrI:6-5", "chrI:0", "chrI", "chrI:-5", "chrI:5-x"])
def test_texts_that_are_no_place(text):
    with pytest.raises(InputError, match=f"^no interval '{text}': expected contig:first-last"):
        Interval.parse(text)


def test_intervals_in_any_form(tmp_path):
    expected = [Interval("chrI", 4, 9)]
    path = bed(tmp_path, "I\t4\t9\n")
    for given_ in (
        expected[0],
        ("chrI", 4, 9),
        ["I", 4, 9],
        "chrI:5-9",
        "1:5-9",
        [("chrI", 4, 9)],
        ["chrI:5-9"],
        expected,
        path,
        str(path),
    ):
        assert read_intervals(given_, LENGTHS) == expected, given_
    assert read_intervals([], LENGTHS) == []
    mixed = ["chrI:5-9", Interval("chrII", 0, 500), ("II", 1, 2)]
    assert [each.chrom for each in read_intervals(mixed, LENGTHS)] == ["chrI", "chrII", "chrII"]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("nope.bed", "'nope.bed' is neither a BED file that exists nor an interval"),
        (("chrI", 9, 4), "chrI:9-4 is empty"),
        (("chrI", 4, "9"), "no interval"),
        ((1, 4, 9), "no interval"),
        (("chrI", "4", 9), "no interval 'chrI'"),
        ([5], "no interval 5: expected an Interval"),
        (("chrI", 0, 1001), "reaches beyond the end of chrI at 1000"),
        (("chrI", -1, 5), "starts before its contig"),
        ("chrl:1-2", "the genome has no contig 'chrl'"),
        (("chrI", 0, 1 << 61), "lies beyond any contig's end"),
        (("chrI", -(1 << 61), 0), "lies beyond any contig's end"),
    ],
)
def test_what_is_no_interval_of_the_genome(given_, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_intervals(given_, LENGTHS)


def test_the_furthest_place_is_the_last_that_is_taken():
    assert Interval("chrI", -(2**60), 2**60).end == 2**60
    for start, end in ((0, 2**60 + 1), (-(2**60) - 1, 0)):
        with pytest.raises(ValueError, match="beyond any contig"):
            Interval("chrI", start, end)
