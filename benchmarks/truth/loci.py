"""Measure whether predicted effects find causal variants that linkage hides, where they are known.

    make train-example
    basenji-train simulate --seed 7 --size 2000000 --variants 0 --reporters 30 --out build/genome
    basenji-train population build/genome --people 1000 --donors 1000 --out build/population
    python benchmarks/truth/loci.py --model build/train-example/model \
        --simulation build/genome --population build/population --out build/loci.json

The genome is another one than that which the model was trained on, of the same grammar.

Compared are PIPs alone with the joint posterior of `basenji rank`, its weight estimated from the
same table, which holds no truth. A locus counts if it has one signal, and one variant makes at
least 80 % of the variance that sequence makes of its gene and changes it by 5 % or more: that one
is causal. Of a trait's locus the gene is the nearest one that the trait follows from. For eQTLs
(prior of effects on tracks, and on the gene) and for traits (tracks):

- first: share of loci whose causal variant has the largest value; of k equal ones, it counts 1 / k.
  Bar: the joint posterior finds 10 points more than PIP;
- AUPRC over all variants of the 95 % credible sets of PIP. Bar: above PIP;
- calibration: of all variants of these loci, by tenths of the value, the mean over the tenths with
  20 variants or more of |mean value - share of causal ones|. Bar: below .1;
- direction: share of causal variants of eQTLs whose predicted change of the gene has their sign;
- gene: share of traits' loci whose first variant names the gene that the trait follows from;
- gene and element: share of loci whose first variant's mechanism (`basenji locus`, which is given
  no elements) names that gene as the one that changes most, and an element that holds the causal
  variant and, shuffled, changes that gene more than any other. Bar: .7 of traits' loci, aim .9.

Intervals (95 %) are those of 1,000 bootstrap draws of loci.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import basenji_kipoi as bk
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import Estimate, as_json, auprc, estimate
from basenji_kipoi.locus.mechanisms.options import MechanismOptions
from basenji_kipoi.locus.mechanisms.run import Explainer
from basenji_kipoi.locus.mechanisms.scored import Place
from basenji_kipoi.locus.ranking.result import Ranking

#: What makes a variant the causal one of its gene.
SHARE, LEAST = 0.8, np.log(1.05)
FEWEST = 20


@dataclass(frozen=True)
class Locus:
    """A locus that counts; arrays of shape (variants,)."""

    pip: np.ndarray
    posterior: np.ndarray
    causal: np.ndarray
    in_set: np.ndarray
    agrees: float
    names_gene: float
    first: Place
    gene: str
    place: int


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a table, gzip or not."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def causal_variants(truth: list[dict[str, str]]) -> dict[str, tuple[str, int, float]]:
    """Find the causal variant of each gene that has one: contig, position and effect."""
    return {
        row["gene"]: (row["chrom"], int(row["pos"]), float(row["effect"]))
        for row in truth
        if float(row["share"]) >= SHARE and abs(float(row["effect"])) >= LEAST
    }


def loci_of(
    found: Ranking,
    given: list[dict[str, str]],
    causal: dict[str, tuple[str, int, float]],
    genes_of: dict[str, list[str]],
) -> list[Locus]:
    """Pick the loci that count, with what is known of them.

    ``genes_of`` has the genes of a trait; of an eQTL the gene is its own.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found.variants.to_pylist():
        groups.setdefault(row["locus"], []).append(row)
    loci = []
    for rows in groups.values():
        first = rows[0]
        if len({row["credible_set"] for row in rows}) > 1 or first["posterior"] is None:
            continue
        places = [row["pos"] for row in rows]
        middle = (min(places) + max(places)) / 2
        genes = [first["gene"]] if first["gene"] else genes_of.get(first["trait"], [])
        # A gene without a causal variant hides whether the locus is its own.
        near = [
            (abs(causal[gene][1] - middle), gene)
            for gene in genes
            if gene in causal
            and causal[gene][0] == first["chrom"]
            and min(places) <= causal[gene][1] <= max(places)
        ]
        if not near:
            continue
        gene = min(near)[1]
        is_causal = np.array([row["pos"] == causal[gene][1] for row in rows])
        (one,) = (row for row in rows if row["pos"] == causal[gene][1])
        loci.append(
            Locus(
                np.array([row["pip"] for row in rows]),
                np.array([row["posterior"] for row in rows]),
                is_causal,
                # The first line of a file is its header.
                np.array([given[row["row"] - 2]["in_set"] == "1" for row in rows]),
                np.nan if not first["gene"] else float(one["direction"] == "same"),
                np.nan if first["gene"] else float(first["predicted_gene"] == gene),
                Place(*(first[name] for name in Place._fields)),
                gene,
                causal[gene][1],
            )
        )
    return loci


def names_gene_and_element(loci: list[Locus], explainer: Explainer) -> np.ndarray:
    """Tell of each locus whether its first variant's mechanism names the planted ones."""
    scored = explainer.score([each.first for each in loci], progress=False)
    found = np.zeros(len(loci))
    for number, (each, record) in enumerate(zip(loci, explainer.explain(scored))):
        driven = [gene for gene in record.genes if gene.element_change is not None]
        if record.target is None or record.element is None or not driven:
            continue
        most = max(driven, key=lambda gene: abs(gene.element_change))
        holds = record.element.start < each.place <= record.element.end
        found[number] = holds and record.target.gene_id == most.gene_id == each.gene
    return found


