"""A wrong path or option is said before TensorFlow is imported, by every command."""

from __future__ import annotations

from pathlib import Path

from early_errors import check

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples" / "data"
MODEL = ["--model", REPOSITORY / "model_files"]
FASTA = ["--fasta", EXAMPLES / "genome.fa"]
BED = ["--bed", "x.bed"]
VCF = ["--vcf", EXAMPLES / "variants.vcf.gz"]
GENES = ["--genes", "x.gtf"]
ACTIVITY = ["--sequences", "x.fa", "--out", "x.tsv"]
NO_MODEL = (["--model", "nope"], "no model at nope")
NO_FASTA = (["--fasta", "nope.fa"], "nope.fa does not exist")
NO_FOLDER = "the folder of the output"
INSERT = ["--insert", "TTACCCGG"]
DEVICES = ([*MODEL, *FASTA, *BED, "--out", "x.h5", "--devices", "gpu"], "expected a number of proc")
LOCUS = ["--variants", "x.loci.tsv", "--out", "x.html"]
REGION, FIGURE = ["--region", "chrA:1-900"], ["--out", "x.png"]
VARIANT = ["--variant", "chrA:20050:A:C"]
HAPLOTYPES = ["--genes", "x.gtf", "--second", "reference"]


def on_intervals(out):
    """Wrong paths and options of a command that reads intervals."""
    return [
        (NO_MODEL[0] + FASTA + BED + ["--out", out], NO_MODEL[1]),
        (MODEL + NO_FASTA[0] + BED + ["--out", out], NO_FASTA[1]),
        ([*MODEL, *FASTA, "--bed", "nope.bed", "--out", out], "nope.bed does not exist"),
        ([*MODEL, *FASTA, *BED, "--out", f"nope/{out}"], NO_FOLDER),
        ([*MODEL, *FASTA, *BED, "--out", out, "--tracks", "nope"], "no track 'nope'"),
    ]


def on_variants(out):
    """Wrong paths and options of a command that reads variants."""
    return [
        (NO_MODEL[0] + FASTA + VCF + ["--out", out], NO_MODEL[1]),
        (MODEL + NO_FASTA[0] + VCF + ["--out", out], NO_FASTA[1]),
        ([*MODEL, *FASTA, "--vcf", "nope.vcf", "--out", out], "nope.vcf does not exist"),
        ([*MODEL, *FASTA, *VCF, "--out", f"nope/{out}"], NO_FOLDER),
        ([*MODEL, *FASTA, *VCF, "--out", out, "--tracks", "nope"], "no track 'nope'"),
        ([*MODEL, *FASTA, *VCF, "--out", out, "--scores", "nope"], "no score 'nope'"),
    ]


def with_variants(*more):
    return [*MODEL, *FASTA, *VCF, "--out", "x.tsv", *more]


