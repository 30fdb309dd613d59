"""The commands of the campaign: a line of each that succeeds, and the files that it reads."""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass

import typer.core
import typer.main

__all__ = ["COMMANDS", "MISSING", "Command", "is_here"]


@dataclass(frozen=True)
class Command:
    """A command that succeeds, and the files that it reads.

    Attributes
    ----------
    line : str
        Its arguments behind B (``basenji``) or T (``basenji-train``).
    files : dict of str to str
        Path of each file in the fixtures, and its kind, as `corruptions_of` takes it.
    needs : tuple of str
        What else of the fixtures it needs: files, folders.
    library : str
        Package that it needs and not every environment has; empty for none.
    """

    line: str
    files: dict[str, str]
    needs: tuple[str, ...] = ()
    library: str = ""

    @property
    def is_here(self) -> bool:
        """Tell whether this environment has what it needs."""
        return is_here(self.line, self.library)

    @property
    def name(self) -> str:
        """Name of the command; of one of a group, such as ``plot``, the group's before it."""
        return self._found[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Program (B or T) and arguments."""
        return tuple(self.line.split())

    @property
    def options(self) -> list[typer.core.TyperOption]:
        """Options that it has."""
        found = self._found[1].params
        return [option for option in found if isinstance(option, typer.core.TyperOption)]

    @property
    def earlier(self) -> str:
        """Folder of the fixtures with its outputs; empty if it replaces none."""
        has = any("--overwrite" in option.opts for option in self.options)
        return f"earlier/{_COMMANDS.index(self)}" if has else ""

    @property
    def _found(self) -> tuple[str, typer.core.TyperCommand]:
        program, *words = self.arguments
        found, names = _group(program), []
        while isinstance(found, typer.core.TyperGroup):
            names.append(words.pop(0))
            found = found.commands[names[-1]]
        return " ".join(names), found


def is_here(line: str, library: str) -> bool:
    """Tell whether this environment has the program of a line, and a package."""
    program = "basenji-training" if line.startswith("T ") else ""
    return all(_is_installed(package) for package in (program, library) if package)


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@functools.cache
def _group(program: str) -> typer.core.TyperGroup:
    if program == "B":
        from basenji_kipoi.cli.app import app
    else:
        from basenji_training.cli.app import app
    return typer.main.get_command(app)


BUNDLE = {
    "m/metadata.json": "json",
    "m/architecture.json": "json",
    "m/targets.tsv": "text",
    "m/targets.txt": "text",
    "m/evaluation.json": "json",
    "m/model.weights.h5": "binary",
}
STORE = {"st.zarr/zarr.json": "json", "st.zarr/chr8/coverage/zarr.json": "json"}
RUN = {"run/settings.json": "json", "run/history.csv": "text"}
_RANK = "B rank --model m --fasta g.fa --weight 0.5 --random 20 --out o"
_LOCUS = "B locus --model m --fasta g.fa --tracks accessibility --explain 1 --draws 1"
REPORTER_RUN = {"rr/settings.json": "json", "rr/reporters.json": "json"}
_COMMANDS = [
    Command("B inspect --model m", BUNDLE),
    Command(
        "B compare --predicted s2.tsv --measured e.tsv --error SE --draws 5 --out o",
        {"s2.tsv": "text", "e.tsv": "text"},
    ),
    Command(
        "B compare --predicted s2.parquet --measured e.tsv --part SE<1 --draws 5 --out o",
        {"s2.parquet": "binary"},
        ("e.tsv",),
    ),
    Command(
        "B predict --model m --fasta g.fa --bed r.bed --out o.h5",
        {**BUNDLE, "g.fa": "text", "g.fa.fai": "text", "r.bed": "text"},
    ),
    Command(
        "B predict --model m --fasta g.fa --bed r.bed --out o.zarr",
        {"r.bed": "text"},
        ("m", "g.fa"),
    ),
    Command(
        "B predict --model m --fasta g.fa --bed r.bed --out o", {"r.bed": "text"}, ("m", "g.fa")
    ),
    Command(
        "B score --model m --fasta g.fa --vcf v.vcf --genes g.gtf --out o.tsv",
        {**BUNDLE, "g.fa": "text", "v.vcf": "text", "g.gtf": "text"},
    ),
    Command(
        "B score --model m --fasta g.fa --vcf v.vcf --out o.vcf", {"v.vcf": "text"}, ("m", "g.fa")
    ),
    Command(
        "B mutate --model m --fasta g.fa --bed r.bed --out o.h5",
        {**BUNDLE, "g.fa": "text", "r.bed": "text"},
    ),
    Command(
        "B plan-scores --model m --fasta g.fa --vcf v.vcf --out o.json",
        {"v.vcf": "text"},
        ("m", "g.fa"),
    ),
    Command(
        "B score --model m --fasta g.fa --vcf v.vcf --plan p.json --shard 1/2 --out o.tsv",
        {"p.json": "json", "v.vcf": "text"},
        ("m", "g.fa"),
    ),
    Command(
        "B attribute --model m --fasta g.fa --bed q.bed --out o.h5",
        {**BUNDLE, "g.fa": "text", "q.bed": "text"},
    ),
    Command(
        "B activity --model mr --sequences a.tsv --out o.tsv",
        {"a.tsv": "text", "mr/reporters.json": "json"},
        ("mr",),
    ),
    Command(
        "B score --model mr --fasta g.fa --vcf v.vcf --reporter promoter --out o.tsv",
        {"v.vcf": "text"},
        ("mr", "g.fa"),
    ),
    Command(
        "B haplotypes --model m --fasta g.fa --vcf h.vcf --genes few.gtf --sample s --out o.tsv",
        {"h.vcf": "text", "few.gtf": "text"},
        ("m", "g.fa"),
    ),
    Command(
        "B elements --model m --fasta g.fa --genes few.gtf --gene chr7_gene1 --tracks "
        "accessibility --elements b7.bed --draws 2 --out o.tsv",
        {"few.gtf": "text", "b7.bed": "text"},
        ("m", "g.fa"),
    ),
    Command(
        "B insert --model m --insert TGACTCA --backgrounds i.fa --positions 900,1000 --out o.tsv",
        {"i.fa": "text"},
        ("m",),
    ),
    Command("B merge-scores s1.tsv s2.tsv --out o.tsv", {"s1.tsv": "text", "s2.tsv": "text"}),
    Command(
        "B merge-scores s1.parquet s2.parquet --out o.parquet",
        {"s1.parquet": "binary", "s2.parquet": "binary"},
    ),
    Command(
        "B import --h5 model_best.h5 --params params.json --out o",
        {"model_best.h5": "binary", "params.json": "json"},
    ),
    Command(
        "B import --checkpoint model.tf --params params.txt --out o",
        {
            "params.txt": "text",
            "model.tf.index": "binary",
            "model.tf.data-00000-of-00001": "binary",
        },
    ),
    Command("T simulate --out o --size 200000 --variants 4", {}),
    Command(
        "T coverage a.bam --assay chip --no-gc --fragment-length 150 --out o.bw",
        {"a.bam": "binary", "a.bam.bai": "binary"},
    ),
    Command(
        "T coverage f.bed --fragment-ends unmoved --assay atac --no-gc --fasta g.fa --out o.bw",
        {"f.bed": "text", "g.fa": "text"},
    ),
    Command(
        "T data t.tsv --fasta g.fa --out o.zarr --test chr8 --validation chr7 --blacklist b.bed",
        {"t.tsv": "text", "g.fa": "text", "b.bed": "text", "tracks/*.bw": "binary"},
        ("tracks",),
    ),
    Command(
        "T import-tfrecords tfr --fasta g.fa --out o.zarr",
        {
            "tfr/statistics.json": "json",
            "tfr/targets.txt": "text",
            "tfr/sequences.bed": "text",
            "tfr/tfrecords/train-0.tfr": "binary",
        },
        ("g.fa",),
    ),
    Command("T thresholds st.zarr --out o.tsv", STORE, ("st.zarr",)),
    Command("T unmappable g.fa --out o.bed", {"g.fa": "text"}),
    Command("T check st.zarr --out o", STORE, ("st.zarr",)),
    Command(
        "T fit st.zarr --network net.json --out o --epochs 1 --batch-size 4 --resolution 32",
        {**STORE, "net.json": "json"},
        ("st.zarr",),
    ),
    Command(
        "T evaluate run --store st.zarr --out o.json --resolution 32",
        {**STORE, **RUN},
        ("st.zarr", "run"),
    ),
    Command(
        "T export run --evaluation ev.json --name n --assembly a --out o",
        {**RUN, "ev.json": "json"},
        ("run", "st.zarr"),
    ),
    Command(
        "T reporters reporter.tsv --flanks GATTACAGATTACA,CCATGGCCATGG --weight cells "
        "--weight-kind counts --out o",
        {"reporter.tsv": "text"},
    ),
    Command(
        "T fit promoter --network m/architecture.json --out o --epochs 1 --batch-size 8 --init m "
        "--freeze-trunk",
        {"promoter/reporters.json": "json", "promoter/sequences.parquet": "binary"},
        ("promoter", "m"),
    ),
    Command(
        "T evaluate-reporter rr --store promoter --out o.json",
        {"promoter/reporters.json": "json", "promoter/pairs.parquet": "binary", **REPORTER_RUN},
        ("promoter", "rr"),
    ),
    Command(
        "T add-reporter m rr --evaluation re.json --out o",
        {"re.json": "json", **REPORTER_RUN},
        ("m", "rr"),
    ),
    Command(
        "B score --model m --fasta g.fa --vcf v.vcf --part-size 4 --devices 2 --also o.vcf.gz "
        "--out o.parquet",
        # Processes of its own, which take long to begin: what is in the file is spoilt above.
        {},
        ("m", "g.fa", "v.vcf"),
    ),
    Command(f"{_RANK} --genes few.gtf --variants l.tsv", {"l.tsv": "text", "few.gtf": "text"}),
    Command(f"{_RANK} --variants l.parquet", {"l.parquet": "binary"}),
    Command(f"{_RANK} --variants v.vcf", {"v.vcf": "text"}),
    Command(f"{_RANK} --variants z.tsv --linkage n.vcf", {"z.tsv": "text", "n.vcf": "text"}),
    Command(f"{_RANK} --variants z.tsv --linkage n.txt", {"n.txt": "text"}, ("z.tsv",)),
    Command(f"{_RANK} --variants z.tsv --linkage n.npz", {"n.npz": "binary"}, ("z.tsv",)),
    Command(f"{_RANK} --variants rs.tsv --rsids n.vcf", {"rs.tsv": "text", "n.vcf": "text"}),
    Command(
        f"{_RANK} --variants l.tsv --background ranked/background.parquet",
        {"ranked/background.parquet": "binary"},
        ("l.tsv",),
    ),
    Command(
        f"{_LOCUS} --genes few.gtf --variants l.tsv --out o.html",
        {"l.tsv": "text", "few.gtf": "text"},
        library="logomaker",
    ),
    Command(
        f"{_LOCUS} --genes few.gtf --variants l.tsv --ranking ranked --elements b7.bed "
        "--motifs known.meme --observed measured=tracks/accessibility.bw --out o.html",
        {
            "ranked/variants.parquet": "binary",
            "b7.bed": "text",
            "known.meme": "text",
            "tracks/accessibility.bw": "binary",
        },
        ("l.tsv", "few.gtf"),
        library="logomaker",
    ),
    Command(
        f"{_LOCUS} --variants l.tsv --gap 100 --linkage n.vcf --out o",
        {"n.vcf": "text"},
        ("l.tsv",),
        library="logomaker",
    ),
    Command("B index-vcf v.vcf --out o.vcf.gz", {"v.vcf": "text"}),
    Command("B index-vcf v.vcf.gz --out o.vcf.gz", {"v.vcf.gz": "packed"}),
    Command("B index-vcf v.bcf --out o.vcf.gz", {"v.bcf": "packed"}),
    Command("B annotations --scores s.parquet --to sldp --out o", {"s.parquet": "binary"}),
    Command("B annotations --scores s.parquet --to polyfun --out o", {"s.parquet": "binary"}),
    Command(
        "B annotations --scores s.genes.parquet --to linked --linkage n.vcf --out o.tsv",
        {"s.genes.parquet": "binary", "n.vcf": "text"},
    ),
    Command(
        "B plot tracks --model m --fasta g.fa --region chr7:501-1500 --genes few.gtf "
        "--observed accessibility=tracks/accessibility.bw --out o.png",
        {"g.fa": "text", "few.gtf": "text", "tracks/accessibility.bw": "binary"},
        ("m",),
    ),
    Command(
        "B plot variant --model m --fasta g.fa --variant chr7:1000:G:GT --genes few.gtf "
        "--method gradient --out o.svg",
        {**BUNDLE, "few.gtf": "text"},
        library="logomaker",
    ),
    Command(
        "B plot scores --scores s2.tsv --region chr7:16001-17000 --out o.pdf", {"s2.tsv": "text"}
    ),
    Command(
        "B plot scores --scores s.parquet --region chr7:501-9000 --genes few.gtf --fasta g.fa "
        "--out o.png",
        {"s.parquet": "binary", "few.gtf": "text"},
    ),
    Command("B kipoi-dir m o", {"m/metadata.json": "json"}, library="kipoi"),
    Command(
        "B motifs --attributions x.h5 --genes g.gtf --out o",
        {"x.h5": "binary", "g.gtf": "text"},
        library="modisco-lite",
    ),
    Command(
        "B motifs --attributions x.ohe.npz --attributions x.shap.npz --scale plain "
        "--database known.meme --out o",
        {"x.ohe.npz": "binary", "x.shap.npz": "binary", "known.meme": "text"},
        library="modisco-lite",
    ),
    Command(
        "T population sim --people 60 --donors 40 --traits 1 --out o",
        {"sim/simulation.json": "json", "sim/genome.fa": "text", "sim/genes.gtf": "text"},
    ),
]

#: What this environment can run, and what it lacks something for.
COMMANDS = [command for command in _COMMANDS if command.is_here]
MISSING = [command for command in _COMMANDS if not command.is_here]
