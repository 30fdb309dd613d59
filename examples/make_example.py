"""Write the example: a simulated genome of 120 kb, intervals and variants.

Nothing in it is real: letters are drawn with yeast's share of G and C, with poly(dA:dT) stretches
and TATA boxes as a yeast promoter has them, so that a yeast model predicts something to look at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam

FOLDER = Path(__file__).resolve().parent / "data"
LENGTHS = {"chrA": 80_000, "chrB": 40_000}
LINE = 60  # letters a line of FASTA


def make_genome(generator: np.random.Generator) -> dict[str, str]:
    """Draw the chromosomes; one has a soft-masked stretch and a gap."""
    genome = {}
    for chrom, length in LENGTHS.items():
        letters = generator.choice(list("ACGT"), size=length, p=(0.31, 0.19, 0.19, 0.31))
        for start in range(2_000, length - 2_000, 2_000):
            promoter = "T" * 18 + "GCGC" + "A" * 14 + "GC" * 6 + "TATAAAAG"
            letters[start : start + len(promoter)] = list(promoter)
        genome[chrom] = "".join(letters)
    masked = genome["chrA"]
    masked = masked[:50_000] + masked[50_000:51_000].lower() + masked[51_000:]
    genome["chrA"] = masked[:70_000] + "N" * 200 + masked[70_200:]
    return genome


def write_fasta(genome: dict[str, str]) -> None:
    """Write the genome; whoever reads it makes the index."""
    with (FOLDER / "genome.fa").open("w", encoding="ascii") as file:
        for chrom, letters in genome.items():
            file.write(f">{chrom}\n")
            file.writelines(letters[i : i + LINE] + "\n" for i in range(0, len(letters), LINE))


def write_bed() -> None:
    """Write intervals: both ends of a chromosome, a single base, a gene, the masked stretch."""
    intervals = [
        ("chrA", 0, 400, "left_end", "+"),
        ("chrA", 20_000, 20_001, "single_base", "."),
        ("chrA", 31_800, 33_300, "gene", "-"),
        ("chrA", 50_000, 51_000, "soft_masked", "+"),
        ("chrA", 79_990, 80_000, "right_end", "."),
        ("chrB", 4_000, 36_000, "long", "."),
        ("chrB", 39_000, 40_000, "right_end_b", "-"),
    ]
    (FOLDER / "intervals.bed").write_text(
        "".join(f"{c}\t{s}\t{e}\t{name}\t0\t{strand}\n" for c, s, e, name, strand in intervals),
        encoding="ascii",
    )
    # kipoiseq's dataloader cannot read beyond a chromosome's left end.
    (FOLDER / "intervals_inside.bed").write_text(
        "chrA\t31800\t33300\nchrB\t20000\t20001\n", encoding="ascii"
    )


def write_vcf(genome: dict[str, str], generator: np.random.Generator) -> None:
    """Write variants, compressed and indexed: kipoi-veff needs the index."""
    substitutions = [
        ("chrA", 10, "left_end"),
        ("chrA", 20_003, "promoter_tract"),
        ("chrA", 20_050, "promoter_tata"),
        ("chrA", 33_001, "coding"),
        ("chrA", 50_500, "soft_masked"),
        ("chrA", 79_999, "right_end"),
        ("chrB", 20_000, "chrB"),
    ]
    rows = []
    for chrom, position, name in substitutions:
        ref = genome[chrom][position - 1].upper()
        alt = str(generator.choice([letter for letter in "ACGT" if letter != ref]))
        rows.append((chrom, position, name, ref, alt))
    for position, name, length in ((34_001, "deletion", 4), (34_101, "two_alleles", 1)):
        ref = genome["chrA"][position - 1 : position - 1 + length]
        others = [letter for letter in "ACGT" if letter != ref[0]]
        alt = ref[0] if length > 1 else ",".join(others[:2])
        rows.append(("chrA", position, name, ref, alt))
    rows.sort(key=lambda row: row[:2])
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={chrom},length={length}>" for chrom, length in LENGTHS.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += ["\t".join([*map(str, row), ".", ".", "."]) for row in rows]
    plain = FOLDER / "variants.vcf"
    plain.write_text("\n".join(lines) + "\n", encoding="ascii")
    pysam.tabix_index(str(plain), preset="vcf", force=True)  # compresses, too


def main() -> None:
    """Write all files into the folder ``data`` beside this program."""
    generator = np.random.default_rng(2018)
    genome = make_genome(generator)
    write_fasta(genome)
    write_bed()
    write_vcf(genome, generator)


if __name__ == "__main__":
    main()
