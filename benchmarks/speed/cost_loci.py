r"""What the jobs of ``workflows/loci.smk`` cost, measured: told by its dry runs from then on.

    .venv/bin/python benchmarks/speed/cost_loci.py --model yeast --fasta genome.fa.gz \
        --vcf natural.vcf.gz --genes genes.gtf.gz --out build/cost_loci.json

The first alleles of a file become loci of some variants each, which are ranked; then their pages
are made as one shard, and joined. A start, and what an allele, a page and an explained variant
take, follow from three runs; what they say of the others is compared with what was measured. Times
are processor time of one thread.
"""

from __future__ import annotations

import itertools
import shlex
import tempfile
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from cost import PROGRAM
from job_costs import Run, chosen, described, plain_errors, save, sizes_of, timed

from basenji_kipoi.genome.vcf import VariantFile


class Trial(NamedTuple):
    """A table that is measured: its loci, the variants of each, and how many are explained."""

    loci: int
    variants: int
    explained: int


def write_table(vcf: Path, trial: Trial, path: Path) -> None:
    """Write the first alleles of a file as a table of loci."""
    with VariantFile(str(vcf)) as variants:
        lines = variants.record_lines(variants.alleles().offset)
        records = (line.split("\t", 5) for line in lines)
        alleles = (
            (chrom, pos, ref, alt)
            for chrom, pos, _, ref, alts, *_ in records
            for alt in alts.split(",")
        )
        rows = [
            (*allele, 1 / (2 + n % trial.variants), f"locus{n // trial.variants}")
            for n, allele in enumerate(itertools.islice(alleles, trial.loci * trial.variants))
        ]
    if len(rows) < trial.loci * trial.variants:
        raise SystemExit(
            f"error: {vcf} has too few alleles: {len(rows):,}, and --sizes asks for "
            f"{trial.loci * trial.variants:,}: give a larger file, or ask for less"
        )
    lines = ["chrom\tpos\tref\talt\tpip\tlocus", *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def ran(folder: Path, words: list[str], options: list[str], trial: Trial, vcf: Path) -> list[Run]:
    """Rank a table, make its pages, and join them; tell what each took."""
    table, ranking, pages = folder / "loci.tsv", folder / "ranking", folder / "pages"
    write_table(vcf, trial, table)
    given = [*words, "--variants", table, "--quiet"]
    explained = trial.loci * min(trial.explained, trial.variants)
    shown = [*given, *options, "--ranking", ranking, "--explain", str(trial.explained)]
    shown += ["--out", pages]
    alleles = trial.loci * trial.variants
    shards = folder / "pages.shards"
    found = [
        # So few loci tell no weight.
        timed([*PROGRAM, "rank", *given, "--weight", "1", "--out", ranking], ranking, alleles, 1),
        timed([*PROGRAM, "locus", *shown, "--shard", "1/1"], shards, explained, trial.loci),
        timed([*PROGRAM, "locus", *shown, "--join-shards"], pages, explained, trial.loci),
    ]
    print(*found, sep="\n", flush=True)
    return found


def main(
    model: Annotated[Path, typer.Option(help="Bundle, or yeast.")],
    fasta: Annotated[Path, typer.Option(help="Genome.")],
    vcf: Annotated[Path, typer.Option(help="Variants that become loci, in order.")],
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    genes: Annotated[Path | None, typer.Option(help="Genes, if the loci have some.")] = None,
    options: Annotated[str, typer.Option(help="Others of basenji locus, in one text.")] = "",
    sizes: Annotated[
        str,
        typer.Option(
            help="Of each run the loci, the variants of each and how many are explained, by commas."
        ),
    ] = "1/20/1,1/20/10,6/50/1,3/30/4,2/60/8",
) -> None:
    """Measure rank, locus and its joining."""
    words = ["--model", str(model), "--fasta", str(fasta)]
    words += ["--genes", str(genes)] if genes else []
    runs = []
    for trial in itertools.starmap(Trial, sizes_of(sizes, Trial._fields)):
        with tempfile.TemporaryDirectory() as name:
            runs.append(ran(Path(name), words, shlex.split(options), trial, vcf))
    found = []
    of = f"{model}{' and genes' if genes else ''}{f' ({options})' if options else ''}"
    for command, some in zip(("rank", "locus", "join"), map(list, zip(*runs))):
        # With other options it must not take the place of what is kept of the usual ones.
        given = {"genes": genes is not None, **({"options": options} if options else {})}
        found.append(described(command, str(model), given, of, some, chosen(some)))
    save(found, out)


if __name__ == "__main__":
    with plain_errors():
        typer.run(main)
