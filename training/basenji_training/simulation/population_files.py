"""`basenji-train population`: files of people with a simulated genome, and of what follows.

======================  ========================================================================
``genotypes.vcf.gz``    phased genotypes, with an index
``eqtl.tsv.gz``         credible sets of genes' expression: all variants within ``--reach`` of the
                        start, with their PIP in each signal
``gwas.tsv.gz``         the same of traits, around their strongest variants
``truth.tsv``           true effect of each variant on each gene that it can reach: natural
                        logarithm of the expected starts with ALT over those without
``traits.tsv``          the genes that traits follow from
``population.json``     what was asked for
======================  ========================================================================

Signals, credible sets and PIPs are those of the sum of single effects with equal priors
(`basenji_kipoi.locus.finemapping`), with the linkage of the same people.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pysam
from pydantic import BaseModel

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import letters
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.locus.finemapping import sum_of_single_effects
from basenji_training.simulation.population import (
    Association,
    Haplotypes,
    Settings,
    associate,
    correlation,
    draw_haplotypes,
    express,
    shares,
    traits_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from basenji_kipoi.genome.genes import Gene
    from basenji_training.simulation.population import Expression

__all__ = ["simulate_population"]

#: |z| of a locus' strongest variant (P of 6e-7).
LEAST_Z = 5.0
#: Associated variants of a trait that are looked for, one after another.
_MOST_LEADS = 100
_KIND = Folder("a simulated population", holds=("population.json", "truth.tsv"))
_TABLE = ("chrom", "pos", "ref", "alt", "rsid", "trait", "gene", "locus", "credible_set", "pip",
          "in_set", "beta", "se", "frequency")  # fmt: skip


class _Simulation(BaseModel):
    """What of a simulation's description matters here."""

    elements: int = 0


class _Of(NamedTuple):
    """A gene, and what sequence makes of it."""

    gene: Gene
    expression: Expression


def simulate_population(
    simulation: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    reach: int = 5000,
    overwrite: bool = False,
    label: str = "",
) -> dict[str, int]:
    """Write people with a simulated genome.

    Parameters
    ----------
    simulation
        What `basenji-train simulate` wrote, without distal elements.
    out
        Directory to be written.
    settings
        What is drawn.
    reach
        Variants of a locus lie so far from a gene's start, or a trait's strongest variant (bp).
    overwrite
        Whether an existing directory may be replaced.
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    dict of str to int
        Number of variants, and of loci of genes and of traits.

    Raises
    ------
    InputError
        If the simulation cannot be used, or the output may not be written.
    """
    settings = settings or Settings()
    folder = Path(simulation)
    check_output(out, overwrite=overwrite, inputs=[folder], folder=_KIND)
    if read_json(_Simulation, folder / "simulation.json").elements:
        raise InputError(f"{folder} has distal elements, which a population does not know yet")
    if not 10 <= settings.donors <= settings.people:
        raise InputError(f"--donors is {settings.donors}: it must be from 10 to --people")
    generator = np.random.default_rng(settings.seed)
    with Genome(folder / "genome.fa") as genome:
        genes = list(read_genes(folder / "genes.gtf", genome))
        codes = {name: genome.codes(name, 0, size) for name, size in genome.lengths.items() if size}
    if not genes:
        raise InputError(f"{folder / 'genes.gtf'} has no genes: nothing would be expressed")
    for gene in genes:
        if len(gene.tss) != 1:
            raise InputError(
                f"{folder / 'genes.gtf'}: the gene {gene.gene_id} has {len(gene.tss)} starts: "
                "expected one, as basenji-train simulate writes them"
            )
    people: dict[str, Haplotypes] = {}
    made: list[_Of] = []
    with progress_bar(label, total=len(genes), unit="genes") as advance:
        for chrom, sequence in codes.items():
            people[chrom] = draw_haplotypes(sequence, settings, generator)
            for gene in (each for each in genes if each.contig == chrom):
                made.append(_Of(gene, express(sequence, gene, people[chrom])))
                advance(1)
    levels = np.stack([each.expression.levels for each in made])
    measured = levels[:, : settings.donors] + settings.noise * generator.normal(
        size=(len(made), settings.donors)
    )
    traits, weights = traits_of(levels, settings, generator)
    with atomic_path(out, overwrite=overwrite) as path:
        path.mkdir()
        _write_genotypes(path / "genotypes.vcf.gz", codes, people)
        found = {
            "variants": sum(len(each.position) for each in people.values()),
            "genes": _write_loci(
                path / "eqtl.tsv.gz",
                codes,
                people,
                _of_genes(made, measured, people, reach, settings),
            ),
            "traits": _write_loci(
                path / "gwas.tsv.gz", codes, people, _of_traits(traits, people, reach)
            ),
        }
        _write_truth(path / "truth.tsv", codes, people, made)
        lines = [
            f"trait{trait + 1}\t{made[gene].gene.gene_id}\t{weights[trait, gene]:g}\n"
            for trait, gene in np.argwhere(weights)
        ]
        (path / "traits.tsv").write_text("trait\tgene\tweight\n" + "".join(lines))
        content = {**settings._asdict(), "reach": reach, "least_z": LEAST_Z, **found}
        (path / "population.json").write_text(json.dumps(content, indent=2) + "\n")
    return found


class _Locus(NamedTuple):
    """A locus with an association: which variants, and how they are associated."""

    chrom: str
    trait: str
    gene: str
    rows: np.ndarray
    association: Association
    linkage: np.ndarray


