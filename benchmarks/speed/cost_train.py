r"""What the jobs of ``workflows/train.smk`` cost, measured: told by its dry runs from then on.

    .venv-training/bin/python benchmarks/speed/cost_train.py runs --recipe small --tracks 3 \
        --out build/cost_train.json
    .venv-training/bin/python benchmarks/speed/cost_train.py coverage --out build/cost_coverage.json

`runs` makes genomes of random bases with contigs for training, validation and test, and tracks of
random counts, for content changes no time. Of each a store is made and checked, a network trained
for few epochs, evaluated and exported. `coverage` is made of random reads. A start, and what a base
or a byte takes, follow from three runs of a command; what they say of the others is compared with
what was measured. Times are processor time of one thread.
"""

from __future__ import annotations

import gzip
import itertools
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import pybigtools
import pysam
import typer
from job_costs import Chosen, Run, chosen, described, plain_errors, save, sizes_of, timed

from basenji_kipoi.models.targets import Target, Targets
from basenji_training.fit.recipe import read_network, read_recipe
from basenji_training.reads.settings import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The command, in this environment.
PROGRAM = (sys.executable, "-m", "basenji_training")
#: Counts of a track for each base.
DENSITY = 0.05
#: Length of a read (bp).
_READ = 50
_DRAWN = 10_000

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False)


class Trial(NamedTuple):
    """A run that is measured.

    Attributes
    ----------
    trained, held_out
        Windows of the training part, and of validation and test each.
    epochs
        Passes over them.
    networks
        How many are evaluated together.
    """

    trained: int
    held_out: int
    epochs: int
    networks: int


def trials(text: str) -> list[Trial]:
    """Read what `runs` is asked to measure, such as ``32/16/1/1,128/16/1/3``."""
    return [Trial(*each) for each in sizes_of(text, Trial._fields)]


def _text(drawn: np.ndarray, known: bytes = b"ACGT") -> str:
    """Write numbers as letters."""
    return np.frombuffer(known, np.uint8)[drawn].tobytes().decode()


def write_genome(folder: Path, lengths: dict[str, int]) -> Path:
    """Write a genome of random bases."""
    generator = np.random.default_rng(0)
    fasta = folder / "genome.fa"
    with fasta.open("w", encoding="ascii") as lines:
        for contig, length in lengths.items():
            lines.write(f">{contig}\n{_text(generator.integers(0, 4, length, np.uint8))}\n")
    return fasta


def write_targets(folder: Path, lengths: dict[str, int], tracks: int) -> Path:
    """Write tracks of random counts, and their table."""
    generator = np.random.default_rng(tracks)

    def counts() -> Iterator[tuple[str, int, int, float]]:
        for contig in sorted(lengths):
            drawn = generator.poisson(DENSITY, lengths[contig])
            for place in np.flatnonzero(drawn).tolist():
                yield contig, place, place + 1, float(drawn[place])

    names = [f"{tracks}_{track}" for track in range(tracks)]
    for name in names:
        pybigtools.open(str(folder / f"{name}.bw"), "w").write(lengths, counts())
    table = folder / f"{tracks}.tsv"
    rows = [
        Target(index=n, identifier=name, file=f"{name}.bw", strand_pair=n)
        for n, name in enumerate(names)
    ]
    Targets(rows).write(table)
    return table


def trained(folder: Path, recipe: str, tracks: int, trial: Trial) -> dict[str, Run]:
    """Make a store, train on it, evaluate and export; tell what each command took.

    ``thin`` is a store of one track, or of two if the other one has one.
    """
    shape = read_network(read_recipe(recipe).network)
    target = shape.bins * shape.bin
    held_out = trial.held_out * target
    lengths = {"train": trial.trained * target, "validation": held_out, "test": held_out}
    fasta, bases = write_genome(folder, lengths), sum(lengths.values())
    split = ["--fasta", fasta, "--test", "test", "--validation", "validation"]
    split += ["--bin", str(shape.bin)]
    thin, store, run = 2 if tracks == 1 else 1, folder / "store.zarr", folder / "run"
    ran = {
        name: _ran(
            ["data", write_targets(folder, lengths, number), *split], path, number * bases, bases
        )
        for name, path, number in (("thin", folder / "thin.zarr", thin), ("data", store, tracks))
    }
    ran |= {
        "check": _ran(["check", store], folder / "check", tracks * bases, 1),
        "fit": _ran(
            ["fit", store, "--recipe", recipe, "--epochs", str(trial.epochs)],
            run,
            lengths["train"] * trial.epochs,
            lengths["validation"] * trial.epochs,
        ),
    }
    runs = [run, *(folder / f"run{number}" for number in range(1, trial.networks))]
    for other in runs[1:]:
        shutil.copytree(run, other)
    evaluation, networks = folder / "evaluation" / "x.json", len(runs)
    evaluate = ["evaluate", *runs, "--store", store]
    ran["evaluate"] = _ran(evaluate, evaluation, lengths["test"] * networks, networks)
    names = ["--evaluation", evaluation, "--name", "cost", "--assembly", "random"]
    ran["export"] = _ran(["export", *runs, *names], folder / "model", networks, 1)
    return ran


