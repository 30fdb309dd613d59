"""Ask the real sldp which track a trait of the simulated population follows from.

    pip install sldp==1.1.5 'pandas<3' 'numpy<2' six       # into an environment of its own
    python benchmarks/truth/sldp_population.py --model build/train-example/model \
        --simulation build/genome --population build/population --sldp SLDP_ENVIRONMENT/bin \
        --out build/sldp.json

Genome and population are those of loci.py, beside. Planted is a trait that rises with transcription
on the plus strand: of each person the sum, over all genes on that strand, of the true effects of
their variants (truth.tsv) times the number of ALT alleles; half of its variance is noise. So its
track is start_plus, and its sign plus. Signed annotations are `basenji annotations --to sldp` of
SAD of every track, for all variants of the population.

sldp's own programs make the reference panel from the genotypes, put annotations into its alleles,
and regress. Its `preprocesspheno` 1.1.5 runs on no Python 3 (it calls `.next()` of a file), so that
the program writes what it would: the weights Winv_ahat_h of sldp's weights.py from sldp's own
panel. Blocks of linkage are 20 kb.

Bars: start_plus has P < 1e-4 and a positive z; the same scores, dealt to other variants, have
P > .05. This was written before anything was computed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import typer

import basenji_kipoi as bk
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import as_json
from basenji_kipoi.locus.exports.run import export_scores
from basenji_kipoi.locus.linkage import LinkagePanel

BLOCK = 20_000
HERITABILITY = 0.5
_KEY = ["chrom", "pos", "ref", "alt"]
#: Names of the annotations: sldp reads them of chromosome 22, whatever is asked of.
_NAMED = 22


def write_panel(stem: Path, chrom: int, snps: pd.DataFrame, counts: np.ndarray) -> None:
    """Write genotypes as plink has them: .bed, .bim and .fam, and .frq.

    Parameters
    ----------
    stem
        The files without their suffix.
    chrom
        Number of the chromosome.
    snps
        Columns SNP, pos, A1 and A2.
    counts : ndarray, int, shape (variants, people)
        Numbers of A1.
    """
    people = counts.shape[1]
    lines = {
        ".bim": (f"{chrom}\t{s.SNP}\t0\t{s.pos}\t{s.A1}\t{s.A2}" for s in snps.itertuples()),
        ".fam": (f"f{n} p{n} 0 0 0 -9" for n in range(people)),
        ".frq": (
            "CHR SNP A1 A2 MAF NCHROBS",
            *(
                f"{chrom} {s.SNP} {s.A1} {s.A2} {min(f, 1 - f):.4f} {2 * people}"
                for s, f in zip(snps.itertuples(), counts.mean(axis=1) / 2)
            ),
        ),
    }
    for suffix, rows in lines.items():
        Path(f"{stem}{suffix}").write_text("\n".join(rows) + "\n", encoding="ascii")
    codes = np.array([3, 2, 0], dtype=np.uint8)[counts]  # two, one or no A1 are 00, 10 and 11
    padded = np.zeros((len(codes), -(-people // 4) * 4), dtype=np.uint8)
    padded[:, :people] = codes
    packed = (padded.reshape(len(codes), -1, 4) << np.array([0, 2, 4, 6])).sum(axis=2)
    magic = bytes([0x6C, 0x1B, 1])
    Path(f"{stem}.bed").write_bytes(magic + packed.astype(np.uint8).tobytes())


class Sldp:
    """The programs of sldp, on a panel in a folder.

    Parameters
    ----------
    programs
        Folder of the programs.
    folder
        Where files are written.
    snps
        Variants of the panel: columns chrom (a number), SNP, pos, A1 and A2, by position.
    counts : ndarray, int, shape (variants, people)
        Numbers of A1.
    """

    def __init__(
        self, programs: Path, folder: Path, snps: pd.DataFrame, counts: np.ndarray
    ) -> None:
        self._programs, self._folder, self._snps = programs, folder, snps
        self._chroms = snps.chrom.unique().tolist()
        blocks = []
        for chrom in self._chroms:
            mine = (snps.chrom == chrom).to_numpy()
            write_panel(folder / f"panel.{chrom}", chrom, snps[mine], counts[mine])
            ends = range(0, snps.pos[mine].max() + BLOCK, BLOCK)
            blocks += [(chrom, first, first + BLOCK) for first in ends]
        # sldp takes a row of blocks for an index of those that have variants.
        self._blocks = [
            (c, a, b) for c, a, b in blocks if (snps[snps.chrom == c].pos.between(a, b - 1)).any()
        ]
        text = "".join(f"chr{c}\t{a}\t{b}\n" for c, a, b in self._blocks)
        (folder / "blocks.bed").write_text(text, encoding="ascii")
        (folder / "snps.txt").write_text("\n".join(snps.SNP) + "\n", encoding="ascii")
        self._run("preprocessrefpanel", "--svd-stem", f"{folder}/svd/", *self._panel)
        # Without any background sldp 1.1.5 ends with an error: effects of rarer alleles are one.
        self._background = folder / "background"
        self._background.mkdir()
        rarer = np.where(counts.mean(axis=1) <= 1, 1, -1)
        for chrom in self._chroms:
            mine = (snps.chrom == chrom).to_numpy()
            table = snps.loc[mine, ["SNP", "A1", "A2"]].assign(rarer=rarer[mine])
            table.to_csv(self._background / f"{chrom}.sannot.gz", sep="\t", index=False)
        self._preprocess(self._background)

    @property
    def _panel(self) -> list[str]:
        return [
            "--bfile-chr", f"{self._folder}/panel.", "--print-snps", f"{self._folder}/snps.txt",
        ]  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        blocks = ("--ld-blocks", f"{self._folder}/blocks.bed")
        chroms = ("--chroms", *map(str, self._chroms))
        done = subprocess.run(
            [self._programs / program, *arguments, *blocks, *chroms],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
            raise InputError(f"{program} failed: {last}")

    def write_trait(self, z: np.ndarray, people: int) -> None:
        """Write what preprocesspheno makes of a trait's z: weights Winv_ahat_h of the panel."""
        folder = self._folder / "trait"
        folder.mkdir()
        correlated = z / np.sqrt(people)
        per_variant = max((z**2).mean() - 1, 1e-3) / (people * self._linked_variants())
        weighted = np.full(len(z), np.nan)
        for number, (chrom, first, end) in enumerate(self._blocks):
            place = self._snps.chrom.eq(chrom) & self._snps.pos.between(first, end - 1)
            rows = np.flatnonzero(place)
            found = np.load(self._folder / "svd" / f"{number}.R.npz")
            vectors, values = found["U"], found["svs"]
            weights = per_variant * values**2 + values / people
            weighted[rows] = (vectors / weights) @ (vectors.T @ correlated[rows])
        for chrom in self._chroms:
            mine = (self._snps.chrom == chrom).to_numpy()
            pd.DataFrame(
                {"N": people, "Winv_ahat_I": correlated[mine], "Winv_ahat_h": weighted[mine]}
            ).to_csv(folder / f"{chrom}.pss.gz", sep="\t", index=False)
        heritability = max(per_variant * len(z), 0.03)
        info = f"pheno\th2g\tsigma2g\tNbar\ntrait\t{heritability}\t{per_variant}\t{people}\n"
        (folder / "info").write_text(info, encoding="ascii")

    def _linked_variants(self) -> float:
        """Compute the mean of variants' scores of linkage (sums of r ** 2), by blocks."""
        sums = 0.0
        for number in range(len(self._blocks)):
            sums += float((np.load(self._folder / "svd" / f"{number}.R.npz")["svs"] ** 2).sum())
        return sums / len(self._snps)

    def _preprocess(self, annotation: Path) -> None:
        """Put an annotation into the panel's alleles, and sum it over linkage."""
        stem = f"{annotation}/"
        self._run("preprocessannot", "--sannot-chr", stem, "--alpha", "0", *self._panel)
        if not (annotation / f"{_NAMED}.RV.gz").exists():
            shutil.copy(annotation / f"{self._chroms[0]}.RV.gz", annotation / f"{_NAMED}.RV.gz")

    def regress(self, annotation: Path) -> pd.DataFrame:
        """Regress the trait on annotations: a row each, with z and p.

        Parameters
        ----------
        annotation
            Folder of ``CHR.sannot.gz``, with scores per ALT allele.
        """
        self._preprocess(annotation)
        out = annotation / "found"
        self._run(
            "sldp", "--outfile-stem", str(out), "--pss-chr", f"{self._folder}/trait/",
            "--sannot-chr", f"{annotation}/", "--svd-stem", f"{self._folder}/svd/",
            "--bfile-reg-chr", f"{self._folder}/panel.", "--seed", "0",
            "--background-sannot-chr", f"{self._background}/",
        )  # fmt: skip
        table = pd.read_csv(f"{out}.gwresults", sep="\t")
        return table.assign(annot=table.annot.str.removesuffix(".R"))


