"""Tell sites that a factor binds from others that look the same by contributions, in yeast.

    .venv/bin/python benchmarks/truth/bound_sites.py --data "$BASENJI_DATA/yeast" \
        --model model_files --out build/bound_sites.json

What is compared was written down before anything was computed:

- **Factors**: those that both JASPAR (core collection, fungi, as pyjaspar carries it) and the
  ChIP-exo experiments of Rossi et al. (2021) name. Of two experiments with a factor the one with
  more peaks counts. The model has seen neither.
- **Instances**: what FIMO (memelite) finds of the factor's matrix with p < 1e-4 on either strand of
  the nuclear chromosomes, outside of the blacklist. Of instances that overlap the best one is kept.
- **Bound**: its middle lies within 20 bp of a peak of the factor. **Not bound**: more than 100 bp
  from all of its peaks, and as a second class, **not bound in promoters**: of these, the ones from
  500 bp before to 100 bp behind the nearest start of a gene. What lies between is left out.
- **Drawn**: 50 of each class for each factor that has 50 bound and 50 that are not bound (seed 0),
  as many as there are of the second class. All chromosomes; factors and peaks trained no model.
- **Contribution**: the sum over the instance's bases of gradient times input (mean-centred, both
  strands as the model predicts) to ATAC-seq, summed over the bins that overlap the 128 bp around
  the instance's middle. This one is the result.
- **Beside it**: the same divided by the prediction (`relative`); what needs no explanation, the
  predicted ATAC-seq of these bins (`accessibility`) and FIMO's score (`match`).

Of each factor the AUROC of bound against not bound instances, of all factors the median, with the
interval of 1,000 draws of factors. Required: .65 of contributions; aimed at: .75. The same on the
chromosomes that trained no network (IV, V, XI), of factors with ten of both there.

What came out (.605) was looked into afterwards, on other draws from all chromosomes but these, of
ATAC-seq, MNase-seq and starts. Two things were added for it, and nothing was changed:

- **Absolute**: the sum of the absolute contributions of the instance's bases, which there did best
  of a dozen ways to make one number of contributions. What counts is the test chromosomes' row.
- **As accessible**: each bound instance beside one that is not bound, of either class, and whose
  prediction lies within half a doubling of its own; factors with eight such pairs.

**A second comparison** (`--binding`, all of it by `bound_sites_own.sh`) was designed after the
first one had missed, and written down before anything of it was computed. It asks what contributes
to a factor's own binding, instead of to accessibility:

- **Models**: the second network of the model, with a head for the peaks of 49 factors
  (`factor_tracks.py`), trunk and head trained together. Chromosomes are held out in three groups,
  each by a model of its own; IV, V and XI, which trained no trunk either, are one of them. Settings
  were chosen by the correlation of predicted tracks on chrXIII, of the model that held out II, VII,
  X, XV and XVI.
- **Instances**, classes, draws, chromosomes and pairs are those of the first comparison, to the
  last one. Each is explained by the model that held out its chromosome: no peak of it trained the
  head or moved the trunk, and none chose an epoch.
- **Own**: gradient times input to the track of the instance's factor, summed as above; this one is
  the result, with the same figures required. The trunk has seen profiles (accessibility, starts,
  ends) of all chromosomes but IV, V, XI and XIII, so the row of IV, V and XI counts beside it.
- **Beside it**: the same divided by the prediction (`own relative`), the sum of sizes (`own
  absolute`), the predicted track of the same bins (`binding`), and all of the first comparison.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from factor_tracks import read_peaks
from instance_contributions import WIDTH, contributions_to, held_out_models, own_contributions

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.matching import match_negatives
from basenji_kipoi.comparison.statistics import as_json, auroc, estimate
from basenji_kipoi.faces import library
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import nearest_starts, read_genes
from basenji_kipoi.genome.intervals import read_bed
from basenji_kipoi.interpretation.motifs.databases import read_database

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from basenji_kipoi.genome.genes import Genes
    from basenji_kipoi.interpretation.motif_matrices import Motif

NEAR, FAR = 20, 100
BEFORE, BEHIND = 500, 100
EACH, P_VALUE = 50, 1e-4
TEST, FEWEST_ON_TEST = ("chrIV", "chrV", "chrXI"), 10
#: Most by which the accessibility of a pair differs (doublings), and fewest pairs of a factor.
DOUBLINGS, FEWEST_PAIRS = 0.5, 8
SCORES = ("contribution", "relative", "absolute", "accessibility", "match")
OWN_SCORES = ("own", "own relative", "own absolute", "binding")
CLASSES = ("bound", "unbound", "unbound in promoters")


def instances_of(motifs: list[Motif], fasta: Path, blacklist: Path, genome: Genome) -> pd.DataFrame:
    """Find the instances of motifs, of those that overlap the best one."""
    import pandas as pd  # noqa: PLC0415

    contigs = [name for name in genome.lengths if name != "chrM"]
    excluded = read_bed(blacklist, genome.lengths)
    matrices = {each.name.upper(): each.probabilities.T for each in motifs}
    tables = library("memelite", "this benchmark").fimo(
        matrices, str(fasta), threshold=P_VALUE, eps=1e-2
    )
    found = pd.concat([table for table in tables if len(table)], ignore_index=True)
    found = found.astype({"start": np.int64, "end": np.int64, "score": np.float64})
    found = found[found.sequence_name.isin(contigs)]
    for place in excluded:
        overlaps = (found.start < place.end) & (found.end > place.start)
        found = found[~((found.sequence_name == place.chrom) & overlaps)]
    return best_of_overlapping(found)


def best_of_overlapping(found: pd.DataFrame) -> pd.DataFrame:
    """Keep of each motif's instances that overlap, as chains of them do, the one of best score."""
    found = found.sort_values(["motif_name", "sequence_name", "start"], ignore_index=True)
    place = ["motif_name", "sequence_name"]
    reached = found.groupby(place)["end"].cummax().groupby([found[name] for name in place]).shift()
    chain = (~(found.start < reached)).cumsum()
    return found.loc[np.sort(found.groupby(chain)["score"].idxmax())].reset_index(drop=True)