def is_first(values: np.ndarray, causal: np.ndarray) -> float:
    """Tell whether the causal variant has the largest value, shared among equal ones."""
    largest = values >= values.max() - 1e-9
    return float((largest & causal).sum() / largest.sum())


def tenths(values: np.ndarray, causal: np.ndarray) -> list[dict[str, float]]:
    """Set the mean of values beside the share of causal variants, by tenths of the value."""
    place = np.minimum((values * 10).astype(int), 9)
    return [
        {
            "from": tenth / 10,
            "variants": int((place == tenth).sum()),
            "expected": float(values[place == tenth].mean()),
            "observed": float(causal[place == tenth].mean()),
        }
        for tenth in range(10)
        if (place == tenth).any()
    ]


def measure(loci: list[Locus], explainer: Explainer) -> dict[str, Any]:
    """Measure loci, by PIP and by posterior."""
    numbers = np.concatenate([np.full(len(each.pip), n) for n, each in enumerate(loci)])
    causal = np.concatenate([each.causal for each in loci])
    in_set = np.concatenate([each.in_set for each in loci])
    found: dict[str, Any] = {"loci": len(loci), "variants": len(causal)}
    first = {}
    for name in ("pip", "posterior"):
        values = np.concatenate([getattr(each, name) for each in loci])
        first[name] = np.array([is_first(getattr(each, name), each.causal) for each in loci])

        def area(of: np.ndarray, is_one: np.ndarray) -> float:
            return auprc(of[is_one > 0], of[is_one == 0])

        parts = tenths(values, causal)
        known = [part for part in parts if part["variants"] >= FEWEST]
        found[name] = {
            "first": estimate(np.mean, first[name]),
            "auprc": estimate(
                area, values[in_set], causal[in_set].astype(float), blocks=numbers[in_set]
            ),
            "calibration_error": float(
                np.mean([abs(part["expected"] - part["observed"]) for part in known])
            ),
            "tenths": parts,
        }
    found["gain"] = estimate(np.mean, first["posterior"] - first["pip"])
    found["names_both"] = estimate(np.mean, names_gene_and_element(loci, explainer))
    for name in ("agrees", "names_gene"):
        values = np.array([getattr(each, name) for each in loci])
        known = values[np.isfinite(values)]
        found[name] = estimate(np.mean, known) if len(known) else None
    return found


def table(measured: dict[str, dict[str, Any]]) -> str:
    """Format the figures as a Markdown table."""
    lines = [
        "| loci | number | first by PIP | by posterior | gain | AUPRC by PIP | by posterior | "
        "calibration error, PIP | posterior |",
        "| --- " * 9 + "|",
    ]
    for name, each in measured.items():
        pip, joint = each["pip"], each["posterior"]
        cells = [
            name, each["loci"], pip["first"], joint["first"], each["gain"], pip["auprc"],
            joint["auprc"], f"{pip['calibration_error']:.3f}",
            f"{joint['calibration_error']:.3f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for name, each in measured.items():
        for what, value in (
            ("direction", each["agrees"]),
            ("gene", each["names_gene"]),
            ("gene and element", each["names_both"]),
        ):
            if isinstance(value, Estimate):
                lines.append(f"\n{name}: {what} right in {value} of {value.rows}")
    return "\n".join(lines)


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    population: Annotated[Path, typer.Option(help="What `basenji-train population` wrote.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    random: Annotated[int, typer.Option(help="Random variants of the background.")] = 1000,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure how much predicted effects add to PIPs."""
    try:
        check_output(out, overwrite=overwrite)
        causal = causal_variants(rows_of(population / "truth.tsv"))
        genes_of: dict[str, list[str]] = {}
        for row in rows_of(population / "traits.tsv"):
            genes_of.setdefault(row["trait"], []).append(row["gene"])
        loaded, measured, weights = bk.load(model), {}, {}
        genome = bk.Genome(simulation / "genome.fa")
        explainer = Explainer(loaded, genome, MechanismOptions(genes=simulation / "genes.gtf"))
        began = time.monotonic()
        for name, file, by in (
            ("eQTL, tracks", "eqtl.tsv.gz", "tracks"),
            ("eQTL, gene", "eqtl.tsv.gz", "gene"),
            ("traits, tracks", "gwas.tsv.gz", "tracks"),
        ):
            found = bk.rank(
                loaded,
                genome,
                population / file,
                genes=simulation / "genes.gtf",
                options=bk.RankOptions(by=by, random=random),
            )
            weights[name] = found.weight
            loci = loci_of(found, rows_of(population / file), causal, genes_of)
            measured[name] = measure(loci, explainer)
            print(f"{name}: weight {found.weight}")
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    content = {
        "seconds": time.monotonic() - began,
        "random": random,
        "weights": {name: weight._asdict() for name, weight in weights.items()},
        "loci": measured,
    }
    with atomic_path(out, overwrite=overwrite) as path:
        text = json.dumps(as_json(content), indent=2)
        path.write_text(text + "\n", encoding="utf-8")
    print(table(measured))


if __name__ == "__main__":
    typer.run(main)
