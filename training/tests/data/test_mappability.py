from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from basenji_kipoi.base.sequence import encode
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_training.cli.app import app
from basenji_training.data.mappability import unmappable_intervals

COMPLEMENT = str.maketrans("ACGT", "TGCA")


class Letters:
    """A genome in memory."""

    def __init__(self, texts):
        self._codes = {name: encode(text) for name, text in texts.items()}
        self.lengths = {name: len(text) for name, text in texts.items()}

    def codes(self, name, start, end):
        return self._codes[name][start:end]


def by_definition(texts, length):
    """Bases that no k-mer covers that stands once on both strands, counted one by one."""

    def key(kmer):
        return min(kmer, kmer.translate(COMPLEMENT)[::-1])

    kmers = {
        name: [key(text[i : i + length]) for i in range(len(text) - length + 1)]
        for name, text in texts.items()
    }
    times = Counter(kmer for each in kmers.values() for kmer in each)
    covered = {name: np.zeros(len(text), bool) for name, text in texts.items()}
    for name, each in kmers.items():
        for i, kmer in enumerate(each):
            if times[kmer] == 1 and "N" not in kmer:
                covered[name][i : i + length] = True
    return {name: np.flatnonzero(~bases).tolist() for name, bases in covered.items()}


@st.composite
def genomes(draw):
    """Genomes in which stretches return, also on the other strand, with a few unknown bases."""
    stretches = draw(st.lists(st.text("ACGT", min_size=5, max_size=90), min_size=1, max_size=4))
    stretches += [text.translate(COMPLEMENT)[::-1] for text in stretches] + ["N", "AAAAAAAAAAAA"]
    chromosome = st.lists(st.sampled_from(stretches), min_size=1, max_size=6).map("".join)
    return {f"chr{i}": draw(chromosome) for i in range(draw(st.integers(1, 3)))}


@settings(max_examples=60)
@given(
    texts=genomes(),
    length=st.sampled_from([8, 31, 32, 33, 50, 64, 70]),
    piece=st.sampled_from([7, 1000]),
    in_pass=st.sampled_from([20, 1000]),
)
def test_exactly_the_bases_that_no_unique_read_covers(texts, length, piece, in_pass):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("basenji_training.splits.kmers._PIECE_BP", piece)
        patch.setattr("basenji_training.data.mappability._PASS_KMERS", in_pass)
        found = unmappable_intervals(Letters(texts), length)
    bases = {
        name: [base for start, end in pairs.tolist() for base in range(start, end)]
        for name, pairs in found.items()
    }
    assert bases == by_definition(texts, length)


def test_the_command_writes_a_bed_file(tmp_path):
    generator = np.random.default_rng(0)
    unique = "".join(generator.choice(list("ACGT"), 3000))
    fasta = tmp_path / "g.fa"
    fasta.write_text(f">chr1\n{unique[:1000]}{unique[2000:2200]}\n>chr2\n{unique[1000:]}\n")
    out = tmp_path / "u.bed"
    done = CliRunner().invoke(app, ["unmappable", str(fasta), "--out", str(out)])
    assert done.exit_code == 0
    assert "253 bases" in done.stdout
    intervals = read_bed(out, Genome(fasta).lengths)
    # 200 bases stand twice. Reads that reach into them from outside by up to 49 bases have a single
    # place; at the end of chr1 there is no outside.
    assert [str(each) for each in intervals] == ["chr1:1049-1200", "chr2:1049-1151"]
