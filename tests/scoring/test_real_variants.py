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


def some_records():
    """Choose records from the whole file: substitutions, indels, and several alternatives."""
    kinds = {"substitution": 3000, "indel": 300, "several": 6}
    seen, chosen = dict.fromkeys(kinds, 0), []
    with gzip.open(YEAST / "variants" / "BY_RM.vcf.gz", "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            chrom, pos, _, ref, alt = line.split("\t")[:5]
            alts = alt.rstrip().split(",")
            kind = "substitution" if {len(ref), *map(len, alts)} == {1} else "indel"
            kind = "several" if len(alts) > 1 else kind
            if seen[kind] % kinds[kind] == 0:
                chosen.append((chrom, int(pos), ref, alts))
            seen[kind] += 1
    return chosen


def test_scores_are_differences_of_whole_passes():
    chosen = some_records()
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
            text = fasta.fetch(chrom, max(start, 0), start + window + len(ref))
            text = "N" * max(-start, 0) + text
            text += "N" * (window + len(ref) - len(text))
            place = pos - 1 - start
            assert text[place : place + len(ref)].upper() == ref
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
