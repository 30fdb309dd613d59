"""Draw what a deletion or insertion changes, anchored and stitched (docs/concepts/scores.md).

    python benchmarks/truth/indel_modes.py --fasta "$BASENJI_DATA/yeast/genome.fa.gz" \
        --variant chrIV:593362:GAGCGTA:G --track atac --out build/indel_modes.png

Anchored, the alternative's window begins where the reference's does, so that all bins behind the
variant hold other bases than the reference's. Stitched, those behind it come from a window that
ends where the reference's does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele, encode
from basenji_kipoi.effects.choice import effect_engine
from basenji_kipoi.effects.engine import Effects
from basenji_kipoi.genome.alleles import AlleleWindow
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.bundle import Bundle

INK, COLOURS = "#303030", {"anchor": "#c8641b", "stitch": "#1b7f79"}


def parse(text: str, genome: Genome, window: int) -> AlleleWindow:
    """Read ``CHROM:POS:REF:ALT`` and place its window around its first base."""
    found = re.fullmatch(r"(.+):(\d+):([ACGT]+):([ACGT]+)", text)
    if not found or found[1] not in genome.lengths:
        raise InputError(f"--variant: expected CHROM:POS:REF:ALT of the genome, not {text!r}")
    first = int(found[2]) - 1
    if (genome.codes(found[1], first, first + len(found[3])) != encode(found[3])).any():
        raise InputError(f"--variant: REF of {text} is not the genome's sequence")
    start = first - (window // 2 - 1)
    return AlleleWindow(found[1], start, Allele(first - start, len(found[3]), encode(found[4])))


def draw(
    path: Path, title: str, centres: np.ndarray, effects: dict[str, Effects], track: str
) -> None:
    """Draw the reference's prediction, and below it the changes of both ways."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(1 + len(effects), 1, sharex=True)
    reference = next(iter(effects.values())).reference[0, :, 0]
    axes[0].fill_between(centres, reference, step="mid", color="#9aa5b1", linewidth=0)
    axes[0].set_title(title, fontsize=11, color=INK)
    axes[0].set_ylabel(f"{track},\nreference", fontsize=9, color=INK)
    changes = {mode: (e.alternative - e.reference)[0, :, 0] for mode, e in effects.items()}
    limit = 1.05 * max(np.abs(change).max() for change in changes.values())
    for ax, (mode, change) in zip(axes[1:], changes.items()):
        ax.fill_between(centres, change, step="mid", color=COLOURS[mode], linewidth=0)
        ax.set_ylim(-limit, limit)
        ax.set_ylabel(f"change,\n--indels {mode}", fontsize=9, color=INK)
        total, absolute = change.sum(), np.abs(change).sum()
        text = f"SAD {total:.2f}, D1 {absolute:.2f}"
        ax.text(0.01, 0.93, text, transform=ax.transAxes, va="top", fontsize=9, color=INK)
    for ax in axes:
        ax.axvline(0, color="#cccccc", linewidth=0.8, zorder=0)
        ax.tick_params(labelsize=8, colors=INK)
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("bin's middle from the variant's first base (bp)", fontsize=9, color=INK)
    figure.savefig(path, dpi=100, format="png")


def main(
    fasta: Annotated[Path, typer.Option(help="The genome.")],
    variant: Annotated[str, typer.Option(help="CHROM:POS:REF:ALT, POS from 1 as in a VCF.")],
    track: Annotated[str, typer.Option(help="The track's identifier or index.")],
    out: Annotated[Path, typer.Option(help="PNG to write.")],
    model: Annotated[Path, typer.Option(help="The model (a bundle).")] = Path("model_files"),
    overwrite: Annotated[bool, typer.Option(help="Replace an existing figure.")] = False,
) -> None:
    """Draw what an allele of another length changes, anchored and stitched."""
    try:
        check_output(out, overwrite=overwrite)
        bundle = Bundle.load(model)
        architecture = bundle.architecture
        columns = bundle.targets.columns_of(track, option="--track")
        with Genome(fasta) as genome:
            request = parse(variant, genome, architecture.window)
            effects = {
                mode: effect_engine(
                    bundle.members, genome, tracks=columns[:1], indels=mode, whole=True
                ).effects([request])
                for mode in COLOURS
            }
        bins = np.arange(architecture.bins) + architecture.crop
        centres = (bins + 0.5) * architecture.bin - request.allele.position
        with atomic_path(out, overwrite=overwrite) as path:
            draw(path, variant, centres, effects, bundle.targets.labels[columns[0]])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