def _of_genes(
    made: list[_Of], measured: np.ndarray, people: dict[str, Haplotypes], reach: int,
    settings: Settings,
) -> Iterator[_Locus]:  # fmt: skip
    for each, values in zip(made, measured, strict=True):
        chrom = each.gene.contig
        mine = people[chrom]
        rows = np.flatnonzero(np.abs(mine.position - each.gene.tss[0]) <= reach)
        counts = mine.counts_of(rows, settings.donors)
        rows, counts = rows[counts.std(axis=1) > 0], counts[counts.std(axis=1) > 0]
        if len(rows):
            found = associate(counts, values)
            if np.abs(found.z).max() >= LEAST_Z:
                name = each.gene.gene_id
                yield _Locus(chrom, name, name, rows, found, correlation(counts))


def _of_traits(traits: np.ndarray, people: dict[str, Haplotypes], reach: int) -> Iterator[_Locus]:
    """Yield loci around the variants that are associated beside all stronger ones.

    Linkage reaches further than a locus: what leads of other loci explain of the trait is taken
    out of it first.
    """
    chroms = np.repeat(list(people), [len(each.position) for each in people.values()])
    places = np.concatenate([each.position for each in people.values()])
    counts = np.concatenate([each.counts for each in people.values()])
    for number, values in enumerate(traits, start=1):
        leads: list[int] = []
        while len(leads) < _MOST_LEADS:
            z = np.abs(associate(counts, _without(values, counts[leads])).z)
            z[leads] = 0
            if z.max() < LEAST_Z:
                break
            leads.append(int(z.argmax()))
        done: list[int] = []
        for lead in leads:
            near = (chroms == chroms[lead]) & (np.abs(places - places[lead]) <= reach)
            # A second signal of a locus is its own, and found there.
            if near[done].any():
                continue
            done.append(lead)
            rest = [other for other in leads if not near[other]]
            rows = np.flatnonzero(near)
            found = associate(counts[rows], _without(values, counts[rest]))
            mine = rows - np.flatnonzero(chroms == chroms[lead])[0]
            linkage = correlation(counts[rows])
            yield _Locus(str(chroms[lead]), f"trait{number}", "", mine, found, linkage)


def _without(trait: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Take out of a trait what some variants explain of it together."""
    design = np.concatenate([np.ones((1, len(trait))), counts]).T
    return trait - design @ np.linalg.lstsq(design, trait, rcond=None)[0]


def _write_loci(
    path: Path, codes: dict[str, np.ndarray], people: dict[str, Haplotypes], loci: Iterator[_Locus]
) -> int:
    number = 0
    with gzip.open(path, "wt", encoding="ascii") as file:
        file.write("\t".join(_TABLE) + "\n")
        for locus in loci:
            signals = sum_of_single_effects(locus.association.scaled, locus.linkage)
            number += bool(signals.sets)
            mine = people[locus.chrom]
            places = mine.position[locus.rows]
            named = f"{locus.trait} {locus.chrom}:{places.min() + 1}-{places.max() + 1}"
            for signal, members in zip(signals.set_signals, signals.sets, strict=True):
                for place, row in enumerate(locus.rows.tolist()):
                    cells = (
                        *_variant(locus.chrom, codes, mine, row),
                        f"sim_{locus.chrom}_{mine.position[row] + 1}",
                        locus.trait, locus.gene, named, f"L{signal + 1}",
                        f"{signals.alpha[signal, place]:.6g}", int(place in members),
                        f"{locus.association.beta[place]:.5g}",
                        f"{locus.association.se[place]:.5g}", f"{mine.frequency[row]:.4f}",
                    )  # fmt: skip
                    file.write("\t".join(map(str, cells)) + "\n")
    return number


def _variant(
    chrom: str, codes: dict[str, np.ndarray], people: Haplotypes, row: int
) -> tuple[str, int, str, str]:
    place = people.position[row]
    ref, alt = letters(np.array([codes[chrom][place], people.alternative[row]]))
    return chrom, int(place) + 1, str(ref), str(alt)


def _write_truth(
    path: Path, codes: dict[str, np.ndarray], people: dict[str, Haplotypes], made: list[_Of]
) -> None:
    columns = ("chrom", "pos", "ref", "alt", "gene", "effect", "frequency", "share")
    with path.open("w", encoding="ascii") as file:
        file.write("\t".join(columns) + "\n")
        for gene, expression in made:
            mine = people[gene.contig]
            frequency = mine.frequency[expression.variants]
            for row, effect, common, share in zip(
                expression.variants.tolist(), expression.effects, frequency,
                shares(expression.effects, frequency), strict=True,
            ):  # fmt: skip
                variant = _variant(gene.contig, codes, mine, row)
                cells = (*variant, gene.gene_id, f"{effect:.5f}", f"{common:.4f}", f"{share:.5f}")
                file.write("\t".join(map(str, cells)) + "\n")


def _write_genotypes(
    path: Path, codes: dict[str, np.ndarray], people: dict[str, Haplotypes]
) -> None:
    number = next(iter(people.values())).carried.shape[1] // 2
    calls = np.array([f"{a}|{b}" for a in (0, 1) for b in (0, 1)])
    plain = path.with_suffix("")
    with plain.open("w", encoding="ascii") as file:
        file.write("##fileformat=VCFv4.3\n")
        file.writelines(f"##contig=<ID={name},length={len(s)}>\n" for name, s in codes.items())
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        names = "\t".join(f"person{n}" for n in range(1, number + 1))
        file.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for chrom, mine in people.items():
            pairs = calls[2 * mine.carried[:, ::2] + mine.carried[:, 1::2]]
            for row, of_people in enumerate(pairs):
                _, pos, ref, alt = _variant(chrom, codes, mine, row)
                key = f"{chrom}\t{pos}\tsim_{chrom}_{pos}\t{ref}\t{alt}\t.\t.\t.\tGT\t"
                file.write(key + "\t".join(of_people) + "\n")
    pysam.tabix_index(str(plain), preset="vcf", force=True)
