"""Genes, elements and what whole networks say of them, for the tests of elements."""

from __future__ import annotations

import numpy as np
import plain_network

from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.interpretation import ElementOptions
from basenji_kipoi.interpretation.attribution.outputs import Output
from basenji_kipoi.interpretation.elements.asking import ask
from basenji_kipoi.interpretation.elements.effects import ElementEffects
from basenji_kipoi.interpretation.elements.places import read_elements

WINDOW, BIN = 2048, 32
#: Elements of several lengths around the gene at 3000; the last is longer than a quarter window.
BED = "".join(
    f"chr1\t{start}\t{end}\te{start}\n"
    for start, end in [(2950, 3050), (2900, 2901), (2860, 2893), (3010, 3266), (2700, 3300)]
)
TABLE = (
    "chrom\tstart\tend\tgene\tlabel\teffect\n"
    "chr1\t2950\t3050\tone\t1\t-0.5\n"
    "chr1\t2860\t2893\tG1\t0\t.\n"
    "chr1\t2860\t2893\tnope\t0\t0.1\n"
    "chr1\t100\t200\tG2\tTRUE\t0\n"
)
OUTPUTS = [Output("access", (0,)), Output("plus", (1,)), Output("ratio", (1,), (0,))]


def options_of(files, **changes):
    return ElementOptions(files / "genes.gtf", **changes)


def found_of(bundles, files, gene, outputs, *, dtype="float32", **changes):
    """Compute one gene's elements, and return what was asked and what computes it too."""
    options = options_of(files, gene=gene, **changes)
    with Genome(files / "genome.fa") as genome:
        given_ = None
        if options.elements is not None:
            given_ = read_elements(options.elements, genome.lengths)
        genes = read_genes(options.genes, genome)
        architecture = bundles[0].architecture
        ((asked,), _, _) = ask(genes, given_, architecture, genome.lengths, options)
        effects = ElementEffects(bundles, genome, outputs, options, dtype=dtype)
        window = genome.codes(
            asked.gene.contig, asked.question.window, asked.question.window + WINDOW
        )
        return asked, effects.find(asked, lambda _: None), effects, window


def outputs_by_whole_networks(bundles, asked, codes, outputs, *, both_strands):
    predictions = []
    for bundle in bundles:
        network = bundle.network(both_strands=False)
        forward = plain_network.predict(bundle.architecture, network, codes[None])
        turned = np.where(codes == 4, 4, 3 - codes)[::-1]
        other = plain_network.predict(bundle.architecture, network, turned[None])
        other = other[:, ::-1, bundle.targets.strand_permutation]
        predictions.append((forward + other) / 2 if both_strands else forward)
    values = np.mean(predictions, axis=0)[0, list(asked.question.bins)].sum(axis=0)
    # On the minus strand the tracks of a pair change places.
    columns = [0, 2, 1] if asked.gene.strand == "-" else [0, 1, 2]
    values = values[columns]
    found = []
    for each in outputs:
        value = values[list(each.tracks)].mean()
        against = values[list(each.against)].mean() if each.against else None
        found.append(value if against is None else np.log2(value / against))
    return np.array(found)
