"""What counts where, compared with a plain loop over the records."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyBigWig
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_reads import write_fasta

from basenji_training.coverage.run import make_coverage
from basenji_training.reads.cigars import Cigar, Cigars
from basenji_training.reads.settings import Settings

LENGTHS = {"chr1": 5000, "chr10": 3000, "HLA-A*01:01": 2000}
RAW = {"min_mapq": 0, "clip": None, "duplicates": "keep"}


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from("MIDN=X")), min_size=1, max_size=8),
       st.integers(0, 5), st.integers(0, 5), st.booleans())  # fmt: skip
def test_cigars_say_what_pysam_reads_from_them(middle, left, right, hard):
    text = "M".join(["5", ""]) + "".join(f"{size}{kind}" for size, kind in middle) + "7M"
    text = (f"{left}S" if left else "") + text + (f"{right}S" if right else "")
    text = f"3H{text}2H" if hard else text
    record = pysam.AlignedSegment()
    record.reference_start, record.cigarstring = 0, text
    cigar = Cigar.parse(text)
    assert (cigar.span, cigar.left_clip, cigar.right_clip) == (record.reference_length, left, right)
    introns, place = set(), 0
    for kind, size in record.cigartuples:
        if kind == pysam.CREF_SKIP:
            introns |= set(range(place, place + size))
        if kind in (0, 2, 3, 7, 8):
            place += size
    covered = {base for start, end in cigar.blocks for base in range(start, end)}
    assert covered == set(range(record.reference_length)) - introns


def test_blocks_are_listed_for_each_alignment():
    cigars = Cigars()
    numbers = cigars.number(pa.array(["5M", "5M10N5M", "5M", "2S3M2N1M4N1M"]))
    assert cigars.column("span", numbers).tolist() == [5, 20, 5, 11]
    owner, start, end = cigars.blocks(numbers)
    assert owner.tolist() == [0, 1, 1, 2, 3, 3, 3]
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == [
        (0, 5), (0, 5), (15, 20), (0, 5), (0, 3), (5, 6), (10, 11),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """Pairs, of which some have introns, are duplicates, of low quality, or not proper."""
    folder = tmp_path_factory.mktemp("paired")
    generator = np.random.default_rng(3)
    fasta = write_fasta(
        folder / "g.fa",
        {name: "".join(generator.choice(list("ACGT"), size)) for name, size in LENGTHS.items()},
    )
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": size} for name, size in LENGTHS.items()],
        }
    )
    records = []
    for number in range(3000):
        contig = int(generator.integers(3))
        length = int(generator.integers(60, 400))
        start = int(generator.integers(0, list(LENGTHS.values())[contig] - length))
        flipped = generator.random() < 0.5  # read 1 is the reverse one
        proper = generator.random() < 0.95
        duplicate = generator.random() < 0.1
        quality = int(generator.choice([0, 5, 30, 60, 255]))
        for second in (False, True):
            reverse = second ^ flipped
            gap = int(generator.choice([0, 0, 15]))
            cigar = f"20M{gap}N20M" if gap else "40M"
            span = 40 + gap
            record = pysam.AlignedSegment(header)
            record.query_name = f"pair{number}"
            record.flag = (
                1 + 2 * proper + (16 if reverse else 32) + (128 if second else 64)
                + 1024 * duplicate
            )  # fmt: skip
            record.reference_id = record.next_reference_id = contig
            record.reference_start = max(start + length - span, 0) if reverse else start
            record.template_length = -length if reverse else length
            record.cigarstring, record.mapping_quality = cigar, quality
            record.query_sequence = "A" * 40
            records.append(record)
    records.sort(key=lambda record: (record.reference_id, record.reference_start))
    path = folder / "pairs.bam"
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for record in records:
            file.write(record)
    return folder, path, fasta


def expected(path, settings):
    """Count as the settings say, a record at a time."""
    tracks = {
        track: {name: np.zeros(size) for name, size in LENGTHS.items()} for track in settings.tracks
    }
    for record in pysam.AlignmentFile(str(path)):
        quality = record.mapping_quality
        if quality < settings.min_mapq or (settings.duplicates != "keep" and record.is_duplicate):
            continue
        forward, length = not record.is_reverse, abs(record.template_length)
        five = record.reference_start if forward else record.reference_end - 1
        left = five if forward else five - length + 1
        if settings.whole_fragments:
            if not record.is_read1 or not record.is_proper_pair:
                continue
            centre = left + (length - 1) // 2
            spans = (
                [(left, left + length)] if settings.mode == "fragment" else [(centre, centre + 1)]
            )
        elif settings.mode == "read":
            spans = record.get_blocks()
        else:
            if settings.mode == "five-prime" and record.is_read1 != (settings.mate == 1):
                continue
            place = five + (settings.shift_forward if forward else settings.shift_reverse)
            spans = [(place, place + 1)]
        plus = forward if settings.mode == "cut" else forward == record.is_read1
        track = (
            "" if not settings.stranded else "plus" if plus != settings.flip_strands else "minus"
        )
        for start, end in spans:
            tracks[track][record.reference_name][max(start, 0) : max(end, 0)] += 1
    return tracks


def values_of(path):
    with pyBigWig.open(str(path)) as file:
        assert dict(file.chroms()) == LENGTHS
        return {
            name: np.nan_to_num(file.values(name, 0, size, numpy=True))
            for name, size in LENGTHS.items()
        }


@pytest.mark.parametrize(
    "settings",
    [
        Settings(mode="cut", shift_forward=4, shift_reverse=-4, **RAW),
        Settings(mode="cut", stranded=True, **RAW),
        Settings(mode="five-prime", mate=1, stranded=True, **RAW),
        Settings(mode="five-prime", mate=2, stranded=True, flip_strands=True, **RAW),
        Settings(mode="centre", **RAW),
        Settings(mode="fragment", stranded=True, **RAW),
        Settings(mode="read", stranded=True, **RAW),
        Settings(mode="cut", min_mapq=10, duplicates="mark"),
    ],
    ids=lambda s: f"{s.mode}-{s.mate}-{len(s.tracks)}-{s.duplicates}",
)
def test_coverage_is_what_a_loop_over_the_records_counts(paired, settings, tmp_path):
    _, bam, _ = paired
    make_coverage([bam], tmp_path / "x.bw", settings)
    for track, counts in expected(bam, settings).items():
        got = values_of(tmp_path / (f"x_{track}.bw" if track else "x.bw"))
        for name, values in counts.items():
            np.testing.assert_allclose(got[name], values, atol=1e-4)


def test_cram_is_read_like_bam_and_files_are_added(paired, tmp_path):
    _, bam, fasta = paired
    cram = tmp_path / "pairs.cram"
    pysam.view("-C", "-T", str(fasta), "-o", str(cram), str(bam), catch_stdout=False)
    settings = Settings(mode="cut", **RAW)
    make_coverage([bam], tmp_path / "one.bw", settings)
    make_coverage([cram, bam], tmp_path / "both.bw", settings, fasta=fasta)
    one, both = values_of(tmp_path / "one.bw"), values_of(tmp_path / "both.bw")
    assert sum(values.sum() for values in one.values()) > 5000
    for name, values in one.items():
        np.testing.assert_array_equal(both[name], 2 * values)


def test_duplicates_are_dropped_by_both_ends_and_strand(paired, tmp_path):
    _, bam, _ = paired
    settings = Settings(mode="centre", **{**RAW, "duplicates": "drop"})
    doubled = [bam, bam]
    quality = make_coverage([bam], tmp_path / "x.bw", settings)
    fragments = Counter(
        (r.reference_id, r.reference_start if not r.is_reverse else r.reference_end, r.is_reverse,
         r.template_length)
        for r in pysam.AlignmentFile(str(bam))
        if r.is_read1 and r.is_proper_pair and not r.is_duplicate
    )  # fmt: skip
    assert sum(quality.forward) + sum(quality.reverse) == len(fragments)
    # Two files are two libraries, whose fragments are none of each other's duplicates.
    quality = make_coverage(doubled, tmp_path / "y.bw", settings)
    assert sum(quality.forward) + sum(quality.reverse) == 2 * len(fragments)


def test_smoothing_keeps_the_total_and_spreads_by_its_width(paired, tmp_path):
    header = pysam.AlignmentHeader.from_references(["c"], [4000])
    with pysam.AlignmentFile(str(tmp_path / "one.bam"), "wb", header=header) as file:
        record = pysam.AlignedSegment(header)
        record.query_name, record.flag, record.reference_id = "r", 0, 0
        record.reference_start, record.cigarstring, record.mapping_quality = 2000, "30M", 60
        record.query_sequence = "A" * 30
        file.write(record)
    make_coverage([tmp_path / "one.bam"], tmp_path / "x.bw", Settings(mode="cut", smooth_sd=8))
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        values = np.nan_to_num(file.values("c", 0, 4000, numpy=True)).astype(float)
    at = np.arange(4000)
    assert values.sum() == pytest.approx(1, rel=5e-3)
    assert (values * at).sum() / values.sum() == pytest.approx(2000, abs=1e-3)
    assert np.sqrt((values * (at - 2000.0) ** 2).sum() / values.sum()) == pytest.approx(8, rel=0.03)
