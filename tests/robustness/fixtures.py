"""Small valid inputs of every command, made by the commands themselves."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pysam

__all__ = ["make_fixtures", "write_loci"]

GOLDEN = Path(__file__).parents[1] / "golden"
NETWORK = {
    "format": 1,
    "window": 2048,
    "trunk": [
        {"op": "convolution", "filters": 8, "kernel": 7},
        {"op": "pooling", "size": 4},
        {"op": "normalisation"},
        {"op": "activation", "function": "relu"},
        {"op": "convolution", "filters": 8, "kernel": 3},
        {"op": "pooling", "size": 8},
        {"op": "crop", "bins": 4},
    ],
    "heads": {"simulated": {"tracks": 3, "activation": "softplus"}},
}
#: Arguments of the commands that make the fixtures, in their order.
STEPS = [
    "T simulate --out sim --size 200000 --variants 8",
    "T data sim/targets.tsv --fasta sim/genome.fa --out st.zarr --test chr8 --validation chr7",
    "T fit st.zarr --network net.json --out run --epochs 1 --batch-size 4 --resolution 32",
    "T evaluate run --store st.zarr --out ev.json --resolution 32",
    "T export run --evaluation ev.json --out m --name mini --assembly simulated",
    "T reporters reporter.tsv --flanks GATTACAGATTACA,CCATGGCCATGG --out promoter",
    "T fit promoter --network m/architecture.json --init m --freeze-trunk --epochs 1 "
    "--batch-size 8 --out rr",
    "T evaluate-reporter rr --store promoter --out re.json",
    "T add-reporter m rr --evaluation re.json --out mr",
    "B plan-scores --model m --fasta g.fa --vcf v.vcf --out p.json",
    "B score --model m --fasta g.fa --vcf v.vcf --out s1.tsv --shard 1/2",
    "B score --model m --fasta g.fa --vcf v.vcf --out s2.tsv --shard 2/2",
    "B score --model m --fasta g.fa --vcf v.vcf --out s1.parquet --shard 1/2",
    "B score --model m --fasta g.fa --vcf v.vcf --out s2.parquet --shard 2/2",
    "B score --model m --fasta g.fa --vcf n.vcf --genes g.gtf --out s.parquet",
    "B rank --model m --fasta g.fa --variants l.tsv --weight 0.5 --random 20 --out ranked",
    "B attribute --model m --fasta g.fa --bed q.bed --tracks accessibility --out x.h5",
    "B attribute --model m --fasta g.fa --bed i.bed --tracks accessibility --out x.npz",
]
PROGRAMS = {"B": "basenji_kipoi", "T": "basenji_training"}


def make_fixtures(folder: Path) -> Path:
    """Make the fixtures in a folder that does not exist yet.

    Parameters
    ----------
    folder
        Where they are made.

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True)
    (folder / "net.json").write_text(json.dumps(NETWORK))
    for step in STEPS:
        program, *arguments = step.split()
        command = [sys.executable, "-m", PROGRAMS[program], *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{step}: {done.stderr}"
        if arguments[0] == "simulate":
            _copy_inputs(folder)
    return folder


def _copy_inputs(folder: Path) -> None:
    """Give the simulated files the short names of the cases, and make reads."""
    sim = folder / "sim"
    for name, copy in [("genome.fa", "g.fa"), ("genes.gtf", "g.gtf")]:
        shutil.copy(sim / name, folder / copy)
    records = (sim / "variants.vcf").read_text().splitlines(keepends=True)
    (folder / "v.vcf").write_text("".join(records[:24]))
    _write_effects(folder, records)
    _write_phased(folder, records[:24])
    write_loci(folder)
    (folder / "r.bed").write_text("chr1\t1000\t3000\ta\t0\t+\nchr8\t0\t700\tb\t0\t-\n")
    (folder / "i.bed").write_text("chr1\t1000\t1200\ta\nchr8\t4000\t4200\tb\n")
    (folder / "q.bed").write_text("chr1\t1000\t1200\ta\t0\t+\nchr8\t50\t300\tb\t0\t-\n")
    (folder / "b.bed").write_text("chr1\t100\t900\nchr2\t0\t64\n")
    _write_reporters(folder)
    text = (sim / "targets.tsv").read_text()
    (folder / "t.tsv").write_text(text)
    shutil.copytree(sim / "tracks", folder / "tracks")
    _write_reads(folder)
    for name in ("model_best.h5", "params.json"):
        shutil.copy(GOLDEN / "basenji2" / name, folder / name)
    for path in (GOLDEN / "checkpoint_2018").glob("model.tf*"):
        shutil.copy(path, folder / path.name)
    shutil.copy(GOLDEN / "checkpoint_2018" / "params.txt", folder / "params.txt")
    _write_records(folder)


def _write_effects(folder: Path, records: list[str]) -> None:
    """Write effects of the variants, some of each sign."""
    rows = [line.split("\t")[:5] for line in records[:24] if not line.startswith("#")]
    lines = ["chrom\tpos\tref\talt\teffect\tSE\n"]
    lines += [
        f"{chrom}\t{pos}\t{ref}\t{alt}\t{number % 5 - 2}\t0.5\n"
        for number, (chrom, pos, _, ref, alt) in enumerate(rows)
    ]
    (folder / "e.tsv").write_text("".join(lines))


def _write_phased(folder: Path, records: list[str]) -> None:
    """Write the variants with the genotypes of a phased sample, and the genes of one contig."""
    lines = [line.rstrip("\n") for line in records]
    calls = itertools.cycle(("0|1", "1|0", "1|1"))
    tag = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
    rows = [
        line
        if line.startswith("##")
        else f"{tag}\n{line}\tFORMAT\ts"
        if line.startswith("#")
        else f"{line}\tGT\t{next(calls)}"
        for line in lines
    ]
    (folder / "h.vcf").write_text("\n".join([*rows, ""]))
    genes = (folder / "g.gtf").read_text().splitlines(keepends=True)
    (folder / "few.gtf").write_text("".join(line for line in genes if "chr7_gene" in line))
    (folder / "b7.bed").write_text("chr7\t700\t900\te1\nchr7\t1500\t1700\te2\n")
    (folder / "i.fa").write_text(f">a\n{'ACGTTGCA' * 256}\n>b\n{'AGCTTCGA' * 256}\n")


def write_loci(folder: Path) -> None:
    """Write the variants as other files; and variants of two loci, what links them, and tables."""
    with pysam.VariantFile(str(folder / "v.vcf")) as file:
        records = list(file)
        for name, mode in (("v.vcf.gz", "wz"), ("v.bcf", "wb")):
            with pysam.VariantFile(str(folder / name), mode, header=file.header) as copy:
                for record in records:
                    copy.write(record)
    with pysam.FastaFile(str(folder / "g.fa")) as genome:
        letters = genome.fetch("chr7")
    places = [*range(1000, 1200, 50), *range(3000, 3200, 50)]
    found = [
        ("chr7", place, letters[place - 1], "ACGT"["CGTA".index(letters[place - 1])])
        for place in places
    ]
    columns = {
        "chrom": [chrom for chrom, *_ in found],
        "pos": [pos for _, pos, *_ in found],
        "ref": [ref for *_, ref, _ in found],
        "alt": [alt for *_, alt in found],
    }
    pips = [round(0.9 / (2 + number), 3) for number in range(len(found))]
    effects = {"beta": [0.1 * (n % 5) - 0.2 for n in range(len(found))], "se": [0.1] * len(found)}
    names = [f"rs{n}" for n in range(len(found))]
    known = {"gene": ["chr7_gene1"] * len(found), "trait": ["height"] * len(found)}
    tables = {
        "l": {**columns, "pip": pips, "beta": effects["beta"], **known},
        "z": {**columns, **effects, "locus": ["one"] * len(found)},
        "rs": {"rsid": names, "pip": pips},
    }
    for name, table in tables.items():
        rows = [list(map(str, row)) for row in zip(*table.values(), strict=True)]
        lines = ["\t".join(row) + "\n" for row in [list(table), *rows]]
        (folder / f"{name}.tsv").write_text("".join(lines))
    pyarrow.parquet.write_table(pa.table(tables["l"]), folder / "l.parquet")
    _write_linkage(folder, found, names)
    matrix = "\n".join(["0.9 0.03 0.04 0.03", "0.02 0.02 0.94 0.02"] * 3)
    (folder / "known.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF AP1\n"
        f"letter-probability matrix: alength= 4 w= 6 nsites= 20 E= 0\n{matrix}\n"
    )


def _write_linkage(folder: Path, found: list[tuple[str, int, str, str]], names: list[str]) -> None:
    """Write genotypes of twelve people, and what they make of linkage."""
    counts = np.random.default_rng(5).integers(3, size=(len(found), 12))
    contigs = dict.fromkeys(chrom for chrom, *_ in found)
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={chrom}>" for chrom in contigs)]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    people = "\t".join(f"p{number}" for number in range(counts.shape[1]))
    lines += [f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{people}"]
    lines += [
        f"{chrom}\t{pos}\t{name}\t{ref}\t{alt}\t.\t.\t.\tGT\t"
        + "\t".join(("0/0", "0/1", "1/1")[count] for count in row)
        for (chrom, pos, ref, alt), name, row in zip(found, names, counts, strict=True)
    ]
    (folder / "n.vcf").write_text("\n".join([*lines, ""]))
    keys = [":".join(map(str, each)) for each in found]
    r = np.corrcoef(counts)
    np.savez(folder / "n.npz", r=r, variants=keys)
    rows = [
        f"{key}\t" + "\t".join(f"{value:.4f}" for value in row)
        for key, row in zip(keys, r, strict=True)
    ]
    (folder / "n.txt").write_text("\n".join(["\t".join(["variant", *keys]), *rows, ""]))


def _write_reporters(folder: Path) -> None:
    """Write sequences, in pairs one substitution apart, and their activities."""
    generator = np.random.default_rng(2)
    lines = ["sequence\texpression\tcells\n"]
    for _ in range(60):
        letters = generator.choice(list("ACGT"), 80)
        other = letters.copy()
        other[40] = {"A": "C", "C": "G", "G": "T", "T": "A"}[letters[40]]
        for each in (letters, other):
            lines.append(f"{''.join(each)}\t{generator.normal(8, 2):.3f}\t20\n")
    (folder / "reporter.tsv").write_text("".join(lines))
    (folder / "a.tsv").write_text("".join(line.partition("\t")[0] + "\n" for line in lines[:9]))


def _write_reads(folder: Path) -> None:
    with pysam.FastaFile(str(folder / "g.fa")) as genome:
        names, lengths = genome.references, genome.lengths
    generator = np.random.default_rng(0)
    contigs = [{"SN": name, "LN": length} for name, length in zip(names, lengths, strict=True)]
    starts = np.sort(generator.integers(0, min(lengths) - 300, 200))
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": contigs}
    with pysam.AlignmentFile(str(folder / "a.bam"), "wb", header=header) as file:
        for number, start in enumerate(starts.tolist()):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, start
            read.flag, read.mapping_quality, read.cigarstring = 16 * (number % 2), 60, "50M"
            read.query_sequence = "ACGTA" * 10
            file.write(read)
    pysam.index(str(folder / "a.bam"))
    lines = [f"{names[0]}\t{start}\t{start + 150}\tcell\t1\n" for start in starts.tolist()]
    (folder / "f.bed").write_text("".join(lines))


#: Window, bases beside what is predicted, and bin of the records (bp).
WINDOW, CROP, BIN = 512, 64, 32


def _write_records(folder: Path) -> None:
    """Write training data as Basenji published them: windows of the genome and their coverage."""
    import tensorflow as tf

    (folder / "tfr" / "tfrecords").mkdir(parents=True)
    generator = np.random.default_rng(1)
    bins = (WINDOW - 2 * CROP) // BIN
    splits = [("train", "chr1"), ("valid", "chr7"), ("test", "chr8")]
    bed = []
    with pysam.FastaFile(str(folder / "g.fa")) as genome:
        for split, chrom in splits:
            path = folder / "tfr" / "tfrecords" / f"{split}-0.tfr"
            options = tf.io.TFRecordOptions(compression_type="ZLIB")
            with tf.io.TFRecordWriter(str(path), options) as writer:
                for start in (1000, 3000, 6000):
                    text = genome.fetch(chrom, start - CROP, start - CROP + WINDOW).upper()
                    codes = np.array(["ACGTN".index(letter) for letter in text], np.uint8)
                    values = generator.gamma(0.5, 20, (bins, 2)).astype(np.float16)
                    feature = {
                        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[each.tobytes()]))
                        for key, each in (("sequence", codes), ("target", values))
                    }
                    features = tf.train.Features(feature=feature)
                    writer.write(tf.train.Example(features=features).SerializeToString())
                    bed.append(f"{chrom}\t{start}\t{start + bins * BIN}\t{split}\n")
    (folder / "tfr" / "sequences.bed").write_text("".join(bed))
    rows = ["index\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tdescription"]
    rows += [f"{i}\tx{i}\tx{i}.w5\t384\t64\t1.0\tmean\tDNASE:cell {i}" for i in range(2)]
    (folder / "tfr" / "targets.txt").write_text("\n".join(rows) + "\n")
    statistics = {
        "num_targets": 2,
        "seq_length": WINDOW,
        "seq_1hot": True,
        "pool_width": BIN,
        "crop_bp": CROP,
        "target_length": bins,
    }
    (folder / "tfr" / "statistics.json").write_text(json.dumps(statistics))
