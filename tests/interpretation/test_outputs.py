"""What is explained where: tracks, groups, ratios; intervals, windows and genes."""

from __future__ import annotations

import numpy as np
import pytest
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.genes import Gene, Genes
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.interpretation.attribution.outputs import (
    Output,
    choose_outputs,
    on_strand,
    weights_of,
)
from basenji_kipoi.interpretation.attribution.questions import (
    Question,
    gene_questions,
    genes_named,
    interval_questions,
)
from basenji_kipoi.models.targets import Target, Targets

TARGETS = Targets(
    Target(index=i, identifier=name, strand_pair=pair, assay=assay, sample=sample)
    for i, (name, pair, assay, sample) in enumerate(
        [
            ("open", 0, "ATAC", "rest"),
            ("cage_minus", 2, "CAGE", "rest"),
            ("cage_plus", 1, "CAGE", "rest"),
            ("stress_plus", 4, "CAGE", "stress"),
            ("stress_minus", 3, "CAGE", "stress"),
        ]
    )
)
ARCHITECTURE = small_architecture()  # windows of 2,048 bp, 56 predicted bins of 32 bp
LENGTHS = {"chr1": 10_000}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [Output(name, (i,)) for i, name in enumerate(TARGETS.labels)]),
        ({"tracks": "open,sample:str*"}, [
            Output("open", (0,)), Output("stress_plus", (3,)), Output("stress_minus", (4,)),
        ]),
        ({"groups": ["c=assay:CAGE"]}, [Output("c", (1, 2, 3, 4))]),
        ({"tracks": "0", "groups": ["c=cage_*"]}, [Output("open", (0,)), Output("c", (1, 2))]),
        ({"outputs": "log-ratio:stress_*/cage_*"}, [Output("stress_*/cage_*", (3, 4), (1, 2))]),
        ({"outputs": "log-ratio:s/open", "groups": ["s=sample:stress"]}, [
            Output("s/open", (3, 4), (0,)),
        ]),
        ({"is_stranded": True}, [
            Output("open", (0,)), Output("cage", (2,)), Output("stress", (3,)),
        ]),
        ({"is_stranded": True, "tracks": "cage_minus"}, [Output("cage", (1,))]),
    ],
)  # fmt: skip
def test_outputs(options, expected):
    assert choose_outputs(TARGETS, **options) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tracks": "nothing"}, "--tracks: no track 'nothing'"),
        ({"tracks": "assay:foo"}, "--tracks: no track of assay 'foo': there is ATAC, CAGE"),
        ({"groups": ["open"]}, "--group open: expected NAME=TRACKS"),
        ({"groups": ["a=0", "a=1"]}, "--group a=1: expected NAME=TRACKS, with a name of its own"),
        ({"outputs": "ratio"}, "--outputs ratio: expected sum or log-ratio:A/B"),
        ({"outputs": "log-ratio:a"}, "expected sum or log-ratio:A/B"),
        ({"outputs": "log-ratio:0/x"}, "--outputs: no track 'x'"),
        ({"outputs": "log-ratio:0/1", "tracks": "0"}, "--tracks: a log ratio names its tracks"),
    ],
)
def test_outputs_that_do_not_exist(options, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        choose_outputs(TARGETS, **options)


@pytest.mark.parametrize(("strand", "expected"), [("+", 2), ("-", 1), (".", 2)])
def test_a_gene_reads_its_strand(strand, expected):
    assert on_strand(TARGETS, (0, 2), strand) == (0, expected)
    question = Question(Interval("chr1", 0, 32), 0, (3, 4), strand)
    outputs = [Output("open", (0,)), Output("cage", (2,), (0,))]
    weights = weights_of(question, outputs, TARGETS, np.arange(5), 56)
    predictions = np.random.default_rng(0).uniform(1, 2, (56, 5))
    values = np.tensordot(weights.sums, predictions, 2)
    counted = predictions[3:5].sum(axis=0)
    ratio = np.log2(counted[expected] / counted[0])
    np.testing.assert_allclose(weights.outputs(values), [counted[0], ratio])


def test_an_interval_stands_in_the_middle_and_explains_its_bins():
    (found,) = interval_questions([Interval("chr1", 5000, 5100)], ARCHITECTURE, LENGTHS)
    assert found.window % 32 == 0
    assert abs(found.window + 1024 - 5050) <= 16
    first, last = found.bins[0] + 4, found.bins[-1] + 5
    assert found.window + 32 * first <= 5000 < found.window + 32 * (first + 1)
    assert found.window + 32 * (last - 1) < 5100 <= found.window + 32 * last
    (whole,) = interval_questions(
        [Interval("chr1", 5000, 5100)], ARCHITECTURE, LENGTHS, bins="window", length=400
    )
    assert whole.bins == tuple(range(56))
    assert (whole.interval.start, whole.interval.end) == (4850, 5250)


GENES = Genes(
    [
        Gene("G1", "one", "+", "chr1", (4900, 5600)),
        Gene("G2", "", "-", "chr1", (5010,)),
        Gene("G3", "far", "+", "chr1", (9000,)),
        Gene("G4", "long", "+", "chr1", (1000, 8000)),
    ]
)


def test_genes_are_explained_at_their_starts():
    places = [Interval("chr1", 5000, 5100, "peak")]
    found = list(interval_questions(places, ARCHITECTURE, LENGTHS, genes=GENES))
    assert [q.interval.name for q in found] == ["peak:one", "peak:G2"]
    assert [q.strand for q in found] == ["+", "-"]
    for question, gene in zip(found, GENES):
        starts = [question.window + 32 * (4 + bin_) for bin_ in question.bins]
        assert [s // 32 for s in starts] == sorted({tss // 32 for tss in gene.tss})
    (around,) = gene_questions(genes_named(GENES, "far"), ARCHITECTURE, LENGTHS)
    # The window reaches beyond the contig; bases there do not exist.
    assert around.interval.end == 10_000 < around.window + 2048
    assert around.window + 32 * (4 + around.bins[0]) <= 9000


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: genes_named(GENES, "onne"), "--gene: no gene 'onne' in the annotation: did you"),
        (lambda: gene_questions(genes_named(GENES, "long"), ARCHITECTURE, LENGTHS), "reaches bey"),
        (lambda: interval_questions([Interval("chr1", 0, 1900)], ARCHITECTURE, LENGTHS), "reaches"),
        (lambda: interval_questions([Interval("chr1", 0, 2100)], ARCHITECTURE, LENGTHS), "longer"),
        (
            lambda: interval_questions(
                [Interval("chr1", 0, 20)], ARCHITECTURE, LENGTHS, length=100
            ),
            "--length 100: the bases around the middle of chr1:0-20 reach beyond",
        ),
        (
            lambda: interval_questions(
                [Interval("chr1", 5000, 5100)],
                ARCHITECTURE,
                LENGTHS,
                genes=GENES,
                wanted=genes_named(GENES, "far"),
            ),
            "--gene: far .* does not start in the bins that are predicted around chr1:5000-5100",
        ),
    ],
)
def test_questions_that_cannot_be_asked(ask, message):
    with pytest.raises(InputError, match=message):
        list(ask())
