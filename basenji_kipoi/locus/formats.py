"""The formats of tables of loci: the columns by which each is known, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["FORMATS", "ROLES", "Format", "recognised"]

#: What a column can hold. ``variant`` is contig, position, REF and ALT in one, joined by ``:`` or
#: ``_``; ``ref`` and ``alt`` claim that REF is the genome's, ``other`` and ``effect`` do not.
ROLES = (
    "variant", "chrom", "pos", "ref", "alt", "effect", "other", "rsid", "locus", "trait", "gene",
    "credible_set", "pip", "p", "log10_p", "beta", "se", "z", "frequency",
)  # fmt: skip

#: Values of a credible set's column that say that there is none.
NO_SET = frozenset({"", "-1", "0", "NA", "nan", "None"})


@dataclass(frozen=True)
class Format:
    """A format of tables.

    Attributes
    ----------
    name : str
        What ``--format`` calls it.
    about : str
        What it is.
    must : tuple of str
        Columns of which a table has all, if it is one of these.
    columns : dict of str to tuple of str
        The columns that may have a role; the first that is there does.
    signed : bool
        Whether it is known which allele effects are of. Otherwise signs are left out.
    locus_from : tuple of str
        Columns whose values together name the locus.
    """

    name: str
    about: str
    must: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(repr=False)
    signed: bool = True
    locus_from: tuple[str, ...] = ()

    def roles(self, header: Collection[str], named: Mapping[str, str]) -> dict[str, str]:
        """Find the column of each role.

        Parameters
        ----------
        header
            Columns of the table.
        named
            Columns that the user named, by role.

        Raises
        ------
        InputError
            If a role or a column does not exist.
        """
        for role, column in named.items():
            if role not in ROLES:
                raise InputError(f"--column: there is no role {role!r}: use {', '.join(ROLES)}")
            if column not in header:
                has = ", ".join([*list(header)[:8], *(["…"] if len(header) > 8 else [])])
                raise InputError(f"--column {role}={column}: the table has no such column: {has}")
        found = {
            role: next(name for name in names if name in header)
            for role, names in self.columns.items()
            if any(name in header for name in names)
        }
        return {**found, **named}


_STATISTICS = {
    "pip": ("pip", "PIP", "prob", "posterior", "PP", "pp"),
    "p": ("p", "P", "pval", "pvalue", "p_value", "P-value", "p-value", "PVAL"),
    "log10_p": ("mlogp", "neg_log10_p", "neg_log_10_p_value", "log10_p", "LOG10P"),
    "beta": ("beta", "BETA", "effect_size", "slope", "ES"),
    "se": ("se", "SE", "sebeta", "standard_error", "slope_se", "stderr"),
    "z": ("z", "Z", "zscore", "z_score"),
    "frequency": ("af", "AF", "af_alt", "eaf", "EAF", "effect_allele_frequency", "frequency"),
}

#: Formats by name; a table may fit several, of which the first counts.
FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            "eqtl-catalogue",
            "credible sets of the eQTL Catalogue",
            ("molecular_trait_id", "variant", "cs_id", "pip"),
            {
                "variant": ("variant",),
                "rsid": ("rsid",),
                "trait": ("molecular_trait_id",),
                "gene": ("gene_id",),
                "credible_set": ("cs_id",),
                "pip": ("pip",),
                "p": ("pvalue",),
                "beta": ("beta",),
                "se": ("se",),
                "z": ("z",),
            },
            locus_from=("molecular_trait_id",),
        ),
        Format(
            "eqtl-catalogue-sumstats",
            "summary statistics of the eQTL Catalogue",
            ("molecular_trait_id", "chromosome", "position", "ref", "alt", "pvalue", "beta", "se"),
            {
                "chrom": ("chromosome",),
                "pos": ("position",),
                "ref": ("ref",),
                "alt": ("alt",),
                "rsid": ("rsid",),
                "trait": ("molecular_trait_id",),
                "gene": ("gene_id",),
                "p": ("pvalue",),
                "beta": ("beta",),
                "se": ("se",),
            },
            locus_from=("molecular_trait_id",),
        ),
        Format(
            "finngen-finemap",
            "FINEMAP of FinnGen (.FINEMAP.snp.bgz)",
            ("trait", "region", "v", "rsid", "chromosome", "position", "allele1", "allele2", "prob",
             "log10bf"),
            {
                "variant": ("v",),
                "rsid": ("rsid",),
                "trait": ("trait",),
                "pip": ("prob",),
                "p": ("p",),
                "beta": ("beta",),
                "se": ("se",),
                "z": ("z",),
            },
            locus_from=("trait", "region"),
        ),
        Format(
            "finngen-susie",
            "SuSiE of FinnGen (.SUSIE.snp.bgz, .SUSIE.cred.summary)",
            ("trait", "region", "v", "cs", "prob"),
            {
                "variant": ("v",),
                "rsid": ("rsid",),
                "trait": ("trait",),
                "credible_set": ("cs",),
                # A variant may be in the signal of its set only in part.
                "pip": ("cs_specific_prob", "prob"),
                "p": ("p",),
                "beta": ("beta",),
                "se": ("se",),
            },
            locus_from=("trait", "region"),
        ),
        Format(
            "finngen-sumstats",
            "summary statistics of FinnGen",
            ("#chrom", "pos", "ref", "alt", "pval", "mlogp", "beta", "sebeta"),
            {
                "chrom": ("#chrom",),
                "pos": ("pos",),
                "ref": ("ref",),
                "alt": ("alt",),
                "rsid": ("rsids",),
                "log10_p": ("mlogp",),
                "beta": ("beta",),
                "se": ("sebeta",),
                "frequency": ("af_alt",),
            },
        ),
        Format(
            "gtex",
            "fine-mapping of GTEx (GTEx_49tissues_release1), by its positions in hg38",
            ("variant_hg38", "method", "tissue", "gene", "pip", "cs_id"),
            {
                "variant": ("variant_hg38",),
                "trait": ("tissue",),
                "gene": ("gene",),
                "credible_set": ("cs_id",),
                "pip": ("pip",),
                "beta": ("beta_marginal",),
                "se": ("se_marginal",),
                "z": ("z",),
            },
            locus_from=("method", "tissue", "gene"),
        ),
        Format(
            "finemap",
            "FINEMAP's own .snp, which does not say which allele effects are of",
            ("rsid", "chromosome", "position", "allele1", "allele2", "prob", "log10bf"),
            {
                "chrom": ("chromosome",),
                "pos": ("position",),
                "other": ("allele1",),
                "effect": ("allele2",),
                "rsid": ("rsid",),
                "pip": ("prob",),
                "beta": ("beta",),
                "se": ("se",),
                "z": ("z",),
            },
            signed=False,
        ),
        Format(
            "plain",
            "any table of variants, by what columns are usually called",
            (),
            {
                "variant": ("variant", "variant_id", "v", "SNPID"),
                "chrom": ("chrom", "chr", "#chrom", "CHROM", "#CHROM", "CHR", "contig",
                          "chromosome"),
                "pos": ("pos", "POS", "BP", "position", "base_pair_location"),
                "ref": ("ref", "REF"),
                "alt": ("alt", "ALT"),
                "effect": ("effect_allele", "EA", "A1"),
                "other": ("other_allele", "non_effect_allele", "NEA", "A2"),
                "rsid": ("rsid", "rsID", "rs", "rs_id", "rsids", "SNP"),
                "locus": ("locus", "region", "LOCUS"),
                "trait": ("trait", "phenotype", "tissue", "TRAIT"),
                "gene": ("gene", "gene_id", "GENE"),
                "credible_set": ("credible_set", "cs", "cs_id", "CS"),
                **_STATISTICS,
            },
        ),
    )
}  # fmt: skip


def recognised(header: Collection[str], name: str, asked: str | None = None) -> Format:
    """Find the format of a table, by all of the columns that it must have.

    Parameters
    ----------
    header
        Columns of the table.
    name
        What messages call the table.
    asked
        Name of the format that the user says it has.

    Raises
    ------
    InputError
        If it lacks columns of the format that the user named, holds no variants, or fits two.
    """
    if asked is not None:
        if asked not in FORMATS:
            raise InputError(f"--format: no format {asked!r}: expected one of {', '.join(FORMATS)}")
        lacking = [column for column in FORMATS[asked].must if column not in header]
        if lacking:
            raise InputError(f"{name} is no table of {asked}: it has no column {lacking[0]}")
        return FORMATS[asked]
    fitting = [each for each in FORMATS.values() if each.must and set(each.must) <= set(header)]
    # Columns of one may be among those of another, which then says more.
    most = [
        each for each in fitting if not any(set(each.must) < set(other.must) for other in fitting)
    ]
    if len(most) > 1:
        raise InputError(
            f"{name} has the columns of {' and of '.join(each.name for each in most)}: say which "
            "with --format"
        )
    if not most and {"cs", "cs_size"} <= set(header) and "v" not in header:
        raise InputError(
            f"{name} holds credible sets and not their variants: give the table of variants (of "
            "FinnGen, .SUSIE.snp.bgz)"
        )
    return most[0] if most else FORMATS["plain"]
