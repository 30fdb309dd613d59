"""The cases of the campaign: each input of each command spoilt, and each option wrong."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer.core
import typer.main
from robustness.corruptions import corruptions_of, fuzzed, sum_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = [
    "COMMANDS",
    "Case",
    "cases_of_files",
    "cases_of_full_disks",
    "cases_of_good_inputs",
    "cases_of_options",
    "fuzz_cases",
]


@dataclass(frozen=True)
class Command:
    """A command that succeeds, and the files that it reads.

    Attributes
    ----------
    line : str
        Its arguments behind B (``basenji``) or T (``basenji-train``).
    files : dict of str to str
        Path of each file in the fixtures, and its kind: text, json or binary.
    needs : tuple of str
        What else of the fixtures it needs: files, folders.
    """

    line: str
    files: dict[str, str]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the command."""
        return self.line.split()[1]

    @property
    def arguments(self) -> tuple[str, ...]:
        """Program (B or T) and arguments."""
        return tuple(self.line.split())

    @property
    def options(self) -> list[typer.core.TyperOption]:
        """Options that it has."""
        program, name, *_ = self.arguments
        found = _groups()[program].commands[name].params
        return [option for option in found if isinstance(option, typer.core.TyperOption)]

    @property
    def earlier(self) -> str:
        """Folder of the fixtures with its outputs; empty if it replaces none."""
        has = any("--overwrite" in option.opts for option in self.options)
        return f"earlier/{COMMANDS.index(self)}" if has else ""


@functools.cache
def _groups() -> dict[str, typer.core.TyperGroup]:
    from basenji_kipoi.cli.app import app as basenji
    from basenji_training.cli.app import app as training

    return {"B": typer.main.get_command(basenji), "T": typer.main.get_command(training)}


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
REPORTER_RUN = {"rr/settings.json": "json", "rr/reporters.json": "json"}
COMMANDS = [
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
]


@dataclass(frozen=True)
class Case:
    """A command on spoilt inputs, or with a wrong option.

    Attributes
    ----------
    name : str
        What is wrong.
    arguments : tuple of str
        Program (B or T) and arguments.
    needs : tuple of str
        Files and folders of the fixtures that are copied for it.
    spoil : callable or None
        Spoils what was copied; gets the folder.
    is_good : bool
        Whether nothing is wrong, so that the command must succeed.
    earlier : str
        Folder of the fixtures with outputs that are there already; empty without any.
    space : int or None
        Bytes that are free on its disk; None for no end of them.
    """

    name: str
    arguments: tuple[str, ...]
    needs: tuple[str, ...]
    spoil: Callable[[Path], None] | None = None
    is_good: bool = False
    earlier: str = ""
    space: int | None = None


def _every_other(command: Command, cases: Iterable[Case]) -> Iterator[Case]:
    """Let every other case replace outputs that an earlier call wrote, if the command does so."""
    for number, case in enumerate(cases):
        if number % 2 and command.earlier:
            words = (*case.arguments, "--overwrite")
            yield replace(case, arguments=words, earlier=command.earlier)
        else:
            yield case


def cases_of_good_inputs() -> Iterator[Case]:
    """Leave every input as it is: what a command refuses then, its other cases do not reach.

    They come in the order of `COMMANDS`, each twice: without and with an earlier output.
    """
    for command in COMMANDS:
        label = f"{command.name} good {command.line}"
        case = Case(label, command.arguments, _needs(command), is_good=True)
        yield from dict.fromkeys(_every_other(command, [case, case]))


def _needs(command: Command) -> tuple[str, ...]:
    tops = {name.split("/")[0] for name in command.files}
    words = {word for word in command.line.split() if not word.startswith("-")}
    return tuple(sorted(tops | set(command.needs) | (words & {"m", "g.fa", "a.bam", "net.json"})))


def _paths(command: Command, fixtures: Path) -> Iterator[tuple[Path, str]]:
    for pattern, kind in command.files.items():
        found = sorted(fixtures.glob(pattern))
        assert found, f"{command.line}: no {pattern}"
        yield found[0], kind


