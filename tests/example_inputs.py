"""The inputs that examples in docstrings and in the documentation name, in one folder."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MODEL = REPOSITORY / "model_files"
EXAMPLES = REPOSITORY / "examples" / "data"
FILES = ("genome.fa", "intervals.bed", "variants.vcf.gz", "variants.vcf.gz.tbi")


def lay_out(folder: Path) -> Path:
    """Put them where an example finds them when it runs in this folder."""
    (folder / MODEL.name).symlink_to(MODEL)
    # Under the names that the documentation has, too: those from the top of the repository.
    same = folder / EXAMPLES.relative_to(REPOSITORY)
    same.mkdir(parents=True)
    for name in FILES:
        for place in (folder, same):
            (place / name).write_bytes((EXAMPLES / name).read_bytes())
    (folder / "promoter.bed").write_text("chrA\t20048\t20056\n")
    (folder / "genes.gtf").write_text(
        'chrA\tx\ttranscript\t20101\t20900\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chrA\tx\ttranscript\t31801\t33300\t.\t-\t.\tgene_id "G2";\n'
    )
    # A locus: the fifth has REF and ALT swapped, the last no allele of the genome.
    (folder / "locus.tsv").write_text(
        "chrom\tpos\tref\talt\tpip\tbeta\tse\tgene\n"
        "chrA\t20050\tA\tC\t0.4\t-0.5\t0.1\tG1\n"
        "chrA\t20060\tA\tG\t0.3\t-0.48\t0.1\tG1\n"
        "chrA\t20070\tT\tC\t0.1\t-0.4\t0.1\tG1\n"
        "chrA\t20080\tT\tG\t0.1\t-0.4\t0.1\tG1\n"
        "chrA\t20090\tC\tT\t0.05\t0.3\t0.1\tG1\n"
        "chrA\t20120\tC\tG\t0.05\t0.3\t0.1\tG1\n"
    )
    # Measured effects, and predictions that follow them but for a ripple.
    rows = [(f"chr{'AB'[n % 2]}\t{1000 + n}\tA\tG", (n * 37) % 41 / 20 - 1) for n in range(40)]
    (folder / "scores.tsv").write_text(
        "chrom\tpos\tref\talt\tSAD/atac\n"
        + "".join(f"{key}\t{x + (n * 7 % 5 - 2) / 4:.4f}\n" for n, (key, x) in enumerate(rows))
    )
    (folder / "effects.tsv").write_text(
        "chrom\tpos\tref\talt\teffect\tSE\n" + "".join(f"{key}\t{x:.4f}\t0.2\n" for key, x in rows)
    )
    return folder