def distances_to(places: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Find the distance of each place to the nearest of sorted peaks (bp)."""
    if not len(peaks):
        return np.full(len(places), np.inf)
    right = np.minimum(np.searchsorted(peaks, places), len(peaks) - 1)
    left = np.maximum(right - 1, 0)
    return np.minimum(np.abs(places - peaks[left]), np.abs(places - peaks[right])).astype(float)


def classified(
    found: pd.DataFrame, peaks: dict[str, dict[str, np.ndarray]], genes: Genes
) -> pd.DataFrame:
    """Say of each instance whether its factor binds it, and whether it lies in a promoter."""
    middle = (found.start.to_numpy() + found.end.to_numpy()) // 2
    apart = np.empty(len(found))
    for (factor, contig), rows in found.groupby(["motif_name", "sequence_name"]).indices.items():
        apart[rows] = distances_to(middle[rows], peaks[factor].get(contig, np.empty(0)))
    distance, _ = nearest_starts(found.sequence_name.to_numpy(), middle, genes)
    return found.assign(
        middle=middle,
        bound=apart <= NEAR,
        unbound=apart > FAR,
        promoter=(distance >= -BEFORE) & (distance <= BEHIND),
    )


def drawn(found: pd.DataFrame, lengths: dict[str, int], seed: int) -> pd.DataFrame:
    """Draw instances of each class of each factor that has enough."""
    import pandas as pd  # noqa: PLC0415

    random = np.random.default_rng(seed)
    inside = (found.middle >= WIDTH) & (
        found.middle <= found.sequence_name.map(lengths).to_numpy() - WIDTH
    )
    parts = []
    for _, table in found[inside].groupby("motif_name"):
        bound, unbound = table[table.bound], table[table.unbound]
        if min(len(bound), len(unbound)) < EACH:
            continue
        pools = (bound, unbound, unbound[unbound.promoter])
        for name, pool in zip(CLASSES, pools, strict=True):
            rows = random.permutation(len(pool))[:EACH]
            parts.append(pool.iloc[np.sort(rows)].assign(kind=name))
    if not parts:
        raise InputError(f"no factor has {EACH} bound instances and {EACH} that are not")
    return pd.concat(parts, ignore_index=True)


def explained(model: Path, genome: Genome, sites: pd.DataFrame) -> pd.DataFrame:
    """Sum the contributions of the bases of each instance to accessibility."""
    contribution, absolute, value = contributions_to(model, genome, sites, "atac")
    return sites.assign(
        contribution=contribution,
        relative=contribution / value,
        absolute=absolute,
        accessibility=value,
        match=sites.score,
    )


def as_accessible(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pair bound instances of a factor with others whose predicted accessibility is alike."""
    one = rows[rows.kind == "bound"]
    other = rows[rows.kind != "bound"].drop_duplicates(["sequence_name", "start"])
    levels = [np.log2(each.accessibility.to_numpy()) for each in (one, other)]
    keys = [np.full(len(each), "", dtype=object) for each in levels]
    chosen = match_negatives(keys[0], levels[0], keys[1], levels[1], within=DOUBLINGS)[:, 0]
    return one[chosen >= 0], other.iloc[chosen[chosen >= 0]]


def measured(sites: pd.DataFrame) -> dict[str, Any]:
    """Tell bound from unbound instances by each score: each factor, and their median."""

    def beside(kind: str) -> Callable:
        return lambda rows: (rows[rows.kind == "bound"], rows[rows.kind == kind])

    results: dict[str, Any] = {}
    scores = [score for score in (*SCORES, *OWN_SCORES) if score in sites]
    on_test = sites[sites.sequence_name.isin(TEST)]
    cases = (
        ("all", sites, beside("unbound"), 2),
        ("promoters", sites, beside("unbound in promoters"), FEWEST_ON_TEST),
        ("test chromosomes", on_test, beside("unbound"), FEWEST_ON_TEST),
        ("as accessible", sites, as_accessible, FEWEST_PAIRS),
        ("test chromosomes, as accessible", on_test, as_accessible, FEWEST_PAIRS),
    )
    for name, table, parts, fewest in cases:
        factors = {}
        for factor, rows in table.groupby("motif_name"):
            one, two = parts(rows)
            if min(len(one), len(two)) >= fewest:
                factors[factor] = {
                    "bound": len(one),
                    "unbound": len(two),
                    **{score: auroc(one[score], two[score]) for score in scores},
                }
        columns = {score: np.array([each[score] for each in factors.values()]) for score in scores}
        results[name] = {
            "factors": factors,
            "median": {
                s: estimate(np.median, column) for s, column in columns.items() if len(column)
            },
        }
    return results


def lines_of(results: dict[str, Any]) -> list[str]:
    """Format the medians as a Markdown table."""
    scores = next(list(each["median"]) for each in results.values() if each["factors"])
    lines = [
        "| instances | factors | " + " | ".join(scores) + " |",
        "| --- " * (2 + len(scores)) + "|",
    ]
    for name, each in results.items():
        if not each["factors"]:
            continue
        medians = " | ".join(str(each["median"][score]) for score in scores)
        lines.append(f"| {name} | {len(each['factors'])} | {medians} |")
    return lines


def main(
    data: Annotated[Path, typer.Option(help="Folder of the yeast data.")],
    model: Annotated[Path, typer.Option(help="The model (a bundle).")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    binding: Annotated[
        Path | None,
        typer.Option(help="Folder of models of the factors' binding, each of a fold."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws of instances.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Measure whether contributions tell bound from unbound motif instances."""
    began = time.process_time()
    try:
        check_output(out, overwrite=overwrite)
        fasta, archive = data / "genome.fa.gz", data / "factor_peaks.tar.gz"
        if not archive.is_file():
            raise InputError(f"{archive} is missing: --data names the folder with the yeast data")
        models = held_out_models(binding) if binding else {}
        with Genome(fasta) as genome:
            peaks = read_peaks(archive, genome)
            database = [m for m in read_database("jaspar:fungi") if m.name.upper() in peaks]
            found = instances_of(database, fasta, data / "blacklist.bed", genome)
            genes = read_genes(data / "genes.gtf.gz", genome)
            sites = drawn(classified(found, peaks, genes), genome.lengths, seed)
            sites = explained(model, genome, sites)
            if models:
                sites = own_contributions(models, genome, sites)
        results = measured(sites)
        result = {
            "factors_with_both": len(database),
            "instances": len(sites),
            "processor_seconds": time.process_time() - began,
            "measured": as_json(results),
        }
        with atomic_path(out, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print("\n".join(lines_of(results)))


if __name__ == "__main__":
    typer.run(main)
