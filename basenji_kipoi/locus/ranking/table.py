"""The tables of a ranking: a row a variant, and a row a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.locus.linkage import Linkage
    from basenji_kipoi.locus.ranking.effects import GeneEffect, Predicted
    from basenji_kipoi.locus.ranking.posterior import RankedSet
    from basenji_kipoi.locus.variants import LocusTable, LocusVariant

__all__ = [
    "NO_GENE",
    "described_columns",
    "effect_of_gene",
    "set_rows",
    "shares_of_random",
    "variant_rows",
]

#: No start of the gene lies in the predicted part of the variant's window.
NO_GENE = "gene_out_of_reach"


def effect_of_gene(effects: Sequence[GeneEffect], gene: str) -> GeneEffect | None:
    """Find the effect on a gene, by its identifier (with or without version) or its name."""
    for same in (
        lambda each: each.gene_id == gene,
        lambda each: each.name == gene,
        lambda each: each.gene_id.partition(".")[0] == gene.partition(".")[0],
    ):
        for each in effects:
            if same(each):
                return each
    return None


def shares_of_random(table: LocusTable, predicted: Predicted, by: str) -> np.ndarray:
    """Find the share of random variants with at least such an effect, of each row.

    Parameters
    ----------
    table, predicted
        The variants and their predicted effects.
    by
        ``tracks``, or ``gene``: the effect on the row's gene, which is none where the gene is out
        of the variant's reach.

    Returns
    -------
    ndarray, float64, shape (rows,)
        NaN where nothing was predicted.
    """
    found = np.full(len(table), np.nan)
    for row, each in enumerate(table.variants):
        place = predicted.row.get(each.key) if each.reason is None else None
        if place is None or np.isnan(predicted.p[place]):
            continue
        if by == "tracks":
            found[row] = predicted.p[place]
        elif each.gene:
            of_gene = effect_of_gene(predicted.genes.get(each.key, ()), each.gene)
            found[row] = 1.0 if of_gene is None else of_gene.p
    return found


def variant_rows(
    table: LocusTable,
    predicted: Predicted,
    p: np.ndarray,
    ranked: Sequence[RankedSet],
    linkage: Linkage | None,
) -> pa.Table:
    """Make the table of variants, sets in the order of the table, the most probable first.

    Parameters
    ----------
    table, predicted, p, ranked, linkage
        All that is known; ``p`` as `shares_of_random` makes it.
    """
    rows = []
    for each in ranked:
        r2 = _r2(table, each, linkage)
        order = np.argsort(-np.nan_to_num(each.posterior, nan=-1), kind="stable")
        for number, place in enumerate(order.tolist(), start=1):
            row = int(each.members[place])
            known = not np.isnan(each.posterior[place])
            rows.append(
                {
                    "rank": number if known else None,
                    **_described(table.variants[row]),
                    "posterior": _or_none(each.posterior[place]),
                    "pip": _or_none(each.pip[place]),
                    "note": each.reason,
                    "r2_lead": _or_none(r2[place]),
                    **_effects(table.variants[row], predicted, p[row]),
                }
            )
        for row, note in sorted((each.notes or {}).items()):
            rows.append(
                {
                    "rank": None,
                    **_described(table.variants[row]),
                    "posterior": None,
                    "pip": None,
                    "note": note,
                    "r2_lead": None,
                    **_effects(table.variants[row], predicted, p[row]),
                }
            )
    return pa.Table.from_pylist(rows, schema=_schema(predicted))


def set_rows(table: LocusTable, predicted: Predicted, ranked: Sequence[RankedSet]) -> pa.Table:
    """Make the table of sets."""
    rows = []
    for each in ranked:
        row: dict[str, Any] = {
            **each.key._asdict(),
            "variants": len(each.members) + len(each.notes or {}),
            "scored": sum(
                table.variants[number].reason is None
                and predicted.status[predicted.row[table.variants[number].key]] == "ok"
                for number in each.members
            ),
            "signals": each.signals,
            "note": each.reason,
        }
        for name, values in (("pip", each.pip), ("posterior", each.posterior)):
            known = np.isfinite(values).any() and not (each.reason and name == "posterior")
            best = int(np.nanargmax(values)) if known else None
            row[f"first_by_{name}"] = (
                None if best is None else table.variants[int(each.members[best])].name
            )
            row[f"largest_{name}"] = None if best is None else float(values[best])
            row[f"credible_by_{name}"] = each.credible(values) if known else None
        rows.append(row)
    texts = ("locus", "trait", "gene", "credible_set", "note", "first_by_pip", "first_by_posterior")
    schema = pa.schema(
        [
            (name, pa.string() if name in texts else
             pa.float64() if name.startswith("largest") else pa.int64())
            for name in rows[0]
        ]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _described(each: LocusVariant) -> dict[str, Any]:
    return {
        "locus": each.locus, "trait": each.trait, "gene": each.gene,
        "credible_set": each.credible_set, "row": each.row, "rsid": each.rsid,
        "chrom": each.chrom, "pos": each.pos, "ref": each.ref, "alt": each.alt,
        "matching": each.matching.value, "log10_p": each.log10_p, "beta": each.beta, "se": each.se,
        "z": each.z, "frequency": each.frequency,
    }  # fmt: skip


def _effects(each: LocusVariant, predicted: Predicted, p: float) -> dict[str, Any]:
    place = predicted.row.get(each.key) if each.reason is None else None
    status = each.reason.value if each.reason else predicted.status[place]
    found: dict[str, Any] = {
        "status": status,
        "percentile": None if np.isnan(p) else 100 * (1 - p),
    }
    if place is None or status != "ok":
        return found
    for name, group in predicted.groups.items():
        found[f"{name}/score"] = _or_none(group.scores[place])
        found[f"{name}/percentile"] = _or_none(group.percentiles[place])
        found[f"{name}/track"] = group.tracks[place]
    genes = predicted.genes.get(each.key, [])
    own = effect_of_gene(genes, each.gene) if each.gene else None
    shown = own or (genes[0] if genes and not each.gene else None)
    if genes:
        found["predicted_gene"] = genes[0].name or genes[0].gene_id
        nearest = min(genes, key=lambda gene: gene.distance)
        found["nearest_gene"] = nearest.name or nearest.gene_id
    if shown is None:
        found["gene_note"] = NO_GENE
        return found
    found |= {
        "gene_change": shown.change,
        "gene_percentile": 100 * (1 - shown.p),
        "gene_track": shown.track,
        "gene_distance": shown.distance,
    }
    effect = each.beta if each.beta is not None else (each.z if each.sign_known else None)
    if effect and shown.change:
        found["direction"] = "same" if (effect > 0) == (shown.change > 0) else "opposite"
    return found


def _r2(table: LocusTable, each: RankedSet, linkage: Linkage | None) -> np.ndarray:
    """Find r^2 with the set's most probable variant by association."""
    found = np.full(len(each.members), np.nan)
    usable = [n for n, row in enumerate(each.members) if table.variants[row].reason is None]
    if linkage is None or not usable or not np.isfinite(each.pip[usable]).any():
        return found
    linked = linkage.among([table.variants[each.members[n]].key for n in usable])
    lead = int(np.nanargmax(each.pip[usable]))
    found[usable] = linked.with_lead(lead)
    return found


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _schema(predicted: Predicted) -> pa.Schema:
    text, number, whole = pa.string(), pa.float64(), pa.int64()
    fields = [
        ("rank", whole), ("locus", text), ("trait", text), ("gene", text), ("credible_set", text),
        ("row", whole), ("rsid", text), ("chrom", text), ("pos", whole), ("ref", text),
        ("alt", text), ("matching", text), ("status", text), ("note", text), ("posterior", number),
        ("pip", number), ("percentile", number), ("log10_p", number), ("beta", number),
        ("se", number), ("z", number), ("frequency", number), ("r2_lead", number),
        ("direction", text), ("gene_change", number), ("gene_percentile", number),
        ("gene_track", text), ("gene_distance", whole), ("gene_note", text),
        ("predicted_gene", text), ("nearest_gene", text),
    ]  # fmt: skip
    for name in predicted.groups:
        fields += [
            (f"{name}/score", number),
            (f"{name}/percentile", number),
            (f"{name}/track", text),
        ]
    return pa.schema(fields)