def planted_trait(
    snps: pd.DataFrame, counts: np.ndarray, truth: pd.DataFrame, genes: set[str]
) -> np.ndarray:
    """Make the trait: shape (people,)."""
    effects = truth[truth.gene.isin(genes)].groupby(_KEY).effect.sum()
    mine = effects.reindex(pd.MultiIndex.from_frame(snps[_KEY])).fillna(0).to_numpy()
    made = mine @ counts
    noise = np.random.default_rng(0).normal(size=len(made))
    return made / made.std() + noise * np.sqrt(1 / HERITABILITY - 1)


def z_of(counts: np.ndarray, trait: np.ndarray) -> np.ndarray:
    """Correlate a trait with each variant, as z: shape (variants,)."""
    x = counts - counts.mean(axis=1, keepdims=True)
    y = (trait - trait.mean()) / trait.std()
    return x @ y / np.sqrt((x**2).sum(axis=1))


def genotypes(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read all variants of a VCF, and their numbers of ALT alleles (variants, people)."""
    names = ["chrom", "pos", "id", "ref", "alt"]
    table = pd.read_csv(path, sep="\t", comment="#", header=None, usecols=range(5), names=names)
    keys = list(table[_KEY].itertuples(index=False, name=None))
    counts = LinkagePanel(path).counts(keys).astype(int)
    table = table.assign(A1=table.alt, A2=table.ref, SNP=table.id)
    return table, counts


def main(
    model: Annotated[Path, typer.Option(help="A model of the simulated genome (a bundle).")],
    simulation: Annotated[Path, typer.Option(help="What `basenji-train simulate` wrote.")],
    population: Annotated[Path, typer.Option(help="What `basenji-train population` wrote.")],
    sldp: Annotated[Path, typer.Option(help="Folder of the programs of sldp 1.1.5.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    overwrite: Annotated[bool, typer.Option(help="Replace an existing JSON file.")] = False,
) -> None:
    """Ask sldp which track the planted trait follows from."""
    try:
        check_output(out, overwrite=overwrite)
        snps, counts = genotypes(population / "genotypes.vcf.gz")
        genes = bk.read_genes(simulation / "genes.gtf", bk.Genome(simulation / "genome.fa"))
        plus = {gene.gene_id for gene in genes if gene.strand == "+"}
        truth = pd.read_csv(population / "truth.tsv", sep="\t")
        trait = planted_trait(snps, counts, truth, plus)
        keys = snps[_KEY].itertuples(index=False, name=None)
        table = bk.score(
            model, simulation / "genome.fa", list(keys), window="grid", check_ref="off"
        )
        table = table.set_column(
            table.column_names.index("id"), "id", pa.array(snps.SNP, pa.string())
        )
        dealt = np.random.default_rng(1).permutation(len(snps))
        permuted = table
        for name in (name for name in table.column_names if "/" in name):
            place = table.column_names.index(name)
            permuted = permuted.set_column(place, name, table[name].take(dealt))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            numbered = snps.assign(chrom=snps.chrom.str.removeprefix("chr").astype(int))
            programs = Sldp(sldp, folder, numbered, counts)
            programs.write_trait(z_of(counts, trait), counts.shape[1])
            found = {}
            for kind, scores in (("scores", table), ("permuted", permuted)):
                pyarrow.parquet.write_table(scores, folder / f"{kind}.parquet")
                export_scores(folder / f"{kind}.parquet", folder / kind, kind="sldp")
                rows = programs.regress(folder / kind)
                found[kind] = {row.annot: {"z": row.z, "p": row.p} for row in rows.itertuples()}
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    content = {"variants": len(snps), "people": counts.shape[1], **found}
    with atomic_path(out, overwrite=overwrite) as path:
        path.write_text(json.dumps(as_json(content), indent=2) + "\n", encoding="utf-8")
    for kind, of_track in found.items():
        for name, each in of_track.items():
            print(f"{kind} {name}: z {each['z']:+.2f}, P {each['p']:.2g}")


if __name__ == "__main__":
    typer.run(main)
