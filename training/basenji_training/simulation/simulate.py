"""`basenji-train simulate`: files of a genome of which everything is known.

==================  ============================================================================
``genome.fa``       sequence, with its index
``genes.gtf``       one gene a promoter
``sites.bed``       what was planted: motif, place, strand
``motifs.meme``     the motifs
``tracks/*.bw``     Poisson counts around `expected_signal`
``targets.tsv``     targets table of the tracks
``variants.vcf``    single-nucleotide variants
``truth.tsv``       their class, motif and true effect on each track: natural logarithm of the
                    alternative's over the reference's expected counts within 256 bp; of a
                    control, the causal variant that it is matched with
``reporters.tsv``   a reporter assay of the same grammar: oligos, activity, reads, truth
``reporter_*``      its construct, pairs of oligos, and true effects of the variants in it
``element*``        with ``--elements``: distal enhancers and decoys, and what each does to which
                    genes (`basenji_training.simulation.distal`)
``simulation.json`` seed, lengths, suggested chromosomes for test and validation
==================  ============================================================================

The same seed and size give the same files, byte by byte.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np
import pybigtools

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.simulation.controls import draw_controls
from basenji_training.simulation.distal import (
    DISTAL_LAYOUT,
    Element,
    with_elements,
    write_elements,
)
from basenji_training.simulation.genome import (
    DENSE,
    LOCAL_BP,
    Chromosome,
    Variants,
    draw_variants,
    simulate_chromosome,
)
from basenji_training.simulation.grammar import START_MOTIF, TRACKS, expected_signal
from basenji_training.simulation.reporter_files import write_reporters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from basenji_training.simulation.grammar import Motif

__all__ = ["expected_signal", "simulate"]

# Lengths relative to each other; the last is for tests, the one before for validation.
_PROPORTIONS = (14, 12, 11, 10, 9, 8, 8, 8)
#: Some 100 bytes of memory a base are needed.
_LARGEST_BP = 200_000_000
#: Variants that are denser find no places of their own.
_BP_A_VARIANT = 10
_FEWEST_OLIGOS, _MOST_OLIGOS = 30, 1_000_000
_LINE = 60  # letters a line of FASTA
# Powers of two that bring the tracks' means near 1 in 32-bp bins, so that all count in the loss.
_SCALES = {"accessibility": 0.125, "start_plus": 2.0, "start_minus": 2.0}
# What comes from afar shows in the starts alone: these count more in the loss.
_DISTAL_SCALES = {"accessibility": 0.03125, "start_plus": 0.25, "start_minus": 0.25}
_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)


def simulate(
    out: str | os.PathLike[str],
    *,
    seed: int,
    size: int,
    variants: int,
    reporters: int = 3000,
    elements: int = 0,
    overwrite: bool = False,
    label: str = "",
) -> None:
    """Write a simulated genome.

    Parameters
    ----------
    out
        Directory to be written.
    seed
        Seed of everything random.
    size
        Length of the genome in bp, in eight chromosomes.
    variants
        Number of variants, a third of each class (fewer where there are not so many sites); those
        that disrupt or create a site have a control each besides.
    reporters
        Number of oligos of the reporter assay.
    elements
        Number of distal elements, half of them enhancers and half decoys; with any, genes lie
        farther apart.
    overwrite
        Whether an existing directory may be replaced.
    label
        Text before a progress bar; no bar if empty.

    Raises
    ------
    InputError
        If the size is too small or too large, the seed is out of range, there are too many variants
        or elements for the size, or too few or too many oligos, or the output may not be written.
    """
    lengths = {
        f"chr{i}": size * part // sum(_PROPORTIONS) for i, part in enumerate(_PROPORTIONS, 1)
    }
    layout = DISTAL_LAYOUT if elements else DENSE
    if min(lengths.values()) < layout.shortest:
        raise InputError(
            f"--size is {size}: {len(lengths)} chromosomes of {layout.shortest} bp or more need "
            f"{layout.shortest * sum(_PROPORTIONS) // min(_PROPORTIONS) + sum(_PROPORTIONS)} bp"
        )
    if size > _LARGEST_BP:
        raise InputError(f"--size is {size}: it must be at most {_LARGEST_BP:,} bp")
    if seed < 0:
        raise InputError(f"--seed is {seed}: it must be 0 or more")
    if not 0 <= variants <= size // _BP_A_VARIANT:
        raise InputError(
            f"--variants is {variants}: it must be from 0 to {size // _BP_A_VARIANT:,}, one in "
            f"{_BP_A_VARIANT} bp of --size {size}"
        )
    if not _FEWEST_OLIGOS <= reporters <= _MOST_OLIGOS:
        raise InputError(
            f"--reporters is {reporters}: it must be from {_FEWEST_OLIGOS} to {_MOST_OLIGOS:,}"
        )
    if elements < 0:
        raise InputError(f"--elements is {elements}: it must be 0 or more")
    kind = Folder("a simulated genome", holds=("simulation.json", "genome.fa"))
    check_output(out, overwrite=overwrite, folder=kind)
    generator = np.random.default_rng(seed)
    chromosomes: list[Chromosome] = []
    counts: dict[str, np.ndarray] = {}
    mutations: dict[str, Variants] = {}
    truth: dict[str, np.ndarray] = {}
    distal: list[list[Element]] = []
    with atomic_path(out, overwrite=overwrite) as path:
        (path / "tracks").mkdir(parents=True)
        with progress_bar(label, total=size // 1000, unit="kb") as advance:
            for name, length in lengths.items():
                chromosome = simulate_chromosome(name, length, generator, layout)
                if elements:
                    share = round(elements * length / sum(lengths.values()))
                    chromosome, planted = with_elements(chromosome, share, generator.spawn(1)[0])
                    distal.append(planted)
                chromosomes.append(chromosome)
                counts[name] = generator.poisson(chromosome.signal)
                drawn = draw_variants(
                    chromosome, round(variants * length / sum(lengths.values())), generator
                )
                # A source of its own: controls change nothing of what is drawn after them.
                controls = draw_controls(chromosome, drawn, generator.spawn(1)[0])
                drawn = Variants.joined([drawn, controls])
                mutations[name] = drawn
                truth[name] = chromosome.effects(drawn.position, drawn.alternative)
                advance(length / 1000)
        _write_fasta(path / "genome.fa", chromosomes)
        _write_genes(path / "genes.gtf", chromosomes)
        _write_sites(path / "sites.bed", chromosomes)
        _write_motifs(path / "motifs.meme", (*chromosomes[0].factors, START_MOTIF))
        if elements:
            write_elements(path, chromosomes, distal)
        for column, track in enumerate(TRACKS):
            bigwig = path / "tracks" / f"{track}.bw"
            columns = {name: values[:, column] for name, values in counts.items()}
            _write_bigwig(bigwig, columns, lengths)
        _targets(_DISTAL_SCALES if elements else _SCALES).write(path / "targets.tsv")
        _write_variants(path, chromosomes, mutations, truth)
        # A source of its own, for the same reason.
        write_reporters(path, chromosomes, mutations, reporters, generator.spawn(1)[0])
        names = list(lengths)
        description = {
            "seed": seed,
            "size": size,
            "variants": variants,
            "reporters": reporters,
            **({"elements": elements} if elements else {}),
            "lengths": lengths,
            "test": names[-1:],
            "validation": names[-2:-1],
            "effect_within_bp": LOCAL_BP,
        }
        (path / "simulation.json").write_text(json.dumps(description, indent=2) + "\n")


def _targets(scales: Mapping[str, float]) -> Targets:
    pairs = {"start_plus": "start_minus", "start_minus": "start_plus"}
    return Targets(
        Target(
            index=index,
            identifier=track,
            file=f"tracks/{track}.bw",
            scale=scales[track],
            strand_pair=TRACKS.index(pairs.get(track, track)),
            description=f"simulated {track.replace('_', ', ')}",
            assay=track.split("_")[0],
            sample="simulation",
        )
        for index, track in enumerate(TRACKS)
    )


def _letters(codes: np.ndarray) -> str:
    return _LETTERS[codes].tobytes().decode("ascii")


def _write_fasta(path: Path, chromosomes: Sequence[Chromosome]) -> None:
    with path.open("w", encoding="ascii") as file:
        for chromosome in chromosomes:
            letters = _letters(chromosome.codes)
            file.write(f">{chromosome.name}\n")
            file.writelines(
                f"{letters[start : start + _LINE]}\n" for start in range(0, len(letters), _LINE)
            )
    Genome(path).close()  # makes the index


def _write_genes(path: Path, chromosomes: Sequence[Chromosome]) -> None:
    with path.open("w", encoding="ascii") as file:
        for chromosome in chromosomes:
            genes = zip(
                chromosome.genes, chromosome.starts, chromosome.ends, chromosome.forward,
                strict=True,
            )  # fmt: skip
            for gene, start, end, forward in genes:
                # GTF is 1-based and closed.
                first, last = min(start, end) + 1, max(start, end) + 1
                for feature in ("gene", "transcript", "exon"):
                    attributes = f'gene_id "{gene}"; gene_name "{gene}"; gene_biotype "simulated";'
                    if feature != "gene":
                        attributes += f' transcript_id "{gene}.1";'
                    fields = (
                        chromosome.name, "simulation", feature, first, last,
                        ".", "+" if forward else "-", ".", attributes,
                    )  # fmt: skip
                    file.write("\t".join(map(str, fields)) + "\n")


def _write_sites(path: Path, chromosomes: Sequence[Chromosome]) -> None:
    with path.open("w", encoding="ascii") as file:
        for chromosome in chromosomes:
            file.writelines(
                f"{chromosome.name}\t{site.start}\t{site.end}\t{site.motif}\t0\t{site.strand}\n"
                for site in chromosome.sites
            )


def _write_motifs(path: Path, motifs: Sequence[Motif]) -> None:
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -", ""]
    for motif in motifs:
        lines += [
            f"MOTIF {motif.name}",
            f"letter-probability matrix: alength= 4 w= {len(motif)}",
            *(" ".join(f"{p:.4f}" for p in row) for row in motif.probabilities),
            "",
        ]
    path.write_text("\n".join(lines))


def _write_bigwig(path: Path, counts: Mapping[str, np.ndarray], lengths: Mapping[str, int]) -> None:
    def runs() -> Iterator[tuple[str, int, int, float]]:
        # Chromosomes in the order of their names, as the format wants them.
        for name in sorted(counts):
            values = counts[name]
            edges = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
            heights = values[edges[:-1]]
            covered = heights > 0
            yield from zip(
                [name] * int(covered.sum()),
                edges[:-1][covered].tolist(),
                edges[1:][covered].tolist(),
                heights[covered].astype(float).tolist(),
                strict=True,
            )

    pybigtools.open(str(path), "w").write(dict(lengths), runs())


def _write_variants(
    path: Path,
    chromosomes: Sequence[Chromosome],
    variants: Mapping[str, Variants],
    truth: Mapping[str, np.ndarray],
) -> None:
    vcf = ["##fileformat=VCFv4.3"]
    vcf += [f"##contig=<ID={c.name},length={len(c.codes)}>" for c in chromosomes]
    vcf.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    table = ["\t".join(["chrom", "pos", "id", "ref", "alt", "class", "motif", "matched", *TRACKS])]
    for chromosome in chromosomes:
        mine = variants[chromosome.name]
        references, alternatives = (
            _letters(chromosome.codes[mine.position]),
            _letters(mine.alternative),
        )
        names = {
            position: f"{chromosome.name}_{position + 1}_{ref}_{alt}"
            for position, ref, alt in zip(
                mine.position.tolist(), references, alternatives, strict=True
            )
        }
        columns = zip(
            (mine.position + 1).tolist(),
            names.values(),
            references,
            alternatives,
            mine.kind.tolist(),
            mine.motif.tolist(),
            [names.get(position, ".") for position in mine.matched.tolist()],
            truth[chromosome.name],
            strict=True,
        )
        for position, identifier, ref, alt, kind, motif, matched, effect in columns:
            key = f"{chromosome.name}\t{position}\t{identifier}\t{ref}\t{alt}"
            vcf.append(f"{key}\t.\t.\t.")
            table.append(
                "\t".join([key, kind, motif, matched, *(f"{value:.5f}" for value in effect)])
            )
    (path / "variants.vcf").write_text("\n".join(vcf) + "\n")
    (path / "truth.tsv").write_text("\n".join(table) + "\n")
