"""Files of a simulated reporter assay.

=========================  =====================================================================
``reporters.tsv``          a row an oligo: sequence, activity (log2, with noise), reads, set, name,
                           place in the genome, true activity
``reporter_context.fa``    the construct, with N where an oligo stands
``reporter_pairs.tsv``     oligos of the genome, the same with a base changed, true difference
``reporter_variants.tsv``  true effects of the genome's variants in the assay: the alternative's
                           activity less the reference's, the variant at base 50 (0-based) of an
                           oligo on the nearest gene's strand, counted from the genome's left
=========================  =====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.base.text_files import write_table
from basenji_training.simulation.reporters import (
    OLIGO_BP,
    draw_assay,
    draw_library,
    variant_effects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from basenji_training.simulation.genome import Chromosome, Variants

__all__ = ["write_reporters"]

_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)


def write_reporters(
    folder: Path,
    chromosomes: Sequence[Chromosome],
    variants: Mapping[str, Variants],
    number: int,
    generator: np.random.Generator,
) -> None:
    """Draw a reporter assay and write its files.

    Parameters
    ----------
    folder
        Where to write.
    chromosomes
        The genome.
    variants
        Its variants, by chromosome.
    number
        How many oligos.
    generator
        Source of randomness.
    """
    assay = draw_assay(generator)
    library = draw_library(chromosomes, assay, number, generator)
    construct = _letters(assay.left) + "N" * OLIGO_BP + _letters(assay.right)
    (folder / "reporter_context.fa").write_text(f">construct\n{construct}\n")
    sequences = [_letters(oligo) for oligo in library.oligos]
    rows = [
        {
            "sequence": sequences[i],
            "activity": f"{library.activity[i]:.4f}",
            "reads": int(library.reads[i]),
            "set": library.sets[i],
            "id": f"oligo{i + 1}",
            "place": library.places[i],
            "truth": f"{library.truth[i]:.5f}",
        }
        for i in range(len(sequences))
    ]
    write_table(folder / "reporters.tsv", rows[0], rows)
    pairs = [
        {
            "sequence_a": sequences[a],
            "sequence_b": sequences[b],
            "truth": f"{library.truth[b] - library.truth[a]:.5f}",
        }
        for a, b in library.pairs
    ]
    write_table(folder / "reporter_pairs.tsv", ["sequence_a", "sequence_b", "truth"], pairs)
    effects = []
    for chromosome in chromosomes:
        mine = variants[chromosome.name]
        forward, effect = variant_effects(chromosome, mine, assay)
        references = _letters(chromosome.codes[mine.position])
        alternatives = _letters(mine.alternative)
        effects += [
            {
                "id": f"{chromosome.name}_{position + 1}_{ref}_{alt}",
                "strand": "+" if plus else "-",
                "effect": f"{value:.5f}",
            }
            for position, ref, alt, plus, value in zip(
                mine.position.tolist(), references, alternatives, forward, effect, strict=True
            )
        ]
    write_table(folder / "reporter_variants.tsv", ["id", "strand", "effect"], effects)


def _letters(codes: np.ndarray) -> str:
    return _LETTERS[codes].tobytes().decode("ascii")
