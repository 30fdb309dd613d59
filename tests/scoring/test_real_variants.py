"""Scores of real variants by the shipped model are differences of whole passes.

The other way: letters from htslib, each allele put into its window as text, the whole networks.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pysam
import pytest

import basenji_kipoi as bk
from basenji_kipoi.base.sequence import encode, one_hot
from basenji_kipoi.models.bundle import Bundle

MODEL = Path(__file__).parents[2] / "model_files"
YEAST = Path(os.environ.get("BASENJI_DATA", "")) / "yeast"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "BASENJI_DATA" not in os.environ, reason="BASENJI_DATA does not name the folder with yeast/"
    ),
]


def some_records(**kinds):
    """Choose records from the whole file: of each kind every so many."""
    seen, chosen = dict.fromkeys(kinds, 0), []
    with gzip.open(YEAST / "variants" / "BY_RM.vcf.gz", "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            chrom, pos, _, ref, alt = line.split("\t")[:5]
            alts = alt.rstrip().split(",")
            kind = "substitution" if {len(ref), *map(len, alts)} == {1} else "indel"
            kind = "several" if len(alts) > 1 else kind
            if kind in kinds and seen[kind] % kinds[kind] == 0:
                chosen.append((chrom, int(pos), ref, alts))
            seen[kind] = seen.get(kind, 0) + 1
    return chosen


def letters(fasta, chrom, start, end):
    """Read bases as text, N where the contig has none."""
    found = fasta.fetch(chrom, max(start, 0), max(end, 0)).upper()
    return ("N" * -min(start, 0) + found).ljust(end - start, "N")


def test_scores_are_differences_of_whole_passes():
    chosen = some_records(substitution=3000, indel=300, several=6)
    bundle = Bundle.load(MODEL)
    alleles = [(chrom, pos, ref, alt) for chrom, pos, ref, alts in chosen for alt in alts]
    assert sum(len(ref) != len(alt) for _, _, ref, alt in alleles) > 12
    assert len(alleles) - len(chosen) > 2
    with bk.Genome(YEAST / "genome.fa.gz") as genome:
        table = bk.score(bk.load(MODEL), genome, alleles, indels="anchor").to_pandas()
    assert (table["status"] == "ok").all()
    assert table["ref_match"].all()
    columns = [f"SAD/{label}" for label in bundle.targets.labels]
    network, window = bundle.network(), bundle.architecture.window
    with pysam.FastaFile(str(YEAST / "genome.fa.gz")) as fasta:
        for (chrom, pos, ref, alt), (_, row) in zip(alleles, table.iterrows()):
            start = row["window"]
            # The variant stands in the middle, so that either side has the same context.
            assert abs(start + window // 2 - pos) <= 1 + len(ref)
            text = letters(fasta, chrom, start, start + window + len(ref))
            place = pos - 1 - start
            assert text[place : place + len(ref)] == ref
            other = text[:place] + alt + text[place + len(ref) :]
            codes = np.stack([encode(each.ljust(window, "N")[:window]) for each in (text, other)])
            before, after = network.predict(one_hot(codes), verbose=0).astype(np.float64)
            expected = (after - before).sum(axis=0)
            np.testing.assert_allclose(
                row[columns].to_numpy(float),
                expected,
                rtol=1e-3,
                atol=1e-5 * before.sum(axis=0).max(),
            )


def test_stitched_scores_are_joined_from_whole_passes():
    # Every allele: the reference, and the alternative twice, by hand: with the window's first base
    # in place, and with its last one.
    alleles = [
        (chrom, pos, ref, alts[0])
        for chrom, pos, ref, alts in some_records(indel=100)
        if len(alts[0]) != len(ref)
    ]
    assert len(alleles) > 30
    longer = np.array([len(alt) - len(ref) for _, _, ref, alt in alleles])
    assert (longer > 0).any()
    assert (longer < 0).any()
    bundle = Bundle.load(MODEL)
    with bk.Genome(YEAST / "genome.fa.gz") as genome:
        table = bk.score(bk.load(MODEL), genome, alleles, scores=("SAD", "SAX")).to_pandas()
    assert (table["status"] == "ok").all()
    network, architecture = bundle.network(), bundle.architecture
    window, first = architecture.window, architecture.crop
    with pysam.FastaFile(str(YEAST / "genome.fa.gz")) as fasta:
        for (chrom, pos, ref, alt), (_, row) in zip(alleles, table.iterrows()):
            start, place = row["window"], pos - 1 - row["window"]
            end, moved = start + window, len(alt) - len(ref)
            left = letters(fasta, chrom, start, pos - 1) + alt
            left += letters(fasta, chrom, pos - 1 + len(ref), end + len(ref))
            right = letters(fasta, chrom, start + min(moved, 0), pos - 1) + alt
            right += letters(fasta, chrom, pos - 1 + len(ref), end)
            texts = [letters(fasta, chrom, start, end), left[:window], right[-window:]]
            codes = np.stack([encode(each) for each in texts])
            before, near, behind = network.predict(one_hot(codes), verbose=0).astype(np.float64)
            bins = np.arange(first, first + len(before))
            is_behind = bins > place // architecture.bin
            change = np.where(is_behind[:, None], behind, near) - before
            largest = np.take_along_axis(change, np.abs(change).argmax(axis=0)[None], axis=0)[0]
            for name, expected in (("SAD", change.sum(axis=0)), ("SAX", largest)):
                np.testing.assert_allclose(
                    row[[f"{name}/{label}" for label in bundle.targets.labels]].to_numpy(float),
                    expected,
                    rtol=1e-3,
                    atol=1e-5 * before.sum(axis=0).max(),
                )
