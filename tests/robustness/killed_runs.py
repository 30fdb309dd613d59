"""The commands that are killed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RUNS", "Run"]

MODEL = "--model m --fasta g.fa --quiet"


#: What tells runs of one command apart.
_TELLING = (
    *("--shard", "--h5", "--checkpoint", "--devices", "--linkage"),
    *("tracks", "variant", "scores", "sldp", "polyfun", "linked"),
)


@dataclass(frozen=True)
class Run:
    """A command to be killed.

    Attributes
    ----------
    line : str
        Program (B or T) and arguments.
    needs : tuple of str
        Files and folders of the fixtures that it reads.
    resumes : bool
        Whether it has ``--resume``.
    library : str
        Package that it needs and not every environment has; empty for none.
    """

    line: str
    needs: tuple[str, ...]
    resumes: bool = False
    library: str = ""

    @property
    def name(self) -> str:
        """Its command, and what tells it from others of the same command."""
        words = self.line.split()
        told = [word for word in words if word in _TELLING]
        return " ".join([words[1], *told, words[words.index("--out") + 1]])


RUNS = [
    *(
        Run(f"B predict {MODEL} --bed many.bed --out {out}", ("m", "g.fa", "many.bed"), True)
        for out in ("o.h5", "o.zarr", "o")
    ),
    *(
        Run(
            f"B score {MODEL} --vcf all.vcf --part-size 2 --out {out}",
            ("m", "g.fa", "all.vcf"),
            True,
        )
        for out in ("o.parquet", "o.tsv.gz", "o.vcf.gz")
    ),
    Run(
        f"B score {MODEL} --vcf all.vcf --genes g.gtf --part-size 2 --shard 1/2 --out o.tsv",
        ("m", "g.fa", "all.vcf", "g.gtf"),
        True,
    ),
    Run("B merge-scores s1.tsv s2.tsv --out o.tsv", ("s1.tsv", "s2.tsv")),
    Run("B merge-scores s1.parquet s2.parquet --out o.parquet", ("s1.parquet", "s2.parquet")),
    Run(f"B mutate {MODEL} --bed some.bed --out o.h5", ("m", "g.fa", "some.bed"), True),
    Run(
        f"B mutate {MODEL} --bed some.bed --out o.zarr",
        ("m", "g.fa", "some.bed"),
        True,
    ),
    Run(
        f"B attribute {MODEL} --bed many.bed --length 200 --out o.h5",
        ("m", "g.fa", "many.bed"),
        True,
    ),
    Run(
        f"B attribute {MODEL} --bed some.bed --method expected-gradients --out o.npz",
        ("m", "g.fa", "some.bed"),
        True,
    ),
    Run("T coverage a.bam --assay chip --no-gc --fragment-length 150 --out o.bw", ("a.bam",), True),
    Run(
        "T coverage many.fragments --fragment-ends unmoved --assay atac --no-gc --fasta g.fa "
        "--out o.bw",
        ("many.fragments", "g.fa"),
        True,
    ),
    Run(
        "T data t.tsv --fasta g.fa --test chr8 --validation chr7 --blacklist b.bed --out o.zarr",
        ("t.tsv", "tracks", "g.fa", "b.bed"),
        True,
    ),
    Run("T import-tfrecords tfr --fasta g.fa --out o.zarr", ("tfr", "g.fa"), True),
    Run(
        "T fit st.zarr --network net.json --epochs 3 --batch-size 4 --resolution 32 "
        "--dtype float32 --checkpoint-minutes 0.01 --out o",
        ("st.zarr", "net.json"),
        True,
    ),
    Run("T evaluate run --store st.zarr --resolution 32 --out o.json", ("st.zarr", "run")),
    Run(
        "T export run --evaluation ev.json --name n --assembly a --out o",
        ("run", "ev.json", "st.zarr"),
    ),
    Run(
        f"B haplotypes {MODEL} --vcf h.vcf --genes g.gtf --sample s --out o.tsv",
        ("m", "g.fa", "h.vcf", "g.gtf"),
        True,
    ),
    Run(
        f"B elements {MODEL} --genes few.gtf --tracks accessibility --draws 4 --out o.tsv",
        ("m", "g.fa", "few.gtf"),
        True,
    ),
    Run("B activity --model mr --sequences many.tsv --out o.tsv", ("mr", "many.tsv"), True),
    Run("T reporters reporter.tsv --flanks GATTACAGATTACA,CCATGGCCATGG --out o", ("reporter.tsv",)),
    Run(
        "T fit promoter --network m/architecture.json --init m --freeze-trunk --epochs 3 "
        "--batch-size 8 --checkpoint-minutes 0.01 --out o",
        ("promoter", "m"),
        True,
    ),
    Run("T evaluate-reporter rr --store promoter --out o.json", ("rr", "promoter")),
    Run("T add-reporter m rr --evaluation re.json --out o", ("m", "rr", "re.json")),
    Run("T simulate --size 400000 --variants 8 --out o", ()),
    Run(
        "B import --h5 model_best.h5 --params params.json --out o", ("model_best.h5", "params.json")
    ),
    Run(
        "B import --checkpoint model.tf --params params.txt --out o",
        ("model.tf.index", "model.tf.data-00000-of-00001", "params.txt"),
    ),
    Run(
        f"B score {MODEL} --vcf all.vcf --part-size 2 --devices 2 --also o.vcf.gz --out o.parquet",
        ("m", "g.fa", "all.vcf"),
        True,
    ),
    Run(
        f"B rank {MODEL} --variants all.vcf --genes g.gtf --weight 0.5 --random 100 --out o",
        ("m", "g.fa", "all.vcf", "g.gtf"),
        True,
    ),
    Run(
        f"B rank {MODEL} --variants z.tsv --linkage n.vcf --weight 0.5 --random 100 --out o",
        ("m", "g.fa", "z.tsv", "n.vcf"),
        True,
    ),
    Run(
        f"B locus {MODEL} --variants all.vcf --genes g.gtf --gap 100 --explain 1 --draws 1 --out o",
        ("m", "g.fa", "all.vcf", "g.gtf"),
        True,
        "logomaker",
    ),
    Run(
        f"B locus {MODEL} --variants l.tsv --genes g.gtf --explain 4 --draws 1 --out o.html",
        ("m", "g.fa", "l.tsv", "g.gtf"),
        True,
        "logomaker",
    ),
    Run(
        f"B plot tracks {MODEL} --region chr7:501-1500 --genes g.gtf --out o.png",
        ("m", "g.fa", "g.gtf"),
    ),
    Run(
        f"B plot variant {MODEL} --variant chr7:1000:G:GT --out o.svg",
        ("m", "g.fa"),
        library="logomaker",
    ),
    Run("B plot scores --scores s.parquet --out o.pdf", ("s.parquet",)),
    Run("B index-vcf all.vcf --out o.vcf.gz", ("all.vcf",)),
    *(
        Run(f"B annotations --scores s.parquet --to {to} --out o", ("s.parquet",))
        for to in ("sldp", "polyfun")
    ),
    Run(
        "B annotations --scores s.genes.parquet --to linked --linkage n.vcf --out o.tsv",
        ("s.genes.parquet", "n.vcf"),
    ),
    Run(
        "B motifs --attributions x.ohe.npz --attributions x.shap.npz --scale plain --out o",
        ("x.ohe.npz", "x.shap.npz"),
        resumes=True,
        library="modisco-lite",
    ),
    Run("T population sim --people 60 --donors 40 --traits 1 --out o", ("sim",)),
]
