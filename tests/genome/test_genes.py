"""Transcription start sites of GTF files, and the scores of genes."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.effects.engine import Effects
from basenji_kipoi.effects.gene_scores import gene_scores
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene, GeneBins, Genes, nearest_starts, read_genes

GTF = """#!genome-build x
I	x	gene	11	60	.	+	.	gene_id "G1"; gene_name "one";
I	x	transcript	11	60	.	+	.	gene_id "G1"; transcript_id "T1"; gene_name "one";
I	x	exon	11	30	.	+	.	gene_id "G1"; transcript_id "T1";
I	x	transcript	21	60	.	+	.	gene_id "G1"; transcript_id "T2"; gene_name "one";
I	x	transcript	21	50	.	+	.	gene_id "G1"; transcript_id "T3"; gene_name "one";

I	x	transcript	31	90	.	-	.	gene_id "G2"; transcript_id "T4";
elsewhere	x	transcript	1	9	.	+	.	gene_id "G3"; transcript_id "T5";
"""


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(">chrI\n" + "ACGT" * 500 + "\n")
    with Genome(tmp_path / "genome.fa") as opened:
        yield opened


def read(tmp_path, genome, text=GTF):
    (tmp_path / "x.gtf").write_text(text)
    return read_genes(tmp_path / "x.gtf", genome)


def test_the_first_base_of_each_transcript(tmp_path, genome):
    genes = read(tmp_path, genome)
    assert len(genes) == 2
    found = genes.within("chrI", 0, 10, 10, 0)
    # GTF counts from 1 and includes its end: 11 is base 10, and the last base of 31 to 90 is 89.
    assert [each.gene for each in found] == [
        Gene("G1", "one", "+", "chrI", (10, 20), 10, 60),
        Gene("G2", "", "-", "chrI", (89,), 30, 90),
    ]
    assert [each.bins.tolist() for each in found] == [[1, 2], [8]]
    assert [each.distance for each in found] == [10, 89]


def test_genes_on_contigs_that_the_genome_lacks_are_counted(tmp_path, genome, caplog):
    read(tmp_path, genome)
    (record,) = caplog.records
    expected = f"1 of 3 genes lie on contigs that {genome.path} lacks (elsewhere): left out"
    assert expected in record.getMessage()


def test_gzip(tmp_path, genome):
    (tmp_path / "x.gtf.gz").write_bytes(gzip.compress(GTF.encode()))
    assert len(read_genes(tmp_path / "x.gtf.gz", genome)) == 2


def test_transcripts_are_made_of_exons_where_there_are_none(tmp_path, genome):
    lines = [
        f'I\tx\texon\t{start}\t{start + 9}\t.\t-\t.\tgene_id "G"; transcript_id "{name}";'
        for start, name in ((101, "A"), (301, "A"), (201, "A"), (101, "B"))
    ]
    found = read(tmp_path, genome, "\n".join([*lines, ""])).within("chrI", 0, 500, 1, 0)
    assert found[0].gene.tss == (109, 309)


def test_only_tss_inside_count(tmp_path, genome):
    genes = read(tmp_path, genome)
    assert [each.bins.tolist() for each in genes.within("chrI", 11, 3, 10, 15)] == [[0]]
    assert genes.within("chrI", 11, 3, 10, 15)[0].distance == 5
    assert genes.within("chrI", 21, 6, 10, 0) == []
    assert genes.within("chrII", 0, 100, 10, 0) == []


@given(
    sites=st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=4, unique=True), max_size=8),
    start=st.integers(-50, 300),
    bins=st.integers(1, 12),
)
def test_within_finds_what_a_search_through_all_finds(sites, start, bins):
    genes = [Gene(str(i), "", "+", "c", tuple(sorted(tss))) for i, tss in enumerate(sites)]
    found = {
        each.gene.gene_id: set(each.bins.tolist())
        for each in Genes(genes).within("c", start, bins, 10, 0)
    }
    expected = {}
    for gene in genes:
        inside = {(tss - start) // 10 for tss in gene.tss if start <= tss < start + bins * 10}
        if inside:
            expected[gene.gene_id] = inside
    assert found == expected


def by_id(genes):
    return {gene.gene_id: (gene.strand, gene.tss, gene.start, gene.end) for gene in genes}


def row(feature, start, end, attributes, strand="+"):
    return f"I\tx\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


def test_a_gene_without_transcript_lines_is_made_of_its_exons(tmp_path, genome):
    one, two = 'gene_id "A"; transcript_id "A1";', 'gene_id "B"; transcript_id "B1";'
    text = (
        row("exon", 11, 20, one)
        + row("exon", 41, 50, one)
        + row("transcript", 101, 150, two, "-")
        + row("exon", 101, 110, two, "-")
        # Before or behind its transcript's line.
        + row("exon", 141, 145, 'gene_id "B"; transcript_id "B2";', "-")
        + row("exon", 201, 210, 'gene_id "C"; transcript_id "C1";')
        + row("transcript", 190, 210, 'gene_id "C"; transcript_id "C1";')
    )
    assert by_id(read(tmp_path, genome, text)) == {
        "A": ("+", (10,), 10, 50),
        "B": ("-", (144, 149), 100, 150),
        "C": ("+", (189,), 189, 210),
    }


def test_copies_of_a_transcript_keep_their_places(tmp_path, genome):
    copy = 'gene_id "A"; transcript_id "T";'
    text = row("transcript", 11, 50, copy) + row("transcript", 501, 550, copy)
    assert by_id(read(tmp_path, genome, text))["A"] == ("+", (10, 500), 10, 550)
    exons = "".join(
        row("exon", start, start + 9, f'{copy} exon_number "{number}";')
        for start, number in ((11, 1), (41, 2), (501, 1), (541, 2))
    )
    assert by_id(read(tmp_path, genome, exons))["A"][1] == (10, 500)
    strands = row("exon", 11, 20, copy) + row("exon", 501, 510, copy, "-")
    assert by_id(read(tmp_path, genome, strands))["A"][1] == (10, 509)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)])
def test_copies_without_numbers_are_told_apart_by_distance(tmp_path, genome, order):
    copy = 'gene_id "A"; transcript_id "T";'
    # Two million bases and one lie between the third exon and the fourth, and no more elsewhere.
    starts = [11, 1_500_001, 3_500_010, 5_500_021, 5_600_001]
    text = "".join(row("exon", starts[i], starts[i] + 9, copy) for i in order)
    assert by_id(read(tmp_path, genome, text))["A"] == ("+", (10, 5_500_020), 10, 5_600_010)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_attributes_of_any_alphabet(tmp_path, genome, encoding):
    text = row("transcript", 11, 50, 'gene_id "A"; gene_name "Zúñiga-3°"; product "5°-ase";')
    (tmp_path / "x.gtf").write_bytes(text.encode(encoding))
    assert [gene.name for gene in read_genes(tmp_path / "x.gtf", genome)] == ["Zúñiga-3°"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("I\tx\ttranscript\t1", "x.gtf:10: not GTF: expected nine columns"),
        ("I\tx\ttranscript\ta\t9\t.\t+\t.\tgene_id \"G\";", "x.gtf:10: "),
        ("I\tx\ttranscript\t9\t1\t.\t+\t.\tgene_id \"G\";", "x.gtf:10: the positions 9 to 1"),
        ("I\tx\ttranscript\t1\t9\t.\t+\t.\tname \"G\";", "x.gtf:10: the attribute gene_id"),
    ],
)  # fmt: skip
def test_malformed_lines_are_named(tmp_path, genome, line, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, genome, GTF + line + "\n")


def test_an_annotation_of_another_genome(tmp_path, genome):
    with pytest.raises(InputError, match=r"x.gtf: all its genes lie on contigs that .*lacks \(II"):
        read(tmp_path, genome, GTF.replace("I\tx", "II\tx"))
    with pytest.raises(InputError, match="has no transcripts or exons: expected the genes of"):
        read(tmp_path, genome, "#none\n")
    with pytest.raises(InputError, match="does not exist"):
        read_genes(tmp_path / "none.gtf", genome)


@given(data=st.data())
@settings(max_examples=30)
def test_scores_are_sums_over_the_genes_bins(data):
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    reference, alternative = generator.uniform(0, 5, (2, 3, 6, 2)).astype(np.float32)
    gene = Gene("", "", "", "", ())
    bins = st.lists(st.integers(0, 5), min_size=1, unique=True).map(sorted)
    genes = [
        [GeneBins(gene, np.array(each), 0) for each in data.draw(st.lists(bins, max_size=3))]
        for _ in range(3)
    ]
    found = gene_scores(Effects(np.zeros(3, int), np.full(3, 6), reference, alternative, 6), genes)
    expected = []
    for allele, row in enumerate(genes):
        for each in row:
            r, a = (x[allele, each.bins].astype(float).sum(0) for x in (reference, alternative))
            expected.append([a - r, np.log2((a + 1) / (r + 1))])
    assert found.shape == (len(expected), 2, 2)
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-4, atol=1e-5)


def test_distances_are_those_from_the_nearest_start_in_its_direction():
    genes = [Gene("p", "", "+", "chrI", (2000,)), Gene("m", "", "-", "chrI", (3000,))]
    positions = np.array([0, 1990, 2000, 2400, 2600, 3000, 3001, 4999, 7])
    chroms = np.array(["chrI"] * 8 + ["chrII"])
    distance, strand = nearest_starts(chroms, positions, genes)
    assert distance[:8].tolist() == [-2000, -10, 0, 400, 400, 0, -1, -1999]
    assert "".join(strand[:8]) == "++++----"
    assert np.isnan(distance[8])
    assert strand[8] == ""


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=8),
    st.lists(st.integers(0, 1000), min_size=1, max_size=20),
)
def test_no_start_is_nearer(starts, positions):
    genes = [Gene(f"g{n}", "", "+", "c", (start,)) for n, start in enumerate(starts)]
    distance, _ = nearest_starts(np.full(len(positions), "c"), np.array(positions), genes)
    for place, found in zip(positions, distance):
        assert abs(found) == min(abs(place - start) for start in starts)
        assert place - found in starts