def _ran(words: list[str | Path], out: Path, size: int, parts: int) -> Run:
    """Run a command; one that writes a file has others beside it, in a folder of their own."""
    written = out
    if out.suffix in (".json", ".bw"):
        written = out.parent
        written.mkdir()
    run = timed([*PROGRAM, *words, "--out", out], written, size, parts)
    print(words[0], run, flush=True)
    return run


def write_reads(path: Path, lengths: dict[str, int], number: int) -> None:
    """Write random reads, as evenly over a genome as its contigs are long.

    Alignments (BAM) are single, of `_READ` bases with qualities of four kinds, as sequencers of
    today tell them. Fragments (BED, gzip) are of up to 600 bases, and say that their ends were
    moved.
    """
    generator = np.random.default_rng(1)
    total = sum(lengths.values())
    places = {
        contig: np.sort(generator.integers(0, length - 600, number * length // total))
        for contig, length in lengths.items()
    }
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="ascii") as lines:
            lines.write("# cellranger\n")
            for contig, starts in places.items():
                ends = generator.integers(40, 600, len(starts))
                rows = zip(starts, ends, strict=True)
                lines.writelines(f"{contig}\t{start}\t{start + end}\n" for start, end in rows)
        return
    text = path.with_suffix(".sam")
    with text.open("w", encoding="ascii") as lines:
        lines.write("@HD\tVN:1.6\tSO:coordinate\n")
        lines.writelines(f"@SQ\tSN:{contig}\tLN:{size}\n" for contig, size in lengths.items())
        for contig, starts in places.items():
            for n, start in enumerate(starts):
                # Many at once, for speed, and not all, for memory counts in what is measured.
                if n % _DRAWN == 0:
                    bases = _text(generator.integers(0, 4, _DRAWN * _READ, np.uint8))
                    qualities = _text(generator.integers(0, 4, _DRAWN * _READ, np.uint8), b"#-7F")
                own = slice(n % _DRAWN * _READ, (n % _DRAWN + 1) * _READ)
                lines.write(
                    f"{contig}:{n}\t{16 * (n % 2)}\t{contig}\t{start + 1}\t60\t{_READ}M\t*\t0\t0"
                    f"\t{bases[own]}\t{qualities[own]}\n"
                )
    pysam.view("-b", "-o", str(path), str(text), catch_stdout=False)
    pysam.index(str(path))


def covered(folder: Path, assay: str, form: str, megabases: float, number: int) -> Run:
    """Make a genome and reads, and their coverage."""
    contigs = 4
    lengths = {f"chr{n}": round(megabases * 1e6) // contigs for n in range(contigs)}
    fasta = write_genome(folder, lengths)
    reads = folder / f"reads{form}"
    write_reads(reads, lengths, number)
    words = ["coverage", reads, "--assay", assay, "--fasta", fasta]
    return _ran(words, folder / "coverage" / "x.bw", sum(lengths.values()), reads.stat().st_size)


@app.command()
def runs(
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    recipe: Annotated[
        list[str], typer.Option(help="As basenji-train fit has it; may be repeated.")
    ] = ["small"],  # noqa: B006 - typer copies it
    tracks: Annotated[int, typer.Option(min=1, help="Tracks of the store.")] = 3,
    sizes: Annotated[
        str,
        typer.Option(
            help="Of each run the windows that are trained on, those of validation and test, the "
            "epochs and the networks of its evaluation, by commas."
        ),
    ] = "64/32/1/1,1024/32/1/3,64/768/1/1,256/96/3/2,512/64/2/1",
) -> None:
    """Measure data, check, fit, evaluate and export."""
    found = []
    for each in recipe:
        ran: dict[str, list[Run]] = {}
        for trial in trials(sizes):
            with tempfile.TemporaryDirectory() as name:
                for command, run in trained(Path(name), each, tracks, trial).items():
                    ran.setdefault(command, []).append(run)
        name, epochs = Path(each).name, read_recipe(each).settings.epochs
        of = f"{name} and {tracks} tracks of random counts"
        thin = ran.pop("thin")
        for command, some in ran.items():
            model = None if command in ("data", "check") else name
            told_by = chosen(some)
            if command == "data":
                told_by = Chosen(min(thin), max(some), max(thin))
            found.append(described(command, model, {}, of, some, told_by) | {"epochs": epochs})
    save(found, out)


@app.command()
def coverage(
    out: Annotated[Path, typer.Option(help="JSON file of the measurements.")],
    assay: Annotated[
        list[str], typer.Option(help="As basenji-train coverage has it; may be repeated.")
    ] = list(RECIPES),  # noqa: B006 - typer copies it
    sizes: Annotated[
        str, typer.Option(help="Of each run the genome's Mb and the reads, by commas.")
    ] = "2/100000,16/800000,16/4000000,8/400000,8/1200000",
) -> None:
    """Measure the coverage of reads in BAM files, and of fragments."""
    found = []
    for each, form in itertools.product(assay, (".bam", ".gz")):
        if form == ".gz" and RECIPES[each].stranded:
            continue
        ran = []
        for megabases, number in sizes_of(sizes, ("Mb", "reads")):
            with tempfile.TemporaryDirectory() as name:
                ran.append(covered(Path(name), each, form, megabases, number))
        options, told_by = {"assay": each, "form": form}, Chosen(*ran[:3])
        found.append(described("coverage", None, options, "random reads", ran, told_by))
    save(found, out)


if __name__ == "__main__":
    with plain_errors():
        app()
