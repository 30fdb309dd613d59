"""A population over the simulated genome: haplotypes, expression, association, files."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pysam
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene
from basenji_training.simulation.genome import simulate_chromosome
from basenji_training.simulation.grammar import expected_signal
from basenji_training.simulation.population import (
    TSS_BP,
    Haplotypes,
    Settings,
    associate,
    draw_haplotypes,
    express,
    traits_of,
)
from basenji_training.simulation.population_files import (
    LEAST_Z,
    _of_traits,
    simulate_population,
)
from basenji_training.simulation.simulate import simulate

msprime = pytest.importorskip("msprime")


def test_variants_have_frequencies_and_linkage_of_a_population():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 60_000).astype(np.uint8)
    found = draw_haplotypes(codes, Settings(people=300), rng)
    assert (found.alternative != codes[found.position]).all()
    rarer = np.minimum(found.frequency, 1 - found.frequency)
    assert rarer.min() >= 0.01
    # 4 N u a base, summed over the frequencies from 1 to 99 %.
    expected = 60_000 * 4 * 10_000 * 2.5e-8 * np.log(99)
    assert 0.6 < len(found.position) / expected < 1.6
    r2 = np.corrcoef(found.counts) ** 2
    apart = np.abs(np.subtract.outer(found.position, found.position))
    common = np.outer(rarer > 0.1, rarer > 0.1)
    near, far = (
        r2[common & (apart > low) & (apart < high)].mean()
        for low, high in ((0, 1000), (20_000, 60_000))
    )
    assert near > 3 * far


def test_frequencies_are_computed_once():
    """Each gene asks for them, and each row of a table."""
    carried = np.random.default_rng(0).integers(0, 2, (20, 60)).astype(np.int8)
    people = Haplotypes(np.arange(20), np.zeros(20, dtype=np.uint8), carried)
    assert people.frequency is people.frequency
    np.testing.assert_array_equal(people.frequency, carried.mean(axis=1))
    rows = np.array([3, 17])
    np.testing.assert_array_equal(people.counts_of(rows, 11), people.counts[rows, :11])


@pytest.mark.parametrize("strand", ["+", "-"])
def test_expression_is_the_grammars_of_both_haplotypes(strand):
    rng = np.random.default_rng(1)
    chromosome = simulate_chromosome("c", 6000, rng)
    start = int(chromosome.starts[chromosome.forward == (strand == "+")][0])
    gene = Gene("g", "", strand, "c", (start,))
    position = np.unique(start + rng.integers(-300, 300, 6))
    alternative = (chromosome.codes[position] + 1) % 4
    carried = rng.integers(0, 2, (len(position), 20)).astype(np.int8)
    found = express(chromosome.codes, gene, Haplotypes(position, alternative, carried))

    def starts(codes):
        track = 1 if strand == "+" else 2
        return expected_signal(codes)[start - TSS_BP : start + TSS_BP + 1, track].sum()

    for person in (0, 7):
        total = 0
        for haplotype in (2 * person, 2 * person + 1):
            codes = chromosome.codes.copy()
            has = carried[:, haplotype] > 0
            codes[position[has]] = alternative[has]
            total += starts(codes)
        assert found.levels[person] == pytest.approx(np.log(total))
    codes = chromosome.codes.copy()
    codes[position[2]] = alternative[2]
    assert found.effects[2] == pytest.approx(np.log(starts(codes) / starts(chromosome.codes)))


def test_association_is_linear_regression():
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 3, (3, 50))
    trait = 0.5 * counts[1] + rng.normal(size=50)
    found = associate(counts, trait)
    for row in range(3):
        design = np.stack([np.ones(50), counts[row]], axis=1)
        solved, residual, *_ = np.linalg.lstsq(design, trait, rcond=None)
        se = np.sqrt(residual[0] / 48 * np.linalg.inv(design.T @ design)[1, 1])
        assert (found.beta[row], found.se[row]) == (pytest.approx(solved[1]), pytest.approx(se))


def test_traits_have_their_share_of_genes_and_no_gene_twice():
    rng = np.random.default_rng(3)
    levels = rng.normal(size=(40, 3000))
    levels[0] = 1.0
    settings = Settings(traits=3, genes_each=10, heritability=0.5)
    traits, weights = traits_of(levels, settings, rng)
    assert (np.count_nonzero(weights, axis=1) == 10).all()
    assert np.count_nonzero(weights, axis=0).max() == 1
    assert not weights[:, 0].any()
    scaled = levels[1:] / levels[1:].std(axis=1, keepdims=True)
    made = weights[:, 1:] @ scaled
    for trait, of_genes in zip(traits, made, strict=True):
        assert np.corrcoef(trait, of_genes)[0, 1] ** 2 == pytest.approx(0.5, abs=0.06)


def test_a_strong_variant_makes_one_locus_of_a_trait_however_far_linkage_reaches():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 60_000).astype(np.uint8)
    people = {name: draw_haplotypes(codes, Settings(people=300), rng) for name in ("a", "b")}
    causal = int(np.abs(people["b"].frequency - 0.4).argmin())
    trait = people["b"].counts[causal] + rng.normal(size=300)
    # Variants further away than the locus reaches are associated, too.
    far = np.abs(people["b"].position - people["b"].position[causal]) > 2000
    assert np.abs(associate(people["b"].counts[far], trait).z).max() > LEAST_Z
    (locus,) = _of_traits(trait[None], people, 1000)
    assert (locus.chrom, causal in locus.rows) == ("b", True)


def test_files_agree_with_each_other(tmp_path):
    simulate(tmp_path / "s", seed=1, size=60_000, variants=30, reporters=30)
    settings = Settings(people=150, donors=100, traits=1, genes_each=2)
    found = simulate_population(tmp_path / "s", tmp_path / "p", settings, reach=2000)
    again = simulate_population(tmp_path / "s", tmp_path / "q", settings, reach=2000)
    assert found == again
    for path in (tmp_path / "p").glob("*.t*v"):
        assert path.read_bytes() == (tmp_path / "q" / path.name).read_bytes()
    with pysam.VariantFile(str(tmp_path / "p" / "genotypes.vcf.gz")) as file:
        records = list(file)
        assert len(file.header.samples) == 150
    assert len(records) == found["variants"]
    with Genome(tmp_path / "s" / "genome.fa") as genome:
        for record in records:
            assert "ACGT"[genome.codes(record.chrom, record.start, record.stop)[0]] == record.ref
    truth = list(csv.DictReader((tmp_path / "p" / "truth.tsv").open(), delimiter="\t"))
    places = {(record.chrom, record.pos) for record in records}
    assert {(row["chrom"], int(row["pos"])) for row in truth} <= places
    with gzip.open(tmp_path / "p" / "eqtl.tsv.gz", "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    sums: dict[tuple, float] = {}
    for row in rows:
        key = row["locus"], row["credible_set"]
        sums[key] = sums.get(key, 0) + float(row["pip"])
    assert sums
    assert all(total == pytest.approx(1, abs=1e-3) for total in sums.values())
    assert len({row["gene"] for row in rows}) == found["genes"]
    assert json.loads((tmp_path / "p" / "population.json").read_text())["people"] == 150


GENE = 'chr1\tx\ttranscript\t{}\t900\t.\t+\t.\tgene_id "g"; transcript_id "t{}";\n'


@pytest.mark.parametrize(
    ("description", "genes", "message"),
    [
        ("[1]", "", "simulation.json: the file: "),
        ('{"elements": "many"}', "", "simulation.json: elements: "),
        ("{", "", "simulation.json: the file: Invalid JSON"),
        ("{}", "", "genes.gtf"),
        ("{}", GENE.format(200, 1) + GENE.format(300, 2), "the gene g has 2 starts: expected one"),
    ],
)
def test_a_damaged_simulation_is_told(tmp_path, description, genes, message):
    (tmp_path / "simulation.json").write_text(description)
    (tmp_path / "genome.fa").write_text(f">chr1\n{'ACGT' * 500}\n")
    (tmp_path / "genes.gtf").write_text(genes)
    with pytest.raises(InputError, match=message) as caught:
        simulate_population(tmp_path, tmp_path / "p")
    assert "\n" not in str(caught.value)


def test_a_genome_with_elements_is_refused(tmp_path):
    (tmp_path / "simulation.json").write_text('{"elements": 3}')
    with pytest.raises(InputError, match="has distal elements"):
        simulate_population(tmp_path, tmp_path / "p")
