"""BAM files that are damaged, unsorted, of another genome, or without an index."""

from __future__ import annotations

from pathlib import Path

import pysam
import pytest
from read_files import CUTS, fasta, reads
from simulated_reads import write_fasta

from basenji_kipoi.base.errors import InputError
from basenji_training.coverage.run import make_coverage
from basenji_training.reads.settings import RECIPES, Settings

__all__ = ["fasta", "reads"]


def rewrite(source, path, *, change=lambda record, number: record, order="coordinate"):
    with pysam.AlignmentFile(str(source)) as given:
        header = {**given.header.to_dict(), "HD": {"VN": "1.6", "SO": order}}
        with pysam.AlignmentFile(str(path), "wb", header=header) as file:
            for number, record in enumerate(given):
                if (changed := change(record, number)) is not None:
                    file.write(changed)
    return path


def mixed(record, number):
    record.is_paired = number % 2 == 0
    record.is_read1 = record.is_paired
    return record


def test_bad_alignment_files_end_in_one_line(reads, fasta, tmp_path):
    bam, _ = reads

    def failing(path, settings=CUTS, **arguments):
        with pytest.raises(InputError) as caught:
            make_coverage([path], tmp_path / "out.bw", settings, **arguments)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.glob("*out*"))
        return str(caught.value)

    assert "there is no file" in failing(tmp_path / "none.bam")
    unsorted = rewrite(bam, tmp_path / "named.bam", order="queryname")
    assert "not sorted by position (its header says queryname)" in failing(unsorted)
    # Sorted by its header only: no index can be made.
    records = list(pysam.AlignmentFile(str(bam)))
    with pysam.AlignmentFile(str(tmp_path / "l.bam"), "wb", header=records[0].header) as file:
        for record in records[::-1]:
            file.write(record)
    assert "has no index, and none can be made" in failing(tmp_path / "l.bam")
    (tmp_path / "short.bam").write_bytes(bam.read_bytes()[:-2000])
    assert "truncated" in failing(tmp_path / "short.bam")
    assert "is of another assembly: contig chr1 has 30,000 bp there" in failing(bam, fasta=fasta)
    other = write_fasta(tmp_path / "other.fa", {"contig7": "ACGT"})
    assert "has contigs that the genome lacks, such as chr1" in failing(bam, fasta=other)
    empty = rewrite(bam, tmp_path / "empty.bam", change=lambda *_: None)
    assert "no read of" in failing(empty)
    assert "low mapping quality" in failing(
        bam, Settings(mode="cut", min_mapq=254, multimap="drop")
    )
    both = rewrite(bam, tmp_path / "mixed.bam", change=mixed)
    assert "holds both paired" in failing(both)
    assert "pass --fasta, or pass --no-gc" in failing(bam, RECIPES["atac"])
    with pytest.raises(InputError, match=r"name ends in \.bw"):
        make_coverage([bam], tmp_path / "out.bed", CUTS)


def test_damage_within_a_file_is_found(reads, tmp_path):
    bam, _ = reads
    content = bytearray(bam.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    (tmp_path / "damaged.bam").write_bytes(content)
    (tmp_path / "damaged.bam.bai").write_bytes(Path(f"{bam}.bai").read_bytes())
    with pytest.raises(InputError, match=r"damaged\.bam is truncated, damaged or does not fit"):
        make_coverage([tmp_path / "damaged.bam"], tmp_path / "x.bw", CUTS)


@pytest.mark.parametrize("options", [(), ("-c",)], ids=["bai", "csi"])
def test_an_index_that_is_none_is_named(reads, tmp_path, options):
    bam, _ = reads
    copy = tmp_path / "copy.bam"
    copy.write_bytes(bam.read_bytes())
    pysam.index(*options, str(copy))
    index = next(tmp_path.glob("copy.bam.*i"))
    whole = index.read_bytes()
    make_coverage([copy], tmp_path / "x.bw", CUTS)
    # The first one tells of two thousand million contigs, if it is believed.
    for spoilt in (b"BAI\1text", b"not an index at all", b"", whole[:20], whole[:-40] + b"x" * 40):
        index.write_bytes(spoilt)
        with pytest.raises(InputError, match=rf"{index.name} is no readable index .*: remove it"):
            make_coverage([copy], tmp_path / "y.bw", CUTS)


def test_a_missing_index_is_made_elsewhere(reads, tmp_path):
    bam, simulated = reads
    folder = tmp_path / "fixed"
    folder.mkdir()
    copy = folder / "reads.bam"
    copy.write_bytes(bam.read_bytes())
    quality = make_coverage([copy], tmp_path / "x.bw", Settings(mode="cut", min_mapq=0))
    assert [path.name for path in folder.iterdir()] == ["reads.bam"]
    assert sum(quality.forward) + sum(quality.reverse) == pytest.approx(len(simulated.five))
