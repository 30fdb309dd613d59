"""Which elements are asked about which genes: geometry and distances are plain sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from element_inputs import BIN, WINDOW, options_of
from hypothesis import given
from hypothesis import strategies as st
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene, read_genes
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation import ElementOptions
from basenji_kipoi.interpretation.attribution.questions import Question
from basenji_kipoi.interpretation.elements.asking import Asked, ask
from basenji_kipoi.interpretation.elements.places import Elements


@given(st.integers(0, 5999), st.integers(1, 300), st.sampled_from("+-"), st.data())
def test_what_is_out_of_reach_cannot_change_the_gene(start, length, strand, data):
    architecture = small_architecture()
    tss = data.draw(st.integers(1200, 4800))
    gene = Gene("G", "", strand, "chr1", (tss,))
    end = min(start + length, 6000)
    options = ElementOptions(Path("x"))
    try:
        ((asked,), _, _) = ask(
            [gene], Elements([Interval("chr1", start, end)]), architecture, {"chr1": 6000}, options
        )
    except InputError:
        window = (tss + tss + 1) // 2 - WINDOW // 2
        assert start < window + BIN or end > window + WINDOW - BIN
        return
    distance = int(asked.distances[0])
    middle = (start + end) // 2
    assert distance == (middle - tss) * (1 if strand == "+" else -1)
    expected = "promoter" if abs(distance) <= 200 else "proximal" if abs(distance) <= 2000 else "x"
    assert asked.classes(options)[0] == expected
    begin, last = asked.question.bins[0], asked.question.bins[-1] + 1
    needed = architecture.needed_input(begin, last)
    affected = architecture.affected_bins(
        start - asked.question.window, end - asked.question.window
    )
    is_reached = start - asked.question.window < needed[1] and (
        end - asked.question.window > needed[0]
    )
    assert is_reached == (affected[0] < last and affected[1] > begin)


def test_pieces_cover_what_the_contig_has_of_the_window(files, bundles):
    with Genome(files / "genome.fa") as genome:
        genes = read_genes(files / "genes.gtf", genome)
        options = options_of(files, gene="G3", size=100)
        ((asked,), left, unread) = ask(
            genes, None, bundles[0].architecture, genome.lengths, options
        )
    assert (left, unread) == ([], [])
    window = asked.question.window
    assert window < 0
    assert (asked.starts[0], asked.ends[-1]) == (0, window + WINDOW)
    np.testing.assert_array_equal(asked.starts[1:], asked.ends[:-1])
    assert ((asked.starts[1:] - window) % 100 == 0).all()


def test_the_nearest_start_is_the_distance():
    gene = Gene("G", "", "-", "chr1", (1000, 3000))
    question = Question(Interval("chr1", 0, 4000), 0, (0,))
    starts = np.array([900, 1990, 2010, 3500])
    asked = Asked(gene, question, starts, starts + 20, starts.astype(object), starts)
    # On the minus strand what lies to the right is before the start.
    assert asked.distances.tolist() == [90, -1000, 980, -510]
    named = asked.classes(ElementOptions(Path("x"), promoter=90, proximal=980))
    assert named.tolist() == ["promoter", "distal", "proximal", "proximal"]