def test_inference_commands_say_at_once_what_is_wrong(tmp_path):
    (tmp_path / "x.bed").write_text("chrA\t4000\t4100\n")
    (tmp_path / "x.gtf").write_text('chrA\tx\ttranscript\t9\t99\t.\t+\t.\tgene_id "G";\n')
    (tmp_path / "x.fa").write_text(">x\nACGT\n")
    (tmp_path / "x.loci.tsv").write_text("chrom\tpos\tref\talt\nchrA\t20050\tA\tC\n")
    (tmp_path / "x.gtf").write_text('chrA\tx\texon\t20001\t20100\t.\t+\t.\tgene_id "G";\n')
    cases = {
        "predict": [
            *on_intervals("x.h5"),
            ([*MODEL, *FASTA, *BED, "--out", "x.json"], "x.json"),
            ([*MODEL, *FASTA, *BED, "--out", "x.bw"], "names one bigWig"),
            DEVICES,
            ([*MODEL, *FASTA, *BED, "--out", "x.h5", "--shard", "3/2"], "--shard: expected i/n"),
        ],
        "inspect": [(["--model", "nope"], "no model at nope")],
        "score": [
            *on_variants("x.tsv"),
            (with_variants("--genes", "nope.gtf"), "nope.gtf does not exist"),
            (with_variants("--background", "nope.parquet"), "nope.parquet does not exist"),
            (with_variants("--shifts", "a"), "--shifts"),
            (with_variants("--bins", "a"), "--bins"),
            (with_variants("--window", "a"), "--window"),
            (with_variants("--shard", "3/2"), "--shard"),
            (with_variants("--devices", "gpu"), "--devices gpu: expected a number of processes"),
            (with_variants("--devices", "gpu:1,1"), "each once"),
            (with_variants("--devices", "9999"), "cores can be used here"),
            (with_variants("--also", "x.doc"), "names no known format"),
            (with_variants("--plan", "nope.json"), "nope.json"),
            (with_variants("--reporter", "nope"), "no reporter 'nope'"),
            (with_variants("--reporter", "promoter", "--places", "a"), "--places"),
        ],
        "haplotypes": [
            ((*given, *HAPLOTYPES), said)
            for given, said in on_variants("x.tsv")
            if "--scores" not in given
        ]
        + [
            (with_variants("--genes", "nope.gtf", "--second", "reference"), "nope.gtf"),
            (with_variants(*HAPLOTYPES[:2], "--sample", "nope"), "no genotypes"),
            (with_variants(*HAPLOTYPES, "--reporter", "nope"), "no reporter 'nope'"),
        ],
        "plan-scores": on_variants("x.json"),
        "merge-scores": [(["nope.tsv", "--out", "x.tsv"], "nope.tsv does not exist")],
        "mutate": [
            *on_intervals("x.h5"),
            DEVICES,
            ([*MODEL, *FASTA, *BED, "--out", "x.h5", "--mutations", "a"], "no mutations 'a'"),
        ],
        "attribute": [
            *on_intervals("x.h5"),
            DEVICES,
            ([*MODEL, *FASTA, "--genes", "nope.gtf", "--out", "x.h5"], "nope.gtf does not exist"),
        ],
        "elements": [
            (NO_MODEL[0] + FASTA + GENES + ["--out", "x.tsv"], NO_MODEL[1]),
            (MODEL + NO_FASTA[0] + GENES + ["--out", "x.tsv"], NO_FASTA[1]),
            ([*MODEL, *FASTA, "--genes", "nope.gtf", "--out", "x.tsv"], "nope.gtf does not exist"),
            ([*MODEL, *FASTA, *GENES, "--out", "nope/x.tsv"], NO_FOLDER),
            ([*MODEL, *FASTA, *GENES, "--out", ""], "name another output"),
            ([*MODEL, *FASTA, *GENES, "--out", "x.h5"], "names no known format"),
            ([*MODEL, *FASTA, *GENES, "--out", "x.tsv", "--tracks", "nope"], "no track 'nope'"),
            ([*MODEL, *FASTA, *GENES, "--out", "x.tsv", "--elements", "nope.bed"], "nope.bed"),
        ],
        "insert": [
            *((given + INSERT, said) for given, said in on_intervals("x.tsv")),
            ([*MODEL, *INSERT, "--backgrounds", "nope.fa", "--out", "x.tsv"], "nope.fa"),
            ([*MODEL, *FASTA, *BED, "--insert", "nope.meme:a", "--out", "x.tsv"], "nope.meme"),
        ],
        "motifs": [
            (["--attributions", "nope.h5", "--out", "x"], "nope.h5 is missing"),
            (["--attributions", "x.fa", "--out", "x"], "expected one .h5"),
            (["--attributions", "nope.h5", "--out", "nope/x"], NO_FOLDER),
        ],
        "import": [
            (["--params", "nope.txt", "--checkpoint", "x", "--out", "x"], "nope.txt"),
            (["--params", "nope.json", "--h5", "nope.h5", "--out", "x"], "nope"),
        ],
        "activity": [
            ([*NO_MODEL[0], "--sequences", "x.fa", "--out", "x.tsv"], NO_MODEL[1]),
            ([*MODEL, "--sequences", "nope.fa", "--out", "x.tsv"], "nope.fa does not exist"),
            ([*MODEL, "--sequences", "x.fa", "--out", "nope/x.tsv"], NO_FOLDER),
            ([*MODEL, *ACTIVITY, "--reporter", "nope"], "no reporter 'nope'"),
            ([*MODEL, *ACTIVITY, "--activities", "nope"], "no activity 'nope'"),
        ],
        "compare": [
            (["--predicted", "nope.tsv", "--measured", "x.bed", "--out", "x"], "nope.tsv"),
            (["--predicted", "x.bed", "--measured", "nope.tsv", "--out", "x"], "nope.tsv"),
            (["--predicted", "x.bed", "--measured", "x.bed", "--out", "nope/x"], NO_FOLDER),
        ],
        "locus": [
            (NO_MODEL[0] + FASTA + LOCUS, NO_MODEL[1]),
            (MODEL + NO_FASTA[0] + LOCUS, NO_FASTA[1]),
            ([*MODEL, *FASTA, "--variants", "nope.tsv", "--out", "x.html"], "nope.tsv"),
            ([*MODEL, *FASTA, *LOCUS[:2], "--out", "nope/x.html"], NO_FOLDER),
            ([*MODEL, *FASTA, *LOCUS, "--genes", "nope.gtf"], "nope.gtf does not exist"),
            ([*MODEL, *FASTA, *LOCUS, "--tracks", "nope"], "no track 'nope'"),
            ([*MODEL, *FASTA, *LOCUS, "--motifs", "nope.meme"], "nope.meme"),
            ([*MODEL, *FASTA, *LOCUS, "--linkage", "nope.npz"], "nope.npz does not exist"),
            ([*MODEL, *FASTA, *LOCUS, "--ranking", "nope"], "no variants.parquet"),
            ([*MODEL, *FASTA, *LOCUS, "--observed", "x"], "expected ROLE=NAME"),
        ],
        "annotations": [
            (["--scores", "nope.parquet", "--to", "sldp", "--out", "x"], "nope.parquet"),
            (["--scores", "x.fa", "--to", "sldp", "--out", "x"], "expected the Parquet file"),
            (["--scores", "x.fa", "--to", "linked", "--out", "x"], "need --linkage"),
        ],
        "plot tracks": [
            ([*NO_MODEL[0], *FASTA, *REGION, *FIGURE], NO_MODEL[1]),
            ([*MODEL, *NO_FASTA[0], *REGION, *FIGURE], NO_FASTA[1]),
            ([*MODEL, *FASTA, *REGION, "--out", "nope/x.png"], NO_FOLDER),
            ([*MODEL, *FASTA, *REGION, "--out", "x.jpg"], "x.jpg: expected a name that ends in"),
            ([*MODEL, *FASTA, *REGION, *FIGURE, "--tracks", "nope"], "no track 'nope'"),
            ([*MODEL, *FASTA, "--region", "chrZ:1-9", *FIGURE], "no contig 'chrZ'"),
            ([*MODEL, *FASTA, *REGION, *FIGURE, "--genes", "nope.gtf"], "nope.gtf does not exist"),
            ([*MODEL, *FASTA, *REGION, *FIGURE, "--observed", "a.bw"], "--observed a.bw"),
        ],
        "plot variant": [
            ([*NO_MODEL[0], *FASTA, *VARIANT, *FIGURE], NO_MODEL[1]),
            ([*MODEL, *NO_FASTA[0], *VARIANT, *FIGURE], NO_FASTA[1]),
            ([*MODEL, *FASTA, *VARIANT, "--out", "nope/x.png"], NO_FOLDER),
            ([*MODEL, *FASTA, *VARIANT, *FIGURE, "--tracks", "nope"], "no track 'nope'"),
            ([*MODEL, *FASTA, "--variant", "chrA:9", *FIGURE], "no variant 'chrA:9'"),
            ([*MODEL, *FASTA, "--variant", "chrA:20050:C:A", *FIGURE], "which has A there"),
        ],
        "plot scores": [
            (["--scores", "nope.tsv", *FIGURE], "nope.tsv does not exist"),
            (["--scores", "x.tsv", "--out", "x.gif"], "x.gif"),
            (["--scores", "x.tsv", *FIGURE, "--genes", "x.gtf"], "pass --fasta"),
        ],
        "index-vcf": [
            (["nope.vcf", "--out", "x.vcf.gz"], "nope.vcf does not exist"),
            ([VCF[1], "--out", "x.vcf"], "a name that ends in .vcf.gz"),
            ([VCF[1], "--out", "nope/x.vcf.gz"], NO_FOLDER),
            ([VCF[1], "--out", VCF[1], "--overwrite"], "is the input"),
        ],
        "rank": [
            ([*MODEL, *FASTA, "--variants", "nope.tsv", "--out", "x"], "nope.tsv"),
            ([*MODEL, "--fasta", "nope.fa", "--variants", "x.bed", "--out", "x"], "nope.fa"),
            ([*MODEL, *FASTA, "--variants", "x.bed", "--out", "nope/x"], NO_FOLDER),
            ([*MODEL, *FASTA, "--variants", "x.bed", "--out", "x", "--random", 3], "--random"),
            ([*MODEL, *FASTA, "--variants", "x.bed", "--out", "x", "--score", "no"], "no score"),
        ],
        "kipoi-dir": [
            (["nope", "x"], "no model at nope"),
            ([MODEL[1], "nope/x"], NO_FOLDER),
            ([MODEL[1], REPOSITORY], "holds the model"),
        ],
    }
    check("basenji_kipoi.cli.app", cases, tmp_path)
