"""Time of a gene's knock-out map beside whole passes of the same network, in one process.

    python benchmarks/speed/elements.py --out build/elements_speed.json

The network of 2018 with random weights, one strand, ten tracks; one gene in the middle of its
window of 131,072 bp; each of the 1,024 bins is shuffled four times. A few shuffled windows go
through the whole network before the map and as many behind it; their mean is scaled up to all
4,096. The bins that the gene's bin does not depend on change nothing and are not computed: the
second ratio counts whole passes for the others alone. Compilation is left out on both sides. Bar:
20 times; aim: 60 times.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from measure_network import peak_bytes
from random_model import save_random

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.sequence import letters, one_hot
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import Gene, Genes
from basenji_kipoi.interpretation.attribution.outputs import Output
from basenji_kipoi.interpretation.elements.asking import Asked, ask
from basenji_kipoi.interpretation.elements.effects import ElementEffects
from basenji_kipoi.interpretation.elements.options import ElementOptions
from basenji_kipoi.models.networks.building import build_network
from basenji_kipoi.models.networks.presets.presets import read_preset

TRACKS, PLAIN = 10, 4


def main() -> None:
    """Measure the map and whole passes, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="basenji2018")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    architecture = read_preset(arguments.preset)
    head = next(iter(architecture.heads))
    architecture = architecture.with_heads({head: TRACKS})
    window = architecture.window
    codes = np.random.default_rng(0).integers(0, 4, 2 * window).astype(np.uint8)
    gene = Gene("G", "", "+", "chr1", (window,))
    options = ElementOptions(
        Path("genes.gtf"), method="knock-out", draws=arguments.draws, both_strands=False
    )
    with tempfile.TemporaryDirectory() as folder:
        bundle = save_random(Path(folder) / "model", build_network(architecture), architecture)
        network = bundle.network(both_strands=False)
        fasta = Path(folder) / "genome.fa"
        fasta.write_text(">chr1\n" + "".join(letters(codes)) + "\n")
        outputs = [Output(f"track_{track}", (track,)) for track in range(TRACKS)]
        with Genome(fasta) as genome:
            ((asked,), _, _) = ask(Genes([gene]), None, architecture, genome.lengths, options)
            effects = ElementEffects([bundle], genome, outputs, options)
            own = genome.codes("chr1", asked.question.window, asked.question.window + window)
            # One bin compiles all that the map needs.
            middle = len(asked) // 2
            effects.find(some(asked, slice(middle, middle + 1)), lambda _: None)
            bins = list(asked.question.bins)
            plain, sums = [], {}

            def whole(row: int) -> None:
                changed = own.copy()
                start = asked.starts[row] - asked.question.window
                bases = effects.shuffles(asked, own, row)[0]
                changed[start : start + len(bases)] = bases
                began = time.perf_counter()
                values = network.predict_on_batch(one_hot(changed)[None])
                plain.append(time.perf_counter() - began)
                sums[row] = np.asarray(values)[0, bins].sum(axis=0, dtype=np.float64)

            whole(middle)
            plain.clear()
            rows = [middle + 3 * place for place in range(-PLAIN, PLAIN)]
            for row in rows[:PLAIN]:
                whole(row)
            began = time.perf_counter()
            found = effects.find(asked, lambda _: None)
            seconds = time.perf_counter() - began
            for row in rows[PLAIN:]:
                whole(row)
    errors = [np.abs(found.values + found.changes[row, 0] - value) for row, value in sums.items()]
    reached = int(found.is_reached.sum())
    each = float(np.mean(plain))
    result = {
        "preset": arguments.preset,
        "bins": len(asked),
        "bins_reached": reached,
        "draws": arguments.draws,
        "tracks": TRACKS,
        "plain_seconds_a_pass": each,
        "plain_seconds": each * len(asked) * arguments.draws,
        "map_seconds": seconds,
        "ratio": each * len(asked) * arguments.draws / seconds,
        "ratio_of_bins_reached": each * reached * arguments.draws / seconds,
        "largest_error": float(np.max(errors) / np.abs(found.values).max()),
        "peak_bytes": peak_bytes(),
    }
    text = json.dumps(result, indent=1)
    with atomic_path(arguments.out, overwrite=True) as path:
        path.write_text(text + "\n", encoding="utf-8")
    print(text)


def some(asked: Asked, rows: slice) -> Asked:
    """Take some of a gene's elements."""
    arrays = (asked.starts, asked.ends, asked.names, asked.rows)
    return Asked(asked.gene, asked.question, *(array[rows] for array in arrays))


if __name__ == "__main__":
    main()
