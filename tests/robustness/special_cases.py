"""Cases of one command each: what is wrong with stores, weights, runs, options and outputs."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from robustness.cases import Case
from robustness.harm import BUNDLES, ROOT, STORES, WEIGHTS, changed, junk, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["special_cases"]

STORE_COMMANDS = {
    "check": ("T check st.zarr --out o", ("st.zarr",)),
    "thresholds": ("T thresholds st.zarr --out o.tsv", ("st.zarr",)),
    "fit": (
        "T fit st.zarr --network net.json --epochs 1 --batch-size 4 --resolution 32 --out o",
        ("st.zarr", "net.json"),
    ),
    "evaluate": (
        "T evaluate run --store st.zarr --out o.json --resolution 32",
        ("st.zarr", "run"),
    ),
}
PREDICT = "B predict --model m --fasta g.fa --bed r.bed --out o.h5"
MODEL = ("m", "g.fa", "r.bed", "v.vcf")
COVERAGE = "T coverage a.bam --assay atac --no-gc --fasta g.fa --out o.bw"
DATA = "T data t.tsv --fasta g.fa --out o.zarr --test chr8 --validation chr7"
EXPORT = "T export run --evaluation ev.json --name n --assembly a --out o"
RESUME = (
    "T fit st.zarr --network net.json --epochs 2 --batch-size 4 --out run --resolution 32 --resume"
)


def _extra(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return spoil


def _in_odd_folder(folder: Path) -> None:
    """Move what is needed to a folder whose name is no UTF-8."""
    odd = folder / os.fsdecode(b"\xff")
    names = list(folder.iterdir())
    odd.mkdir()
    for path in names:
        path.rename(odd / path.name)


def _tag(value: str, kind: str) -> Callable[[Path], None]:
    """Give the reads a tag XA."""

    def spoil(folder: Path) -> None:
        import pysam

        with pysam.AlignmentFile(str(folder / "a.bam"), check_sq=False) as file:
            reads, header = list(file), file.header
        with pysam.AlignmentFile(str(folder / "a.bam"), "wb", header=header) as file:
            for read in reads:
                read.set_tag("XA", int(value) if kind == "i" else value, kind)
                file.write(read)
        pysam.index(str(folder / "a.bam"))

    return spoil


def _fragment(line: bytes) -> Callable[[Path], None]:
    return changed("f.bed", lambda text: line + b"\n" + text)


def _bigwig(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return changed("tracks/start_plus.bw", change)


def _at(place: float, count: int = 1) -> Callable[[bytes], bytes]:
    """Flip bits of some bytes at a share of the content."""

    def change(content: bytes) -> bytes:
        first = int(place * len(content))
        flipped = bytes(byte ^ 0xFF for byte in content[first : first + count])
        return content[:first] + flipped + content[first + count :]

    return change


def _params(line: str) -> Callable[[Path], None]:
    key = line.split("\t")[0].encode()

    def change(text: bytes) -> bytes:
        lines = text.split(b"\n")
        place = next((i for i, each in enumerate(lines) if each.split(b"\t")[0] == key), None)
        lines[place if place is not None else 0 : 1 if place is None else place + 1] = [
            line.encode()
        ]
        return b"\n".join(lines)

    return changed("params.txt", change)


_CHECKPOINT = (
    "B import --checkpoint model.tf --params params.txt --out o",
    ("model.tf.index", "model.tf.data-00000-of-00001", "params.txt"),
)
_H5 = ("B import --h5 model_best.h5 --params params.json --out o", ("model_best.h5", "params.json"))
_TFR = ("T import-tfrecords tfr --fasta g.fa --out o.zarr", ("tfr", "g.fa"))
_BAM = (COVERAGE, ("a.bam", "g.fa"))
_FRAGMENTS = (
    "T coverage f.bed --fragment-ends unmoved --assay atac --no-gc --fasta g.fa --out o.bw",
    ("f.bed", "g.fa"),
)
_DATA = (DATA, ("t.tsv", "tracks", "g.fa"))
_EVALUATE = STORE_COMMANDS["evaluate"]
_EXPORT = (EXPORT, ("run", "st.zarr", "ev.json"))
_RESUMED = (RESUME, ("run", "st.zarr", "net.json"))
_PREDICT, _INSPECT = (PREDICT, MODEL), ("B inspect --model m", ("m",))
_MUTATE = ("B mutate --model m --fasta g.fa --bed r.bed --out o.h5", MODEL)
_SCORE = ("B score --model m --fasta g.fa --vcf v.vcf --out o.tsv", MODEL)


def _with(command: tuple[str, tuple[str, ...]], options: str) -> tuple[str, tuple[str, ...]]:
    return f"{command[0]} {options}", command[1]


#: Command and its needs, what is wrong, and what does it.
OTHERS: list[tuple[tuple[str, tuple[str, ...]], str, Callable[[Path], None] | None]] = [
    (_BAM, "an index of text", changed("a.bam.bai", lambda _: b"this is text\n" * 99)),
    (_BAM, "an alternative alignment far away", _tag("chr1,+99999999999999,50M,0;", "Z")),
    (
        _with(_BAM, "--multimap expect"),
        "an alternative far away",
        _tag("chr1,+9999999999999,9M,0;", "Z"),
    ),
    (_BAM, "the tag of bowtie 1", _tag("0", "i")),
    (_with(_BAM, "--multimap-sd nan"), "an option", None),
    (_with(_BAM, "--shift-forward=-99999999999999999999"), "an option", None),
    (_with(_BAM, "--smooth inf"), "an option", None),
    (_with(_BAM, "--smooth 1e7"), "an option", None),
    (_FRAGMENTS, "a byte order mark", changed("f.bed", lambda text: b"\xef\xbb\xbf" + text)),
    (_FRAGMENTS, "a count that is no whole number", _fragment(b"chr1\t10\t150\tc\t1.5")),
    (_FRAGMENTS, "spaces", changed("f.bed", lambda text: text.replace(b"\t", b" "))),
    (_FRAGMENTS, "a quote", _fragment(b'chr1\t10\t150\t"c\t1')),
    (
        _FRAGMENTS,
        "BEDPE",
        changed("f.bed", lambda _: b"chr1\t10\t60\tchr1\t150\t200\tr\t60\t+\t-\n" * 20),
    ),
    (_FRAGMENTS, "tagAlign", changed("f.bed", lambda _: b"chr1\t10\t60\tN\t1000\t+\n" * 20)),
    (_DATA, "a bigWig with a flipped byte of data", _bigwig(_at(0.5, 8))),
    (
        _DATA,
        "a bigWig with a flipped offset",
        _bigwig(lambda text: text[:8] + bytes([text[8] ^ 0xFF]) + text[9:]),
    ),
    (_DATA, "a bigWig cut in the middle", _bigwig(lambda text: text[: len(text) // 2])),
    (_DATA, "a bigWig cut at its end", _bigwig(lambda text: text[:-4])),
    (_with(_DATA, "--bin 99999999"), "an option", None),
    (_with(_DATA, "--bin 99999999999999999999"), "an option", None),
    (
        (
            "T data t.tsv --fasta g.fa --out o.zarr --validation chr7 "
            "--test chr1,chr2,chr3,chr4,chr5,chr6,chr8",
            _DATA[1],
        ),
        "nothing to train on",
        None,
    ),
    (
        (
            "T data t.tsv --fasta g.fa --out tracks --test chr8 --validation chr7 --overwrite",
            _DATA[1],
        ),
        "the tracks' folder as output",
        None,
    ),
    (_DATA, "a table of random bytes", changed("t.tsv", junk)),
    (
        _DATA,
        "a cell that begins with a quote",
        changed("t.tsv", lambda text: text.replace(b"\tsimulation\n", b'\t"wild type\n', 1)),
    ),
    (_with(_EVALUATE, "--peaks accessibility=no.bed"), "an option", None),
    (
        _with(_EVALUATE, "--replicates rp.tsv"),
        "replicates of random bytes",
        _extra("rp.tsv", junk(bytes(300))),
    ),
    (_EVALUATE, "settings without anything", changed("run/settings.json", lambda _: b"{}")),
    (_EVALUATE, "settings a list", changed("run/settings.json", lambda _: b"[]")),
    (
        _EVALUATE,
        "another number of targets",
        changed("run/targets.tsv", lambda text: b"\n".join(text.split(b"\n")[:2]) + b"\n"),
    ),
    (_EVALUATE, "weights empty", changed("run/best.weights.h5", lambda _: b"")),
    (_EVALUATE, "weights random", changed("run/best.weights.h5", junk)),
    (
        _EVALUATE,
        "weights of another network",
        put("run/architecture.json", "trunk", 0, "filters", 4),
    ),
    (_EXPORT, "tracks a text", put("ev.json", "tracks", "text")),
    (
        _EXPORT,
        "history with a word",
        changed("run/history.csv", lambda text: text.replace(b"1,", b"x,", 1)),
    ),
    (_EXPORT, "history empty", changed("run/history.csv", lambda _: b"")),
    (_EXPORT, "settings without anything", changed("run/settings.json", lambda _: b"{}")),
    (_EXPORT, "settings a list", changed("run/settings.json", lambda _: b"[]")),
    (_EXPORT, "weights empty", changed("run/best.weights.h5", lambda _: b"")),
    (_EXPORT, "weights random", changed("run/best.weights.h5", junk)),
    (
        _with(
            (
                STORE_COMMANDS["fit"][0].replace("--batch-size 4", "--batch-size 9999999"),
                STORE_COMMANDS["fit"][1],
            ),
            "",
        ),
        "an absurd batch",
        None,
    ),
    (_with(STORE_COMMANDS["fit"], "--learning-rate inf"), "an option", None),
    (_with(STORE_COMMANDS["fit"], "--recipe no.json"), "an option", None),
    (_with(STORE_COMMANDS["fit"], "--seed -1"), "an option", None),
    (_with(STORE_COMMANDS["fit"], "--seed 99999999999999999999999"), "an option", None),
    (_RESUMED, "a checkpoint that is empty", changed("run/checkpoint.npz", lambda _: b"")),
    (_RESUMED, "a checkpoint of random bytes", changed("run/checkpoint.npz", junk)),
    (
        _RESUMED,
        "a checkpoint that was cut",
        changed("run/checkpoint.npz", lambda text: text[: len(text) // 2]),
    ),
    (
        _RESUMED,
        "settings with a word",
        changed("run/settings.json", lambda text: text.replace(b": 4,", b": four,", 1)),
    ),
    (_RESUMED, "settings a list", changed("run/settings.json", lambda _: b"[]")),
    (_H5, "units huge", put("params.json", "model", "head_human", "units", 10**12)),
    (_H5, "pooling of 0", put("params.json", "model", "trunk", 0, "pool_size", 0)),
    (
        _H5,
        "a rate that grows without end",
        put("params.json", "model", "trunk", 2, "rate_mult", 1e300),
    ),
    (
        _H5,
        "filters that grow without end",
        put("params.json", "model", "trunk", 1, "filters_mult", 1e300),
    ),
    (
        _H5,
        "filters times infinity",
        put("params.json", "model", "trunk", 1, "filters_mult", math.inf),
    ),
    (_H5, "filters times NaN", put("params.json", "model", "trunk", 1, "filters_mult", math.nan)),
    (_H5, "blocks without end", put("params.json", "model", "trunk", 2, "repeat", 10**9)),
    (_CHECKPOINT, "a buffer of infinity", _params("batch_buffer\tinf")),
    (_CHECKPOINT, "a buffer of NaN", _params("batch_buffer\tnan")),
    (_CHECKPOINT, "Latin-1", changed("params.txt", lambda text: text + b"\xe9\t1\n")),
    (_CHECKPOINT, "a huge window", _params("seq_length\t99999999999999999999")),
    (_CHECKPOINT, "targets without number", _params("num_targets\t999999999")),
    (_with(_TFR, "--bin 0"), "an option", None),
    (_TFR, "targets of random bytes", changed("tfr/targets.txt", junk)),
    (
        ("B merge-scores s1.parquet s2.parquet --out o.parquet", ("s1.parquet", "s2.parquet")),
        "random bytes within",
        changed("s2.parquet", _at(0.3, 400)),
    ),
    (
        ("B merge-scores s1.tsv s2.tsv --out o.tsv", ("s1.tsv", "s2.tsv")),
        "a shard that lost its last rows",
        changed("s2.tsv", lambda text: text[: text.rstrip().rfind(b"\n") + 1]),
    ),
    (
        ("B merge-scores s1.tsv s2.tsv --out s1.tsv --overwrite", ("s1.tsv", "s2.tsv")),
        "a shard as output",
        None,
    ),
    (_with(_MUTATE, "--plots m --overwrite"), "the model as folder of figures", None),
    (
        (
            "B predict --model m --fasta g.fa --bed r.bed --out g.fa --format hdf5 --overwrite",
            MODEL,
        ),
        "the genome as output",
        None,
    ),
    (
        ("B predict --model m --fasta g.fa --bed r.bed --out m --overwrite", MODEL),
        "the model as output",
        None,
    ),
    (
        (
            "B predict --model m --fasta g.fa --bed r.bed --out r.bed --format hdf5 --overwrite",
            MODEL,
        ),
        "the intervals as output",
        None,
    ),
    (
        (
            "T coverage f.bed --fragment-ends unmoved --format fragments --assay atac --no-gc "
            "--fasta g.fa --out f.bed --overwrite",
            ("f.bed", "g.fa"),
        ),
        "the fragments as output",
        None,
    ),
    (("T unmappable g.fa --out g.fa --overwrite", ("g.fa",)), "the genome as output", None),
    (_with(_SCORE, "--memory 1e308"), "an option", None),
    (("T simulate --out o --size 99999999999999999999 --variants 10", ()), "an option", None),
    (("T simulate --out o --size 60000 --variants 0", ()), "an option", None),
    (("T simulate --out o --size 60000 --variants 1000000", ()), "an option", None),
    (_with(STORE_COMMANDS["thresholds"], "--least inf"), "an option", None),
    (_with(STORE_COMMANDS["thresholds"], "--weight start=inf"), "an option", None),
    (
        _with(_PREDICT, ""),
        "a genome from the future",
        lambda folder: os.utime(folder / "g.fa", (4e9, 4e9)),
    ),
    (
        ("T check st.zarr --out o", ("st.zarr",)),
        "markup in a name",
        put(ROOT, "attributes", "targets", 1, "identifier", "[/red]plus"),
    ),
]


def special_cases() -> Iterator[Case]:
    """Yield them all."""
    for name, (line, needs) in STORE_COMMANDS.items():
        for what, spoil in STORES.items():
            yield Case(f"{name} store: {what}", tuple(line.split()), needs, spoil)
    commands = {"predict": _PREDICT, "inspect": _INSPECT, "mutate": _MUTATE, "score": _SCORE}
    for name, (line, needs) in commands.items():
        for what, spoil in BUNDLES.items():
            yield Case(f"{name} bundle: {what}", tuple(line.split()), needs, spoil)
    for name in ("predict", "score"):
        line, needs = commands[name]
        for what, spoil in WEIGHTS.items():
            yield Case(f"{name} weights: {what}", tuple(line.split()), needs, spoil)
    for number, ((line, needs), what, spoil) in enumerate(OTHERS):
        words = tuple(line.split())
        told = " ".join(words[-2:]) if what == "an option" else what
        yield Case(f"{words[1]} special {number}: {told}", words, needs, spoil)
    odd = {"m", "g.fa", "r.bed", "v.vcf", "o.h5", "o.tsv"}
    for name in ("predict", "mutate", "score"):
        line, needs = commands[name]
        words = tuple(f"./\udcff/{word}" if word in odd else word for word in line.split())
        yield Case(f"{name} in a folder whose name is no UTF-8", words, needs, _in_odd_folder)