def cases_of_files(fixtures: Path) -> Iterator[Case]:
    """Spoil every file of every command in every way by hand."""
    for command in COMMANDS:
        yield from _every_other(command, _cases_of_files(command, fixtures))


def _cases_of_files(command: Command, fixtures: Path) -> Iterator[Case]:
    arguments, needs = command.arguments, _needs(command)
    for path, kind in _paths(command, fixtures):
        place = path.relative_to(fixtures)
        for name, spoil in corruptions_of(path, kind).items():
            label = f"{command.name} {place} {name}"
            yield Case(label, arguments, needs, _Spoilt(place, spoil, again=False))
            if _is_summed(place):
                spoilt = _Spoilt(place, spoil, again=True)
                yield Case(f"{label} (sums fit)", arguments, needs, spoilt)


def _is_summed(place: Path) -> bool:
    """Tell whether a bundle has a checksum of a file."""
    return place.parts[0] == "m" and place.name != "metadata.json"


@dataclass(frozen=True)
class _Spoilt:
    """Spoils one file of a folder; the checksums of a bundle may be made to fit."""

    place: Path
    spoil: Callable[[Path], None]
    again: bool

    def __call__(self, folder: Path) -> None:
        self.spoil(folder / self.place)
        if self.again:
            sum_again(folder / "m")


#: What a number may be given as.
NUMBERS = ["-1", "0", "1e308", "nan", "inf", "99999999999999999999999999", "many", "", "1.5"]
#: What a text or a path may be given as.
TEXTS = ["", "nope", "a/b/../..", "\udcff", "[red]x[/]", "x" * 300, "*", ",,", "1e999"]


def cases_of_options() -> Iterator[Case]:
    """Give every option of every command wrong values."""
    seen = set()
    for command in COMMANDS:
        if command.name not in seen:
            seen.add(command.name)
            yield from _every_other(command, _cases_of_options(command))


def _cases_of_options(command: Command) -> Iterator[Case]:
    for option in command.options:
        if option.is_flag:
            continue
        for value in NUMBERS if _is_number(option) else TEXTS:
            words = _with(list(command.arguments), option.opts, value)
            yield Case(
                f"{command.name} {option.opts[0]} {value[:20]!r}", tuple(words), _needs(command)
            )


def _is_number(option: typer.core.TyperOption) -> bool:
    return any(word in str(option.display_type(None)).lower() for word in ("int", "float"))


def _with(words: list[str], names: list[str], value: str) -> list[str]:
    """Give an option of a command another value, or add the option."""
    for name in names:
        if name in words:
            place = words.index(name)
            return [*words[: place + 1], value, *words[place + 2 :]]
    return [*words, names[0], value]


#: Bytes that are free on a disk that is full soon.
SPACES = [0, 4096, 12288, 40960, 131072]


def cases_of_full_disks() -> Iterator[Case]:
    """Run every command on disks that are full soon."""
    for command in COMMANDS:
        cases = (
            Case(
                f"{command.name} full disk {space} {command.line}",
                command.arguments,
                _needs(command),
                space=space,
            )
            for space in SPACES
        )
        yield from _every_other(command, cases)


def fuzz_cases(fixtures: Path, number: int, seed: int) -> Iterator[Case]:
    """Change bytes of the commands' files at random."""
    draw = random.Random(seed)
    files = [(command, path) for command in COMMANDS for path, _ in _paths(command, fixtures)]
    for case in range(number):
        command, path = files[case % len(files)]
        place, again = path.relative_to(fixtures), draw.random() < 0.5
        each = draw.randrange(2**32)

        def spoil(path: Path, each: int = each) -> None:
            path.write_bytes(fuzzed(path.read_bytes(), each))

        fuzz = Case(
            f"{command.name} {place} fuzz {each}",
            command.arguments,
            _needs(command),
            _Spoilt(place, spoil, again=again and _is_summed(place)),
        )
        # An even or an odd number, whatever the number of files.
        yield list(_every_other(command, [fuzz, fuzz]))[each % 2]
