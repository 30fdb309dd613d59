"""Give a model random variants of its own, beside which `basenji rank` sets those of loci.

    python examples/make_background.py --model model_files --fasta genome.fa.gz \
        --genes genes.gtf.gz --variants natural.vcf.gz

Random variants that resemble those of a file (`basenji_kipoi.locus.ranking.background`) are scored
as `basenji rank` would, and lie as `background.parquet` and `background.genes.parquet` in the
model's folder. A ranking with `--score logSAD` takes them from there; `--random N` draws others.
Values have the three digits that ranks need, so that the files are small.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import typer

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.effects.windows import WindowRule
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.locus.mechanisms.scored import WINDOW
from basenji_kipoi.locus.ranking.background import random_variants
from basenji_kipoi.locus.ranking.files import BACKGROUND, write_vcf
from basenji_kipoi.locus.ranking.options import RANDOM, RankOptions
from basenji_kipoi.scoring.options import ScoreOptions
from basenji_kipoi.scoring.outputs import genes_path
from basenji_kipoi.scoring.run import score_file

#: Bits of a float32 that are left away, of 23 behind its first digit.
_BITS = 13


def main(
    model: Annotated[Path, typer.Option(help="The model (a bundle).")],
    fasta: Annotated[Path, typer.Option(help="Its genome.")],
    genes: Annotated[Path, typer.Option(help="GTF of the genes.")],
    variants: Annotated[Path, typer.Option(help="VCF whose variants are resembled.")],
    number: Annotated[int, typer.Option(help="How many variants are drawn.")] = RANDOM,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
) -> None:
    """Score random variants, and put them beside the model."""
    with Genome(fasta) as genome, VariantFile(variants) as file:
        known = [
            (each.chrom, each.pos, each.ref.upper(), each.alt.upper())
            for each in file
            if set((each.ref + each.alt).upper()) <= set("ACGT")
        ]
        read = read_genes(genes, genome)
        drawn = random_variants(known, genome, read, number=number, seed=seed)
    with tempfile.TemporaryDirectory() as name:
        vcf, scored = Path(name, "random.vcf"), Path(name, BACKGROUND)
        write_vcf(vcf, drawn)
        options = ScoreOptions(
            (model,), fasta, str(vcf), scored, scores=(RankOptions.score,), genes=genes,
            window=WindowRule(WINDOW), check_ref="off",
        )  # fmt: skip
        command = f"{Path(__file__).name} --number {number} --seed {seed}"
        score_file(options, genes=read, command=command, quiet=False, note=typer.echo)
        for path in (scored, genes_path(scored)):
            with atomic_path(model / path.name, overwrite=True) as out:
                pack(path, out)
            size = (model / path.name).stat().st_size
            typer.echo(f"wrote {model / path.name}: {size / 1000:,.0f} kB")


def pack(path: Path, out: Path) -> None:
    """Write a table of scores with few digits, compressed."""
    table = pa.parquet.read_table(path)
    for place, name in enumerate(table.column_names):
        if pa.types.is_float32(table.schema.field(name).type):
            table = table.set_column(place, name, pa.array(shortened(table[name].to_numpy())))
    values = [field.name for field in table.schema if pa.types.is_float32(field.type)]
    table = table.replace_schema_metadata(pa.parquet.read_schema(path).metadata)
    pa.parquet.write_table(
        table, out, compression="zstd", compression_level=19, use_byte_stream_split=values,
        use_dictionary=[name for name in table.column_names if name not in values],
    )  # fmt: skip


def shortened(values: np.ndarray) -> np.ndarray:
    """Round float32 to fewer binary digits."""
    bits = values.astype(np.float32).view(np.uint32)
    half = np.uint32(1 << (_BITS - 1))
    kept = (bits + half) & ~np.uint32((1 << _BITS) - 1)
    return np.where(np.isfinite(values), kept.view(np.float32), values).astype(np.float32)


if __name__ == "__main__":
    typer.run(main)