def described_columns(predicted: Predicted) -> Mapping[str, str]:
    """Say what the columns are that are not those of the user's table."""
    groups = {
        "GROUP/score": "score of the track of the group that changes most beside random variants",
        "GROUP/percentile": "percent of random variants with a smaller largest effect in the group",
        "GROUP/track": "that track",
    }
    return {
        "rank": "place in its set, by posterior",
        "matching": "how its alleles became those of the genome",
        "status": "ok, or why it has no predicted effects",
        "note": "why there is no posterior",
        "posterior": "probability to be causal, by association and predicted effects",
        "pip": "probability to be causal, by association alone",
        "percentile": "percent of random variants with a smaller effect: what the prior is made of",
        "r2_lead": "r^2 with the variant of the set whose PIP is largest",
        "direction": "whether ALT's effect on the trait has the sign of its predicted change of "
        "the gene (same), or not (opposite)",
        "gene_change": "log2 ratio (ALT over REF) of the gene's starts in gene_track: of the "
        "table's gene, else of the predicted one",
        "gene_percentile": "percent of random variants and genes in reach with a smaller change",
        "gene_distance": "bases to the nearest start of that gene",
        "gene_note": f"{NO_GENE}: no start of the gene lies in the predicted part of the window",
        "predicted_gene": "the gene in reach that changes most beside random variants",
        "nearest_gene": "the gene in reach with the nearest start",
        **(groups if predicted.groups else {}),
    }
